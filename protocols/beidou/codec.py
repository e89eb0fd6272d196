"""How one field of an ASCII sentence is read and written; shared by 2.1 and BDS-3.

A sentence class names its fields in the order of its document with these aliases (``card: Addr``, ``freq_s: OptNumber``);
:mod:`protocols.beidou.sentence` reads the aliases and does the rest. Texts here are the wire's bytes one to one
(latin-1), so that raw GBK passes through.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from protocols.beidou.address import Address, address_digits, address_from_json
from protocols.beidou.errors import FrameError

REST = -1
"""Width of a codec that takes every field that is left."""


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Codec:
    """One field: ``width`` comma-separated places, read from and written to their text, shown in JSON."""

    parse: Callable[[str], Any]
    build: Callable[[Any], str]
    to_json: Callable[[Any], Any] = _same
    from_json: Callable[[Any], Any] = _same
    width: int = 1


def bad(found: object, want: str) -> FrameError:
    """Return the error of one field; the sentence adds where it was."""
    return FrameError("bad field", f"found {found!r}, {want}")


_INT = re.compile(r"[+-]?[0-9]{1,12}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{0,9})?|[+-]?\.[0-9]{1,9}")
NUMBER_MAX = 10**12


def parse_int(text: str) -> int:
    """Read a whole number, leading zeros allowed."""
    if not _INT.fullmatch(text):
        raise bad(text, "write a whole number")
    return int(text)


def check_int(value: Any) -> int:
    """Return ``value`` if it is a whole number within NUMBER_MAX."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= NUMBER_MAX:
        raise bad(value, "write a whole number")
    return value


def parse_number(text: str) -> int | float:
    """Read a number; only a decimal point makes it a float."""
    if not _NUMBER.fullmatch(text):
        raise bad(text, "write a number")
    return float(text) if "." in text else int(text)


def check_number(value: Any) -> int | float:
    """Return ``value`` if it is a finite number within NUMBER_MAX."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < NUMBER_MAX:
        raise bad(value, "write a number")
    return value


def build_number(value: Any) -> str:
    """Write a number without an exponent, at most nine decimals, a float with at least one."""
    if isinstance(check_number(value), int):
        return str(value)
    text = f"{value:.9f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


_TEXT = re.compile(r"[\x20-\x29\x2B\x2D-\x7E]*")


def build_text(value: Any) -> str:
    """Write printable ASCII without the separators ``,`` and ``*``."""
    if not isinstance(value, str) or not _TEXT.fullmatch(value) or "$" in value:
        raise bad(value, "write printable ASCII without $ , *")
    return value


def check_text(value: Any) -> str:
    """Return ``value`` if it is a text."""
    if not isinstance(value, str):
        raise bad(value, "write a text")
    return value


def ranged(low: int, high: int) -> Codec:
    """Return a codec of a whole number: any is read, only ``low`` to ``high`` is written."""

    def build(value: Any) -> str:
        if not low <= check_int(value) <= high:
            raise bad(value, f"write {low} to {high}")
        return str(value)

    return Codec(parse_int, build, from_json=check_int)


def optional(codec: Codec) -> Codec:
    """Let an empty field be None."""
    return Codec(
        parse=lambda text: None if not text.strip(",") else codec.parse(text),
        build=lambda value: "," * (codec.width - 1) if value is None else codec.build(value),
        to_json=lambda value: None if value is None else codec.to_json(value),
        from_json=lambda value: None if value is None else codec.from_json(value),
        width=codec.width,
    )


def flag(true: str, false: str) -> Codec:
    """Return a codec of a two-letter alphabet such as ``Y``/``N``."""

    def parse(text: str) -> bool:
        if text not in (true, false):
            raise bad(text, f"write {true} or {false}")
        return text == true

    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise bad(value, "write true or false")
        return value

    return Codec(parse, lambda value: true if check(value) else false, from_json=check)


def listing(item: Codec) -> Codec:
    """Return a codec of all fields that are left, one value each; no field at all is the empty list."""

    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise bad(value, "write a list")
        return tuple(item.from_json(entry) for entry in value)

    return Codec(
        parse=lambda text: tuple(item.parse(part) for part in text.split(",")) if text else (),
        build=lambda values: ",".join(item.build(value) for value in values),
        to_json=lambda values: [item.to_json(value) for value in values],
        from_json=check,
        width=REST,
    )


def measure(unit: str) -> Codec:
    """Return a codec of a number followed by its unit letter as a field of its own (``47,M``)."""

    def parse(text: str) -> int | float | None:
        value, _, found = text.partition(",")
        if found not in (unit, ""):
            raise bad(found, f"the unit is {unit}")
        return parse_number(value) if value else None

    return Codec(
        parse,
        lambda value: f",{unit}" if value is None else f"{build_number(value)},{unit}",
        from_json=lambda value: None if value is None else check_number(value),
        width=2,
    )


def _angle(degree_digits: int, degrees_max: int, positive: str, negative: str) -> Codec:
    form = re.compile(rf"([0-9]{{{degree_digits}}})([0-9]{{2}}(?:\.[0-9]{{1,9}})?),([{positive}{negative}])")

    def parse(text: str) -> float | None:
        if not text.split(",", maxsplit=1)[0]:
            return None
        match = form.fullmatch(text)
        if not match:
            raise bad(text, f"write degrees and minutes and {positive} or {negative}")
        value = int(match[1]) + float(match[2]) / 60
        if value > degrees_max or float(match[2]) >= 60:
            raise bad(text, f"at most {degrees_max} degrees")
        return value if match[3] == positive else -value

    def build(value: Any) -> str:
        if value is None:
            return ","
        if abs(check_number(value)) > degrees_max:
            raise bad(value, f"at most {degrees_max} degrees")
        degrees, minutes = divmod(round(abs(value) * 600_000), 600_000)
        letter = positive if value >= 0 else negative
        return f"{degrees:0{degree_digits}d}{minutes / 10_000:07.4f},{letter}"

    return Codec(parse, build, from_json=lambda value: None if value is None else check_number(value), width=2)


_CLOCK = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9]|60)(\.[0-9]{1,4})?")
_CLOCK_JSON = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]{1,4})?")
_HOUR_MINUTE = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])")
_HOUR_MINUTE_JSON = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def _time(wire: re.Pattern[str], shown: re.Pattern[str], want: str) -> Codec:
    """Return a codec that shows ``hhmm…`` with colons; a time of other form must not lose the message it came with."""

    def parse(text: str) -> str:
        if not wire.fullmatch(text):
            return text
        digits = text.partition(".")[0]
        return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2)) + text[len(digits) :]

    def build(value: Any) -> str:
        if not isinstance(value, str) or not shown.fullmatch(value):
            raise bad(value, f"write the time as {want}")
        return value.replace(":", "")

    return Codec(parse, build, from_json=check_text)


def _parse_minutes_seconds(text: str) -> int:
    """Read ``mmss`` as seconds: minutes then seconds, ``0040`` = 40 s (2.6)."""
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise bad(text, "write mmss, minutes and seconds")
    minutes, seconds = divmod(int(text), 100)
    return minutes * 60 + seconds


def _build_minutes_seconds(value: Any) -> str:
    if not 0 <= check_int(value) < 100 * 60:
        raise bad(value, "0 to 5999 seconds fit mmss")
    return f"{value // 60:02d}{value % 60:02d}"


INT = Codec(parse_int, lambda value: str(check_int(value)), from_json=check_int)
TEXT = Codec(_same, build_text, from_json=check_text)
NUMBER = Codec(parse_number, build_number, from_json=check_number)
ADDRESS = Codec(Address, address_digits, address_digits, address_from_json)
CLOCK = _time(_CLOCK, _CLOCK_JSON, "hh:mm:ss or hh:mm:ss.ss")
HOUR_MINUTE = _time(_HOUR_MINUTE, _HOUR_MINUTE_JSON, "hh:mm")
CLOCK_HUNDREDTHS = _time(
    re.compile(r"([01][0-9]|2[0-3])([0-5][0-9]){2}\.[0-9]{2}"),
    re.compile(r"([01][0-9]|2[0-3])(:[0-5][0-9]){2}\.[0-9]{2}"),
    "hh:mm:ss.ss",
)


def _content_from_json(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        raise bad(value, "write hex digits") from None


CONTENT = Codec(
    parse=lambda text: text.encode("latin-1"),
    build=lambda value: value.decode("latin-1"),
    to_json=lambda value: value.hex().upper(),
    from_json=_content_from_json,
    width=REST,
)
"""Bytes up to the end of the sentence."""


def or_zero(codec: Codec) -> Codec:
    """Read an empty field as 0."""
    return replace(codec, parse=lambda text: codec.parse(text) if text else 0)


def digits(width: int) -> Codec:
    """Return a codec of a number padded with zeros to ``width`` digits."""
    return Codec(parse_int, lambda value: f"{check_int(value):0{width}d}", from_json=check_int)


def _parse_loose(text: str) -> int | str | None:
    return None if not text else int(text) if text.isascii() and text.isdecimal() else text


def _check_loose(value: Any) -> int | str | None:
    return value if value is None else check_text(value) if isinstance(value, str) else check_int(value)


def _build_loose(value: Any) -> str:
    checked = _check_loose(value)
    return "" if checked is None else str(checked)


Loose = Annotated[int | str | None, Codec(_parse_loose, _build_loose, from_json=_check_loose)]
"""A field whose meaning is UNCONFIRMED: a number where it is one, else its text; it never spoils its sentence."""

Int = Annotated[int, INT]
IntOrZero = Annotated[int, or_zero(INT)]
OptInt = Annotated[int | None, optional(INT)]
Number = Annotated[int | float, NUMBER]
NumberOrZero = Annotated[int | float, or_zero(NUMBER)]
OptNumber = Annotated[int | float | None, optional(NUMBER)]
Text = Annotated[str, TEXT]
OptText = Annotated[str | None, optional(TEXT)]
Addr = Annotated[int, ADDRESS]
AddrOrZero = Annotated[int, or_zero(ADDRESS)]
OptAddr = Annotated[int | None, optional(ADDRESS)]
Ints = Annotated[tuple[int, ...], listing(INT)]
OptInts = Annotated[tuple[int | None, ...], listing(optional(INT))]
Addrs = Annotated[tuple[int, ...], listing(ADDRESS)]
Texts = Annotated[tuple[str, ...], listing(TEXT)]
YesNo = Annotated[bool, flag("Y", "N")]
UrgentFlag = Annotated[bool, flag("A", "V")]
HighFlag = Annotated[bool, flag("H", "L")]
ZeroOne = Annotated[int, ranged(0, 1)]
OneTwo = Annotated[int, ranged(1, 2)]
OneToThree = Annotated[int, ranged(1, 3)]
OneToFour = Annotated[int, ranged(1, 4)]
OneToFive = Annotated[int, ranged(1, 5)]
ZeroToThree = Annotated[int, ranged(0, 3)]
ZeroToSeven = Annotated[int, ranged(0, 7)]
EncryptedFlag = Annotated[bool, flag("E", "N")]
TwoDigits = Annotated[int, or_zero(digits(2))]
OptTwoDigits = Annotated[int | None, optional(digits(2))]
Metres = Annotated[int | float | None, measure("M")]
Latitude = Annotated[float | None, _angle(2, 90, "N", "S")]
Longitude = Annotated[float | None, _angle(3, 180, "E", "W")]
Clock = Annotated[str, CLOCK]
OptClock = Annotated[str | None, optional(CLOCK)]
OptHourMinute = Annotated[str | None, optional(HOUR_MINUTE)]
WaitMinutesSeconds = Annotated[int, or_zero(Codec(_parse_minutes_seconds, _build_minutes_seconds, from_json=check_int))]
Content = Annotated[bytes, CONTENT]
