"""The standing choice: which link is in use for a sort of traffic, and which were left lately.

Trust, prices and schedules of links change one by one; each alone is held down, but two together could still send
traffic there and back within minutes. So the choice itself is remembered: a link that was left is not gone back to before
the hold-down is over, unless the one in use fails.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from gateway.router.budget import UNLIMITED
from gateway.router.choose import Standing
from gateway.router.plan import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.model import Bundle
    from gateway.router.budget import Ledger
    from gateway.router.plan import Decision, LinkView
    from gateway.router.policy import Policy

STANDINGS_MAX = 1_000
"""Sorts of traffic that are remembered; beyond it the one that has not been asked for longest is forgotten."""


class Standings:
    """The standing of every sort of traffic. A sort is what may have a choice of its own: precedence, kind, lane, size."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, ...], Standing] = OrderedDict()

    def plan(
        self,
        bundle: Bundle,
        links: Sequence[LinkView],
        policy: Policy,
        now_s: float,
        size_bytes: int | None = None,
        *,
        source: Ledger = UNLIMITED,
    ) -> Decision:
        """Decide as ``plan`` does, knowing what is in use, and remember it."""
        sort = (
            bundle.precedence.name,
            str(bundle.draft.message.kind) if bundle.draft.message.kind in policy.kinds else "",
            bundle.lane,
            str((size_bytes or 0).bit_length()),
        )
        before = self._known.get(sort, Standing())
        decision = plan(bundle, links, policy, now_s, size_bytes, source=source, standing=before)
        if decision.standing is not before:
            self._known[sort] = decision.standing
            self._known.move_to_end(sort)
            if len(self._known) > STANDINGS_MAX:
                self._known.popitem(last=False)
        return decision

    def __len__(self) -> int:
        return len(self._known)
