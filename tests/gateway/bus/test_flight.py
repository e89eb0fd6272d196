"""The in-flight window by itself: places, deadlines, order."""

import asyncio

import pytest

from gateway.bus.flight import Flight
from gateway.bus.port import BusLost, BusRefused, PublishRefused


class Wire:
    def __init__(self):
        self.written = []

    def write(self):
        self.written.append(len(self.written) + 1)
        return self.written[-1]


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_than_the_maximum_is_written():
    """The third publish of two places waits for the first answer."""
    flight, wire = Flight(2, 10), Wire()
    publishes = [asyncio.create_task(flight.publish("t", wire.write)) for _ in range(3)]
    await settle()
    assert wire.written == [1, 2]

    flight.answered(2)
    await settle()
    assert wire.written == [1, 2, 3]

    flight.answered(1)
    flight.answered(3)
    await asyncio.gather(*publishes)


async def test_a_cancelled_publish_keeps_its_place():
    """Cancelling does not let more onto the wire; the answer does."""
    flight, wire = Flight(1, 10), Wire()
    doomed = asyncio.create_task(flight.publish("t", wire.write))
    await settle()
    doomed.cancel()
    waiting = asyncio.create_task(flight.publish("t", wire.write))
    await settle()
    assert wire.written == [1]

    flight.answered(1)
    await settle()
    flight.answered(2)
    await waiting


async def test_the_deadline_counts_from_the_wire():
    """A publish that waited for its place has the whole time for its own answer."""
    flight, wire = Flight(1, 10), Wire()
    first = asyncio.create_task(flight.publish("t", wire.write))
    second = asyncio.create_task(flight.publish("t", wire.write))
    await asyncio.sleep(9)
    flight.answered(1)
    await asyncio.sleep(9)
    flight.answered(2)
    await asyncio.gather(first, second)


async def test_a_late_answer_ends_everything():
    """After the deadline every publish, written or waiting, ends with its own BusLost that says frozen."""
    flight, wire = Flight(2, 10), Wire()
    started_s = asyncio.get_running_loop().time()

    fates = await asyncio.gather(*(flight.publish("t", wire.write) for _ in range(5)), return_exceptions=True)

    assert asyncio.get_running_loop().time() - started_s == 10
    assert all(isinstance(fate, BusLost) and "frozen" in str(fate) for fate in fates)
    assert len({id(fate) for fate in fates}) == 5
    assert wire.written == [1, 2]


async def test_the_first_reason_counts():
    """What was found first is reported; later losses change nothing, and its type and wish are kept."""
    flight = Flight(2, 10)
    flight.lose(BusRefused("first", 7.0))
    flight.lose(BusLost("second"))

    with pytest.raises(BusRefused, match="first") as found:
        await flight.publish("t", Wire().write)
    assert found.value.retry_after_s == 7.0


async def test_a_declined_message_does_not_end_the_connection():
    """PublishRefused goes to its caller alone."""
    flight, wire = Flight(2, 10), Wire()
    declined = asyncio.create_task(flight.publish("a/b", wire.write))
    await settle()
    flight.answered(1, "Not authorized")

    with pytest.raises(PublishRefused, match=r"a/b.*Not authorized"):
        await declined
    assert not flight.is_over


async def test_a_write_that_ends_the_connection_is_told():
    """Writing may find the connection gone, by raising or by ending it; neither leaves a publish hanging."""
    flight = Flight(2, 10)

    def ends():
        flight.lose(BusLost("broken pipe"))
        return 1

    with pytest.raises(BusLost, match="broken pipe"):
        await flight.publish("t", ends)


async def test_the_work_is_stopped_when_the_connection_ends():
    """serve cancels the sink's work, waits for it, and raises the reason."""
    flight, ended = Flight(2, 10), []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            ended.append(True)

    asyncio.get_running_loop().call_later(5, flight.lose, BusLost("gone"))
    with pytest.raises(BusLost, match="gone"):
        await flight.serve(work())
    assert ended == [True]
