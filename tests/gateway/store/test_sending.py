"""Giving bundles out: what is due, in which order, and what a try leaves behind."""

import pytest

from gateway.link import SendOutcome
from gateway.model import BundleState, Precedence, Receipt, ReceiptLevel
from gateway.store.limits import HISTORY_EVENTS_MAX, HISTORY_FIRST_KEPT
from tests.gateway.store.helpers import draft, order, sync_store

ROUTINE, FLASH = Precedence.ROUTINE, Precedence.FLASH


@pytest.fixture
def store(tmp_path):
    store = sync_store(tmp_path)
    yield store
    store.close()


def accept(store, one, now_s=0.0, lane="bus"):
    return store.run(lambda outbox: outbox.accept(one, lane=lane, now_s=now_s)).bundle


def attempt(store, seq, outcome, state, *, now_s=1.0, due_s=100.0, link="bd1", detail=""):
    begun = store.run(lambda outbox: outbox.begin(seq, link, now_s))
    return store.run(lambda outbox: outbox.finish(begun, outcome, detail, now_s + 1, state=state, due_s=due_s))


def due(store, now_s, *, lane="bus", precedence=ROUTINE, limit=10, after=None):
    return [b.seq for b in store.run(lambda outbox: outbox.due(lane, precedence, now_s, limit, after))]


def test_due_bundles_come_oldest_first_by_lane_and_precedence(store):
    """Each lane and precedence is a queue of its own."""
    accept(store, draft(), 0.0)
    accept(store, order(), 1.0, lane="beidou")
    accept(store, draft(precedence=FLASH), 2.0)
    accept(store, draft(), 3.0)

    assert due(store, 10.0) == [1, 4]
    assert due(store, 10.0, precedence=FLASH) == [3]
    assert due(store, 10.0, lane="beidou") == [2]
    assert due(store, 2.9) == [1]


def test_due_reads_on_behind_the_last_one(store):
    """Pages of one bundle each give everything once."""
    for _ in range(5):
        accept(store, draft(), 1.0)
    seen, after = [], None
    while page := store.run(lambda outbox, a=after: outbox.due("bus", ROUTINE, 2.0, 1, a)):
        seen.append(page[0].seq)
        after = (page[0].due_s, page[0].seq)

    assert seen == [1, 2, 3, 4, 5]


def test_live_traffic_is_found_behind_a_backlog(store):
    """due_live gives what was accepted from a number on; sources with unsent backlog are named."""
    for card in (1, 2):
        accept(store, draft(card=card), 0.0)
    live = accept(store, draft(card=3), 5.0)

    found = store.run(lambda outbox: outbox.due_live("bus", ROUTINE, 10.0, live.seq, 10))

    assert [bundle.seq for bundle in found] == [live.seq]
    assert store.run(lambda outbox: outbox.due_live("bus", ROUTINE, 10.0, live.seq + 1, 10)) == []
    assert store.run(lambda outbox: outbox.sources_with_open("bus", 2)) == {"card:1", "card:2"}
    store.run(lambda outbox: outbox.published([1], "mqtt", 6.0, 900.0))
    assert store.run(lambda outbox: outbox.sources_with_open("bus", 2)) == {"card:2"}
    assert store.run(lambda outbox: outbox.has_unsent_before("bus", "card:2", 3))
    assert not store.run(lambda outbox: outbox.has_unsent_before("bus", "card:1", 3))


def test_next_due_and_has_open(store):
    """The probes follow the queue."""
    assert not store.outbox.has_open("bus")
    assert store.run(lambda outbox: outbox.next_due_s("bus", ROUTINE)) is None

    accept(store, draft(), 3.0)

    assert store.outbox.has_open("bus")
    assert store.run(lambda outbox: outbox.next_due_s("bus", ROUTINE)) == 3.0


def test_a_try_is_on_disk_before_its_answer(store):
    """After begin the bundle is handed, not due, and a crash shows the try; at the next start it becomes unknown."""
    bundle = accept(store, draft())
    store.run(lambda outbox: outbox.begin(bundle.seq, "bd1", 1.0))
    assert due(store, 10.0) == []

    store.crash()

    assert store.run(lambda outbox: outbox.find("1")).state is BundleState.HANDED
    assert [e.outcome for e in store.run(lambda outbox: outbox.history(1))] == ["", "in progress"]
    assert store.run(lambda outbox: outbox.abandoned(20.0)) == 1
    again = store.run(lambda outbox: outbox.find("1"))
    assert (again.state, again.due_s, again.attempts, again.tried) == (BundleState.QUEUED, 20.0, 1, ("bd1",))
    assert store.run(lambda outbox: outbox.history(1))[-1].outcome == "unknown"
    assert store.run(lambda outbox: outbox.abandoned(21.0)) == 0


def test_a_handed_bundle_whose_try_was_damaged_is_taken_back(store):
    """Nobody would answer for it: abandoned finds it by its state."""
    bundle = accept(store, draft())
    store.run(lambda outbox: outbox.begin(bundle.seq, "bd1", 1.0))
    store.connection.execute("DELETE FROM event")

    store.run(lambda outbox: outbox.abandoned(5.0))

    assert due(store, 5.0) == [bundle.seq]


def test_the_router_decides_state_and_time(store):
    """finish puts the bundle where it is told and keeps the device's words."""
    accept(store, draft())

    sent = attempt(store, 1, SendOutcome.ACCEPTED, BundleState.SENT, due_s=77.0, detail="FKI Y")

    assert (sent.state, sent.due_s, sent.reason, sent.tried) == (BundleState.SENT, 77.0, "FKI Y", ("bd1",))


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        (BundleState.SENT, BundleState.QUEUED, BundleState.SENT),
        (BundleState.SENT, BundleState.REFUSED, BundleState.SENT),
        (BundleState.RELAYED, BundleState.SENT, BundleState.RELAYED),
        (BundleState.RELAYED, BundleState.QUEUED, BundleState.RELAYED),
        (BundleState.SENT, BundleState.RELAYED, BundleState.RELAYED),
        (BundleState.REFUSED, BundleState.QUEUED, BundleState.QUEUED),
    ],
)
def test_evidence_is_never_lowered_by_a_try(store, first, second, left):
    """What one link proved stays when the next try knows less; the new time to try counts all the same."""
    accept(store, draft())
    attempt(store, 1, SendOutcome.ACCEPTED, first)

    after = attempt(store, 1, SendOutcome.UNKNOWN, second, now_s=5.0, due_s=200.0, link="hf1")

    assert (after.state, after.due_s) == (left, 200.0)


def test_a_closed_bundle_is_not_begun_and_a_late_answer_does_not_open_it(store):
    """A receipt that overtakes the device's answer wins; the answer is kept in the history."""
    bundle = accept(store, draft())
    begun = store.run(lambda outbox: outbox.begin(1, "bd1", 1.0))
    store.run(lambda outbox: outbox.receipt(Receipt(bundle.id, ReceiptLevel.DELIVERED, "consumer:map"), 2.0))

    after = store.run(
        lambda outbox: outbox.finish(begun, SendOutcome.UNKNOWN, "", 3.0, state=BundleState.QUEUED, due_s=4.0)
    )

    assert after.state is BundleState.DELIVERED
    assert [e.outcome for e in store.run(lambda outbox: outbox.history(1)) if e.kind == "try"] == ["unknown"]
    assert store.run(lambda outbox: outbox.begin(1, "bd1", 5.0)) is None


def test_tried_holds_the_links_of_this_round(store):
    """A link that takes it twice starts a new round; a deferred try took nothing."""
    accept(store, draft())
    attempt(store, 1, SendOutcome.DEFERRED, BundleState.QUEUED, link="bd1")
    assert store.run(lambda outbox: outbox.find("1")).tried == ()
    attempt(store, 1, SendOutcome.UNKNOWN, BundleState.QUEUED, link="bd1")
    attempt(store, 1, SendOutcome.UNKNOWN, BundleState.QUEUED, link="hf1")
    assert store.run(lambda outbox: outbox.find("1")).tried == ("bd1", "hf1")

    attempt(store, 1, SendOutcome.UNKNOWN, BundleState.QUEUED, link="bd1")

    assert store.run(lambda outbox: outbox.find("1")).tried == ("bd1",)


def test_two_tries_of_one_sos_at_once(store):
    """FLASH goes over two links at once; the first proof stays when the second try fails."""
    accept(store, draft(precedence=FLASH))
    one = store.run(lambda outbox: outbox.begin(1, "bd1", 1.0))
    two = store.run(lambda outbox: outbox.begin(1, "hf1", 1.0))

    store.run(lambda outbox: outbox.finish(one, SendOutcome.ACCEPTED, "", 2.0, state=BundleState.SENT, due_s=60.0))
    after = store.run(
        lambda outbox: outbox.finish(two, SendOutcome.UNKNOWN, "", 3.0, state=BundleState.QUEUED, due_s=60.0)
    )

    assert (after.state, after.tried, after.attempts) == (BundleState.SENT, ("bd1", "hf1"), 2)


def test_puback_is_sent_and_not_delivered(store):
    """Bulk acknowledgements move open bundles to SENT and skip closed ones."""
    bundles = [accept(store, draft()) for _ in range(3)]
    store.run(lambda outbox: outbox.receipt(Receipt(bundles[2].id, ReceiptLevel.DELIVERED, "consumer:map"), 1.0))

    assert store.run(lambda outbox: outbox.published([1, 2, 3, 99], "mqtt", 2.0, 900.0)) == 2

    states = [store.run(lambda outbox, n=n: outbox.find(str(n))).state for n in (1, 2, 3)]
    assert states == [BundleState.SENT, BundleState.SENT, BundleState.DELIVERED]
    assert store.outbox.balance().total.queued == 2


def test_a_long_history_keeps_its_beginning_and_its_end(store):
    """A thousand tries leave a bounded history, and the try in progress is never trimmed."""
    accept(store, draft())
    open_try = store.run(lambda outbox: outbox.begin(1, "hf1", 0.0))
    for number in range(400):
        attempt(store, 1, SendOutcome.UNKNOWN, BundleState.QUEUED, now_s=10.0 + number)

    history = store.run(lambda outbox: outbox.history(1))

    assert len(history) <= HISTORY_EVENTS_MAX + 2
    assert [e.at_s for e in history[: HISTORY_FIRST_KEPT - 2]] == [0.0, 0.0, 10.0, 11.0, 12.0, 13.0]
    assert history[-1].at_s == 409.0
    assert history[1].outcome == "in progress"
    assert store.run(lambda outbox: outbox.find("1")).attempts == 401
    assert store.run(
        lambda outbox: outbox.finish(open_try, SendOutcome.ACCEPTED, "", 500.0, state=BundleState.SENT, due_s=600.0)
    )
