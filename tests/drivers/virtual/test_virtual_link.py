"""The reference driver keeps the link contract, and its settings are checked."""

import random

import pydantic
import pytest

from drivers.virtual.driver import DRIVER
from gateway.link import LinkContext
from tests.contract.check_link import CHECKS
from tests.contract.fakes import FakeMemory
from tests.drivers.virtual.rig import OrdinaryRig, VirtualRig


@pytest.mark.parametrize("rig", [VirtualRig, OrdinaryRig], ids=["command", "ordinary"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_keeps_the_contract(check, rig):
    """Every check of the kit passes on the virtual link."""
    await check(rig)


def test_settings_name_what_is_wrong():
    """A misspelt key and an impossible card are both reported with their places."""
    with pytest.raises(pydantic.ValidationError) as caught:
        DRIVER.check({"card": 0, "frequenzy_s": 60})

    assert {error["loc"] for error in caught.value.errors()} == {("card",), ("frequenzy_s",)}


async def test_links_of_one_sky_hear_each_other():
    """The entry point's driver puts links with the same sky word under one sky."""
    contexts = [LinkContext(name, FakeMemory(), random.Random(1)) for name in ("one", "two", "far")]
    tables = [{"card": 1}, {"card": 2}, {"card": 3, "sky": "other"}]

    one, two, far = (DRIVER.make(DRIVER.check(table), context) for table, context in zip(tables, contexts, strict=True))

    assert one._device.sky is two._device.sky
    assert far._device.sky is not one._device.sky
