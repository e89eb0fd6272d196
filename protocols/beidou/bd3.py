"""Protocol of Beidou-3 terminals (GB/T 44086.2-2024 as in reference/beidou.md section 5), both directions."""

from dataclasses import dataclass
from typing import ClassVar

from protocols.beidou.codec import Addr, Clock, Content, Int, OptClock, OptInt, OptNumber, Text, YesNo
from protocols.beidou.sentence import Sentence


@dataclass(frozen=True, slots=True)
class CCICR(Sentence):
    """Read the card (5.1): ``cmd_type`` 0 own, 1 own groups, 2 subordinates, 3 working mode."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "CC"
    KIND: ClassVar[str] = "ICR"
    cmd_type: Int = 0
    frame: Text = "00"


@dataclass(frozen=True, slots=True)
class BDICP(Sentence):
    """Card information (5.1), 23 fields. ``card`` 0 means no card; ``level_raw`` 0 on a card means level 5."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "BD"
    KIND: ClassVar[str] = "ICP"
    card: Addr
    broadcast: Addr
    auth_type: OptInt = 0
    user_id_type: OptInt = 0
    service_mark: OptInt = 0
    confidential: Text = "N"
    terminal_type: OptInt = 0
    rescue: Text = "N"
    military: OptInt = 0
    interaction: OptInt = 0
    country: OptInt = 0
    priority: OptInt = 0
    rd_capability: OptInt = 0
    freq_s: OptNumber = 60
    level_raw: OptInt = 2
    global_flag: OptInt = 0
    global_permission: OptInt = 0
    global_freq: OptNumber = 0
    global_level: OptInt = 0
    subordinates: OptInt = 0
    group_rights: OptInt = 0
    own_groups: OptInt = 0
    joined_groups: OptInt = 0


@dataclass(frozen=True, slots=True)
class CCTCQ(Sentence):
    """Send a message (5.3): ``confirm`` 1 no, 2 yes; ``encoding`` 1 Chinese, 2 code, 3 mixed, 4 and 5 compressed."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "CC"
    KIND: ClassVar[str] = "TCQ"
    receiver: Addr
    freq_point: Int
    confirm: Int
    encoding: Int
    content: Content
    repeat_s: OptInt = 0


@dataclass(frozen=True, slots=True)
class BDTCI(Sentence):
    """Received message (5.4): explicit sender and receiver; ``field6`` of unknown meaning, 0 in all captures."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "BD"
    KIND: ClassVar[str] = "TCI"
    sender: Addr
    receiver: Addr
    freq_point: OptInt
    time: OptClock
    encoding: OptInt
    field6: OptInt
    content: Content


@dataclass(frozen=True, slots=True)
class BDFKI3(Sentence):
    """Feedback (5.5): :attr:`ok` only when ``executed`` and the reason is 0 or empty."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "BD"
    KIND: ClassVar[str] = "FKI"
    time: Clock
    cmd: Text
    executed: YesNo
    reason: OptInt
    wait_s: OptNumber


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


@dataclass(frozen=True, slots=True)
class BDPWI(Sentence):
    """Beams (5.6). ``utc`` 00:00:00.00 = no time yet."""

    PROTOCOL: ClassVar[str] = "bd-3"
    TALKER: ClassVar[str] = "BD"
    KIND: ClassVar[str] = "PWI"
    utc: Clock
    bd2_beams: tuple[Bd2Beam, ...] = ()
    bd3_beams: tuple[Bd3Beam, ...] = ()
