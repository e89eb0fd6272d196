"""Bundles to the messages of the content and back.

What the content's schema has a field for goes there; what else a bundle knows goes beside it under its own name, so that
nothing is lost. Names are those of the registry and of the keys; an endpoint of another kind goes as ``kind:name``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.model import (
    BUS,
    TEXT_CHARS_MAX,
    Endpoint,
    EndpointKind,
    Message,
    MessageKind,
    Place,
    PlaceSource,
    Precedence,
)
from gateway.router.policy import PRECEDENCE_OF_KIND
from protocols.content.errors import ContentError
from protocols.content.moments import moment_of, text_of

if TYPE_CHECKING:
    from gateway.model import Bundle

CAP = "cap"
TYPE_OF_KIND = {kind: CAP if kind is MessageKind.ALERT else str(kind) for kind in MessageKind}
KIND_OF_TYPE = {name: kind for kind, name in TYPE_OF_KIND.items()}

FRAME = frozenset({"type", "ts", "src", "dst", "prio", "id", "pos", "at", "age", "text", "data", "clock", "fields"})
"""Members of a content message that are no ``fields`` of ours."""

WALL_S_MAX = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Told:
    """What a content message says, in the gateway's own terms."""

    source: Endpoint
    destination: Endpoint
    precedence: Precedence
    message: Message
    created_wall_s: float
    clock_trusted: bool
    id: str = ""
    unread: bytes = b""
    """The content itself where it could not be read."""

    def key(self) -> bytes:
        """Return what makes two of them one report, also when their sender has lost its counters: who, when and what."""
        digest = hashlib.sha256()
        if self.unread:
            digest.update(str(self.source).encode() + b"\0" + self.unread)
            return b"air:" + digest.digest()[:16]
        for part in (str(self.source), str(self.destination), str(self.created_wall_s), self.id):
            digest.update(part.encode() + b"\0")
        digest.update(self.message.to_json())
        return b"air:" + digest.digest()[:16]


def to_content(bundle: Bundle, peer: str) -> dict[str, Any]:
    """Return a bundle as a content message to station ``peer``."""
    draft, message = bundle.draft, bundle.draft.message
    source = _name_of(draft.source)
    told: dict[str, Any] = {
        "type": TYPE_OF_KIND[message.kind],
        "ts": text_of(min(max(0, int(draft.created_wall_s)), WALL_S_MAX)),
        "src": source,
        "dst": peer if draft.destination == BUS else _name_of(draft.destination),
        "prio": int(draft.precedence),
        # The record's counter is the identity on the air, and this form of the id costs nothing. A sender with a wrong
        # clock may say the same in the same second of two lives, so there the number goes along.
        "id": f"{source}-{0 if draft.clock_trusted else bundle.seq}",
    }
    if message.place is not None:
        told |= _place(message.place)
    own_fields = dict(message.fields)
    if message.kind is MessageKind.RESOURCE and isinstance(own_fields.get("item"), str) and "qty" in own_fields:
        told["items"] = [{"item": own_fields.pop("item"), "qty": own_fields.pop("qty")}]
    clashing = {name: value for name, value in own_fields.items() if name in FRAME or name == "items"}
    told |= {name: value for name, value in own_fields.items() if name not in clashing}
    if clashing:
        told["fields"] = clashing
    if message.text:
        told["text"] = message.text
    if message.data_hex:
        told["data"] = message.data_hex
    if not draft.clock_trusted:
        told["clock"] = False
    return told


def from_content(told: dict[str, Any], own: str, peer: str) -> Told:
    """Return what a content message from station ``peer`` says to station ``own``; raise ContentError.

    A type that is not known here is kept as an opaque message with all that was said.
    """
    kind = KIND_OF_TYPE.get(told["type"]) if isinstance(told.get("type"), str) else None
    try:
        place = _place_of(told)
        fields = _fields(told) if kind is not None else {"type": told.get("type"), "fields": _fields(told)}
        if place is None and "pos" in told:
            fields["pos"] = told["pos"]
        text = told["text"] if isinstance(told.get("text"), str) else ""
        if len(text) > TEXT_CHARS_MAX:
            raise ContentError(f"text: found {len(text)} characters, at most {TEXT_CHARS_MAX} are kept")
        json.dumps(fields)
        data_hex = told["data"] if isinstance(told.get("data"), str) else ""
        bytes.fromhex(data_hex)
        message = Message(
            MessageKind.OPAQUE if kind is None else kind,
            text=text,
            place=place,
            fields=fields,
            data_hex=data_hex,
        )
        created_s = moment_of(told["ts"]) if isinstance(told.get("ts"), str) else None
        precedence = told.get("prio")
        return Told(
            source=_endpoint_of(told.get("src"), peer),
            destination=BUS if told.get("dst") in (own, None) else _endpoint_of(told.get("dst"), own),
            precedence=Precedence(precedence)
            if isinstance(precedence, int) and precedence in tuple(Precedence)
            else PRECEDENCE_OF_KIND[message.kind],
            message=message,
            created_wall_s=float(created_s or 0),
            clock_trusted=told.get("clock") is not False and created_s is not None,
            id=told["id"] if isinstance(told.get("id"), str) else "",
        )
    except (ValueError, OverflowError, RecursionError) as error:  # ModelError too; figures of hundreds of digits
        raise ContentError(f"message: {error}") from error


def _name_of(endpoint: Endpoint) -> str:
    return endpoint.name if endpoint.kind is EndpointKind.STATION else str(endpoint)


def _endpoint_of(name: Any, otherwise: str) -> Endpoint:
    if not isinstance(name, str):
        name = otherwise
    return Endpoint.parse(name) if ":" in name else Endpoint(EndpointKind.STATION, name)


def _place(place: Place) -> dict[str, Any]:
    pos: dict[str, Any] = {"lat": float(place.lat), "lon": float(place.lon)}
    if place.height_m is not None:
        whole = float(place.height_m).is_integer()
        pos["alt"] = int(place.height_m) if whole else float(place.height_m)
    told: dict[str, Any] = {"pos": pos, "at": str(place.source)}
    if place.age_s:
        told["age"] = int(place.age_s)
    return told


def _place_of(told: dict[str, Any]) -> Place | None:
    pos = told.get("pos")
    if not isinstance(pos, dict) or not all(isinstance(pos.get(axis), int | float) for axis in ("lat", "lon")):
        return None
    source = told.get("at")
    age = told.get("age")
    height = pos.get("alt")
    return Place(
        float(pos["lat"]),
        float(pos["lon"]),
        PlaceSource(source) if source in tuple(PlaceSource) else PlaceSource.TERMINAL,
        height_m=float(height) if isinstance(height, int | float) else None,
        age_s=float(age) if isinstance(age, int | float) and age >= 0 else 0.0,
    )


def _fields(told: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in told.items() if name not in FRAME}
    items = fields.get("items")
    if isinstance(items, list) and len(items) == 1 and isinstance(items[0], dict) and set(items[0]) == {"item", "qty"}:
        fields |= fields.pop("items")[0]
    more = told.get("fields")
    return fields | more if isinstance(more, dict) else fields
