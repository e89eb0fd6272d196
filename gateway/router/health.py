"""What is known of a link from evidence only: outcomes and heard traffic, never socket state.

A link that takes everything and confirms nothing is *suspect* once its oldest unacknowledged try is older than the
policy allows. One whose device is content and whose peers answer nothing is *doubted*. The router then prefers the
next link. Evidence clears both, and the hold-down keeps the router from going back before the evidence has lasted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from gateway.link import SendOutcome

SILENCE_S = 180.0
"""Tries without feedback for three slots are a silence; a single lost feedback, repeated after two, is not."""

LOST_RUN = 3
"""Transmissions that peers should have answered and did not, one after another, after which a link is doubted …"""

ANSWERED_RUN = 2
"""… and answers one after another that end the doubt: one alone may be a gap in a bad hour."""


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """Evidence about one link, in timeline seconds. A new link is innocent."""

    unanswered_since_s: float = math.inf
    """When the oldest try without any feedback was made; inf when there is none."""
    failed_s: float = -math.inf
    """When it last came back after a silence; the hold-down counts from here."""
    heard_s: float = -math.inf
    """When anything was last heard or confirmed."""
    doubted: bool = False
    """What it took lately was not answered."""
    tried_s: float = -math.inf
    """When anything last left by it, as far as anybody knows."""
    answered_s: float = -math.inf
    """When a peer last confirmed something that went by it."""
    run: int = 0
    """Answers (above 0) or answers missed (below) one after another."""

    @property
    def last_try_s(self) -> float:
        """Return when it was last given anything, as far as is known."""
        return max(self.tried_s, self.unanswered_since_s if self.unanswered_since_s < math.inf else -math.inf)

    def after_outcome(self, outcome: SendOutcome, now_s: float) -> LinkHealth:
        """Return the health after one try."""
        if outcome in (SendOutcome.DEFERRED, SendOutcome.REFUSED):
            return self
        tried = replace(self, tried_s=now_s)
        if outcome is SendOutcome.UNKNOWN:
            return replace(tried, unanswered_since_s=min(self.unanswered_since_s, now_s))
        was_silent = now_s - self.unanswered_since_s >= SILENCE_S
        failed_s = now_s if was_silent else self.failed_s
        return replace(tried, unanswered_since_s=math.inf, failed_s=failed_s, heard_s=now_s)

    def after_answered(self, now_s: float) -> LinkHealth:
        """Return the health after a peer has confirmed something; when that ends a doubt, the hold-down counts from here."""
        run = max(self.run, 0) + 1
        is_over = self.doubted and run >= ANSWERED_RUN
        return replace(
            self,
            run=run,
            answered_s=now_s,
            doubted=self.doubted and not is_over,
            failed_s=now_s if is_over else self.failed_s,
        )

    def after_unanswered(self) -> LinkHealth:
        """Return the health after a peer has not confirmed in time what a gateway always confirms."""
        run = min(self.run, 0) - 1
        return replace(self, run=run, doubted=self.doubted or run <= -LOST_RUN)

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
        if self.doubted or now_s - self.failed_s < hold_down_s:
            return True
        # A finite bound holds for precedences that never repeat, so that they fail over as well; and nothing is
        # suspected sooner than what counts as a silence, or it would be trusted again without a hold-down.
        bound_s = max(SILENCE_S, min(unacknowledged_s, max(hold_down_s, SILENCE_S)))
        return now_s - self.unanswered_since_s >= bound_s
