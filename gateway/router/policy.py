"""The operator's policy as values: how links are chosen, deadlines, tries and lifetimes per precedence."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gateway.model import MessageKind, Precedence

if TYPE_CHECKING:
    from collections.abc import Mapping


class Choose(enum.StrEnum):
    """What a link is chosen by."""

    SOONEST = "soonest"
    """Expected time of delivery."""
    CHEAPEST = "cheapest"
    """Expected price among the links that keep the deadline; links of about one price in the operator's order."""
    ORDER = "order"
    """The operator's order alone."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for one precedence, or, overlaid, for one kind of it."""

    choose: Choose
    links: tuple[str, ...] | None = None
    """Links that may carry it; None: any. FLASH takes another one all the same when none of them is usable."""
    copies: int = 1
    """Links that get an unchanged copy each. FLASH makes up on the same link for a link that is missing."""
    deadline_s: float | None = None
    """Age by which it should be there; None: a share of its lifetime (see LIFETIME_SHARE)."""


@dataclass(frozen=True, slots=True)
class KindRule:
    """What the operator says of one kind of message; None: as its precedence has it."""

    choose: Choose | None = None
    links: tuple[str, ...] | None = None
    copies: int | None = None
    deadline_s: float | None = None

    def over(self, rule: Rule) -> Rule:
        """Return ``rule`` with what this says of its own."""
        return Rule(
            choose=self.choose or rule.choose,
            links=rule.links if self.links is None else self.links,
            copies=rule.copies if self.copies is None else self.copies,
            deadline_s=rule.deadline_s if self.deadline_s is None else self.deadline_s,
        )


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for evidence and how often to try, for one precedence."""

    unacknowledged_s: float
    """Age without evidence after which a bundle is sent again, on another link if there is one; inf = never again."""
    tries_max: int
    """Transmissions that left the device without evidence from further on; then it waits for its answer or its end."""
    rarely_s: float = math.inf
    """How often it is tried after that all the same; inf: never again."""


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

COPIES_MAX = 4
"""Most copies of anything: a fifth link adds less than it takes from everybody else."""

DEFAULT_RULES: Mapping[Precedence, Rule] = {
    Precedence.FLASH: Rule(Choose.SOONEST, copies=FLASH_COPIES),
    Precedence.IMMEDIATE: Rule(Choose.SOONEST),
    Precedence.PRIORITY: Rule(Choose.CHEAPEST),
    Precedence.ROUTINE: Rule(Choose.CHEAPEST),
}

LIFETIME_SHARE = 0.5
"""Share of what is left of a lifetime in which it should be there; the rest is for a second chance."""

HOLD_DOWN_S = 300.0
"""How long a link that failed must work again before it is preferred again."""

HYSTERESIS = 0.25
"""A link further down in the operator's order must be better by this share, cheaper or sooner, to be taken instead."""

PROBE_EVERY_S = 900.0
"""How often a link that is doubted, but comes first, gets one real bundle that is not urgent to show what it can."""

REFUSED_RECHECK_S = 3_600.0
"""A bundle that every link refused is tried again this often: cards, levels and rights change."""

GATEWAY_PATIENCE_S = 900.0
"""How long a bundle that would never be repeated to a person waits for another gateway's receipt."""

GATEWAY_TRIES_MAX = 8
"""Tries of a bundle to another gateway at least: those on a quick link come soon after each other (see again.py)."""

GATEWAY_RARELY_S: Mapping[Precedence, float] = {
    Precedence.FLASH: 900.0,
    Precedence.IMMEDIATE: 1_800.0,
    Precedence.PRIORITY: 7_200.0,
    Precedence.ROUTINE: 21_600.0,
}
"""A gateway answers by itself, so one that does not is out of reach: after its tries a bundle is tried this often until
its lifetime ends, the urgent so that they meet the first hour of a sky that opens, the rest so that they fill no slot."""

UNKNOWN_RETRY_S = 120.0
"""A burst without any feedback is repeated after two slots whatever its precedence: nobody knows that it left."""

UNKNOWN_DOUBLINGS_MAX = 5
"""A device that never gives feedback is asked ever more rarely (to about an hour), but never given up for FLASH."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided. ``order`` names links, best first; links that are not named follow by name."""

    order: Mapping[Precedence, tuple[str, ...]] = field(default_factory=dict)
    patience: Mapping[Precedence, Patience] = field(default_factory=lambda: DEFAULT_PATIENCE)
    hold_down_s: float = HOLD_DOWN_S
    """A link that failed is preferred again only after this long with evidence; so nothing flaps."""
    rules: Mapping[Precedence, Rule] = field(default_factory=lambda: DEFAULT_RULES)
    kinds: Mapping[MessageKind, KindRule] = field(default_factory=dict)
    hysteresis: float = HYSTERESIS
    probe_every_s: float = PROBE_EVERY_S
    """inf: no probes."""
    keep_last_slot: bool = False
    """Keep the last link that could take an SOS at once free, while something else can wait for another link in time."""
    peers_answer: bool = False
    """Whether whoever gets it answers by itself, as gateways do and people's handsets do not."""

    def rule(self, precedence: Precedence, kind: MessageKind) -> Rule:
        """Return what holds for a bundle. No kind's table changes what holds for FLASH."""
        rule = self.rules[precedence]
        overlay = None if precedence is Precedence.FLASH else self.kinds.get(kind)
        return rule if overlay is None else overlay.over(rule)

    def between_gateways(self) -> Policy:
        """Return the policy for bundles to other gateways, which answer by themselves: whatever is not, is sent again."""
        patience = {}
        for precedence, one in self.patience.items():
            never = math.isinf(one.unacknowledged_s)
            patience[precedence] = Patience(
                GATEWAY_PATIENCE_S if never else one.unacknowledged_s,
                max(one.tries_max, GATEWAY_TRIES_MAX),
                GATEWAY_RARELY_S[precedence],
            )
        return replace(self, patience=patience, peers_answer=True)

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
