"""Transfer numbers: 128 of them, from one sending peer in one direction and one key epoch, used over and over.

A number may come round again while the receiver still remembers its last transfer. That is no danger: a receiver tells
by a symbol whether it belongs to what it has finished (``held.Finished``), and a mixture of two contents fails its check
(``block``). But it costs symbols when the last transfer was left unfinished, so a number that ended so rests for as long
as the receiver may hold it, as far as there are others. A sender that has lost this state may begin anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import TRANSFERS

if TYPE_CHECKING:
    from collections.abc import Mapping

OPEN_PER_PEER_MAX = 8
"""Transfers open at once from one peer to another; a receiver keeps no more."""

KEEP_S = 6 * 3600.0
"""How long a receiver remembers a transfer after its last fragment, open or finished."""


class Numbers:
    """Gives the transfers to one peer their numbers, and takes them back."""

    def __init__(self, *, first: int = 0) -> None:
        self._next = first % TRANSFERS
        self._open: set[int] = set()
        self._resting: dict[int, float] = {}
        """When a number was left unfinished, longest ago first."""

    @property
    def open(self) -> frozenset[int]:
        """Numbers of open transfers."""
        return frozenset(self._open)

    def take(self, now: float) -> int | None:
        """Return the number of a new transfer; None while ``OPEN_PER_PEER_MAX`` are open."""
        if len(self._open) >= OPEN_PER_PEER_MAX:
            return None
        self._resting = {number: since for number, since in self._resting.items() if now - since < KEEP_S}
        in_turn = ((self._next + step) % TRANSFERS for step in range(TRANSFERS))
        free = [number for number in in_turn if number not in self._open]
        number = next((number for number in free if number not in self._resting), None)
        if number is None:
            number = next(number for number in self._resting if number not in self._open)
        self._resting.pop(number, None)
        self._open.add(number)
        self._next = (number + 1) % TRANSFERS
        return number

    def end(self, number: int, now: float, *, complete: bool) -> None:
        """Close a transfer, no fragment of which goes out any more; raise FragmentError when it is not open.

        ``complete`` only when its receiver said so.
        """
        if number not in self._open:
            raise FragmentError("unknown transfer", f"{number} is not open")
        self._open.remove(number)
        if not complete:
            self._resting[number] = now

    def snapshot(self) -> dict[str, Any]:
        """Return the state as values that JSON knows."""
        resting = [[number, since] for number, since in self._resting.items()]
        return {"next": self._next, "open": sorted(self._open), "resting": resting}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """Return what ``snapshot`` gave; raise FragmentError for anything else."""
        try:
            numbers = cls(first=int(state["next"]))
            numbers._open = {int(number) for number in state["open"]}
            numbers._resting = {int(number): float(since) for number, since in state["resting"]}
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FragmentError("bad snapshot", f"transfer numbers: {error!r}") from error
        found = numbers._open | set(numbers._resting)
        if len(numbers._open) > OPEN_PER_PEER_MAX or not found <= set(range(TRANSFERS)):
            raise FragmentError("bad snapshot", f"transfer numbers: found {sorted(found)}")
        return numbers
