"""Moments as text and as seconds since 1970, by the proleptic Gregorian calendar and no clock of any machine.

The day count is that of H. Hinnant, "chrono-compatible low-level date algorithms": years begin in March, so that the
leap day is the last of its year.
"""

from __future__ import annotations

import re

from protocols.content.errors import ContentError

MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)

DAY_S = 86_400
ERA_DAYS = 146_097
"""Days of 400 years."""

EPOCH_DAY = 719_468
"""1970-01-01 counted from 0000-03-01."""

YEAR_MAX = 9999


def moment_of(text: str) -> int | None:
    """Return the seconds since 1970 of ``2026-08-01T23:09:37Z``; None for any other way to write a moment."""
    match = MOMENT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        return None
    days = _days(year, month, day)
    if year == 0 or _civil(days) != (year, month, day):
        return None
    return days * DAY_S + hour * 3600 + minute * 60 + second


def text_of(moment_s: int) -> str:
    """Write a moment; raise ContentError for one outside the years 1 to 9999."""
    days, second = divmod(moment_s, DAY_S)
    year, month, day = _civil(days)
    if not 1 <= year <= YEAR_MAX:
        raise ContentError(f"content: a moment of {moment_s} s is no date; the bytes are none of ours")
    return f"{year:04}-{month:02}-{day:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


def _days(year: int, month: int, day: int) -> int:
    """Return the days since 1970-01-01."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * ERA_DAYS + of_era * 365 + of_era // 4 - of_era // 100 + of_year - EPOCH_DAY


def _civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a day since 1970-01-01."""
    era, day_of_era = divmod(days + EPOCH_DAY, ERA_DAYS)
    of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    of_year = day_of_era - (365 * of_era + of_era // 4 - of_era // 100)
    month_from_march = (5 * of_year + 2) // 153
    day = of_year - (153 * month_from_march + 2) // 5 + 1
    month = (month_from_march + 2) % 12 + 1
    return era * 400 + of_era + (month <= 2), month, day
