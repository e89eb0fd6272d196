"""How much a key may protect, and how many failed tags are too many.

For 8-byte tags the figures are those of draft-ietf-core-oscore-key-limits, section 2.1.1, for AES-CCM with such tags: at
most 2**20 records and 2**14 failures a key, messages of at most 2**8 blocks; a forger's chance then stays at 2**-50. A
4-byte tag is guessed once in 2**32 tries whatever the key, so failures are counted per peer and over all peers, and from
the thresholds on such tags are no longer believed: by then a forger has had a chance of 2.4e-7 against one peer's session
and of 1.5e-5 against all of them in a day.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from protocols.record.errors import Malformed

LONG_RECORDS_MAX = 1 << 20
"""Records that one key protects, whatever their tags."""
SHORT_RECORDS_MAX = 1 << 16
"""Of those, records with a 4-byte tag."""
ROTATION_MARGIN = 1 << 10
"""So many records before a maximum a rotation is due, so that it is not an SOS that meets the end."""
KEY_AGE_S_MAX = 30 * 86_400
"""A key is changed after a month even when it is hardly used."""

SHORT_FAILURES_MAX = 1 << 10
"""Failed tags of one peer in one session, after which only 8-byte tags are accepted from it until a new salt."""
KEY_FAILURES_MAX = 1 << 14
"""Failed tags against one key, after which the peer should rotate. It is asked for, not enforced: to refuse an SOS would
cost more than a chance of 2**-50."""
FAILURES_COUNTED_MAX = 1 << 20
"""Counting of failures ends here."""
HELLO_AFTER_FAILURES = 3
"""Bad tags in a row from a known peer after which it seems to have lost us, or we it: ask for a hello."""
STREAK_COUNTED_MAX = 255

TOTAL_FAILURES_MAX = 1 << 16
"""Failed tags over all peers in 24 hours, after which 4-byte tags are accepted from nobody."""
_HOUR_S = 3600
_HOURS = 25
"""The hour that runs and 24 whole ones, so that 24 hours are always covered."""


class Alarm(enum.StrEnum):
    """A limit that was reached with this frame. Each is raised once."""

    SHORT_TAGS_REFUSED = "short tags refused"
    """Only 8-byte tags are accepted from this peer now. Tell it with a notice."""
    KEY_ATTACKED = "key attacked"
    """The peer should rotate or begin a session: ask it for a hello."""


@dataclass(frozen=True, slots=True)
class FailureTally:
    """Failed tags over all peers, by the hour: one value for the whole gateway, of fixed size.

    ``long_only`` stays once it is set, until an operator clears it: were it to end by itself, whoever waits a day could
    guess on.
    """

    hour: int = 0
    counts: tuple[int, ...] = (0,) * _HOURS
    long_only: bool = False

    def __post_init__(self) -> None:
        if len(self.counts) != _HOURS or min(self.counts) < 0 or self.hour < 0:
            raise Malformed("bad tally", f"a tally has {_HOURS} counts, none below 0")

    def noted(self, now_s: float, failures: int = 1) -> FailureTally:
        """Return the tally after ``failures`` more, at ``now_s`` seconds on a clock that does not go back."""
        moved = self._moved_to(now_s)
        latest = min(moved.counts[-1] + failures, FAILURES_COUNTED_MAX)
        counts = (*moved.counts[:-1], latest)
        return FailureTally(moved.hour, counts, self.long_only or sum(counts) >= TOTAL_FAILURES_MAX)

    def total(self, now_s: float) -> int:
        """Return the failures of the last 24 to 25 hours."""
        return sum(self._moved_to(now_s).counts)

    def cleared(self) -> FailureTally:
        """Return the tally after an operator said that it is over: 4-byte tags are accepted again, counting begins anew."""
        return FailureTally(self.hour)

    def to_row(self) -> tuple[int, ...]:
        """Return it as integers: hour, long_only, 25 counts."""
        return (self.hour, int(self.long_only), *self.counts)

    @classmethod
    def from_row(cls, row: tuple[int, ...]) -> FailureTally:
        """Read what ``to_row`` gave; raise Malformed."""
        if len(row) != _HOURS + 2:
            raise Malformed("bad tally", f"found {len(row)} values, a stored tally has {_HOURS + 2}")
        return cls(row[0], row[2:], bool(row[1]))

    def _moved_to(self, now_s: float) -> FailureTally:
        hours = min(max(0, int(now_s // _HOUR_S) - self.hour), _HOURS)
        if not hours:
            return self
        return replace(self, hour=int(now_s // _HOUR_S), counts=(*self.counts[hours:], *(0,) * hours))
