"""Every ``async def`` test runs on virtual time; a test marked ``e2e`` runs on a real loop."""

import asyncio
import inspect

import pytest
from hypothesis import settings

from gateway.simulate.loop import run_virtual

settings.register_profile("shared machine", deadline=None)  # how long an example takes is no property of ours
settings.load_profile("shared machine")


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=None, help="live only this seed in tests/simulation")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    runner = asyncio.run if pyfuncitem.get_closest_marker("e2e") else run_virtual
    runner(pyfuncitem.obj(**arguments))
    return True
