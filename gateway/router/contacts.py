"""When a link can be used: satellite passes, HF windows by hour and distance, quiet hours. Pure.

Schedules are in wall time, since the sky and people live by it; what comes out is on the timeline. A clock that is not
trusted closes nothing: everything counts as open, and the link itself says whether it works.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from gateway.model import Precedence

DAY_S = 86_400.0
HOUR_S = 3_600.0

PASSES_MAX = 10_000
"""Passes of one link: a year of an orbit that is seen every hour."""

WINDOWS_MAX = 48
"""Windows or quiet hours of one link: one for every half hour."""

JOIN_STEPS_MAX = 2 * WINDOWS_MAX + 2
"""Windows that meet are joined to one contact; so often at most, which is longer than a day."""


@dataclass(frozen=True, slots=True)
class Contact:
    """The present or next time in which a link can be used, on the timeline. The default is: always."""

    opens_s: float = -math.inf
    closes_s: float = math.inf

    def is_open(self, now_s: float) -> bool:
        """Tell whether it is now."""
        return self.opens_s <= now_s < self.closes_s


ALWAYS = Contact()
NEVER = Contact(math.inf, math.inf)
"""The schedule has no more contacts."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Quiet hours as they are now: until when, and down to which precedence something passes all the same."""

    until_s: float = -math.inf
    passes: Precedence = Precedence.ROUTINE

    def opens_s(self, precedence: Precedence, now_s: float) -> float:
        """Return when something of this precedence may go; FLASH always may."""
        if precedence is Precedence.FLASH or precedence <= self.passes:
            return now_s
        return max(now_s, self.until_s)


@dataclass(frozen=True, slots=True)
class DayTime:
    """A time of every day, from ``starts_s`` to ``ends_s`` after local midnight; over midnight where it ends first."""

    starts_s: float
    ends_s: float

    def left_s(self, day_s: float) -> float:
        """Return how much longer it lasts at a time of day; 0 outside. Equal ends mean the whole day."""
        length_s = (self.ends_s - self.starts_s) % DAY_S or DAY_S
        since_s = (day_s - self.starts_s) % DAY_S
        return length_s - since_s if since_s < length_s else 0.0

    def until_s(self, day_s: float) -> float:
        """Return how long until it begins next."""
        return (self.starts_s - day_s) % DAY_S


@dataclass(frozen=True, slots=True)
class Window:
    """Hours in which a link reaches so far (HF by day and night); a distance that is not known fits every window."""

    hours: DayTime
    km_min: float = 0.0
    km_max: float = math.inf

    def fits(self, km: float | None) -> bool:
        """Tell whether it is meant for this distance."""
        return km is None or self.km_min <= km <= self.km_max


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours in which a link is kept quiet for all but the precedences up to ``passes``."""

    hours: DayTime
    passes: Precedence = Precedence.IMMEDIATE


@dataclass(frozen=True, slots=True)
class Pass:
    """A satellite's time above the horizon, in wall seconds UTC."""

    starts_wall_s: float
    ends_wall_s: float


@dataclass(frozen=True, slots=True)
class Wall:
    """The two times at one moment: the timeline, and the wall with whether it can be trusted and its local offset."""

    now_s: float
    wall_s: float
    trusted: bool = True
    offset_s: float = 0.0
    """Local time minus UTC."""

    @property
    def day_s(self) -> float:
        """Return the local time of day in seconds."""
        return (self.wall_s + self.offset_s) % DAY_S


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is known of a link's times beforehand. Passes are in order and do not overlap (see ``ordered``)."""

    passes: tuple[Pass, ...] = ()
    windows: tuple[Window, ...] = ()
    quiet: tuple[QuietHours, ...] = ()

    def contact(self, wall: Wall, km: float | None = None) -> Contact:
        """Return the present or next contact; with passes and windows both, the time that lies in both."""
        if not wall.trusted:
            return ALWAYS
        at_s = 0.0
        # A pass outside every window is no contact: look on from where either says that the other may begin.
        for _ in range(JOIN_STEPS_MAX):
            passing = self._pass(wall, at_s)
            window = self._window(wall, at_s, km)
            opens_s, closes_s = max(passing[0], window[0]), min(passing[1], window[1])
            if opens_s < closes_s or opens_s == math.inf:
                break
            at_s = opens_s
        else:
            return NEVER
        if opens_s == math.inf:
            return NEVER
        return Contact(
            wall.now_s + opens_s if opens_s > -math.inf else opens_s,
            wall.now_s + closes_s,
        )

    def quiet_now(self, wall: Wall) -> Quiet:
        """Return the quiet that holds now, the strictest where several do; none on a clock that is not trusted."""
        now = [one for one in self.quiet if one.hours.left_s(wall.day_s) > 0] if wall.trusted else []
        if not now:
            return Quiet()
        strictest = min(one.passes for one in now)
        left_s = max(one.hours.left_s(wall.day_s) for one in now if one.passes == strictest)
        return Quiet(wall.now_s + left_s, strictest)

    def _pass(self, wall: Wall, at_s: float) -> tuple[float, float]:
        """Return the pass at or after ``at_s`` from now, in seconds from now; always where there is no schedule."""
        if not self.passes:
            return -math.inf, math.inf
        at_wall_s = wall.wall_s + at_s
        index = bisect_right(self.passes, at_wall_s, key=lambda one: one.ends_wall_s)
        if index == len(self.passes):
            return math.inf, math.inf
        one = self.passes[index]
        return one.starts_wall_s - wall.wall_s, one.ends_wall_s - wall.wall_s

    def _window(self, wall: Wall, at_s: float, km: float | None) -> tuple[float, float]:
        """Return the window at or after ``at_s`` from now, those that meet joined; always where there is none."""
        if not self.windows:
            return -math.inf, math.inf
        hours = [one.hours for one in self.windows if one.fits(km)]
        if not hours:
            return math.inf, math.inf
        day_s = (wall.day_s + at_s) % DAY_S
        left_s = max(one.left_s(day_s) for one in hours)
        wait_s = 0.0 if left_s > 0 else min(one.until_s(day_s) for one in hours)
        end_s = wait_s
        for _ in range(JOIN_STEPS_MAX):
            more_s = max(one.left_s((day_s + end_s) % DAY_S) for one in hours)
            if more_s <= 0:
                break
            end_s += more_s
        else:
            return at_s, math.inf  # all day and night
        return at_s + wait_s, at_s + end_s


def ordered(passes: list[Pass]) -> tuple[Pass, ...]:
    """Return passes in order, those that overlap or touch joined to one."""
    joined: list[Pass] = []
    for one in sorted(passes, key=lambda each: each.starts_wall_s):
        if joined and one.starts_wall_s <= joined[-1].ends_wall_s:
            joined[-1] = Pass(joined[-1].starts_wall_s, max(joined[-1].ends_wall_s, one.ends_wall_s))
        else:
            joined.append(one)
    return tuple(joined)
