"""The code: any k symbols give the block back, and they are the symbols another implementation makes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.fragment.cauchy import K_MAX, SYMBOLS_MAX, coefficient, decode, encode_symbol, split_source
from protocols.fragment.errors import FragmentError
from tests.protocols.fragment import slowfield

KNOWN = {0: "61", 2: "63", 3: "86", 4: "79", 100: "4b", 255: "50"}
"""Symbols of "abc" in three, by index, as slowfield.py makes them."""

SEEDED = settings(deadline=None, derandomize=True, max_examples=80)


def drawn_block(data, *, size_max=3000, k_max=K_MAX):
    """Return a block and k for it, with bytes of one seed rather than thousands of draws."""
    size = data.draw(st.integers(1, size_max), "size")
    k = data.draw(st.integers(1, min(k_max, size)), "k")
    rng = random.Random(data.draw(st.integers(0, 2**32), "seed"))
    return rng.randbytes(size), k, rng


@SEEDED
@given(st.data())
def test_any_k_symbols_give_the_block_back(data):
    """All sizes to 3000 bytes, all k to 200, k symbols chosen from all 256 in any order."""
    block, k, rng = drawn_block(data)
    source = split_source(block, k)
    chosen = rng.sample(range(SYMBOLS_MAX), k)

    found = decode(k, {index: encode_symbol(source, index) for index in chosen})

    assert source == found
    assert b"".join(found)[: len(block)] == block


@SEEDED
@given(st.data())
def test_more_than_k_symbols_do_no_harm(data):
    """Whatever is there beyond k changes nothing."""
    block, k, rng = drawn_block(data, size_max=400, k_max=40)
    source = split_source(block, k)
    chosen = rng.sample(range(SYMBOLS_MAX), rng.randint(k, SYMBOLS_MAX))

    assert source == decode(k, {index: encode_symbol(source, index) for index in chosen})


@pytest.mark.parametrize(
    "missing", [0, 1, 56], ids=["nothing is missing", "one symbol is missing", "all repair symbols are needed"]
)
def test_largest_k_decodes(missing):
    """With 200 source symbols at most 56 may be lost, and those are given back."""
    rng = random.Random(missing)
    source = split_source(rng.randbytes(K_MAX * 7), K_MAX)
    kept = rng.sample(range(K_MAX), K_MAX - missing)
    repair = range(K_MAX, K_MAX + missing)

    assert source == decode(K_MAX, {index: encode_symbol(source, index) for index in (*kept, *repair)})


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.data())
def test_symbols_are_those_of_a_slow_implementation(data):
    """Every symbol by its definition, with multiplication of another kind."""
    block, k, _ = drawn_block(data, size_max=60, k_max=12)
    source = split_source(block, k)
    index = data.draw(st.integers(0, SYMBOLS_MAX - 1))

    assert slowfield.symbol(source, index) == encode_symbol(source, index)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.data())
def test_decoding_agrees_with_gaussian_elimination(data):
    """The closed form of the inverse gives what elimination gives, on symbols made by the slow implementation."""
    block, k, rng = drawn_block(data, size_max=60, k_max=10)
    source = split_source(block, k)
    symbols = {index: slowfield.symbol(source, index) for index in rng.sample(range(SYMBOLS_MAX), k)}

    assert slowfield.solve(k, symbols) == source
    assert decode(k, symbols) == source


def test_known_vector():
    """Symbols written down once stay what they are: another version must understand them."""
    source = (b"a", b"b", b"c")

    assert {index: slowfield.symbol(source, index).hex() for index in KNOWN} == KNOWN
    assert {index: encode_symbol(source, index).hex() for index in KNOWN} == KNOWN


def test_source_symbols_are_the_block_itself():
    """Who loses nothing computes nothing; the last symbol is filled with zeros."""
    assert split_source(b"abcdefg", 3) == (b"abc", b"def", b"g\0\0")


def test_coefficients_do_not_depend_on_k():
    """A symbol index is its own element of the field, whatever the block."""
    assert coefficient(200, 5) == slowfield.inverse(200 ^ 5)


@pytest.mark.parametrize("k", [0, -1, K_MAX + 1])
def test_k_has_bounds(k):
    """1 to 200 source symbols; one more or less is refused everywhere."""
    with pytest.raises(FragmentError, match="bad k"):
        split_source(b"a" * 300, k)
    with pytest.raises(FragmentError, match="bad k"):
        encode_symbol([b"a"] * max(k, 0), 0)
    with pytest.raises(FragmentError, match="bad k"):
        decode(k, {0: b"a"})


@pytest.mark.parametrize("index", [-1, SYMBOLS_MAX])
def test_an_index_has_bounds(index):
    """0 to 255."""
    with pytest.raises(FragmentError, match="bad index"):
        encode_symbol((b"a", b"b"), index)
    with pytest.raises(FragmentError, match="bad index"):
        decode(2, {0: b"a", index: b"b"})


def test_too_few_or_unequal_symbols_are_refused():
    """k - 1 symbols are not enough, and all have one size."""
    with pytest.raises(FragmentError, match="too few"):
        decode(3, {0: b"a", 9: b"b"})
    with pytest.raises(FragmentError, match="unequal"):
        decode(2, {0: b"a", 9: b"bc"})
    with pytest.raises(FragmentError, match="unequal"):
        encode_symbol((b"a", b"bc"), 9)


def test_an_empty_block_is_refused():
    """There is nothing to send."""
    with pytest.raises(FragmentError, match="empty"):
        split_source(b"", 1)
