"""Receipts between gateways: what we owe a peer becomes one receipt, and a peer's receipt settles our bundles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gateway.model import Receipt as Evidence
from gateway.model import ReceiptLevel
from gateway.router.policy import REFUSED_RECHECK_S
from protocols.content.receipts import (
    BITMAP_BITS_MAX,
    GROUP_BITMAP_BITS,
    LEVELS_MAX,
    LOW_BITS,
    NEEDS_MAX,
    RUN_MAX,
    SESSION_BITS,
    Level,
    PeerReceipt,
    Receipt,
    name_in_batch,
    named_in_batch,
)
from protocols.record.address import SHORT_MAX
from protocols.record.counter import LOW_VALUES, rebuild
from protocols.record.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.air.incoming import Incoming
    from gateway.air.outgoing import Outgoing
    from gateway.air.peers import Peer
    from gateway.air.sessions import Sessions
    from gateway.model import Bundle
    from gateway.store.airstate import HeardRecord, SentRecord
    from gateway.store.outbox import Outbox
    from gateway.store.receipts_owed import OwedEntry
    from protocols.record.sender import SendingSession
    from protocols.record.window import Window

LEVEL_OF = {
    ReceiptLevel.CUSTODY: Level.CUSTODY,
    ReceiptLevel.DELIVERED: Level.DELIVERED,
    ReceiptLevel.ANSWERED: Level.ANSWERED,
    ReceiptLevel.REFUSED: Level.REFUSED,
    ReceiptLevel.EXPIRED: Level.EXPIRED,
}
EVIDENCE_OF = {level: evidence for evidence, level in LEVEL_OF.items()}

SESSION_MASK = (1 << SESSION_BITS) - 1
LINE_VALUES = 1 << LOW_BITS
LOST_RETRY_S = 60.0

LINE_QUIET_S = 600.0
"""By then no group receipt from before the session is on its way any more."""

LINE_BITMAP_BITS = GROUP_BITMAP_BITS


class Receipting:
    """Makes and applies receipts. Runs on the store's thread."""

    def __init__(self, sessions: Sessions, outgoing: Outgoing, incoming: Incoming) -> None:
        self._sessions = sessions
        self._outgoing = outgoing
        self._incoming = incoming
        self._known_since: dict[int, tuple[int, float]] = {}
        """Salt of the session that a peer proved to have, and when it first did since we run."""

    # Owed by us

    def make(
        self, outbox: Outbox, peer: Peer, entries: Sequence[OwedEntry], now_s: float, refused: Sequence[int] = ()
    ) -> Receipt:
        """Return what a peer is to be told now: records stored here, open transfers, and more than custody where known.

        ``refused`` are counters of records that were authentic and are not kept.
        """
        state = self._sessions.receiving(outbox, peer.id)
        highest, run, bitmap = covered(state.window)
        levels: list[tuple[int, Level]] = [(counter % LOW_VALUES, Level.REFUSED) for counter in refused[:LEVELS_MAX]]
        for entry in entries:
            heard = outbox.air_heard_as(entry.seq)
            if heard is None or heard.peer != peer.id or heard.salt != state.salt:
                continue
            told = entry.level is ReceiptLevel.CUSTODY and is_covered(heard.counter, highest, run, bitmap)
            low = _name_of(heard, entry.level, highest)
            if not told and low is not None and len(levels) < LEVELS_MAX:
                levels.append((low, LEVEL_OF[entry.level]))
        return Receipt(
            highest=highest % LOW_VALUES if highest else None,
            run=run,
            bitmap=bitmap,
            session=state.salt & SESSION_MASK if highest else 0,
            needs=self._needs(outbox, peer, now_s),
            levels=tuple(dict.fromkeys(levels)),
        )

    def _needs(self, outbox: Outbox, peer: Peer, now_s: float) -> tuple[tuple[int, int], ...]:
        reassembly = self._incoming.reassembly(outbox, peer.id)
        due = reassembly.reports_due(now_s)[:NEEDS_MAX]
        return tuple((report.transfer, report.need) for report in due)

    def line(self, outbox: Outbox, peer: Peer) -> PeerReceipt | None:
        """Return what a group receipt says to one peer: 4 bytes; None where nothing was heard or the address is too long."""
        window = self._sessions.receiving(outbox, peer.id).window
        if not window.highest or peer.id > SHORT_MAX:
            return None
        return PeerReceipt(peer.id, window.highest % LINE_VALUES, (window.bits >> 1) & 0xFF)

    def is_in_line(self, outbox: Outbox, peer: Peer, entry: OwedEntry) -> bool:
        """Tell whether a group receipt's line settles an entry: custody of one of the last nine records."""
        heard = outbox.air_heard_as(entry.seq)
        state = self._sessions.receiving(outbox, peer.id)
        return (
            entry.level is ReceiptLevel.CUSTODY
            and heard is not None
            and heard.salt == state.salt
            and 0 <= state.window.highest - heard.counter <= LINE_BITMAP_BITS
        )

    def reported(self, outbox: Outbox, peer: Peer, receipt: Receipt, now_s: float) -> None:
        """Note that a receipt left: its reports are no longer owed."""
        if not receipt.needs:
            return
        reassembly = self._incoming.reassembly(outbox, peer.id)
        for transfer, _ in receipt.needs:
            reassembly.reported(str(peer.id), transfer, now_s)
        self._incoming.put_reassembly(outbox, peer.id, reassembly)

    # Owed to us

    def apply(self, outbox: Outbox, peer: Peer, receipt: Receipt, now_s: float) -> list[Bundle]:
        """Settle what a peer says it has; return the bundles that changed. What it cannot know of is passed over."""
        session = self._sessions.sending(outbox, peer.id)
        changed: list[Bundle] = []
        if receipt.highest is not None and receipt.session == session.salt & SESSION_MASK:
            highest = rebuild(receipt.highest, session.next_counter)
            if 0 < highest < session.next_counter:
                self._confirm(outbox, peer, highest)
                if self._known_since.get(peer.id, (0, 0.0))[0] != session.salt:
                    self._known_since[peer.id] = (session.salt, now_s)
                for record in outbox.air_carried(peer.id, session.salt, max(1, highest - RUN_MAX), highest):
                    if is_covered(record.counter, highest, receipt.run, receipt.bitmap):
                        changed += self._settle(outbox, peer, record, ReceiptLevel.CUSTODY, now_s)
                    else:
                        self._lost(outbox, peer, record.seq, now_s)
            for low, level in receipt.levels:
                changed += self._level(outbox, peer, session, (highest, low, level), now_s)
            for transfer, need in receipt.needs:
                changed += self._report(outbox, peer, transfer, need, now_s)
        return changed

    def _level(
        self, outbox: Outbox, peer: Peer, session: SendingSession, told: tuple[int, int, Level], now_s: float
    ) -> list[Bundle]:
        """Note what is said of one record, or of one message of a batch, in a receipt with this highest counter."""
        highest, low, level = told
        named = named_in_batch(low, highest) if 0 < highest < session.next_counter else None
        counter, place = (rebuild(low, session.next_counter), 0) if named is None else named
        changed: list[Bundle] = []
        for record in outbox.air_carried_by(peer.id, session.salt, counter):
            if place and record.place != place:
                continue
            if place or not record.place:
                changed += self._settle(outbox, peer, record, EVIDENCE_OF[level], now_s)
            elif level is Level.REFUSED:
                # One of the batch is not wanted, and all went with it: each is said again by itself.
                outbox.air_settled(record)
                changed += self._note(outbox, peer, record.seq, ReceiptLevel.REFUSED, now_s, due_s=now_s)
            else:
                changed += self._settle(outbox, peer, record, ReceiptLevel.CUSTODY, now_s)
        return changed

    def _lost(self, outbox: Outbox, peer: Peer, seq: int, now_s: float) -> None:
        """Send again soon what a peer lacks though it has later ones; what left just now may still be on its way."""
        bundle = outbox.numbered(seq)
        if bundle is not None and bundle.state.is_open and bundle.due_s > now_s + LOST_RETRY_S:
            outbox.postpone(seq, now_s + LOST_RETRY_S, f"{peer.name} has later ones, not this")

    def apply_line(self, outbox: Outbox, peer: Peer, line: PeerReceipt, now_s: float) -> list[Bundle]:
        """Settle what a group receipt says to us.

        A line names no session, and eight bits of a counter are not many. So nothing is believed until the peer has told
        us for a while, by itself, that it has our session, and none once more than half of the values may be meant: then
        the peer's own receipt decides.
        """
        session = self._sessions.sending(outbox, peer.id)
        known = self._known_since.get(peer.id)
        if known is None or known[0] != session.salt or now_s - known[1] < LINE_QUIET_S:
            return []
        carried = outbox.air_carried(peer.id, session.salt, 1, session.next_counter)
        if not carried or session.next_counter - min(record.counter for record in carried) > LINE_VALUES // 2:
            return []
        last = session.next_counter - 1
        highest = last - (last - line.highest) % LINE_VALUES
        changed: list[Bundle] = []
        for record in carried:
            back = highest - record.counter
            if back == 0 or (0 < back <= LINE_BITMAP_BITS and line.bitmap >> (back - 1) & 1):
                changed += self._settle(outbox, peer, record, ReceiptLevel.CUSTODY, now_s)
        return changed

    def _settle(
        self, outbox: Outbox, peer: Peer, record: SentRecord, level: ReceiptLevel, now_s: float
    ) -> list[Bundle]:
        """Note what is known of one bundle of a record; it is not sent again as it is."""
        outbox.air_settled(record)
        return self._note(outbox, peer, record.seq, level, now_s)

    def _confirm(self, outbox: Outbox, peer: Peer, counter: int) -> None:
        try:
            self._sessions.confirmed(outbox, peer.id, counter)
        except RecordError:
            return  # a counter that was not sent proves nothing

    def _report(self, outbox: Outbox, peer: Peer, transfer: int, need: int, now_s: float) -> list[Bundle]:
        seq = self._outgoing.transfers.bundle_of(outbox, peer.id, transfer)
        if seq is None:
            return []
        if self._outgoing.transfers.report(outbox, seq, need, now_s):
            self._outgoing.transfers.end(outbox, seq, now_s)
            return self._note(outbox, peer, seq, ReceiptLevel.CUSTODY, now_s)
        outbox.postpone(seq, now_s, f"{peer.name} needs {need} symbols more")
        return []

    def _note(
        self, outbox: Outbox, peer: Peer, seq: int, level: ReceiptLevel, now_s: float, *, due_s: float | None = None
    ) -> list[Bundle]:
        bundle = outbox.numbered(seq)
        if bundle is None:
            return []
        evidence = Evidence(bundle.id, level, by=f"station:{peer.name}")
        if due_s is None:
            # Who has custody passes it on; what was refused or ran out there is tried again by other ways, if any.
            due_s = {ReceiptLevel.CUSTODY: math.inf, ReceiptLevel.REFUSED: now_s + REFUSED_RECHECK_S}.get(level)
        after = outbox.receipt(evidence, now_s, due_s=due_s)
        return [] if after is None else [after]


def covered(window: Window) -> tuple[int, int, int]:
    """Return the highest counter of a window, how many in a row up to it are there, and a bitmap of those below the row."""
    if not window.highest:
        return 0, 1, 0
    inverted = ~window.bits
    run = min((inverted & -inverted).bit_length() - 1, RUN_MAX)
    return window.highest, run, (window.bits >> (run + 1)) & ((1 << BITMAP_BITS_MAX) - 1)


def _name_of(heard: HeardRecord, level: ReceiptLevel, highest: int) -> int | None:
    """Return the 16 bits by which a receipt names what came by a record; None where it cannot be named any more.

    Custody is of the whole record. What is known beyond it is of one message, also of one among others in a batch.
    """
    if not heard.place or level is ReceiptLevel.CUSTODY:
        return heard.counter % LOW_VALUES
    return name_in_batch(heard.counter, heard.place, highest)


def is_covered(counter: int, highest: int, run: int, bitmap: int) -> bool:
    """Tell whether a receipt of these figures says that a counter is there."""
    back = highest - counter
    if back < 0:
        return False
    return back < run or (back > run and back - run - 1 < BITMAP_BITS_MAX and bool(bitmap >> (back - run - 1) & 1))
