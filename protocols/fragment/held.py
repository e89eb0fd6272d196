"""What a receiver keeps of one transfer: while symbols are missing the symbols, afterwards their fingerprints.

A finished transfer answers late symbols with "complete". Its number may meanwhile name the next content, and answering
*that* with "complete" would lose it, so a symbol must show which of the two it belongs to. The fingerprint of a symbol
is the XOR of its 8-byte words. That is linear, so the fingerprint of any symbol is the same combination of the source
symbols' fingerprints as the symbol is of the source symbols: 8 bytes a source symbol recognise all 256. Symbols shorter
than 8 bytes are recognised as far as they go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from protocols.fragment.cauchy import SYMBOLS_MAX, encode_symbol
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import check_block

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protocols.fragment.fragment import Fragment

FINGERPRINT_BYTES = 8


def fingerprint(symbol: bytes) -> bytes:
    """Return the XOR of the symbol's 8-byte words, the last padded with zeros."""
    total = 0
    for at in range(0, len(symbol), FINGERPRINT_BYTES):
        total ^= int.from_bytes(symbol[at : at + FINGERPRINT_BYTES].ljust(FINGERPRINT_BYTES, b"\0"))
    return total.to_bytes(FINGERPRINT_BYTES)


@dataclass(slots=True)
class Open:
    """A transfer with fewer than k symbols, by index.

    ``heard_s`` is when the last fragment came; ``report_latest_s`` when to report though more keep coming.
    """

    k: int
    symbol_bytes: int
    heard_s: float
    report_latest_s: float
    symbols: dict[int, bytes] = field(default_factory=dict)

    @property
    def need(self) -> int:
        """How many more symbols are needed."""
        return max(self.k - len(self.symbols), 0)

    @property
    def bytes_held(self) -> int:
        """Bytes of symbols kept."""
        return len(self.symbols) * self.symbol_bytes

    def contradicts(self, fragment: Fragment) -> bool:
        """Tell whether a fragment with this number cannot be of this transfer."""
        if (fragment.k, fragment.symbol_bytes) != (self.k, self.symbol_bytes):
            return True
        return any(self.symbols.get(index, symbol) != symbol for index, symbol in fragment.by_index.items())

    def add(self, fragment: Fragment) -> int:
        """Keep what is new of a fragment that does not contradict, and return how many symbols that is."""
        before = len(self.symbols)
        self.symbols.update(fragment.by_index)
        return len(self.symbols) - before

    def to_plain(self) -> dict[str, Any]:
        """Return it as values that JSON knows."""
        symbols = {str(index): symbol.hex() for index, symbol in self.symbols.items()}
        return {
            "k": self.k,
            "symbol_bytes": self.symbol_bytes,
            "heard_s": self.heard_s,
            "report_latest_s": self.report_latest_s,
            "symbols": symbols,
        }

    @classmethod
    def from_plain(cls, state: Mapping[str, Any]) -> Self:
        """Return what ``to_plain`` gave; raise FragmentError, KeyError, TypeError or ValueError for anything else."""
        symbols = {int(index): bytes.fromhex(symbol) for index, symbol in state["symbols"].items()}
        times = (float(state["heard_s"]), float(state["report_latest_s"]))
        held = cls(int(state["k"]), int(state["symbol_bytes"]), *times, symbols)
        check_block(held.k, held.symbol_bytes)
        good = all(0 <= index < SYMBOLS_MAX and len(s) == held.symbol_bytes for index, s in symbols.items())
        if not good or not 0 < len(symbols) < held.k:
            raise FragmentError("bad snapshot", f"found {len(symbols)} symbols of a transfer of {held.k}")
        return held


@dataclass(slots=True)
class Finished:
    """A transfer whose content was given out; ``reported_s`` is when its receiver was last told of."""

    k: int
    symbol_bytes: int
    heard_s: float
    fingerprints: tuple[bytes, ...]
    reported_s: float | None = None

    @classmethod
    def of(cls, source: Sequence[bytes], heard_s: float) -> Self:
        """Return what is kept of a block, from its source symbols."""
        return cls(len(source), len(source[0]), heard_s, tuple(fingerprint(symbol) for symbol in source))

    def has(self, fragment: Fragment) -> bool:
        """Tell whether all symbols of a fragment belong to this content."""
        return (fragment.k, fragment.symbol_bytes) == (self.k, self.symbol_bytes) and all(
            encode_symbol(self.fingerprints, index) == fingerprint(symbol)
            for index, symbol in fragment.by_index.items()
        )

    def to_plain(self) -> dict[str, Any]:
        """Return it as values that JSON knows."""
        return {
            "k": self.k,
            "symbol_bytes": self.symbol_bytes,
            "heard_s": self.heard_s,
            "fingerprints": b"".join(self.fingerprints).hex(),
            "reported_s": self.reported_s,
        }

    @classmethod
    def from_plain(cls, state: Mapping[str, Any]) -> Self:
        """Return what ``to_plain`` gave; raise FragmentError, KeyError, TypeError or ValueError for anything else."""
        row = bytes.fromhex(state["fingerprints"])
        fingerprints = tuple(row[at : at + FINGERPRINT_BYTES] for at in range(0, len(row), FINGERPRINT_BYTES))
        reported_s = state["reported_s"]
        held = cls(
            int(state["k"]),
            int(state["symbol_bytes"]),
            float(state["heard_s"]),
            fingerprints,
            None if reported_s is None else float(reported_s),
        )
        check_block(held.k, held.symbol_bytes)
        if len(row) != held.k * FINGERPRINT_BYTES:
            raise FragmentError("bad snapshot", f"found {len(row)} bytes of fingerprints for {held.k} symbols")
        return held
