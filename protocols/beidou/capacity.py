"""How much a card may send in one message (reference/beidou.md sections 2.3 and 5.2). Over-capacity is refused, never cut."""

import enum
from collections.abc import Mapping
from types import MappingProxyType

from protocols.beidou.errors import FrameError
from protocols.beidou.payload import Encoding, Payload


class Generation(enum.StrEnum):
    """Which rule counts the payload: BD-2 (2.1 and 4.0) or BDS-3."""

    BD2 = "bd-2"
    BD3 = "bd-3"


BD2_PLAIN_BITS: Mapping[int, int] = MappingProxyType({1: 110, 2: 408, 3: 628, 4: 848})
BD2_ENCRYPTED_BITS: Mapping[int, int] = MappingProxyType({1: 140, 2: 360, 3: 580, 4: 1680})
BD2_URGENT_BITS = 188
"""Urgent messages (特快通信) of any level."""
BD3_GLOBAL_BITS = 560
"""One global short message (GSMC)."""
BD3_LEVEL_BITS: Mapping[int, int] = MappingProxyType({1: 560, 2: 1835, 3: 1835, 4: 1835, 5: 14_000})
"""Only levels 2 and 5 are known. Above 2 at least as much as 2 is assumed, below it the smallest length there is."""
BD3_LEVEL_OF_ZERO = 5
"""A card that says level 0 has level 5."""


def capacity_bits(
    generation: Generation,
    level: int,
    *,
    encrypted: bool = False,
    urgent: bool = False,
    bd3_table: Mapping[int, int] = BD3_LEVEL_BITS,
) -> int:
    """Return the bits one message of a card may have; raise FrameError for a level that is none."""
    if generation is Generation.BD3:
        table = bd3_table
        level = level or BD3_LEVEL_OF_ZERO
    else:
        table = BD2_ENCRYPTED_BITS if encrypted else BD2_PLAIN_BITS
    if level not in table:
        raise FrameError("bad level", f"found level {level}, a {generation} card has {min(table)} to {max(table)}")
    return BD2_URGENT_BITS if urgent and generation is Generation.BD2 else table[level]


def payload_bits(payload: Payload, generation: Generation) -> int:
    """Return the bits a payload counts against the limit.

    Code 4 a digit; mixed 8 a byte with the A4; Chinese 14 a character and 7 an ASCII byte in BD-2, in BDS-3 16 a
    character whatever it is (UNCONFIRMED there, so counted high).
    """
    match payload.encoding:
        case Encoding.CODE:
            return 8 * len(payload.data) - (4 if payload.odd else 0)
        case Encoding.MIXED:
            return 8 * (len(payload.data) + (1 if payload.a4 else 0))
        case Encoding.HANZI if generation is Generation.BD2:
            return 7 * len(payload.data)
        case Encoding.HANZI:
            return max(8 * len(payload.data), 16 * len(payload.text or ""))
        case _:
            return 8 * len(payload.data)


def text_bits(text: str, generation: Generation, encoding: Encoding | None = None) -> int:
    """Return the bits a text counts against the limit, in ``encoding`` or in the one of_text chooses; raise FrameError."""
    return payload_bits(Payload.of_text(text, encoding), generation)


def data_bytes_max(bits: int) -> int:
    """Return how many bytes sent as code fit ``bits``."""
    return bits // 8


def check_capacity(payload: Payload, generation: Generation, bits_max: int) -> None:
    """Raise FrameError ``over capacity`` when the payload is larger than ``bits_max``."""
    bits = payload_bits(payload, generation)
    if bits > bits_max:
        raise FrameError(
            "over capacity", f"the message has {bits} bits as {payload.encoding}, the card sends at most {bits_max}"
        )
