"""ASCII sentences ``$CC…``/``$BD…`` of 2.1 and BDS-3: envelope, and the base class of every sentence.

Source: BD 420007-2015 and GB/T 44086.2-2024 as in reference/beidou.md section 1.1.
"""

import dataclasses
import functools
import re
from functools import reduce
from operator import xor
from typing import Any, ClassVar, Self, get_type_hints

from protocols.beidou.codec import REST, Codec
from protocols.beidou.errors import FrameError

SENTENCE_BYTES_MAX = 4096
"""Longest sentence from ``$`` to LF; BDS-3 needs about 3600."""


def checksum(data: bytes) -> int:
    """Return the XOR of all bytes."""
    return reduce(xor, data, 0)


def wrap(body: str) -> bytes:
    """Return the sentence on the wire: ``$`` body ``*hh`` CR LF; the body is latin-1 for bytes one to one."""
    raw = body.encode("latin-1")
    wire = b"$%b*%02X\r\n" % (raw, checksum(raw))
    if len(wire) > SENTENCE_BYTES_MAX:
        raise FrameError("too long", f"sentence {body[:5]} has {len(wire)} bytes, at most {SENTENCE_BYTES_MAX}")
    return wire


_ENVELOPE = re.compile(rb"\$(.*)\*([0-9A-Fa-f]{2})(?:\r\n)?", re.DOTALL)


def unwrap(line: bytes) -> str:
    """Return the body of a sentence, with or without CR LF, after checking its checksum; raise FrameError."""
    if len(line) > SENTENCE_BYTES_MAX:
        raise FrameError("too long", f"sentence has {len(line)} bytes, at most {SENTENCE_BYTES_MAX}")
    match = _ENVELOPE.fullmatch(line)
    if not match:
        raise FrameError("bad envelope", f"found {line[:40]!r}, a sentence is $ body * two hex digits")
    expected = checksum(match[1])
    if int(match[2], 16) != expected:
        raise FrameError(
            "bad checksum", f"sentence {line[1:6]!r} ends *{match[2].decode()}, its bytes give *{expected:02X}"
        )
    return match[1].decode("latin-1")


@functools.cache
def layout(cls: type) -> tuple[tuple[str, Codec], ...]:
    """Return the wire fields of a sentence class in order."""
    hints = get_type_hints(cls, include_extras=True)
    found = []
    for field in dataclasses.fields(cls):
        codecs = [entry for entry in getattr(hints[field.name], "__metadata__", ()) if isinstance(entry, Codec)]
        if codecs:
            found.append((field.name, codecs[0]))
    return tuple(found)


@dataclasses.dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as a value. Subclasses list their fields in wire order with the aliases of codec.py.

    ``as_received`` remembers the wire form a sentence was read from, so that notation the values do not carry (``02``
    for 2, lower-case hex) is sent on unchanged; it takes no part in comparison.
    """

    PROTOCOL: ClassVar[str]
    KIND: ClassVar[str]
    TALKER: ClassVar[str]
    as_received: str = dataclasses.field(default="", kw_only=True, compare=False, repr=False)

    @classmethod
    def parse(cls, body: str) -> Self:
        """Read the body between ``$`` and ``*``; raise FrameError naming the field."""
        return cls(**cls._parse_fields(body), as_received=body)

    def to_wire(self) -> bytes:
        """Return the whole sentence with CR LF; raise FrameError for a value its document does not allow."""
        raise NotImplementedError

    def to_fields(self) -> dict[str, Any]:
        """Return the JSON form."""
        raise NotImplementedError

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Read the JSON form; raise FrameError."""
        raise NotImplementedError
