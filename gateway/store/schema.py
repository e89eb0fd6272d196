"""The tables, their indexes and the settings of the connection.

One row a bundle, in two halves with a CRC-32 each: *moving* (what routing changes, small, rewritten often) and *fixed*
(what its author said). Partial indexes hold open bundles only, so their size follows the queue and not the history.
State codes are ordered so that two comparisons pick what is needed: ``state < 4`` is waiting, ``state < 5`` is open.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from gateway.store.errors import StoreFailed
from gateway.store.records import BadRecord, checked, sealed

if TYPE_CHECKING:
    from gateway.store.connection import Connection
    from gateway.store.limits import Limits

SCHEMA_VERSION = 3
"""2 added the tables of the air format; 3 places in batches, what a bundle is worth at a cap and what replaces it."""

TABLES = (
    """
    CREATE TABLE standing(
        one INTEGER PRIMARY KEY CHECK (one = 1), body BLOB NOT NULL, crc INTEGER NOT NULL
    ) STRICT""",
    """
    CREATE TABLE bundle(
        seq INTEGER PRIMARY KEY,
        direction INTEGER NOT NULL, precedence INTEGER NOT NULL, lane TEXT NOT NULL, state INTEGER NOT NULL,
        evidence INTEGER NOT NULL, attempts INTEGER NOT NULL, due_s REAL NOT NULL, expires_s REAL NOT NULL,
        closed_s REAL NOT NULL, tried TEXT NOT NULL, reason TEXT NOT NULL, events INTEGER NOT NULL,
        moving_crc INTEGER NOT NULL,
        id TEXT NOT NULL, source TEXT NOT NULL, destination TEXT NOT NULL, parent TEXT, external_id TEXT NOT NULL,
        reply_to TEXT, heard_on TEXT NOT NULL, author_link TEXT NOT NULL, author_peer TEXT NOT NULL,
        lifetime_s REAL NOT NULL, created_wall_s REAL NOT NULL, clock_trusted INTEGER NOT NULL,
        accepted_s REAL NOT NULL, duplicate_key BLOB, fixed_crc INTEGER NOT NULL, body BLOB NOT NULL,
        topic TEXT NOT NULL DEFAULT '', worth INTEGER NOT NULL DEFAULT 1
    ) STRICT""",
    "CREATE INDEX bundle_ready ON bundle(lane, precedence, due_s, seq) WHERE state < 4",
    "CREATE INDEX bundle_expiry ON bundle(expires_s, seq) WHERE state < 5",
    "CREATE INDEX bundle_closed ON bundle(closed_s, seq) WHERE state >= 5",
    "CREATE INDEX bundle_for ON bundle(destination, seq) WHERE state < 5 AND direction = 1",
    "CREATE INDEX bundle_unsent ON bundle(source, seq, lane) WHERE state < 5 AND evidence = 0 AND direction = 0",
    "CREATE INDEX bundle_parent ON bundle(parent, seq) WHERE parent IS NOT NULL",
    "CREATE INDEX bundle_external ON bundle(external_id, seq) WHERE external_id <> ''",
    """
    CREATE TABLE event(
        seq INTEGER NOT NULL, number INTEGER NOT NULL, at_s REAL NOT NULL, kind TEXT NOT NULL, link TEXT NOT NULL,
        outcome TEXT, ended_s REAL, words TEXT NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (seq, number)
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE untold(seq INTEGER PRIMARY KEY, state INTEGER NOT NULL) STRICT",
    "CREATE INDEX event_unanswered ON event(seq, number) WHERE kind = 'try' AND outcome IS NULL",
    """
    CREATE TABLE duplicate(
        key BLOB NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, id TEXT NOT NULL, until_s REAL NOT NULL,
        state INTEGER NOT NULL, crc INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX duplicate_until ON duplicate(until_s)",
    """
    CREATE TABLE owed(
        peer TEXT NOT NULL, seq INTEGER NOT NULL, link TEXT NOT NULL, precedence INTEGER NOT NULL,
        level TEXT NOT NULL, created_s REAL NOT NULL, not_before_s REAL NOT NULL, crc INTEGER NOT NULL,
        PRIMARY KEY (peer, seq)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX owed_ready ON owed(link, precedence, not_before_s)",
    "CREATE INDEX owed_age ON owed(precedence, created_s)",
    "CREATE TABLE spoken(peer TEXT NOT NULL PRIMARY KEY, at_s REAL NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX spoken_at ON spoken(at_s)",
    "CREATE TABLE station(id TEXT NOT NULL PRIMARY KEY, body BLOB NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    """
    CREATE TABLE station_key(
        kind TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (kind, value, id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX station_key_of ON station_key(id)",
    """
    CREATE TABLE place(
        source TEXT NOT NULL PRIMARY KEY, lat REAL NOT NULL, lon REAL NOT NULL, height_m REAL, at_s REAL NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX place_at ON place(at_s)",
    """
    CREATE TABLE memory(
        link TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at_s REAL NOT NULL, crc INTEGER NOT NULL,
        PRIMARY KEY (link, key)
    ) STRICT, WITHOUT ROWID""",
    """
    CREATE TABLE quarantine(
        number INTEGER PRIMARY KEY, at_s REAL NOT NULL, of_table TEXT NOT NULL, reason TEXT NOT NULL, raw BLOB NOT NULL
    ) STRICT""",
)

WORTH_INDEXES = (
    "CREATE INDEX bundle_open ON bundle(precedence, worth, seq) WHERE state < 5",
    """
    CREATE INDEX bundle_latest ON bundle(source, topic, destination, seq)
    WHERE state < 4 AND evidence = 0 AND topic <> '' AND lane <> 'bus'""",
    "CREATE INDEX bundle_answer ON bundle(reply_to) WHERE reply_to IS NOT NULL",
)
"""See worth.py. The bus takes every report, so what waits for it is never replaced and costs no index."""

WORTH_UPGRADE = (
    "DROP INDEX IF EXISTS bundle_open",
    "ALTER TABLE bundle ADD COLUMN topic TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE bundle ADD COLUMN worth INTEGER NOT NULL DEFAULT 1",
    # The body is our own JSON with the kind in front; a damaged one is compared like any other bytes.
    """
    UPDATE bundle SET worth = 0 WHERE precedence = 0 OR substr(body, 1, 13) = CAST('{"kind":"sos"' AS BLOB)""",
    """
    UPDATE bundle SET worth = 2
    WHERE precedence = 3 AND reply_to IS NULL AND (
        substr(body, 1, 18) = CAST('{"kind":"position"' AS BLOB) OR substr(body, 1, 16) = CAST('{"kind":"sensor"' AS BLOB)
    )""",
    """
    UPDATE bundle SET topic = 'position'
    WHERE worth = 2 AND direction = 0 AND parent IS NULL
        AND substr(body, 1, 18) = CAST('{"kind":"position"' AS BLOB)""",
    *WORTH_INDEXES,
)
"""Readings of sensors in an older file get their topic by the sweep; until then nothing replaces them."""

AIR_TABLES = (
    """
    CREATE TABLE air_state(
        peer INTEGER NOT NULL, part TEXT NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (peer, part)
    ) STRICT, WITHOUT ROWID""",
    """
    CREATE TABLE air_guard(
        one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, salt INTEGER NOT NULL, file TEXT NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT""",
)

AIR_RECORD_TABLES = (
    """
    CREATE TABLE air_sent(
        peer INTEGER NOT NULL, salt INTEGER NOT NULL, counter INTEGER NOT NULL, seq INTEGER NOT NULL,
        frame BLOB NOT NULL, place INTEGER NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (peer, salt, counter, place)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX air_sent_of ON air_sent(seq)",
    """
    CREATE TABLE air_heard(
        seq INTEGER PRIMARY KEY, peer INTEGER NOT NULL, salt INTEGER NOT NULL, counter INTEGER NOT NULL,
        place INTEGER NOT NULL, crc INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX air_heard_by ON air_heard(peer, salt, counter)",
)
"""One row a bundle: a record that carries several has as many, each with all of its bytes."""

WITHOUT_PLACES = (
    "DROP INDEX air_sent_of",
    "DROP INDEX air_heard_by",
    "ALTER TABLE air_sent RENAME TO air_sent_2",
    "ALTER TABLE air_heard RENAME TO air_heard_2",
)
"""What puts the tables of version 2 aside."""

PAGES_WHILE_UPGRADING = 1 << 30
"""A file at its cap must not keep a newer program from starting; the caller sets the cap again."""


def configure(connection: Connection, limits: Limits) -> None:
    """Set what a connection forgets when it closes. The order matters: locking before the first look at the WAL.

    FULL, since NORMAL loses acknowledged commits in a power cut. Exclusive locking keeps every other process out and
    the WAL index in memory. ``auto_vacuum`` counts only for a file that has no tables yet.
    """
    for pragma in (
        "PRAGMA locking_mode = EXCLUSIVE",
        "PRAGMA page_size = 4096",
        "PRAGMA auto_vacuum = INCREMENTAL",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA wal_autocheckpoint = 1000",
        "PRAGMA journal_size_limit = 8388608",
        "PRAGMA cache_size = -8000",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA trusted_schema = OFF",
    ):
        connection.execute(pragma).fetchall()
    set_pages_max(connection, limits.pages_max)


def set_pages_max(connection: Connection, pages: int) -> None:
    """Cap the file. A pragma takes no parameter, so the number is checked to be one and written out."""
    assert isinstance(pages, int), "pages is a whole number"
    statement = "PRAGMA max_page_count = " + str(int(pages))
    connection.execute(statement).fetchall()


def create(connection: Connection) -> None:
    """Make the tables of a new file in one transaction; a power cut leaves all or none."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in (*TABLES, *WORTH_INDEXES, *AIR_TABLES, *AIR_RECORD_TABLES):
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 3")
    connection.execute("COMMIT")


def upgrade(connection: Connection, version: int) -> None:
    """Bring a file of an older program up to date in one transaction; a power cut leaves the old or the new one."""
    if version >= SCHEMA_VERSION:
        return
    set_pages_max(connection, PAGES_WHILE_UPGRADING)
    connection.execute("BEGIN IMMEDIATE")
    for statement in AIR_TABLES if version < 2 else WITHOUT_PLACES:
        connection.execute(statement)
    for statement in AIR_RECORD_TABLES:
        connection.execute(statement)
    if version == 2:
        _give_places(connection)
    for statement in WORTH_UPGRADE:
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 3")
    connection.execute("COMMIT")


def _give_places(connection: Connection) -> None:
    """Take the records of version 2 over, of which each carried one bundle; a damaged one counts as lost."""
    sent = connection.execute("SELECT * FROM air_sent_2")
    while (row := sent.fetchone()) is not None:
        with contextlib.suppress(BadRecord):
            connection.execute("INSERT INTO air_sent VALUES (?, ?, ?, ?, ?, ?, ?)", sealed(*checked(row), 0))
    heard = connection.execute("SELECT * FROM air_heard_2")
    while (row := heard.fetchone()) is not None:
        with contextlib.suppress(BadRecord):
            connection.execute("INSERT INTO air_heard VALUES (?, ?, ?, ?, ?, ?)", sealed(*checked(row), 0))
    connection.execute("DROP TABLE air_sent_2")
    connection.execute("DROP TABLE air_heard_2")


def version_of(connection: Connection) -> int:
    """Return the file's schema version; 0 is an empty file. Raise StoreFailed for one from a newer program."""
    version = int(connection.execute("PRAGMA user_version").fetchall()[0][0])
    if version > SCHEMA_VERSION:
        raise StoreFailed(
            f"store: the file has schema version {version}, this program knows {SCHEMA_VERSION}; "
            "install the newer program again or configure another path"
        )
    return version
