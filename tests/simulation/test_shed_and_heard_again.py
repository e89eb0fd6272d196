"""A report that the command post had to shed is taken anew when a vehicle brings it, as when its author repeats it."""

import asyncio

from gateway.daemon import airmessages
from gateway.model import BundleState
from gateway.simulate.loop import run_virtual
from tests.simulation.gateways import CARD, HQ_CARD, World, bundles

TEXT = "需要帐篷20顶"


async def brought_again(tmp_path):
    """Have the post hear a person, shed the report, and hear the same from a vehicle; return what it has then."""
    world = World(tmp_path, loss=0.0)
    await world.start()
    await asyncio.sleep(60)
    world.person.type_text(TEXT, HQ_CARD)
    await asyncio.sleep(90)
    [first] = await bundles(world.hq)

    now_s = world.hq.gateway.core.now_s
    await world.hq.store.run(lambda outbox: outbox._shed_one(first.draft, now_s(), "cap bundles_max"))
    world.person.type_text(TEXT, CARD)
    await asyncio.sleep(900)
    found = await bundles(world.hq)
    await world.stop()
    return [(one.draft.message.text, one.state) for one in found]


def test_what_was_shed_is_taken_anew_from_a_vehicle(tmp_path):
    """The vehicle's copy is the only one there is now."""
    found = run_virtual(brought_again(tmp_path))

    assert found == [(TEXT, BundleState.SHED), (TEXT, BundleState.QUEUED)]


def test_planted_defect_a_shed_report_counts_as_had(tmp_path, monkeypatch):
    """If what was shed counted as brought before, the vehicle's copy would be lost, and the test above sees it."""
    monkeypatch.setattr(airmessages, "was_dropped", lambda _bundle: False)

    assert len(run_virtual(brought_again(tmp_path))) == 1
