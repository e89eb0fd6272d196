"""The outbox: the durable queue and the one owner of every change of state.

It is one class in layers, one subject a file: shelf (rows and counters), receipts_owed, accepting, sending, evidence,
explain, untold, upkeep; beside them registry, memory and airstate, which share its file and its transactions. All methods are
synchronous, run on the store's thread inside a transaction of the facade, and take the time as an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from gateway.store import standing as standings
from gateway.store.airstate import AirState
from gateway.store.memory import Memory
from gateway.store.records import BadRecord
from gateway.store.registry import Registry
from gateway.store.standing import Standing, mint_epoch
from gateway.store.tallies import Tallies
from gateway.store.upkeep import Upkeep

if TYPE_CHECKING:
    import random

    from gateway.clock import TimelineMark
    from gateway.store.connection import Connection
    from gateway.store.limits import Limits
    from gateway.store.records import Stored

SEQ_GAP = 1_000
"""Numbers skipped when the standing record was lost, so that no number is given out twice."""


class Outbox(Upkeep, Registry, Memory, AirState):
    """The durable queue with its registry and memory; see the modules of its layers for the methods."""

    @classmethod
    def load(cls, connection: Connection, gateway: str, rng: random.Random, limits: Limits) -> tuple[Self, bool]:
        """Take up the tables of a connection; tell whether the counters had to be counted anew."""
        try:
            return cls(connection, gateway, standings.load(connection), limits), False
        except (BadRecord, KeyError, TypeError, ValueError):
            outbox = cls(connection, gateway, Standing(mint_epoch(rng), 1, None, Tallies()), limits)
            return outbox, outbox._count_anew()

    def _count_anew(self) -> bool:
        """Rebuild counters from the tables; what was forgotten before is forgotten by the balance too."""
        found_open, found_closed = self._count_tables()
        tallies = self._tallies
        tallies.open, tallies.closed = found_open, found_closed
        for (_, direction, precedence, _), count in found_open.items():
            tallies.accepted[direction, precedence] += count
        for (direction, precedence, _), count in found_closed.items():
            tallies.accepted[direction, precedence] += count
        for table, query in (
            ("duplicate", "SELECT count(*) FROM duplicate"),
            ("owed", "SELECT count(*) FROM owed"),
            ("station", "SELECT count(*) FROM station"),
            ("place", "SELECT count(*) FROM place"),
            ("quarantine", "SELECT count(*) FROM quarantine"),
        ):
            tallies.rows[table] = self._db.execute(query).fetchall()[0][0]
        last = self._db.execute(
            "SELECT max(s) FROM (SELECT max(seq) AS s FROM bundle UNION SELECT max(seq) FROM duplicate UNION SELECT max(seq) FROM event)"
        ).fetchall()[0][0]
        found_any = last is not None
        self._standing.next_seq = last + SEQ_GAP if found_any else 1
        return found_any

    @property
    def mark(self) -> TimelineMark | None:
        """Return the timeline mark of the last commit."""
        return self._standing.mark

    # Salvage; used when a store is opened over an unreadable one

    def take_over(self, stored: Stored) -> None:
        """Insert a bundle of the unreadable file under its old number and id."""
        self._insert(stored)

    def note_rows(self, table: str, count: int) -> None:
        """Count rows that were copied into a bounded table."""
        if table:
            self._tallies.rows[table] += count

    def go_on_from(self, next_seq: int, mark: TimelineMark) -> None:
        """Set where numbers and timeline go on, and write it."""
        self._standing.next_seq = next_seq
        self._tallies.noted["salvaged"] = self._tallies.open_total()
        self.save_standing(mark)

    # Transactions; used by the facade only

    def snapshot(self) -> tuple[int, Tallies]:
        """Return what a rollback has to put back in RAM."""
        return self._standing.next_seq, self._standing.tallies.copy()

    def restore(self, snapshot: tuple[int, Tallies]) -> None:
        """Put it back."""
        self._standing.next_seq, self._standing.tallies = snapshot

    def save_standing(self, mark: TimelineMark) -> None:
        """Write counters and mark; the last statement before the commit."""
        self._standing.mark = mark
        self._standing.save(self._db)
