"""Receipts and orders as a handset shows them."""

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.beidou.handset.parse import parse
from protocols.beidou.handset.receipt import answer_hint, order_text, receipt_text


class Entry(NamedTuple):
    seq: int
    precedence: int = 3
    level: str = "custody"


def bits(text):
    """Count as GBK does: 16 bits a Chinese character, 8 a letter."""
    return 8 * len(text.encode("gb18030"))


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([Entry(1023)], "已收到,编号1023"),
        ([Entry(1023, 0)], "求救已收到,编号1023,请保持开机"),
        ([Entry(1023), Entry(1024), Entry(1027)], "已收到3条:1023,1024,1027"),
        ([Entry(1023, 0), Entry(1024)], "求救已收到,编号1023,请保持开机;已收到,编号1024"),
        ([Entry(1023, 0, "delivered")], "指挥中心已收到1023"),
        ([Entry(1020, 3, "delivered"), Entry(1024)], "已收到,编号1024;指挥中心已收到1020"),
        ([Entry(1020, 3, "refused")], "未能保存1020,请重发"),
        ([Entry(1024), Entry(1020, 3, "refused"), Entry(9, 3, "refused")], "已收到,编号1024;未能保存1020,9,请重发"),
    ],
)
def test_the_words_say_what_is_known(entries, text):
    """Custody is this station's, delivered is the centre's; an SOS asks the person to stay reachable."""
    numbers = tuple(entry.seq for entry in entries)

    assert receipt_text(entries, bits_of=bits, bits_max=2000) == (text, numbers)


def test_english_on_request():
    """The same in English; an unknown language is answered in Chinese."""
    assert receipt_text([Entry(7)], bits_of=bits, bits_max=999, language="en")[0] == "Received, no. 7"
    assert receipt_text([Entry(7)], bits_of=bits, bits_max=999, language="bo")[0] == "已收到,编号7"


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    st.lists(
        st.builds(
            Entry, st.integers(1, 9_999_999), st.integers(0, 3), st.sampled_from(["custody", "delivered", "refused"])
        ),
        max_size=32,
        unique_by=lambda entry: entry.seq,
    ),
    st.integers(0, 1500),
)
def test_a_receipt_fits_and_names_what_it_says_it_names(entries, bits_max):
    """Within the limit, always the first entries, each number whole in the text, and as many as fit."""
    text, numbers = receipt_text(entries, bits_of=bits, bits_max=bits_max)

    assert bits(text) <= bits_max
    assert list(numbers) == [entry.seq for entry in entries[: len(numbers)]]
    assert bool(text) == bool(numbers)
    assert all(str(number) in text for number in numbers)


def test_in_the_fewest_words_a_lost_report_is_not_called_received():
    """Where only one number fits, it still says which of the two it is."""
    entries = [Entry(1020, 3, "refused"), Entry(1024)]

    assert receipt_text(entries, bits_of=bits, bits_max=bits("重发1020")) == ("重发1020", (1020,))


def test_what_does_not_fit_is_left_for_the_next():
    """A bit less than three numbers need holds two; a bit less than one needs in the fewest words holds none."""
    entries = [Entry(1023), Entry(1024), Entry(1027)]
    three, two, one = bits("已收到3条:1023,1024,1027"), bits("已收到2条:1023,1024"), bits("收到1023")

    assert receipt_text(entries, bits_of=bits, bits_max=three)[1] == (1023, 1024, 1027)
    assert receipt_text(entries, bits_of=bits, bits_max=three - 1) == ("已收到2条:1023,1024", (1023, 1024))
    assert receipt_text(entries, bits_of=bits, bits_max=two - 1)[1] == (1023,)
    assert receipt_text(entries, bits_of=bits, bits_max=one) == ("收到1023", (1023,))
    assert receipt_text(entries, bits_of=bits, bits_max=one - 1) == ("", ())


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 9_999_999), st.text())
def test_an_order_is_shown_whole(number, text):
    """The number in front, every character of the order behind it; other text is left as it is."""
    assert order_text(number, text) == f"令{number}:{text}"
    assert order_text(number, text, language="en") == f"Order {number}: {text}"
    assert order_text(number, text, kind="chat") == text


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 9_999_999))
def test_the_hint_is_understood_when_typed(number):
    """Who types what the hint says has answered the order."""
    typed = answer_hint(number).partition(":")[2]

    assert (parse(typed).kind, parse(typed).ref) == ("ack", number)
