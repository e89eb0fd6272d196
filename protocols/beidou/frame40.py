"""Binary frames of protocol 4.0: envelope, and the base class of every frame (reference/beidou.md section 3)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from protocols.beidou.address import ADDRESS_21_BITS_MAX
from protocols.beidou.bincodec import REST
from protocols.beidou.errors import FrameError
from protocols.beidou.payload import Encoding, Payload
from protocols.beidou.sentence import checksum
from protocols.beidou.value import WireValue, layout, refuse_self_destruct

FRAME_BYTES_MIN = 11
FRAME_BYTES_MAX = 1024
"""Longest frame believed."""


def wrap_frame(header: bytes, body: bytes) -> bytes:
    """Return a frame: header, length of the whole, body, XOR of all including ``$``."""
    size = len(header) + 2 + len(body) + 1
    if size > FRAME_BYTES_MAX:
        raise FrameError("too long", f"frame {header.decode()} has {size} bytes, at most {FRAME_BYTES_MAX}")
    frame = header + size.to_bytes(2) + body
    return refuse_self_destruct(frame + bytes([checksum(frame)]))


def unwrap_frame(raw: bytes, header_size: int = 5) -> bytes:
    """Return the body after checking length and XOR; raise FrameError."""
    name = raw[:header_size]
    if len(raw) < FRAME_BYTES_MIN:
        raise FrameError("bad length", f"frame {name!r} has {len(raw)} bytes, at least {FRAME_BYTES_MIN}")
    declared = int.from_bytes(raw[header_size : header_size + 2])
    if declared != len(raw) or declared > FRAME_BYTES_MAX:
        raise FrameError("bad length", f"frame {name!r} says {declared} bytes, found {len(raw)}")
    if checksum(raw):
        raise FrameError("bad checksum", f"frame {name!r} ends {raw[-1]:02X}, its bytes give {checksum(raw[:-1]):02X}")
    return raw[header_size + 2 : -1]


@dataclass(frozen=True, slots=True)
class Frame40(WireValue):
    """A 4.0 frame as a value; ``addr`` is the user address of the envelope (bytes 7 to 9)."""

    PROTOCOL: ClassVar[str] = "bd-4.0"

    @classmethod
    def header(cls) -> bytes:
        """Return ``$`` and the id."""
        return b"$" + cls.KIND.encode()

    @classmethod
    def from_wire(cls, wire: bytes) -> Self:
        """Read a whole frame; raise FrameError."""
        head = cls.header()
        if not wire.startswith(head):
            raise FrameError("unknown frame", f"found {wire[: len(head)]!r}, expected {head!r}")
        return cls(**cls._parse_body(unwrap_frame(wire, len(head))), as_received=wire)

    @classmethod
    def _parse_body(cls, body: bytes) -> dict[str, Any]:
        """Return constructor arguments; bytes behind the last known field are tolerated."""
        values = {}
        at = 0
        for name, codec in layout(cls):
            end = len(body) if codec.size == REST else at + codec.size
            if end > len(body):
                raise FrameError("bad length", f"{cls.KIND}: {name} is missing, the body has {len(body)} bytes")
            values[name] = cls._field(name, codec.parse, body[at:end])
            at = end
        return values

    def canonical_wire(self) -> bytes:
        """Return the frame built from the values alone."""
        self._check()
        parts = [self._field(name, codec.build, getattr(self, name)) for name, codec in layout(type(self))]
        return wrap_frame(self.header(), b"".join(parts))

    def _check(self) -> None:
        """Raise FrameError for what one field alone does not show; strictness is for output only."""
        for name in ADDRESS_FIELDS:
            address = getattr(self, name, 0)
            if not 0 <= address <= ADDRESS_21_BITS_MAX:
                text = (
                    f"{self.KIND} {name}: found {address}, an address here has 21 bits, at most {ADDRESS_21_BITS_MAX}"
                )
                raise FrameError("bad address", text)


ADDRESS_FIELDS = ("addr", "to", "sender", "receiver", "target", "broadcast")


@dataclass(frozen=True, slots=True)
class MessageFrame(Frame40):
    """What frames with a message in them share: ``info``, ``bits`` and ``content``, payload, JSON form.

    ``CODE_BIT`` of ``info`` tells code and mixed content from Chinese. ``content`` has ceil(bits / 8) bytes.
    """

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"content"})
    CODE_BIT: ClassVar[int]

    @property
    def payload(self) -> Payload:
        """What the message carries."""
        info, bits, content = (getattr(self, name) for name in ("info", "bits", "content"))
        return Payload.from_bits(bits, content, chinese=not info & self.CODE_BIT)

    @classmethod
    def _parse_body(cls, body: bytes) -> dict[str, Any]:
        """Take the content by its bit length; what follows is fields again."""
        values: dict[str, Any] = {}
        at = 0
        for name, codec in layout(cls):
            size = codec.size if codec.size != REST else (values["bits"] + 7) // 8
            if at + size > len(body):
                text = f"{cls.KIND}: {name} needs {size} bytes, {len(body) - at} are left; the bit length says so"
                raise FrameError("inconsistent length", text)
            values[name] = cls._field(name, codec.parse, body[at : at + size])
            at += size
        return values

    def _derived(self) -> dict[str, Any]:
        payload = self.payload
        return {"encoding": str(payload.encoding)} | payload.to_fields()

    @classmethod
    def _complete(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """Compute content and bit length from the payload fields; ``bits`` and ``info``, when given, must agree."""
        name = fields.get("encoding")
        if not isinstance(name, str) or name not in set(Encoding):
            raise FrameError("bad encoding", f"encoding: found {name!r}, use hanzi, code or mixed")
        bits, content = Payload.from_fields(Encoding(name), fields).to_bits()
        if fields.get("bits", bits) != bits:
            raise FrameError("fields disagree", f"{cls.KIND} bits: found {fields['bits']!r}, the content has {bits}")
        info = fields.get("info")
        if isinstance(info, int) and bool(info & cls.CODE_BIT) == (name == Encoding.HANZI):
            raise FrameError("fields disagree", f"{cls.KIND} info: found {info}, its code bit does not say {name}")
        return {**fields, "bits": bits, "content": content}

    def _check(self) -> None:
        Frame40._check(self)  # zero-argument super() does not work in slotted dataclasses on Python 3.11
        bits, content = getattr(self, "bits", 0), getattr(self, "content", b"")
        if (bits + 7) // 8 != len(content) or not bits:
            text = f"{self.KIND}: {bits} bits do not fit {len(content)} bytes of content"
            raise FrameError("inconsistent length", text)
