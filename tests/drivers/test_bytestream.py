"""Streams on real ptys and TCP connections."""

import asyncio
import errno
import os
import termios
import tty

import pytest

from drivers.bytestream import READ_BYTES_MAX, WRITE_BYTES_MAX, PortUrl, open_stream, parse_url
from gateway.link import LinkLost, LinkMisconfigured, LinkTransient


class Pty:
    """A pty whose master plays the device."""

    def __init__(self):
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)

    def unplug(self):
        os.close(self.master)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("/dev/ttyUSB0", PortUrl(path="/dev/ttyUSB0")),
        ("serial:///dev/serial/by-id/x", PortUrl(path="/dev/serial/by-id/x")),
        ("tcp://10.0.0.5:4001", PortUrl(host="10.0.0.5", port=4001)),
        ("tcp://[::1]:4001", PortUrl(host="::1", port=4001)),
    ],
)
def test_urls_name_a_port(url, address):
    """The three ways to name a port."""
    assert parse_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ttyUSB0",
        "serial://ttyUSB0",
        "tcp://host",
        "tcp://host:0",
        "tcp://host:99999",
        "http://x:1",
        "rfc2217://x:1",
    ],
)
def test_other_urls_say_what_to_write(url):
    """A URL that is not understood is answered with one that would be."""
    with pytest.raises(ValueError, match="tcp://host:port"):
        parse_url(url)


@pytest.mark.e2e
async def test_bytes_pass_both_ways_unchanged():
    """Every byte value crosses a tty in both directions."""
    pty = Pty()
    stream = await open_stream(pty.path, 115200)
    every = bytes(range(256))

    await stream.write(every)
    os.write(pty.master, every)
    heard = b""
    while len(heard) < len(every):
        heard += await stream.read()

    assert os.read(pty.master, 4096) == every
    assert heard == every
    await stream.close()
    pty.unplug()


@pytest.mark.e2e
async def test_an_empty_port_is_quiet_and_not_gone():
    """A read waits while nothing comes; the descriptor stays in order after a cancelled wait and a change of rate."""
    pty = Pty()
    stream = await open_stream(f"serial://{pty.path}", 115200)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await stream.read()
    await stream.set_baud(9600)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await stream.read()
    os.write(pty.master, b"late")

    assert await stream.read() == b"late"
    assert termios.tcgetattr(stream._fd)[4] == termios.B9600
    await stream.close()
    pty.unplug()


@pytest.mark.e2e
async def test_unplugging_is_lost_for_reader_and_writer():
    """A master that closes looks like a pulled plug: the waiting read and the next write both say so."""
    pty = Pty()
    stream = await open_stream(pty.path, 115200)
    reading = asyncio.ensure_future(stream.read())
    await asyncio.sleep(0.01)

    pty.unplug()

    with pytest.raises(LinkLost, match="device gone"):
        await asyncio.wait_for(reading, 5)
    with pytest.raises(LinkLost, match="device gone"):
        await stream.write(b"x")
    await stream.close()


@pytest.mark.e2e
async def test_closing_wakes_a_waiting_read_and_is_repeatable():
    """Nobody is left waiting on a descriptor that is closed, and none is left open."""
    pty = Pty()
    stream = await open_stream(pty.path, 115200)
    fd = stream._fd
    reading = asyncio.ensure_future(stream.read())
    await asyncio.sleep(0)

    await stream.close()
    await stream.close()

    with pytest.raises(LinkLost, match="port closed"):
        await reading
    with pytest.raises(LinkLost, match="port closed"):
        await stream.write(b"x")
    with pytest.raises(OSError) as error:
        os.fstat(fd)
    assert error.value.errno == errno.EBADF
    pty.unplug()


@pytest.mark.e2e
async def test_a_full_port_holds_the_writer_back():
    """A write longer than the kernel takes waits until the device reads, and arrives whole and in order."""
    pty = Pty()
    stream = await open_stream(pty.path, 115200)
    data = os.urandom(WRITE_BYTES_MAX)
    writing = asyncio.ensure_future(stream.write(data))
    await asyncio.sleep(0.05)
    assert not writing.done()

    loop = asyncio.get_running_loop()
    taken = b""
    while len(taken) < len(data):
        taken += await loop.run_in_executor(None, os.read, pty.master, 4096)

    await writing
    assert taken == data
    await stream.close()
    pty.unplug()


@pytest.mark.e2e
async def test_a_write_above_the_maximum_is_our_bug():
    """One byte above WRITE_BYTES_MAX trips the assertion before anything is written."""
    pty = Pty()
    stream = await open_stream(pty.path, 115200)
    with pytest.raises(AssertionError, match="at most"):
        await stream.write(b"x" * (WRITE_BYTES_MAX + 1))
    await stream.close()
    pty.unplug()


@pytest.mark.e2e
async def test_a_port_in_use_is_transient_and_free_after_close():
    """Two openers do not share a port; the second may have it when the first closed."""
    pty = Pty()
    first = await open_stream(pty.path, 115200)

    with pytest.raises(LinkTransient, match="in use by another program"):
        await open_stream(pty.path, 115200)
    await first.close()
    second = await open_stream(pty.path, 115200)

    await second.close()
    pty.unplug()


@pytest.mark.e2e
async def test_a_missing_device_is_waited_for():
    """A port that is not plugged in is transient and the text names it and what to do."""
    with pytest.raises(LinkTransient, match=r"/dev/ttyUSB77: no such device; plug it in"):
        await open_stream("/dev/ttyUSB77", 115200)


@pytest.mark.e2e
async def test_a_file_is_not_a_port(tmp_path):
    """A path that can never be a port is a person's mistake."""
    path = tmp_path / "ttyUSB0"
    path.write_bytes(b"")
    with pytest.raises(LinkMisconfigured, match="not a serial port"):
        await open_stream(str(path), 115200)
    with pytest.raises(LinkMisconfigured, match="not a serial port"):
        await open_stream("/dev/null", 115200)


@pytest.mark.e2e
async def test_no_permission_names_the_group(monkeypatch):
    """Permission denied is a person's business and the text names the group."""

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    pty = Pty()
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(LinkMisconfigured, match="group dialout"):
        await open_stream(pty.path, 115200)
    monkeypatch.undo()
    pty.unplug()


@pytest.mark.e2e
async def test_an_impossible_rate_is_misconfigured():
    """A rate that is no rate is refused with one that is."""
    pty = Pty()
    with pytest.raises(LinkMisconfigured, match="9600"):
        await open_stream(pty.path, -1)
    pty.unplug()


class Server:
    """A terminal server with one connection."""

    async def __aenter__(self):
        self.accepted = asyncio.get_running_loop().create_future()
        self.server = await asyncio.start_server(lambda r, w: self.accepted.set_result((r, w)), "127.0.0.1", 0)
        host, port = self.server.sockets[0].getsockname()
        self.url = f"tcp://{host}:{port}"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        if self.accepted.done():
            self.accepted.result()[1].close()
        await asyncio.sleep(0.01)


@pytest.mark.e2e
async def test_tcp_carries_bytes_until_the_peer_closes():
    """Bytes pass both ways over TCP; the peer's end is a lost link."""
    async with Server() as server:
        stream = await open_stream(server.url, 115200)
        reader, writer = await server.accepted

        await stream.set_baud(9600)
        await stream.write(b"up")
        assert await reader.readexactly(2) == b"up"
        writer.write(b"d" * (READ_BYTES_MAX * 3))
        heard = 0
        while heard < READ_BYTES_MAX * 3:
            chunk = await stream.read()
            assert 0 < len(chunk) <= READ_BYTES_MAX
            heard += len(chunk)
        writer.close()

        with pytest.raises(LinkLost, match="connection lost"):
            await asyncio.wait_for(stream.read(), 5)
        await stream.close()


@pytest.mark.e2e
async def test_tcp_close_wakes_the_reader_even_with_a_peer_that_takes_nothing():
    """Closing does not wait for a dead peer to take what is buffered."""
    async with Server() as server:
        stream = await open_stream(server.url, 115200)
        await server.accepted
        reading = asyncio.ensure_future(stream.read())
        stream._writer.write(b"x" * 10_000_000)

        async with asyncio.timeout(2):
            await stream.close()
            await stream.close()

        with pytest.raises(LinkLost):
            await reading
        with pytest.raises(LinkLost):
            await stream.write(b"x")


@pytest.mark.e2e
async def test_tcp_refused_is_transient():
    """Nobody listening is an absence."""
    async with Server() as server:
        url = server.url
    with pytest.raises(LinkTransient, match="check cable, power and address"):
        await open_stream(url, 115200)


@pytest.mark.e2e
async def test_an_url_that_cannot_be_opened_is_misconfigured():
    """The URL's own text becomes the error."""
    with pytest.raises(LinkMisconfigured, match="write tcp://host:port"):
        await open_stream("rfc2217://10.0.0.5:4001", 115200)
    with pytest.raises(LinkMisconfigured, match="not a host name"):
        await open_stream("tcp://a..b:4001", 115200)
