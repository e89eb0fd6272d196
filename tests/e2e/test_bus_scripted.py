"""MqttBus against brokers that misbehave on purpose: each is a few canned bytes on a loopback port."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from gateway.bus import pahoclient
from gateway.bus.mqtt import MqttBus
from gateway.bus.port import INBOUND_MAX, BusLost, BusRefused
from gateway.config.settings import BusSettings
from tests.gateway.bus.check_bus import DOWN, ORDER, UP, Sink, connected, fate, until

pytestmark = pytest.mark.e2e

CONNACK = {"5": b"\x20\x03\x00\x00\x00", "3.1.1": b"\x20\x02\x00\x00"}
SUBACK = {"5": b"\x90\x04\x00\x01\x00\x01", "3.1.1": b"\x90\x03\x00\x01\x01"}


async def packet(reader):
    """Read one MQTT packet; return its type and body."""
    kind = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return kind >> 4, await reader.readexactly(length)


def version_of(connect):
    return "5" if connect[6] == 5 else "3.1.1"


@asynccontextmanager
async def scripted(script, **settings):
    """Serve ``script(reader, writer)`` to each connection; give a bus on it."""

    async def serve(reader, writer):
        try:
            await script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = BusSettings(url=f"mqtt://127.0.0.1:{port}", **settings)
    async with server:
        yield MqttBus(settings, client_id="cq1", subscriptions=(DOWN,))


async def silent(reader, _writer):
    await reader.read()


async def test_a_broker_that_never_answers_is_lost_in_time(monkeypatch):
    """A port that takes connections and says nothing, like a frozen broker, ends in BusLost with both versions tried."""
    monkeypatch.setattr(pahoclient, "CONNECT_TIMEOUT_S", 0.4)
    monkeypatch.setattr(pahoclient, "DOUBT_S", 0.2)
    async with scripted(silent) as bus:
        lost = await fate(bus.run(Sink()))

    assert "does not answer CONNECT" in str(lost)


@pytest.mark.parametrize("turned_away", [b"", b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00"], ids=["closed", "3.1", "5"])
async def test_a_broker_that_turns_mqtt_5_away_is_served_with_3_1_1(turned_away):
    """Closing, a 3.1.1 refusal and an MQTT 5 refusal all lead to 3.1.1 at once; a stated refusal is remembered."""
    versions = []

    async def old(reader, writer):
        _, connect = await packet(reader)
        versions.append(version_of(connect))
        if versions[-1] == "5":
            writer.write(turned_away)
            await writer.drain()
            return
        writer.write(CONNACK["3.1.1"])
        await packet(reader)
        writer.write(SUBACK["3.1.1"])
        await reader.read()

    async with scripted(old) as bus:
        for _ in range(2):
            async with connected(bus):
                assert bus.is_connected

    assert versions == (["5", "3.1.1", "3.1.1"] if turned_away else ["5", "3.1.1", "5", "3.1.1"])


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_refused_subscription_is_told(version):
    """A gateway that may not hear its orders must not look connected."""

    async def refusing(reader, writer):
        await packet(reader)
        writer.write(CONNACK[version])
        await packet(reader)
        writer.write(SUBACK[version][:-1] + (b"\x87" if version == "5" else b"\x80"))
        await reader.read()

    async with scripted(refusing, protocol=version) as bus:
        refused = await fate(bus.run(Sink()))

    assert isinstance(refused, BusRefused)
    assert DOWN in str(refused)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x00\x00",
        b"\xff\xff\xff\xff\xff",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x30\x02\xff\xff",  # a topic longer than its packet
        b"\x30\x07\x00\x01a\x02\x7f\x7f\x7f",  # a property that does not exist
        b"\x20\x03\x00\x03\x00",  # a second CONNACK with an unknown code
        b"\x62\x02\x00\x07",  # PUBREL of nothing
        b"\xe0\x02\x8e\x00",  # DISCONNECT: taken over
        b"\xe0\x02\x01\x00",  # DISCONNECT with an unknown reason
    ],
)
async def test_rubbish_ends_the_connection_at_most(rubbish):
    """Whatever a broker sends after the greeting, the outcome is BusLost or nothing; never another error, never a hang."""

    async def rude(reader, writer):
        await packet(reader)
        writer.write(CONNACK["5"])
        await packet(reader)
        writer.write(SUBACK["5"])
        writer.write(rubbish)
        await writer.drain()
        await asyncio.sleep(0.2)

    async with scripted(rude, protocol="5") as bus:
        assert isinstance(await fate(bus.run(Sink())), BusLost)
        assert not bus.is_connected


@pytest.mark.parametrize(
    "rubbish", [b"\x20\x00", b"\x20\x03\x00\x03\x00", b"HTTP/1.1 400\r\n\r\n", b"\x00", b"\x90\x00"]
)
async def test_rubbish_for_a_greeting_is_a_loss(rubbish):
    """A port that is not MQTT at all is told from no port, and does not raise anything else."""

    async def rude(reader, writer):
        await packet(reader)
        writer.write(rubbish)
        await writer.drain()

    async with scripted(rude) as bus:
        assert isinstance(await fate(bus.run(Sink())), BusLost)


async def test_a_flood_is_held_back_at_the_broker():
    """With a sink that stands still, no more than INBOUND_MAX messages are taken off the socket, even at QoS 0."""
    topic = ORDER.encode()
    message = b"\x30" + bytes([len(topic) + 5]) + len(topic).to_bytes(2) + topic + b"\x00" + b"xy"
    sent = 0

    async def flooding(reader, writer):
        nonlocal sent
        await packet(reader)
        writer.write(CONNACK["5"])
        await packet(reader)
        writer.write(SUBACK["5"])
        while True:
            writer.write(message * 1000)
            sent += 1000
            await writer.drain()

    sink = Sink(hold=True)
    async with scripted(flooding, protocol="5") as bus, connected(bus, sink):
        await until(lambda: sent >= 20_000, "the flood to begin")
        await asyncio.sleep(0.3)
        waiting = len(bus._connection._inbox)

    assert sink.received_messages == [(ORDER, b"xy", False)]
    assert waiting == INBOUND_MAX


async def test_a_puback_for_nothing_harms_nobody():
    """PUBACKs nobody waits for and PUBACKs twice are ignored."""

    async def eager(reader, writer):
        await packet(reader)
        writer.write(CONNACK["5"] + b"\x40\x02\x00\x63")
        await packet(reader)
        writer.write(SUBACK["5"])
        while True:
            kind, body = await packet(reader)
            if kind == 3:
                length = int.from_bytes(body[:2])
                answer = b"\x40\x02" + body[2 + length : 4 + length]
                writer.write(answer + answer)

    async with scripted(eager, protocol="5") as bus, connected(bus):
        await asyncio.gather(*(bus.publish(UP, b"x") for _ in range(40)))
