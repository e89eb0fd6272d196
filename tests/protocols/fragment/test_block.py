"""The block: content in, content out, and nothing taken for a content that is none."""

import random
from binascii import crc32
from hashlib import shake_128

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.fragment.block import BLOCK_HEAD_BYTES, CONTENT_BYTES_MAX, content_of, source_symbols
from protocols.fragment.cauchy import K_MAX, decode, encode_symbol
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import BLOCK_BYTES_MAX


@settings(deadline=None, derandomize=True)
@given(st.binary(min_size=1, max_size=600), st.integers(1, K_MAX))
def test_content_comes_back(content, k):
    """With every number of symbols, also with more of them than bytes."""
    source = source_symbols(content, k)

    assert len(source) == k
    assert content == content_of(source)


def test_layout():
    """Count of zeros, check in clear; what follows is masked and does not show the content."""
    source = source_symbols(b"abcdefgh", 3)
    block = b"".join(source)

    assert [len(symbol) for symbol in source] == [5, 5, 5]
    assert block[0] == 15 - BLOCK_HEAD_BYTES - 8
    assert block[1:5] == crc32(b"abcdefgh").to_bytes(4)
    mask = shake_128(block[1:5]).digest(10)
    assert bytes(a ^ b for a, b in zip(block[5:], mask, strict=True)) == b"abcdefgh\0\0"
    assert block.hex() == "02aeef2a5035ecc879a4a0f0ba458d"


def test_contents_with_a_part_in_common_have_no_symbol_in_common():
    """So any one symbol shows which content it belongs to."""
    rng = random.Random(1)
    common = rng.randbytes(900)
    one, other = (source_symbols(common + end, 15) for end in (b"first", b"other"))

    assert [i for i in range(256) if encode_symbol(one, i) == encode_symbol(other, i)] == []


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(2, 30), st.integers(0, 2**32))
def test_a_mixture_of_two_contents_is_refused(k, seed):
    """Symbols of both under one number decode to something, and the check finds it out."""
    rng = random.Random(seed)
    one, other = (source_symbols(rng.randbytes(10 * k), k) for _ in range(2))
    taken = rng.randint(1, k - 1)
    indices = rng.sample(range(256), k)
    symbols = {i: encode_symbol(one if at < taken else other, i) for at, i in enumerate(indices)}

    with pytest.raises(FragmentError, match="bad check"):
        content_of(decode(k, symbols))


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.integers(1, 8).flatmap(lambda n: st.lists(st.binary(min_size=n, max_size=n), min_size=1, max_size=20)))
def test_garbage_is_refused(source):
    """Never another error, and never taken for a content."""
    with pytest.raises(FragmentError, match="bad check"):
        content_of(source)


@pytest.mark.parametrize("at", [0, 1, 5, 12, 14])
def test_one_wrong_byte_is_found(at):
    """In the count, in the check, in the content, in the zeros."""
    block = bytearray(b"".join(source_symbols(b"abcdefgh", 3)))
    block[at] ^= 1

    with pytest.raises(FragmentError, match="bad check"):
        content_of([bytes(block[:5]), bytes(block[5:10]), bytes(block[10:])])


def test_longest_content():
    """At the maximum it is carried, above it refused; so is nothing at all."""
    content = bytes(CONTENT_BYTES_MAX)

    assert content_of(source_symbols(content, 16 * 2)) == content
    with pytest.raises(FragmentError, match="too long"):
        source_symbols(content + b"a", 32)
    with pytest.raises(FragmentError, match="empty"):
        source_symbols(b"", 1)
    with pytest.raises(FragmentError, match="bad size"):
        source_symbols(bytes(BLOCK_BYTES_MAX // 2), 4)
    with pytest.raises(FragmentError, match="bad k"):
        source_symbols(b"a", 0)
