"""A simulated sky in a process of its own, over real ptys and TCP; short, on real time."""

import asyncio
import contextlib
import json
import signal
import socket
import sys

import pytest

from drivers.bytestream import open_stream
from gateway.link import LinkLost, LinkTransient
from protocols.beidou.bd3 import BDPWI
from protocols.beidou.bd21_host import CCTXA
from protocols.beidou.payload import Payload
from protocols.beidou.reader import BeidouReader

pytestmark = pytest.mark.e2e

SKY = """
seed = 3
speed = 60.0
control = "unix:{directory}/control.sock"

[air]
loss = 0.0

[terminals.command]
protocol = "bd-2.1"
card = 242286
pty = "{directory}/ports/command"
command = true
subordinates = [179773]

[terminals.post]
protocol = "bd-3"
card = 4204986
tcp = "127.0.0.1:{port}"

[terminals.old]
protocol = "bd-4.0"
card = 175607
baud = 19200
pty = "{directory}/ports/old"

[[handsets]]
card = 179773
auto_answer = true
"""


class Script:
    """A script's end of the control socket."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def ask(self, **request):
        self.writer.write(json.dumps(request).encode() + b"\n")
        return json.loads(await self.reader.readline())


@contextlib.asynccontextmanager
async def running(directory, port=0):
    """Run the sky as a process and give the control connection; ends with SIGTERM and status 0."""
    path = directory / "sky.toml"
    path.write_text(SKY.format(directory=directory, port=port), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "drivers.virtual", path)
    control = directory / "control.sock"
    async with asyncio.timeout(20):
        while not control.exists():
            assert process.returncode is None, "the sky ended"
            await asyncio.sleep(0.02)
    reader, writer = await asyncio.open_unix_connection(control)
    try:
        yield Script(reader, writer)
    finally:
        writer.close()
        process.send_signal(signal.SIGTERM)
        status = await process.wait()
    assert status == 0
    assert not control.exists()
    assert list((directory / "ports").iterdir()) == []


class Line:
    """An open stream and what has been read of it but not asked for."""

    def __init__(self, stream):
        self.stream, self.reader, self.events = stream, BeidouReader(), []

    async def next(self, wanted=object):
        """Return the next event of a class; those before it are passed over."""
        async with asyncio.timeout(10):
            while True:
                while self.events:
                    event = self.events.pop(0)
                    if isinstance(event, wanted):
                        return event
                self.events += self.reader.feed(await self.stream.read())


async def read_to_the_end(stream):
    async with asyncio.timeout(5):
        while True:
            await stream.read()


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_pty_carries_both_ways_and_survives_a_pulled_plug(tmp_path):
    """Card, order and answer through a pty; unplugged it is lost and its link gone; plugged it is there again."""
    path = tmp_path / "ports/command"
    async with running(tmp_path) as script:
        stream = await open_stream(str(path), 115200)
        line = Line(stream)
        await stream.write(b"$CCICA,0,00*7B\r\n")
        card = await line.next()
        await stream.write(CCTXA.of(179773, Payload.of_text("令1023:前往三号点")).to_wire())
        feedback = await line.next()
        answer = await line.next()

        await script.ask(op="unplug", terminal="command")
        with pytest.raises(LinkLost):
            async with asyncio.timeout(5):
                await stream.read()
        await stream.close()
        assert not path.is_symlink()
        with pytest.raises(LinkTransient):
            await open_stream(str(path), 115200)

        await script.ask(op="plug", terminal="command")
        stream = await open_stream(str(path), 115200)
        await asyncio.sleep(1.2)
        await stream.write(b"$CCICA,0,00*7B\r\n")
        again = await Line(stream).next(type(card))
        await stream.close()
        status = await script.ask(op="status")

    assert (card.card, card.freq_s) == (242286, 1)
    assert (feedback.cmd, feedback.executed) == ("TXA", True)
    assert (answer.sender, answer.payload.text) == (179773, "收到 1023")
    assert again == card
    assert status["sky"]["arrived"] == 2
    assert status["terminals"]["command"]["received"] == 1


async def test_pty_has_a_rate(tmp_path):
    """A 19200 baud terminal answers at 19200 and gives noise at 115200."""
    query = bytes.fromhex("2449434A43000C000000002B")
    async with running(tmp_path):
        stream = await open_stream(str(tmp_path / "ports/old"), 115200)
        await stream.write(query)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await stream.read()
        await stream.set_baud(19200)
        await stream.write(query)
        card = await Line(stream).next()
        await stream.close()

    assert card.addr == 175607


async def test_nobody_at_the_port_is_missed(tmp_path):
    """What comes down for a pty that nobody has open is missed, and a host that opens later does not get it."""
    async with running(tmp_path) as script:
        await script.ask(op="type", card=179773, text="没人听", to=242286)
        await asyncio.sleep(0.5)
        status = await script.ask(op="status")
        stream = await open_stream(str(tmp_path / "ports/command"), 115200)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await stream.read()
        await stream.close()

    assert status["sky"]["missed"] == 1


async def test_tcp_takes_one_host_and_cuts_it_off(tmp_path, free_port):
    """A TCP terminal speaks to one host, turns a second away, and unplugged resets the first and refuses others."""
    url = f"tcp://127.0.0.1:{free_port}"
    async with running(tmp_path, free_port) as script:
        stream = await open_stream(url, 115200)
        line = Line(stream)
        beams = await line.next(BDPWI)
        second = await open_stream(url, 115200)
        with pytest.raises(LinkLost):
            async with asyncio.timeout(5):
                await second.read()
        await second.close()

        await script.ask(op="unplug", terminal="post")
        with pytest.raises(LinkLost):
            await read_to_the_end(stream)
        await stream.close()
        with pytest.raises(LinkTransient):
            await open_stream(url, 115200)

        await script.ask(op="plug", terminal="post")
        stream = await open_stream(url, 115200)
        again = await Line(stream).next(BDPWI)
        await stream.close()

    assert beams.bd3_beams
    assert again.bd3_beams


async def test_a_bad_file_ends_with_words(tmp_path):
    """A file that cannot be used ends the process with status 2 and the place of the fault."""
    path = tmp_path / "sky.toml"
    path.write_text('control = "unix:/tmp/x"\nspeed = 0\n', encoding="utf-8")

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "drivers.virtual", path, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()

    assert process.returncode == 2
    assert "speed" in said.decode()
