"""What the daemon asks about orders and reports: who has to be told, what is open to somebody, what is known already."""

from collections import Counter

import pytest

from gateway.link import SendOutcome
from gateway.model import BundleState, Endpoint, Precedence, Receipt, ReceiptLevel
from gateway.store.accepting import DuplicateKey
from tests.gateway.store.helpers import draft, order, sync_store


@pytest.fixture
def store(tmp_path):
    store = sync_store(tmp_path)
    yield store
    store.close()


def accept(store, one, lane="beidou", **more):
    return store.run(lambda outbox: outbox.accept(one, lane=lane, now_s=0.0, **more)).bundle


def untold(store):
    return [(bundle.seq, bundle.state) for bundle in store.run(lambda outbox: outbox.untold(10))]


def due_sources(store):
    """Return how many bundles of each source are due for the bus."""
    count = Counter()
    store.run(lambda outbox: outbox.note_due_sources("bus", 1.0, lambda source: count.update([source])))
    return count


def test_each_state_of_an_order_is_told_once_and_survives_a_crash(store):
    """Reports are not orders; a state told stays told; one that moved on meanwhile is still to be told."""
    accept(store, draft(), lane="bus")
    one = accept(store, order())
    store.crash()
    assert untold(store) == [(one.seq, BundleState.QUEUED)]

    begun = store.run(lambda outbox: outbox.begin(one.seq, "bd1", 1.0))
    store.run(lambda outbox: outbox.told([(one.seq, BundleState.QUEUED)]))
    assert untold(store) == [(one.seq, BundleState.HANDED)]

    store.run(lambda outbox: outbox.finish(begun, SendOutcome.ACCEPTED, "", 2.0, state=BundleState.SENT, due_s=90.0))
    store.run(lambda outbox: outbox.told([(one.seq, BundleState.SENT)]))
    assert untold(store) == []


def test_a_forgotten_order_is_no_longer_told(store):
    """The note goes with its bundle."""
    one = accept(store, order())
    store.run(lambda outbox: outbox.receipt(Receipt(one.id, ReceiptLevel.DELIVERED, "card:1"), 1.0))

    store.run(lambda outbox: outbox.maintain(1e9))

    assert untold(store) == []
    assert store.connection.execute("SELECT count(*) FROM untold").fetchone()[0] == 0


def test_open_orders_of_an_endpoint_come_latest_first(store):
    """An answer from a card belongs to one of these: those it may have, not those that still wait."""
    orders = [accept(store, order(str(number), card=7)) for number in range(3)]
    accept(store, order(card=8))
    accept(store, order("untried", card=7))
    for tried in orders:
        store.run(lambda outbox, seq=tried.seq: outbox.begin(seq, "bd1", 0.0))

    found = store.run(lambda outbox: outbox.open_to(Endpoint.card(7), 2))

    assert [bundle.seq for bundle in found] == [orders[2].seq, orders[1].seq]


def test_what_is_known_under_a_key(store):
    """One bundle, an order's copies, or nothing."""
    one, two = DuplicateKey(b"one", 60.0), DuplicateKey(b"two", 60.0)
    bundle = accept(store, draft(), lane="bus", duplicate=one)
    members = [(Endpoint.card(1), "beidou"), (Endpoint.card(2), "beidou")]
    taken = store.run(lambda outbox: outbox.accept_order(order(), members, now_s=0.0, duplicate=two))

    assert store.run(lambda outbox: outbox.known(one, 59.0)) == (bundle,)
    assert store.run(lambda outbox: outbox.known(two, 59.0)) == taken.bundles
    assert store.run(lambda outbox: outbox.known(one, 60.0)) is None
    assert store.run(lambda outbox: outbox.known(DuplicateKey(b"three", 60.0), 0.0)) is None


def test_due_counts_by_source_and_postponing(store):
    """A postponed bundle waits and says why."""
    for card in (1, 1, 2):
        accept(store, draft(card=card), lane="bus")
    assert due_sources(store) == {"card:1": 2, "card:2": 1}

    store.run(lambda outbox: outbox.postpone(1, 50.0, "quota of its sender"))

    assert due_sources(store) == {"card:1": 1, "card:2": 1}
    assert store.run(lambda outbox: outbox.find("1")).reason == "quota of its sender"
    assert [b.seq for b in store.run(lambda outbox: outbox.due("bus", Precedence.ROUTINE, 50.0, 5))] == [2, 3, 1]
