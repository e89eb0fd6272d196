"""What a host asks of a Beidou terminal, the same for all three protocols; the driver has no branches of its own.

Self-destruct commands do not exist here, and nothing here transmits except :meth:`Dialect.message`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Protocol

from protocols.beidou.bd3 import CCICR, CCTCQ
from protocols.beidou.bd21_host import CCICA, CCRMO, CCTXA
from protocols.beidou.bd40_host import GNPS, ICJC, TXSQ, XTZJ
from protocols.beidou.capacity import (
    BD3_GLOBAL_BITS,
    BD3_LEVEL_BITS,
    Generation,
    capacity_bits,
    check_capacity,
    payload_bits,
)
from protocols.beidou.errors import FrameError
from protocols.beidou.payload import Encoding, Payload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protocols.beidou.neutral import CardInfo, Feedback

GLOBAL_FREQUENCY_POINT = 5
"""Lf4 carries global messages (GSMC), which are shorter (5.2)."""


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """What a terminal cannot be asked: UNCONFIRMED points of the reference that a site may know better."""

    frequency_point: int = 2
    """BDS-3 uplink frequency point (5.2, 5.3); 2 = Lf1 in every published program."""
    level_bits: Mapping[int, int] = field(default_factory=dict)
    """BDS-3 bits per message by level, over the safe figures."""


class Dialect(Protocol):
    """Requests in one protocol. Every method returns bytes for the wire."""

    protocol: ClassVar[str]
    generation: ClassVar[Generation]
    message_command: ClassVar[str]
    """The name by which feedback refers to a message."""

    def card_query(self) -> bytes:
        """Ask for the card; answered by CardInfo. Works before anything is known and never transmits."""

    def status_start(self, card: int, period_s: int) -> bytes:
        """Ask for signal reports (and self-check, where it holds the signal) every ``period_s``; answered by Status."""

    def position_start(self, card: int, period_s: int) -> bytes:
        """Ask for the terminal's own GNSS position every ``period_s``; answered by OwnPosition, or not at all."""

    def subordinates_query(self, card: int, frame: int) -> bytes:
        """Ask a command terminal for part ``frame`` (from 1) of its subordinates; answered by Subordinates."""

    def capacity_bits(self, card: CardInfo, *, urgent: bool = False) -> int:
        """Return the bits one message of this card may have; raise FrameError for a level that is none."""

    def message(self, card: CardInfo, to: int, payload: Payload, *, urgent: bool) -> bytes:
        """Transmit ``payload`` to a card or broadcast address; raise FrameError for what does not fit or cannot be said.

        Urgent messages are much shorter; one that fits only as a normal message is sent as a normal message.
        """


def choose_payload(dialect: Dialect, card: CardInfo, text: str) -> Payload:
    """Code a text in the way that shows it unchanged, and if that is too long, in the way that spends fewest bits.

    Chinese alone is sent as 汉字, everything else as mixed. In BD-2 汉字 counts 14 bits a character and 7 an ASCII letter
    where mixed counts 16 and 8, so a long mixed text may fit as 汉字; not with ``,`` and ``*``, which would be changed.
    """
    payload = Payload.of_text(text)
    if payload_bits(payload, dialect.generation) <= dialect.capacity_bits(card):
        return payload
    if payload.encoding is Encoding.HANZI or "," in text or "*" in text:
        return payload
    try:
        shorter = Payload.of_text(text, Encoding.HANZI)
    except FrameError:
        return payload  # a new line cannot be said in 汉字
    return min(payload, shorter, key=lambda candidate: payload_bits(candidate, dialect.generation))


def answers_message(dialect: Dialect, feedback: Feedback) -> bool:
    """Tell whether a feedback is about a message; 4.0 often does not say what it is about."""
    return feedback.command in ("", dialect.message_command)


def _category(dialect: Dialect, card: CardInfo, payload: Payload, *, urgent: bool) -> bool:
    """Return whether to send as urgent, after checking the capacity."""
    bits = payload_bits(payload, dialect.generation)
    if urgent and bits <= dialect.capacity_bits(card, urgent=True):
        return True
    check_capacity(payload, dialect.generation, dialect.capacity_bits(card))
    return False


@dataclass(frozen=True, slots=True)
class Dialect21:
    """Protocol 2.1 (section 2)."""

    protocol: ClassVar[str] = "bd-2.1"
    generation: ClassVar[Generation] = Generation.BD2
    message_command: ClassVar[str] = "TXA"

    def card_query(self) -> bytes:
        """CCICA type 0."""
        return CCICA(cmd_type=0, frame_no=0).to_wire()

    def status_start(self, card: int, period_s: int) -> bytes:
        """CCRMO for BSI."""
        del card
        return CCRMO(target="BSI", mode=2, freq_s=period_s).to_wire()

    def position_start(self, card: int, period_s: int) -> bytes:
        """CCRMO for GGA."""
        del card
        return CCRMO(target="GGA", mode=2, freq_s=period_s).to_wire()

    def subordinates_query(self, card: int, frame: int) -> bytes:
        """CCICA type 1; the frame counts from 0."""
        del card
        return CCICA(cmd_type=1, frame_no=frame - 1).to_wire()

    def capacity_bits(self, card: CardInfo, *, urgent: bool = False) -> int:
        """Table of 2.3."""
        return capacity_bits(self.generation, card.level, encrypted=card.encrypted, urgent=urgent)

    def message(self, card: CardInfo, to: int, payload: Payload, *, urgent: bool) -> bytes:
        """CCTXA."""
        return CCTXA.of(to, payload, urgent=_category(self, card, payload, urgent=urgent)).to_wire()


@dataclass(frozen=True, slots=True)
class Dialect40:
    """Protocol 4.0 (section 3). The address in the envelope is our own card."""

    protocol: ClassVar[str] = "bd-4.0"
    generation: ClassVar[Generation] = Generation.BD2
    message_command: ClassVar[str] = "TXSQ"

    def card_query(self) -> bytes:
        """ICJC frame 0 with address 0."""
        return ICJC(addr=0, frame_no=0).to_wire()

    def status_start(self, card: int, period_s: int) -> bytes:
        """XTZJ: the self-check holds the beams, and GLJC's unit of time is UNCONFIRMED."""
        return XTZJ(addr=card, freq_s=period_s).to_wire()

    def position_start(self, card: int, period_s: int) -> bytes:
        """GNPS."""
        return GNPS(addr=card, freq_s=period_s).to_wire()

    def subordinates_query(self, card: int, frame: int) -> bytes:
        """ICJC frame n."""
        return ICJC(addr=card, frame_no=frame).to_wire()

    def capacity_bits(self, card: CardInfo, *, urgent: bool = False) -> int:
        """Table of 2.3."""
        return capacity_bits(self.generation, card.level, encrypted=card.encrypted, urgent=urgent)

    def message(self, card: CardInfo, to: int, payload: Payload, *, urgent: bool) -> bytes:
        """TXSQ."""
        return TXSQ.of(card.card, to, payload, urgent=_category(self, card, payload, urgent=urgent)).to_wire()


@dataclass(frozen=True, slots=True)
class Dialect3:
    """Protocol of Beidou-3 terminals (section 5). There is no urgent category."""

    protocol: ClassVar[str] = "bd-3"
    generation: ClassVar[Generation] = Generation.BD3
    message_command: ClassVar[str] = "TCQ"
    options: SiteOptions = field(default_factory=SiteOptions)

    def card_query(self) -> bytes:
        """CCICR type 0."""
        return CCICR(cmd_type=0, frame="00").to_wire()

    def status_start(self, card: int, period_s: int) -> bytes:
        """CCRMO for PWI (5.6)."""
        del card
        return CCRMO(target="PWI", mode=2, freq_s=period_s).to_wire()

    def position_start(self, card: int, period_s: int) -> bytes:
        """CCRMO for GGA."""
        del card
        return CCRMO(target="GGA", mode=2, freq_s=period_s).to_wire()

    def subordinates_query(self, card: int, frame: int) -> bytes:
        """CCICR type 2; the frame counts from 0. The answer is not published: what comes is counted as unknown."""
        del card
        return CCICR(cmd_type=2, frame=f"{frame - 1:02d}").to_wire()

    def capacity_bits(self, card: CardInfo, *, urgent: bool = False) -> int:
        """Table of 5.2, with the site's own figures, and the global message's length on its frequency point."""
        del urgent
        bits = capacity_bits(self.generation, card.level, bd3_table={**BD3_LEVEL_BITS, **self.options.level_bits})
        return min(bits, BD3_GLOBAL_BITS) if self.options.frequency_point == GLOBAL_FREQUENCY_POINT else bits

    def message(self, card: CardInfo, to: int, payload: Payload, *, urgent: bool) -> bytes:
        """CCTCQ, once, without confirmation by the centre: how that would show is UNCONFIRMED (5.7)."""
        del urgent
        check_capacity(payload, self.generation, self.capacity_bits(card))
        return CCTCQ.of(to, payload, freq_point=self.options.frequency_point).to_wire()


PROTOCOLS = (Dialect21.protocol, Dialect40.protocol, Dialect3.protocol)

DIALECTS: Mapping[str, Dialect] = MappingProxyType({d.protocol: d for d in (Dialect21(), Dialect40(), Dialect3())})
"""The dialects with the site options at their defaults."""


def dialect_of(protocol: str, options: SiteOptions) -> Dialect:
    """Return the dialect of a protocol by its name in code, with the site's options."""
    return Dialect3(options) if protocol == Dialect3.protocol else DIALECTS[protocol]
