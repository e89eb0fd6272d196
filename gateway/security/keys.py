"""The three kinds of key as values: root, pair and group. A value that can be held is a valid key.

`serial` is the moment a key was issued, in whole seconds since 2020-01-01 UTC (32 bits): of two keys of the same ends, the
larger serial was made later. It is for people and for order among files; nothing on the air depends on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gateway.observe.escape import printable
from gateway.security.errors import KeyValueError
from gateway.security.secret import Secret
from protocols.record.address import ADDRESS_MAX, EVERYBODY, GATEWAY_MAX, GROUP_MIN, AddressKind, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET_BYTES = 32
GROUP_SECRET_BYTES = 16
NAME_CHARS_MAX = 32
GENERATION_MAX = 0xFFFF
GROUP_GENERATION_MAX = 0xFF
SERIAL_MAX = 0xFFFF_FFFF
SUITES = {1: "AES-128-CCM", 2: "SM4-GCM"}

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)

_ID = re.compile(r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10}", re.ASCII)
_HEX_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+", re.ASCII)
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{NAME_CHARS_MAX - 1}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class End:
    """One gateway or device: its air id (24 bits, as in protocols/record/address.py) and its id in the registry."""

    id: int
    name: str

    def __post_init__(self) -> None:
        check_single_id(self.id)
        check_name(self.name)

    def __str__(self) -> str:
        return f"{self.name} ({hex_id(self.id)})"


@dataclass(frozen=True, slots=True)
class RootKey:
    """From which the pair keys of a whole network are derived."""

    secret: Secret
    serial: int

    def __post_init__(self) -> None:
        _check_secret(self.secret, SECRET_BYTES)
        _check_number("serial", self.serial, 1, SERIAL_MAX)


@dataclass(frozen=True, slots=True)
class PairKey:
    """What two ends share, as one of them holds it.

    ``generation`` is the one from which the holder starts: 0 for a new station, more for one whose predecessor had
    already rotated its keys.
    """

    own: End
    peer: End
    secret: Secret
    serial: int
    suite: int = 1
    generation: int = 0

    def __post_init__(self) -> None:
        check_two(self.own, self.peer)
        _check_secret(self.secret, SECRET_BYTES)
        check_suite(self.suite)
        _check_number("generation", self.generation, 0, GENERATION_MAX)
        _check_number("serial", self.serial, 1, SERIAL_MAX)

    def mirrored(self) -> PairKey:
        """Return the same key as the other end holds it."""
        return PairKey(self.peer, self.own, self.secret, self.serial, self.suite, self.generation)


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What the members of a group share: the 16 bytes that travel in a key transport."""

    group_id: int
    generation: int
    secret: Secret
    serial: int

    def __post_init__(self) -> None:
        if not GROUP_MIN <= self.group_id <= EVERYBODY:
            raise KeyValueError(
                f"group id: found {hex_id(self.group_id)}; groups are {hex_id(GROUP_MIN)} to {hex_id(EVERYBODY)}"
            )
        _check_number("generation", self.generation, 0, GROUP_GENERATION_MAX)
        _check_secret(self.secret, GROUP_SECRET_BYTES)
        _check_number("serial", self.serial, 1, SERIAL_MAX)


Key = RootKey | PairKey | GroupKey


def new_root(entropy: Callable[[int], bytes], serial: int) -> RootKey:
    """Return a new root key of ``entropy(32)``, which must come from the operating system."""
    return RootKey(Secret(entropy(SECRET_BYTES)), serial)


def hex_id(number: int) -> str:
    """Return an id as it is written everywhere: ``0x000107``."""
    return f"0x{number:06x}"


def unnamed(number: int) -> str:
    """Return what an end is called whose name is not known here."""
    return f"id-{number:06x}"


def parse_id(text: str) -> int:
    """Return the id that a person wrote, in decimal or as ``0x107``; raise KeyValueError."""
    if not _ID.fullmatch(text):
        raise KeyValueError(f"id: found '{printable(text[:20])}'; write a number, 263 or 0x107")
    return int(text, 16 if text[1:2] in {"x", "X"} else 10)


def check_single_id(number: int) -> None:
    """Raise KeyValueError unless this is the id of one gateway or device."""
    if not 0 < number <= ADDRESS_MAX:
        found = f"{number}, which is no id"
    elif kind_of(number) in {AddressKind.GATEWAY, AddressKind.DEVICE}:
        return
    else:
        found = f"{hex_id(number)}, which is a group"
    raise KeyValueError(
        f"id: found {found}; gateways are {hex_id(1)} to {hex_id(GATEWAY_MAX)}, "
        f"devices {hex_id(EVERYBODY + 1)} to {hex_id(ADDRESS_MAX)}"
    )


def check_name(name: str) -> None:
    """Raise KeyValueError for what is no name: one that the registry of stations and a file system take.

    It may be a decimal number, as the registry has them; ``0x107`` always means an air id.
    """
    shown = printable(name[: 2 * NAME_CHARS_MAX])
    if not _NAME.fullmatch(name):
        raise KeyValueError(
            f"name: found '{shown}'; write the station's id in the registry: 1 to {NAME_CHARS_MAX} of A-Z a-z 0-9 _ . - "
            "beginning with a letter or digit"
        )
    if _HEX_NUMBER.fullmatch(name):
        raise KeyValueError(f"name: found '{shown}', which reads as an air id; choose another")


def check_two(own: End, peer: End) -> None:
    """Raise KeyValueError unless these are two stations, by their ids and by their names."""
    if own.id == peer.id:
        raise KeyValueError(f"id: found {hex_id(own.id)} at both ends; give each station its own")
    if own.name.casefold() == peer.name.casefold():
        raise KeyValueError(f"name: found {own.name} at both ends; give each station its own")


def check_suite(suite: int) -> None:
    """Raise KeyValueError for a suite this program does not know."""
    if suite not in SUITES:
        raise KeyValueError(f"suite: found {suite}; known are {', '.join(f'{n} ({s})' for n, s in SUITES.items())}")


def serial_at(moment: datetime) -> int:
    """Return the serial of a key issued then; raise KeyValueError for a time that only a wrong clock shows."""
    serial = int((moment - EPOCH).total_seconds())
    if not 1 <= serial <= SERIAL_MAX:
        raise KeyValueError(f"time: this machine's clock shows {moment:%Y-%m-%d}; set it, then issue keys")
    return serial


def issued(serial: int) -> datetime:
    """Return when the key with this serial was issued."""
    return EPOCH + timedelta(seconds=serial)


def _check_secret(secret: Secret, size: int) -> None:
    if len(secret) != size:
        raise KeyValueError(f"secret: found {len(secret)} bytes; this kind of key has {size}")


def _check_number(what: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise KeyValueError(f"{what}: found {value}; it is {least} to {most}")
