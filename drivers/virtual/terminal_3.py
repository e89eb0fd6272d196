"""A simulated Beidou-3 terminal, ordinary or command (reference/beidou.md section 5).

PWI comes every second from power-up, as the modules do. A position report is shown as BDWAA: what a Beidou-3 module
shows is not public. Not answered: CCICR types 1 to 3; TCQ is sent once whatever its repetition; the confirmation of
the uplink and global messages (GSMC) are not simulated.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from drivers.virtual.terminal import SimulatedTerminal
from drivers.virtual.terminal_21 import gga, waa
from protocols.beidou.bd3 import BDFKI3, BDICP, BDPWI, BDTCI, CCICR, CCTCQ, Bd3Beam
from protocols.beidou.bd21_host import CCJMS, CCRMO
from protocols.beidou.capacity import Generation
from protocols.beidou.errors import FrameError
from protocols.beidou.neutral import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.virtual.sky import Arrival, ReceiptList
    from protocols.beidou.frame40 import Frame40
    from protocols.beidou.sentence import Sentence

PWI_PERIOD_S = 1.0
FREQUENCY_POINT = 2
"""Lf1, which every public project uses (5.3)."""
S2C_DBHZ = {1: 36.0, 2: 40.0, 3: 44.0, 4: 51.0}
"""Signal of the data channel for the sky's levels; above 40 is usable [TDDOC]."""
PILOT_BELOW_DB = 7.0
"""The pilot is as much weaker in every capture."""
REASONS = {
    Answer.SENT: 0,
    Answer.EARLY: 1,
    Answer.INHIBITED: 2,
    Answer.SILENT: 3,
    Answer.NO_LOCK: 4,
    Answer.NO_CARD: 5,
    Answer.FAILED: 6,
}
"""FKI reasons (5.5); over capacity is taken for lack of permission, no source names it."""


class Terminal3(SimulatedTerminal):
    """``protocol="bd-3"``."""

    PROTOCOL: ClassVar[str] = "bd-3"
    GENERATION: ClassVar[Generation] = Generation.BD3
    LEVEL: ClassVar[int] = 2

    @staticmethod
    def service_frequency(frequency_s: float) -> float:
        """Return whole seconds, as every ICP seen has."""
        return float(max(1, math.ceil(frequency_s)))

    def _begin_outputs(self) -> None:
        self.output("PWI", PWI_PERIOD_S, self._beams)

    def obey(self, command: Sentence | Frame40) -> None:
        """Answer what a Beidou-3 host asks; RMO and JMS are shared with 2.1."""
        match command:
            case CCICR(cmd_type=0):
                self.say(self._card_information().to_wire())
            case CCTCQ():
                self.attempt_message("TCQ", int(command.receiver), command.payload, urgent=False)
            case CCRMO():
                self._switch_output(command)
            case CCJMS():
                self.silent = command.state == "E"
            case _:
                self.counters["not simulated"] += 1

    def _card_information(self) -> BDICP:
        if not self.has_card:
            return BDICP(0, 0, freq_s=0, level_raw=0)
        return BDICP(
            card=self.card,
            broadcast=self.broadcast,
            user_id_type=0 if self.commands else 3,
            freq_s=int(self.frequency_s),
            level_raw=self.level % 5,
            subordinates=len(self.subordinates),
        )

    def _switch_output(self, command: CCRMO) -> None:
        makers: dict[str, Callable[[], bytes]] = {"PWI": self._beams, "GGA": self._gga}
        if command.mode == 1:
            self.stop_output(command.target)
        elif command.mode == 2 and command.target in makers:
            self.output(command.target, float(command.freq_s or 0), makers[command.target])
        elif command.mode == 3:
            self.stop_output()
        elif command.mode == 4:
            for target, make in makers.items():
                self.output(target, float(command.freq_s or 0), make)

    # -- what it says

    def _beams(self) -> bytes:
        """Return PWI (5.6); without signal there is no time either."""
        now = self.sky.utc()
        beams = tuple(
            Bd3Beam(beam + 1, S2C_DBHZ[power], S2C_DBHZ[power] - PILOT_BELOW_DB, 0)
            for beam, power in enumerate(self.beams())
            if power
        )
        clock = f"{now:%H:%M:%S}.{now.microsecond // 10_000:02d}" if beams else "00:00:00.00"
        return BDPWI(clock, ((), beams)).to_wire()

    def _gga(self) -> bytes:
        return gga(self.position, self.sky.utc())

    def feedback_wire(self, command: str, answer: Answer, wait_s: int) -> bytes:
        """FKI of Beidou-3 (5.5): on success the remaining time is 0 in every capture."""
        return BDFKI3(
            time=f"{self.sky.utc():%H:%M:%S}",
            cmd=command,
            executed=answer is Answer.SENT,
            reason=REASONS[answer],
            wait_s=wait_s if answer is Answer.EARLY else 0,
        ).to_wire()

    def arrival_wires(self, arrival: Arrival) -> list[bytes]:
        """TCI names sender and receiver (5.4); stored messages look like others."""
        wires = []
        if arrival.payload is not None:
            wires.append(
                BDTCI.of(
                    arrival.sender,
                    arrival.receiver,
                    arrival.payload,
                    time=f"{arrival.utc:%H:%M:%S}",
                    freq_point=FREQUENCY_POINT,
                ).to_wire()
            )
        if arrival.fix is not None:
            wires.append(waa(arrival).to_wire())
        return wires

    def receipt_wires(self, receipts: ReceiptList) -> list[bytes]:
        """Beidou-3 has no public form for them."""
        raise FrameError("unknown sentence", f"no receipt list of card {receipts.receiver} in bd-3")
