"""Virtual time: the clock jumps, nothing hangs, and no exception is lost."""

import asyncio
import time

import pytest

from gateway.simulate.loop import Deadlock, run_virtual

DAY_S = 86_400.0


def test_a_day_passes_at_once_and_timers_fire_in_their_order():
    """Given sleeps of a day, then the loop's clock has moved by it and the real one has not."""
    order = []

    async def sleeper(name, seconds):
        await asyncio.sleep(seconds)
        order.append((name, asyncio.get_running_loop().time()))

    async def live():
        await asyncio.gather(sleeper("late", DAY_S), sleeper("early", 1.5))

    began_s = time.monotonic()
    run_virtual(live(), start_s=100.0)

    assert order == [("early", 101.5), ("late", 100.0 + DAY_S)]
    assert time.monotonic() - began_s < DAY_S / 100


def test_waiting_for_what_can_never_come_is_a_deadlock():
    """Nothing ready and nothing scheduled is told, not waited for."""

    async def live():
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"nothing is scheduled at 0\.000 s"):
        run_virtual(live())


def test_work_for_a_thread_is_done_at_once_and_has_no_loop():
    """An executor's function runs in order, sees no running loop, and its error goes to who awaits."""

    def work():
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        raise ValueError("of the work")

    async def live():
        with pytest.raises(ValueError, match="of the work"):
            await asyncio.get_running_loop().run_in_executor(None, work)
        return "done"

    assert run_virtual(live()) == "done"


def fail():
    raise AssertionError("seen by nobody")


async def fail_in_a_timer():
    asyncio.get_running_loop().call_later(1.0, fail)
    await asyncio.sleep(5)


async def fail_in_a_task():
    async def failing():
        fail()

    task = asyncio.ensure_future(failing())
    await asyncio.sleep(5)
    del task


@pytest.mark.parametrize("live", [fail_in_a_timer, fail_in_a_task])
def test_an_exception_that_nobody_waits_for_is_raised_at_the_end(live):
    """An assertion in a callback must be able to fail its test."""
    with pytest.raises(AssertionError, match="seen by nobody"):
        run_virtual(live())
