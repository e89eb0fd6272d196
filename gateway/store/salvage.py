"""Taking over what is still whole in an unreadable store file: open bundles, duplicate keys, stations, memories.

One bad page must not cost the reports on the thousand good ones. Every record has a CRC, so whole means proven whole.
The old file is only read (SQLite may fold its WAL in); what was closed stays in it for whoever looks into it later.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gateway.clock import TimelineMark
from gateway.store import standing as standings
from gateway.store.limits import SALVAGE_ROWS_MAX
from gateway.store.records import BadRecord, checked, stored_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.store.outbox import Outbox

CHUNK_ROWS = 100
"""Numbers asked for together; after an error each of them is asked for alone."""

SEQ_GAP = 1_000
"""Numbers skipped behind the highest one found: later ones may be on a page that could not be read."""

SEQ_BELIEVED_MAX = 1 << 40
"""A higher number is a damaged one: a thousand messages a second for thirty years stay below it."""

WHOLE_TABLES = (
    ("SELECT * FROM duplicate ORDER BY key", "INSERT OR IGNORE INTO duplicate VALUES (?, ?, ?, ?, ?, ?)", "duplicate"),
    (
        "SELECT * FROM duplicate ORDER BY key DESC",
        "INSERT OR IGNORE INTO duplicate VALUES (?, ?, ?, ?, ?, ?)",
        "duplicate",
    ),
    ("SELECT * FROM station ORDER BY id", "INSERT OR IGNORE INTO station VALUES (?, ?, ?)", "station"),
    ("SELECT * FROM station ORDER BY id DESC", "INSERT OR IGNORE INTO station VALUES (?, ?, ?)", "station"),
    ("SELECT * FROM memory ORDER BY link, key", "INSERT OR IGNORE INTO memory VALUES (?, ?, ?, ?, ?)", ""),
    ("SELECT * FROM memory ORDER BY link DESC, key DESC", "INSERT OR IGNORE INTO memory VALUES (?, ?, ?, ?, ?)", ""),
)
"""Small tables, read from both ends up to the first damage on each side."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """How much was taken over."""

    bundles: int = 0
    """Open bundles, with their old ids."""
    others: int = 0
    """Duplicate keys, stations and link memories."""
    damaged: int = 0
    """Records that were found and are not whole."""


def lenient_text(raw: bytes) -> str:
    """Decode a stored text. A damaged one must reach the CRC check as it is, not end the read."""
    return raw.decode("utf-8", "surrogateescape")


def salvage(aside: Path, connection: sqlite3.Connection, outbox: Outbox) -> Salvaged:
    """Copy what is whole from the file `aside` into a fresh store, in one transaction; nothing if it is hopeless."""
    old = sqlite3.connect(aside, isolation_level=None)
    try:
        old.text_factory = lenient_text
        for pragma in ("PRAGMA locking_mode = EXCLUSIVE", "PRAGMA query_only = ON"):
            old.execute(pragma).fetchall()
        old.execute("SELECT count(*) FROM sqlite_master").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        salvaged = _copy(old, connection, outbox)
        connection.execute("COMMIT")
    except (sqlite3.DatabaseError, UnicodeDecodeError):  # the latter: an error of SQLite's that quotes a damaged name
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return Salvaged()
    finally:
        old.close()
    return salvaged


def _copy(old: sqlite3.Connection, connection: sqlite3.Connection, outbox: Outbox) -> Salvaged:
    next_seq, mark = _standing(old)
    last = next_seq - 1 if next_seq else _last_seq(old)
    bundles = damaged = 0
    latest_s = 0.0
    for row in _bundle_rows(old, last):
        try:
            stored = stored_of(row)
        except BadRecord:
            damaged += 1
            continue
        latest_s = max(latest_s, stored.accepted_s)
        if stored.moving.is_open:
            outbox.take_over(replace(stored, moving=replace(stored.moving, events=1)))
            bundles += 1
    others = 0
    for query, insert, table in WHOLE_TABLES:
        copied, bad = _copy_table(old, connection, query, insert)
        outbox.note_rows(table, copied)
        others += copied
        damaged += bad
    outbox.index_stations()
    # Without the old mark the timeline goes on from the last arrival that is known, so nothing expires too early.
    outbox.go_on_from(last + SEQ_GAP if last else 1, mark or _untrusted_mark(latest_s))
    return Salvaged(bundles, others, damaged)


def _standing(old: sqlite3.Connection) -> tuple[int, TimelineMark | None]:
    """Return the old file's next number and mark; ``(0, None)`` when they cannot be read."""
    try:
        standing = standings.load(old)
    except (BadRecord, KeyError, TypeError, ValueError, sqlite3.DatabaseError):
        return 0, None
    return standing.next_seq, standing.mark


def _untrusted_mark(timeline_s: float) -> TimelineMark:
    return TimelineMark(timeline_s, 0.0, 0.0, wall_trusted=False, boot_id="")


def _last_seq(old: sqlite3.Connection) -> int:
    try:
        rows = old.execute("SELECT seq FROM bundle ORDER BY seq DESC LIMIT 1").fetchall()
    except sqlite3.DatabaseError:
        return SALVAGE_ROWS_MAX
    last = int(rows[0][0]) if rows else 0
    return last if last < SEQ_BELIEVED_MAX else SALVAGE_ROWS_MAX


def _bundle_rows(old: sqlite3.Connection, last: int) -> Iterator[Any]:
    for first in range(max(1, last - SALVAGE_ROWS_MAX + 1), last + 1, CHUNK_ROWS):
        try:
            yield from old.execute(
                "SELECT * FROM bundle WHERE seq >= ? AND seq < ? ORDER BY seq", (first, first + CHUNK_ROWS)
            ).fetchall()
        except sqlite3.DatabaseError:
            yield from _one_by_one(old, first)


def _one_by_one(old: sqlite3.Connection, first: int) -> Iterator[Any]:
    for seq in range(first, first + CHUNK_ROWS):
        try:
            yield from old.execute("SELECT * FROM bundle WHERE seq = ?", (seq,)).fetchall()
        except sqlite3.DatabaseError:
            continue


def _copy_table(old: sqlite3.Connection, connection: sqlite3.Connection, query: str, insert: str) -> tuple[int, int]:
    """Copy a table's rows that are whole, up to the first page that cannot be read."""
    before, bad = connection.total_changes, 0
    rows = old.execute(query)
    while True:
        try:
            row = rows.fetchone()
        except sqlite3.DatabaseError:
            break
        if row is None:
            break
        try:
            checked(row)
        except BadRecord:
            bad += 1
            continue
        connection.execute(insert, row)
    return connection.total_changes - before, bad
