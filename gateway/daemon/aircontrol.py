"""Keys and notices on their way to other gateways: kept on disk, each sent a few times, since nothing acknowledges them.

A key transport or notice is taken once however often it comes, by its serial. A peer that got none of them still works
with its old keys until its records are refused, which its own hello then tells it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gateway.air.explicit import addressed
from gateway.air.sessions import NoKey
from gateway.daemon.tasks import FrameTask
from gateway.link import Outgoing, Payload
from gateway.model import Precedence
from protocols.record.errors import RecordError
from protocols.record.keytransport import GroupKey, KeyTransport, transport_to_bytes
from protocols.record.layout import Form, HelloKind
from protocols.record.notice import Notice, notice_to_bytes
from protocols.record.siv import seal_hello

if TYPE_CHECKING:
    from gateway.air.peers import Peers
    from gateway.air.sessions import Sessions
    from gateway.air.ways import Ways
    from gateway.daemon.supervisor import LinkRunner
    from gateway.store.outbox import Outbox

TIMES = 3
"""How often each goes out."""

AGAIN_S = 600.0
QUEUED_MAX = 16
"""Frames waiting for one peer; the oldest goes."""

PEERS_LOOKED_AT_MAX = 1_000
CONTROL = "control"


class ControlQueue:
    """What serves the security of peers and waits for a slot."""

    def __init__(self, sessions: Sessions, peers: Peers, ways: Ways) -> None:
        self._sessions = sessions
        self._ways = ways
        self._peers = peers

    def put(self, outbox: Outbox, peer: int, value: KeyTransport | Notice, now_s: float) -> None:
        """Queue a key transport or notice for a peer."""
        is_key = isinstance(value, GroupKey) or hasattr(value, "secret")
        plain = transport_to_bytes(value) if is_key else notice_to_bytes(value)  # type: ignore[arg-type]  # told apart above
        kind = HelloKind.KEY_TRANSPORT if is_key else HelloKind.NOTICE
        waiting = self._waiting(outbox, peer)
        waiting.append({"kind": int(kind), "plain": plain.hex(), "left": TIMES, "due_s": now_s})
        self._write(outbox, peer, waiting[-QUEUED_MAX:])

    def next_frame(self, outbox: Outbox, runner: LinkRunner, now_s: float) -> FrameTask | None:
        """Return the next frame that this link can carry, if one is due."""
        for peer, body in outbox.air_states(CONTROL, PEERS_LOOKED_AT_MAX):
            name = self._sessions.keys.name_of(peer)
            if name is None:
                continue
            waiting = json.loads(body)
            for place, one in enumerate(waiting):
                found = (
                    self._ways.address(outbox, name, now_s, runner.link.info.bearer, attempt=TIMES - one["left"])
                    if one["due_s"] <= now_s
                    else None
                )
                if found is None:
                    continue
                way, address = found
                try:
                    key = self._sessions.hello_key(self._sessions.ends_to(peer))
                    frame = seal_hello(key, HelloKind(one["kind"]), Form.IMPLIED, bytes.fromhex(one["plain"]))
                except (NoKey, RecordError):
                    continue
                if way.via != name:
                    frame = addressed(frame, self._sessions.ends_to(peer), Precedence.PRIORITY)
                outgoing = Outgoing(address, Payload.of_bytes(frame), label="keys" if one["kind"] == 1 else "notice")
                return FrameTask(outgoing, outgoing.label, self._settle(peer, place, now_s))
        return None

    def next_due_s(self, outbox: Outbox) -> float | None:
        """Return when the next one is due."""
        times = [
            one["due_s"] for _, body in outbox.air_states(CONTROL, PEERS_LOOKED_AT_MAX) for one in json.loads(body)
        ]
        return min(times, default=None)

    def _settle(self, peer: int, place: int, now_s: float) -> Any:
        def settle(outbox: Outbox, left: bool) -> None:
            waiting = self._waiting(outbox, peer)
            if place < len(waiting):
                waiting[place]["due_s"] = now_s + AGAIN_S
                waiting[place]["left"] -= left
            self._write(outbox, peer, [one for one in waiting if one["left"] > 0])

        return settle

    def _waiting(self, outbox: Outbox, peer: int) -> list[dict[str, Any]]:
        body = outbox.air_state(peer, CONTROL)
        return [] if body is None else list(json.loads(body))

    def _write(self, outbox: Outbox, peer: int, waiting: list[dict[str, Any]]) -> None:
        if waiting:
            outbox.air_state_put(peer, CONTROL, json.dumps(waiting).encode())
        else:
            outbox.air_state_drop(peer, CONTROL)
