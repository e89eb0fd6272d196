"""What the bus has not been told yet: the state of every order, each time it changes.

The note is written in the transaction of the change, so a receipt for the author survives a power cut and a dead broker.
One note a bundle: what lies between two publications is in the history, the author gets the latest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.explain import Explain
from gateway.store.records import STATE_CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.model import Bundle, BundleState


class Untold(Explain):
    """The part of the outbox that owes receipts to those who order."""

    def untold(self, limit: int) -> list[Bundle]:
        """Return up to `limit` orders whose present state the bus does not know, oldest first."""
        rows = self._db.execute(
            "SELECT bundle.* FROM untold JOIN bundle ON bundle.seq = untold.seq ORDER BY untold.seq LIMIT ?", (limit,)
        ).fetchall()
        return [stored.bundle() for stored in self._read(rows)]

    def told(self, states: Iterable[tuple[int, BundleState]]) -> None:
        """Note that the bus knows these; one that has moved on meanwhile stays untold."""
        for seq, state in states:
            self._db.execute("DELETE FROM untold WHERE seq = ? AND state = ?", (seq, STATE_CODES[state]))
