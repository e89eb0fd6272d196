"""Protocol 4.0, host to terminal (reference/beidou.md sections 3.2 to 3.5). ``addr`` 0 works before the card is known."""

from dataclasses import dataclass
from typing import ClassVar

from protocols.beidou.bincodec import U8, U16, U24, Ascii, Bytes, Raw, Raw32
from protocols.beidou.frame40 import Frame40


@dataclass(frozen=True, slots=True)
class ICJC(Frame40):
    """Read the card (IC检测): ``frame_no`` 0 card information, n the n-th list of subordinates."""

    KIND: ClassVar[str] = "ICJC"
    addr: U24 = 0
    frame_no: U8 = 0


@dataclass(frozen=True, slots=True)
class XTZJ(Frame40):
    """Self-check output (系统自检) every ``freq_s``, 0 once."""

    KIND: ClassVar[str] = "XTZJ"
    addr: U24 = 0
    freq_s: U16 = 0


@dataclass(frozen=True, slots=True)
class GLJC(Frame40):
    """Beam power output (功率检测); the unit of ``freq`` is UNCONFIRMED (seconds or minutes), 0 once."""

    KIND: ClassVar[str] = "GLJC"
    addr: U24 = 0
    freq: U8 = 0


@dataclass(frozen=True, slots=True)
class SJSC(Frame40):
    """Time output (时间输出) every ``freq_s``."""

    KIND: ClassVar[str] = "SJSC"
    addr: U24 = 0
    freq_s: U16 = 0


@dataclass(frozen=True, slots=True)
class BBDQ(Frame40):
    """Read the version (版本读取)."""

    KIND: ClassVar[str] = "BBDQ"
    addr: U24 = 0


@dataclass(frozen=True, slots=True)
class CKSC(Frame40):
    """Set the serial rate (串口输出); the code table is UNCONFIRMED."""

    KIND: ClassVar[str] = "CKSC"
    addr: U24
    rate_code: U8


@dataclass(frozen=True, slots=True)
class BSSZ(Frame40):
    """Set the beams (波束设置): 4 bytes, or 6 channel bytes and the response beam, by vendor."""

    KIND: ClassVar[str] = "BSSZ"
    addr: U24
    beams: Bytes


@dataclass(frozen=True, slots=True)
class DWSQ(Frame40):
    """Ask for an RDSS fix (定位申请, 3.5): heights in metres, antenna 0.1 m, pressure 0.1 hPa, temperature 0.1 °C."""

    KIND: ClassVar[str] = "DWSQ"
    addr: U24
    info: U8
    height_m: int
    antenna_dm: int
    pressure_dhpa: int
    temperature_dc: int
    freq_s: U16


@dataclass(frozen=True, slots=True)
class TXSQ(Frame40):
    """Send a message (通信申请, 3.3). Build with :meth:`of`, read with :attr:`payload`. ``bits`` as in the length field."""

    KIND: ClassVar[str] = "TXSQ"
    addr: U24
    info: U8
    to: U24
    bits: U16
    ack: U8
    content: Raw


@dataclass(frozen=True, slots=True)
class TXSQQuery(Frame40):
    """Query (查询, 3.4): ``info`` 60/64/68 position once/twice/three times, 70 latest, 74 by sender, 78 receipts."""

    KIND: ClassVar[str] = "TXSQ"
    addr: U24
    info: U8
    to: U24


@dataclass(frozen=True, slots=True)
class JSZL(Frame40):
    """Stop an output (结束指令): ``command`` four letters; ``UUU`` (55 55 55) stops all."""

    KIND: ClassVar[str] = "JSZL"
    addr: U24
    command: Ascii


@dataclass(frozen=True, slots=True)
class GXDQ(Frame40):
    """Read the management info (管理信息读取)."""

    KIND: ClassVar[str] = "GXDQ"
    addr: U24 = 0


@dataclass(frozen=True, slots=True)
class GXZX(Frame40):
    """Write the 32 bytes of management info (管理信息); ``GXZR`` for one author."""

    KIND: ClassVar[str] = "GXZX"
    addr: U24
    management: Raw32


@dataclass(frozen=True, slots=True)
class JMSZ(Frame40):
    """Radio silence (静默设置, UNCONFIRMED): ``state`` 0 on, 1 off."""

    KIND: ClassVar[str] = "JMSZ"
    addr: U24
    state: U8


@dataclass(frozen=True, slots=True)
class GNPS(Frame40):
    """RNSS position output every ``freq_s``."""

    KIND: ClassVar[str] = "GNPS"
    addr: U24 = 0
    freq_s: U16 = 0


@dataclass(frozen=True, slots=True)
class GNVS(Frame40):
    """RNSS satellite output every ``freq_s``."""

    KIND: ClassVar[str] = "GNVS"
    addr: U24 = 0
    freq_s: U16 = 0


@dataclass(frozen=True, slots=True)
class GNTS(Frame40):
    """RNSS time output every ``freq_s`` in a time zone."""

    KIND: ClassVar[str] = "GNTS"
    addr: U24 = 0
    timezone: U8 = 0
    freq_s: U16 = 0
