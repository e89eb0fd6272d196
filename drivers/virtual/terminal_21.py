"""A simulated terminal of protocol 2.1, ordinary or command (reference/beidou.md sections 2 and 4).

Not answered: CCWBA, CCKLS, CCGXM, CCLZM, CCDSA, CCBSS. Only commands that transmit are answered with FKI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from drivers.virtual.sky import Arrival, Burst, ReceiptList, Way
from drivers.virtual.terminal import SimulatedTerminal
from gateway.link import Fix
from protocols.beidou.bd21_binary import BDXSD, BDXST
from protocols.beidou.bd21_host import CCCXA, CCDWA, CCICA, CCJMS, CCRMO, CCTXA, CCWAA
from protocols.beidou.bd21_terminal import (
    BDBSI,
    BDDWR,
    BDFKI21,
    BDHZR,
    BDICI,
    BDICZ,
    BDTXR,
    BDWAA,
    BDZDA,
    Receipt,
)
from protocols.beidou.capacity import Generation
from protocols.beidou.neutral import Answer
from protocols.beidou.sentence import wrap

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from protocols.beidou.frame40 import Frame40
    from protocols.beidou.sentence import Sentence

SUBORDINATES_A_SENTENCE = 40
"""BDICZ holds at most so many; every sentence but the last is full (2.12)."""
WAIT_S_MAX = 5999
"""Longest wait that mmss can say (2.6)."""
INHIBIT = {Answer.INHIBITED: 1, Answer.SILENT: 3, Answer.NO_LOCK: 4, Answer.NO_CARD: 5}
"""Field 4 of FKI; other refusals give 0 and no reason (2.6)."""


class Terminal21(SimulatedTerminal):
    """``protocol="bd-2.1"``."""

    PROTOCOL: ClassVar[str] = "bd-2.1"
    GENERATION: ClassVar[Generation] = Generation.BD2

    def obey(self, command: Sentence | Frame40) -> None:
        """Answer what a 2.1 host asks."""
        match command:
            case CCICA(cmd_type=0):
                self.say(self._card_information().to_wire())
            case CCICA(cmd_type=1):
                self._list_subordinates()
            case CCRMO():
                self._switch_output(command)
            case CCTXA():
                self.attempt_message("TXA", int(command.to), command.payload, urgent=command.category == 0)
            case CCDWA():
                self.attempt_fix("DWA")
            case CCWAA(report_type=1) if command.lat is not None and command.lon is not None:
                fix = Fix(command.lat, command.lon, command.height_m)
                burst = Burst(self.card, int(command.addr), fix=fix)
                self.attempt("WAA", lambda: self.sky.transmit(burst))
            case CCCXA():
                self._query(command)
            case CCJMS():
                self.silent = command.state == "E"
            case _:
                self.counters["not simulated"] += 1

    def _card_information(self) -> BDICI:
        if not self.has_card:
            return BDICI(0, "0", 0, 0, 0, 0, encrypted=False, subordinates=0)
        whole = float(self.frequency_s).is_integer()
        return BDICI(
            card=self.card,
            serial=f"{self.card:08d}",
            broadcast=self.broadcast,
            user_type=0 if self.commands else 3,
            freq_s=int(self.frequency_s) if whole else self.frequency_s,
            level=self.level,
            encrypted=self.encrypted,
            subordinates=len(self.subordinates),
        )

    def _list_subordinates(self) -> None:
        cards = tuple(self.subordinates)
        for start in range(0, max(1, len(cards)), SUBORDINATES_A_SENTENCE):
            part = cards[start : start + SUBORDINATES_A_SENTENCE]
            self.say(BDICZ(len(cards), part).to_wire())

    def _switch_output(self, command: CCRMO) -> None:
        """RMO (2.7): 1 stop target, 2 start target, 3 stop all, 4 start all."""
        makers: dict[str, Callable[[], bytes]] = {"BSI": self._beam_power, "ZDA": self._time, "GGA": self._gga}
        period_s = float(command.freq_s or 0)
        if command.mode == 1:
            self.stop_output(command.target)
        elif command.mode == 2 and command.target in makers:
            self.output(command.target, period_s, makers[command.target])
        elif command.mode == 3:
            self.stop_output()
        elif command.mode == 4:
            for target, make in makers.items():
                self.output(target, period_s, make)

    def _query(self, command: CCCXA) -> None:
        """CXA (2.11): each query costs a slot."""
        about = int(command.addr or 0)
        match command.query_type, command.method:
            case 0, _:
                self.attempt("CXA", lambda: self.sky.query_position(self.card, about))
            case 1, 1:
                self.attempt("CXA", lambda: self.sky.query_messages(self.card))
            case 1, 2:
                self.attempt("CXA", lambda: self.sky.query_messages(self.card, about))
            case 1, 3:
                self.attempt("CXA", lambda: self.sky.query_receipts(self.card, about))
            case _:
                self.counters["not simulated"] += 1

    # -- what it says

    def _beam_power(self) -> bytes:
        power = self.beams()
        order = sorted((beam for beam in range(len(power)) if power[beam]), key=lambda beam: -power[beam])
        first, second = ([beam + 1 for beam in order] + [0, 0])[:2]
        return BDBSI(first, second, power).to_wire()

    def _time(self) -> bytes:
        now = self.sky.utc()
        return BDZDA(
            mode=1,
            utc=_clock(now),
            day=now.day,
            month=now.month,
            year=now.year,
            tz_hours=8,
            tz_minutes=0,
            correction="",
            correction_ns=None,
            precision=0,
            locked=max(self.beams()) > 0,
        ).to_wire()

    def _gga(self) -> bytes:
        return gga(self.position, self.sky.utc())

    def feedback_wire(self, command: str, answer: Answer, wait_s: int) -> bytes:
        """FKI (2.6)."""
        return BDFKI21(
            cmd=command,
            executed=answer is Answer.SENT,
            freq_ok=True,
            inhibit=INHIBIT.get(answer, 0),
            wait_s=min(wait_s, WAIT_S_MAX),
        ).to_wire()

    def arrival_wires(self, arrival: Arrival) -> list[bytes]:
        """TXR, WAA and DWR for what is ours, XST and XSD for overheard copies (2.5, 2.9, 2.10, 4.2)."""
        if arrival.way is Way.POSITION:
            return [_dwr(arrival, 1 if arrival.sender == self.card else 2).to_wire()]
        mine, wires = self.is_mine(arrival), []
        if arrival.payload is not None:
            wires.append(self._txr(arrival).to_wire() if mine else _xst(arrival).to_wire())
        if arrival.fix is not None:
            wires.append(waa(arrival).to_wire() if mine else _xsd(arrival).to_wire())
        return wires

    @staticmethod
    def _txr(arrival: Arrival) -> BDTXR:
        assert arrival.payload is not None
        urgent = arrival.urgent and arrival.way is Way.MESSAGE
        stored = arrival.way in {Way.LATEST, Way.BY_SENDER}
        return BDTXR.of(
            2 if urgent else arrival.way.value,
            arrival.sender,
            arrival.payload,
            sent_at=f"{arrival.utc:%H:%M}" if stored else None,
        )

    def receipt_wires(self, receipts: ReceiptList) -> list[bytes]:
        """HZR (2.11)."""
        pairs = tuple(Receipt(f"{sent:%H:%M}", f"{received:%H:%M}") for sent, received in receipts.pairs)
        return [BDHZR(receipts.receiver, pairs).to_wire()]


def _clock(utc: dt.datetime) -> str:
    return f"{utc:%H:%M:%S}.{utc.microsecond // 10_000:02d}"


def gga(position: Fix | None, utc: dt.datetime) -> bytes:
    """Return the NMEA position sentence; without a position, one that says so."""
    time = f"{utc:%H%M%S}.{utc.microsecond // 10_000:02d}"
    if position is None:
        return wrap(f"GNGGA,{time},,,,,0,00,99.9,,M,,M,,")
    lat, lon = _nmea_angle(position.lat, 2), _nmea_angle(position.lon, 3)
    north, east = "N" if position.lat >= 0 else "S", "E" if position.lon >= 0 else "W"
    return wrap(f"GNGGA,{time},{lat},{north},{lon},{east},1,09,0.9,{position.height_m or 0.0:.1f},M,0.0,M,,")


def _nmea_angle(degrees: float, digits: int) -> str:
    """Return ``ddmm.mmmm``."""
    whole, minutes = divmod(round(abs(degrees) * 600_000), 600_000)
    return f"{whole:0{digits}d}{minutes / 10_000:07.4f}"


def waa(arrival: Arrival) -> BDWAA:
    """Return a position report received (2.10)."""
    assert arrival.fix is not None
    fix = arrival.fix
    return BDWAA(0, None, arrival.sender, _clock(arrival.utc), fix.lat, fix.lon, fix.height_m)


def _dwr(arrival: Arrival, pos_type: int) -> BDDWR:
    assert arrival.fix is not None
    fix = arrival.fix
    return BDDWR(
        pos_type=pos_type,
        addr=arrival.sender,
        utc=_clock(arrival.utc),
        lat=fix.lat,
        lon=fix.lon,
        height_m=fix.height_m or 0,
        anomaly_m=0,
        precision=0,
        urgent=False,
        multivalue=False,
        high_altitude=False,
    )


def _xst(arrival: Arrival) -> BDXST:
    assert arrival.payload is not None
    return BDXST.of(arrival.receiver, arrival.sender, arrival.payload)


def _xsd(arrival: Arrival) -> BDXSD:
    assert arrival.fix is not None
    fix = arrival.fix
    return BDXSD(arrival.sender, 0, _clock(arrival.utc), fix.lon, fix.lat, round(fix.height_m or 0), 0)
