"""Numbers as people write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.beidou.handset.normalise import TEXT_CHARS_MAX, normalise
from protocols.beidou.handset.numerals import read_number, read_spoken
from tests.protocols.handset.notations import CHINESE, spoken_decimal, spoken_digits, spoken_integer


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("二", 2),
        ("两", 2),
        ("俩", 2),
        ("十", 10),
        ("十二", 12),
        ("二十", 20),
        ("廿", 20),
        ("廿三", 23),
        ("一百零五", 105),
        ("一百二", 120),
        ("一百二十", 120),
        ("三千五百", 3500),
        ("三千五", 3500),
        ("两万", 20_000),
        ("一万二", 12_000),
        ("一〇五", 105),
        ("壹佰贰拾", 120),
        ("12", 12),
        ("1.5万", 15_000),
        ("3千", 3000),
        ("twelve", 12),
        ("twenty-five", 25),
        ("two hundred", 200),
    ],
)
def test_a_number_is_read(text, number):
    """Chinese, Arabic and English numbers, positional, digit by digit and short forms."""
    assert read_number(text) == number


@pytest.mark.parametrize("text", ["三四", "两三", "十百", "二三十", "1.25", "百十百", "five twelve"])
def test_a_vague_or_broken_number_is_none(text):
    """What names no single number gives none."""
    assert read_number(text) is None


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 999))
def test_every_spoken_integer_comes_back(value):
    """All numbers below 1000 written the usual way."""
    assert read_number(spoken_integer(value)) == value


@settings(deadline=None, derandomize=True)
@given(st.floats(0, 180))
def test_a_spoken_decimal_comes_back(value):
    """Degrees said with 点, positional or digit by digit."""
    assert float(read_spoken(spoken_decimal(value))) == pytest.approx(value, abs=6e-5)
    assert float(read_spoken(spoken_digits(value))) == pytest.approx(value, abs=6e-5)


@settings(deadline=None, derandomize=True)
@given(st.text(CHINESE + "〇十百千万亿两俩廿点0123456789. ", max_size=20))
def test_no_run_of_numerals_raises(text):
    """Any row of numeral characters is a number or none."""
    assert read_spoken(text) is None or read_spoken(text).replace(".", "").isdigit()
    assert read_number(text) is None or read_number(text) >= 0


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("ＳＯＳ　３０．１２３，１０３．４５６", "sos 30.123,103.456"),
        ("30。123，103。456", "30.123,103.456"),
        ("30º07’23”Ｎ", "30°07'23\"n"),
        ("༣༠.༡༢༣", "30.123"),
        ("東經緯度被困傷亡", "东经纬度被困伤亡"),
        ("3\u200b人", "3人"),
        ("28.5℃", "28.5℃"),
        ("到了。2人受伤", "到了。2人受伤"),
    ],
)
def test_one_spelling(typed, plain):
    """Full-width, traditional, foreign and look-alike characters become plain ones; temperatures stay temperatures."""
    assert normalise(typed) == plain


def test_a_text_is_read_up_to_its_maximum():
    """TEXT_CHARS_MAX characters are read, not one more."""
    assert normalise("a" * TEXT_CHARS_MAX + "b") == "a" * TEXT_CHARS_MAX
    assert normalise("a" * (TEXT_CHARS_MAX - 1) + "b").endswith("b")
