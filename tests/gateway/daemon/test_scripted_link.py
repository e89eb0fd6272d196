"""The link that the daemon's tests run on is a real one by the contract."""

import pytest

from tests.contract.check_link import CHECKS
from tests.gateway.daemon.scripted_link import ScriptedRig


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_keeps_the_contract(check):
    """Every check of the kit passes on the scripted link."""
    await check(ScriptedRig)
