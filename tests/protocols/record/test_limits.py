"""Failed tags over all peers, by the hour."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.record.errors import Malformed
from protocols.record.limits import FAILURES_COUNTED_MAX, TOTAL_FAILURES_MAX, FailureTally

DAY_S = 86_400


def test_the_threshold():
    """One failure below nothing happens; at 2**16 short tags are refused from everybody."""
    below = FailureTally().noted(5, TOTAL_FAILURES_MAX - 1)

    assert not below.long_only
    assert below.noted(6).long_only


def test_what_is_a_day_old_is_forgotten():
    """Failures count for 24 hours, at most for 25."""
    tally = FailureTally().noted(3_599, TOTAL_FAILURES_MAX - 1)

    assert tally.noted(3_599 + DAY_S).long_only
    assert not tally.noted(3_599 + DAY_S + 3_601).long_only
    assert tally.total(3_599 + DAY_S) == TOTAL_FAILURES_MAX - 1
    assert tally.total(10 * DAY_S) == 0


def test_it_stays_until_it_is_cleared():
    """Time alone does not end it; an operator does, and counting begins anew."""
    tally = FailureTally().noted(0, TOTAL_FAILURES_MAX)

    assert tally.noted(100 * DAY_S, 0).long_only
    assert tally.cleared() == FailureTally()
    assert not tally.cleared().noted(1).long_only


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 3000)), max_size=60))
def test_against_a_list_of_all(steps):
    """What 24 hours hold is always counted, what is older than 25 never is, and the value keeps its size."""
    tally, now_s, noted = FailureTally(), 0, []
    for step_s, failures in steps:
        now_s += step_s
        tally = FailureTally.from_row(tally.noted(now_s, failures).to_row())
        noted.append((now_s, failures))
        of_a_day = sum(count for at, count in noted if now_s - at <= DAY_S)
        of_25_hours = sum(count for at, count in noted if now_s - at <= DAY_S + 3600)
        assert of_a_day <= tally.total(now_s) <= of_25_hours
        assert len(tally.to_row()) == 27


def test_a_clock_that_goes_back_loses_nothing():
    """Earlier times count for the hour that runs."""
    assert FailureTally().noted(DAY_S, 5).noted(0, 5).total(DAY_S) == 10


def test_counting_ends():
    """An hour's count has a maximum."""
    assert max(FailureTally().noted(0, 1 << 30).noted(0, 1 << 30).counts) == FAILURES_COUNTED_MAX


@pytest.mark.parametrize("row", [(), (0,) * 26, (0,) * 28, (-1, *(0,) * 26), (*(0,) * 26, -1)])
def test_rows_that_cannot_be(row):
    """A damaged row is no tally."""
    with pytest.raises(Malformed):
        FailureTally.from_row(row)
