"""Orders are checked, addressed and on disk before anybody is told that they were taken."""

import math

import pytest

from gateway.daemon.housekeeping import EXPIRE_EVERY_S
from gateway.daemon.orders import EXTERNAL_ID_CHARS_MAX, MEMBERS_MAX, Order, OrderRefused
from gateway.daemon.requests import OperationError
from gateway.model import BUS, LIFETIME_S_MAX, BundleState, Endpoint, MessageKind, Precedence, Station
from gateway.router.policy import DEFAULT_LIFETIME_S
from gateway.store.errors import StoreFull
from gateway.store.limits import Limits
from tests.gateway.daemon.rig import CARD, running


async def test_an_order_is_on_disk_when_it_is_acknowledged(tmp_path):
    """Given a crash right after the answer, then the order is there and goes out after the restart."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].change(lit=False)
        await rig.settle()
        order = await rig.send("撤离到二号点")
        await rig.crash()
        rig.devices["bd1"].change(lit=True)
        await rig.start()

        assert rig.devices["bd1"].texts == [f"令{order['number']}:撤离到二号点"]


@pytest.mark.parametrize(
    ("kind", "precedence"), [("command", "PRIORITY"), ("alert", "IMMEDIATE"), ("ack", "ROUTINE"), ("chat", "ROUTINE")]
)
async def test_precedence_and_lifetime_follow_from_the_kind(tmp_path, kind, precedence):
    """Who says nothing gets the precedence of the kind and the lifetime of the precedence."""
    async with running(tmp_path) as rig:
        order = await rig.send(kind=kind)

        assert order["precedence"] == precedence
        assert order["expires_s"] - order["accepted_s"] == DEFAULT_LIFETIME_S[Precedence[precedence]]


async def test_an_order_to_a_group_is_one_for_each_member(tmp_path):
    """Each member's copy has its own number and state, and names the order it is a copy of; others get nothing."""
    async with running(tmp_path) as rig:
        await rig.station("a", 11, groups=("rescue",))
        await rig.station("b", 12, 13, groups=("rescue", "medic"))
        await rig.station("c", 14, groups=("medic",))

        bundles = (await rig.ask(op="send", to="group:rescue", text="集合"))["bundles"]

        assert [bundle["destination"] for bundle in bundles] == ["station:a", "station:b"]
        assert len({bundle["parent"] for bundle in bundles}) == 1
        await rig.settle()
        assert {outgoing.peer for _, outgoing in rig.devices["bd1"].aired} == {"11", "12"}


async def test_an_order_to_a_grid_cell_reaches_its_stations(tmp_path):
    """A grid cell is expanded as a group is."""
    async with running(tmp_path) as rig:
        await rig.station("a", 11, grids=("5133-07",))

        assert (await rig.send(to="grid:5133-07"))["destination"] == "station:a"


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("station:nobody", "no such station"),
        ("station:office", "no card"),
        ("group:empty", "no station of the registry"),
        ("group:mixed", "no card"),
        ("bus:centre", "neither a bus nor a gateway above it"),
        ("hf:x", "endpoint"),
        ("card:12a", "card"),
        ("card:", "endpoint"),
        ("", "to:"),
    ],
)
async def test_who_cannot_be_reached_is_refused_and_nothing_is_stored(tmp_path, to, words):
    """Every wrong address is told at once, and leaves nothing behind."""
    async with running(tmp_path) as rig:
        await rig.station("office", groups=("mixed",))
        await rig.station("a", 11, groups=("mixed",))

        with pytest.raises(OperationError, match=words) as caught:
            await rig.send(to=to)

        assert caught.value.code == "refused"
        assert await rig.orders() == []


async def test_a_group_above_the_cap_is_refused_whole(tmp_path):
    """MEMBERS_MAX members are reached; one more is told to use broadcast."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].change(lit=False)
        stations = [Station(f"s{n}", "", (n + 1,), ("all",)) for n in range(MEMBERS_MAX)]
        await rig.do(lambda outbox: [outbox.station_put(one) for one in stations])
        assert len((await rig.ask(op="send", to="group:all", text="集合"))["bundles"]) == MEMBERS_MAX
        await rig.station("one-more", 5000, groups=("all",))

        with pytest.raises(OperationError, match="broadcast"):
            await rig.send(to="group:all")

        assert len(await rig.orders()) == MEMBERS_MAX


async def test_a_text_that_no_link_can_carry_is_refused_before_it_is_taken(tmp_path):
    """Given the card's capacity, then the longest text that fits with its number is taken and one more is not; never cut."""
    async with running(tmp_path) as rig:
        fits = "撤" * ((1680 - 16 - 7 * 8 - 8) // 16)
        await rig.send(fits)
        with pytest.raises(OperationError, match="bd1 carries 1680"):
            await rig.send(fits + "撤")

        await rig.settle()
        assert rig.devices["bd1"].texts == [f"令1:{fits}"]


async def test_while_no_device_has_said_what_it_carries_the_text_is_taken(tmp_path):
    """A command post that starts without its terminal still takes orders; the link refuses later if it must."""
    async with running(tmp_path) as rig:
        await rig.stop()
        rig.devices["bd1"].change(plugged=False)
        await rig.start()

        order = await rig.send("撤" * 500)
        rig.devices["bd1"].change(plugged=True)
        await rig.settle(120)

        assert (await rig.found(order["id"])).state is BundleState.REFUSED


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"text": " \n "}, "text"),
        ({"text": "撤离\x1b[2J"}, "control characters"),
        ({"text": "撤\x00离"}, "control characters"),
        ({"text": "\ud800"}, "control characters"),
        ({"text": "x" * 4001}, "4000"),
        ({"text": 5}, "text"),
        ({"kind": "sos"}, "kind"),
        ({"precedence": "SOON"}, "FLASH"),
        ({"lifetime_s": 0}, "lifetime_s"),
        ({"lifetime_s": -5}, "lifetime_s"),
        ({"lifetime_s": math.nan}, "lifetime_s"),
        ({"lifetime_s": math.inf}, "lifetime_s"),
        ({"lifetime_s": LIFETIME_S_MAX + 1}, "lifetime_s"),
        ({"lifetime_s": "60"}, "lifetime_s"),
        ({"lifetime_s": True}, "lifetime_s"),
        ({"id": "x" * (EXTERNAL_ID_CHARS_MAX + 1)}, "id:"),
        ({"id": "a\x1bb"}, "id:"),
        ({"id": "\udcff"}, "id:"),
        ({"id": 7}, "id"),
    ],
)
async def test_what_is_wrong_with_an_order_is_told(tmp_path, members, words):
    """Every wrong member is refused by name, and nothing is stored."""
    async with running(tmp_path) as rig:
        with pytest.raises(OperationError, match=words) as caught:
            await rig.ask(**({"op": "send", "to": f"card:{CARD}", "text": "撤离"} | members))

        assert caught.value.code == "refused"
        assert await rig.orders() == []


async def test_the_same_id_again_sends_nothing_twice(tmp_path):
    """Repeats, also after a restart, give back the first order; the same id for somebody else is another order."""
    async with running(tmp_path) as rig:
        first = await rig.ask(op="send", to=f"card:{CARD}", text="撤离", id="mine-1")
        again = await rig.ask(op="send", to=f"card:{CARD}", text="撤离", id="mine-1")
        await rig.crash()
        await rig.start()
        after = await rig.ask(op="send", to=f"card:{CARD}", text="撤离", id="mine-1")
        other = await rig.ask(op="send", to="card:5", text="撤离", id="mine-1")

        assert [first["duplicate"], again["duplicate"], after["duplicate"], other["duplicate"]] == [
            False,
            True,
            True,
            False,
        ]
        assert first["bundles"][0]["id"] == again["bundles"][0]["id"] == after["bundles"][0]["id"]
        assert len(await rig.orders()) == 2


async def test_the_same_id_of_a_group_order_gives_back_all_copies(tmp_path):
    """A repeated order to a group is recognised as a whole."""
    async with running(tmp_path) as rig:
        for n in range(3):
            await rig.station(f"s{n}", n + 1, groups=("rescue",))
        first = await rig.ask(op="send", to="group:rescue", text="集合", id="g-1")
        again = await rig.ask(op="send", to="group:rescue", text="集合", id="g-1")

        assert again["duplicate"]
        assert [b["id"] for b in again["bundles"]] == [b["id"] for b in first["bundles"]]


async def test_a_full_store_refuses_and_says_so(tmp_path):
    """Given a store full of FLASH orders, then the next ROUTINE one is refused with the store's own words."""
    async with running(tmp_path, limits=Limits(bundles_max=20)) as rig:
        rig.devices["bd1"].change(lit=False)
        await rig.settle()
        for n in range(19):
            await rig.send(f"撤离{n}", precedence="FLASH")

        with pytest.raises(OperationError) as caught:
            await rig.send("集合", precedence="ROUTINE")
        assert caught.value.code == "store full"
        with pytest.raises(StoreFull):
            await rig.gateway.orders.take(Order(BUS, Endpoint.card(1), "集合", MessageKind.CHAT))


async def test_an_order_expires_at_the_end_of_its_lifetime_and_not_before(tmp_path):
    """Never "failed" before expiry; then the reason is said."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].change(lit=False)
        await rig.settle()
        order = await rig.send(lifetime_s=100)
        await rig.settle(98)
        assert (await rig.found(order["id"])).state is BundleState.QUEUED
        await rig.settle(EXPIRE_EVERY_S + 3)

        ended = await rig.found(order["id"])
        assert (ended.state, ended.reason) == (BundleState.EXPIRED, "lifetime ended")


async def test_a_wrong_clock_expires_nothing(tmp_path):
    """Given a reboot into 1970 and then a leap to 2040, then the order's lifetime goes on where it was."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].change(lit=False)
        await rig.settle()
        order = await rig.send(lifetime_s=3600)
        await rig.crash()
        rig.clock.boot += 1
        rig.clock.offset_s = 0.0
        await rig.start()
        rig.clock.offset_s = 2_208_988_800.0
        await rig.settle(600)
        rig.clock.boot += 1
        await rig.crash()
        await rig.start()
        await rig.settle(60)

        assert (await rig.found(order["id"])).state is BundleState.QUEUED


async def test_orders_without_a_text_raise_before_anything(tmp_path):
    """The port that the bus uses refuses in the same words."""
    async with running(tmp_path) as rig:
        with pytest.raises(OrderRefused, match="text"):
            await rig.gateway.orders.take(Order(BUS, Endpoint.card(1), "  "))
