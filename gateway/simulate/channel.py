"""The future of one way between two stations, fixed by the seed alone, whatever a router does.

Nothing here keeps a stream of random numbers that a question would move on: what is lost and how long it takes is a
hash of (seed, name, moment), and a :class:`Timeline` is drawn ahead in its own order. So every policy and the oracle
meet the same sky, and no question changes the answer to another. Moments share a fate by *cells* (a card's slot, the
coherence time of a fade): an oracle cannot pick the lucky millisecond out of a bad minute.

All times are seconds since the beginning of the run. No ``hash()``, no sets, no functions of ``random`` beyond
``Random(text).random()``: the same bits on every Python.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHANGES_MAX = 2_000_000
"""Changes of one timeline that are drawn ahead; more is a runaway scenario."""

LOOKS_MAX = 10_000
"""Openings that are looked at until all of several timelines are up at once; beyond it they never are."""


class Channel(Protocol):
    """One way between two stations over one link of each."""

    bearer: str
    frame_bytes: int
    slot_s: float
    """Least time from one frame of the sending device to the next."""
    airtime_s_per_frame: float
    price_per_frame: float

    def arrival_s(self, at_s: float, size_bytes: int) -> float | None:
        """Return when a frame that starts at ``at_s`` arrives; None: lost, or longer than ``frame_bytes``."""

    def next_opening_s(self, at_s: float) -> float:
        """Return the first moment from ``at_s`` on at which the way is up; inf: never again."""

    def next_chance_s(self, at_s: float) -> float:
        """Return the first moment after ``at_s`` at which a frame may fare otherwise: the next cell or change of the way.

        Until then a later start only arrives later. The oracle steps from chance to chance; inf: nothing changes again.
        """


class Dice:
    """Numbers in [0, 1) fixed by a name and a moment's number; throwing one changes nothing."""

    def __init__(self, name: str) -> None:
        self._prefix = hashlib.blake2b(name.encode(), digest_size=16)

    def at(self, number: int) -> float:
        """Return the number of this moment, 53 bits of it."""
        state = self._prefix.copy()
        state.update(number.to_bytes(8, "big", signed=True))
        return (int.from_bytes(state.digest()[:8], "big") >> 11) * 2.0**-53

    def at_s(self, moment_s: float, cell_s: float) -> float:
        """Return the number of the cell in which a moment lies."""
        return self.at(math.floor(moment_s / cell_s))


def exponential(unit: float, mean: float) -> float:
    """Return an exponentially distributed figure for a number in [0, 1)."""
    return -math.log(1.0 - unit) * mean


class Timeline(Protocol):
    """When something is up."""

    def up_at(self, at_s: float) -> bool:
        """Tell whether it is up at a moment."""

    def next_change_s(self, at_s: float) -> float:
        """Return the first moment after ``at_s`` at which it changes; inf: never again."""


def next_up_s(line: Timeline, at_s: float) -> float:
    """Return the first moment from ``at_s`` on at which a timeline is up; inf: never again."""
    return at_s if line.up_at(at_s) else line.next_change_s(at_s)


class Spans:
    """Up but for the given spans, or down but for them (``up``); spans may touch and overlap."""

    def __init__(self, spans: Sequence[tuple[float, float]], *, up: bool = False) -> None:
        self._inside = up
        self._edges: list[float] = []
        for start_s, end_s in sorted(spans):
            if end_s <= start_s:
                continue
            if self._edges and start_s <= self._edges[-1]:
                self._edges[-1] = max(self._edges[-1], end_s)
            else:
                self._edges += [start_s, end_s]

    def up_at(self, at_s: float) -> bool:
        """Tell whether it is up at a moment; a span includes its start and not its end."""
        inside = bisect_right(self._edges, at_s) % 2 == 1
        return inside == self._inside

    def next_change_s(self, at_s: float) -> float:
        """Return the next edge."""
        place = bisect_right(self._edges, at_s)
        return self._edges[place] if place < len(self._edges) else math.inf


class Drawn:
    """Changes that come from an endless iterator in order, drawn as far as somebody looks. Up until the first one."""

    def __init__(self, changes: Iterator[float], *, up_first: bool = True) -> None:
        self._changes = changes
        self._edges: list[float] = []
        self._up_first = up_first
        self._done = False

    def _draw_past(self, at_s: float) -> None:
        edges = self._edges
        while not self._done and (not edges or edges[-1] <= at_s):
            edge = next(self._changes, None)
            if edge is None:
                self._done = True
                return
            assert not edges or edge >= edges[-1], "changes come in order"
            edges.append(edge)
            assert len(edges) <= CHANGES_MAX, "more changes than a simulation can mean"

    def up_at(self, at_s: float) -> bool:
        """Tell whether it is up at a moment."""
        self._draw_past(at_s)
        return (bisect_right(self._edges, at_s) % 2 == 0) == self._up_first

    def next_change_s(self, at_s: float) -> float:
        """Return the next change."""
        self._draw_past(at_s)
        place = bisect_right(self._edges, at_s)
        return self._edges[place] if place < len(self._edges) else math.inf


class Together:
    """Up while all of several timelines are."""

    def __init__(self, lines: Sequence[Timeline]) -> None:
        self._lines = tuple(lines)

    def up_at(self, at_s: float) -> bool:
        """Tell whether all are up."""
        return all(line.up_at(at_s) for line in self._lines)

    def next_change_s(self, at_s: float) -> float:
        """Return the next moment at which the answer of `up_at` changes; inf: never again, as far as is looked."""
        was_up, now_s = self.up_at(at_s), at_s
        for _ in range(LOOKS_MAX):
            if was_up:  # whatever changes goes down, and all with it
                now_s = min((line.next_change_s(now_s) for line in self._lines), default=math.inf)
            else:  # none is up before the last of those that are down; others may flap meanwhile as often as they like
                now_s = max(next_up_s(line, now_s) for line in self._lines)
            if now_s == math.inf or self.up_at(now_s) != was_up:
                return now_s
        return math.inf


ALWAYS: Timeline = Spans(())
"""Never down."""
