"""Real ports for simulated terminals: TCP on this machine, or a pty linked at a path of one's choice.

Unplugging takes the port away as the kernel does with a USB adapter: the pty's other end is closed and its link
removed, or the TCP connection is cut and the listener closed. A pty also has a rate: a host that has set another one
than the terminal's reads and writes noise.
"""

from __future__ import annotations

import asyncio
import os
import random
import select
import termios
from typing import TYPE_CHECKING, Protocol

from drivers.virtual.memory_port import UNREAD_BYTES_MAX
from drivers.virtual.terminal import garbled

if TYPE_CHECKING:
    from pathlib import Path

    from drivers.virtual.terminal import SimulatedTerminal

HOST_LOOK_S = 0.02
"""How often a pty is looked at for a host that has opened it: the kernel tells only of one that leaves."""
READ_BYTES_MAX = 4096


class Port(Protocol):
    """A terminal's real port."""

    async def open(self) -> None:
        """Make the port and connect the terminal to it."""

    async def close(self) -> None:
        """Take it away."""


class TcpPort:
    """A terminal behind a serial server: one host at a time, a second one is turned away."""

    def __init__(self, terminal: SimulatedTerminal, host: str, port: int) -> None:
        self._terminal = terminal
        self.host, self.port = host, port
        self._server: asyncio.Server | None = None
        self._host_side: _HostSide | None = None

    async def open(self) -> None:
        """Listen; port 0 takes a free one and keeps it."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _HostSide(self), self.host, self.port, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cut the connection and stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._host_side is not None:
            self._host_side.cut()

    def joined(self, host_side: _HostSide) -> bool:
        """Take a host that has connected; False when there is one already."""
        if self._host_side is not None:
            return False
        self._host_side = host_side
        self._terminal.attach(host_side.say)
        return True

    def left(self, host_side: _HostSide) -> None:
        """Note that a host is gone."""
        if self._host_side is host_side:
            self._host_side = None
            self._terminal.detach()

    def received(self, data: bytes) -> None:
        """Hand the terminal what the host wrote."""
        self._terminal.receive(data)


class _HostSide(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, port: TcpPort) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._port.joined(self):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self._port.received(data)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._port.left(self)

    def say(self, data: bytes) -> None:
        """Write to the host; what a host does not read is lost beyond UNREAD_BYTES_MAX, as on a serial line."""
        if self._transport is not None and self._transport.get_write_buffer_size() + len(data) <= UNREAD_BYTES_MAX:
            self._transport.write(data)

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class PtyPort:
    """A terminal on a serial line: the pty's slave name is linked at ``path``."""

    def __init__(self, terminal: SimulatedTerminal, path: Path) -> None:
        self._terminal = terminal
        self.path = path
        self._noise = random.Random(terminal.card)
        self._master = -1
        self._unread = bytearray()
        self._looking: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Make the pty and its link; whatever link was there is replaced."""
        self._master, slave = os.openpty()
        os.set_blocking(self._master, False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        os.close(slave)
        self._look()

    async def close(self) -> None:
        """Close the pty, which hangs the host up, and remove the link."""
        if self._master < 0:
            return
        self._part()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self.path.unlink(missing_ok=True)
        os.close(self._master)
        self._master = -1

    def _look(self) -> None:
        """Wait for a host: without one the master reports a hang-up."""
        loop = asyncio.get_running_loop()
        poll = select.poll()
        poll.register(self._master, 0)
        if poll.poll(0):
            self._looking = loop.call_later(HOST_LOOK_S, self._look)
            return
        self._looking = None
        self._terminal.attach(self._say)
        loop.add_reader(self._master, self._read)

    def _part(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        loop.remove_writer(self._master)
        self._unread.clear()
        self._terminal.detach()

    def _read(self) -> None:
        try:
            data = os.read(self._master, READ_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:  # EIO: the host has closed
            data = b""
        if data:
            self._terminal.receive(self._at_rate(data))
        else:
            self._part()
            self._look()

    def _say(self, data: bytes) -> None:
        if len(self._unread) + len(data) <= UNREAD_BYTES_MAX:
            self._unread += self._at_rate(data)
        self._flush()

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            del self._unread[: os.write(self._master, self._unread)]
        except BlockingIOError:
            pass
        except OSError:  # EIO: the host has closed; _read will notice too
            self._unread.clear()
        if self._unread:
            loop.add_writer(self._master, self._flush)
        else:
            loop.remove_writer(self._master)

    def _at_rate(self, data: bytes) -> bytes:
        """Return the data, or noise when the host's rate is not the terminal's."""
        speed = termios.tcgetattr(self._master)[4]
        fits = speed == getattr(termios, f"B{self._terminal.baud}", None)
        return data if fits else garbled(data, self._noise)
