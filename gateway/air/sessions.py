"""Sessions with every peer, over the store: which key, which counter next, what was heard.

Everything here runs on the store's thread inside a transaction. What a sender holds in RAM may only run ahead of the
disk within a block of counters that is on disk as reserved, so neither a power cut nor a transaction that fails makes a
counter come twice. An older copy of the store put back is noticed by its guard: then every session is begun anew, and
peers must begin theirs, so that nothing recorded before can be played back.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from protocols.record.address import EVERYBODY, AddressKind, Ends, kind_of
from protocols.record.errors import Exhausted, KeyWornOut, NotConfirmed, NotReserved, RecordError
from protocols.record.hello import Hello, HelloMessage
from protocols.record.keys import (
    ChainSecret,
    GroupSecret,
    GroupSeed,
    HelloKey,
    PairSecret,
    Session,
    SessionKeys,
    first_chain,
    group_secret,
    hello_key,
    sender_chain,
    session_keys,
)
from protocols.record.layout import Form, Header, HelloKind
from protocols.record.limits import FailureTally
from protocols.record.receiver import ReceivingState, distrust
from protocols.record.sealing import seal
from protocols.record.sender import (
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
from protocols.record.siv import seal_hello

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from gateway.security.keyring import Keyring
    from gateway.store.outbox import Outbox
    from protocols.record.keys import Chains
    from protocols.record.suite import Suite

EPOCH_WALL_S = 1_577_836_800
"""2020-01-01T00:00:00Z: salts count seconds from here."""

KEYS_READY_MAX = 4096
"""Session keys kept ready; deriving one again takes 0.1 ms."""

UNTRUSTED_JUMP = 1 << 16
"""Without a trusted clock a new salt lies a random way above the last one known, so that two starts do not meet."""

PEERS_MAX = 1_000_000
"""Peers whose sessions are kept: more than one hub can hear."""

KNOWN_SALT_AHEAD_MAX = 1 << 20
"""How far a salt of ours that a peer knows may lie ahead of ours: twelve days; a store put back is seldom older."""

SALT_UNSURE_MAX = 1 << 31
"""What a gateway without a trusted clock believes at most, the year 2088: as many salts are left above it."""

DAY_S = 86_400
NUMBERS, TRANSFER = TRANSFER_PARTS = ("numbers", "transfer")
OWN, ANNOUNCED, FLOOR = 0, "announced", "floor"
SEND, RECEIVE = "send", "receive"
TALLY_PEER = 0


def needs_long_tag(session: SendingSession) -> bool:
    """Tell whether every record of a session has an 8-byte tag: its suite has no other, or the peer takes no other."""
    return session.only_long_tags or not session.suite.short_tags


def is_group(address: int) -> bool:
    """Tell whether an air address stands for several."""
    return kind_of(address) in (AddressKind.GROUP, AddressKind.EVERYBODY)


def _receive_part(group: int | None) -> str:
    return RECEIVE if group is None else f"{RECEIVE} {group:#x}"


class NoKey(ValueError):
    """There is no key for this peer, or it was revoked."""


class Sessions:
    """Both directions with every peer."""

    def __init__(
        self,
        keys: Keyring,
        *,
        suite: Suite,
        model: int,
        revision: int,
        wall_s: Callable[[], float],
        clock_trusted: Callable[[], bool],
        rng: random.Random,
    ) -> None:
        self.keys = keys
        self._suite = suite
        self._model = model
        self._revision = revision
        self._wall_s = wall_s
        self._clock_trusted = clock_trusted
        self._rng = rng
        self._sending: dict[int, SendingSession] = {}
        self._ready: OrderedDict[Session, SessionKeys] = OrderedDict()

    def recover(self, outbox: Outbox) -> bool:
        """At start: if this is an older copy of the store, or a new one, trust no session; tell whether it was older.

        In the first transaction, before anything else is asked here. A peer learns of another model, revision or suite by
        a new session only, so those begin all of them anew as well.
        """
        restored = outbox.air_is_restored()
        announced = json.dumps([self._model, self._revision, int(self._suite)]).encode()
        changed = outbox.air_state(OWN, ANNOUNCED) not in (announced, None)
        if restored:
            floor = self._salt_time(outbox.air_salt_max())
            outbox.air_state_put(OWN, FLOOR, json.dumps(floor).encode())
            for part in TRANSFER_PARTS:  # a late report must not meet a number that is given out again
                for key, _ in outbox.air_states(part, PEERS_MAX):
                    outbox.air_state_drop(key, part)
            for group in (None, EVERYBODY):
                for peer, _ in outbox.air_states(_receive_part(group), PEERS_MAX):
                    state = self.receiving(outbox, peer, group)
                    self.put_receiving(outbox, peer, distrust(state, self._salt_time(state.last_salt)))
        if restored or changed:
            for peer, _ in outbox.air_states(SEND, PEERS_MAX):
                self._sending[peer] = self._begun(outbox, peer, self._stored_sending(outbox, peer), advance=False)
        salts = [session.salt for session in self._sending.values()]
        if restored or changed or outbox.air_mark() is None:
            # At the very first start too: a copy from before the first frame must not pass for a new store.
            outbox.air_advance(max([outbox.air_salt_max(), *salts]))
        outbox.air_state_put(OWN, ANNOUNCED, announced)
        return restored

    def dice(self, count: int) -> int:
        """Return one of so many numbers."""
        return self._rng.randrange(count)

    # Keys

    def ends_to(self, peer: int) -> Ends:
        """Return the direction to a peer."""
        return Ends(self.keys.own_id, peer)

    def ends_from(self, peer: int, group: int | None = None) -> Ends:
        """Return the direction from a peer to us, or to a group we belong to."""
        return Ends(peer, self.keys.own_id if group is None else group)

    def _pair(self, ends: Ends) -> PairSecret:
        peer = ends.dst if ends.src == self.keys.own_id else ends.src
        secret = self.keys.pair_secret(peer)
        if secret is None:
            raise NoKey(f"no key is held for address {peer:#x}; issue or import one, see: yizhan key list")
        return PairSecret(secret)

    def _group(self, group: int) -> GroupSecret:
        key = self.keys.group(group)
        if key is None:
            raise NoKey(f"no key is held for group {group:#x}; the command post gives it, see: yizhan key list")
        return group_secret(GroupSeed(key.secret.reveal()), group, key.generation)

    def hello_key(self, ends: Ends) -> HelloKey:
        """Return the hello key of a direction; raise NoKey."""
        return hello_key(self._group(ends.dst) if is_group(ends.dst) else self._pair(ends), ends)

    def chains(self, ends: Ends) -> Chains:
        """Return what gives the chain secrets of a direction; raise NoKey.

        To a group each sender has its own, so that two members never use one nonce.
        """
        if is_group(ends.dst):
            return sender_chain(self._group(ends.dst), ends).at
        return first_chain(self._pair(ends), ends).at

    def keys_of(self, session: Session) -> SessionKeys:
        """Return the keys of one of our sending sessions; raise NoKey."""
        ready = self._ready.get(session)
        if ready is None:
            chain: ChainSecret | None = self.chains(session.ends)(session.generation)
            if chain is None:
                raise NoKey(f"generation {session.generation} is out of reach of the key at hand; issue a new key")
            ready = self._ready[session] = session_keys(chain, session)
            if len(self._ready) > KEYS_READY_MAX:
                self._ready.popitem(last=False)
        return ready

    def keys_changed(self) -> None:
        """Derive everything anew: the key files were read again."""
        self._ready.clear()

    def forget(self, peer: int) -> None:
        """Drop what is kept ready of a peer: its key was changed or revoked."""
        self._ready = OrderedDict(
            (session, keys) for session, keys in self._ready.items() if peer not in (session.ends.src, session.ends.dst)
        )
        self._sending.pop(peer, None)

    # Sending

    def sending(self, outbox: Outbox, peer: int) -> SendingSession:
        """Return the session to a peer, begun now if there is none that can be trusted."""
        live = self._sending.get(peer)
        if live is not None:
            return live
        stored = self._stored_sending(outbox, peer)
        session = self._begun(outbox, peer, None) if stored is None else after_restart(stored)
        self._sending[peer] = session
        return session

    def known_sending(self, outbox: Outbox, peer: int) -> SendingSession | None:
        """Return the session to a peer without beginning one."""
        return self._sending.get(peer) or self._stored_sending(outbox, peer)

    def _stored_sending(self, outbox: Outbox, peer: int) -> SendingSession | None:
        body = outbox.air_state(peer, SEND)
        if body is None:
            return None
        try:
            return SendingSession.from_row(tuple(json.loads(body)))
        except (RecordError, ValueError, TypeError):
            return None

    def _begun(
        self, outbox: Outbox, peer: int, previous: SendingSession | None, *, advance: bool = True
    ) -> SendingSession:
        above = outbox.air_salt_max()
        wall_s = self._salt_time(above if previous is None else max(above, previous.salt))
        if previous is None:
            generation = self._first_generation(peer)
            session = first_session(self.ends_to(peer), wall_s, above=above, generation=generation, suite=self._suite)
        else:
            session = begin(previous, wall_s, above=above, suite=self._suite)
        if advance:
            outbox.air_advance(session.salt)
        self._write(outbox, peer, session)
        return session

    def _first_generation(self, peer: int) -> int:
        """Return the generation that a key begins with: more than 0 for one that follows a lost or rotated one."""
        key = None if is_group(peer) else self.keys.pair(peer)
        return 0 if key is None else key.generation

    def _salt_time(self, known: int) -> int:
        """Return the time for a new salt. A clock that is not believed could say the same twice, so it is not asked."""
        if self._clock_trusted():
            return max(1, int(self._wall_s()) - EPOCH_WALL_S)
        return known + 1 + self._rng.randrange(UNTRUSTED_JUMP)

    def _write(self, outbox: Outbox, peer: int, session: SendingSession) -> None:
        outbox.air_state_put(peer, SEND, json.dumps(session.to_row()).encode())

    def put_sending(self, outbox: Outbox, peer: int, session: SendingSession) -> None:
        """Keep a session that something was learned about."""
        self._sending[peer] = session
        self._write(outbox, peer, session)

    def take(self, outbox: Outbox, peer: int, *, long_tag: bool) -> tuple[SendingSession, int]:
        """Return the session and a counter that was never used in it and never will be again; raise NoKey."""
        session = self._fresh_enough(outbox, peer, self.sending(outbox, peer))
        stored = self._stored_sending(outbox, peer)
        on_disk = stored is not None and stored.salt == session.salt and session.next_counter < stored.reserved_until
        if not on_disk:
            # Also after a transaction that failed: what it reserved is on no disk.
            outbox.air_advance(session.salt)
            session = reserve(replace(session, reserved_until=max(session.next_counter, 1)))
            self._write(outbox, peer, session)
        try:
            session, counter = take(session, long_tag=long_tag or needs_long_tag(session))
        except (KeyWornOut, NotReserved, Exhausted):
            session = reserve(self._begun(outbox, peer, session))
            self._write(outbox, peer, session)
            session, counter = take(session, long_tag=long_tag or needs_long_tag(session))
        self._sending[peer] = session
        return session, counter

    def _fresh_enough(self, outbox: Outbox, peer: int, session: SendingSession) -> SendingSession:
        wall_s = max(0, int(self._wall_s()) - EPOCH_WALL_S)
        if not rotation_due(session, wall_s):
            return session
        try:
            return self.rotate(outbox, peer)
        except NotConfirmed:
            return session

    def rotate(self, outbox: Outbox, peer: int) -> SendingSession:
        """Go on to the next generation of the key to a peer; raise NotConfirmed while it may not follow, or NoKey."""
        session = rotate(self.sending(outbox, peer), max(0, int(self._wall_s()) - EPOCH_WALL_S))
        self.put_sending(outbox, peer, session)
        return session

    def seal(self, session: SendingSession, counter: int, plaintext: bytes, *, fragment: bool, long_tag: bool) -> bytes:
        """Return a record under a counter that `take` gave."""
        header = Header(Form.IMPLIED, fragment, long_tag or needs_long_tag(session))
        return seal(self.keys_of(session.session), header, counter, plaintext)

    def hello(
        self,
        outbox: Outbox,
        peer: int,
        session: SendingSession,
        *,
        want: bool = False,
        message: HelloMessage | None = None,
    ) -> bytes:
        """Return the hello that announces our session to a peer, perhaps with a message in it."""
        told = Hello(
            session.generation,
            session.salt,
            session.suite,
            self._model,
            self._revision,
            0 if is_group(peer) else self.receiving(outbox, peer).known_salt,
            want=want,
            long_tags=session.only_long_tags,
            message=message,
        )
        return seal_hello(self.hello_key(session.ends), HelloKind.HELLO, Form.IMPLIED, told.to_bytes())

    def serial(self, outbox: Outbox, peer: int) -> int:
        """Return the serial for a key transport or notice to a peer."""
        session, serial = take_serial(self.sending(outbox, peer), self._salt_time(self.sending(outbox, peer).serial))
        self.put_sending(outbox, peer, session)
        return serial

    def confirmed(self, outbox: Outbox, peer: int, counter: int | None = None) -> None:
        """Note that a peer proved to have our session."""
        session = self.sending(outbox, peer)
        if not session.confirmed or not session.key_confirmed:
            self.put_sending(outbox, peer, confirm(session, counter))

    def heard_hello(self, outbox: Outbox, peer: int, known_salt: int, *, fresh: bool) -> None:
        """Learn from a peer's hello which of our sessions it has.

        One that is not ``fresh`` may be a recording: what it knew then says nothing of what it has lost since.
        A salt of the far future is not believed: it would leave none to follow it, for this peer and for all others.
        """
        session = self.sending(outbox, peer)
        latest = self._salt_time(session.salt) + DAY_S if self._clock_trusted() else SALT_UNSURE_MAX
        if known_salt > session.salt + KNOWN_SALT_AHEAD_MAX and known_salt > latest:
            return
        after = hear_known_salt(session, known_salt, self._salt_time(max(session.salt, known_salt)))
        if after.salt != session.salt:
            outbox.air_advance(after.salt)
        elif fresh and known_salt != session.salt:
            after = replace(session, confirmed=False)  # it lost ours, or never had it
        if after != session:
            self.put_sending(outbox, peer, after)

    def only_long_tags(self, outbox: Outbox, peer: int) -> None:
        """Send a peer no 4-byte tags any more: it asked for it."""
        self.put_sending(outbox, peer, replace(self.sending(outbox, peer), only_long_tags=True))

    def renew(self, outbox: Outbox, peer: int) -> None:
        """Begin a session anew: the peer asked for one, or its key was changed."""
        self._sending[peer] = self._begun(outbox, peer, self._stored_sending(outbox, peer))

    # Receiving

    def receiving(self, outbox: Outbox, peer: int, group: int | None = None) -> ReceivingState:
        """Return what is known of the direction from a peer to us, or to a group."""
        ends = self.ends_from(peer, group)
        body = outbox.air_state(peer, _receive_part(group))
        if body is not None:
            try:
                *numbers, window = json.loads(body)
                return ReceivingState.from_row((*numbers, bytes.fromhex(window)))
            except (RecordError, ValueError, TypeError):
                pass  # damaged: as if nothing were known, but nothing recorded may be played back
            return distrust(ReceivingState(ends), self._salt_time(0))
        floor = outbox.air_state(OWN, FLOOR)
        return ReceivingState(ends, last_salt=0 if floor is None else int(json.loads(floor)))

    def unmark(self, outbox: Outbox, peer: int, counter: int) -> None:
        """Take a record back that was accepted in this very transaction and turned out not to be allowed."""
        state = self.receiving(outbox, peer)
        self.put_receiving(outbox, peer, replace(state, window=state.window.without(counter)))

    def put_receiving(self, outbox: Outbox, peer: int, state: ReceivingState) -> None:
        """Keep what was heard; in the transaction that takes what it said."""
        *numbers, window = state.to_row()
        assert isinstance(window, bytes)
        group = state.ends.dst if is_group(state.ends.dst) else None
        outbox.air_state_put(peer, _receive_part(group), json.dumps([*numbers, window.hex()]).encode())

    def tally(self, outbox: Outbox) -> FailureTally:
        """Return the failed tags of all peers."""
        body = outbox.air_state(TALLY_PEER, "tally")
        try:
            return FailureTally() if body is None else FailureTally.from_row(tuple(json.loads(body)))
        except (RecordError, ValueError, TypeError):
            return FailureTally()

    def put_tally(self, outbox: Outbox, tally: FailureTally) -> None:
        """Keep it."""
        outbox.air_state_put(TALLY_PEER, "tally", json.dumps(tally.to_row()).encode())
