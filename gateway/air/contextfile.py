"""The file of what a network shares: operations, stations, model, words; and, for trials, a secret and a bearer's limits.

The same file goes to every gateway of an operation; its revision travels in the hello, and gateways of different revisions
use none of it with each other. ``yizhan air encode|decode`` reads it with the trial keys; the daemon ignores those.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation when it runs
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gateway.security.errors import SecurityError
from gateway.security.keyfile import read_key
from protocols.content.context import OPERATIONS_MAX, REVISION_MAX, Operation, Shared
from protocols.content.moments import text_of
from protocols.content.references import ALL

CONTEXT_BYTES_MAX = 16_000_000
STATIONS_MAX = 1 << 20
SINCE_YEARS = (1970, 9000)
WORDS_MAX = 20_000

StationName = Annotated[str, Field(min_length=1, max_length=64)]


class ContextError(ValueError):
    """The file cannot be used; the text lists every fault with its place."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class OperationTable(_Table):
    """``[[operation]]``: one operations box."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    since: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    """Beginning of the operation; times are coded as seconds after it. The nearer, the shorter."""
    headquarters: Annotated[str, Field(max_length=64)] = ""
    area: Annotated[str, Field(max_length=12)] = ""
    stations: Annotated[tuple[StationName, ...], Field(max_length=STATIONS_MAX)] = ()

    @field_validator("since")
    @classmethod
    def _has_zone(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("write it with its zone: 2026-05-12T03:00:00Z")
        if not SINCE_YEARS[0] <= value.year <= SINCE_YEARS[1]:
            raise ValueError(
                f"found the year {value.year}, an operation begins between {SINCE_YEARS[0]} and {SINCE_YEARS[1]}"
            )
        return value

    @field_validator("headquarters")
    @classmethod
    def _is_not_everybody(cls, value: str) -> str:
        if value == ALL:
            raise ValueError(f"{ALL} means everybody; a headquarters needs another name")
        return value

    @field_validator("stations")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if ALL in value:
            raise ValueError(f"{ALL} means everybody; a station needs another name")
        twice = sorted(name for name, count in Counter(value).items() if count > 1)
        if twice:
            raise ValueError(f"named twice: {', '.join(twice[:5])}; their order gives their numbers, name each once")
        return value

    def operation(self) -> Operation:
        """Return the value the codec uses."""
        return Operation(
            self.name, self.lat, self.lon, int(self.since.timestamp()), self.headquarters, self.area, self.stations
        )


class ContextTable(_Table):
    """A whole file."""

    revision: Annotated[int, Field(ge=0, le=REVISION_MAX)] = 0
    """Revision of what is shared; count it up with every change."""
    model: Annotated[int, Field(ge=0, lt=1 << 16)] = 1
    """Number of the model file; 0 uses none."""
    words_file: Path | None = None
    """Names of the area, one a line, taught to the text model; both ends must have the same file."""
    operation: Annotated[tuple[OperationTable, ...], Field(max_length=OPERATIONS_MAX)] = ()

    # For `yizhan air` only
    secret: Annotated[str, Field(min_length=8, max_length=200)] | None = None
    """A secret for trials. Never that of a network at work: it stands in a file that anyone may read."""
    secret_file: Path | None = None
    """A root or pair key made by `yizhan key`; kept apart from the keys of the air by its own derivation."""
    mtu: Annotated[int, Field(ge=16, le=4096)] = 78
    """Bytes of one frame on the bearer; 78 is a Beidou message of 628 bit."""
    tag_bytes: Literal[4, 8] = 4
    """Tag of ordinary records; commands, alerts and keys always have 8."""
    addresses: Literal["implied", "source", "both", "wide"] = "implied"
    """What of the two ends the bearer does not say: nothing (0 B), the source (2 B), both (5 B), both in 24 bit (7 B)."""
    suite: Literal[1, 2] = 1
    """1: AES-128-CCM, 2: SM4-GCM (8-byte tags only)."""

    @model_validator(mode="after")
    def _one_secret(self) -> ContextTable:
        if self.secret is not None and self.secret_file is not None:
            raise ValueError("secret and secret_file: give one of them")
        return self

    def shared(self) -> Shared:
        """Return what both ends know."""
        return Shared(tuple(table.operation() for table in self.operation), self.revision)


def load_context(path: Path) -> ContextTable:
    """Read a context file; raise ContextError with every fault."""
    try:
        with path.open("rb") as file:
            data = file.read(CONTEXT_BYTES_MAX + 1)
    except OSError as error:
        raise ContextError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > CONTEXT_BYTES_MAX:
        raise ContextError(f"{path}: longer than {CONTEXT_BYTES_MAX} bytes; is it a context?")
    try:
        table = ContextTable.model_validate(tomllib.loads(data.decode("utf-8")))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        raise ContextError(f"{path}: {faults}") from error
    except (ValueError, RecursionError) as error:
        raise ContextError(f"{path}: not valid TOML: {error}") from error
    base = path.parent
    return table.model_copy(
        update={
            key: base / value
            for key in ("words_file", "secret_file")
            if (value := getattr(table, key)) is not None and not value.is_absolute()
        }
    )


def secret_of(table: ContextTable, path: Path) -> bytes:
    """Return the secret of a context for trials; raise ContextError when it names none or its file cannot be used."""
    if table.secret is not None:
        return table.secret.encode("utf-8")
    if table.secret_file is None:
        raise ContextError(f'{path}: secret: is missing; write secret = "…" for trials, or secret_file = "…"')
    try:
        return read_key(table.secret_file).secret.reveal()
    except SecurityError as error:
        raise ContextError(f"{path}: secret_file: {error}") from error


def load_words(path: Path) -> list[str]:
    """Read a word list: one word a line, ``#`` begins a comment; raise ContextError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path that can be none
        raise ContextError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    words = [word for line in lines if (word := line.partition("#")[0].strip())]
    if len(words) > WORDS_MAX:
        raise ContextError(f"{path}: found {len(words)} words, at most {WORDS_MAX} are taught")
    return words


def to_toml(shared: Shared) -> str:
    """Write operations as a context file."""
    lines = [f"revision = {shared.revision}", ""]
    for operation in shared.operations:
        lines += [
            "[[operation]]",
            f"name = {_quoted(operation.name)}",
            f"lat = {operation.lat}",
            f"lon = {operation.lon}",
            f"since = {text_of(operation.since_s)}",
            f"headquarters = {_quoted(operation.headquarters)}",
            f"area = {_quoted(operation.area)}",
            f"stations = [{', '.join(map(_quoted, operation.stations))}]",
            "",
        ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """Return a TOML basic string: whatever is not plain text is escaped."""
    escaped = "".join(
        f"\\U{ord(sign):08X}" if ord(sign) < 0x20 or ord(sign) == 0x7F or sign in '"\\' else sign for sign in text
    )
    return f'"{escaped}"'
