"""The header: to the bit as documented, both ways; garbage is refused with the one error."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocols.fragment.cauchy import K_MAX, SYMBOLS_MAX
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import (
    BLOCK_BYTES_MAX,
    FRAGMENT_BYTES_MAX,
    PER_FRAGMENT_MAX,
    SYMBOL_BYTES_MAX,
    TRANSFERS,
    Fragment,
)

VECTORS = {
    "one symbol": (Fragment(5, 15, 20, (b"abc",)), "05 0e 14 616263"),
    "several symbols": (Fragment(5, 15, 20, (b"ab", b"cd", b"ef")), "85 0e 14 03 616263646566"),
    "smallest": (Fragment(0, 1, 0, (b"\0",)), "00 00 00 00"),
    "largest numbers": (Fragment(127, 200, 255, (b"\xff",)), "7f c7 ff ff"),
    "largest transfer and count": (Fragment(127, 200, 1, (b"\xff",) * 255), "ff c7 01 ff" + "ff" * 255),
}
"""By hand from the layout in protocols/fragment/fragment.py."""


@pytest.mark.parametrize(("fragment", "wire"), VECTORS.values(), ids=VECTORS)
def test_layout_to_the_bit(fragment, wire):
    """Both directions."""
    assert bytes.fromhex(wire) == fragment.to_bytes()
    assert fragment == Fragment.from_bytes(bytes.fromhex(wire))
    assert len(bytes.fromhex(wire)) == fragment.bytes_long


@st.composite
def fragments(draw):
    k = draw(st.integers(1, K_MAX))
    count = draw(st.integers(1, 20))
    size = draw(st.integers(1, min(100, BLOCK_BYTES_MAX // k)))
    symbols = draw(st.lists(st.binary(min_size=size, max_size=size), min_size=count, max_size=count))
    first = draw(st.integers(0, SYMBOLS_MAX - count))
    return Fragment(draw(st.integers(0, TRANSFERS - 1)), k, first, tuple(symbols))


@settings(deadline=None, derandomize=True)
@given(fragments())
def test_what_is_written_is_read(fragment):
    """Every fragment comes back as it was."""
    assert fragment == Fragment.from_bytes(fragment.to_bytes())


@settings(deadline=None, derandomize=True, max_examples=400)
@given(st.binary(max_size=80))
@example(b"")
@example(b"\x85\x0e\x14\x00")
@example(b"\x85\x0e\xff\x02abcd")
def test_garbage_is_a_fragment_or_the_one_error(data):
    """Whatever a record carries: either it is read and would be written the same, or it is refused."""
    try:
        fragment = Fragment.from_bytes(data)
    except FragmentError:
        return
    assert fragment.to_bytes() == data


REFUSED = {
    "header alone": ("05 0e 14", "bad length"),
    "long header alone": ("85 0e 14 02", "bad length"),
    "k of 201": ("05 c8 14 61", "bad k"),
    "count of 0": ("85 0e 14 00 6161", "bad header"),
    "count of 1": ("85 0e 14 01 6161", "bad header"),
    "not a whole number of symbols": ("85 0e 14 02 616161", "bad length"),
    "indices above 255": ("85 0e ff 02 6161", "bad index"),
    "larger than any frame": ("05 00 14" + "61" * (FRAGMENT_BYTES_MAX - 2), "bad length"),
    "block larger than any": ("05 c7 14" + "61" * (BLOCK_BYTES_MAX // 200 + 1), "too long"),
}


@pytest.mark.parametrize(("wire", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_refused(wire, reason):
    """Each with its own reason, for the counters."""
    with pytest.raises(FragmentError) as refused:
        Fragment.from_bytes(bytes.fromhex(wire))

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((TRANSFERS, 2, 0, (b"a",)), "bad transfer"),
        ((-1, 2, 0, (b"a",)), "bad transfer"),
        ((0, 0, 0, (b"a",)), "bad k"),
        ((0, K_MAX + 1, 0, (b"a",)), "bad k"),
        ((0, 2, -1, (b"a",)), "bad index"),
        ((0, 2, SYMBOLS_MAX, (b"a",)), "bad index"),
        ((0, 2, 0, ()), "bad size"),
        ((0, 2, 0, (b"",)), "bad size"),
        ((0, 2, 0, (b"a", b"bc")), "unequal symbols"),
        ((0, 2, 0, (b"a",) * (PER_FRAGMENT_MAX + 1)), "bad count"),
        ((0, 2, 0, (b"a" * (SYMBOL_BYTES_MAX + 1),)), "bad size"),
        ((0, 2, 0, (b"a" * 2047,) * 2), "too long"),
        ((0, 17, 0, (b"a" * 4000,)), "too long"),
    ],
)
def test_a_fragment_one_can_hold_is_a_valid_one(arguments, reason):
    """Construction refuses what must not be sent."""
    with pytest.raises(FragmentError) as refused:
        Fragment(*arguments)

    assert refused.value.reason == reason


def test_the_largest_are_accepted():
    """At each maximum, not one below it."""
    assert Fragment(0, 16, 0, (b"a" * SYMBOL_BYTES_MAX,)).bytes_long == FRAGMENT_BYTES_MAX
    assert Fragment(0, 16, 0, (b"a" * 2046,) * 2).bytes_long == FRAGMENT_BYTES_MAX
    assert Fragment(0, 1, 1, (b"a",) * PER_FRAGMENT_MAX).by_index[SYMBOLS_MAX - 1] == b"a"
