"""The choice among weighed links: by expected delivery, by price in time, or by the operator's order. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.model import BundleState, Precedence
from gateway.router.budget import PROBE_SHARE_MAX
from gateway.router.policy import COPIES_MAX, LIFETIME_SHARE, Choose
from gateway.router.weigh import SUSPECT, TRUSTED, Weighed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from gateway.model import Bundle
    from gateway.router.plan import LinkView
    from gateway.router.policy import Policy, Rule


@dataclass(frozen=True, slots=True)
class Standing:
    """The link in use for a sort of traffic, and when others were left."""

    link: str | None = None
    left_s: Mapping[str, float] = field(default_factory=dict)

    def is_left(self, link: str, now_s: float, hold_down_s: float) -> bool:
        """Tell whether a link was left too lately to go back to it."""
        left_s = self.left_s.get(link)
        return left_s is not None and now_s - left_s < hold_down_s

    def moved_to(self, link: str, now_s: float, hold_down_s: float) -> Standing:
        """Return the standing with this link in use; what was left long ago is forgotten."""
        if link == self.link:
            return self
        left = {name: at_s for name, at_s in self.left_s.items() if now_s - at_s < hold_down_s and name != link}
        if self.link is not None:
            left[self.link] = now_s
        return Standing(link, left)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was chosen and why; see Decision, which it becomes. No links and no reason: nothing can take it."""

    links: tuple[str, ...] = ()
    reason: str = ""
    probe: str | None = None
    until_s: float = math.inf
    standing: Standing | None = None
    """What is in use from now on; None: as before."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the bundle, the rule that holds for it, and when."""

    bundle: Bundle
    rule: Rule
    policy: Policy
    now_s: float
    standing: Standing
    suspects: AbstractSet[str] = frozenset()
    """Links of the lane that are not trusted: a copy on one of them does not count as a copy."""

    @property
    def copies(self) -> int:
        """Return how many links should have it in one round."""
        return min(self.rule.copies, COPIES_MAX)

    @property
    def deadline_s(self) -> float:
        """Return when it should be there."""
        if self.rule.deadline_s is not None:
            return self.bundle.accepted_s + self.rule.deadline_s
        return self.now_s + LIFETIME_SHARE * (self.bundle.expires_s - self.now_s)


def soonest(question: Question, pool: list[Weighed]) -> Verdict:
    """Choose by expected delivery; a link that waits for its budget or for quiet hours is not named before it may."""
    usable = [one for one in pool if one.view.is_usable and one.start_s < math.inf]
    ranked = sorted(usable, key=lambda one: (one.trust == SUSPECT, one.arrival_s, one.start_s, one.rank))
    named = ranked[: _copies_left(question, pool)]
    if question.copies == 1 and usable:
        named = [_as_soon_in_order(question, usable, ranked[0])]
    ready = [one for one in named if one.is_ready(question.now_s)]
    if not ready:
        return _wait_for(named[0]) if named else Verdict()
    reason = "soonest slot" if question.copies == 1 else f"soonest slot, {len(ready)} at once"
    more = _copy_more(question, ranked, ready)
    return Verdict(tuple(one.name for one in ready), reason, probe=more)


def _copy_more(question: Question, ranked: list[Weighed], named: list[Weighed]) -> str | None:
    """Return a suspect link that is free and would have a FLASH there first if it worked: it gets a copy beside the others.

    Nothing is lost by it when it does not work, and a link that has just come back keeps no SOS waiting for a slot.
    """
    if question.bundle.precedence is not Precedence.FLASH or question.bundle.tried:
        return None
    sooner = [
        one
        for one in ranked
        if one.trust == SUSPECT
        and one not in named
        and one.view.not_before_s <= question.now_s
        and one.arrival_s < named[0].arrival_s
    ]
    return sooner[0].name if sooner else None


def _as_soon_in_order(question: Question, usable: list[Weighed], best: Weighed) -> Weighed:
    """Return the first in the operator's order that is not clearly later than the soonest."""
    latest_s = best.arrival_s + best.rest_s * question.policy.hysteresis
    return next(
        one for one in usable if (one.trust == SUSPECT) == (best.trust == SUSPECT) and one.arrival_s <= latest_s
    )


def cheapest(question: Question, pool: list[Weighed], links: Sequence[LinkView]) -> Verdict:
    """Choose by trust, deadline, price and the operator's order; what is clearly cheaper and comes in time is waited for.

    ``links`` are all there are, also outside the bundle's lane: what an SOS could take.
    """
    now_s = question.now_s
    ready = [one for one in pool if one.is_ready(now_s)]
    waiting = [one for one in pool if one.could_be_waited_for(now_s)]
    if not ready:
        return _wait_for(min(waiting, key=lambda one: (one.start_s, one.rank))) if waiting else Verdict()
    chosen = _unless_left_lately(question, ready, _best(question, ready))
    standing = _standing(question, chosen)
    cheaper = _worth_waiting_for(question, waiting, chosen)
    if cheaper is not None:
        return _wait_for(cheaper)
    reason = _reason(question, ready, chosen)
    if question.policy.keep_last_slot and question.bundle.precedence > Precedence.IMMEDIATE:
        other = _instead_of_last_slot(question, ready, chosen, links)
        if other is not None:
            chosen, reason = other, f"{reason}, keeping {chosen.name} free for an SOS"
    names = [chosen.name]
    for _ in range(_copies_left(question, pool) - 1):
        rest = [one for one in ready if one.name not in names]
        if rest:
            names.append(_best(question, rest).name)
    return Verdict(tuple(names), reason, probe=_probe(question, ready, chosen), standing=standing)


def _best(question: Question, candidates: list[Weighed]) -> Weighed:
    """Return the best of links that are ready, in the operator's order: one further down must be clearly cheaper."""
    deadline_s = question.deadline_s
    classes = [_class(one, is_late=one.arrival_s > deadline_s) for one in candidates]
    top = min(classes)
    peers = [one for one, each in zip(candidates, classes, strict=True) if each == top]
    best = peers[0]
    if question.rule.choose is Choose.ORDER or len(peers) == 1:
        return best
    if best.arrival_s > deadline_s:
        return min(peers, key=lambda one: (one.arrival_s, one.rank))
    for one in peers[1:]:
        if _is_clearly_cheaper(one, best, question.policy.hysteresis):
            best = one
    return best


def _unless_left_lately(question: Question, ready: list[Weighed], best: Weighed) -> Weighed:
    """Return the link in use instead of one that was left lately, as long as the one in use does not fail.

    Each link is held down by itself; this is for two that change one shortly after the other.
    """
    standing = question.standing
    if not standing.is_left(best.name, question.now_s, question.policy.hold_down_s):
        return best
    in_use = next((one for one in ready if one.name == standing.link), best)
    works = in_use.trust != SUSPECT and in_use.arrival_s <= question.deadline_s
    return in_use if works else best


def _standing(question: Question, chosen: Weighed) -> Standing | None:
    """Return what is in use from now on; a bundle that had a link already or is late says nothing of the others."""
    if question.bundle.tried or chosen.arrival_s > question.deadline_s:
        return None
    return question.standing.moved_to(chosen.name, question.now_s, question.policy.hold_down_s)


def _class(one: Weighed, *, is_late: bool) -> tuple[int, float]:
    """Return the order of trust and time: a trusted link that is late still goes before one that is suspect."""
    return 4 + is_late if one.trust == SUSPECT else 2 * is_late + one.trust, one.settles_s


def _is_clearly_cheaper(one: Weighed, other: Weighed, margin: float) -> bool:
    return one.price * (1 + margin) < other.price


def _worth_waiting_for(question: Question, waiting: list[Weighed], chosen: Weighed) -> Weighed | None:
    """Return the cheapest link that is closed, opens in time, and is clearly cheaper than what could go now."""
    if question.rule.choose is Choose.ORDER:
        return None
    cheaper = [
        one
        for one in waiting
        if one.trust == TRUSTED
        and one.arrival_s <= question.deadline_s
        and _is_clearly_cheaper(one, chosen, question.policy.hysteresis)
    ]
    return min(cheaper, key=lambda one: (one.price, one.rank), default=None)


def _reason(question: Question, ready: list[Weighed], chosen: Weighed) -> str:
    if chosen.arrival_s > question.deadline_s and len(ready) > 1:
        return "soonest, since nothing trusted keeps its deadline"
    by_price = question.rule.choose is not Choose.ORDER and any(one.price != ready[0].price for one in ready)
    reason = "cheapest in time" if by_price else "operator's order"
    passed = sorted(f"{one.name}: {one.doubt}" for one in ready if one.rank < chosen.rank and one.doubt)
    return f"{reason}, passing {', '.join(passed)}" if passed else reason


def _instead_of_last_slot(
    question: Question, ready: list[Weighed], chosen: Weighed, links: Sequence[LinkView]
) -> Weighed | None:
    """Return the link to wait for instead of the only one that could take an SOS at once; None where that is not needed."""
    free = [link.name for link in links if link.is_usable and link.not_before_s <= question.now_s]
    if free != [chosen.name]:
        return None
    others = [
        one for one in ready if one is not chosen and one.trust == TRUSTED and one.arrival_s <= question.deadline_s
    ]
    return min(others, key=lambda one: (one.price, one.start_s, one.rank), default=None)


def _probe(question: Question, ready: list[Weighed], chosen: Weighed) -> str | None:
    """Return a doubted link that would otherwise come first and is due to show what it can; its own budget pays."""
    for one in ready:
        is_ahead = one.rank < chosen.rank or _is_clearly_cheaper(one, chosen, question.policy.hysteresis)
        if is_ahead and one.trust == SUSPECT and _is_due_to_show(question, one):
            return one.name
    return None


def _is_due_to_show(question: Question, one: Weighed) -> bool:
    """Tell whether a link may be probed with this bundle now: seldom, in a free slot, from the first half of its budget.

    One that answered its last is asked again at once. One that is only held down has shown enough and needs no probe.
    """
    health, now_s = one.view.health, question.now_s
    return (
        (health.doubted or health.unanswered_since_s < math.inf)
        and one.name not in question.bundle.tried
        and one.view.not_before_s <= now_s
        and (now_s - health.last_try_s >= question.policy.probe_every_s or health.answered_s >= health.tried_s)
        and one.view.ledger.share_spent(now_s) <= PROBE_SHARE_MAX
    )


def _wait_for(one: Weighed) -> Verdict:
    return Verdict(reason=f"waits for {one.name}: {one.held_by or 'its next contact'}", until_s=one.start_s)


def _copies_left(question: Question, pool: list[Weighed]) -> int:
    """Return how many links still get a copy in this round: never fewer than one, or a lone link would be forgotten."""
    bundle = question.bundle
    is_new_round = any(one.name in bundle.tried for one in pool)
    if is_new_round or bundle.state in (BundleState.QUEUED, BundleState.REFUSED):
        return question.copies
    return max(1, question.copies - len(set(bundle.tried) - question.suspects))
