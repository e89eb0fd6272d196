"""A simulated terminal of protocol 4.0, ordinary or command (reference/beidou.md section 3).

Where the sources disagree it behaves as [LYS] has it: wait of flag 4 in the last byte, GLJC period in seconds,
inbound state 2 for normal with bit 0 for inhibited and bit 1 for not silent. Not answered: CKSC, BSSZ, GXDQ, GXZX,
GNVS, GNTS.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from drivers.virtual.sky import Arrival, ReceiptList, Way
from drivers.virtual.terminal import SimulatedTerminal
from protocols.beidou.bd40_host import BBDQ, DWSQ, GLJC, GNPS, ICJC, JMSZ, JSZL, SJSC, TXSQ, XTZJ, TXSQQuery
from protocols.beidou.bd40_terminal import (
    BBXX,
    DWXX,
    FKXX,
    GLZK,
    GNPX,
    ICXX,
    SJXX,
    TXHZ,
    TXXX,
    ZJXX,
    ICXXList,
    Receipt40,
)
from protocols.beidou.capacity import Generation
from protocols.beidou.neutral import Answer

if TYPE_CHECKING:
    from protocols.beidou.frame40 import Frame40
    from protocols.beidou.sentence import Sentence

SUBORDINATES_A_FRAME = 40
"""As in 2.1; no source says how many one ICXX holds."""
BEAMS_SHOWN = 6
WAIT_S_MAX = 255
STOP_ALL = "UUU"
"""JSZL with 55 55 55."""
FLAGS = {
    Answer.SENT: 0,
    Answer.FAILED: 1,
    Answer.NO_CARD: 1,
    Answer.NO_LOCK: 2,
    Answer.EARLY: 4,
    Answer.INHIBITED: 7,
    Answer.SILENT: 8,
}
"""FKXX flags (3.6); without a card there is no better one than failed."""


class Terminal40(SimulatedTerminal):
    """``protocol="bd-4.0"``."""

    PROTOCOL: ClassVar[str] = "bd-4.0"
    GENERATION: ClassVar[Generation] = Generation.BD2

    @staticmethod
    def service_frequency(frequency_s: float) -> float:
        """Return whole seconds, which is all that ICXX can say."""
        return float(max(1, math.ceil(frequency_s)))

    def obey(self, command: Sentence | Frame40) -> None:
        """Answer what a 4.0 host asks."""
        match command:
            case ICJC(frame_no=0):
                self.say(self._card_information().to_wire())
            case ICJC():
                self._list_subordinates(command.frame_no)
            case XTZJ() | GLJC() | SJSC() | GNPS() | JSZL():
                self._switch_output(command)
            case BBDQ():
                self.say(BBXX(self._own, "SIMULATED-4.0").to_wire())
            case JMSZ():
                self.silent = command.state == 0
            case TXSQ():
                urgent = command.info & 0x0C == 0
                self.attempt_message("TXSQ", command.to, command.payload, urgent=urgent)
            case TXSQQuery():
                self._query(command)
            case DWSQ():
                self.attempt_fix("DWSQ")
            case _:
                self.counters["not simulated"] += 1

    def _switch_output(self, command: XTZJ | GLJC | SJSC | GNPS | JSZL) -> None:
        """Start an output, once for a period of 0, or stop one or all (3.2)."""
        match command:
            case XTZJ():
                self.output("XTZJ", command.freq_s, self._self_check)
            case GLJC():
                self.output("GLJC", command.freq, self._beam_power)
            case SJSC():
                self.output("SJSC", command.freq_s, self._time)
            case GNPS():
                self.output("GNPS", command.freq_s, self._position)
            case JSZL():
                self.stop_output(None if command.command == STOP_ALL else command.command)

    @property
    def _own(self) -> int:
        return self.card if self.has_card else 0

    def _card_information(self) -> ICXX:
        if not self.has_card:
            return ICXX(0, 0, 0, 0, 0, 0, 0, 0)
        return ICXX(
            addr=self.card,
            frame_no=0,
            broadcast=self.broadcast,
            user_type=0 if self.commands else 3,
            freq_s=int(self.frequency_s),
            level=self.level,
            encryption=int(self.encrypted),
            subordinates=len(self.subordinates),
        )

    def _list_subordinates(self, frame_no: int) -> None:
        start = (frame_no - 1) * SUBORDINATES_A_FRAME
        part = tuple(self.subordinates)[start : start + SUBORDINATES_A_FRAME]
        self.say(ICXXList(self._own, frame_no, part).to_wire())

    def _query(self, command: TXSQQuery) -> None:
        """Ask the centre (3.4): bit 4 message, bits 3-2 method; each costs a slot."""
        message, method = bool(command.info & 0x10), command.info >> 2 & 3
        if not message:
            self.attempt("TXSQ", lambda: self.sky.query_position(self.card, command.to))
        elif method == 0:
            self.attempt("TXSQ", lambda: self.sky.query_messages(self.card))
        elif method == 1:
            self.attempt("TXSQ", lambda: self.sky.query_messages(self.card, command.to))
        else:
            self.attempt("TXSQ", lambda: self.sky.query_receipts(self.card, command.to))

    # -- what it says

    def _six_beams(self) -> tuple[int, ...]:
        """Fold the sky's ten beams onto six, so that a card sees its best ones."""
        power = self.beams()
        return tuple(max(power[beam::BEAMS_SHOWN]) for beam in range(BEAMS_SHOWN))

    def _self_check(self) -> bytes:
        inbound = int(self.inhibited) | (0 if self.silent else 2)
        return ZJXX(self._own, 1 if self.has_card else 0, 0, 100, inbound, self._six_beams()).to_wire()

    def _beam_power(self) -> bytes:
        return GLZK(self._own, self._six_beams()).to_wire()

    def _time(self) -> bytes:
        now = self.sky.utc()
        return SJXX(self._own, now.year, now.month, now.day, now.hour, now.minute, now.second).to_wire()

    def _position(self) -> bytes:
        fix = self.position
        lon, lat, height_m = (fix.lon, fix.lat, round(fix.height_m or 0)) if fix else (0.0, 0.0, 0)
        return GNPX(self._own, lon, lat, height_m, 0, 0, 9 if fix else 0, int(fix is not None), 0.9, 0).to_wire()

    def feedback_wire(self, command: str, answer: Answer, wait_s: int) -> bytes:
        """FKXX (3.6)."""
        extra = command.encode("ascii")
        if answer is Answer.EARLY:
            extra = bytes((0, 0, 0, min(wait_s, WAIT_S_MAX)))
        return FKXX(self._own, FLAGS[answer], extra).to_wire()

    def arrival_wires(self, arrival: Arrival) -> list[bytes]:
        """TXXX with the receiver as its user address, so that a copy is told by it (4.2); DWXX for positions."""
        wires = []
        if arrival.payload is not None:
            stored = arrival.way in {Way.LATEST, Way.BY_SENDER}
            wires.append(
                TXXX.of(
                    arrival.receiver,
                    arrival.sender,
                    arrival.payload,
                    hour=arrival.utc.hour if stored else 0,
                    minute=arrival.utc.minute if stored else 0,
                    query_result=stored,
                ).to_wire()
            )
        if arrival.fix is not None:
            fix, clock = arrival.fix, f"{arrival.utc:%H:%M:%S}.{arrival.utc.microsecond // 10_000:02d}"
            info = 0x20 if arrival.way is Way.POSITION else 0
            wires.append(
                DWXX(
                    addr=arrival.receiver,
                    info=info,
                    target=arrival.sender,
                    utc=clock,
                    lon=fix.lon,
                    lat=fix.lat,
                    height_m=round(fix.height_m or 0),
                    anomaly_m=0,
                ).to_wire()
            )
        return wires

    def receipt_wires(self, receipts: ReceiptList) -> list[bytes]:
        """TXHZ (3.6)."""
        pairs = tuple(
            Receipt40(sent.hour, sent.minute, received.hour, received.minute) for sent, received in receipts.pairs
        )
        return [TXHZ(self._own, receipts.receiver, pairs).to_wire()]
