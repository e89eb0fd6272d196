"""The 40-bit counter of a record, of which 16 bits travel.

Counters of a session begin at 1; 0 is never used. The receiver takes the value that is nearest to the one it expects next
and ends in the 16 bits that came, as QUIC does with packet numbers (RFC 9000, section 17.1 and appendix A.3). So it is
right while less than 32768 records in a row are lost, and when it is wrong the tag does not fit.
"""

from __future__ import annotations

COUNTER_MAX = (1 << 40) - 1
FIRST_COUNTER = 1
LOW_VALUES = 1 << 16
_HALF = LOW_VALUES // 2


def low_bits(counter: int) -> int:
    """Return the 16 bits that travel."""
    return counter % LOW_VALUES


def rebuild(low: int, expected: int) -> int:
    """Return the counter that ends in the 16 bits ``low`` and lies within -32768 to +32767 of ``expected``.

    ``expected`` is one more than the highest authenticated so far. The result is never below 0 and never above 2**40 - 1;
    it may be 0, which no record has.
    """
    counter = expected + (low - expected + _HALF) % LOW_VALUES - _HALF
    if counter < 0:
        return counter + LOW_VALUES
    return counter - LOW_VALUES if counter > COUNTER_MAX else counter
