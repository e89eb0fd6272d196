"""Sender and receiver back to back over every kind of wire, through crashes, rotations and new sessions."""

import random
from dataclasses import replace

import pytest

from protocols.record import greeting, sender
from protocols.record.errors import Replayed
from protocols.record.layout import Form
from protocols.record.suite import Suite
from protocols.record.window import Window
from tests.protocols.record.pair import WIRES, Pair, duplicated, everything

MESSAGES = 6000


def talk(pair, count, wire):
    """Say ``count`` messages over a wire; return how many different frames came out of it."""
    frames = [pair.send(f"message {number}".encode(), long_tag=number % 3 == 0) for number in range(count)]
    heard = wire(frames, pair.rng)
    for frame in heard:
        pair.hear(frame)
    return len(set(heard))


@pytest.mark.parametrize("name", WIRES)
def test_what_comes_through_is_delivered_once(name):
    """Whatever a wire does to the order and number of frames, each that comes through is delivered once."""
    pair = Pair(seed=7)
    pair.hear(pair.hello())

    came = talk(pair, MESSAGES, WIRES[name])

    assert len(pair.delivered) == came
    assert set(pair.problems) <= {"Replayed"}


def test_copies_are_known_as_copies():
    """A copy names the counter it is a copy of, so that it can be acknowledged again."""
    pair = Pair()
    pair.hear(pair.hello())
    frame = pair.send(b"once")
    pair.hear(frame)

    problem = pair.hear(frame).problem

    assert isinstance(problem, Replayed)
    assert (problem.counter, problem.generation) == (1, 0)


@pytest.mark.parametrize("suite", Suite)
@pytest.mark.parametrize("seed", range(6))
def test_crashes_rotations_and_sessions(seed, suite):
    """Through restarts of both ends, rotations, new sessions and a bad wire no nonce repeats and nothing is doubled.

    Frames of an ended session may be lost, since their tags no longer fit; nothing else is but what the wire loses.
    """
    rng = random.Random(seed)
    pair = Pair(seed, suite=suite)
    pair.hear(pair.hello())
    old, expected = [], 0
    for _ in range(40):
        match rng.randrange(6):
            case 0:
                pair.crash_sender()
            case 1:
                pair.crash_receiver()
            case 2:
                pair.rotate()
                # Two rotations that nothing is heard between need a hello; here every one is heard of.
                pair.hear(pair.send(b"under the new key"))
                expected += 1
            case 3:
                pair.begin()
                pair.hear(pair.hello(b"first of a session"))
                expected += 1
            case _:
                pass
        frames = [pair.send(rng.randbytes(rng.randrange(60)), form=rng.choice(list(Form))) for _ in range(30)]
        heard = everything(frames, rng)
        expected += len(set(heard))
        for frame in [*heard, *rng.sample(old, min(len(old), 10))]:
            pair.hear(frame)
        old = (old + heard)[-300:]

    assert len(pair.delivered) == expected


def test_late_frames_of_the_previous_generation():
    """What was sent before a rotation and comes after it is still opened for seven days."""
    pair = Pair()
    pair.hear(pair.hello())
    pair.hear(pair.send(b"a"))
    late, later = pair.send(b"late"), pair.send(b"too late")
    pair.rotate()
    pair.hear(pair.send(b"b"))

    pair.now_s += 7 * 86_400 - 1
    pair.hear(late)
    pair.now_s += 1
    pair.hear(later)

    assert len(pair.delivered) == 3
    assert pair.problems == ["BadTag"]


def test_a_rotation_is_followed_with_the_window_kept():
    """The window outlives a rotation: a copy from before it is still a copy."""
    pair = Pair()
    pair.hear(pair.hello())
    before = pair.send(b"before")
    pair.hear(before)
    pair.rotate()
    pair.hear(pair.send(b"after"))

    assert pair.peer.generation == 1
    assert isinstance(pair.hear(before).problem, Replayed)


def test_two_rotations_unheard_need_a_hello():
    """Two generations behind, the tags fail; three in a row ask for a hello, and it helps."""
    pair = Pair()
    pair.hear(pair.hello())
    pair.hear(pair.send(b"heard"))
    for _ in range(2):
        pair.rotate()
        pair.send(b"lost")
    for _ in range(3):
        assert not pair.peer.asks_hello
        pair.hear(pair.send(b"not understood"))

    assert pair.problems == ["BadTag"] * 3
    assert pair.peer.asks_hello
    pair.hear(pair.hello())
    assert not pair.peer.asks_hello
    pair.hear(pair.send(b"understood"))
    assert len(pair.delivered) == 2
    assert not pair.peer.asks_hello


def test_hundred_thousand_counters_and_wraps():
    """Counters come back right over two wraps of the 16 bits, with gaps as long as they may be."""
    pair = Pair()
    pair.hear(pair.hello())
    sent = 0
    while pair.state.next_counter < 3 * 65_536:
        gap = pair.rng.choice((1, 60, 4000, 32_767))
        pair.state = replace(
            pair.state,
            next_counter=pair.state.next_counter + gap - 1,
            reserved_until=max(pair.state.reserved_until, pair.state.next_counter + gap - 1),
            short_records=0,
        )
        pair.hear(pair.send(b"x"))
        sent += 1

    assert len(pair.delivered) == sent
    assert pair.peer.window.highest == pair.state.next_counter - 1


# --- planted defects ------------------------------------------------------------------------------------------------


def test_planted_defect_window_not_kept(monkeypatch):
    """A receiver that marks nothing delivers copies, and the pair sees it."""
    monkeypatch.setattr(Window, "mark", lambda self, _counter: self)
    pair = Pair(seed=7)
    pair.hear(pair.hello())

    with pytest.raises(AssertionError, match="was delivered before"):
        talk(pair, 100, duplicated)


def test_planted_defect_counter_used_again(monkeypatch):
    """A sender that does not count on seals two plaintexts under one nonce, and the pair sees it."""
    real = sender.take
    monkeypatch.setattr(sender, "take", lambda state, *, long_tag: (state, real(state, long_tag=long_tag)[1]))
    pair = Pair(seed=7)
    pair.hear(pair.hello())

    with pytest.raises(AssertionError, match="used again"):
        talk(pair, 10, duplicated)


def test_planted_defect_restart_inside_the_block(monkeypatch):
    """A sender that goes on where its disk says, not behind the block, uses counters again after a crash."""
    monkeypatch.setattr(sender, "after_restart", lambda stored: stored)
    pair = Pair(seed=7)
    pair.hear(pair.hello())
    pair.hear(pair.send(b"before"))
    pair.crash_sender()

    with pytest.raises(AssertionError, match="used again"):
        pair.send(b"after")


def test_planted_defect_old_salts_accepted(monkeypatch):
    """A receiver that takes any salt is led back by a recorded hello, and delivers the recording."""
    real = greeting._begun
    monkeypatch.setattr(greeting, "_begun", lambda state, *rest: real(replace(state, salt=0, last_salt=0), *rest))
    pair = Pair(seed=7)
    recording = [pair.hello(), pair.send(b"recorded")]
    for frame in recording:
        pair.hear(frame)
    pair.begin()
    pair.hear(pair.hello())

    pair.hear(recording[0])

    with pytest.raises(AssertionError, match="was delivered before"):
        pair.hear(recording[1])
