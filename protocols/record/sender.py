"""The sending side of one direction: which session, which counter next. A value; every step returns another one.

A counter is used once, whatever happens to the power. So counters are reserved in blocks, the block is on disk before its
first counter is taken, and after a restart counting goes on behind the block (RFC 8613, appendix B.1.1):

    state = reserve(state)              store it, wait for the disk
    state, counter = take(state)        up to 64 times
    state = after_restart(stored)       what of the block was not seen to be used is given up

When the stored state cannot be trusted (missing, damaged, brought back from a backup), ``begin`` makes a new session with a
larger salt and so another key, under which counters may start again; the peer learns of it by a hello.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocols.record.address import Ends
from protocols.record.counter import COUNTER_MAX, FIRST_COUNTER
from protocols.record.errors import Exhausted, KeyWornOut, Malformed, NotConfirmed, NotReserved, Refused
from protocols.record.keys import GENERATION_MAX, SALT_MAX, Session
from protocols.record.limits import KEY_AGE_S_MAX, LONG_RECORDS_MAX, ROTATION_MARGIN, SHORT_RECORDS_MAX
from protocols.record.suite import Suite, suite_of

BLOCK = 64
"""Counters reserved at once: one write to disk for 64 records, and at most 64 numbers lost at a restart."""
BLOCK_MAX = 4096
"""Largest block: a receiver's window stays of use over the gap that a restart leaves."""

SENDER_COLUMNS = (
    "src",
    "dst",
    "generation",
    "salt",
    "suite",
    "next_counter",
    "reserved_until",
    "key_from",
    "short_records",
    "key_since_s",
    "serial",
    "confirmed",
    "key_confirmed",
    "only_long_tags",
)
"""Names of what ``to_row`` gives, all integers."""


@dataclass(frozen=True, slots=True)
class SendingSession:
    """What a sender remembers of one direction. Times are wall seconds since 2020-01-01T00:00:00Z, as in a salt.

    ``next_counter`` is taken next and ``reserved_until`` is the first that is not on disk as used. ``key_from`` is the
    first counter under the present generation's key, ``short_records`` how many 4-byte tags it made, ``key_since_s`` when
    it began. ``serial`` is the last of a key transport or notice. ``confirmed``: the peer is known to have this session;
    ``key_confirmed``: and to follow its present generation. ``only_long_tags``: the peer accepts no others, or we promised
    none.
    """

    ends: Ends
    generation: int
    salt: int
    suite: Suite = Suite.AES_CCM
    next_counter: int = FIRST_COUNTER
    reserved_until: int = FIRST_COUNTER
    key_from: int = FIRST_COUNTER
    short_records: int = 0
    key_since_s: int = 0
    serial: int = 0
    confirmed: bool = False
    key_confirmed: bool = False
    only_long_tags: bool = False

    def __post_init__(self) -> None:
        Session(self.ends, self.generation, self.salt, self.suite)
        if not FIRST_COUNTER <= self.key_from <= self.next_counter <= self.reserved_until <= COUNTER_MAX + 1:
            counters = (self.key_from, self.next_counter, self.reserved_until)
            raise Malformed("bad counter", f"found key from, next, reserved until {counters}; they go up, from 1")
        if not (0 <= self.short_records <= self.next_counter - self.key_from and 0 <= self.serial <= SALT_MAX):
            raise Malformed("bad state", f"found {self.short_records} short records, serial {self.serial}")

    @property
    def session(self) -> Session:
        """What the keys of the next record are derived for."""
        return Session(self.ends, self.generation, self.salt, self.suite)

    @property
    def key_records(self) -> int:
        """Records that the present key may have protected."""
        return self.next_counter - self.key_from

    def to_row(self) -> tuple[int, ...]:
        """Return it as integers, named by ``SENDER_COLUMNS``."""
        return (
            self.ends.src,
            self.ends.dst,
            self.generation,
            self.salt,
            int(self.suite),
            self.next_counter,
            self.reserved_until,
            self.key_from,
            self.short_records,
            self.key_since_s,
            self.serial,
            int(self.confirmed),
            int(self.key_confirmed),
            int(self.only_long_tags),
        )

    @classmethod
    def from_row(cls, row: tuple[int, ...]) -> SendingSession:
        """Read what ``to_row`` gave; raise Malformed or Refused. Follow it with ``after_restart``."""
        if len(row) != len(SENDER_COLUMNS):
            raise Malformed("bad state", f"found {len(row)} values, a stored session has {len(SENDER_COLUMNS)}")
        return cls(
            ends=Ends(row[0], row[1]),
            generation=row[2],
            salt=row[3],
            suite=suite_of(row[4]),
            next_counter=row[5],
            reserved_until=row[6],
            key_from=row[7],
            short_records=row[8],
            key_since_s=row[9],
            serial=row[10],
            confirmed=bool(row[11]),
            key_confirmed=bool(row[12]),
            only_long_tags=bool(row[13]),
        )


def first_session(
    ends: Ends, wall_s: int, *, above: int = 0, generation: int = 0, suite: Suite = Suite.AES_CCM
) -> SendingSession:
    """Return the first session of a direction that nothing is known of, with ``wall_s`` as its salt.

    ``wall_s`` must be right: a gateway that has lost its state *and* starts with the same wrong time again would repeat a
    salt, and with it key and nonces. It waits for the time from a satellite, or for a hello of the peer's, whose
    ``known_salt`` goes in as ``above``. Raise Exhausted after the last salt.
    """
    return SendingSession(ends, generation, _next_after(above, wall_s), suite, key_since_s=wall_s)


def begin(
    previous: SendingSession,
    wall_s: int,
    *,
    above: int = 0,
    generation: int | None = None,
    suite: Suite | None = None,
    only_long_tags: bool = False,
) -> SendingSession:
    """Return a new session of the same direction, with a salt above the last one and above ``above``.

    ``generation`` is another one only when the chain was begun again with a new pair secret. Counters start at 1, nothing
    is reserved or confirmed yet. Raise Exhausted after the last salt.
    """
    return SendingSession(
        previous.ends,
        previous.generation if generation is None else generation,
        _next_after(max(previous.salt, above), wall_s),
        previous.suite if suite is None else suite,
        key_since_s=wall_s,
        serial=previous.serial,
        only_long_tags=only_long_tags,
    )


def reserve(state: SendingSession, block: int = BLOCK) -> SendingSession:
    """Return the state with ``block`` (1 to 4096) more counters reserved. Nothing is taken until it is on disk."""
    if not 1 <= block <= BLOCK_MAX:
        raise Malformed("bad block", f"found {block}, reserve 1 to {BLOCK_MAX} counters at once")
    if state.reserved_until > COUNTER_MAX:
        raise Exhausted("counters used up", "the session has used every counter; begin another")
    return replace(state, reserved_until=min(state.reserved_until + block, COUNTER_MAX + 1))


def take(state: SendingSession, *, long_tag: bool) -> tuple[SendingSession, int]:
    """Return the state after one more record, and that record's counter.

    Raise NotReserved when the block is used up, KeyWornOut when the key has protected 2**20 records or made 2**16 short
    tags, Refused for a short tag where only long ones are accepted. The message inside a hello counts as a long one.
    """
    if not long_tag and (state.only_long_tags or not state.suite.short_tags):
        raise Refused("short tag", "only 8-byte tags are accepted in this session")
    if state.key_records >= LONG_RECORDS_MAX or (not long_tag and state.short_records >= SHORT_RECORDS_MAX):
        short = state.short_records
        raise KeyWornOut("key worn out", f"it has protected {state.key_records} records, {short} with a short tag")
    counter = state.next_counter
    if counter >= state.reserved_until:
        raise NotReserved("block used up", f"counter {counter} is not reserved")
    return replace(state, next_counter=counter + 1, short_records=state.short_records + (not long_tag)), counter


def after_restart(stored: SendingSession) -> SendingSession:
    """Return the state to go on with after a start: behind everything that was reserved, as if all of it had been used."""
    given_up = stored.reserved_until - stored.next_counter
    return replace(stored, next_counter=stored.reserved_until, short_records=stored.short_records + given_up)


def rotation_due(state: SendingSession, wall_s: int) -> bool:
    """Tell whether the key nears one of its limits, or is a month old and was used."""
    return (
        state.key_records >= LONG_RECORDS_MAX - ROTATION_MARGIN
        or state.short_records >= SHORT_RECORDS_MAX - ROTATION_MARGIN
        or (state.key_records > 0 and wall_s - state.key_since_s >= KEY_AGE_S_MAX)
    )


def rotate(state: SendingSession, wall_s: int) -> SendingSession:
    """Return the same session at the next generation: same salt, counters go on, bit E flips.

    Raise NotConfirmed while the peer is not known to follow the present generation: it would be two behind, which one bit
    does not tell. Raise Exhausted after generation 65535.
    """
    if state.generation >= GENERATION_MAX:
        raise Exhausted("generations used up", "the chain is at its last generation; give the pair a new secret")
    if not state.key_confirmed:
        raise NotConfirmed("not confirmed", f"the peer is not known to hold generation {state.generation}")
    return replace(
        state,
        generation=state.generation + 1,
        key_from=state.next_counter,
        short_records=0,
        key_since_s=wall_s,
        key_confirmed=False,
    )


def confirm(state: SendingSession, counter: int | None = None) -> SendingSession:
    """Return the state after the peer proved that it has this session.

    By a receipt for the record ``counter`` of this salt, or, without one, by a hello that names the salt.
    """
    if counter is not None and not FIRST_COUNTER <= counter < state.next_counter:
        raise Malformed("bad counter", f"a receipt for {counter}, which was not sent; the next is {state.next_counter}")
    # A hello of the peer's may have left it before we rotated, so it proves the generation that the session began with.
    proof = FIRST_COUNTER if counter is None else counter
    return replace(state, confirmed=True, key_confirmed=state.key_confirmed or proof >= state.key_from)


def hear_known_salt(state: SendingSession, known_salt: int, wall_s: int) -> SendingSession:
    """Return the state after an authentic hello of the peer's said which of our salts it knows.

    The present one: confirmed. A larger one: our state is older than what was sent, so a session above it is begun. A
    smaller one, or none: nothing changes, the peer needs our hello.
    """
    if known_salt == state.salt:
        return confirm(state)
    return begin(state, wall_s, above=known_salt) if known_salt > state.salt else state


def take_serial(state: SendingSession, wall_s: int) -> tuple[SendingSession, int]:
    """Return the state and the serial of the next key transport or notice, larger than all before. Store it first."""
    serial = _next_after(state.serial, wall_s)
    return replace(state, serial=serial), serial


def _next_after(last: int, wall_s: int) -> int:
    """Return the time, or one more than ``last`` when that is later: a clock may have been set back."""
    number = max(last + 1, wall_s, 1)
    if number <= SALT_MAX:
        return number
    if last < SALT_MAX:
        return last + 1  # a clock beyond 2156 is wrong
    raise Exhausted("salts used up", "the largest salt was used; give the pair a new secret, or reset it at both ends")
