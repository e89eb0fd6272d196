"""How many symbols a loss asks for."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.fragment.cauchy import K_MAX, SYMBOLS_MAX
from protocols.fragment.errors import FragmentError
from protocols.fragment.planning import LOSS_MAX, PLANNED_MAX, bounded_loss, burst, planned_symbols


def at_least(k, sent, arriving):
    """Return the binomial tail by its definition."""
    return sum(math.comb(sent, i) * arriving**i * (1 - arriving) ** (sent - i) for i in range(k, sent + 1))


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 60), st.sampled_from([0.0, 0.05, 0.15, 0.3, 0.5]), st.sampled_from([0.5, 0.9, 0.99]))
def test_planned_symbols_are_the_fewest_that_reach_the_target(k, loss, target):
    """One less does not, by the binomial tail."""
    planned = planned_symbols(k, loss, target)

    assert at_least(k, planned, 1 - loss) >= target - 1e-12
    assert planned == k or at_least(k, planned - 1, 1 - loss) < target


def test_planned_symbols_of_known_cases():
    """100 bytes over Beidou are two symbols: at 50 % loss 11 of them reach 99.4 %."""
    assert planned_symbols(2, 0.5) == 11
    assert planned_symbols(15, 0.0) == 15


def test_symbols_of_one_frame_are_lost_together():
    """Ten symbols, five a frame: two frames are needed, not ten single chances."""
    assert planned_symbols(10, 0.5, per_frame=5) == 5 * planned_symbols(2, 0.5)
    assert planned_symbols(2, 0.5, per_frame=5) == 2 * planned_symbols(1, 0.5)


def test_planned_symbols_count_different_ones_when_they_come_round_again():
    """Above 256 a symbol may arrive twice, which helps nobody; as simulated symbol by symbol."""
    planned = planned_symbols(148, 0.5)
    rng = random.Random(1)
    runs = [len({i % SYMBOLS_MAX for i in range(planned) if rng.random() < 0.5}) >= 148 for _ in range(3000)]

    assert planned > SYMBOLS_MAX
    assert 0.985 <= sum(runs) / len(runs) <= 0.996


def test_planned_symbols_end_at_their_maximum():
    """Where not even that reaches the target."""
    assert planned_symbols(K_MAX, LOSS_MAX, 1 - 1e-12) == PLANNED_MAX


def test_a_burst_is_what_is_needed_over_what_arrives():
    """Rounded up, but not for the sake of a float."""
    assert [burst(15, 0.3), burst(7, 0.3), burst(2, 0.05), burst(3, 0.0), burst(0, 0.3)] == [22, 10, 3, 3, 0]


def test_a_burst_is_bounded():
    """All symbols at most, and no loss is believed that would ask for endless ones."""
    assert burst(K_MAX, 0.5) == SYMBOLS_MAX
    assert burst(10, 1.0) == burst(10, LOSS_MAX) == 40
    assert burst(10, -1.0) == 10


def test_a_burst_of_repeats_is_longer():
    """When the receiver has half of all 256, only half of what arrives is new."""
    assert burst(10, 0.5, known=128) == 40


def test_what_is_no_number_is_refused():
    """Rather than sending nothing or everything."""
    with pytest.raises(FragmentError, match="bad loss"):
        bounded_loss(math.nan)
    for target in (0.0, 1.0, math.nan):
        with pytest.raises(FragmentError, match="bad target"):
            planned_symbols(2, 0.5, target)
    for k, per_frame in ((0, 1), (K_MAX + 1, 1), (2, 0), (2, 256)):
        with pytest.raises(FragmentError, match="bad count"):
            planned_symbols(k, 0.5, per_frame=per_frame)
