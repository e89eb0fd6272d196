"""Ports as streams of bytes: ``serial:///dev/ttyUSB0``, ``/dev/ttyUSB0`` and ``tcp://host:port``.

The only file that imports ``serial``. pyserial opens, configures and locks the port; reading and writing go straight to
its descriptor, which is non-blocking, through the event loop. There are no threads and no transports between, so what
nobody reads stays in the kernel: that is the back-pressure.

Errors say what the caller does next: a port that is not there or is in use is LinkTransient (devices are plugged in
later), one that was there and went is LinkLost, and what only a person can mend is LinkMisconfigured.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import termios
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import serial

from gateway.link import LinkLost, LinkMisconfigured, LinkTransient

READ_BYTES_MAX = 4096
"""Longest chunk that one ``read`` returns; also the size of the kernel's own tty buffer."""

WRITE_BYTES_MAX = 16_384
"""Longest ``write``: above the longest sentence of any device we speak to (a 14 000 bit Beidou message is 3.5 kB)."""

TCP_CONNECT_TIMEOUT_S = 10.0
"""A terminal server on a narrow network answers within this or is away."""


class ByteStream(Protocol):
    """A port that is open. One reader at a time; writes from several tasks go out whole, one after the other."""

    async def read(self) -> bytes:
        """Return the next bytes, at least one and at most READ_BYTES_MAX; raise LinkLost when the port is gone."""

    async def write(self, data: bytes) -> None:
        """Return when the operating system has taken all of ``data``; raise LinkLost when the port is gone."""

    async def set_baud(self, baud: int) -> None:
        """Change the rate and forget what was received at the old one; nothing happens where there is no rate."""

    async def close(self) -> None:
        """Close; a waiting ``read`` or ``write`` gets LinkLost. Closing twice is allowed."""


Opener = Callable[[str, int], Awaitable[ByteStream]]
"""``open_stream`` or a test's own: (url, baud) to an open stream."""


@dataclass(frozen=True, slots=True)
class PortUrl:
    """A port's address, taken apart: ``path`` for a serial port, ``host`` and ``port`` for TCP."""

    path: str = ""
    host: str = ""
    port: int = 0


def parse_url(url: str) -> PortUrl:
    """Take ``serial:///path``, a plain absolute path or ``tcp://host:port`` apart; raise ValueError saying what to write."""
    if url.startswith("/"):
        return PortUrl(path=url)
    parts = urlsplit(url)
    if parts.scheme == "serial" and not parts.netloc and parts.path.startswith("/"):
        return PortUrl(path=parts.path)
    if parts.scheme == "tcp" and parts.hostname and not parts.path.strip("/"):
        try:
            port = parts.port
        except ValueError:
            port = None
        if port:
            return PortUrl(host=parts.hostname, port=port)
    if parts.scheme == "rfc2217":
        raise ValueError(
            f"port {url!r}: rfc2217 is not supported; set the server's port to raw TCP and write tcp://host:port"
        )
    raise ValueError(f"port {url!r} is not understood; write serial:///dev/ttyUSB0, /dev/ttyUSB0 or tcp://host:port")


async def open_stream(url: str, baud: int) -> ByteStream:
    """Open a port.

    Raise LinkTransient when it is not there, not reachable or in use, LinkMisconfigured when the URL, the rate or the
    permissions are wrong.
    """
    try:
        address = parse_url(url)
    except ValueError as error:
        raise LinkMisconfigured(str(error)) from None
    if address.host:
        return await _open_tcp(url, address)
    return _SerialStream(url, _open_serial(address.path, baud))


def _open_serial(path: str, baud: int) -> serial.Serial:
    """Open and lock a serial port, 8N1, no flow control; see ``open_stream`` for the errors."""
    try:
        # not a constructor with a port: that would open before the lock is asked for
        port = serial.Serial(baudrate=baud, exclusive=True, timeout=0, write_timeout=0)
        port.port = path
        port.open()
    except ValueError:
        raise LinkMisconfigured(f"{path}: a rate of {baud} baud is not possible; use 115200, 19200 or 9600") from None
    except OSError as error:
        raise _open_error(path, error) from error
    _wait_for_bytes(port)
    return port


def _open_error(path: str, error: OSError) -> Exception:
    """Return what to raise for a serial port that would not open."""
    code = error.errno
    if code is None and isinstance(error.__context__, termios.error):
        code = error.__context__.args[0]  # pyserial wraps what tcgetattr said without its number
    if code in (errno.EACCES, errno.EPERM):
        return LinkMisconfigured(
            f"{path}: permission denied; add the user that runs the gateway to the group dialout and log in again"
        )
    if code in (errno.EBUSY, errno.EAGAIN):
        return LinkTransient(f"{path}: in use by another program; close it (fuser {path} names it)")
    if code == errno.ENOTTY or _is_something_else(path):
        return LinkMisconfigured(f"{path}: not a serial port; look up its name with: ls -l /dev/serial/by-id")
    if code in (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO):
        return LinkTransient(f"{path}: no such device; plug it in, or look up its name with: ls -l /dev/serial/by-id")
    return LinkTransient(f"{path}: could not be opened: {error}")


def _is_something_else(path: str) -> bool:
    """Tell whether the path exists and cannot be a port at all: a file, a directory."""
    try:
        return not stat.S_ISCHR(Path(path).stat().st_mode)
    except OSError:
        return False


def _wait_for_bytes(port: serial.Serial) -> None:
    """Make an empty port say "nothing yet" and not "end": only then does a read of 0 bytes mean unplugged.

    pyserial sets VMIN to 0 on every reconfiguration, with which both look the same.
    """
    attributes = termios.tcgetattr(port.fileno())
    attributes[6][termios.VMIN] = 1
    attributes[6][termios.VTIME] = 0
    termios.tcsetattr(port.fileno(), termios.TCSANOW, attributes)


class _SerialStream:
    """A tty or pty, by its descriptor."""

    def __init__(self, url: str, port: serial.Serial) -> None:
        self._url = url
        self._port = port
        self._fd = port.fileno()
        self._writing = asyncio.Lock()
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False

    async def read(self) -> bytes:
        """Return the next bytes. End of file, EIO and a hang-up are how an unplugged device looks."""
        while True:
            await self._ready(reading=True)
            try:
                data = os.read(self._fd, READ_BYTES_MAX)
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._lost(error) from error
            if not data:
                raise self._lost(None)
            return data

    async def write(self, data: bytes) -> None:
        """Hand ``data`` to the kernel, waiting while its buffer is full."""
        assert len(data) <= WRITE_BYTES_MAX, f"{len(data)} bytes, at most {WRITE_BYTES_MAX}"
        async with self._writing:
            rest = memoryview(data)
            while rest:
                self._check_open()
                try:
                    rest = rest[os.write(self._fd, rest) :]
                except BlockingIOError:
                    await self._ready(reading=False)
                except OSError as error:
                    raise self._lost(error) from error

    async def set_baud(self, baud: int) -> None:
        """Change the rate; raise LinkMisconfigured for one the port cannot do."""
        self._check_open()
        try:
            self._port.baudrate = baud
            _wait_for_bytes(self._port)
            termios.tcflush(self._fd, termios.TCIFLUSH)
        except ValueError:
            raise LinkMisconfigured(f"{self._url}: a rate of {baud} baud is not possible") from None
        except (OSError, termios.error) as error:
            raise self._lost(error) from error

    async def close(self) -> None:
        """Close the descriptor and wake whoever waits on it."""
        if self._closed:
            return
        self._closed = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(LinkLost(f"{self._url}: port closed"))
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._fd)
        loop.remove_writer(self._fd)
        with suppress(OSError, termios.error):
            termios.tcflush(self._fd, termios.TCOFLUSH)  # a hung device must not hold the close back
        with suppress(OSError):
            self._port.close()

    async def _ready(self, *, reading: bool) -> None:
        """Wait until the descriptor can be read or written."""
        self._check_open()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.add(future)
        (loop.add_reader if reading else loop.add_writer)(self._fd, _finish, future)
        try:
            await future
        finally:
            self._waiting.discard(future)
            if not self._closed:  # the number may belong to another file already
                (loop.remove_reader if reading else loop.remove_writer)(self._fd)

    def _check_open(self) -> None:
        if self._closed:
            raise LinkLost(f"{self._url}: port closed")

    def _lost(self, error: Exception | None) -> LinkLost:
        return LinkLost(f"{self._url}: device gone ({error or 'hang-up'}); check the plug and the power")


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _open_tcp(url: str, address: PortUrl) -> ByteStream:
    try:
        async with asyncio.timeout(TCP_CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(address.host, address.port, limit=READ_BYTES_MAX)
    except TimeoutError:
        raise LinkTransient(
            f"{url}: no answer in {TCP_CONNECT_TIMEOUT_S:.0f} s; check cable, power and address"
        ) from None
    except UnicodeError:
        raise LinkMisconfigured(f"{url}: {address.host!r} is not a host name; write tcp://host:port") from None
    except OSError as error:
        raise LinkTransient(f"{url}: {error.strerror or error}; check cable, power and address") from error
    raw: socket.socket = writer.get_extra_info("socket")
    # a terminal server that lost its power says nothing: the kernel asks after it
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    return _TcpStream(url, reader, writer)


class _TcpStream:
    """A terminal behind a serial server, in raw mode; the rate is the server's business."""

    def __init__(self, url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._url = url
        self._reader = reader
        self._writer = writer
        self._writing = asyncio.Lock()
        self._closed = False

    async def read(self) -> bytes:
        """Return the next bytes; the end of the stream is the end of the link."""
        try:
            data = await self._reader.read(READ_BYTES_MAX)
        except OSError as error:
            raise self._lost(error) from error
        if not data:
            raise self._lost(None)
        return data

    async def write(self, data: bytes) -> None:
        """Write, waiting while the peer does not take what is buffered."""
        assert len(data) <= WRITE_BYTES_MAX, f"{len(data)} bytes, at most {WRITE_BYTES_MAX}"
        async with self._writing:
            if self._closed:
                raise self._lost(None)
            try:
                self._writer.write(data)
                await self._writer.drain()
            except OSError as error:
                raise self._lost(error) from error

    async def set_baud(self, baud: int) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Abort the connection: what is unsent is the sender's business, and waiting for a dead peer has no end."""
        if self._closed:
            return
        self._closed = True
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()

    def _lost(self, error: Exception | None) -> LinkLost:
        return LinkLost(f"{self._url}: connection lost ({error or 'closed'}); check cable and power")
