"""The timeline: seconds that have passed, whatever the wall clock says (promise 9)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import GAP_S_MAX, TRUST_CEILING_WALL_S, TRUST_FLOOR_WALL_S, SystemClock, Timeline, TimelineMark

quick = settings(deadline=None, derandomize=True, max_examples=300)
WALL_S = TRUST_FLOOR_WALL_S + 1000.0


class World:
    """True time, and a clock that may say anything about it."""

    def __init__(self):
        self.true_s = 0.0
        self.booted_s = 0.0
        self.boot = 1
        self.wall_offset_s = WALL_S
        self.believed = True

    def wall_s(self):
        return self.true_s + self.wall_offset_s

    def trusted(self):
        return self.believed

    def monotonic_s(self):
        return self.true_s - self.booted_s

    def boot_id(self):
        return f"boot-{self.boot}"


spans = st.floats(0, 10 * 86_400.0)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), spans),
        st.tuples(st.just("wall"), st.floats(-4e9, 4e9)),
        st.tuples(st.just("believe"), st.booleans()),
        st.tuples(st.just("commit"), st.none()),
        st.tuples(st.just("restart"), spans),
        st.tuples(st.just("reboot"), spans),
    ),
    max_size=25,
)


def live(world, steps, after_step):
    """Carry out steps; ``after_step(what, timeline, mark)`` sees each."""
    timeline = Timeline(world, None)
    mark = timeline.mark()
    for what, value in steps:
        match what:
            case "pass":
                world.true_s += value
            case "wall":
                world.wall_offset_s = WALL_S + value
            case "believe":
                world.believed = value
            case "commit":
                mark = timeline.mark()
            case "restart" | "reboot":
                world.true_s += value
                if what == "reboot":
                    world.boot += 1
                    world.booted_s = world.true_s
                timeline = Timeline(world, mark)
        after_step(what, timeline, mark)


@quick
@given(steps)
def test_never_runs_backwards_past_a_commit(steps):
    """Given any steps of the wall clock, restarts and reboots, then no committed time comes again."""
    seen = {"floor_s": 0.0}

    def look(what, timeline, mark):
        assert timeline.now_s() >= mark.timeline_s >= 0.0
        if what not in ("restart", "reboot"):
            assert timeline.now_s() >= seen["floor_s"]
        seen["floor_s"] = timeline.now_s()

    live(World(), steps, look)


@quick
@given(steps)
def test_a_clock_that_is_right_or_not_believed_never_hurries_anything(steps):
    """Given a wall clock that never steps, then the timeline is never ahead of true time: nothing expires early."""
    world = World()
    calm = [step for step in steps if step[0] != "wall"]

    live(world, calm, lambda _what, timeline, _mark: check_not_ahead(world, timeline))


def check_not_ahead(world, timeline):
    assert timeline.now_s() <= world.true_s + 1e-6 * max(1.0, world.true_s)


@quick
@given(st.lists(st.tuples(st.sampled_from(["pass", "restart"]), spans), max_size=20))
def test_within_one_boot_it_is_true_time_also_while_the_daemon_is_down(steps):
    """Given one boot, then the timeline follows the monotonic clock, whatever the daemon does."""
    world = World()

    def look(_what, timeline, _mark):
        assert timeline.now_s() == pytest.approx(world.true_s)

    marked = [step for pair in ((("commit", None), step) for step in steps) for step in pair]
    live(world, marked, look)


@quick
@given(spans, st.floats(-1e10, 1e10), st.booleans(), st.booleans())
def test_a_reboot_never_adds_more_than_a_believable_gap(off_s, step_s, before, after):
    """Whatever the wall clock does over a power-off, the timeline moves by nothing or by a gap of at most GAP_S_MAX."""
    world = World()
    world.believed = before
    mark = Timeline(world, None).mark()
    world.true_s += off_s
    world.boot += 1
    world.booted_s = world.true_s
    world.wall_offset_s += step_s
    world.believed = after

    gap_s = Timeline(world, mark).now_s() - mark.timeline_s

    assert 0.0 <= gap_s <= GAP_S_MAX
    if not (before and after):
        assert gap_s == 0.0


@pytest.mark.parametrize(
    ("gap_s", "believed_s"), [(3600.0, 3600.0), (GAP_S_MAX, GAP_S_MAX), (GAP_S_MAX + 1, 0.0), (-1.0, 0.0), (0.0, 0.0)]
)
def test_what_gap_a_trusted_clock_may_claim(gap_s, believed_s):
    """A month is believed, a second more is not, and no power-off is negative."""
    world = World()
    mark = TimelineMark(timeline_s=50.0, monotonic_s=9.0, wall_s=WALL_S, wall_trusted=True, boot_id="boot-0")
    world.wall_offset_s = WALL_S + gap_s

    assert Timeline(world, mark).now_s() == 50.0 + believed_s


def test_a_monotonic_clock_behind_the_mark_of_its_boot_loses_nothing():
    """A mark from the future of the same boot (a copied disk image) does not turn time back."""
    mark = TimelineMark(timeline_s=50.0, monotonic_s=9e9, wall_s=WALL_S, wall_trusted=True, boot_id="boot-1")

    assert Timeline(World(), mark).now_s() == 50.0


def test_the_system_clock_tells_one_boot_and_runs_forward():
    """SystemClock names a boot, does not run backwards and shares the monotonic clock of asyncio."""
    clock = SystemClock()
    first_s = clock.monotonic_s()

    assert clock.boot_id() == SystemClock().boot_id() != ""
    assert clock.monotonic_s() >= first_s


@pytest.mark.parametrize(
    ("wall_s", "trusted"),
    [
        (0.0, False),
        (TRUST_FLOOR_WALL_S - 1, False),
        (TRUST_FLOOR_WALL_S, True),
        (TRUST_CEILING_WALL_S, True),
        (TRUST_CEILING_WALL_S + 1, False),
    ],
)
def test_only_a_clock_after_the_release_is_believed(wall_s, trusted, monkeypatch):
    """1970 and a clock forty years on are certainly wrong."""
    monkeypatch.setattr(SystemClock, "wall_s", lambda _self: wall_s)

    assert SystemClock().trusted() is trusted
