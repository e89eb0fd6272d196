"""Who said what and what became of it: the simulation's own book, which no gateway sees.

Every report and order has a number in its text; wherever a text turns up, the book knows whose it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.model import BundleState
from gateway.router.policy import PRECEDENCE_OF_KIND
from gateway.simulate.results import SUPERSEDED, Fate
from gateway.store.records import SUPERSEDED_BY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.model import Bundle, MessageKind, Precedence

_NUMBER = re.compile(r"第(\d+)报")

CENTRE = "centre"


@dataclass(slots=True)
class Said:
    """One report or order as its author said it."""

    number: int
    source: str
    destination: str
    kind: MessageKind
    precedence: Precedence
    """What the kind is worth; an order has what its author gave it."""
    text: str
    said_s: float
    arrivals: list[float] = field(default_factory=list)
    """When its destination was given it, each time."""
    kept: list[tuple[float, str, Bundle]] = field(default_factory=list)
    """What gateways have, or had before they forgot it: when accepted, by which gateway, and the bundle."""


class Ledger:
    """All that was said in one run."""

    def __init__(self) -> None:
        self.said: dict[int, Said] = {}

    def say(self, source: str, destination: str, kind: MessageKind, text: str, *, at_s: float) -> Said:
        """Note what somebody says for the first time."""
        number = number_of(text)
        assert number is not None, f"a text without a number: {text}"
        assert number not in self.said, f"number {number} was said already"
        said = self.said[number] = Said(number, source, destination, kind, PRECEDENCE_OF_KIND[kind], text, at_s)
        return said

    def arrived(self, text: str, at: str, at_s: float) -> bool:
        """Note that a text reached somebody; tell whether it was its destination and for the first time."""
        number = number_of(text)
        said = None if number is None else self.said.get(number)
        if said is None or said.destination != at:
            return False
        said.arrivals.append(round(at_s, 6))
        return len(said.arrivals) == 1

    def keep(self, gateway: str, bundles: Iterable[Bundle]) -> None:
        """Note what a gateway has in its store now; what it had before is as it was seen last."""
        for bundle in bundles:
            number = number_of(bundle.draft.message.text)
            said = None if number is None else self.said.get(number)
            if said is None:
                continue
            before = [one for one in said.kept if one[1] == gateway and one[2].seq == bundle.seq]
            for one in before:
                said.kept.remove(one)
            said.kept.append((round(bundle.accepted_s, 6), gateway, bundle))
            # An order is there when the gateway it is for has it on its screen.
            if said.destination == gateway and not before:
                said.arrivals.append(round(bundle.accepted_s, 6))

    def fates(self) -> tuple[Fate, ...]:
        """Return the fate of everything that a gateway accepted, in the order in which it was said."""
        return tuple(_fate(said) for said in self.said.values() if said.kept)

    @property
    def unheard(self) -> int:
        """Return how many reports no gateway ever had."""
        return sum(not said.kept for said in self.said.values())

    def duplicates(self) -> int:
        """Return the arrivals beyond the first."""
        return sum(max(0, len(said.arrivals) - 1) for said in self.said.values() if said.destination == CENTRE)

    def broken_promises(self) -> list[str]:
        """Return what was acknowledged and is nowhere, or is called delivered and did not arrive."""
        found = []
        for said in self.said.values():
            states = [bundle.state for _, _, bundle in said.kept]
            told = any(state in (BundleState.DELIVERED, BundleState.ANSWERED) for state in states)
            if told and not said.arrivals:
                found.append(f"{said.text!r} is called delivered, and {said.destination} was never given it")
            held = any(state.is_open or state in (BundleState.EXPIRED, BundleState.SHED) for state in states)
            if states and not said.arrivals and not told and not held:
                found.append(f"{said.text!r} was accepted and is nowhere: {', '.join(states)}")
        return found


def _fate(said: Said) -> Fate:
    accepted_s, gateway, bundle = min(said.kept, key=lambda one: (one[0], one[1], one[2].seq))
    return Fate(
        id=bundle.id,
        source=said.source,
        destination=said.destination,
        kind=said.kind,
        precedence=said.precedence,
        size_bytes=len(said.text.encode()),
        said_s=said.said_s,
        accepted_s=accepted_s,
        accepted_by=gateway,
        delivered_s=min(said.arrivals, default=None),
        state=SUPERSEDED if bundle.reason.startswith(SUPERSEDED_BY) else str(bundle.state),
        arrivals=len(said.arrivals),
    )


def number_of(text: str) -> int | None:
    """Return the number that stands in a text, if any."""
    match = _NUMBER.search(text)
    return None if match is None else int(match[1])
