"""A shared context proposed from messages at hand: who reports to whom, where, since when.

For a planner who has an earlier operation's messages and needs the operations table of the next; what comes out is
printed as TOML, read over by a person, and given to all stations.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from protocols.content.context import OPERATIONS_MAX, SPAN_DEGREES, Operation, Shared
from protocols.content.moments import moment_of
from protocols.content.references import ALERT_OFFICE, ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Message = dict[str, Any]

HOUR_S = 3600
NAME_CHARS_MAX = 64
AREA_CHARS_MAX = 12


@dataclass(eq=False)
class _Gathered:
    """What messages say of one operation so far."""

    headquarters: str
    places: list[tuple[float, float]] = field(default_factory=list)
    stations: dict[str, None] = field(default_factory=dict)
    names: Counter[str] = field(default_factory=Counter)
    areas: Counter[str] = field(default_factory=Counter)
    moments: list[int] = field(default_factory=list)

    def centre(self) -> tuple[float, float]:
        if not self.places:
            return 0.0, 0.0
        return median(lat for lat, _ in self.places), median(lon for _, lon in self.places)

    def is_near(self, place: tuple[float, float]) -> bool:
        lat, lon = self.centre()
        return not self.places or (abs(lat - place[0]) < SPAN_DEGREES and abs(lon - place[1]) < SPAN_DEGREES)

    def operation(self) -> Operation:
        lat, lon = self.centre()
        return Operation(
            name=_shown(self.names.most_common(1)[0][0] if self.names else self.headquarters) or "operation",
            lat=round(lat, 2),
            lon=round(lon, 2),
            since_s=max(0, min(self.moments, default=0) // HOUR_S * HOUR_S),
            headquarters=self.headquarters,
            area=_shown(self.areas.most_common(1)[0][0])[:AREA_CHARS_MAX] if self.areas else "",
            stations=tuple(self.stations),
        )


def survey(messages: Iterable[Message]) -> Shared:
    """Return the operations that messages tell of: one for each headquarters and neighbourhood."""
    known = [message for message in messages if _is_named(message)]
    heads = _headquarters(known)
    gathered: list[_Gathered] = []
    home: dict[str, _Gathered] = {}
    for message in sorted(known, key=lambda message: _place(message) is None):  # those with a place draw the boxes
        head = _head_of(message, heads)
        if head is None:
            continue
        place = _place(message)
        station = _station_of(message, head)
        box = home.get(station) if station else None
        if box is None:
            box = next(
                (one for one in gathered if one.headquarters == head and (place is None or one.is_near(place))), None
            )
        if box is None:
            box = _Gathered(head)
            gathered.append(box)
        _note(box, message, place)
        if station and station not in home:
            home[station] = box
            box.stations[station] = None
    busiest = sorted(gathered, key=lambda box: -len(box.moments))[:OPERATIONS_MAX]
    return Shared(tuple(box.operation() for box in gathered if box in busiest))


def _is_named(message: Message) -> bool:
    """Tell whether both ends have names that a context file may hold."""
    return all(
        isinstance(name, str) and name == _shown(name) and name for name in (message.get("src"), message.get("dst"))
    )


def _shown(text: str) -> str:
    """Return a text as a context file holds it: cut, and without what is no character."""
    return text[:NAME_CHARS_MAX].encode("utf-8", "ignore").decode("utf-8")


def _headquarters(messages: Sequence[Message]) -> dict[str, str]:
    """Return for each station its headquarters.

    Whoever talks to most others is one, then whoever talks to most of those who have none yet; a station's own is the
    one it talks to most.
    """
    partners: dict[str, Counter[str]] = defaultdict(Counter)
    for message in messages:
        source, destination = message.get("src"), message.get("dst")
        if isinstance(source, str) and isinstance(destination, str) and destination != ALL:
            partners[source][destination] += 1
            partners[destination][source] += 1
    heads: set[str] = set()
    led: set[str] = set()
    for name in sorted(partners, key=lambda name: (-len(partners[name]), name)):
        if name not in led and not partners[name].keys() <= led | heads:
            heads.add(name)
            led.update(partners[name])
    return {
        name: max(others.keys() & heads or others, key=lambda other: (others[other], other))
        for name, others in partners.items()
        if name not in heads
    }


def _head_of(message: Message, heads: dict[str, str]) -> str | None:
    source, destination = message.get("src"), message.get("dst")
    if destination == ALL and isinstance(source, str):
        return source
    if not isinstance(source, str) or not isinstance(destination, str):
        return None
    if heads.get(source) == destination:
        return destination
    return source if heads.get(destination) == source else heads.get(source)


def _station_of(message: Message, head: str) -> str:
    source, destination = message.get("src"), message.get("dst")
    if source != head:
        return str(source)
    return str(destination) if destination != ALL else ""


def _place(message: Message) -> tuple[float, float] | None:
    place = message.get("pos")
    if place is None and isinstance(message.get("cap"), dict):
        place = message["cap"].get("circle")
    lat, lon = (place.get("lat"), place.get("lon")) if isinstance(place, dict) else (None, None)
    if isinstance(lat, float) and isinstance(lon, float) and -90 <= lat <= 90 and -180 <= lon <= 180:
        return lat, lon
    return None


def _note(box: _Gathered, message: Message, place: tuple[float, float] | None) -> None:
    moment_s = moment_of(message["ts"]) if isinstance(message.get("ts"), str) else None
    if moment_s is not None:
        box.moments.append(moment_s)
    if place is not None:
        box.places.append(place)
    area = message.get("area")
    if isinstance(area, str):
        box.areas[area[:6] if len(area) == 12 and area.isdigit() else area] += 1
    cap = message.get("cap")
    if isinstance(cap, dict):
        if isinstance(cap.get("areaDesc"), str):
            box.names[cap["areaDesc"]] += 1
        office, mark, _ = str(cap.get("identifier", "")).partition(ALERT_OFFICE)
        if mark:
            box.areas[office] += 1
