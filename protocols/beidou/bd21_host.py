"""Protocol 2.1, host to terminal (BD 420007-2015 as in reference/beidou.md section 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

from protocols.beidou.capacity import BD2_ENCRYPTED_BITS, Generation, check_capacity
from protocols.beidou.codec import (
    Addr,
    Content,
    HighFlag,
    Int,
    Latitude,
    Longitude,
    Metres,
    OneToFour,
    OneToThree,
    OneTwo,
    OptAddr,
    OptClock,
    OptInt,
    OptNumber,
    OptTwoDigits,
    Text,
    UrgentFlag,
    ZeroOne,
    ZeroToThree,
)
from protocols.beidou.errors import FrameError
from protocols.beidou.message import MessageSentence
from protocols.beidou.payload import Encoding, Payload
from protocols.beidou.sentence import Sentence

ENCODINGS_21: Mapping[int, Encoding] = MappingProxyType({0: Encoding.HANZI, 1: Encoding.CODE, 2: Encoding.MIXED})
"""Encoding numbers of 2.1 (2.4)."""
MANAGEMENT_DIGITS = 64
"""Hex digits of the 32 bytes of management info."""


@dataclass(frozen=True, slots=True)
class HostSentence(Sentence):
    """A 2.1 sentence the host sends."""

    PROTOCOL: ClassVar[str] = "bd-2.1"
    TALKER: ClassVar[str] = "CC"


@dataclass(frozen=True, slots=True)
class CCICA(HostSentence):
    """Read the card or its subordinates (IC检测, 2.1): ``cmd_type`` 0 own card, 1 subordinates."""

    KIND: ClassVar[str] = "ICA"
    cmd_type: ZeroOne = 0
    frame_no: OptTwoDigits = 0


@dataclass(frozen=True, slots=True)
class CCTXA(MessageSentence):
    """Send a message (通信申请, 2.4): ``category`` 0 urgent, 1 normal; ``encoding`` 0 Chinese, 1 code, 2 mixed.

    ``content`` is the field as on the wire; build with :meth:`of`, read with :attr:`payload`.
    """

    PROTOCOL: ClassVar[str] = "bd-2.1"
    TALKER: ClassVar[str] = "CC"
    KIND: ClassVar[str] = "TXA"
    ENCODINGS: ClassVar[Mapping[int, Encoding]] = ENCODINGS_21
    to: Addr
    category: ZeroOne
    encoding: Int
    content: Content

    @classmethod
    def of(cls, to: int, payload: Payload, *, urgent: bool = False) -> Self:
        """Return the request that sends ``payload``; raise FrameError for content 2.1 has no form for."""
        return cls(to, 0 if urgent else 1, cls.encoding_number(payload.encoding), payload.to_ascii())

    def _check(self) -> None:
        MessageSentence._check(self)
        if not self.content:
            raise FrameError("bad payload", "TXA: a message without content is not sent")
        # What this card may send only the caller knows; above this no card sends anything.
        check_capacity(self.payload, Generation.BD2, max(BD2_ENCRYPTED_BITS.values()))


@dataclass(frozen=True, slots=True)
class CCRMO(HostSentence):
    """Switch an output (输出控制, 2.7): ``mode`` 1 stop target, 2 start target, 3 stop all, 4 start all."""

    KIND: ClassVar[str] = "RMO"
    target: Text
    mode: OneToFour
    freq_s: OptNumber = None

    def _check(self) -> None:
        if bool(self.target) != (self.mode in (1, 2)):
            raise FrameError(
                "bad field", f"RMO: found target {self.target!r}, mode {self.mode}; 1 and 2 have a target, 3 and 4 none"
            )


@dataclass(frozen=True, slots=True)
class CCBSS(HostSentence):
    """Set the beams (波束设置, 2.8); None = automatic."""

    KIND: ClassVar[str] = "BSS"
    response_beam: OptTwoDigits = None
    timediff_beam: OptTwoDigits = None


@dataclass(frozen=True, slots=True)
class CCDWA(HostSentence):
    """Ask for an RDSS fix (定位申请, 2.9): ``height_mode`` 0 given, 1 none, 2 and 3 altimetry."""

    KIND: ClassVar[str] = "DWA"
    addr: Addr = 0
    urgent: UrgentFlag = False
    height_mode: ZeroToThree = 1
    high_altitude: HighFlag = False
    height_m: OptNumber = None
    antenna_m: OptNumber = None
    pressure: OptNumber = None
    temperature: OptNumber = None
    freq_s: OptNumber = 0


@dataclass(frozen=True, slots=True)
class CCWAA(HostSentence):
    """Send a position report (位置报告1, 2.10): ``report_type`` 1 send, ``addr`` the destination."""

    KIND: ClassVar[str] = "WAA"
    report_type: ZeroOne
    freq_s: OptNumber
    addr: Addr
    utc: OptClock
    lat: Latitude
    lon: Longitude
    height_m: Metres

    def _derived(self) -> dict[str, Any]:
        return {"talker": self.TALKER}


@dataclass(frozen=True, slots=True)
class CCWBA(HostSentence):
    """Have the centre compute and send a position (位置报告2, 2.10); the receiver gets BDDWR type 3."""

    KIND: ClassVar[str] = "WBA"
    addr: Addr
    high_altitude: HighFlag = False
    antenna_m: OptNumber = None
    freq_s: OptNumber = 0


@dataclass(frozen=True, slots=True)
class CCCXA(HostSentence):
    """Query (查询申请, 2.11): ``query_type`` 0 position, 1 message.

    Position: ``method`` times, ``addr`` a subordinate. Message: method 1 latest, 2 by sender, 3 receipts of ``addr``.
    """

    KIND: ClassVar[str] = "CXA"
    query_type: ZeroOne
    method: OneToThree
    addr: OptAddr = None


@dataclass(frozen=True, slots=True)
class CCJMS(HostSentence):
    """Radio silence (静默, 2.13): ``state`` E on, N off; Z of one source is UNCONFIRMED."""

    KIND: ClassVar[str] = "JMS"
    state: Text

    def _check(self) -> None:
        if self.state not in ("E", "N"):
            raise FrameError("bad field", f"JMS: found {self.state!r}, write E silent or N not silent")


@dataclass(frozen=True, slots=True)
class CCKLS(HostSentence):
    """Password recognition (口令识别, 2.13)."""

    KIND: ClassVar[str] = "KLS"
    addr: Addr
    flag: Text


@dataclass(frozen=True, slots=True)
class CCGXM(HostSentence):
    """Management info (管理信息, 2.13): ``cmd_type`` 1 set with 64 hex digits, 2 read."""

    KIND: ClassVar[str] = "GXM"
    cmd_type: OneTwo
    info: Text = ""

    def _check(self) -> None:
        size = MANAGEMENT_DIGITS if self.cmd_type == 1 else 0
        if len(self.info) != size or self.info.strip("0123456789ABCDEF"):
            raise FrameError("bad field", f"GXM: found {self.info!r}, write {size} hex digits")

    def _derived(self) -> dict[str, Any]:
        return {"talker": self.TALKER}


@dataclass(frozen=True, slots=True)
class CCLZM(HostSentence):
    """Zero value (零值, 2.13): ``cmd_type`` 1 read, 2 set to ``zero_ns``."""

    KIND: ClassVar[str] = "LZM"
    cmd_type: OneTwo
    zero_ns: OptInt = None


@dataclass(frozen=True, slots=True)
class CCDSA(HostSentence):
    """Two-way timing (定时申请, 2.13): ``mode`` 1 one-way, 2 two-way; ``position_given`` A/V on the wire."""

    KIND: ClassVar[str] = "DSA"
    addr: Addr
    mode: OneTwo
    position_given: UrgentFlag
    lat: Latitude
    lon: Longitude
    freq_s: OptNumber
    oneway_zero: OptNumber = None
    extra_zero: OptNumber = None
