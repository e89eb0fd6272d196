"""Ways with registry, names and store: only by stations that have an address here, kept over restarts, answers the way they came."""

import json

from gateway.air import ways as module
from gateway.air.ways import WAY, WRITTEN_AGAIN_S, Ways
from gateway.model import BEIDOU, Station
from gateway.router.routes import LEARNED_MAX, Learned, Pattern, Routes, StaticRoute
from tests.gateway.air.relaynet import FakeKeys, FakeOutbox

NAMES = {1: "hq", 2: "r1", 3: "v1", 4: "r2", 5: "v2"}
NOW_S = 50_000.0


def on(name, *bearers, grids=()):
    cards = (100 + len(name),) if BEIDOU in bearers else ()
    addresses = tuple((bearer, name.upper()) for bearer in bearers if bearer != BEIDOU)
    return Station(name, cards=cards, addresses=addresses, grids=grids)


def made(*stations, lines=(), upstream=None, bearers=("hf", BEIDOU)):
    routes = Routes("hq", tuple(StaticRoute(Pattern.parse(to), via) for to, via in lines), upstream)
    return Ways(routes, FakeKeys(1, NAMES), lambda: dict.fromkeys(bearers, 1)), FakeOutbox(stations)


def heard(via, *, ago_s=0.0, source="v1", hops=1):
    return Learned(source, via, "hf1", hops, NOW_S - ago_s)


def names(ways, outbox, target="v1"):
    return [way.via for way, _ in ways.ways(outbox, target, NOW_S)]


def test_a_way_needs_a_station_with_an_address_on_a_bearer_of_ours():
    """A route to somebody who is not in the registry, or only on a satellite that we have not got, is none."""
    lines = [("v1", "r1"), ("v1", "r2")]

    assert names(*made(on("r2", "hf"), lines=lines)) == ["r2"]
    assert names(*made(on("r1", "satcom"), on("r2", "hf"), lines=lines)) == ["r2"]
    assert names(*made(lines=lines)) == []


def test_the_registrys_grid_cells_are_the_areas():
    """A station's cell says where it lies, its own address that it needs no relay."""
    village = on("v1", grids=("513221104201",))

    assert names(*made(village, on("r1", "hf"), lines=[("513221*", "r1")])) == ["r1"]
    assert names(*made(on("v1", "hf", grids=village.grids), on("r1", "hf"), lines=[("513221*", "r1")]))[0] == "v1"


def test_each_bearer_has_its_own_best_way():
    """The first way by HF need not be the first by card; what is asked for lanes is all of them together."""
    ways, outbox = made(on("r1", "hf"), on("r2", BEIDOU), lines=[("v1", "r1"), ("v1", "r2")])

    assert ways.next_hop(outbox, "v1", NOW_S, bearer="hf").via == "r1"
    assert ways.next_hop(outbox, "v1", NOW_S, bearer=BEIDOU).via == "r2"
    assert ways.next_hop(outbox, "v1", NOW_S, bearer="lora") is None
    assert ways.as_reached(outbox, "v1", NOW_S).bearers() == {"hf", BEIDOU}
    assert ways.address(outbox, "v1", NOW_S, "hf", attempt=0)[1] == "R1"


def test_who_is_no_gateway_is_reached_as_the_registry_says():
    """People and their cards have nothing to do with ways."""
    ways, outbox = made(on("team7", BEIDOU), lines=[("default", "r1")])

    assert ways.as_reached(outbox, "team7", NOW_S) == outbox.station("team7")
    assert ways.as_reached(outbox, "nobody", NOW_S) is None


def test_an_answer_goes_the_way_it_came_and_another_while_it_is_not_heard():
    """By the neighbour that brought the last word; each repeat of what was answered turns to the next."""
    ways, outbox = made(on("r1", "hf"), on("r2", "hf"), lines=[("v1", "r1"), ("v1", "r2")])
    assert ways.back(outbox, "v1", NOW_S, "hf")[0].via == "r1"
    ways.learn(outbox, 3, heard("r2"))

    assert ways.back(outbox, "v1", NOW_S, "hf")[0].via == "r2"
    ways.answered("v1", heard_us=False)
    assert ways.back(outbox, "v1", NOW_S, "hf")[0].via == "r1"
    ways.answered("v1", heard_us=False)
    assert ways.back(outbox, "v1", NOW_S, "hf")[0].via == "r2"
    ways.answered("v1", heard_us=False)
    ways.answered("v1", heard_us=True)
    assert ways.back(outbox, "v1", NOW_S, "hf")[0].via == "r2"


def test_the_table_of_who_does_not_hear_us_is_bounded(monkeypatch):
    """Beyond the cap answers go by the way that was heard last."""
    monkeypatch.setattr(module, "UNHEARD_MAX", 2)
    ways, _ = made()
    for name in ("v1", "v2", "r2"):
        ways.answered(name, heard_us=False)

    assert len(ways._unheard) == 2


def test_what_was_learned_is_kept_and_taken_up_again():
    """Another start, the same ways in the same order; names that are not known any more are left out."""
    ways, outbox = made(on("r1", "hf"), on("r2", "hf"))
    ways.learn(outbox, 3, heard("r1", ago_s=300))
    ways.learn(outbox, 3, heard("r2", ago_s=200, hops=2))
    outbox.air_state_put(77, WAY, b"[]")
    outbox.air_state_put(5, WAY, b"{damaged")
    again, _ = made(on("r1", "hf"), on("r2", "hf"))

    again.load(outbox)

    assert again.routes.learned == ways.routes.learned
    assert names(again, outbox) == names(ways, outbox) == ["r1", "r2"]


def test_what_is_heard_again_soon_is_not_written_again():
    """A vehicle that talks every few seconds costs no write each time; a new way does at once."""
    ways, outbox = made(on("r1", "hf"))
    ways.learn(outbox, 3, heard("r1", ago_s=WRITTEN_AGAIN_S))
    first = outbox.air_state(3, WAY)

    ways.learn(outbox, 3, heard("r1", ago_s=1))
    assert outbox.air_state(3, WAY) == first
    ways.learn(outbox, 3, heard("r1"))
    assert outbox.air_state(3, WAY) != first
    ways.learn(outbox, 3, heard("r2"))
    assert [one["via"] for one in json.loads(outbox.air_state(3, WAY))] == ["r2", "r1"]


def test_what_makes_room_goes_from_the_store_too(monkeypatch):
    """The rows on disk are as bounded as the table in memory."""
    assert LEARNED_MAX == 4096
    monkeypatch.setattr("gateway.router.routes.LEARNED_MAX", 1)
    ways, outbox = made(on("r1", "hf"))
    ways.learn(outbox, 3, heard("r1", ago_s=10))

    ways.learn(outbox, 5, heard("r1", source="v2"))

    assert [peer for peer, _ in outbox.air_states(WAY, 10)] == [5]
