"""Every named maximum of the simulation holds at its edge, and what is beyond it goes where the text says."""

import asyncio
import json
import random
from types import SimpleNamespace

import pytest

from drivers.virtual import sky as sky_module
from drivers.virtual.control import LINE_BYTES_MAX, Control
from drivers.virtual.device import INBOX_MAX, VirtualDevice
from drivers.virtual.handset import Handset
from drivers.virtual.memory_port import READ_BYTES_MAX, UNREAD_BYTES_MAX, MemoryPort
from drivers.virtual.sky import RECEIPTS_MAX, STORED_MAX, Burst, ReceiptList, Sky
from drivers.virtual.terminal import COMMANDS_WAITING_MAX, OUTPUT_PERIOD_S_MIN
from drivers.virtual.terminals import simulated_terminal
from protocols.beidou.bd21_host import CCRMO
from protocols.beidou.payload import Payload
from tests.drivers.virtual.host import CARD, Host
from tests.drivers.virtual.rig import CALM

TEXT = Payload.of_text("平安")


class Station:
    """A station that keeps what arrives."""

    frequency_s = 0.0
    broadcast = 0
    commands = False
    subordinates = ()

    def __init__(self, sky, card):
        self.card, self.got = card, []
        sky.register(self)

    def arrive(self, arrival):
        self.got.append(arrival)
        return True


async def test_the_centre_keeps_the_newest_messages_of_a_card():
    """One message more than STORED_MAX pushes the oldest out; the sender of that one finds nothing."""
    sky = Sky(random.Random(1), CALM)
    asking = Station(sky, 2)
    for sender in range(100, 101 + STORED_MAX):
        sky.transmit(Burst(sender, 2, TEXT))
    await asyncio.sleep(5)
    asking.got.clear()

    for sender in (100, 101):
        sky.query_messages(2, sender)
    await asyncio.sleep(5)

    assert [arrival.sender for arrival in asking.got] == [101]


async def test_a_receipt_answer_holds_five_pairs():
    """Six received messages give the five newest receipts."""
    sky = Sky(random.Random(1), CALM)
    asking = Station(sky, 1)
    Station(sky, 2)
    for _ in range(RECEIPTS_MAX + 1):
        sky.transmit(Burst(1, 2, TEXT))
        await asyncio.sleep(60)

    sky.query_receipts(1, 2)
    await asyncio.sleep(5)

    (answer,) = asking.got
    assert isinstance(answer, ReceiptList)
    assert len(answer.pairs) == RECEIPTS_MAX
    assert (answer.pairs[0][0] - sky.settings.start_utc).total_seconds() == 60


@pytest.mark.parametrize("name", ["IN_FLIGHT_MAX", "CARDS_MAX"])
async def test_a_runaway_simulation_stops(monkeypatch, name):
    """More copies in flight or more cards than the maximum is an error of the simulation, not a slow machine."""
    monkeypatch.setattr(sky_module, name, 10)
    sky = Sky(random.Random(1), CALM)
    cards = [2] * 10 if name == "IN_FLIGHT_MAX" else range(2, 11)

    for card in cards:
        sky.transmit(Burst(1, card, TEXT))
    with pytest.raises(AssertionError, match="than a simulation can mean"):
        sky.transmit(Burst(1, 99, TEXT))


async def test_a_full_device_misses_what_comes_then():
    """A virtual device keeps INBOX_MAX arrivals; the next is missed and counted by the sky."""
    sky = Sky(random.Random(1), CALM)
    device = VirtualDevice(sky, 2)
    device.open()

    for _ in range(INBOX_MAX + 1):
        sky.transmit(Burst(1, 2, TEXT))
    await asyncio.sleep(5)
    device.close()

    assert (sky.counters.arrived, sky.counters.missed) == (INBOX_MAX, 1)


async def test_a_handset_forgets_its_oldest_texts(monkeypatch):
    """The screen keeps the newest INBOX_MAX texts."""
    monkeypatch.setattr("drivers.virtual.handset.INBOX_MAX", 3)
    sky = Sky(random.Random(1), CALM)
    reader = Handset(sky, 2)

    for text in "一二三四":
        sky.transmit(Burst(1, 2, Payload.of_text(text)))
        await asyncio.sleep(1)

    assert "".join(received.text for received in reader.inbox) == "二三四"


async def test_a_terminal_keeps_so_many_commands():
    """A host that asks faster than the terminal answers loses the oldest beyond COMMANDS_WAITING_MAX."""
    host = Host("bd-2.1")

    said = await host.ask(*[b"$CCICA,0,00*7B\r\n"] * (COMMANDS_WAITING_MAX + 1))

    assert len(said) == COMMANDS_WAITING_MAX


async def test_no_output_is_faster_than_the_fastest():
    """A period of a millisecond becomes OUTPUT_PERIOD_S_MIN."""
    host = Host("bd-2.1")

    said = await host.ask(CCRMO("BSI", 2, 0.001), wait_s=1.0)

    assert len(said) == pytest.approx(1.0 / OUTPUT_PERIOD_S_MIN, abs=1)


async def test_what_nobody_reads_is_lost_beyond_the_buffer():
    """A memory port keeps UNREAD_BYTES_MAX bytes for a slow host, counts the rest, and gives READ_BYTES_MAX at a time."""
    port = MemoryPort(simulated_terminal("bd-2.1", Sky(random.Random(1), CALM), CARD))
    stream = await port.opener("serial:///x", 115200)

    port.terminal.garbage(UNREAD_BYTES_MAX + 7)
    chunks = [await stream.read() for _ in range(UNREAD_BYTES_MAX // READ_BYTES_MAX)]
    await stream.close()

    assert port.overrun == 7
    assert {len(chunk) for chunk in chunks} == {READ_BYTES_MAX}


@pytest.mark.e2e
async def test_an_endless_request_ends_the_connection(tmp_path):
    """A line over LINE_BYTES_MAX is answered by closing; one at it is answered in words."""
    control = Control(SimpleNamespace(sky=None, handsets={}, terminals={}, ports={}))
    server = await asyncio.start_unix_server(control.serve, tmp_path / "s", limit=LINE_BYTES_MAX)
    frame = len(json.dumps({"op": "x", "pad": ""}))

    answers = []
    for pad in (LINE_BYTES_MAX - frame - 1, LINE_BYTES_MAX + 1):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(json.dumps({"op": "x", "pad": "y" * pad}).encode() + b"\n")
        try:
            answers.append(await reader.readline())
        except ConnectionError:  # closed with our bytes unread: the system may say so
            answers.append(b"")
        writer.close()
    server.close()

    assert b'"ok": false' in answers[0]
    assert answers[1] == b""
