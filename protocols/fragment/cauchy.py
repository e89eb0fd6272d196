"""Systematic Cauchy Reed-Solomon code for erasures: k source symbols, up to 256 in all, any k of them give all.

A symbol is named by its index, one byte. Indices below k are the source symbols themselves. Every other index i is a
repair symbol, the sum over the source indices c of ``1 / (i + c)`` times source symbol c, all in GF(256): row i of a
Cauchy matrix whose x are the repair indices and whose y are the source indices. Both kinds of index are different
elements of the field, so ``i + c`` is never 0 and every square part of the matrix can be inverted, which is what "any k"
needs. 256 elements are 256 symbols.

Decoding solves for the missing source symbols only. The inverse of a Cauchy matrix is known in closed form, so the cost
is missing times k row operations and no elimination.

Sources: J. Blömer et al., "An XOR-Based Erasure-Resilient Coding Scheme", ICSI TR-95-048 (Cauchy matrices as codes);
D. E. Knuth, The Art of Computer Programming 1, section 1.2.3, exercise 41 (the inverse).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.fragment.errors import FragmentError
from protocols.fragment.field import ELEMENTS, EXP, LOG, ORDER, combine, inverse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SYMBOLS_MAX = ELEMENTS
"""Different symbols of one block, source and repair together."""

K_MAX = 200
"""Most source symbols of a block, so that at least 56 repair symbols are left."""


def coefficient(index: int, column: int) -> int:
    """Return what source symbol ``column`` is multiplied by in repair symbol ``index``."""
    return inverse(index ^ column)


def split_source(block: bytes, k: int) -> tuple[bytes, ...]:
    """Return the k source symbols of ``block``, ceil(size / k) bytes each, the last padded with zeros.

    Raise FragmentError when k is not 1 to 200 or the block is empty.
    """
    _check_k(k)
    if not block:
        raise FragmentError("empty", "a block has at least one byte")
    size = -(-len(block) // k)
    padded = block.ljust(k * size, b"\0")
    return tuple(padded[at : at + size] for at in range(0, k * size, size))


def encode_symbol(source: Sequence[bytes], index: int) -> bytes:
    """Return symbol ``index`` (0 to 255) of the block whose source symbols are ``source``; raise FragmentError."""
    k = len(source)
    _check_k(k)
    _check_index(index)
    if index < k:
        return source[index]
    size = len(source[0])
    if any(len(symbol) != size for symbol in source):
        raise FragmentError("unequal symbols", "all symbols of a block have one size")
    return combine(((coefficient(index, column), symbol) for column, symbol in enumerate(source)), size)


def decode(k: int, symbols: Mapping[int, bytes]) -> tuple[bytes, ...]:
    """Return the k source symbols from any k or more symbols by index.

    Raise FragmentError for fewer than k, symbols of different size, or an index that is none. Symbols are taken as they
    are: what is not genuine must not come here, which the tag of each record sees to.
    """
    _check_k(k)
    if len(symbols) < k:
        raise FragmentError("too few symbols", f"found {len(symbols)}, {k} are needed")
    for index in symbols:
        _check_index(index)
    size = len(next(iter(symbols.values())))
    if any(len(symbol) != size for symbol in symbols.values()):
        raise FragmentError("unequal symbols", "all symbols of a block have one size")
    missing = [column for column in range(k) if column not in symbols]
    found = _solve(k, symbols, missing, size) if missing else {}
    return tuple(found[column] if column in found else symbols[column] for column in range(k))


def _solve(k: int, symbols: Mapping[int, bytes], missing: list[int], size: int) -> dict[int, bytes]:
    """Return the missing source symbols by index."""
    rows = sorted(index for index in symbols if index >= k)[: len(missing)]
    present = [column for column in range(k) if column in symbols]
    # What a repair symbol says about the missing ones is left when the known part is taken out of it.
    left = []
    for row in rows:
        terms = [(coefficient(row, column), symbols[column]) for column in present]
        left.append(combine([(1, symbols[row]), *terms], size))
    weights = _inverse_rows(rows, missing)
    return {column: combine(zip(line, left, strict=True), size) for column, line in zip(missing, weights, strict=True)}


def _inverse_rows(xs: Sequence[int], ys: Sequence[int]) -> list[list[int]]:
    """Return the inverse of the matrix ``1 / (x + y)``, a row for each y and a column for each x, by logarithms."""
    x_parts = [sum(LOG[x ^ y] for y in ys) - sum(LOG[x ^ other] for other in xs if other != x) for x in xs]
    y_parts = [sum(LOG[x ^ y] for x in xs) - sum(LOG[y ^ other] for other in ys if other != y) for y in ys]
    return [
        [EXP[(x_part + y_part - LOG[x ^ y]) % ORDER] for x, x_part in zip(xs, x_parts, strict=True)]
        for y, y_part in zip(ys, y_parts, strict=True)
    ]


def _check_k(k: int) -> None:
    if not 1 <= k <= K_MAX:
        raise FragmentError("bad k", f"found {k} source symbols, a block has 1 to {K_MAX}")


def _check_index(index: int) -> None:
    if not 0 <= index < SYMBOLS_MAX:
        raise FragmentError("bad index", f"found {index}, symbols are numbered 0 to {SYMBOLS_MAX - 1}")
