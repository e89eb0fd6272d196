"""Figures of simulated runs: what a run comes down to, many runs of a policy together, and whether the router kept its word.

A bundle that was not delivered counts with an infinite delay, so that no figure looks better by losing what is slow.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gateway.model import Precedence
from gateway.simulate.results import SUPERSEDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.simulate.results import LinkUse, RunResult

ROUTER: Final = "router"
FIRST_LINK: Final = "first-link"
COPY_EVERYWHERE: Final = "copy-everywhere"
ORACLE: Final = "oracle"
"""The scenario's own policy, the two naive ones, and who knows the future."""

SEEDS_NAMED_MAX = 20
"""So many seeds with an SOS that did not arrive are kept by name; the others are counted."""

MEDIAN, TAIL = 0.5, 0.95

AT_ONCE_S = 0.1
"""Delays below it are equal: a report that the centre itself heard needs no link, only the bus, which takes milliseconds."""

FLASH_MEDIAN_MAX, FLASH_TAIL_MAX, SHARE_MIN, AIRTIME_MAX = 1.15, 1.3, 0.999, 1.2
"""What the router is held to: FLASH delay and share delivered against the oracle's, airtime against the cheapest that
delivers as much, as soon: who brings an SOS minutes later has not done the same work."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run comes down to."""

    policy: str
    seed: int
    duration_s: float
    delays_s: Mapping[Precedence, tuple[float, ...]]
    """From acceptance by the first gateway to delivery, ascending; inf: not delivered."""
    waits_s: tuple[float, ...]
    """How long people tried until a gateway had their report, ascending."""
    links: tuple[LinkUse, ...]
    duplicates: int
    shed: int
    superseded: int
    """Reports that gave way to a newer one of their author: in no other figure."""
    unheard: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class Delay:
    """Delays of one precedence over all runs of a policy."""

    count: int
    delivered: int
    median_s: float
    tail_s: float
    worst_s: float

    @property
    def share(self) -> float:
        """Return the share that was delivered; 1 when there was nothing."""
        return self.delivered / self.count if self.count else 1.0


@dataclass(frozen=True, slots=True)
class Summary:
    """One policy over all its runs."""

    policy: str
    runs: int
    by_precedence: Mapping[Precedence, Delay]
    all: Delay
    delays_s: Mapping[Precedence, tuple[float, ...]]
    frames: int
    bytes: int
    airtime_s: float
    money: float
    duplicates: int
    shed: int
    superseded: int
    unheard: int
    wait_median_s: float
    flash_lost_seeds: tuple[int, ...]
    """The first seeds in which a FLASH did not arrive."""
    wall_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise of the router and what was measured."""

    name: str
    """``flash_delivered``, ``flash_median``, ``flash_p95``, ``share``, ``airtime``."""
    kept: bool
    value: float
    limit: float
    against: str = ""
    """The policy that was compared with; empty: none delivers as much."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All policies of one scenario over the same seeds; the oracle last."""

    scenario: str
    seeds: tuple[int, ...]
    duration_s: float
    summaries: tuple[Summary, ...]
    first: Mapping[str, Figures]
    """By policy: the run of the first seed, for the timeline."""

    def of(self, policy: str) -> Summary:
        """Return the summary of a policy."""
        return next(one for one in self.summaries if one.policy == policy)


def figures_of(result: RunResult) -> Figures:
    """Reduce a run to its figures."""
    delays: dict[Precedence, list[float]] = {precedence: [] for precedence in Precedence}
    counted = [fate for fate in result.fates if fate.state != SUPERSEDED]
    for fate in counted:
        late_s = math.inf if fate.delivered_s is None else fate.delivered_s - fate.accepted_s
        delays[fate.precedence].append(late_s)
    return Figures(
        policy=result.policy,
        seed=result.seed,
        duration_s=result.duration_s,
        delays_s={precedence: tuple(sorted(some)) for precedence, some in delays.items()},
        waits_s=tuple(sorted(fate.accepted_s - fate.said_s for fate in counted)),
        links=result.links,
        duplicates=result.duplicates,
        shed=result.shed,
        superseded=len(result.fates) - len(counted),
        unheard=result.unheard,
        wall_s=result.wall_s,
    )


def delay_of(delays_s: Sequence[float]) -> Delay:
    """Return median, p95 and worst of ascending delays, by nearest rank; what was not delivered counts as inf."""
    if not delays_s:
        return Delay(0, 0, math.nan, math.nan, math.nan)
    delivered = sum(one < math.inf for one in delays_s)
    return Delay(len(delays_s), delivered, rank(delays_s, MEDIAN), rank(delays_s, TAIL), delays_s[-1])


def rank(ascending: Sequence[float], share: float) -> float:
    """Return the least value that at least this share of the values does not exceed."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


def summarise(policy: str, runs: Iterable[Figures]) -> Summary:
    """Put the runs of one policy together."""
    runs = list(runs)
    delays = {
        precedence: tuple(sorted(itertools.chain.from_iterable(one.delays_s[precedence] for one in runs)))
        for precedence in Precedence
    }
    links = [use for one in runs for use in one.links]
    waits = sorted(itertools.chain.from_iterable(one.waits_s for one in runs))
    lost = [one.seed for one in runs if math.inf in one.delays_s[Precedence.FLASH]]
    return Summary(
        policy=policy,
        runs=len(runs),
        by_precedence={precedence: delay_of(some) for precedence, some in delays.items()},
        all=delay_of(sorted(itertools.chain.from_iterable(delays.values()))),
        delays_s=delays,
        frames=sum(use.frames for use in links),
        bytes=sum(use.bytes for use in links),
        airtime_s=math.fsum(use.airtime_s for use in links),
        money=math.fsum(use.money for use in links),
        duplicates=sum(one.duplicates for one in runs),
        shed=sum(one.shed for one in runs),
        superseded=sum(one.superseded for one in runs),
        unheard=sum(one.unheard for one in runs),
        wait_median_s=rank(waits, MEDIAN) if waits else math.nan,
        flash_lost_seeds=tuple(lost[:SEEDS_NAMED_MAX]),
        wall_s=math.fsum(one.wall_s for one in runs),
    )


def verdicts_of(comparison: Comparison) -> tuple[Verdict, ...]:
    """Return what the router is held to, each with what was measured. Nothing to deliver counts as kept."""
    router, oracle = comparison.of(ROUTER), comparison.of(ORACLE)
    flash, best = router.by_precedence[Precedence.FLASH], oracle.by_precedence[Precedence.FLASH]
    median, tail = times_as_late(flash.median_s, best.median_s), times_as_late(flash.tail_s, best.tail_s)
    share = router.all.share / oracle.all.share if oracle.all.share else 1.0
    rivals = [one for one in rivals_of(comparison) if _is_as_soon(one, router)]
    rival = min(rivals, key=lambda one: one.airtime_s, default=None)
    airtime = math.nan if rival is None else ratio(router.airtime_s, rival.airtime_s)
    return (
        Verdict("flash_delivered", flash.delivered == flash.count, flash.share, 1.0),
        Verdict("flash_median", not median > FLASH_MEDIAN_MAX, median, FLASH_MEDIAN_MAX, ORACLE),
        Verdict("flash_p95", not tail > FLASH_TAIL_MAX, tail, FLASH_TAIL_MAX, ORACLE),
        Verdict("share", share >= SHARE_MIN, share, SHARE_MIN, ORACLE),
        Verdict("airtime", not airtime > AIRTIME_MAX, airtime, AIRTIME_MAX, "" if rival is None else rival.policy),
    )


def rivals_of(comparison: Comparison) -> list[Summary]:
    """Return the other policies that deliver as much as the router, by the share that the router itself is held to."""
    router = comparison.of(ROUTER)
    return [
        one
        for one in comparison.summaries
        if one.policy not in (ROUTER, ORACLE) and one.all.share >= SHARE_MIN * router.all.share
    ]


def _is_as_soon(one: Summary, router: Summary) -> bool:
    """Tell whether a policy's FLASH are as soon as the router's, within what the router may be behind the oracle."""
    flash, held = one.by_precedence[Precedence.FLASH], router.by_precedence[Precedence.FLASH]
    median, tail = times_as_late(flash.median_s, held.median_s), times_as_late(flash.tail_s, held.tail_s)
    return not (median > FLASH_MEDIAN_MAX or tail > FLASH_TAIL_MAX)


def times_as_late(one_s: float, other_s: float) -> float:
    """Return how many times as long a delay is as another; what is there at once is there at once, however it was done."""
    return ratio(max(one_s, AT_ONCE_S), max(other_s, AT_ONCE_S))


def ratio(one: float, other: float) -> float:
    """Return how much larger a figure is than another: nan where either says nothing, 1 where both are 0 or inf."""
    if math.isnan(one) or math.isnan(other):
        return math.nan
    if one == other:
        return 1.0
    return one / other if other else math.inf


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return all figures as JSON values, times in seconds; what is infinite (not delivered) or says nothing is null."""
    return {
        "scenario": comparison.scenario,
        "seeds": list(comparison.seeds),
        "duration_s": comparison.duration_s,
        "policies": {one.policy: _summary_json(one) for one in comparison.summaries},
        "verdicts": [
            {
                "name": one.name,
                "kept": one.kept,
                "value": _finite(one.value),
                "limit": one.limit,
                "against": one.against or None,
            }
            for one in verdicts_of(comparison)
        ],
    }


def _summary_json(one: Summary) -> dict[str, Any]:
    return {
        "precedence": {precedence.name: _delay_json(delay) for precedence, delay in one.by_precedence.items()},
        "all": _delay_json(one.all),
        "frames": one.frames,
        "bytes": one.bytes,
        "airtime_s": round(one.airtime_s, 3),
        "money": round(one.money, 6),
        "duplicates": one.duplicates,
        "shed": one.shed,
        "superseded": one.superseded,
        "unheard": one.unheard,
        "wait_median_s": _finite(one.wait_median_s),
        "flash_lost_seeds": list(one.flash_lost_seeds),
        "wall_s": round(one.wall_s, 3),
    }


def _delay_json(one: Delay) -> dict[str, Any]:
    return {
        "count": one.count,
        "delivered": one.delivered,
        "share": round(one.share, 6),
        "median_s": _finite(one.median_s),
        "p95_s": _finite(one.tail_s),
        "worst_s": _finite(one.worst_s),
    }


def _finite(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
