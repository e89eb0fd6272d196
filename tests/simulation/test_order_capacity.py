"""An order too long for the card is refused when it is given: the real daemon and driver on a simulated terminal."""

import asyncio
import random

import pytest

from drivers.virtual.handset import Handset
from drivers.virtual.sky import Sky, SkySettings
from drivers.virtual.terminals import simulated_terminal
from gateway.config.settings import Settings
from gateway.daemon.requests import OperationError
from gateway.simulate.loop import run_virtual
from gateway.simulate.post import Post

CHARACTERS_MAX = 1200
"""More than any card carries."""
BROADCAST = 400_001


async def longest_order(post, to):
    """Give ever shorter orders until one is taken; return how many characters it has, its bundle and the refusals."""
    refusals = []
    for count in range(CHARACTERS_MAX, 0, -1):
        try:
            taken = await post.gateway.operations.do({"op": "send", "to": to, "text": "撤" * count})
        except OperationError as error:
            refusals.append(str(error))
        else:
            return count, taken["bundles"][0], refusals
    raise AssertionError(f"nothing was taken: {refusals[-1]}")


@pytest.mark.parametrize("to", ["card:300001", "broadcast:all"])
@pytest.mark.parametrize("protocol", ["bd-2.1", "bd-4.0", "bd-3"])
def test_the_longest_order_arrives_whole_and_one_character_more_is_refused(protocol, to, tmp_path):
    """Given a card, then every order that was taken fits it with its number, and nothing is stored of the others."""

    async def live():
        sky = Sky(random.Random(1), SkySettings(loss=0.0))
        handset = Handset(sky, 300_001, broadcast=BROADCAST)
        terminal = simulated_terminal(
            protocol, sky, 200_001, command=True, broadcast=BROADCAST, subordinates=(300_001,)
        )
        settings = Settings.model_validate({"gateway": {"id": "cp1", "region": "5133"}})
        post = Post(settings, tmp_path, {"bd1": terminal}, None, random.Random(2))
        post.start()
        await asyncio.sleep(60)

        count, bundle, refusals = await longest_order(post, to)
        await asyncio.sleep(600)
        last = await post.store.run(lambda outbox: outbox.last_seq())
        await post.stop()

        assert count < CHARACTERS_MAX, "nothing was ever refused"
        assert "Shorten it" in refusals[-1]
        assert f"{count + 1} characters" in refusals[-1]
        assert last == 1, f"{last} bundles stored"
        assert bundle["id"].endswith("-1")
        assert [received.text for received in handset.inbox] == [f"令1:{'撤' * count}"]

    run_virtual(live())
