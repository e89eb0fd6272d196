"""Which of the last 4096 counters of a session were accepted (RFC 8613, section 7.4; RFC 4303, section 3.4.3).

A value: ``mark`` returns another one, so that the old one stays true when the transaction around it is taken back.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from protocols.record.counter import COUNTER_MAX, FIRST_COUNTER
from protocols.record.errors import Malformed

WINDOW_COUNTERS = 4096
"""How far back copies are known: the highest counter and 4095 below it."""
WINDOW_BYTES_MAX = 5 + WINDOW_COUNTERS // 8
"""Size when stored, at most."""
_KEPT = (1 << WINDOW_COUNTERS) - 1


class Verdict(enum.StrEnum):
    """What a window says of a counter."""

    NEW = "new"
    SEEN = "seen"
    TOO_OLD = "too old"


@dataclass(frozen=True, slots=True)
class Window:
    """The highest counter accepted (0 for none yet) and a bit for each below it: bit i is counter ``highest - i``."""

    highest: int = 0
    bits: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.highest <= COUNTER_MAX:
            raise Malformed("bad window", f"highest counter {self.highest}, it has 40 bits")
        span = min(self.highest, WINDOW_COUNTERS)
        if not 0 <= self.bits < 1 << span:
            raise Malformed("bad window", f"the bitmap has bits beyond the {span} counters there are")
        if self.bits & 1 != (self.highest > 0):
            raise Malformed("bad window", "the highest counter is the one that was accepted")

    def check(self, counter: int) -> Verdict:
        """Say whether ``counter`` is new, was accepted before, or lies too far back to know."""
        if counter > self.highest:
            return Verdict.NEW
        back = self.highest - counter
        if back >= WINDOW_COUNTERS or counter < FIRST_COUNTER:
            return Verdict.TOO_OLD
        return Verdict.SEEN if self.bits >> back & 1 else Verdict.NEW

    def mark(self, counter: int) -> Window:
        """Return the window after ``counter``, which ``check`` called new, was accepted; else raise Malformed."""
        if self.check(counter) is not Verdict.NEW:
            raise Malformed("bad window", f"counter {counter} is {self.check(counter)}, only a new one is marked")
        ahead = counter - self.highest
        if ahead > 0:
            # A shift by more than the window leaves nothing, and must not build a number of that many bits first.
            kept = (self.bits << ahead) & _KEPT if ahead < WINDOW_COUNTERS else 0
            return Window(counter, kept | 1)
        return Window(self.highest, self.bits | 1 << -ahead)

    def without(self, counter: int) -> Window:
        """Return the window as if a counter had not been accepted: for a message that is authentic and refused.

        A receipt must not say that it is here, and a copy is judged, and refused, again.
        """
        back = self.highest - counter
        if not 0 <= back < WINDOW_COUNTERS:
            return self
        bits = self.bits & ~(1 << back)
        if back or not bits:
            return Window(self.highest, bits) if back else Window()
        step = (bits & -bits).bit_length() - 1
        return Window(self.highest - step, bits >> step)

    def to_bytes(self) -> bytes:
        """Return 5 bytes of highest counter and the bitmap without leading zeros, 5 to 517 bytes."""
        return self.highest.to_bytes(5) + self.bits.to_bytes((self.bits.bit_length() + 7) // 8)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Window:
        """Read what ``to_bytes`` wrote; raise Malformed for anything else."""
        if not 5 <= len(stored) <= WINDOW_BYTES_MAX:
            raise Malformed("bad window", f"found {len(stored)} bytes, a stored window has 5 to {WINDOW_BYTES_MAX}")
        return cls(int.from_bytes(stored[:5]), int.from_bytes(stored[5:]))
