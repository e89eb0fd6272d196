"""What the air format must not forget: sessions, windows, transfers, and which record carried which bundle.

Kept in the store's own file, so that a replay window moves in the very transaction that accepts the message, and a
counter is on disk before its record leaves. The bodies are the protocols' own forms; this file does not look into them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.store.errors import StoreFailed
from gateway.store.guard import GuardMark, MemoryGuard
from gateway.store.records import BadRecord, checked, sealed
from gateway.store.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.store.guard import Guard

RECORDS_OF_BUNDLE_MAX = 1_024
"""Records remembered of one bundle, the latest ones; they go with their bundle at the latest."""


class SentRecord(NamedTuple):
    """One record that carried a bundle, or a part of it. ``frame`` is what is sent again; empty where nothing is."""

    peer: int
    salt: int
    counter: int
    seq: int
    frame: bytes
    place: int = 0
    """Of the bundle among those of a batch, from 1 on; 0: it is alone. Each bundle of a batch has a row of its own."""


class HeardRecord(NamedTuple):
    """The record by which a bundle came, so that later evidence can be told to whoever sent it."""

    seq: int
    peer: int
    salt: int
    counter: int
    place: int = 0
    """As SentRecord.place."""


class AirState(Shelf):
    """The part of the store's file that serves the air format."""

    guard: Guard = MemoryGuard()
    """Set when the store is opened."""

    # States by peer and what they are of: "send", "receive", "transfers"

    def air_state(self, peer: int, part: str) -> bytes | None:
        """Return a state as it was last put; None when there is none or it is damaged (it then counts as lost)."""
        rows = self._db.execute("SELECT * FROM air_state WHERE peer = ? AND part = ?", (peer, part)).fetchall()
        row = self._checked_air("air_state", rows)
        return None if row is None else bytes(row[2])

    def air_state_put(self, peer: int, part: str, body: bytes) -> None:
        """Keep a state."""
        self._db.execute("INSERT OR REPLACE INTO air_state VALUES (?, ?, ?, ?)", sealed(peer, part, body))

    def air_state_drop(self, peer: int, part: str) -> None:
        """Forget a state."""
        self._db.execute("DELETE FROM air_state WHERE peer = ? AND part = ?", (peer, part))

    def air_states(self, part: str, limit: int) -> list[tuple[int, bytes]]:
        """Return peers with their state of one part, by address."""
        rows = self._db.execute(
            "SELECT * FROM air_state WHERE part = ? ORDER BY peer LIMIT ?", (part, limit)
        ).fetchall()
        good = (self._checked_air("air_state", [row]) for row in rows)
        return [(int(row[0]), bytes(row[2])) for row in good if row is not None]

    # Records sent and heard

    def air_sent(self, record: SentRecord) -> None:
        """Remember which record carries a bundle."""
        count = self._db.execute("SELECT count(*) FROM air_sent WHERE seq = ?", (record.seq,)).fetchall()
        if count[0][0] >= RECORDS_OF_BUNDLE_MAX:
            self._db.execute(
                "DELETE FROM air_sent WHERE (peer, salt, counter, place) = "
                "(SELECT peer, salt, counter, place FROM air_sent WHERE seq = ? ORDER BY salt, counter LIMIT 1)",
                (record.seq,),
            )
        self._db.execute("INSERT OR REPLACE INTO air_sent VALUES (?, ?, ?, ?, ?, ?, ?)", sealed(*record))

    def air_record_of(self, seq: int, peer: int) -> SentRecord | None:
        """Return the latest record that carries a whole bundle to a peer and is not settled."""
        rows = self._db.execute(
            "SELECT * FROM air_sent WHERE seq = ? AND peer = ? AND length(frame) > 0 ORDER BY salt DESC, counter DESC LIMIT 1",
            (seq, peer),
        ).fetchall()
        return next(iter(self._sent_records(rows)), None)

    def air_carried(self, peer: int, salt: int, first: int, last: int) -> list[SentRecord]:
        """Return the bundles in records to a peer in a session with counters from ``first`` to ``last``.

        Only of those that carried whole bundles and are not settled.
        """
        rows = self._db.execute(
            "SELECT * FROM air_sent WHERE peer = ? AND salt = ? AND counter BETWEEN ? AND ? AND length(frame) > 0",
            (peer, salt, first, last),
        ).fetchall()
        return self._sent_records(rows)

    def air_carried_by(self, peer: int, salt: int, counter: int) -> list[SentRecord]:
        """Return the bundles that one record carried, or a part of, by place; settled or not."""
        rows = self._db.execute(
            "SELECT * FROM air_sent WHERE peer = ? AND salt = ? AND counter = ? ORDER BY place", (peer, salt, counter)
        ).fetchall()
        return self._sent_records(rows)

    def _sent_records(self, rows: Sequence[Sequence[Any]]) -> list[SentRecord]:
        good = (self._checked_air("air_sent", [row]) for row in rows)
        return [SentRecord._make(row) for row in good if row is not None]

    def air_settled(self, record: SentRecord) -> None:
        """Note that a bundle needs no repeat of its record: the peer has it. The bytes go; what was carried stays known."""
        self.air_sent(record._replace(frame=b""))

    def air_heard(self, record: HeardRecord) -> None:
        """Remember by which record a bundle came."""
        self._db.execute("INSERT OR REPLACE INTO air_heard VALUES (?, ?, ?, ?, ?, ?)", sealed(*record))

    def air_heard_by(self, peer: int, salt: int, counter: int) -> list[int]:
        """Return the numbers of the bundles that came by a record."""
        rows = self._db.execute(
            "SELECT * FROM air_heard WHERE peer = ? AND salt = ? AND counter = ? ORDER BY place", (peer, salt, counter)
        ).fetchall()
        good = (self._checked_air("air_heard", [row]) for row in rows)
        return [int(row[0]) for row in good if row is not None]

    def air_heard_as(self, seq: int) -> HeardRecord | None:
        """Return the record by which a bundle came, if it came by one."""
        rows = self._db.execute("SELECT * FROM air_heard WHERE seq = ?", (seq,)).fetchall()
        row = self._checked_air("air_heard", rows)
        return None if row is None else HeardRecord(*row)

    # The guard

    def air_mark(self) -> GuardMark | None:
        """Return what this file believes of its guard."""
        rows = self._db.execute("SELECT * FROM air_guard").fetchall()
        row = self._checked_air("air_guard", rows)
        return None if row is None else GuardMark(*row[1:])

    def air_is_restored(self) -> bool:
        """Tell whether this file is not the one that the guard belongs to: counters may have been used since."""
        return self.guard.read() != self.air_mark()

    def air_advance(self, salt: int) -> None:
        """Change the guard and this file together, before a reservation of counters counts. Raises StoreFailed."""
        old, own = self.guard.read(), self.air_mark()
        marks = [mark for mark in (old, own) if mark is not None]
        number = 1 + max((mark.number for mark in marks), default=0)
        try:
            mark = self.guard.write(number, max([salt, *(mark.salt for mark in marks)]))
        except OSError as error:
            raise StoreFailed(
                f"store: the guard of the counters cannot be written ({error}); check free space"
            ) from error
        self._db.execute("INSERT OR REPLACE INTO air_guard VALUES (?, ?, ?, ?, ?)", sealed(1, *_plain(mark)))

    def air_salt_max(self) -> int:
        """Return the largest salt that this gateway is known to have used."""
        return max((mark.salt for mark in (self.guard.read(), self.air_mark()) if mark is not None), default=0)

    def _checked_air(self, table: str, rows: Sequence[Sequence[Any]]) -> tuple[Any, ...] | None:
        if not rows:
            return None
        try:
            return checked(rows[0])
        except BadRecord as error:
            self._quarantine(table, rows[0], str(error))
            return None


def _plain(mark: GuardMark) -> tuple[int, int, str]:
    return mark.number, mark.salt, mark.file
