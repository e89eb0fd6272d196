"""A link over one Beidou terminal on a serial port or serial server. See LEDGER.md for limits and recovery."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from drivers.beidou.intake import Intake
from drivers.beidou.sending import Sender, coded
from drivers.beidou.session import Session
from drivers.beidou.slot import SlotTimer
from drivers.beidou.tasks import until_one_ends
from drivers.bytestream import open_stream
from gateway.link import LinkInfo
from protocols.beidou.capacity import payload_bits
from protocols.beidou.errors import FrameError

if TYPE_CHECKING:
    from drivers.beidou.identify import Found
    from drivers.beidou.settings import BeidouSettings
    from drivers.bytestream import Opener
    from gateway.link import LinkContext, LinkSink, Outgoing, Payload, SendResult

HAND_OVER_S = 3.0
"""How long an ending link waits for the gateway to store what was received; the rest waits for the next run."""


class BeidouLink:
    """The link contract on a Beidou terminal. The constructor opens nothing."""

    def __init__(self, settings: BeidouSettings, context: LinkContext, opener: Opener = open_stream) -> None:
        self.info = LinkInfo(name=context.name, bearer="beidou", driver="beidou", where=settings.url)
        self._settings = settings
        self._opener = opener
        self._intake = Intake()
        self._slot = SlotTimer(
            context.memory, margin_s=settings.slot_margin_s, burst_late_s=settings.feedback_timeout_s
        )
        self._sender = Sender(self._slot, settings.feedback_timeout_s)
        self._session: Session | None = None
        self._found: Found | None = None

    async def run(self, sink: LinkSink) -> None:
        """Open, identify, serve until cancelled; raises LinkError when it cannot go on."""
        assert self._session is None, "run is called once at a time"
        self._intake.forget_card()
        session = Session(self._settings, self._opener, self._slot, self._intake, sink, last=self._found)
        pump = asyncio.ensure_future(self._intake.pump(sink))
        self._session = session
        try:
            await until_one_ends(session.serve(), _ended(pump))
        finally:
            self._session, self._found = None, session.found
            await self._hand_over(pump)

    async def _hand_over(self, pump: asyncio.Future[None]) -> None:
        """Give the gateway a moment to take what was received, then end the pump."""
        emptied = asyncio.ensure_future(self._intake.emptied())
        try:
            await asyncio.wait({emptied, pump}, timeout=HAND_OVER_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            emptied.cancel()
            pump.cancel()
            await asyncio.wait({emptied, pump})

    async def send(self, outgoing: Outgoing) -> SendResult:
        """Make one try; see sending.py."""
        return await self._sender.send(self._session, outgoing)

    def bits_of(self, payload: Payload) -> int | None:
        """Return the bits this would count against the card's capacity; None while the card is unknown."""
        session = self._session
        if session is None or session.dialect is None or session.condition.card is None:
            return None
        try:
            content = coded(payload, session.dialect, session.condition.card)
        except FrameError:
            return None
        return payload_bits(content, session.dialect.generation)


async def _ended(pump: asyncio.Future[None]) -> None:
    """Wait for the pump without owning it: it outlives the session by HAND_OVER_S."""
    await asyncio.shield(pump)
