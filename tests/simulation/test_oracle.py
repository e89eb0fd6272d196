"""The oracle: what it must never be worse than, and what its plan keeps to."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulate import bearers, oracle
from gateway.simulate.bearers import End, flapping
from gateway.simulate.models import BeidouModel, HfModel, IpModel, MessageModel
from gateway.simulate.oracle import Content, Way, alone, best_plan
from tests.simulation.fakesky import FakeChannel

HORIZON_S = 120.0
GRID_S = 2.5


def way(sender, to, link="bd1", **channel):
    return Way(sender, link, to, FakeChannel(**channel))


def content(name="r1", at_s=0.0, urgency=2, size_bytes=20, *, station="car", to="centre"):
    return Content(name, urgency, ((station, at_s),), to, size_bytes)


CELL = st.one_of(st.none(), st.just("down"), st.sampled_from([GRID_S, 2 * GRID_S, 5.0, 15.0, 40.0]))
CHANNEL = st.builds(
    FakeChannel,
    delays=st.lists(CELL, min_size=1, max_size=8).map(tuple),
    cell_s=st.sampled_from([5.0, 10.0, 20.0]),
    slot_s=st.sampled_from([0.0, 2.5, 30.0]),
    frame_bytes=st.sampled_from([10, 20, 100]),
)
STATIONS = ("car", "relay", "post", "centre")
WAYS = st.lists(
    st.builds(Way, st.sampled_from(STATIONS), st.sampled_from(["bd1", "hf"]), st.sampled_from(STATIONS), CHANNEL),
    min_size=1,
    max_size=7,
)
START = st.integers(0, 20).map(lambda steps: steps * GRID_S)


def exhaustive(ways, one):
    """Return the earliest arrival of one frame by trying every way at every moment of the grid, in their order."""
    there = dict(one.starts)
    for step in range(round(HORIZON_S / GRID_S) + 1):
        at_s = step * GRID_S
        for each in ways:
            if there.get(each.sender, math.inf) <= at_s and each.channel.delays[each.channel._cell(at_s)] != "down":
                arrival_s = each.channel.arrival_s(at_s, one.size_bytes)
                if arrival_s is not None and arrival_s <= HORIZON_S:
                    there[each.to] = min(arrival_s, there.get(each.to, math.inf))
    return there.get(one.destination)


def walk(ways, one, rng):
    """Return when a router without a plan gets a content through: any piece over any way at any moment; None: not yet.

    Like real ones it knows nothing, may be lucky, and a link's device holds it to its slots.
    """
    pieces = {n: dict(one.starts) for n in range(one.size_bytes)}  # where each byte is, since when
    starts = {}
    for _ in range(60):
        each = rng.choice(ways)
        at_s = round(rng.uniform(0, HORIZON_S), 2)
        others = starts.setdefault((each.sender, each.link), [])
        slot_s = max(w.channel.slot_s for w in ways if (w.sender, w.link) == (each.sender, each.link))
        if any(abs(at_s - other_s) < slot_s for other_s in others):
            continue
        if each.channel.delays[each.channel._cell(at_s)] == "down":
            continue
        here = [n for n, there in pieces.items() if there.get(each.sender, math.inf) <= at_s and each.to not in there]
        load = here[: each.channel.frame_bytes]
        others.append(at_s)
        arrival_s = each.channel.arrival_s(at_s, len(load)) if load else None
        if arrival_s is not None:
            for n in load:
                pieces[n][each.to] = arrival_s
    last = [there.get(one.destination, math.inf) for there in pieces.values()]
    return max(last)


def check_exact(ways, at_s):
    one = content(at_s=at_s, size_bytes=5)
    assert alone(ways, one, HORIZON_S) == exhaustive(ways, one)


@given(ways=WAYS, at_s=START)
def test_a_frame_alone_arrives_as_early_as_it_can(ways, at_s):
    """For one frame the oracle equals a search of every way at every moment: never later, never too early."""
    check_exact(ways, at_s)


@given(ways=WAYS, size_bytes=st.integers(1, 45), seed=st.integers(0, 10**6), at_s=START)
def test_no_run_beats_it_for_a_content_alone(ways, size_bytes, seed, at_s):
    """Whatever a run without a plan does over single hops, or with one frame over several, it does not arrive earlier."""
    smallest = min(each.channel.frame_bytes for each in ways)
    if size_bytes > smallest:
        ways = [each for each in ways if each.sender == "car" and each.to == "centre"]
    one = content(size_bytes=size_bytes, at_s=at_s)
    ran_s = walk(ways, one, random.Random(seed)) if ways else math.inf

    bound_s = alone(ways, one, HORIZON_S)

    if ran_s <= HORIZON_S:
        assert bound_s is not None
        assert bound_s <= ran_s


@given(ways=WAYS, ats=st.lists(START, min_size=1, max_size=8), seed=st.integers(0, 99))
def test_a_plan_breaks_no_rule_of_the_network(ways, ats, seed):
    """Every frame of a plan arrives, starts while its way is up, leaves its link a slot, and is not overfull."""
    rng = random.Random(seed)
    contents = [content(f"r{n}", at_s, rng.randrange(4), rng.choice([5, 30])) for n, at_s in enumerate(ats)]

    plan = best_plan(ways, contents, HORIZON_S)

    starts = {}
    for one in plan.sendings:
        channel = one.way.channel
        assert channel.arrival_s(one.start_s, one.used_bytes) is not None
        assert channel.next_opening_s(one.start_s) == one.start_s
        assert one.used_bytes <= channel.frame_bytes
        assert one.start_s >= min(each.starts[0][1] for each in contents if each.id in one.contents)
        starts.setdefault((one.way.sender, one.way.link), []).append((one.start_s, channel.slot_s))
    for taken in starts.values():
        slot_s = max(slot_s for _, slot_s in taken)
        moments = sorted(start_s for start_s, _ in taken)
        assert all(after - before >= slot_s - 1e-9 for before, after in itertools.pairwise(moments))
    carried = {name for one in plan.sendings for name in one.contents}
    assert carried == {name for name, arrival_s in plan.arrivals.items() if arrival_s is not None}
    for one in contents:
        bound_s = alone(ways, one, HORIZON_S)
        arrival_s = plan.arrivals[one.id]
        assert arrival_s is None or (bound_s is not None and (one.size_bytes > 10 or bound_s <= arrival_s))


class NotWaiting(FakeChannel):
    """Planted: what is lost now is taken as lost for ever."""

    def next_chance_s(self, _at_s):
        return math.inf


def test_planted_an_oracle_that_does_not_wait_is_caught():
    """An oracle that never looks at the next cell is later than the search."""
    with pytest.raises(AssertionError):
        check_exact([Way("car", "bd1", "centre", NotWaiting(delays=(None, 5.0)))], 0.0)


def test_planted_an_oracle_in_love_with_its_first_chance_is_caught(monkeypatch):
    """An oracle that takes the first frame that arrives, and not the one that arrives first, is later than the search."""
    ways = [way("car", "centre", delays=(60.0, 1.0))]
    check_exact(ways, 0.0)
    monkeypatch.setattr(FakeChannel, "next_chance_s", lambda _self, _at_s: math.inf)

    with pytest.raises(AssertionError):
        check_exact(ways, 0.0)


def test_a_link_is_taken_for_its_slot_towards_everybody():
    """Two receivers of one card share its slots."""
    ways = [way("hub", "card:1", slot_s=60.0), way("hub", "card:2", slot_s=60.0)]
    one, other = (content(f"o{n}", station="hub", to=f"card:{n}") for n in (1, 2))

    assert best_plan(ways, [one, other], 300.0).arrivals == {"o1": 1.0, "o2": 61.0}


def test_the_most_urgent_takes_first_and_acceptance_decides_then():
    """A later SOS has the slot it wants; an earlier report fits around it."""
    ways = [way("car", "centre", slot_s=60.0, frame_bytes=20)]
    sos = content("sos", at_s=30.0, urgency=0)
    early, late = content("early", at_s=0.0), content("late", at_s=1.0)

    assert best_plan(ways, [late, early, sos], 300.0).arrivals == {"sos": 31.0, "early": 91.0, "late": 151.0}


def test_a_short_content_rides_in_the_room_that_is_left():
    """Five reports of 20 bytes take one frame of 100, as gateways put them into batches; the sixth takes the next."""
    ways = [way("car", "centre", slot_s=60.0)]

    plan = best_plan(ways, [content(f"r{n}", at_s=0.0) for n in range(6)], 300.0)

    assert sorted(plan.arrivals.values()) == [1.0] * 5 + [61.0]
    assert [one.used_bytes for one in plan.sendings] == [100, 20]


def test_nothing_rides_in_a_frame_that_has_left():
    """A report that is accepted after the start of a frame waits for the next."""
    plan = best_plan([way("car", "centre", slot_s=60.0)], [content("a", 0.0), content("b", 0.5)], 300.0)

    assert plan.arrivals == {"a": 1.0, "b": 61.0}


def test_a_long_content_goes_over_all_links_at_once():
    """250 bytes: two frames of 100 on the fast link and one on the other are there sooner than three on one."""
    ways = [way("car", "centre", slot_s=10.0), way("car", "centre", "hf", slot_s=15.0, delays=(12.0,))]

    assert alone(ways, content(size_bytes=250), 300.0) == 12.0
    assert alone(ways[:1], content(size_bytes=250), 300.0) == 21.0


def test_a_station_passes_on_what_it_has():
    """Two hops are taken when they are faster than the direct way, and frames follow each other over them."""
    ways = [
        way("car", "centre", delays=("down", "down", 1.0)),
        way("car", "post", "uhf", slot_s=3.0),
        way("post", "centre", "ip", delays=(0.5,)),
    ]

    assert alone(ways, content(), 300.0) == 1.5
    assert alone(ways, content(size_bytes=200), 300.0) == 4.5


def test_it_starts_from_every_station_that_heard_the_report():
    """The hub that overhears a handset a second later has it then; a router that uses that is not faster than this."""
    both = Content("r", 0, (("car", 0.0), ("centre", 1.0)), "centre", 20)

    assert alone([way("car", "centre", delays=(5.0,))], both, 300.0) == 1.0


def test_what_does_not_get_through_takes_nothing():
    """A content that only partly arrives before the horizon gives its frames back."""
    ways = [way("car", "centre", slot_s=60.0)]

    plan = best_plan(ways, [content("long", size_bytes=600, urgency=0), content("short")], 120.0)

    assert plan.arrivals == {"long": None, "short": 1.0}
    assert [one.contents for one in plan.sendings] == [["short"]]


@pytest.mark.parametrize(("horizon_s", "arrival_s"), [(1.0, 1.0), (0.999, None)])
def test_what_arrives_at_the_horizon_counts(horizon_s, arrival_s):
    """A run's last moment still counts, the one after it does not."""
    assert alone([way("car", "centre")], content(), horizon_s) == arrival_s


def test_a_content_of_too_many_frames_does_not_arrive(monkeypatch):
    """FRAMES_MAX frames go, one more does not."""
    monkeypatch.setattr(oracle, "FRAMES_MAX", 3)
    ways = [way("car", "centre")]

    assert alone(ways, content(size_bytes=300), 300.0) == 3.0
    assert alone(ways, content(size_bytes=301), 300.0) is None


def test_a_way_without_a_chance_is_given_up(monkeypatch):
    """After LOOKS_MAX chances a way counts as closed."""
    monkeypatch.setattr(oracle, "LOOKS_MAX", 3)

    assert alone([way("car", "centre", delays=(None, None, 1.0))], content(), 300.0) == 21.0
    assert alone([way("car", "centre", delays=(None, None, None, 1.0))], content(), 300.0) is None


MODELS = (
    BeidouModel(model="beidou", card=1, slot_s=20),
    HfModel(model="hf", address="a", fade_every_s=20),
    IpModel(model="ip", address="a"),
    MessageModel(model="satcom", address="a"),
)


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.model)
@pytest.mark.parametrize("seed", range(5))
def test_modelled_ways_tell_every_chance(model, seed):
    """On the ways of the real bearers, both ends coming and going, no start of a fine grid arrives before the oracle's."""
    ends = [
        End(name, "l", name, model.figures(), seen=flapping(f"{seed}{name}", 10, 10), sky=model.sky(12.0))
        for name in ("car", "centre")
    ]
    each = Way("car", "l", "centre", bearers.Way(seed, *ends))
    grid = (each.channel.arrival_s(step * 0.05, 5) for step in range(1200))
    tried = min((one for one in grid if one is not None and one <= 60.0), default=math.inf)

    found_s = alone([each], content(size_bytes=5), 60.0)

    assert (math.inf if found_s is None else found_s) <= tried
