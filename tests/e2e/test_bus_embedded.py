"""The embedded broker: what it keeps of the bus contract, that it dies with its parent, and its refusals."""

import asyncio
import sys

import pytest

from gateway.bus import embedded
from gateway.bus.mqtt import MqttBus
from gateway.bus.port import Will
from gateway.config.settings import BusSettings
from tests.e2e.test_bus_mosquitto import rig_on
from tests.gateway.bus.check_bus import CHECKS, DOWN, ORDER, STATE, UP, Sink, connected, until
from tests.gateway.bus.embedded import Embedded
from tests.gateway.bus.mosquitto import free_port

pytestmark = pytest.mark.e2e

NOT_KEPT = {
    "check_an_order_is_acknowledged_only_after_the_sink": "amqtt 0.12 forgets what was in flight when we went",
    "check_orders_wait_for_an_absent_gateway": "amqtt 0.12 marks them as retained, see below",
    "check_the_will_is_spoken_when_we_go": "amqtt 0.12 gives a retained message twice to a new subscription, see below",
}
OURS = {
    "check_a_cancelled_publish_harms_nobody",
    "check_an_error_of_the_sink_passes_through",
    "check_in_flight_is_bounded",
    "check_no_broker_is_lost",
    "check_publish_without_connection_is_lost",
}
"""Checks of our side only, whatever the broker; mosquitto shows them."""


@pytest.mark.parametrize(
    "check", [c for c in CHECKS if c.__name__ not in NOT_KEPT.keys() | OURS], ids=lambda check: check.__name__
)
async def test_contract(check):
    """amqtt keeps the contract of every bus, but for what NOT_KEPT says."""
    async with rig_on(Embedded(), protocol="3.1.1") as rig:
        await check(rig)


async def test_the_will_is_spoken():
    """A gateway that goes without a word leaves its last will behind, retained."""
    async with rig_on(Embedded(), protocol="3.1.1") as rig:
        heard = await rig.listen(STATE)
        async with connected(rig.bus(will=Will(STATE, b"offline"))):
            pass
        await until(lambda: heard, "the will")
        later = await rig.listen(STATE)
        await until(lambda: later, "the retained will")

    assert {payload for _, payload, _ in heard + later} == {b"offline"}


async def test_orders_for_an_absent_gateway_come_marked_as_retained():
    """They come all and in order; being marked they will be refused with a reason rather than vanish."""
    async with rig_on(Embedded(), protocol="3.1.1") as rig:
        bus, sink = rig.bus(), Sink()
        async with connected(bus):
            pass
        for n in range(3):
            await rig.give(ORDER, b"%d" % n)
        async with connected(bus, sink):
            await until(lambda: len(sink.received_messages) == 3, "the orders")

    assert sink.received_messages == [(ORDER, b"%d" % n, True) for n in range(3)]


async def test_mqtt_5_falls_back_by_itself():
    """amqtt never answers MQTT 5's CONNECT; within a few seconds 3.1.1 serves."""
    broker = Embedded()
    await broker.start()
    bus = MqttBus(BusSettings(url=broker.url), client_id="cq1", subscriptions=(DOWN,))
    async with asyncio.timeout(5), connected(bus):
        await bus.publish(UP, b"x")
    await broker.kill()


PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-m", "gateway.bus.embedded", "--listen", sys.argv[1]], stdin=subprocess.PIPE)
time.sleep(60)
"""


async def test_it_dies_with_its_parent():
    """When whoever started it is killed with -9, it ends too: the output they share comes to its end."""
    listen = f"127.0.0.1:{free_port()}"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, listen, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert await asyncio.wait_for(parent.stdout.readline(), 5) == f"ready mqtt://{listen}\n".encode()

    parent.kill()

    assert await asyncio.wait_for(parent.stdout.read(), 5) == b""
    await parent.wait()


async def test_a_taken_port_is_told():
    """A second broker on the port ends with one line that names it."""
    first, second = Embedded(), Embedded()
    second.port = first.port
    await first.start()
    with pytest.raises(AssertionError, match=f"cannot listen on 127.0.0.1:{first.port}"):
        await second.start()
    await second.kill()
    await first.kill()


@pytest.mark.parametrize("listen", ["0.0.0.0:1883", "192.168.1.5:1883", "[::]:1883", "127.0.0.1", "127.0.0.1:0", "x:1"])
def test_it_listens_on_loopback_only(listen, capsys):
    """Every other address is refused before anything is opened."""
    assert embedded.main(["--listen", listen]) == embedded.USAGE_EXIT
    assert "--listen: found" in capsys.readouterr().err


def test_a_missing_amqtt_is_told_with_the_cure(monkeypatch, capsys):
    """Without amqtt the error names the extra to install."""
    monkeypatch.setitem(sys.modules, "amqtt.broker", None)

    assert embedded.main(["--listen", "127.0.0.1:1883"]) == embedded.MISSING_EXIT
    assert "yizhan[broker]" in capsys.readouterr().err
