"""What a link is worth, learned from evidence only: receipts, what was heard, feedback. Pure.

Counts are those of a beta distribution over success; every count fades with a half-life towards the prior, so that an
old figure says less and less and an unused link becomes an unknown one again. Figures carry their age and the range
that holds nine times in ten, so that nobody takes two receipts for a law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from gateway.link import SendOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping

HALF_LIFE_S = 3_600.0
"""Age at which evidence counts half: the ionosphere, a crowded satellite and a parked vehicle change within hours."""

PRIOR_GOOD = 3.8
PRIOR_BAD = 0.2
"""What is believed of a link without evidence, worth four tries: a card loses about 5 % (reference/beidou.md section 6)."""

UNKNOWN_WEIGHT = 0.5
"""A try without any feedback is half a loss: nobody knows that it left."""

PRIOR_DELAY_S = 4.0
"""Mean delay of a Beidou burst, measured over a long test (reference/beidou.md section 6)."""

PRIOR_DELAY_S_OF: Mapping[str, float] = {"hf": 5.0, "satcom": 15.0, "cellular": 2.0, "ip": 1.0, "lora": 3.0}
"""Of other bearers: a short HF burst with its turn-round (reference/hf.md section 9), a satellite message through its
ground station (reference/satellite.md), a packet. Orders of magnitude, until evidence says better."""

PRIOR_SPREAD = 1.0
"""How far the prior may be off, as the variance of its logarithm: a factor of e is nothing unusual."""

DELAY_S_MIN, DELAY_S_MAX = 0.01, 86_400.0
"""Delays are counted within these."""

PRIOR_DELAYS = 1.0
"""How many measured delays the prior is worth."""

HEARD_AGAIN_S = 900.0
"""After so long without hearing anything, a link that hears again has its losses counted half: the sky has changed."""

GAP_S_MAX = 300.0
"""A longer pause between two frames is an idle link, which says nothing about what it could carry."""

SURE = 1.645
"""Standard deviations on either side that hold nine times in ten."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with the range in which it lies nine times in ten, and the age of the latest evidence (inf: none)."""

    mean: float
    low: float
    high: float
    age_s: float


@dataclass(frozen=True, slots=True)
class LinkEstimate:
    """Evidence about one link in faded counts; times on the timeline. A new one knows only the prior."""

    good: float = 0.0
    bad: float = 0.0
    at_s: float = -math.inf
    """When the counts were last faded, and how old the figure for success is."""
    delays: float = 0.0
    """How many delays the mean is worth."""
    delay_log_sum: float = 0.0
    """Of the logarithms: one receipt that waited for a link to come back says minutes, and is no tenth of the truth."""
    delay_log_square_sum: float = 0.0
    delay_at_s: float = -math.inf
    heard_s: float = -math.inf
    gaps: float = 0.0
    """How many pauses between two frames the mean is worth."""
    gap_sum_s: float = 0.0
    left_s: float = -math.inf
    """When the last frame left."""

    def after_outcome(self, outcome: SendOutcome, now_s: float) -> LinkEstimate:
        """Return what is known after one try: RELAYED is a success, UNKNOWN half a loss, ACCEPTED only that it left."""
        match outcome:
            case SendOutcome.RELAYED:
                return _left(self._counted(1.0, 0.0, now_s), now_s)
            case SendOutcome.ACCEPTED:
                return _left(self, now_s)
            case SendOutcome.UNKNOWN:
                return self._counted(0.0, UNKNOWN_WEIGHT, now_s)
            case SendOutcome.REFUSED | SendOutcome.DEFERRED:
                return self

    def after_receipt(self, delay_s: float | None, now_s: float) -> LinkEstimate:
        """Return what is known once a peer has said that a transmission arrived.

        ``delay_s`` is the time from its leaving to the evidence, an upper bound of its delay; None where nobody knows.
        """
        counted = self._counted(1.0, 0.0, now_s)
        if delay_s is None or not 0 <= delay_s < math.inf:
            return counted
        kept, log = _kept(now_s - self.delay_at_s), _log(delay_s)
        return replace(
            counted,
            delays=self.delays * kept + 1.0,
            delay_log_sum=self.delay_log_sum * kept + log,
            delay_log_square_sum=self.delay_log_square_sum * kept + log * log,
            delay_at_s=now_s,
        )

    def after_lost(self, now_s: float) -> LinkEstimate:
        """Return what is known once a transmission that a peer should have answered was not answered in time."""
        return self._counted(0.0, 1.0, now_s)

    def after_heard(self, now_s: float) -> LinkEstimate:
        """Return what is known once something was received: it hears, which is not yet that it sends."""
        if now_s - self.heard_s < HEARD_AGAIN_S or self.heard_s == -math.inf:
            return replace(self, heard_s=now_s)
        return replace(self, heard_s=now_s, bad=self.bad / 2)

    def success(self, now_s: float) -> Figure:
        """Return how probable it is that a transmission arrives."""
        kept = _kept(now_s - self.at_s)
        good, bad = PRIOR_GOOD + self.good * kept, PRIOR_BAD + self.bad * kept
        weight = good + bad
        mean = good / weight
        wide = SURE * math.sqrt(mean * (1 - mean) / (weight + 1))
        return Figure(mean, max(0.0, mean - wide), min(1.0, mean + wide), max(0.0, now_s - self.at_s))

    def delay_s(self, now_s: float, prior_s: float = PRIOR_DELAY_S) -> Figure:
        """Return how long a transmission takes from its leaving to the evidence, once it arrives.

        ``prior_s`` is what is believed without evidence; see prior_delay_s.
        """
        kept = _kept(now_s - self.delay_at_s)
        weight = PRIOR_DELAYS + self.delays * kept
        prior = _log(prior_s)
        mean = (PRIOR_DELAYS * prior + self.delay_log_sum * kept) / weight
        square = (PRIOR_DELAYS * (prior * prior + PRIOR_SPREAD) + self.delay_log_square_sum * kept) / weight
        wide = SURE * math.sqrt(max(0.0, square - mean * mean) / weight)
        return Figure(math.exp(mean), math.exp(mean - wide), math.exp(mean + wide), max(0.0, now_s - self.delay_at_s))

    def capacity_per_hour(self, now_s: float, slot_s: float) -> Figure:
        """Return how many frames an hour it has been seen to carry; ``slot_s`` is what its bearer promises."""
        kept = _kept(now_s - self.left_s)
        weight = 1.0 + self.gaps * kept
        gap_s = max((slot_s + self.gap_sum_s * kept) / weight, 1e-3)
        wide = min(0.9, SURE / math.sqrt(weight + 1))
        mean = 3_600.0 / gap_s
        return Figure(mean, mean * (1 - wide), mean * (1 + wide), max(0.0, now_s - self.left_s))

    def to_json(self) -> dict[str, float]:
        """Return the stored form: only what is not as in a new estimate."""
        new = LinkEstimate()
        return {
            name: round(value, 3)
            for name in LinkEstimate.__slots__
            if (value := getattr(self, name)) != getattr(new, name)
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the stored form; raise ValueError for anything else."""
        figures = dict(value)
        for name, figure in figures.items():
            if name not in cls.__slots__ or isinstance(figure, bool) or not isinstance(figure, (int, float)):
                raise ValueError(f"link estimate: found {name} = {figure!r}")
            if not math.isfinite(figure) or (figure < 0 and not name.endswith(("_s", "_log_sum"))):
                raise ValueError(f"link estimate: found {name} = {figure!r}")
        return cls(**figures)

    def _counted(self, good: float, bad: float, now_s: float) -> LinkEstimate:
        kept = _kept(now_s - self.at_s)
        return replace(self, good=self.good * kept + good, bad=self.bad * kept + bad, at_s=now_s)


def _left(estimate: LinkEstimate, now_s: float) -> LinkEstimate:
    """Note that a frame left, and how long after the one before."""
    gap_s = now_s - estimate.left_s
    if not 0 < gap_s <= GAP_S_MAX:
        return replace(estimate, left_s=now_s)
    kept = _kept(gap_s)
    return replace(estimate, left_s=now_s, gaps=estimate.gaps * kept + 1.0, gap_sum_s=estimate.gap_sum_s * kept + gap_s)


def prior_delay_s(bearer: str) -> float:
    """Return the delay that is believed of a link of a bearer before anything was measured."""
    return PRIOR_DELAY_S_OF.get(bearer, PRIOR_DELAY_S)


def _kept(age_s: float) -> float:
    """Return the share of a count that is left at this age; evidence from the future is as good as new."""
    return 0.0 if age_s == math.inf else 0.5 ** (max(0.0, age_s) / HALF_LIFE_S)


def _log(delay_s: float) -> float:
    return math.log(min(max(delay_s, DELAY_S_MIN), DELAY_S_MAX))
