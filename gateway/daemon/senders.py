"""Which senders have a backlog that is not through yet, in fixed memory however many they are."""

from __future__ import annotations

import zlib
from array import array

BUCKETS = 1 << 20
"""Counters that senders share, 4 MB. With 10,000 senders in a backlog one in a hundred others waits needlessly."""


class SenderCounts:
    """How many reports of each sender are still to go. Senders share counters by a hash of their name.

    So a sender may be told to wait for another's backlog; nobody is let go before their own.
    """

    def __init__(self) -> None:
        self._left = array("I")

    def note(self, sender: str) -> None:
        """Count one report more; the counters are made with the first."""
        if not self._left:
            self._left = array("I", bytes(4 * BUCKETS))
        self._left[_bucket(sender)] += 1

    def through(self, sender: str) -> None:
        """Count one report as gone."""
        if self.waits(sender):
            self._left[_bucket(sender)] -= 1

    def waits(self, sender: str) -> bool:
        """Tell whether something of this sender, or of one that shares its counter, is still to go."""
        return bool(self._left) and self._left[_bucket(sender)] > 0


def _bucket(sender: str) -> int:
    return zlib.crc32(sender.encode("utf-8", "surrogatepass")) % BUCKETS
