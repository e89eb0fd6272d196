"""Checks of the link kit: devices that go, hang and come back, and runs that are cancelled."""

import asyncio

from gateway.link import LinkError, LinkLost, LinkState, SendOutcome
from tests.contract.link_session import LEFT, Session, numbered


async def missing_device_is_a_link_error(make_rig):
    """With no device there, run raises a LinkError that says where, and works once the device is there."""
    rig = make_rig()
    rig.unplug()
    session = Session(rig)

    session.start()
    error = await session.ended(rig.recover_s, "no device")
    await session.clean()
    rig.plug()
    session.start()
    await session.opened()
    await session.stop()

    assert isinstance(error, LinkError), f"no device: run raised {error!r}"
    assert str(error), "a LinkError without words"


async def unplug_is_link_lost(make_rig):
    """Unplugging ends run with LinkLost and nothing else; running again after plugging in works, three times over."""
    rig = make_rig()
    session = Session(rig)

    for number in range(3):
        session.start()
        await session.opened()
        rig.far_send(numbered(rig, number))
        await session.heard(number + 1)
        rig.unplug()
        error = await session.ended(rig.recover_s, "unplugged")
        await session.clean()
        assert isinstance(error, LinkLost), f"unplugged: run raised {error!r}"
        rig.plug()
        session.sink.reports.clear()

    assert [h.payload for h in session.sink.heard_all] == [numbered(rig, number) for number in range(3)]


async def unplug_while_sending_is_unknown(make_rig):
    """A device lost half-way through a send leaves UNKNOWN (or proof that it left), and LinkLost from run."""
    rig = make_rig()

    session = Session(rig)
    session.start()
    await session.opened()
    sending = asyncio.create_task(session.send(numbered(rig, 1)))
    await asyncio.sleep(0.01)
    rig.unplug()
    result = await sending
    error = await session.ended(rig.recover_s, "unplugged while sending")
    await session.clean()

    assert result.outcome is SendOutcome.UNKNOWN or (result.outcome in LEFT and rig.aired()), result
    assert isinstance(error, LinkLost), f"run raised {error!r}"


async def hang_while_sending_is_unknown(make_rig):
    """A device that gives no answer leaves UNKNOWN: nothing is guessed."""
    rig = make_rig()

    session = Session(rig)
    session.start()
    await session.opened()
    rig.hang()
    result = await session.send(numbered(rig, 1))
    await session.stop()

    assert result.outcome is SendOutcome.UNKNOWN, f"no answer, so nothing is known: {result}"


async def hang_is_noticed(make_rig):
    """A silent device does not stay OPEN: run re-initialises it (OPENING or BUSY) or ends with a LinkError."""
    rig = make_rig()

    session = Session(rig)
    session.start()
    await session.opened()
    session.sink.reports.clear()
    rig.hang()
    changed = asyncio.create_task(
        session.sink.until(
            lambda: session.sink.state in {LinkState.OPENING, LinkState.BUSY}, rig.recover_s, "a hang noticed"
        )
    )
    await asyncio.wait({changed, session.task}, return_when=asyncio.FIRST_COMPLETED)
    if session.task.done():
        changed.cancel()
        assert isinstance(session.task.exception(), LinkError), f"run raised {session.task.exception()!r}"
    else:
        await changed
    await session.stop()


async def hang_is_recovered(make_rig):
    """After a hang the link hears and sends again, by itself or when run is called again as a supervisor would."""
    rig = make_rig()

    session = Session(rig)
    session.start()
    await session.opened()
    rig.hang()
    await asyncio.sleep(rig.recover_s)
    rig.resume()
    session.sink.reports.clear()
    resumed_s = asyncio.get_running_loop().time()
    while session.task.done() or session.sink.state is not LinkState.OPEN:
        assert asyncio.get_running_loop().time() < resumed_s + rig.recover_s, "not open again after the hang"
        if session.task.done():
            assert isinstance(session.task.exception(), LinkError), f"run raised {session.task.exception()!r}"
            session.start()
        await asyncio.sleep(1)
    rig.far_send(numbered(rig, 7))
    await session.heard(1)
    result = await session.send_when_due(numbered(rig, 8))
    await session.stop()

    assert [h.payload for h in session.sink.heard_all] == [numbered(rig, 7)]
    assert result.outcome in LEFT, result


async def cancelled_run_leaves_nothing(make_rig):
    """Cancelling run at any moment of opening and serving leaves no handle and no task, and run works again."""
    moments_s = [0.0, 0.001, 0.01, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0]
    for moment_s in moments_s:
        rig = make_rig()
        session = Session(rig, pause_s=2.0)
        session.start()
        await asyncio.sleep(moment_s)
        rig.far_send(numbered(rig, 1))
        await asyncio.sleep(moment_s)
        session.task.cancel()
        await asyncio.wait({session.task})
        assert session.task.cancelled(), f"cancelled after {moment_s} s, run raised {session.task.exception()!r}"
        await session.clean()
        session.sink.reports.clear()
        session.start()
        await session.opened()
        await session.stop()


async def run_ending_ends_a_send(make_rig):
    """A send under way when run is cancelled still gives its result, and soon."""
    rig = make_rig()

    session = Session(rig)
    session.start()
    await session.opened()
    rig.hang()
    sending = asyncio.create_task(session.send(numbered(rig, 1)))
    await asyncio.sleep(0.01)
    session.task.cancel()
    await asyncio.wait({session.task})
    result = await sending
    await session.clean()

    assert result.outcome is SendOutcome.UNKNOWN, result
