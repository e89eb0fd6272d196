"""What both ends of a record know before it is sent, and therefore does not travel: who, where, since when."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from protocols.content.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Iterable

OPERATIONS_MAX = 256
STATIONS_MAX = 1 << 24
REVISION_MAX = 255
DEGREE = 100_000
"""Places are whole numbers of 1e-5 degrees, about a metre."""

SPAN_DEGREES = 0.66
"""A place is taken to belong to an operation if it lies within this of its centre, north-south and east-west."""


@dataclass(frozen=True)
class Operation:
    """An operations box: a name, a centre, a beginning, a headquarters and the stations at work in it."""

    name: str
    lat: float
    lon: float
    since_s: int
    """Beginning of the operation, seconds since 1970: times are coded as seconds after it."""
    headquarters: str = ""
    area: str = ""
    """Administrative code that area codes and sensor names of this operation begin with (GB/T 2260)."""
    stations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ContentError for a place off the Earth."""
        if not (-90 <= self.lat <= 90 and -180 <= self.lon <= 180):
            raise ContentError(f"operation {self.name}: found lat {self.lat}, lon {self.lon}; use degrees, WGS-84")

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Return each station's number in this operation."""
        return {name: number for number, name in enumerate(self.stations)}

    def holds(self, lat: float, lon: float) -> bool:
        """Tell whether a place lies in the box."""
        return abs(lat - self.lat) < SPAN_DEGREES and abs(lon - self.lon) < SPAN_DEGREES


@dataclass(frozen=True)
class Shared:
    """The shared configuration of a network, with its revision: ends of different revisions use none of it."""

    operations: tuple[Operation, ...] = ()
    revision: int = 0

    def __post_init__(self) -> None:
        """Raise ContentError at the maxima."""
        if len(self.operations) > OPERATIONS_MAX:
            raise ContentError(f"operations: found {len(self.operations)}, at most {OPERATIONS_MAX} can be shared")
        if not 0 <= self.revision <= REVISION_MAX:
            raise ContentError(f"revision: found {self.revision}, use 0 to {REVISION_MAX}")

    def fingerprint(self, words: Iterable[str] = ()) -> int:
        """Return 8 bits that differ when anything shared differs, but for one case in 255; 0 when nothing is shared.

        It travels in the hello as the revision: people forget to count one up, and what is read with another registry
        than it was written with is authentic and wrong.
        """
        words = tuple(words)
        if not self.operations and not words:
            return 0
        told = repr((self.revision, [astuple(one) for one in self.operations], words))
        return 1 + int.from_bytes(sha256(told.encode("utf-8", "surrogatepass")).digest()[:4]) % REVISION_MAX

    @cached_property
    def stations(self) -> tuple[str, ...]:
        """Return every station and headquarters once, in order."""
        names = (name for one in self.operations for name in (*one.stations, one.headquarters) if name)
        return tuple(dict.fromkeys(names))

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Return each station's number in the whole registry."""
        return {name: number for number, name in enumerate(self.stations)}

    @cached_property
    def _operation_of(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for number, operation in enumerate(self.operations):
            for name in operation.stations:
                found.setdefault(name, number)
        for number, operation in enumerate(self.operations):
            found.setdefault(operation.headquarters, number)
        return found

    def operation_between(self, source: str, destination: str) -> int:
        """Return the number of the operation that two ends most likely speak of: a station's before a headquarters'."""
        headquarters = {operation.headquarters for operation in self.operations}
        for name in sorted((source, destination), key=lambda name: name in headquarters):
            if name in self._operation_of:
                return self._operation_of[name]
        return 0


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of the record that carries a content, and the record's counter, as the receiver knows them too."""

    source: str
    destination: str
    counter: int


@dataclass
class Scope:
    """Where a field stands while it is coded: what is shared, and what was coded before it."""

    shared: Shared
    ends: Ends
    operation: Operation | None
    kind: str = ""
    """Message type: the first part of the names of its symbols."""
    moment_s: int = 0
    """When the message was made, seconds since 1970; fields that are times refer to it."""
    values: dict[str, Any] = field(default_factory=dict)
    """The fields before this one."""
    earlier_s: int | None = None
    """In a batch: when the message before was made."""

    @property
    def since_s(self) -> int:
        """Return what times are counted from."""
        if self.earlier_s is not None:
            return self.earlier_s
        return self.operation.since_s if self.operation is not None else SINCE_S


SINCE_S = 1_577_836_800
"""2020-01-01T00:00:00Z: what times are counted from where no operation says better."""
