"""The contract of BusPort: what every bus must show. Each check gets a Rig: one broker that can be made to fail."""

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import pytest

from gateway.bus.port import INFLIGHT_MAX, PAYLOAD_BYTES_MAX, BusLost, Will

DOWN = "yizhan/v1/510000/cq1/down/+"
ORDER = "yizhan/v1/510000/cq1/down/card:242286"
UP = "yizhan/v1/510000/cq1/up/sos"
BACKLOG = "yizhan/v1/510000/cq1/backlog/sos"
STATE = "yizhan/v1/510000/cq1/state"
PUBACK_TIMEOUT_S = 1.0
"""Set on every bus the rig makes, so that a frozen broker is found soon on real time too."""
PATIENCE_S = 8.0


class Rig(Protocol):
    """One broker and its faults, the same words for the real and the simulated one."""

    def bus(self, client_id="cq1", *, subscriptions=(DOWN,), will=None):
        """Return a port to the broker."""

    async def listen(self, *patterns):
        """Subscribe one consumer; return the list its ``(topic, payload, retained)`` are put in."""

    async def give(self, topic, payload, *, retain=False):
        """Publish as a consumer."""

    async def kill(self):
        """End the broker at once; it forgets everything."""

    async def start(self):
        """Start it again."""

    async def freeze(self):
        """Stop it without ending it."""

    async def thaw(self):
        """Let it go on."""


class Sink:
    """Remembers what it was told; ``hold`` makes it never finish with a message."""

    def __init__(self, *, hold=False):
        self.sessions = []
        self.received_messages = []
        self.serving = asyncio.Event()
        self.hold = hold

    async def connected(self, *, session_present):
        self.sessions.append(session_present)
        self.serving.set()

    async def received(self, topic, payload, *, retained):
        self.received_messages.append((topic, payload, retained))
        if self.hold:
            await asyncio.Event().wait()


async def until(condition, what, patience_s=PATIENCE_S):
    with suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            while not condition():  # noqa: ASYNC110 - conditions of many kinds, some in other processes
                await asyncio.sleep(0.01)
    assert condition(), f"waited {patience_s} s for {what}"


@asynccontextmanager
async def connected(bus, sink=None):
    """Run ``bus`` and give its task when it serves; the task is cancelled at the end."""
    sink = sink or Sink()
    sink.serving.clear()
    task = asyncio.create_task(bus.run(sink))
    serving = asyncio.create_task(sink.serving.wait())
    try:
        await asyncio.wait({task, serving}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        assert sink.serving.is_set(), "not connected in time"
        yield task
    finally:
        serving.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError, BusLost):
            await task


async def fate(awaitable):
    """Return None when it returned, else the BusLost it raised."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await awaitable
    except BusLost as error:
        return error
    return None


async def check_a_publish_reaches_a_consumer(rig):
    """publish returns, and the consumer has the very bytes."""
    bus = rig.bus()
    heard = await rig.listen(UP)
    async with connected(bus):
        await bus.publish(UP, "求救".encode())
        await until(lambda: heard, "the message")

    assert heard == [(UP, "求救".encode(), False)]


async def check_wire_order_is_call_order(rig):
    """Three hundred publishes at once, far above the in-flight bound, arrive in the order of the calls."""
    bus = rig.bus()
    heard = await rig.listen(UP)
    async with connected(bus):
        await asyncio.gather(*(bus.publish(UP, b"%d" % n) for n in range(300)))
        await until(lambda: len(heard) == 300, "all messages")

    assert [int(payload) for _, payload, _ in heard] == list(range(300))


async def check_one_client_hears_two_topics_in_order(rig):
    """What a sender's reports live and from the backlog rest on: one consumer, two topics, the order of the calls."""
    bus = rig.bus()
    heard = await rig.listen(UP, BACKLOG)
    async with connected(bus):
        await asyncio.gather(*(bus.publish(BACKLOG if n % 3 else UP, b"%d" % n) for n in range(300)))
        await until(lambda: len(heard) == 300, "all messages")

    assert [int(payload) for _, payload, _ in heard] == list(range(300))


async def check_publish_without_connection_is_lost(rig):
    """Before run, and after it, publish raises BusLost at once."""
    bus = rig.bus()
    assert not bus.is_connected
    assert await fate(bus.publish(UP, b"early")) is not None

    async with connected(bus):
        assert bus.is_connected
    assert not bus.is_connected
    assert await fate(bus.publish(UP, b"late")) is not None


async def check_no_broker_is_lost(rig):
    """run raises BusLost with the address when nothing listens."""
    await rig.kill()

    lost = await fate(rig.bus().run(Sink()))

    assert lost is not None
    assert str(lost)


async def check_a_killed_broker_ends_run_and_every_publish(rig):
    """When the broker dies, run and all publishes under way raise BusLost; none hangs; the next run serves again."""
    bus = rig.bus()
    async with connected(bus) as task:
        await rig.freeze()
        publishes = [asyncio.create_task(fate(bus.publish(UP, b"%d" % n))) for n in range(50)]
        await asyncio.sleep(0.1)
        await rig.kill()
        assert await fate(task) is not None
        fates = await asyncio.gather(*publishes)

    assert all(isinstance(f, BusLost) for f in fates)
    await rig.start()
    heard = await rig.listen(UP)
    async with connected(bus):
        await bus.publish(UP, b"again")
        await until(lambda: heard, "the message after the restart")


async def check_a_frozen_broker_is_declared_lost(rig):
    """A PUBACK that does not come in time ends the connection, and publishes behind it fail with it."""
    bus = rig.bus()
    async with connected(bus) as task:
        await rig.freeze()
        started_s = asyncio.get_running_loop().time()
        fates = await asyncio.gather(*(fate(bus.publish(UP, b"%d" % n)) for n in range(40)))
        assert "frozen" in str(await fate(task))
        took_s = asyncio.get_running_loop().time() - started_s
        await rig.thaw()

    assert all(isinstance(f, BusLost) for f in fates)
    assert took_s < PUBACK_TIMEOUT_S + 1.0
    assert not bus.is_connected


async def check_in_flight_is_bounded(rig):
    """Of a hundred publishes given while the broker is frozen, at most INFLIGHT_MAX ever reach it."""
    bus = rig.bus()
    heard = await rig.listen("yizhan/v1/510000/cq1/up/+")
    async with connected(bus):
        await rig.freeze()
        await asyncio.gather(*(fate(bus.publish(UP, b"%d" % n)) for n in range(100)))
        await rig.thaw()
    async with connected(bus):
        await bus.publish(UP, b"mark")
        await until(lambda: heard and heard[-1][1] == b"mark", "the mark")

    numbers = [int(payload) for _, payload, _ in heard[:-1]]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) <= INFLIGHT_MAX


async def check_a_cancelled_publish_harms_nobody(rig):
    """Cancelling publishes half-way leaves the connection, the order and the places for others intact."""
    bus = rig.bus()
    heard = await rig.listen(UP)
    async with connected(bus):
        for _ in range(3):
            doomed = [asyncio.create_task(bus.publish(UP, b"x")) for _ in range(INFLIGHT_MAX)]
            await asyncio.sleep(0)
            for task in doomed:
                task.cancel()
        await asyncio.gather(*(bus.publish(UP, b"%d" % n) for n in range(40)))
        await until(lambda: heard and heard[-1][1] == b"39", "the last message")

    assert [payload for _, payload, _ in heard if payload != b"x"] == [b"%d" % n for n in range(40)]


async def check_session_present_tells_what_the_broker_kept(rig):
    """False at first, True after a mere reconnection, False after a broker that forgets was killed."""
    bus, sink = rig.bus(), Sink()
    for _ in range(2):
        async with connected(bus, sink):
            pass
    await rig.kill()
    await rig.start()
    async with connected(bus, sink):
        pass

    assert sink.sessions == [False, True, False]


async def check_orders_wait_for_an_absent_gateway(rig):
    """What is published for us while we are away comes at the next connection, in order."""
    bus, sink = rig.bus(), Sink()
    async with connected(bus):
        pass
    for n in range(5):
        await rig.give(ORDER, b"%d" % n)
    async with connected(bus, sink):
        await until(lambda: len(sink.received_messages) == 5, "the orders")

    assert sink.received_messages == [(ORDER, b"%d" % n, False) for n in range(5)]


async def check_an_order_is_acknowledged_only_after_the_sink(rig):
    """An order whose sink never returned comes again; one whose sink returned does not."""
    bus, stuck = rig.bus(), Sink(hold=True)
    async with connected(bus, stuck):
        await rig.give(ORDER, b"first")
        await until(lambda: stuck.received_messages, "the order")

    calm = Sink()
    async with connected(bus, calm):
        await until(lambda: calm.received_messages, "the order again")
        await rig.give(ORDER, b"second")
        await until(lambda: len(calm.received_messages) == 2, "the second order")
        await asyncio.sleep(0.1)

    assert [payload for _, payload, _ in calm.received_messages] == [b"first", b"second"]
    last = Sink()
    async with connected(bus, last):
        await asyncio.sleep(0.3)
    assert last.received_messages == []


async def check_retained_is_told(rig):
    """A retained order is marked, so that it can be refused: it is old news of unknown age."""
    await rig.give(ORDER, b"stale", retain=True)
    sink = Sink()
    async with connected(rig.bus(), sink):
        await until(lambda: sink.received_messages, "the retained order")

    assert sink.received_messages[0] == (ORDER, b"stale", True)


async def check_payloads_are_cut_where_a_parser_must_refuse(rig):
    """A payload above the limit arrives one byte longer than it, at it whole, empty as empty."""
    sink = Sink()
    async with connected(rig.bus(), sink):
        for size in (0, PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MAX + 1, 20 * PAYLOAD_BYTES_MAX):
            await rig.give(ORDER, bytes(size))
        await until(lambda: len(sink.received_messages) == 4, "the orders")

    sizes = [len(payload) for _, payload, _ in sink.received_messages]
    assert sizes == [0, PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MAX + 1, PAYLOAD_BYTES_MAX + 1]


async def check_the_will_is_spoken_when_we_go(rig):
    """A cancelled run leaves the last will behind, retained."""
    bus = rig.bus(will=Will(STATE, b"offline"))
    heard = await rig.listen(STATE)
    async with connected(bus):
        await bus.publish(STATE, b"online", retain=True)
        await until(lambda: heard, "the state")
    await until(lambda: len(heard) == 2, "the will")

    later = await rig.listen(STATE)
    await until(lambda: later, "the retained will")
    assert [payload for _, payload, _ in heard] == [b"online", b"offline"]
    assert later == [(STATE, b"offline", True)]


async def check_an_error_of_the_sink_passes_through(rig):
    """A bug of the sink ends run with its own error, not with BusLost."""

    class Broken(Sink):
        async def received(self, *_message, **_flags):
            raise ZeroDivisionError

    running = asyncio.create_task(rig.bus().run(Broken()))
    await rig.give(ORDER, b"1")
    await rig.give(ORDER, b"2", retain=True)  # reaches a run that subscribes only now
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(running, PATIENCE_S)


async def check_the_same_client_id_takes_over(rig):
    """A second connection with our client id ends the first."""
    first, second = rig.bus(), rig.bus()
    async with connected(first) as task, connected(second):
        assert await fate(task) is not None
        assert second.is_connected


async def check_the_sink_may_publish_on_connection(rig):
    """connected may publish, which is how the retained state goes out before anything else."""
    bus = rig.bus()
    heard = await rig.listen(STATE)

    class Stating(Sink):
        async def connected(self, *, session_present):
            await bus.publish(STATE, b"online", retain=True)
            await super().connected(session_present=session_present)

    async with connected(bus, Stating()):
        await until(lambda: heard, "the state")


CHECKS = [check for name, check in sorted(globals().items()) if name.startswith("check_")]
