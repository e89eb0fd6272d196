"""What a simulated run was like: the fate of every report and order, and what every link was used for.

Values only, made at the end of a run by ``world.run``; tables, plots and comparisons are made from them.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.model import MessageKind, Precedence


SUPERSEDED = "superseded"
"""State of a report that gave way to a newer one of its author before it had left: no loss, and not delivered."""

TRAFFIC_PARTS = 240
"""Parts of a run in which the frames of a link are counted: enough for a picture, little for a thousand runs."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one report or order that a gateway has accepted. Times are seconds since the beginning of the run."""

    id: str
    source: str
    """Who said it: ``card:300001``, or the station whose people handed it in."""
    destination: str
    """``centre``, or the station or card that an order is for."""
    kind: MessageKind
    precedence: Precedence
    size_bytes: int
    """Its text in UTF-8, as its author wrote it."""
    said_s: float
    """When its author first said it; earlier than ``accepted_s`` by the tries until a gateway had it."""
    accepted_s: float
    """When the first gateway had it on disk: the delay that a router can influence counts from here."""
    accepted_by: str
    delivered_s: float | None
    """When it first reached its destination: the consumer on the bus, or the gateway or handset an order is for."""
    state: str
    """The state that the gateway which accepted it shows at the end (``delivered``, ``sent``, ``expired``, ``shed`` …)."""
    arrivals: int
    """How often the destination was given it; above 1 somebody saw a duplicate."""


@dataclass(frozen=True, slots=True)
class LinkUse:
    """What one link of one gateway was used for."""

    gateway: str
    link: str
    bearer: str
    frames: int
    bytes: int
    airtime_s: float
    money: float
    traffic: tuple[int, ...] = ()
    """Frames that began in each of TRAFFIC_PARTS equal parts of the run; empty: not counted."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run of one scenario with one policy and one seed."""

    scenario: str
    policy: str
    seed: int
    duration_s: float
    fates: tuple[Fate, ...]
    links: tuple[LinkUse, ...]
    duplicates: int
    """Arrivals at the centre's consumer beyond the first of a report."""
    shed: int
    wall_s: float
    """How long the run took, in real seconds; the only member that differs between two runs of a seed."""
    unheard: int = 0
    """Reports that their authors said and no gateway ever accepted: lost on the way to the first one, out of a router's reach."""

    def digest(self) -> str:
        """Return a short hash of everything but ``wall_s``: equal runs have equal digests, on every machine."""
        members = (self.scenario, self.policy, self.seed, self.duration_s, self.duplicates, self.shed, self.unheard)
        lines = [
            repr(members),
            *(repr(astuple(one)) for one in self.fates),
            *(repr(astuple(one)) for one in self.links),
        ]
        return hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()
