"""A gateway of real processes: sky, daemon and mosquitto, each killable, on loopback and ptys."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt

from tests.gateway.bus.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]
BASE = "yizhan/v1/5133/cp1"
YIZHAN = [sys.executable, "-m", "gateway.cli"]
READY_WITHIN_S = 60.0


def wait_until(what, reached, within_s=READY_WITHIN_S, every_s=0.1):
    """Wait on real time for something of another process; fail with its name."""
    deadline = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < deadline, f"{what} did not happen within {within_s:g} s"
        time.sleep(every_s)


class SkyProcess:
    """``python -m drivers.virtual`` and its control socket."""

    def __init__(self, directory, toml):
        self.control = directory / "sky.sock"
        file = directory / "sky.toml"
        file.write_text(f'control = "unix:{self.control}"\n{toml}', encoding="utf-8")
        self._log = (directory / "sky.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "drivers.virtual", str(file)], cwd=ROOT, stdout=self._log, stderr=self._log
        )
        self._lock = threading.Lock()
        self._lines = None
        wait_until("the sky", self._connect)

    def _connect(self):
        assert self.process.poll() is None, "the sky ended; see sky.log"
        try:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(str(self.control))
            self._lines = self._socket.makefile("rb")
        except OSError:
            self._socket.close()
            return False
        return True

    def do(self, op, **more):
        """Ask for one thing."""
        with self._lock:
            self._socket.sendall(json.dumps({"op": op, **more}).encode() + b"\n")
            answer = json.loads(self._lines.readline())
        assert answer["ok"], answer
        return answer

    def inbox(self, card):
        """Return the texts on a handset's screen."""
        return [received["text"] for received in self.do("inbox", card=card)["inbox"]]

    def stop(self):
        """End it."""
        self._lines.close()
        self._socket.close()
        self.process.terminate()
        self.process.wait(10)
        self._log.close()


class Daemon:
    """``yizhan run``; killed with SIGKILL as often as a test likes."""

    def __init__(self, directory, toml):
        self.directory = directory
        self.socket = directory / "control.sock"
        self.config = directory / "gateway.toml"
        self.config.write_text(toml, encoding="utf-8")
        self._log = (directory / "daemon.log").open("ab")
        self.process = None
        self.starts = 0

    def start(self):
        """Start it; does not wait."""
        assert self.process is None
        self.starts += 1
        self.process = subprocess.Popen(
            [*YIZHAN, "run", "--config", str(self.config)], cwd=ROOT, stdout=self._log, stderr=self._log
        )

    def kill(self):
        """Kill it with SIGKILL, as a crash would; it must have been alive."""
        assert self.process.poll() is None, f"the daemon ended by itself with {self.process.returncode}; see daemon.log"
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self.process = None

    def stop(self):
        """Stop it in order."""
        if self.process is not None:
            self.process.terminate()
            assert self.process.wait(20) == 0
            self.process = None
        self._log.close()

    def cli(self, *arguments):
        """Run the real command line; return exit code and output."""
        done = subprocess.run(
            [*YIZHAN, *arguments, "--socket", str(self.socket)],
            check=False,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr

    def status(self):
        """Return ``yizhan status --json``, or None when nobody answers."""
        code, out, _ = self.cli("status", "--json")
        return json.loads(out) if code == 0 else None


class Consumer:
    """The command centre: takes every report, confirms it, keeps what came first."""

    def __init__(self, port):
        self.first = {}
        self.order = []
        self.deliveries = 0
        self.states = []
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="centre", protocol=mqtt.MQTTv311, clean_session=False
        )
        self._client.on_connect = self._connected
        self._client.on_message = self._received
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port, keepalive=5)
        self._client.loop_start()

    def _connected(self, client, _userdata, _flags, _reason, _properties):
        client.subscribe([(f"{BASE}/up/+", 1), (f"{BASE}/backlog/+", 1), (f"{BASE}/receipt/+", 1)])

    def _received(self, client, _userdata, message):
        value = json.loads(message.payload)
        if "/receipt/" in message.topic:
            if str(value.get("by", "")).startswith("gateway:"):
                self.states.append(value)
            return
        self.deliveries += 1
        if value["id"] not in self.first:
            self.first[value["id"]] = value
            self.order.append(value["id"])
        client.publish(f"{BASE}/receipt/{value['id']}", json.dumps({"level": "delivered", "by": "centre"}), qos=1)

    def publish(self, topic, value):
        """Publish as the centre does."""
        return self._client.publish(f"{BASE}/{topic}", json.dumps(value, ensure_ascii=False), qos=1)

    def stop(self):
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


def gateway_toml(directory, port, links):
    """Return a configuration for simulated terminals at sixty times life's speed."""
    tables = "".join(
        f'[links.{name}]\ndriver = "beidou"\nurl = "{url}"\nslot_margin_s = 0.1\nstatus_silence_s = 25\nfeedback_timeout_s = 3\n'
        for name, url in links.items()
    )
    return f"""
[gateway]
id = "cp1"
region = "5133"
state_dir = "{directory / "state"}"
control_socket = "{directory / "control.sock"}"

[bus]
url = "mqtt://127.0.0.1:{port}"
commands = "allow"
consumers = ["centre"]
keepalive_s = 5
puback_timeout_s = 2
unconfirmed_resend_s = 10
backlog_per_s = 100

[handsets]
receipt_interval_s = 1

{tables}
"""


__all__ = ["BASE", "Consumer", "Daemon", "Mosquitto", "SkyProcess", "gateway_toml", "wait_until"]
