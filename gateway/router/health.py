"""What is known of a link from evidence only: outcomes and heard traffic, never socket state.

A link that takes everything and confirms nothing is *suspect* once its oldest unacknowledged try is older than the
policy allows. One whose peers answer too little of what it takes is *doubted*, by its estimate. The router then prefers
the next link. Evidence clears both, and the hold-down keeps the router from going back before the evidence has lasted.
A link that was away counts as failed too, for the standing preference: what comes and goes every minute is left alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.link import SendOutcome

if TYPE_CHECKING:
    from gateway.router.estimate import Figure

SILENCE_S = 180.0
"""Tries without feedback for three slots are a silence; a single lost feedback, repeated after two, is not."""

DOUBT_BELOW = 0.5
"""A link of which even the hopeful end of the range for its success lies below this is doubted …"""

TRUST_FROM = 0.6
"""… until the middle of the range is here again; two figures, so that one receipt more or less changes nothing."""


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
    """Too little of what it takes arrives, by its estimate."""
    opened: bool | None = None
    """Whether it is open; None: it never was, so opening is no return."""
    returned_s: float = -math.inf
    """When it was last open again after being away."""
    tried_s: float = -math.inf
    """When anything last left by it, as far as anybody knows."""
    used_s: float = -math.inf
    """When anything but FLASH last left by it: the link with the latest is the one in use."""

    @property
    def last_try_s(self) -> float:
        """Return when it was last given anything, as far as is known."""
        return max(self.tried_s, self.unanswered_since_s if self.unanswered_since_s < math.inf else -math.inf)

    def after_outcome(self, outcome: SendOutcome, now_s: float, *, urgent: bool = False) -> LinkHealth:
        """Return the health after one try; ``urgent`` for FLASH, which goes everywhere and makes no link the one in use."""
        if outcome in (SendOutcome.DEFERRED, SendOutcome.REFUSED):
            return self
        tried = replace(self, tried_s=now_s, used_s=self.used_s if urgent else now_s)
        if outcome is SendOutcome.UNKNOWN:
            return replace(tried, unanswered_since_s=min(self.unanswered_since_s, now_s))
        was_silent = now_s - self.unanswered_since_s >= SILENCE_S
        failed_s = now_s if was_silent else self.failed_s
        return replace(tried, unanswered_since_s=math.inf, failed_s=failed_s, heard_s=now_s)

    def after_estimate(self, success: Figure, now_s: float) -> LinkHealth:
        """Return the health after the estimate has learned something; when doubt ends, the hold-down counts from here."""
        if not self.doubted:
            return replace(self, doubted=True) if success.high < DOUBT_BELOW else self
        return replace(self, doubted=False, failed_s=now_s) if success.mean >= TRUST_FROM else self

    def after_state(self, *, is_open: bool, now_s: float) -> LinkHealth:
        """Return the health after the link was reported open or not; the first opening is no return."""
        if is_open:
            return replace(self, opened=True, returned_s=now_s if self.opened is False else self.returned_s)
        return self if self.opened is None else replace(self, opened=False)

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

    def is_settling(self, now_s: float, hold_down_s: float) -> bool:
        """Tell whether it was away so lately that no standing preference goes back to it yet."""
        return now_s - self.returned_s < hold_down_s
