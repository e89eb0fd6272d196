"""Keys over the air, in a 0x7F frame with KK = 01.

Kind 1, group key: 1 | group 2 B | group generation 1 B | seed 16 B | serial 4 B
Kind 2, new pair secret: 2 | secret 32 B | serial 4 B

The serial is the sender's time as in a salt, larger than that of each key transport before, so that an old key cannot be
put back.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.record.address import check_group
from protocols.record.errors import Malformed, Refused
from protocols.record.keys import GROUP_GENERATION_MAX, GROUP_SEED_BYTES, SALT_MAX, SECRET_BYTES, GroupSeed, PairSecret

_GROUP_KEY, _PAIR_SECRET = 1, 2
_SERIAL_BYTES = 4


@dataclass(frozen=True, slots=True)
class GroupKey:
    """The seed of a group's secret at a generation (0 to 255)."""

    serial: int
    group: int
    generation: int
    seed: GroupSeed

    def __post_init__(self) -> None:
        check_serial(self.serial)
        check_group(self.group)
        if not 0 <= self.generation <= GROUP_GENERATION_MAX:
            raise Malformed("bad generation", f"found group generation {self.generation}, it is one byte")


@dataclass(frozen=True, slots=True)
class NewPairSecret:
    """Replaces the secret that the two ends share."""

    serial: int
    secret: PairSecret

    def __post_init__(self) -> None:
        check_serial(self.serial)


KeyTransport = GroupKey | NewPairSecret


def check_serial(serial: int) -> None:
    """Raise Malformed for what is no serial."""
    if not 0 < serial <= SALT_MAX:
        raise Malformed("bad serial", f"found {serial}, a serial is 1 to {SALT_MAX}")


def transport_to_bytes(value: KeyTransport) -> bytes:
    """Return the plaintext."""
    serial = value.serial.to_bytes(_SERIAL_BYTES)
    if isinstance(value, GroupKey):
        named = value.group.to_bytes(2) + value.generation.to_bytes(1)
        return bytes([_GROUP_KEY]) + named + value.seed.material + serial
    return bytes([_PAIR_SECRET]) + value.secret.material + serial


def transport_from_bytes(plaintext: bytes) -> KeyTransport:
    """Read the plaintext; raise Malformed, or Refused for a kind of a newer program."""
    kind, body = plaintext[:1], plaintext[1:]
    if kind == bytes([_GROUP_KEY]):
        _check_size(body, 3 + GROUP_SEED_BYTES + _SERIAL_BYTES)
        return GroupKey(int.from_bytes(body[19:]), int.from_bytes(body[:2]), body[2], GroupSeed(body[3:19]))
    if kind == bytes([_PAIR_SECRET]):
        _check_size(body, SECRET_BYTES + _SERIAL_BYTES)
        return NewPairSecret(int.from_bytes(body[32:]), PairSecret(body[:32]))
    raise Refused("unknown kind", f"found key transport {kind.hex() or 'without kind'}, known are 01 and 02")


def _check_size(body: bytes, size: int) -> None:
    if len(body) != size:
        raise Malformed("bad length", f"a key transport of 1 + {len(body)} bytes, this kind has 1 + {size}")
