"""The Beidou driver passes the conformance kit on simulated terminals of all protocols, ordinary and command."""

import pytest

from tests.contract.check_link import CHECKS
from tests.drivers.beidou.rig import rigs


@pytest.mark.parametrize("make_rig", list(rigs()), ids=lambda rig: rig.__name__)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_link(check, make_rig):
    """Every check of the kit."""
    await check(make_rig)
