"""MqttBus against a real mosquitto: the contract of every bus, versions, access, TLS, and brokers that die or freeze."""

import asyncio
import shutil
import subprocess
from contextlib import asynccontextmanager, suppress

import pytest

from gateway.bus.mqtt import MqttBus
from gateway.bus.port import BusLost, BusRefused, PublishRefused
from gateway.config.settings import BusSettings
from tests.gateway.bus.check_bus import CHECKS, DOWN, ORDER, PUBACK_TIMEOUT_S, UP, Sink, connected, fate, until
from tests.gateway.bus.mosquitto import Mosquitto

pytestmark = pytest.mark.e2e


class MosquittoRig:
    """The contract's rig on a real broker; consumers are MqttBus too, under other names."""

    def __init__(self, broker, **settings):
        self.broker = broker
        self.settings = BusSettings(url=broker.url, puback_timeout_s=PUBACK_TIMEOUT_S, **settings)
        self.names = iter(range(1000))
        self.tasks = []
        self.giver = None

    def bus(self, client_id="cq1", *, subscriptions=(DOWN,), will=None, settings=None):
        return MqttBus(settings or self.settings, client_id=client_id, subscriptions=subscriptions, will=will)

    async def serve(self, bus, sink):
        task = asyncio.create_task(bus.run(sink))
        self.tasks.append(task)
        async with asyncio.timeout(5):
            await sink.serving.wait()

    async def listen(self, pattern):
        sink = Sink()
        await self.serve(self.bus(f"consumer{next(self.names)}", subscriptions=(pattern,)), sink)
        return sink.received_messages

    async def give(self, topic, payload, *, retain=False):
        if self.giver is None or not self.giver.is_connected:
            self.giver = self.bus(f"giver{next(self.names)}", subscriptions=("unused",))
            await self.serve(self.giver, Sink())
        await self.giver.publish(topic, payload, retain=retain)

    async def kill(self):
        await self.broker.kill()

    async def start(self):
        await self.broker.start()

    async def freeze(self):
        self.broker.freeze()

    async def thaw(self):
        self.broker.thaw()

    async def close(self):
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            with suppress(BusLost, asyncio.CancelledError):
                await task
        await self.broker.kill()


@asynccontextmanager
async def rig_on(broker, **settings):
    await broker.start()
    rig = MosquittoRig(broker, **settings)
    try:
        yield rig
    finally:
        await rig.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_contract(check, protocol, tmp_path):
    """MqttBus keeps the contract of BusPort with either version of MQTT."""
    async with rig_on(Mosquitto(tmp_path), protocol=protocol) as rig:
        await check(rig)
