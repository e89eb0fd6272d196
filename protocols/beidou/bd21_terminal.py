"""Protocol 2.1, terminal to host (BD 420007-2015 as in reference/beidou.md section 2)."""

from dataclasses import dataclass
from typing import ClassVar

from protocols.beidou.codec import (
    Addr,
    Addrs,
    Content,
    EncryptedFlag,
    HighFlag,
    Int,
    Latitude,
    Longitude,
    Metres,
    Number,
    OptClock,
    OptHourMinute,
    OptInt,
    OptInts,
    OptNumber,
    OptText,
    Text,
    TwoDigits,
    UrgentFlag,
    WaitMinutesSeconds,
    YesNo,
)
from protocols.beidou.sentence import Sentence


@dataclass(frozen=True, slots=True)
class TerminalSentence(Sentence):
    """A 2.1 sentence the terminal sends."""

    PROTOCOL: ClassVar[str] = "bd-2.1"
    TALKER: ClassVar[str] = "BD"


@dataclass(frozen=True, slots=True)
class BDICI(TerminalSentence):
    """Card information (IC信息, 2.2). ``card`` 0 means there is no card; see :attr:`no_card`."""

    KIND: ClassVar[str] = "ICI"
    card: Addr
    serial: Text
    broadcast: Addr
    user_type: Int
    freq_s: Number
    level: Int
    encrypted: EncryptedFlag
    subordinates: Int = 0


@dataclass(frozen=True, slots=True)
class BDTXR(TerminalSentence):
    """Received message (通信信息, 2.5).

    ``msg_type`` 1 normal, 2 urgent, 3 broadcast, 4 latest stored, 5 by sender. ``sent_at`` ``hh:mm`` or None.
    ``talker`` is ``PJ`` for one module family.
    """

    KIND: ClassVar[str] = "TXR"
    msg_type: Int
    sender: Addr
    encoding: Int
    sent_at: OptHourMinute
    content: Content
    talker: str = "BD"


@dataclass(frozen=True, slots=True)
class BDFKI21(TerminalSentence):
    """Feedback (反馈信息, 2.6): ``executed`` means the burst was sent, not that anybody has it."""

    KIND: ClassVar[str] = "FKI"
    cmd: Text
    executed: YesNo
    freq_ok: YesNo
    inhibit: Int
    wait_s: WaitMinutesSeconds


@dataclass(frozen=True, slots=True)
class BDBSI(TerminalSentence):
    """Beam power (波束功率, 2.8): levels 0 to 4, ten of them, fewer or more accepted."""

    KIND: ClassVar[str] = "BSI"
    response_beam: TwoDigits
    timediff_beam: TwoDigits
    power: OptInts


@dataclass(frozen=True, slots=True)
class BDDWR(TerminalSentence):
    """RDSS position (定位信息, 2.9): ``pos_type`` 1 own fix, 2 of a subordinate, 3 position report received."""

    KIND: ClassVar[str] = "DWR"
    pos_type: Int
    addr: Addr
    utc: OptClock
    lat: Latitude
    lon: Longitude
    height_m: Metres
    anomaly_m: Metres
    precision: OptInt
    urgent: UrgentFlag
    multivalue: UrgentFlag
    high_altitude: HighFlag


@dataclass(frozen=True, slots=True)
class BDWAA(TerminalSentence):
    """Position report received (位置报告1, 2.10): ``report_type`` 0, ``addr`` the reporter."""

    KIND: ClassVar[str] = "WAA"
    report_type: Int
    freq_s: OptNumber
    addr: Addr
    utc: OptClock
    lat: Latitude
    lon: Longitude
    height_m: Metres


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt: when the message was sent and when it was received, ``hh:mm``."""

    sent_at: str
    received_at: str


@dataclass(frozen=True, slots=True)
class BDHZR(TerminalSentence):
    """Receipts (通信回执, 2.11) of the receiver ``addr``."""

    KIND: ClassVar[str] = "HZR"
    addr: Addr
    receipts: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True)
class BDICZ(TerminalSentence):
    """Subordinate addresses (下属用户, 2.12), at most 40 a sentence; ``total`` over all sentences."""

    KIND: ClassVar[str] = "ICZ"
    total: Int
    addrs: Addrs


@dataclass(frozen=True, slots=True)
class BDZTI(TerminalSentence):
    """Device state (2.13, one source): modules 0 ok 1 fault, ``remaining`` working time ``hh:mm``."""

    KIND: ClassVar[str] = "ZTI"
    prm: OptInt
    crypto: OptInt
    antenna: OptInt
    channel: OptInt
    power: OptInt
    charging: OptInt
    battery: OptInt
    remaining: OptHourMinute = None


@dataclass(frozen=True, slots=True)
class BDZDA(TerminalSentence):
    """Timing (2.13); mode first, not the NMEA sentence of the same name."""

    KIND: ClassVar[str] = "ZDA"
    mode: Int
    utc: OptClock
    day: OptInt
    month: OptInt
    year: OptInt
    tz_hours: OptInt
    tz_minutes: OptInt
    correction: OptText
    correction_ns: OptNumber
    precision: OptInt
    locked: YesNo


@dataclass(frozen=True, slots=True)
class BDKLT(TerminalSentence):
    """Password recognition (口令识别, 2.13): ``role`` P ordinary, Z command."""

    KIND: ClassVar[str] = "KLT"
    role: Text
    addr: Addr
    msg_type: Int
    content: Content


@dataclass(frozen=True, slots=True)
class BDGXM(TerminalSentence):
    """Management info read (管理信息, 2.13): ``cmd_type`` 3 and 64 hex digits."""

    KIND: ClassVar[str] = "GXM"
    cmd_type: Int
    info: Text


@dataclass(frozen=True, slots=True)
class BDSBX(TerminalSentence):
    """Device description (设备信息, 2.13)."""

    KIND: ClassVar[str] = "SBX"
    maker: Text
    device_type: Text
    sw_version: Text
    protocol_version: Text
    icd_version: Text
    serial: Text
    user_id: Text
