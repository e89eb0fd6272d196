"""Angles in a normalised text: every figure that could be one half of a coordinate, and how it is written.

Nothing is decided here: ``30.5`` may be a price. An angle only says its value and how surely its notation is that of a
coordinate; coordinates.py puts two of them together. Every pattern is bounded, so a text costs time in proportion to
its length.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from protocols.beidou.handset.numerals import read_spoken, spoken_runs


class Notation(enum.Enum):
    """How an angle is written; what else must be there before it is believed depends on it."""

    SEXAGESIMAL = "30°07'23\""
    """Degrees and minutes with their signs: an angle without doubt."""
    DECIMAL = "30.123"
    SEPARATED = "30-07-23"
    """Needs its hemisphere: without it a date, a time or a score."""
    WHOLE = "30"
    """Needs its hemisphere: without it any number."""
    COMPACT = "3007.383"
    """Degrees and minutes run together (NMEA 0183 ddmm.mmm, ICAO 300723N): needs its hemisphere."""


@dataclass(frozen=True, slots=True)
class Angle:
    """A figure at ``start:end`` of the normalised text. ``degrees`` carries the sign that was written."""

    start: int
    end: int
    notation: Notation
    degrees: float
    decimals: int = 0
    signed: bool = False
    marked: bool = False
    """A degree sign or word stands behind it."""
    digits: str = ""
    """For COMPACT, the figure itself: how it splits depends on the axis."""


LATIN_LABEL = (
    r"(?<![a-z])(?:latitude|longitude|north|south|east|west|long|lat|lng|lon|[nsew])(?:[. ]*(?=[0-9])|(?![a-z]))"
)
LABEL = rf"北纬|南纬|东经|西经|北维|东径|纬度|经度|[北南东西经纬]|{LATIN_LABEL}"
"""One word that says which axis or half of the Earth a figure belongs to."""

_BEFORE = re.compile(rf"(?:{LABEL})[ :=.]{{0,3}}(?:是|为)?$")
_START = re.compile(r"(?<![0-9.])[0-9]")
_DEG, _MIN, _SEC = r"(?:°|度|deg(?:rees?)?)", r"(?:'(?!')|分|min)", r"(?:\"|''|秒|sec)"
_DMS = re.compile(
    rf"([0-9]{{1,3}}) ?{_DEG} ?([0-9]{{1,2}}(?:\.[0-9]{{1,8}})?) ?{_MIN}"
    rf"(?: ?([0-9]{{1,2}}(?:\.[0-9]{{1,8}})?)(?![0-9.])(?! ?{_DEG}) ?{_SEC}?)?"
)
_DMS_LETTERS = re.compile(r"([0-9]{1,3}) ?d ?([0-9]{1,2}) ?m ?([0-9]{1,2}(?:\.[0-9]{1,8})?) ?s(?:ec)?")
_SEPARATED = re.compile(
    # 30-07-23, 30 07 23, 30:07:23, 30.07.23: one separator throughout; then 30-07.383; then 30°07.383 and 30°07 23.
    r"(?P<d>[0-9]{1,3})(?P<by>[ :\-.])(?P<m>[0-9]{2})(?P=by)(?P<s>[0-9]{2}(?:\.[0-9]{1,8})?)(?![0-9])(?!\.[0-9])[\"秒]?"
    r"|(?P<d2>[0-9]{1,3})[ :\-](?P<m2>[0-9]{2}(?:\.[0-9]{1,8})?|[0-9]\.[0-9]{1,8})(?![0-9.°度])['分]?"
    r"|(?P<d3>[0-9]{1,3}) ?[°度] ?(?P<m3>[0-9]{1,2}(?:\.[0-9]{1,8})?)(?![0-9.°度])"
    r"(?:[ '分:\-]{1,2}(?P<s3>[0-9]{1,2}(?:\.[0-9]{1,8})?)(?![0-9.°度]))?[\"秒]?"
)
_PLAIN = re.compile(rf"([0-9]{{1,3}})(?:\.([0-9]{{1,12}}))?(?![0-9])(?!\.[0-9])(?: ?{_DEG})?")
_COMPACT = re.compile(r"([0-9]{4,7})(?:\.([0-9]{1,8}))?(?![0-9])(?!\.[0-9])")
_HALF_AFTER = re.compile(r"[ ,]{0,2}(?:[nsew](?![a-z])|[北南东西][纬经]|north|south|east|west)")

# What makes a figure a measure of something else. People and tents after many decimals are a number glued on.
_UNIT = re.compile(
    r" ?(?:米|公里|千米|厘米|毫米|元|块|圆|美元|万|亿|吨|斤|公斤|千克|克|升|毫升|%|级|平方|立方|海里|节|瓦|千瓦|伏|安培|兆"
    r"|里(?![面边头])|点[0-9半钟整左多]|小时|℃|℉|°[cf](?![a-z])|mhz|khz|hz|km|kg|mm|cm|ml|kw|mb|gb|usd|rmb|cny|(?:[mgval]|ft|feet|mph|kn)(?![a-z]))"
)
_COUNTED = re.compile(r" ?(?:人|名|位|个|户|顶|台|套|件|箱|天|日|月|年|号|岁|次|斤|条|辆|艘|只|头|间|栋|楼|层|倍|折)")

_CLOCK_BEFORE, _CLOCK_AFTER = re.compile("[0-9]:$"), re.compile(":[0-9]")


def arabic_angles(text: str) -> str:
    """Write spoken degrees in digits where a label or 度分秒 shows that they are meant: 北纬三十点一二 → 北纬30.12."""
    text = re.sub(rf"((?:{LABEL})[ :=是为]{{0,3}}[0-9]{{1,3}})点(?=[0-9])", r"\1.", text)
    out: list[str] = []
    last = 0
    for run in spoken_runs(text):
        before = text[max(last, run.start() - 12) : run.start()]
        after = text[run.end() : run.end() + 1]
        figure = run.group()
        minute = after in ("分", "秒") and before.rstrip(" 零").endswith(("度", "分"))
        degrees = after == "度" or (minute and after != "")
        # Two or more decimals read out one by one are no time of day and no 一点 of anything.
        decimals = len(figure.partition("点")[2]) >= 2
        if not (degrees or decimals or _BEFORE.search(before)):
            continue
        spoken = read_spoken(figure)
        if spoken is None:
            continue
        out += [text[last : run.start()], spoken]
        last = run.end()
    return "".join([*out, text[last:]])


def find_angles(text: str) -> list[Angle]:
    """Return every figure of ``text`` that could be an angle, in order, none overlapping."""
    angles: list[Angle] = []
    position = 0
    while (match := _START.search(text, position)) is not None:
        start = match.start()
        angle = _read(text, start)
        if angle is None:
            position = start + 1
            while position < len(text) and text[position] in "0123456789.":
                position += 1
        else:
            angles.append(angle)
            position = angle.end
    return angles


def _read(text: str, start: int) -> Angle | None:
    """Read one angle whose first digit is at ``start``."""
    signed = start > 0 and text[start - 1] in "+-" and (start == 1 or not text[start - 2].isalnum())
    before = text[max(0, start - signed - 14) : start - signed]
    labelled = _BEFORE.search(before) is not None
    if before and (before[-1] in "$¥￥€£#_" or (before[-1].isascii() and before[-1].isalpha() and not labelled)):
        return None
    sign = -1 if signed and text[start - 1] == "-" else 1
    first = start - signed
    for pattern in (_DMS, _DMS_LETTERS):
        if (match := pattern.match(text, start)) is not None:
            return _sexagesimal(match, first, sign, Notation.SEXAGESIMAL)
    if (match := _SEPARATED.match(text, start)) is not None and (labelled or _HALF_AFTER.match(text, match.end())):
        angle = _sexagesimal(match, first, sign, Notation.SEPARATED)
        if angle is not None:
            return angle
    return _plain(text, start, first, sign)


def _sexagesimal(match: re.Match[str], first: int, sign: int, notation: Notation) -> Angle | None:
    """Add up degrees, minutes and seconds; None where a minute or second has sixty or more."""
    figures = [part for part in match.groups() if part is not None and part[0].isdigit()]
    degrees, minutes, seconds = [*figures, "0"][:3]
    if float(minutes) >= 60 or float(seconds) >= 60:
        return None
    value = int(degrees) + float(minutes) / 60 + float(seconds) / 3600
    return Angle(first, match.end(), notation, sign * value, signed=first != match.start())


def _plain(text: str, start: int, first: int, sign: int) -> Angle | None:
    """Read ``30``, ``30.123`` or ``3007.383``."""
    match = _PLAIN.match(text, start)
    if match is not None:
        whole, fraction = match.group(1), match.group(2) or ""
        unit_at = match.end() if text[match.end() - 1] not in "°度" else match.end() - 1
        if _UNIT.match(text, unit_at) or _UNIT.match(text, match.end()):
            return None
        if len(fraction) < 3 and _COUNTED.match(text, match.end()):
            return None
        if not fraction and (
            _CLOCK_BEFORE.search(text[max(0, start - 2) : start]) or _CLOCK_AFTER.match(text, match.end())
        ):
            return None
        value = sign * float(f"{whole}.{fraction or 0}")
        notation = Notation.DECIMAL if fraction else Notation.WHOLE
        marked = not text[match.end() - 1].isdigit()
        return Angle(first, match.end(), notation, value, len(fraction), first != start, marked)
    match = _COMPACT.match(text, start)
    if match is None or _UNIT.match(text, match.end()):
        return None
    return Angle(first, match.end(), Notation.COMPACT, 0.0, signed=first != start, digits=match.group())


def split_compact(digits: str, degree_digits: int) -> float | None:
    """Return the degrees of ``ddmm.mmm`` or ``ddmmss`` (``dddmm…`` for a longitude); None if it is neither."""
    whole, _, fraction = digits.partition(".")
    degrees, rest = whole[:degree_digits], whole[degree_digits:]
    if len(rest) not in (2, 4):
        return None
    tail = f".{fraction}" if fraction else ""
    minutes = float(rest[:2] + (tail if len(rest) == 2 else ""))
    seconds = float(rest[2:] + tail) if len(rest) == 4 else 0.0
    if minutes >= 60 or seconds >= 60:
        return None
    return int(degrees) + minutes / 60 + seconds / 3600
