"""Which bundles of a lane a link looks at for one slot, so that a long queue for another link costs it little.

Every report that is accepted wakes every link. What waits for another link would be asked about again each time, on the
thread that has to take the next SOS: 83 ms a look at 10,000 bundles (measured). So a lane and precedence that had nothing
for this link is left alone for a moment, but for what comes into it or becomes due meanwhile.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from gateway.model import Precedence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.model import Bundle
    from gateway.router.plan import LinkView
    from gateway.store.outbox import Outbox

FIRST_PAGE_HEADS = 2
"""Mostly the first one is taken; the others need not be read for it."""

PAGE_HEADS = 16
PAGES_MAX = 8
"""Bundles of one lane and precedence that are looked at for one slot, a page at a time; those behind wait for the next."""

FRONT_PAGES = 2
"""Pages at the front of the lane that every full look begins with; the others go on where the last one ended, so that
however much is held back at the front, what is behind comes round."""

ACCEPTING_S = 0.2
"""What was accepted has a time that may lie so long before it came to the store's thread."""

LOOK_AGAIN_S = 5.0
"""Wait when something is due that the router keeps for another link: slots and suspicions change with time."""

LOOK_AGAIN_SOON_S = 1.0
"""The same for FLASH and IMMEDIATE: short beside any slot, long beside the time a look may take."""


class _Passed(NamedTuple):
    """A look that had nothing for this link."""

    until_s: float
    at_s: float
    """What has become due since then was not looked at."""


class Heads:
    """What one link looks at. Runs on the store's thread."""

    def __init__(self) -> None:
        self._passed: dict[tuple[str, Precedence], _Passed] = {}
        """At most LANES_MAX lanes by precedence; those that are empty go with the next change of a link."""
        self._behind: dict[tuple[str, Precedence], tuple[float, int]] = {}
        """Where the last full look that found nothing ended; as many as of those."""
        self._links: tuple[tuple[str, str], ...] = ()

    def begin(self, views: Sequence[LinkView]) -> None:
        """Begin to look for one slot; a link that came or went makes everything worth a look again."""
        links = tuple((view.name, str(view.state)) for view in views)
        if links != self._links:
            self._links = links
            self._passed.clear()
            self._behind.clear()

    def of(self, outbox: Outbox, lane: str, precedence: Precedence, now_s: float) -> Iterator[Bundle]:
        """Yield what is due in a lane, oldest first, as far as is looked for one slot."""
        passed = self._still_passed(lane, precedence, now_s)
        after: tuple[float, int] | None = None
        if passed is not None:
            after = (math.nextafter(passed.at_s, -math.inf), 0)
        size = FIRST_PAGE_HEADS
        behind = self._behind.get((lane, precedence)) if passed is None else None
        for number in range(PAGES_MAX):
            if number == FRONT_PAGES and behind is not None and after is not None:
                after = max(after, behind)
            page = outbox.due(lane, precedence, now_s, size, after)
            yield from page
            if len(page) < size:
                if passed is None:
                    self._behind.pop((lane, precedence), None)
                return
            after, size = (page[-1].due_s, page[-1].seq), PAGE_HEADS
        if passed is None and after is not None:
            self._behind[lane, precedence] = after

    def nothing(self, lane: str, precedence: Precedence, now_s: float) -> float:
        """Note that nothing that was looked at is for this link; return when what was not looked at will be."""
        passed = self._still_passed(lane, precedence, now_s)
        alone_s = LOOK_AGAIN_SOON_S if precedence <= Precedence.IMMEDIATE else LOOK_AGAIN_S
        until_s = now_s + alone_s if passed is None else passed.until_s
        self._passed[lane, precedence] = _Passed(until_s, now_s - ACCEPTING_S)
        return math.inf if passed is None else until_s

    def _still_passed(self, lane: str, precedence: Precedence, now_s: float) -> _Passed | None:
        passed = self._passed.get((lane, precedence))
        return passed if passed is not None and now_s < passed.until_s else None
