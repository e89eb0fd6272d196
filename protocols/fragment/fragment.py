"""The fragment: what stands inside the ciphertext of a record whose F flag is set. A header, then whole symbols.

The common case is one symbol that fills the frame; its header has 3 bytes. A frame with several has a fourth::

    byte 0   M TTTTTTT   M 0: one symbol, 1: several; T transfer, 0 to 127
    byte 1   KKKKKKKK    k - 1: source symbols of the block less one, 0 to 199; larger ones are refused
    byte 2   IIIIIIII    index of the first symbol, 0 to 255; indices below k are source symbols
    byte 3   CCCCCCCC    only with M: how many symbols follow, 2 to 255; 0 and 1 are refused
    rest     C symbols (one without M) with consecutive indices, all of one size; index + C is at most 256

The symbol size is the rest divided by C and must come out whole: the record carries its exact length. So any one
fragment says which transfer it belongs to, how many symbols are needed, how large they are and which ones it brings,
and its receiver needs no other one first. Frames of different size on different bearers carry different numbers of the
same symbols.

A transfer is named within one sending peer, one direction and one key epoch; ``protocols.fragment.numbers`` has the
rule by which its 128 numbers are used again. Every fragment is a record with its own counter and tag, so a fragment
that arrives here is genuine; what is checked here is that it can be meant at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from protocols.fragment.cauchy import K_MAX, SYMBOLS_MAX
from protocols.fragment.errors import FragmentError

TRANSFERS = 128
"""Transfer numbers."""

HEADER_BYTES = 3
"""Header of a fragment with one symbol."""

HEADER_BYTES_SEVERAL = 4
"""Header of a fragment with several."""

PER_FRAGMENT_MAX = 255
"""Most symbols in one fragment."""

FRAGMENT_BYTES_MAX = 4096
"""Longest fragment with its header; no bearer that needs fragments has larger frames."""

SYMBOL_BYTES_MAX = FRAGMENT_BYTES_MAX - HEADER_BYTES

BLOCK_BYTES_MAX = 65_536
"""Largest k times symbol size."""

_SEVERAL = 0x80


@dataclass(frozen=True, slots=True)
class Fragment:
    """Some symbols of one transfer, as one record carries them.

    ``transfer`` 0 to 127; ``k`` source symbols of the block, 1 to 200; ``first`` index of the first symbol; ``symbols``
    1 to 255 of equal size, the indices counting up from ``first``. Raises FragmentError on construction.
    """

    transfer: int
    k: int
    first: int
    symbols: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.transfer < TRANSFERS:
            raise FragmentError("bad transfer", f"found {self.transfer}, transfers are 0 to {TRANSFERS - 1}")
        check_block(self.k, self.symbol_bytes)
        if not 1 <= len(self.symbols) <= PER_FRAGMENT_MAX:
            raise FragmentError("bad count", f"found {len(self.symbols)} symbols, 1 to {PER_FRAGMENT_MAX} fit")
        if any(len(symbol) != self.symbol_bytes for symbol in self.symbols):
            raise FragmentError("unequal symbols", "all symbols of a fragment have one size")
        if self.first < 0 or self.first + len(self.symbols) > SYMBOLS_MAX:
            last = self.first + len(self.symbols) - 1
            raise FragmentError("bad index", f"found {self.first} to {last}, symbols are 0 to {SYMBOLS_MAX - 1}")
        if self.bytes_long > FRAGMENT_BYTES_MAX:
            raise FragmentError("too long", f"found {self.bytes_long} bytes, at most {FRAGMENT_BYTES_MAX}")

    @property
    def symbol_bytes(self) -> int:
        """Size of one symbol in bytes."""
        return len(self.symbols[0]) if self.symbols else 0

    @property
    def bytes_long(self) -> int:
        """Size on the air with the header, in bytes."""
        return header_bytes(len(self.symbols)) + len(self.symbols) * self.symbol_bytes

    @property
    def by_index(self) -> dict[int, bytes]:
        """The symbols by their index."""
        return dict(enumerate(self.symbols, self.first))

    def to_bytes(self) -> bytes:
        """Return header and symbols."""
        count = len(self.symbols)
        if count == 1:
            head = bytes([self.transfer, self.k - 1, self.first])
        else:
            head = bytes([_SEVERAL | self.transfer, self.k - 1, self.first, count])
        return head + b"".join(self.symbols)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a whole fragment; raise FragmentError and nothing else, whatever the bytes are."""
        if not HEADER_BYTES < len(data) <= FRAGMENT_BYTES_MAX:
            text = f"found {len(data)} bytes, a fragment has {HEADER_BYTES + 1} to {FRAGMENT_BYTES_MAX}"
            raise FragmentError("bad length", text)
        transfer, k, first = data[0] & ~_SEVERAL, data[1] + 1, data[2]
        if not data[0] & _SEVERAL:
            return cls(transfer, k, first, (data[HEADER_BYTES:],))
        count, rest = data[HEADER_BYTES], data[HEADER_BYTES_SEVERAL:]
        if count < 2:
            raise FragmentError("bad header", f"found a count of {count} in the long header, it is for 2 and more")
        size, over = divmod(len(rest), count)
        if over or not size:
            raise FragmentError("bad length", f"found {len(rest)} bytes for {count} symbols of one size")
        return cls(transfer, k, first, tuple(rest[at : at + size] for at in range(0, len(rest), size)))


def header_bytes(count: int) -> int:
    """Return the size in bytes of the header over ``count`` symbols."""
    return HEADER_BYTES if count == 1 else HEADER_BYTES_SEVERAL


def check_block(k: int, symbol_bytes: int) -> None:
    """Raise FragmentError unless k symbols of this size are a block that may be sent."""
    if not 1 <= k <= K_MAX:
        raise FragmentError("bad k", f"found {k} source symbols, a block has 1 to {K_MAX}")
    if not 1 <= symbol_bytes <= SYMBOL_BYTES_MAX:
        raise FragmentError("bad size", f"found symbols of {symbol_bytes} bytes, 1 to {SYMBOL_BYTES_MAX} are allowed")
    if k * symbol_bytes > BLOCK_BYTES_MAX:
        raise FragmentError("too long", f"found {k} symbols of {symbol_bytes} bytes, at most {BLOCK_BYTES_MAX} in all")
