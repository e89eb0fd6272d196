"""What a technician sees and does of the links between gateways: dry runs, status, keys. Real daemons on virtual time."""

import asyncio

import pytest

from gateway.daemon.requests import OperationError
from gateway.model import BundleState
from gateway.security.revoked import Revocation, revoke
from gateway.simulate.loop import run_virtual
from tests.simulation.gateways import PERSON, World, bundles, order, report

HOUR_S = 3600.0


def living(body):
    """Run a test on two gateways that have spoken."""

    def run(tmp_path):
        async def live():
            world = World(tmp_path, loss=0.0)
            await world.start()
            await asyncio.sleep(60)
            await report(world.v1, "就位")
            await asyncio.sleep(900)
            await body(world)
            await world.stop()

        run_virtual(live())

    run.__doc__ = body.__doc__
    run.__name__ = body.__name__
    return run


async def dry_run(post, **request):
    return (await post.gateway.operations.do({"op": "send", "dry_run": True, "kind": "chat", **request}))["dry_run"]


@living
async def test_a_dry_run_tells_what_a_record_takes_and_sends_nothing(world):
    """The figures are those of the frames that then really leave."""
    before = len(await bundles(world.v1))

    [short] = await dry_run(world.v1, to="bus:centre", text="三江镇道路中断")
    [long] = await dry_run(world.v1, to="bus:centre", text="搜救第一组发现被困人员，" * 40)

    assert short["form"] == long["form"] == "record"
    assert (short["link"], short["frames"]) == ("bd1", 1)
    assert short["bytes"] < 40
    assert long["frames"] > 1
    assert long["minutes"] >= long["frames"] - 1
    assert len(await bundles(world.v1)) == before


@living
async def test_a_dry_run_to_a_person_is_a_text(world):
    [row] = await dry_run(world.hq, to=f"card:{PERSON}", text="原地待命")

    assert (row["form"], row["frames"]) == ("text", 1)


@living
async def test_a_dry_run_of_nonsense_is_refused_like_the_real_thing(world):
    for request in ({"to": "station:nobody", "text": "x"}, {"to": "bus:centre", "text": " "}):
        with pytest.raises(OperationError):
            await dry_run(world.hq, **request)


@living
async def test_status_shows_the_other_gateway(world):
    status = await world.v1.gateway.operations.do({"op": "status"})

    air = status["air"]
    assert (air["name"], air["upstream"], air["only_long_tags"]) == ("v1", "hq", False)
    [peer] = air["peers"]
    assert peer["name"] == "hq"
    assert peer["confirmed"]
    assert peer["heard"]
    assert peer["shares"]


@living
async def test_a_group_key_reaches_the_others_over_the_air(world):
    """Made at the command post, on its disk first, then sent; the vehicle has the same one."""
    done = await world.hq.gateway.operations.do({"op": "key_group"})
    await asyncio.sleep(HOUR_S)

    assert done == {"told": 1}
    keys = [post.gateway.core.air.keys.group(0xFFFF) for post in world.posts]
    assert keys[0].generation == keys[1].generation == 1
    assert keys[0].secret == keys[1].secret


@living
async def test_a_vehicle_cannot_give_keys_or_revoke(world):
    """Only the gateway above does; a vehicle's frames of that sort are authentic and change nothing."""
    await world.v1.gateway.operations.do({"op": "key_group"})
    await asyncio.sleep(HOUR_S)

    assert world.hq.gateway.core.air.keys.group(0xFFFF).generation == 0


@living
async def test_a_key_that_is_not_there_is_told(world):
    with pytest.raises(OperationError, match="no key is held"):
        await world.hq.gateway.operations.do({"op": "key_rotate", "id": 77})
    with pytest.raises(OperationError, match="air address"):
        await world.hq.gateway.operations.do({"op": "key_rotate", "id": "v1"})


@living
async def test_damaged_key_files_are_told_on_reload_and_the_old_keys_stay(world):
    folder = world.hq.gateway.core.air.key_changes._folder
    (folder / "v1.key").write_text("nothing of ours", encoding="utf-8")

    with pytest.raises(OperationError, match="keys"):
        await world.hq.gateway.operations.do({"op": "key_reload"})

    assert world.hq.gateway.core.air.keys.pair_secret(2) is not None


@living
async def test_what_is_for_a_gateway_never_leaves_in_clear(world):
    """The vehicle was lost and revoked: an order to it waits and says why, it is not sent to its card as text."""
    folder = world.hq.gateway.core.air.key_changes._folder
    revoke(folder, Revocation(2, 5, "lost"))
    await world.hq.gateway.operations.do({"op": "key_revoke", "id": 2})
    sent = world.hq.gateway.core.links["bd1"].sent_count

    await order(world.hq, "station:v1", "到三号点集合")
    await asyncio.sleep(HOUR_S)

    waiting = (await bundles(world.hq))[-1]
    assert waiting.attempts == 0
    assert "no key for station:v1" in waiting.reason
    assert world.hq.gateway.core.links["bd1"].sent_count == sent


@living
async def test_a_report_that_the_command_post_sheds_is_told_to_the_vehicle_and_said_again(world):
    """At the post's cap the vehicle's report goes; its receipt says refused, and the vehicle keeps it to say it again."""
    [mine] = await bundles(world.v1)
    assert mine.state is BundleState.RELAYED

    def shed(outbox):
        newcomer = outbox.numbered(1).draft
        return outbox._shed_one(newcomer, world.hq.gateway.core.now_s(), "cap bundles_max")

    assert (await world.hq.store.run(shed)).state is BundleState.SHED
    world.hq.gateway.core.wake_all()
    await asyncio.sleep(600)

    [mine] = await bundles(world.v1)
    assert (mine.state, mine.reason) == (BundleState.REFUSED, "refused by station:hq")
    await asyncio.sleep(2 * HOUR_S)
    [mine] = await bundles(world.v1)
    assert mine.state is BundleState.RELAYED
    assert [one.state for one in await bundles(world.hq)] == [BundleState.SHED, BundleState.QUEUED]
