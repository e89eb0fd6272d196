"""Counters, blocks, keys and salts of the sending side."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.record.address import Ends
from protocols.record.counter import COUNTER_MAX
from protocols.record.errors import Exhausted, KeyWornOut, Malformed, NotConfirmed, NotReserved, Refused
from protocols.record.keys import GENERATION_MAX, SALT_MAX
from protocols.record.limits import KEY_AGE_S_MAX, LONG_RECORDS_MAX, ROTATION_MARGIN, SHORT_RECORDS_MAX
from protocols.record.sender import (
    BLOCK,
    BLOCK_MAX,
    SENDER_COLUMNS,
    SendingSession,
    after_restart,
    begin,
    confirm,
    first_session,
    hear_known_salt,
    reserve,
    rotate,
    rotation_due,
    take,
    take_serial,
)
from protocols.record.suite import Suite
from tests.protocols.record.helpers import SALT, UP

PROPERTY = settings(derandomize=True, deadline=None, max_examples=200)


def session(**fields):
    return replace(first_session(UP, SALT), **fields)


def at_counter(counter, **fields):
    return session(next_counter=counter, reserved_until=counter + 64, **fields)


def taken(state, count, **how):
    counters = []
    for _ in range(count):
        state, counter = take(state, long_tag=how.get("long_tag", True))
        counters.append(counter)
    return state, counters


def test_counters_begin_at_1_and_only_in_a_block():
    """Nothing is taken before a block is reserved, and 64 are in a block."""
    with pytest.raises(NotReserved):
        take(session(), long_tag=True)

    state, counters = taken(reserve(session()), BLOCK)

    assert counters == list(range(1, 65))
    with pytest.raises(NotReserved):
        take(state, long_tag=True)


def test_a_restart_gives_up_the_rest_of_the_block():
    """Whatever was taken since the block was stored, counting goes on behind it."""
    stored = reserve(session())
    taken(stored, 5)

    again = after_restart(SendingSession.from_row(stored.to_row()))

    assert (again.next_counter, again.short_records) == (65, 64)
    assert after_restart(at_counter(100, short_records=10)).short_records == 74
    _, counters = taken(reserve(again), 2)
    assert counters == [65, 66]


@PROPERTY
@given(st.lists(st.sampled_from(["take", "take", "take", "reserve", "crash", "begin", "rotate"]), max_size=200))
def test_no_counter_twice_in_a_session(steps):
    """Whatever the order of crashes, blocks, rotations and sessions: (salt, counter) is never given out twice."""
    state = stored = reserve(session())
    given_out = set()
    for step in steps:
        match step:
            case "take":
                try:
                    state, counter = take(state, long_tag=len(given_out) % 2 == 0)
                except NotReserved:
                    continue
                assert (state.salt, counter) not in given_out
                given_out.add((state.salt, counter))
            case "reserve":
                state = stored = reserve(state, 3)
            case "begin":
                state = stored = begin(state, SALT)
            case "rotate":
                state = stored = rotate(replace(state, key_confirmed=True), SALT)
            case "crash":
                state = after_restart(SendingSession.from_row(stored.to_row()))


@pytest.mark.parametrize("block", [0, BLOCK_MAX + 1])
def test_block_sizes(block):
    """1 to 4096."""
    assert reserve(session(), 1).reserved_until == 2
    assert reserve(session(), BLOCK_MAX).reserved_until == 1 + BLOCK_MAX
    with pytest.raises(Malformed):
        reserve(session(), block)


def test_the_last_counter():
    """2**40 - 1 is taken, then nothing is left to reserve."""
    state = reserve(
        session(next_counter=COUNTER_MAX, reserved_until=COUNTER_MAX, key_from=COUNTER_MAX - 5), block=BLOCK_MAX
    )

    state, counter = take(state, long_tag=True)

    assert counter == COUNTER_MAX
    with pytest.raises(NotReserved):
        take(state, long_tag=True)
    with pytest.raises(Exhausted):
        reserve(state)


# --- limits of a key ----------------------------------------------------------------------------------------------


def test_short_tags_of_a_key_are_limited():
    """2**16 short ones, then only long ones until a rotation."""
    last = at_counter(SHORT_RECORDS_MAX, short_records=SHORT_RECORDS_MAX - 1, key_confirmed=True)

    state, _ = take(last, long_tag=False)

    with pytest.raises(KeyWornOut):
        take(state, long_tag=False)
    state, counter = take(state, long_tag=True)
    rotated = rotate(state, SALT)
    assert take(rotated, long_tag=False)[1] == counter + 1


def test_records_of_a_key_are_limited():
    """2**20 of any tag, counted from the generation's first."""
    worn = at_counter(LONG_RECORDS_MAX + 10, key_from=10)

    with pytest.raises(KeyWornOut):
        take(worn, long_tag=True)
    assert take(replace(worn, key_from=11), long_tag=True)


def test_rotation_is_due_before_it_must_be():
    """1024 records before a limit, or after a month of use; an unused key has time."""
    assert not rotation_due(session(), SALT + 10 * KEY_AGE_S_MAX)
    assert not rotation_due(at_counter(2, short_records=1), SALT + KEY_AGE_S_MAX - 1)
    assert rotation_due(at_counter(2), SALT + KEY_AGE_S_MAX)
    near = SHORT_RECORDS_MAX - ROTATION_MARGIN
    assert not rotation_due(at_counter(near, short_records=near - 1), SALT)
    assert rotation_due(at_counter(near + 1, short_records=near), SALT)
    assert rotation_due(at_counter(LONG_RECORDS_MAX - ROTATION_MARGIN + 1), SALT)


def test_a_rotation_keeps_salt_and_counter():
    """Only the generation and what is counted for its key change."""
    state = at_counter(100, short_records=50, key_confirmed=True, confirmed=True)

    assert rotate(state, SALT + 9) == replace(
        state, generation=1, key_from=100, short_records=0, key_since_s=SALT + 9, key_confirmed=False
    )


def test_a_rotation_needs_proof_of_the_one_before():
    """A receipt for a record before the rotation is none; one for a record after it is."""
    with pytest.raises(NotConfirmed):
        rotate(session(), SALT)
    state = rotate(at_counter(100, key_confirmed=True), SALT)
    state, counter = take(state, long_tag=True)

    with pytest.raises(NotConfirmed):
        rotate(confirm(state, counter - 1), SALT)
    with pytest.raises(NotConfirmed):
        rotate(confirm(state), SALT)
    assert rotate(confirm(state, counter), SALT).generation == 2


def test_the_last_generation():
    """65535 is not rotated."""
    with pytest.raises(Exhausted):
        rotate(session(generation=GENERATION_MAX, key_confirmed=True), SALT)


def test_short_tags_where_only_long_ones_are_accepted():
    """Not taken for SM4-GCM, nor when the peer asked for long ones."""
    for state in (session(suite=Suite.SM4_GCM), session(only_long_tags=True)):
        with pytest.raises(Refused):
            take(reserve(state), long_tag=False)
        assert take(reserve(state), long_tag=True)


def test_receipts_for_what_was_not_sent():
    """Prove nothing."""
    with pytest.raises(Malformed):
        confirm(session(), 1)
    with pytest.raises(Malformed):
        confirm(at_counter(5), 5)
    assert confirm(at_counter(5), 4).confirmed


# --- salts --------------------------------------------------------------------------------------------------------


@PROPERTY
@given(st.lists(st.integers(-10, 100) | st.integers(0, SALT_MAX - 1000), min_size=1, max_size=20))
def test_salts_only_go_up(clocks):
    """However the clock is set back and forth, each session has a larger salt."""
    state = first_session(UP, clocks[0])
    for wall_s in clocks:
        following = begin(state, wall_s)
        assert following.salt > state.salt
        assert following.salt >= wall_s
        state = following


def test_begin_starts_again():
    """Counter 1, nothing reserved or confirmed; generation, suite and serial stay."""
    old = at_counter(500, generation=4, serial=77, confirmed=True, key_confirmed=True, short_records=9)

    assert begin(old, SALT + 5) == SendingSession(UP, 4, SALT + 5, key_since_s=SALT + 5, serial=77)
    assert begin(old, SALT - 5).salt == SALT + 1
    assert begin(old, SALT, above=SALT + 100).salt == SALT + 101
    assert begin(old, SALT, generation=0, suite=Suite.SM4_GCM, only_long_tags=True).generation == 0


def test_a_clock_before_2020_or_after_2156():
    """A salt is at least 1; a clock beyond the last salt is not believed, and after the last there is none."""
    assert first_session(UP, -5).salt == 1
    assert first_session(UP, SALT_MAX + 99).salt == 1
    assert begin(session(salt=SALT_MAX - 1), SALT).salt == SALT_MAX
    assert begin(session(), SALT_MAX).salt == SALT_MAX
    assert begin(session(), SALT_MAX + 1).salt == SALT + 1
    with pytest.raises(Exhausted):
        begin(session(salt=SALT_MAX), SALT)


def test_the_peer_tells_what_it_knows():
    """Our salt confirms; an older one or none does nothing; a newer one says that our state is old."""
    state = session()

    confirmed = hear_known_salt(state, SALT, SALT + 50)
    assert (confirmed.confirmed, confirmed.key_confirmed) == (True, True)
    assert hear_known_salt(confirmed, SALT - 1, SALT + 50) == confirmed
    assert hear_known_salt(state, 0, SALT + 50) == state
    assert hear_known_salt(state, SALT + 90, SALT + 50).salt == SALT + 91


def test_serials_go_up():
    """Each is larger than the last, and the time when that is larger."""
    state, one = take_serial(session(), SALT)
    state, two = take_serial(state, SALT)
    state, three = take_serial(state, SALT + 10)

    assert (one, two, three) == (SALT, SALT + 1, SALT + 10)
    with pytest.raises(Exhausted):
        take_serial(session(serial=SALT_MAX), SALT)


# --- stored ---------------------------------------------------------------------------------------------------------


def test_rows():
    """A state is stored as integers and read back; a row of another shape is refused."""
    state = at_counter(9, generation=3, short_records=2, key_from=4, serial=8, confirmed=True, only_long_tags=True)
    state = replace(state, suite=Suite.SM4_GCM, ends=Ends(0x10000, 1))
    row = state.to_row()

    assert SendingSession.from_row(row) == state
    assert all(type(value) is int for value in row)
    assert len(row) == len(SENDER_COLUMNS)
    with pytest.raises(Malformed):
        SendingSession.from_row(row[:-1])
    with pytest.raises(Refused):
        SendingSession.from_row((*row[:4], 9, *row[5:]))


@pytest.mark.parametrize(
    "fields",
    [
        {"next_counter": 0},
        {"next_counter": 5},
        {"reserved_until": COUNTER_MAX + 2},
        {"key_from": 2},
        {"short_records": 1},
        {"short_records": -1},
        {"salt": 0},
        {"generation": GENERATION_MAX + 1},
        {"serial": SALT_MAX + 1},
    ],
)
def test_states_that_cannot_be(fields):
    """A damaged row does not become a state."""
    with pytest.raises(Malformed):
        session(**fields)
