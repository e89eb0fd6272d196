"""A link is run for ever: what is a LinkError is absorbed and waited out, everything else ends the gateway."""

import asyncio
import itertools
import math

import pytest
from structlog.testing import capture_logs

from gateway.daemon.supervisor import BACKOFF_MAX_S, BACKOFF_START_S, MISCONFIGURED_RETRY_S, RETRY_S_MIN
from gateway.link import (
    LinkInfo,
    LinkLost,
    LinkMisconfigured,
    LinkReport,
    LinkState,
    LinkTransient,
    SendOutcome,
    SendResult,
)
from tests.gateway.daemon.rig import Rig, running
from tests.gateway.daemon.scripted_link import heard


class FailingLink:
    """A link whose run raises what it is given, again and again, and notes when it was called."""

    def __init__(self, errors, serve_s=0.0, name="bad"):
        self.errors, self.serve_s, self.calls = errors, serve_s, []
        self.info = LinkInfo(name=name, bearer="beidou", driver="failing", where="nowhere")

    async def run(self, sink):
        self.calls.append(asyncio.get_running_loop().time())
        sink.report(LinkReport(LinkState.OPENING))
        if self.serve_s:
            sink.report(LinkReport(LinkState.OPEN, identity={"card": 9}))
            await asyncio.sleep(self.serve_s)
        error = self.errors[min(len(self.calls), len(self.errors)) - 1]
        if error is not None:
            raise error

    async def send(self, _):
        return SendResult(SendOutcome.DEFERRED, "not open")

    def bits_of(self, _):
        return None


async def started(tmp_path, link):
    rig = Rig(tmp_path, links=())
    rig.open()
    rig.gateway.add_link(link)
    rig.task = asyncio.create_task(rig.gateway.run())
    return rig


def gaps(link):
    return [after - before for before, after in itertools.pairwise(link.calls)]


async def test_a_lost_link_is_tried_again_ever_more_slowly_with_jitter(tmp_path):
    """Waits double from a second to a minute, each between half of it and all of it, and no two posts in step."""
    link = FailingLink([LinkLost("gone")])
    rig = await started(tmp_path, link)
    await rig.settle(3600)

    waits = gaps(link)
    for number, wait_s in enumerate(waits):
        ceiling_s = min(BACKOFF_MAX_S, BACKOFF_START_S * 2**number)
        assert ceiling_s / 2 <= wait_s <= ceiling_s + 0.01
    assert len({round(wait_s, 3) for wait_s in waits[8:]}) > 10
    await rig.stop()


async def test_a_link_that_served_long_starts_its_back_off_anew(tmp_path):
    """After two good minutes the next loss is waited for a second, not a minute."""
    link = FailingLink([LinkLost("gone")], serve_s=130.0)
    rig = await started(tmp_path, link)
    await rig.settle(2000)

    assert all(wait_s <= 130 + BACKOFF_START_S + 0.01 for wait_s in gaps(link))
    await rig.stop()


async def test_misconfigured_is_tried_slowly(tmp_path):
    """What a person must mend is looked at every five minutes."""
    link = FailingLink([LinkMisconfigured("wrong card in the slot")])
    rig = await started(tmp_path, link)
    await rig.settle(3600)

    assert set(gaps(link)) == {MISCONFIGURED_RETRY_S}
    await rig.stop()


@pytest.mark.parametrize(
    ("wish_s", "wait_s"),
    [(7.0, 7.0), (0.0, RETRY_S_MIN), (-5.0, RETRY_S_MIN), (math.nan, RETRY_S_MIN), (math.inf, MISCONFIGURED_RETRY_S)],
)
async def test_a_drivers_wish_is_bounded(tmp_path, wish_s, wait_s):
    """A mistake in a driver neither spins the loop nor parks the link for ever."""
    link = FailingLink([LinkTransient("busy", retry_after_s=wish_s)])
    rig = await started(tmp_path, link)
    await rig.settle(wait_s * 3.5)

    assert gaps(link) == pytest.approx([wait_s] * 3)
    await rig.stop()


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError("a leak"), AssertionError("a promise"), None])
async def test_anything_else_ends_the_gateway(tmp_path, error):
    """A bug is not absorbed, nor is a run that simply returns; the process ends and systemd starts it again."""
    rig = await started(tmp_path, FailingLink([error]))

    with pytest.raises(ExceptionGroup) as caught:
        await rig.settle(5)

    assert caught.group_contains(type(error) if error is not None else AssertionError)
    rig.store.abandon()


async def test_one_bad_link_does_not_disturb_the_other(tmp_path):
    """The second link carries traffic while the first is lost again and again."""
    rig = Rig(tmp_path)
    rig.open()
    rig.gateway.add_link(FailingLink([LinkLost("gone")]))
    rig.task = asyncio.create_task(rig.gateway.run())
    await rig.settle()
    order = await rig.send()
    await rig.settle()

    assert (await rig.found(order["id"])).state == "sent"
    await rig.stop()


async def test_lost_and_back_are_logged_once_each(tmp_path):
    """Given an hour without a device and then its return, then there is one line for each, however often it was tried."""
    with capture_logs() as logs:
        async with running(tmp_path) as rig:
            rig.devices["bd1"].change(plugged=False)
            await rig.settle(3600)
            rig.devices["bd1"].change(plugged=True)
            await rig.settle(120)
            assert rig.runner.losses == 1

    lines = [(line["event"], line.get("state", "")) for line in logs if line.get("link") == "bd1"]
    assert lines.count(("link state", "open")) == 2
    assert [event for event, _ in lines].count("link lost") <= 2


async def test_how_long_a_link_has_been_away_counts_from_its_loss(tmp_path):
    """Given an hour of vain openings, then status says an hour, not the age of the last try."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].change(plugged=False)
        await rig.settle(3600)
        status = await rig.ask(op="status")

        assert status["links"][0]["state"] in ("unavailable", "opening")
        assert status["links"][0]["for_s"] > 3500


async def test_identity_and_counters_outlive_the_loss(tmp_path):
    """A technician still sees which card it was while it is away."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].change(plugged=False)
        await rig.settle(0.5)

        assert rig.runner.last.state is LinkState.UNAVAILABLE
        assert rig.runner.last.identity == {"card": 1}
        assert rig.runner.last.detail.endswith("unplugged")


async def test_a_link_that_hears_is_seen_to_hear(tmp_path):
    """What was heard counts for status, and a report that changes nothing wakes nobody."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("平安，在漩口小学"))
        status = await rig.ask(op="status")

        assert status["links"][0]["heard"] == 1
        assert status["links"][0]["last_heard_s"] == pytest.approx(0, abs=1)


async def test_slots_are_told_on_the_timeline(tmp_path):
    """The router sees the slot on the timeline, which is not the loop's clock after a restart."""
    async with running(tmp_path, slot_s=60.0) as rig:
        await rig.settle(500)
        await rig.crash()
        rig.clock.boot += 1
        rig.clock.offset_s = 0.0
        await asyncio.sleep(300)
        await rig.start()
        await rig.send()
        await rig.settle()

        assert rig.runner.view().not_before_s - rig.core.now_s() == pytest.approx(59, abs=1.1)
