"""What left by which link and waits for its peer's receipt: the only evidence of whether a link delivers.

Kept in memory only. After a restart a receipt teaches nothing, which is less than the truth and never more.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from gateway.router.again import QUICK_SLOT_S

if TYPE_CHECKING:
    from gateway.daemon.supervisor import LinkRunner

TRIES_MAX = 20_000
"""Bundles whose last tries are remembered; beyond it the oldest is forgotten and teaches nothing."""

COPIES_MAX = 8
"""Unanswered tries of one bundle that are remembered, the latest ones."""


class Try(NamedTuple):
    """One transmission that a peer should answer."""

    runner: LinkRunner
    left_s: float


class Tries:
    """Knows the unanswered transmissions of bundles to other gateways.

    Receipts are noted on the store's thread, everything else happens on the loop, where estimates are.
    """

    def __init__(self) -> None:
        self._of: dict[int, tuple[Try, ...]] = {}
        self._arrived: deque[tuple[int, float]] = deque(maxlen=TRIES_MAX)

    def __len__(self) -> int:
        return len(self._of)

    def left(self, seq: int, runner: LinkRunner, now_s: float, patience_s: float) -> None:
        """Note that a bundle left by a link. Earlier tries that nobody answered within ``patience_s`` were lost."""
        still = []
        for one in self._of.pop(seq, ()):
            if now_s - one.left_s >= patience_s:
                one.runner.estimate = one.runner.estimate.after_lost(now_s)
                one.runner.health = one.runner.health.after_unanswered()
            else:
                still.append(one)
        if len(self._of) >= TRIES_MAX:
            del self._of[next(iter(self._of))]
        self._of[seq] = (*still, Try(runner, now_s))[-COPIES_MAX:]

    def arrived(self, seq: int, now_s: float) -> None:
        """Note a peer's receipt for a bundle; may be called on any thread."""
        self._arrived.append((seq, now_s))

    def learn(self) -> None:
        """Take up the receipts that came. Where copies left by several links, nobody knows which arrived.

        Only a quick link teaches its delay: on others the receipt's own wait for a slot is most of it.
        """
        while self._arrived:
            seq, now_s = self._arrived.popleft()
            tries = self._of.pop(seq, ())
            if len({one.runner.name for one in tries}) != 1:
                continue
            runner, left_s = tries[-1]
            delay_s = (now_s - left_s) / 2 if runner.slot_s <= QUICK_SLOT_S else None
            runner.estimate = runner.estimate.after_receipt(delay_s, now_s)
            runner.health = runner.health.after_answered(now_s)
