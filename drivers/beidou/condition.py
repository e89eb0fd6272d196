"""How the terminal is, gathered from what it says, and what that means for the link's report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.link import Fix, LinkReport, LinkState, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protocols.beidou.neutral import CardInfo, Status


def identity_of(card: CardInfo, baud: int) -> dict[str, Any]:
    """Return what the card query tells, as shown to people and systems; card ``0`` is an empty slot."""
    return {
        "card": str(card.card),
        "protocol": card.protocol,
        "baud": baud,
        "level": card.level,
        "frequency_s": card.frequency_s,
        "encrypted": card.encrypted,
        "broadcast": str(card.broadcast),
        "command": card.command,
    }


@dataclass(slots=True)
class Condition:
    """Everything known of one opening of the port. Times are loop seconds."""

    silent: bool
    """Whether the configuration forbids transmitting."""
    opening: str
    """What is being done to open, while it is; empty afterwards."""
    card: CardInfo | None = None
    baud: int = 0
    status: Status | None = None
    blind: bool = False
    """The terminal answers but never reports its signal: sending is tried all the same."""
    position: Fix | None = None
    listed: set[int] = field(default_factory=set)
    """Subordinate cards the terminal has listed."""
    _held_for: str = ""
    _held_until_s: float = 0.0
    _barrier: str = ""

    @property
    def has_card(self) -> bool:
        """Tell whether a card has been read that can be used."""
        return self.card is not None and self.card.card != 0

    def hold(self, reason: str, until_s: float) -> None:
        """Take it that nothing can be sent before ``until_s``: the terminal has just refused for ``reason``."""
        self._held_for = reason
        self._held_until_s = until_s

    def take_status(self, status: Status) -> None:
        """Take a new signal report; a signal ends a hold for the lack of one at its own time, not here."""
        self.status = status
        self.blind = False
        if status.barrier is not None:
            self._barrier = status.barrier

    def state(self, now_s: float) -> tuple[LinkState, str]:
        """Return the state and, unless all is well, why, for a technician."""
        if self.opening:
            return LinkState.OPENING, self.opening
        for obstacle in self._obstacles(now_s):
            return LinkState.BUSY, obstacle
        if self.status is None and not self.blind:
            return LinkState.OPENING, "waiting for the first signal report"
        return LinkState.OPEN, "the terminal does not report its signal" if self.blind else ""

    def _obstacles(self, now_s: float) -> Iterator[str]:
        """Yield what stands in the way of sending, the weightiest first."""
        assert self.card is not None, "open without a card read"
        if self.card.card == 0:
            yield "no card in slot; switch off, put the card in, switch on"
        if self.silent:
            yield "silent by configuration (silent = true): listening only"
        if now_s < self._held_until_s:
            yield self._held_for
        if self._barrier:
            yield self._barrier
        if self.status is not None and not self.status.usable:
            yield "no signal on any beam; check antenna and view of the southern sky"

    def identity(self) -> dict[str, Any]:
        """Return what the terminal says of itself."""
        if self.card is None:
            return {}
        identity = identity_of(self.card, self.baud)
        if self.card.command:
            identity["subordinates"] = max(self.card.subordinates, len(self.listed))
        return identity

    def report(
        self,
        now_s: float,
        *,
        not_before_s: float,
        text_bits_max: int | None,
        data_bytes_max: int | None,
        counters: dict[str, int],
    ) -> LinkReport:
        """Return the whole report."""
        state, detail = self.state(now_s)
        beams = () if self.status is None else self.status.beams
        return LinkReport(
            state=state,
            detail=detail,
            not_before_s=not_before_s,
            slot_s=self.card.frequency_s if self.card is not None and self.card.frequency_s else None,
            identity=self.identity(),
            signals=tuple(Signal(beam.name, beam.level, beam.measure) for beam in beams),
            text_bits_max=text_bits_max,
            data_bytes_max=data_bytes_max,
            position=self.position,
            counters=counters,
        )
