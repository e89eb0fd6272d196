"""Kinds of fields: how one value of a message becomes symbols and back. A value that does not fit goes as JSON text."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from protocols.content.context import DEGREE
from protocols.content.errors import ContentError
from protocols.content.steps import first_of, step_of, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.content.context import Scope
    from protocols.content.strand import Reader, Sink


class Kind(Protocol):
    """How one sort of value is coded. ``put`` is only called with what ``fits``."""

    def fits(self, value: Any, scope: Scope) -> bool:
        """Tell whether the value can be coded and comes back equal."""

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        """Write the value."""

    def get(self, reader: Reader, name: str, scope: Scope) -> Any:
        """Read it."""


def given_name(name: str, given: str, scope: Scope) -> str:
    """Return the name of a symbol that depends on an earlier field; only a word of that field counts."""
    value = scope.values.get(given) if given else None
    return f"{name}.{value}" if isinstance(value, str) else name


def is_whole(value: Any) -> bool:
    """Tell whether a JSON value is a whole number (True is not)."""
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class Number:
    """A whole number from 0 up."""

    bits: int = 20

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return is_whole(value) and 0 <= value < 1 << self.bits

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        del scope
        sink.number(name, value, self.bits)

    def get(self, reader: Reader, name: str, scope: Scope) -> int:
        del scope
        return reader.number(name, self.bits)


@dataclass(frozen=True)
class Round:
    """A whole number that often ends in zeros, as people give quantities."""

    bits: int = 20
    zeros_max: int = 3

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return is_whole(value) and 0 <= value < 1 << self.bits

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        del scope
        zeros = 0
        while zeros < self.zeros_max and value and value % 10 == 0:
            value //= 10
            zeros += 1
        sink.symbol(f"{name}.zeros", zeros, self.zeros_max + 1)
        sink.number(f"{name}.{zeros}", value, self.bits)

    def get(self, reader: Reader, name: str, scope: Scope) -> int:
        del scope
        zeros = reader.symbol(f"{name}.zeros", self.zeros_max + 1)
        return int(reader.number(f"{name}.{zeros}", self.bits) * 10**zeros)


@dataclass(frozen=True)
class Binned:
    """A whole number below ``width`` × ``bins``, by bins of equal width; nought has a bin of its own."""

    width: int
    bins: int
    given: str = ""
    """Name of an earlier number field whose being nought or not matters (a course while standing)."""

    def _name(self, name: str, scope: Scope) -> str:
        return f"{name}.{int(bool(scope.values.get(self.given)))}" if self.given else name

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return is_whole(value) and 0 <= value < self.width * self.bins

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        sink.symbol(self._name(name, scope), 0 if value == 0 else 1 + value // self.width, self.bins + 1)
        if value:
            sink.uniform(value % self.width, self.width)

    def get(self, reader: Reader, name: str, scope: Scope) -> int:
        index = reader.symbol(self._name(name, scope), self.bins + 1)
        return 0 if index == 0 else (index - 1) * self.width + reader.uniform(self.width)


@dataclass(frozen=True)
class Choice:
    """One of the values known by number; any other text as it is, so that a newer program's words get through."""

    values: tuple[str, ...]
    given: str = ""
    """Name of an earlier field that this one depends on."""

    def _name(self, name: str, scope: Scope) -> str:
        return given_name(name, self.given, scope)

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return isinstance(value, str)

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        known = self.values.index(value) if value in self.values else len(self.values)
        sink.symbol(self._name(name, scope), known, len(self.values) + 1)
        if known == len(self.values):
            sink.text(value)

    def get(self, reader: Reader, name: str, scope: Scope) -> str:
        index = reader.symbol(self._name(name, scope), len(self.values) + 1)
        return self.values[index] if index < len(self.values) else reader.text()


@dataclass(frozen=True)
class Text:
    """Free text."""

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return isinstance(value, str)

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        del name, scope
        sink.text(value)

    def get(self, reader: Reader, name: str, scope: Scope) -> str:
        del name, scope
        return reader.text()


@dataclass(frozen=True)
class Decimal:
    """A measured figure: how many places it is given to, its sign, its size; by what is measured."""

    given: str = ""
    places_max: int = 5
    bits: int = 40

    def _form(self, value: Any) -> int | None:
        """Return 0 for a whole number, 1 + n for a figure of n decimal places, None if it cannot be coded."""
        if is_whole(value):
            return 0 if abs(value) < 1 << self.bits else None
        if not isinstance(value, float) or not abs(value) < 1 << self.bits:
            return None
        if value == 0 and math.copysign(1, value) < 0:
            return None
        for places in range(self.places_max + 1):
            scaled = round(value * 10**places)
            if abs(scaled) < 1 << self.bits and scaled / 10**places == value:
                return 1 + places
        return None

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return self._form(value) is not None

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        form = self._form(value)
        assert form is not None, "only what fits is put"
        name = given_name(name, self.given, scope)
        scaled = value if form == 0 else round(value * 10 ** (form - 1))
        sink.symbol(f"{name}.form", form, self.places_max + 2)
        sink.symbol(f"{name}.sign", int(scaled < 0), 2)
        sink.number(name, abs(scaled), self.bits)

    def get(self, reader: Reader, name: str, scope: Scope) -> int | float:
        name = given_name(name, self.given, scope)
        form = reader.symbol(f"{name}.form", self.places_max + 2)
        sign = -1 if reader.symbol(f"{name}.sign", 2) else 1
        scaled = sign * reader.number(name, self.bits)
        return scaled if form == 0 else scaled / 10 ** (form - 1)


OFFSET_STEPS = 2 * 26
"""Steps of an offset from a centre: 2**26 of 1e-5 degrees is more than the way round the Earth."""


@dataclass(frozen=True)
class Place:
    """A place: latitude and longitude as offsets from the operation's centre, perhaps a height, perhaps more members."""

    members: tuple[tuple[str, Kind], ...] = ()
    """Further members, in order, each there or not."""
    PLACES = (5, 2, 4, 3, 1, 0)

    def _places(self, value: Any) -> int | None:
        if not isinstance(value, dict) or not {"lat", "lon"} <= set(value) <= {"lat", "lon", *dict(self.members)}:
            return None
        lat, lon = value["lat"], value["lon"]
        if not all(isinstance(one, float) and math.isfinite(one) for one in (lat, lon)):
            return None
        if not (-90 <= lat <= 90 and -180 <= lon <= 180):
            return None
        if any(one == 0 and math.copysign(1, one) < 0 for one in (lat, lon)):
            return None
        for index, places in sorted(enumerate(self.PLACES), key=lambda pair: pair[1]):
            if all(round(one * 10**places) / 10**places == one for one in (lat, lon)):
                return index
        return None

    def fits(self, value: Any, scope: Scope) -> bool:
        return self._places(value) is not None and all(
            kind.fits(value[name], scope) for name, kind in self.members if name in value
        )

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        form = self._places(value)
        assert form is not None, "only what fits is put"
        sink.symbol(f"{name}.places", form, len(self.PLACES))
        for axis, centre in _centre(scope):
            offset = round(value[axis] * 10 ** self.PLACES[form]) - _scaled(centre, self.PLACES[form])
            step = step_of(abs(offset))
            sink.symbol(f"{name}.{form}.offset", step, OFFSET_STEPS)
            sink.uniform(abs(offset) - first_of(step), width_of(step))
            if offset:
                sink.uniform(int(offset < 0), 2)
        for member, kind in self.members:
            sink.symbol(f"{name}.{member}.there", int(member in value), 2)
            if member in value:
                kind.put(sink, f"{name}.{member}", value[member], scope)

    def get(self, reader: Reader, name: str, scope: Scope) -> dict[str, Any]:
        form = reader.symbol(f"{name}.places", len(self.PLACES))
        value: dict[str, Any] = {}
        for axis, centre in _centre(scope):
            step = reader.symbol(f"{name}.{form}.offset", OFFSET_STEPS)
            offset = first_of(step) + reader.uniform(width_of(step))
            if offset and reader.uniform(2):
                offset = -offset
            value[axis] = (offset + _scaled(centre, self.PLACES[form])) / 10 ** self.PLACES[form]
        if not (-90 <= value["lat"] <= 90 and -180 <= value["lon"] <= 180):
            raise ContentError(f"content: a place at {value['lat']}, {value['lon']}; the bytes are none of ours")
        for member, kind in self.members:
            if reader.symbol(f"{name}.{member}.there", 2):
                value[member] = kind.get(reader, f"{name}.{member}", scope)
        return value


def _centre(scope: Scope) -> tuple[tuple[str, int], tuple[str, int]]:
    operation = scope.operation
    lat, lon = (0.0, 0.0) if operation is None else (operation.lat, operation.lon)
    return ("lat", round(lat * DEGREE)), ("lon", round(lon * DEGREE))


def _scaled(centre: int, places: int) -> int:
    """Return a centre of 1e-5 degrees in units of another number of decimal places, rounded half up, in whole numbers."""
    divisor = int(DEGREE / 10**places)
    return (centre + divisor // 2) // divisor


@dataclass(frozen=True)
class Signed:
    """A whole number of either sign: a height."""

    bits: int = 16

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        return is_whole(value) and abs(value) < 1 << self.bits

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        del scope
        sink.symbol(f"{name}.sign", int(value < 0), 2)
        sink.number(name, abs(value), self.bits)

    def get(self, reader: Reader, name: str, scope: Scope) -> int:
        del scope
        sign = -1 if reader.symbol(f"{name}.sign", 2) else 1
        return sign * reader.number(name, self.bits)


@dataclass(frozen=True)
class Many:
    """A list of records of the same members."""

    members: tuple[tuple[str, Kind], ...]
    count_max: int = 63

    def fits(self, value: Any, scope: Scope) -> bool:
        names = [name for name, _ in self.members]
        return (
            isinstance(value, list)
            and len(value) <= self.count_max
            and all(
                isinstance(one, dict)
                and sorted(one) == sorted(names)
                and all(kind.fits(one[name], scope) for name, kind in self.members)
                for one in value
            )
        )

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        sink.number(f"{name}.count", len(value), self.count_max.bit_length())
        for one in value:
            for member, kind in self.members:
                kind.put(sink, f"{name}.{member}", one[member], scope)

    def get(self, reader: Reader, name: str, scope: Scope) -> list[dict[str, Any]]:
        count = reader.number(f"{name}.count", self.count_max.bit_length())
        return [
            {member: kind.get(reader, f"{name}.{member}", scope) for member, kind in self.members} for _ in range(count)
        ]


@dataclass(frozen=True)
class Hex:
    """Bytes, written as hexadecimal digits in the message."""

    def fits(self, value: Any, scope: Scope) -> bool:
        del scope
        try:
            return isinstance(value, str) and bytes.fromhex(value).hex() == value
        except ValueError:
            return False

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        del name, scope
        sink.raw(bytes.fromhex(value))

    def get(self, reader: Reader, name: str, scope: Scope) -> str:
        del name, scope
        return reader.raw().hex()


@dataclass(frozen=True)
class Group:
    """A record inside the message, with members in order, each there or not or not as expected."""

    members: tuple[tuple[str, Kind], ...] = field(default=())

    def fits(self, value: Any, scope: Scope) -> bool:
        names = dict(self.members)
        return (
            isinstance(value, dict)
            and set(value) <= set(names)
            and all(names[name].fits(one, scope) for name, one in value.items())
        )

    def put(self, sink: Sink, name: str, value: Any, scope: Scope) -> None:
        for member, kind in self.members:
            sink.symbol(f"{name}.{member}.there", int(member in value), 2)
            if member in value:
                kind.put(sink, f"{name}.{member}", value[member], scope)

    def get(self, reader: Reader, name: str, scope: Scope) -> dict[str, Any]:
        value = {}
        for member, kind in self.members:
            if reader.symbol(f"{name}.{member}.there", 2):
                value[member] = kind.get(reader, f"{name}.{member}", scope)
        return value


def known_or_error(index: int, values: Sequence[Any], what: str) -> Any:
    """Return ``values[index]``; raise ContentError with what it was to be."""
    if index >= len(values):
        raise ContentError(f"content: {what} number {index} where {len(values)} are shared; the bytes are none of ours")
    return values[index]
