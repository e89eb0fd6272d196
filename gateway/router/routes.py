"""By which neighbour a station beyond our own links is reached: static routes, what was heard, the superior. Pure.

A *way* is a station of the registry that takes a record on. Longest match wins: the station itself, then its own link
address, then prefixes of its name or of its area, then "default". Only where nobody configured anything counts what was
heard: a record of S that came through neighbour N says that N reaches S. Last comes the gateway above, so that a village
needs no table at all: what is not below it goes up. An area is a code of GB/T 2260 (province 2 digits, city 4, county 6)
or of the townships and villages below (9, 12), as the grid cells of the registry are named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

STATIC_MAX = 1_000
"""Static routes of one gateway."""

LEARNED_MAX = 4_096
"""Neighbours by which stations were heard, over all stations; at the cap the one heard longest ago makes room."""

LEARNED_PER_STATION_MAX = 4
"""Neighbours remembered for one station; the one heard longest ago makes room."""

FRESH_S = 1_800.0
"""A neighbour by which a station was heard within this time is preferred to one by which it was heard before."""

EXPIRY_S = 21_600.0
"""What was heard longer ago than this says nothing any more."""

DEFAULT = "default"
_STATION = "station:"
_PATTERN_CHARS_MAX = 64


class RouteError(ValueError):
    """A route or pattern that means nothing. The text says what was found and what to write."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which stations are meant: one by name, all whose name or area begins so (``v*``, ``5132*``), or all."""

    text: str
    is_prefix: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``v7``, ``station:v7``, ``v*``, ``5132*``, ``*`` or ``default``; raise RouteError."""
        name = text.removeprefix(_STATION)
        if name == DEFAULT and text == DEFAULT:
            return cls("", is_prefix=True)
        body = name.removesuffix("*")
        if not name or len(name) > _PATTERN_CHARS_MAX or not _is_name(body):
            raise RouteError(
                f'found {text[:_PATTERN_CHARS_MAX]!r}, write "station:v7", "v*" for all whose name begins so, '
                '"5132*" for an area, or "default"'
            )
        return cls(body, is_prefix=name.endswith("*"))

    def matches(self, name: str, areas: Iterable[str] = ()) -> bool:
        """Tell whether a station is meant, by its name or, for a prefix, by one of its areas."""
        if not self.is_prefix:
            return name == self.text
        return name.startswith(self.text) or any(area.startswith(self.text) for area in areas)

    @property
    def length(self) -> tuple[bool, int]:
        """Sort key: a longer match is a better one, and the station itself the best."""
        return (not self.is_prefix, len(self.text))

    def __str__(self) -> str:
        if not self.is_prefix:
            return f"{_STATION}{self.text}"
        return f"{self.text}*" if self.text else DEFAULT


def _is_name(text: str) -> bool:
    return text.isascii() and all(sign.isalnum() or sign in "_.-" for sign in text)


@dataclass(frozen=True, slots=True)
class StaticRoute:
    """One line of the configuration: who is meant, and by which station they are reached."""

    to: Pattern
    via: str


@dataclass(frozen=True, slots=True)
class Learned:
    """A record of ``source`` came through ``via`` over ``link``, ``hops`` relays lying between (0: not known)."""

    source: str
    via: str
    link: str
    hops: int
    heard_s: float

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"via": self.via, "link": self.link, "hops": self.hops, "heard_s": self.heard_s}


@dataclass(frozen=True, slots=True)
class Way:
    """One answer: the next station, why, and how many relays lie between as far as is known."""

    via: str
    why: str
    relays: int
    is_direct: bool = False
    is_guess: bool = False
    """Whether nothing says that this leads there but that everything unknown is the superior's to know."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom something is for: a station, the areas it lies in, and whether the registry has a link address of its own."""

    name: str
    areas: tuple[str, ...] = ()
    has_address: bool = False


@dataclass(frozen=True, slots=True)
class Routes:
    """Everything one gateway knows of ways. A value: what is learned gives another one."""

    own: str
    static: tuple[StaticRoute, ...] = ()
    upstream: str | None = None
    learned: Mapping[str, tuple[Learned, ...]] = field(default_factory=dict)
    """By station, the one heard last first."""

    def __post_init__(self) -> None:
        """Raise RouteError for too many routes, or one that leads to ourselves."""
        if len(self.static) > STATIC_MAX:
            raise RouteError(f"found {len(self.static)} routes, at most {STATIC_MAX} are used; write prefixes")
        for route in self.static:
            if route.via == self.own:
                raise RouteError(f"route to {route.to}: via {route.via} is this gateway itself; name the next one")

    def ways(self, target: Target, now_s: float, not_to: frozenset[str] = frozenset()) -> tuple[Way, ...]:
        """Return by which stations a target may be reached, best first; never by one of ``not_to``, nor by ourselves."""
        if target.name == self.own:
            return ()
        found: dict[str, Way] = {}
        for way in self._candidates(target, now_s):
            if way.via not in not_to and way.via != self.own:
                found.setdefault(way.via, way)
        return tuple(found.values())

    def _candidates(self, target: Target, now_s: float) -> Iterable[Way]:
        matching = [route for route in self.static if route.to.matches(target.name, target.areas)]
        matching.sort(key=lambda route: route.to.length, reverse=True)  # stable: the operator's order within a length
        exact = [route for route in matching if not route.to.is_prefix]
        yield from (_static_way(route, target) for route in exact)
        if target.has_address:
            yield Way(target.name, "its own address", 0, is_direct=True)
        yield from (_static_way(route, target) for route in matching if route.to.is_prefix)
        fresh_first = sorted(self.heard(target.name, now_s), key=lambda one: _preference(one, now_s))
        yield from (
            Way(one.via, f"heard through it {now_s - one.heard_s:.0f} s ago", max(1, one.hops)) for one in fresh_first
        )
        if self.upstream is not None and self.upstream != target.name:
            yield Way(self.upstream, "the gateway above", 1, is_guess=True)

    def heard(self, name: str, now_s: float) -> tuple[Learned, ...]:
        """Return what was learned of a station and still counts, heard last first."""
        return tuple(one for one in self.learned.get(name, ()) if now_s - one.heard_s < EXPIRY_S)

    def after_heard(self, one: Learned) -> Routes:
        """Return what is known once a record was heard. A neighbour heard by itself, and we ourselves, teach nothing."""
        if one.source in (self.own, one.via) or one.via == self.own:
            return self
        others = tuple(known for known in self.learned.get(one.source, ()) if known.via != one.via)
        known = (one, *others)[:LEARNED_PER_STATION_MAX]
        learned = {**self.learned, one.source: known}
        while sum(map(len, learned.values())) > LEARNED_MAX:
            oldest = min(learned, key=lambda name: learned[name][-1].heard_s)
            learned[oldest] = learned[oldest][:-1]
            if not learned[oldest]:
                del learned[oldest]
        return replace(self, learned=learned)

    def without_old(self, now_s: float) -> Routes:
        """Return it without what says nothing any more."""
        kept = {name: self.heard(name, now_s) for name in self.learned}
        return replace(self, learned={name: known for name, known in kept.items() if known})

    def to_json(self, now_s: float, shown_max: int) -> dict[str, Any]:
        """Return it for `yizhan status`: static routes as configured, what was learned with its age, latest first."""
        learned = [one for name in self.learned for one in self.heard(name, now_s)]
        learned.sort(key=lambda one: one.heard_s, reverse=True)
        return {
            "static": [{"to": str(route.to), "via": route.via} for route in self.static],
            "upstream": self.upstream,
            "learned": [
                {
                    "to": one.source,
                    "via": one.via,
                    "link": one.link,
                    "relays": one.hops or None,
                    "age_s": round(now_s - one.heard_s, 1),
                }
                for one in learned[:shown_max]
            ],
            "learned_count": len(learned),
        }


def in_turn(ways: Sequence[Way], attempt: int) -> Way | None:
    """Return the way for one try: relays take turns, since none of them says that it is there; best first.

    Who is reached directly is not sent detours, which have less room in a frame.
    """
    if not ways or ways[0].is_direct:
        return ways[0] if ways else None
    turns = [way for way in ways if not (way.is_direct or way.is_guess)] or [ways[0]]
    return turns[attempt % len(turns)]


def _static_way(route: StaticRoute, target: Target) -> Way:
    if route.via == target.name:
        return Way(route.via, f"route {route.to}", 0, is_direct=True)
    return Way(route.via, f"route {route.to}", 1)


def _preference(one: Learned, now_s: float) -> tuple[bool, float, float]:
    """Sort key: fresh before stale, then fewer relays, then heard later."""
    return (now_s - one.heard_s >= FRESH_S, one.hops or math.inf, -one.heard_s)
