"""The places of a scenario: which devices there are, when each is up by the seed and the faults, and the ways between.

Everything here is fixed by (scenario, seed); nothing of it moves. The world puts gateways and people on it, the oracle
walks it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.model import BEIDOU
from gateway.simulate.bearers import End
from gateway.simulate.channel import Spans, Together
from gateway.simulate.ether import Device, Ether
from gateway.simulate.models import BeidouModel
from gateway.simulate.scenario import MIN_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.simulate.channel import Channel, Timeline
    from gateway.simulate.scenario import PeopleTable, Scenario

HANDSET = "handset"
"""Name of the only link of a person."""


@dataclass(frozen=True, slots=True)
class Network:
    """What the oracle walks: stations, and for each (from, to) the channels by the sender's link name."""

    stations: tuple[str, ...]
    centre: str
    upstream: Mapping[str, str]
    """The gateway above each, but for the centre."""
    channels: Mapping[tuple[str, str], Mapping[str, Channel]]
    devices: Mapping[str, Mapping[str, Device]]
    """By station and link; persons are stations called ``card:<number>``."""
    ether: Ether

    def between(self, sender: str, receiver: str) -> Mapping[str, Channel]:
        """Return the channels from a station to another or to a person, by the sender's link name."""
        found = self.channels.get((sender, receiver))
        return found if found is not None else _ways(self.ether, self.devices[sender], self.devices[receiver])


def card_name(card: int) -> str:
    """Return the station name of a person with a handset."""
    return f"card:{card}"


def build_network(scenario: Scenario, seed: int) -> Network:
    """Return the devices and ways of a scenario under one seed."""
    ether = Ether(seed)
    devices: dict[str, dict[str, Device]] = {}
    for name, station in scenario.stations.items():
        devices[name] = {}
        for link in station.links:
            devices[name][link] = ether.add(_device(scenario, seed, name, link))
    for people in scenario.people:
        for card in range(people.first_card, people.first_card + people.handsets):
            devices[card_name(card)] = {HANDSET: ether.add(_handset(people, card))}
    stations = tuple(scenario.stations)
    channels = {
        (one, other): ways
        for one in stations
        for other in stations
        if one != other and (ways := _ways(ether, devices[one], devices[other]))
    }
    upstream = {name: station.upstream for name, station in scenario.stations.items() if station.upstream is not None}
    return Network(stations, scenario.scenario.centre, upstream, channels, devices, ether)


def _ways(ether: Ether, senders: Mapping[str, Device], receivers: Mapping[str, Device]) -> dict[str, Channel]:
    """Return the way of each link of one station to the first link of its bearer at another."""
    first: dict[str, Device] = {}
    for device in receivers.values():
        first.setdefault(device.end.figures.bearer, device)
    return {
        link: ether.way(device.end, first[device.end.figures.bearer].end)
        for link, device in senders.items()
        if device.end.figures.bearer in first
    }


def _device(scenario: Scenario, seed: int, name: str, link: str) -> Device:
    station, about = scenario.stations[name], scenario.scenario
    model = station.links[link]
    seen = model.seen(f"{seed}/{name}.{link}", about.start_hour, scenario.duration_s)
    end = End(
        station=name,
        link=link,
        address=model.address,
        figures=model.figures(),
        seen=_with_faults(scenario, name, link, seen, ("dark", "unplug")),
        unseen=_with_faults(scenario, name, link, None, ("silent", "hang")),
        sky=model.sky(about.start_hour),
        place=station.place,
    )
    is_command = isinstance(model, BeidouModel) and model.command
    is_ordinary = model.bearer == BEIDOU and not is_command
    return Device(end, commands=is_command, hears_broadcast=is_ordinary, subordinate=is_ordinary)


def _handset(people: PeopleTable, card: int) -> Device:
    model = BeidouModel(model="beidou", card=card, slot_s=people.slot_s)
    end = End(card_name(card), HANDSET, str(card), model.figures(), place=people.place)
    return Device(end, hears_broadcast=True, subordinate=people.subordinate)


def _with_faults(scenario: Scenario, station: str, link: str, line: Timeline | None, what: tuple[str, ...]) -> Timeline:
    """Return a timeline that is also down while one of these faults lasts."""
    spans = [
        (fault.at_min * MIN_S, math.inf if fault.lasts_min is None else (fault.at_min + fault.lasts_min) * MIN_S)
        for fault in scenario.faults
        if fault.station == station and fault.link == link and fault.what in what
    ]
    lines = [] if line is None else [line]
    return Together([*lines, Spans(spans)]) if spans else line or Spans(())
