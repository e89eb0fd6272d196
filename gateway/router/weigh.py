"""One link weighed for one bundle: when it could begin, when it would be there, what that costs, what speaks against it.

Expected delivery is the wait for slot, contact, quiet hours and budget, then the frames at one a slot, the delay seen on
the link, and the repeats that its losses make likely, each after the precedence's patience. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.link import LinkState
from gateway.model import Precedence
from gateway.router.estimate import prior_delay_s
from gateway.router.policy import GATEWAY_PATIENCE_S
from gateway.router.tariff import Spend, frames_of

if TYPE_CHECKING:
    from gateway.model import Bundle
    from gateway.router.budget import Ledger
    from gateway.router.plan import LinkView
    from gateway.router.policy import Policy

SUCCESS_MIN = 0.02
"""A link is never thought worse than this: an expected time without end says nothing."""

CLOSED_S_MAX = 86_400.0
"""So late at most an SOS is thought to leave by a link that is open though its schedule says otherwise."""

TRUSTED, SUSPECT = range(2)
"""How far a link is trusted, best first."""


@dataclass(slots=True, eq=False)  # not frozen: thousands are made a second, and none is changed
class Weighed:
    """What one link would mean for one bundle. Times on the timeline."""

    view: LinkView
    rank: tuple[int, float, str]
    """The operator's order; of links that nobody put in order, what is free again soonest, which keeps slow slots for an SOS."""
    trust: int
    doubt: str
    """Why it is not trusted; empty where it is."""
    settles_s: float
    """When a hold-down ends: what has been back longest comes first, so that links that are held down do not alternate.
    -inf where it is trusted, inf where time alone does not end its doubt."""
    held_s: float
    """From when schedule, quiet hours and budgets let it go: now or earlier for at once, inf for never."""
    held_by: str
    start_s: float
    """When its first frame could leave."""
    rest_s: float
    """From then until it is expected to be there: what was learned of the link, not when its slot is."""
    success: float
    price: float
    """What one transmission costs. Losses are no part of it: what was learned speaks by trust alone, or prices that are
    nearly the same would send every other bundle another way."""

    @property
    def name(self) -> str:
        """Return the link's name."""
        return self.view.name

    @property
    def arrival_s(self) -> float:
        """Return when it is expected to be there."""
        return self.start_s + self.rest_s

    def is_ready(self, now_s: float) -> bool:
        """Tell whether nothing but the link's own slot stands before it."""
        return self.view.is_usable and self.held_s <= now_s

    def could_be_waited_for(self, now_s: float) -> bool:
        """Tell whether it is known when it can go later: an unknown return is never counted on."""
        if self.is_ready(now_s) or self.start_s == math.inf:
            return False
        scheduled = self.view.contact.opens_s > now_s and self.view.state in (LinkState.AVAILABLE, LinkState.BUSY)
        return self.view.is_usable or scheduled


def weigh(
    view: LinkView,
    bundle: Bundle,
    policy: Policy,
    now_s: float,
    *,
    size_bytes: int | None,
    source: Ledger,
    again_s: float | None = None,
) -> Weighed:
    """Weigh one link of the bundle's lane; ``again_s`` is how soon it goes again, None for the precedence's patience."""
    precedence = bundle.precedence
    frames = frames_of(size_bytes, view.frame_bytes)
    trust, doubt, settles_s = _trust(view, policy, precedence, now_s)
    held_s, held_by = held(view, bundle, now_s, size_bytes=size_bytes, source=source)
    start_s = max(now_s, view.not_before_s, held_s)
    contact = view.contact
    if precedence is Precedence.FLASH and not contact.is_open(start_s):
        # It may go all the same, since a schedule can be wrong and the link says that it is open; one that is up comes first.
        start_s = min(max(start_s, contact.opens_s), start_s + CLOSED_S_MAX)
    success = max(SUCCESS_MIN, view.estimate.success(now_s).mean)
    patience_s = policy.patience[precedence].unacknowledged_s if again_s is None else again_s
    rest_s = (
        (frames / success - 1.0) * view.slot_s
        + view.estimate.delay_s(now_s, prior_delay_s(view.bearer)).mean
        + (1.0 / success - 1.0) * min(patience_s, GATEWAY_PATIENCE_S)
    )
    return Weighed(
        view=view,
        rank=_rank(view, policy, precedence),
        trust=trust,
        doubt=doubt,
        settles_s=settles_s,
        held_s=held_s,
        held_by=held_by,
        start_s=start_s,
        rest_s=rest_s,
        success=success,
        price=view.tariff.price(frames, size_bytes or 0),
    )


def held(view: LinkView, bundle: Bundle, now_s: float, *, size_bytes: int | None, source: Ledger) -> tuple[float, str]:
    """Return until when schedule, quiet hours and budgets keep the bundle off the link, and which of them does.

    Nothing of this ever holds FLASH: only a link that cannot send can.
    """
    precedence = bundle.precedence
    if precedence is Precedence.FLASH:
        return now_s, ""
    spend = spend_of(view, size_bytes)
    found = [
        (view.ledger.allows_at_s(spend, precedence, now_s), "its budget"),
        (source.allows_at_s(spend, precedence, now_s), "the source's budget"),
        (view.quiet.opens_s(precedence, now_s), "quiet hours"),
    ]
    start_s = max(now_s, view.not_before_s, *(at_s for at_s, _ in found))
    contact = view.contact
    if not contact.is_open(start_s):
        found.append((contact.opens_s if start_s < contact.opens_s else math.inf, "its next contact"))
    return max(found, key=lambda one: one[0])


def spend_of(view: LinkView, size_bytes: int | None) -> Spend:
    """Return what one transmission of the bundle takes out of a budget of this link."""
    return view.tariff.spend(frames_of(size_bytes, view.frame_bytes), size_bytes or 0)


def could_begin_soon(view: LinkView, held_s: float, now_s: float, within_s: float) -> bool:
    """Tell whether a link could begin within some time."""
    return view.is_usable and max(view.not_before_s, held_s) <= now_s + within_s


def _rank(view: LinkView, policy: Policy, precedence: Precedence) -> tuple[int, float, str]:
    place, name = policy.rank(precedence, view.name)
    return place, view.slot_s, name


def _trust(view: LinkView, policy: Policy, precedence: Precedence, now_s: float) -> tuple[int, str, float]:
    """Return how far a link is trusted, what speaks against it, and when that ends by time alone."""
    health = view.health
    if health.is_suspect(now_s, policy.patience[precedence].unacknowledged_s, policy.hold_down_s):
        if health.doubted:
            return SUSPECT, "unanswered", math.inf
        if health.unanswered_since_s < math.inf:
            return SUSPECT, "unacknowledged", math.inf
        return SUSPECT, "held down after a silence", health.failed_s + policy.hold_down_s
    return TRUSTED, "", -math.inf
