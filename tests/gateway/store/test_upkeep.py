"""Housekeeping: small steps, nothing forgotten before its time, space given back."""

import pytest

from gateway.model import Receipt, ReceiptLevel
from gateway.store.accepting import DuplicateKey
from gateway.store.limits import STEP_ROWS
from tests.gateway.store.helpers import draft, sync_store


@pytest.fixture
def store(tmp_path):
    store = sync_store(tmp_path, forget_after_s=100.0)
    yield store
    store.close()


def closed(store, count, now_s, text="x"):
    def work(outbox):
        for number in range(count):
            key = DuplicateKey(b"%f %d" % (now_s, number), 50.0)
            bundle = outbox.accept(draft(text), lane="bus", now_s=now_s, duplicate=key).bundle
            outbox.receipt(Receipt(bundle.id, ReceiptLevel.DELIVERED, "consumer:map"), now_s)

    store.run(work)


def maintain(store, now_s):
    return store.run(lambda outbox: outbox.maintain(now_s))


def test_closed_bundles_are_kept_for_the_history_window(store):
    """Just before its end everything is there with its history, then it goes, and the balance stays."""
    closed(store, 1, 0.0)

    maintain(store, 99.9)
    assert len(store.run(lambda outbox: outbox.history(1))) == 2

    maintain(store, 100.0)
    assert store.run(lambda outbox: outbox.find("1")) is None
    assert store.connection.execute("SELECT count(*) FROM event").fetchone()[0] == 0
    assert store.outbox.balance().total.delivered == 1
    assert store.outbox.balance() == store.run(lambda outbox: outbox.recount())


def test_open_bundles_are_never_forgotten(store):
    """However old; only their lifetime ends them."""
    store.run(lambda outbox: outbox.accept(draft(), lane="bus", now_s=0.0))

    maintain(store, 1e9)

    assert store.run(lambda outbox: outbox.find("1")) is not None


def test_upkeep_works_in_bounded_steps_and_says_when_it_is_done(store):
    """Each call forgets at most STEP_ROWS; space goes back to the file system."""
    closed(store, STEP_ROWS * 4 + 10, 0.0, "x" * 2000)
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]

    steps = [maintain(store, 500.0)]
    assert store.connection.execute("SELECT count(*) FROM bundle").fetchone()[0] == STEP_ROWS * 3 + 10
    while steps[-1]:
        steps.append(maintain(store, 500.0))

    assert store.connection.execute("SELECT count(*) FROM bundle").fetchone()[0] == 0
    assert store.outbox.rows()["duplicate"] == 0
    assert store.connection.execute("PRAGMA page_count").fetchone()[0] < pages / 2
    assert 4 < len(steps) < 20


def test_the_sweep_reads_everything_once_a_round(store):
    """Slices follow each other and begin again."""
    for _ in range(5):
        store.run(lambda outbox: outbox.accept(draft(), lane="bus", now_s=0.0))

    assert [store.run(lambda outbox: outbox.sweep(2)) for _ in range(5)] == [2, 2, 1, 2, 2]
