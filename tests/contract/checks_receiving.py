"""Checks of the link kit: opening, reporting and hearing."""

import asyncio
from collections import Counter

from gateway.link import BROADCAST_PEER, Addressed, LinkState, Payload, SendOutcome
from tests.contract.fakes import FakeMemory
from tests.contract.link_session import CHINESE, LEFT, numbered, open_link


async def constructor_opens_nothing(make_rig):
    """A link exists without touching its device, knows who it is, and survives being thrown away."""
    rig = make_rig()

    link = rig.make_link(FakeMemory())
    await asyncio.sleep(rig.within_s)

    assert rig.handles() == 0, "the constructor opened the device"
    assert link.info.name, "info.name is empty"
    assert link.info.driver, "info.driver is empty"
    assert link.info.bearer, "info.bearer is empty"
    assert link.info.where, "info.where is empty: a technician needs to know which port"


async def reports_opening_then_open(make_rig):
    """Run says OPENING first, then OPEN with the device's identity and what one payload may hold."""
    rig = make_rig()

    async with open_link(rig) as session:
        states = [report.state for report in session.sink.reports]
        report = session.sink.reports[-1]

    assert states[0] is LinkState.OPENING, f"first report was {states[0]}, not OPENING"
    assert set(states) <= {LinkState.OPENING, LinkState.OPEN, LinkState.BUSY}, f"only the supervisor says {states}"
    assert report.identity, "OPEN without identity"
    assert not rig.texts or report.text_bits_max, "OPEN without text_bits_max"
    assert not rig.data or report.data_bytes_max, "OPEN without data_bytes_max"


async def hears_each_once_in_order(make_rig):
    """Twenty payloads come in once each, whole, in order, from the right peer, addressed to me."""
    rig = make_rig()
    sent = [numbered(rig, number) for number in range(20)]

    async with open_link(rig) as session:
        for payload in sent:
            rig.far_send(payload)
            await asyncio.sleep(0.5)
        await session.heard(len(sent))
        await asyncio.sleep(rig.within_s)
        heard = session.sink.heard_all

    assert [h.payload for h in heard] == sent
    assert {h.peer for h in heard} == {rig.peer}
    assert {h.addressed for h in heard} == {Addressed.ME}


async def hears_a_burst_whole(make_rig):
    """Payloads that arrive at one moment are all heard once, in whatever order the air gave them."""
    rig = make_rig()
    sent = [numbered(rig, number) for number in range(10)]

    async with open_link(rig) as session:
        for payload in sent:
            rig.far_send(payload)
        await session.heard(len(sent))
        await asyncio.sleep(rig.within_s)

    assert Counter(h.payload for h in session.sink.heard_all) == Counter(sent)


async def carries_chinese_both_ways(make_rig):
    """Chinese text mixed with ASCII and full-width signs is the same text at the other end."""
    rig = make_rig()
    if not rig.texts:
        return

    async with open_link(rig) as session:
        rig.far_send(Payload.of_text(CHINESE))
        await session.heard(1)
        result = await session.send(Payload.of_text(CHINESE))
        await asyncio.sleep(rig.within_s)

    assert session.sink.heard_all[0].payload == Payload.of_text(CHINESE)
    assert result.outcome in LEFT, result
    assert rig.aired() == [Payload.of_text(CHINESE)]


async def garbage_loses_no_good_frame(make_rig):
    """Noise before, between and after good payloads costs none of them, and ends nothing."""
    rig = make_rig()
    sent = [numbered(rig, number) for number in range(12)]

    async with open_link(rig) as session:
        for number, payload in enumerate(sent):
            rig.garbage(1 + 37 * number)
            rig.far_send(payload)
            await asyncio.sleep(rig.within_s)
        rig.garbage(5000)
        await session.heard(len(sent))
        assert not session.task.done(), f"noise ended run: {session.task.exception()!r}"

    assert [h.payload for h in session.sink.heard_all] == sent


async def slow_sink_loses_nothing(make_rig):
    """A gateway that takes 5 s to store each payload still gets all, in order, and a send is not held up by it."""
    rig = make_rig()
    sent = [numbered(rig, number) for number in range(30)]

    async with open_link(rig, pause_s=5.0) as session:
        for payload in sent:
            rig.far_send(payload)
            await asyncio.sleep(1.0)
        result = await session.send(numbered(rig, 99))
        await session.heard(len(sent), within_s=30 * 5 + rig.recover_s)

    assert [h.payload for h in session.sink.heard_all] == sent
    assert result.outcome in LEFT, f"sending while the sink is slow: {result}"


async def broadcast_is_told_apart(make_rig):
    """A broadcast is heard as one; BROADCAST_PEER is sent to all where the bearer can, else REFUSED."""
    rig = make_rig()

    async with open_link(rig) as session:
        if rig.hears_broadcast:
            rig.far_send(numbered(rig, 1), broadcast=True)
            await session.heard(1)
        result = await session.send(numbered(rig, 2), peer=BROADCAST_PEER)
        await asyncio.sleep(rig.within_s)

    assert [(h.payload, h.addressed) for h in session.sink.heard_all] == (
        [(numbered(rig, 1), Addressed.BROADCAST)] if rig.hears_broadcast else []
    )
    if rig.sends_broadcast:
        assert result.outcome in LEFT, result
        assert rig.aired() == [numbered(rig, 2)]
    else:
        assert result.outcome is SendOutcome.REFUSED, result
        assert rig.aired() == []


async def no_signal_is_busy(make_rig):
    """Without signal the link is BUSY and defers; with signal it is OPEN again and sends."""
    rig = make_rig()

    async with open_link(rig) as session:
        rig.dark()
        await session.sink.until(
            lambda: session.sink.state is LinkState.BUSY, rig.recover_s, "BUSY when the signal is gone"
        )
        deferred = await session.send(numbered(rig, 1))
        aired_dark = rig.aired()
        detail = session.sink.reports[-1].detail
        rig.light()
        await session.sink.until(
            lambda: session.sink.state is LinkState.OPEN, rig.recover_s, "OPEN when the signal is back"
        )
        result = await session.send_when_due(numbered(rig, 2))

    assert deferred.outcome is SendOutcome.DEFERRED, deferred
    assert deferred.not_before_s is not None, "DEFERRED for lack of signal must say when to ask again"
    assert detail, "BUSY without a reason for the technician"
    assert aired_dark == []
    assert result.outcome in LEFT, result
