"""Budgets: how many messages, bytes, seconds of airtime and how much money in an hour, a day, a month. Pure.

A window rolls in buckets: what was spent counts until its bucket has left the window whole, so a budget is never
exceeded in any window and never more than a bucket stricter than it says. SOS is never stopped by a budget: it is
written down, and everything else waits the longer for it.
"""

from __future__ import annotations

import enum
import math
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from gateway.model import Precedence
from gateway.router.tariff import Spend

if TYPE_CHECKING:
    from collections.abc import Mapping


class Period(enum.StrEnum):
    """How long a budget's window is. A month is thirty days, so that no calendar and no clock is needed."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


PERIOD_S: Mapping[Period, float] = {Period.HOUR: 3_600.0, Period.DAY: 86_400.0, Period.MONTH: 30 * 86_400.0}

BUCKETS: Mapping[Period, int] = {Period.HOUR: 12, Period.DAY: 24, Period.MONTH: 30}
"""Buckets in a window: five minutes, an hour, a day."""

BUCKETS_MAX = 31
"""Most buckets that are kept of one window: those of the longest, and the one that is just leaving it."""

SOS_RESERVE = 0.1
"""Share of every budget that only FLASH may use, where the operator says nothing."""

PROBE_SHARE_MAX = 0.5
"""A budget of which more than this is spent pays for no probe."""

SOURCES_MAX = 10_000
"""Sources whose spending is remembered; beyond it the one that has been quiet longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one window allows; inf: as much as there is."""

    messages: float = math.inf
    bytes: float = math.inf
    airtime_s: float = math.inf
    money: float = math.inf


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits per window; a window that is not named has none."""

    limits: Mapping[Period, Limits] = field(default_factory=dict)
    sos_reserve: float = SOS_RESERVE
    """Share that only FLASH may use."""


@dataclass(frozen=True, slots=True)
class Account:
    """What was spent in one window: its buckets, oldest first, by number since the beginning of the timeline."""

    buckets: tuple[tuple[int, Spend], ...] = ()
    total: Spend = field(default_factory=Spend)
    """Sum of all buckets, those included that have left the window since: when this fits, nothing need be counted."""

    @classmethod
    def of(cls, buckets: tuple[tuple[int, Spend], ...]) -> Self:
        """Return the account of these buckets."""
        return cls(buckets, sum((one for _, one in buckets), Spend()))


NOTHING = Account()


@dataclass(frozen=True, slots=True)
class Ledger:
    """A budget and what was spent of it; immutable, so that it can be asked "what if" on any thread."""

    budget: Budget = field(default_factory=Budget)
    spent: Mapping[Period, Account] = field(default_factory=dict)

    def allows_at_s(self, spend: Spend, precedence: Precedence, now_s: float) -> float:
        """Return when so much may be spent: ``now_s`` for now, later, or inf when it exceeds the budget by itself.

        FLASH is always allowed now: a budget never stands before an SOS.
        """
        if precedence is Precedence.FLASH or not self.budget.limits:
            return now_s
        return max(self._window_allows_at_s(period, spend, now_s) for period in self.budget.limits)

    def after(self, spend: Spend, now_s: float) -> Ledger:
        """Return the ledger with so much more spent."""
        if not self.budget.limits:
            return self
        return replace(self, spent={period: self._with(period, spend, now_s) for period in self.budget.limits})

    def share_spent(self, now_s: float) -> float:
        """Return how much of the scarcest limit is spent, reserve included: 0 to 1 and above."""
        return max((self._share(period, now_s) for period in self.budget.limits), default=0.0)

    def to_json(self) -> dict[str, list[list[float]]]:
        """Return the stored form of what was spent; the budget itself comes from the settings."""
        return {
            str(period): [[bucket, *spend.to_json()] for bucket, spend in account.buckets]
            for period, account in self.spent.items()
            if account.buckets
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], budget: Budget) -> Self:
        """Read the stored form under today's budget; raise ValueError for anything else."""
        spent: dict[Period, tuple[tuple[int, Spend], ...]] = {}
        try:
            for name, rows in value.items():
                buckets = [(int(row[0]), Spend(*(float(figure) for figure in row[1:]))) for row in rows]
                spent[Period(name)] = tuple(sorted(buckets, key=lambda one: one[0]))[-BUCKETS_MAX:]
        except (AttributeError, IndexError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"ledger: not a stored ledger ({error!r})") from error
        figures = (figure for buckets in spent.values() for _, one in buckets for figure in one.to_json())
        if not all(0 <= figure < math.inf for figure in figures):
            raise ValueError("ledger: found a figure that is negative or no number")
        return cls(
            budget, {period: Account.of(buckets) for period, buckets in spent.items() if period in budget.limits}
        )

    def _window_allows_at_s(self, period: Period, spend: Spend, now_s: float) -> float:
        """Return when the oldest buckets have left the window that stand in the way."""
        limits, share = self.budget.limits[period], 1.0 - self.budget.sos_reserve
        if _fits(self.spent.get(period, NOTHING).total + spend, limits, share):
            return now_s
        buckets = self._live(period, now_s)
        total = sum((one for _, one in buckets), spend)
        if _fits(total, limits, share):
            return now_s
        for number, (bucket, _) in enumerate(buckets, start=1):
            rest = sum((one for _, one in buckets[number:]), spend)
            if _fits(rest, limits, share):
                return max(now_s, _leaves_s(period, bucket))
        return math.inf

    def _live(self, period: Period, now_s: float) -> tuple[tuple[int, Spend], ...]:
        """Return the buckets that still touch the window."""
        return tuple(one for one in self.spent.get(period, NOTHING).buckets if _leaves_s(period, one[0]) > now_s)

    def _with(self, period: Period, spend: Spend, now_s: float) -> Account:
        number = int(now_s // (PERIOD_S[period] / BUCKETS[period]))
        live = self._live(period, now_s)
        if live and live[-1][0] >= number:  # the same bucket, or a timeline that was set back: never counted as less
            return Account.of((*live[:-1], (live[-1][0], live[-1][1] + spend)))
        return Account.of((*live, (number, spend))[-BUCKETS_MAX:])

    def _share(self, period: Period, now_s: float) -> float:
        limits = self.budget.limits[period]
        total = sum((one for _, one in self._live(period, now_s)), Spend())
        return max(
            _ratio(total.messages, limits.messages),
            _ratio(total.bytes, limits.bytes),
            _ratio(total.airtime_s, limits.airtime_s),
            _ratio(total.money, limits.money),
        )


UNLIMITED = Ledger()
"""A ledger without a budget."""


class SourceLedgers:
    """One ledger per source under one budget, at most SOURCES_MAX of them."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._ledgers: OrderedDict[str, Ledger] = OrderedDict()

    def of(self, source: str) -> Ledger:
        """Return the ledger of one source."""
        return self._ledgers.get(source, Ledger(self._budget))

    def spend(self, source: str, spend: Spend, now_s: float) -> None:
        """Write down what was sent for a source."""
        if not self._budget.limits:
            return
        self._ledgers[source] = self.of(source).after(spend, now_s)
        self._ledgers.move_to_end(source)
        if len(self._ledgers) > SOURCES_MAX:
            self._ledgers.popitem(last=False)

    def __len__(self) -> int:
        return len(self._ledgers)


def _fits(total: Spend, limits: Limits, share: float) -> bool:
    return (
        total.messages <= limits.messages * share
        and total.bytes <= limits.bytes * share
        and total.airtime_s <= limits.airtime_s * share
        and total.money <= limits.money * share
    )


def _leaves_s(period: Period, bucket: int) -> float:
    """Return when the last second of a bucket has left the window."""
    return (bucket + 1) * (PERIOD_S[period] / BUCKETS[period]) + PERIOD_S[period]


def _ratio(spent: float, limit: float) -> float:
    return 0.0 if limit == math.inf else spent / limit if limit > 0 else math.inf
