"""What the store needs of a database connection: less than sqlite3 offers, so that tests can put a recorder in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Cursor(Protocol):
    """The rows of one statement."""

    def fetchone(self) -> Any:
        """Return the next row as a tuple, or None."""

    def fetchall(self) -> list[Any]:
        """Return the remaining rows."""


class Connection(Protocol):
    """One connection in autocommit mode: transactions begin and end where the code says so."""

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open; SQLite closes it by itself after some errors."""

    @property
    def total_changes(self) -> int:
        """Return the number of rows changed since the connection was opened."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """Run one statement; values travel as parameters only."""

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Cursor:
        """Run one statement for each of many parameter rows."""
