"""Taking 0x7F frames from a peer: hellos begin sessions, key transports and notices are each accepted once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from protocols.record.errors import Malformed, RecordError, Refused, Replayed
from protocols.record.hello import Hello
from protocols.record.keys import GENERATIONS_AHEAD_MAX, Session
from protocols.record.keytransport import transport_from_bytes
from protocols.record.layout import HelloFrame, HelloKind
from protocols.record.notice import notice_from_bytes
from protocols.record.receiver import PREVIOUS_KEPT_S, Outcome, ReceivingState, accept, after_rotation
from protocols.record.sealing import Opened
from protocols.record.siv import open_hello
from protocols.record.suite import Suite
from protocols.record.window import Window

if TYPE_CHECKING:
    from collections.abc import Collection

    from protocols.record.address import Implied
    from protocols.record.keys import Chains, HelloKey

DEFAULT_SUITES = frozenset({Suite.AES_CCM})


def accept_hello(
    state: ReceivingState,
    frame: bytes,
    implied: Implied,
    key: HelloKey,
    chains: Chains,
    *,
    now_s: float,
    suites: Collection[Suite] = DEFAULT_SUITES,
    kept_s: int = PREVIOUS_KEPT_S,
) -> Outcome:
    """Take one hello frame from this peer. Nothing is raised; see ``Outcome.problem``.

    A salt above the last one begins a session with an empty window. The present salt again is a repeat: it may say that the
    peer has rotated or makes long tags only, and changes nothing else. Anything older is refused, so a recorded hello does
    nothing. A message inside goes through the window as the record with its counter would.
    """
    try:
        hello = _read(frame, implied, key)
        if hello.suite not in suites:
            raise Refused("suite not allowed", f"{state.ends.src:#x} uses {hello.suite.name}, which is not configured")
        if hello.salt == state.salt:
            after = _repeated(state, hello, chains, now_s, kept_s)
        else:
            after = _begun(state, hello, chains)
    except RecordError as problem:
        return Outcome(state, problem=problem)
    if hello.message is None:
        return Outcome(after, told=hello)
    session = Session(after.ends, hello.generation, hello.salt, hello.suite)
    said = Opened(session, hello.message.counter, hello.message.content, hello.message.fragment)
    return replace(accept(after, said), told=hello)


def accept_key_transport(state: ReceivingState, frame: bytes, implied: Implied, key: HelloKey) -> Outcome:
    """Take one key transport. Its key is in ``Outcome.told``; ``rekeyed`` is the caller's, when both ends have it."""
    try:
        value = transport_from_bytes(_open(frame, implied, key, HelloKind.KEY_TRANSPORT))
        _check_serial(value.serial, state.key_serial)
    except RecordError as problem:
        return Outcome(state, problem=problem)
    return Outcome(replace(state, key_serial=value.serial), told=value)


def accept_notice(state: ReceivingState, frame: bytes, implied: Implied, key: HelloKey) -> Outcome:
    """Take one notice; it is in ``Outcome.told``."""
    try:
        value = notice_from_bytes(_open(frame, implied, key, HelloKind.NOTICE))
        _check_serial(value.serial, state.notice_serial)
    except RecordError as problem:
        return Outcome(state, problem=problem)
    return Outcome(replace(state, notice_serial=value.serial), told=value)


def _open(frame: bytes, implied: Implied, key: HelloKey, kind: HelloKind) -> bytes:
    parsed = HelloFrame.from_bytes(frame)
    if parsed.kind is not kind:
        raise Malformed("other kind", f"found a {parsed.kind.name} frame where a {kind.name} frame is taken")
    return open_hello(key, parsed, implied)


def _read(frame: bytes, implied: Implied, key: HelloKey) -> Hello:
    return Hello.from_bytes(_open(frame, implied, key, HelloKind.HELLO))


def _begun(state: ReceivingState, hello: Hello, chains: Chains) -> ReceivingState:
    """Return the state with the session that a hello announces; raise Refused."""
    if hello.salt <= state.last_salt:
        text = f"{state.ends.src:#x} announces salt {hello.salt}, {state.last_salt} was seen"
        raise Refused("old salt", text + "; a recording, or a peer with a lost clock, which our hello will tell")
    if hello.generation > state.generation + GENERATIONS_AHEAD_MAX or chains(hello.generation) is None:
        text = f"{state.ends.src:#x} is at generation {hello.generation}, we at {state.generation}"
        raise Refused("unreachable generation", text + "; its chain secret is not held and not to be derived")
    return replace(
        state,
        generation=hello.generation,
        salt=hello.salt,
        suite=hello.suite,
        last_salt=hello.salt,
        previous_until_s=0,
        failures=0,
        key_failures=0,
        streak=0,
        only_long_tags=hello.long_tags,
        model=hello.model,
        revision=hello.revision,
        window=Window(),
    )


def _repeated(state: ReceivingState, hello: Hello, chains: Chains, now_s: float, kept_s: int) -> ReceivingState:
    """Return the state after a hello of the session there is; a recorded one only says what is known already."""
    if hello.suite is not state.suite:
        raise Refused("suite changed", f"{state.ends.src:#x} announces another suite under the same salt")
    if hello.generation > state.generation:
        if hello.generation > state.generation + GENERATIONS_AHEAD_MAX or chains(hello.generation) is None:
            raise Refused("unreachable generation", f"{state.ends.src:#x} went on to generation {hello.generation}")
        state = after_rotation(state, hello.generation, now_s, kept_s)
    return replace(state, only_long_tags=state.only_long_tags or hello.long_tags)


def _check_serial(serial: int, last: int) -> None:
    if serial == last:
        raise Replayed("replayed", f"serial {serial} was accepted before", serial, 0)
    if serial < last:
        raise Refused("old serial", f"found serial {serial}, {last} was accepted")
