"""What a link looks at: a queue for another link costs it little, and nothing that is for it is overlooked for long."""

import pytest

from gateway.daemon.heads import LOOK_AGAIN_S, LOOK_AGAIN_SOON_S, PAGE_HEADS, PAGES_MAX, Heads
from gateway.link import LinkState
from gateway.model import Precedence
from gateway.router.plan import LinkView
from tests.gateway.store.helpers import order, sync_store

LANE = "beidou+hf"
OPEN = [LinkView("bd1", "beidou", LinkState.OPEN), LinkView("hf1", "hf", LinkState.OPEN)]


@pytest.fixture
def store(tmp_path):
    store = sync_store(tmp_path)
    yield store
    store.close()


def accept(store, now_s=0.0, precedence=Precedence.ROUTINE):
    return store.run(lambda outbox: outbox.accept(order(precedence=precedence), lane=LANE, now_s=now_s)).bundle


def look(store, heads, now_s, precedence=Precedence.ROUTINE, views=OPEN):
    """Look at everything in vain; return the numbers that were looked at, and until when the rest is left alone."""

    def ask(outbox):
        heads.begin(views)
        seen = [bundle.seq for bundle in heads.of(outbox, LANE, precedence, now_s)]
        return seen, heads.nothing(LANE, precedence, now_s)

    return store.run(ask)


def test_a_look_is_bounded_and_in_order(store):
    """So many heads, the oldest first, whatever waits behind them."""
    for _ in range(PAGE_HEADS * PAGES_MAX):
        accept(store)

    seen, _ = look(store, Heads(), 1.0)

    assert seen == list(range(1, len(seen) + 1))
    assert PAGE_HEADS * (PAGES_MAX - 1) < len(seen) <= PAGE_HEADS * PAGES_MAX


def test_only_the_first_are_read_when_the_first_is_taken(store):
    """A link that takes the head does not read the page behind it."""
    for _ in range(PAGE_HEADS):
        accept(store)
    statements = []
    store.connection.set_trace_callback(statements.append)

    def take(outbox):
        return next(Heads().of(outbox, LANE, Precedence.ROUTINE, 1.0)).seq

    assert store.run(take) == 1
    store.connection.set_trace_callback(None)
    assert [one[-7:] for one in statements if "SELECT * FROM bundle" in one] == ["LIMIT 2"]


@pytest.mark.parametrize(
    ("precedence", "alone_s"),
    [(Precedence.ROUTINE, LOOK_AGAIN_S), (Precedence.PRIORITY, LOOK_AGAIN_S), (Precedence.FLASH, LOOK_AGAIN_SOON_S)],
)
def test_what_was_passed_over_is_left_alone_for_a_moment_and_then_looked_at_again(store, precedence, alone_s):
    """What came since the look before is looked at, and what came in its very moment or just before it once more."""
    old = accept(store, 0.0, precedence)
    heads = Heads()
    assert look(store, heads, 1.0, precedence)[0] == [old.seq]
    same_moment = accept(store, 1.0, precedence)

    assert look(store, heads, 1.0, precedence)[0] == [same_moment.seq]
    newer = accept(store, 1.5, precedence)
    assert look(store, heads, 1.5, precedence) == ([same_moment.seq, newer.seq], 1.0 + alone_s)
    assert look(store, heads, 1.6, precedence)[0] == [newer.seq]
    assert look(store, heads, 1.75, precedence)[0] == [newer.seq]
    assert look(store, heads, 1.98, precedence)[0] == []
    assert look(store, heads, 1.0 + alone_s, precedence)[0] == [old.seq, same_moment.seq, newer.seq]


def test_what_is_held_back_at_the_front_does_not_hide_what_is_behind(store):
    """Given more than a look reads, then the next full look goes on behind, and the one after the end begins anew."""
    everything = [accept(store).seq for _ in range(150)]
    heads = Heads()

    seen = [look(store, heads, 10.0 + 2 * LOOK_AGAIN_S * turn)[0] for turn in range(3)]

    assert len(seen[0]) < len(everything)
    assert set(seen[0]) | set(seen[1]) == set(everything)
    assert all(one[:2] == everything[:2] for one in seen)
    assert seen[2] == seen[0]


def test_what_becomes_due_meanwhile_is_looked_at(store):
    """A retry, or what a peer that is heard again gets at once."""
    one = accept(store)
    store.run(lambda outbox: outbox.postpone(one.seq, 2.0, "later"))
    heads = Heads()
    assert look(store, heads, 1.0)[0] == []

    assert look(store, heads, 2.5)[0] == [one.seq]


def test_a_link_that_comes_or_goes_makes_all_worth_a_look(store):
    """What another link should have had may be for this one now."""
    one = accept(store)
    heads = Heads()
    look(store, heads, 1.0)

    busy = [LinkView("bd1", "beidou", LinkState.BUSY), OPEN[1]]

    assert look(store, heads, 1.1, views=busy)[0] == [one.seq]
