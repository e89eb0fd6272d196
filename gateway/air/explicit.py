"""Frames that name both of their ends, for bearers and relays that do not: read, made, and what makes two of them one.

Only the clear header differs from the frame that goes to a neighbour; counter, ciphertext and tag are the same bytes.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass

from gateway.model import Precedence
from protocols.record.address import SHORT_MAX, Ends
from protocols.record.layout import HELLO_MARK, Form, HelloFrame, RecordFrame, Relay, is_hello

HOP_LIMIT = 7
"""Hop limit that our own records begin with: more than province, city, county, township and village need."""

HELLO_PRECEDENCE = Precedence.IMMEDIATE
"""Hellos have no relay byte. One may carry an SOS, so they go before everything but what says that it is one."""

WAY_PREFIX = "air:"
"""Beginning of the address under which receipts are owed to a gateway that is reached through another one."""


class TrafficClass(enum.IntEnum):
    """The class of a relay byte: what sort of record it is, for relays and for who looks at their queue."""

    MESSAGE = 0
    RECEIPT = 1


@dataclass(frozen=True, slots=True)
class Explicit:
    """A frame that names both of its ends."""

    frame: RecordFrame | HelloFrame
    src: int
    dst: int

    @property
    def hop_limit(self) -> int | None:
        """Relays it may still pass; None for a hello, which does not say."""
        relay = self.frame.header.relay if isinstance(self.frame, RecordFrame) else None
        return None if relay is None else relay.hop_limit

    @property
    def relays_passed(self) -> int:
        """Relays it passed, if its source begins as we do; 0 where it does not say."""
        left = self.hop_limit
        return 0 if left is None else HOP_LIMIT - left

    @property
    def precedence(self) -> Precedence:
        """What it says of its own urgency, in clear and not authentic."""
        relay = self.frame.header.relay if isinstance(self.frame, RecordFrame) else None
        return HELLO_PRECEDENCE if relay is None else Precedence(relay.precedence)

    def key(self) -> bytes:
        """Return what makes two frames one, whatever the form of their addresses and however many hops are left."""
        ends = Ends(self.src, self.dst).to_bytes()
        if isinstance(self.frame, RecordFrame):
            head = bytes([self.frame.canonical]) + self.frame.counter_low.to_bytes(2)
        else:
            head = bytes([HELLO_MARK, self.frame.kind, 0])
        return b"relay:" + hashlib.sha256(ends + head + self.frame.sealed).digest()[:16]

    def sent_on(self) -> bytes | None:
        """Return what a relay sends on, one hop less; None when it may go no further."""
        if isinstance(self.frame, HelloFrame):
            return self.frame.to_bytes()
        onward = self.frame.relayed()
        return None if onward is None else onward.to_bytes()


def explicit_of(data: bytes) -> Explicit | None:
    """Return a frame that names both ends; None for one that leaves them to the bearer. Raise Malformed."""
    frame = HelloFrame.from_bytes(data) if is_hello(data) else RecordFrame.from_bytes(data)
    return None if frame.src is None or frame.dst is None else Explicit(frame, frame.src, frame.dst)


def form_of(ends: Ends) -> Form:
    """Return the shortest form that names both ends."""
    return Form.SHORT if max(ends.src, ends.dst) <= SHORT_MAX else Form.LONG


def overhead(ends: Ends) -> int:
    """Return how many bytes naming both ends takes in a record; in a hello it is one less."""
    return 2 * form_of(ends).width + 1


def addressed(data: bytes, ends: Ends, precedence: Precedence, traffic: TrafficClass = TrafficClass.MESSAGE) -> bytes:
    """Return the same frame with both ends in it, as it goes to a relay: counter, ciphertext and tag are unchanged."""
    form = form_of(ends)
    if is_hello(data):
        return HelloFrame.from_bytes(data).carried_as(form, ends).to_bytes()
    relay = Relay(int(precedence), HOP_LIMIT, int(traffic))
    return RecordFrame.from_bytes(data).carried_as(form, ends, relay).to_bytes()


def way_address(peer: int) -> str:
    """Return the address under which receipts are owed to a gateway that was heard through another one."""
    return f"{WAY_PREFIX}{peer}"


def way_peer(address: str) -> int | None:
    """Return whom such an address means; None for a link address."""
    digits = address.removeprefix(WAY_PREFIX)
    return int(digits) if digits != address and digits.isascii() and digits.isdigit() else None
