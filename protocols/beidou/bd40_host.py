"""Protocol 4.0, host to terminal (reference/beidou.md sections 3.2 to 3.5). ``addr`` 0 works before the card is known."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from protocols.beidou.bincodec import (
    S16,
    U8,
    U16,
    U24,
    Beams,
    BinCodec,
    Command,
    OnOff,
    Raw,
    Raw32,
    bad,
    check_int,
    sign_magnitude,
    to_sign_magnitude,
)
from protocols.beidou.capacity import BD2_ENCRYPTED_BITS, Generation, check_capacity
from protocols.beidou.errors import FrameError
from protocols.beidou.frame40 import Frame40, MessageFrame
from protocols.beidou.payload import Encoding, Payload

INFO_MESSAGE, INFO_NORMAL, INFO_CODE, INFO_PASSWORD = 0x40, 0x04, 0x02, 0x01
"""Bits of the info byte of TXSQ (3.3); normal as against urgent."""
QUERY_MASK, QUERY_BITS, QUERY_MESSAGE = 0xE0, 0x60, 0x10
"""An info byte whose top bits are 011 makes a TXSQ a query (3.4)."""


def _parse_air(raw: bytes) -> tuple[int, int]:
    number = int.from_bytes(raw)
    return number >> 12, sign_magnitude(number & 0xFFF, 11)


def _build_air(value: Any) -> bytes:
    try:
        pressure, temperature = value
    except (TypeError, ValueError):
        raise bad(value, "write pressure and temperature") from None
    return (check_int(pressure, 0, 0xFFFFF) << 12 | to_sign_magnitude(temperature, 11)).to_bytes(4)


Air = Annotated[tuple[int, int], BinCodec(4, _parse_air, _build_air, list, tuple)]
"""Pressure (20 bits, 0.1 hPa), then temperature (sign and 11 bits, 0.1 °C)."""


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
    beams: Beams


@dataclass(frozen=True, slots=True)
class DWSQ(Frame40):
    """Ask for an RDSS fix (定位申请, 3.5): heights in metres, antenna 0.1 m, pressure 0.1 hPa, temperature 0.1 °C."""

    KIND: ClassVar[str] = "DWSQ"
    addr: U24
    info: U8
    height_m: S16
    antenna_dm: U16
    air: Air
    freq_s: U16
    HIDDEN: ClassVar[frozenset[str]] = frozenset({"air"})

    def _derived(self) -> dict[str, Any]:
        pressure, temperature = self.air
        return {
            "pressure_dhpa": pressure,
            "temperature_dc": temperature,
            "urgent": bool(self.info & 0x20),
            "height_mode": self.info >> 2 & 3,
            "high_altitude": bool(self.info & 0x01),
        }

    @classmethod
    def _complete(cls, fields: dict[str, Any]) -> dict[str, Any]:
        return fields | {"air": (fields.get("pressure_dhpa", 0), fields.get("temperature_dc", 0))}


@dataclass(frozen=True, slots=True)
class TXSQ(MessageFrame):
    """Send a message (通信申请, 3.3). Build with :meth:`of`, read with :attr:`payload`. ``bits`` as in the length field."""

    KIND: ClassVar[str] = "TXSQ"
    CODE_BIT: ClassVar[int] = INFO_CODE
    addr: U24
    info: U8
    to: U24
    bits: U16
    ack: U8
    content: Raw

    @classmethod
    def of(cls, addr: int, to: int, payload: Payload, *, urgent: bool = False, spare: int = 0) -> Self:
        """Return the request that sends ``payload``; raise FrameError for content 4.0 has no form for.

        ``spare`` fills the last nibble of an odd code: 0 for some authors, 15 for others (UNCONFIRMED).
        """
        bits, content = payload.to_bits(spare=spare)
        category = 0 if urgent else INFO_NORMAL
        info = INFO_MESSAGE | category | (0 if payload.encoding is Encoding.HANZI else INFO_CODE)
        return cls(addr, info, to, bits, 0, content)

    def _derived(self) -> dict[str, Any]:
        return {"urgent": not self.info & INFO_NORMAL} | MessageFrame._derived(self)

    def _check(self) -> None:
        MessageFrame._check(self)
        if self.info & QUERY_MASK != INFO_MESSAGE:
            raise FrameError("bad field", f"TXSQ info: found {self.info:02X}, a message begins with the bits 010")
        # What this card may send only the caller knows; above this no card sends anything.
        check_capacity(self.payload, Generation.BD2, max(BD2_ENCRYPTED_BITS.values()))


@dataclass(frozen=True, slots=True)
class TXSQQuery(Frame40):
    """Query (查询, 3.4): ``info`` 60/64/68 position once/twice/three times, 70 latest, 74 by sender, 78 receipts."""

    KIND: ClassVar[str] = "TXSQ"
    addr: U24
    info: U8
    to: U24

    def _derived(self) -> dict[str, Any]:
        query = "message" if self.info & QUERY_MESSAGE else "position"
        return {"query": query, "method": 1 + (self.info >> 2 & 3)}

    def _check(self) -> None:
        Frame40._check(self)
        if self.info & QUERY_MASK != QUERY_BITS:
            raise FrameError("bad field", f"TXSQ info: found {self.info:02X}, a query begins with the bits 011")


@dataclass(frozen=True, slots=True)
class JSZL(Frame40):
    """Stop an output (结束指令): ``command`` four letters; ``UUU`` (55 55 55) stops all."""

    KIND: ClassVar[str] = "JSZL"
    addr: U24
    command: Command


@dataclass(frozen=True, slots=True)
class GXDQ(Frame40):
    """Read the management info (管理信息读取)."""

    KIND: ClassVar[str] = "GXDQ"
    addr: U24 = 0


@dataclass(frozen=True, slots=True)
class GXZX(Frame40):
    """Write the 32 bytes of management info (管理信息)."""

    KIND: ClassVar[str] = "GXZX"
    addr: U24
    management: Raw32


@dataclass(frozen=True, slots=True)
class GXZR(GXZX):
    """The same by the name another author gives it."""

    KIND: ClassVar[str] = "GXZR"


@dataclass(frozen=True, slots=True)
class JMSZ(Frame40):
    """Radio silence (静默设置, UNCONFIRMED): ``state`` 0 on, 1 off."""

    KIND: ClassVar[str] = "JMSZ"
    addr: U24
    state: OnOff


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
