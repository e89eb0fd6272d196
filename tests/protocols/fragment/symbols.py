"""Fragments of a content as its sender would make them, for tests of the receiver alone."""

import random

from protocols.fragment.block import source_symbols
from protocols.fragment.cauchy import encode_symbol
from protocols.fragment.fragment import Fragment


def content(seed, size=100):
    return random.Random(seed).randbytes(size)


def fragment(data, k, index, *, transfer=1, count=1):
    """Return the fragment with ``count`` symbols from ``index`` on of ``data`` in k symbols."""
    source = source_symbols(data, k)
    return Fragment(transfer, k, index, tuple(encode_symbol(source, i) for i in range(index, index + count)))
