"""Frames to messages: authenticated, new, put together, read. Nothing else of a frame ever changes anything.

Everything a frame changes is written in the transaction that runs this: the window with the message, the symbols of a
transfer, and the counts of what failed. Only a summary of failures is logged; an attacker must not fill the journal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.air.sessions import NoKey
from protocols.content.context import Ends as ContentEnds
from protocols.content.errors import ContentError, RevisionDiffers
from protocols.content.references import ALL
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import Fragment
from protocols.fragment.reassembly import Bounds, Reassembly
from protocols.record.address import Implied
from protocols.record.errors import RecordError, Replayed
from protocols.record.greeting import accept_hello, accept_key_transport, accept_notice
from protocols.record.hello import Hello
from protocols.record.layout import HelloFrame, HelloKind, is_hello, is_record
from protocols.record.receiver import Outcome, open_record

if TYPE_CHECKING:
    from gateway.air.peers import Peer
    from gateway.air.sessions import Sessions
    from gateway.store.outbox import Outbox
    from protocols.content.codec import Content, ContentCodec
    from protocols.record.keytransport import KeyTransport
    from protocols.record.notice import Notice
    from protocols.record.suite import Suite

HELD_BYTES_MAX = 512 * 1024
"""Bytes of unfinished transfers kept for one peer."""

OPEN_MAX = 8
FINISHED_MAX = 64
TRANSFERS = "transfers"


@dataclass(frozen=True, slots=True)
class Taken:
    """What one frame from a peer came to."""

    peer: Peer
    counter: int = 0
    salt: int = 0
    group: int | None = None
    """The group it went to; None for us alone."""
    content: Content | None = None
    place: int = 0
    """Of one message of a batch, from 1 on; 0: the record says one thing."""
    unread: bytes = b""
    """An authentic content that this program cannot read: kept as it is."""
    told: Hello | KeyTransport | Notice | None = None
    repeated: int | None = None
    """Counter of a record that came before: its sender has lost our receipt."""
    asks_hello: bool = False
    problem: str = ""
    """Why there is nothing to deliver, as a stable English word for counting."""
    alarm: str = ""
    part: bool = False
    """Whether it was a part of something longer."""
    dropped: int = 0
    """Transfers that had to go for it."""

    @property
    def is_fresh(self) -> bool:
        """Whether it proves that the peer said something that it had not said before: no copy and no recording."""
        return bool(self.counter) or (self.told is not None and not self.problem)


class Incoming:
    """Opens what peers send."""

    def __init__(self, sessions: Sessions, codec: ContentCodec, revision: int, suites: frozenset[Suite]) -> None:
        self._sessions = sessions
        self._codec = codec
        self._revision = revision
        self._suites = suites

    def take(self, outbox: Outbox, peer: Peer, frame: bytes, now_s: float, group: int | None = None) -> Taken:
        """Take one frame from a peer to us, or to a group; keeps what it changed."""
        try:
            outcome = self._opened(outbox, peer, frame, now_s, group)
        except NoKey:
            return Taken(peer, problem="no key")
        except RecordError as error:
            return Taken(peer, problem=error.reason)
        before = self._sessions.receiving(outbox, peer.id, group)
        if outcome.state != before:
            self._sessions.put_receiving(outbox, peer.id, outcome.state)
        if outcome.opened is not None:
            outbox.air_advance(0)  # an older copy of the store does not know that this was heard, and must be noticed
        if outcome.failures:
            self._sessions.put_tally(outbox, self._sessions.tally(outbox).noted(now_s, outcome.failures))
        alarm = "" if outcome.alarm is None else str(outcome.alarm)
        if isinstance(outcome.told, Hello) and group is None:
            self._heed_hello(outbox, peer, outcome.told, fresh=outcome.state.salt != before.salt)
        if outcome.opened is None:
            problem = "" if outcome.problem is None else outcome.problem.reason
            repeated = outcome.problem.counter if isinstance(outcome.problem, Replayed) and outcome.state.salt else None
            return Taken(
                peer,
                salt=outcome.state.salt,
                told=outcome.told,
                repeated=repeated,
                asks_hello=(outcome.state.asks_hello or problem == "old salt") and not isinstance(outcome.told, Hello),
                problem=problem,
                alarm=alarm,
            )
        opened = outcome.opened
        taken = Taken(peer, opened.counter, opened.session.salt, group=group, told=outcome.told, alarm=alarm)
        if opened.fragment and group is None:
            return self._part(outbox, taken, opened.plaintext, now_s)
        return self._read(outbox, taken, opened.plaintext)

    def _opened(self, outbox: Outbox, peer: Peer, frame: bytes, now_s: float, group: int | None) -> Outcome:
        sessions = self._sessions
        state = sessions.receiving(outbox, peer.id, group)
        ends = sessions.ends_from(peer.id, group)
        implied = Implied(ends.src, ends.dst)
        if is_record(frame):
            long_only = sessions.tally(outbox).long_only
            return open_record(state, frame, implied, sessions.chains(ends), now_s=now_s, long_only=long_only)
        if not is_hello(frame):
            return Outcome(state, problem=RecordError("not a frame", "neither a record nor a hello"))
        key = sessions.hello_key(ends)
        match HelloFrame.from_bytes(frame).kind:
            case HelloKind.HELLO:
                chains = sessions.chains(ends)
                return accept_hello(state, frame, implied, key, chains, now_s=now_s, suites=self._suites)
            case HelloKind.KEY_TRANSPORT:
                return accept_key_transport(state, frame, implied, key)
            case HelloKind.NOTICE:
                return accept_notice(state, frame, implied, key)

    def _heed_hello(self, outbox: Outbox, peer: Peer, hello: Hello, *, fresh: bool) -> None:
        try:
            self._sessions.heard_hello(outbox, peer.id, hello.known_salt, fresh=fresh)
        except (NoKey, RecordError):
            return  # what it says of our sessions cannot be; its own session is good all the same

    # Transfers

    def _part(self, outbox: Outbox, taken: Taken, plaintext: bytes, now_s: float) -> Taken:
        reassembly = self.reassembly(outbox, taken.peer.id)
        try:
            arrival = reassembly.receive(str(taken.peer.id), Fragment.from_bytes(plaintext), now_s)
        except FragmentError as error:
            return replace(taken, problem=error.reason, part=True)
        self.put_reassembly(outbox, taken.peer.id, reassembly)
        taken = replace(taken, part=True, dropped=len(arrival.dropped))
        return taken if arrival.content is None else self._read(outbox, taken, arrival.content)

    def reassembly(self, outbox: Outbox, peer: int) -> Reassembly:
        """Return the transfers of a peer as they are on disk; damaged ones are as good as never heard."""
        reassembly = Reassembly(Bounds(open_max=OPEN_MAX, held_bytes_max=HELD_BYTES_MAX, finished_max=FINISHED_MAX))
        body = outbox.air_state(peer, TRANSFERS)
        if body is None:
            return reassembly
        try:
            reassembly.restore(json.loads(body))
        except (FragmentError, ValueError):
            return Reassembly(Bounds(open_max=OPEN_MAX, held_bytes_max=HELD_BYTES_MAX, finished_max=FINISHED_MAX))
        return reassembly

    def put_reassembly(self, outbox: Outbox, peer: int, reassembly: Reassembly) -> None:
        """Keep it."""
        outbox.air_state_put(peer, TRANSFERS, json.dumps(reassembly.snapshot()).encode())

    # Content

    def _read(self, outbox: Outbox, taken: Taken, plaintext: bytes) -> Taken:
        state = self._sessions.receiving(outbox, taken.peer.id, taken.group)
        ends = ContentEnds(taken.peer.name, self._sessions.keys.own_name if taken.group is None else ALL, 0)
        shares = 0 != state.revision == self._revision
        try:
            content = self._codec.decode(plaintext, ends, state.model, shares=shares)
        except RevisionDiffers as error:
            if not taken.part:
                # Its sender must not think that it is here: it learns by our hello that it has to say it without what
                # is shared, and says it again. A transfer is complete all the same, so its content is kept unread.
                self._sessions.unmark(outbox, taken.peer.id, taken.counter)
                return replace(taken, problem="another revision", asks_hello=True)
            return replace(
                taken, unread=plaintext, problem=f"unreadable content: {type(error).__name__}", asks_hello=True
            )
        except ContentError as error:
            # Authentic, so it must not be lost: another program or the right context file will read it.
            return replace(
                taken, unread=plaintext, problem=f"unreadable content: {type(error).__name__}", asks_hello=not shares
            )
        return replace(taken, content=content)
