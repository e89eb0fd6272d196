"""The reference driver: a link on the simulated sky, with everything the contract asks and no device protocol.

Read it before writing a driver of your own. The device (drivers/virtual/device.py) gives beams, takes bursts and
receives; this file shows what a link makes of such a thing. It passes tests/contract/check_link.py.

Not simulated here: opening ports, finding the rate, framing, garbage, feedback that is lost or late, re-initialising a
device that has restarted (a silent device is simply lost). drivers/beidou/ does all that on the simulated terminals.
Links find each other only inside one process.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from drivers.virtual.device import VirtualDevice
from drivers.virtual.sky import BEAMS, Arrival, Burst, Sky, Way
from gateway.link import (
    BROADCAST_PEER,
    Addressed,
    Heard,
    LinkContext,
    LinkError,
    LinkInfo,
    LinkLost,
    LinkReport,
    LinkState,
    Outgoing,
    Payload,
    PayloadKind,
    SendOutcome,
    SendResult,
    Signal,
)
from protocols.beidou.capacity import Generation, capacity_bits, data_bytes_max, payload_bits
from protocols.beidou.errors import FrameError
from protocols.beidou.payload import Payload as Content

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.link import Link, LinkSink

ANSWER_S = 15.0
"""A device that has said nothing for so long hangs."""
STATUS_S = 5.0
"""Between two looks at the signal."""


class VirtualSettings(BaseModel):
    """The ``[links.<name>]`` table of a virtual link."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    card: int = Field(ge=1, le=99_999_999)
    sky: str = "default"
    """Links with the same word hear each other."""
    frequency_s: float = Field(default=60.0, ge=0.0)
    level: int = Field(default=3, ge=1, le=4)
    broadcast: int = Field(default=0, ge=0, le=99_999_999)
    commands: bool = False
    subordinates: tuple[int, ...] = ()


class VirtualLink:
    """One card under the sky."""

    def __init__(self, settings: VirtualSettings, context: LinkContext, device: VirtualDevice) -> None:
        self._settings = settings
        self._memory = context.memory
        self._device = device
        self._bits_max = capacity_bits(Generation.BD2, settings.level)
        self._sink: LinkSink | None = None
        self._signals: tuple[Signal, ...] = ()
        self._slot_s = 0.0
        self.info = LinkInfo(context.name, "beidou", "virtual", f"sky {settings.sky}, card {settings.card}")

    async def run(self, sink: LinkSink) -> None:
        """Serve until cancelled; LinkTransient when the device is not there, LinkLost when it goes or hangs."""
        sink.report(LinkReport(LinkState.OPENING))
        self._device.open()
        try:
            await self._look()
            await self._recall_slot()
            self._sink = sink
            self._report()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                group.create_task(self._listen(sink))
        except ExceptionGroup as group_error:
            first = group_error.exceptions[0]
            raise first if isinstance(first, LinkError) else group_error from None
        finally:
            self._sink = None
            self._device.close()

    async def send(self, outgoing: Outgoing) -> SendResult:
        """Make one try. The slot counts as spent, on disk, before the burst leaves: never two in one slot."""
        now_s = asyncio.get_running_loop().time()
        if self._sink is None:
            return SendResult(SendOutcome.DEFERRED, "not open", now_s + STATUS_S)
        try:
            burst = self._burst(outgoing)
        except FrameError as error:
            return SendResult(SendOutcome.REFUSED, str(error))
        if not self._signals:
            return SendResult(SendOutcome.DEFERRED, "no signal", now_s + STATUS_S)
        if now_s < self._slot_s:
            return SendResult(SendOutcome.DEFERRED, "slot not reached", self._slot_s)
        self._slot_s = now_s + self._settings.frequency_s
        await self._memory.save(self._slot_key, "sent")
        self._report()
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._device.transmit(burst)
        except (TimeoutError, LinkLost) as error:
            return SendResult(SendOutcome.UNKNOWN, str(error) or f"no answer in {ANSWER_S:g} s")
        return SendResult(SendOutcome.ACCEPTED, "burst left")

    def bits_of(self, payload: Payload) -> int | None:
        """Return the bits this takes of the card's capacity; None for what has no form."""
        try:
            return payload_bits(self._content(payload), Generation.BD2)
        except FrameError:
            return None

    @staticmethod
    def _content(payload: Payload) -> Content:
        return Content.of_text(payload.text) if payload.kind is PayloadKind.TEXT else Content.of_bytes(payload.data)

    def _burst(self, outgoing: Outgoing) -> Burst:
        """Return what would leave; raise FrameError for what never can."""
        content = self._content(outgoing.payload)
        bits = payload_bits(content, Generation.BD2)
        if bits > self._bits_max:
            raise FrameError("over capacity", f"{bits}/{self._bits_max} bit")
        if outgoing.peer != BROADCAST_PEER:
            if not (outgoing.peer.isascii() and outgoing.peer.isdigit() and len(outgoing.peer) <= 8):
                raise FrameError("bad address", f"found {outgoing.peer!r}, write the card number in digits")
            return Burst(self._device.card, int(outgoing.peer), content, urgent=outgoing.urgent)
        if not (self._settings.commands and self._settings.broadcast):
            raise FrameError("no permission", "only a command card with a broadcast address sends to all")
        return Burst(self._device.card, self._settings.broadcast, content, urgent=outgoing.urgent)

    @property
    def _slot_key(self) -> str:
        return f"slot-{self._settings.card}"

    async def _recall_slot(self) -> None:
        kept = await self._memory.load(self._slot_key)
        if kept is not None:
            self._slot_s = asyncio.get_running_loop().time() - kept[1] + self._settings.frequency_s

    async def _watch(self) -> None:
        """Keep the report true; a device that does not answer is lost."""
        while True:
            await asyncio.sleep(STATUS_S)
            before = self._signals
            await self._look()
            if self._signals != before:
                self._report()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                beams = await self._device.beams()
        except TimeoutError:
            raise LinkLost(f"{self.info.where}: no answer in {ANSWER_S:g} s; the device hangs, power it off") from None
        self._signals = tuple(Signal(f"{n + 1:02d}", beams[n]) for n in range(BEAMS) if beams[n])

    async def _listen(self, sink: LinkSink) -> None:
        """Hand on what comes down, one after the other: a slow sink holds back the device's own queue, no more."""
        while True:
            arrival = await self._device.receive()
            if arrival.payload is not None or arrival.fix is not None:
                await sink.heard(self._heard(arrival))

    def _heard(self, arrival: Arrival) -> Heard:
        addressed = Addressed.ME if arrival.receiver == self._device.card else Addressed.OVERHEARD
        content = arrival.payload
        if content is None:
            payload = Payload.of_text("")
        elif content.text is None:
            payload = Payload.of_bytes(content.data)
        else:
            payload = Payload.of_text(content.text)
        return Heard(
            peer=str(arrival.sender),
            payload=payload,
            addressed=Addressed.BROADCAST if arrival.way is Way.BROADCAST else addressed,
            to_peer=str(arrival.receiver),
            fix=arrival.fix,
            urgent=arrival.urgent,
            sent_at=arrival.utc.strftime("%H:%M"),
        )

    def _report(self) -> None:
        if self._sink is None:
            return
        self._sink.report(
            LinkReport(
                state=LinkState.OPEN if self._signals else LinkState.BUSY,
                detail="" if self._signals else "no signal on any beam",
                not_before_s=self._slot_s,
                slot_s=self._settings.frequency_s,
                identity=self._settings.model_dump(exclude={"sky", "subordinates"}),
                signals=self._signals,
                text_bits_max=self._bits_max,
                data_bytes_max=data_bytes_max(self._bits_max),
            )
        )


class VirtualDriver:
    """Makes links that share a sky by name."""

    name = "virtual"

    def __init__(self) -> None:
        self._skies: dict[str, Sky] = {}

    def check(self, table: Mapping[str, Any]) -> VirtualSettings:
        """Return the settings; raise pydantic.ValidationError."""
        return VirtualSettings.model_validate(table)

    def make(self, settings: VirtualSettings, context: LinkContext) -> Link:
        """Make a link on a device of its own; opens nothing. The first link of a sky seeds it."""
        if settings.sky not in self._skies:
            self._skies[settings.sky] = Sky(random.Random(context.rng.getrandbits(64)))
        device = VirtualDevice(
            self._skies[settings.sky],
            settings.card,
            frequency_s=settings.frequency_s,
            broadcast=settings.broadcast,
            commands=settings.commands,
            subordinates=settings.subordinates,
        )
        return VirtualLink(settings, context, device)


DRIVER = VirtualDriver()
