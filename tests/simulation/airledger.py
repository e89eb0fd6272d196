"""What two gateways said to each other and what they took, as one list of events; what must never be raises Fault at once.

The ledger knows the keys and opens every frame itself, so it does not depend on what the gateways remember.
"""

import json
from dataclasses import dataclass, replace

from protocols.record.address import EVERYBODY, Ends, Implied
from protocols.record.counter import rebuild
from protocols.record.hello import Hello
from protocols.record.keys import Session, first_chain, hello_key, sender_chain, session_keys
from protocols.record.layout import HelloFrame, HelloKind, RecordFrame, is_record
from protocols.record.sealing import open_frame
from protocols.record.sender import SendingSession
from protocols.record.siv import open_hello


class Fault(AssertionError):
    """A promise did not hold."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that was handed to the air. ``session`` and ``counter`` are those of the message in it, if it has one."""

    src: str
    dst: str
    data: bytes
    session: Session | None = None
    counter: int = 0
    plain: bytes = b""
    """Whether it is a fragment, as one byte, and what was sealed."""
    to_all: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A record that was taken as authentic and new, in a transaction that was committed."""

    end: str
    session: Session
    counter: int
    plain: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A message that was accepted at an end, in a transaction that was committed."""

    end: str
    text: str


class Ledger:
    """The events of one history. A branch goes on from a copy of the first of them."""

    def __init__(self, events=()):
        self.events = []
        self.used = {}
        self.opened = set()
        self.stored = set()
        for event in events:
            self.add(event)

    def add(self, event):
        self.events.append(event)
        match event:
            case Frame(session=None):
                pass
            case Frame():
                self._used(event)
            case Opened():
                self._opened(event)
            case Stored():
                if event in self.stored:
                    raise Fault(f"delivered twice at {event.end}: {event.text!r}")
                self.stored.add(event)

    def _used(self, frame):
        key = (frame.session, frame.counter)
        if self.used.setdefault(key, frame.plain) != frame.plain:
            raise Fault(f"one key and nonce for two plaintexts: counter {frame.counter} of {frame.session}")

    def _opened(self, opened):
        if self.used.get((opened.session, opened.counter)) != opened.plain:
            raise Fault(f"{opened.end} took a record that was never sent: {opened}")
        # Generations share their counters, so a record is told by salt and counter.
        key = (opened.end, opened.session.ends, opened.session.salt, opened.counter)
        if key in self.opened:
            raise Fault(f"{opened.end} took a record twice: counter {opened.counter} of {opened.session}")
        self.opened.add(key)

    def restart(self, end, texts):
        """Go on with an end whose store holds these texts now."""
        self.stored = {one for one in self.stored if one.end != end} | {Stored(end, text) for text in texts}

    def forget(self, end):
        """Let an end take once more what it took: its memory is gone."""
        self.opened = {key for key in self.opened if key[0] != end}

    def frames(self, *, to=None):
        return [one for one in self.events if isinstance(one, Frame) and to in (None, one.dst)]


class Reader:
    """Opens every frame with the keys of the pair and of the group. ``ids`` are the air addresses by name."""

    def __init__(self, pair, group, ids):
        self._pair, self._group, self._ids = pair, group, ids
        self._keys = {}

    def read(self, src, dst, data, sending, *, to_all):
        """Return a frame as the ledger keeps it; what its message is sealed with must be on the sender's disk."""
        frame = Frame(src, dst, data, to_all=to_all)
        ends = Ends(self._ids[src], EVERYBODY if to_all else self._ids[dst])
        if is_record(data):
            return self._record(frame, sending)
        parsed = HelloFrame.from_bytes(data)
        plain = open_hello(hello_key(self._secret(ends), ends), parsed, Implied(ends.src, ends.dst))
        return self._hello(frame, Hello.from_bytes(plain), sending) if parsed.kind is HelloKind.HELLO else frame

    @staticmethod
    def _hello(frame, hello, sending):
        if hello.message is None:
            return frame
        session, said = sending.live.session, hello.message
        if (session.salt, session.generation, session.suite) != (hello.salt, hello.generation, hello.suite):
            raise Fault(f"{frame.src} sent a message in another session than its own: {hello}")
        return sending.checked(frame, said.counter, bytes([said.fragment]) + said.content)

    def _record(self, frame, sending):
        record = RecordFrame.from_bytes(frame.data)
        counter = rebuild(record.counter_low, sending.live.next_counter)
        opened = open_frame(self._keys_of(sending.live.session), record, counter)
        if opened is None:
            raise Fault(f"{frame.src} sent a record of another session than its own, {sending}")
        return sending.checked(frame, counter, bytes([opened.fragment]) + opened.plaintext)

    def _secret(self, ends):
        return self._group if ends.dst == EVERYBODY else self._pair

    def _keys_of(self, session):
        if session not in self._keys:
            first = sender_chain if session.ends.dst == EVERYBODY else first_chain
            chain = first(self._secret(session.ends), session.ends).at(session.generation)
            self._keys[session] = session_keys(chain, session)
        return self._keys[session]


@dataclass(frozen=True, slots=True)
class Sending:
    """A sender's session in its memory, and on its disk. The generation in memory may be ahead."""

    live: SendingSession
    stored: SendingSession | None

    def checked(self, frame, counter, plain):
        stored = self.stored
        if stored is None or stored.salt != self.live.salt or counter >= stored.reserved_until:
            raise Fault(
                f"{frame.src} used counter {counter} of {self.live}, which is not reserved on its disk: {stored}"
            )
        return replace(frame, session=self.live.session, counter=counter, plain=plain)


def sending_on_disk(outbox, peer):
    """Return the session to a peer as the store has it, None when there is none."""
    body = outbox.air_state(peer, "send")
    return None if body is None else SendingSession.from_row(tuple(json.loads(body)))
