"""The future of a way: open when it says so, the same whoever asks and in whatever order."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.link import SendOutcome
from gateway.simulate.bearers import HF_MODES, End, Figures, Sky, Way, daily, flapping, passes, success
from gateway.simulate.channel import Dice, Drawn, Spans, Together, next_up_s

DAY_S = 86_400.0
MOMENTS = st.floats(0, 3 * DAY_S, allow_nan=False).map(lambda at_s: round(at_s, 6))
"""Whole microseconds: nearer to the edge of a cell than that, a division decides on which side a moment lies."""
HF_SKY = Sky(HF_MODES["datac3"], 6.0, 2.0, 60.0, 20 * 3600.0, closes=True, start_hour=8.0)


def figures(**more):
    values = {
        "bearer": "beidou",
        "frame_bytes": 78,
        "slot_s": 60.0,
        "airtime_s": 0.2,
        "price": 0.0,
        "outcome": SendOutcome.ACCEPTED,
        "loss": 0.045,
        "delay_min_s": 0.5,
        "delay_mean_s": 3.8,
        "cell_s": 60.0,
    }
    return Figures(**(values | more))


def ends(kind, seed):
    """Return two devices of a kind, with everything that can close a way."""
    seen = flapping(f"{seed}/a", 1800.0, 300.0), flapping(f"{seed}/b", 3600.0, 200.0)
    match kind:
        case "beidou":
            return End("a", "x", "1", figures(), seen[0]), End("b", "x", "2", figures(), seen[1])
        case "hf":
            hf = figures(bearer="hf", frame_bytes=126, slot_s=5.0, airtime_s=3.41, loss=0.0, cell_s=5.0, shared=True)
            return End("a", "x", "1", hf, sky=HF_SKY), End("b", "x", "2", hf, seen[1], sky=HF_SKY)
        case _:
            store = figures(bearer="leo", airtime_s=2.0, stores=True, cell_s=10.0)
            line = passes(f"{seed}/p", 5700.0, 480.0, 600.0)
            return End("a", "x", "1", store, line), End("b", "x", "2", store, seen[1])


KINDS = ("beidou", "hf", "passes")


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 50), moments=st.lists(MOMENTS, min_size=1, max_size=12), data=st.data())
@settings(max_examples=40, deadline=None)
def test_no_question_changes_an_answer(kind, seed, moments, data):
    """Asked in another order, twice, or of a new way, every moment has the same future."""
    way, again = Way(seed, *ends(kind, seed)), Way(seed, *ends(kind, seed))
    shuffled = data.draw(st.permutations(moments))

    answers = {at_s: (way.arrival_s(at_s, 40), way.next_opening_s(at_s), way.next_chance_s(at_s)) for at_s in moments}

    for at_s in shuffled:
        assert (again.arrival_s(at_s, 40), again.next_opening_s(at_s), again.next_chance_s(at_s)) == answers[at_s]
        assert way.arrival_s(at_s, 40) == answers[at_s][0]


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 50), at_s=MOMENTS)
@settings(max_examples=60, deadline=None)
def test_what_arrives_was_sent_while_the_sender_was_up_and_arrives_while_the_receiver_is(kind, seed, at_s):
    """Nothing arrives out of nothing; nothing arrives before light could; nothing longer than a frame arrives."""
    sender, receiver = ends(kind, seed)
    way = Way(seed, sender, receiver)
    arrival_s = way.arrival_s(at_s, 40)

    assert way.arrival_s(at_s, sender.figures.frame_bytes + 1) is None
    if arrival_s is not None:
        assert sender.seen.up_at(at_s)
        assert receiver.seen.up_at(arrival_s)
        assert arrival_s >= at_s + sender.figures.airtime_s + sender.figures.delay_min_s


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 50), at_s=MOMENTS)
@settings(max_examples=40, deadline=None)
def test_an_opening_is_the_first_one_and_until_the_next_chance_nothing_changes(kind, seed, at_s):
    """Both are what an oracle steps by: never behind, and no better fate between two chances."""
    way = Way(seed, *ends(kind, seed))
    opening_s, chance_s = way.next_opening_s(at_s), way.next_chance_s(at_s)

    assert opening_s >= at_s
    assert chance_s > at_s
    assert way.next_opening_s(opening_s) == opening_s
    if opening_s > at_s:
        middle_s = (at_s + opening_s) / 2
        assert way.next_opening_s(middle_s) == opening_s
    late_s = at_s + (min(chance_s, at_s + 100.0) - at_s) * 0.9
    now_s, then_s = way.arrival_s(at_s, 40), way.arrival_s(late_s, 40)
    assert then_s is None or now_s is None or then_s >= now_s


@given(spans=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8), at=st.integers(-5, 60))
def test_spans_are_what_they_say(spans, at):
    """A timeline of spans is down inside any of them and up elsewhere, and changes where that changes."""
    line = Spans([(float(start), float(end)) for start, end in spans])

    def up(moment):
        return not any(start <= moment < end for start, end in spans)

    assert line.up_at(float(at)) == up(at)
    change_s = line.next_change_s(float(at))
    expected = next((moment for moment in range(at + 1, 120) if up(moment) != up(at)), math.inf)
    assert change_s == expected


@given(at_s=MOMENTS)
@settings(max_examples=50, deadline=None)
def test_together_is_up_while_all_are(at_s):
    """Several timelines at once: up when each is, and the next change is found."""
    lines = [flapping("one", 500.0, 200.0), passes("two", 1000.0, 300.0, 100.0)]
    together = Together(lines)
    up_s = next_up_s(together, at_s)

    assert together.up_at(at_s) == all(line.up_at(at_s) for line in lines)
    assert up_s >= at_s
    assert all(line.up_at(up_s) for line in lines)


def test_loss_and_delay_are_those_of_the_figures():
    """Over many slots a Beidou way loses 4.5 % and takes 3.8 s on average (reference/beidou.md section 6)."""
    way = Way(7, End("a", "x", "1", figures()), End("b", "x", "2", figures()))
    arrivals = [(at_s, way.arrival_s(at_s, 78)) for at_s in (60.0 * n for n in range(20_000))]
    delays = [arrival_s - at_s for at_s, arrival_s in arrivals if arrival_s is not None]

    assert 0.04 < 1 - len(delays) / len(arrivals) < 0.05
    assert 3.8 < sum(delays) / len(delays) < 4.2  # with the 0.2 s of the burst


def test_hf_success_follows_snr_hour_and_distance():
    """At noon near by nearly all, by night less, far away nothing."""
    noon_s, midnight_s = 4 * 3600.0, 16 * 3600.0  # the run begins at 8

    assert success(HF_SKY, 50.0, noon_s) == 1.0
    assert 0.9 < success(HF_SKY, 50.0, midnight_s) < success(HF_SKY, 50.0, noon_s)
    assert success(HF_SKY, 200.0, noon_s) < success(HF_SKY, 120.0, noon_s)
    assert success(HF_SKY, 2000.0, noon_s) == 0.0


def test_windows_of_the_day_cross_midnight():
    """An agreed window from 22 to 2 is up at 23 and at 1, and down at noon, on every day."""
    line = daily([(22.0, 2.0)], start_hour=8.0, duration_s=3 * DAY_S)

    assert [line.up_at(hour * 3600.0) for hour in (15, 17, 18.5, 4, 39, 41)] == [True, True, False, False, True, True]


def test_changes_that_were_never_drawn_are_drawn_in_order():
    """A timeline drawn far ahead first says the same of an early moment as one that was asked in order."""
    far, near = flapping("name", 50.0, 10.0), flapping("name", 50.0, 10.0)
    far.up_at(100_000.0)

    assert [far.up_at(float(at)) for at in range(0, 2000, 7)] == [near.up_at(float(at)) for at in range(0, 2000, 7)]


def test_a_drawn_timeline_that_ends_stays_as_it_is():
    """After the last change nothing changes again."""
    line = Drawn(iter([5.0, 9.0]))

    assert [line.up_at(at) for at in (0.0, 5.0, 8.9, 9.0, 1e9)] == [True, False, False, True, True]
    assert line.next_change_s(9.0) == math.inf


def test_dice_are_the_same_bits_everywhere():
    """The figures of one name are fixed for ever: a changed line here is another world for every seed."""
    dice = Dice("1/up/v1.bd1")

    assert [dice.at(number).hex() for number in (0, 1, -1)] == [
        "0x1.65752b752672cp-3",
        "0x1.4410a48b149f0p-1",
        "0x1.379c44a1e08a8p-3",
    ]
