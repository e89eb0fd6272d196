"""A cable in memory: byte streams between a driver and a simulated terminal, for runs on virtual time.

``MemoryPort(terminal).opener`` takes the place of ``drivers.bytestream.open_stream``. It behaves as a serial port does:
one user at a time, a rate that must fit, LinkLost when the plug is pulled. What is not read waits up to the size of a
kernel tty's buffer and a driver's own allowance; beyond it bytes are lost, as on a line without flow control.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from drivers.virtual.terminal import garbled
from gateway.link import LinkLost, LinkTransient

if TYPE_CHECKING:
    from drivers.bytestream import ByteStream
    from drivers.virtual.terminal import SimulatedTerminal

READ_BYTES_MAX = 4096
"""Longest chunk of one read, as from a tty."""
UNREAD_BYTES_MAX = 65_536
"""Bytes that wait for a host that does not read."""


class MemoryPort:
    """The port of one terminal; ``handles`` counts the streams that are open, ``overrun`` the bytes lost unread."""

    def __init__(self, terminal: SimulatedTerminal) -> None:
        self.terminal = terminal
        self.overrun = 0
        self.noise = random.Random(terminal.card)
        self._stream: _MemoryStream | None = None

    @property
    def handles(self) -> int:
        """Return 1 while a stream is open."""
        return int(self._stream is not None)

    async def opener(self, url: str, baud: int) -> ByteStream:
        """Open the port; the URL is only a name. Raise LinkTransient when it is unplugged or in use."""
        await asyncio.sleep(0)
        if not self.terminal.plugged:
            raise LinkTransient(f"{url}: no such device; plug it in")
        if self._stream is not None:
            raise LinkTransient(f"{url}: in use by another program")
        self._stream = _MemoryStream(self, url, baud)
        self.terminal.attach(self._stream.push, self._stream.lose)
        return self._stream

    def closed(self) -> None:
        """Note that the stream is closed."""
        self._stream = None
        self.terminal.detach()


class _MemoryStream:
    """The ByteStream a driver holds."""

    def __init__(self, port: MemoryPort, url: str, baud: int) -> None:
        self._port = port
        self._url = url
        self._baud = baud
        self._unread = bytearray()
        self._changed = asyncio.Event()
        self._lost = False
        self._open = True

    def push(self, data: bytes) -> None:
        """Take what the terminal says."""
        if self._baud != self._port.terminal.baud:
            data = garbled(data, self._port.noise)
        room = UNREAD_BYTES_MAX - len(self._unread)
        self._port.overrun += max(0, len(data) - room)
        self._unread += data[: max(0, room)]
        self._changed.set()

    def lose(self) -> None:
        """Let the plug be pulled."""
        self._lost = True
        self._changed.set()

    def _check(self) -> None:
        if self._lost or not self._open:
            raise LinkLost(f"{self._url}: {'unplugged' if self._lost else 'closed'}")

    async def read(self) -> bytes:
        """Return the next bytes; what arrived before the plug was pulled is lost with it."""
        while True:
            self._check()
            if self._unread:
                chunk = bytes(self._unread[:READ_BYTES_MAX])
                del self._unread[:READ_BYTES_MAX]
                return chunk
            self._changed.clear()
            await self._changed.wait()

    async def write(self, data: bytes) -> None:
        """Give bytes to the terminal."""
        await asyncio.sleep(0)
        self._check()
        if self._baud != self._port.terminal.baud:
            data = garbled(data, self._port.noise)
        self._port.terminal.receive(data)

    async def set_baud(self, baud: int) -> None:
        """Change the rate; what was received at the old one is forgotten."""
        self._check()
        self._baud = baud
        self._unread.clear()

    async def close(self) -> None:
        """Close; a waiting read gets LinkLost. Closing twice is allowed."""
        if self._open:
            self._open = False
            self._changed.set()
            self._port.closed()
