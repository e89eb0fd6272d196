"""The range coder: what goes in comes out, in nearly as few bits as it is worth."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.content.errors import ContentError
from protocols.content.rangecoder import TOTAL_MAX, RangeDecoder, RangeEncoder

steps = st.lists(
    st.integers(1, TOTAL_MAX).flatmap(
        lambda total: st.integers(0, total - 1).flatmap(
            lambda low: st.tuples(st.just(low), st.integers(1, total - low), st.just(total))
        )
    ),
    max_size=60,
)


@given(steps)
def test_symbols_come_back_in_order(steps):
    encoder = RangeEncoder()
    for step in steps:
        encoder.put(*step)

    decoder = RangeDecoder(encoder.finish())

    for low, width, total in steps:
        assert low <= decoder.target(total) < low + width
        decoder.take(low, width, total)


@given(steps)
def test_costs_no_more_than_the_symbols_are_worth(steps):
    """At most one byte and a rounding above the ideal code length, and nothing for the end."""
    ideal_bits = -sum(log2(width / total) for _, width, total in steps)
    encoder = RangeEncoder()
    for step in steps:
        encoder.put(*step)

    assert len(encoder.finish()) * 8 <= ideal_bits + 9 + 0.01 * len(steps)


@given(st.lists(st.integers(1, 1 << 40).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))), max_size=30))
def test_wide_uniform_values_come_back(values):
    encoder = RangeEncoder()
    for value, count in values:
        encoder.uniform(value, count)

    decoder = RangeDecoder(encoder.finish())

    assert [decoder.uniform(count) for _, count in values] == [value for value, _ in values]


@given(st.binary(max_size=20))
def test_bytes_that_never_end_are_an_error(data):
    """A reader that is led on and on stops at a named bound instead of running for ever."""
    decoder = RangeDecoder(data)

    with pytest.raises(ContentError):
        [decoder.uniform(256) for _ in range(len(data) + 20)]


def test_many_zeros_at_the_end_are_kept_within_the_bound():
    """A raw run of zeros must not be mistaken for bytes that never end."""
    encoder = RangeEncoder()
    for _ in range(500):
        encoder.uniform(0, 256)

    decoder = RangeDecoder(encoder.finish())

    assert [decoder.uniform(256) for _ in range(500)] == [0] * 500


def test_the_bits_are_the_same_on_every_machine():
    """Pinned: whole numbers only, so these bytes never change."""
    encoder = RangeEncoder()
    for low, width, total in ((0, 1, 3), (5, 2, 7), (999, 1, 1000), (0, 65535, 65536), (123456, 7, 16777216)):
        encoder.put(low, width, total)

    assert encoder.finish().hex() == "554f234240"
