"""One link's way of sending to other gateways: records, receipts between gateways, hellos, keys and notices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gateway.air.explicit import TrafficClass, way_address, way_peer
from gateway.air.outgoing import HELLO_BYTES, Carries
from gateway.air.relaying import is_carried
from gateway.air.sessions import NoKey
from gateway.daemon.airreach import AirReach
from gateway.daemon.tasks import Begun, FrameTask
from gateway.link import BROADCAST_PEER, Outgoing, Payload, SendOutcome
from gateway.model import BundleState, Endpoint, EndpointKind, Precedence
from gateway.observe.log import logger
from gateway.router.addressing import peer_on
from gateway.router.again import QUICK_SLOT_S
from gateway.router.policy import FLASH_COPIES, REFUSED_RECHECK_S
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
    from gateway.model import Bundle
    from gateway.store.airstate import SentRecord
    from gateway.store.outbox import Outbox
    from gateway.store.receipts_owed import Owed, OwedEntry
    from gateway.store.sending import Attempt

LINES_MIN, LINES_MAX = 2, 16
"""Gateways that one group receipt answers: 16 fill a Beidou message of 78 bytes."""

WAIT_S_MIN = 10.0
"""Shortest wait of a bundle whose transfer has nothing to send now."""

RETRY_S_MAX = 3600.0
"""Longest wait for a gateway's receipt: between gateways nothing is given up before its lifetime ends."""

LEFT = frozenset({SendOutcome.ACCEPTED, SendOutcome.RELAYED, SendOutcome.UNKNOWN})
"""Outcomes after which it may be on its way."""

WAITS_FOR_REPORT = "waits for a report"

log = logger("gateway.air")


class AirSender:
    """Makes the frames of one link. Runs on the store's thread."""

    def __init__(self, air: AirSide, runner: LinkRunner) -> None:
        self._air = air
        self._runner = runner
        self._bearer = runner.link.info.bearer
        self._keys_last = False
        self.to = AirReach(air, self._bearer)

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
        reach = self.to.at(outbox, peer, task.outgoing.peer)
        owed_as = way_address(peer.id) if reach.over else reach.address
        owed = outbox.owed_to(owed_as)
        try:
            frame, receipt = self._air.frame(
                outbox,
                task.bundle,
                peer,
                bytes_max=bytes_max,
                over=reach.over,
                owed=owed,
                takes=task.takes,
                now_s=now_s,
            )
        except (NoKey, ContentError, FragmentError, RecordError) as error:
            outbox.postpone(task.bundle.seq, now_s + REFUSED_RECHECK_S, str(error))
            log.warning("bundle cannot become a record", bundle=task.bundle.id, peer=peer.name, why=str(error))
            return None
        if frame is None:
            due_s = self._air.outgoing.transfers.due_s(outbox, task.bundle.seq)
            outbox.postpone(task.bundle.seq, max(now_s + WAIT_S_MIN, due_s or now_s), WAITS_FOR_REPORT)
            return None
        outgoing = self.to.outgoing(
            peer, reach, frame.data, label=task.outgoing.label, precedence=task.bundle.precedence
        )
        if frame.is_bare_hello:
            return FrameTask(outgoing, "hello", _settles_nothing)
        in_part = frame.carries is Carries.PART
        said = "a piece" if in_part else f"in a batch of {len(frame.members)}" if frame.members else ""
        attempt = outbox.begin(task.bundle.seq, self._runner.name, now_s, said, in_part=in_part)
        if attempt is None:
            return None
        others = self._begin_others(outbox, task.bundle, frame.members, said, now_s)
        settle = None if receipt is None else self._settle(peer, owed_as, owed, receipt, now_s)
        in_part = in_part and not self._air.outgoing.transfers.is_unanswered(outbox, task.bundle.seq)
        times = self.to.times(outbox, peer, reach.address, now_s)
        return Begun(attempt, outgoing, settle, others, times, in_part)

    def _begin_others(
        self, outbox: Outbox, lead: Bundle, members: Sequence[SentRecord], said: str, now_s: float
    ) -> tuple[tuple[Bundle, Attempt], ...]:
        """Begin the tries of the others in a batch; those that have arrived or ended meanwhile only travel along."""
        begun = []
        for one in members:
            bundle = outbox.numbered(one.seq) if one.frame and one.seq != lead.seq else None
            if bundle is None or bundle.state is BundleState.HANDED:
                continue
            attempt = outbox.begin(one.seq, self._runner.name, now_s, said)
            if attempt is not None:
                begun.append((bundle, attempt))
        return tuple(begun)

    def is_in_parts(self, outbox: Outbox, bundle: Bundle) -> bool:
        """Tell whether a bundle is on its way in pieces, any of which any link may carry."""
        return self._air.outgoing.transfers.is_open(outbox, bundle.seq)

    def due_after(
        self, outbox: Outbox, task: BundleTask, seq: int, outcome: SendOutcome, *, due_s: float, now_s: float
    ) -> float:
        """Return when a bundle is due again after a try: what is carried and what is in parts go by rules of their own."""
        if task.to_gateway is None:
            carried = is_carried(task.bundle)
            return self._air.relaying.left(outbox, task.bundle, outcome, due_s) if carried else due_s
        is_copy = task.bundle.precedence is Precedence.FLASH and task.bundle.attempts + 1 < FLASH_COPIES
        if outcome in LEFT and not is_copy:
            due_s = now_s + (due_s - now_s) * self.to.times(outbox, task.to_gateway, task.outgoing.peer, now_s)
        transfer_due_s = self._air.outgoing.transfers.due_s(outbox, seq)
        if transfer_due_s is not None and outcome in LEFT:
            times = self.to.times(outbox, task.to_gateway, task.outgoing.peer, now_s)
            return now_s + max(0.0, transfer_due_s - now_s) * times
        now = outbox.numbered(seq)
        if now is not None and now.state is BundleState.RELAYED:
            return now.due_s  # its receipt came while this try was under way
        return min(due_s, now_s + RETRY_S_MAX)

    def receipt(self, outbox: Outbox, owed: Owed, now_s: float) -> FrameTask | None:
        """Return the receipt owed to a gateway; None if it is owed to a person."""
        peer = self._owed_peer(outbox, owed.peer) if self._air.ready else None
        if peer is None or not any(outbox.air_heard_as(entry.seq) for entry in owed.entries):
            return None  # a person's terminal, or a text that somebody typed on a gateway's
        return self._group_receipt(outbox, now_s) or self._receipt(
            outbox, peer, owed.peer, owed.entries, now_s, precedence=owed.precedence
        )

    def _owed_peer(self, outbox: Outbox, address: str) -> Peer | None:
        peer_id = way_peer(address)
        if peer_id is not None:
            return self._air.peers.by_id(outbox, peer_id)
        return self._air.peers.by_address(outbox, self._bearer, address)

    def _receipt(
        self,
        outbox: Outbox,
        peer: Peer,
        address: str,
        entries: Sequence[OwedEntry],
        now_s: float,
        *,
        precedence: Precedence = Precedence.IMMEDIATE,
    ) -> FrameTask | None:
        """Return the frame that tells a peer what it is owed under an address, or the hello that must go before it."""
        bytes_max, reach = self._runner.last.data_bytes_max, self.to.reach(outbox, peer, address, now_s)
        if reach is None:
            outbox.owed_settle(address, (), now_s, sent=False)  # no way now; others on this link must not wait for one
            self._air.debts.put_off_report(peer.id, now_s)
        if not bytes_max or reach is None:
            return None
        receipt = self._air.receipting.make(outbox, peer, entries, now_s, self._air.debts.refused_by(peer.id))
        try:
            frame = self._air.outgoing.receipt(outbox, peer, receipt, bytes_max=bytes_max - reach.over, now_s=now_s)
        except (NoKey, RecordError):
            return None
        if frame.is_bare_hello:
            return FrameTask(self.to.outgoing(peer, reach, frame.data, label="hello"), "hello", _settles_nothing)
        outgoing = self.to.outgoing(
            peer, reach, frame.data, label="receipt", precedence=precedence, traffic=TrafficClass.RECEIPT
        )
        return FrameTask(outgoing, "receipt", self._settle(peer, address, entries, receipt, now_s))

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
        hello = self._air.debts.hello_owed(name)
        if hello is not None:
            peer_id, owed = hello
            peer = self._air.peers.by_id(outbox, peer_id)
            self._air.debts.hello_sent(peer_id)
            reach = None if peer is None else self.to.reach(outbox, peer, owed.card, now_s)
            data = b"" if peer is None or reach is None else self._hello(outbox, peer, want=owed.want, now_s=now_s)
            if peer is not None and reach is not None and data:
                return FrameTask(self.to.outgoing(peer, reach, data, label="hello"), "hello", _settles_nothing)
        greeting = self._greeting(outbox, now_s)
        if greeting is not None:
            return greeting
        report = self._air.debts.report_owed(name, now_s)
        if report is not None:
            peer = self._air.peers.by_id(outbox, report.peer)
            if peer is None:
                self._air.debts.forget_report(report.peer)  # its key is gone; the others' reports wait behind it
                return None
            frame = self._receipt(outbox, peer, report.card, outbox.owed_to(report.card), now_s)
            if frame is None:
                self._air.debts.put_off_report(report.peer, now_s)
            return frame
        return None

    def _greeting(self, outbox: Outbox, now_s: float) -> FrameTask | None:
        """Return a hello to the gateway above that does not know our session yet, so that no first SOS has to carry it.

        Only over a quick link that costs nothing: a card's slot is worth more than the two frames this spares.
        """
        found = self._to_greet(outbox)
        if found is None or self._air.debts.greeting_due_s > now_s:
            return None
        peer, address = found
        try:
            data = self._air.outgoing.greeting(outbox, peer)
        except (NoKey, RecordError):
            return None

        def settle(_outbox: Outbox, left: bool) -> None:
            if left:
                self._air.debts.greeted(now_s)

        return FrameTask(Outgoing(address, Payload.of_bytes(data), label="hello"), "hello", settle)

    def _to_greet(self, outbox: Outbox) -> tuple[Peer, str] | None:
        """Return the gateway above and its address here, while it does not know our session and this link may greet."""
        name, runner = self._air.upstream, self._runner
        is_free = runner.slot_s <= QUICK_SLOT_S and not runner.terms.tariff.price(1, HELLO_BYTES)
        if name is None or not is_free or not self._air.ready:
            return None
        peer = self._air.peers.by_name(outbox, name)
        address = peer_on(Endpoint(EndpointKind.STATION, name), self._bearer, outbox.station, 0)
        if peer is None or address is None or self._air.sessions.sending(outbox, peer.id).confirmed:
            return None
        return peer, address

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
        due_s = self._air.next_due_s(outbox, self._runner.name)
        greeting_s = math.inf if self._to_greet(outbox) is None else self._air.debts.greeting_due_s
        if greeting_s == math.inf:
            return due_s
        return greeting_s if due_s is None else min(due_s, greeting_s)


def _settles_nothing(_outbox: Outbox, _left: bool) -> None:
    """Do nothing, as a hello alone does for what must go behind it."""
