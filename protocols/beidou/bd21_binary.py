"""Binary frames inside a 2.1 stream of a command terminal (reference/beidou.md section 4.2, one source)."""

from dataclasses import dataclass
from typing import ClassVar

from protocols.beidou.bincodec import S14, U8, U16, U24, Raw
from protocols.beidou.frame40 import Frame40


@dataclass(frozen=True, slots=True)
class BDXST(Frame40):
    """Overheard message of a subordinate (下属通信信息): explicit receiver and sender."""

    PROTOCOL: ClassVar[str] = "bd-2.1"
    KIND: ClassVar[str] = "XST"
    receiver: U24
    info: U8
    sender: U24
    hour: U8
    minute: U8
    bits: U16
    content: Raw
    crc_flag: U8


@dataclass(frozen=True, slots=True)
class BDXSD(Frame40):
    """Position of a subordinate (下属定位信息)."""

    PROTOCOL: ClassVar[str] = "bd-2.1"
    KIND: ClassVar[str] = "XSD"
    addr: U24
    info: U8
    utc: str
    lon: float
    lat: float
    height_m: S14
    anomaly_m: int
