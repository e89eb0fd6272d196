"""One link's way of sending to other gateways: records, receipts between gateways, hellos, keys and notices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.air.sessions import NoKey
from gateway.daemon.tasks import Begun, FrameTask
from gateway.link import BROADCAST_PEER, Outgoing, Payload, SendOutcome
from gateway.observe.log import logger
from gateway.router.policy import REFUSED_RECHECK_S
from protocols.content.errors import ContentError
from protocols.content.receipts import PeerReceipt, Receipt
from protocols.fragment.errors import FragmentError
from protocols.record.address import EVERYBODY
from protocols.record.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.air.peers import Peer
    from gateway.daemon.airside import AirSide
    from gateway.daemon.supervisor import LinkRunner
    from gateway.daemon.tasks import BundleTask
    from gateway.model import Bundle, Endpoint
    from gateway.store.outbox import Outbox
    from gateway.store.receipts_owed import Owed, OwedEntry

LINES_MIN, LINES_MAX = 2, 16
"""Gateways that one group receipt answers: 16 fill a Beidou message of 78 bytes."""

WAIT_S_MIN = 10.0
"""Shortest wait of a bundle whose transfer has nothing to send now."""

RETRY_S_MAX = 3600.0
"""Longest wait for a gateway's receipt: between gateways nothing is given up before its lifetime ends."""

WAITS_FOR_REPORT = "waits for a report"

log = logger("gateway.air")


class AirSender:
    """Makes the frames of one link. Runs on the store's thread."""

    def __init__(self, air: AirSide, runner: LinkRunner) -> None:
        self._air = air
        self._runner = runner
        self._bearer = runner.link.info.bearer
        self._keys_last = False

    def peer_of(self, outbox: Outbox, bundle: Bundle) -> Peer | None:
        """Return the gateway a bundle goes to as a record; None for a person's terminal."""
        return self._air.peers.of(outbox, bundle.destination)

    def must_wait(self, bundle: Bundle, peer: Peer | None) -> str:
        """Return why a bundle to another gateway cannot leave; empty when it can, and for a person's terminal."""
        if peer is not None or not self._air.peers.is_gateway(bundle.destination):
            return ""
        return f"no key for {self.next_hop(bundle.destination)}: import one, or see: yizhan key list"

    def next_hop(self, destination: Endpoint) -> Endpoint:
        """Return the station by which an endpoint is reached, or itself."""
        return self._air.peers.station_of(destination) or destination

    def begin(self, outbox: Outbox, task: BundleTask, now_s: float) -> Begun | FrameTask | None:
        """Make a bundle's next frame and begin its try; a hello that must go first is sent instead of it."""
        peer, bytes_max = task.to_gateway, self._runner.last.data_bytes_max or 0
        assert peer is not None, "only bundles to gateways become records"
        if not self._air.ready or not bytes_max:
            why = (
                f"{self._runner.name} carries no bytes" if self._air.ready else "the sessions are being looked through"
            )
            outbox.postpone(task.bundle.seq, now_s + (REFUSED_RECHECK_S if self._air.ready else WAIT_S_MIN), why)
            return None
        owed = outbox.owed_to(task.outgoing.peer)
        try:
            frame, receipt = self._air.frame(outbox, task.bundle, peer, bytes_max=bytes_max, owed=owed, now_s=now_s)
        except (NoKey, ContentError, FragmentError, RecordError) as error:
            outbox.postpone(task.bundle.seq, now_s + REFUSED_RECHECK_S, str(error))
            log.warning("bundle cannot become a record", bundle=task.bundle.id, peer=peer.name, why=str(error))
            return None
        if frame is None:
            due_s = self._air.outgoing.due_s(outbox, task.bundle.seq)
            outbox.postpone(task.bundle.seq, max(now_s + WAIT_S_MIN, due_s or now_s), WAITS_FOR_REPORT)
            return None
        outgoing = replace(task.outgoing, payload=Payload.of_bytes(frame.data))
        if frame.is_bare_hello:
            return FrameTask(outgoing, "hello", _settles_nothing)
        attempt = outbox.begin(task.bundle.seq, self._runner.name, now_s)
        if attempt is None:
            return None
        settle = None if receipt is None else self._settle(peer, task.outgoing.peer, owed, receipt, now_s)
        return Begun(attempt, outgoing, settle)

    def due_after(self, outbox: Outbox, seq: int, outcome: SendOutcome, due_s: float, now_s: float) -> float:
        """Return when a bundle is due again after a try: a transfer goes on by its own rule."""
        transfer_due_s = self._air.outgoing.due_s(outbox, seq)
        if transfer_due_s is not None and outcome not in (SendOutcome.REFUSED, SendOutcome.DEFERRED):
            return transfer_due_s
        return min(due_s, now_s + RETRY_S_MAX)

    def receipt(self, outbox: Outbox, owed: Owed, now_s: float) -> FrameTask | None:
        """Return the receipt owed to a gateway; None if it is owed to a person."""
        peer = self._air.peers.by_address(outbox, self._bearer, owed.peer) if self._air.ready else None
        if peer is None or not any(outbox.air_heard_as(entry.seq) for entry in owed.entries):
            return None  # a person's terminal, or a text that somebody typed on a gateway's
        return self._group_receipt(outbox, now_s) or self._receipt(
            outbox, peer, owed.peer, owed.entries, now_s, urgent=owed.precedence == 0
        )

    def _receipt(
        self, outbox: Outbox, peer: Peer, card: str, entries: Sequence[OwedEntry], now_s: float, *, urgent: bool = False
    ) -> FrameTask | None:
        bytes_max = self._runner.last.data_bytes_max
        if not bytes_max:
            return None
        receipt = self._air.receipting.make(outbox, peer, entries, now_s, self._air.refused_by(peer.id))
        try:
            frame = self._air.outgoing.receipt(outbox, peer, receipt, bytes_max=bytes_max, now_s=now_s)
        except (NoKey, RecordError):
            return None
        if frame.is_bare_hello:
            return FrameTask(
                Outgoing(card, Payload.of_bytes(frame.data), urgent=urgent, label="hello"), "hello", _settles_nothing
            )
        outgoing = Outgoing(card, Payload.of_bytes(frame.data), urgent=urgent, label="receipt")
        return FrameTask(outgoing, "receipt", self._settle(peer, card, entries, receipt, now_s))

    def _group_receipt(self, outbox: Outbox, now_s: float) -> FrameTask | None:
        """Return one receipt for several gateways at once, where this link can broadcast and they share a group key.

        The one downlink slot a minute is the bottleneck of a command post: 4 bytes a gateway instead of a frame each.
        """
        if not self._can_broadcast() or self._air.keys.group(EVERYBODY) is None:
            return None
        lines: list[PeerReceipt] = []
        settled: list[tuple[str, list[int]]] = []
        for owed in outbox.owed_next(self._runner.name, now_s, limit=LINES_MAX):
            peer = self._air.peers.by_address(outbox, self._bearer, owed.peer)
            line = None if peer is None else self._air.receipting.line(outbox, peer)
            if peer is None or line is None:
                continue
            seqs = [one.seq for one in owed.entries if self._air.receipting.is_in_line(outbox, peer, one)]
            if seqs:
                lines.append(line)
                settled.append((owed.peer, seqs))
        if len(lines) < LINES_MIN:
            return None
        try:
            data, is_receipt = self._air.outgoing.to_group(outbox, EVERYBODY, Receipt(group=tuple(lines)), now_s=now_s)
        except (NoKey, RecordError):
            return None

        def settle(outbox: Outbox, left: bool) -> None:
            for card, seqs in settled if is_receipt else ():
                outbox.owed_settle(card, seqs, now_s, sent=left)

        outgoing = Outgoing(BROADCAST_PEER, Payload.of_bytes(data), label="group receipt")
        return FrameTask(outgoing, "group receipt" if is_receipt else "hello to the group", settle)

    def _can_broadcast(self) -> bool:
        identity = self._runner.last.identity
        return bool(identity.get("command")) and identity.get("broadcast") not in (None, "", "0")

    def _settle(
        self, peer: Peer, card: str, entries: Sequence[OwedEntry], receipt: Receipt, now_s: float
    ) -> Callable[[Outbox, bool], None]:
        def settle(outbox: Outbox, left: bool) -> None:
            settled = [entry for entry in entries if outbox.air_heard_as(entry.seq)]
            outbox.owed_settle_told(card, settled, now_s, sent=left)
            if left:
                self._air.reported(outbox, peer, receipt, now_s)

        return settle

    def control(self, outbox: Outbox, now_s: float) -> FrameTask | None:
        """Return a frame that serves the connection itself: a hello, keys or a notice, or a report on a transfer."""
        name, bytes_max = self._runner.name, self._runner.last.data_bytes_max
        if not bytes_max or not self._air.ready:
            return None
        hello = self._air.hello_owed(name)
        if hello is not None:
            peer_id, owed = hello
            peer = self._air.peers.by_id(outbox, peer_id)
            self._air.hello_sent(peer_id)
            data = b"" if peer is None else self._hello(outbox, peer, want=owed.want, now_s=now_s)
            if data:
                return FrameTask(Outgoing(owed.card, Payload.of_bytes(data), label="hello"), "hello", _settles_nothing)
        report = self._air.report_owed(name, now_s)
        if report is not None:
            peer = self._air.peers.by_id(outbox, report.peer)
            if peer is not None:
                return self._receipt(outbox, peer, report.card, outbox.owed_to(report.card), now_s)
        return None

    def _hello(self, outbox: Outbox, peer: Peer, *, want: bool, now_s: float) -> bytes:
        try:
            return self._air.outgoing.hello(outbox, peer, want=want, now_s=now_s)
        except (NoKey, RecordError) as error:
            log.warning("no hello", peer=peer.name, why=str(error))
            return b""

    def keys(self, outbox: Outbox, now_s: float) -> FrameTask | None:
        """Return keys or a notice that is due; every other frame at most, so that they hold up nobody's message for long."""
        self._keys_last = not self._keys_last and self._air.ready and bool(self._runner.last.data_bytes_max)
        task = self._air.control.next_frame(outbox, self._runner, now_s) if self._keys_last else None
        self._keys_last = task is not None
        return task

    def next_due_s(self, outbox: Outbox) -> float | None:
        """Return when this link should look again for what serves the connection."""
        return self._air.next_due_s(outbox, self._runner.name)


def _settles_nothing(_outbox: Outbox, _left: bool) -> None:
    """Do nothing, as a hello alone does for what must go behind it."""
