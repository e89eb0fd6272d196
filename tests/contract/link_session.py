"""What the checks of the link kit share: the rig a driver provides, and a link being run on it."""

import abc
import asyncio
import contextlib

from gateway.link import LinkState, Outgoing, Payload, SendOutcome
from tests.contract.fakes import FakeMemory, FakeSink

LEFT = {SendOutcome.ACCEPTED, SendOutcome.RELAYED}
TURNS = 5
"""Turns of the loop that cancelled tasks may take to end; a fixed few, so that nothing can wait on a timer."""
CHINESE = "被困三人，位置30.66°N，请速救援！OK"


class Rig(abc.ABC):
    """One device and its far side, made afresh for each check.

    Nothing is lost, doubled or reordered on the air unless a check asks for it, so that what a check misses, the link
    has lost.
    """

    peer: str
    """Link address of the far station, as the link writes it."""
    within_s: float = 60.0
    """Opening, one send and one arrival each surely end within this."""
    recover_s: float = 300.0
    """A hung device is noticed, and a returned one is open again, within this."""
    slot_s: float = 0.0
    """Seconds the bearer demands between two sends; 0 where there are no slots."""
    sends_broadcast: bool = False
    hears_broadcast: bool = False
    not_a_peer: str = "no such peer"
    """Something that is not an address of this bearer."""
    texts: bool = True
    data: bool = True

    @abc.abstractmethod
    def make_link(self, memory):
        """Return a new link on this rig's device; called a second time to act out a restart."""

    @abc.abstractmethod
    def far_send(self, payload, *, broadcast=False):
        """Let the far station send one payload to this link, or to all."""

    @abc.abstractmethod
    def aired(self):
        """Return the payloads that have left the device so far, in order."""

    @abc.abstractmethod
    def handles(self):
        """Return how many handles on the device are open now."""

    @abc.abstractmethod
    def unplug(self):
        """Take the device away."""

    @abc.abstractmethod
    def plug(self):
        """Bring it back, as after power-up."""

    @abc.abstractmethod
    def hang(self):
        """Let the device neither answer nor send anything, without any other sign."""

    @abc.abstractmethod
    def resume(self):
        """End the hang."""

    @abc.abstractmethod
    def garbage(self, count):
        """Put ``count`` bytes of noise on the line towards the link; nothing where there is no line."""

    @abc.abstractmethod
    def dark(self):
        """Take the signal away: the device works, the sky does not."""

    @abc.abstractmethod
    def light(self):
        """Give the signal back."""


class Session:
    """A link being run; ``stop`` ends it and asks that nothing is left behind."""

    def __init__(self, rig, memory=None, pause_s=0.0):
        self.rig = rig
        self.memory = memory if memory is not None else FakeMemory()
        self.link = rig.make_link(self.memory)
        self.sink = FakeSink(pause_s)
        self.task = None

    def start(self):
        self._others = asyncio.all_tasks()
        self.task = asyncio.create_task(self.link.run(self.sink), name="link.run")

    async def opened(self, within_s=None):
        """Wait for OPEN, or fail with what run raised."""
        waiting = asyncio.create_task(
            self.sink.until(lambda: self.sink.state is LinkState.OPEN, within_s or self.rig.within_s, "OPEN")
        )
        await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            raise AssertionError(f"run ended before OPEN: {self.task.exception()!r}")
        await waiting

    async def heard(self, count, within_s=None):
        await self.sink.until(
            lambda: len(self.sink.heard_all) >= count, within_s or self.rig.within_s, f"{count} payloads heard"
        )

    async def stop(self):
        if not self.task.done():
            self.task.cancel()
        await asyncio.wait({self.task})
        await self.clean()

    async def clean(self):
        """Ask that an ended run left no handle open and no task running."""
        assert self.rig.handles() == 0, f"run ended and left {self.rig.handles()} handle(s) open"
        for _ in range(TURNS):
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - self._others - {self.task}
        assert not left, f"run ended and left tasks behind: {left}"

    async def ended(self, within_s, what):
        """Wait for run to end by itself; return its exception."""
        done, _ = await asyncio.wait({self.task}, timeout=within_s)
        assert done, f"{what}: run did not end within {within_s} s"
        assert not self.task.cancelled(), f"{what}: run cancelled itself"
        return self.task.exception()

    async def send(self, payload, peer=None, **kwargs):
        outgoing = Outgoing(peer or self.rig.peer, payload, **kwargs)
        try:
            async with asyncio.timeout(self.rig.recover_s):
                return await self.link.send(outgoing)
        except TimeoutError:
            raise AssertionError(f"send gave no result within {self.rig.recover_s} s") from None
        except Exception as error:
            raise AssertionError(f"send raised {error!r}; it answers with a SendResult whatever happens") from error

    async def send_when_due(self, payload, peer=None):
        """Send, waiting for the slot as a supervisor does."""
        while (result := await self.send(payload, peer)).outcome is SendOutcome.DEFERRED:
            assert result.not_before_s is not None, f"DEFERRED without not_before_s: {result.detail!r}"
            now_s = asyncio.get_running_loop().time()
            assert result.not_before_s > now_s, "DEFERRED until a time that is already past: a busy loop"
            assert result.not_before_s <= now_s + self.rig.slot_s + self.rig.recover_s, "DEFERRED far beyond the slot"
            await asyncio.sleep(result.not_before_s - now_s)
        return result


@contextlib.asynccontextmanager
async def open_link(rig, memory=None, pause_s=0.0):
    session = Session(rig, memory, pause_s)
    session.start()
    try:
        await session.opened()
        yield session
    finally:
        if not session.task.done():
            session.task.cancel()
            await asyncio.wait({session.task})
    await session.clean()


def numbered(rig, number):
    """Return a short payload of the kinds the bearer takes, telling ``number``."""
    if rig.texts and (number % 2 == 0 or not rig.data):
        return Payload.of_text(f"第{number}号")
    return Payload.of_bytes(b"\x01" + number.to_bytes(2, "big"))
