"""What a try changes: the bundle's honest state and when it is due again. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.link import SendOutcome, SendResult
from gateway.model import Bundle, BundleState, Precedence
from gateway.router.again import again_s
from gateway.router.budget import UNLIMITED, Ledger
from gateway.router.plan import LinkView, is_in_lane
from gateway.router.policy import (
    COPIES_MAX,
    REFUSED_RECHECK_S,
    UNKNOWN_DOUBLINGS_MAX,
    UNKNOWN_RETRY_S,
    Policy,
)
from gateway.router.weigh import could_begin_soon, held

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFERRED_WAIT_S = 5.0
"""Wait after DEFERRED without a time: a device that says no at once must not be asked in a circle."""

DEFERRED_WAIT_S_MIN = 0.2
"""Shortest wait after DEFERRED with a time that is already here, for the same reason."""

DEFERRED_WAIT_S_MAX = 3_600.0
"""A device that defers for longer is asked again all the same: its clock or its slot may have changed."""

OTHER_LINK_WAIT_S = 300.0
"""After a refusal, how long the lane's other links that are not open now are waited for before this one is asked again."""


@dataclass(frozen=True, slots=True)
class AfterTry:
    """State and next due time after one try."""

    state: BundleState
    due_s: float


def after_try(
    bundle: Bundle,
    link: str,
    result: SendResult,
    *,
    links: Sequence[LinkView],
    policy: Policy,
    now_s: float,
    size_bytes: int | None = None,
    source: Ledger = UNLIMITED,
) -> AfterTry:
    """Return what one try on ``link`` means for ``bundle``.

    Its state is the one before the try; ``attempts`` and ``tried`` are those of its round without this try.
    """
    before = BundleState.QUEUED if bundle.state is BundleState.HANDED else bundle.state
    lane = _may_carry(bundle, links, policy)
    others = [view for view in lane if view.name != link and view.name not in bundle.tried]
    # An SOS is said again on a quick link wherever its first copies went; the rest wait for the link that has it.
    heard_on = lane if bundle.precedence is Precedence.FLASH else [view for view in lane if view.name == link]
    answer_s = again_s(bundle, heard_on, policy)
    elsewhere = any(
        could_begin_soon(view, held(view, bundle, now_s, size_bytes=size_bytes, source=source)[0], now_s, answer_s)
        for view in others
    )
    is_urgent = bundle.precedence <= Precedence.IMMEDIATE
    patience = policy.patience[bundle.precedence]
    next_s = answer_s if bundle.attempts + 1 < patience.tries_max else patience.rarely_s
    state = before
    match result.outcome:
        case SendOutcome.ACCEPTED | SendOutcome.RELAYED:
            is_relayed = result.outcome is SendOutcome.RELAYED or before is BundleState.RELAYED
            state = BundleState.RELAYED if is_relayed else BundleState.SENT
            due_s = min(now_s + next_s, _makes_up_at_s(bundle, link, lane, policy, now_s))
            if elsewhere and _is_copy_missing(bundle, link, lane, policy, now_s):
                due_s = now_s
        case SendOutcome.UNKNOWN:
            # It may have left: the attempt says so in the history, the state claims nothing.
            doublings = 0 if bundle.precedence is Precedence.FLASH else min(bundle.attempts, UNKNOWN_DOUBLINGS_MAX)
            wait_s = UNKNOWN_RETRY_S * 2.0**doublings
            due_s = min(now_s + wait_s, _makes_up_at_s(bundle, link, lane, policy, now_s))
            if elsewhere and is_urgent:
                due_s = now_s
        case SendOutcome.DEFERRED:
            # The wait is the link's own; what may not wait goes to another one at once.
            due_s = now_s if elsewhere and is_urgent else now_s + deferred_wait_s(result, now_s)
        case SendOutcome.REFUSED:
            due_s = now_s + REFUSED_RECHECK_S
            if elsewhere:
                due_s = now_s
            elif before in (BundleState.SENT, BundleState.RELAYED):
                # Another link has sent it: it is repeated there when patience ends, not when this one is asked again.
                due_s = now_s + min(next_s, REFUSED_RECHECK_S)
            elif others:
                due_s = now_s + OTHER_LINK_WAIT_S
            else:
                state = BundleState.REFUSED
    return AfterTry(state, due_s)


def failover_bound_s(policy: Policy, precedence: Precedence, *, slot_s: float, answer_s: float) -> float:
    """Return within what time a bundle that was handed to a silently dead link is handed to another that is open.

    The declared bound: the device's answer (at most ``answer_s``), then the wait for an acknowledgement, then at most one
    slot of the other link (``slot_s``). inf for what is never repeated without being asked.
    """
    silence_s = policy.patience[precedence].unacknowledged_s
    if precedence > Precedence.IMMEDIATE:  # the urgent go elsewhere at once when even the device says nothing
        silence_s = max(silence_s, UNKNOWN_RETRY_S)
    return answer_s + silence_s + slot_s


def _may_carry(bundle: Bundle, links: Sequence[LinkView], policy: Policy) -> list[LinkView]:
    """Return the links of the lane that the policy lets carry it, as ``plan`` does."""
    lane = [view for view in links if is_in_lane(view.bearer, bundle.lane)]
    names = policy.rule(bundle.precedence, bundle.draft.message.kind).links
    named = lane if names is None else [view for view in lane if view.name in names]
    if bundle.precedence is Precedence.FLASH and not any(view.is_usable for view in named):
        return lane
    return named


def _copies(bundle: Bundle, policy: Policy) -> int:
    return min(policy.rule(bundle.precedence, bundle.draft.message.kind).copies, COPIES_MAX)


def _makes_up_at_s(bundle: Bundle, link: str, lane: Sequence[LinkView], policy: Policy, now_s: float) -> float:
    """Return when a FLASH that found fewer trusted links than copies goes again: in the next slot; inf when it need not.

    Only its first copies are made up for. After them its patience decides, or a lone link would carry nothing else.
    """
    tries = bundle.attempts + 1
    if bundle.precedence is not Precedence.FLASH or tries >= policy.patience[bundle.precedence].tries_max:
        return math.inf
    suspect, had = _suspects(bundle, lane, policy, now_s), {*bundle.tried, link}
    if tries - len(had & suspect) >= _copies(bundle, policy):
        return math.inf
    usable = [view for view in lane if view.is_usable and view.name in had]
    trusted = [view for view in usable if view.name not in suspect]
    slots = [view.not_before_s if view.not_before_s > now_s else now_s + view.slot_s for view in trusted or usable]
    return min(slots, default=math.inf)


def _is_copy_missing(bundle: Bundle, link: str, lane: Sequence[LinkView], policy: Policy, now_s: float) -> bool:
    """Tell whether fewer links had it in this round than should; a copy on a suspect link does not count as one."""
    had = {*bundle.tried, link}
    copies = _copies(bundle, policy)
    return copies > 1 and len(had) < COPIES_MAX and len(had - _suspects(bundle, lane, policy, now_s)) < copies


def _suspects(bundle: Bundle, lane: Sequence[LinkView], policy: Policy, now_s: float) -> set[str]:
    silence_s = policy.patience[bundle.precedence].unacknowledged_s
    return {view.name for view in lane if view.health.is_suspect(now_s, silence_s, policy.hold_down_s)}


def deferred_wait_s(result: SendResult, now_s: float) -> float:
    """Return how long a link that answered DEFERRED is left alone: what it asks for, within bounds."""
    asked_s = DEFERRED_WAIT_S if result.not_before_s is None else result.not_before_s - now_s
    if math.isnan(asked_s):
        return DEFERRED_WAIT_S
    return min(max(asked_s, DEFERRED_WAIT_S_MIN), DEFERRED_WAIT_S_MAX)
