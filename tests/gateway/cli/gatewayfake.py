"""A gateway's control socket for the command line's tests: a thread that gives written answers and keeps the requests."""

import contextlib
import json
import socket
import threading


class FakeGateway:
    """Answers requests in order from a list; the last answer is repeated. Bytes are sent as they are."""

    def __init__(self, path, answers):
        self.path, self.answers, self.requests = str(path), list(answers), []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                line = lines.readline()
                if not line:
                    continue
                self.requests.append(json.loads(line))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n"
                with contextlib.suppress(BrokenPipeError):
                    connection.sendall(raw)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


def done(result):
    return {"ok": True, "result": result}


def refused(error="no such station", code="refused"):
    return {"ok": False, "error": error, "code": code}


def bundle(number=1, state="queued", **more):
    return {
        "id": f"cp1-AAAA-{number}",
        "number": number,
        "direction": "down",
        "kind": "command",
        "precedence": "PRIORITY",
        "colour": "yellow",
        "source": "station:cp1",
        "destination": "card:242286",
        "text": "撤离",
        "state": state,
        "reason": "",
        "attempts": 0,
        "tried": [],
        "heard_on": "cli",
        "reply_to": None,
        "parent": None,
        "accepted_s": 1.0,
        "expires_s": 86_401.0,
        "created_wall_s": 1.8e9,
        "clock_trusted": True,
    } | more


def link(name="bd1", **more):
    return {
        "name": name,
        "bearer": "beidou",
        "where": "/dev/ttyUSB0",
        "state": "open",
        "detail": "",
        "for_s": 10.0,
        "next_slot_s": 3.0,
        "identity": {"card": 242286, "protocol": "bd-2.1"},
        "signals": [{"name": "1", "level": 3, "measure": ""}],
        "text_bits_max": 1680,
        "last_heard_s": None,
        "unanswered_s": None,
        "heard": 0,
        "sent": 2,
        "losses": 0,
        "counters": {},
    } | more


def status(**more):
    row = {"colour": "blue", "up": 0, "down": 0, "oldest_s": None}
    return {
        "gateway": "cp1",
        "region": "5133",
        "version": "0.1.0",
        "up_s": 3725.0,
        "clock": {"wall_s": 1.8e9, "trusted": True},
        "bus": {"connected": False, "state": "connection refused", "for_s": 65.0},
        "links": [link()],
        "queue": {
            "precedence": {
                "FLASH": row | {"colour": "red", "up": 1, "oldest_s": 30.0},
                "IMMEDIATE": row | {"colour": "orange"},
                "PRIORITY": row | {"colour": "yellow"},
                "ROUTINE": row,
            },
            "states": {"queued": 1},
            "receipts_owed": 0,
            "oldest_unreceipted_sos_s": 30.0,
        },
        "balance": {"accepted": 1, "delivered": 0, "queued": 1, "expired": 0, "shed": 0, "balanced": True},
        "counters": {},
        "store": {"noted": {}},
    } | more
