"""The earliest that each report could have arrived, for somebody who knows the future: the measure a router is held to.

**The rule.** The network is a graph of stations in time. An edge is one frame that a link starts at a moment at which it
*will* arrive (the scenario's channels are fixed by the seed, so the oracle simply asks them); waiting at a station is free.
Contents are taken one after another in order of precedence, then of acceptance by the first gateway, then of their id. Each
takes the path of earliest arrival through what is left, by as many hops as help (Dijkstra's algorithm with edges that
depend on time), and keeps it:

- a sending of a link takes that link, towards everybody, for ``slot_s``;
- a content longer than a frame travels as several frames, each on its own path, over any links, and has arrived when as
  many bytes have; a station passes a frame on as soon as it has it;
- a short content may ride in what is left free in a frame that is planned already and starts late enough.

It sends no receipts, no hellos and no copies, never loses a frame and seals nothing: every byte of a frame is content. It
starts where the gateways' work starts: at the moment at which a gateway accepted the report. How often people had to
type, and when, is taken as it was.

This is earliest delivery with full knowledge of contacts and queues, the last but one of the oracles of Jain, Fall and
Patra, *Routing in a Delay Tolerant Network* (SIGCOMM 2004), with the queues of the oracle's own plan; routing over a plan
of contacts is that of Contact Graph Routing (Burleigh; CCSDS 734.3-B-1, Schedule-Aware Bundle Routing).

**What it bounds.** For a content alone in the network nothing arrives earlier when it fits a frame, or when all its paths
are single hops: ``alone`` is a lower bound (tests/simulation/test_oracle.py). With several contents it is a good plan
and no proof: greedy choice is right for the most urgent and may be bettered for those after it. Several frames over
several hops are greedy in the same way.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.simulate.channel import Channel

LOOKS_MAX = 100_000
"""Chances of one way that are looked at for one frame; a way that offers none until then is taken as closed."""

FRAMES_MAX = 1_000
"""Most frames of one content; what takes more does not arrive."""


@dataclass(frozen=True, slots=True)
class Way:
    """One link of a station towards another."""

    sender: str
    link: str
    to: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be carried: from the stations that have it, each from its moment on, to a destination."""

    id: str
    urgency: int
    """Lower goes first."""
    starts: tuple[tuple[str, float], ...]
    """Stations that accepted it, with when; the earliest first."""
    destination: str
    size_bytes: int

    def __post_init__(self) -> None:
        """Hold that it begins somewhere and is something."""
        assert self.starts
        assert self.size_bytes > 0


@dataclass(slots=True, eq=False)
class Sending:
    """One frame of the plan."""

    way: Way
    start_s: float
    arrival_s: float
    used_bytes: int
    contents: list[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the oracle does."""

    arrivals: Mapping[str, float | None]
    """By content: when all of it has arrived; None: not before the horizon."""
    sendings: tuple[Sending, ...]


def best_plan(ways: Sequence[Way], contents: Iterable[Content], horizon_s: float) -> Plan:
    """Return the oracle's plan; what would arrive after ``horizon_s`` does not arrive."""
    graph = _Graph(ways, horizon_s)
    order = sorted(contents, key=lambda one: (one.urgency, one.starts[0][1], one.id))
    arrivals = {one.id: graph.carry(one) for one in order}
    return Plan(arrivals, tuple(sorted(graph.sendings, key=lambda one: (one.start_s, one.way.sender, one.way.link))))


def alone(ways: Sequence[Way], content: Content, horizon_s: float) -> float | None:
    """Return when a content arrives that has the network for itself: no router can be faster."""
    return best_plan(ways, [content], horizon_s).arrivals[content.id]


@dataclass(slots=True)
class _Calendar:
    """The starts of one link, ascending."""

    slot_s: float
    starts: list[float] = field(default_factory=list)

    def free_from(self, at_s: float) -> float:
        """Return the first moment from ``at_s`` on at which a slot fits between the others."""
        place = bisect_left(self.starts, at_s)
        if place and at_s < self.starts[place - 1] + self.slot_s:
            at_s = self.starts[place - 1] + self.slot_s
        while place < len(self.starts) and self.starts[place] < at_s + self.slot_s:
            at_s = self.starts[place] + self.slot_s
            place += 1
        return at_s

    def take(self, start_s: float) -> None:
        """Occupy a slot."""
        self.starts.insert(bisect_left(self.starts, start_s), start_s)


@dataclass(frozen=True, slots=True)
class _Hop:
    """A frame that would go: a new one, or a place in one that is planned."""

    way: Way
    start_s: float
    arrival_s: float
    size_bytes: int
    ride: Sending | None = None


class _Graph:
    """The network with what the plan has taken of it."""

    def __init__(self, ways: Sequence[Way], horizon_s: float) -> None:
        self._horizon_s = horizon_s
        self._ways: dict[str, list[Way]] = {}
        self._calendars: dict[tuple[str, str], _Calendar] = {}
        self._planned: dict[tuple[str, str, str], list[Sending]] = {}
        self.sendings: list[Sending] = []
        for way in ways:
            self._ways.setdefault(way.sender, []).append(way)
            calendar = self._calendars.setdefault((way.sender, way.link), _Calendar(way.channel.slot_s))
            calendar.slot_s = max(calendar.slot_s, way.channel.slot_s)

    def carry(self, content: Content) -> float | None:
        """Plan a content; return when all of it has arrived, None (and nothing taken) when it does not."""
        there_s = min((at_s for station, at_s in content.starts if station == content.destination), default=math.inf)
        taken: list[tuple[Sending, int]] = []
        left_bytes, last_s = content.size_bytes, 0.0
        for _ in range(FRAMES_MAX):
            path = self._earliest(content, left_bytes)
            if path is None:
                break
            if not path:
                return there_s
            taken += [(self._take(hop, content.id), hop.size_bytes) for hop in path]
            left_bytes -= path[-1].size_bytes
            last_s = max(last_s, path[-1].arrival_s)
            if left_bytes <= 0:
                return last_s
        for sending, size_bytes in taken:
            self._give_back(sending, size_bytes, content.id)
        return None

    def _earliest(self, content: Content, left_bytes: int) -> list[_Hop] | None:
        """Return the path on which the next frame of a content arrives first; empty: it is there already."""
        best: dict[str, float] = {}
        came: dict[str, tuple[str, _Hop]] = {}
        heap: list[tuple[float, str, int]] = []
        for station, at_s in content.starts:
            if at_s < best.get(station, math.inf):
                best[station] = at_s
                heapq.heappush(heap, (at_s, station, left_bytes))
        settled: set[str] = set()
        while heap:
            now_s, station, size_bytes = heapq.heappop(heap)
            if station in settled:
                continue
            if station == content.destination:
                return _path(came, station)
            settled.add(station)
            for way in self._ways.get(station, ()):
                if way.to in settled:
                    continue
                hop = self._hop(way, now_s, size_bytes, best.get(way.to, math.inf))
                if hop is not None:
                    best[way.to] = hop.arrival_s
                    came[way.to] = (station, hop)
                    heapq.heappush(heap, (hop.arrival_s, way.to, hop.size_bytes))
        return None

    def _hop(self, way: Way, ready_s: float, size_bytes: int, before_s: float) -> _Hop | None:
        """Return the sending from ``ready_s`` on that arrives first, and before ``before_s``; None: there is none."""
        channel = way.channel
        size_bytes = min(size_bytes, channel.frame_bytes)
        before_s = min(before_s, math.nextafter(self._horizon_s, math.inf))
        best = self._ride(way, ready_s, size_bytes, before_s)
        if best is not None:
            before_s = best.arrival_s
        calendar = self._calendars[way.sender, way.link]
        at_s = ready_s
        for _ in range(LOOKS_MAX):
            at_s = _open_and_free(channel, calendar, at_s, before_s)
            if at_s >= before_s:
                break
            arrival_s = channel.arrival_s(at_s, size_bytes)
            if arrival_s is not None and arrival_s < before_s:
                best, before_s = _Hop(way, at_s, arrival_s, size_bytes), arrival_s
            at_s = channel.next_chance_s(at_s)
        return best

    def _ride(self, way: Way, ready_s: float, size_bytes: int, before_s: float) -> _Hop | None:
        """Return the planned frame with room for these bytes that arrives first; None: there is none."""
        best = None
        for sending in self._planned.get((way.sender, way.link, way.to), ()):
            used_bytes = sending.used_bytes + size_bytes
            if sending.start_s < ready_s or sending.arrival_s >= before_s or used_bytes > way.channel.frame_bytes:
                continue
            arrival_s = way.channel.arrival_s(sending.start_s, used_bytes)
            if arrival_s is not None and arrival_s < before_s:
                best, before_s = _Hop(way, sending.start_s, arrival_s, size_bytes, sending), arrival_s
        return best

    def _take(self, hop: _Hop, content_id: str) -> Sending:
        """Put a hop into the plan; return the frame it travels in."""
        if hop.ride is not None:
            hop.ride.used_bytes += hop.size_bytes
            hop.ride.contents.append(content_id)
            return hop.ride
        way = hop.way
        sending = Sending(way, hop.start_s, hop.arrival_s, hop.size_bytes, [content_id])
        self._calendars[way.sender, way.link].take(hop.start_s)
        self._planned.setdefault((way.sender, way.link, way.to), []).append(sending)
        self.sendings.append(sending)
        return sending

    def _give_back(self, sending: Sending, size_bytes: int, content_id: str) -> None:
        """Take a content that did not get through out of a frame, and the frame out of the plan when nothing is left."""
        sending.used_bytes -= size_bytes
        sending.contents.remove(content_id)
        if not sending.contents:
            way = sending.way
            self._planned[way.sender, way.link, way.to].remove(sending)
            self.sendings.remove(sending)
            self._calendars[way.sender, way.link].starts.remove(sending.start_s)


def _open_and_free(channel: Channel, calendar: _Calendar, at_s: float, before_s: float) -> float:
    """Return the first moment from ``at_s`` on at which the way is up and the link free; inf when not before a moment."""
    while at_s < before_s and (open_s := channel.next_opening_s(at_s)) < before_s:
        at_s = calendar.free_from(open_s)
        if at_s == open_s:
            return at_s
    return math.inf


def _path(came: Mapping[str, tuple[str, _Hop]], station: str) -> list[_Hop]:
    """Return the hops that lead to a station, in their order."""
    hops = []
    while station in came:
        station, hop = came[station]
        hops.append(hop)
    return hops[::-1]
