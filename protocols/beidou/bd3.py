"""Protocol of Beidou-3 terminals (GB/T 44086.2-2024 as in reference/beidou.md section 5), both directions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self

from protocols.beidou.address import address_digits
from protocols.beidou.capacity import BD3_LEVEL_BITS, BD3_LEVEL_OF_ZERO, Generation, capacity_bits, check_capacity
from protocols.beidou.codec import (
    REST,
    Addr,
    AddrOrZero,
    Clock,
    Codec,
    Content,
    Int,
    Loose,
    OneToFive,
    OneTwo,
    OptClock,
    OptInt,
    OptNumber,
    Text,
    YesNo,
    ZeroToThree,
    bad,
    build_number,
    check_int,
    check_number,
    parse_int,
    parse_number,
)
from protocols.beidou.errors import FrameError
from protocols.beidou.message import MessageSentence
from protocols.beidou.payload import Encoding, Payload, decode_text
from protocols.beidou.sentence import Sentence
from protocols.beidou.value import no_card_as_zero

ENCODINGS_3: Mapping[int, Encoding] = MappingProxyType(
    {
        1: Encoding.HANZI,
        2: Encoding.CODE,
        3: Encoding.MIXED,
        4: Encoding.HANZI_COMPRESSED,
        5: Encoding.CODE_COMPRESSED,
    }
)
"""Encoding numbers of BDS-3 (5.3)."""


@dataclass(frozen=True, slots=True)
class CCICR(Sentence):
    """Read the card (5.1): ``cmd_type`` 0 own, 1 own groups, 2 subordinates, 3 working mode."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "CC"
    KIND: ClassVar[str] = "ICR"
    cmd_type: ZeroToThree = 0
    frame: Text = "00"


@dataclass(frozen=True, slots=True)
class BDICP(Sentence):
    """Card information (5.1), 23 fields. ``card`` 0 means no card; ``level_raw`` 0 on a card means level 5."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "BD"
    KIND: ClassVar[str] = "ICP"
    card: Addr
    broadcast: AddrOrZero
    auth_type: Loose = 0
    user_id_type: Loose = 0
    service_mark: Loose = 0
    confidential: Text = "N"
    terminal_type: Loose = 0
    rescue: Text = "N"
    military: Loose = 0
    interaction: Loose = 0
    country: Loose = 0
    priority: Loose = 0
    rd_capability: Loose = 0
    freq_s: OptNumber = 60
    level_raw: OptInt = 2
    global_flag: Loose = 0
    global_permission: Loose = 0
    global_freq: OptNumber = 0
    global_level: OptInt = 0
    subordinates: OptInt = 0
    group_rights: Loose = 0
    own_groups: Loose = 0
    joined_groups: Loose = 0

    @property
    def no_card(self) -> bool:
        """Tell whether there is no card; tested before the level is read (5.1)."""
        return self.card == 0

    @property
    def level(self) -> int | None:
        """The regional length level, None without a card."""
        return None if self.no_card or self.level_raw is None else self.level_raw or BD3_LEVEL_OF_ZERO

    def _derived(self) -> dict[str, Any]:
        level = self.level
        known = level is not None and level in BD3_LEVEL_BITS
        shown: dict[str, Any] = {
            "no_card": self.no_card,
            "level": level,
            "max_bits": capacity_bits(Generation.BD3, level) if level is not None and known else None,
        }
        return shown | {"card": None} if self.no_card else shown

    @classmethod
    def _complete(cls, fields: dict[str, Any]) -> dict[str, Any]:
        return no_card_as_zero(fields)


@dataclass(frozen=True, slots=True)
class CCTCQ(MessageSentence):
    """Send a message (5.3): ``confirm`` 1 no, 2 yes; ``encoding`` 1 Chinese, 2 code, 3 mixed, 4 and 5 compressed."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "CC"
    KIND: ClassVar[str] = "TCQ"
    ENCODINGS: ClassVar[Mapping[int, Encoding]] = ENCODINGS_3
    receiver: Addr
    freq_point: OneToFive
    confirm: OneTwo
    encoding: Int
    content: Content
    repeat_s: OptNumber = 0

    @classmethod
    def of(cls, receiver: int, payload: Payload, *, freq_point: int = 2, confirm: bool = False) -> Self:
        """Return the request that sends ``payload`` once; raise FrameError for content that is not sent."""
        number = cls.encoding_number(payload.encoding)
        return cls(receiver, freq_point, 2 if confirm else 1, number, payload.to_ascii())

    def _derived(self) -> dict[str, Any]:
        shown = {"to": address_digits(self.receiver), "data": decode_text(self.content)}
        return shown | MessageSentence._derived(self)

    def _check(self) -> None:
        MessageSentence._check(self)
        if self.payload.encoding in (Encoding.HANZI_COMPRESSED, Encoding.CODE_COMPRESSED):
            raise FrameError("bad encoding", "TCQ: compressed content is passed on, never sent (algorithm UNCONFIRMED)")
        if not self.content:
            raise FrameError("bad payload", "TCQ: a message without content is never sent (5.3)")
        # What this card may send only the caller knows; above this no card sends anything.
        check_capacity(self.payload, Generation.BD3, max(BD3_LEVEL_BITS.values()))


@dataclass(frozen=True, slots=True)
class BDTCI(MessageSentence):
    """Received message (5.4): explicit sender and receiver; ``field6`` of unknown meaning, 0 in all captures."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "BD"
    KIND: ClassVar[str] = "TCI"
    ENCODINGS: ClassVar[Mapping[int, Encoding]] = ENCODINGS_3
    sender: Addr
    receiver: Addr
    freq_point: OptInt
    time: OptClock
    encoding: OptInt
    field6: OptInt
    content: Content

    @classmethod
    def of(cls, sender: int, receiver: int, payload: Payload, *, time: str | None, freq_point: int | None = 2) -> Self:
        """Return the report of a received message."""
        number = cls.encoding_number(payload.encoding)
        return cls(sender, receiver, freq_point, time, number, 0, payload.to_ascii())

    @classmethod
    def _parse_fields(cls, rest: str) -> dict[str, Any]:
        """Read seven fields, or six without field 6, or seven without a frequency point (5.4)."""
        texts = rest.split(",")
        if len(texts) < 6:
            raise FrameError("bad field", f"TCI: found {len(texts)} fields, 6 or 7 are known")
        if not _TIME.fullmatch(texts[3]) and _TIME.fullmatch(texts[2]):
            sender, receiver, time, encoding, field6, _, *content = texts
            texts = [sender, receiver, "", time, encoding, field6, *content]
        elif len(texts) == 6 or not (texts[5] == "" or texts[5].isdecimal()):
            texts.insert(5, "")
        return super(BDTCI, cls)._parse_fields(",".join(texts))

    def _derived(self) -> dict[str, Any]:
        return {"data": decode_text(self.content)} | MessageSentence._derived(self)


_TIME = re.compile(r"[0-9]{6}(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class BDFKI3(Sentence):
    """Feedback (5.5): :attr:`ok` only when ``executed`` and the reason is 0 or empty."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "BD"
    KIND: ClassVar[str] = "FKI"
    time: OptClock
    cmd: Text
    executed: YesNo
    reason: OptInt
    wait_s: OptNumber

    @property
    def ok(self) -> bool:
        """Tell whether the burst was sent."""
        return self.executed and not self.reason

    def _derived(self) -> dict[str, Any]:
        return {"ok": self.ok}

    @classmethod
    def _complete(cls, fields: dict[str, Any]) -> dict[str, Any]:
        return {"executed": fields["ok"], **fields} if "ok" in fields else fields


@dataclass(frozen=True, slots=True)
class Bd3Beam:
    """Signal of one BDS-3 beam, dBHz: data channel, pilot channel, and a fourth value of unknown meaning."""

    beam: int
    s2c_d: float
    s2c_p: float
    extra: float | None = None


@dataclass(frozen=True, slots=True)
class Bd2Beam:
    """Signal of one BD-2 beam in a BDS-3 sentence: beam number and two values as they came."""

    beam: int
    s2c_d: float
    s2c_p: float


_Beams = tuple[tuple[Bd2Beam, ...], tuple[Bd3Beam, ...]]


def _parse_beams(text: str) -> _Beams:
    """Read ``n2`` groups of three, then ``n3`` groups of three or four: the width is what is left, divided (5.6)."""
    texts = text.split(",")
    count_2 = parse_int(texts[0] or "0")
    after = 1 + 3 * count_2
    if count_2 < 0 or len(texts) < after:
        raise bad(text, f"{count_2} BD-2 beams of three values each")
    bd2 = tuple(Bd2Beam(parse_int(a), *map(_signal, b)) for a, *b in _groups(texts[1:after], 3))
    count_3 = parse_int(texts[after] or "0") if len(texts) > after else 0
    left = texts[after + 1 :]
    if count_3 <= 0:
        return bd2, ()
    width = len(left) // count_3
    if width not in (3, 4):
        raise bad(text, f"{count_3} BDS-3 beams of three or four values each")
    groups = _groups(left[: width * count_3], width)
    return bd2, tuple(Bd3Beam(parse_int(a), *map(_signal, b)) for a, *b in groups)


def _groups(texts: list[str], width: int) -> list[list[str]]:
    return [texts[at : at + width] for at in range(0, len(texts), width)]


def _signal(text: str) -> int | float:
    return parse_number(text) if text else 0


def _build_beams(beams: Any) -> str:
    bd2, bd3 = beams
    if len({beam.extra is None for beam in bd3}) > 1:
        raise bad(bd3, "either all beams have the fourth value or none")
    texts = [f"{len(bd2):02d}"]
    for beam in bd2:
        texts += [str(check_int(beam.beam)), build_number(beam.s2c_d), build_number(beam.s2c_p)]
    texts.append(f"{len(bd3):02d}" if bd3 else "0")
    for beam in bd3:
        texts += [str(check_int(beam.beam)), build_number(beam.s2c_d), build_number(beam.s2c_p)]
        if beam.extra is not None:
            texts.append(build_number(beam.extra))
    return ",".join(texts)


def _beams_to_json(beams: _Beams) -> dict[str, Any]:
    bd2, bd3 = beams
    return {
        "bd2_beams": [{"beam": b.beam, "s2c_d": b.s2c_d, "s2c_p": b.s2c_p} for b in bd2],
        "bd3_beams": [
            {"beam": b.beam, "s2c_d": b.s2c_d, "s2c_p": b.s2c_p} | ({} if b.extra is None else {"extra": b.extra})
            for b in bd3
        ],
    }


def _beams_from_json(fields: dict[str, Any]) -> _Beams:
    try:
        bd2 = tuple(
            Bd2Beam(check_int(b["beam"]), check_number(b["s2c_d"]), check_number(b["s2c_p"]))
            for b in fields.get("bd2_beams", [])
        )
        bd3 = tuple(
            Bd3Beam(
                check_int(b["beam"]),
                check_number(b["s2c_d"]),
                check_number(b["s2c_p"]),
                None if b.get("extra") is None else check_number(b["extra"]),
            )
            for b in fields.get("bd3_beams", [])
        )
    except (AttributeError, KeyError, TypeError):
        raise bad(fields.get("bd3_beams"), "write lists of beam, s2c_d, s2c_p and perhaps extra") from None
    return bd2, bd3


Beams = Annotated[_Beams, Codec(_parse_beams, _build_beams, width=REST)]


@dataclass(frozen=True, slots=True)
class BDPWI(Sentence):
    """Beams (5.6). ``utc`` 00:00:00.00 = no time yet."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "BD"
    KIND: ClassVar[str] = "PWI"
    HIDDEN: ClassVar[frozenset[str]] = frozenset({"beams"})
    utc: Clock
    beams: Beams = ((), ())

    @property
    def bd2_beams(self) -> tuple[Bd2Beam, ...]:
        """The BD-2 beams."""
        return self.beams[0]

    @property
    def bd3_beams(self) -> tuple[Bd3Beam, ...]:
        """The BDS-3 beams."""
        return self.beams[1]

    @property
    def time_valid(self) -> bool:
        """Tell whether the terminal knows the time."""
        return self.utc.replace(":", "").replace(".", "").strip("0") != ""

    def _derived(self) -> dict[str, Any]:
        return {"time_valid": self.time_valid} | _beams_to_json(self.beams)

    @classmethod
    def _complete(cls, fields: dict[str, Any]) -> dict[str, Any]:
        return fields | {"beams": _beams_from_json(fields)}
