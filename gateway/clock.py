"""Time: the timeline everything stored lives on, and the wall clock people read.

Three clocks must not be mixed. The *loop clock* (``asyncio`` ``loop.time()``) drives timers. The *wall clock* is for
people and may be wrong or step: a box without a battery starts in 1970. The *timeline* is the gateway's own count of
seconds that have passed since its store was made; lifetimes, due times, duplicate windows and card slots are kept on
it, so a wrong clock neither expires nor delays anything (promise 9). Within one boot the timeline follows the
monotonic clock, which also runs on while the daemon is down. Across boots it advances by the wall clock's gap only
when that clock is trusted and the gap is believable; otherwise it advances by nothing, which keeps messages longer
rather than losing them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

GAP_S_MAX = 30 * 86_400.0
"""Longest power-off that is believed without doubt; beyond it a wrong wall clock is likelier than a long sleep."""


class Clock(Protocol):
    """Wall time and what identifies the boot. Production: SystemClock; simulation: a scripted one that steps."""

    def wall_s(self) -> float:
        """Return seconds since 1970-01-01 UTC as this machine believes them now."""

    def trusted(self) -> bool:
        """Tell whether the wall time may be believed at all."""

    def monotonic_s(self) -> float:
        """Return the clock of the event loop: monotonic since boot, unaffected by steps."""

    def boot_id(self) -> str:
        """Return a word that changes with every boot of the machine."""


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """Where the timeline stood at the last commit; stored in the same transaction."""

    timeline_s: float
    monotonic_s: float
    wall_s: float
    wall_trusted: bool
    boot_id: str


class Timeline:
    """Seconds that have passed for this gateway, surviving restarts. Never goes backwards."""

    def __init__(self, clock: Clock, mark: TimelineMark | None) -> None:
        self._clock = clock
        self._monotonic_start_s = clock.monotonic_s()
        self._start_s = 0.0 if mark is None else mark.timeline_s + self._gap_s(mark)

    def _gap_s(self, mark: TimelineMark) -> float:
        if mark.boot_id == self._clock.boot_id():
            return max(0.0, self._monotonic_start_s - mark.monotonic_s)
        if not (mark.wall_trusted and self._clock.trusted()):
            return 0.0
        gap_s = self._clock.wall_s() - mark.wall_s
        return gap_s if 0.0 <= gap_s <= GAP_S_MAX else 0.0

    def now_s(self) -> float:
        """Return the timeline now."""
        return self._start_s + max(0.0, self._clock.monotonic_s() - self._monotonic_start_s)

    def mark(self) -> TimelineMark:
        """Return what to store so that the next start continues from here."""
        return TimelineMark(
            timeline_s=self.now_s(),
            monotonic_s=self._clock.monotonic_s(),
            wall_s=self._clock.wall_s(),
            wall_trusted=self._clock.trusted(),
            boot_id=self._clock.boot_id(),
        )


TRUST_FLOOR_WALL_S = 1_790_000_000.0
"""September 2026, before the first release: a clock earlier than the program is certainly wrong."""

TRUST_CEILING_WALL_S = TRUST_FLOOR_WALL_S + 40 * 365 * 86_400.0
"""A clock 40 years on is certainly wrong too."""


class SystemClock:
    """The machine's own clocks; the one place in the program that asks the system what time it is."""

    def __init__(self) -> None:
        self._boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

    def wall_s(self) -> float:
        """Return the system's wall clock."""
        return time.time()

    def trusted(self) -> bool:
        """Believe the clock when it lies between the release of this program and 40 years later."""
        return TRUST_FLOOR_WALL_S <= self.wall_s() <= TRUST_CEILING_WALL_S

    def monotonic_s(self) -> float:
        """Return CLOCK_MONOTONIC, which asyncio's loops use too and which is common to all processes of one boot."""
        return time.monotonic()

    def boot_id(self) -> str:
        """Return the kernel's boot id."""
        return self._boot_id
