"""Binary frames inside a 2.1 stream of a command terminal (reference/beidou.md section 4.2, one source)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from protocols.beidou.bd40_terminal import INFO_CODE, INFO_QUERY_RESULT
from protocols.beidou.bincodec import S8, S14, U8, U16, U24, Clock4, Hour, Lat4, Lon4, Minute, Raw
from protocols.beidou.frame40 import Frame40, MessageFrame
from protocols.beidou.payload import Encoding, Payload


@dataclass(frozen=True, slots=True)
class BDXST(MessageFrame):
    """Overheard message of a subordinate (下属通信信息): explicit receiver and sender."""

    PROTOCOL: ClassVar[str] = "bd-2.1"
    KIND: ClassVar[str] = "XST"
    CODE_BIT: ClassVar[int] = INFO_CODE
    receiver: U24
    info: U8
    sender: U24
    hour: Hour
    minute: Minute
    bits: U16
    content: Raw
    crc_flag: U8 = 0

    @classmethod
    def of(
        cls, receiver: int, sender: int, payload: Payload, *, hour: int = 0, minute: int = 0, query_result: bool = False
    ) -> Self:
        """Return the copy of a message; raise FrameError for content without a binary form."""
        bits, content = payload.to_bits()
        info = 0 if payload.encoding is Encoding.HANZI else INFO_CODE
        return cls(receiver, info | INFO_QUERY_RESULT * query_result, sender, hour, minute, bits, content)

    def _derived(self) -> dict[str, Any]:
        return {"query_result": bool(self.info & INFO_QUERY_RESULT)} | MessageFrame._derived(self)

    @classmethod
    def header(cls) -> bytes:
        """Return the six bytes a frame begins with."""
        return b"$BDXST"


@dataclass(frozen=True, slots=True)
class BDXSD(Frame40):
    """Position of a subordinate (下属定位信息). Degrees; ``utc`` ``hh:mm:ss.ss``."""

    PROTOCOL: ClassVar[str] = "bd-2.1"
    KIND: ClassVar[str] = "XSD"
    addr: U24
    info: U8
    utc: Clock4
    lon: Lon4
    lat: Lat4
    height_m: S14
    anomaly_m: S8

    @classmethod
    def header(cls) -> bytes:
        """Return the six bytes a frame begins with."""
        return b"$BDXSD"

    def _derived(self) -> dict[str, object]:
        info = self.info
        return {
            "precision": info >> 7 & 1,
            "urgent": bool(info & 0x40),
            "multivalue": bool(info & 0x20),
            "high_altitude": bool(info & 0x10),
        }
