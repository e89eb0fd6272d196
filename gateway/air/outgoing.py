"""Bundles to frames: one record where it fits, fragments where it does not, a hello as long as the peer may not know us.

A bundle's plaintext is made once and kept; what is sent again is the same bytes, also over another link. Only when the
session has changed meanwhile does it get a new counter: the peer then knows it by what it says.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gateway.air.batching import fill
from gateway.air.sessions import needs_long_tag
from gateway.air.transfers import SendingTransfers
from gateway.air.translate import to_content
from gateway.model import MessageKind, Precedence
from gateway.store.airstate import SentRecord
from protocols.content.codec import Content
from protocols.content.context import Ends as ContentEnds
from protocols.content.references import ALL
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import header_bytes
from protocols.fragment.split import choose_split, needs_fragments
from protocols.record.counter import LOW_VALUES
from protocols.record.hello import FIXED_BYTES, HelloMessage
from protocols.record.layout import PLAINTEXT_BYTES_MAX, SIV_BYTES
from protocols.record.suite import LONG_TAG_BYTES, SHORT_TAG_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.air.peers import Peer
    from gateway.air.sessions import Sessions
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox
    from protocols.content.codec import ContentCodec
    from protocols.content.receipts import Receipt
    from protocols.fragment.sender import Sending
    from protocols.record.sender import SendingSession

RECORD_BYTES = 3
"""Of a record whose ends the bearer names, besides plaintext and tag."""

HELLO_BYTES = 2 + SIV_BYTES + FIXED_BYTES
HELLO_MESSAGE_BYTES = HELLO_BYTES + 2

WIDE_BYTES = 237
"""A bearer with frames of this size or more limits nobody's attempts: its records have 8-byte tags."""

ALWAYS_LONG = frozenset({MessageKind.COMMAND, MessageKind.ALERT})

BASE_MODEL = 1
"""The model that every program has: used until a peer's hello says that it has a newer one."""

HELLO_AGAIN_S = 120.0
"""A hello that nobody has answered is sent again with the next frame after this long."""

GROUP_HELLO_EVERY_S = 3600.0
"""How often a group hears our hello: its members do not answer, and one may have missed the last."""

FRAGMENT_FLAG, LONG_FLAG, SHARED_FLAG = 1, 2, 4
"""In the byte before a kept plaintext: what it is, how its tag is, and whether only who shares our context can read it."""


class Carries(enum.Enum):
    """What a frame does for the bundle or receipt that asked for it."""

    BUNDLE = enum.auto()
    """All of it."""
    PART = enum.auto()
    """Some symbols of it."""
    HELLO = enum.auto()
    """Nothing yet: it announces the session that the bundle or receipt will travel in."""


@dataclass(frozen=True, slots=True)
class AirFrame:
    """A frame to send now."""

    data: bytes
    carries: Carries
    receipt: bool = False
    """Whether the receipt that was offered is in it."""
    members: tuple[SentRecord, ...] = ()
    """All that a batch carries, the asking one too; empty for a bundle alone."""

    @property
    def is_bare_hello(self) -> bool:
        """Whether what asked for it does not travel in it yet."""
        return self.carries is Carries.HELLO


class Outgoing:
    """Makes the frames of bundles to gateways. Runs on the store's thread, in the transaction that begins the try."""

    def __init__(self, sessions: Sessions, codec: ContentCodec, model: int) -> None:
        self._sessions = sessions
        self._codec = codec
        self._model = model
        self.transfers = SendingTransfers(sessions)
        self._helloed: dict[int, tuple[int, float]] = {}
        """Salt of the session that a peer was told of last, and when."""

    def frame(
        self,
        outbox: Outbox,
        bundle: Bundle,
        peer: Peer,
        *,
        bytes_max: int,
        lane_bytes: Sequence[int],
        receipt: Receipt | None,
        others: Callable[[], Sequence[Bundle]],
        loss: float,
        now_s: float,
    ) -> AirFrame | None:
        """Return the next frame of a bundle for a link that takes ``bytes_max``; None while it waits for a report.

        ``lane_bytes`` are the frame sizes of all links the bundle may go by, ``loss`` the share of frames they lose;
        ``others`` finds what may go in a record with it. Raises NoKey, FragmentError for what is too long for any of them.
        """
        tag = self._tag(bundle, lane_bytes, self._sessions.sending(outbox, peer.id))
        long_tag = tag == LONG_TAG_BYTES
        sent = outbox.air_record_of(bundle.seq, peer.id)
        if sent is not None and (
            RECORD_BYTES + len(sent.frame) - 1 + tag > bytes_max or (sent.frame[0] & SHARED_FLAG and not peer.shares)
        ):
            # Links, tags or what the peer shares have changed since: it is made anew.
            outbox.air_settled(sent)
            sent = None
        if sent is not None:
            return self._repeat(outbox, bundle, peer, sent, bytes_max=bytes_max, now_s=now_s)
        transfer = self.transfers.of(outbox, bundle.seq)
        if transfer is not None and (
            not transfer[0].split.symbols_in(bytes_max - RECORD_BYTES - tag)
            or (transfer[1]["shared"] and not peer.shares)
        ):
            self.transfers.end(outbox, bundle.seq, now_s)
            transfer = None
        if transfer is not None:
            return self._part(outbox, bundle, peer, transfer, bytes_max=bytes_max, now_s=now_s)
        rooms = [min(size - RECORD_BYTES - tag, PLAINTEXT_BYTES_MAX) for size in lane_bytes]
        plain = self._content(bundle, peer, None)
        if needs_fragments(len(plain), rooms):
            transfer = self.transfers.begin(
                outbox, bundle, peer, plain, rooms, loss=loss, long_tag=long_tag, now_s=now_s
            )
            return (
                None
                if transfer is None
                else self._part(outbox, bundle, peer, transfer, bytes_max=bytes_max, now_s=now_s)
            )
        with_receipt = plain if receipt is None else self._content(bundle, peer, receipt)
        fits = receipt is not None and not needs_fragments(len(with_receipt), rooms)
        batch = self._batch(outbox, bundle, peer, others, rooms, bytes_max=bytes_max, now_s=now_s)
        if len(batch) > 1 + fits:  # a receipt saves a frame too, and a batch takes none along
            plain, fits = self._together(batch, peer), False
        else:
            plain, batch = with_receipt if fits else plain, [bundle]
        session, counter = self._sessions.take(outbox, peer.id, long_tag=long_tag)
        data = bytes([LONG_FLAG * long_tag | SHARED_FLAG * peer.shares]) + plain
        record = SentRecord(peer.id, session.salt, counter, bundle.seq, data)
        members = () if len(batch) == 1 else _members(record, batch)
        for one in members or (record,):
            outbox.air_sent(one)
        urgent = bundle.precedence is Precedence.FLASH
        frame = self._wrapped(outbox, peer, session, counter, data, bytes_max=bytes_max, now_s=now_s, urgent=urgent)
        return frame if frame.is_bare_hello else replace(frame, receipt=fits, members=members)

    def _batch(
        self,
        outbox: Outbox,
        bundle: Bundle,
        peer: Peer,
        others: Callable[[], Sequence[Bundle]],
        rooms: Sequence[int],
        *,
        bytes_max: int,
        now_s: float,
    ) -> list[Bundle]:
        """Return a bundle with those that fit into one record with it; in the hello that goes around it, if one must."""
        session = self._sessions.sending(outbox, peer.id)
        unknown = not session.confirmed and self._is_hello_due(peer.id, session, HELLO_AGAIN_S, now_s)
        room = min(*rooms, bytes_max - HELLO_MESSAGE_BYTES) if unknown else min(rooms)
        is_long = bundle.draft.message.kind in ALWAYS_LONG
        alike = [one for one in others() if (one.draft.message.kind in ALWAYS_LONG) == is_long]
        return fill(bundle, alike, lambda batch: len(self._together(batch, peer)) <= room)

    def _together(self, batch: Sequence[Bundle], peer: Peer) -> bytes:
        return self._coded(Content(batch=tuple(to_content(one, peer.name) for one in batch)), peer)

    def estimate(
        self, bundle: Bundle, peer: Peer, session: SendingSession, *, lane_bytes: Sequence[int], bytes_max: int
    ) -> list[int]:
        """Return the sizes of the frames that a bundle takes on a link, without making any; raise FragmentError.

        A hello that may have to go first is not counted, nor what is lost and sent again.
        """
        tag = self._tag(bundle, lane_bytes, session)
        rooms = [min(size - RECORD_BYTES - tag, PLAINTEXT_BYTES_MAX) for size in lane_bytes]
        plain = self._content(bundle, peer, None)
        if not needs_fragments(len(plain), rooms):
            return [RECORD_BYTES + len(plain) + tag]
        split = choose_split(len(plain), rooms)
        each = split.symbols_in(bytes_max - RECORD_BYTES - tag)
        if not each:
            raise FragmentError("bad capacity", f"a frame of {bytes_max} bytes takes no symbol of {split.symbol_bytes}")
        counts = [min(each, split.k - first) for first in range(0, split.k, each)]
        return [RECORD_BYTES + tag + header_bytes(count) + count * split.symbol_bytes for count in counts]

    def _tag(self, bundle: Bundle, lane_bytes: Sequence[int], session: SendingSession) -> int:
        is_long = (
            needs_long_tag(session)
            or bundle.draft.message.kind in ALWAYS_LONG
            or max(lane_bytes, default=0) >= WIDE_BYTES
        )
        return LONG_TAG_BYTES if is_long else SHORT_TAG_BYTES

    def receipt(self, outbox: Outbox, peer: Peer, receipt: Receipt, *, bytes_max: int, now_s: float) -> AirFrame:
        """Return a frame that carries a receipt alone, or the hello that must go before it; raises NoKey."""
        plain = self._coded(Content(receipt=receipt), peer)
        long_tag = bytes_max >= WIDE_BYTES
        session, counter = self._sessions.take(outbox, peer.id, long_tag=long_tag)
        data = bytes([LONG_FLAG * long_tag]) + plain
        return self._wrapped(outbox, peer, session, counter, data, bytes_max=bytes_max, now_s=now_s)

    def to_group(self, outbox: Outbox, group: int, receipt: Receipt, *, now_s: float) -> tuple[bytes, bool]:
        """Return a frame to a group, and whether it is the receipt: from time to time a hello must go before it."""
        session = self._sessions.sending(outbox, group)
        if self._is_hello_due(group, session, GROUP_HELLO_EVERY_S, now_s):
            self._helloed[group] = (session.salt, now_s)
            return self._sessions.hello(outbox, group, session), False
        ends = ContentEnds(self._sessions.keys.own_name, ALL, 0)
        plain = self._codec.encode(Content(receipt=receipt), ends, BASE_MODEL, self._model, bare=True)
        session, counter = self._sessions.take(outbox, group, long_tag=False)
        return self._sessions.seal(session, counter, plain, fragment=False, long_tag=False), True

    def greeting(self, outbox: Outbox, peer: Peer) -> bytes:
        """Return a hello that nothing waits for; what comes after it does not count on its having arrived. Raises NoKey."""
        return self._sessions.hello(outbox, peer.id, self._sessions.sending(outbox, peer.id), want=True)

    def hello(self, outbox: Outbox, peer: Peer, *, want: bool, now_s: float) -> bytes:
        """Return a hello alone; raises NoKey."""
        session = self._sessions.sending(outbox, peer.id)
        self._helloed[peer.id] = (session.salt, now_s)
        return self._sessions.hello(outbox, peer.id, session, want=want)

    # Inside

    def _content(self, bundle: Bundle, peer: Peer, receipt: Receipt | None) -> bytes:
        message = to_content(bundle, peer.name)
        return self._coded(Content(message, receipt), peer)

    def _coded(self, content: Content, peer: Peer) -> bytes:
        """Return a content's bytes for a peer: with what its hello says it has, or what every program has."""
        ends = ContentEnds(self._sessions.keys.own_name, peer.name, 0)
        model = min(peer.model or BASE_MODEL, self._model)
        return self._codec.encode(content, ends, model, self._model, bare=not peer.shares)

    def _repeat(
        self, outbox: Outbox, bundle: Bundle, peer: Peer, sent: SentRecord, *, bytes_max: int, now_s: float
    ) -> AirFrame:
        session = self._sessions.sending(outbox, peer.id)
        members = outbox.air_carried_by(peer.id, sent.salt, sent.counter) if sent.place else [sent]
        if sent.salt != session.salt:
            session, counter = self._sessions.take(outbox, peer.id, long_tag=bool(sent.frame[0] & LONG_FLAG))
            members = [one._replace(salt=session.salt, counter=counter) for one in members]
            for one in members:
                outbox.air_sent(one)
        counter = members[0].counter
        urgent = bundle.precedence is Precedence.FLASH
        frame = self._wrapped(
            outbox, peer, session, counter, sent.frame, bytes_max=bytes_max, now_s=now_s, urgent=urgent
        )
        return replace(frame, members=tuple(members)) if sent.place else frame

    def _wrapped(
        self,
        outbox: Outbox,
        peer: Peer,
        session: SendingSession,
        counter: int,
        data: bytes,
        *,
        bytes_max: int,
        now_s: float,
        urgent: bool = False,
    ) -> AirFrame:
        """Return a plaintext as a record, or in or behind a hello while the peer may not know the session.

        What is ``urgent`` goes in a hello each time, where it fits: the last hello may be what was lost.
        """
        flags, plain = data[0], data[1:]
        carries = Carries.PART if flags & FRAGMENT_FLAG else Carries.BUNDLE
        fits = HELLO_MESSAGE_BYTES + len(plain) <= bytes_max and counter < LOW_VALUES
        is_due = (urgent and fits) or self._is_hello_due(peer.id, session, HELLO_AGAIN_S, now_s)
        if is_due and not session.confirmed:
            self._helloed[peer.id] = (session.salt, now_s)
            if not fits:
                return AirFrame(self._sessions.hello(outbox, peer.id, session), Carries.HELLO)
            message = HelloMessage(counter, plain, bool(flags & FRAGMENT_FLAG))
            return AirFrame(self._sessions.hello(outbox, peer.id, session, message=message), carries)
        long_tag = bool(flags & LONG_FLAG)
        record = self._sessions.seal(session, counter, plain, fragment=bool(flags & FRAGMENT_FLAG), long_tag=long_tag)
        return AirFrame(record, carries)

    def _is_hello_due(self, peer: int, session: SendingSession, every_s: float, now_s: float) -> bool:
        salt, told_s = self._helloed.get(peer, (0, 0.0))
        return salt != session.salt or now_s - told_s >= every_s

    def _part(
        self,
        outbox: Outbox,
        bundle: Bundle,
        peer: Peer,
        transfer: tuple[Sending, dict[str, Any]],
        *,
        bytes_max: int,
        now_s: float,
    ) -> AirFrame | None:
        sending, rest = transfer
        long_tag = bool(rest["long"])
        session = self._sessions.sending(outbox, peer.id)
        unknown = not session.confirmed and self._is_hello_due(peer.id, session, HELLO_AGAIN_S, now_s)
        if unknown and HELLO_MESSAGE_BYTES + sending.split.symbol_bytes + 4 > bytes_max:
            return AirFrame(self.hello(outbox, peer, want=False, now_s=now_s), Carries.HELLO)
        tag = LONG_TAG_BYTES if long_tag or needs_long_tag(session) else SHORT_TAG_BYTES
        overhead = HELLO_MESSAGE_BYTES if unknown else RECORD_BYTES + tag
        fragment = sending.next_fragment(bytes_max - overhead, now_s)
        self.transfers.put(outbox, bundle.seq, sending, rest)
        if fragment is None:
            return None
        session, counter = self._sessions.take(outbox, peer.id, long_tag=long_tag)
        outbox.air_sent(SentRecord(peer.id, session.salt, counter, bundle.seq, b""))
        data = bytes([FRAGMENT_FLAG | LONG_FLAG * long_tag]) + fragment.to_bytes()
        return self._wrapped(outbox, peer, session, counter, data, bytes_max=bytes_max, now_s=now_s)


def _members(record: SentRecord, batch: Sequence[Bundle]) -> tuple[SentRecord, ...]:
    """Return the rows of a record that carries several bundles: each has all of its bytes, and its place."""
    return tuple(record._replace(seq=one.seq, place=place) for place, one in enumerate(batch, start=1))
