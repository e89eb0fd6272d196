"""What a Beidou terminal says, in words that no protocol owns: the driver knows these and nothing of 2.1, 4.0 or BDS-3.

:mod:`protocols.beidou.classify` makes them from sentences and frames, :mod:`protocols.beidou.dialect` makes requests.
Cards are whole numbers; 0 is no card.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

USABLE_LEVEL = 1
"""A beam of this level or above carries traffic (2.8); BDS-3 signal measures are mapped so that the same holds."""

COMMAND_USER_TYPES = frozenset({0, 4})
"""User types of command terminals (指挥型), plain and with authentication (2.2)."""


@dataclass(frozen=True, slots=True)
class CardInfo:
    """The card in the slot, as BDICI, ICXX frame 0 or BDICP tell it."""

    protocol: str
    card: int
    broadcast: int
    """Broadcast address (通播地址): an ordinary terminal hears it, a command terminal sends with it; 0 is none."""
    command: bool
    """Whether this is a command terminal (指挥机)."""
    frequency_s: float
    """Service frequency (服务频度): seconds between two bursts; 0 when the card does not say."""
    level: int
    encrypted: bool
    subordinates: int


class Answer(enum.StrEnum):
    """What a terminal says of a command, FKI and FKXX in one (2.6, 3.6, 5.5). The words go to logs."""

    SENT = "sent"
    """The burst left. Nobody confirmed that it arrived."""
    EARLY = "frequency not reached"
    INHIBITED = "inhibited by the system"
    SILENT = "radio silence"
    NO_LOCK = "signal not locked"
    LOW_BATTERY = "low battery"
    NO_CARD = "card not detected"
    NO_PERMISSION = "no permission"
    CRYPTO = "encryption error"
    DAMAGED = "checksum error"
    """The terminal did not get our command whole."""
    FAILED = "failed, no reason given"


@dataclass(frozen=True, slots=True)
class Feedback:
    """The answer to a command. ``command`` is the name as echoed (``TXA``, ``TXSQ``, ``TCQ``); empty where 4.0 gives none."""

    command: str
    answer: Answer
    wait_s: float | None
    """Remaining wait as reported; three of the four encodings are guesses, so never beyond the card's own frequency."""
    detail: str
    """The evidence for logs: ``FKI TXA N wait 40 s``."""


@dataclass(frozen=True, slots=True)
class Beam:
    """One beam: ``level`` 0 (nothing) to 4, and the protocol's own measure where it has one."""

    name: str
    level: int
    measure: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """Signal and self-check (BDBSI, GLZK, ZJXX, BDPWI). Sent periodically once asked for, so also the sign of life."""

    beams: tuple[Beam, ...]
    barrier: str | None = None
    """Why it will not transmit, in log words; empty when nothing is in the way, None when this sentence does not tell."""

    @property
    def usable(self) -> bool:
        """Tell whether at least one beam carries traffic."""
        return any(beam.level >= USABLE_LEVEL for beam in self.beams)


@dataclass(frozen=True, slots=True)
class GeoFix:
    """A position in CGCS2000 degrees."""

    lat: float
    lon: float
    height_m: float | None = None


@dataclass(frozen=True, slots=True)
class HeardMessage:
    """A message, or a copy of one between others. Exactly one of ``text`` and ``data`` is set, or neither beside a fix."""

    sender: int
    receiver: int | None
    """Whom it is for; None where the protocol does not say, which means us."""
    broadcast: bool
    """Whether the protocol marks it as a broadcast."""
    text: str | None
    data: bytes | None
    fix: GeoFix | None = None
    urgent: bool = False
    sent_at: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeardPosition:
    """A position report, or the answer to a position query. ``receiver`` as in HeardMessage."""

    card: int
    receiver: int | None
    fix: GeoFix
    sent_at: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class OwnPosition:
    """Where the terminal itself is: its GNSS, or an RDSS fix it asked for."""

    fix: GeoFix


@dataclass(frozen=True, slots=True)
class Subordinates:
    """A part of the list of subordinate users (下属用户). ``total`` over all parts, where given; ``frame`` in 4.0."""

    cards: tuple[int, ...]
    total: int | None = None
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Odd:
    """Bytes that were no good (``bad checksum``) or a sentence we do not know: to be counted under ``reason``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Other:
    """A good sentence the driver has no use for: timing, versions, receipts."""

    kind: str


Neutral: TypeAlias = (
    CardInfo | Feedback | Status | HeardMessage | HeardPosition | OwnPosition | Subordinates | Odd | Other
)
