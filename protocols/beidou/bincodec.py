"""How one field of a 4.0 frame is read and written: big-endian, sign-magnitude (reference/beidou.md section 3.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from protocols.beidou.errors import FrameError

REST = -1
"""Size of a field that takes every byte up to the end of the body."""


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class BinCodec:
    """One field of ``size`` bytes."""

    size: int
    parse: Callable[[bytes], Any]
    build: Callable[[Any], bytes]
    to_json: Callable[[Any], Any] = _same
    from_json: Callable[[Any], Any] = _same


def bad(found: object, want: str) -> FrameError:
    """Return the error of one field; the frame adds where it was."""
    return FrameError("bad field", f"found {found!r}, {want}")


def check_int(value: Any, low: int, high: int) -> int:
    """Return ``value`` if it is a whole number within ``low`` to ``high``."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise bad(value, f"write a whole number from {low} to {high}")
    return value


def _unsigned(size: int) -> BinCodec:
    top = (1 << 8 * size) - 1

    def check(value: Any) -> int:
        return check_int(value, 0, top)

    return BinCodec(size, lambda raw: int.from_bytes(raw), lambda value: check(value).to_bytes(size), from_json=check)


def sign_magnitude(raw: int, sign_bit: int) -> int:
    """Read a number whose sign is one bit and whose magnitude is the bits below it."""
    magnitude = raw & ((1 << sign_bit) - 1)
    return -magnitude if raw >> sign_bit & 1 else magnitude


def to_sign_magnitude(value: int, sign_bit: int) -> int:
    """Write a number as sign bit and magnitude."""
    check_int(abs(value) if isinstance(value, int) else value, 0, (1 << sign_bit) - 1)
    return abs(value) | (1 << sign_bit if value < 0 else 0)


def _signed16(sign_bit: int) -> BinCodec:
    def check(value: Any) -> int:
        top = (1 << sign_bit) - 1
        return check_int(value, -top, top)

    return BinCodec(
        2,
        lambda raw: sign_magnitude(int.from_bytes(raw), sign_bit),
        lambda value: to_sign_magnitude(check(value), sign_bit).to_bytes(2),
        from_json=check,
    )


def _hex_codec(size: int) -> BinCodec:
    def build(value: Any) -> bytes:
        if not isinstance(value, bytes) or (size != REST and len(value) != size):
            raise bad(value, f"write {size} bytes")
        return value

    def from_json(value: Any) -> bytes:
        try:
            return bytes.fromhex(value)
        except (TypeError, ValueError):
            raise bad(value, "write hex digits") from None

    return BinCodec(size, bytes, build, lambda value: value.hex().upper(), from_json)


def _ascii(size: int) -> BinCodec:
    def build(value: Any) -> bytes:
        text = check(value)
        if not text.isprintable() or (size != REST and len(text) != size):
            raise bad(value, "write printable ASCII of the right length")
        return text.encode("ascii")

    def check(value: Any) -> str:
        if not isinstance(value, str) or not value.isascii():
            raise bad(value, "write ASCII")
        return value

    def parse(raw: bytes) -> str:
        try:
            return raw.decode("ascii")
        except UnicodeDecodeError:
            raise bad(raw, "ASCII expected") from None

    return BinCodec(size, parse, build, from_json=check)


def _bytes_list(size: int) -> BinCodec:
    def check(value: Any) -> tuple[int, ...]:
        if not isinstance(value, list | tuple) or (size != REST and len(value) != size):
            raise bad(value, f"write a list of {size} numbers")
        return tuple(check_int(entry, 0, 255) for entry in value)

    return BinCodec(size, tuple, lambda value: bytes(check(value)), list, check)


def _addresses() -> BinCodec:
    def check(value: Any) -> tuple[int, ...]:
        if not isinstance(value, list | tuple):
            raise bad(value, "write a list of addresses")
        return tuple(check_int(entry, 0, 0xFFFFFF) for entry in value)

    def parse(raw: bytes) -> tuple[int, ...]:
        if len(raw) % 3:
            raise bad(raw.hex(), "addresses are three bytes each")
        return tuple(int.from_bytes(raw[at : at + 3]) for at in range(0, len(raw), 3))

    return BinCodec(REST, parse, lambda value: b"".join(entry.to_bytes(3) for entry in check(value)), list, check)


U8 = Annotated[int, _unsigned(1)]
U16 = Annotated[int, _unsigned(2)]
U24 = Annotated[int, _unsigned(3)]
U32 = Annotated[int, _unsigned(4)]
S16 = Annotated[int, _signed16(15)]
S14 = Annotated[int, _signed16(14)]
Raw = Annotated[bytes, _hex_codec(REST)]
Raw4 = Annotated[bytes, _hex_codec(4)]
Raw32 = Annotated[bytes, _hex_codec(32)]
Ascii = Annotated[str, _ascii(REST)]
Letter = Annotated[str, _ascii(1)]
SixBytes = Annotated[tuple[int, ...], _bytes_list(6)]
Bytes = Annotated[tuple[int, ...], _bytes_list(REST)]
Addresses = Annotated[tuple[int, ...], _addresses()]
