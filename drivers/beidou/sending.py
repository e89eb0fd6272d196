"""One try of one payload: what is refused before the terminal is asked, the burst, and what its feedback means."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.link import BROADCAST_PEER, LinkLost, LinkState, PayloadKind, SendOutcome, SendResult
from gateway.model import CARD_MAX
from protocols.beidou.dialect import choose_payload
from protocols.beidou.errors import FrameError
from protocols.beidou.neutral import Answer
from protocols.beidou.payload import Payload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.beidou.session import Session
    from drivers.beidou.slot import SlotTimer
    from gateway.link import Outgoing
    from gateway.link import Payload as Content
    from protocols.beidou.dialect import Dialect
    from protocols.beidou.neutral import CardInfo, Feedback

CLOSED_RETRY_S = 5.0
BUSY_RETRY_S = 10.0
"""Signal reports come this often; asking sooner finds nothing new."""
SILENT_TERMINAL_RETRY_S = 10.0
FAILED_RETRY_S = 5.0
"""First wait after a failure without a reason; doubles up to FAILED_RETRY_S_MAX."""
FAILED_RETRY_S_MAX = 60.0

HOLDS_S: Mapping[Answer, float] = {
    Answer.NO_LOCK: 10.0,
    Answer.NO_CARD: 10.0,
    Answer.INHIBITED: 60.0,
    Answer.SILENT: 60.0,
    Answer.LOW_BATTERY: 60.0,
    Answer.CRYPTO: 60.0,
}
"""For how long a refusal is believed before the terminal is asked again; asking costs no slot."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A payload as it goes on the wire."""

    dialect: Dialect
    card: CardInfo
    to: int
    payload: Payload
    urgent: bool

    def to_wire(self) -> bytes:
        """Return the request; raise FrameError for what does not fit."""
        return self.dialect.message(self.card, self.to, self.payload, urgent=self.urgent)


def speak(outgoing: Outgoing, dialect: Dialect, card: CardInfo) -> Spoken:
    """Return how this would be said; raise FrameError for what can never be said on this card."""
    to = _receiver(outgoing.peer, card)
    return Spoken(dialect, card, to, coded(outgoing.payload, dialect, card), outgoing.urgent)


def coded(payload: Content, dialect: Dialect, card: CardInfo) -> Payload:
    """Return what is to be said as this card codes it; raise FrameError for what has no form."""
    if payload.kind is PayloadKind.TEXT:
        return choose_payload(dialect, card, payload.text)
    return Payload.of_bytes(payload.data)


def _receiver(peer: str, card: CardInfo) -> int:
    if peer == BROADCAST_PEER:
        if not card.command:
            raise FrameError("no permission", f"card {card.card} is no command card (指挥型): it cannot broadcast")
        if card.broadcast == 0:
            raise FrameError("no permission", f"card {card.card} has no broadcast address")
        return card.broadcast
    if not (peer.isascii() and peer.isdigit()) or len(peer) > len(str(CARD_MAX)) or int(peer) == 0:
        raise FrameError("bad address", f"found {peer!r}, write the card number in 1 to 8 digits, or {BROADCAST_PEER}")
    return int(peer)


class Sender:
    """Sends on one session after another; the slot outlives them."""

    def __init__(self, slot: SlotTimer, feedback_timeout_s: float) -> None:
        self._slot = slot
        self._feedback_timeout_s = feedback_timeout_s
        self._failures = 0

    async def send(self, session: Session | None, outgoing: Outgoing) -> SendResult:
        """Make one try; never raises for what the terminal or sky does."""
        if session is None or session.dialect is None or not session.condition.has_card:
            return _deferred("link is not open", CLOSED_RETRY_S)
        assert session.condition.card is not None
        try:
            wire = speak(outgoing, session.dialect, session.condition.card).to_wire()
        except FrameError as error:
            return SendResult(SendOutcome.REFUSED, str(error))
        now_s = asyncio.get_running_loop().time()
        state, why = session.condition.state(now_s)
        if state is not LinkState.OPEN:
            return _deferred(why, BUSY_RETRY_S)
        if now_s < self._slot.not_before_s:
            return SendResult(SendOutcome.DEFERRED, "slot not reached", self._slot.not_before_s)
        return await self._prepare(session) or await self._burst(session, wire)

    async def _prepare(self, session: Session) -> SendResult | None:
        """Take the slot, on disk, and make sure that the next feedback is ours; else return why not."""
        try:
            if not await session.settle():
                return _deferred("the terminal does not answer", SILENT_TERMINAL_RETRY_S)
        except LinkLost as error:
            return _deferred(str(error), CLOSED_RETRY_S)
        await self._slot.reserve()
        session.tell()
        if session.over:
            self._slot.release()
            return _deferred("link was closed", CLOSED_RETRY_S)
        return None

    async def _burst(self, session: Session, wire: bytes) -> SendResult:
        """Hand the message over and wait for the feedback."""
        try:
            feedback = await session.transmit(wire, self._feedback_timeout_s)
        except LinkLost as error:
            return await self._unknown(session, f"terminal lost before its feedback: {error}")
        if feedback is None:
            return await self._unknown(session, f"no feedback in {self._feedback_timeout_s:g} s")
        result = await self._judge(session, feedback)
        if feedback.answer in (Answer.NO_CARD, Answer.FAILED):
            await _look_for_card(session)
        session.tell()
        return result

    async def _unknown(self, session: Session, why: str) -> SendResult:
        await self._slot.spend()
        session.tell()
        return SendResult(SendOutcome.UNKNOWN, why)

    async def _judge(self, session: Session, feedback: Feedback) -> SendResult:
        """Return what a feedback means for the payload, and note what it means for the next one."""
        answer = feedback.answer
        if answer not in (Answer.FAILED, Answer.DAMAGED):
            self._failures = 0
        if answer is Answer.SENT:
            await self._slot.spend()
            return SendResult(SendOutcome.ACCEPTED, feedback.detail)
        self._slot.release()
        if answer is Answer.EARLY:
            self._slot.wait(feedback.wait_s)
            return SendResult(SendOutcome.DEFERRED, feedback.detail, self._slot.not_before_s)
        if answer is Answer.NO_PERMISSION:
            return SendResult(SendOutcome.REFUSED, feedback.detail)
        if answer in HOLDS_S:
            until_s = session.hold(str(answer), HOLDS_S[answer])
            return SendResult(SendOutcome.DEFERRED, feedback.detail, until_s)
        self._failures += 1
        wait_s = min(FAILED_RETRY_S * 2 ** min(self._failures - 1, 8), FAILED_RETRY_S_MAX)
        return _deferred(feedback.detail, wait_s)


async def _look_for_card(session: Session) -> None:
    try:
        await session.look_for_card()
    except LinkLost:
        return  # the session has ended with the reason, which run raises


def _deferred(why: str, for_s: float) -> SendResult:
    return SendResult(SendOutcome.DEFERRED, why, asyncio.get_running_loop().time() + for_s)
