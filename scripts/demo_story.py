"""The story that ./scripts/demo tells. Everything in it is real but the sky: processes, sockets, broker, outbox, kill -9."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt

STATE = Path("demo-state")
SOCKET = STATE / "control.sock"
BASE = "yizhan/v1/5133/demo"
SKY = ("127.0.0.1", 18840)
BROKER = ("127.0.0.1", 18830)
PORTS = {"bd1": 242286, "bd2": 175607, "bd3": 4216930}
TEAMS = {"team1": 179773, "team2": 179774, "team3": 179775, "team4": 179776}
RECEIPT_WITHIN_S = 8.0
ORDER_AGAIN_S = 5.0
SETTLED_S = 3.0
"""The embedded broker drops young connections now and then; the story begins when one has lasted."""
STARTED = time.monotonic()


def say(who: str, text: str) -> None:
    """Print one line of the story: seconds, who, what."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {who:<12} {text}", flush=True)


def title(text: str) -> None:
    """Begin a chapter."""
    print(f"\n-- {text}", flush=True)


class Sky:
    """The simulated sky's control socket: plays the people with handsets."""

    def __init__(self) -> None:
        self._socket = socket.create_connection(SKY, timeout=70)
        self._lines = self._socket.makefile("rb")
        self._lock = threading.Lock()

    def do(self, op: str, **more: object) -> dict[str, object]:
        """Ask for one thing; end the demonstration if it cannot be done."""
        with self._lock:
            self._socket.sendall(json.dumps({"op": op, **more}).encode() + b"\n")
            answer = json.loads(self._lines.readline())
        if not answer["ok"]:
            sys.exit(f"the simulated sky says: {answer['error']}")
        return answer

    def inbox(self, card: int) -> list[str]:
        """Return the texts on a handset's screen."""
        return [received["text"] for received in self.do("inbox", card=card)["inbox"]]


class Centre:
    """The command centre: an MQTT consumer that shows, confirms and orders."""

    def __init__(self) -> None:
        self.reports: dict[str, dict[str, object]] = {}
        self.copies = 0
        self.states: list[str] = []
        self.order_of: list[str] = []
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="centre", protocol=mqtt.MQTTv311, clean_session=False
        )
        self._client.on_connect = self._connected
        self._client.on_message = self._received
        self._client.reconnect_delay_set(1, 2)

    def start(self) -> None:
        """Connect and stay connected."""
        self._client.connect_async(*BROKER, keepalive=5)
        self._client.loop_start()

    def stop(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def order(self, endpoint: str, order_id: str, text: str) -> None:
        """Publish an order."""
        payload = {"id": order_id, "text": text, "precedence": "IMMEDIATE", "lifetime_s": 600, "from": "值班员"}
        self._client.publish(f"{BASE}/down/{endpoint}", json.dumps(payload, ensure_ascii=False), qos=1)

    def _connected(self, client, _userdata, _flags, _reason, _properties) -> None:  # noqa: ANN001
        client.subscribe([(f"{BASE}/up/+", 1), (f"{BASE}/backlog/+", 1), (f"{BASE}/receipt/+", 1)])

    def _received(self, client, _userdata, message) -> None:  # noqa: ANN001
        value = json.loads(message.payload)
        topic = message.topic.removeprefix(f"{BASE}/")
        if topic.startswith("receipt/"):
            if str(value.get("by", "")).startswith("gateway:"):
                self.states.append(value["state"])
                say(
                    "MQTT",
                    f"receipt: order {value.get('command_id')} to {value['endpoint']} is {value['state']} ({value.get('detail', '')})",
                )
            return
        again = value["id"] in self.reports
        self.copies += again
        if not again:
            self.reports[value["id"]] = value
            self.order_of.append(value["id"])
            data = value["data"]
            place = "" if data["geometry"] is None else " at {1:.4f}, {0:.4f}".format(*data["geometry"]["coordinates"])
            flag = "  [historical]" if value["historical"] else ""
            say(
                "MQTT",
                f"{topic:<16} {value['precedence']:<9} no. {value['number']:<3} {data['properties']['text']}{place}{flag}",
            )
        client.publish(
            message.topic.rpartition("/")[0].rpartition("/")[0] + f"/receipt/{value['id']}",
            json.dumps({"level": "delivered", "by": "centre"}),
            qos=1,
        )


class Demo:
    """The processes and the story."""

    def __init__(self, pause_s: float) -> None:
        self.pause_s = pause_s
        self.processes: list[subprocess.Popen[bytes]] = []
        self.centre = Centre()
        self.typed: dict[str, dict[str, int]] = {}
        self.shown: dict[str, int] = {}
        self.ordered_at = -ORDER_AGAIN_S

    def start(self) -> None:
        """Start the sky and the daemon, and wait until both are well."""
        shutil.rmtree(STATE, ignore_errors=True)
        STATE.mkdir()
        log = (STATE / "demo.log").open("wb")
        self.processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "drivers.virtual", "config/quickstart-sky.toml"], stdout=log, stderr=log
            )
        )
        self.sky = self._wait("the simulated sky", Sky)
        self.processes.append(
            subprocess.Popen(["yizhan", "run", "--config", "config/quickstart.toml"], stdout=log, stderr=log)
        )
        self._wait("the gateway with three links and a bus", self._is_well)
        self.centre.start()
        for team, card in TEAMS.items():
            self.cli("station", "add", team, "--card", str(card), "--group", "rescue")

    def _is_well(self) -> bool:
        status = self.status()
        settled = status["bus"]["connected"] and status["bus"]["for_s"] > SETTLED_S
        if not (settled and all(link["state"] == "open" for link in status["links"])):
            raise OSError("not yet")
        return True

    def _wait(self, what: str, attempt):  # noqa: ANN001, ANN202
        for _ in range(300):
            for process in self.processes:
                if process.poll() is not None:
                    said = (STATE / "demo.log").read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
                    sys.exit(f"a process ended with {process.returncode}: {' '.join(said)}; see {STATE / 'demo.log'}")
            try:
                return attempt()
            except (OSError, subprocess.CalledProcessError):
                time.sleep(0.2)
        sys.exit(f"{what} did not come up within 60 s; see {STATE / 'demo.log'}")

    def cli(self, *arguments: str) -> str:
        """Run the real command line."""
        return subprocess.run(
            ["yizhan", *arguments, "--socket", str(SOCKET)], check=True, capture_output=True, text=True
        ).stdout

    def status(self) -> dict:
        """Return ``yizhan status --json``."""
        return json.loads(self.cli("status", "--json"))

    # --- people ------------------------------------------------------------------------------------------------

    def types(self, team: str, text: str, to: str) -> None:
        """Let a person type a text to one of the gateway's cards."""
        say(team, f"types: {text}")
        self.sky.do("type", card=TEAMS[team], text=text, to=PORTS[to])
        self.typed.setdefault(team, {})[text] = PORTS[to]

    def wait_for_receipts(self) -> None:
        """Wait until every team has a receipt for each report, and show them. Who has none types again, as people do."""
        again_at = time.monotonic() + RECEIPT_WITHIN_S
        deadline = time.monotonic() + 6 * RECEIPT_WITHIN_S
        while True:
            without = [team for team, texts in self.typed.items() if len(self._read(team)) < len(texts)]
            if not without:
                return
            if time.monotonic() > deadline:
                sys.exit(f"{', '.join(without)}: no receipt; see {STATE / 'demo.log'}")
            if time.monotonic() > again_at:
                again_at = time.monotonic() + RECEIPT_WITHIN_S
                for team in without:
                    say(team, "misses a receipt and types again (the sky loses 4.5 %; a repeat is one report)")
                    for text, card in self.typed[team].items():
                        self.sky.do("type", card=TEAMS[team], text=text, to=card)
            time.sleep(0.2)

    def _read(self, team: str) -> set[str]:
        """Show new texts on a team's screen; return the numbers it holds receipts for."""
        inbox = self.sky.inbox(TEAMS[team])
        for text in inbox[self.shown.get(team, 0) :]:
            say(team, f"reads: {text}")
        self.shown[team] = len(inbox)
        return {number for text in inbox if "收到" in text for number in re.findall(r"\d+", re.sub(r"\d+条", "", text))}

    def wait_for(self, what: str, reached) -> None:  # noqa: ANN001
        """Wait for something to come true."""
        deadline = time.monotonic() + 60
        while not reached():
            if time.monotonic() > deadline:
                sys.exit(f"{what} did not happen within 60 s; see {STATE / 'demo.log'}")
            for team in TEAMS:
                self._read(team)
            time.sleep(0.2)

    # --- the story ---------------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Tell it."""
        title("1  Reports come in from plain Beidou handsets and go up to the command bus")
        self.types("team1", "平安，在映秀镇 31.0601,103.4960", "bd1")
        self.types("team2", "漩口小学塌方，道路不通 31.002,103.468", "bd2")
        self.types("team3", "需要帐篷20顶，龙头山镇", "bd3")
        self.wait_for_receipts()
        self.pause()

        title("2  The broker is killed. Reports are still accepted: on disk before the receipt goes out")
        pid = self.status()["bus"]["broker_pid"]
        os.kill(pid, signal.SIGKILL)
        say("demo", f"kill -9 {pid} (the embedded MQTT broker)")
        self.wait_for("the loss of the bus", lambda: not self.status()["bus"]["connected"])
        self.types("team1", "得妥镇桥头水位上涨，准备撤离", "bd1")
        self.types("team2", "磨西镇死亡一人，受伤七人，失踪两人", "bd2")
        self.types("team3", "今晚在磨西镇过夜", "bd3")
        self.types("team1", "已到达磨西镇 29.6500,102.1170", "bd1")
        self.wait_for_receipts()
        title("3  ... and last of all an SOS")
        self.types("team4", "求救！三人被困，两人受伤，北纬29度39分东经102度7分", "bd1")
        self.wait_for_receipts()
        print(self.cli("status"))

        title("4  The broker comes back: the SOS overtakes, the backlog follows, each report once")
        self.wait_for("the backlog's end", lambda: len(self.centre.reports) == 8)
        self.pause()

        title("5  An order goes down to a handset, and its answer comes back")
        self.wait_for("a settled bus", lambda: self.status()["bus"]["for_s"] > SETTLED_S)
        say("MQTT", "order rescue-17 for station:team2: 带担架到漩口小学")
        self.wait_for("the order's receipt", lambda: self.centre.states or not self._order_again())
        self.wait_for("the answer", lambda: "answered" in self.centre.states)
        self.wait_for("the answer's report", lambda: len(self.centre.reports) == 9)
        self.pause()
        self._close()

    def _order_again(self) -> bool:
        """Order until a receipt says that the gateway has it; the same id again is one order."""
        now = time.monotonic()
        if now - self.ordered_at > ORDER_AGAIN_S:
            self.ordered_at = now
            self.centre.order("station:team2", "rescue-17", "带担架到漩口小学")
        return True

    def _close(self) -> None:
        title("6  The books")
        self.wait_for("all receipts of the centre", lambda: self.status()["balance"]["queued"] == 0)
        balance = self.status()["balance"]
        row = "{accepted:>9} = {delivered:>9} + {queued:>7} + {expired:>8} + {shed:>5}"
        heads = {name: name for name in ("accepted", "delivered", "queued", "expired", "shed")}
        print(f"   {row.format(**heads)}")
        print(f"   {row.format(**balance)}    {'balanced' if balance['balanced'] else 'NOT BALANCED'}")
        overtook = self.centre.order_of.index(self._sos()) < self.centre.order_of.index(self._first_of_backlog())
        print(
            f"   {len(self.centre.reports)} reports at the centre, each id once; {self.centre.copies} copies seen and recognised"
        )
        print(f"   the SOS came {'before' if overtook else 'AFTER'} the backlog that was accepted before it")
        if not (balance["balanced"] and overtook):
            sys.exit("the books do not add up")

    def _sos(self) -> str:
        return next(key for key, value in self.centre.reports.items() if value["precedence"] == "FLASH")

    def _first_of_backlog(self) -> str:
        return next(key for key, v in self.centre.reports.items() if v["historical"] and v["precedence"] != "FLASH")

    def pause(self) -> None:
        """Leave time to read."""
        time.sleep(self.pause_s)

    def stop(self) -> None:
        """End what was started."""
        self.centre.stop()
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    """Tell the story."""
    parser = argparse.ArgumentParser(
        prog="./scripts/demo", description="The real daemon with simulated terminals, as a story of about a minute."
    )
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    parser.add_argument("--fast", action="store_true", help="no pauses for reading")
    arguments = parser.parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    demo = Demo(0.0 if arguments.fast else 3.0)
    try:
        title("0  Starting the simulated sky, the gateway and its embedded broker")
        demo.start()
        demo.tell()
        if arguments.keep:
            title(f"Still running. Try:  .venv/bin/yizhan status --socket {SOCKET}    (Ctrl-C ends it)")
            signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        demo.stop()


if __name__ == "__main__":
    main()
