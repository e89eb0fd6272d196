"""The kit catches what it is for: for every check a link with a planted defect that fails it."""

import asyncio

import pytest

from tests.contract import check_link as kit
from tests.contract.fakes import FakeMemory
from tests.contract.planted_defects import PLANTED, NeverLooks
from tests.drivers.virtual.rig import VirtualRig


@pytest.mark.parametrize(("check", "rig"), PLANTED)
async def test_planted_defect_is_caught(check, rig):
    """The check fails on the link with the defect planted for it."""
    with pytest.raises(AssertionError):
        await check(rig)

    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


def test_every_check_has_a_planted_defect():
    """No check of the kit is without a defect that it is known to catch."""
    assert {parameters.values[0] for parameters in PLANTED} == set(kit.CHECKS)


async def test_check_link_names_the_check_that_failed():
    """The one-call form runs all checks and says which one failed."""
    await kit.check_link(VirtualRig)

    rig = type("Broken", (VirtualRig,), {"link_class": NeverLooks})
    with pytest.raises(AssertionError) as caught:
        await kit.check_link(rig)

    assert any("hang_is_noticed" in note for note in caught.value.__notes__)


async def test_fake_memory_ages_on_the_loop():
    """What was saved comes back with the time that has passed."""
    memory = FakeMemory()

    await memory.save("slot", "x")
    await asyncio.sleep(30)

    assert await memory.load("slot") == ("x", 30.0)
    assert await memory.load("other") is None
