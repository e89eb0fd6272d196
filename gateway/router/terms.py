"""On what terms each link may be used: tariff, budget, schedule. What the operator decided, as the daemon holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.router.budget import Budget
from gateway.router.contacts import Schedule
from gateway.router.policy import DEFAULT_LIFETIME_S, Policy
from gateway.router.tariff import Tariff

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.model import Precedence


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """What the operator says of one link; the default is a free link that may always be used."""

    tariff: Tariff = field(default_factory=Tariff)
    budget: Budget = field(default_factory=Budget)
    schedule: Schedule = field(default_factory=Schedule)
    km: float | None = None
    """Distance that its windows are chosen by; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Routing:
    """All that is decided beforehand about which way things go."""

    policy: Policy = field(default_factory=Policy)
    lifetimes: Mapping[Precedence, float] = field(default_factory=lambda: DEFAULT_LIFETIME_S)
    links: Mapping[str, LinkTerms] = field(default_factory=dict)
    source_budget: Budget = field(default_factory=Budget)
    """What each source may spend on all links together."""
    offset_s: float = 0.0
    """Local time minus UTC, in which hours are written."""

    def terms(self, link: str) -> LinkTerms:
        """Return the terms of a link."""
        return self.links.get(link, LinkTerms())
