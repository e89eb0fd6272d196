"""Which link takes a bundle now, and why. Pure: values in, values out, the same answer for the same question."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.link import LinkState
from gateway.model import BundleState, Precedence
from gateway.router.budget import UNLIMITED, Ledger
from gateway.router.contacts import ALWAYS, Contact, Quiet
from gateway.router.estimate import LinkEstimate
from gateway.router.health import LinkHealth
from gateway.router.policy import FLASH_COPIES
from gateway.router.tariff import Tariff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.model import Bundle
    from gateway.router.policy import Policy


SLOT_S = 60.0
"""Time between two frames where a device does not say: a civil card's service frequency."""


@dataclass(frozen=True, slots=True)
class LinkView:
    """What the router sees of a link. Times on the timeline."""

    name: str
    bearer: str
    state: LinkState
    not_before_s: float = 0.0
    health: LinkHealth = field(default_factory=LinkHealth)
    tariff: Tariff = field(default_factory=Tariff)
    frame_bytes: int | None = None
    """What one frame carries of a bundle; None while unknown: anything is one frame."""
    slot_s: float = SLOT_S
    """Time from one frame's beginning to the next's."""
    estimate: LinkEstimate = field(default_factory=LinkEstimate)
    ledger: Ledger = UNLIMITED
    contact: Contact = ALWAYS
    quiet: Quiet = field(default_factory=Quiet)

    @property
    def is_usable(self) -> bool:
        """Tell whether it can take something now or at ``not_before_s``."""
        return self.state is LinkState.OPEN


@dataclass(frozen=True, slots=True)
class Option:
    """One link of the lane as it was weighed, for people who ask why."""

    link: str
    chosen: bool
    why: str
    """In English log words: ``cheapest``, ``suspect: unacknowledged``, ``not open: busy``."""
    delay_s: float | None = None
    """Expected time until it is there; None where nothing is known of when."""
    success: float | None = None
    """Probability that one transmission arrives."""
    price: float | None = None
    """Expected price of having it there, repeats counted."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Links that should take the bundle, best first (empty: wait), and the reason in English log words."""

    links: tuple[str, ...]
    reason: str
    options: tuple[Option, ...] = ()
    """Every link of the lane in the operator's order."""
    until_s: float = math.inf
    """With no links: when time alone changes that (a pass, a budget, the end of quiet hours); inf: nobody knows."""


def lane_of(bearers: Sequence[str]) -> str:
    """Return the lane of a bundle whose destination can be reached over these bearers."""
    return "+".join(sorted(set(bearers)))


def is_in_lane(bearer: str, lane: str) -> bool:
    """Tell whether a link of this bearer serves the lane."""
    return bearer in lane.split("+")


def plan(bundle: Bundle, links: Sequence[LinkView], policy: Policy, now_s: float) -> Decision:
    """Decide which of ``links`` should carry ``bundle``.

    FLASH and IMMEDIATE go where the next slot is earliest, FLASH on two links at once; the others follow the operator's
    order and pass over a link that has become suspect. A bundle that was tried without evidence prefers links that have
    not had it yet; when all have, a new round begins.
    """
    precedence = bundle.precedence
    reachable = [link for link in links if is_in_lane(link.bearer, bundle.lane)]
    if not reachable:
        return Decision((), f"no link of bearer {bundle.lane} is configured")
    usable = [link for link in reachable if link.is_usable]
    if not usable:
        states = ", ".join(f"{link.name} {link.state}" for link in sorted(reachable, key=lambda link: link.name))
        return Decision((), f"no link is open: {states}")
    untried = [link for link in usable if link.name not in bundle.tried]
    pool = untried or usable
    if precedence is Precedence.FLASH:
        copies = min(len(pool), _flash_copies_left(bundle, untried=bool(untried)))
        ranked = sorted(pool, key=lambda link: _soonest(link, policy, precedence, now_s))
        return Decision(tuple(link.name for link in ranked[:copies]), f"soonest slot, {copies} at once")
    if precedence is Precedence.IMMEDIATE:
        best = min(pool, key=lambda link: _soonest(link, policy, precedence, now_s))
        return Decision((best.name,), "soonest slot")
    ranked = sorted(
        pool, key=lambda link: (_is_suspect(link, policy, precedence, now_s), policy.rank(precedence, link.name))
    )
    first = ranked[0]
    passed = [link.name for link in pool if policy.rank(precedence, link.name) < policy.rank(precedence, first.name)]
    reason = (
        "operator's order" if not passed else f"operator's order, passing {', '.join(sorted(passed))}: unacknowledged"
    )
    return Decision((first.name,), reason)


def _flash_copies_left(bundle: Bundle, *, untried: bool) -> int:
    """Return how many links still get a copy in this round: never fewer than one, or a lone link would be forgotten."""
    if not untried or bundle.state in (BundleState.QUEUED, BundleState.REFUSED):
        return FLASH_COPIES
    return max(1, FLASH_COPIES - len(bundle.tried))


def _is_suspect(link: LinkView, policy: Policy, precedence: Precedence, now_s: float) -> bool:
    return link.health.is_suspect(now_s, policy.patience[precedence].unacknowledged_s, policy.hold_down_s)


def _soonest(
    link: LinkView, policy: Policy, precedence: Precedence, now_s: float
) -> tuple[bool, float, tuple[int, str]]:
    """Sort key: trusted links first, then the earliest slot, then the operator's order."""
    suspect = _is_suspect(link, policy, precedence, now_s)
    return (suspect, max(now_s, link.not_before_s), policy.rank(precedence, link.name))
