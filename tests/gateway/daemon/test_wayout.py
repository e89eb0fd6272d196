"""``route explain`` on the real daemon: the same answer as what then happens, and every link says why or why not."""

import pytest

from gateway.daemon.requests import OperationError
from tests.gateway.daemon.rig import CARD, running

TWO = {"links": ("bd1", "bd2"), "slot_s": 60.0}


async def ask(rig, **request):
    return await rig.ask(op="route", to=f"card:{CARD}", **request)


async def test_what_it_says_is_what_happens(tmp_path):
    """Given two free links, then an order goes by the one that was named, and nothing was sent for the asking."""
    async with running(tmp_path, **TWO, router={"order": {"PRIORITY": ["bd2", "bd1"]}}) as rig:
        await rig.settle(5.0)
        (way,) = (await ask(rig))["ways"]
        assert not rig.devices["bd1"].aired
        await rig.send()
        await rig.settle(5.0)

        assert way["links"] == ["bd2"]
        assert rig.devices["bd2"].times_of("撤离")
        assert not rig.devices["bd1"].aired


async def test_a_flash_goes_by_two_and_a_closed_link_says_so(tmp_path):
    """Every link of the lane has its line; one that cannot be used says in words why."""
    async with running(tmp_path, **TWO) as rig:
        await rig.settle(5.0)
        (way,) = (await ask(rig, precedence="flash"))["ways"]
        assert sorted(way["links"]) == ["bd1", "bd2"]

        rig.devices["bd2"].change(lit=False)
        await rig.settle(5.0)
        (way,) = (await ask(rig, precedence="flash"))["ways"]

        assert way["links"] == ["bd1"]
        why = {option["link"]: (option["chosen"], option["why"]) for option in way["options"]}
        assert why["bd2"] == (False, "is busy")
        assert all(option["learned"]["success"]["age_s"] is None for option in way["options"])


async def test_the_bus_needs_no_link(tmp_path):
    """A report for the centre is published; there is nothing to choose."""
    async with running(tmp_path, bus={}) as rig:
        (way,) = (await rig.ask(op="route", to="bus:centre"))["ways"]

        assert (way["links"], way["reason"]) == ([], "published on the command bus")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"size_bytes": 0}, "size_bytes"),
        ({"size_bytes": "big"}, "size_bytes"),
        ({"kind": "gossip"}, "kind"),
        ({"precedence": "URGENT"}, "precedence"),
        ({"to": "nobody"}, "endpoint"),
        ({"to": "station:nobody"}, "no such station"),
    ],
)
async def test_a_wrong_question_says_what_is_wrong(tmp_path, wrong, words):
    """Each fault names its place."""
    async with running(tmp_path) as rig:
        with pytest.raises(OperationError, match=words):
            await rig.gateway.operations.do({"op": "route", "to": f"card:{CARD}"} | wrong)
