"""A small link on a device in memory, whose answers a test writes down beforehand. It passes the link contract."""

import asyncio
from collections import deque

from gateway.link import (
    BROADCAST_PEER,
    Addressed,
    Heard,
    LinkInfo,
    LinkLost,
    LinkReport,
    LinkState,
    LinkTransient,
    Outgoing,
    Payload,
    PayloadKind,
    SendOutcome,
    SendResult,
)
from tests.contract.check_link import Rig

TEXT_BITS_MAX = 1680
DATA_BYTES_MAX = 200
ANSWER_S = 0.05
SILENT_S = 30.0
GIVE_UP_S = 15.0


class Device:
    """What stays when the link object goes: the card, its slot, what was aired, and the faults."""

    def __init__(self, card=1, slot_s=0.0):
        self.card, self.slot_s = card, slot_s
        self.aired = []
        """Outgoing values in order of leaving, with the loop time."""
        self.script = deque()
        """Results (or outcomes) of the next sends; empty: what a good device says."""
        self.handles = 0
        self.plugged, self.hung, self.lit = True, False, True
        self.open_after_s = 0.01
        self._came = deque()
        self.changed = asyncio.Event()

    @property
    def texts(self):
        return [outgoing.payload.text for _, outgoing in self.aired]

    def times_of(self, text):
        return [at_s for at_s, outgoing in self.aired if text in outgoing.payload.text]

    def hear(self, heard):
        if self.plugged and not self.hung:
            self._came.append(heard)
            self.changed.set()

    def change(self, **states):
        for name, value in states.items():
            setattr(self, name, value)
        self.changed.set()

    def next(self):
        return self._came.popleft() if self._came else None


class ScriptedLink:
    """One link on a Device."""

    def __init__(self, name, device, memory=None, bearer="beidou"):
        self._device, self._memory = device, memory
        self._info = LinkInfo(name=name, bearer=bearer, driver="scripted", where=f"memory://{name}")
        self._sink = None
        self._not_before_s = 0.0
        self.sending = 0
        self.over = asyncio.Event()

    @property
    def info(self):
        return self._info

    async def run(self, sink):
        device = self._device
        sink.report(LinkReport(LinkState.OPENING))
        await asyncio.sleep(device.open_after_s)
        if not device.plugged:
            raise LinkTransient(f"{self._info.where}: no such device")
        device.handles += 1
        self.over = asyncio.Event()
        try:
            if self._memory is not None and (left := await self._memory.load("sent")) is not None:
                self._not_before_s = max(
                    self._not_before_s, asyncio.get_running_loop().time() + float(left[0]) - left[1]
                )
            self._sink = sink
            self._report()
            await self._serve(sink)
        finally:
            device.handles -= 1
            self._sink = None
            self.over.set()

    async def _serve(self, sink):
        device, silent_s = self._device, 0.0
        while True:
            while (heard := device.next()) is not None:
                await sink.heard(heard)
            if not device.plugged:
                raise LinkLost(f"{self._info.where}: unplugged")
            self._report()
            device.changed.clear()
            try:
                async with asyncio.timeout(10.0):
                    await device.changed.wait()
            except TimeoutError:
                silent_s = silent_s + 10.0 if device.hung else 0.0
            if silent_s >= SILENT_S:
                raise LinkLost(f"{self._info.where}: silent for {silent_s:.0f} s")

    def _report(self):
        device = self._device
        if self._sink is not None:
            self._sink.report(
                LinkReport(
                    LinkState.OPEN if device.lit else LinkState.BUSY,
                    detail="" if device.lit else "no signal",
                    not_before_s=self._not_before_s,
                    slot_s=device.slot_s or None,
                    identity={"card": device.card},
                    text_bits_max=TEXT_BITS_MAX,
                    data_bytes_max=DATA_BYTES_MAX,
                )
            )

    async def send(self, outgoing):
        assert not self.sending, "the contract asks for one send at a time"
        self.sending += 1
        try:
            return await self._send(outgoing)
        finally:
            self.sending -= 1

    async def _send(self, outgoing):
        device, loop = self._device, asyncio.get_running_loop()
        if self._sink is None:
            return SendResult(SendOutcome.DEFERRED, "not open", loop.time() + 5)
        if not device.lit:
            return SendResult(SendOutcome.DEFERRED, "no signal", loop.time() + 5)
        if not outgoing.peer.isdigit():
            return SendResult(SendOutcome.REFUSED, "no card number")
        most = TEXT_BITS_MAX if outgoing.payload.kind is PayloadKind.TEXT else 8 * DATA_BYTES_MAX
        if self.bits_of(outgoing.payload) > most:
            return SendResult(SendOutcome.REFUSED, f"over capacity {self.bits_of(outgoing.payload)}/{most} bit")
        if loop.time() < self._not_before_s:
            return SendResult(SendOutcome.DEFERRED, "slot not reached", self._not_before_s)
        return await self._try(outgoing)

    async def _try(self, outgoing):
        """Let the burst leave as the script says; without one it leaves and the device says so."""
        device = self._device
        result = device.script.popleft() if device.script else SendOutcome.ACCEPTED
        result = result if isinstance(result, SendResult) else SendResult(result, f"scripted {result}")
        if result.outcome in (SendOutcome.REFUSED, SendOutcome.DEFERRED):
            await asyncio.sleep(ANSWER_S)
            return result
        if device.hung or result.outcome is SendOutcome.UNKNOWN:
            if not device.hung:
                self._leave(outgoing)
            await self._wait(GIVE_UP_S)
            return SendResult(SendOutcome.UNKNOWN, "no feedback")
        if await self._wait(ANSWER_S):
            return SendResult(SendOutcome.UNKNOWN, "lost while sending")
        self._leave(outgoing)
        if self._memory is not None and device.slot_s:
            await self._memory.save("sent", str(device.slot_s))
        return result

    def _leave(self, outgoing):
        now_s = asyncio.get_running_loop().time()
        self._device.aired.append((now_s, outgoing))
        if self._device.slot_s:
            self._not_before_s = now_s + self._device.slot_s
            self._report()

    async def _wait(self, seconds):
        """Return True when run ended meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self.over.wait()
        except TimeoutError:
            return False
        return True

    def bits_of(self, payload):
        if payload.kind is PayloadKind.TEXT:
            return sum(8 if char.isascii() else 16 for char in payload.text)
        return 8 * len(payload.data)


def heard(text, peer="179773", addressed=Addressed.ME, **more):
    """Return a text that was received."""
    return Heard(peer=peer, payload=Payload.of_text(text), addressed=addressed, **more)


class ScriptedRig(Rig):
    """A scripted link as the contract kit sees it."""

    peer = "179773"
    within_s = 1.0
    recover_s = 60.0
    slot_s = 20.0
    hears_broadcast = True

    def __init__(self):
        self._device = Device(slot_s=self.slot_s)

    def make_link(self, memory):
        return ScriptedLink("bd1", self._device, memory)

    def far_send(self, payload, *, broadcast=False):
        addressed = Addressed.BROADCAST if broadcast else Addressed.ME
        self._device.hear(Heard(peer=self.peer, payload=payload, addressed=addressed))

    def aired(self):
        return [outgoing.payload for _, outgoing in self._device.aired]

    def handles(self):
        return self._device.handles

    def unplug(self):
        self._device.change(plugged=False)

    def plug(self):
        self._device.change(plugged=True, hung=False)

    def hang(self):
        self._device.change(hung=True)

    def resume(self):
        self._device.change(hung=False)

    def garbage(self, count):
        """There is no line."""

    def dark(self):
        self._device.change(lit=False)

    def light(self):
        self._device.change(lit=True)


__all__ = ["BROADCAST_PEER", "Device", "Outgoing", "ScriptedLink", "ScriptedRig", "heard"]
