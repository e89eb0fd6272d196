"""When the card may send next: its own timer, whatever the terminal remembers or hints, kept across restarts.

A card may send once per service frequency (服务频度). Sending early is only refused by the terminal, but a terminal that
was switched off may have forgotten, so the gateway keeps the time itself. The mark is on disk *before* the burst is
handed over: whatever happens in between, the next start waits too long rather than sends too early. Ages come from
LinkMemory and are never more than the time that has passed, so a wrong clock delays and never hurries.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.link import LinkMemory

FREQUENCY_DEFAULT_S = 60.0
"""Taken for a card that gives 0: the ordinary civil service frequency."""
HINT_DEFAULT_S = 10.0
"""Wait after "frequency not reached" without a time; asking again costs no slot."""
HINT_SLACK_S = 1.0
"""Terminals count whole seconds."""


class SlotTimer:
    """The next burst of one card. ``burst_late_s`` is how long after ``reserve`` a burst may leave at the latest."""

    def __init__(self, memory: LinkMemory, *, margin_s: float, burst_late_s: float) -> None:
        self.not_before_s = 0.0
        self._memory = memory
        self._margin_s = margin_s
        self._burst_late_s = burst_late_s
        self._before_s = 0.0
        self._key = ""
        self._frequency_s = FREQUENCY_DEFAULT_S

    @property
    def period_s(self) -> float:
        """Return the least time between two bursts."""
        return self._frequency_s + self._margin_s

    def follow(self, frequency_s: float) -> None:
        """Take the card's service frequency from now on."""
        self._frequency_s = frequency_s or FREQUENCY_DEFAULT_S

    async def load(self, card: int, frequency_s: float) -> None:
        """Take up a card's timer where the last run left it."""
        self._key = f"slot/{card}"
        self.follow(frequency_s)
        stored = await self._memory.load(self._key)
        wait_s = 0.0 if stored is None else self._stored_wait_s(stored[0]) - stored[1]
        self.not_before_s = asyncio.get_running_loop().time() + max(0.0, wait_s)

    def _stored_wait_s(self, value: str) -> float:
        """Read a stored wait; a damaged one counts as the longest that can have been stored."""
        longest_s = self.period_s + self._burst_late_s
        try:
            return min(max(float(value), 0.0), longest_s)
        except ValueError:
            return longest_s

    async def reserve(self) -> None:
        """Mark the slot as taken, on disk, before a burst is handed over."""
        self._before_s = self.not_before_s
        await self._memory.save(self._key, str(self.period_s + self._burst_late_s))
        self.not_before_s = asyncio.get_running_loop().time() + self.period_s

    async def spend(self) -> None:
        """Count from now, the latest moment at which the burst can have left."""
        self.not_before_s = asyncio.get_running_loop().time() + self.period_s
        await self._memory.save(self._key, str(self.period_s))

    def release(self) -> None:
        """Free the slot again, as nothing left. On disk the mark stays, which is only slower."""
        self.not_before_s = self._before_s

    def wait(self, hint_s: float | None) -> None:
        """Take the terminal's word that the slot is not reached, but no longer than the card can ask for."""
        wait_s = min(hint_s or HINT_DEFAULT_S, self._frequency_s) + HINT_SLACK_S
        self.not_before_s = asyncio.get_running_loop().time() + wait_s
