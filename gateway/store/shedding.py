"""Making room: what newer reports replace, and what goes at the caps.

A ROUTINE position or reading that waits for the air and has never left ends when a newer one of its source comes: only
the latest is worth a slot (worth.py says which replaces which). When the *file* is at its cap the history of closed
bundles shrinks first, since nothing is lost by that. Then open bundles are shed in SHED_ORDER, the oldest first in each
class; never an SOS, and never anything worth more than the newcomer. Only SOS and FLASH may use the last FLASH_RESERVE
of rows and pages. Every bundle that goes is closed with its reason and counted, and its author is owed the word unless
it had left; a replaced one owes none, since the newer one is answered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.model import BUS_LANE
from gateway.store.errors import StoreFull
from gateway.store.limits import FLASH_RESERVE, SHED_STEPS_MAX, SUPERSEDED_MAX
from gateway.store.receipts_owed import ReceiptsOwed
from gateway.store.records import SHED, SUPERSEDED, SUPERSEDED_BY, is_superseded, sealed
from gateway.store.shelf import Note
from gateway.store.worth import SHED_ORDER, is_sos, replaces, shed_before, topic_of

if TYPE_CHECKING:
    from gateway.model import Bundle, Draft
    from gateway.store.records import Moving, Stored


def ended_as(moving: Moving) -> int:
    """Return a bundle's state code, SUPERSEDED where a newer one took its place."""
    return SUPERSEDED if is_superseded(moving) else moving.state


class Shedding(ReceiptsOwed):
    """The part of the outbox that makes room."""

    # Newer for older

    def _supersede(self, newer: Draft, lane: str, now_s: float) -> list[Bundle]:
        """End what waits in a lane of the air and is replaced by a bundle that is about to be stored; return it."""
        topic = topic_of(newer)
        if not topic or lane == BUS_LANE:
            return []
        rows = self._db.execute(
            "SELECT * FROM bundle INDEXED BY bundle_latest WHERE state < 4 AND evidence = 0 AND topic <> '' "
            "AND lane <> 'bus' AND source = ? AND topic = ? AND destination = ? ORDER BY seq DESC LIMIT ?",
            (str(newer.source), topic, str(newer.destination), SUPERSEDED_MAX),
        ).fetchall()
        reason = SUPERSEDED_BY + self._bundle_id(self._standing.next_seq)
        return [
            self._shed(older, now_s, reason, "superseded")
            for older in self._read(rows)
            if replaces(newer, older.draft) and not self._is_answered(older)
        ]

    def _is_answered(self, stored: Stored) -> bool:
        return bool(self._db.execute("SELECT 1 FROM bundle WHERE reply_to = ? LIMIT 1", (stored.id,)).fetchall())

    # Caps

    def _make_room(self, newcomer: Draft, count: int, now_s: float) -> list[Bundle]:
        """Make room for some bundles of one kind; return what was shed. Raise StoreFull."""
        shed: list[Bundle] = []
        rows_max = self._share(self.limits.bundles_max, newcomer)
        while self._tallies.open_total() + count > rows_max:
            victim = self._shed_one(newcomer, now_s, "cap bundles_max") if len(shed) < SHED_STEPS_MAX + count else None
            if victim is None:
                raise StoreFull(
                    f"store.bundles_max: {self._tallies.open_total()} bundles are open, {newcomer.precedence.name} may "
                    f"use {rows_max}, and nothing less urgent is left to shed; clear a link or raise the cap"
                )
            shed.append(victim)
        self._make_pages(newcomer, now_s, shed)
        return shed

    def _make_pages(self, newcomer: Draft, now_s: float, shed: list[Bundle]) -> None:
        pages_max = self._share(self.limits.pages_max - self._page_margin(), newcomer)
        for _ in range(SHED_STEPS_MAX):
            if self.pages_used() < pages_max:
                return
            if self.forget_oldest():
                continue
            victim = self._shed_one(newcomer, now_s, "cap pages_max")
            if victim is None:
                break
            shed.append(victim)
        raise StoreFull(
            f"store.pages_max: {self.pages_used()} pages are used, {newcomer.precedence.name} may use {pages_max}, "
            "and nothing less urgent is left to shed; clear a link or raise the cap"
        )

    def _page_margin(self) -> int:
        """Pages that no newcomer may use, so that what is stored can still be sent, receipted and closed."""
        return max(16, self.limits.pages_max // 64)

    @staticmethod
    def _share(cap: int, newcomer: Draft) -> int:
        return cap if is_sos(newcomer) else max(1, int(cap * (1 - FLASH_RESERVE)))

    def _shed_one(self, newcomer: Draft, now_s: float, reason: str) -> Bundle | None:
        """Shed the oldest bundle of the first class that has one and may go for the newcomer; None when none may."""
        for precedence, worth in SHED_ORDER[: shed_before(newcomer)]:
            while True:
                rows = self._db.execute(
                    "SELECT * FROM bundle INDEXED BY bundle_open WHERE state < 5 AND precedence = ? AND worth = ? "
                    "ORDER BY seq LIMIT 1",
                    (int(precedence), worth),
                ).fetchall()
                if not rows:
                    break
                for stored in self._read(rows):
                    if stored.hints()[1] != worth:
                        self._mend_hints(stored)  # the column is damaged; the draft says what it is worth
                        continue
                    if not stored.moving.evidence:  # else it is with the broker or another gateway, and not lost
                        self._owe_not_kept(stored, now_s)
                    return self._shed(stored, now_s, reason, reason)
        return None

    def _shed(self, stored: Stored, now_s: float, reason: str, counted_as: str) -> Bundle:
        assert not is_sos(stored.draft), f"{stored.id} is an SOS and is never shed"
        self._tallies.noted[f"shed: {counted_as}"] += 1
        moving = self._close(stored.moving, now_s, SHED, reason, Note("shed", words=reason))
        return replace(stored, moving=moving).bundle()

    def _mend_hints(self, stored: Stored) -> None:
        """Write the columns that help to find a bundle as its draft says."""
        self._tallies.noted["hint mended"] += 1
        self._db.execute("UPDATE bundle SET topic = ?, worth = ? WHERE seq = ?", (*stored.hints(), stored.moving.seq))

    def pages_used(self) -> int:
        """Return the pages that hold something."""
        count = self._db.execute("PRAGMA page_count").fetchall()[0][0]
        free = self._db.execute("PRAGMA freelist_count").fetchall()[0][0]
        return int(count) - int(free)

    def forget_oldest(self) -> bool:
        """Forget the bundle that was closed first, before its time; tell whether there was one."""
        rows = self._db.execute("SELECT * FROM bundle WHERE state >= 5 ORDER BY closed_s, seq LIMIT 1").fetchall()
        for stored in self._read(rows):
            self._forget(stored)
        return bool(rows)

    def _forget(self, stored: Stored) -> None:
        """Delete a closed bundle, leaving how it ended in the duplicate window if that lasts longer."""
        if stored.duplicate_key is not None:
            rows = self._db.execute("SELECT * FROM duplicate WHERE key = ?", (stored.duplicate_key,)).fetchall()
            if rows and rows[0][1] == stored.moving.seq:
                self._db.execute(
                    "UPDATE duplicate SET state = ?5, crc = ?6 WHERE key = ?1",
                    sealed(*rows[0][:4], ended_as(stored.moving)),
                )
        self._delete(stored.moving)
