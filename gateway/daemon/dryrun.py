"""What sending something would take on each link: bytes, frames, minutes and money. Nothing is stored or sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.air.sessions import NoKey
from gateway.link import LinkState, Payload
from gateway.model import BUS_LANE, Bundle, BundleState, Endpoint
from gateway.router.plan import is_in_lane
from protocols.beidou.handset.receipt import order_text
from protocols.content.errors import ContentError
from protocols.fragment.errors import FragmentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.daemon.core import Core
    from gateway.daemon.supervisor import LinkRunner
    from gateway.model import Draft
    from gateway.store.outbox import Outbox

NUMBER = 10**7 - 1
"""Number of the bundle that is tried out: as long as a real one will ever be."""

MEMBERS_SHOWN_MAX = 50


def rehearse(
    core: Core, outbox: Outbox, draft: Draft, members: list[tuple[Endpoint, str]], slots_s: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return for each member, and each link that could carry it there, what one delivery takes.

    ``slots_s`` is how long each link's next slot is away, looked at on the loop.
    """
    rows = []
    for member, lane in members[:MEMBERS_SHOWN_MAX]:
        bundle = imagined(replace(draft, destination=member), lane, 0.0)
        if lane == BUS_LANE:
            rows.append({"to": str(member), "link": "bus", "form": "json", "note": "published on the command bus"})
            continue
        runners = [runner for _, runner in sorted(core.links.items()) if is_in_lane(runner.link.info.bearer, lane)]
        rows += [
            {"to": str(member), "link": runner.name, **_on(core, outbox, bundle, runner, slots_s[runner.name])}
            for runner in runners
        ]
    return rows


def imagined(draft: Draft, lane: str, now_s: float) -> Bundle:
    """Return a draft as the bundle it would be if it were accepted now."""
    return Bundle(NUMBER, "dry-run", draft, BundleState.QUEUED, now_s, now_s + draft.lifetime_s, now_s, lane)


def _on(core: Core, outbox: Outbox, bundle: Bundle, runner: LinkRunner, slot_s: float) -> dict[str, Any]:
    last = runner.last
    if last.state is not LinkState.OPEN:
        return {"form": "unknown", "note": f"link is {last.state}: {last.detail}"}
    peer = None if core.air is None else core.air.peers.of(outbox, bundle.destination)
    if peer is not None and core.air is not None:
        over = core.air.overhead_to(outbox, peer, runner.bearer)
        sizes = [size - over for size in core.air.sizes_in(bundle.lane)]
        try:
            session = core.air.sessions.sending(outbox, peer.id)
            frames = core.air.outgoing.estimate(
                bundle, peer, session, lane_bytes=sizes, bytes_max=(last.data_bytes_max or over) - over
            )
        except (NoKey, ContentError, FragmentError) as error:
            return {"form": "record", "note": str(error)}
        return {"form": "record", **_cost(runner, [size + over for size in frames], slot_s)}
    shown = order_text(
        NUMBER,
        bundle.draft.message.text,
        kind=str(bundle.draft.message.kind),
        language=core.settings.gateway.language,
    )
    bits = runner.link.bits_of(Payload.of_text(shown))
    if bits is None or last.text_bits_max is None:
        return {"form": "text", "note": "the link does not say what it carries"}
    row = {"form": "text", **_cost(runner, [(bits + 7) // 8], slot_s)}
    if bits > last.text_bits_max:
        row["note"] = f"too long: {bits} bits of {last.text_bits_max}"
    return row


def _cost(runner: LinkRunner, frames: list[int], first_s: float) -> dict[str, Any]:
    return {
        "bytes": sum(frames),
        "frames": len(frames),
        "minutes": round((first_s + (len(frames) - 1) * runner.slot_s) / 60, 1),
        "cost": round(runner.terms.tariff.price(len(frames), sum(frames)), 4),
    }
