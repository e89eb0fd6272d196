"""How much a card may send in one message (reference/beidou.md sections 2.3 and 5.2)."""

import enum

from protocols.beidou.payload import Payload


class Generation(enum.StrEnum):
    """Which rule counts the payload: BD-2 (2.1 and 4.0) or BDS-3."""

    BD2 = "bd-2"
    BD3 = "bd-3"


def capacity_bits(generation: Generation, level: int, *, encrypted: bool = False, urgent: bool = False) -> int:
    """Return the bits one message of a card may have; raise FrameError for a level that is none."""
    raise NotImplementedError


def payload_bits(payload: Payload, generation: Generation) -> int:
    """Return the bits a payload counts against the limit."""
    raise NotImplementedError


def text_bits(text: str, generation: Generation) -> int:
    """Return the bits a text counts against the limit in its best encoding."""
    raise NotImplementedError


def data_bytes_max(bits: int) -> int:
    """Return how many bytes sent as code fit ``bits``."""
    return bits // 8


def check_capacity(payload: Payload, generation: Generation, bits_max: int) -> None:
    """Raise FrameError ``over capacity`` when the payload is larger; it is never cut."""
    raise NotImplementedError
