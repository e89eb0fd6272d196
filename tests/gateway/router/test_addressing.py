"""From logical endpoints to link addresses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.link import BROADCAST_PEER
from gateway.model import BUS, BUS_LANE, Endpoint, Station
from gateway.router.addressing import Unreachable, lane_for, peer_on

quick = settings(deadline=None, derandomize=True, max_examples=100)
REGISTRY = {
    "team3": Station(id="team3", cards=(242286, 242287)),
    "office": Station(id="office", name="no card"),
    "v7": Station(id="v7", cards=(200107,), addresses=(("hf", "B7A"), ("hf", "B7B"), ("satcom", "8617400000007"))),
}
LINKS = {"beidou": 2, "hf": 1}


def lane(text, bearers=LINKS):
    return lane_for(Endpoint.parse(text), REGISTRY.get, bearers)


@pytest.mark.parametrize("text", ["card:242286", "station:team3", "broadcast:all"])
def test_people_with_cards_and_broadcasts_wait_in_the_beidou_lane(text):
    """The lane names the bearers that can reach them and are configured."""
    assert lane(text) == "beidou"


def test_a_station_waits_for_every_configured_bearer_that_it_has_an_address_on():
    """Its lane names them all, so that each of those links may take the bundle, and no other."""
    assert lane("station:v7") == "beidou+hf"
    assert lane("station:v7", {"satcom": 1}) == "satcom"


def test_an_address_belongs_to_its_bearer():
    """A call sign is used on HF, a card on Beidou, and several are tried in turn."""
    v7 = Endpoint.parse("station:v7")

    assert [peer_on(v7, "hf", REGISTRY.get, attempt) for attempt in range(3)] == ["B7A", "B7B", "B7A"]
    assert peer_on(v7, "beidou", REGISTRY.get, 1) == "200107"
    assert peer_on(v7, "lora", REGISTRY.get, 0) is None
    assert peer_on(Endpoint.parse("card:200107"), "hf", REGISTRY.get, 0) is None


def test_the_centre_is_on_the_bus():
    """The command centre needs no link."""
    assert lane_for(BUS, REGISTRY.get, {}) == BUS_LANE


@pytest.mark.parametrize(
    ("text", "bearers", "words"),
    [
        ("station:nobody", LINKS, "yizhan station add nobody"),
        ("station:office", LINKS, "no card"),
        ("card:1", {"hf": 1}, "none is configured"),
        ("broadcast:all", {}, "none is configured"),
        ("group:rescue", LINKS, "one by one"),
        ("grid:5133-07", LINKS, "one by one"),
    ],
)
def test_who_cannot_be_reached_is_said_with_what_to_do(text, bearers, words):
    """Every dead end names the endpoint and the way out."""
    with pytest.raises(Unreachable, match=words) as caught:
        lane(text, bearers)
    assert text in str(caught.value)


@quick
@given(st.integers(0, 50))
def test_a_station_with_several_cards_is_tried_on_each_in_turn(attempt):
    """Every card gets its tries, the first one first."""
    peers = [peer_on(Endpoint.parse("station:team3"), "beidou", REGISTRY.get, attempt + n) for n in range(2)]

    assert set(peers) == {"242286", "242287"}
    assert peer_on(Endpoint.parse("station:team3"), "beidou", REGISTRY.get, 0) == "242286"


@pytest.mark.parametrize(
    ("text", "bearer", "peer"),
    [
        ("card:242286", "beidou", "242286"),
        ("card:242286", "hf", None),
        ("broadcast:all", "beidou", BROADCAST_PEER),
        ("broadcast:all", "hf", BROADCAST_PEER),
        ("station:office", "beidou", None),
        ("station:gone", "beidou", None),
        ("group:rescue", "beidou", None),
    ],
)
def test_the_address_on_a_bearer(text, bearer, peer):
    """Whoever has no address on a bearer has none, and nothing is made up."""
    assert peer_on(Endpoint.parse(text), bearer, REGISTRY.get, 0) == peer
