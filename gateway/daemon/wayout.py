"""Which link something would take now, and why, link by link. Nothing is stored or sent."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.daemon.dryrun import MEMBERS_SHOWN_MAX, imagined
from gateway.model import BUS_LANE
from gateway.router.plan import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.daemon.core import Core
    from gateway.model import Draft, Endpoint
    from gateway.router.estimate import Figure
    from gateway.router.plan import LinkView, Option


def ways_out(
    core: Core, draft: Draft, members: Sequence[tuple[Endpoint, str]], views: Sequence[LinkView], size_bytes: int | None
) -> list[dict[str, Any]]:
    """Return for each member of the destination what the router would do now, with every link of its lane weighed."""
    now_s = core.now_s()
    by_name = {view.name: view for view in views}
    rows: list[dict[str, Any]] = []
    for member, lane in members[:MEMBERS_SHOWN_MAX]:
        if lane == BUS_LANE:
            rows.append(
                {"to": str(member), "lane": lane, "links": [], "reason": "published on the command bus", "options": []}
            )
            continue
        bundle = imagined(replace(draft, destination=member), lane, now_s)
        source = core.sources.of(str(draft.source))
        decision = plan(bundle, views, core.policy, now_s, size_bytes, source=source)
        rows.append(
            {
                "to": str(member),
                "lane": lane,
                "links": list(decision.links),
                "reason": decision.reason,
                "wait_s": _until(decision.until_s, now_s),
                "options": [_option(one, by_name[one.link], now_s) for one in decision.options],
            }
        )
    return rows


def _option(option: Option, view: LinkView, now_s: float) -> dict[str, Any]:
    estimate = view.estimate
    return {
        "link": option.link,
        "bearer": view.bearer,
        "state": str(view.state),
        "chosen": option.chosen,
        "why": option.why,
        "delay_s": option.delay_s,
        "success": option.success,
        "price": option.price,
        "slot_in_s": round(max(0.0, view.not_before_s - now_s), 1),
        "contact": {"opens_s": _until(view.contact.opens_s, now_s), "closes_s": _until(view.contact.closes_s, now_s)},
        "quiet_s": _until(view.quiet.until_s, now_s),
        "budget_spent": round(view.ledger.share_spent(now_s), 3),
        "learned": {"success": _figure(estimate.success(now_s)), "delay_s": _figure(estimate.delay_s(now_s))},
    }


def _until(at_s: float, now_s: float) -> float | None:
    """Return how long until a moment; None for never, for always, and for what is over."""
    return round(at_s - now_s, 1) if math.isfinite(at_s) and at_s > now_s else None


def _figure(figure: Figure) -> dict[str, float | None]:
    age_s = round(figure.age_s, 1) if math.isfinite(figure.age_s) else None
    return {"mean": round(figure.mean, 3), "low": round(figure.low, 3), "high": round(figure.high, 3), "age_s": age_s}
