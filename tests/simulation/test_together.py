"""Several timelines at once: up while all are, found without counting every change of those that do not matter."""

import math

from hypothesis import given
from hypothesis import strategies as st

from gateway.simulate.channel import Drawn, Spans, Together

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 15)), max_size=5)
END = 80


def line_of(spans, up):
    return Spans([(float(start), float(start + lasts)) for start, lasts in spans], up=up)


@given(lines=st.lists(st.tuples(SPANS, st.booleans()), min_size=1, max_size=4), at=st.integers(0, 60))
def test_it_changes_when_the_answer_does(lines, at):
    """The next change is the first moment at which all-up becomes true or false, as a look at every second finds it."""
    both = Together([line_of(spans, up) for spans, up in lines])

    found = both.next_change_s(float(at))

    was_up = both.up_at(at)
    looked = next((float(s) for s in range(at + 1, END) if both.up_at(s) != was_up), math.inf)
    assert found == looked


def test_what_is_down_for_good_is_not_waited_for():
    """Beside a line that never comes back, one that flaps for ever is asked a few times, not ten thousand."""
    asked = []

    def flapping():
        at_s = 0.0
        while True:
            at_s += 1.0
            asked.append(at_s)
            yield at_s

    both = Together([Drawn(flapping()), Spans([(5.0, math.inf)])])

    assert both.next_change_s(6.5) == math.inf
    assert len(asked) < 20
