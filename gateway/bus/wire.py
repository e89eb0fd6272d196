"""JSON of the bus: pydantic models to bytes and back, one declared error with all faults at once, times in UTC."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer

from gateway.bus.port import PAYLOAD_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

FAULTS_MAX = 16
"""Faults told about one payload; whoever makes more starts again anyway."""

FOUND_CHARS_MAX = 60
"""How much of a wrong value is quoted."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WALL_S_MIN = -62_135_596_800.0
_WALL_S_MAX = 253_402_300_799.0
"""Years 1 and 9999, the ends of RFC 3339: a clock beyond them is shown at the end rather than losing the message."""


class Payload(BaseModel):
    """Base of everything on the bus: members exactly as declared, types without conversion, no NaN."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        use_enum_values=True,
        use_attribute_docstrings=True,
    )

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave optional members out when there is nothing to say; required ones are shown as null."""
        members: dict[str, Any] = handler(self)
        required = {
            field.serialization_alias or name for name, field in type(self).model_fields.items() if field.is_required()
        }
        return {name: value for name, value in members.items() if value is not None or name in required}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a payload."""

    path: str
    """Dotted, ``text`` or ``data.properties.kind``; empty for the whole payload."""
    found: str
    advice: str
    """What is allowed, so what to do."""

    def __str__(self) -> str:
        return f"{self.path or 'payload'}: found {self.found}; {self.advice}"


class PayloadError(ValueError):
    """A payload that is not what its topic carries; holds every fault, not only the first."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


PayloadT = TypeVar("PayloadT", bound=Payload)


def decode(model: type[PayloadT], payload: bytes) -> PayloadT:
    """Read ``payload`` as ``model``; raise PayloadError, and nothing else whatever the bytes are."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise PayloadError((Fault("", f"more than {PAYLOAD_BYTES_MAX} bytes", "send a shorter message"),))
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        raise PayloadError(tuple(_fault(detail, model) for detail in details[:FAULTS_MAX])) from None


def encode(value: Payload) -> bytes:
    """Return compact JSON in UTF-8."""
    return value.model_dump_json(by_alias=True).encode()


def utc(wall_s: float) -> str:
    """Return RFC 3339 UTC with milliseconds for seconds since 1970; clamped to the years the format can write."""
    bounded_s = min(max(wall_s, _WALL_S_MIN), _WALL_S_MAX) if math.isfinite(wall_s) else 0.0
    moment = _EPOCH + timedelta(seconds=bounded_s)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def clean_text(text: str) -> str:
    """Return text that UTF-8 can carry: lone surrogates, left by damaged messages, become question marks."""
    return text.encode("utf-8", "replace").decode()


def clean_value(value: Any) -> Any:
    """Return a JSON value fit for the wire: clean texts, no infinity or NaN (which become null)."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {clean_text(str(key)): clean_value(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [clean_value(member) for member in value]
    return value


def _fault(detail: ErrorDetails, model: type[BaseModel]) -> Fault:
    path = ".".join(_shorten(ascii(part).strip("'")) for part in detail["loc"])  # names of members are theirs too
    kind = detail["type"]
    if kind == "missing":
        return Fault(path, "nothing", "this member is required, add it")
    if kind == "extra_forbidden":
        return Fault(path, "an unknown member", f"remove it; known are {', '.join(_members(model))}")
    if kind == "json_invalid":
        return Fault("", f"no JSON ({detail['msg']})", "send one JSON object in UTF-8")
    return Fault(path, _quote(detail["input"]), detail["msg"][:1].lower() + detail["msg"][1:])


def _members(model: type[BaseModel]) -> list[str]:
    fields: Mapping[str, Any] = model.model_fields
    return [field.alias or name for name, field in fields.items()]


def _quote(value: Any) -> str:
    """Return a value in printable ASCII: it goes to logs and terminals."""
    return _shorten(ascii(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__)


def _shorten(text: str) -> str:
    return text if len(text) <= FOUND_CHARS_MAX else text[: FOUND_CHARS_MAX - 3] + "..."
