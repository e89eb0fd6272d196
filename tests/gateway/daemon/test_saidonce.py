"""Two reports are one by who said what, and about when; at the edges of the window and of the day."""

from dataclasses import replace

import pytest

from gateway.air.translate import Told
from gateway.daemon.saidonce import LATE_S, heard_before, key_of_told, listener_key, remember, said_key
from gateway.link import PayloadKind
from gateway.model import BUS, Endpoint, Message, MessageKind, Place, PlaceSource, Precedence
from tests.gateway.store.helpers import draft, sync_store

WINDOW_S = 600.0
SAID_S = 1_800_000_000.0
NOW_S = 1_000.0
KEY = said_key("300001", PayloadKind.TEXT, "3人受伤", b"", None)


@pytest.fixture
def store(tmp_path):
    made = sync_store(tmp_path)
    yield made
    made.close()


def kept(store, *, trusted=True):
    """Store a report said at SAID_S that got here at NOW_S, and have it known."""

    def keep(outbox):
        one = replace(draft(text="3人受伤"), created_wall_s=SAID_S, clock_trusted=trusted)
        bundle = outbox.accept(one, lane="bus", now_s=NOW_S).bundle
        remember(outbox, bundle, KEY, WINDOW_S, NOW_S, clock_trusted=trusted)
        return bundle.seq

    return store.run(keep)


def found(store, said_s, now_s):
    before = store.run(lambda outbox: heard_before(outbox, KEY, said_s, WINDOW_S, now_s))
    return None if before is None else before.seq


def test_what_got_here_within_the_window_is_the_same_whatever_clocks_say(store):
    """Arrival counts also between gateways whose clocks differ, or are not believed."""
    seq = kept(store, trusted=False)

    assert found(store, None, NOW_S + WINDOW_S - 1) == seq
    assert found(store, SAID_S + 10_000, NOW_S + WINDOW_S - 1) == seq
    assert found(store, None, NOW_S + WINDOW_S) is None


@pytest.mark.parametrize("apart_s", [-WINDOW_S + 1, -300.0, 0.0, 300.0, WINDOW_S - 1])
def test_what_was_said_within_the_window_is_the_same_for_a_day(store, apart_s):
    """A gateway that passes it up hours later heard the same burst."""
    seq = kept(store)

    assert found(store, SAID_S + apart_s, NOW_S + LATE_S - 1) == seq
    assert found(store, SAID_S + apart_s, NOW_S + LATE_S) is None


@pytest.mark.parametrize("apart_s", [-3 * WINDOW_S, -WINDOW_S, WINDOW_S, 3 * WINDOW_S])
def test_what_was_said_outside_the_window_is_said_again(store, apart_s):
    """At the edge it is another report, whichever came first."""
    kept(store)

    assert found(store, SAID_S + apart_s, NOW_S + 2 * WINDOW_S) is None


def test_without_a_believed_clock_only_arrival_counts(store):
    """Neither a told moment that is not believed nor one here is compared."""
    kept(store, trusted=False)

    assert found(store, SAID_S, NOW_S + 2 * WINDOW_S) is None
    assert found(store, None, NOW_S + 2 * WINDOW_S) is None


def told(**changes):
    values = {
        "source": Endpoint.card(300_001),
        "destination": BUS,
        "precedence": Precedence.IMMEDIATE,
        "message": Message(MessageKind.CASUALTY, text="3人受伤"),
        "created_wall_s": SAID_S,
        "clock_trusted": True,
    }
    return Told(**(values | changes))


def test_a_record_has_the_key_of_the_text_it_passes_up():
    """The same key as where the text was heard; fields that say who heard it do not count."""
    overheard = Message(MessageKind.CASUALTY, text="3人受伤", fields={"addressed": "overheard", "to": "299999"})

    assert key_of_told(told()) == key_of_told(told(message=overheard)) == KEY
    assert key_of_told(told(source=Endpoint.card(300_002))) != KEY
    assert key_of_told(told(message=Message(MessageKind.CASUALTY, text="4人受伤"))) != KEY
    assert key_of_told(told(source=Endpoint.parse("station:v1"))) is None


def test_a_place_counts_only_where_nothing_else_is_said():
    """Two positions are two reports; the place beside a text does not tell two reports apart."""
    place = Place(31.5, 103.6, PlaceSource.TERMINAL)
    only = [told(message=Message(MessageKind.POSITION, place=one)) for one in (place, replace(place, lat=31.6))]
    beside = told(message=Message(MessageKind.CASUALTY, text="3人受伤", place=place))

    assert key_of_told(only[0]) == said_key("300001", PayloadKind.TEXT, "", b"", (31.5, 103.6))
    assert key_of_told(only[0]) != key_of_told(only[1])
    assert key_of_told(beside) == KEY


def test_bytes_and_text_are_never_one():
    """What was heard as bytes has a key of its own."""
    data = "3人受伤".encode()

    assert key_of_told(told(message=Message(MessageKind.OPAQUE, data_hex=data.hex()))) != KEY


def test_each_listeners_record_is_known():
    """A record that brought nothing new is known by its peer, session and counter, so that its repeat is answered."""
    keys = {listener_key(peer, salt, counter).key for peer in (1, 11) for salt in (1, 11) for counter in (1, 11)}

    assert len(keys) == 8
