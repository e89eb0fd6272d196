"""How one field of a 4.0 frame is read and written: big-endian, sign-magnitude (reference/beidou.md section 3.1)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from protocols.beidou.address import ADDRESS_21_BITS_MAX
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


def _unsigned(size: int, high: int | None = None) -> BinCodec:
    """Return a whole number up to ``high``; what is above it is read and shown, but not written."""
    top = (1 << 8 * size) - 1 if high is None else high

    def check(value: Any) -> int:
        return check_int(value, 0, top)

    return BinCodec(size, int.from_bytes, lambda value: check(value).to_bytes(size), from_json=check)


def sign_magnitude(raw: int, sign_bit: int) -> int:
    """Read a number whose sign is one bit and whose magnitude is the bits below it."""
    magnitude = raw & ((1 << sign_bit) - 1)
    return -magnitude if raw >> sign_bit & 1 else magnitude


def to_sign_magnitude(value: int, sign_bit: int) -> int:
    """Write a number as sign bit and magnitude."""
    top = (1 << sign_bit) - 1
    check_int(value, -top, top)
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
        if isinstance(value, bytes):
            return value
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


def _bytes_list(size: int, high: int, lengths: tuple[int, ...]) -> BinCodec:
    def check(value: Any) -> tuple[int, ...]:
        if not isinstance(value, list | tuple) or len(value) not in lengths:
            raise bad(value, f"write a list of {' or '.join(map(str, lengths))} numbers")
        return tuple(check_int(entry, 0, high) for entry in value)

    return BinCodec(size, tuple, lambda value: bytes(check(value)), list, check)


def _command() -> BinCodec:
    """Return the name of an output to stop: four capital letters, or ``UUU`` for all of them (3.2)."""
    codec = _ascii(REST)

    def check(value: Any) -> str:
        if not isinstance(value, str) or not _COMMAND.fullmatch(value):
            raise bad(value, "write the four capital letters of a command, or UUU for all")
        return value

    return BinCodec(REST, codec.parse, lambda value: codec.build(check(value)), from_json=check)


_COMMAND = re.compile(r"[A-Z]{4}|UUU")


def _addresses() -> BinCodec:
    def check(value: Any) -> tuple[int, ...]:
        if not isinstance(value, list | tuple):
            raise bad(value, "write a list of addresses")
        return tuple(check_int(entry, 0, ADDRESS_21_BITS_MAX) for entry in value)

    def parse(raw: bytes) -> tuple[int, ...]:
        if len(raw) % 3:
            raise bad(raw.hex(), "addresses are three bytes each")
        return tuple(int.from_bytes(raw[at : at + 3]) for at in range(0, len(raw), 3))

    return BinCodec(REST, parse, lambda value: b"".join(entry.to_bytes(3) for entry in check(value)), list, check)


def _clock() -> BinCodec:
    """Return ``hh:mm:ss.ss`` from hour, minute, second and hundredths, a byte each."""

    def parse(raw: bytes) -> str:
        hour, minute, second, hundredths = raw
        if hour > 23 or minute > 59 or second > 59 or hundredths > 99:
            raise bad(raw.hex(), "a time of day is hour, minute, second, hundredths")
        return f"{hour:02d}:{minute:02d}:{second:02d}.{hundredths:02d}"

    def check(value: Any) -> str:
        if not isinstance(value, str) or not _CLOCK.fullmatch(value):
            raise bad(value, "write hh:mm:ss.ss")
        return value

    def build(value: Any) -> bytes:
        return bytes(int(part) for part in check(value).replace(".", ":").split(":"))

    return BinCodec(4, parse, build, from_json=check)


_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{2}")
TENTHS_A_DEGREE = 36_000


def _check_degrees(value: Any, degrees_max: int, low: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= degrees_max:
        raise bad(value, f"write degrees from {low} to {degrees_max}")
    return float(value)


def _parse_angle(raw: bytes, degrees_max: int) -> float:
    degrees, minutes, seconds, tenths = raw
    value = (degrees * TENTHS_A_DEGREE + minutes * 600 + seconds * 10 + tenths) / TENTHS_A_DEGREE
    if minutes > 59 or seconds > 59 or tenths > 9 or value > degrees_max:
        raise bad(raw.hex(), f"an angle is degrees, minutes, seconds, tenths up to {degrees_max} degrees")
    return value


def _build_angle(value: float) -> bytes:
    tenths = round(abs(value) * TENTHS_A_DEGREE)
    return bytes((tenths // TENTHS_A_DEGREE, tenths // 600 % 60, tenths // 10 % 60, tenths % 10))


def _angle(degrees_max: int) -> BinCodec:
    """Return degrees from degrees, minutes, seconds and tenths, a byte each; this form has no sign."""

    def check(value: Any) -> float:
        return _check_degrees(value, degrees_max, 0)

    return BinCodec(
        4, lambda raw: _parse_angle(raw, degrees_max), lambda value: _build_angle(check(value)), from_json=check
    )


def _signed_angle(degrees_max: int, positive: str, negative: str) -> BinCodec:
    """Return degrees with a letter for the hemisphere before them."""

    def check(value: Any) -> float:
        return _check_degrees(value, degrees_max, -degrees_max)

    def parse(raw: bytes) -> float:
        if raw[:1] not in (positive.encode(), negative.encode()):
            raise bad(raw[:1], f"the hemisphere is {positive} or {negative}")
        value = _parse_angle(raw[1:], degrees_max)
        return -value if raw[:1] == negative.encode() else value

    def build(value: Any) -> bytes:
        return (negative if check(value) < 0 else positive).encode() + _build_angle(value)

    return BinCodec(5, parse, build, from_json=check)


def _scaled(size: int, divisor: int) -> BinCodec:
    """Return an unsigned number that the wire carries ``divisor`` times as large."""
    top = (1 << 8 * size) - 1

    def build(value: Any) -> bytes:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise bad(value, "write a number")
        return check_int(round(value * divisor), 0, top).to_bytes(size)

    return BinCodec(size, lambda raw: int.from_bytes(raw) / divisor, build)


def _year_2000() -> BinCodec:
    def check(value: Any) -> int:
        return check_int(value, 2000, 2255)

    return BinCodec(1, lambda raw: 2000 + raw[0], lambda value: bytes((check(value) - 2000,)), from_json=check)


def _letters_or_hex() -> BinCodec:
    """Four bytes, shown as letters when they are letters and as hex digits otherwise."""

    def to_json(value: bytes) -> str:
        return value.decode("ascii") if value.isalpha() and value.isascii() else value.hex().upper()

    def from_json(value: Any) -> bytes:
        if isinstance(value, str) and len(value) == 4 and value.isascii() and value.isalpha():
            return value.encode("ascii")
        data: bytes = _FOUR.from_json(value)
        return data

    return BinCodec(4, bytes, _FOUR.build, to_json, from_json)


_FOUR = _hex_codec(4)

U8 = Annotated[int, _unsigned(1)]
U16 = Annotated[int, _unsigned(2)]
U24 = Annotated[int, _unsigned(3)]
U32 = Annotated[int, _unsigned(4)]
S16 = Annotated[int, _signed16(15)]
S14 = Annotated[int, _signed16(14)]
Raw = Annotated[bytes, _hex_codec(REST)]
Raw32 = Annotated[bytes, _hex_codec(32)]
Ascii = Annotated[str, _ascii(REST)]
BeamPowers = Annotated[tuple[int, ...], _bytes_list(6, 4, (6,))]
Beams = Annotated[tuple[int, ...], _bytes_list(REST, 255, (4, 7))]
"""Four bytes, or six channels and the response beam, by vendor (3.2)."""
Command = Annotated[str, _command()]
OnOff = Annotated[int, _unsigned(1, 1)]
Month = Annotated[int, _unsigned(1, 12)]
Day = Annotated[int, _unsigned(1, 31)]
"""Month and day are 0 while a terminal has no time."""
Hour = Annotated[int, _unsigned(1, 23)]
Minute = Annotated[int, _unsigned(1, 59)]
Second = Annotated[int, _unsigned(1, 60)]
"""60 in a leap second."""
S8 = Annotated[int, _signed16(8)]
"""Bit 8 the sign, eight bits of magnitude, in two bytes."""
Clock4 = Annotated[str, _clock()]
Lon4 = Annotated[float, _angle(180)]
Lat4 = Annotated[float, _angle(90)]
Lon5 = Annotated[float, _signed_angle(180, "E", "W")]
Lat5 = Annotated[float, _signed_angle(90, "N", "S")]
Tenths = Annotated[float, _scaled(1, 10)]
Year2000 = Annotated[int, _year_2000()]
LettersOrHex = Annotated[bytes, _letters_or_hex()]
Addresses = Annotated[tuple[int, ...], _addresses()]
