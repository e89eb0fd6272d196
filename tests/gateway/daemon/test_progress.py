"""The watchdog is fed by progress: a part that stops moving stops the pings."""

import asyncio
import itertools

import pytest

from gateway.daemon.app import STATUS_EVERY_S, _report_to_manager
from gateway.daemon.progress import PARTS_MAX, Progress
from gateway.store.commit import Done
from gateway.store.errors import StoreFailed
from tests.gateway.daemon.rig import Rig, running


class FakeManager:
    """What systemd would be told, with times."""

    def __init__(self, watchdog_s=30.0):
        self.watchdog_s = watchdog_s
        self.said = []

    def _note(self, what):
        self.said.append((asyncio.get_running_loop().time(), what))

    def ready(self):
        self._note("ready")

    def ping(self):
        self._note("ping")

    def status(self, text):
        self._note(text)

    def pings_after(self, at_s):
        return [time_s for time_s, what in self.said if what == "ping" and time_s > at_s]


def test_a_part_is_stuck_after_its_time_and_not_before():
    """Each part has its own bound; a beat starts it anew."""
    now = [0.0]
    progress = Progress(lambda: now[0])
    progress.expect("store", within_s=120.0)
    progress.expect("bus", within_s=240.0)
    now[0] = 120.0
    assert progress.stuck() == []
    now[0] = 121.0
    assert progress.stuck() == ["store (121 s, at most 120)"]
    progress.beat("store")
    assert progress.stuck() == []
    now[0] = 245.0
    assert [line.split()[0] for line in progress.stuck()] == ["bus", "store"]


def test_what_ended_in_order_is_not_missed():
    """A forgotten part is not stuck, and forgetting twice does no harm."""
    progress = Progress(lambda: 0.0 if not progress._beats else 1e9)
    progress.expect("x", 1.0)
    progress.forget("x")
    progress.forget("x")

    assert progress.stuck() == []


def test_parts_are_bounded():
    """PARTS_MAX holds exactly."""
    progress = Progress(lambda: 0.0)
    for n in range(PARTS_MAX):
        progress.expect(f"p{n}", 1.0)

    with pytest.raises(AssertionError):
        progress.expect("one more", 1.0)


async def watched(rig):
    manager = FakeManager()
    task = asyncio.create_task(_report_to_manager(rig.gateway, manager))
    return manager, task


async def test_a_healthy_gateway_pings_well_within_the_watchdog(tmp_path):
    """Given hours with nothing to do, a lost link and a dead broker, then pings never stop."""
    async with running(tmp_path, bus={}) as rig:
        manager, task = await watched(rig)
        rig.broker.down()
        rig.devices["bd1"].change(plugged=False)
        await rig.settle(4 * 3600)
        task.cancel()

        pings = manager.pings_after(0.0)
        assert max(b - a for a, b in itertools.pairwise(pings)) <= STATUS_EVERY_S + 0.1
        assert manager.said[0][1] == "ready"


@pytest.mark.parametrize("part", ["store", "link bd1", "bus"])
async def test_a_stuck_part_stops_the_pings(tmp_path, part):
    """Given one part that hangs for ever, then the pings stop within minutes, so that systemd restarts us."""
    rig = Rig(tmp_path, bus={})
    await rig.start()
    manager, task = await watched(rig)
    await rig.settle(60)

    async def never(*_args, **_kwargs):
        await asyncio.Event().wait()

    if part == "store":
        rig.store.run = never
    elif part == "bus":
        rig.gateway.bus._publisher.step = never
    else:
        rig.runner.link.send = never
        await rig.send()
    hung_s = asyncio.get_running_loop().time()
    await rig.settle(600)
    task.cancel()

    assert not manager.pings_after(hung_s + 300)
    assert any(line.startswith(part) for line in rig.core.progress.stuck())
    rig.task.cancel()
    await asyncio.wait({rig.task})
    rig.store.abandon()


async def test_a_failing_disk_is_not_a_stuck_store(tmp_path, monkeypatch):
    """A store that answers with errors is alive: a restart would give it no room."""
    async with running(tmp_path) as rig:
        manager, task = await watched(rig)
        with monkeypatch.context() as patch:
            patch.setattr(
                rig.store, "_commit_here", lambda functions: [Done(error=StoreFailed("full"))] * len(functions)
            )
            await rig.settle(3600)
        task.cancel()

        assert manager.pings_after(3500)
