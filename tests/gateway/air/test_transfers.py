"""How a transfer begins: as many pieces at first as the links of its lane are believed to lose."""

import json
import random

import pytest

from gateway.router.estimate import LinkEstimate
from tests.simulation.airstore import DirectStore
from tests.simulation.airworld import Keys, World

LONG = "三官庙村4719号点发现2830人被困，需帐篷5561顶、饮用水9472箱、发电机380台；" * 6


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


async def first_burst(keys, estimate):
    """Return the pieces needed, and those of the first burst over a link of which so much is known."""
    world = World(keys, 1)
    await world.start("v1", DirectStore.in_memory("v1", world.clock, random.Random(1)))
    v1 = world.ends["v1"]
    v1.runner.estimate = estimate(v1.now_s())
    v1.accept(LONG)
    for _ in range(2):  # the hello may go before it
        await v1.step()
    [(_, body)] = v1.store.outbox.air_states("transfer", 10)
    sending = json.loads(body)["sending"]
    return sending["k"], sending["left"] + sending["sent"]


async def test_a_link_that_loses_much_gets_more_pieces_at_first(keys):
    """The estimate is asked, so the first burst is likely to be enough."""

    def poor(now_s):
        estimate = LinkEstimate()
        for number in range(40):
            estimate = estimate.after_lost(now_s) if number % 2 else estimate.after_receipt(None, now_s)
        return estimate

    needed, unknown = await first_burst(keys, lambda _: LinkEstimate())
    same, many = await first_burst(keys, poor)

    assert needed == same
    assert unknown == needed + 1
    assert many > needed * 1.6
