"""ASCII sentences ``$CC…``/``$BD…`` of 2.1 and BDS-3: envelope, and the base class of every sentence.

Source: BD 420007-2015 and GB/T 44086.2-2024 as in reference/beidou.md section 1.1.
"""

import re
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Any, ClassVar, Self

from protocols.beidou.codec import REST
from protocols.beidou.errors import FrameError
from protocols.beidou.value import WireValue, layout, refuse_self_destruct

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
    if _FORBIDDEN.search(raw):
        raise FrameError("bad field", f"sentence {body[:5]} has a control byte inside, send it as mixed or code")
    return wire


_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\r\n")
"""Never inside a sentence; a 4.0 header (length below 1024) always has one, so it ends a false sentence at once."""
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
    if _FORBIDDEN.search(match[1]):
        raise FrameError("bad envelope", f"sentence {line[1:6]!r} has a control byte inside")
    return match[1].decode("latin-1")


@dataclass(frozen=True, slots=True)
class Sentence(WireValue):
    """A sentence as a value; its fields carry the aliases of codec.py."""

    TALKER: ClassVar[str]

    @classmethod
    def from_wire(cls, wire: bytes) -> Self:
        """Read a whole sentence, with or without CR LF; raise FrameError."""
        return cls.parse(unwrap(wire))

    @classmethod
    def parse(cls, body: str) -> Self:
        """Read the body between ``$`` and ``*``; raise FrameError naming the field."""
        head, _, rest = body.partition(",")
        if head != cls.TALKER + cls.KIND:
            raise FrameError("unknown sentence", f"found {head[:8]!r}, expected {cls.TALKER}{cls.KIND}")
        return cls(**cls._parse_fields(rest), as_received=wrap(body))

    @classmethod
    def _parse_fields(cls, rest: str) -> dict[str, Any]:
        """Return constructor arguments from the fields after the id. Missing trailing fields are empty ones."""
        texts = rest.split(",")
        values = {}
        at = 0
        fixed_left = sum(codec.width for _, codec in layout(cls) if codec.width != REST)
        for name, codec in layout(cls):
            if codec.width == REST:
                end = max(at, len(texts) - fixed_left)
            else:
                end = at + codec.width
                fixed_left -= codec.width
            values[name] = cls._field(name, codec.parse, ",".join(texts[at:end]))
            at = end
        return values

    def canonical_wire(self) -> bytes:
        """Return the sentence built from the values alone, with CR LF."""
        self._check()
        texts = [self._field(name, codec.build, getattr(self, name)) for name, codec in layout(type(self))]
        return refuse_self_destruct(wrap(",".join([self._head(), *texts])))

    def _head(self) -> str:
        return self.TALKER + self.KIND

    def _check(self) -> None:
        """Raise FrameError for what one field alone does not show; strictness is for output only."""
