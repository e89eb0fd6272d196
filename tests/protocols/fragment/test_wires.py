"""Both ends together: whatever the wires do, the content comes out once, as it was, and the sender learns of it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocols.fragment.pair import PEER, Bearer, Pair, Wire

WIRES = {
    "perfect": Wire(),
    "lossy": Wire(loss=0.3),
    "half lost": Wire(loss=0.5),
    "delayed": Wire(delay_s=200.0),
    "doubled": Wire(doubled=0.5),
    "reordered": Wire(jitter_s=600.0),
    "all of it": Wire(loss=0.3, delay_s=20.0, jitter_s=300.0, doubled=0.3),
}


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [1, 66, 67, 100, 1000])
def test_content_arrives_once(wire, seed, size):
    """On every wire, both ways."""
    rng = random.Random(seed)
    pair = Pair(rng, rng.randbytes(size), [Bearer(wire=wire)], wire).run()

    assert pair.got == [pair.content]
    assert pair.sender.done


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(1, 3000),
    bearers=st.lists(
        st.builds(
            Bearer,
            capacity=st.integers(30, 400),
            slot_s=st.sampled_from([7.0, 30.0, 60.0]),
            wire=st.builds(
                Wire,
                loss=st.floats(0, 0.6),
                delay_s=st.floats(0, 300),
                jitter_s=st.sampled_from([0.0, 100.0, 1000.0]),
                doubled=st.floats(0, 1),
            ),
        ),
        min_size=1,
        max_size=3,
    ),
    loss=st.floats(0, 0.6),
)
def test_content_arrives_once_over_any_bearers(seed, size, bearers, loss):
    """Of any number, frame, pace and reliability, with reports just as unreliable."""
    rng = random.Random(seed)
    pair = Pair(rng, rng.randbytes(size), bearers, Wire(loss=loss)).run()

    assert pair.got == [pair.content]
    assert pair.sender.done


@pytest.mark.parametrize("seed", range(5))
def test_content_arrives_once_over_restarts(seed):
    """Both ends are restarted from what they wrote down after every single event."""
    rng = random.Random(seed)
    wire = WIRES["all of it"]
    pair = Pair(rng, rng.randbytes(700), [Bearer(wire=wire), Bearer(113, 30.0, wire)], wire, restarts=True).run()

    assert pair.got == [pair.content]
    assert pair.sender.done


def test_perfect_wire_costs_what_the_content_has():
    """With no loss expected, k fragments of even size and one report."""
    pair = Pair(random.Random(1), bytes(1000), loss=0.0).run()

    assert pair.sizes == [70] * 15
    assert pair.needs == [0]


def test_symbols_are_the_same_on_bearers_of_different_frames():
    """Each bearer brings a part, in its own number of symbols, and the parts make one content."""
    small, large = Bearer(71, 60.0), Bearer(113, 60.0)
    pair = Pair(random.Random(1), random.Random(2).randbytes(1000), [small, large], loss=0.0).run()

    assert pair.got == [pair.content]
    assert set(pair.sizes) == {4 + 3 * 21, 4 + 5 * 21}
    assert len(pair.sizes) == 12


def test_a_bearer_that_dies_half_way_is_made_up_for_by_the_other():
    """What came by the first counts; nothing starts again."""
    rng = random.Random(1)
    fast, slow = Bearer(113, 30.0), Bearer(71, 60.0)
    pair = Pair(rng, rng.randbytes(1000), [fast, slow], loss=0.0).run(until_s=100.0)
    had = 48 - pair.receiver.need(PEER, 9)

    pair.dead.add(fast)
    pair.run()

    assert had == 4 * 5 + 2 * 3
    assert pair.got == [pair.content]


def test_one_way_ends_after_what_was_planned():
    """Nobody answers: the planned symbols go out, then nothing more."""
    pair = Pair(random.Random(1), bytes(100), [Bearer(wire=Wire(loss=1.0))], None, planned=11).run(until_s=7200.0)

    assert len(pair.sizes) == 11
    assert not pair.sender.over
    assert pair.sender.next_due == 86_400.0
