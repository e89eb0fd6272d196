"""The tables, their indexes and the settings of the connection.

One row a bundle, in two halves with a CRC-32 each: *moving* (what routing changes, small, rewritten often) and *fixed*
(what its author said). Partial indexes hold open bundles only, so their size follows the queue and not the history.
State codes are ordered so that two comparisons pick what is needed: ``state < 4`` is waiting, ``state < 5`` is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.errors import StoreFailed

if TYPE_CHECKING:
    from gateway.store.connection import Connection
    from gateway.store.limits import Limits

SCHEMA_VERSION = 2
"""2 added the tables of the air format."""

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
        accepted_s REAL NOT NULL, duplicate_key BLOB, fixed_crc INTEGER NOT NULL, body BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX bundle_ready ON bundle(lane, precedence, due_s, seq) WHERE state < 4",
    "CREATE INDEX bundle_open ON bundle(precedence, seq) WHERE state < 5",
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

AIR_TABLES = (
    """
    CREATE TABLE air_state(
        peer INTEGER NOT NULL, part TEXT NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (peer, part)
    ) STRICT, WITHOUT ROWID""",
    """
    CREATE TABLE air_sent(
        peer INTEGER NOT NULL, salt INTEGER NOT NULL, counter INTEGER NOT NULL, seq INTEGER NOT NULL,
        frame BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (peer, salt, counter)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX air_sent_of ON air_sent(seq)",
    """
    CREATE TABLE air_heard(
        seq INTEGER PRIMARY KEY, peer INTEGER NOT NULL, salt INTEGER NOT NULL, counter INTEGER NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX air_heard_by ON air_heard(peer, salt, counter)",
    """
    CREATE TABLE air_guard(
        one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, salt INTEGER NOT NULL, file TEXT NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT""",
)


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
    for statement in (*TABLES, *AIR_TABLES):
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 2")
    connection.execute("COMMIT")


def upgrade(connection: Connection, version: int) -> None:
    """Bring a file of an older program up to date in one transaction; a power cut leaves the old or the new one."""
    if version < 2:
        connection.execute("BEGIN IMMEDIATE")
        for statement in AIR_TABLES:
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 2")
        connection.execute("COMMIT")


def version_of(connection: Connection) -> int:
    """Return the file's schema version; 0 is an empty file. Raise StoreFailed for one from a newer program."""
    version = int(connection.execute("PRAGMA user_version").fetchall()[0][0])
    if version > SCHEMA_VERSION:
        raise StoreFailed(
            f"store: the file has schema version {version}, this program knows {SCHEMA_VERSION}; "
            "install the newer program again or configure another path"
        )
    return version
