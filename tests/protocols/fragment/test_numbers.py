"""Transfer numbers: never two open under one, in turn, and resting when left unfinished."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import TRANSFERS
from protocols.fragment.numbers import KEEP_S, OPEN_PER_PEER_MAX, Numbers


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 5000)), max_size=400))
def test_a_number_is_open_once(steps):
    """Whatever is taken and ended in any order, also over a restart at each step."""
    numbers, now = Numbers(), 0.0
    for take, complete, passed in steps:
        now += passed
        before = numbers.open
        if take:
            number = numbers.take(now)
            assert (number is None) == (len(before) == OPEN_PER_PEER_MAX)
            assert number not in before
        elif before:
            numbers.end(min(before), now, complete=complete)
        restored = Numbers.restore(json.loads(json.dumps(numbers.snapshot())))
        assert restored.snapshot() == numbers.snapshot()
        numbers = restored


def test_numbers_are_taken_in_turn():
    """All 128 before one comes again."""
    numbers, taken = Numbers(first=100), []
    for _ in range(TRANSFERS + 1):
        taken.append(numbers.take(0.0))
        numbers.end(taken[-1], 0.0, complete=True)

    assert taken == [*range(100, 128), *range(101)]


def test_an_unfinished_number_rests():
    """As long as its receiver may hold what was left of it."""
    numbers = Numbers()
    numbers.end(numbers.take(0.0), 0.0, complete=False)
    for _ in range(TRANSFERS - 1):
        numbers.end(numbers.take(1.0), 1.0, complete=True)

    assert numbers.take(KEEP_S - 1) == 1
    numbers.end(1, KEEP_S - 1, complete=True)
    for _ in range(TRANSFERS - 2):
        numbers.end(numbers.take(KEEP_S), KEEP_S, complete=True)
    assert numbers.take(KEEP_S) == 0


def test_when_all_rest_the_longest_rested_is_taken():
    """A sender without any answer is not stopped."""
    numbers = Numbers()
    for at in range(TRANSFERS):
        numbers.end(numbers.take(float(at)), float(at), complete=False)

    assert [numbers.take(200.0), numbers.take(200.0)] == [0, 1]


def test_only_eight_are_open():
    """The ninth waits until one has ended: its receiver would drop one for it."""
    numbers = Numbers()
    taken = [numbers.take(0.0) for _ in range(OPEN_PER_PEER_MAX)]

    assert numbers.take(0.0) is None
    numbers.end(taken[3], 0.0, complete=True)
    assert numbers.take(0.0) == OPEN_PER_PEER_MAX


def test_what_is_not_open_cannot_end():
    """It is a mistake of the caller."""
    with pytest.raises(FragmentError, match="unknown transfer"):
        Numbers().end(0, 0.0, complete=True)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"next": "a", "open": [], "resting": []},
        {"next": 0, "open": [128], "resting": []},
        {"next": 0, "open": list(range(9)), "resting": []},
        {"next": 0, "open": [], "resting": [[-1, 0.0]]},
        {"next": 0, "open": [], "resting": [3]},
        {"next": float("inf"), "open": [], "resting": []},
        [],
    ],
)
def test_a_damaged_snapshot_is_refused(state):
    """With the one error."""
    with pytest.raises(FragmentError, match="bad snapshot"):
        Numbers.restore(state)
