"""An open port with a Beidou terminal behind it: requests out, neutral values in.

Knows framing and nothing of links: whoever opens it says what happens with each value, and may ``ask`` something and
wait for the kind of value that answers it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from gateway.link import LinkLost
from protocols.beidou.classify import classify
from protocols.beidou.neutral import CardInfo, Odd, Status, Subordinates
from protocols.beidou.reader import BeidouReader, FreeText

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drivers.bytestream import ByteStream
    from protocols.beidou.neutral import Neutral
    from protocols.beidou.reader import Event

WRITE_TIMEOUT_S = 10.0
"""A port that takes no bytes for this long is lost: the longest sentence needs 4 s at 9600 baud."""
QUIET_S = 1.0
"""A frame that was begun and not finished when the line has been quiet for this long is given up."""

NOISE = "noise bytes"
"""The reader's counter of bytes that belonged to nothing."""

T = TypeVar("T", CardInfo, Status, Subordinates)


class Device:
    """One opening of the port. ``pump`` must run for anything to come in."""

    def __init__(
        self,
        stream: ByteStream,
        on_value: Callable[[Neutral], None],
        room: Callable[[], Awaitable[None]],
        counters: Counter[str],
    ) -> None:
        self.counters = counters
        """Rejects and unknown sentences by reason."""
        self.seen: Counter[str] = Counter()
        """Good sentences by kind since the rate was last set: what proves that rate and protocol are right."""
        self._stream = stream
        self._on_value = on_value
        self._room = room
        self._reader = BeidouReader()
        self._asked: list[tuple[type[Neutral], asyncio.Future[Neutral]]] = []

    async def pump(self) -> None:
        """Read for ever; raises LinkLost when the port goes. Nothing more is read until ``room`` returns.

        Everything in one chunk is handed on before waiting, so that what was read is never lost by ending here.
        """
        while True:
            await self._feed(await self._stream.read())
            try:
                while True:
                    async with asyncio.timeout(QUIET_S):
                        data = await self._stream.read()
                    await self._feed(data)
            except TimeoutError:
                await self._take(self._reader.flush())

    async def _feed(self, data: bytes) -> None:
        noise = self._reader.counters[NOISE]
        await self._take(self._reader.feed(data))
        self.counters[NOISE] += self._reader.counters[NOISE] - noise

    async def _take(self, events: list[Event]) -> None:
        for event in events:
            value = classify(event)
            if isinstance(value, Odd):
                self.counters[value.reason] += 1
            elif not isinstance(event, FreeText):  # noise makes lines, too
                self.seen[type(event).__name__] += 1
                self._answer(value)
            self._on_value(value)
        await self._room()

    def _answer(self, value: Neutral) -> None:
        for kind, future in self._asked:
            if isinstance(value, kind) and not future.done():
                future.set_result(value)

    async def ask(self, request: bytes, kind: type[T], within_s: float) -> T | None:
        """Write a request and return the next value of ``kind``, or None when none comes; raises LinkLost."""
        future: asyncio.Future[Neutral] = asyncio.get_running_loop().create_future()
        entry = (kind, future)
        self._asked.append(entry)
        try:
            await self.write(request)
            async with asyncio.timeout(within_s):
                value = await future
        except TimeoutError:
            return None
        finally:
            self._asked.remove(entry)
        assert isinstance(value, kind)
        return value

    async def write(self, data: bytes) -> None:
        """Write; raises LinkLost when the port is gone or takes nothing."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self._stream.write(data)
        except TimeoutError:
            raise LinkLost(
                f"the port took no bytes for {WRITE_TIMEOUT_S:.0f} s; check the cable and restart the device"
            ) from None

    async def set_baud(self, baud: int) -> None:
        """Change the rate and forget what was seen at the old one."""
        await self._stream.set_baud(baud)
        self._reader = BeidouReader()
        self.seen.clear()

    async def close(self) -> None:
        """Close the port; whoever waits for an answer gets LinkLost."""
        for _, future in self._asked:
            if not future.done():
                future.set_exception(LinkLost("port closed"))
        await self._stream.close()
