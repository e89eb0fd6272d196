"""What is said on the bus, as models: the JSON Schemas and docs/bus/asyncapi.json are generated from this file.

Reports go up as CloudEvents 1.0 in structured JSON (attribute names, and extension names in lower-case letters and
digits, as that specification asks) around a GeoJSON Feature (RFC 7946: longitude first). Colours are those of
GB/T 37230 and stand beside the precedence, never instead of it. Every ``time`` and ``since`` is RFC 3339 in UTC and is
as right as the clock it came from; ``clocktrusted`` says whether that is believed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from gateway.bus.wire import Payload, PayloadError, clean_text, clean_value, decode, encode, utc
from gateway.link import LinkState  # noqa: TC001 - pydantic reads it when the models are built
from gateway.model import LIFETIME_S_MAX, TEXT_CHARS_MAX, BundleState, MessageKind, Precedence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.bus.topics import Topics
    from gateway.bus.wire import Fault
    from gateway.link import LinkReport
    from gateway.model import Bundle

GATEWAY_BY = "gateway:"
"""How ``by`` begins in everything a gateway says itself, so that its echo is known and nobody else may use it."""

LINKS_MAX = 64
"""Links summed up in one gateway state."""

_COMMAND_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Time = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$")]
Lon = Annotated[float, Field(ge=-180, le=180)]
Lat = Annotated[float, Field(ge=-90, le=90)]
PrecedenceName = Literal["FLASH", "IMMEDIATE", "PRIORITY", "ROUTINE"]
Colour = Literal["red", "orange", "yellow", "blue"]
EndpointText = Annotated[
    str, StringConstraints(pattern=r"^(station|card|group|grid|broadcast|bus):[A-Za-z0-9_.-]{1,32}$")
]


# --- reports, up -----------------------------------------------------------------------------------------------


class Point(Payload):
    """GeoJSON Point in WGS-84/CGCS2000 degrees: ``[lon, lat]`` or ``[lon, lat, height in metres]``."""

    type: Literal["Point"] = "Point"
    coordinates: tuple[Lon, Lat] | tuple[Lon, Lat, float]


class ReportProperties(Payload):
    """What was said. Besides these, what was understood of a text stands here flat: ``people``, ``injured``, ``qty``."""

    model_config = ConfigDict(extra="allow")

    kind: MessageKind
    text: Annotated[str, StringConstraints(max_length=TEXT_CHARS_MAX)] = ""
    """What the person typed, always whole."""
    data_hex: str | None = None
    """Bytes that are carried without being read."""
    place_source: Literal["text", "terminal", "last-known"] | None = None
    """Who says that this is the place; set whenever there is a geometry."""
    place_age_s: float | None = None
    """How old the place was when the report was made."""


class Feature(Payload):
    """GeoJSON Feature; ``geometry`` is null when no place is known, never invented."""

    type: Literal["Feature"] = "Feature"
    geometry: Point | None
    properties: ReportProperties


class Report(Payload):
    """A report on ``up/<kind>`` or ``backlog/<kind>``. The same ``id`` is the same report, however often it comes."""

    specversion: Literal["1.0"] = "1.0"
    id: Id
    source: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){3}$")]
    """The gateway: ``/`` and the base of its topics."""
    type: Annotated[str, StringConstraints(pattern=r"^yizhan\.report\.[a-z]+$")]
    subject: EndpointText
    """Who says it: ``card:242286``."""
    time: Time
    """When the gateway took it on."""
    datacontenttype: Literal["application/geo+json"] = "application/geo+json"
    precedence: PrecedenceName
    colour: Colour
    number: Annotated[int, Field(ge=0)]
    """The number its sender can quote."""
    historical: bool
    """True when it waited too long to be news."""
    clocktrusted: bool
    station: Id | None = None
    """The registry's name for the sender, if it is known there."""
    verified: bool
    """False for everything from a bare handset: anybody may have typed it."""
    heardon: str
    """The link it came by."""
    replyto: Id | None = None
    """The bundle it answers."""
    data: Feature


def report_payload(
    bundle: Bundle, topics: Topics, *, historical: bool, verified: bool = False, station: str | None = None
) -> bytes:
    """Return an up bundle as its consumers get it. Never raises for a stored bundle."""
    draft, message = bundle.draft, bundle.draft.message
    place = message.place
    own: dict[str, Any] = {"kind": message.kind, "text": clean_text(message.text)}
    if message.data_hex:
        own["data_hex"] = message.data_hex
    if place is not None:
        own |= {"place_source": str(place.source), "place_age_s": clean_value(place.age_s)}
    understood = {name: value for name, value in message.fields.items() if name not in ReportProperties.model_fields}
    height = () if place is None or clean_value(place.height_m) is None else (place.height_m,)
    report = Report(
        id=bundle.id,
        source=f"/{topics.base}",
        type=f"yizhan.report.{message.kind}",
        subject=str(draft.source),
        time=utc(draft.created_wall_s),
        precedence=cast("PrecedenceName", draft.precedence.name),
        colour=cast("Colour", draft.precedence.colour),
        number=bundle.seq,
        historical=historical,
        clocktrusted=draft.clock_trusted,
        station=station,
        verified=verified,
        heardon=clean_text(draft.heard_on),
        replyto=draft.reply_to,
        data=Feature(
            geometry=None if place is None else Point(coordinates=(place.lon, place.lat, *height)),
            properties=ReportProperties(**(clean_value(understood) | own)),
        ),
    )
    return encode(report)


# --- orders, down ----------------------------------------------------------------------------------------------


def _visible(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("text_blank", "there is nothing to read, write a text")
    return text


class Command(Payload):
    """An order on ``down/<endpoint>``. Never retained. The same ``id`` again changes nothing and is answered again."""

    id: Annotated[str, StringConstraints(pattern=f"^{_COMMAND_ID.pattern}$")]
    """The author's own id, echoed as ``command_id`` in every receipt."""
    text: Annotated[str, StringConstraints(min_length=1, max_length=TEXT_CHARS_MAX), AfterValidator(_visible)]
    """What the receiver reads; a bearer that cannot carry it whole refuses it, it is never cut."""
    kind: Literal["command", "alert", "ack", "chat"] = "command"
    precedence: PrecedenceName = "PRIORITY"
    lifetime_s: Annotated[float, Field(gt=0, le=LIFETIME_S_MAX)] | None = None
    """How long it is worth delivering; left out, the gateway's own setting counts."""
    reply_to: Id | None = None
    """The report (its ``id``) that this answers."""
    from_: Annotated[str, StringConstraints(max_length=64)] = Field(default="", alias="from")
    """Who orders, in their own words."""

    @property
    def ladder(self) -> Precedence:
        """Return the precedence as the model's value."""
        return Precedence[self.precedence]


def parse_command(payload: bytes) -> Command:
    """Read an order; raise PayloadError with all its faults."""
    return decode(Command, payload)


def command_id_of(payload: bytes) -> str | None:
    """Return the author's id of an order that is otherwise at fault, so that the refusal can name it."""
    found = _glimpse(payload).id
    return found if isinstance(found, str) and _COMMAND_ID.fullmatch(found) else None


# --- receipts, both ways ---------------------------------------------------------------------------------------


class GatewayReceipt(Payload):
    """What a gateway knows of a bundle, on ``receipt/<bundle-id>`` each time it changes."""

    bundle: Id
    number: Annotated[int, Field(ge=0)]
    state: BundleState
    """queued, handed, sent, relayed, refused, delivered, answered, expired or shed: what is known, not hoped."""
    by: Annotated[str, StringConstraints(pattern=r"^gateway:[A-Za-z0-9_.-]{1,32}$")]
    hop: str | None = None
    """Who gave the evidence: ``card:242286``, ``bd1``."""
    detail: str = ""
    time: Time
    command_id: str | None = None
    """The ``id`` its author gave the order."""
    endpoint: EndpointText
    """Whom the bundle is for."""
    parent: Id | None = None
    """The order to a group or grid cell that this is one member's copy of."""


def _no_gateway(name: str) -> str:
    if name.startswith(GATEWAY_BY):
        raise PydanticCustomError("by_gateway", "a consumer's name does not begin with gateway:")
    return name


class ConsumerReceipt(Payload):
    """What a consumer says of a report, on the same topic. It closes the bundle; without it the report is kept."""

    level: Literal["delivered", "answered", "refused"]
    """delivered: safely stored or shown; answered: a person acted on it; refused: not wanted, with no further try."""
    by: Annotated[
        str,
        StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,64}$"),
        AfterValidator(_no_gateway),
        Field(json_schema_extra={"not": {"pattern": f"^{GATEWAY_BY}"}}),
    ]
    """The consumer's name; does not begin with ``gateway:``."""


class _Glimpse(Payload):
    """The two members that are looked at before, or in spite of, everything else."""

    model_config = ConfigDict(extra="ignore", strict=False)

    by: Any = None
    id: Any = None


def _glimpse(payload: bytes) -> _Glimpse:
    try:
        return decode(_Glimpse, payload)
    except PayloadError:
        return _Glimpse()


def receipt_payload(
    bundle: Bundle, topics: Topics, *, wall_s: float, hop: str | None = None, detail: str | None = None
) -> bytes:
    """Return what this gateway knows of ``bundle`` now; ``detail`` defaults to the bundle's own reason."""
    return encode(
        GatewayReceipt(
            bundle=bundle.id,
            number=bundle.seq,
            state=bundle.state,
            by=f"{GATEWAY_BY}{topics.gateway}",
            hop=None if hop is None else clean_text(hop),
            detail=clean_text(bundle.reason if detail is None else detail),
            time=utc(wall_s),
            command_id=bundle.draft.external_id or None,
            endpoint=str(bundle.destination),
            parent=bundle.draft.parent,
        )
    )


def parse_receipt(payload: bytes) -> ConsumerReceipt | None:
    """Read a consumer's receipt; None for what a gateway said, ours echoed or another's. Raise PayloadError."""
    if str(_glimpse(payload).by).startswith(GATEWAY_BY):
        return None
    return decode(ConsumerReceipt, payload)


class Refusal(Payload):
    """Why an order could not be taken, on ``refusal``: there is no bundle whose receipt could say it."""

    by: Annotated[str, StringConstraints(pattern=r"^gateway:[A-Za-z0-9_.-]{1,32}$")]
    topic: str
    """Where the order was published, shortened."""
    command_id: str | None = None
    """Its ``id``, where one could be read."""
    faults: tuple[str, ...]
    """Each with its place, what was found and what to do."""
    time: Time


def refusal_payload(
    topics: Topics, topic: str, faults: Sequence[Fault | str], *, wall_s: float, command_id: str | None = None
) -> bytes:
    """Return the answer to an order that is not taken."""
    return encode(
        Refusal(
            by=f"{GATEWAY_BY}{topics.gateway}",
            topic=clean_text(topic[:256]),
            command_id=command_id,
            faults=tuple(clean_text(str(fault)) for fault in faults),
            time=utc(wall_s),
        )
    )


# --- states, retained ------------------------------------------------------------------------------------------


class Balance(Payload):
    """Where every accepted bundle is: ``accepted = delivered + queued + expired + shed``, always."""

    accepted: Annotated[int, Field(ge=0)]
    delivered: Annotated[int, Field(ge=0)]
    queued: Annotated[int, Field(ge=0)]
    expired: Annotated[int, Field(ge=0)]
    shed: Annotated[int, Field(ge=0)]


class LinkSummary(Payload):
    """One link in the gateway's state."""

    name: Name
    state: LinkState


class GatewayState(Payload):
    """How the gateway is, on ``state``; the last will on the same topic says ``offline`` when the broker loses it."""

    state: Literal["online", "offline"]
    since: Time | None
    """Since when it is online; null in a last will, since the broker that publishes it tells no time."""
    boot: Name
    """Changes with every start of the machine."""
    version: Name
    time: Time | None
    """When this was written; null in a last will."""
    balance: Balance | None = None
    links: Annotated[tuple[LinkSummary, ...], Field(max_length=LINKS_MAX)] = ()


class LinkStatePayload(Payload):
    """How a link is, on ``link/<name>/state``."""

    name: Name
    bearer: Name
    state: LinkState
    since: Time
    time: Time
    detail: str = ""
    signals: dict[str, int] = Field(default_factory=dict)
    """Level of each beam or channel, 0 (nothing) to 4 (best)."""


def state_payload(
    *,
    since_wall_s: float,
    wall_s: float,
    boot: str,
    version: str,
    balance: Mapping[str, int] | None = None,
    links: Mapping[str, LinkReport] | None = None,
) -> bytes:
    """Return the state of a gateway that runs; publish it retained on connection and on every change."""
    summaries = [LinkSummary(name=name, state=report.state) for name, report in (links or {}).items()]
    return encode(
        GatewayState(
            state="online",
            since=utc(since_wall_s),
            boot=boot,
            version=version,
            time=utc(wall_s),
            balance=None if balance is None else Balance(**balance),
            links=tuple(summaries[:LINKS_MAX]),
        )
    )


def will_payload(*, boot: str, version: str) -> bytes:
    """Return what the broker says for a gateway that it has lost."""
    return encode(GatewayState(state="offline", since=None, boot=boot, version=version, time=None))


def link_state_payload(name: str, bearer: str, report: LinkReport, *, since_wall_s: float, wall_s: float) -> bytes:
    """Return the state of a link; publish it retained."""
    return encode(
        LinkStatePayload(
            name=name,
            bearer=bearer,
            state=report.state,
            since=utc(since_wall_s),
            time=utc(wall_s),
            detail=clean_text(report.detail),
            signals={clean_text(signal.name): signal.level for signal in report.signals},
        )
    )
