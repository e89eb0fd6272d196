"""What a link is worth: learned from evidence, with its age and its doubt, and forgotten with time."""

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.link import SendOutcome
from gateway.router.estimate import (
    HALF_LIFE_S,
    HEARD_AGAIN_S,
    PRIOR_BAD,
    PRIOR_DELAY_S,
    PRIOR_GOOD,
    LinkEstimate,
)

quick = settings(deadline=None, derandomize=True, max_examples=80)
PRIOR = PRIOR_GOOD / (PRIOR_GOOD + PRIOR_BAD)
events = st.lists(
    st.tuples(st.sampled_from([*SendOutcome, "receipt", "receipt without delay", "lost", "heard"]), st.floats(0, 5000)),
    max_size=40,
)


def after(events, rng=None):
    estimate, now_s = LinkEstimate(), 0.0
    for what, wait_s in events:
        now_s += wait_s
        match what:
            case "receipt":
                estimate = estimate.after_receipt(wait_s / 10, now_s)
            case "receipt without delay":
                estimate = estimate.after_receipt(None, now_s)
            case "lost":
                estimate = estimate.after_lost(now_s)
            case "heard":
                estimate = estimate.after_heard(now_s)
            case _:
                estimate = estimate.after_outcome(what, now_s)
    return estimate, now_s


@quick
@given(events, st.floats(0, 1e6))
def test_every_figure_lies_in_its_range_and_survives_a_restart(events, later_s):
    """Means lie between low and high, success between 0 and 1, and what was stored says the same."""
    estimate, now_s = after(events)
    again = LinkEstimate.from_json(json.loads(json.dumps(estimate.to_json())))

    for one in (estimate, again):
        figures = [
            one.success(now_s + later_s),
            one.delay_s(now_s + later_s),
            one.capacity_per_hour(now_s + later_s, 60),
        ]
        assert all(0 <= figure.low <= figure.mean <= figure.high < math.inf for figure in figures)
        assert all(figure.age_s >= 0 for figure in figures)
        assert figures[0].high <= 1
    assert again.success(now_s).mean == pytest.approx(estimate.success(now_s).mean, abs=0.01)


@quick
@given(events)
def test_what_is_old_is_forgotten(events):
    """Long after the last evidence a link is as unknown as a new one, and its age says why."""
    estimate, now_s = after(events)
    later_s = now_s + 40 * HALF_LIFE_S

    assert estimate.success(later_s).mean == pytest.approx(PRIOR, abs=1e-6)
    assert estimate.delay_s(later_s).mean == pytest.approx(PRIOR_DELAY_S, abs=1e-3)
    assert estimate.success(later_s).age_s >= 40 * HALF_LIFE_S


@pytest.mark.parametrize("truth", [0.3, 0.7, 0.95])
def test_the_range_holds_the_truth_most_of_the_time(truth):
    """Over many links of one true success, after thirty tries each, nine ranges in ten hold it, about."""
    rng, held = random.Random(4), 0
    for _ in range(300):
        estimate = LinkEstimate()
        for minute in range(30):
            estimate = (
                estimate.after_receipt(30.0, minute * 60.0)
                if rng.random() < truth
                else estimate.after_lost(minute * 60.0)
            )
        figure = estimate.success(30 * 60.0)
        held += figure.low <= truth <= figure.high

    assert held >= 300 * 0.75


def test_losses_and_receipts_move_it_and_refusals_do_not():
    """A receipt or a network's word raises success, a loss lowers it, silence lowers it half; the rest says nothing."""
    new = LinkEstimate()

    assert new.after_receipt(5.0, 0.0).success(0.0).mean > PRIOR
    assert new.after_outcome(SendOutcome.RELAYED, 0.0).success(0.0).mean > PRIOR
    assert new.after_lost(0.0).success(0.0).mean < new.after_outcome(SendOutcome.UNKNOWN, 0.0).success(0.0).mean < PRIOR
    for outcome in (SendOutcome.ACCEPTED, SendOutcome.REFUSED, SendOutcome.DEFERRED):
        assert new.after_outcome(outcome, 0.0).success(0.0).mean == PRIOR


def test_delay_is_learned():
    """Thirty receipts of 50 s say about 50 s; without one the belief about the bearer stands."""
    estimate = LinkEstimate()
    for minute in range(30):
        estimate = estimate.after_receipt(50.0, minute * 60.0)

    assert estimate.delay_s(1800.0).mean == pytest.approx(50.0, rel=0.1)
    assert LinkEstimate().delay_s(0.0, 77.0).mean == pytest.approx(77.0)


def test_a_receipt_that_waited_hardly_moves_the_delay():
    """Given twenty of a second and one of ten minutes, then the delay is still of seconds; a mean would say half a minute."""
    estimate = LinkEstimate()
    for _ in range(20):
        estimate = estimate.after_receipt(1.0, 0.0)

    assert estimate.after_receipt(600.0, 0.0).delay_s(0.0).mean < 2.0


def test_capacity_is_what_was_seen_and_an_idle_hour_is_no_evidence():
    """Frames every two minutes say thirty an hour where sixty were promised; a pause of an hour changes nothing."""
    estimate = LinkEstimate()
    for number in range(40):
        estimate = estimate.after_outcome(SendOutcome.ACCEPTED, number * 120.0)
    busy = estimate.capacity_per_hour(40 * 120.0, 60.0).mean

    assert busy == pytest.approx(30.0, abs=2.0)
    assert LinkEstimate().capacity_per_hour(0.0, 60.0).mean == pytest.approx(60.0)
    rested = estimate.after_outcome(SendOutcome.ACCEPTED, 40 * 120.0 + 3600.0)
    assert rested.gap_sum_s == estimate.gap_sum_s


def test_hearing_again_after_a_long_silence_halves_old_losses():
    """The sky has changed: what was lost before counts half. A link that hears all the time learns nothing from it."""
    lost = LinkEstimate().after_heard(0.0).after_lost(1.0).after_lost(2.0)

    assert lost.after_heard(2 + HEARD_AGAIN_S).bad == lost.bad / 2
    assert lost.after_heard(2.0 + HEARD_AGAIN_S / 2).bad == lost.bad


@pytest.mark.parametrize(
    "stored", [{"nonsense": 1}, {"good": "x"}, {"good": -1.0}, {"bad": float("nan")}, {"good": True}]
)
def test_a_damaged_estimate_is_refused(stored):
    """What is no estimate raises ValueError, so that the daemon says so and learns anew."""
    with pytest.raises(ValueError, match="link estimate"):
        LinkEstimate.from_json(stored)
