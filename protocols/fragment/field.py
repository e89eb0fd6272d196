"""Arithmetic in GF(256), the field of 256 elements: bytes are polynomials over GF(2) modulo x^8 + x^4 + x^3 + x^2 + 1.

That polynomial (0x11D) is primitive with root 2, so every element but 0 is a power of 2 and a product is a sum of
logarithms. Addition and subtraction are both XOR. Rows of bytes are worked on whole: ``bytes.translate`` multiplies all
bytes by one coefficient and a big integer XORs them, which in Python is some fifty times faster than byte by byte.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

POLYNOMIAL = 0x11D
ELEMENTS = 256
ORDER = ELEMENTS - 1
"""Powers of 2 before they repeat; exponents count modulo this."""


def _powers() -> list[int]:
    powers, value = [], 1
    for _ in range(ORDER):
        powers.append(value)
        value <<= 1
        if value >= ELEMENTS:
            value ^= POLYNOMIAL
    return powers


EXP = bytes(_powers() * 2)
"""``EXP[n]`` is 2 to the n; twice over, so that the sum of two logarithms needs no modulo."""

LOG = bytes([0] + [EXP.index(element) for element in range(1, ELEMENTS)])
"""``LOG[a]`` is the power of 2 that a is; ``LOG[0]`` means nothing."""


def multiply(a: int, b: int) -> int:
    """Return the product of two elements."""
    return EXP[LOG[a] + LOG[b]] if a and b else 0


def inverse(a: int) -> int:
    """Return the element that times ``a`` is 1; raise ZeroDivisionError for 0."""
    if not a:
        raise ZeroDivisionError("0 has no inverse in GF(256)")
    return EXP[ORDER - LOG[a]]


@cache
def times_table(coefficient: int) -> bytes:
    """Return the products of ``coefficient`` with all 256 elements, a table for ``bytes.translate``.

    At most 256 tables of 256 bytes are kept, made when first asked for: a program that sends nothing pays nothing.
    """
    return bytes(multiply(coefficient, element) for element in range(ELEMENTS))


def combine(terms: Iterable[tuple[int, bytes]], size: int) -> bytes:
    """Return the sum of coefficient times row over all terms; every row and the result have ``size`` bytes."""
    total = 0
    for coefficient, row in terms:
        total ^= int.from_bytes(row.translate(times_table(coefficient)))
    return total.to_bytes(size)
