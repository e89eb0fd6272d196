"""What reviews of the links between gateways found once: each stays mended. Real daemons on virtual time."""

import asyncio
import errno

import pytest

from gateway.air.sessions import RECEIVE
from gateway.link import Heard, Payload
from gateway.model import BundleState, Direction
from gateway.simulate.loop import run_virtual
from gateway.store.guard import FileGuard
from protocols.content.codec import Content
from protocols.content.context import Ends, Operation, Shared
from tests.simulation.gateways import CARD, SHARED, World, bundles, order, report, reports_at

HOUR_S = 3600.0
LONG = "搜救第{number}组发现被困人员，请求增派力量；" * 20


def living(**world_settings):
    """Run a test body on a world that has started."""

    def decorate(body):
        def run(tmp_path, monkeypatch):
            async def live():
                world = World(tmp_path, **{"loss": 0.0} | world_settings)
                await world.start()
                await asyncio.sleep(60)
                await body(world, monkeypatch)
                await world.stop()

            run_virtual(live())

        run.__doc__ = body.__doc__
        run.__name__ = body.__name__
        return run

    return decorate


async def away(post, seconds):
    """A gateway that is off for a while."""
    await post.crash()
    await asyncio.sleep(seconds)
    post.start()
    await asyncio.sleep(60)


@living()
async def test_long_reports_that_expire_do_not_block_the_next(world, monkeypatch):
    """Transfer numbers of bundles that ended come back: nine expire while the command post is away, the tenth arrives."""
    del monkeypatch
    task = asyncio.get_running_loop().create_task(away(world.hq, 4 * HOUR_S))
    await asyncio.sleep(10)
    for number in range(9):
        await report(world.v1, LONG.format(number=number), lifetime_s=2 * HOUR_S)
    await task

    await report(world.v1, LONG.format(number=99))
    await asyncio.sleep(3 * HOUR_S)

    assert await reports_at(world.hq) == [LONG.format(number=99)]


@living()
async def test_nothing_is_given_up_before_its_lifetime_ends(world, monkeypatch):
    """The command post is off for three hours: an SOS and a routine report sent meanwhile arrive when it is back."""
    del monkeypatch
    task = asyncio.get_running_loop().create_task(away(world.hq, 3 * HOUR_S))
    await asyncio.sleep(10)
    await report(world.v1, "SOS 三人被困")
    await report(world.v1, "一切正常", kind="chat")
    await task

    await asyncio.sleep(3 * HOUR_S)

    assert sorted(await reports_at(world.hq)) == ["SOS 三人被困", "一切正常"]
    assert {one.state for one in await bundles(world.v1)} == {BundleState.RELAYED}


@living()
async def test_a_new_context_file_at_one_end_is_told_by_a_new_session(world, monkeypatch):
    """Both had revision 5; the vehicle restarts with another registry: what follows is readable at both ends."""
    del monkeypatch
    await report(world.v1, "一号点就位")
    await asyncio.sleep(900)
    keys, folder, _ = world.v1._air
    other = Shared((Operation("新县", 10.0, 20.0, 1_790_000_000, "hq", "130000", ("v9", "v1")),), revision=6)
    world.v1._air = (keys, folder, other)
    await away(world.v1, 5)

    await order(world.hq, "station:v1", "立即撤离")
    await report(world.v1, "三人受伤")
    await asyncio.sleep(HOUR_S)

    assert await reports_at(world.hq) == ["一号点就位", "三人受伤"]
    [heard] = [one for one in await bundles(world.v1) if one.draft.message.text == "立即撤离"]
    assert str(heard.draft.message.kind) == "command"


@living()
async def test_a_refused_order_is_never_said_to_be_there(world, monkeypatch):
    """Authentic and not kept: the vehicle is told REFUSED, and a later receipt does not cover it."""
    del monkeypatch
    await report(world.v1, "就位")
    await asyncio.sleep(900)
    await order(world.v1, "station:hq", "全体撤离")
    await asyncio.sleep(900)
    await report(world.v1, "再次报告")
    await asyncio.sleep(900)

    [mine] = await bundles(world.v1, Direction.DOWN)
    assert mine.state is BundleState.REFUSED
    assert "refused by station:hq" in mine.reason


def spoken_by_v1(world, message):
    """Have the vehicle say any content to the command post, as a broken or hostile one could."""
    air = world.v1.gateway.core.air

    def make(outbox):
        peer = air.peers.by_name(outbox, "hq")
        plain = air.outgoing._codec.encode(Content(message), Ends("v1", "hq", 0), 1, 1, bare=True)
        session, counter = air.sessions.take(outbox, peer.id, long_tag=True)
        return air.sessions.seal(session, counter, plain, fragment=False, long_tag=True)

    return world.v1.store.run(make)


@living()
async def test_a_vehicle_speaks_for_itself_only(world, monkeypatch):
    """No broadcast, no text to a card, no other gateway's name: refused or said under its own."""
    del monkeypatch
    await report(world.v1, "就位")
    await asyncio.sleep(900)
    take = world.hq.gateway.inbound.take
    for message in (
        {"type": "cap", "dst": "broadcast:all", "prio": 0, "text": "全体立即撤离"},
        {"type": "chat", "dst": "card:300001", "text": "到桥头来"},
        {"type": "chat", "dst": "hq", "src": "hq", "text": "我是指挥部"},
        {"type": "opaque", "dst": "hq", "data": "zz"},
        {"type": "chat", "dst": "hq", "text": "x", "pos": {"lat": 10**400, "lon": 1}},
    ):
        frame = await spoken_by_v1(world, message)
        await take("bd1", Heard(str(CARD), Payload.of_bytes(frame)))
    await asyncio.sleep(HOUR_S)

    assert await bundles(world.hq, Direction.DOWN) == []
    sources = {str(one.draft.source) for one in await bundles(world.hq, Direction.UP)}
    assert sources == {"station:v1"}


@living()
async def test_a_guard_that_cannot_be_written_stops_nothing_else(world, monkeypatch):
    """A full disk: no record leaves, handsets are still heard, and it goes on when there is room."""
    real = FileGuard.write

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileGuard, "write", full)
    await report(world.v1, "磁盘满时的报告")
    world.person.type_text("手持机报告3人受伤", CARD)
    await asyncio.sleep(900)
    assert len(await bundles(world.v1)) == 2
    assert await reports_at(world.hq) == []

    monkeypatch.setattr(FileGuard, "write", real)
    await asyncio.sleep(2 * HOUR_S)

    assert sorted(await reports_at(world.hq)) == ["手持机报告3人受伤", "磁盘满时的报告"]


@living()
async def test_a_known_salt_of_the_far_future_is_not_believed(world, monkeypatch):
    """One broken peer must not use up the salts of all."""
    del monkeypatch
    await report(world.v1, "就位")
    await asyncio.sleep(900)
    air = world.hq.gateway.core.air
    before = await world.hq.store.run(lambda outbox: air.sessions.sending(outbox, 2).salt)

    for salt in (0xFFFFFFFF, 0xFFFFFFFE):
        await world.hq.store.run(lambda outbox, salt=salt: air.sessions.heard_hello(outbox, 2, salt, fresh=True))

    assert await world.hq.store.run(lambda outbox: air.sessions.sending(outbox, 2).salt) == before


@living()
async def test_a_lost_store_takes_no_recordings(world, monkeypatch):
    """The vehicle's database is gone, its guard is not: an order recorded yesterday is not an order today."""
    frames = []
    take = world.v1.gateway.inbound.take

    async def watch(link, heard):
        frames.append(heard)
        await take(link, heard)

    monkeypatch.setattr(world.v1.gateway.inbound, "take", watch)
    world.v1.gateway.core.links["bd1"]._on_heard = watch
    await order(world.hq, "station:v1", "立即撤离")
    await asyncio.sleep(900)
    assert "立即撤离" in await reports_at(world.v1)
    await world.v1.crash()
    for path in world.v1.path.parent.glob("outbox.db*"):
        path.unlink()
    world.v1.start()
    await asyncio.sleep(60)
    await world.register()

    for heard in frames:
        await world.v1.gateway.inbound.take("bd1", heard)

    assert await reports_at(world.v1) == []


@living(vehicles=3)
async def test_keys_on_their_way_do_not_hold_up_an_alert(world, monkeypatch):
    """Group keys and notices wait behind IMMEDIATE, and take every other slot at most."""
    del monkeypatch
    for post in world.vehicles:
        await report(post, "就位")
    await asyncio.sleep(900)
    await world.hq.gateway.operations.do({"op": "key_group"})
    await order(world.hq, "station:v1", "立即转移")
    await asyncio.sleep(600)

    assert "立即转移" in await reports_at(world.v1)


@living()
async def test_a_text_typed_on_a_gateways_terminal_is_answered_as_a_text(world, monkeypatch):
    """The vehicle's own card sends plain text: a record would say nothing of it."""
    del monkeypatch
    await world.hq.gateway.inbound.take("bd1", Heard(str(CARD), Payload.of_text("SOS 有人落水")))
    await asyncio.sleep(300)

    texts = [one.draft.message.text for one in await bundles(world.v1, Direction.UP)]
    assert any("已收到" in text for text in texts)


@living()
async def test_a_report_before_the_gateway_above_is_registered_goes_when_it_is(world, monkeypatch):
    """An SOS must not lie in the lane of a bus that does not exist."""
    del monkeypatch
    await world.v1.store.run(lambda outbox: outbox.station_remove("hq"))
    await report(world.v1, "SOS 三人被困")
    await asyncio.sleep(120)
    [mine] = await bundles(world.v1)
    assert mine.lane == "beidou"

    await world.register()
    await asyncio.sleep(2 * HOUR_S)

    assert await reports_at(world.hq) == ["SOS 三人被困"]


@living()
async def test_an_order_of_any_length_reaches_a_gateway(world, monkeypatch):
    """A handset's capacity is no limit for what goes in fragments."""
    del monkeypatch
    text = "各组注意：" + "沿河村庄立即组织转移，" * 30

    await order(world.hq, "station:v1", text)
    await asyncio.sleep(2 * HOUR_S)

    assert text in await reports_at(world.v1)


def test_a_window_row_that_is_damaged_takes_no_recordings(tmp_path):
    """Not as if nothing had ever been heard."""

    async def live():
        world = World(tmp_path, loss=0.0)
        await world.start()
        await asyncio.sleep(60)
        await report(world.v1, "就位")
        await asyncio.sleep(900)
        air = world.hq.gateway.core.air
        await world.hq.store.run(lambda outbox: outbox.air_state_put(2, RECEIVE, b"[1, 2"))

        state = await world.hq.store.run(lambda outbox: air.sessions.receiving(outbox, 2))

        assert state.salt == 0
        assert state.last_salt > 1_000_000
        await world.stop()

    run_virtual(live())


@pytest.mark.parametrize("words", [["三江镇"], []])
def test_what_is_shared_differs_by_its_fingerprint(words):
    """People forget to count the revision up: eight bits of everything shared travel instead."""
    prints = {
        SHARED.fingerprint(words),
        Shared((), 5).fingerprint(words),
        Shared(SHARED.operations, 6).fingerprint(words),
    }

    assert len(prints) == 3
