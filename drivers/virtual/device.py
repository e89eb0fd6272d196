"""The device behind a VirtualLink: a station under the sky with no protocol, and the faults a test asks for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from drivers.virtual.sky import Arrival, Burst
from gateway.link import LinkLost, LinkTransient

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine

    from drivers.virtual.sky import ReceiptList, Sky

T = TypeVar("T")

INBOX_MAX = 1000
"""Arrivals kept for a link that does not fetch them; what comes then is missed."""
BURST_S = 0.5
"""From being given a burst until it has left and the device says so."""


class VirtualDevice:
    """Outlives the links made on it, as a real one does; ``handles`` counts who has it open."""

    def __init__(
        self,
        sky: Sky,
        card: int,
        *,
        frequency_s: float = 60.0,
        broadcast: int = 0,
        commands: bool = False,
        subordinates: Collection[int] = (),
    ) -> None:
        self.sky = sky
        self.card = card
        self.frequency_s = frequency_s
        self.broadcast = broadcast
        self.commands = commands
        self.subordinates = subordinates
        self.handles = 0
        self._plugged = True
        self._running = asyncio.Event()
        self._running.set()
        self._inbox: asyncio.Queue[Arrival] = asyncio.Queue(INBOX_MAX)
        self._gone: asyncio.Future[None] | None = None

    # -- what the link uses

    def open(self) -> None:
        """Take the device; raise LinkTransient when it is not there or in use."""
        if not self._plugged or self.handles:
            raise LinkTransient(
                f"virtual card {self.card}: {'in use by another link' if self._plugged else 'unplugged, plug it in'}"
            )
        self.handles += 1
        self._gone = asyncio.get_running_loop().create_future()
        self.sky.register(self)

    def close(self) -> None:
        """Give the device back; whoever waits for it gets LinkLost."""
        self.handles -= 1
        self.sky.unregister(self)
        self._lose()

    async def beams(self) -> tuple[int, ...]:
        """Return the signal; waits for ever while the device hangs, raises LinkLost when it goes."""
        await self._unless_gone(self._running.wait())
        return self.sky.beams(self.card)

    async def transmit(self, burst: Burst) -> None:
        """Return when the burst has left; waits and raises as ``beams``."""
        await self._unless_gone(self._leave(burst))

    async def receive(self) -> Arrival:
        """Return the next thing that came down; raises LinkLost when the device goes."""
        return await self._unless_gone(self._inbox.get())

    async def _leave(self, burst: Burst) -> None:
        await self._running.wait()
        await asyncio.sleep(BURST_S)
        self.sky.transmit(burst)

    async def _unless_gone(self, work: Coroutine[Any, Any, T]) -> T:
        gone, task = self._gone, asyncio.create_task(work)
        try:
            if gone is not None:
                waited: set[asyncio.Future[Any]] = {task, gone}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise LinkLost(f"virtual card {self.card}: gone")
        finally:
            task.cancel()

    def _lose(self) -> None:
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    # -- what the sky uses

    def arrive(self, arrival: Arrival | ReceiptList) -> bool:
        """Keep what came down for the link; receipts are not for it."""
        if not self._running.is_set() or self._inbox.full() or not isinstance(arrival, Arrival):
            return False
        self._inbox.put_nowait(arrival)
        return True

    # -- faults

    def unplug(self) -> None:
        """Take the device away; what it had received is forgotten, as in a terminal without power."""
        self._plugged = False
        self._inbox = asyncio.Queue(INBOX_MAX)
        self._lose()

    def plug(self) -> None:
        """Bring it back."""
        self._plugged = True
        self._running.set()

    def hang(self) -> None:
        """Neither answer nor receive, without any other sign."""
        self._running.clear()

    def resume(self) -> None:
        """End the hang."""
        self._running.set()
