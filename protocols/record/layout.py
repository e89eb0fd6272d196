"""Where the bytes of a frame are. Nothing here knows a key.

Record: ``0 0 0 F A A E L`` | counter, low 16 bits | addresses | ciphertext | tag of 4 (L = 0) or 8 (L = 1) bytes
Hello:  ``0x7F`` | ``0 0 0 0 A A K K`` | addresses | synthetic IV of 16 bytes | ciphertext

| AA | record: addresses | hello: addresses |
|---|---|---|
| 00 | none, the bearer implies both ends | none |
| 01 | src 2 B | src 2 B |
| 10 | src 2 B, dst 2 B, relay 1 B | src 2 B, dst 2 B |
| 11 | src 3 B, dst 3 B, relay 1 B | src 3 B, dst 3 B |

All numbers are big endian. What is authenticated names both ends whatever AA is, so ciphertext and tag are the same bytes
on every bearer, and ``carried_as`` changes the clear part without a key.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from protocols.record.address import ADDRESS_MAX, SHORT_MAX, Ends, Implied, check_single
from protocols.record.counter import COUNTER_MAX, LOW_VALUES
from protocols.record.errors import Malformed, UnknownSession
from protocols.record.suite import COUNTER_BYTES, LONG_TAG_BYTES, SHORT_TAG_BYTES

PLAINTEXT_BYTES_MAX = 4000
"""Of a record or a hello. With it a message is less than 2**8 cipher blocks, as the key limits want it (limits.py)."""
SIV_BYTES = 16
HELLO_MARK = 0x7F
RECORD_MARK_END = 0x20
"""First bytes below this are records: no human text begins with them, in ASCII, GB 18030 or UTF-8."""
RECORD_BYTES_MAX = 1 + 2 + 7 + PLAINTEXT_BYTES_MAX + LONG_TAG_BYTES
HELLO_BYTES_MAX = 2 + 6 + SIV_BYTES + PLAINTEXT_BYTES_MAX

_FRAGMENT, _ODD, _LONG_TAG = 0x10, 0x02, 0x01
_FORM_SHIFT, _FORM_MASK = 2, 0x0C


class Form(enum.IntEnum):
    """AA: which addresses travel."""

    IMPLIED = 0
    SOURCE = 1
    SHORT = 2
    LONG = 3

    @property
    def width(self) -> int:
        """Bytes of each address."""
        return 3 if self is Form.LONG else 2

    @property
    def relayed(self) -> bool:
        """Whether a record of this form has a relay byte."""
        return self >= Form.SHORT


class HelloKind(enum.IntEnum):
    """KK: what a 0x7F frame is. 3 is reserved."""

    HELLO = 0
    KEY_TRANSPORT = 1
    NOTICE = 2


@dataclass(frozen=True, slots=True)
class Relay:
    """The relay byte: precedence (0 FLASH to 3 ROUTINE), hop limit (0 to 7), traffic class (0 to 7).

    In clear and not authenticated, since a relay holds no key and lowers the hop limit. Nothing that matters to a receiver
    may be taken from it.
    """

    precedence: int
    hop_limit: int
    traffic_class: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.precedence <= 3 and 0 <= self.hop_limit <= 7 and 0 <= self.traffic_class <= 7):
            raise Malformed("bad relay byte", f"found {self}, the fields have 2, 3 and 3 bits")

    def to_byte(self) -> int:
        """Return precedence in bits 7 and 6, hop limit in 5 to 3, class in 2 to 0."""
        return self.precedence << 6 | self.hop_limit << 3 | self.traffic_class

    @classmethod
    def from_byte(cls, value: int) -> Relay:
        """Read the relay byte; every value is one."""
        return cls(value >> 6, value >> 3 & 7, value & 7)


@dataclass(frozen=True, slots=True)
class Header:
    """What the sender chooses for a record: ``fragment`` and ``long_tag`` for good, ``form`` and ``relay`` per bearer."""

    form: Form = Form.IMPLIED
    fragment: bool = False
    long_tag: bool = False
    relay: Relay | None = None

    def __post_init__(self) -> None:
        if (self.relay is not None) != self.form.relayed:
            raise Malformed(
                "bad header", f"form {self.form.name}: a relay byte belongs to SHORT and LONG and to no other"
            )


@dataclass(frozen=True, slots=True)
class RecordFrame:
    """A record as it travels. ``sealed`` is ciphertext and tag; ``counter_low`` the 16 bits of the counter; ``odd`` bit E."""

    header: Header
    odd: bool
    counter_low: int
    sealed: bytes
    src: int | None = None
    dst: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.counter_low < LOW_VALUES:
            raise Malformed("bad counter", f"found {self.counter_low}, 16 bits travel")
        spare = len(self.sealed) - self.tag_bytes
        if not 0 <= spare <= PLAINTEXT_BYTES_MAX:
            raise Malformed("bad length", f"{spare} bytes besides the tag, a record has 0 to {PLAINTEXT_BYTES_MAX}")
        _check_addresses(self.header.form, self.src, self.dst)

    @property
    def tag_bytes(self) -> int:
        """Bytes of the tag at the end of ``sealed``."""
        return LONG_TAG_BYTES if self.header.long_tag else SHORT_TAG_BYTES

    @property
    def canonical(self) -> int:
        """Byte 0 with AA cleared."""
        return self.header.fragment * _FRAGMENT | self.odd * _ODD | self.header.long_tag * _LONG_TAG

    def aad(self, ends: Ends, counter: int) -> bytes:
        """Return the 12 bytes that are authenticated with the plaintext: byte 0 without AA, 40-bit counter, both ends."""
        return self.canonical.to_bytes(1) + counter.to_bytes(COUNTER_BYTES) + ends.to_bytes()

    def to_bytes(self) -> bytes:
        """Return the frame."""
        header = self.header
        first = self.canonical | header.form << _FORM_SHIFT
        relay = b"" if header.relay is None else header.relay.to_byte().to_bytes(1)
        addresses = _address_bytes(header.form, self.src, self.dst)
        return first.to_bytes(1) + self.counter_low.to_bytes(2) + addresses + relay + self.sealed

    @classmethod
    def from_bytes(cls, frame: bytes) -> RecordFrame:
        """Read a frame; raise Malformed."""
        if not is_record(frame):
            raise Malformed("not a record", f"found first byte {frame[:1].hex() or 'none'}, a record's is 00 to 1f")
        first = frame[0]
        form = Form(first >> _FORM_SHIFT & 3)
        src, dst, at = _read_addresses(form, frame, 3)
        relay = None
        if form.relayed:
            relay = Relay.from_byte(_take(frame, at, 1)[0])
            at += 1
        header = Header(form, bool(first & _FRAGMENT), bool(first & _LONG_TAG), relay)
        return cls(header, bool(first & _ODD), int.from_bytes(_take(frame, 1, 2)), frame[at:], src, dst)

    def ends(self, implied: Implied) -> Ends:
        """Return who it is from and to; raise UnknownSession when frame and bearer together do not say."""
        return _ends(self.src, self.dst, implied)

    def carried_as(self, form: Form, ends: Ends, relay: Relay | None = None) -> RecordFrame:
        """Return the same record for another bearer: ciphertext and tag unchanged. Raise Malformed when it has no room."""
        src, dst = _carried(form, ends)
        return replace(self, header=replace(self.header, form=form, relay=relay), src=src, dst=dst)

    def relayed(self) -> RecordFrame | None:
        """Return what a relay sends on, with one hop less; None when it may go no further."""
        relay = self.header.relay
        if relay is None or relay.hop_limit == 0:
            return None
        return replace(self, header=replace(self.header, relay=replace(relay, hop_limit=relay.hop_limit - 1)))


@dataclass(frozen=True, slots=True)
class HelloFrame:
    """A 0x7F frame as it travels. ``sealed`` is synthetic IV and ciphertext."""

    kind: HelloKind
    form: Form
    sealed: bytes
    src: int | None = None
    dst: int | None = None

    def __post_init__(self) -> None:
        spare = len(self.sealed) - SIV_BYTES
        if not 0 <= spare <= PLAINTEXT_BYTES_MAX:
            raise Malformed("bad length", f"{spare} bytes besides the IV, a hello has 0 to {PLAINTEXT_BYTES_MAX}")
        _check_addresses(self.form, self.src, self.dst)

    def aad(self, ends: Ends) -> bytes:
        """Return the 8 bytes that are authenticated with the plaintext: 0x7F, byte 1 without AA, both ends."""
        return bytes([HELLO_MARK, self.kind]) + ends.to_bytes()

    def to_bytes(self) -> bytes:
        """Return the frame."""
        addresses = _address_bytes(self.form, self.src, self.dst)
        return bytes([HELLO_MARK, self.form << _FORM_SHIFT | self.kind]) + addresses + self.sealed

    @classmethod
    def from_bytes(cls, frame: bytes) -> HelloFrame:
        """Read a frame; raise Malformed."""
        if not is_hello(frame):
            raise Malformed("not a hello", f"found first byte {frame[:1].hex() or 'none'}, a hello's is 7f")
        second = _take(frame, 1, 1)[0]
        if second > 0x0F or second & 3 not in set(HelloKind):
            raise Malformed("not a hello", f"found second byte {second:#04x}, which is reserved")
        form = Form(second >> _FORM_SHIFT)
        src, dst, at = _read_addresses(form, frame, 2)
        return cls(HelloKind(second & 3), form, frame[at:], src, dst)

    def ends(self, implied: Implied) -> Ends:
        """Return who it is from and to; raise UnknownSession when frame and bearer together do not say."""
        return _ends(self.src, self.dst, implied)

    def carried_as(self, form: Form, ends: Ends) -> HelloFrame:
        """Return the same hello for another bearer. Raise Malformed when the form has no room for the addresses."""
        src, dst = _carried(form, ends)
        return replace(self, form=form, src=src, dst=dst)


def is_record(frame: bytes) -> bool:
    """Tell by the first byte whether this is meant as a record."""
    return bool(frame) and frame[0] < RECORD_MARK_END


def is_hello(frame: bytes) -> bool:
    """Tell by the first byte whether this is meant as a hello, key transport or notice."""
    return bool(frame) and frame[0] == HELLO_MARK


def check_plaintext(plaintext: bytes) -> None:
    """Raise Malformed for a plaintext that no frame has room for."""
    if len(plaintext) > PLAINTEXT_BYTES_MAX:
        raise Malformed("bad length", f"the plaintext has {len(plaintext)} bytes, at most {PLAINTEXT_BYTES_MAX}")


def check_counter(counter: int) -> None:
    """Raise Malformed for a counter that no record has."""
    if not 0 < counter <= COUNTER_MAX:
        raise Malformed("bad counter", f"found {counter}, a counter is 1 to {COUNTER_MAX}")


def _ends(src: int | None, dst: int | None, implied: Implied) -> Ends:
    whole_src, whole_dst = implied.complete(src, dst)
    if whole_src is None or whole_dst is None:
        missing = "source" if whole_src is None else "destination"
        raise UnknownSession("unknown ends", f"neither the frame nor the bearer names its {missing}")
    return Ends(whole_src, whole_dst)


def _carried(form: Form, ends: Ends) -> tuple[int | None, int | None]:
    return (None if form is Form.IMPLIED else ends.src, ends.dst if form.relayed else None)


def _check_addresses(form: Form, src: int | None, dst: int | None) -> None:
    if (src is not None, dst is not None) != (form is not Form.IMPLIED, form.relayed):
        raise Malformed("bad address", f"form {form.name} does not carry these addresses: src {src}, dst {dst}")
    largest = ADDRESS_MAX if form is Form.LONG else SHORT_MAX
    for address in (src, dst):
        if address is not None and address > largest:
            raise Malformed(
                "bad address", f"found {address:#x}, form {form.name} carries at most {largest:#x}; use LONG"
            )
    if src is not None and dst is not None:
        Ends(src, dst)
    elif src is not None:
        check_single(src)


def _address_bytes(form: Form, src: int | None, dst: int | None) -> bytes:
    return b"".join(address.to_bytes(form.width) for address in (src, dst) if address is not None)


def _read_addresses(form: Form, frame: bytes, at: int) -> tuple[int | None, int | None, int]:
    """Return src, dst and where the addresses end."""
    src = dst = None
    if form is not Form.IMPLIED:
        src = int.from_bytes(_take(frame, at, form.width))
        at += form.width
    if form.relayed:
        dst = int.from_bytes(_take(frame, at, form.width))
        at += form.width
    return src, dst, at


def _take(frame: bytes, at: int, size: int) -> bytes:
    if len(frame) < at + size:
        raise Malformed("bad length", f"the frame ends after {len(frame)} bytes, inside its header")
    return frame[at : at + size]
