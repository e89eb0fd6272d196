"""Group commit: what waits shares one transaction and one fsync; a function that fails takes only its own part back."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.store.errors import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.clock import TimelineMark
    from gateway.store.connection import Connection
    from gateway.store.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one function: a value, or the error its caller gets."""

    value: Any = None
    error: BaseException | None = None


def commit(
    connection: Connection,
    outbox: Outbox,
    mark: Callable[[], TimelineMark],
    functions: Sequence[Callable[[Outbox], Any]],
) -> list[Done]:
    """Run functions in one transaction, each in its own savepoint; return only after the fsync.

    When the disk fails every function gets StoreFailed, the counters go back, and the next commit starts clean.
    """
    before = outbox.snapshot()
    try:
        connection.execute("BEGIN IMMEDIATE")
        changes = connection.total_changes
        done = [_guarded(connection, outbox, function) for function in functions]
        if connection.total_changes != changes:
            outbox.save_standing(mark())
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(connection)
        outbox.restore(before)
        failed = StoreFailed(_explain(error))
        return [Done(error=failed)] * len(functions)
    except BaseException:
        _roll_back(connection)
        outbox.restore(before)
        raise
    return done


def _guarded(connection: Connection, outbox: Outbox, function: Callable[[Outbox], Any]) -> Done:
    before = outbox.snapshot()
    connection.execute("SAVEPOINT one")
    try:
        value = function(outbox)
    except Exception as error:
        if not connection.in_transaction:
            raise  # SQLite has taken the whole transaction back: nobody's part is kept
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        outbox.restore(before)
        if isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError):
            failed = StoreFailed(_explain(error))
            failed.__cause__ = error
            return Done(error=failed)
        return Done(error=error)
    connection.execute("RELEASE one")
    return Done(value)


def _roll_back(connection: Connection) -> None:
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            assert not connection.in_transaction, "a rollback that fails leaves nothing open"


def _explain(error: sqlite3.Error) -> str:
    found = getattr(error, "sqlite_errorname", type(error).__name__)
    return (
        f"store: the disk did not take it ({found}: {error}); nothing of it was kept. "
        "Check free space and that the file system is writable; it goes on by itself when the disk does"
    )
