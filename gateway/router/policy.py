"""The operator's policy as values: order of links, deadlines, tries and lifetimes per precedence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gateway.model import MessageKind, Precedence

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for evidence and how often to try, for one precedence."""

    unacknowledged_s: float
    """Age without evidence after which a bundle is sent again, on another link if there is one; inf = never again."""
    tries_max: int
    """Transmissions that left the device without evidence from further on; then it waits for its answer or its end."""


DEFAULT_PATIENCE: Mapping[Precedence, Patience] = {
    # A card speaks once a minute and loses about 5 % (reference/beidou.md section 6): two slots are the least time in
    # which an answer can come back, so nothing is repeated sooner.
    Precedence.FLASH: Patience(unacknowledged_s=120.0, tries_max=10),
    Precedence.IMMEDIATE: Patience(unacknowledged_s=300.0, tries_max=5),
    Precedence.PRIORITY: Patience(unacknowledged_s=900.0, tries_max=3),
    Precedence.ROUTINE: Patience(unacknowledged_s=math.inf, tries_max=1),
}

DEFAULT_LIFETIME_S: Mapping[Precedence, float] = {
    Precedence.FLASH: 7 * 86_400.0,
    Precedence.IMMEDIATE: 3 * 86_400.0,
    Precedence.PRIORITY: 86_400.0,
    Precedence.ROUTINE: 86_400.0,
}

FLASH_COPIES = 2
"""Links that carry a FLASH bundle at once (promise 4)."""

REFUSED_RECHECK_S = 3_600.0
"""A bundle that every link refused is tried again this often: cards, levels and rights change."""

GATEWAY_PATIENCE_S = 900.0
"""How long a bundle that would never be repeated to a person waits for another gateway's receipt."""

GATEWAY_TRIES_MAX = 5

UNKNOWN_RETRY_S = 120.0
"""A burst without any feedback is repeated after two slots whatever its precedence: nobody knows that it left."""

UNKNOWN_DOUBLINGS_MAX = 5
"""A device that never gives feedback is asked ever more rarely (to about an hour), but never given up for FLASH."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided. ``order`` names links, best first; links that are not named follow by name."""

    order: Mapping[Precedence, tuple[str, ...]] = field(default_factory=dict)
    patience: Mapping[Precedence, Patience] = field(default_factory=lambda: DEFAULT_PATIENCE)
    hold_down_s: float = 300.0
    """A link that failed silently is preferred again only after this long with evidence; so nothing flaps."""

    def between_gateways(self) -> Policy:
        """Return the policy for bundles to other gateways, which answer by themselves: whatever is not, is sent again."""
        patience = {
            precedence: replace(one, unacknowledged_s=GATEWAY_PATIENCE_S, tries_max=GATEWAY_TRIES_MAX)
            if math.isinf(one.unacknowledged_s)
            else one
            for precedence, one in self.patience.items()
        }
        return replace(self, patience=patience)

    def rank(self, precedence: Precedence, link: str) -> tuple[int, str]:
        """Return the sort key of a link in the operator's order."""
        order = self.order.get(precedence, ())
        return (order.index(link) if link in order else len(order), link)


PRECEDENCE_OF_KIND: Mapping[MessageKind, Precedence] = {
    MessageKind.SOS: Precedence.FLASH,
    MessageKind.ALERT: Precedence.IMMEDIATE,
    MessageKind.CASUALTY: Precedence.IMMEDIATE,
    MessageKind.HAZARD: Precedence.IMMEDIATE,
    MessageKind.COMMAND: Precedence.PRIORITY,
    MessageKind.RESOURCE: Precedence.PRIORITY,
    MessageKind.ACK: Precedence.ROUTINE,
    MessageKind.CHAT: Precedence.ROUTINE,
    MessageKind.OPAQUE: Precedence.ROUTINE,
    MessageKind.POSITION: Precedence.ROUTINE,
    MessageKind.SENSOR: Precedence.ROUTINE,
}
"""What a report is worth before anybody says otherwise."""
