"""How soon something is said again: where peers answer and a link is quick, no answer soon is an answer. Pure.

A card's slot is a minute, so a FLASH that waits two of them for a receipt and then goes again is as good as a card can be.
Where a link of the lane has slots of seconds, its peer's receipt is back within seconds too, and the burst that was lost
in a fade can go again before any other link's slot has come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.model import Precedence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.model import Bundle
    from gateway.router.plan import LinkView
    from gateway.router.policy import Policy

QUICK_SLOT_S = 10.0
"""A link with slots no longer than this is quick."""

ANSWER_SLOTS = 2.0
"""Slots of a quick link within which a receipt is back: ours, and the peer's."""

QUICK_AGAIN_S: Mapping[Precedence, float] = {
    Precedence.FLASH: 10.0,
    Precedence.IMMEDIATE: 20.0,
    Precedence.PRIORITY: 60.0,
    Precedence.ROUTINE: 180.0,
}
"""Never sooner than this: the receipt may just be leaving."""

QUICK_TRIES_MAX = 6
"""After so many tries a fade is an outage, and the precedence's own patience holds."""


def again_s(bundle: Bundle, lane: Sequence[LinkView], policy: Policy) -> float:
    """Return how long an answer is waited for after one more try: the patience, or less where a quick link is open.

    ``lane`` are the links that may carry the bundle, ``bundle.attempts`` the tries before this one.
    """
    patience = policy.patience[bundle.precedence]
    if not policy.peers_answer or bundle.attempts + 1 >= QUICK_TRIES_MAX:
        return patience.unacknowledged_s
    slots = [view.slot_s for view in lane if view.is_usable and view.slot_s <= QUICK_SLOT_S]
    if not slots:
        return patience.unacknowledged_s
    return min(patience.unacknowledged_s, max(QUICK_AGAIN_S[bundle.precedence], ANSWER_SLOTS * min(slots)))
