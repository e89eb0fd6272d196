"""Into how many symbols of what size a content is cut, and whether it is cut at all.

Capacities are what a fragment may have on a bearer, header included: the bearer's frame less the record's own bytes.

**Whether.** Content that the smallest usable bearer does not take in one plain record goes in fragments on every bearer,
also on one that would take it whole. A bundle that moves from a wide bearer to a narrow one half-way is then still the
same transfer, and what has arrived counts.

**One bearer** (or several with equal frames): one symbol a fragment, as few as can be, of even size. An even split beats
full frames and a stub: with 69 bytes in frames of 68, two symbols of 35 rather than 68 and 1.

**Several bearers**: the symbols are to fill the frames of all of them. Every k from the fewest possible up to
``K_SPLIT_MAX`` is judged by the bearer it serves worst, that is by the share of that bearer's frame (or of the content,
if that is smaller) which one fragment brings. Of those within ``FILL_SLACK`` of the best the smallest k wins: large
symbols cost less work and leave more repair symbols.

**Too long.** k is at most 200, so the smallest frame limits the content: 200 symbols of 68 bytes, 13 595 bytes, in a
78-byte Beidou message, nearly four hours of it. There is one block a transfer; longer content is for bearers with larger
frames, and its sender leaves the small one out or sends several bundles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.fragment.block import block_bytes
from protocols.fragment.cauchy import K_MAX
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import (
    FRAGMENT_BYTES_MAX,
    HEADER_BYTES,
    HEADER_BYTES_SEVERAL,
    PER_FRAGMENT_MAX,
    check_block,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

CAPACITY_BYTES_MIN = HEADER_BYTES + 1
"""Smallest frame that a fragment fits: header and one byte."""

K_SPLIT_MAX = 100
"""Most symbols a content is cut into only to fill frames better; beyond it repair symbols would get scarce."""

FILL_SLACK = 0.05
"""How much of the best share may be given up for fewer and larger symbols."""


@dataclass(frozen=True, slots=True)
class Split:
    """k source symbols of ``symbol_bytes`` each. Raises FragmentError on construction."""

    k: int
    symbol_bytes: int

    def __post_init__(self) -> None:
        check_block(self.k, self.symbol_bytes)

    def symbols_in(self, capacity_bytes: int) -> int:
        """Return how many whole symbols a fragment of at most ``capacity_bytes`` carries; 0 when not one fits."""
        capacity_bytes = min(capacity_bytes, FRAGMENT_BYTES_MAX)
        several = (capacity_bytes - HEADER_BYTES_SEVERAL) // self.symbol_bytes
        if several >= 2:
            return min(several, PER_FRAGMENT_MAX)
        return 1 if capacity_bytes - HEADER_BYTES >= self.symbol_bytes else 0


def needs_fragments(content_bytes: int, mtus: Iterable[int]) -> bool:
    """Tell whether a content goes in fragments.

    ``mtus`` is what one plain record carries of content on each usable bearer, in bytes. Raise FragmentError when there
    is none.
    """
    smallest = min(mtus, default=None)
    if smallest is None:
        raise FragmentError("no bearer", "the form of a content depends on the bearers it may go by; found none")
    return content_bytes > smallest


def choose_split(content_bytes: int, capacities: Iterable[int]) -> Split:
    """Return how a content is cut for bearers whose fragments may have ``capacities`` bytes.

    Raise FragmentError when there is no bearer, one whose frame is too small, or more content than 200 symbols of the
    smallest frame hold.
    """
    frames = sorted({min(capacity, FRAGMENT_BYTES_MAX) for capacity in capacities})
    if not frames:
        raise FragmentError("no bearer", "symbols are sized for the bearers' frames; found none")
    if frames[0] < CAPACITY_BYTES_MIN:
        raise FragmentError("bad capacity", f"found {frames[0]} bytes, a fragment has at least {CAPACITY_BYTES_MIN}")
    length = block_bytes(content_bytes)
    k_min = -(-length // (frames[0] - HEADER_BYTES))
    if k_min > K_MAX:
        text = f"{content_bytes} bytes need {k_min} symbols in frames of {frames[0]}, at most {K_MAX} are made"
        raise FragmentError("too long", text)
    fewest = _even(length, k_min)
    if len(frames) == 1:
        return fewest
    k_max = K_MAX if k_min > K_SPLIT_MAX else K_SPLIT_MAX
    choices = [fewest, *(_even(length, k) for k in range(k_min + 1, min(k_max, length) + 1))]
    shares = [min(_share(choice, length, frame) for frame in frames) for choice in choices]
    good_enough = max(shares) * (1 - FILL_SLACK)
    return next(choice for choice, share in zip(choices, shares, strict=True) if share >= good_enough)


def _even(length: int, k: int) -> Split:
    """Return ``length`` bytes in k symbols, or in fewer when k symbols of the same size would leave one empty."""
    size = -(-length // k)
    return Split(-(-length // size), size)


def _share(split: Split, length: int, frame: int) -> float:
    """Return how much of what a fragment in ``frame`` bytes could bring it does bring with this split, 0 to 1."""
    brings = min(split.symbols_in(frame), split.k) / split.k * length
    return brings / min(length, frame - HEADER_BYTES)
