"""The link contract: the only file of the gateway, beside the model, that drivers import.

A *driver* makes *links*. A link reports what it sees to its :class:`LinkSink` and is asked to ``send`` one thing at a
time; it knows nothing of other links, precedence, the store or the bus. Drivers *report* states, the supervisor
*decides* what they mean. See drivers/README.md for the checklist and tests/contract/check_link.py for the suite that
every driver passes.

Times are ``loop.time()`` seconds (monotonic); wall time is not a driver's business.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

PAYLOAD_BYTES_MAX = 4096
"""Longest payload that passes between link and gateway in either direction; longer ones are a driver's bug."""


class LinkError(Exception):
    """Base of what a link may raise from ``run``; never raised itself. The class names the caller's next step."""


class LinkTransient(LinkError):
    """Will likely work soon: port busy, device still booting, no answer to the card query. Retry with back-off."""

    def __init__(self, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class LinkLost(LinkError):
    """Worked and is gone: unplugged, connection reset, device silent after re-initialising. Reopen with back-off."""


class LinkMisconfigured(LinkError):
    """A person must act: no such port type, wrong card in the slot. Reported once, retried only slowly."""


class LinkState(enum.StrEnum):
    """DTN2's words. A driver reports OPENING, OPEN and BUSY; the supervisor adds the others."""

    UNAVAILABLE = "unavailable"
    """Cannot be used: device missing, no card, failed to open."""
    AVAILABLE = "available"
    """Configured and believed usable, not open now."""
    OPENING = "opening"
    """Being opened and identified."""
    OPEN = "open"
    """Able to take a payload now or at ``not_before_s``."""
    BUSY = "busy"
    """Open but unable to take anything: no signal, inhibited, radio silence."""


class SendOutcome(enum.StrEnum):
    """What is known after one try. No answer is UNKNOWN, never a failure guessed."""

    ACCEPTED = "accepted"
    """The device says that it sent it (Beidou ``FKI Y``: the burst left). Nobody confirmed anything."""
    RELAYED = "relayed"
    """The network confirmed that it has it."""
    REFUSED = "refused"
    """Permanent for this payload on this link: over capacity, no permission. Do not retry here."""
    DEFERRED = "deferred"
    """Not now: slot not reached, no signal, busy. Nothing was sent; ``not_before_s`` says when to ask again."""
    UNKNOWN = "unknown"
    """Given to the device, no evidence either way: may have been sent, so a retry may duplicate."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """The outcome of one ``send`` with its evidence, in English log words (``FKI Y``, ``over capacity 700/628 bit``)."""

    outcome: SendOutcome
    detail: str = ""
    not_before_s: float | None = None
    """For DEFERRED: the loop time from which a retry makes sense."""


class PayloadKind(enum.StrEnum):
    """How a payload is to be understood."""

    TEXT = "text"
    """Human text; a plain handset shows it. ``Payload.text`` is set."""
    BYTES = "bytes"
    """Machine bytes; ``Payload.data`` is set."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What one transmission carries. Exactly one of ``text`` and ``data`` counts, as ``kind`` says."""

    kind: PayloadKind
    text: str = ""
    data: bytes = b""

    @classmethod
    def of_text(cls, text: str) -> Payload:
        """Return a payload of human text."""
        return cls(PayloadKind.TEXT, text=text)

    @classmethod
    def of_bytes(cls, data: bytes) -> Payload:
        """Return a payload of machine bytes."""
        assert len(data) <= PAYLOAD_BYTES_MAX, f"{len(data)} bytes, at most {PAYLOAD_BYTES_MAX}"
        return cls(PayloadKind.BYTES, data=data)


BROADCAST_PEER = "broadcast"
"""The link address that means every member of the link (Beidou 通播); links without one refuse it."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One thing to send: to a link address in the bearer's own form (Beidou: card number in digits, or BROADCAST_PEER)."""

    peer: str
    payload: Payload
    urgent: bool = False
    """FLASH traffic: bearers with an emergency class of their own may use it."""
    label: str = ""
    """The bundle id or what it is, for logs and ``explain``; never sent."""


class Addressed(enum.StrEnum):
    """Whom a heard payload was for. *Heard* is not *addressed to me*."""

    ME = "me"
    BROADCAST = "broadcast"
    OVERHEARD = "overheard"
    """Between others: a command terminal's copy of its subordinates' traffic."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A position that the device or network reported, in WGS-84/CGCS2000 degrees."""

    lat: float
    lon: float
    height_m: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """Something received. A position report without text has an empty text payload and a ``fix``."""

    peer: str
    """Sender's link address in the bearer's own form."""
    payload: Payload
    addressed: Addressed = Addressed.ME
    to_peer: str = ""
    """Receiver's link address where the wire gives one."""
    fix: Fix | None = None
    """Position of the *sender*, if the terminal reported it with this message."""
    urgent: bool = False
    sent_at: str = ""
    """``hh:mm`` or ``hh:mm:ss`` as the wire gives it; no date, zone unsure, never used as identity."""
    note: str = ""
    """What was odd but tolerated (``odd number of nibbles``), in English log words."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One beam or channel: ``level`` is 0 (nothing) to 4 (best); ``measure`` is the bearer's own words (``S2C 51 dBHz``)."""

    name: str
    level: int
    measure: str = ""


@dataclass(frozen=True, slots=True)
class LinkReport:
    """How a link is, whole, each time something about it changes. The supervisor shows it and the router reads it."""

    state: LinkState
    detail: str = ""
    """Why, for a technician: ``no card in slot``, ``radio silence``."""
    not_before_s: float = 0.0
    """Loop time from which the next payload can leave: the card's slot, a pass, a window."""
    slot_s: float | None = None
    """Least time from one payload's leaving to the next's; None while unknown, 0 where nothing limits it."""
    identity: Mapping[str, Any] = field(default_factory=dict)
    """What the device says of itself: ``card``, ``protocol``, ``level``, ``frequency_s``, ``broadcast`` …"""
    signals: tuple[Signal, ...] = ()
    text_bits_max: int | None = None
    """Capacity of one payload in the bearer's own counting of text; None while unknown."""
    data_bytes_max: int | None = None
    """Capacity of one payload of machine bytes; None while unknown."""
    position: Fix | None = None
    """Where the terminal itself is, if it says."""
    counters: Mapping[str, int] = field(default_factory=dict)
    """Rejects and resynchronisations by reason: ``bad checksum``, ``unknown sentence`` …"""


class LinkMemory(Protocol):
    """A few small values that survive restarts and power cuts, kept by the gateway for one link."""

    async def load(self, key: str) -> tuple[str, float] | None:
        """Return ``(value, age in seconds)``. The age is at least the time that has surely passed since ``save``."""

    async def save(self, key: str, value: str) -> None:
        """Return when the value is on disk."""


class LinkSink(Protocol):
    """Where a link reports to."""

    async def heard(self, heard: Heard) -> None:
        """Take something received; returns when the gateway has it on disk, so a link may wait before it reads on."""

    def report(self, report: LinkReport) -> None:
        """Take the link's condition; never blocks."""


@dataclass(frozen=True, slots=True)
class LinkInfo:
    """What is known of a link before it opens."""

    name: str
    bearer: str
    """The kind: ``beidou``, ``hf``, ``satcom``, ``cellular``, ``lora``, ``ip``."""
    driver: str
    where: str
    """The port or address as configured, for messages to a technician."""


class Link(Protocol):
    """One configured device or network able to carry payloads. Its constructor opens nothing."""

    @property
    def info(self) -> LinkInfo:
        """Return what does not change."""

    async def run(self, sink: LinkSink) -> None:
        """Open, identify, serve until cancelled. Raise LinkError when it cannot go on; every other error is a bug.

        Called again after a LinkError. Must leave nothing open when it ends, cancelled or not.
        """

    async def send(self, outgoing: Outgoing) -> SendResult:
        """Make one try and tell what is known. Called one at a time, only while ``run`` is serving.

        Never raises for what the device or sky does: a link that is not open answers DEFERRED, one that loses its
        device half-way answers UNKNOWN. Cancelling it leaves the device usable.
        """

    def bits_of(self, payload: Payload) -> int | None:
        """Return how many bits of ``text_bits_max`` (text) or of 8 × ``data_bytes_max`` this takes, whoever it is for.

        None only while unknown (the link is not open) or when it has no form on this link.
        """


@dataclass(frozen=True, slots=True)
class LinkContext:
    """What the gateway gives a driver to make a link with."""

    name: str
    memory: LinkMemory
    rng: random.Random


class Driver(Protocol):
    """What an entry point of the group ``yizhan.drivers`` names."""

    name: str

    def check(self, table: Mapping[str, Any]) -> Any:
        """Check the driver's own part of a ``[links.<name>]`` table and return its settings.

        Raise pydantic.ValidationError; its places are shown under ``links.<name>``.
        """

    def make(self, settings: Any, context: LinkContext) -> Link:
        """Make a link; opens nothing."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a driver found on a port: an empty ``identity`` means nothing it knows, and ``problem`` then says why."""

    identity: Mapping[str, Any]
    problem: str = ""


class ProbingDriver(Driver, Protocol):
    """A driver that can look at a port for ``yizhan port scan``. It asks, it never transmits."""

    async def probe(self, port: str) -> Probed:
        """Return what is on ``port``; never raise for what the port or device does."""
