"""Protocol 4.0, terminal to host (reference/beidou.md section 3.6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self

from protocols.beidou.bincodec import (
    REST,
    S14,
    S16,
    U8,
    U16,
    U24,
    U32,
    Addresses,
    Ascii,
    BeamPowers,
    BinCodec,
    Clock4,
    Day,
    Hour,
    Lat4,
    Lat5,
    LettersOrHex,
    Lon4,
    Lon5,
    Minute,
    Month,
    Raw,
    Second,
    Tenths,
    Year2000,
    bad,
    check_int,
)
from protocols.beidou.capacity import BD2_PLAIN_BITS, Generation, capacity_bits
from protocols.beidou.errors import FrameError
from protocols.beidou.frame40 import Frame40, MessageFrame
from protocols.beidou.payload import Encoding, Payload

RECEIPTS_MAX = 5
INFO_RECEIVED, INFO_CODE, INFO_QUERY_RESULT = 0x40, 0x20, 0x08
"""Bits of the info byte of TXXX, and but for the first of $BDXST too (4.2); bits 1 and 0 are reserved and set in real captures."""

MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        0: "success",
        1: "failed",
        2: "signal not locked",
        3: "low battery",
        4: "frequency not reached",
        5: "encryption error",
        6: "CRC error",
        7: "user level inhibited",
        8: "inhibition released or radio silence (UNCONFIRMED)",
    }
)
"""Flags of FKXX (3.6)."""
FLAG_EARLY = 4
"""The flag that tells a wait."""


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
    HIDDEN: ClassVar[frozenset[str]] = frozenset({"encryption"})

    @property
    def no_card(self) -> bool:
        """Tell whether there is no card."""
        return self.addr == 0

    def _derived(self) -> dict[str, Any]:
        encrypted = self.encryption != 0
        known = not self.no_card and self.level in BD2_PLAIN_BITS
        bits = capacity_bits(Generation.BD2, self.level, encrypted=encrypted) if known else None
        return {"encrypted": encrypted, "no_card": self.no_card, "max_bits": bits}

    def _check(self) -> None:
        Frame40._check(self)
        if self.frame_no != 0:
            raise FrameError("bad field", f"ICXX frame_no: found {self.frame_no}, card information is frame 0")

    @classmethod
    def _complete(cls, fields: dict[str, Any]) -> dict[str, Any]:
        encrypted = fields.get("encrypted")
        if not isinstance(encrypted, bool):
            raise FrameError("bad field", f"ICXX encrypted: found {encrypted!r}, write true or false")
        return fields | {"encryption": int(encrypted)}


@dataclass(frozen=True, slots=True)
class ICXXList(Frame40):
    """Subordinate addresses (IC信息), frame ``frame_no`` from 1."""

    KIND: ClassVar[str] = "ICXX"
    addr: U24
    frame_no: U8
    addrs: Addresses

    def _derived(self) -> dict[str, Any]:
        return {"count": len(self.addrs)}

    def _check(self) -> None:
        Frame40._check(self)
        if self.frame_no == 0:
            raise FrameError("bad field", "ICXX frame_no: found 0, lists of subordinates begin with 1")


@dataclass(frozen=True, slots=True)
class ZJXX(Frame40):
    """Self-check (自检信息). ``ic_state`` 1 on every working card; ``inbound_state`` 2 = normal, bit 0 inhibited."""

    KIND: ClassVar[str] = "ZJXX"
    addr: U24
    ic_state: U8
    hw_state: U8
    battery: U8
    inbound_state: U8
    beam_power: BeamPowers


@dataclass(frozen=True, slots=True)
class GLZK(Frame40):
    """Beam power (功率状况): six levels 0 to 4."""

    KIND: ClassVar[str] = "GLZK"
    addr: U24
    beam_power: BeamPowers


@dataclass(frozen=True, slots=True)
class TXXX(MessageFrame):
    """Received message (通信信息): ``addr`` is the *destination*; if not our card, it is an overheard copy."""

    KIND: ClassVar[str] = "TXXX"
    addr: U24
    info: U8
    sender: U24
    hour: Hour
    minute: Minute
    bits: U16
    content: Raw
    crc_flag: U8 = 0
    CODE_BIT: ClassVar[int] = INFO_CODE

    @classmethod
    def of(
        cls,
        to: int,
        sender: int,
        payload: Payload,
        *,
        hour: int = 0,
        minute: int = 0,
        query_result: bool = False,
    ) -> Self:
        """Return the report of a received message; ``to`` is the card it was for. Raise FrameError."""
        bits, content = payload.to_bits()
        info = INFO_RECEIVED | (0 if payload.encoding is Encoding.HANZI else INFO_CODE)
        return cls(to, info | INFO_QUERY_RESULT * query_result, sender, hour, minute, bits, content)

    def _derived(self) -> dict[str, Any]:
        return {"query_result": bool(self.info & INFO_QUERY_RESULT)} | MessageFrame._derived(self)


@dataclass(frozen=True, slots=True)
class Receipt40:
    """One receipt: hour and minute of sending and of reception."""

    sent_hour: int
    sent_minute: int
    receipt_hour: int
    receipt_minute: int


def _parse_receipts(raw: bytes) -> tuple[Receipt40, ...]:
    count, times = raw[0] if raw else 0, raw[1:]
    if not raw or len(times) < 4 * count:
        raise bad(raw.hex(), "the count, then four bytes a receipt")
    return tuple(Receipt40(*times[at : at + 4]) for at in range(0, 4 * count, 4))


def _build_receipts(receipts: Any) -> bytes:
    if len(receipts) > RECEIPTS_MAX:
        raise bad(len(receipts), f"at most {RECEIPTS_MAX} receipts")
    times = [(r.sent_hour, r.sent_minute, r.receipt_hour, r.receipt_minute) for r in receipts]
    for hour, minute, *rest in times:
        for part, top in ((hour, 23), (minute, 59), (rest[0], 23), (rest[1], 59)):
            check_int(part, 0, top)
    return bytes((len(times), *(part for entry in times for part in entry)))


def _show_receipts(receipts: Any) -> list[dict[str, str]]:
    return [
        {
            "sent_at": f"{r.sent_hour:02d}:{r.sent_minute:02d}",
            "received_at": f"{r.receipt_hour:02d}:{r.receipt_minute:02d}",
        }
        for r in receipts
    ]


def _receipts_from_json(value: Any) -> tuple[Receipt40, ...]:
    try:
        return tuple(
            Receipt40(*(int(part) for name in ("sent_at", "received_at") for part in entry[name].split(":")))
            for entry in value
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise bad(value, "write a list of sent_at and received_at, hh:mm") from None


Receipts40 = Annotated[
    tuple[Receipt40, ...], BinCodec(REST, _parse_receipts, _build_receipts, _show_receipts, _receipts_from_json)
]


@dataclass(frozen=True, slots=True)
class TXHZ(Frame40):
    """Receipts (通信回执) of the receiver ``to``, at most five."""

    KIND: ClassVar[str] = "TXHZ"
    addr: U24
    to: U24
    receipts: Receipts40

    def _derived(self) -> dict[str, Any]:
        return {"receiver": self.to, "count": len(self.receipts)}


@dataclass(frozen=True, slots=True)
class FKXX(Frame40):
    """Feedback (反馈信息): ``flag`` as MEANINGS, ``extra`` the echoed command or the wait of flag 4."""

    KIND: ClassVar[str] = "FKXX"
    addr: U24
    flag: U8
    extra: LettersOrHex

    def _derived(self) -> dict[str, Any]:
        meaning = MEANINGS.get(self.flag, "vendor" if self.flag > 0xA0 else "reserved")
        return {"meaning": meaning, "wait_s": self.wait_s}

    @property
    def wait_s(self) -> int | None:
        """The remaining wait that flag 4 tells; None for other flags and when none is told.

        None too for the echoed command that some terminals put there. Four encodings are in use (3.6); where one byte is set they can be told apart: byte 0 is seconds for [CSAT] and
        [PT40], byte 1 minutes and byte 3 seconds for [RDSS40] and [LYS]. What remains ambiguous is read by the encoding
        that gives least, as asking early costs nothing.
        """
        if self.flag != FLAG_EARLY or self.extra.isalpha():
            return None
        little_s = int.from_bytes(self.extra, "little")
        return min(little_s, 60 * int.from_bytes(self.extra[:2]) + int.from_bytes(self.extra[2:])) or None


@dataclass(frozen=True, slots=True)
class DWXX(Frame40):
    """RDSS position (定位信息). Degrees; ``utc`` ``hh:mm:ss.ss``; ``target`` the queried address."""

    KIND: ClassVar[str] = "DWXX"
    addr: U24
    info: U8
    target: U24
    utc: Clock4
    lon: Lon4
    lat: Lat4
    height_m: S14
    anomaly_m: S14

    def _derived(self) -> dict[str, Any]:
        info = self.info
        return {
            "query_result": bool(info & 0x20),
            "precision": info >> 3 & 1,
            "urgent": bool(info & 0x04),
            "multivalue": bool(info & 0x02),
            "high_altitude": bool(info & 0x01),
        }


@dataclass(frozen=True, slots=True)
class SJXX(Frame40):
    """Time (时间信息)."""

    KIND: ClassVar[str] = "SJXX"
    addr: U24
    year: U16
    month: Month
    day: Day
    hour: Hour
    minute: Minute
    second: Second


@dataclass(frozen=True, slots=True)
class GNTX(Frame40):
    """RNSS time; ``year`` in full."""

    KIND: ClassVar[str] = "GNTX"
    addr: U24
    timezone: U8
    year: Year2000
    month: Month
    day: Day
    hour: Hour
    minute: Minute
    second: Second


@dataclass(frozen=True, slots=True)
class GNPX(Frame40):
    """RNSS position. Degrees, ``hdop`` as is, ``position_error`` of unknown unit."""

    KIND: ClassVar[str] = "GNPX"
    addr: U24
    lon: Lon5
    lat: Lat5
    height_m: S16
    speed: U16
    course: U16
    sats: U8
    status: U8
    hdop: Tenths
    position_error: U16


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
