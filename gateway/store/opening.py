"""Opening the store file: alone, checked, and never refusing to start because of what is in it.

A file that cannot be read is renamed aside, a fresh one is made, and what is whole in the old one is taken over: a
gateway that accepts reports again is worth more than one that stands still over a broken card. The caller gets an
OpenReport and must say it loudly.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.clock import Timeline
from gateway.store import schema
from gateway.store.errors import StoreFailed, StoreLocked
from gateway.store.facade import Store
from gateway.store.guard import FileGuard
from gateway.store.limits import ASIDE_MAX, Limits
from gateway.store.outbox import Outbox
from gateway.store.salvage import Salvaged, lenient_text, salvage

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from gateway.clock import Clock, TimelineMark

DAMAGE = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ}
)
"""Errors that say that the content is bad; others (full, read-only, no permission) say that the place is."""

PARTS = ("", "-wal", "-journal", "-shm")


@dataclass(frozen=True, slots=True)
class OpenReport:
    """What was found when the store was opened."""

    path: str
    created: bool
    """The file is new (or fresh after an unreadable one)."""
    aside: str | None
    """Where the unreadable file is now."""
    aside_reason: str
    salvaged: Salvaged
    """What of an unreadable file could still be read and was taken over."""
    recounted: bool
    """The counters were damaged and were counted anew from the tables."""
    epoch: str
    open_bundles: int
    last_mark: TimelineMark | None
    sqlite_version: str

    @property
    def alarm(self) -> str:
        """Return what has to be said loudly, or nothing."""
        if self.aside is not None:
            return (
                f"store: {self.path} could not be read ({self.aside_reason}). It was kept as {self.aside} and a fresh "
                f"store was started with what was still whole in it: {self.salvaged.bundles} open bundles, "
                f"{self.salvaged.others} other records; {self.salvaged.damaged} were damaged, more may be missing. "
                "Check the card or disk and keep the file"
            )
        if self.recounted:
            return f"store: the counters of {self.path} were damaged and were counted anew; check the card or disk"
        return ""


class OpenFile:
    """An open connection, its outbox and the lock that keeps others out."""

    def __init__(self, connection: sqlite3.Connection, outbox: Outbox, lock: int) -> None:
        self.connection = connection
        self.outbox = outbox
        self._lock = lock

    def abandon(self) -> None:
        """Close without writing anything more."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        self.connection.close()
        os.close(self._lock)

    def close(self, mark: Callable[[], TimelineMark]) -> None:
        """Write the mark, fold the WAL into the file and let others in."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            self.outbox.save_standing(mark())
            self.connection.execute("COMMIT")
        except sqlite3.Error:
            # The mark of the last commit stays; the timeline then misses the time since, which loses nothing.
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        finally:
            self.connection.close()
            os.close(self._lock)


def open_store(
    path: str | os.PathLike[str], *, gateway: str, clock: Clock, rng: random.Random, limits: Limits | None = None
) -> tuple[Store, OpenReport]:
    """Open or make a store file (mode 0600) and return it with what was found.

    Raises StoreLocked when another process has it, StoreFailed when the place is unusable or the file is newer than
    this program. Blocks for the check of the file, about 0.4 s at a million bundles.
    """
    where = Path(path)
    limits = limits or Limits()
    lock = _lock(where)
    try:
        aside, reason = None, ""
        try:
            connection, created = _connect(where, limits)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            reason = str(error)
            aside = _move_aside(where)
            connection, _ = _connect(where, limits)
            created = True
        outbox, recounted = Outbox.load(connection, gateway, rng, limits)
        outbox.guard = FileGuard(where.with_name("air.guard"))
        salvaged = Salvaged() if aside is None else salvage(Path(aside), connection, outbox)
    except (OSError, sqlite3.Error) as error:
        os.close(lock)
        raise StoreFailed(
            f"store: {where} cannot be opened ({error}); check that the directory exists, is writable and has space"
        ) from error
    except BaseException:
        os.close(lock)
        raise
    last_mark = outbox.mark
    report = OpenReport(
        path=str(where),
        created=created,
        aside=aside,
        aside_reason=reason,
        salvaged=salvaged,
        recounted=recounted,
        epoch=outbox.epoch,
        open_bundles=sum(outbox.open_counts().values()),
        last_mark=last_mark,
        sqlite_version=sqlite3.sqlite_version,
    )
    return Store(OpenFile(connection, outbox, lock), Timeline(clock, last_mark)), report


def _lock(where: Path) -> int:
    """Hold a lock file beside the store. SQLite's own lock would do against us, but could not say who has it."""
    beside = where.with_name(where.name + ".lock")
    try:
        lock = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreFailed(f"store: {beside} cannot be made ({error}); check the directory and its owner") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise StoreLocked(
            f"store: {where} is in use by process {holder}; stop that gateway or configure another path"
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock


def _connect(where: Path, limits: Limits) -> tuple[sqlite3.Connection, bool]:
    os.close(os.open(where, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(where, isolation_level=None, check_same_thread=False)
    try:
        # A damaged text must reach the CRC check as it is, not end the read.
        connection.text_factory = lenient_text
        schema.configure(connection, limits)
        version = schema.version_of(connection)
        if version == 0:
            schema.create(connection)
        else:
            _check(connection)
            schema.upgrade(connection, version)
            schema.set_pages_max(connection, limits.pages_max)
    except UnicodeDecodeError as error:
        # The words of SQLite's own error quote a damaged name, and Python cannot read them.
        connection.close()
        raise _corrupt(f"malformed schema ({error.reason})") from None
    except BaseException:
        connection.close()
        raise
    return connection, version == 0


def _check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchall()[0][0]
    if found != "ok":
        raise _corrupt(f"quick_check: {found}")


def _corrupt(text: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return code in DAMAGE or code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _move_aside(where: Path) -> str:
    """Rename the file and its WAL aside; the oldest of ASIDE_MAX earlier ones makes room. The directory is synced."""
    names = [where.with_name(f"{where.name}.unreadable-{number}") for number in range(1, ASIDE_MAX + 1)]
    free = [one for one in names if not one.exists()]
    aside = free[0] if free else min(names, key=lambda one: one.stat().st_mtime_ns)
    for part in PARTS:
        piece = where.with_name(where.name + part)
        if piece.exists():
            piece.rename(aside.with_name(aside.name + part))
        elif part:
            aside.with_name(aside.name + part).unlink(missing_ok=True)
    directory = os.open(where.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return str(aside)
