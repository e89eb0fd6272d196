"""Numbers as people write them: 12, 十二, 二十, 一百零五, 廿, 两, 俩, 1.5万, 三十点一二, twelve.

A vague word (几, 数十, 十几, 两三) is not a number and reads as None: the person did not know either.
"""

from __future__ import annotations

import re

_DIGITS = {
    char: value
    for value, chars in enumerate(
        ("零〇○洞", "一壹幺", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒拐", "八捌", "九玖勾")
    )
    for char in chars
}
_DIGITS |= {"俩": 2, "仨": 3}
_TENS = {"廿": 20, "卅": 30}
_PLACES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_MYRIAD = {"万": 10_000, "亿": 100_000_000}

CHINESE = "零〇○一二三四五六七八九十百千万两俩仨廿卅壹贰叁肆伍陆柒捌玖拾佰仟"
"""Characters a Chinese number of this file is written with (亿 and radio digits only where they cannot be words)."""

_ENGLISH = {
    word: value
    for value, word in enumerate(
        (
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        )
    )
}
_ENGLISH |= {
    word: value
    for value, word in zip(
        range(20, 100, 10), ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), strict=True
    )
}
_WORDS = "|".join(sorted(_ENGLISH, key=len, reverse=True))

NUMBER = (
    rf"(?:[0-9]{{1,9}}(?:\.[0-9]{{1,3}})?[万千百]?|[{CHINESE}]{{1,12}}"
    rf"|\b(?:{_WORDS})(?:[ -](?:{_WORDS}))?(?: hundred)?\b)"
)
"""Pattern of one number, for use inside other patterns; read what it matched with :func:`read_number`."""


def read_number(text: str) -> int | None:
    """Return the whole number ``text`` says, or None when it says none (vague, malformed, a fraction)."""
    if text[:1].isascii() and text[:1].isdigit():
        return _arabic(text)
    if text.isascii():
        return _english(text)
    return read_chinese(text)


_ARABIC = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?([万千百])?")


def _arabic(text: str) -> int | None:
    """Read ``12``, ``1.5万``, ``3千``; a fraction of one is not a count."""
    match = _ARABIC.fullmatch(text)
    if match is None:
        return None
    digits, fraction, place = match.groups("")
    scale = _PLACES.get(place) or _MYRIAD.get(place, 1)
    value, rest = divmod((int(digits) * 1000 + int(fraction.ljust(3, "0"))) * scale, 1000)
    return None if rest else value


def _english(text: str) -> int | None:
    """Read ``twelve``, ``twenty-five``, ``two hundred``."""
    words = text.replace("-", " ").split()
    hundred = words[-1:] == ["hundred"]
    values = [_ENGLISH.get(word) for word in words[: -1 if hundred else None]]
    if not values or None in values:
        return None
    if len(values) == 2 and (values[0] < 20 or not 0 < values[1] < 10):  # type: ignore[operator]  # None left above
        return None
    return sum(value for value in values if value is not None) * (100 if hundred else 1)


def read_chinese(text: str) -> int | None:
    """Return the value of a Chinese number: positional (一百零五) or digit by digit (一零五); None if it is neither."""
    if not text:
        return None
    if all(char in _DIGITS for char in text):
        # 三四人 is "three or four", not thirty-four; three and more digits, or one with a zero, are read out.
        if len(text) == 2 and not set(text) & set("零〇○洞") and not text.startswith(("幺", "拐", "勾")):
            return None
        return int("".join(str(_DIGITS[char]) for char in text))
    return _positional(text)


def _positional(text: str) -> int | None:
    """Read a number with 十 百 千 万; places must fall, so that 十百 is refused."""
    total = section = 0
    digit: int | None = None
    place_above = 100_000
    for char in text:
        if char in _DIGITS:
            if digit:  # 二三十: vague
                return None
            digit = _DIGITS[char]
        elif char in _TENS:
            section, digit, place_above = section + _TENS[char], None, 10
        elif char in _PLACES:
            place = _PLACES[char]
            if place >= place_above or digit == 0:
                return None
            section += (digit or 1) * place
            digit, place_above = None, place
        elif char in _MYRIAD:
            amount = section + (digit or 0)
            if not amount:
                return None
            total += amount * _MYRIAD[char]
            section, digit, place_above = 0, None, 100_000
        else:
            return None
    if digit and len(text) > 1 and text[-2] in "百千万佰仟":  # 一百二 is 120, 一百零二 is 102
        digit *= (_PLACES.get(text[-2]) or _MYRIAD[text[-2]]) // 10
    return total + section + (digit or 0)


_SPOKEN = re.compile(r"[零〇○一二三四五六七八九十百两幺洞拐勾]{1,12}(?:点[零〇○一二三四五六七八九两幺洞拐勾]{1,10})?")


def spoken_runs(text: str) -> list[re.Match[str]]:
    """Return where a degree figure may be spoken: 三十, 一零三, 三十点一二."""
    return list(_SPOKEN.finditer(text))


def read_spoken(run: str) -> str | None:
    """Return a spoken figure in digits: 三十点一二 → ``30.12``, 一零三 → ``103``, 零七 → ``07``; None if it is none."""
    whole, point, fraction = run.partition("点")
    if not whole or bool(point) != bool(fraction) or not set(fraction) <= _DIGITS.keys():
        return None
    if set(whole) <= _DIGITS.keys():
        digits = "".join(str(_DIGITS[char]) for char in whole)
    else:
        value = _positional(whole)
        if value is None:
            return None
        digits = str(value)
    return digits + ("." + "".join(str(_DIGITS[char]) for char in fraction) if point else "")
