"""What was received and the gateway does not have yet: in order, bounded, surviving a lost port.

Between the reading of the port and the gateway's disk stands a queue. It belongs to the link and not to one opening of
the port: what the terminal gave us it will not give again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from gateway.link import Addressed, Fix, Heard, Payload
from protocols.beidou.neutral import HeardMessage, HeardPosition

if TYPE_CHECKING:
    from gateway.link import LinkSink
    from protocols.beidou.neutral import CardInfo, GeoFix

HEARD_MAX = 64
"""Payloads waiting for the gateway's disk before the port is not read on: the kernel and then the terminal wait. One chunk
of the port (READ_BYTES_MAX) may come on top. A command terminal gets a few payloads a second at most, so this is about
half a minute of a stuck disk."""
EARLY_MAX = 64
"""Messages kept that came before the card was read; later ones are taken as overheard."""


class Intake:
    """One writer (the port's reader), one pump. Decides whom a message was for: *heard* is not *addressed to me*."""

    def __init__(self) -> None:
        self._card: CardInfo | None = None
        self._early: deque[HeardMessage | HeardPosition] = deque()
        self._waiting: deque[Heard] = deque()
        self._changed = asyncio.Event()

    def forget_card(self) -> None:
        """Begin anew: a port is being opened and whose terminal it is, is not known yet."""
        self._card = None

    def know(self, card: CardInfo) -> None:
        """From now on messages are for this card; those that came before it was read go first."""
        while self._early:
            self._put(heard_of(self._early.popleft(), card))
        self._card = card

    def take(self, value: HeardMessage | HeardPosition) -> None:
        """Queue something received; await ``room`` before reading on."""
        if self._card is None and len(self._early) < EARLY_MAX:
            self._early.append(value)
        else:
            self._put(heard_of(value, self._card))

    def _put(self, heard: Heard) -> None:
        self._waiting.append(heard)
        self._changed.set()

    async def room(self) -> None:
        """Return when fewer than HEARD_MAX are waiting."""
        while len(self._waiting) >= HEARD_MAX:
            self._changed.clear()
            await self._changed.wait()

    async def pump(self, sink: LinkSink) -> None:
        """Hand over one after the other for ever. What is not surely taken stays for the next pump."""
        while True:
            while not self._waiting:
                self._changed.clear()
                await self._changed.wait()
            await sink.heard(self._waiting[0])
            self._waiting.popleft()
            self._changed.set()

    async def emptied(self) -> None:
        """Return when everything is handed over."""
        while self._waiting:
            self._changed.clear()
            await self._changed.wait()


def heard_of(value: HeardMessage | HeardPosition, card: CardInfo | None) -> Heard:
    """Return what the gateway is told of a message or position, seen from ``card``; None is a card not known yet."""
    if isinstance(value, HeardPosition):
        value = HeardMessage(value.card, value.receiver, False, "", None, value.fix, False, value.sent_at, value.note)
    payload = Payload.of_bytes(value.data) if value.data is not None else Payload.of_text(value.text or "")
    return Heard(
        peer=str(value.sender),
        payload=payload,
        addressed=_addressed(value, card),
        to_peer="" if value.receiver is None else str(value.receiver),
        fix=None if value.fix is None else fix_of(value.fix),
        urgent=value.urgent,
        sent_at=value.sent_at,
        note=value.note,
    )


def fix_of(fix: GeoFix) -> Fix:
    """Return a position in the gateway's words."""
    return Fix(fix.lat, fix.lon, fix.height_m)


def _addressed(message: HeardMessage, card: CardInfo | None) -> Addressed:
    """Compare the receiver with our own card and our own broadcast address (4.2); our own words are nobody's report."""
    if message.broadcast:
        return Addressed.BROADCAST
    if message.receiver is None:
        return Addressed.ME
    if card is None or message.sender == card.card:
        return Addressed.OVERHEARD
    if message.receiver == card.card:
        return Addressed.ME
    if message.receiver == card.broadcast != 0:
        return Addressed.BROADCAST
    return Addressed.OVERHEARD
