"""Small bundles that wait for the same slot leave in one record, and each is settled by itself.

Two of the product's own gateways on stores that answer at once, as in airworld; airledger says at once what must not be.
"""

import asyncio
import functools
import random
from dataclasses import replace

import pytest

from gateway.air.batching import LOOKED_MAX, MEMBERS_MAX
from gateway.air.receipting import Receipting
from gateway.daemon.airmessages import AirMessages
from gateway.link import SendOutcome, SendResult
from gateway.model import BundleState, MessageKind, Precedence, Receipt, ReceiptLevel
from gateway.simulate.loop import run_virtual
from gateway.store.outbox import Outbox
from protocols.content.receipts import Level
from protocols.content.receipts import Receipt as AirReceipt
from tests.simulation.airledger import Fault
from tests.simulation.airstore import DirectStore
from tests.simulation.airworld import ENDS, FRAME_BYTES, ROUND_S, Keys, World
from tests.simulation.gateways import World as Gateways
from tests.simulation.gateways import bundles, report, reports_at

BATCHED = ("一切正常", "道路通畅", "天气晴好", "人员到齐", "准备出发", "已到达", "收工", "休息", "上车", "下车")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


async def two_ends(keys, *, known=True):
    """Return a command post and a vehicle; ``known``: each has told the other its session."""
    world = World(keys, 1)
    for name in ENDS:
        await world.start(name, DirectStore.in_memory(name, world.clock, random.Random(1)))
    v1, hq = world.ends["v1"], world.ends["hq"]
    if known:
        v1.accept("就位")
        hq.accept("原地待命")
        await world.settle()
        world.ledger.events.clear()
    return world, v1, hq


def waiting(end, texts, precedence=Precedence.ROUTINE):
    for text in texts:
        end.accept(text, precedence)


def states(end, *texts):
    return [one.state for one in end.own() if one.draft.message.text in texts]


async def test_what_waits_for_one_slot_leaves_in_one_record(keys):
    """Three reports, one frame: each arrives as itself, and one receipt settles all."""
    world, v1, hq = await two_ends(keys)
    waiting(v1, BATCHED[:3])

    await v1.step()
    [frame] = world.heap
    assert len(frame.data) <= FRAME_BYTES
    await world.settle()

    assert sorted(hq.heard_texts()) == sorted(["就位", *BATCHED[:3]])
    assert states(v1, *BATCHED) == [BundleState.RELAYED] * 3
    tries = [one for one in v1.store.outbox.history(v1.own()[-1].seq) if one.kind == "try"]
    assert {one.words for one in tries} == {"in a batch of 3"}


@pytest.mark.parametrize(
    ("outcome", "state", "attempts"),
    [
        (SendOutcome.ACCEPTED, BundleState.SENT, 1),
        (SendOutcome.RELAYED, BundleState.RELAYED, 1),
        (SendOutcome.UNKNOWN, BundleState.QUEUED, 1),
        (SendOutcome.DEFERRED, BundleState.QUEUED, 0),
        (SendOutcome.REFUSED, BundleState.REFUSED, 1),
    ],
)
async def test_the_outcome_is_written_for_each_member(keys, outcome, state, attempts):
    """What the device said of the record holds for all that it carries."""
    world, v1, _ = await two_ends(keys)
    waiting(v1, BATCHED[:3])

    async def send(_outgoing):
        return SendResult(outcome, "said so")

    v1.send = send
    await v1.step()

    carried = [one for one in v1.own() if one.draft.message.text in BATCHED]
    assert [(one.state, one.attempts) for one in carried] == [(state, attempts)] * 3
    tries = [one for each in carried for one in v1.store.outbox.history(each.seq) if one.kind == "try"]
    assert [(one.outcome, one.words) for one in tries] == [(str(outcome), "in a batch of 3: said so")] * 3
    assert v1.batches() == [3]
    assert world


async def test_the_most_urgent_leads_and_age_follows(keys):
    """IMMEDIATE first, then PRIORITY, then the oldest of the rest; as many as a receipt can tell apart."""
    world, v1, hq = await two_ends(keys)
    v1.runner.last = replace(v1.runner.last, data_bytes_max=1000)
    waiting(v1, BATCHED[:8])
    v1.accept("优先", Precedence.PRIORITY)
    v1.accept("立即", Precedence.IMMEDIATE)

    await v1.step()
    await world.carry()

    assert hq.heard_texts() == ["就位", "立即", "优先", *BATCHED[: MEMBERS_MAX - 2]]


async def test_an_sos_travels_alone(keys):
    """It neither takes others along nor rides with them."""
    world, v1, hq = await two_ends(keys)
    waiting(v1, BATCHED[:3])
    v1.accept("SOS", Precedence.FLASH)

    await v1.step()
    await world.carry()
    assert hq.heard_texts() == ["就位", "SOS"]
    assert v1.batches() == []

    await v1.step()
    assert v1.batches() == [3]


async def test_orders_go_with_orders_only(keys):
    """Their records have 8-byte tags; chat to the same vehicle leaves in a record of its own."""
    world, v1, hq = await two_ends(keys)
    waiting(hq, ("到桥头", "报告人数"))
    seq = hq.own()[-1].seq
    chat = replace(
        hq.own()[-1].draft, message=replace(hq.own()[-1].draft.message, kind=MessageKind.CHAT, text="辛苦了")
    )
    hq.store.do(lambda outbox: outbox.accept(chat, lane="beidou", now_s=hq.now_s()))

    await hq.step()
    assert hq.batches() == [2]
    assert all(frame.data[0] & 1 for frame in world.heap), "an order without a long tag"
    await world.settle()

    assert sorted(v1.heard_texts()) == sorted(["原地待命", "到桥头", "报告人数", "辛苦了"])
    assert seq


async def test_what_does_not_fit_is_passed_over_and_not_waited_for(keys):
    """A long report between short ones does not keep them from each other, and goes in the next frame."""
    world, v1, hq = await two_ends(keys)
    long = "三官庙村4719号点发现2830人被困，需帐篷5561顶、饮用水9472箱、发电机380台、柴油6615升"
    waiting(v1, ("一切正常", long, "道路通畅"))

    await v1.step()
    await world.carry()
    assert hq.heard_texts() == ["就位", "一切正常", "道路通畅"]

    await v1.step()
    await world.carry()
    assert long in hq.heard_texts()


async def test_a_batch_is_never_larger_than_the_hello_around_it(keys):
    """While the peer may not know the session, the first frame still brings something."""
    world, v1, hq = await two_ends(keys, known=False)
    waiting(v1, BATCHED[:5])

    await v1.step()
    await world.carry()

    assert hq.heard_texts()[0] == BATCHED[0]
    assert len(hq.heard_texts()) < 5


async def test_a_repeat_is_the_same_bytes_with_the_same_members(keys):
    """One of three has ended meanwhile; the record that goes again still says all three, and the ended one stays so."""
    world, v1, hq = await two_ends(keys)
    waiting(v1, BATCHED[:3])
    await v1.step()
    [lost] = world.heap
    world.heap.clear()
    ended = next(one for one in v1.own() if one.draft.message.text == BATCHED[1])
    done = Receipt(ended.id, ReceiptLevel.DELIVERED, by="consumer:map")
    v1.store.do(lambda outbox: outbox.receipt(done, v1.now_s()))
    world.clock.advance(1000.0)

    await v1.step()

    assert [frame.data for frame in world.heap] == [lost.data]
    await world.carry()
    assert sorted(hq.heard_texts()) == sorted(["就位", *BATCHED[:3]])
    assert states(v1, BATCHED[1]) == [BundleState.DELIVERED]


async def test_in_a_new_session_the_batch_goes_under_a_new_counter(keys):
    """What the peer may have lost is said again, the same to the bit; each arrives once."""
    world, v1, hq = await two_ends(keys)
    waiting(v1, BATCHED[:3])
    await v1.step()
    await world.carry()
    world.heap.clear()
    v1.store.do(lambda outbox: v1.air.sessions.renew(outbox, v1.peer))
    world.clock.advance(1000.0)
    v1.hurry()

    await world.settle()

    assert sorted(hq.heard_texts()) == sorted(["就位", *BATCHED[:3]])
    assert states(v1, *BATCHED) == [BundleState.RELAYED] * 3


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("level", [ReceiptLevel.DELIVERED, ReceiptLevel.ANSWERED])
async def test_later_evidence_is_of_one_member(keys, place, level):
    """A consumer took one of the three: that one closes, the others stay with who has custody."""
    world, v1, hq = await two_ends(keys)
    waiting(v1, BATCHED[:3])
    await world.settle()

    theirs = next(one for one in hq.bundles() if one.draft.message.text == BATCHED[place])
    said = Receipt(theirs.id, level, by="consumer:map")
    hq.store.do(lambda outbox: outbox.receipt(said, hq.now_s()))
    world.clock.advance(ROUND_S)
    await hq.step()
    await world.carry()

    expected = [BundleState.RELAYED] * 3
    expected[place] = BundleState.DELIVERED if level is ReceiptLevel.DELIVERED else BundleState.ANSWERED
    assert states(v1, *BATCHED) == expected


async def test_a_level_of_the_whole_record_is_custody_of_each(keys):
    """Who cannot tell members apart says delivered of one and means one: that closes none of them."""
    world, v1, _ = await two_ends(keys)
    waiting(v1, BATCHED[:3])
    await v1.step()
    session = v1.air.sessions.sending(v1.store.outbox, v1.peer)
    counter = session.next_counter - 1
    said = AirReceipt(highest=counter, session=session.salt & 0xFFFF, levels=((counter, Level.DELIVERED),))
    peer = v1.air.peers.by_id(v1.store.outbox, v1.peer)

    v1.store.do(lambda outbox: v1.air.receipting.apply(outbox, peer, said, v1.now_s()))

    assert states(v1, *BATCHED) == [BundleState.RELAYED] * 3
    assert world


async def test_a_batch_with_something_that_may_not_be_said_is_refused_whole_and_said_again_one_by_one(
    keys, monkeypatch
):
    """Nothing of it is kept; its good ones arrive by themselves, the bad one is told as refused."""
    world, v1, hq = await two_ends(keys)
    real = AirMessages._may_say
    monkeypatch.setattr(
        AirMessages, "_may_say", lambda self, told: told.message.text != BATCHED[1] and real(self, told)
    )
    waiting(v1, BATCHED[:3])

    await v1.step()
    await world.carry()
    assert hq.heard_texts() == ["就位"]
    for _ in range(6):
        world.clock.advance(61.0)
        await hq.step()
        await world.carry()
        await v1.step()
        await world.carry()

    assert sorted(hq.heard_texts()) == sorted(["就位", BATCHED[0], BATCHED[2]])
    assert states(v1, BATCHED[1]) == [BundleState.REFUSED]
    assert states(v1, BATCHED[0], BATCHED[2]) == [BundleState.RELAYED] * 2


async def test_the_look_is_bounded(keys, monkeypatch):
    """However long the queue, so many are tried for one record."""
    world, v1, _ = await two_ends(keys)
    waiting(v1, [f"{number}号点一切正常，无新情况" for number in range(3 * LOOKED_MAX)])
    tried = []
    real = v1.air.outgoing._together

    def together(batch, peer):
        tried.append(len(batch))
        return real(batch, peer)

    monkeypatch.setattr(v1.air.outgoing, "_together", together)

    await v1.step()

    assert 0 < len(tried) <= LOOKED_MAX + 1
    assert world


def minutes_until_all_are_there(tmp_path, count):
    """Say so much at once at a vehicle with a card; return how long it takes until the command post has all of it."""

    async def live():
        world = Gateways(tmp_path, loss=0.0)
        await world.start()
        await asyncio.sleep(60)
        await report(world.v1, "就位", kind="chat")
        await asyncio.sleep(900)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for number in range(count):
            await report(world.v1, f"{number}号点一切正常", kind="chat")
        while len(await reports_at(world.hq)) <= count:
            await asyncio.sleep(1.0)
            assert loop.time() < began_s + 3600.0, "never arrived"
        took_s = loop.time() - began_s
        await asyncio.sleep(900)
        assert {one.state for one in await bundles(world.v1)} == {BundleState.RELAYED}
        await world.stop()
        return took_s / 60

    return run_virtual(live())


def test_over_a_card_several_reports_take_fewer_slots_than_there_are(tmp_path):
    """Whole gateways under a simulated sky: eight short reports in four slots at most."""
    assert minutes_until_all_are_there(tmp_path, 8) < 4.5


def test_planted_no_batches_takes_a_slot_a_report(tmp_path, monkeypatch):
    """A look that finds no company."""
    monkeypatch.setattr("gateway.air.batching.MEMBERS_MAX", 1)

    assert minutes_until_all_are_there(tmp_path, 8) > 6.5


# Planted defects


async def test_planted_only_the_first_member_is_settled(keys, monkeypatch):
    """A receipt that settles one row of a record leaves the others to be repeated for ever."""
    real = Outbox.air_carried
    monkeypatch.setattr(Outbox, "air_carried", lambda *args: [one for one in real(*args) if one.place <= 1])
    world, v1, _ = await two_ends(keys)
    waiting(v1, BATCHED[:4])

    with pytest.raises(Fault, match="never receipted"):
        await world.settle()


async def test_planted_evidence_of_one_is_taken_for_all(keys, monkeypatch):
    """What one consumer took would close reports that nobody has seen."""
    monkeypatch.setattr("gateway.air.receipting._name_of", lambda heard, *_: heard.counter % 65536)
    monkeypatch.setattr(Receipting, "_level", functools.partialmethod(_every_member))

    with pytest.raises(AssertionError):
        await test_later_evidence_is_of_one_member(keys, 1, ReceiptLevel.DELIVERED)


def _every_member(self, outbox, peer, session, told, now_s):  # noqa: PLR0917
    _, low, _ = told
    changed = []
    for record in outbox.air_carried_by(peer.id, session.salt, low):
        changed += self._settle(outbox, peer, record, ReceiptLevel.DELIVERED, now_s)
    return changed
