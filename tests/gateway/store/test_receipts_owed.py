"""Receipts owed to authors: gathered, one a minute, most urgent first, upgraded, bounded."""

import pytest

from gateway.model import Precedence, Receipt, ReceiptLevel
from gateway.store.accepting import DuplicateKey, OwedTo
from gateway.store.limits import OWED_AGE_S_MAX, OWED_ENTRIES_MAX, OWED_RETRY_S, Limits
from tests.gateway.store.helpers import draft, sync_store

CUSTODY, DELIVERED = ReceiptLevel.CUSTODY, ReceiptLevel.DELIVERED
ROUTINE, FLASH = Precedence.ROUTINE, Precedence.FLASH
RECEIPT_INTERVAL_S = Limits().receipt_interval_s


@pytest.fixture
def store(tmp_path):
    store = sync_store(tmp_path)
    yield store
    store.close()


def report(store, peer="1", precedence=ROUTINE, now_s=0.0, link="bd1"):
    owed = OwedTo(link, peer)
    return store.run(
        lambda outbox: outbox.accept(draft(precedence=precedence), lane="bus", now_s=now_s, owed=owed)
    ).bundle


def owed(store, now_s, link="bd1", limit=10):
    return store.run(lambda outbox: outbox.owed_next(link, now_s, limit))


def settle(store, peer, seqs, now_s, sent=True):
    store.run(lambda outbox: outbox.owed_settle(peer, seqs, now_s, sent=sent))


def deliver(store, bundle, now_s):
    store.run(lambda outbox: outbox.receipt(Receipt(bundle.id, DELIVERED, "consumer:map"), now_s))


def test_receipts_are_gathered_per_author_most_urgent_first(store):
    """Two reports of one card are one message; the author of an SOS comes before everybody."""
    report(store, "1", ROUTINE, 0.0)
    report(store, "2", ROUTINE, 1.0)
    report(store, "1", ROUTINE, 2.0)
    report(store, "3", FLASH, 3.0)
    report(store, "4", ROUTINE, 4.0, link="hf1")

    found = owed(store, 10.0)

    assert [one.peer for one in found] == ["3", "1", "2"]
    assert found[1].entries == ((1, ROUTINE, CUSTODY), (3, ROUTINE, CUSTODY))
    assert (found[1].created_s, found[0].precedence) == (0.0, FLASH)
    assert [one.peer for one in owed(store, 10.0, limit=1)] == ["3"]
    assert [one.peer for one in owed(store, 10.0, link="hf1")] == ["4"]


def test_an_author_gets_one_receipt_a_minute_on_all_links_together(store):
    """After one was sent the next waits RECEIPT_INTERVAL_S, whichever link it was heard on, also after a crash."""
    report(store, "1")
    settle(store, "1", [1], 10.0)
    report(store, "1", now_s=11.0, link="bd2")
    store.crash()

    assert owed(store, 10.0 + RECEIPT_INTERVAL_S - 0.1, link="bd2") == []
    assert [one.peer for one in owed(store, 10.0 + RECEIPT_INTERVAL_S, link="bd2")] == ["1"]


def test_what_was_pending_when_one_was_sent_waits_too(store):
    """Only the settled numbers are settled; the others keep their place for the next minute."""
    report(store, "1")
    report(store, "1")

    settle(store, "1", [1], 5.0)

    assert owed(store, 6.0) == []
    assert [entry.seq for one in owed(store, 5.0 + RECEIPT_INTERVAL_S) for entry in one.entries] == [2]


def test_a_receipt_that_could_not_be_sent_is_owed_still(store):
    """It is offered again after a pause, not at once."""
    report(store, "1")

    settle(store, "1", [1], 5.0, sent=False)

    assert owed(store, 5.0 + OWED_RETRY_S - 0.1) == []
    assert [one.peer for one in owed(store, 5.0 + OWED_RETRY_S)] == ["1"]


def test_a_pending_receipt_says_delivered_once_the_consumer_confirms(store):
    """One receipt tells the best that is known when it leaves."""
    bundle = report(store, "1")

    deliver(store, bundle, 1.0)

    assert owed(store, 2.0)[0].entries == ((bundle.seq, ROUTINE, DELIVERED),)


@pytest.mark.parametrize("precedence", list(Precedence))
def test_a_second_receipt_is_owed_for_urgent_reports_only(store, precedence):
    """When custody was told already, delivery is told for FLASH and IMMEDIATE and kept silent for the rest."""
    bundle = report(store, "1", precedence)
    settle(store, "1", [bundle.seq], 1.0)

    deliver(store, bundle, 2.0)

    found = owed(store, 1.0 + RECEIPT_INTERVAL_S)
    expected = [((bundle.seq, precedence, DELIVERED),)] if precedence <= Precedence.IMMEDIATE else []
    assert [one.entries for one in found] == expected


def test_one_message_takes_a_bounded_number_of_receipts(store):
    """An author with more gets the rest later."""
    for _ in range(OWED_ENTRIES_MAX + 5):
        report(store, "1")

    assert len(owed(store, 1.0)[0].entries) == OWED_ENTRIES_MAX


def test_receipts_owed_are_bounded(tmp_path):
    """At owed_max the oldest of the least urgent makes room; one less urgent than all is not owed; both are counted."""
    store = sync_store(tmp_path, owed_max=2)
    report(store, "1", ROUTINE)
    report(store, "2", FLASH)
    report(store, "3", FLASH)
    assert [one.peer for one in owed(store, 1.0)] == ["2", "3"]

    report(store, "4", ROUTINE)

    assert [one.peer for one in owed(store, 1.0)] == ["2", "3"]
    assert store.outbox.noted()["receipt not owed: cap owed_max"] == 2
    assert store.outbox.owed_counts() == 2
    store.close()


def test_a_receipt_nobody_could_be_given_is_dropped_after_a_day(store):
    """Upkeep drops and counts it."""
    report(store, "1")

    store.run(lambda outbox: outbox.maintain(OWED_AGE_S_MAX))

    assert owed(store, OWED_AGE_S_MAX) == []
    assert store.outbox.noted()["receipt not owed: too old"] == 1


def test_the_table_of_last_receipts_holds_the_last_minute_only(store):
    """A thousand authors over an hour leave about a minute's worth of rows."""
    for number in range(1000):
        report(store, str(number), now_s=number * 3.6)
        settle(store, str(number), [number + 1], number * 3.6)

    assert store.connection.execute("SELECT count(*) FROM spoken").fetchone()[0] <= 25


def test_first_overheard_then_addressed_to_us_is_owed_a_receipt(store):
    """A report that a command terminal only overheard is answered once its own copy arrives."""
    key = DuplicateKey(b"same", 600.0)
    to = OwedTo("bd2", "1")
    store.run(lambda outbox: outbox.accept(draft(), lane="bus", now_s=0.0, duplicate=key))

    again = store.run(lambda outbox: outbox.accept(draft(), lane="bus", now_s=1.0, duplicate=key, owed=to))

    assert again.is_duplicate
    (entry,) = owed(store, 2.0, link="bd2")
    assert (entry.peer, entry.entries[0].seq) == ("1", again.bundle.seq)
    assert store.run(lambda outbox: outbox.find(again.bundle.id)).id == again.bundle.id
