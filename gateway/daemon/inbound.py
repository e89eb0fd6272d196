"""The way up: what a link heard becomes a stored report, and the receipt for its author is owed, in one transaction.

A handset's text is understood as far as it goes; its raw text is always kept. Text from the air may raise an alarm or
answer an order; it never commands.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.daemon.saidonce import remember, said_key
from gateway.link import Addressed, PayloadKind
from gateway.model import (
    BEIDOU,
    BUS,
    TEXT_CHARS_MAX,
    Direction,
    Draft,
    Endpoint,
    EndpointKind,
    Message,
    MessageKind,
    ModelError,
    Place,
    PlaceSource,
    Precedence,
    Receipt,
    ReceiptLevel,
)
from gateway.observe.log import logger
from gateway.router.policy import PRECEDENCE_OF_KIND
from gateway.store.accepting import DuplicateKey, OwedTo
from gateway.store.errors import StoreError, StoreFull
from protocols.beidou.handset.parse import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.daemon.core import Core
    from gateway.link import Heard
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox

STORE_PATIENCE_S = 60.0
"""How long a heard payload is held for a disk that fails; a driver's own queue holds what comes behind it."""

STORE_RETRY_S = 2.0

log = logger("gateway.inbound")

KINDS_WITH_PLACE = frozenset(
    {MessageKind.POSITION, MessageKind.SOS, MessageKind.CASUALTY, MessageKind.HAZARD, MessageKind.RESOURCE}
)
"""Kinds that a map shows; for these a last-known position is better than none, marked as what it is."""

ANSWERABLE_ORDERS_MAX = 2
"""How many open orders are looked at when an answer quotes no number: one is an answer, two are a guess."""

COPY_WITHIN_S = 60.0
"""A card speaks once a minute: the same words again sooner than that are a copy, not said anew."""

NOT_TAKEN_TOLD_EVERY_S = 10.0
"""In a storm at a cap thousands may be refused in a minute; a log of each would fill the disk that has to take an SOS."""

NOBODY = Endpoint.card(0)
"""Who says what came without a legible sender: kept, shown as that, and not answered."""


class Inbound:
    """Takes what links hear."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._not_taken = 0
        self._tell_again_s = -math.inf

    async def take(self, link: str, heard: Heard) -> None:
        """Store one heard payload; returns when it is on disk.

        A store that can take nothing more leaves the payload unacknowledged: counted, logged, no receipt, so that the
        person sends it again.
        """
        core = self._core
        core.count(f"heard {heard.addressed}")
        if self._is_ours(core.bearer_of(link), heard.peer):
            return
        link, heard = self._for_another_card(link, heard)
        try:
            is_new, answered = await self._store(lambda outbox: self._accept(outbox, link, heard))
        except StoreError as error:
            core.count("heard but not taken: store full or failing")
            self._tell_not_taken(link, heard.peer, str(error))
            return
        if not is_new:
            core.count("heard again")
        if answered is not None:
            log.info("order answered", bundle=answered.id, by=heard.peer)
        core.wake_all()

    def _tell_not_taken(self, link: str, peer: str, why: str) -> None:
        """Log the first report that was not taken, and then now and again how many there were."""
        self._not_taken += 1
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._tell_again_s:
            log.error("report not taken", link=link, peer=peer, why=why, count=self._not_taken)
            self._not_taken = 0
            self._tell_again_s = now_s + NOT_TAKEN_TOLD_EVERY_S

    async def _store(self, function: Callable[[Outbox], tuple[bool, Bundle | None]]) -> tuple[bool, Bundle | None]:
        """Store, and wait a while for a disk that does not take it: the driver keeps what comes meanwhile."""
        deadline_s = asyncio.get_running_loop().time() + STORE_PATIENCE_S
        while True:
            try:
                return await self._core.store.run(function)
            except StoreFull:
                raise
            except StoreError:
                if asyncio.get_running_loop().time() >= deadline_s:
                    raise
            await asyncio.sleep(STORE_RETRY_S)

    def _is_ours(self, bearer: str, address: str) -> bool:
        """Tell whether an address is one of our own devices: a command terminal also copies what we send."""
        return self._own_link(bearer, address) is not None

    def _own_link(self, bearer: str, address: str) -> str | None:
        runners = sorted(self._core.links.items())
        return next((name for name, runner in runners if runner.bearer == bearer and runner.has_address(address)), None)

    def _for_another_card(self, link: str, heard: Heard) -> tuple[str, Heard]:
        """Take a copy of what was sent to another of our devices as ours, to be answered by that device's link."""
        if heard.addressed is Addressed.OVERHEARD and heard.to_peer:
            name = self._own_link(self._core.bearer_of(link), heard.to_peer)
            if name is not None:
                return name, replace(heard, addressed=Addressed.ME)
        return link, heard

    def _accept(self, outbox: Outbox, link: str, heard: Heard) -> tuple[bool, Bundle | None]:
        """Change everything that one heard payload changes, inside one transaction.

        Return whether it is new, and the order it answered.
        """
        core = self._core
        now_s = core.now_s()
        if core.air is not None and core.air.is_frame(heard):
            return core.air.take(outbox, link, heard, now_s), None
        source = _source_of(outbox, core.bearer_of(link), heard)
        if source != NOBODY:
            core.heard_again.person(outbox, source, now_s)
        message, ref = self._understand(outbox, heard, source, now_s)
        for_us = heard.addressed is Addressed.ME and source != NOBODY
        order = self._answered_order(outbox, source, message, ref) if for_us else None
        key = _key_of(heard, source)
        if order is not None and ref is None:
            order, key = self._said_anew(outbox, order, key, now_s)
        draft = Draft(
            direction=Direction.UP,
            source=source,
            destination=BUS,
            precedence=self._precedence(message, heard),
            message=message,
            lifetime_s=self._lifetime_s(),
            created_wall_s=core.clock.wall_s(),
            clock_trusted=core.clock.trusted(),
            heard_on=link,
            reply_to=None if order is None else order.id,
        )
        wants_receipt = core.settings.gateway.receipts and for_us and message.kind is not MessageKind.ACK
        acceptance = outbox.accept(
            draft,
            lane=core.report_lane(outbox),
            now_s=now_s,
            duplicate=self._window(key),
            owed=OwedTo(link, heard.peer if source.kind is EndpointKind.STATION else source.name)
            if wants_receipt
            else None,
        )
        if not acceptance.is_duplicate and source.kind is EndpointKind.CARD:
            window_s = core.settings.handsets.duplicate_window_s
            remember(outbox, acceptance.bundle, key, window_s, now_s, clock_trusted=draft.clock_trusted)
        if order is None:
            return not acceptance.is_duplicate, None
        receipt = Receipt(order.id, ReceiptLevel.ANSWERED, by=str(source), detail=message.text[:64])
        return not acceptance.is_duplicate, outbox.receipt(receipt, now_s)

    def _window(self, key: bytes) -> DuplicateKey:
        return DuplicateKey(key, self._core.settings.handsets.duplicate_window_s)

    def _said_anew(self, outbox: Outbox, order: Bundle, key: bytes, now_s: float) -> tuple[Bundle | None, bytes]:
        """Tell an answer without a number from a copy of an earlier one in the same words (收到, and 收到 to the next order).

        Return the order if it is answered, and the key under which the answer is one report.
        """
        known = outbox.known(self._window(key), now_s)
        if known is None or (known and "addressed" in known[0].draft.message.fields):
            return order, key  # new, or so far only heard between others
        if not known or now_s - known[0].accepted_s < COPY_WITHIN_S:
            return None, key
        return order, hashlib.sha256(key + order.id.encode()).digest()[:16]

    def _lifetime_s(self) -> float:
        """Return how long a report is kept for the centre: the declared retention, whatever its precedence."""
        bus = self._core.settings.bus
        return bus.retention_s if bus is not None else self._core.lifetimes[Precedence.FLASH]

    def _understand(self, outbox: Outbox, heard: Heard, source: Endpoint, now_s: float) -> tuple[Message, int | None]:
        """Return the message, and the number it quotes."""
        notes: list[str] = []
        if source == NOBODY:
            notes.append(f"sender's address is no card: {heard.peer[:40]!a}")
        place = _terminal_place(heard, notes)
        if heard.payload.kind is PayloadKind.BYTES:
            fields = _fields(heard, {}, notes)
            return Message(MessageKind.OPAQUE, data_hex=heard.payload.data.hex(), place=place, fields=fields), None
        text = heard.payload.text
        if len(text) > TEXT_CHARS_MAX:
            notes.append(f"the first {TEXT_CHARS_MAX} of {len(text)} characters")
            text = text[:TEXT_CHARS_MAX]
        if _is_position_only(heard):
            return Message(MessageKind.POSITION, text=text, place=place, fields=_fields(heard, {}, notes)), None
        report = parse(text)
        if report.lat is not None and report.lon is not None:
            place = Place(report.lat, report.lon, PlaceSource.TEXT)
        kind = MessageKind(report.kind)
        if place is None and kind in KINDS_WITH_PLACE and source != NOBODY:
            place = self._last_known(outbox, source, now_s)
        return Message(kind, text=text, place=place, fields=_fields(heard, report.fields, notes)), report.ref

    def _last_known(self, outbox: Outbox, source: Endpoint, now_s: float) -> Place | None:
        place = outbox.last_place(source, now_s)
        if place is None or place.age_s > self._core.settings.handsets.last_known_max_age_s:
            return None
        return replace(place, source=PlaceSource.LAST_KNOWN)

    def _precedence(self, message: Message, heard: Heard) -> Precedence:
        precedence = PRECEDENCE_OF_KIND[message.kind]
        return min(precedence, Precedence.IMMEDIATE) if heard.urgent else precedence

    def _answered_order(self, outbox: Outbox, source: Endpoint, message: Message, ref: int | None) -> Bundle | None:
        """Return the order that this text answers: the quoted number, or the only one that is open to this person."""
        if message.kind is not MessageKind.ACK and ref is None:
            return None
        mine = {source}
        station = outbox.station_by_card(int(source.name)) if source.kind is EndpointKind.CARD else None
        if station is not None:
            mine.add(Endpoint.parse(f"station:{station.id}"))
        if ref is not None:
            order = outbox.numbered(ref)
            if order is None or order.draft.direction is not Direction.DOWN or order.destination not in mine:
                return None
            return order if order.attempts else None  # what never left cannot be answered
        orders = [order for endpoint in sorted(mine) for order in outbox.open_to(endpoint, ANSWERABLE_ORDERS_MAX)]
        reached = [order for order in orders if order.attempts]
        return reached[0] if len(reached) == 1 else None


def _source_of(outbox: Outbox, bearer: str, heard: Heard) -> Endpoint:
    """Return who says it; NOBODY for a damaged or foreign address, since an SOS counts whoever sends it."""
    if bearer != BEIDOU:
        station = outbox.station_by_address(bearer, heard.peer)
        return NOBODY if station is None else Endpoint(EndpointKind.STATION, station.id)
    try:
        return Endpoint.card(heard.peer)
    except ModelError:
        return NOBODY


def _is_position_only(heard: Heard) -> bool:
    return heard.payload.kind is PayloadKind.TEXT and not heard.payload.text.strip() and heard.fix is not None


def _terminal_place(heard: Heard, notes: list[str]) -> Place | None:
    """Return the place that came with it; one that cannot be is left out and noted."""
    fix = heard.fix
    if fix is None:
        return None
    try:
        return Place(fix.lat, fix.lon, PlaceSource.TERMINAL, height_m=fix.height_m)
    except ModelError:
        notes.append(f"terminal's position cannot be: {fix.lat}, {fix.lon}, {fix.height_m}")
        return None


def _fields(heard: Heard, understood: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return what was understood, whom it was for if not us, and what was odd."""
    fields = dict(understood)
    if heard.addressed is not Addressed.ME:
        fields["addressed"] = str(heard.addressed)
        fields["to"] = heard.to_peer
    notes = [note for note in (fields.get("note"), heard.note, *notes) if note]
    if notes:
        fields["note"] = "; ".join(notes)
    return fields


def _key_of(heard: Heard, source: Endpoint) -> bytes:
    """Return what makes two heard payloads one report."""
    sender = heard.peer if source == NOBODY else source.name
    payload = heard.payload
    fix = None if heard.fix is None or not _is_position_only(heard) else (heard.fix.lat, heard.fix.lon)
    return said_key(sender, payload.kind, payload.text, payload.data, fix)
