"""A handset text becomes a typed report: what kind, where, how many. What is not said is absent.

The order of kinds is the order of what must not be missed: a call for help by people in danger, then counts of dead,
injured and missing, danger to roads and houses, needs, where and how we are, an answer; all else is chat. Two
exceptions follow from how people write: a thing asked for by name is a resource even where the danger is told as the
reason, and an answer to a numbered order is an answer even where it says what stands in the way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protocols.beidou.handset import vocabulary as say
from protocols.beidou.handset.coordinates import find_coordinate
from protocols.beidou.handset.counts import find_counts, find_group
from protocols.beidou.handset.hazards import find_hazards, is_background
from protocols.beidou.handset.items import find_asked
from protocols.beidou.handset.normalise import normalise
from protocols.beidou.handset.numerals import read_spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("sos", "casualty", "hazard", "resource", "position", "ack", "chat")
"""Every kind a handset text can have, most urgent first."""


@dataclass(frozen=True, slots=True)
class HandsetReport:
    """What a text says. ``lat`` and ``lon`` (degrees, WGS-84) are both set or both None.

    ``fields`` may hold: ``people`` (in danger, of an sos), ``injured``, ``dead``, ``missing``, ``serious``, ``light``,
    ``trapped``, ``moved``; ``item``, ``qty``, ``unit`` of the first thing asked for; ``hazard`` (a slug of hazards.py);
    ``result`` of an answer (``rejected``); ``note`` for the operator. ``ref`` is the number an answer quotes.
    """

    kind: str
    lat: float | None = None
    lon: float | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    ref: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return one flat object, absent members left out."""
        value: dict[str, Any] = {"kind": self.kind}
        if self.lat is not None:
            value["lat"], value["lon"] = self.lat, self.lon
        value.update(self.fields)
        if self.ref is not None:
            value["ref"] = self.ref
        return value


@dataclass(frozen=True, slots=True)
class _Said:
    """A text prepared for reading: whole, and without phrases, questions and denials."""

    whole: str
    told: str
    """Statements only; what is denied or asked is taken out."""
    standing: str
    """``told`` without the clauses that say a danger is over."""
    nil: Mapping[str, int]
    """Zero for each of dead and injured that is denied."""
    asks: bool


def parse(text: str) -> HandsetReport:
    """Read one handset text. Never raises; takes time in proportion to the text, of which TEXT_CHARS_MAX are read."""
    where = find_coordinate(text)
    said = _prepare(where.rest)
    counts, _ = find_counts(say.PARTLY_RESCUED.sub(" | ", said.told))
    hazards = find_hazards(said.standing)
    ref = _reference(normalise(text))
    kind = _kind(said, counts, hazards, has_place=where.lat is not None, has_ref=ref is not None)
    fields = _fields(kind, said, counts, hazards)
    if where.note:
        fields["note"] = where.note
    return HandsetReport(kind, where.lat, where.lon, fields, ref)


_CLAUSE = re.compile(r"[^,.;!?|\n]*[,.;!?|\n]?")


def _prepare(rest: str) -> _Said:
    """Take out what is no statement."""
    whole = say.SET_PHRASES.sub(" ", rest)
    denied = " ".join(match.group() for match in say.NEGATED.finditer(whole))
    nil = {name: 0 for name, said in (("dead", say.NIL_DEAD), ("injured", say.NIL_INJURED)) if said.search(denied)}
    positive = say.NEGATED.sub(" ", whole)
    told: list[str] = []
    standing: list[str] = []
    asks = False
    for clause in _CLAUSE.findall(positive):
        body = clause.strip(" ,.;!|\n")
        if say.QUESTION.search(body) and not say.POLITE_REQUEST.search(body):
            asks = True
            continue
        told.append(clause)
        if not say.CLEARED.search(body):
            standing.append(clause)
    return _Said(whole.strip(), "".join(told).strip(), "".join(standing).strip(), nil, asks)


def _kind(said: _Said, counts: dict[str, int], hazards: list[str], *, has_place: bool, has_ref: bool) -> str:
    """Decide the kind; the order of the tests is the order of what must not be missed."""
    cancelled = say.CANCELLED.search(said.whole) is not None
    is_answer = has_ref or say.ACK.match(said.told) is not None
    ladder = (
        ("sos", not cancelled and _is_sos(said, counts)),
        ("ack", say.ACK_REFUSED.search(said.told) is not None),
        ("casualty", _is_casualty(said, counts, hazards)),
        ("resource", _is_request(said)),
        ("hazard", bool(hazards) and not _is_safety_report(said, hazards) and not _is_arrival(said)),
        ("ack", is_answer and not has_place),
        ("position", cancelled or _is_position(said) or (has_place and not said.asks)),
        ("casualty", bool(said.nil)),  # a nil return and nothing else
        ("ack", is_answer),
    )
    return next((kind for kind, holds in ladder if holds), "chat")


def _is_sos(said: _Said, counts: dict[str, int]) -> bool:
    """Tell whether people in danger call for help, or are said to be in danger."""
    call = said.whole if not _is_request(said) else _HURRY.sub(" ", said.whole)
    if say.CALL.search(call):
        return True
    if say.RESCUED.search(said.told) or "dead" in counts or "missing" in counts:
        return False  # all is well, or a return of figures with those trapped among them
    if say.DANGER.search(said.told) or counts.get("trapped"):
        return True
    is_hurt = "injured" in counts or _SICK.search(said.told) is not None
    return is_hurt and say.MEDICAL_NEED.search(said.told) is not None


_SICK = re.compile(r"伤|病|昏|injur|wounded|hurt|sick")
_HURRY = re.compile(r"(?:快|赶快|赶紧|速|请速|尽快|马上)点?(?:[送运派]|来(?!人|救))|emergency|hurry")
"""Goes with asking for things as well; what is left of a call without it is one for people."""


def _is_casualty(said: _Said, counts: dict[str, int], hazards: list[str]) -> bool:
    """Tell whether dead, injured, missing or moved people are counted."""
    counted = {"dead", "injured", "missing", "moved"} & counts.keys()
    if counted == {"missing"} and len(hazards) >= 2:  # 发生泥石流,冲毁房屋3间,20人失联
        return False
    if counted == {"moved"}:
        return not hazards
    if counted == {"injured"} and _is_request(said):
        return False
    return bool(counted) or (say.SOME_HURT.search(said.told) is not None and not _is_request(said))


def _is_request(said: _Said) -> bool:
    """Tell whether a thing is asked for."""
    clauses = [clause for clause in _CLAUSE.findall(said.told) if not say.NOT_NEEDED.search(clause)]
    asked = "".join(clause for clause in clauses if not say.DELIVERED.search(clause))
    thing = find_asked(asked)
    if not say.NEED.search(asked):
        # A bare list (帐篷10顶、棉被20床) asks as well, unless it tells what became of the things.
        return (
            thing.item is not None and bool(thing.unit) and len(asked) <= LIST_CHARS_MAX and not _HAVING.search(asked)
        )
    return thing.item is not None or thing.qty is not None or _ASKS_SUPPORT.search(asked) is not None


LIST_CHARS_MAX = 30
"""A list longer than this tells something about the things."""
_HAVING = re.compile(r"[已到收发有带剩放装用送运坏丢借还领]|have|got|left|with|gave|took")
_ASKS_SUPPORT = re.compile(
    r"请求[^,.;]{0,4}(?:支援|增援|补给|协助|空投)|缺[^,.;|]{1,8}$|请[^,.;]{0,4}(?:支援|增援)|急需支援|需要支援|request(?:ing)? (?:support|assistance|backup)"
)


def _is_safety_report(said: _Said, hazards: list[str]) -> bool:
    """Tell whether a danger is only named beside the news that we are well (地震后我们平安)."""
    return say.SAFE.search(said.told) is not None and is_background(said.standing, hazards)


_TO_THE_SPOT = re.compile(
    r"(?:到达|抵达|已到|前往|赶往|赶到|进入|位于|在)[^,.;!?|]{0,10}(?:塌方|滑坡|泥石流|火灾|起火|洪水|溃口|决口|地震|爆炸|事故|险情|垮塌|倒塌|雪崩|堰塞湖|管涌|着火)(?:体|灾害|的){0,2}(?:点|现场|处|灾?区|路段|附近|位置|地点|体)"
    r"|arrived at (?:the )?[a-z ]{0,20}(?:landslide|fire|flood|collapse|site)[a-z ]{0,10}"
)


def _is_arrival(said: _Said) -> bool:
    """Tell whether the danger is only the name of the place we came to (已到达塌方现场)."""
    return not find_hazards(_TO_THE_SPOT.sub(" ", said.standing))


def _is_position(said: _Said) -> bool:
    """Tell whether the text says where we are or that we are well."""
    if say.NOT_MY_PLACE.search(said.told):
        return False
    return any(pattern.search(said.told) for pattern in (say.SAFE, say.PLACE, say.RESCUED))


def _reference(plain: str) -> int | None:
    """Return the number an answer quotes (收到1023, 1023收到, ok 1023)."""
    if say.CALLS_FOR_REPLY.search(plain):
        return None
    match = say.ACK_NUMBER_AFTER.match(plain) or say.ACK_NUMBER_BEFORE.match(plain)
    if match is None:
        return None
    figure = next(value for value in match.groups() if value).replace(" ", "")
    digits = figure if figure.isascii() else read_spoken(figure)
    return int(digits) if digits is not None and digits.isdigit() else None


def _fields(kind: str, said: _Said, counts: dict[str, int], hazards: list[str]) -> dict[str, Any]:
    """Return what is said beside kind and place, under the names of the corpus."""
    fields: dict[str, Any] = {}
    if kind in ("sos", "casualty", "hazard", "resource"):
        fields.update(counts)
    if kind == "sos":
        trapped = fields.pop("trapped", None)
        people = trapped if trapped is not None else find_group(find_counts(said.told)[1])
        if people is not None:
            fields["people"] = people
    if kind == "resource":
        fields.update(_asked(said.told))
    if kind in ("sos", "casualty", "hazard") and hazards:
        fields["hazard"] = hazards[0]
    if kind == "casualty" and not counts:
        fields.update(said.nil)
    if kind == "ack" and say.ACK_REFUSED.search(said.told):
        fields["result"] = "rejected"
    return fields


def _asked(told: str) -> dict[str, Any]:
    """Return the first thing asked for, its number and measure word, as far as they are said."""
    asked = find_asked(told)
    said = {"item": asked.item, "qty": asked.qty, "unit": asked.unit}
    return {name: value for name, value in said.items() if value not in (None, "")}
