"""Housekeeping in small steps, for idle moments: forget, prune, give pages back, look for damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.limits import STEP_ROWS, SWEEP_EVERY_S, VACUUM_PAGES
from gateway.store.records import BODY_COLUMN
from gateway.store.untold import Untold

if TYPE_CHECKING:
    from gateway.store.connection import Connection
    from gateway.store.limits import Limits
    from gateway.store.standing import Standing


class Upkeep(Untold):
    """The part of the outbox that tidies up."""

    def __init__(self, connection: Connection, gateway: str, standing: Standing, limits: Limits) -> None:
        super().__init__(connection, gateway, standing, limits)
        self._swept_seq = 0
        self._sweep_due_s = 0.0

    def maintain(self, now_s: float) -> bool:
        """Do one bounded step of everything (some milliseconds); tell whether more is waiting to be done.

        The sweep for damaged records goes round once in SWEEP_EVERY_S, one slice a call, and never asks for more.
        """
        more = self._forget_old(now_s)
        more |= self._forget_duplicates(now_s)
        more |= self._owed_age_out(now_s)
        more |= self._vacuum()
        if now_s >= self._sweep_due_s and self.sweep() < STEP_ROWS:
            self._sweep_due_s = now_s + SWEEP_EVERY_S
        return more

    def _forget_old(self, now_s: float) -> bool:
        rows = self._db.execute(
            "SELECT * FROM bundle WHERE state >= 5 AND closed_s <= ? ORDER BY closed_s, seq LIMIT ?",
            (now_s - self.limits.forget_after_s, STEP_ROWS),
        ).fetchall()
        for stored in self._read(rows):
            self._forget(stored)
        return len(rows) >= STEP_ROWS

    def _forget_duplicates(self, now_s: float) -> bool:
        rows = self._db.execute(
            "SELECT key FROM duplicate WHERE until_s <= ? ORDER BY until_s LIMIT ?", (now_s, STEP_ROWS)
        ).fetchall()
        for (key,) in rows:
            self._drop_duplicate(key)
        return len(rows) >= STEP_ROWS

    def _vacuum(self) -> bool:
        """Give free pages back once a quarter of the file is free; below that they are soon used again."""
        count = int(self._db.execute("PRAGMA page_count").fetchall()[0][0])
        free = int(self._db.execute("PRAGMA freelist_count").fetchall()[0][0])
        if free <= max(VACUUM_PAGES, count // 4):
            return False
        for _ in range(VACUUM_PAGES):
            # One at a time: sqlite3 takes a single step of a statement without columns, which frees a single page.
            self._db.execute("PRAGMA incremental_vacuum(1)").fetchall()
        return True

    def sweep(self, rows_max: int = STEP_ROWS) -> int:
        """Check the CRC of the next slice of bundles and that the queue's index has them; return how many were read.

        A damaged index would hide a waiting bundle for ever, so it is made anew when an entry is missing. Hints that
        are not what the draft says are mended.
        """
        rows = self._db.execute(
            "SELECT * FROM bundle WHERE seq > ? ORDER BY seq LIMIT ?", (self._swept_seq, rows_max)
        ).fetchall()
        self._swept_seq = rows[-1][0] if len(rows) == rows_max else 0
        hints = {row[0]: tuple(row[BODY_COLUMN + 1 :]) for row in rows}
        for stored in self._read(rows):
            moving = stored.moving
            if hints[moving.seq] != stored.hints():
                self._mend_hints(stored)
            if (
                moving.state < 4
                and not self._db.execute(
                    "SELECT 1 FROM bundle INDEXED BY bundle_ready WHERE state < 4 AND lane = ? AND precedence = ? "
                    "AND due_s = ? AND seq = ?",
                    (moving.lane, moving.precedence, moving.due_s, moving.seq),
                ).fetchall()
            ):
                self._tallies.noted["index made anew"] += 1
                self._db.execute("REINDEX bundle")
                break
        return len(rows)
