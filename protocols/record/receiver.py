"""The receiving side of one direction: a frame and a state go in, an outcome with another state comes out.

The gateway stores the new state in the transaction that stores the message, and the failures as well, so an outcome carries
the state also when there is nothing to deliver. A frame is first authenticated and only then looked up in the window: what
an attacker writes into the counter never moves anything.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from protocols.record.address import Ends
from protocols.record.counter import rebuild
from protocols.record.errors import BadTag, Malformed, RecordError, Refused, Replayed, TooOld, UnknownSession
from protocols.record.keys import GENERATION_MAX, SALT_MAX, Session, check_generation, session_keys
from protocols.record.layout import RecordFrame
from protocols.record.limits import (
    FAILURES_COUNTED_MAX,
    HELLO_AFTER_FAILURES,
    KEY_FAILURES_MAX,
    SHORT_FAILURES_MAX,
    STREAK_COUNTED_MAX,
    Alarm,
)
from protocols.record.sealing import Opened, open_frame
from protocols.record.suite import Suite, suite_of
from protocols.record.window import Verdict, Window

if TYPE_CHECKING:
    from protocols.record.address import Implied
    from protocols.record.hello import Hello
    from protocols.record.keys import Chains
    from protocols.record.keytransport import KeyTransport
    from protocols.record.notice import Notice

PREVIOUS_KEPT_S = 7 * 86_400
"""How long the generation before the present one is still tried, for what is late."""

RECEIVER_COLUMNS = (
    "src",
    "dst",
    "generation",
    "salt",
    "suite",
    "last_salt",
    "previous_until_s",
    "failures",
    "key_failures",
    "streak",
    "only_long_tags",
    "key_serial",
    "notice_serial",
    "model",
    "revision",
    "window",
)
"""Names of what ``to_row`` gives: integers, and bytes of at most 517 for the window."""


@dataclass(frozen=True, slots=True)
class ReceivingState:
    """What a receiver remembers of one direction. ``salt`` is 0 while there is no session.

    ``last_salt`` is the largest salt ever accepted. Until ``previous_until_s`` (on the clock that is passed in, which never
    goes back) generation - 1 is tried as well. ``failures`` counts failed tags of this session, ``key_failures`` of this
    generation, ``streak`` since the last good record. ``key_serial`` and ``notice_serial`` are the last that were accepted.
    ``model`` and ``revision`` are what the peer's hello said about its content.
    """

    ends: Ends
    generation: int = 0
    salt: int = 0
    suite: Suite = Suite.AES_CCM
    last_salt: int = 0
    previous_until_s: int = 0
    failures: int = 0
    key_failures: int = 0
    streak: int = 0
    only_long_tags: bool = False
    key_serial: int = 0
    notice_serial: int = 0
    model: int = 0
    revision: int = 0
    window: Window = field(default_factory=Window)

    def __post_init__(self) -> None:
        check_generation(self.generation)
        if not 0 <= self.salt <= self.last_salt <= SALT_MAX:
            raise Malformed("bad salt", f"found salt {self.salt}, largest so far {self.last_salt}")
        counted = (self.failures, self.key_failures)
        if min(counted) < 0 or max(counted) > FAILURES_COUNTED_MAX or not 0 <= self.streak <= STREAK_COUNTED_MAX:
            raise Malformed("bad state", f"found failure counts {counted}, {self.streak} in a row")
        if not (0 <= self.key_serial <= SALT_MAX and 0 <= self.notice_serial <= SALT_MAX):
            raise Malformed("bad serial", f"found {self.key_serial} and {self.notice_serial}, they have 32 bits")

    @property
    def session(self) -> Session | None:
        """The session as the peer's hello announced it, at the present generation; None while there is none."""
        return Session(self.ends, self.generation, self.salt, self.suite) if self.salt else None

    @property
    def asks_hello(self) -> bool:
        """Whether this end should ask the peer for a hello: no session, or bad tags in a row. Ask seldom."""
        return not self.salt or self.streak >= HELLO_AFTER_FAILURES

    @property
    def wants_new_key(self) -> bool:
        """Whether the peer should begin a session, since this key was attacked: send it the notice. Send it seldom."""
        return self.key_failures >= KEY_FAILURES_MAX

    @property
    def known_salt(self) -> int:
        """What this end's hello says of the peer's salts: the session there is, else the first salt it would accept, 0 for any.

        With the largest one seen instead, a peer whose own salt that happens to be would think that we have its session.
        """
        if self.salt or not self.last_salt:
            return self.salt
        return min(self.last_salt + 1, SALT_MAX)

    def oldest_generation(self, now_s: float) -> int:
        """Return the oldest generation whose chain secret is still of use; what is older can be forgotten."""
        return max(0, self.generation - (now_s < self.previous_until_s))

    def to_row(self) -> tuple[int | bytes, ...]:
        """Return it as integers and bytes, named by ``RECEIVER_COLUMNS``."""
        return (
            self.ends.src,
            self.ends.dst,
            self.generation,
            self.salt,
            int(self.suite),
            self.last_salt,
            self.previous_until_s,
            self.failures,
            self.key_failures,
            self.streak,
            int(self.only_long_tags),
            self.key_serial,
            self.notice_serial,
            self.model,
            self.revision,
            self.window.to_bytes(),
        )

    @classmethod
    def from_row(cls, row: tuple[int | bytes, ...]) -> ReceivingState:
        """Read what ``to_row`` gave; raise Malformed or Refused."""
        numbers = [value for value in row if isinstance(value, int)]
        window = row[-1] if row else None
        if len(row) != len(RECEIVER_COLUMNS) or len(numbers) != len(row) - 1 or not isinstance(window, bytes):
            raise Malformed("bad state", f"found {len(row)} values, a stored state has {len(RECEIVER_COLUMNS)}")
        ends = Ends(numbers[0], numbers[1])
        return cls(
            ends,
            numbers[2],
            numbers[3],
            suite_of(numbers[4]),
            last_salt=numbers[5],
            previous_until_s=numbers[6],
            failures=numbers[7],
            key_failures=numbers[8],
            streak=numbers[9],
            only_long_tags=bool(numbers[10]),
            key_serial=numbers[11],
            notice_serial=numbers[12],
            model=numbers[13],
            revision=numbers[14],
            window=Window.from_bytes(window),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a frame. ``state`` is stored in any case.

    ``opened`` is new and to be delivered; ``told`` is what an accepted 0x7F frame said; ``problem`` why there is nothing to
    deliver, for a repeated hello also beside ``told``. ``failures`` are the tags that did not fit, for the tally over all
    peers; ``alarm`` a limit reached with this frame.
    """

    state: ReceivingState
    opened: Opened | None = None
    problem: RecordError | None = None
    alarm: Alarm | None = None
    told: Hello | KeyTransport | Notice | None = None
    failures: int = 0


class _Step(enum.IntEnum):
    """A generation to try, seen from the present one."""

    PREVIOUS = -1
    PRESENT = 0
    NEXT = 1


def open_record(
    state: ReceivingState,
    frame: bytes,
    implied: Implied,
    chains: Chains,
    *,
    now_s: float,
    long_only: bool = False,
    kept_s: int = PREVIOUS_KEPT_S,
) -> Outcome:
    """Take one record frame from this peer. Nothing is raised; see ``Outcome.problem``.

    ``chains`` gives the direction's chain secrets. ``long_only`` is the tally's word on short tags. ``kept_s`` is how long
    a generation is still tried after the peer went on to the next.
    """
    try:
        record = RecordFrame.from_bytes(frame)
        ends = record.ends(implied)
        if ends != state.ends:
            raise UnknownSession("other ends", f"the record goes {ends.src:#x} to {ends.dst:#x}, not this direction")
        _check_allowed(state, record, long_only=long_only)
        counter = rebuild(record.counter_low, state.window.highest + 1)
        if counter == 0:
            raise Malformed("bad counter", "counter 0 is never used")
        step, opened, tried = _try_generations(state, record, counter, chains, now_s)
    except RecordError as problem:
        return Outcome(state, problem=problem)
    if opened is not None:
        return accept(_moved_on(state, step, now_s, kept_s), opened)
    if not tried:
        text = f"no chain secret is held for generation {state.generation} of {ends.src:#x}"
        return Outcome(state, problem=UnknownSession("unknown generation", text))
    return _failed(state, tried, counter)


def accept(state: ReceivingState, opened: Opened) -> Outcome:
    """Look an authentic message up in the window, and mark it there when it is new."""
    verdict = state.window.check(opened.counter)
    if verdict is Verdict.NEW:
        return Outcome(replace(state, window=state.window.mark(opened.counter)), opened=opened)
    generation = opened.session.generation
    if verdict is Verdict.SEEN:
        text = f"counter {opened.counter} of {state.ends.src:#x} was accepted before"
        return Outcome(state, problem=Replayed("replayed", text, opened.counter, generation))
    text = f"counter {opened.counter} of {state.ends.src:#x} is too far behind {state.window.highest}"
    return Outcome(state, problem=TooOld("too old", text, opened.counter, generation))


def reset_salt(state: ReceivingState) -> ReceivingState:
    """Return the state after an operator let a peer in again that once used a salt of the far future.

    Every hello that peer ever sent is acceptable again, also from a recording: only for a peer that is at hand.
    """
    return replace(state, salt=0, last_salt=0, window=Window())


def distrust(state: ReceivingState, wall_s: int) -> ReceivingState:
    """Return the state of a receiver whose own memory may be older than what it accepted, such as a restored backup.

    Only sessions begun after ``wall_s`` (seconds since 2020-01-01T00:00:00Z) are accepted, so nothing recorded before can
    be played back. Send the peer a hello that asks for one (RFC 8613, appendix B.1.2, asks in a like way); a peer whose
    clock is behind reads in it which salt it must exceed.
    """
    last_salt = min(max(state.last_salt, wall_s), SALT_MAX)
    return ReceivingState(
        state.ends,
        state.generation,
        last_salt=last_salt,
        key_serial=last_salt,
        notice_serial=last_salt,
        model=state.model,
        revision=state.revision,
    )


def rekeyed(state: ReceivingState) -> ReceivingState:
    """Return the state after the pair has a new secret: no session, generation 0; salts and serials go on."""
    return ReceivingState(
        state.ends,
        last_salt=state.last_salt,
        key_serial=state.key_serial,
        notice_serial=state.notice_serial,
        model=state.model,
        revision=state.revision,
    )


def _check_allowed(state: ReceivingState, record: RecordFrame, *, long_only: bool) -> None:
    if not state.salt:
        raise UnknownSession("no session", f"no session of {state.ends.src:#x} is known")
    if record.header.long_tag:
        return
    if not state.suite.short_tags:
        raise Refused("short tag", f"{state.suite.name} has 8-byte tags only")
    if state.only_long_tags or long_only:
        raise Refused("short tag", f"only 8-byte tags are accepted from {state.ends.src:#x} now")


def _try_generations(
    state: ReceivingState, record: RecordFrame, counter: int, chains: Chains, now_s: float
) -> tuple[_Step, Opened | None, int]:
    """Return which generation opened the record, what it says, and how many were tried."""
    steps: tuple[_Step, ...] = (_Step.PRESENT,)
    if record.odd != bool(state.generation & 1):
        late = now_s < state.previous_until_s
        steps = (_Step.PREVIOUS, _Step.NEXT) if late else (_Step.NEXT,)
    tried = 0
    for step in steps:
        generation = state.generation + step
        chain = chains(generation) if 0 <= generation <= GENERATION_MAX else None
        if chain is None:
            continue
        tried += 1
        session = Session(state.ends, generation, state.salt, state.suite)
        opened = open_frame(session_keys(chain, session), record, counter)
        if opened is not None:
            return step, opened, tried
    return _Step.PRESENT, None, tried


def _moved_on(state: ReceivingState, step: _Step, now_s: float, kept_s: int) -> ReceivingState:
    """Return the state after a good tag: it ends a row of bad ones, and the peer may have rotated."""
    if step is _Step.NEXT:
        return after_rotation(state, state.generation + 1, now_s, kept_s)
    return replace(state, streak=0) if state.streak else state


def after_rotation(state: ReceivingState, generation: int, now_s: float, kept_s: int) -> ReceivingState:
    """Return the state after the peer was seen to use a later generation in the same session."""
    return replace(state, generation=generation, previous_until_s=int(now_s) + kept_s, key_failures=0, streak=0)


def _failed(state: ReceivingState, tried: int, counter: int) -> Outcome:
    failures = min(state.failures + tried, FAILURES_COUNTED_MAX)
    key_failures = min(state.key_failures + tried, FAILURES_COUNTED_MAX)
    alarm = None
    if failures >= SHORT_FAILURES_MAX and not state.only_long_tags:
        alarm = Alarm.SHORT_TAGS_REFUSED
    elif state.key_failures < KEY_FAILURES_MAX <= key_failures:
        alarm = Alarm.KEY_ATTACKED
    after = replace(
        state,
        failures=failures,
        key_failures=key_failures,
        streak=min(state.streak + 1, STREAK_COUNTED_MAX),
        only_long_tags=state.only_long_tags or failures >= SHORT_FAILURES_MAX,
    )
    text = f"a record from {state.ends.src:#x}, taken for counter {counter}, is not authentic"
    return Outcome(after, problem=BadTag("bad tag", text), alarm=alarm, failures=tried)
