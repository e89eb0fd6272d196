"""Which link takes a bundle now, and why. Pure: values in, values out, the same answer for the same question."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.link import LinkState
from gateway.model import Precedence
from gateway.router.again import again_s
from gateway.router.budget import UNLIMITED, Ledger
from gateway.router.choose import Question, Standing, Verdict, cheapest, soonest
from gateway.router.contacts import ALWAYS, Contact, Quiet
from gateway.router.estimate import LinkEstimate
from gateway.router.health import LinkHealth
from gateway.router.policy import Choose
from gateway.router.tariff import Tariff
from gateway.router.weigh import SUSPECT, Weighed, could_begin_soon, weigh

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
    """What one transmission costs."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Links that should take the bundle, best first (empty: wait), and the reason in English log words."""

    links: tuple[str, ...]
    reason: str
    options: tuple[Option, ...] = ()
    """Every link of the lane in the operator's order."""
    probe: str | None = None
    """A suspect link beside these that may take it at once: instead, to show whether it works, or, of a FLASH, a copy more."""
    standing: Standing = field(default_factory=Standing)
    """What is in use for this sort of traffic from now on; given back with the next question (see standing.py)."""
    until_s: float = math.inf
    """With no links: when time alone changes that (a pass, a budget, the end of quiet hours); inf: nobody knows."""

    def takes(self, link: str) -> bool:
        """Tell whether this link may take it now."""
        return link in self.links or link == self.probe


def lane_of(bearers: Sequence[str]) -> str:
    """Return the lane of a bundle whose destination can be reached over these bearers."""
    return "+".join(sorted(set(bearers)))


def is_in_lane(bearer: str, lane: str) -> bool:
    """Tell whether a link of this bearer serves the lane."""
    return bearer in lane.split("+")


def plan(
    bundle: Bundle,
    links: Sequence[LinkView],
    policy: Policy,
    now_s: float,
    size_bytes: int | None = None,
    *,
    source: Ledger = UNLIMITED,
    standing: Standing | None = None,
) -> Decision:
    """Decide which of ``links`` should carry ``bundle``, of ``size_bytes`` on the air; ``source`` is its author's ledger.

    ``standing`` is what is in use (see standing.py); without it nothing is, and the answer is what it would be at first.

    By the policy's rule: what must be there soonest goes where it is expected first, FLASH over two links at once; the
    rest goes where it is cheapest in time, or by the operator's order alone. A bundle that was tried without evidence
    prefers links that have not had it yet; when all have, a new round begins.
    """
    rule = policy.rule(bundle.precedence, bundle.draft.message.kind)
    before = standing or Standing()
    reachable = [link for link in links if is_in_lane(link.bearer, bundle.lane)]
    if not reachable:
        return Decision((), f"no link of bearer {bundle.lane} is configured", standing=before)
    wait_s = again_s(bundle, reachable, policy)
    weighed = sorted(
        (
            weigh(link, bundle, policy, now_s, size_bytes=size_bytes, source=source, again_s=wait_s)
            for link in reachable
        ),
        key=lambda one: one.rank,
    )
    suspects = {one.name for one in weighed if one.trust == SUSPECT}
    question = Question(bundle, rule, policy, now_s, before, suspects)
    allowed = _allowed(question, weighed)
    pool = _untried(question, allowed)
    verdict = soonest(question, pool) if rule.choose is Choose.SOONEST else cheapest(question, pool, links)
    reason = verdict.reason or _why_none(question, allowed)
    options = tuple(
        Option(
            link=one.name,
            chosen=one.name in verdict.links,
            why=_why_not(question, one, verdict, allowed, pool) or reason,
            delay_s=one.arrival_s - now_s if one.view.is_usable and one.arrival_s < math.inf else None,
            success=one.success,
            price=one.price,
        )
        for one in weighed
    )
    return Decision(verdict.links, reason, options, verdict.probe, verdict.standing or before, verdict.until_s)


def _allowed(question: Question, weighed: list[Weighed]) -> list[Weighed]:
    """Return the links that the rule lets carry it; for FLASH every link when none of those is usable."""
    names = question.rule.links
    if names is None:
        return weighed
    named = [one for one in weighed if one.name in names]
    if question.bundle.precedence is Precedence.FLASH and not any(one.view.is_usable for one in named):
        return weighed
    return named


def _untried(question: Question, allowed: list[Weighed]) -> list[Weighed]:
    """Return the links that have not had it in this round and could take it soon; all, when there are none."""
    tried = question.bundle.tried
    fresh = [one for one in allowed if one.name not in tried]
    within_s = again_s(question.bundle, [one.view for one in allowed], question.policy)
    soon = any(could_begin_soon(one.view, one.held_s, question.now_s, within_s) for one in fresh)
    return fresh if soon else allowed


def _why_none(question: Question, allowed: list[Weighed]) -> str:
    """Say why nothing can take it."""
    if not allowed:
        return f"no link that may carry it is configured: the policy names {', '.join(question.rule.links or ())}"
    kept = [f"{one.name} by {one.held_by}" for one in allowed if one.view.is_usable]
    if kept:
        return f"kept off every open link: {', '.join(kept)}"
    states = ", ".join(f"{one.name} {one.view.state}" for one in sorted(allowed, key=lambda one: one.name))
    return f"no link is open: {states}"


def _why_not(question: Question, one: Weighed, verdict: Verdict, allowed: list[Weighed], pool: list[Weighed]) -> str:
    """Say why a link was not chosen; empty for one that was."""
    if one.name in verdict.links:
        return ""
    if one.name == verdict.probe:
        return f"may take it too, at once: {one.doubt}"
    if one not in allowed:
        return "the policy does not let it carry this"
    if not one.is_ready(question.now_s):
        return _why_not_ready(question, one)
    return one.doubt or ("comes after" if one in pool else "has had it in this round")


def _why_not_ready(question: Question, one: Weighed) -> str:
    if one.could_be_waited_for(question.now_s):
        return f"{one.held_by or one.view.state}, free in {one.start_s - question.now_s:.0f} s"
    return f"kept off by {one.held_by}" if one.view.is_usable else f"is {one.view.state}"
