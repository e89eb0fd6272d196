"""What is known of a link from evidence only: outcomes and heard traffic, never socket state.

A link that takes everything and confirms nothing is *suspect* once its oldest unacknowledged try is older than the
policy allows; the router then prefers the next link in the operator's order. Evidence clears the suspicion, and the
hold-down keeps the router from going back before the evidence has lasted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from gateway.link import SendOutcome

SILENCE_S = 180.0
"""Tries without feedback for three slots are a silence; a single lost feedback, repeated after two, is not."""


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """Evidence about one link, in timeline seconds. A new link is innocent."""

    unanswered_since_s: float = math.inf
    """When the oldest try without any feedback was made; inf when there is none."""
    failed_s: float = -math.inf
    """When it last came back after a silence; the hold-down counts from here."""
    heard_s: float = -math.inf
    """When anything was last heard or confirmed."""

    def after_outcome(self, outcome: SendOutcome, now_s: float) -> LinkHealth:
        """Return the health after one try."""
        if outcome is SendOutcome.UNKNOWN:
            return replace(self, unanswered_since_s=min(self.unanswered_since_s, now_s))
        if outcome in (SendOutcome.ACCEPTED, SendOutcome.RELAYED):
            was_silent = now_s - self.unanswered_since_s >= SILENCE_S
            failed_s = now_s if was_silent else self.failed_s
            return replace(self, unanswered_since_s=math.inf, failed_s=failed_s, heard_s=now_s)
        return self

    def after_heard(self, now_s: float) -> LinkHealth:
        """Return the health after something was received: the radio hears, which is not yet that it sends."""
        return replace(self, heard_s=now_s)

    def after_lost(self, now_s: float) -> LinkHealth:
        """Return the health after the device was lost: its silence was its own, and the hold-down counts from here.

        A silence that is still young goes on counting, so that a device lost every minute is not innocent every minute.
        """
        if now_s - self.unanswered_since_s < SILENCE_S:
            return self
        return replace(self, unanswered_since_s=math.inf, failed_s=now_s)

    def is_suspect(self, now_s: float, unacknowledged_s: float, hold_down_s: float) -> bool:
        """Tell whether another link should be preferred now."""
        if now_s - self.failed_s < hold_down_s:
            return True
        # Doubted only when the wait is over; a finite bound holds for precedences that never repeat, so that they fail
        # over as well.
        return now_s - self.unanswered_since_s >= min(unacknowledged_s, max(hold_down_s, SILENCE_S))
