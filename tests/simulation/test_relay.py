"""Gateways in a line over relays that cannot read them: once, receipts back, orders down, whatever the relays do."""

import asyncio
import random

import pytest

from gateway.air.relaying import BURST_MAX, is_carried
from gateway.link import Heard, Payload
from gateway.model import BundleState, Direction
from gateway.simulate.loop import run_virtual
from protocols.record.address import EVERYBODY
from protocols.record.layout import RecordFrame, Relay
from tests.simulation.gateways import bundles, order, report, reports_at
from tests.simulation.relayworld import CARD_OF, ENDS, Line, Place, line

HOUR_S = 3600.0
LONG = "".join(f"第{number}组在{number}号点搜救，发现{number}人被困；" for number in range(1, 20))


def living(places, **settings):
    """Run a test body on a line of gateways that has started."""

    def decorate(body):
        def run(tmp_path, monkeypatch):
            async def live():
                world = Line(tmp_path, places, **settings)
                await world.start()
                await asyncio.sleep(60)
                await body(world, monkeypatch)
                await world.stop()

            run_virtual(live())

        run.__doc__, run.__name__ = body.__doc__, body.__name__
        return run

    return decorate


def counted(world, name, what):
    return world.core(name).counters.get(f"air: {what}", 0)


async def carried_at(world, name):
    return [one for one in await bundles(world[name]) if is_carried(one)]


@pytest.mark.parametrize("protocol", ["bd-2.1", "bd-4.0", "bd-3"])
@pytest.mark.parametrize("relays", [("r1",), ("r1", "r2", "r3")])
def test_reports_go_up_by_relays_and_receipts_come_back(tmp_path, relays, protocol):
    """A vehicle that only its relay hears: each report once at the command post, and the vehicle knows."""

    async def live():
        world = Line(tmp_path, line(relays), protocol=protocol)
        await world.start()
        await asyncio.sleep(60)

        texts = [f"三江镇第{number}次报告：道路中断" for number in range(3)]
        for text in texts:
            await report(world["v1"], text)
            await asyncio.sleep(900)

        assert await reports_at(world["hq"]) == texts
        assert {one.state for one in await bundles(world["v1"])} == {BundleState.RELAYED}
        assert {one.reason for one in await bundles(world["v1"])} == {"custody by station:hq"}
        for name in relays:
            assert all(one.draft.message.text == "" for one in await bundles(world[name]))
        await world.stop()

    run_virtual(live())


@pytest.mark.parametrize("seed", range(3))
def test_with_loss_everything_arrives_once(tmp_path, seed):
    """A fifth of all bursts is lost on every hop, both ways: reports up, orders down, each once, each receipted."""

    async def live():
        world = Line(tmp_path, line(), seed=seed, loss=0.2)
        await world.start()
        await asyncio.sleep(60)
        texts = [f"第{number}次报告：{number}人受伤" for number in range(6)]
        orders = [f"到{number}号点集合" for number in range(3)]

        for number, text in enumerate(texts):
            await report(world["v1"], text)
            if number < len(orders):
                await order(world["hq"], "station:v1", orders[number])
            await asyncio.sleep(600)
        await asyncio.sleep(6 * HOUR_S)

        assert sorted(await reports_at(world["hq"])) == sorted(texts)
        heard = [one.draft.message.text for one in await bundles(world["v1"]) if one.draft.heard_on == "bd1"]
        assert sorted(heard) == sorted(orders)
        for name in ("v1", "hq"):
            assert {one.state for one in await bundles(world[name]) if one.attempts} == {BundleState.RELAYED}
        await world.stop()

    run_virtual(live())


@living(line(learned=True))
async def test_the_command_post_learns_by_whom_a_vehicle_is_reached(world, monkeypatch):
    """Nobody configured the way down: the first report shows it, `status` tells it, an order goes by it."""
    del monkeypatch
    for text in ("三江镇道路中断", "水磨镇12人被困"):
        await report(world["v1"], text)
        await asyncio.sleep(900)
    status = await world["hq"].gateway.operations.do({"op": "status"})
    [learned] = status["air"]["routes"]["learned"]
    assert (learned["to"], learned["via"], learned["relays"]) == ("v1", "r1", 1)

    await order(world["hq"], "station:v1", "到三号点集合")
    await asyncio.sleep(900)

    assert "到三号点集合" in await reports_at(world["v1"])
    [mine] = await bundles(world["hq"], Direction.DOWN)
    assert mine.state is BundleState.RELAYED


@living(line(learned=True))
async def test_what_was_learned_outlives_a_restart(world, monkeypatch):
    """A command post that starts again still reaches the vehicle behind a relay."""
    del monkeypatch
    await report(world["v1"], "三江镇道路中断")
    await asyncio.sleep(900)

    await world["hq"].crash()
    world["hq"].start()
    await asyncio.sleep(60)
    await order(world["hq"], "station:v1", "到三号点集合")
    await asyncio.sleep(900)

    assert "到三号点集合" in await reports_at(world["v1"])


@living(line())
async def test_keys_go_over_a_relay(world, monkeypatch):
    """A group key from the command post reaches a vehicle behind a relay, which cannot read it."""
    del monkeypatch
    await report(world["v1"], "三江镇道路中断")
    await asyncio.sleep(900)

    await world["hq"].gateway.operations.do({"op": "key_group"})
    await asyncio.sleep(HOUR_S)

    held = world.core("v1").air.keys.group(EVERYBODY)
    assert held is not None
    assert held.secret == world.core("hq").air.keys.group(EVERYBODY).secret
    assert world.core("r1").air.keys.group(EVERYBODY) is None


@living(line(), loss=0.1, seed=3)
async def test_a_long_report_goes_by_a_relay_in_fragments(world, monkeypatch):
    """Parts are records of their own, each carried; reports on the transfer come back by the relay."""
    del monkeypatch
    await report(world["v1"], LONG)

    await asyncio.sleep(6 * HOUR_S)

    assert await reports_at(world["hq"]) == [LONG]
    [mine] = await bundles(world["v1"])
    assert mine.state is BundleState.RELAYED
    assert len(await carried_at(world, "r1")) > 5


@living(line(), loss=0.1, seed=5)
async def test_a_relay_that_is_restarted_loses_nothing_it_took(world, monkeypatch):
    """Crashes and power cuts while frames wait in it: what it had stored goes on, the rest is said again by its source."""
    del monkeypatch
    texts = [f"第{number}次报告" for number in range(6)]
    for number, text in enumerate(texts):
        await report(world["v1"], text)
        await asyncio.sleep(5 + 17 * number)
        await world["r1"].crash(power=bool(number % 2))
        await asyncio.sleep(30)
        world["r1"].start()
        await asyncio.sleep(300)
    await asyncio.sleep(6 * HOUR_S)

    assert sorted(await reports_at(world["hq"])) == sorted(texts)
    assert {one.state for one in await bundles(world["v1"])} == {BundleState.RELAYED}


@living(line())
async def test_a_relay_gives_no_receipt_and_its_source_says_no_more_than_it_knows(world, monkeypatch):
    """The command post is off: the report has left and is nowhere shown as received; when it is back, it arrives."""
    del monkeypatch
    await world["hq"].crash()
    await report(world["v1"], "三江镇道路中断")
    await asyncio.sleep(HOUR_S)
    [mine] = await bundles(world["v1"])
    assert mine.state is BundleState.SENT
    assert await carried_at(world, "r1")
    assert (await world["r1"].store.run(lambda outbox: outbox.owed_counts())) == 0

    world["hq"].start()
    await asyncio.sleep(3 * HOUR_S)

    assert await reports_at(world["hq"]) == ["三江镇道路中断"]
    [mine] = await bundles(world["v1"])
    assert mine.state is BundleState.RELAYED


@living(line(relay=()))
async def test_a_gateway_that_was_not_told_to_relay_does_not(world, monkeypatch):
    """Default deny: counted, nothing stored, nothing sent; the report waits at its source."""
    del monkeypatch
    await report(world["v1"], "三江镇道路中断")
    await asyncio.sleep(HOUR_S)

    assert counted(world, "r1", "not relayed: not for this source") >= 1
    assert await bundles(world["r1"]) == []
    assert world.core("r1").links["bd1"].sent_count == 0
    assert (await bundles(world["v1"]))[0].state.is_open


TWO_WAYS = [
    Place("v1", ("r1", "r2"), ("hq",), "hq", (("station:hq", "r1"), ("station:hq", "r2"))),
    Place("r1", ("v1", "hq"), relay=("v*", "hq")),
    Place("r2", ("v1", "hq"), relay=("v*", "hq")),
    Place("hq", ("r1", "r2"), ("v1",), routes=(("v*", "r1"), ("v*", "r2"))),
]


@living(TWO_WAYS)
async def test_a_dead_relay_is_gone_round_with_the_same_bytes(world, monkeypatch):
    """The first relay dies with the record in it: the next try goes by the other one, and it is the same record."""
    del monkeypatch
    await report(world["v1"], "先报一次")
    await asyncio.sleep(900)
    await world["hq"].crash()
    await report(world["v1"], "三江镇道路中断")
    await asyncio.sleep(90)
    first = [one.draft.message.data_hex for one in await carried_at(world, "r1")][-1]
    await world["r1"].crash()
    world["hq"].start()
    await asyncio.sleep(3 * HOUR_S)
    others = [one.draft.message.data_hex for one in await carried_at(world, "r2")]
    world["r1"].start()

    assert first in others
    assert await reports_at(world["hq"]) == ["先报一次", "三江镇道路中断"]
    assert {one.state for one in await bundles(world["v1"])} == {BundleState.RELAYED}


@living(TWO_WAYS)
async def test_a_record_that_comes_by_two_relays_counts_once(world, monkeypatch):
    """Both relays carry the same burst (it was said to both): one report, whoever was quicker."""
    del monkeypatch
    await report(world["v1"], "先报一次")
    await asyncio.sleep(900)
    await report(world["v1"], "三江镇道路中断")
    await asyncio.sleep(120)
    frames = [one for one in await carried_at(world, "r1") if str(one.destination) == "station:hq"]
    again = Heard(str(CARD_OF["r2"]), Payload.of_bytes(bytes.fromhex(frames[-1].draft.message.data_hex)))
    await world["hq"].gateway.inbound.take("bd1", again)
    await asyncio.sleep(900)

    assert await reports_at(world["hq"]) == ["先报一次", "三江镇道路中断"]
    assert counted(world, "hq", "replayed") >= 1


# Hostile


def spoken_by(name, data):
    return Heard(str(CARD_OF[name]), Payload.of_bytes(data))


@living(line())
async def test_hostile_frames_are_counted_and_bounded(world, monkeypatch):
    """Strangers, forged sources, loops, used-up hops, copies and garbage: nothing leaves for them, nothing is stored."""
    del monkeypatch
    await report(world["v1"], "三江镇道路中断")
    await asyncio.sleep(900)
    before, sent = len(await carried_at(world, "r1")), world.core("r1").links["bd1"].sent_count
    take = world["r1"].gateway.inbound.take
    rng = random.Random(1)

    def forged(src, dst, hops=7):
        head = bytes([0x08]) + rng.randbytes(2) + src.to_bytes(2) + dst.to_bytes(2)
        return head + bytes([Relay(0, hops).to_byte()]) + rng.randbytes(30)

    v1, hq, r1 = (ENDS[name].id for name in ("v1", "hq", "r1"))
    await take("bd1", Heard("299999", Payload.of_bytes(forged(v1, hq))))
    await take("bd1", spoken_by("v1", forged(777, hq)))
    await take("bd1", spoken_by("v1", forged(v1, 777)))
    await take("bd1", spoken_by("hq", forged(v1, hq)))
    await take("bd1", spoken_by("v1", forged(r1, hq)))
    await take("bd1", spoken_by("v1", forged(v1, hq, hops=0)))
    await take("bd1", spoken_by("v1", forged(v1, 0xFFFF)))
    for size in range(1, 12):
        await take("bd1", spoken_by("v1", forged(v1, hq)[:size]))
    await asyncio.sleep(600)

    assert len(await carried_at(world, "r1")) == before
    assert world.core("r1").links["bd1"].sent_count == sent
    for what in (
        "frame of a stranger",
        "not relayed: not for this source",
        "not relayed: unknown destination",
        "not relayed: back to where it came from",
        "not relayed: our own came back",
        "not relayed: hops used up",
        "not relayed: to a group",
        "bad length",
    ):
        assert counted(world, "r1", what) >= 1, what


@living(line())
async def test_a_flood_in_a_vehicles_name_is_bounded_and_the_end_believes_none_of_it(world, monkeypatch):
    """A registered neighbour goes mad: a budget of frames is carried, the command post opens none, reports still go."""
    del monkeypatch
    await report(world["v1"], "先报一次")
    await asyncio.sleep(900)
    rng = random.Random(2)
    v1, hq = ENDS["v1"].id, ENDS["hq"].id
    for _ in range(3 * BURST_MAX):
        head = bytes([0x09]) + rng.randbytes(2) + v1.to_bytes(2) + hq.to_bytes(2) + bytes([Relay(3, 7).to_byte()])
        await world["r1"].gateway.inbound.take("bd1", spoken_by("v1", head + rng.randbytes(30)))

    assert counted(world, "r1", "not relayed: more than is carried for one source") >= 2 * BURST_MAX - 2
    await report(world["v1"], "三江镇道路中断")
    await asyncio.sleep(6 * HOUR_S)

    assert await reports_at(world["hq"]) == ["先报一次", "三江镇道路中断"]
    assert BURST_MAX // 2 <= counted(world, "hq", "bad tag") <= BURST_MAX


@living(line())
async def test_a_forged_bundle_is_not_taken_for_a_carried_frame(world, monkeypatch):
    """What makes a bundle a carried frame is no word that an author can give it."""
    del monkeypatch
    told = {"op": "send", "to": "bus:centre", "text": "relay:bd1", "id": "relay:bd1"}
    await world["v1"].gateway.operations.do(told)
    await asyncio.sleep(900)

    assert await reports_at(world["hq"]) == ["relay:bd1"]
    assert not await carried_at(world, "hq")


# Planted


def arrives_beyond(tmp_path, hops):
    """Tell whether a report arrives over three relays when its record begins with so few hops."""
    found = []

    async def live():
        world = Line(tmp_path, line(("r1", "r2", "r3")))
        await world.start()
        await asyncio.sleep(60)
        await report(world["v1"], "先报一次")  # in a hello, which counts no hops
        await asyncio.sleep(1800)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.air.explicit.HOP_LIMIT", hops)
            await report(world["v1"], "三江镇道路中断")
            await asyncio.sleep(600)
        found.extend(await reports_at(world["hq"]))
        await world.stop()

    run_virtual(live())
    assert "先报一次" in found
    return "三江镇道路中断" in found


def test_a_hop_limit_that_is_not_lowered_is_caught(tmp_path, monkeypatch):
    """Planted: relays do not count: a record begun with two hops arrives over three relays, which it must not."""
    relayed = RecordFrame.relayed
    assert arrives_beyond(tmp_path / "enough", 3)
    assert not arrives_beyond(tmp_path / "short", 2)

    monkeypatch.setattr(RecordFrame, "relayed", lambda frame: relayed(frame) and frame)

    assert arrives_beyond(tmp_path / "planted", 2)


def test_a_window_that_is_off_is_caught(tmp_path, monkeypatch):
    """Planted: every copy is carried: what the sky delivers four times within a minute goes on each time."""

    async def carried_again(folder):
        world = Line(folder, line())
        await world.start()
        await asyncio.sleep(60)
        await report(world["v1"], "三江镇道路中断")
        await asyncio.sleep(900)
        good = next(one for one in await carried_at(world, "r1") if str(one.destination) == "station:hq")
        for _ in range(4):
            await world["r1"].gateway.inbound.take("bd1", spoken_by("v1", bytes.fromhex(good.draft.message.data_hex)))
            await asyncio.sleep(10)
        again = counted(world, "r1", "relayed again")
        await world.stop()
        return again

    assert run_virtual(carried_again(tmp_path / "right")) == 1

    monkeypatch.setattr("gateway.air.relaying.is_asked_again", lambda *_, **__: True)

    assert run_virtual(carried_again(tmp_path / "planted")) == 4
