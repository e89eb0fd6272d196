"""Tries of pieces and of batches: no state is claimed that the whole does not have, and the history says which it was."""

import pytest

from gateway.link import SendOutcome
from gateway.model import BundleState, Endpoint, Precedence
from tests.gateway.store.helpers import draft, order, sync_store


@pytest.fixture
def store(tmp_path):
    opened = sync_store(tmp_path)
    yield opened
    opened.close()


def accepted(store, made, now_s=0.0):
    return store.run(lambda outbox: outbox.accept(made, lane="beidou", now_s=now_s).bundle.seq)


def finish(store, attempt, outcome=SendOutcome.ACCEPTED, **more):
    return store.run(
        lambda outbox: outbox.finish(attempt, outcome, "FKI Y", 9.0, state=BundleState.SENT, due_s=9.0, **more)
    )


def test_a_piece_leaves_the_bundle_to_other_links(store):
    """It is in nobody's hands, so the next link takes the next piece; each try has its own outcome."""
    seq = accepted(store, draft())

    first = store.run(lambda outbox: outbox.begin(seq, "bd1", 1.0, "a piece", in_part=True))
    assert store.run(lambda outbox: outbox.numbered(seq)).state is BundleState.QUEUED
    assert [one.seq for one in store.run(lambda outbox: outbox.due("beidou", Precedence.ROUTINE, 1.0, 9))] == [seq]
    second = store.run(lambda outbox: outbox.begin(seq, "bd2", 2.0, "a piece", in_part=True))
    finish(store, second, in_part=True)
    finish(store, first, SendOutcome.UNKNOWN, in_part=True)

    after = store.run(lambda outbox: outbox.numbered(seq))
    assert (after.state, after.attempts, after.tried) == (BundleState.SENT, 2, ())
    history = [one for one in store.run(lambda outbox: outbox.history(seq)) if one.kind == "try"]
    assert [(one.link, one.outcome, one.words) for one in history] == [
        ("bd1", "unknown", "a piece: FKI Y"),
        ("bd2", "accepted", "a piece: FKI Y"),
    ]


def test_a_piece_does_not_begin_a_new_round(store):
    """Who has had the whole in this round stays noted."""
    seq = accepted(store, draft())
    finish(store, store.run(lambda outbox: outbox.begin(seq, "bd1", 1.0)))

    store.run(lambda outbox: outbox.begin(seq, "bd1", 10.0, in_part=True))

    assert store.run(lambda outbox: outbox.numbered(seq)).tried == ("bd1",)


def test_pieces_under_way_at_a_power_cut_are_unknown(store):
    """Nobody will answer for them; the bundle is due again."""
    seq = accepted(store, draft())
    for link in ("bd1", "bd2"):
        store.run(lambda outbox, link=link: outbox.begin(seq, link, 1.0, "a piece", in_part=True))
    store.crash()

    assert store.run(lambda outbox: outbox.abandoned(5.0)) == 2

    history = [one for one in store.run(lambda outbox: outbox.history(seq)) if one.kind == "try"]
    assert [one.outcome for one in history] == ["unknown", "unknown"]
    assert store.run(lambda outbox: outbox.numbered(seq)).state is BundleState.QUEUED


def test_what_is_due_to_one_endpoint_comes_by_precedence_and_number(store):
    """Orders to others, of other lanes, handed or not due are left out; at most so many are returned."""
    to_one = [accepted(store, order(str(number))) for number in range(3)]
    urgent = accepted(store, order("立即", precedence=Precedence.IMMEDIATE))
    accepted(store, order("别人", card=300_000))
    later = accepted(store, order("以后"), now_s=50.0)
    handed = accepted(store, order("在途"))
    store.run(lambda outbox: outbox.begin(handed, "bd1", 0.0))

    def due(limit):
        there = Endpoint.card(242286)
        return [one.seq for one in store.run(lambda outbox: outbox.due_to(there, "beidou", 1.0, limit))]

    assert due(9) == [urgent, *to_one]
    assert due(2) == to_one[:2]
    assert later not in due(9)
    assert store.run(lambda outbox: outbox.due_to(Endpoint.card(242286), "hf", 1.0, 9)) == []
