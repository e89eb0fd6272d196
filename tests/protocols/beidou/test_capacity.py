"""Capacity by level, encoding and generation: what just fits is sent, one more is refused, nothing is cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.beidou.bd3 import CCTCQ
from protocols.beidou.bd21_host import CCTXA
from protocols.beidou.bd40_host import TXSQ
from protocols.beidou.capacity import (
    BD2_ENCRYPTED_BITS,
    BD2_PLAIN_BITS,
    BD2_URGENT_BITS,
    BD3_LEVEL_BITS,
    Generation,
    capacity_bits,
    check_capacity,
    data_bytes_max,
    payload_bits,
    text_bits,
)
from protocols.beidou.errors import FrameError
from protocols.beidou.payload import Encoding, Payload

LIMITS = [
    *[(Generation.BD2, level, False, bits) for level, bits in {1: 110, 2: 408, 3: 628, 4: 848}.items()],
    *[(Generation.BD2, level, True, bits) for level, bits in {1: 140, 2: 360, 3: 580, 4: 1680}.items()],
    *[(Generation.BD3, level, False, bits) for level, bits in {1: 560, 2: 1835, 3: 1835, 4: 1835, 5: 14_000}.items()],
]
"""Published tables (sections 2.3 and 5.2), written out again so that a changed figure is seen."""


def largest(encoding, generation, bits):
    """Return how many digits, bytes or characters fit, by the rules of 2.3 and 5.2."""
    match encoding:
        case Encoding.CODE:
            return bits // 4
        case Encoding.MIXED:
            return bits // 8 - 1
        case Encoding.HANZI:
            return bits // (14 if generation is Generation.BD2 else 16)


def filled(encoding, count):
    """Return a payload of so many digits, bytes or characters."""
    match encoding:
        case Encoding.CODE:
            return Payload.of_digits("1" * count)
        case Encoding.MIXED:
            return Payload.of_text("x" * count, Encoding.MIXED)
        case Encoding.HANZI:
            return Payload.of_text("灾" * count, Encoding.HANZI)


@pytest.mark.parametrize("encoding", [Encoding.HANZI, Encoding.CODE, Encoding.MIXED])
@pytest.mark.parametrize(("generation", "level", "encrypted", "bits"), LIMITS)
def test_exactly_the_limit_is_sent_and_one_more_is_refused(generation, level, encrypted, bits, encoding):
    """For every level, kind of card and encoding, the edge is where the tables say."""
    limit = capacity_bits(generation, level, encrypted=encrypted)
    count = largest(encoding, generation, bits)

    assert limit == bits
    check_capacity(filled(encoding, count), generation, limit)
    with pytest.raises(FrameError) as refused:
        check_capacity(filled(encoding, count + 1), generation, limit)
    assert refused.value.reason == "over capacity"


@pytest.mark.parametrize(("encoding", "count"), [(Encoding.HANZI, 44), (Encoding.CODE, 157), (Encoding.MIXED, 77)])
def test_a_civil_level_three_card_carries_the_published_figures(encoding, count):
    """628 bits are 44 characters, 157 digits or 77 bytes behind the A4 (section 2.3)."""
    assert largest(encoding, Generation.BD2, BD2_PLAIN_BITS[3]) == count
    assert data_bytes_max(BD2_PLAIN_BITS[3]) == 78


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_urgent_messages_have_their_own_limit_whatever_the_level(level):
    """特快通信: 188 bits on any BD-2 card."""
    assert capacity_bits(Generation.BD2, level, urgent=True) == BD2_URGENT_BITS == 188
    assert capacity_bits(Generation.BD2, level, encrypted=True, urgent=True) == 188


def test_level_zero_of_a_beidou_three_card_is_level_five():
    """A BDS-3 card says 0 for 5; 14 000 bits belong to that level only."""
    assert capacity_bits(Generation.BD3, 0) == capacity_bits(Generation.BD3, 5) == 14_000
    assert [level for level, bits in BD3_LEVEL_BITS.items() if bits == 14_000] == [5]


@pytest.mark.parametrize(
    ("generation", "level"), [(Generation.BD2, 0), (Generation.BD2, 5), (Generation.BD3, 6), (Generation.BD3, -1)]
)
def test_a_level_that_is_none_has_no_capacity(generation, level):
    """Nothing is assumed for a level the tables do not have."""
    with pytest.raises(FrameError, match="bad level"):
        capacity_bits(generation, level)


def test_a_site_may_know_better_than_the_safe_figures():
    """The BDS-3 table is a parameter: most of its levels are UNCONFIRMED."""
    assert capacity_bits(Generation.BD3, 3, bd3_table={**BD3_LEVEL_BITS, 3: 4000}) == 4000


def test_ascii_inside_chinese_counts_seven_bits_in_bd2_and_sixteen_in_bd3():
    """Section 2.3 and 5.2 count differently."""
    assert text_bits("灾1", Generation.BD2, Encoding.HANZI) == 21
    assert text_bits("灾1", Generation.BD3, Encoding.HANZI) == 32


@pytest.mark.parametrize("encoding", [Encoding.HANZI, Encoding.CODE, Encoding.MIXED])
def test_no_request_above_the_largest_card_can_be_written(encoding):
    """The wire classes know no card, but refuse what no card sends; what just fits is written whole."""
    count = largest(encoding, Generation.BD2, max(BD2_ENCRYPTED_BITS.values()))
    fits, over = filled(encoding, count), filled(encoding, count + 1)

    for of in (CCTXA.of, lambda to, payload: TXSQ.of(0, to, payload)):
        request = of(1, fits)
        assert type(request).from_wire(request.to_wire()).payload == fits
        with pytest.raises(FrameError, match="over capacity"):
            of(1, over).to_wire()


@pytest.mark.parametrize("encoding", [Encoding.HANZI, Encoding.CODE, Encoding.MIXED])
def test_a_full_beidou_three_message_fits_the_sentence(encoding):
    """14 000 bits are 3500 digits, within the longest sentence; one more is refused, not cut."""
    count = largest(encoding, Generation.BD3, 14_000)

    request = CCTCQ.of(4_204_986, filled(encoding, count))
    assert CCTCQ.from_wire(request.to_wire()).payload == filled(encoding, count)
    with pytest.raises(FrameError, match="over capacity"):
        CCTCQ.of(4_204_986, filled(encoding, count + 1)).to_wire()


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=80), st.sampled_from(list(Generation)))
def test_a_text_counts_by_the_rule_of_the_encoding_chosen_for_it(text, generation):
    """Whatever the text, the count of the chosen encoding is what the tables' rule gives, byte for byte."""
    try:
        payload = Payload.of_text(text)
    except FrameError:
        return
    bits = payload_bits(payload, generation)

    if payload.encoding is Encoding.MIXED:
        assert bits == 8 * (len(text.encode("gb18030")) + 1)
    else:
        assert bits == (14 if generation is Generation.BD2 else 16) * len(text)
