"""Notices about security, in a 0x7F frame with KK = 10.

Kind 1, revoked: 1 | serial 4 B | ids, 3 B each
Kind 2, use 8-byte tags: 2 | serial 4 B
Kind 3, begin a session: 3 | serial 4 B

The serial is the sender's time as in a salt, larger than that of each notice before.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.record.address import check_single
from protocols.record.errors import Malformed, Refused
from protocols.record.keytransport import check_serial

REVOKED_MAX = 1024
"""Addresses in one notice; 18 fit a Beidou message of 78 bytes."""

_REVOKED, _USE_LONG_TAGS, _BEGIN_SESSION = 1, 2, 3
_FIXED_BYTES = 5


@dataclass(frozen=True, slots=True)
class Revoked:
    """These gateways and devices are no longer trusted: forget their keys and refuse what they send."""

    serial: int
    addresses: tuple[int, ...]

    def __post_init__(self) -> None:
        check_serial(self.serial)
        if not 1 <= len(self.addresses) <= REVOKED_MAX:
            raise Malformed("bad notice", f"{len(self.addresses)} addresses are revoked, at most {REVOKED_MAX} at once")
        for address in self.addresses:
            check_single(address)


@dataclass(frozen=True, slots=True)
class UseLongTags:
    """Send me 8-byte tags from now on; records with 4-byte tags are refused until you begin a session."""

    serial: int

    def __post_init__(self) -> None:
        check_serial(self.serial)


@dataclass(frozen=True, slots=True)
class BeginSession:
    """Your key was attacked too often here: begin a session, which gives you another one."""

    serial: int

    def __post_init__(self) -> None:
        check_serial(self.serial)


Notice = Revoked | UseLongTags | BeginSession


def notice_to_bytes(value: Notice) -> bytes:
    """Return the plaintext."""
    serial = value.serial.to_bytes(4)
    match value:
        case UseLongTags():
            return bytes([_USE_LONG_TAGS]) + serial
        case BeginSession():
            return bytes([_BEGIN_SESSION]) + serial
        case Revoked():
            return bytes([_REVOKED]) + serial + b"".join(address.to_bytes(3) for address in value.addresses)


def notice_from_bytes(plaintext: bytes) -> Notice:
    """Read the plaintext; raise Malformed, or Refused for a kind of a newer program."""
    kind = plaintext[0] if plaintext else 0
    if kind not in {_REVOKED, _USE_LONG_TAGS, _BEGIN_SESSION}:
        raise Refused("unknown kind", f"found notice of kind {kind}, known are 1 to 3")
    serial, listed = int.from_bytes(plaintext[1:_FIXED_BYTES]), plaintext[_FIXED_BYTES:]
    if len(plaintext) < _FIXED_BYTES or len(listed) % 3:
        raise Malformed(
            "bad length", f"a notice of {len(plaintext)} bytes, it has {_FIXED_BYTES} and 3 for each address"
        )
    if kind == _REVOKED:
        return Revoked(serial, tuple(int.from_bytes(listed[at : at + 3]) for at in range(0, len(listed), 3)))
    if listed:
        raise Malformed("bad length", f"{len(listed)} bytes follow a notice that has none")
    return UseLongTags(serial) if kind == _USE_LONG_TAGS else BeginSession(serial)
