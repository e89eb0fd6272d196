"""GF(256): a field, and the same one as a slow implementation that shares nothing with it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.fragment.field import combine, inverse, multiply, times_table
from tests.protocols.fragment import slowfield

ELEMENTS = st.integers(0, 255)


def test_every_product_is_that_of_slow_multiplication():
    """All 65 536 products, one by one and by the tables that rows are multiplied with."""
    expected = [[slowfield.times(a, b) for b in range(256)] for a in range(256)]

    assert [[multiply(a, b) for b in range(256)] for a in range(256)] == expected
    assert [list(times_table(a)) for a in range(256)] == expected


def test_every_inverse_gives_one():
    """Each element but 0 has its inverse, 0 has none."""
    assert [multiply(a, inverse(a)) for a in range(1, 256)] == [1] * 255
    with pytest.raises(ZeroDivisionError):
        inverse(0)


@given(ELEMENTS, ELEMENTS, ELEMENTS)
def test_products_distribute_over_sums(a, b, c):
    """Which makes XOR of whole rows right."""
    assert multiply(a, b ^ c) == multiply(a, b) ^ multiply(a, c)
    assert multiply(multiply(a, b), c) == multiply(a, multiply(b, c))


@settings(derandomize=True, max_examples=50)
@given(
    st.integers(1, 40).flatmap(lambda n: st.lists(st.tuples(ELEMENTS, st.binary(min_size=n, max_size=n)), min_size=1))
)
def test_rows_are_combined_as_byte_by_byte(terms):
    """A combination of rows is that of their bytes, at each place."""
    size = len(terms[0][1])
    expected = bytearray(size)
    for factor, row in terms:
        for at, byte in enumerate(row):
            expected[at] ^= slowfield.times(factor, byte)

    assert bytes(expected) == combine(terms, size)
