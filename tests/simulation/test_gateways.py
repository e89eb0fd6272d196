"""Gateway to gateway: a report heard by a vehicle reaches the command post as a record, once, and its receipt comes back."""

import asyncio
import random
import shutil

import pytest

from gateway.air.sessions import Sessions
from gateway.link import Heard, Payload
from gateway.model import BundleState, Receipt, ReceiptLevel
from gateway.simulate.loop import run_virtual
from gateway.store.accepting import Accepting
from gateway.store.airstate import AirState
from protocols.content.context import Shared
from tests.simulation.gateways import CARD, PERSON, SHARED, World, bundles, order, report, reports_at

HOUR_S = 3600.0


@pytest.mark.parametrize("protocol", ["bd-2.1", "bd-4.0", "bd-3"])
def test_a_report_goes_up_as_a_record_and_is_receipted(tmp_path, protocol):
    """A person near the vehicle types; the command post has it once, and the vehicle knows."""

    async def live():
        world = World(tmp_path, loss=0.0, protocol=protocol)
        await world.start()
        await asyncio.sleep(60)

        world.person.type_text("三官庙村3人受伤 需要帐篷20顶", CARD)
        await asyncio.sleep(900)

        [mine] = await bundles(world.v1)
        [theirs] = await bundles(world.hq)
        assert theirs.draft.message.text == "三官庙村3人受伤 需要帐篷20顶"
        assert str(theirs.draft.source) == f"card:{PERSON}"
        assert theirs.draft.message.fields == mine.draft.message.fields
        assert theirs.precedence == mine.precedence
        assert mine.state is BundleState.RELAYED
        assert "station:hq" in mine.reason
        await world.stop()

    run_virtual(live())


def test_a_long_report_goes_in_fragments_over_a_bad_sky(tmp_path):
    """Over 600 characters at 30 % loss: put together once, and the vehicle hears that it arrived."""

    async def live():
        world = World(tmp_path, loss=0.3)
        await world.start()
        await asyncio.sleep(60)
        text = "".join(f"第{number}组在{number}号点搜救，发现{number}人被困；" for number in range(1, 36))

        bundle_id = await report(world.v1, text)
        await asyncio.sleep(4 * HOUR_S)

        assert await reports_at(world.hq) == [text]
        [mine] = await bundles(world.v1)
        assert mine.id == bundle_id
        assert mine.state is BundleState.RELAYED
        assert mine.attempts > 5, "it went in one frame"
        await world.stop()

    run_virtual(live())


def test_an_order_goes_down_as_a_record(tmp_path):
    """The command post orders its vehicle; the vehicle has it and the command post knows."""

    async def live():
        world = World(tmp_path, loss=0.0)
        await world.start()
        await asyncio.sleep(60)

        await order(world.hq, "station:v1", "立即前往水磨镇，18时前报告人数")
        await asyncio.sleep(900)

        [mine] = await bundles(world.hq)
        [heard] = await bundles(world.v1)
        assert heard.draft.message.text == "立即前往水磨镇，18时前报告人数"
        assert str(heard.draft.message.kind) == "command"
        assert mine.state is BundleState.RELAYED
        await world.stop()

    run_virtual(live())


@pytest.mark.parametrize(
    ("level", "state"), [(ReceiptLevel.DELIVERED, BundleState.DELIVERED), (ReceiptLevel.ANSWERED, BundleState.ANSWERED)]
)
def test_delivery_and_answer_come_back_over_the_air(tmp_path, level, state):
    """Custody, delivered, answered are three things; the command post learns each from the vehicle."""

    async def live():
        world = World(tmp_path, loss=0.0)
        await world.start()
        await asyncio.sleep(60)
        order_id = await order(world.hq, "station:v1", "到三号点集合")
        await asyncio.sleep(900)
        [mine] = await bundles(world.hq)
        assert mine.state is BundleState.RELAYED

        [theirs] = await bundles(world.v1)
        said = Receipt(theirs.id, level, by="consumer:map")
        await world.v1.store.run(lambda outbox: outbox.receipt(said, world.v1.gateway.core.now_s()))
        world.v1.gateway.core.wake_all()
        await asyncio.sleep(900)

        [mine] = await bundles(world.hq)
        assert (mine.id, mine.state) == (order_id, state)
        assert "station:v1" in mine.reason
        await world.stop()

    run_virtual(live())


def test_a_peer_under_attack_is_asked_for_longer_tags(tmp_path):
    """A thousand forged frames in one session: 4-byte tags of that peer are refused, it is told, and goes on with 8."""

    async def live():
        world = World(tmp_path, loss=0.0)
        await world.start()
        await asyncio.sleep(60)
        await report(world.v1, "第一次报告")
        await asyncio.sleep(900)
        rng = random.Random(5)
        for _ in range(1100):
            forged = bytes([0]) + rng.randbytes(40)
            await world.hq.gateway.inbound.take("bd1", Heard(str(CARD), Payload.of_bytes(forged)))
        await asyncio.sleep(HOUR_S)

        await report(world.v1, "第二次报告")
        await asyncio.sleep(HOUR_S)

        assert await reports_at(world.hq) == ["第一次报告", "第二次报告"]
        status = await world.hq.gateway.operations.do({"op": "status"})
        assert status["air"]["peers"][0]["only_long_tags"]
        assert {one.state for one in await bundles(world.v1)} == {BundleState.RELAYED}
        await world.stop()

    run_virtual(live())


def test_a_vehicle_may_not_order_the_command_post(tmp_path):
    """Orders come from upstream only: the record is authentic and changes nothing."""

    async def live():
        world = World(tmp_path, loss=0.0)
        await world.start()
        await asyncio.sleep(60)

        await order(world.v1, "station:hq", "全体撤离")
        await asyncio.sleep(900)

        assert await bundles(world.hq) == []
        assert world.hq.gateway.core.counters["air: order from a peer that may not order"] >= 1
        await world.stop()

    run_virtual(live())


def test_suite_2_carries_reports_and_orders_with_long_tags(tmp_path):
    """SM4 where both ends are configured for it; its records never have a 4-byte tag."""

    async def live():
        world = World(tmp_path, loss=0.0, suite=2)
        await world.start()
        await asyncio.sleep(60)

        await report(world.v1, "三江镇道路中断")
        await asyncio.sleep(600)
        await report(world.v1, "水磨镇12人被困")
        await order(world.hq, "station:v1", "到三号点集合")
        await asyncio.sleep(900)

        assert await reports_at(world.hq) == ["三江镇道路中断", "水磨镇12人被困"]
        assert "到三号点集合" in await reports_at(world.v1)
        for post in world.posts:
            states = {one.state for one in await bundles(post) if one.attempts}
            assert states == {BundleState.RELAYED}
        await world.stop()

    run_virtual(live())


def test_a_suite_that_is_not_configured_is_refused(tmp_path):
    """Default deny: the command post takes AES only, so the vehicle's SM4 hello changes nothing, and its reports wait."""

    async def live():
        world = World(tmp_path, loss=0.0)
        air = world.v1.settings.air.model_copy(update={"suite": 2})
        world.v1.settings = world.v1.settings.model_copy(update={"air": air})
        await world.start()
        await asyncio.sleep(60)

        await report(world.v1, "三江镇道路中断")
        await asyncio.sleep(900)

        assert await reports_at(world.hq) == []
        assert world.hq.gateway.core.counters["air: suite not allowed"] >= 1
        assert (await bundles(world.v1))[0].state.is_open
        await world.stop()

    run_virtual(live())


@pytest.mark.parametrize("shared", [(SHARED, Shared()), (Shared(), SHARED), (Shared((), 9), SHARED)])
def test_different_revisions_still_understand_each_other(tmp_path, shared):
    """A gateway with yesterday's context file loses nothing: contents go bare until the revisions agree."""

    async def live():
        world = World(tmp_path, loss=0.0, shared=shared)
        await world.start()
        await asyncio.sleep(60)
        texts = ["三江镇道路中断", "水磨镇12人被困", "收到，正在前往"]

        for text in texts:
            await report(world.v1, text)
            await asyncio.sleep(600)

        assert await reports_at(world.hq) == texts
        await world.stop()

    run_virtual(live())


def test_one_receipt_answers_several_gateways(tmp_path):
    """Three vehicles report in the same minutes: the command post's one slot answers them together."""

    async def live():
        world = World(tmp_path, loss=0.0, vehicles=3)
        await world.start()
        await asyncio.sleep(60)
        for number in range(12):
            await asyncio.gather(*(report(post, f"第{number}次报告：一切正常") for post in world.vehicles))
            await asyncio.sleep(300)
        await asyncio.sleep(HOUR_S)

        assert len(await reports_at(world.hq)) == 36
        for post in world.vehicles:
            assert {one.state for one in await bundles(post)} == {BundleState.RELAYED}
        frames = world.hq.gateway.core.links["bd1"].sent_count
        assert frames < 30, f"{frames} frames for 36 receipts"
        await world.stop()

    run_virtual(live())


def test_a_key_is_rotated_under_way(tmp_path):
    """Records before and after open alike; nothing is said on the air but one bit."""

    async def live():
        world = World(tmp_path, loss=0.0)
        await world.start()
        await asyncio.sleep(60)
        for number in range(4):
            await report(world.v1, f"第{number}次报告")
            await asyncio.sleep(900)
            done = await world.v1.gateway.operations.do({"op": "key_rotate", "id": 1})
            assert done["done"] == f"generation {number + 1}"
        await report(world.v1, "最后一次报告")
        await asyncio.sleep(HOUR_S)

        assert await reports_at(world.hq) == [*(f"第{number}次报告" for number in range(4)), "最后一次报告"]
        await world.stop()

    run_virtual(live())


def test_a_revoked_vehicle_is_heard_no_more_and_the_others_are_told(tmp_path):
    """Revocation takes effect at once at the command post, and over the air at the others: new group key without it."""

    async def live():
        world = World(tmp_path, loss=0.0, vehicles=3)
        await world.start()
        await asyncio.sleep(60)
        for post in world.vehicles:
            await report(post, f"{post.settings.gateway.id}就位")
        await asyncio.sleep(900)

        await revoke(world, 3)
        await report(world.vehicles[1], "我被收回了")
        await report(world.vehicles[2], "我还在")
        await asyncio.sleep(2 * HOUR_S)

        texts = await reports_at(world.hq)
        assert "我还在" in texts
        assert "我被收回了" not in texts
        assert world.vehicles[2].gateway.core.air.keys.is_revoked(3)
        generations = [post.gateway.core.air.keys.group(0xFFFF).generation for post in world.posts]
        assert generations == [1, 1, 0, 1]
        await world.stop()

    run_virtual(live())


async def revoke(world, address):
    from gateway.security.revoked import Revocation
    from gateway.security.revoked import revoke as write

    air = world.hq.gateway.core.air
    write(air.key_changes._folder, Revocation(address, 5, "lost"))
    assert (await world.hq.gateway.operations.do({"op": "key_revoke", "id": address}))["told"] == 2


def test_a_stranger_with_no_key_changes_nothing(tmp_path):
    """Frames of cards without key, forged ones and text that looks like frames: counted, and the store stays as it was."""

    async def live():
        world = World(tmp_path, loss=0.0)
        await world.start()
        await asyncio.sleep(60)
        await report(world.v1, "真的报告")
        await asyncio.sleep(600)
        rng = random.Random(3)
        take = world.hq.gateway.inbound.take
        for number in range(2000):
            data = bytes([rng.choice((rng.randrange(0x20), 0x7F))]) + rng.randbytes(rng.randrange(0, 77))
            peer = str(rng.choice((CARD, CARD + 50, 7)))
            await take("bd1", Heard(peer, Payload.of_bytes(data)))
            del number

        assert await reports_at(world.hq) == ["真的报告"]
        counters = world.hq.gateway.core.counters
        assert sum(count for name, count in counters.items() if name.startswith("air:")) >= 2000
        await world.stop()

    run_virtual(live())


class Lives:
    """Days of two gateways: reports up, orders down, loss, crashes, and an older copy of a store put back."""

    def __init__(self, tmp_path, seed, *, terminals=1):
        self.rng = random.Random(seed)
        self.seed, self.terminals = seed, terminals
        self.folder = tmp_path
        self.sent = []

    async def live(self, hours=6):
        loss = self.rng.choice((0.0, 0.045, 0.2))
        self.world = World(self.folder, seed=self.seed, loss=loss, terminals=self.terminals)
        await self.world.start()
        await asyncio.sleep(60)
        end_s = asyncio.get_running_loop().time() + hours * HOUR_S
        while asyncio.get_running_loop().time() < end_s:
            await asyncio.sleep(self.rng.uniform(30, 900))
            await self.rng.choices((self.say, self.crash, self.put_back), weights=(12, 2, 1))[0]()
        await asyncio.sleep(6 * HOUR_S)
        heard = await reports_at(self.world.hq)
        assert sorted(heard) == sorted(self.sent), "not exactly once"
        await self.world.stop()

    async def say(self):
        text = f"报告{len(self.sent)}：" + "水位上涨，请注意防范。" * self.rng.choice((1, 1, 1, 12))
        await report(self.world.v1, text, kind="chat")
        self.sent.append(text)

    async def crash(self):
        post = self.rng.choice(self.world.posts)
        await post.crash(power=self.rng.random() < 0.5)
        await asyncio.sleep(self.rng.uniform(1, 300))
        post.start()
        await asyncio.sleep(5)

    async def put_back(self):
        """Everything that was acknowledged must first be safe elsewhere: an older copy knows nothing of what came after it."""
        await asyncio.sleep(3 * HOUR_S)
        post = self.rng.choice(self.world.posts)
        await post.stop()
        copy = post.path.with_suffix(".copy")
        shutil.copy(post.path, copy)
        post.start()
        if post is self.world.v1:
            await self.say()
            await asyncio.sleep(3 * HOUR_S)
        else:
            await asyncio.sleep(600)
        await post.stop()
        shutil.copy(copy, post.path)
        post.start()
        await asyncio.sleep(60)


@pytest.fixture
def once(monkeypatch):
    """Watch every record that is sealed: a key and counter protect one plaintext, whatever happens."""
    seen = {}
    real = Sessions.seal

    def seal(self, session, counter, plaintext, **more):
        key = (session.ends, session.generation, session.salt, counter)
        assert seen.setdefault(key, plaintext) == plaintext, f"{key} protects two plaintexts"
        return real(self, session, counter, plaintext, **more)

    monkeypatch.setattr(Sessions, "seal", seal)
    return seen


@pytest.mark.parametrize(("seed", "terminals"), [*((seed, 1) for seed in range(6)), (0, 2), (1, 2)])
def test_every_report_arrives_exactly_once_whatever_breaks(tmp_path, seed, terminals, once):
    """Loss, crashes, power cuts and older copies of a store: each report once, and no counter twice under one key."""
    run_virtual(Lives(tmp_path, seed, terminals=terminals).live())
    assert once


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6, 18))
def test_many_lives(tmp_path, seed, once):
    run_virtual(Lives(tmp_path, seed).live(hours=24))
    assert once


def what_breaks(tmp_path, *, seeds):
    """Live some days and return what the first broken promise says; nothing if none breaks."""
    for seed in seeds:
        try:
            run_virtual(Lives(tmp_path / str(seed), seed).live(hours=24))
        except AssertionError as error:
            return str(error)
        except BaseExceptionGroup as group:
            return str(group.exceptions[0])
    return ""


def test_a_window_that_is_not_kept_is_caught(tmp_path, monkeypatch, once):
    """Planted: the replay window is never written, and no fingerprint is looked up: a repeat counts again."""
    monkeypatch.setattr(Sessions, "put_receiving", lambda *_: None)
    monkeypatch.setattr(Accepting, "_known", lambda *_: None)

    assert what_breaks(tmp_path, seeds=range(3, 8))


def test_a_counter_that_is_used_again_is_caught(tmp_path, monkeypatch, once):
    """Planted: after a start counting goes on where the disk says, not behind the reserved block."""
    monkeypatch.setattr("gateway.air.sessions.after_restart", lambda stored: stored)

    assert "protects two plaintexts" in what_breaks(tmp_path, seeds=range(8))


def test_an_older_copy_that_goes_unnoticed_is_caught(tmp_path, monkeypatch, once):
    """Planted: the guard is not asked."""
    monkeypatch.setattr(AirState, "air_is_restored", lambda _: False)

    assert "protects two plaintexts" in what_breaks(tmp_path, seeds=range(8))
