"""Protocol 4.0, terminal to host (reference/beidou.md section 3.6)."""

from dataclasses import dataclass
from typing import ClassVar

from protocols.beidou.bincodec import S14, S16, U8, U16, U24, U32, Addresses, Ascii, Letter, Raw, Raw4, SixBytes
from protocols.beidou.frame40 import Frame40


@dataclass(frozen=True, slots=True)
class ICXX(Frame40):
    """Card information (IC信息), frame 0: ``addr`` is the card."""

    KIND: ClassVar[str] = "ICXX"
    addr: U24
    frame_no: U8
    broadcast: U24
    user_type: U8
    freq_s: U16
    level: U8
    encryption: U8
    subordinates: U16


@dataclass(frozen=True, slots=True)
class ICXXList(Frame40):
    """Subordinate addresses (IC信息), frame ``frame_no`` from 1."""

    KIND: ClassVar[str] = "ICXX"
    addr: U24
    frame_no: U8
    addrs: Addresses


@dataclass(frozen=True, slots=True)
class ZJXX(Frame40):
    """Self-check (自检信息). ``ic_state`` 1 on every working card; ``inbound_state`` 2 = normal, bit 0 inhibited."""

    KIND: ClassVar[str] = "ZJXX"
    addr: U24
    ic_state: U8
    hw_state: U8
    battery: U8
    inbound_state: U8
    beam_power: SixBytes


@dataclass(frozen=True, slots=True)
class GLZK(Frame40):
    """Beam power (功率状况): six levels 0 to 4."""

    KIND: ClassVar[str] = "GLZK"
    addr: U24
    beam_power: SixBytes


@dataclass(frozen=True, slots=True)
class TXXX(Frame40):
    """Received message (通信信息): ``addr`` is the *destination*; if not our card, it is an overheard copy."""

    KIND: ClassVar[str] = "TXXX"
    addr: U24
    info: U8
    sender: U24
    hour: U8
    minute: U8
    bits: U16
    content: Raw
    crc_flag: U8


@dataclass(frozen=True, slots=True)
class Receipt40:
    """One receipt: hour and minute of sending and of reception."""

    sent_hour: int
    sent_minute: int
    receipt_hour: int
    receipt_minute: int


@dataclass(frozen=True, slots=True)
class TXHZ(Frame40):
    """Receipts (通信回执) of the receiver ``to``, at most five."""

    KIND: ClassVar[str] = "TXHZ"
    addr: U24
    to: U24
    receipts: tuple[Receipt40, ...]


@dataclass(frozen=True, slots=True)
class FKXX(Frame40):
    """Feedback (反馈信息): ``flag`` as MEANINGS, ``extra`` the echoed command or the wait of flag 4."""

    KIND: ClassVar[str] = "FKXX"
    addr: U24
    flag: U8
    extra: Raw4


@dataclass(frozen=True, slots=True)
class DWXX(Frame40):
    """RDSS position (定位信息). Degrees; ``utc`` ``hh:mm:ss.ss``; ``target`` the queried address."""

    KIND: ClassVar[str] = "DWXX"
    addr: U24
    info: U8
    target: U24
    utc: str
    lon: float
    lat: float
    height_m: S14
    anomaly_m: S14


@dataclass(frozen=True, slots=True)
class SJXX(Frame40):
    """Time (时间信息)."""

    KIND: ClassVar[str] = "SJXX"
    addr: U24
    year: U16
    month: U8
    day: U8
    hour: U8
    minute: U8
    second: U8


@dataclass(frozen=True, slots=True)
class GNTX(Frame40):
    """RNSS time; ``year`` in full."""

    KIND: ClassVar[str] = "GNTX"
    addr: U24
    timezone: U8
    year: int
    month: U8
    day: U8
    hour: U8
    minute: U8
    second: U8


@dataclass(frozen=True, slots=True)
class GNPX(Frame40):
    """RNSS position. Degrees, ``hdop`` as is, ``error`` of unknown unit."""

    KIND: ClassVar[str] = "GNPX"
    addr: U24
    lon: float
    lat: float
    height_m: S16
    speed: U16
    course: U16
    sats: U8
    status: U8
    hdop: float
    error: U16


@dataclass(frozen=True, slots=True)
class BBXX(Frame40):
    """Version (版本信息)."""

    KIND: ClassVar[str] = "BBXX"
    addr: U24
    version: Ascii


@dataclass(frozen=True, slots=True)
class XHXX(Frame40):
    """Serial number (序号信息)."""

    KIND: ClassVar[str] = "XHXX"
    addr: U24
    serial: U32


_ = Letter
