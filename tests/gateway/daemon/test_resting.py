"""A gateway with nothing to do rests: it asks the store rarely, is not taken for stuck, and wakes at once."""

from tests.gateway.daemon.rig import running
from tests.gateway.daemon.scripted_link import heard

HOUR_S = 3600.0


async def test_a_gateway_at_rest_asks_the_store_rarely_and_is_not_taken_for_stuck(tmp_path):
    """Proof of life costs a few transactions a minute, whatever the number of links; the watchdog is content."""
    async with running(tmp_path, links=("bd1", "bd2", "bd3"), bus={}) as rig:
        await rig.settle(60)
        before = rig.store.commits
        for _ in range(60):
            await rig.settle(HOUR_S / 60)
            assert rig.core.progress.stuck() == []

        assert rig.store.commits - before < 4 * 60


async def test_a_resting_link_wakes_for_what_comes(tmp_path):
    """An order and a receipt leave at once after hours of nothing."""
    async with running(tmp_path) as rig:
        await rig.settle(2 * HOUR_S)
        await rig.send("到集合点")
        await rig.settle(1)
        ordered = rig.devices["bd1"].times_of("到集合点")
        await rig.hear(heard("平安，在漩口小学"))
        await rig.settle(1)

        assert len(ordered) == 1
        assert len(rig.devices["bd1"].aired) == 2


async def test_a_worker_that_hangs_at_its_work_is_noticed_as_soon_as_ever(tmp_path, monkeypatch):
    """Only rest is long: who is busy and does not come back is stuck after two minutes."""
    async with running(tmp_path) as rig:
        await rig.settle(2 * HOUR_S)
        rig.devices["bd1"].change(hung=True)
        monkeypatch.setattr("tests.gateway.daemon.scripted_link.GIVE_UP_S", 10_000.0)
        monkeypatch.setattr("tests.gateway.daemon.scripted_link.SILENT_S", 10_000.0)
        await rig.send("到集合点")
        await rig.settle(130)

        assert [part for part in rig.core.progress.stuck() if part.startswith("link bd1")]
