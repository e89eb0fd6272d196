"""The air format without a gateway: messages to frames and back, with the keys and limits of a context file.

Every message is a record from its station to the headquarters of its operation, from the headquarters to a station, or to
everybody under the sender's group key, as in an operation. A decoder has no bearer that would name the two ends, so where
the frame does not name them either it tries the keys of the registry, as a command terminal does for a card it does not
know. The keys are derived for trials alone: no gateway uses them, so a counter that a second run uses again harms nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gateway.air.models import model
from protocols.content.codec import Content, ContentCodec
from protocols.content.context import Ends as ContentEnds
from protocols.content.errors import ContentError
from protocols.content.references import ALL, NUMBER
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import HEADER_BYTES, TRANSFERS, Fragment
from protocols.fragment.reassembly import Reassembly
from protocols.fragment.sender import Sending
from protocols.fragment.split import choose_split
from protocols.record.address import EVERYBODY, GATEWAY_MAX, Ends, Implied
from protocols.record.errors import RecordError
from protocols.record.keys import (
    GroupSeed,
    RootSecret,
    Session,
    SessionKeys,
    derive,
    first_chain,
    group_secret,
    pair_secret,
    sender_chain,
    session_keys,
)
from protocols.record.layout import PLAINTEXT_BYTES_MAX, Form, Header, RecordFrame, Relay
from protocols.record.sealing import seal, try_open
from protocols.record.suite import LONG_TAG_BYTES, SHORT_TAG_BYTES, Suite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gateway.air.contextfile import ContextTable

Message = dict[str, Any]

ALWAYS_LONG = frozenset({"command", "cap"})
"""Types whose records have 8-byte tags whatever the bearer: orders and alerts."""

UNREGISTERED = GATEWAY_MAX
"""Address of the gateway that speaks for a source which is no station."""

COUNTER_LAST = 0xFFFF
"""A decoder knows 16 bits of a counter, so one run uses no more than these to one peer."""

FORMS = {"implied": Form.IMPLIED, "source": Form.SOURCE, "both": Form.SHORT, "wide": Form.LONG}
RECORD_HEAD_BYTES = {Form.IMPLIED: 3, Form.SOURCE: 5, Form.SHORT: 8, Form.LONG: 10}
POLL_AFTER_S = 60.0


class TrialError(ValueError):
    """A message that cannot be sent this way, or frames that cannot be opened; the text says why."""


@dataclass(frozen=True)
class Direction:
    """One direction between two names, with the keys of its session."""

    source: str
    destination: str
    keys: SessionKeys


class TrialCodec:
    """Codes messages under one context file. Remembers which counters it has used."""

    def __init__(self, context: ContextTable, secret: bytes, words: Sequence[str] = ()) -> None:
        """Take a context, its secret, and the words of its word list. Raises ContentError for a missing model."""
        self._context = context
        self._shared = context.shared()
        known = {context.model: model(context.model)} if context.model else {}
        self._codec = ContentCodec(known, self._shared, words)
        self._root = RootSecret(derive(secret, b"trial"))
        self._seed = GroupSeed(derive(secret, b"trial group", size=GroupSeed.SIZE))
        self._suite = Suite(context.suite)
        self._form = FORMS[context.addresses]
        self._directions: dict[tuple[str, str], Direction] = {}
        self._used: dict[tuple[str, str], set[int]] = {}
        self._transfers = 0

    # Names and keys

    @cached_property
    def _pairs(self) -> frozenset[tuple[str, str]]:
        """Every station with the headquarters of its operations."""
        return frozenset(
            (station, operation.headquarters)
            for operation in self._shared.operations
            for station in operation.stations
            if operation.headquarters and station != operation.headquarters
        )

    def _address(self, name: str) -> int:
        if name == ALL:
            return EVERYBODY
        number = self._shared.numbers.get(name)
        if number is None:
            return UNREGISTERED
        # Behind the gateways' 16 bits come the groups; devices begin behind those.
        return 1 + number if number < UNREGISTERED - 1 else number + 0x10000

    def ends_of(self, message: Message) -> tuple[str, str]:
        """Return between which two names the record goes."""
        source, destination = message.get("src"), message.get("dst")
        source = source if isinstance(source, str) and source in self._shared.numbers else ""
        destination = destination if isinstance(destination, str) else ""
        if destination == ALL:
            return source, ALL
        if (destination, source) in self._pairs or (source, destination) in self._pairs:
            return source, destination
        operations = self._shared.operations
        head = operations[self._shared.operation_between(source, source)].headquarters if operations else ""
        return (source, head) if not head or (source, head) in self._pairs else ("", head)

    def _direction(self, source: str, destination: str) -> Direction:
        found = self._directions.get((source, destination))
        if found is None:
            ends = Ends(self._address(source), self._address(destination) if destination else UNREGISTERED - 1)
            if destination == ALL:
                chain = sender_chain(group_secret(self._seed, EVERYBODY, 0), ends)
            else:
                chain = first_chain(pair_secret(self._root, ends.src, ends.dst), ends)
            keys = session_keys(chain, Session(ends, 0, 1, self._suite))
            found = self._directions[source, destination] = Direction(source, destination, keys)
        return found

    def _candidates(self) -> Iterator[Direction]:
        """Yield every direction that a message of this context can take, likeliest first."""
        for operation in self._shared.operations:
            head = operation.headquarters
            for station in operation.stations:
                if not head:
                    yield self._direction(station, "")
                elif station != head:
                    yield self._direction(station, head)
                    yield self._direction(head, station)
            for name in (head, *operation.stations):
                yield self._direction(name, ALL)
            if head:
                yield self._direction("", head)
        yield self._direction("", "")
        yield self._direction("", ALL)

    # Sending

    def encode(self, message: Message) -> list[bytes]:
        """Return a message's frames; raise TrialError."""
        try:
            return self._encode(message)
        except (ContentError, RecordError, FragmentError) as error:
            raise TrialError(str(error)) from error

    def _encode(self, message: Message) -> list[bytes]:
        direction = self._direction(*self.ends_of(message))
        counter = self._wanted_counter(message, direction)
        long_tag = self._context.tag_bytes == LONG_TAG_BYTES or message.get("type") in ALWAYS_LONG
        long_tag |= self._suite is Suite.SM4_GCM
        overhead = RECORD_HEAD_BYTES[self._form] + (LONG_TAG_BYTES if long_tag else SHORT_TAG_BYTES)
        content = self._content(message, direction, counter)
        room = min(self._context.mtu - overhead, PLAINTEXT_BYTES_MAX)
        if len(content) <= room:
            self._used[direction.source, direction.destination].add(counter)
            return [seal(direction.keys, self._header(message, long_tag=long_tag), counter, content)]
        content = self._content(message, direction, 0)
        split = choose_split(len(content), [room])
        sending = Sending(
            self._transfers % TRANSFERS,
            content,
            split,
            loss=0.0,
            now=0.0,
            expires_s=3600.0,
            poll_after_s=POLL_AFTER_S,
        )
        self._transfers += 1
        frames = []
        for _ in range(split.k):
            fragment = sending.next_fragment(HEADER_BYTES + split.symbol_bytes, 0.0)
            assert fragment is not None, "a burst without loss has k fragments"
            header = self._header(message, long_tag=long_tag, fragment=True)
            frames.append(seal(direction.keys, header, self._free_counter(direction), fragment.to_bytes()))
        return frames

    def _content(self, message: Message, direction: Direction, counter: int) -> bytes:
        ends = ContentEnds(direction.source, direction.destination, counter)
        return self._codec.encode(Content(message), ends, self._context.model, self._context.model)

    def _header(self, message: Message, *, long_tag: bool, fragment: bool = False) -> Header:
        precedence = message.get("prio")
        precedence = precedence if isinstance(precedence, int) and 0 <= precedence <= 3 else 3
        relay = Relay(precedence, 3) if self._form.relayed else None
        return Header(self._form, fragment, long_tag, relay)

    def _wanted_counter(self, message: Message, direction: Direction) -> int:
        """Return the number in the message's own id, which then does not travel; else one that is free."""
        used = self._used.setdefault((direction.source, direction.destination), set())
        own = message.get("id")
        number = own.rpartition("-")[2] if isinstance(own, str) else ""
        if NUMBER.fullmatch(number) and 0 < int(number) <= COUNTER_LAST and int(number) not in used:
            return int(number)
        counter = self._free_counter(direction)
        used.discard(counter)  # taken for good when the frame is made
        return counter

    def _free_counter(self, direction: Direction) -> int:
        used = self._used.setdefault((direction.source, direction.destination), set())
        if len(used) >= COUNTER_LAST:
            raise TrialError(
                f"counters: all {COUNTER_LAST} of {direction.source} to {direction.destination} are used; "
                "encode the rest in another run"
            )
        counter = next(number for number in range(COUNTER_LAST - len(used), 0, -1) if number not in used)
        used.add(counter)
        return counter

    # Receiving

    def decode(self, frames: Sequence[bytes], between: tuple[str, str] | None = None) -> Message:
        """Return the message of some frames; raise TrialError.

        ``between`` are the ends that a bearer would name (`ends_of`); without them the registry's keys are tried.
        """
        try:
            return self._decode(frames, self._candidates() if between is None else [self._direction(*between)])
        except (ContentError, RecordError, FragmentError) as error:
            raise TrialError(str(error)) from error

    def _decode(self, frames: Sequence[bytes], candidates: Iterable[Direction]) -> Message:
        if not frames:
            raise TrialError("frames: found none; give at least one as hexadecimal digits")
        tried = list(candidates) if len(frames) > 1 else candidates
        reassembly = Reassembly()
        for frame in frames:
            direction, counter, plaintext, is_fragment = self._open(frame, tried)
            if not is_fragment:
                return self._read(plaintext, direction, counter)
            arrival = reassembly.receive(direction.source or "-", Fragment.from_bytes(plaintext), 0.0)
            if arrival.content is not None:
                return self._read(arrival.content, direction, 0)
        raise TrialError(f"frames: {len(frames)} fragments of a message that needs more of them")

    def _open(self, frame: bytes, candidates: Iterable[Direction]) -> tuple[Direction, int, bytes, bool]:
        record = RecordFrame.from_bytes(frame)
        for direction in candidates:
            ends = direction.keys.session.ends
            if record.src not in {None, ends.src} or record.dst not in {None, ends.dst}:
                continue
            opened = try_open([direction.keys], frame, Implied(ends.src, ends.dst), COUNTER_LAST // 2 + 1)
            if opened is not None:
                return direction, opened.counter, opened.plaintext, opened.fragment
        raise TrialError(
            f"frame {frame[:8].hex()}…: no key of this context opens it; it was changed on the way, or secret, stations "
            "or suite are others than its sender's"
        )

    def _read(self, content: bytes, direction: Direction, counter: int) -> Message:
        ends = ContentEnds(direction.source, direction.destination, counter)
        read = self._codec.decode(content, ends, self._context.model)
        if read.message is None:
            raise TrialError("content: a receipt or batch, no message")
        return read.message
