"""Whether content goes in fragments, and symbols that fill the frames of every bearer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.fragment.block import BLOCK_HEAD_BYTES
from protocols.fragment.cauchy import K_MAX
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import FRAGMENT_BYTES_MAX, Fragment
from protocols.fragment.split import K_SPLIT_MAX, Split, choose_split, needs_fragments

BEIDOU, HF, LORA, IRIDIUM = 71, 113, 193, 333
"""What frames of 78, 120, 200 and 340 bytes leave for a fragment when the record takes 7."""


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.integers(1, 3000), st.lists(st.integers(24, 1500), min_size=1, max_size=4))
def test_every_bearer_carries_symbols_and_all_symbols_carry_the_content(size, capacities):
    """Whatever the frames are, a symbol fits each, and k of them hold content and head with less than k bytes over."""
    split = choose_split(size, capacities)

    assert all(split.symbols_in(capacity) >= 1 for capacity in capacities)
    assert 0 <= split.k * split.symbol_bytes - (size + BLOCK_HEAD_BYTES) < split.k


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.integers(1, 300), st.integers(1, 500))
def test_as_many_whole_symbols_as_the_frame_takes(symbol_bytes, capacity):
    """The fragment with that many fits, and with one more it does not."""
    split = Split(2, symbol_bytes)
    count = split.symbols_in(capacity)

    def size(symbols):
        return Fragment(0, 2, 0, (bytes(symbol_bytes),) * symbols).bytes_long

    assert count == 0 or size(count) <= capacity
    assert count == 255 or size(count + 1) > capacity


def test_one_bearer_has_one_symbol_a_frame_of_even_size():
    """1000 bytes over Beidou are 15 nearly full frames; 69 are two halves, not a full frame and a stub."""
    assert choose_split(1000, [BEIDOU]) == Split(15, 67)
    assert choose_split(1000, [BEIDOU, BEIDOU]) == Split(15, 67)
    assert choose_split(69, [BEIDOU]) == Split(2, 37)


@pytest.mark.parametrize(
    ("size", "bearers", "least"),
    [
        (1000, (BEIDOU, HF), 0.9),
        (1000, (BEIDOU, IRIDIUM), 0.9),
        (1000, (BEIDOU, HF, LORA, IRIDIUM), 0.9),
        (2000, (BEIDOU, HF), 0.89),
        (500, (BEIDOU, 1400), 0.9),
    ],
)
def test_symbols_fill_the_frames_of_all_bearers(size, bearers, least):
    """Each frame brings at least this share of the content that it could, with few enough symbols to repeat."""
    split = choose_split(size, bearers)

    for frame in bearers:
        brings = min(split.symbols_in(frame), split.k) / split.k * size
        assert brings / min(size, frame - 3) >= least
    assert split.k <= K_SPLIT_MAX


def test_equal_shares_take_the_fewest_symbols():
    """Large symbols where they fill the frames as well as small ones."""
    assert choose_split(600, [40, 77]).symbol_bytes > 30


def test_a_long_content_is_carried_up_to_200_symbols_of_the_smallest_frame():
    """One byte more is refused, and fits when the small bearer is left out."""
    longest = 200 * 68 - BLOCK_HEAD_BYTES

    assert choose_split(longest, [BEIDOU]) == Split(K_MAX, 68)
    assert choose_split(longest, [BEIDOU, HF]).k == K_MAX
    with pytest.raises(FragmentError, match="too long"):
        choose_split(longest + 1, [BEIDOU, HF])
    assert choose_split(longest + 1, [HF]).k == 124


def test_content_longer_than_the_smallest_record_goes_in_fragments():
    """Also where a wider bearer could take it whole, so that it is one bundle on both."""
    assert not needs_fragments(71, [71, 333])
    assert needs_fragments(72, [71, 333])
    assert not needs_fragments(72, [333])
    with pytest.raises(FragmentError, match="no bearer"):
        needs_fragments(1, [])


def test_frames_have_bounds():
    """Header and one byte at least; what is above the longest fragment is not used."""
    assert choose_split(100, [4]).symbol_bytes == 1
    with pytest.raises(FragmentError, match="bad capacity"):
        choose_split(100, [BEIDOU, 3])
    with pytest.raises(FragmentError, match="no bearer"):
        choose_split(100, [])
    assert choose_split(5000, [10**6]) == Split(2, 2503)
    assert Split(2, 2503).symbols_in(10**6) == 1
    assert Split(2, 4).symbols_in(10**6) == 255
    assert Split(2, 2040).symbols_in(FRAGMENT_BYTES_MAX) == 2
