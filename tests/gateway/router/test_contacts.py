"""Schedules: passes, windows by hour and distance, quiet hours, and a clock that nobody trusts."""

import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Precedence
from gateway.router.contacts import (
    ALWAYS,
    DAY_S,
    HOUR_S,
    NEVER,
    Contact,
    DayTime,
    Pass,
    Quiet,
    QuietHours,
    Schedule,
    Wall,
    Window,
    ordered,
)

quick = settings(deadline=None, derandomize=True, max_examples=100)
NOW_S = 500.0
MIDNIGHT_WALL_S = 20_000 * DAY_S
hours = st.integers(0, 24).map(lambda hour: hour * HOUR_S)
day_times = st.builds(DayTime, hours, hours)
windows = st.lists(st.builds(Window, day_times, st.just(0.0), st.just(math.inf)), max_size=4).map(tuple)
passes = st.lists(
    st.builds(
        lambda at_s, long_s: Pass(MIDNIGHT_WALL_S + at_s, MIDNIGHT_WALL_S + at_s + long_s),
        st.integers(0, 90).map(lambda n: n * 1_800.0),
        st.sampled_from([300.0, 900.0, 1_800.0]),
    ),
    max_size=12,
).map(ordered)


def wall(hour=0.0, *, trusted=True, offset_s=0.0):
    return Wall(NOW_S, MIDNIGHT_WALL_S + hour * HOUR_S, trusted, offset_s)


def is_up(schedule, at_s, starts):
    """Say by looking, whether the schedule has the link up ``at_s`` seconds after ``starts``."""
    wall_s = starts.wall_s + at_s
    in_pass = not schedule.passes or any(one.starts_wall_s <= wall_s < one.ends_wall_s for one in schedule.passes)
    day_s = (wall_s + starts.offset_s) % DAY_S
    return in_pass and (not schedule.windows or any(one.hours.left_s(day_s) > 0 for one in schedule.windows))


@quick
@given(passes, windows, st.floats(0, 30), st.sampled_from([0.0, 8 * HOUR_S]))
def test_a_contact_is_the_first_time_that_looking_finds(passes, windows, hour, offset_s):
    """Nothing is up between now and the contact, all of it is up, and it ends where looking says so."""
    schedule, now = Schedule(passes, windows), wall(hour, offset_s=offset_s)
    contact = schedule.contact(now)
    opens_s = max(0.0, contact.opens_s - NOW_S)
    closes_s = contact.closes_s - NOW_S

    for at_s in [minute * 300.0 + 1 for minute in range(600)]:
        if at_s < opens_s:
            assert not is_up(schedule, at_s, now)
        elif at_s < closes_s - 1e-3:
            assert is_up(schedule, at_s, now)
    if closes_s < 170_000:
        assert not is_up(schedule, closes_s + 1e-3, now)


@quick
@given(passes, windows, st.lists(st.builds(QuietHours, day_times, st.sampled_from(Precedence)), max_size=3).map(tuple))
def test_a_clock_that_is_not_trusted_closes_nothing(passes, windows, quiet):
    """Nothing is kept back by a schedule that may be hours wrong."""
    schedule, unsure = Schedule(passes, windows, quiet), wall(12, trusted=False)

    assert schedule.contact(unsure) == ALWAYS
    assert all(schedule.quiet_now(unsure).opens_s(p, NOW_S) == NOW_S for p in Precedence)


def test_hf_windows_are_chosen_by_distance():
    """Given a day window for far and a night window for near, then each distance has its own; unknown has both."""
    day, night = DayTime(6 * HOUR_S, 18 * HOUR_S), DayTime(18 * HOUR_S, 6 * HOUR_S)
    schedule = Schedule(windows=(Window(day, 300, 3000), Window(night, 0, 300)))

    far, near = schedule.contact(wall(20), km=800), schedule.contact(wall(20), km=100)

    assert far == Contact(NOW_S + 10 * HOUR_S, NOW_S + 22 * HOUR_S)
    assert near == Contact(NOW_S, NOW_S + 10 * HOUR_S)
    assert schedule.contact(wall(20)).is_open(NOW_S)
    assert schedule.contact(wall(20), km=5000) == NEVER


def test_windows_that_meet_are_one_contact():
    """Given 06-12 and 12-18, then a frame at noon does not fall between two."""
    schedule = Schedule(windows=(Window(DayTime(6 * HOUR_S, 12 * HOUR_S)), Window(DayTime(12 * HOUR_S, 18 * HOUR_S))))

    assert schedule.contact(wall(7)).closes_s == NOW_S + 11 * HOUR_S


def test_after_the_last_pass_there_is_no_contact():
    """A schedule that has run out says never; it does not say always."""
    schedule = Schedule(ordered([Pass(MIDNIGHT_WALL_S - 600, MIDNIGHT_WALL_S)]))

    assert schedule.contact(wall(1)) == NEVER
    assert not NEVER.is_open(NOW_S + 1e9)
    assert ALWAYS.is_open(NOW_S)


def test_quiet_hours_let_the_urgent_through_and_end_when_they_say():
    """Given 22-06 quiet for less than IMMEDIATE, then at 23 an alert goes and a chat waits seven hours; an SOS always goes."""
    quiet = Schedule(quiet=(QuietHours(DayTime(22 * HOUR_S, 6 * HOUR_S), Precedence.IMMEDIATE),)).quiet_now(wall(23))

    assert quiet.opens_s(Precedence.FLASH, NOW_S) == quiet.opens_s(Precedence.IMMEDIATE, NOW_S) == NOW_S
    assert quiet.opens_s(Precedence.PRIORITY, NOW_S) == NOW_S + 7 * HOUR_S
    assert Quiet(NOW_S + 60, Precedence.FLASH).opens_s(Precedence.FLASH, NOW_S) == NOW_S


def test_local_hours_are_local():
    """Given UTC+8, then 22:00 local is 14:00 UTC."""
    schedule = Schedule(quiet=(QuietHours(DayTime(22 * HOUR_S, 6 * HOUR_S)),))

    assert schedule.quiet_now(wall(14.5, offset_s=8 * HOUR_S)).until_s == NOW_S + 7.5 * HOUR_S
    assert schedule.quiet_now(wall(13.5, offset_s=8 * HOUR_S)) == Quiet()


@quick
@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(1, 200)), max_size=30))
def test_passes_are_put_in_order_and_joined(spans):
    """Whatever the file's order, passes ascend, do not touch, and cover the same moments."""
    given_passes = [Pass(start, start + long) for start, long in spans]
    joined = ordered(given_passes)

    assert all(a.ends_wall_s < b.starts_wall_s for a, b in pairwise(joined))
    for one in given_passes:
        assert any(j.starts_wall_s <= one.starts_wall_s and one.ends_wall_s <= j.ends_wall_s for j in joined)
