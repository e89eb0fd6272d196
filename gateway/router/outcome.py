"""What a try changes: the bundle's honest state and when it is due again. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.link import SendOutcome, SendResult
from gateway.model import Bundle, BundleState, Precedence
from gateway.router.plan import LinkView, is_in_lane
from gateway.router.policy import (
    FLASH_COPIES,
    REFUSED_RECHECK_S,
    UNKNOWN_DOUBLINGS_MAX,
    UNKNOWN_RETRY_S,
    Policy,
)

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
    bundle: Bundle, link: str, result: SendResult, *, links: Sequence[LinkView], policy: Policy, now_s: float
) -> AfterTry:
    """Return what one try on ``link`` means for ``bundle``.

    Its state is the one before the try; ``attempts`` and ``tried`` are those of its round without this try.
    """
    before = BundleState.QUEUED if bundle.state is BundleState.HANDED else bundle.state
    others = [v for v in links if is_in_lane(v.bearer, bundle.lane) and v.name != link and v.name not in bundle.tried]
    patience = policy.patience[bundle.precedence]
    match result.outcome:
        case SendOutcome.ACCEPTED | SendOutcome.RELAYED:
            state = BundleState.RELAYED if result.outcome is SendOutcome.RELAYED else BundleState.SENT
            state = BundleState.RELAYED if before is BundleState.RELAYED else state
            if (
                bundle.precedence is Precedence.FLASH
                and len(bundle.tried) + 1 < FLASH_COPIES
                and any(v.is_usable for v in others)
            ):
                return AfterTry(state, now_s)
            spent = bundle.attempts + 1 >= patience.tries_max
            return AfterTry(state, math.inf if spent else now_s + patience.unacknowledged_s)
        case SendOutcome.UNKNOWN:
            # It may have left: the attempt says so in the history, the state claims nothing.
            elsewhere = any(v.is_usable for v in others) and bundle.precedence <= Precedence.IMMEDIATE
            doublings = 0 if bundle.precedence is Precedence.FLASH else min(bundle.attempts, UNKNOWN_DOUBLINGS_MAX)
            return AfterTry(before, now_s + (0.0 if elsewhere else UNKNOWN_RETRY_S * 2.0**doublings))
        case SendOutcome.DEFERRED:
            # The wait is the link's own; what may not wait goes to another one at once.
            elsewhere = any(v.is_usable for v in others) and bundle.precedence <= Precedence.IMMEDIATE
            return AfterTry(before, now_s if elsewhere else now_s + deferred_wait_s(result, now_s))
        case SendOutcome.REFUSED:
            if others:
                return AfterTry(before, now_s + (0.0 if any(v.is_usable for v in others) else OTHER_LINK_WAIT_S))
            state = before if before in (BundleState.SENT, BundleState.RELAYED) else BundleState.REFUSED
            return AfterTry(state, now_s + REFUSED_RECHECK_S)


def deferred_wait_s(result: SendResult, now_s: float) -> float:
    """Return how long a link that answered DEFERRED is left alone: what it asks for, within bounds."""
    asked_s = DEFERRED_WAIT_S if result.not_before_s is None else result.not_before_s - now_s
    if math.isnan(asked_s):
        return DEFERRED_WAIT_S
    return min(max(asked_s, DEFERRED_WAIT_S_MIN), DEFERRED_WAIT_S_MAX)
