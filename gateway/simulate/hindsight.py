"""The oracle on a simulated run: the same reports, accepted at the same moments, carried by who knew the future."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.model import BundleState
from gateway.simulate.figures import ORACLE
from gateway.simulate.ledger import CENTRE
from gateway.simulate.oracle import Content, Way, best_plan
from gateway.simulate.plot import Strip
from gateway.simulate.results import SUPERSEDED, TRAFFIC_PARTS, LinkUse, RunResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.simulate.figures import Figures
    from gateway.simulate.network import Network
    from gateway.simulate.oracle import Plan
    from gateway.simulate.results import Fate

BYTES_PER_TEXT_BYTE = 0.5
"""Bytes of a report on the air for a byte of its text in UTF-8: 0.6 on average over the simulated texts, so on the small side."""

CONTENT_BYTES_MIN = 4
"""No report takes less."""


def hindsight(network: Network, result: RunResult) -> RunResult:
    """Return a run like ``result`` in which everything was carried by the oracle."""
    plan = plan_of(network, result)
    fates = tuple(_fate_in(plan, fate) for fate in _carried(result))
    return replace(result, policy=ORACLE, fates=fates, links=_used(plan), duplicates=0, shed=0, wall_s=0.0)


def plan_of(network: Network, result: RunResult) -> Plan:
    """Return what the oracle does with the reports and orders of a run."""
    contents = [_content(network, fate) for fate in _carried(result)]
    people = sorted({one.destination for one in contents} - set(network.stations))
    return best_plan(_ways(network, people), contents, result.duration_s)


def _carried(result: RunResult) -> list[Fate]:
    """Return what there was to carry: not what gave way to something newer before it had left."""
    return [fate for fate in result.fates if fate.state != SUPERSEDED]


def _ways(network: Network, people: Iterable[str]) -> list[Way]:
    """Return every way between stations, and from stations to those people who are meant."""
    ends = [(one, other) for one in network.stations for other in (*network.stations, *people) if one != other]
    return [
        Way(sender, link, to, channel) for sender, to in ends for link, channel in network.between(sender, to).items()
    ]


def _content(network: Network, fate: Fate) -> Content:
    """Return a report or order as the oracle carries it."""
    destination = network.centre if fate.destination == CENTRE else fate.destination
    size_bytes = max(CONTENT_BYTES_MIN, math.floor(fate.size_bytes * BYTES_PER_TEXT_BYTE))
    return Content(fate.id, int(fate.precedence), ((fate.accepted_by, fate.accepted_s),), destination, size_bytes)


def _fate_in(plan: Plan, fate: Fate) -> Fate:
    arrival_s = plan.arrivals[fate.id]
    state = BundleState.QUEUED if arrival_s is None else BundleState.DELIVERED
    return replace(fate, delivered_s=arrival_s, state=str(state), arrivals=int(arrival_s is not None))


def _used(plan: Plan) -> tuple[LinkUse, ...]:
    """Return what the plan takes of each link."""
    found: dict[tuple[str, str], LinkUse] = {}
    for one in plan.sendings:
        channel = one.way.channel
        key = (one.way.sender, one.way.link)
        use = found.get(key) or LinkUse(*key, channel.bearer, 0, 0, 0.0, 0.0)
        found[key] = replace(
            use,
            frames=use.frames + 1,
            bytes=use.bytes + one.used_bytes,
            airtime_s=use.airtime_s + channel.airtime_s_per_frame,
            money=use.money + channel.price_per_frame,
        )
    return tuple(found.values())


def strips_of(network: Network, run: Figures) -> list[Strip]:
    """Return when each link of the stations was up for at least one other end, and what was sent on it."""
    strips = []
    for use in run.links:
        ways = [
            channel
            for other in network.stations
            if other != use.gateway and (channel := network.between(use.gateway, other).get(use.link)) is not None
        ]
        part_s = run.duration_s / TRAFFIC_PARTS
        moments = [(number + 0.5) * part_s for number in range(TRAFFIC_PARTS)]
        up = tuple(any(way.next_opening_s(at_s) == at_s for way in ways) for at_s in moments)
        strips.append(Strip(f"{use.gateway} {use.link}", up, use.traffic))
    return strips
