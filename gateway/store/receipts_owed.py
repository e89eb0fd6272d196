"""Receipts owed to the people who sent something: gathered per author, one a minute at most, most urgent first.

A report is answered first with *custody* (we have it on disk). When its consumer confirms before that was sent, the
pending receipt says *delivered* instead. When it was sent already, a second receipt is owed only for FLASH and
IMMEDIATE: the downlink is the narrowest thing we have. What is shed at a cap before it left is told as *refused* (not
kept, send it again) whatever was said before, since its author believes that it is safe.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from gateway.model import Precedence, ReceiptLevel
from gateway.store.limits import (
    OWED_AGE_S_MAX,
    OWED_ENTRIES_MAX,
    OWED_RETRY_S,
    STEP_ROWS,
)
from gateway.store.records import DELIVERED, SHED, Author, BadRecord, checked, is_superseded, name, sealed
from gateway.store.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from gateway.store.records import Stored


class OwedEntry(NamedTuple):
    """One receipt: the number the person can quote, how urgent its report was, how far it has come."""

    seq: int
    precedence: Precedence
    level: ReceiptLevel


class Owed(NamedTuple):
    """What is owed to one author, ready to be sent as one short text."""

    peer: str
    entries: tuple[OwedEntry, ...]
    """At most OWED_ENTRIES_MAX, most urgent first, then by number."""
    precedence: Precedence
    """Of the most urgent entry."""
    created_s: float
    """Since when the longest waiting of them is owed."""


class _Row(NamedTuple):
    peer: str
    seq: int
    link: str
    precedence: int
    level: str
    created_s: float
    not_before_s: float


class ReceiptsOwed(Shelf):
    """The part of the outbox that owes receipts."""

    def owed_next(self, link: str, now_s: float, limit: int) -> list[Owed]:
        """Return up to `limit` authors on a link who may be answered now, most urgent first, longest waiting first."""
        if not self._tallies.rows["owed"]:
            return []
        peers: dict[str, None] = {}
        for precedence in Precedence:
            rows = self._db.execute(
                "SELECT peer FROM owed WHERE link = ? AND precedence = ? AND not_before_s <= ? "
                "ORDER BY not_before_s LIMIT ?",
                (name(link), int(precedence), now_s, limit * OWED_ENTRIES_MAX),
            ).fetchall()
            peers.update(dict.fromkeys(row[0] for row in rows))
            if len(peers) >= limit:
                break
        gathered = (self._gather(peer, name(link)) for peer in list(peers)[:limit])
        return [owed for owed in gathered if owed is not None]

    def _gather(self, peer: str, link: str) -> Owed | None:
        rows = self._owed_rows(
            self._db.execute(
                "SELECT * FROM owed WHERE peer = ? AND link = ? ORDER BY precedence, seq LIMIT ?",
                (peer, link, OWED_ENTRIES_MAX),
            ).fetchall()
        )
        if not rows:
            return None
        entries = tuple(OwedEntry(row.seq, Precedence(row.precedence), ReceiptLevel(row.level)) for row in rows)
        return Owed(peer, entries, entries[0].precedence, min(row.created_s for row in rows))

    def owed_settle(self, peer: str, seqs: Iterable[int], now_s: float, *, sent: bool) -> None:
        """Note that some receipts to an author were sent, or could not be and are owed still.

        After a sent one the author's others wait the receipt interval, after a failed one OWED_RETRY_S.
        """
        peer = name(peer)
        if sent:
            for seq in seqs:
                self._owed_delete(peer, seq)
            self._db.execute("INSERT OR REPLACE INTO spoken VALUES (?, ?, ?)", sealed(peer, float(now_s)))
            # As many old entries go as could have come: the table holds the last minute's authors only.
            self._db.execute(
                "DELETE FROM spoken WHERE peer IN (SELECT peer FROM spoken WHERE at_s <= ? ORDER BY at_s LIMIT 4)",
                (now_s - self.limits.receipt_interval_s,),
            )
        not_before_s = float(now_s + (self.limits.receipt_interval_s if sent else OWED_RETRY_S))
        rows = self._db.execute("SELECT * FROM owed WHERE peer = ?", (peer,)).fetchall()
        for row in self._owed_rows(rows):
            self._owed_write(row._replace(not_before_s=max(row.not_before_s, not_before_s)))

    def owed_settle_told(self, peer: str, entries: Iterable[OwedEntry], now_s: float, *, sent: bool) -> None:
        """As `owed_settle`, but what has come further while the receipt was on its way stays owed."""
        told = []
        for entry in entries:
            pending = self._pending(name(peer), entry.seq)
            if pending is None or pending.level == str(entry.level):
                told.append(entry.seq)
        self.owed_settle(peer, told, now_s, sent=sent)

    def owed_due_s(self, link: str) -> float | None:
        """Return when the next author on a link may be answered, if any is owed something."""
        if not self._tallies.rows["owed"]:
            return None
        probes = [
            self._db.execute(
                "SELECT min(not_before_s) FROM owed WHERE link = ? AND precedence = ?", (name(link), int(precedence))
            ).fetchall()[0][0]
            for precedence in Precedence
        ]
        return min((float(one) for one in probes if one is not None), default=None)

    def owe_again(self, seq: int, link: str, peer: str, now_s: float) -> None:
        """Owe the receipt for a bundle once more, as far as it has come by now: its sender has not heard the first."""
        stored = self._load(seq)
        if stored is not None:
            self._owe_custody(replace(stored, author=Author(name(link), name(peer))), link, now_s)

    def owed_to(self, peer: str) -> tuple[OwedEntry, ...]:
        """Return what is owed to one author, most urgent first; at most OWED_ENTRIES_MAX."""
        rows = self._owed_rows(
            self._db.execute(
                "SELECT * FROM owed WHERE peer = ? ORDER BY precedence, seq LIMIT ?", (name(peer), OWED_ENTRIES_MAX)
            ).fetchall()
        )
        return tuple(OwedEntry(row.seq, Precedence(row.precedence), ReceiptLevel(row.level)) for row in rows)

    def owed_counts(self) -> int:
        """Return how many receipts are owed in all."""
        return self._tallies.rows["owed"]

    def _owe_custody(self, stored: Stored, link: str, now_s: float) -> None:
        """Owe the author that we have it, or that it is delivered if it already is; a pending receipt stays."""
        level = ReceiptLevel.CUSTODY
        if stored.bundle().state in ("delivered", "answered"):
            level = ReceiptLevel.DELIVERED
        elif stored.moving.state == SHED and not stored.moving.evidence and not is_superseded(stored.moving):
            level = ReceiptLevel.REFUSED
        self._owe(stored, link, level, now_s)

    def _owe_not_kept(self, stored: Stored, now_s: float) -> None:
        """Tell the author that a bundle is not kept here any more: in the pending receipt, or by one of its own."""
        pending = self._pending(stored.author.peer, stored.moving.seq)
        if pending is not None:
            self._owed_write(pending._replace(level=str(ReceiptLevel.REFUSED)))
        else:
            self._owe(stored, stored.author.link, ReceiptLevel.REFUSED, now_s)

    def _owe_evidence(self, stored: Stored, level: ReceiptLevel, now_s: float) -> None:
        """Tell the author that it is delivered or answered: in the pending receipt, or anew if that is worth a slot.

        A person hears of delivery, and again only when it is urgent. Another gateway hears of everything: it costs some
        bits of a receipt that goes anyway.
        """
        if not stored.author.peer:
            return
        by_record = bool(self._db.execute("SELECT 1 FROM air_heard WHERE seq = ?", (stored.moving.seq,)).fetchall())
        if level is ReceiptLevel.ANSWERED and not by_record:
            level = ReceiptLevel.DELIVERED
            if stored.moving.state == DELIVERED:
                return  # told already
        pending = self._pending(stored.author.peer, stored.moving.seq)
        if pending is not None:
            self._owed_write(pending._replace(level=str(level)))
        elif by_record or stored.moving.precedence <= Precedence.IMMEDIATE:
            self._owe(stored, stored.author.link, level, now_s)

    def _owe(self, stored: Stored, link: str, level: ReceiptLevel, now_s: float) -> None:
        peer, seq = stored.author.peer, stored.moving.seq
        if not peer:
            return
        pending = self._pending(peer, seq)
        if pending is not None:
            # The person repeats it by another link: the one it came by first may be dead.
            self._owed_write(pending._replace(link=name(link)))
            return
        if not self._owed_room(stored.moving.precedence):
            self._tallies.noted["receipt not owed: cap owed_max"] += 1
            return
        not_before_s = max(now_s, self._spoken_s(peer) + self.limits.receipt_interval_s)
        self._owed_write(
            _Row(peer, seq, name(link), stored.moving.precedence, str(level), float(now_s), float(not_before_s))
        )
        self._tallies.rows["owed"] += 1

    def _owed_room(self, precedence: int) -> bool:
        if self._tallies.rows["owed"] < self.limits.owed_max:
            return True
        rows = self._db.execute(
            "SELECT peer, seq, precedence FROM owed WHERE precedence = (SELECT max(precedence) FROM owed) "
            "ORDER BY created_s LIMIT 1"
        ).fetchall()
        for peer, seq, least in rows:
            if least >= precedence:
                self._owed_delete(peer, seq)
                self._tallies.noted["receipt not owed: cap owed_max"] += 1
                return True
        return False

    def _spoken_s(self, peer: str) -> float:
        rows = self._db.execute("SELECT * FROM spoken WHERE peer = ?", (peer,)).fetchall()
        if not rows:
            return -self.limits.receipt_interval_s
        try:
            return float(checked(rows[0])[1])
        except BadRecord as error:
            self._quarantine("spoken", rows[0], str(error))
            self._db.execute("DELETE FROM spoken WHERE peer = ?", (peer,))
            return -self.limits.receipt_interval_s

    def _pending(self, peer: str, seq: int) -> _Row | None:
        rows = self._db.execute("SELECT * FROM owed WHERE peer = ? AND seq = ?", (peer, seq)).fetchall()
        return next(iter(self._owed_rows(rows)), None)

    def _owed_rows(self, rows: Iterable[Sequence[Any]]) -> list[_Row]:
        good = []
        for row in rows:
            try:
                good.append(_Row(*checked(row)))
            except BadRecord as error:
                self._quarantine("owed", row, str(error))
                self._owed_delete(row[0], row[1])
        return good

    def _owed_write(self, row: _Row) -> None:
        self._db.execute("INSERT OR REPLACE INTO owed VALUES (?, ?, ?, ?, ?, ?, ?, ?)", sealed(*row))

    def _owed_delete(self, peer: str, seq: int) -> None:
        had = self._db.execute("SELECT 1 FROM owed WHERE peer = ? AND seq = ?", (peer, seq)).fetchall()
        self._db.execute("DELETE FROM owed WHERE peer = ? AND seq = ?", (peer, seq))
        self._tallies.rows["owed"] -= bool(had)

    def _owed_age_out(self, now_s: float) -> bool:
        """Drop a step's worth of receipts that nobody could be given for OWED_AGE_S_MAX; tell whether more may be."""
        dropped = 0
        for precedence in Precedence:
            rows = self._db.execute(
                "SELECT peer, seq FROM owed WHERE precedence = ? AND created_s <= ? ORDER BY created_s LIMIT ?",
                (int(precedence), now_s - OWED_AGE_S_MAX, STEP_ROWS),
            ).fetchall()
            for peer, seq in rows:
                self._owed_delete(peer, seq)
            dropped += len(rows)
        self._tallies.noted["receipt not owed: too old"] += dropped
        return dropped >= STEP_ROWS
