"""What every part of the outbox stands on: reading with a check, moving a bundle, noting its history.

Each change of a bundle's row goes through `_move`, so state, tallies and history cannot come apart.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.model import Precedence
from gateway.store.limits import HISTORY_EVENTS_MAX, HISTORY_FIRST_KEPT, QUARANTINE_MAX
from gateway.store.records import (
    CLOSED_FROM,
    DOWN,
    STATES,
    BadRecord,
    Moving,
    Stored,
    moving_of,
    sealed,
    stored_of,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.store.connection import Connection
    from gateway.store.limits import Limits
    from gateway.store.standing import Standing
    from gateway.store.tallies import Tallies

NEVER_S = 0.0
"""``closed_s`` of an open bundle."""


class Note(NamedTuple):
    """One history event to write with a move."""

    kind: str
    link: str = ""
    words: str = ""
    outcome: str | None = None


class Shelf:
    """One connection and the counters that go with it. All methods run inside the facade's transaction."""

    def __init__(self, connection: Connection, gateway: str, standing: Standing, limits: Limits) -> None:
        self._db = connection
        self._gateway = gateway
        self._standing = standing
        self.limits = limits

    @property
    def _tallies(self) -> Tallies:
        return self._standing.tallies

    @property
    def epoch(self) -> str:
        """Return the word of this store file in bundle ids."""
        return self._standing.epoch

    def _bundle_id(self, seq: int) -> str:
        return f"{self._gateway}-{self.epoch}-{seq}"

    def _take_seq(self) -> int:
        seq = self._standing.next_seq
        self._standing.next_seq = seq + 1
        return seq

    # Reading

    def _load(self, seq: int) -> Stored | None:
        rows = self._db.execute("SELECT * FROM bundle WHERE seq = ?", (seq,)).fetchall()
        return next(iter(self._read(rows)), None)

    def _read(self, rows: Iterable[Sequence[Any]]) -> list[Stored]:
        """Return the good ones of some rows of table ``bundle``; damaged ones go to quarantine."""
        good: list[Stored] = []
        bad: list[tuple[Sequence[Any], BadRecord]] = []
        for row in rows:
            try:
                good.append(stored_of(row))
            except BadRecord as error:
                bad.append((row, error))
        if bad:
            self._quarantine_bundles(bad)
        return good

    def _moving(self, seq: int) -> Moving | None:
        """Return the moving half only, for bulk work; a damaged row is quarantined."""
        rows = self._db.execute(
            "SELECT seq, direction, precedence, lane, state, evidence, attempts, due_s, expires_s, closed_s, tried, "
            "reason, events, moving_crc FROM bundle WHERE seq = ?",
            (seq,),
        ).fetchall()
        if not rows:
            return None
        try:
            return moving_of(rows[0])
        except BadRecord:
            stored = self._load(seq)
            return None if stored is None else stored.moving

    # Writing

    def _insert(self, stored: Stored) -> None:
        self._db.execute(
            "INSERT INTO bundle VALUES "
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            stored.row(),
        )
        self._tallies.took(stored.moving)
        self._note_untold(stored.moving)

    def _move(self, old: Moving, now_s: float, note: Note | None = None, **changes: Any) -> Moving:
        """Write a bundle's moving half with some fields changed, and a history event with it; return the new half."""
        if note is not None:
            changes["events"] = old.events + 1
            self._write_event(old.seq, old.events, now_s, note)
        if "reason" in changes:
            changes["reason"] = words(changes["reason"])
        state = changes.get("state", old.state)
        assert old.is_open or state >= CLOSED_FROM, "a closed bundle never opens again"
        if old.is_open and state >= CLOSED_FROM:
            changes["closed_s"] = now_s
        new: Moving = replace(old, **changes)
        self._db.execute(
            "UPDATE bundle SET direction = ?2, precedence = ?3, lane = ?4, state = ?5, evidence = ?6, attempts = ?7, "
            "due_s = ?8, expires_s = ?9, closed_s = ?10, tried = ?11, reason = ?12, events = ?13, moving_crc = ?14 "
            "WHERE seq = ?1",
            sealed(*new.values()),
        )
        self._tallies.moved(old, new)
        if new.state != old.state:
            self._note_untold(new)
        return new

    def _note_untold(self, moving: Moving) -> None:
        """Note that an order's author has to be told its new state; see untold.py."""
        if moving.direction == DOWN:
            self._db.execute("INSERT OR REPLACE INTO untold VALUES (?, ?)", (moving.seq, moving.state))

    def _write_event(self, seq: int, number: int, at_s: float, note: Note) -> None:
        ended_s = None if note.kind == "try" and note.outcome is None else float(at_s)
        self._db.execute(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            sealed(seq, number, float(at_s), note.kind, words(note.link), note.outcome, ended_s, words(note.words)),
        )
        gone = number - (HISTORY_EVENTS_MAX - HISTORY_FIRST_KEPT)
        if gone >= HISTORY_FIRST_KEPT:
            self._db.execute(
                "DELETE FROM event WHERE seq = ? AND number = ? AND NOT (kind = 'try' AND outcome IS NULL)", (seq, gone)
            )

    def _close(self, old: Moving, now_s: float, state: int, reason: str, note: Note) -> Moving:
        return self._move(old, now_s, note, state=state, reason=reason)

    def _delete(self, moving: Moving) -> None:
        """Take a closed bundle and its history out of the tables; the balance keeps it."""
        self._db.execute("DELETE FROM event WHERE seq = ?", (moving.seq,))
        self._db.execute("DELETE FROM untold WHERE seq = ?", (moving.seq,))
        self._db.execute("DELETE FROM air_sent WHERE seq = ?", (moving.seq,))
        self._db.execute("DELETE FROM air_heard WHERE seq = ?", (moving.seq,))
        self._db.execute("DELETE FROM air_state WHERE peer = ? AND part IN ('transfer', 'carried')", (moving.seq,))
        self._db.execute("DELETE FROM bundle WHERE seq = ?", (moving.seq,))
        self._tallies.forgot(moving)

    # Damage

    def _quarantine(self, table: str, row: Sequence[Any], reason: str) -> None:
        """Keep a damaged record for salvage, and count it."""
        self._tallies.noted["corrupt record"] += 1
        if self._tallies.rows["quarantine"] >= QUARANTINE_MAX:
            return
        self._tallies.rows["quarantine"] += 1
        raw = repr(tuple(row)).encode("utf-8", "backslashreplace")
        self._db.execute(
            "INSERT INTO quarantine(at_s, of_table, reason, raw) VALUES (?, ?, ?, ?)",
            (0.0 if self._standing.mark is None else self._standing.mark.timeline_s, table, words(reason), raw),
        )

    def _quarantine_bundles(self, bad: Sequence[tuple[Sequence[Any], BadRecord]]) -> None:
        """Move damaged bundles aside and count open ones as shed.

        Where the moving half is whole it says what to count. Otherwise its state cannot be believed, and the tables
        are counted again: what is missing there was this one.
        """
        recount = False
        for row, error in bad:
            self._quarantine("bundle", row, str(error))
            self._db.execute("DELETE FROM event WHERE seq = ?", (row[0],))
            self._db.execute("DELETE FROM untold WHERE seq = ?", (row[0],))
            self._db.execute("DELETE FROM bundle WHERE seq = ?", (row[0],))
            self._tallies.noted["shed: corrupt record"] += 1
            try:
                self._tallies.lost(moving_of(row))
            except BadRecord:
                recount = True
        if recount:
            self._tallies.resync(*self._count_tables())

    def _count_tables(self) -> tuple[Counter[tuple[str, int, int, int]], Counter[tuple[int, int, int]]]:
        """Count open and closed bundles in the table; 1.4 s at a million rows."""
        found_open: Counter[tuple[str, int, int, int]] = Counter()
        found_closed: Counter[tuple[int, int, int]] = Counter()
        for lane, direction, precedence, state, count in self._db.execute(
            "SELECT lane, direction, precedence, state, count(*) FROM bundle GROUP BY 1, 2, 3, 4"
        ).fetchall():
            if direction in (0, 1) and precedence in tuple(Precedence) and state in range(len(STATES)):
                if state < CLOSED_FROM:
                    found_open[lane, direction, precedence, state] += count
                else:
                    found_closed[direction, precedence, state] += count
        return found_open, found_closed
