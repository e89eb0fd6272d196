"""A person with a handset waits for slot and signal, reads, and answers orders when told to."""

import asyncio
import random

import pytest

from drivers.virtual.handset import TYPED_MAX, Handset
from drivers.virtual.sky import Sky
from gateway.link import Fix
from protocols.beidou.errors import FrameError
from tests.drivers.virtual.rig import CALM


def pair(**settings):
    sky = Sky(random.Random(1), CALM)
    return sky, Handset(sky, 1, **settings), Handset(sky, 2)


async def test_texts_leave_one_a_slot_in_the_order_typed():
    """Three texts typed at once arrive 60 s apart, in order, and the sky sees no early burst."""
    sky, one, two = pair()

    for text in ("第一", "second", "第3"):
        one.type_text(text, 2)
    await asyncio.sleep(200)

    assert [(received.at_s, received.text) for received in two.inbox] == [
        (0.5, "第一"),
        (60.5, "second"),
        (120.5, "第3"),
    ]
    assert sky.counters.early == 0


async def test_waits_for_the_signal():
    """A text typed in the dark leaves when the signal is back."""
    sky, one, two = pair()

    sky.outage(100, card=1)
    one.type_text("等", 2)
    await asyncio.sleep(90)
    before = len(two.inbox)
    await asyncio.sleep(30)

    assert before == 0
    assert [received.text for received in two.inbox] == ["等"]


async def test_long_text_is_refused_on_the_screen():
    """44 characters fit a level-3 card, 45 do not, and nothing of them leaves (reference 2.3)."""
    _, one, two = pair()

    one.type_text("救" * 44, 2)
    with pytest.raises(FrameError, match="over capacity"):
        one.type_text("救" * 45, 2)
    await asyncio.sleep(200)

    assert [received.text for received in two.inbox] == ["救" * 44]


async def test_position_follows_the_text():
    """A position is a report of its own in the next slot; an empty text sends it alone."""
    sky, one, two = pair()

    one.type_text("在此", 2, position=Fix(30.5, 104.1))
    one.type_text("", 2, position=Fix(30.6, 104.2))
    waiting = one.waiting
    await asyncio.sleep(130)

    assert waiting == 2
    assert one.sent == 3
    assert [received.text for received in two.inbox] == ["在此"]
    assert sky._cards[1].fix == Fix(30.6, 104.2)


async def test_answers_an_order_by_its_number():
    """Told to answer, the person sends 收到 and the number back once, and does not answer receipts."""
    _, one, two = pair(auto_answer=True)

    two.type_text("令7:请前往三号点", 1)
    await asyncio.sleep(100)
    two.type_text("已收到,编号55", 1)
    await asyncio.sleep(100)

    assert [received.text for received in two.inbox] == ["收到 7"]
    assert len(one.inbox) == 2


async def test_wait_inbox_returns_what_comes():
    """A script can wait for a text that has not come yet, and look from a number on."""
    _, one, two = pair()

    waiting = asyncio.create_task(two.wait_inbox("收"))
    await asyncio.sleep(1)
    one.type_text("收到", 2)
    received = await waiting

    assert (received.sender, received.text) == (1, "收到")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10):
            await two.wait_inbox("收", after=1)


async def test_a_person_types_no_more_than_the_handset_holds():
    """The queue of typed texts has its maximum."""
    _, one, _ = pair()

    for _ in range(TYPED_MAX + 1):
        one.type_text("满", 2)
    with pytest.raises(AssertionError, match="wait for their slot"):
        one.type_text("多", 2)
