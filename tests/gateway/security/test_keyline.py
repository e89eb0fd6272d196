"""The one-line form: what a QR code holds and what a person types."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.security.errors import KeyLineError
from gateway.security.keyline import LINE_CHARS_MAX, PREFIX, format_line, grouped, is_line, parse_line
from gateway.security.keys import End, unnamed
from tests.gateway.security.values import CAR, everything_in, key_of, pair_keys

LINE = format_line(key_of())
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:+/=*$%.!?，"


@given(pair_keys())
def test_what_is_written_comes_back(key):
    """Any pair key is the same after a line, plain or grouped, in capitals or not."""
    line = format_line(key)

    assert parse_line(line, "x") == parse_line(grouped(line).lower(), "x") == key
    assert len(line) <= 190


def test_every_mistyped_character_is_noticed():
    """Each character replaced by each other one: an error, or (o for 0, l for 1, small letters) still the same key."""
    key = parse_line(LINE, "x")
    alike = 0
    for at, right in enumerate(LINE):
        for wrong in ALPHABET:
            if wrong == right:
                continue
            try:
                found = parse_line(LINE[:at] + wrong + LINE[at + 1 :], "x")
            except KeyLineError:
                continue
            assert found == key
            assert wrong.upper().translate(str.maketrans("OIL", "011")) == right.upper()
            alike += 1
    assert alike > len(LINE) / 3


def test_a_swapped_lost_or_doubled_character_is_noticed():
    """What tired fingers do."""
    for at in range(len(LINE) - 1):
        swapped = LINE[:at] + LINE[at + 1] + LINE[at] + LINE[at + 2 :]
        for wrong in {swapped, LINE[:at] + LINE[at + 1 :], LINE[: at + 1] + LINE[at:]} - {LINE}:
            with pytest.raises(KeyLineError):
                parse_line(wrong, "x")


@given(st.text(max_size=300) | st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", max_size=200).map(PREFIX.__add__))
def test_noise_is_no_key(text):
    """Whatever is typed, only KeyLineError leaves."""
    with pytest.raises(KeyLineError):
        parse_line(text, "x")


@given(st.data())
def test_spaces_line_breaks_and_hyphens_may_stand_anywhere(data):
    """A line that was wrapped or grouped by hand is the same line."""
    at = data.draw(st.integers(0, len(LINE)))
    blank = data.draw(st.sampled_from([" ", "-", "\n", "\r\n", "\t"]))

    assert parse_line(LINE[:at] + blank + LINE[at:] + "\n", "x") == parse_line(LINE, "x")


def test_full_width_letters_of_an_input_method_are_read():
    """A Chinese keyboard gives ＹＺＫ１：."""
    wide = "".join(chr(ord(char) + 0xFEE0) for char in LINE)

    assert unicodedata.normalize("NFKC", wide) == LINE
    assert is_line(wide)
    assert parse_line(wide, "x") == parse_line(LINE, "x")


def test_a_line_without_names_is_as_short_as_it_can_be():
    """Ends called by their ids take no room: 51 bytes in 82 characters."""
    key = key_of(End(1, unnamed(1)), End(0x107, unnamed(0x107)))

    assert len(format_line(key)) == len(PREFIX) + 82
    assert parse_line(format_line(key), "x") == key


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "does not begin with YZK1:"),
        ("YZK2:" + LINE[5:], "no key line of this version"),
        (LINE[:-9], "does not fit|no key line has|last character"),
        (LINE[:20], "15 characters after YZK1:, which no key line has"),
        (LINE[:12] + "U" + LINE[13:], r"character 8 after YZK1: \(in group 2 of five\)"),
        (LINE[:-1] + ("A" if LINE[-1] != "A" else "B"), "mistyped"),
        (LINE * 20, f"longer than {LINE_CHARS_MAX} characters"),
    ],
)
def test_a_wrong_line_says_what_is_wrong(text, told):
    """Where it helps, the place; never the line."""
    with pytest.raises(KeyLineError, match=told) as caught:
        parse_line(text, "standard input")

    said = everything_in(caught.value)
    assert str(caught.value).startswith("standard input: ")
    assert not any(LINE[at : at + 12] in said for at in range(5, len(LINE) - 12))


def test_an_own_name_can_be_told_from_a_line():
    """What is meant as a key line, of any version, is known by its beginning."""
    assert all(is_line(text) for text in (LINE, " yzk1:", "YZK9"))
    assert not any(is_line(text) for text in ("", "key.toml", 'format = "yizhan-key-1"', CAR.name))
