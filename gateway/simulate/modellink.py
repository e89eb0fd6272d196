"""A link on a modelled device: the contract of gateway/link.py over an Ether, without any bytes of a real protocol.

Its answers are those that such a device gives: a Beidou terminal that the burst left, a satellite or IP network that it
took the frame, an HF modem that it keyed the radio or nothing at all. A device that has died silently goes on answering
so. The slot is the link's own timer and survives a restart in the link's memory, as the Beidou driver's does.
"""

from __future__ import annotations

import asyncio
import math
import re
from typing import TYPE_CHECKING

from gateway.link import (
    BROADCAST_PEER,
    LinkInfo,
    LinkLost,
    LinkReport,
    LinkState,
    LinkTransient,
    PayloadKind,
    SendOutcome,
    SendResult,
)
from gateway.model import BEIDOU
from gateway.simulate.ether import size_bytes_of
from protocols.beidou.capacity import Generation, capacity_bits, text_bits

if TYPE_CHECKING:
    from gateway.link import LinkContext, LinkSink, Outgoing, Payload
    from gateway.simulate.ether import Device, Ether

OPEN_AFTER_S = 0.5
"""How long a device takes to be opened and identified."""
ANSWER_S = 0.1
"""From the end of the frame to the device's answer."""
GIVE_UP_S = 15.0
"""Without any answer for this long it is unknown whether the frame left."""
SILENT_S = 60.0
"""A device that shows no sign of life for this long is closed and opened anew."""
NOT_OPEN_RETRY_S = 5.0
NOT_TAKEN_RETRY_S = 20.0
"""After a network did not take a frame; a modem's own session takes about as long (reference/satellite.md section 4)."""
BUSY_JITTER_S = 1.0
"""Stations that wait for one frequency begin again up to this long after it is free."""
SLOT_SAVED_S_MIN = 10.0
"""Slots shorter than this are over before a gateway has restarted, and are not written down."""
SLOT_KEY = "sent"

_ADDRESS = re.compile(r"[A-Za-z0-9+:.-]{1,40}")


class ModelLink:
    """One link; its constructor opens nothing."""

    def __init__(self, device: Device, ether: Ether, context: LinkContext) -> None:
        figures = device.end.figures
        self._device = device
        self._ether = ether
        self._context = context
        self._info = LinkInfo(context.name, figures.bearer, "model", f"model://{device.end.name}")
        self._sink: LinkSink | None = None
        self._over = asyncio.Event()
        self._not_before_s = 0.0
        is_beidou = figures.bearer == BEIDOU
        self._text_bits_max = 8 * figures.frame_bytes
        if is_beidou:
            self._text_bits_max = capacity_bits(Generation.BD2, 3)
        self._bits_of_text = _beidou_bits if is_beidou else _utf8_bits

    @property
    def info(self) -> LinkInfo:
        """Return what does not change."""
        return self._info

    async def run(self, sink: LinkSink) -> None:
        """Serve the device until cancelled; see gateway.link.Link."""
        device = self._device
        sink.report(LinkReport(LinkState.OPENING))
        await asyncio.sleep(OPEN_AFTER_S)
        if not device.plugged or device.hung:
            raise LinkTransient(f"{self._info.where}: {'no answer' if device.plugged else 'no such device'}")
        self._over = asyncio.Event()
        device.handles += 1
        try:
            await self._recall_slot()
            self._sink = sink
            self._report()
            await self._serve(sink)
        finally:
            device.handles -= 1
            self._sink = None
            self._over.set()

    async def _recall_slot(self) -> None:
        if self._device.end.figures.slot_s < SLOT_SAVED_S_MIN:
            return
        saved = await self._context.memory.load(SLOT_KEY)
        if saved is not None:
            left_s = float(saved[0]) - saved[1]
            self._not_before_s = max(self._not_before_s, asyncio.get_running_loop().time() + left_s)

    async def _serve(self, sink: LinkSink) -> None:
        device, loop = self._device, asyncio.get_running_loop()
        was_lit = device.sees_signal(loop.time())
        while True:
            device.changed.clear()
            while device.inbox:
                await sink.heard(device.inbox.popleft())
            if not device.plugged:
                raise LinkLost(f"{self._info.where}: unplugged")
            is_lit = device.sees_signal(loop.time())
            if is_lit is not was_lit:
                was_lit = is_lit
                self._report()
            if device.hung and not await self._changes_within(SILENT_S):
                raise LinkLost(f"{self._info.where}: silent for {SILENT_S:.0f} s")
            if not device.hung:
                await self._changes_within(device.end.seen.next_change_s(loop.time()) - loop.time())

    async def _changes_within(self, seconds: float) -> bool:
        """Return True when the device changes, False after that long."""
        try:
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                await self._device.changed.wait()
        except TimeoutError:
            return False
        return True

    def _report(self) -> None:
        device, end = self._device, self._device.end
        if self._sink is None:
            return
        is_lit = device.sees_signal(asyncio.get_running_loop().time())
        identity: dict[str, object] = {"address": end.address}
        if end.figures.bearer == BEIDOU:
            identity = {"card": end.address, "frequency_s": end.figures.slot_s, "level": 3, "command": device.commands}
            if device.commands:
                identity["broadcast"] = BROADCAST_PEER
        self._sink.report(
            LinkReport(
                LinkState.OPEN if is_lit else LinkState.BUSY,
                detail="" if is_lit else "no signal",
                not_before_s=self._not_before_s,
                slot_s=end.figures.slot_s,
                identity=identity,
                text_bits_max=self._text_bits_max,
                data_bytes_max=end.figures.frame_bytes,
            )
        )

    async def send(self, outgoing: Outgoing) -> SendResult:
        """Make one try; see gateway.link.Link."""
        device, now_s = self._device, asyncio.get_running_loop().time()
        if self._sink is None:
            return SendResult(SendOutcome.DEFERRED, "not open", now_s + NOT_OPEN_RETRY_S)
        refusal = self._refusal(outgoing)
        if refusal:
            return SendResult(SendOutcome.REFUSED, refusal)
        if not device.sees_signal(now_s):
            # A device tells when its signal is back; until then nobody knows when that will be.
            return SendResult(SendOutcome.DEFERRED, "no signal", now_s + NOT_OPEN_RETRY_S)
        if now_s < self._not_before_s:
            return SendResult(SendOutcome.DEFERRED, "slot not reached", self._not_before_s)
        free_s = self._ether.busy_until_s(device.end.figures.bearer)
        if device.end.figures.shared and now_s < free_s:
            return SendResult(SendOutcome.DEFERRED, "frequency in use", free_s + self._jitter_s())
        return await self._air(outgoing, now_s)

    def _refusal(self, outgoing: Outgoing) -> str:
        """Return why this payload can never leave by this link, or nothing."""
        if outgoing.peer == BROADCAST_PEER:
            if not self._device.commands:
                return "no broadcast"
        elif not _ADDRESS.fullmatch(outgoing.peer):
            return "no address"
        bits = self.bits_of(outgoing.payload)
        is_text = outgoing.payload.kind is PayloadKind.TEXT
        most = self._text_bits_max if is_text else 8 * self._device.end.figures.frame_bytes
        if bits is None or bits > most:
            return f"over capacity {bits}/{most} bit"
        return ""

    def _jitter_s(self) -> float:
        return 0.1 + self._context.rng.random() * BUSY_JITTER_S

    async def _air(self, outgoing: Outgoing, at_s: float) -> SendResult:
        """Put a frame on the air and tell what such a device knows of it."""
        device, figures = self._device, self._device.end.figures
        self._ether.take_frequency(device, at_s + figures.airtime_s)
        if device.hung:
            await self._ends_within(GIVE_UP_S)
            return SendResult(SendOutcome.UNKNOWN, "no answer of the device")
        if await self._ends_within(figures.airtime_s + ANSWER_S):
            return SendResult(SendOutcome.UNKNOWN, "lost while sending")
        if figures.outcome is SendOutcome.RELAYED and not self._ether.is_taken(device, outgoing.peer, at_s):
            return await self._not_taken(at_s)
        self._ether.transmit(device, outgoing, at_s, min(self._size_bytes(outgoing.payload), figures.frame_bytes))
        await self._note_slot(at_s + figures.slot_s)
        if figures.feedback < 1.0 and self._context.rng.random() >= figures.feedback:
            return SendResult(SendOutcome.UNKNOWN, "no feedback of the modem")
        detail = "taken by the network" if figures.outcome is SendOutcome.RELAYED else "left"
        return SendResult(figures.outcome, detail)

    async def _not_taken(self, at_s: float) -> SendResult:
        """Tell of a frame that the network did not take: one that stores says no; on an IP network nobody answers."""
        self._ether.spend_airtime(self._device)
        if self._device.end.figures.stores:
            self._not_before_s = max(self._not_before_s, at_s + NOT_TAKEN_RETRY_S)
            self._report()
            return SendResult(SendOutcome.DEFERRED, "not taken by the network", self._not_before_s)
        if await self._ends_within(GIVE_UP_S):
            return SendResult(SendOutcome.UNKNOWN, "lost while sending")
        return SendResult(SendOutcome.UNKNOWN, "no answer of the network")

    async def _note_slot(self, until_s: float) -> None:
        if until_s <= asyncio.get_running_loop().time():
            return
        self._not_before_s = until_s
        self._report()
        if self._device.end.figures.slot_s >= SLOT_SAVED_S_MIN:
            await self._context.memory.save(SLOT_KEY, str(self._device.end.figures.slot_s))

    def _size_bytes(self, payload: Payload) -> int:
        bits = self.bits_of(payload)
        assert bits is not None, "what has no form on this link was refused"
        return (bits + 7) // 8

    async def _ends_within(self, seconds: float) -> bool:
        """Return True when run ends meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return False
        return True

    def bits_of(self, payload: Payload) -> int | None:
        """Return how many bits a payload takes; see gateway.link.Link."""
        return self._bits_of_text(payload) if payload.kind is PayloadKind.TEXT else 8 * len(payload.data)


def _beidou_bits(payload: Payload) -> int | None:
    return text_bits(payload.text, Generation.BD2)


def _utf8_bits(payload: Payload) -> int | None:
    return 8 * size_bytes_of(payload)
