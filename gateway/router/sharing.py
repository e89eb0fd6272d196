"""Which links may take pieces of a bundle beside the chosen ones: all that are ready and make it no dearer. Pure.

What is longer than a frame goes in pieces any of which serve as well as any other, so each link that helps brings the
whole there sooner. What must be there soonest takes every link; the rest takes those that cost no more than the chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.router.budget import UNLIMITED
from gateway.router.plan import is_in_lane
from gateway.router.policy import Choose
from gateway.router.weigh import SUSPECT, weigh

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.model import Bundle
    from gateway.router.budget import Ledger
    from gateway.router.plan import LinkView
    from gateway.router.policy import Policy


def may_help(
    link: str,
    bundle: Bundle,
    links: Sequence[LinkView],
    policy: Policy,
    now_s: float,
    *,
    chosen: Sequence[str],
    size_bytes: int | None = None,
    source: Ledger = UNLIMITED,
) -> bool:
    """Tell whether ``link`` may take the next piece of a bundle that ``chosen`` carry; with none chosen it waits."""
    rule = policy.rule(bundle.precedence, bundle.draft.message.kind)
    weighed = {
        view.name: weigh(view, bundle, policy, now_s, size_bytes=size_bytes, source=source)
        for view in links
        if is_in_lane(view.bearer, bundle.lane) and (view.name == link or view.name in chosen)
    }
    one = weighed.pop(link, None)
    if one is None or not weighed or (rule.links is not None and link not in rule.links):
        return False
    if one.trust == SUSPECT or not one.is_ready(now_s):
        return False
    return rule.choose is Choose.SOONEST or one.price <= max(other.price for other in weighed.values())
