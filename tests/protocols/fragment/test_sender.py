"""The sender's machine: its table of states, new symbols for every burst, bounded polls, an honest end."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.fragment.block import content_of
from protocols.fragment.cauchy import SYMBOLS_MAX, decode
from protocols.fragment.errors import FragmentError
from protocols.fragment.planning import PLANNED_MAX
from protocols.fragment.sender import (
    OPEN_STATES,
    POLL_WAIT_S_MAX,
    POLLS_MAX,
    POLLS_QUICK,
    TRANSITIONS,
    Event,
    Sending,
    SendingState,
)
from protocols.fragment.split import Split, choose_split

CONTENT = bytes(range(250)) * 4
ONE = 71
"""A frame with room for one symbol."""


def sending(content=CONTENT, split=None, **options):
    split = split or choose_split(len(content), [ONE])
    return Sending(3, content, split, **({"loss": 0.3, "now": 0.0, "expires_s": 1e6, "poll_after_s": 60.0} | options))


def drain(machine, now, capacity=ONE):
    """Return the indices of everything it gives out at this moment."""
    indices = []
    while (fragment := machine.next_fragment(capacity, now)) is not None:
        indices += fragment.by_index
    return indices


def test_first_burst_is_what_is_needed_at_the_loss_expected():
    """15 symbols at 30 % loss are 22, in order, beginning with the source."""
    assert drain(sending(), 0.0) == list(range(22))
    assert drain(sending(loss=0.0), 0.0) == list(range(15))


def test_a_report_brings_new_symbols():
    """Never those that were sent, as long as there are others."""
    machine = sending()
    drain(machine, 0.0)

    machine.on_report(3, 10.0)

    assert drain(machine, 10.0) == [22, 23, 24, 25, 26]


def test_a_report_replaces_what_is_left_of_a_burst():
    """It is newer than the plan."""
    machine = sending()
    for _ in range(10):
        machine.next_fragment(ONE, 0.0)

    machine.on_report(1, 1.0)

    assert drain(machine, 1.0) == [10, 11]


def test_a_complete_report_ends_it():
    """Also in the middle of a burst, and what comes later changes nothing."""
    machine = sending()
    machine.next_fragment(ONE, 0.0)
    machine.on_report(0, 1.0)
    machine.on_report(5, 2.0)

    assert machine.done
    assert machine.over
    assert machine.next_due is None
    assert drain(machine, 1e5) == []


def test_silence_is_answered_by_one_fragment():
    """After the wait, not before, and with what the frame takes."""
    machine = sending(split=Split(48, 21))
    drain(machine, 0.0, 113)

    assert machine.next_due == 60.0
    assert not machine.due(59.9)
    assert machine.next_fragment(113, 59.9) is None
    assert machine.due(60.0)
    assert drain(machine, 60.0, 113) == [69, 70, 71, 72, 73]
    assert machine.next_due == 120.0


def test_polls_get_slower_and_end():
    """A quick row, then each wait doubled up to an hour, then silence until the lifetime ends."""
    machine, times = sending(), []
    drain(machine, 0.0)
    while machine.next_due < 1e6:
        now = machine.next_due
        times += [now] * len(drain(machine, now))

    waits = [after - before for before, after in itertools.pairwise(times)]
    assert len(times) == POLLS_MAX
    assert waits[: POLLS_QUICK - 1] == [60.0] * (POLLS_QUICK - 1)
    assert waits[POLLS_QUICK : POLLS_QUICK + 3] == [120.0, 240.0, 480.0]
    assert max(waits) == POLL_WAIT_S_MAX
    assert machine.state is SendingState.SILENT


def test_a_report_lets_polls_begin_anew():
    """Only those in a row count."""
    machine = sending(polls_max=1)
    drain(machine, 0.0)
    assert len(drain(machine, 60.0)) == 1
    machine.on_report(1, 61.0)
    drain(machine, 61.0)

    assert len(drain(machine, 121.0)) == 1


def test_a_report_wakes_a_silent_sender():
    """It proves that the receiver is there."""
    machine = sending(polls_max=0)
    drain(machine, 0.0)
    assert drain(machine, 60.0) == []
    assert machine.state is SendingState.SILENT

    machine.on_report(2, 5000.0)

    assert drain(machine, 5000.0) == [22, 23, 24]


def test_lifetime_ends_everything():
    """In a burst, while waiting and when silent; a report afterwards is too late."""
    for prepare in (lambda _: None, lambda machine: drain(machine, 0.0)):
        machine = sending(expires_s=100.0)
        prepare(machine)
        assert machine.next_fragment(ONE, 100.0) is None
        machine.on_report(0, 100.0)
        assert machine.state is SendingState.EXPIRED
        assert machine.over
        assert not machine.done


def test_one_way_sends_the_plan_and_no_polls():
    """Then it is silent until its lifetime ends."""
    machine = sending(planned=30)

    assert drain(machine, 0.0) == list(range(30))
    assert drain(machine, 1e5) == []
    assert machine.next_due == 1e6


def test_symbols_come_round_again_when_all_are_used_up():
    """From the oldest, and never over the end within one fragment."""
    machine = sending(split=Split(48, 21), planned=300)
    fragments = [machine.next_fragment(113, 0.0) for _ in range(60)]
    indices = [index for fragment in fragments for index in fragment.by_index]

    assert indices == [*range(SYMBOLS_MAX), *range(300 - SYMBOLS_MAX)][: len(indices)]
    assert max(fragment.first + len(fragment.symbols) for fragment in fragments) == SYMBOLS_MAX


def test_a_burst_of_repeats_counts_with_what_the_receiver_has():
    """After all 256, of which it has 123, ten new ones are ten over the loss and over 133 in 256."""
    machine = sending(bytes(9000), loss=0.5)
    drain(machine, 0.0)

    machine.on_report(10, 1.0)

    assert machine.split.k == 133
    assert machine.sent == SYMBOLS_MAX
    assert len(drain(machine, 1.0)) == 39


def test_a_frame_too_small_is_left_to_another_link():
    """Nothing is given out and nothing is lost."""
    machine = sending()

    assert machine.next_fragment(ONE - 2, 0.0) is None
    assert machine.next_fragment(ONE - 1, 0.0).first == 0


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.integers(30, 500), min_size=1, max_size=200))
def test_links_of_any_size_share_one_transfer(capacities):
    """Frames as they come: no index twice, each frame kept, and any k of the symbols are the content."""
    machine = sending(split=Split(48, 21))
    symbols = {}
    for capacity in capacities:
        fragment = machine.next_fragment(capacity, 0.0)
        if fragment is not None:
            assert fragment.bytes_long <= capacity
            assert not symbols.keys() & fragment.by_index.keys()
            symbols |= fragment.by_index

    if len(symbols) >= 48:
        assert content_of(decode(48, dict(list(symbols.items())[-48:]))) == CONTENT


class TestTable:
    def test_nothing_leaves_an_end(self):
        """Complete and expired are final; every open state has its reports and its end."""
        assert {state for state, _ in TRANSITIONS} == set(OPEN_STATES)
        for state in OPEN_STATES:
            assert TRANSITIONS[state, Event.NEED_NONE] is SendingState.COMPLETE
            assert TRANSITIONS[state, Event.LIFETIME] is SendingState.EXPIRED

    def test_every_state_can_be_reached(self):
        """No row is there for show."""
        assert set(TRANSITIONS.values()) == set(SendingState)
        assert {event for _, event in TRANSITIONS} == set(Event)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["pull", "report", "wait"]), st.integers(0, 40)), max_size=60))
def test_a_restart_changes_nothing(steps):
    """At any point, by any events: one that was restored goes on like one that was not."""
    machine, now = sending(expires_s=3000.0), 0.0
    for step, number in steps:
        restored = Sending.restore(CONTENT, json.loads(json.dumps(machine.snapshot())))
        for one in (machine, restored):
            if step == "pull":
                one.next_fragment(ONE + 10 * number, now)
            elif step == "report":
                one.on_report(number % 16, now)
        now += 10 * number if step == "wait" else 0
        assert restored.snapshot() == machine.snapshot()
        assert restored.next_due == machine.next_due
        machine = restored


@pytest.mark.parametrize(
    "change",
    [
        {"transfer": 128},
        {"k": 0},
        {"k": 16},
        {"symbol_bytes": 66},
        {"state": "asleep"},
        {"left": 0},
        {"left": -1},
        {"sent": -1},
        {"sent": None},
        {"loss": "much"},
        {"loss": float("nan")},
        {"due_s": float("inf")},
        {"polls_max": POLLS_MAX + 1},
        {"planned": 0},
    ],
)
def test_a_damaged_snapshot_is_refused(change):
    """With the one error, whatever is wrong."""
    with pytest.raises(FragmentError):
        Sending.restore(CONTENT, sending().snapshot() | change)


def test_a_snapshot_with_a_part_missing_is_refused():
    """Each part in turn."""
    whole = sending().snapshot()
    for name in whole:
        with pytest.raises(FragmentError, match="bad snapshot"):
            Sending.restore(CONTENT, {key: value for key, value in whole.items() if key != name})


@pytest.mark.parametrize("need", [-1, 16])
def test_a_report_of_no_number_is_refused(need):
    """More than all, or less than nothing: it came from outside."""
    with pytest.raises(FragmentError, match="bad report"):
        sending().on_report(need, 0.0)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"poll_after_s": 0.5}, "bad poll"),
        ({"poll_after_s": float("nan")}, "bad poll"),
        ({"polls_max": POLLS_MAX + 1}, "bad poll"),
        ({"planned": PLANNED_MAX + 1}, "bad plan"),
        ({"planned": 0}, "bad plan"),
        ({"expires_s": float("nan")}, "bad time"),
        ({"now": float("inf")}, "bad time"),
        ({"loss": float("nan")}, "bad loss"),
        ({"split": Split(15, 66)}, "bad split"),
        ({"content": b""}, "empty"),
    ],
)
def test_values_that_are_none_are_refused(options, reason):
    """When the transfer is begun, not when it is half done."""
    with pytest.raises(FragmentError, match=reason):
        sending(**({"split": Split(15, 67)} | options))


def test_a_transfer_number_has_seven_bits():
    """128 of them."""
    with pytest.raises(FragmentError, match="bad transfer"):
        Sending(128, CONTENT, Split(15, 67), loss=0, now=0.0, expires_s=1.0, poll_after_s=60.0)
