"""The real process: ``yizhan run`` with its socket, its signals, and what it tells systemd."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.cli.exits import Exit

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[3]
YIZHAN = [sys.executable, "-m", "gateway.cli"]
WITHIN_S = 30.0


class Daemon:
    def __init__(self, directory, **environment):
        self.directory, self.socket = directory, directory / "c.sock"
        self.config = directory / "gateway.toml"
        self.config.write_text(
            f'[gateway]\nid = "cp1"\nregion = "5133"\nstate_dir = "{directory}"\ncontrol_socket = "{self.socket}"\n'
            '[links.v1]\ndriver = "virtual"\ncard = 1\n',
            encoding="utf-8",
        )
        self.environment = os.environ | {"LC_ALL": "C.UTF-8"} | environment
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [*YIZHAN, "run", "--config", str(self.config)],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline_s = time.monotonic() + WITHIN_S
        while self.cli("status")[0] != 0:
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < deadline_s
            time.sleep(0.1)

    def cli(self, *arguments):
        done = subprocess.run(
            [*YIZHAN, *arguments, "--socket", str(self.socket), "--json"],
            check=False,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
        )
        return done.returncode, json.loads(done.stdout)

    def stop(self):
        """Ask for an orderly stop; return exit code and how long it took."""
        began_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=WITHIN_S)
        return self.process.returncode, time.monotonic() - began_s


@pytest.fixture
def daemon(tmp_path):
    one = Daemon(tmp_path)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.process.communicate()


def test_serves_the_command_line_and_stops_in_order_while_somebody_waits(daemon):
    """Given a running daemon and a client that waits for hours, then SIGTERM ends it with 0 within seconds."""
    daemon.start()
    assert daemon.cli("station", "add", "team3", "--card", "5")[0] == 0
    assert daemon.cli("station", "list")[1]["stations"][0]["cards"] == [5]
    code, answer = daemon.cli("send", "--to", "station:nobody", "x")
    assert (code, answer["code"]) == (Exit.REFUSED, "refused")
    code, answer = daemon.cli("send", "--to", "station:team3", "x", "--wait", "sent")
    assert (code, answer["bundles"][0]["state"]) == (0, "sent")
    with socket.socket(socket.AF_UNIX) as waiter:
        waiter.connect(str(daemon.socket))
        waiter.sendall(json.dumps({"op": "wait", "id": "1", "level": "answered"}).encode() + b"\n")

        code, took_s = daemon.stop()

    assert code == 0
    assert took_s < 10
    assert not daemon.socket.exists()


def test_a_second_daemon_on_one_store_is_told_so(daemon):
    """Two gateways never share an outbox."""
    daemon.start()

    second = subprocess.run(
        [*YIZHAN, "run", "--config", str(daemon.config)],
        check=False,
        cwd=ROOT,
        env=daemon.environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )

    assert second.returncode == Exit.REFUSED
    assert "in use by process" in second.stderr
    assert "Traceback" not in second.stderr
    assert daemon.cli("status")[0] == 0


@pytest.mark.parametrize("key", ["state_dir", "control_socket"])
def test_a_place_that_cannot_be_used_is_a_fault_of_the_configuration(daemon, key):
    """A directory below a file is told with its key and ends with 7, without a traceback."""
    (daemon.directory / "file").write_text("")
    text = daemon.config.read_text(encoding="utf-8")
    wrong = [f'{key} = "{daemon.directory}/file/x"' if line.startswith(key) else line for line in text.splitlines()]
    daemon.config.write_text("\n".join(wrong), encoding="utf-8")

    done = subprocess.run(
        [*YIZHAN, "run", "--config", str(daemon.config)],
        check=False,
        cwd=ROOT,
        env=daemon.environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )

    assert done.returncode == Exit.CONFIG
    assert f"gateway.{key}" in done.stderr
    assert "Traceback" not in done.stderr


def test_systemd_is_told_the_truth(tmp_path):
    """Ready once the socket answers, then pings, and stopping at the end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(WITHIN_S)
        daemon = Daemon(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="3000000")
        daemon.start()
        said = [manager.recv(4096).decode() for _ in range(3)]
        daemon.stop()
        manager.settimeout(1.0)
        try:
            while True:
                said.append(manager.recv(4096).decode())
        except TimeoutError:
            pass

    assert said[:2] == ["READY=1", "WATCHDOG=1"]
    assert said[2].startswith("STATUS=links: v1 ")
    assert said[-1] == "STOPPING=1"
