"""The window against a set that forgets nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from protocols.record.counter import COUNTER_MAX
from protocols.record.errors import Malformed
from protocols.record.window import WINDOW_BYTES_MAX, WINDOW_COUNTERS, Verdict, Window

MODEL = settings(derandomize=True, deadline=None, max_examples=60, stateful_step_count=40)


class WindowMachine(RuleBasedStateMachine):
    """Marks and checks, near the highest, at the edge and far away, with a store and load in between."""

    @initialize(start=st.sampled_from([1, 2, 4095, 4096, 4097, 1 << 20, COUNTER_MAX - 9000]))
    def begin(self, start):
        self.window = Window().mark(start)
        self.seen = {start}

    def expected(self, counter):
        if counter in self.seen and counter > max(self.seen) - WINDOW_COUNTERS:
            return Verdict.SEEN
        return Verdict.TOO_OLD if counter < 1 or counter <= max(self.seen) - WINDOW_COUNTERS else Verdict.NEW

    def take(self, counter):
        verdict = self.window.check(counter)
        assert verdict is self.expected(counter)
        if verdict is Verdict.NEW and counter <= COUNTER_MAX:
            before = self.window
            kept = (before.highest, before.bits)
            self.window = before.mark(counter)
            assert (before.highest, before.bits) == kept
            self.seen.add(counter)

    @rule(ahead=st.integers(1, 5) | st.sampled_from([63, 64, 4094, 4095, 4096, 4097, 70_000]))
    def ahead(self, ahead):
        self.take(self.window.highest + ahead)

    @rule(back=st.integers(0, 12) | st.integers(4090, 4100) | st.integers(0, 5000))
    def back(self, back):
        self.take(self.window.highest - back)

    @rule(data=st.data())
    def again(self, data):
        self.take(data.draw(st.sampled_from(sorted(self.seen))))

    @rule()
    def store_and_load(self):
        self.window = Window.from_bytes(self.window.to_bytes())

    @invariant()
    def small(self):
        if hasattr(self, "window"):
            assert len(self.window.to_bytes()) <= WINDOW_BYTES_MAX == 517
            assert self.window.highest == max(self.seen)


def test_the_window_does_what_the_set_says():
    """Any order of counters."""
    run_state_machine_as_test(WindowMachine, settings=MODEL)


def test_planted_defect_an_edge_off_by_one(monkeypatch):
    """A window that is one counter too short is seen by the model."""
    real = Window.check
    short = WINDOW_COUNTERS - 1
    monkeypatch.setattr(
        Window,
        "check",
        lambda self, counter: Verdict.TOO_OLD if self.highest - counter >= short else real(self, counter),
    )

    with pytest.raises(AssertionError):
        run_state_machine_as_test(WindowMachine, settings=settings(MODEL, report_multiple_bugs=False))


def test_a_jump_over_everything_is_cheap():
    """A jump of 2**40 builds no number of that many bits."""
    assert Window().mark(1).mark(COUNTER_MAX) == Window(COUNTER_MAX, 1)


def test_only_new_counters_are_marked():
    """To mark one twice is a defect of the caller."""
    with pytest.raises(Malformed):
        Window().mark(7).mark(7)
    with pytest.raises(Malformed):
        Window().mark(0)


def test_full_window_is_517_bytes():
    """At its fullest it is stored in 517 bytes, and one byte more is not read."""
    full = Window(10_000, (1 << WINDOW_COUNTERS) - 1)

    assert len(full.to_bytes()) == WINDOW_BYTES_MAX
    assert Window.from_bytes(full.to_bytes()) == full
    with pytest.raises(Malformed):
        Window.from_bytes(full.to_bytes() + b"\0")


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=530))
def test_noise_is_no_window(noise):
    """Stored bytes are a window or Malformed."""
    try:
        window = Window.from_bytes(noise)
    except Malformed:
        return
    assert Window.from_bytes(window.to_bytes()) == window


@pytest.mark.parametrize(("highest", "bits"), [(0, 1), (5, 0), (5, 0b10), (5, 0b100001), (-1, 0), (COUNTER_MAX + 1, 1)])
def test_windows_that_cannot_be(highest, bits):
    """Bits for counters that there are not, or a highest that was not accepted."""
    with pytest.raises(Malformed):
        Window(highest, bits)
