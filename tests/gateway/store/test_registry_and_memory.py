"""Stations and the small values links keep."""

import pytest

from gateway.model import Station
from gateway.store.errors import StoreError, StoreFull
from gateway.store.limits import MEMORY_KEYS_MAX, MEMORY_VALUE_CHARS_MAX
from gateway.store.registry import Put
from tests.gateway.store.helpers import sync_store

TEAM = Station("team3", "第三队", cards=(242286, 5), groups=("medics",), grids=("5133-07",))


@pytest.fixture
def store(tmp_path):
    store = sync_store(tmp_path, stations_max=3)
    yield store
    store.close()


def put(store, station):
    store.run(lambda outbox: outbox.station_put(station))


def test_a_station_is_found_by_card_group_and_grid(store):
    """Each way gives the whole entry, also after a crash."""
    put(store, TEAM)
    store.crash()

    assert store.run(lambda outbox: outbox.station_by_card(5)) == TEAM
    assert store.run(lambda outbox: outbox.stations_in(9, group="medics")) == [TEAM]
    assert store.run(lambda outbox: outbox.stations_in(9, grid="5133-07")) == [TEAM]
    assert store.run(lambda outbox: outbox.station("team3")) == TEAM
    assert store.run(lambda outbox: outbox.station_by_card(6)) is None
    assert store.run(lambda outbox: outbox.stations_in(9, group="5133-07")) == []


def test_a_station_is_found_by_its_address_on_any_bearer(store):
    """The same letters on another bearer are another address, and a card is found with leading zeros."""
    vehicle = Station("v7", cards=(200107,), addresses=(("hf", "B7A"), ("satcom", "8617400000007")))
    put(store, vehicle)
    store.crash()

    assert store.run(lambda outbox: outbox.station_by_address("hf", "B7A")) == vehicle
    assert store.run(lambda outbox: outbox.station_by_address("satcom", "B7A")) is None
    assert store.run(lambda outbox: outbox.station_by_address("beidou", "0200107")) == vehicle
    assert store.run(lambda outbox: outbox.station_by_address("beidou", "B7A")) is None


def test_a_group_is_read_as_far_as_asked(store):
    """A group of half a million must not be read into memory to learn that it is too large."""
    for number in range(3):
        put(store, Station(f"s{number}", groups=("all",)))

    assert [one.id for one in store.run(lambda outbox: outbox.stations_in(2, group="all"))] == ["s0", "s1"]


def test_the_same_again_writes_nothing(store):
    """What came of each is told, and an address book imported twice costs no page."""
    book = [TEAM, Station("v7", addresses=(("hf", "B7A"),))]
    first = store.run(lambda outbox: outbox.stations_put(book))
    before = store.connection.total_changes

    second = store.run(lambda outbox: outbox.stations_put(book))

    assert store.connection.total_changes == before
    assert (first, second) == ({Put.ADDED: 2}, {Put.SAME: 2})
    changed = store.run(lambda outbox: outbox.stations_put([Station("v7"), Station("v8")]))
    assert changed == {Put.CHANGED: 1, Put.ADDED: 1}


def test_a_part_of_an_address_book_is_taken_whole_or_not_at_all(store):
    """At the cap nothing of it is kept, also not in the counters."""
    with pytest.raises(StoreFull, match="registry"):
        store.run(lambda outbox: outbox.stations_put([Station(f"s{number}") for number in range(4)]))

    assert store.run(lambda outbox: outbox.stations(9)) == []
    assert store.outbox.rows().get("station", 0) == 0


def test_replacing_a_station_drops_its_old_keys(store):
    """A card that was taken away no longer leads to it."""
    put(store, TEAM)
    put(store, Station("team3", cards=(7,)))

    assert store.run(lambda outbox: outbox.station_by_card(5)) is None
    assert store.run(lambda outbox: outbox.station_by_card(7)).id == "team3"
    assert store.run(lambda outbox: outbox.stations(10)) == [Station("team3", cards=(7,))]


def test_the_registry_is_bounded_and_a_removed_station_makes_room(store):
    """At stations_max a new one is refused and a replacement is not."""
    for number in range(3):
        put(store, Station(f"s{number}"))
    with pytest.raises(StoreFull, match="registry"):
        put(store, Station("s9"))
    put(store, Station("s1", "new name"))

    assert store.run(lambda outbox: outbox.station_remove("s0"))
    assert not store.run(lambda outbox: outbox.station_remove("s0"))
    put(store, Station("s9"))

    assert [one.id for one in store.run(lambda outbox: outbox.stations(2))] == ["s1", "s2"]
    assert [one.id for one in store.run(lambda outbox: outbox.stations(2, "s2"))] == ["s9"]


def test_a_links_memory_survives_a_crash_with_its_age(store):
    """A card's slot timer is what needs this."""
    store.run(lambda outbox: outbox.memory_save("bd1", "slot", "61.5", 10.0))
    store.run(lambda outbox: outbox.memory_save("bd2", "slot", "other", 10.0))
    store.crash()

    assert store.run(lambda outbox: outbox.memory_load("bd1", "slot", 25.0)) == ("61.5", 15.0)
    assert store.run(lambda outbox: outbox.memory_load("bd1", "none", 25.0)) is None


def test_a_links_memory_is_bounded(store):
    """One value too many or too long is refused; replacing one is not."""
    for number in range(MEMORY_KEYS_MAX):
        store.run(lambda outbox, n=number: outbox.memory_save("bd1", f"k{n}", "v" * MEMORY_VALUE_CHARS_MAX, 0.0))
    with pytest.raises(StoreError, match="values are kept"):
        store.run(lambda outbox: outbox.memory_save("bd1", "one more", "v", 0.0))
    with pytest.raises(StoreError, match="characters"):
        store.run(lambda outbox: outbox.memory_save("bd1", "k0", "v" * (MEMORY_VALUE_CHARS_MAX + 1), 0.0))

    store.run(lambda outbox: outbox.memory_save("bd1", "k0", "new", 0.0))
    store.run(lambda outbox: outbox.memory_save("bd2", "one more", "v", 0.0))
