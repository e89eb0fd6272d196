"""What the gateway talks about: messages, bundles, endpoints, receipts. Frozen values that hold their own invariants.

Words as in docs/architecture.md: a *Message* is what a person or system says, a *Bundle* is what is stored and
forwarded, an *Endpoint* is a logical address that is resolved late to a link address, a *Receipt* is evidence from
further on. Times called ``_s`` are seconds on the gateway's timeline (see gateway/clock.py) unless the name says
``wall``; wall times are seconds since 1970-01-01 UTC and may be wrong.
"""

from __future__ import annotations

import enum
import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT_CHARS_MAX = 4000
"""Longest text of a message: no narrow bearer carries more, and nothing above it is a field report."""

LIFETIME_S_MAX = 30 * 86_400.0
"""Longest lifetime a bundle may ask for; the duplicate window must outlive it."""


class ModelError(ValueError):
    """A value breaks a rule of the model. The text names the field, what was found and what is allowed."""


class Precedence(enum.IntEnum):
    """Who goes first; lower is more urgent. The message-handling ladder, shown in the colours of GB/T 37230."""

    FLASH = 0
    IMMEDIATE = 1
    PRIORITY = 2
    ROUTINE = 3

    @property
    def colour(self) -> str:
        """Return the GB/T 37230 colour; never the only sign on a screen."""
        return ("red", "orange", "yellow", "blue")[self]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``FLASH`` … ``ROUTINE`` in any case; raise ModelError."""
        try:
            return cls[text.strip().upper()]
        except KeyError:
            names = ", ".join(p.name for p in cls)
            raise ModelError(f"precedence: found {text!r}, use one of {names}") from None


class MessageKind(enum.StrEnum):
    """What is said. ``OPAQUE`` is bytes we carry without reading."""

    POSITION = "position"
    SOS = "sos"
    CASUALTY = "casualty"
    HAZARD = "hazard"
    RESOURCE = "resource"
    COMMAND = "command"
    ACK = "ack"
    SENSOR = "sensor"
    ALERT = "alert"
    CHAT = "chat"
    OPAQUE = "opaque"


class EndpointKind(enum.StrEnum):
    """What sort of logical address an endpoint is."""

    STATION = "station"
    CARD = "card"
    GROUP = "group"
    GRID = "grid"
    BROADCAST = "broadcast"
    BUS = "bus"


_ENDPOINT_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,31}")
"""Without a dot at the beginning, as the bus wants its topic levels; ``..`` is no file name either."""

_BEARER = re.compile(r"[a-z][a-z0-9_-]{0,15}")
_ADDRESS = re.compile(r"[A-Za-z0-9+._@/-]{1,64}")

STATION_ENTRIES_MAX = 64
"""Most cards, groups, grid cells and addresses of one station, each."""

BEIDOU = "beidou"
"""The bearer whose link addresses are card numbers."""


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """A logical address, written ``kind:name``: ``station:team3``, ``card:242286``, ``grid:5133-07``, ``bus:centre``.

    The name is 1–32 of ``A–Z a–z 0–9 _ . -``, no dot first, so that it is safe as a topic level, a file name and a log
    word. Card numbers are written without leading zeros, since terminals disagree about them (reference/beidou.md
    section 2).
    """

    kind: EndpointKind
    name: str

    def __post_init__(self) -> None:
        """Raise ModelError for a name that could be anything but a name."""
        if not _ENDPOINT_NAME.fullmatch(self.name):
            raise ModelError(f"endpoint name: found {self.name!r}, use 1 to 32 of A-Z a-z 0-9 _ . - and no dot first")
        if self.kind is EndpointKind.CARD and not (self.name.isascii() and self.name.isdigit()):
            raise ModelError(f"card endpoint: found {self.name!r}, use the card number in digits")
        if self.kind is EndpointKind.CARD and self.name != (self.name.lstrip("0") or "0"):
            object.__setattr__(self, "name", self.name.lstrip("0") or "0")

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``kind:name``; raise ModelError."""
        kind, _, name = text.partition(":")
        try:
            return cls(EndpointKind(kind), name)
        except ModelError:
            raise
        except ValueError:
            kinds = ", ".join(EndpointKind)
            raise ModelError(f"endpoint: found {text!r}, write kind:name with kind one of {kinds}") from None

    @classmethod
    def card(cls, number: int | str) -> Self:
        """Return the endpoint of a Beidou card."""
        return cls(EndpointKind.CARD, str(number))


BUS = Endpoint(EndpointKind.BUS, "centre")
"""The command centre, reached over the MQTT bus."""

BUS_LANE = "bus"
"""The lane of bundles for the command centre."""


class PlaceSource(enum.StrEnum):
    """Who says that this is the place; a place without a source is not shown."""

    TEXT = "text"
    """The person wrote the coordinates."""
    TERMINAL = "terminal"
    """The terminal reported them with this message."""
    LAST_KNOWN = "last-known"
    """An earlier report of the same source; ``age_s`` says how old."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in WGS-84/CGCS2000 degrees, with where it comes from."""

    lat: float
    lon: float
    source: PlaceSource
    height_m: float | None = None
    age_s: float = 0.0

    def __post_init__(self) -> None:
        """Raise ModelError for degrees off the Earth and for figures that are no numbers."""
        if not (-90 <= self.lat <= 90 and -180 <= self.lon <= 180):
            raise ModelError(f"place: found lat {self.lat}, lon {self.lon}; lat is within ±90 and lon within ±180")
        if self.height_m is not None and not math.isfinite(self.height_m):
            raise ModelError(f"place: found height_m {self.height_m}, leave it out when it is not known")
        if not 0 <= self.age_s < math.inf:
            raise ModelError(f"place: found age_s {self.age_s}, an age is 0 or more seconds")


@dataclass(frozen=True, slots=True)
class Message:
    """What a person or system says.

    ``text`` is what was typed, always kept. ``fields`` holds what was understood (``people``, ``injured``, ``qty``,
    ``item`` …) as plain JSON values. ``data_hex`` carries opaque bytes.
    """

    kind: MessageKind
    text: str = ""
    place: Place | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    data_hex: str = ""

    def __post_init__(self) -> None:
        """Raise ModelError for a text above TEXT_CHARS_MAX."""
        if len(self.text) > TEXT_CHARS_MAX:
            raise ModelError(f"text: found {len(self.text)} characters, at most {TEXT_CHARS_MAX} are carried")

    def to_json(self) -> bytes:
        """Return the stored form: compact JSON, UTF-8, absent members left out, keys in a fixed order."""
        value: dict[str, Any] = {"kind": str(self.kind)}
        if self.text:
            value["text"] = self.text
        if self.place is not None:
            place: dict[str, Any] = {"lat": self.place.lat, "lon": self.place.lon, "source": str(self.place.source)}
            if self.place.height_m is not None:
                place["height_m"] = self.place.height_m
            if self.place.age_s:
                place["age_s"] = self.place.age_s
            value["place"] = place
        if self.fields:
            value["fields"] = dict(sorted(self.fields.items()))
        if self.data_hex:
            value["data_hex"] = self.data_hex
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the stored form; raise ModelError."""
        try:
            value = json.loads(body.decode("utf-8", "surrogatepass"))
            place = value.get("place")
            return cls(
                kind=MessageKind(value["kind"]),
                text=value.get("text", ""),
                place=None
                if place is None
                else Place(
                    lat=place["lat"],
                    lon=place["lon"],
                    source=PlaceSource(place["source"]),
                    height_m=place.get("height_m"),
                    age_s=place.get("age_s", 0.0),
                ),
                fields=value.get("fields", {}),
                data_hex=value.get("data_hex", ""),
            )
        except ModelError:
            raise
        except (AttributeError, KeyError, RecursionError, TypeError, UnicodeDecodeError, ValueError) as error:
            raise ModelError(f"message body: not a stored message ({error!r})") from error


class BundleState(enum.StrEnum):
    """The honest state of a bundle; each word names what is *known*, not what is hoped.

    Open: ``QUEUED`` (on disk, nothing tried), ``HANDED`` (given to a device or broker connection, no answer yet),
    ``SENT`` (the device says the burst left, or the broker took it), ``RELAYED`` (a network or custodian confirmed),
    ``REFUSED`` (every link so far said no; open until its lifetime ends). Closed: ``DELIVERED``, ``ANSWERED``,
    ``EXPIRED`` (lifetime or retention ended without evidence of delivery), ``SHED`` (dropped by a declared cap, counted).
    """

    QUEUED = "queued"
    HANDED = "handed"
    SENT = "sent"
    RELAYED = "relayed"
    REFUSED = "refused"
    DELIVERED = "delivered"
    ANSWERED = "answered"
    EXPIRED = "expired"
    SHED = "shed"

    @property
    def is_open(self) -> bool:
        """Tell whether the bundle is still ours to move; closed bundles only wait to be forgotten."""
        return self not in CLOSED_STATES


CLOSED_STATES = frozenset({BundleState.DELIVERED, BundleState.ANSWERED, BundleState.EXPIRED, BundleState.SHED})


class Direction(enum.StrEnum):
    """``UP`` towards the command centre, ``DOWN`` towards the field."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Draft:
    """A bundle before the store has given it a number: everything its author decides."""

    direction: Direction
    source: Endpoint
    destination: Endpoint
    precedence: Precedence
    message: Message
    lifetime_s: float
    created_wall_s: float
    clock_trusted: bool
    heard_on: str = ""
    """Link or channel it came by (``bd1``, ``bus``, ``cli``); where its receipts go back."""
    reply_to: str | None = None
    """Id of the bundle this one answers."""
    parent: str | None = None
    """Id of the order this one is a member's copy of (an order to a group or grid cell)."""
    external_id: str = ""
    """The id its author gave it (CloudEvents ``id`` of a bus command), echoed in receipts."""

    def __post_init__(self) -> None:
        """Raise ModelError for a lifetime outside (0, LIFETIME_S_MAX]."""
        if not 0 < self.lifetime_s <= LIFETIME_S_MAX:
            raise ModelError(
                f"lifetime_s: found {self.lifetime_s}, allowed is more than 0 and at most {LIFETIME_S_MAX:.0f}"
            )


@dataclass(frozen=True, slots=True)
class Bundle:
    """The stored and forwarded unit. ``id`` is minted once at its origin and never changes."""

    seq: int
    """The store's number for it, ascending in order of acceptance; the number a person quotes."""
    id: str
    draft: Draft
    state: BundleState
    accepted_s: float
    expires_s: float
    due_s: float
    lane: str = BUS_LANE
    """Which queue it waits in: ``bus``, or the bearers that can reach its destination joined by ``+``."""
    attempts: int = 0
    tried: tuple[str, ...] = ()
    """Links that have taken it in this round, oldest first."""
    reason: str = ""
    """Why it is in its state, in English log words: ``FKI Y``, ``lifetime ended``, ``cap bundles_max``."""

    @property
    def precedence(self) -> Precedence:
        """Return the draft's precedence."""
        return self.draft.precedence

    @property
    def destination(self) -> Endpoint:
        """Return the draft's destination."""
        return self.draft.destination


class ReceiptLevel(enum.StrEnum):
    """How far along the evidence comes from."""

    CUSTODY = "custody"
    DELIVERED = "delivered"
    ANSWERED = "answered"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Evidence about a bundle, with the hop that gave it."""

    bundle_id: str
    level: ReceiptLevel
    by: str
    """The hop that says so: ``consumer:map1``, ``card:242286``, ``broker``."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Station:
    """An entry of the registry: a person, team, vehicle or gateway we know."""

    id: str
    name: str = ""
    cards: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()
    grids: tuple[str, ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()
    """Link addresses on other bearers, as ``(bearer, address)``: ``("hf", "B7A")``, ``("satcom", "008617401234567")``."""

    def __post_init__(self) -> None:
        """Raise ModelError for an id that is not a name, a card out of range, or too many entries."""
        for value in (self.id, *self.groups, *self.grids):
            if not _ENDPOINT_NAME.fullmatch(value):
                raise ModelError(f"station: found {value!r}, ids are 1 to 32 of A-Z a-z 0-9 _ . - and no dot first")
        for card in self.cards:
            if not 0 < card <= CARD_MAX:
                raise ModelError(f"station {self.id}: card {card} is not between 1 and {CARD_MAX}")
        self._check_addresses()
        entries_of: tuple[tuple[str, tuple[object, ...]], ...] = (
            ("cards", self.cards),
            ("groups", self.groups),
            ("grid cells", self.grids),
            ("addresses", self.addresses),
        )
        for what, entries in entries_of:
            if len(entries) > STATION_ENTRIES_MAX:
                raise ModelError(f"station {self.id}: found {len(entries)} {what}, at most {STATION_ENTRIES_MAX}")
        if len(self.name) > 64 or not self.name.isprintable():
            raise ModelError(f"station {self.id}: name has {len(self.name)} characters, at most 64 that can be seen")

    def _check_addresses(self) -> None:
        for bearer, address in self.addresses:
            if not _BEARER.fullmatch(bearer) or bearer == BEIDOU:
                raise ModelError(f"station {self.id}: bearer {bearer!r}; use a bearer as of a link, cards for {BEIDOU}")
            if not _ADDRESS.fullmatch(address):
                raise ModelError(
                    f"station {self.id}: address {address!r} on {bearer}; use 1 to 64 of A-Z a-z 0-9 + . _ @ / -"
                )

    def addresses_on(self, bearer: str) -> tuple[str, ...]:
        """Return its link addresses on a bearer, best first."""
        if bearer == BEIDOU:
            return tuple(str(card) for card in self.cards)
        return tuple(address for on, address in self.addresses if on == bearer)

    def bearers(self) -> set[str]:
        """Return the bearers it has an address on."""
        return {bearer for bearer, _ in self.addresses} | ({BEIDOU} if self.cards else set())


CARD_MAX = 99_999_999
"""Largest card number seen on a wire: eight digits (reference/beidou.md section 5)."""
