"""Protocol 2.1, terminal to host (BD 420007-2015 as in reference/beidou.md section 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from protocols.beidou.address import ADDRESS_21_BITS_MAX
from protocols.beidou.bd21_host import ENCODINGS_21
from protocols.beidou.capacity import BD2_PLAIN_BITS, Generation, capacity_bits
from protocols.beidou.codec import (
    HOUR_MINUTE,
    REST,
    Addr,
    AddrOrZero,
    Addrs,
    Codec,
    Content,
    EncryptedFlag,
    HighFlag,
    Int,
    IntOrZero,
    Latitude,
    Longitude,
    Metres,
    NumberOrZero,
    OneToFive,
    OneToThree,
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
    ZeroOne,
    ZeroToSeven,
    bad,
    check_text,
    parse_int,
)
from protocols.beidou.errors import FrameError
from protocols.beidou.message import MessageSentence
from protocols.beidou.payload import Encoding, Payload
from protocols.beidou.sentence import Sentence, wrap
from protocols.beidou.value import no_card_as_zero, read_fields

RECEIPTS_MAX = 5
SUBORDINATES_A_SENTENCE = 40


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
    broadcast: AddrOrZero
    user_type: ZeroToSeven
    freq_s: NumberOrZero
    level: IntOrZero
    encrypted: EncryptedFlag
    subordinates: IntOrZero = 0

    @property
    def no_card(self) -> bool:
        """Tell whether there is no card: all zeros, or the highest address without a level, as some devices say (2.2)."""
        return self.card == 0 or (self.card == ADDRESS_21_BITS_MAX and self.level == 0)

    def _derived(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"no_card": self.no_card, "max_bits": None}
        if self.no_card:
            shown["card"] = None
        elif self.level in BD2_PLAIN_BITS:
            shown["max_bits"] = capacity_bits(Generation.BD2, self.level, encrypted=self.encrypted)
        return shown

    @classmethod
    def _complete(cls, fields: dict[str, Any]) -> dict[str, Any]:
        return no_card_as_zero(fields)


@dataclass(frozen=True, slots=True)
class BDTXR(MessageSentence):
    """Received message (通信信息, 2.5).

    ``msg_type`` 1 normal, 2 urgent, 3 broadcast, 4 latest stored, 5 by sender. ``sent_at`` ``hh:mm`` or None.
    ``talker`` is ``PJ`` for one module family.
    """

    PROTOCOL: ClassVar[str] = "bd-2.1"
    TALKER: ClassVar[str] = "BD"
    KIND: ClassVar[str] = "TXR"
    ENCODINGS: ClassVar[Mapping[int, Encoding]] = ENCODINGS_21
    TALKERS: ClassVar[tuple[str, ...]] = ("BD", "PJ")
    msg_type: OneToFive
    sender: Addr
    encoding: Int
    sent_at: OptHourMinute
    content: Content
    talker: str = "BD"

    @classmethod
    def of(cls, msg_type: int, sender: int, payload: Payload, *, sent_at: str | None = None) -> Self:
        """Return the report of a received message; raise FrameError for content 2.1 has no form for."""
        return cls(msg_type, sender, cls.encoding_number(payload.encoding), sent_at, payload.to_ascii())

    @classmethod
    def parse(cls, body: str) -> Self:
        """Read the body; the talker is kept."""
        head, _, rest = body.partition(",")
        if head[:2] not in cls.TALKERS or head[2:] != cls.KIND:
            raise FrameError("unknown sentence", f"found {head[:8]!r}, expected BDTXR or PJTXR")
        return cls(**cls._parse_fields(rest), talker=head[:2], as_received=wrap(body))

    def _head(self) -> str:
        return self.talker + self.KIND

    def _derived(self) -> dict[str, Any]:
        return MessageSentence._derived(self) | {"talker": self.talker}

    @classmethod
    def _read(cls, fields: dict[str, Any]) -> dict[str, Any]:
        return read_fields(cls, fields) | {"talker": fields.get("talker", cls.TALKER)}

    def _check(self) -> None:
        MessageSentence._check(self)
        if self.talker not in self.TALKERS:
            raise FrameError("bad field", f"TXR talker: found {self.talker!r}, write BD or PJ")


@dataclass(frozen=True, slots=True)
class BDFKI21(TerminalSentence):
    """Feedback (反馈信息, 2.6): ``executed`` means the burst was sent, not that anybody has it."""

    KIND: ClassVar[str] = "FKI"
    cmd: Text
    executed: YesNo
    freq_ok: YesNo
    inhibit: IntOrZero
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
    pos_type: OneToThree
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
class Receipt:
    """One receipt: when the message was sent and when it was received, ``hh:mm``."""

    sent_at: str
    received_at: str


def _parse_receipts(text: str) -> tuple[Receipt, ...]:
    """Read count, then alternating times of sending and reception."""
    count, *times = text.split(",")
    pairs = [HOUR_MINUTE.parse(entry) for entry in times if entry]
    if parse_int(count or "0") * 2 != len(pairs):
        raise bad(text, "the count, then as many pairs of times")
    return tuple(Receipt(*pairs[at : at + 2]) for at in range(0, len(pairs), 2))


def _build_receipts(receipts: Any) -> str:
    if len(receipts) > RECEIPTS_MAX:
        raise bad(len(receipts), f"at most {RECEIPTS_MAX} receipts")
    times = [HOUR_MINUTE.build(time) for entry in receipts for time in (entry.sent_at, entry.received_at)]
    return ",".join([str(len(receipts)), *times])


def _receipts_from_json(value: Any) -> tuple[Receipt, ...]:
    try:
        return tuple(Receipt(check_text(entry["sent_at"]), check_text(entry["received_at"])) for entry in value)
    except (KeyError, TypeError):
        raise bad(value, "write a list of sent_at and received_at") from None


Receipts = Annotated[
    tuple[Receipt, ...],
    Codec(
        _parse_receipts,
        _build_receipts,
        lambda value: [{"sent_at": entry.sent_at, "received_at": entry.received_at} for entry in value],
        _receipts_from_json,
        width=REST,
    ),
]


@dataclass(frozen=True, slots=True)
class BDHZR(TerminalSentence):
    """Receipts (通信回执, 2.11) of the receiver ``addr``."""

    KIND: ClassVar[str] = "HZR"
    addr: Addr
    receipts: Receipts

    def _derived(self) -> dict[str, Any]:
        return {"count": len(self.receipts)}


@dataclass(frozen=True, slots=True)
class BDICZ(TerminalSentence):
    """Subordinate addresses (下属用户, 2.12), at most 40 a sentence; ``total`` over all sentences."""

    KIND: ClassVar[str] = "ICZ"
    total: Int
    addrs: Addrs

    def _check(self) -> None:
        if len(self.addrs) > SUBORDINATES_A_SENTENCE:
            raise FrameError("bad field", f"ICZ: found {len(self.addrs)} addresses, at most {SUBORDINATES_A_SENTENCE}")


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

    def _derived(self) -> dict[str, Any]:
        return {"text": Payload.from_ascii(ENCODINGS_21.get(self.msg_type), self.content).text}


@dataclass(frozen=True, slots=True)
class BDGXM(TerminalSentence):
    """Management info read (管理信息, 2.13): ``cmd_type`` 3 and 64 hex digits."""

    KIND: ClassVar[str] = "GXM"
    cmd_type: Int
    info: Text

    def _derived(self) -> dict[str, Any]:
        return {"talker": self.TALKER}


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
