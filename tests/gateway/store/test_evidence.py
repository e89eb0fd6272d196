"""Receipts, lifetimes, a broker that lost its session, and an endpoint heard again."""

import math

import pytest

from gateway.model import BundleState, Endpoint, Precedence, Receipt, ReceiptLevel
from gateway.store.evidence import LIFETIME_ENDED, RETENTION_ENDED
from tests.gateway.store.helpers import draft, order, sync_store


@pytest.fixture
def store(tmp_path):
    store = sync_store(tmp_path)
    yield store
    store.close()


def accept(store, one, now_s=0.0, lane="bus"):
    return store.run(lambda outbox: outbox.accept(one, lane=lane, now_s=now_s)).bundle


def receipt(store, bundle_id, level, by="consumer:map", *, now_s=1.0, detail=""):
    return store.run(lambda outbox: outbox.receipt(Receipt(bundle_id, level, by, detail), now_s))


@pytest.mark.parametrize(
    ("level", "state", "is_open"),
    [
        (ReceiptLevel.CUSTODY, BundleState.RELAYED, True),
        (ReceiptLevel.DELIVERED, BundleState.DELIVERED, False),
        (ReceiptLevel.ANSWERED, BundleState.ANSWERED, False),
        (ReceiptLevel.REFUSED, BundleState.REFUSED, True),
        (ReceiptLevel.EXPIRED, BundleState.REFUSED, True),
    ],
)
def test_each_receipt_moves_the_bundle_to_what_it_proves(store, level, state, is_open):
    """The reason names the hop that said so."""
    bundle = accept(store, draft())

    after = receipt(store, bundle.id, level, detail="because")

    assert (after.state, after.state.is_open) == (state, is_open)
    assert after.reason == f"{level} by consumer:map: because"
    assert store.outbox.balance().balanced


@pytest.mark.parametrize("level", list(ReceiptLevel))
def test_a_receipt_twice_changes_nothing(store, level):
    """The repeat returns None and leaves bundle, history and balance as they were."""
    bundle = accept(store, draft())
    first = receipt(store, bundle.id, level)
    history = store.run(lambda outbox: outbox.history(1))

    assert receipt(store, bundle.id, level, now_s=9.0) is None

    assert store.run(lambda outbox: outbox.find("1")) == first
    assert store.run(lambda outbox: outbox.history(1)) == history


def test_an_answer_may_follow_delivery_and_nothing_else_may(store):
    """DELIVERED becomes ANSWERED; neither goes back nor becomes refused."""
    bundle = accept(store, order(), lane="beidou")
    receipt(store, bundle.id, ReceiptLevel.DELIVERED)

    assert receipt(store, bundle.id, ReceiptLevel.ANSWERED, "card:242286").state is BundleState.ANSWERED

    for level in ReceiptLevel:
        assert receipt(store, bundle.id, level) is None
    assert store.outbox.balance().total.delivered == 1
    assert store.outbox.balance() == store.run(lambda outbox: outbox.recount())


@pytest.mark.parametrize("altered", ["gw2-{epoch}-1", "gw1-AAAA-1", "gw1-{epoch}-01", "gw1-{epoch}-2", "1", "", "x-９"])
def test_a_receipt_for_another_id_changes_nothing(store, altered):
    """Gateway, epoch and number must all be those of the bundle; the stray receipt is counted."""
    accept(store, draft())

    assert receipt(store, altered.format(epoch=store.outbox.epoch), ReceiptLevel.DELIVERED) is None

    assert store.outbox.noted()["receipt for unknown bundle"] == 1
    assert store.outbox.balance().total.queued == 1


def test_a_late_receipt_is_counted(store):
    """A receipt for an expired bundle does not bring it back."""
    bundle = accept(store, draft(lifetime_s=10.0))
    store.run(lambda outbox: outbox.expire(10.0, 10))

    assert receipt(store, bundle.id, ReceiptLevel.DELIVERED) is None

    assert store.outbox.noted()["receipt for closed bundle"] == 1
    assert store.outbox.balance().total.expired == 1


def test_expiry_says_what_was_known(store):
    """Nobody took it, or it went out and nobody confirmed: two different reasons."""
    for _ in range(3):
        accept(store, draft(lifetime_s=10.0))
    accept(store, draft(lifetime_s=99.0))
    store.run(lambda outbox: outbox.published([2], "mqtt", 1.0, 900.0))
    assert store.run(lambda outbox: outbox.next_expiry_s()) == 10.0
    assert store.run(lambda outbox: outbox.expire(9.9, 10)) == []

    expired = [*store.run(lambda outbox: outbox.expire(10.0, 2)), *store.run(lambda outbox: outbox.expire(10.0, 2))]

    assert [(b.seq, b.state, b.reason) for b in expired] == [
        (1, BundleState.EXPIRED, LIFETIME_ENDED),
        (2, BundleState.EXPIRED, RETENTION_ENDED),
        (3, BundleState.EXPIRED, LIFETIME_ENDED),
    ]
    assert store.outbox.balance().total.queued == 1


def test_requeue_gives_everything_sent_again_in_order(store):
    """In steps of any size, what the broker had is due in order of acceptance, together with what it never had."""
    for number in range(10):
        accept(store, draft(), float(number))
    delivered = store.run(lambda outbox: outbox.find("4"))
    store.run(lambda outbox: outbox.published([9, 2, 5, 7, 4], "mqtt", 20.0, 900.0))
    receipt(store, delivered.id, ReceiptLevel.DELIVERED)
    while store.run(lambda outbox: outbox.requeue("bus", 30.0, 2)) == 2:
        pass

    due = store.run(lambda outbox: outbox.due("bus", Precedence.ROUTINE, 30.0, 20))

    assert [b.seq for b in due] == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert store.run(lambda outbox: outbox.find("2")).state is BundleState.SENT


def test_release_makes_an_endpoint_due(store):
    """Only what was put off for that endpoint moves."""
    accept(store, order(card=1), lane="beidou")
    accept(store, order(card=2), lane="beidou")
    for seq in (1, 2):
        begun = store.run(lambda outbox, s=seq: outbox.begin(s, "bd1", 1.0))
        store.run(lambda outbox, a=begun: outbox.finish(a, "unknown", "", 2.0, state=BundleState.QUEUED, due_s=500.0))

    assert store.run(lambda outbox: outbox.release(Endpoint.card(1), 10.0, sent_too=False, limit=9)) == 1

    due = store.run(lambda outbox: outbox.due("beidou", Precedence.ROUTINE, 10.0, 10))
    assert [b.seq for b in due] == [1]


@pytest.mark.parametrize(
    ("state", "due_s", "released"),
    [
        (BundleState.QUEUED, 500.0, [1, 0]),
        (BundleState.SENT, 500.0, [0, 1]),
        (BundleState.SENT, math.inf, [0, 0]),
        (BundleState.RELAYED, 500.0, [0, 0]),
    ],
)
@pytest.mark.parametrize("up", [False, True])
def test_release_leaves_what_has_its_receipt_or_only_waits_for_an_answer(store, state, due_s, released, up):
    """What is known to be there, or was tried as often as allowed, is not sent again because somebody spoke."""
    bundle = draft() if up else order(card=1)
    accept(store, bundle, lane="beidou")
    begun = store.run(lambda outbox: outbox.begin(1, "bd1", 1.0))
    store.run(lambda outbox: outbox.finish(begun, "accepted", "", 2.0, state=state, due_s=due_s))

    moved = [
        store.run(lambda outbox, too=too: outbox.release(bundle.destination, 10.0, sent_too=too, limit=9))
        for too in (False, True)
    ]

    assert moved == released


def test_release_moves_no_more_than_asked(store):
    """The bound holds; the next word of the peer brings the next ones."""
    for number in range(5):
        accept(store, order(card=1), lane="beidou")
        begun = store.run(lambda outbox, s=number + 1: outbox.begin(s, "bd1", 1.0))
        store.run(lambda outbox, a=begun: outbox.finish(a, "unknown", "", 2.0, state=BundleState.QUEUED, due_s=500.0))

    moved = [
        store.run(lambda outbox: outbox.release(Endpoint.card(1), 10.0, sent_too=False, limit=3)) for _ in range(3)
    ]

    assert moved == [3, 2, 0]


def test_find_by_id_number_and_the_authors_own_id(store):
    """A technician may give any of the three; nothing is found for anything else."""
    bundle = accept(store, order(external_id="ce-42"), lane="beidou")

    for reference in (bundle.id, str(bundle.seq), "ce-42", " 1 "):
        assert store.run(lambda outbox, r=reference: outbox.find(r)) == bundle
    for reference in ("", "0", "-1", "9" * 40, "ce-4", "％"):
        assert store.run(lambda outbox, r=reference: outbox.find(r)) is None


def test_the_oldest_open_and_the_oldest_sos_are_known(store):
    """Age by precedence counts from acceptance; an SOS counts until its consumer confirms."""
    accept(store, order(precedence=Precedence.FLASH), 1.0, lane="beidou")
    sos = accept(store, draft(precedence=Precedence.FLASH), 2.0)
    assert store.run(lambda outbox: outbox.oldest_open_s(Precedence.FLASH)) == 1.0
    assert store.run(lambda outbox: outbox.oldest_open_s(Precedence.ROUTINE)) is None
    assert store.run(lambda outbox: outbox.oldest_unreceipted_sos()) == sos

    receipt(store, sos.id, ReceiptLevel.DELIVERED)

    assert store.run(lambda outbox: outbox.oldest_unreceipted_sos()) is None
