"""The simulated broker passes the contract of every bus, and its faults are what they say."""

import asyncio
import random

import pytest

from gateway.bus.memory import SESSION_QUEUE_MAX, MemoryBroker, MemoryBus
from gateway.bus.port import BusRefused
from tests.gateway.bus.check_bus import CHECKS, DOWN, ORDER, PUBACK_TIMEOUT_S, UP, Sink, connected, fate, until


class MemoryRig:
    def __init__(self):
        self.broker = MemoryBroker(random.Random(7))

    def bus(self, client_id="cq1", *, subscriptions=(DOWN,), will=None):
        return MemoryBus(
            self.broker,
            client_id=client_id,
            subscriptions=subscriptions,
            will=will,
            puback_timeout_s=PUBACK_TIMEOUT_S,
        )

    async def listen(self, *patterns):
        heard = []
        self.broker.subscribe(patterns, lambda *message: heard.append(message))
        return heard

    async def give(self, topic, payload, *, retain=False):
        assert self.broker.publish(topic, payload, retain=retain)

    async def kill(self):
        self.broker.down()

    async def start(self):
        self.broker.up()

    async def freeze(self):
        self.broker.freeze()

    async def thaw(self):
        self.broker.thaw()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_contract(check):
    """MemoryBus keeps the contract of BusPort."""
    await check(MemoryRig())


@pytest.mark.parametrize("persistent", [False, True])
async def test_a_puback_is_not_delivery(persistent):
    """Killed right after each PUBACK, a forgetful broker loses messages that it had acknowledged; a persistent one none."""
    rig = MemoryRig()
    rig.broker.persistent = persistent
    bus, heard = rig.bus(), await rig.listen(UP)
    for n in range(60):
        async with connected(bus):
            await bus.publish(UP, b"%d" % n)
            rig.broker.restart()
    await asyncio.sleep(1)

    delivered = len({payload for _, payload, _ in heard})
    assert delivered == 60 if persistent else 0 < delivered < 60


async def test_duplicates_are_made_on_request():
    """With duplicates at 1 every delivery is made twice, in both directions."""
    rig = MemoryRig()
    rig.broker.duplicates = 1.0
    bus, sink, heard = rig.bus(), Sink(), await rig.listen(UP)
    async with connected(bus, sink):
        await bus.publish(UP, b"up")
        await rig.give(ORDER, b"down")
        await until(lambda: len(heard) == 2 and len(sink.received_messages) == 2, "the duplicates")


async def test_a_persistent_broker_keeps_its_sessions():
    """With persistence a restart keeps the session and the order that waits in it."""
    rig = MemoryRig()
    rig.broker.persistent = True
    bus, sink = rig.bus(), Sink()
    async with connected(bus, sink):
        pass
    await rig.give(ORDER, b"kept")
    rig.broker.restart()
    async with connected(bus, sink):
        await until(lambda: sink.received_messages, "the kept order")

    assert sink.sessions == [False, True]


async def test_a_session_queue_is_full_at_its_maximum():
    """The thousand-and-first order for an absent gateway is dropped silently by the broker, and counted here."""
    rig = MemoryRig()
    async with connected(rig.bus()):
        pass
    for n in range(SESSION_QUEUE_MAX + 3):
        await rig.give(ORDER, b"%d" % n)

    assert rig.broker.dropped == 3


async def test_a_refusal_is_told_from_a_loss():
    """A broker that refuses us raises BusRefused: a person must act."""
    rig = MemoryRig()
    rig.broker.refusal = "not authorised"

    assert isinstance(await fate(rig.bus().run(Sink())), BusRefused)


async def test_the_same_seed_repeats_the_same_times():
    """Two runs with one seed have the same trace."""

    async def trace():
        loop = asyncio.get_running_loop()
        rig, times, start_s = MemoryRig(), [], loop.time()
        rig.broker.subscribe([UP], lambda _t, payload, _r: times.append((round(loop.time() - start_s, 9), payload)))
        bus = rig.bus()
        async with connected(bus):
            await asyncio.gather(*(bus.publish(UP, b"%d" % n) for n in range(20)))
            await until(lambda: len(times) == 20, "all")
        return times

    assert await trace() == await trace()
