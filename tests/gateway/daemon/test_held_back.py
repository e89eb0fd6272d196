"""What the router holds back, or cannot reach, never keeps anything else from an open link."""

from dataclasses import replace

import pytest

from gateway.daemon.airdebts import Debts
from gateway.model import BundleState, Endpoint, EndpointKind, Precedence, Station
from gateway.store.accepting import OwedTo
from tests.gateway.daemon.rig import CARD, running
from tests.gateway.store.helpers import order

V1 = Endpoint(EndpointKind.STATION, "v1")


async def put(rig, text, precedence, *, source="desk", destination=None, lane="beidou"):
    """Accept an order of a source as if it had come by the bus."""
    one = replace(order(text, precedence=precedence), source=Endpoint(EndpointKind.STATION, source))
    one = one if destination is None else replace(one, destination=destination)
    bundle = await rig.do(lambda outbox: outbox.accept(one, lane=lane, now_s=rig.core.now_s()).bundle)
    rig.core.wake_all()
    return bundle


async def test_a_source_over_its_budget_does_not_block_the_others(tmp_path):
    """Given more held back than a look reads, then what another source says behind it still leaves at once."""
    budget = {"hour": {"messages": 2}, "sos_reserve": 0.0}
    async with running(tmp_path, router={"source_budget": budget}) as rig:
        for number in range(130):
            await put(rig, f"洪水{number}", Precedence.IMMEDIATE, source="flood")
        await rig.settle(120.0)
        await put(rig, "救护车", Precedence.IMMEDIATE, source="clinic")
        await rig.settle(60.0)

        assert rig.devices["bd1"].times_of("救护车")
        assert sum("洪水" in text for text in rig.devices["bd1"].texts) == 2


@pytest.mark.parametrize("precedence", [Precedence.FLASH, Precedence.IMMEDIATE])
async def test_an_address_that_is_gone_leaves_the_other_bearer(tmp_path, precedence):
    """Given a receiver whose address on the quicker bearer was removed, then its card still gets the order."""
    links = ("bd1", "hf1", "hf2")
    async with running(tmp_path, links=links, bearers={"hf1": "hf", "hf2": "hf"}) as rig:
        for name, slot_s in zip(links, (60.0, 5.0, 5.0), strict=True):
            rig.devices[name].slot_s = slot_s
            rig.devices[name].change(lit=False)
        await rig.settle(2.0)
        bundle = await put(rig, "撤离", precedence, destination=V1, lane="beidou+hf")
        await rig.do(lambda outbox: outbox.station_put(Station("v1", cards=(int(CARD),))))
        for device in rig.devices.values():
            device.change(lit=True)
        await rig.settle(600.0)

        assert rig.devices["bd1"].times_of("撤离")
        assert (await rig.found(bundle.id)).state is BundleState.SENT


async def test_something_held_does_not_delay_the_repeat_of_an_sos(tmp_path):
    """Given routine orders that wait for their budget, then a FLASH goes again at the same times as without them."""
    router = {
        "patience": {"FLASH": {"unacknowledged_s": 65.0, "tries_max": 10}},
        "budget": {"bd1": {"hour": {"messages": 2}, "sos_reserve": 0.0}},
    }
    times = []
    for held in (0, 4):
        folder = tmp_path / str(held)
        folder.mkdir()
        async with running(folder, router=router, slot_s=7.0) as rig:
            for number in range(held):
                await put(rig, f"例行{number}", Precedence.ROUTINE)
            await rig.settle(47.0)
            await put(rig, "求救", Precedence.FLASH)
            await rig.settle(300.0)
            sent_s = rig.devices["bd1"].times_of("求救")
            times.append([at_s - sent_s[0] for at_s in sent_s])

    assert times[1] == pytest.approx(times[0], abs=0.3)
    assert len(times[0]) > 3


def test_a_peer_without_a_key_does_not_stand_before_the_others_reports():
    """A report that nobody can get is forgotten; the next one is looked at."""
    debts = Debts(None)
    for peer in (1, 2):
        debts.owe_report(OwedTo("bd1", str(peer)), peer)
    assert debts.report_owed("bd1", 10.0).peer == 1

    debts.forget_report(1)

    assert debts.report_owed("bd1", 10.0).peer == 2
