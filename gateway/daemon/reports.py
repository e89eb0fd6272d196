"""The way up from this very gateway: what its own people hand it for the command centre."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from gateway.daemon.orders import Order, OrderRefused, OrderTaken
from gateway.model import BUS, LIFETIME_S_MAX, Direction, Draft, Message, MessageKind, Place, PlaceSource
from gateway.router.policy import PRECEDENCE_OF_KIND
from gateway.store.accepting import DuplicateKey
from protocols.beidou.handset.parse import parse

if TYPE_CHECKING:
    from gateway.daemon.core import Core
    from gateway.store.outbox import Outbox


def report_draft(core: Core, order: Order) -> Draft:
    """Return what a report to the centre is stored as; raise OrderRefused.

    What the text says decides its kind and precedence, as with a handset's, unless the author gave a precedence.
    """
    text = order.text.strip()
    if not text:
        raise OrderRefused("text: is empty; write what the centre shall read")
    if core.air is None and core.settings.bus is None:
        raise OrderRefused(
            f"{BUS}: this gateway has neither a bus nor a gateway above it; configure [bus] or [air] upstream"
        )
    said = parse(text)
    kind = MessageKind(said.kind)
    place = None if said.lat is None or said.lon is None else Place(said.lat, said.lon, PlaceSource.TEXT)
    precedence = PRECEDENCE_OF_KIND[kind] if order.precedence is None else order.precedence
    return Draft(
        direction=Direction.UP,
        source=order.source,
        destination=BUS,
        precedence=precedence,
        message=Message(kind, text=text, place=place, fields=said.fields),
        lifetime_s=core.lifetimes[precedence] if order.lifetime_s is None else order.lifetime_s,
        created_wall_s=core.clock.wall_s(),
        clock_trusted=core.clock.trusted(),
        heard_on=order.via,
        external_id=order.external_id,
    )


async def take_report(core: Core, order: Order) -> OrderTaken:
    """Store a report to the centre and return when it is on disk; raise OrderRefused or the store's errors."""
    draft = report_draft(core, order)
    duplicate = None
    if order.external_id:
        named = f"{order.via}:{order.external_id}".encode("utf-8", "surrogatepass")
        duplicate = DuplicateKey(b"report:" + hashlib.sha256(named).digest(), LIFETIME_S_MAX)

    def accept(outbox: Outbox) -> OrderTaken:
        lane = core.report_lane(outbox)
        acceptance = outbox.accept(draft, lane=lane, now_s=core.now_s(), duplicate=duplicate)
        return OrderTaken((acceptance.bundle,), acceptance.is_duplicate)

    taken = await core.store.run(accept)
    core.wake_all()
    return taken
