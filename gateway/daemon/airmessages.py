"""What peers say becomes bundles: who may say what, for whom it is, and when it was said before.

Runs on the store's thread, in the transaction that moved the peer's window.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.air.translate import Told, from_content
from gateway.daemon.saidonce import heard_before, key_of_told, listener_key, remember
from gateway.model import (
    BUS,
    BUS_LANE,
    LIFETIME_S_MAX,
    TEXT_CHARS_MAX,
    Direction,
    Draft,
    Endpoint,
    EndpointKind,
    Message,
    MessageKind,
)
from gateway.observe.log import logger
from gateway.router.addressing import Unreachable, lane_for
from gateway.router.policy import PRECEDENCE_OF_KIND
from gateway.store.accepting import DuplicateKey, OwedTo
from gateway.store.airstate import HeardRecord
from gateway.store.records import was_dropped
from protocols.content.errors import ContentError

if TYPE_CHECKING:
    from gateway.air.incoming import Taken
    from gateway.air.peers import Peer
    from gateway.daemon.airside import AirSide
    from gateway.daemon.core import Core
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox
    from protocols.content.codec import Content

log = logger("gateway.air")


class AirMessages:
    """Takes what peers say."""

    def __init__(self, core: Core, air: AirSide) -> None:
        self._core = core
        self._air = air

    def take(self, outbox: Outbox, owed: OwedTo, taken: Taken, content: Content, now_s: float) -> bool:
        """Take each message of a record by itself: all of them or, if one of them may not be said, none."""
        messages = content.batch if content.message is None else (content.message,)
        told = [self._told(taken, message) for message in messages]
        if taken.peer.name != self._air.upstream:
            if not all(self._may_say(one) for one in told):
                self._refuse(outbox, owed, taken)
                return False
            told = [self._bound(taken.peer, one) for one in told]
        first = 1 if content.batch else 0
        news = [
            self._accept(outbox, owed, replace(taken, place=place), one, now_s)
            for place, one in enumerate(told, start=first)
        ]
        return any(news)

    def _also_heard(self, outbox: Outbox, owed: OwedTo, taken: Taken, before: Bundle, now_s: float) -> None:
        """Note that another gateway heard the same report of a person, and owe it the receipt for its record."""
        self._core.count("air: same report by another gateway")
        outbox.heard_by(before.seq, owed.link, f"station:{taken.peer.name}", now_s)
        outbox.also_known(listener_key(taken.peer.id, taken.salt, taken.counter), before, now_s)
        self.owe_listener(outbox, owed, taken.peer.id, before, now_s)

    def owe_listener(self, outbox: Outbox, owed: OwedTo, peer: int, bundle: Bundle, now_s: float) -> None:
        """Owe a gateway the receipt for a record whose report another one, or we ourselves, had heard before."""
        if outbox.air_heard_as(bundle.seq) is None:
            self._air.debts.owe_report(owed, peer)  # heard here as text: its receipts are in words, for the person
        else:
            outbox.owe_again(bundle.seq, owed.link, owed.peer, now_s)

    def _of_another(
        self, outbox: Outbox, taken: Taken, told: Told, fingerprint: DuplicateKey, now_s: float
    ) -> Bundle | None:
        """Return the report of a person that another gateway, or we ourselves, had brought before; None if it is new."""
        key = key_of_told(told)
        if key is None:
            return None
        known = outbox.known(fingerprint, now_s)
        before = known[0] if known else None
        if known is None:
            said_wall_s = told.created_wall_s if told.clock_trusted else None
            before = heard_before(outbox, key, said_wall_s, self._core.settings.handsets.duplicate_window_s, now_s)
        if before is not None and was_dropped(before):
            return None
        first = None if before is None else outbox.air_heard_as(before.seq)
        return None if first is not None and first.peer == taken.peer.id else before

    def take_unread(self, outbox: Outbox, owed: OwedTo, taken: Taken, now_s: float) -> bool:
        """Take an authentic content that this program cannot read; tell whether it is new."""
        return self._accept(outbox, owed, taken, self._unread(taken, "", taken.unread, taken.problem), now_s)

    def _unread(self, taken: Taken, text: str, data: bytes, why: str) -> Told:
        """Return what cannot be read as a report of its own: it is authentic, so it must not be lost."""
        return Told(
            Endpoint(EndpointKind.STATION, taken.peer.name),
            BUS,
            PRECEDENCE_OF_KIND[MessageKind.OPAQUE],
            Message(MessageKind.OPAQUE, text=text, data_hex=data.hex(), fields={"note": why}),
            self._core.clock.wall_s(),
            clock_trusted=self._core.clock.trusted(),
            unread=data or text.encode("utf-8", "surrogatepass"),
        )

    def _told(self, taken: Taken, message: dict[str, object]) -> Told:
        try:
            return from_content(message, self._air.keys.own_name, taken.peer.name)
        except ContentError as error:
            self._core.count("air: unreadable message")
            log.warning("message not readable", peer=taken.peer.name, why=str(error))
            return self._unread(taken, json.dumps(message, ensure_ascii=False)[:TEXT_CHARS_MAX], b"", str(error))

    def _is_us(self, endpoint: Endpoint) -> bool:
        return endpoint in (BUS, Endpoint(EndpointKind.STATION, self._air.keys.own_name))

    def _may_say(self, told: Told) -> bool:
        """Tell what a peer that is not above us may say: anything to the centre, chat to a station, and never an order.

        Cards, groups and broadcasts are reached in the command post's name, so only whoever is above it may do that.
        """
        if told.message.kind is MessageKind.COMMAND:
            return False
        to_station = told.destination.kind is EndpointKind.STATION and told.message.kind is MessageKind.CHAT
        return self._is_us(told.destination) or to_station

    def _bound(self, peer: Peer, told: Told) -> Told:
        """Return what is said under the peer's own name where it used that of another gateway."""
        source = told.source
        if source.kind is not EndpointKind.STATION or source.name == peer.name:
            return told
        if source.name != self._air.keys.own_name and self._air.keys.peer_id(source.name) is None:
            return told
        self._core.count("air: said in the name of another gateway")
        return replace(told, source=Endpoint(EndpointKind.STATION, peer.name))

    def _refuse(self, outbox: Outbox, owed: OwedTo, taken: Taken) -> None:
        """Do not keep what a peer may not say, and do not let a receipt say that it is here."""
        self._core.count("air: order from a peer that may not order")
        log.warning("order refused", peer=taken.peer.name, upstream=self._air.upstream or "none")
        if taken.counter:
            self._air.sessions.unmark(outbox, taken.peer.id, taken.counter)
            self._air.debts.refuse(owed, taken.peer.id, taken.counter)

    def _accept(self, outbox: Outbox, owed: OwedTo, taken: Taken, told: Told, now_s: float) -> bool:
        core = self._core
        for_us = self._is_us(told.destination)
        destination = BUS if for_us else told.destination
        lane = BUS_LANE
        if not for_us:
            try:
                lane = lane_for(destination, self._air.registry(outbox), core.bearers())
            except Unreachable:
                destination, lane = BUS, BUS_LANE  # nobody here can reach them: whoever reads the bus must know
        elif taken.peer.name != self._air.upstream:
            lane = self._air.report_lane(outbox)
        draft = Draft(
            direction=Direction.UP if destination == BUS else Direction.DOWN,
            source=told.source,
            destination=destination,
            precedence=told.precedence,
            message=told.message,
            lifetime_s=core.lifetimes[told.precedence],
            created_wall_s=told.created_wall_s,
            clock_trusted=told.clock_trusted,
            heard_on=owed.link,
        )
        fingerprint = DuplicateKey(told.key(), LIFETIME_S_MAX)
        before = self._of_another(outbox, taken, told, fingerprint, now_s)
        if before is not None:
            outbox.also_known(fingerprint, before, now_s)
            self._also_heard(outbox, owed, taken, before, now_s)
            return False
        acceptance = outbox.accept(draft, lane=lane, now_s=now_s, duplicate=fingerprint, owed=owed)
        key = key_of_told(told)
        if key is not None and not acceptance.is_duplicate:
            window_s = core.settings.handsets.duplicate_window_s
            remember(outbox, acceptance.bundle, key, window_s, now_s, clock_trusted=told.clock_trusted)
            outbox.heard_by(acceptance.bundle.seq, owed.link, f"station:{taken.peer.name}", now_s)
        if acceptance.bundle.seq and taken.counter:
            heard = HeardRecord(acceptance.bundle.seq, taken.peer.id, taken.salt, taken.counter, taken.place)
            outbox.air_heard(heard)
        return not acceptance.is_duplicate
