"""The way down begins: an order from the bus or the command line is checked, addressed and stored before it is acknowledged."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.link import Payload
from gateway.model import (
    CARD_MAX,
    LIFETIME_S_MAX,
    Direction,
    Draft,
    Endpoint,
    EndpointKind,
    Message,
    MessageKind,
    Precedence,
)
from gateway.router.addressing import Unreachable, lane_for
from gateway.router.policy import PRECEDENCE_OF_KIND
from gateway.store.accepting import DuplicateKey
from protocols.beidou.handset.receipt import order_text

if TYPE_CHECKING:
    from gateway.daemon.core import Core
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox

MEMBERS_MAX = 1000
"""Most members an order to a group or grid cell is copied to; more are reached by broadcast."""

UNSENDABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters but for line ends and tabs, and halves of characters."""

EXTERNAL_ID_CHARS_MAX = 64
"""Longest id that an author may give an order."""

NUMBER_DIGITS = 7
"""Digits reserved for an order's number when its length is checked before the number is known."""


class OrderRefused(ValueError):
    """An order that cannot be taken. The text says what, why and what to do; nothing was stored."""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody with the right to order asks for."""

    source: Endpoint
    destination: Endpoint
    text: str
    kind: MessageKind = MessageKind.COMMAND
    precedence: Precedence | None = None
    lifetime_s: float | None = None
    reply_to: str | None = None
    external_id: str = ""
    via: str = "cli"


@dataclass(frozen=True, slots=True)
class OrderTaken:
    """The stored bundle or, for a group or grid cell, one per member."""

    bundles: tuple[Bundle, ...]
    is_duplicate: bool


class Orders:
    """Takes orders."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def take(self, order: Order) -> OrderTaken:
        """Store an order and return when it is on disk; raise OrderRefused or the store's StoreFull."""
        order = self._checked(order)
        draft = self._draft(order)
        taken = await self._core.store.run(lambda outbox: self._accept(outbox, order, draft))
        if not taken.is_duplicate:
            self._core.wake_all()
        return taken

    def plan(self, outbox: Outbox, order: Order) -> tuple[Draft, list[tuple[Endpoint, str]]]:
        """Return what an order would be stored as, and for whom; raise OrderRefused."""
        draft = self._draft(self._checked(order))
        try:
            return draft, self._members(outbox, draft.destination)
        except Unreachable as error:
            raise OrderRefused(str(error)) from None

    def _checked(self, order: Order) -> Order:
        text = order.text.strip()
        if not text:
            raise OrderRefused("text: is empty; write what the person shall read")
        if UNSENDABLE.search(text):
            raise OrderRefused(f"text: found {text[:60]!a}, which has control characters; leave them out")
        if len(order.external_id) > EXTERNAL_ID_CHARS_MAX or not order.external_id.isprintable():
            raise OrderRefused(
                f"id: found {order.external_id[:80]!a}, use at most {EXTERNAL_ID_CHARS_MAX} characters that can be seen"
            )
        return replace(order, text=text)

    def _draft(self, order: Order) -> Draft:
        core = self._core
        precedence = PRECEDENCE_OF_KIND[order.kind] if order.precedence is None else order.precedence
        lifetime_s = core.lifetimes[precedence] if order.lifetime_s is None else order.lifetime_s
        if not 0 < lifetime_s <= LIFETIME_S_MAX:
            raise OrderRefused(
                f"lifetime_s: found {lifetime_s}, allowed is more than 0 and at most {LIFETIME_S_MAX:.0f}"
            )
        return Draft(
            direction=Direction.DOWN,
            source=order.source,
            destination=order.destination,
            precedence=precedence,
            message=Message(order.kind, text=order.text),
            lifetime_s=lifetime_s,
            created_wall_s=core.clock.wall_s(),
            clock_trusted=core.clock.trusted(),
            heard_on=order.via,
            reply_to=order.reply_to,
            external_id=order.external_id,
        )

    def _accept(self, outbox: Outbox, order: Order, draft: Draft) -> OrderTaken:
        core = self._core
        now_s = core.now_s()
        duplicate = None
        if order.external_id:
            named = f"{order.via}:{draft.destination}:{order.external_id}".encode("utf-8", "surrogatepass")
            duplicate = DuplicateKey(b"order:" + hashlib.sha256(named).digest(), LIFETIME_S_MAX)
            known = outbox.known(duplicate, now_s)
            if known is not None:
                return OrderTaken(known, is_duplicate=True)
        try:
            members = self._members(outbox, draft.destination)
        except Unreachable as error:
            raise OrderRefused(str(error)) from None
        air = core.air
        self._check_capacity(
            draft, {lane for member, lane in members if air is None or not air.peers.is_gateway(member)}
        )
        if draft.destination.kind in (EndpointKind.GROUP, EndpointKind.GRID):
            copies = outbox.accept_order(draft, members, now_s=now_s, duplicate=duplicate)
            return OrderTaken(copies.bundles, is_duplicate=False)
        acceptance = outbox.accept(draft, lane=members[0][1], now_s=now_s, duplicate=duplicate)
        return OrderTaken((acceptance.bundle,), acceptance.is_duplicate)

    def _members(self, outbox: Outbox, destination: Endpoint) -> list[tuple[Endpoint, str]]:
        """Return whom an order goes to, each with the lane it waits in."""
        if destination.kind is EndpointKind.BUS:
            raise OrderRefused(f"{destination}: orders go to the field, not to the bus")
        if destination.kind is EndpointKind.BROADCAST and destination.name != "all":
            raise OrderRefused(f"{destination}: a broadcast reaches everybody; write broadcast:all, or use a group")
        if destination.kind is EndpointKind.CARD and not 0 < int(destination.name) <= CARD_MAX:
            raise OrderRefused(f"{destination}: a card number is between 1 and {CARD_MAX}")
        bearers = self._core.bearers()
        if destination.kind not in (EndpointKind.GROUP, EndpointKind.GRID):
            return [(destination, lane_for(destination, self._core.registry(outbox), bearers))]
        where = {str(destination.kind): destination.name}
        stations = outbox.stations_in(MEMBERS_MAX + 1, **where)
        if not stations:
            raise OrderRefused(f"{destination}: no station of the registry belongs to it; see: yizhan station list")
        if len(stations) > MEMBERS_MAX:
            raise OrderRefused(
                f"{destination}: has more than {MEMBERS_MAX} members, the most for one order; use broadcast:all"
            )
        endpoints = [Endpoint(EndpointKind.STATION, station.id) for station in stations]
        return [(endpoint, lane_for(endpoint, self._core.registry(outbox), bearers)) for endpoint in endpoints]

    def _check_capacity(self, draft: Draft, lanes: set[str]) -> None:
        """Refuse a text that no link of its lane can carry whole; it is never cut."""
        language = self._core.settings.gateway.language
        shown = order_text(10**NUMBER_DIGITS - 1, draft.message.text, kind=str(draft.message.kind), language=language)
        for lane in lanes:
            known = []
            for runner in self._core.links.values():
                bits_max = runner.last.text_bits_max
                bits = runner.link.bits_of(Payload.of_text(shown))
                if runner.link.info.bearer in lane.split("+") and bits is not None and bits_max is not None:
                    known.append((runner.name, bits, bits_max))
            if known and all(bits > bits_max for _, bits, bits_max in known):
                name, bits, bits_max = max(known, key=lambda row: row[2])
                raise OrderRefused(
                    f"text: {len(draft.message.text)} characters take {bits} bits with the order's number; "
                    f"the largest link {name} carries {bits_max}. Shorten it or send it in parts"
                )
