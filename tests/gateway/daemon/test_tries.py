"""What peers' receipts teach about the links by which something left."""

import math
from types import SimpleNamespace

import pytest

from gateway.daemon import tries as tries_module
from gateway.daemon.tries import Tries
from gateway.router.estimate import LinkEstimate
from gateway.router.health import ANSWERED_RUN, LOST_RUN, LinkHealth

PATIENCE_S = 120.0


def link(name="bd1", slot_s=60.0):
    return SimpleNamespace(name=name, slot_s=slot_s, estimate=LinkEstimate(), health=LinkHealth())


def counts(runner):
    return round(runner.estimate.good, 3), round(runner.estimate.bad, 3)


def test_a_receipt_counts_for_the_link_that_carried_it():
    """One try, one receipt: one success, learned when the loop looks."""
    tries, bd1 = Tries(), link()
    tries.left(7, bd1, 10.0, PATIENCE_S)

    tries.arrived(7, 50.0)
    assert counts(bd1) == (0.0, 0.0), "not before the loop looks"
    tries.learn()

    assert counts(bd1) == (1.0, 0.0)


def test_a_receipt_that_never_came_is_a_loss_once_the_bundle_goes_again():
    """Sent again after the patience is over: the first try was lost. Sent again at once: a copy, which says nothing."""
    tries, bd1, hf1 = Tries(), link(), link("hf1")
    tries.left(7, bd1, 10.0, PATIENCE_S)
    tries.left(7, hf1, 11.0, PATIENCE_S)
    assert counts(bd1) == (0.0, 0.0)

    tries.left(7, bd1, 10.0 + PATIENCE_S, PATIENCE_S)

    assert counts(bd1) == (0.0, 1.0)
    assert counts(hf1) == (0.0, 0.0)


def test_copies_on_two_links_teach_nothing():
    """Nobody knows which of them arrived."""
    tries, bd1, hf1 = Tries(), link(), link("hf1")
    tries.left(7, bd1, 10.0, PATIENCE_S)
    tries.left(7, hf1, 11.0, PATIENCE_S)

    tries.arrived(7, 50.0)
    tries.learn()

    assert counts(bd1) == counts(hf1) == (0.0, 0.0)


@pytest.mark.parametrize(("slot_s", "delays"), [(60.0, 0.0), (1.0, 1.0)])
def test_only_a_quick_link_teaches_its_delay(slot_s, delays):
    """On a card the receipt waits for a slot of its own, which is no delay of ours."""
    tries, one = Tries(), link(slot_s=slot_s)
    tries.left(7, one, 10.0, PATIENCE_S)

    tries.arrived(7, 14.0)
    tries.learn()

    assert one.estimate.delays == delays
    assert one.estimate.delay_log_sum == math.log(2.0) * delays


def test_a_receipt_counts_once_and_a_strangers_not_at_all():
    """A repeated receipt, or one for what left before a restart, changes nothing."""
    tries, bd1 = Tries(), link()
    tries.left(7, bd1, 10.0, PATIENCE_S)
    for seq in (7, 7, 8):
        tries.arrived(seq, 50.0)

    tries.learn()

    assert counts(bd1) == (1.0, 0.0)


def test_the_memory_is_bounded(monkeypatch):
    """At TRIES_MAX the oldest bundle is forgotten, and of one bundle only the latest tries are kept."""
    monkeypatch.setattr(tries_module, "TRIES_MAX", 2)
    tries, bd1 = Tries(), link()
    for seq in (1, 2, 3):
        tries.left(seq, bd1, 10.0, PATIENCE_S)
    assert len(tries) == 2

    for _ in range(100):
        tries.left(3, bd1, 10.0, PATIENCE_S)
    assert len(tries._of[3]) == tries_module.COPIES_MAX


def test_answers_that_do_not_come_make_a_link_doubted_and_answers_end_it():
    """A device that says sent while no peer answers is found out by its tries; two receipts bring it back."""
    tries, bd1 = Tries(), link()
    for number in range(LOST_RUN):
        tries.left(number, bd1, 0.0, PATIENCE_S)
        tries.left(number, bd1, PATIENCE_S, PATIENCE_S)
    assert bd1.health.doubted

    for number in range(ANSWERED_RUN):
        tries.arrived(number, PATIENCE_S + 30.0)
    tries.learn()
    assert not bd1.health.doubted
