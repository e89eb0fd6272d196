"""Where the text says it is: two angles that belong together, or nothing.

A wrong place costs more than none, so a pair is believed only when its labels say which axis is which, or when it is
written so finely and lies so plainly in the service region that nothing else is likely. Whatever looks like a
coordinate and is not believed gives a note for the operator instead.

Region: the Beidou regional short-message service of China and its surroundings, taken here as latitude 3–54° and
longitude 73–136°. The two ranges do not overlap, so inside it the order of two bare figures never matters.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from protocols.beidou.handset.angles import LABEL, Angle, Notation, arabic_angles, find_angles, split_compact
from protocols.beidou.handset.normalise import normalise

NOTE_RANGE = "coordinate out of range: not used"
NOTE_AMBIGUOUS = "figures may be a coordinate but do not say so: not used"
NOTE_SEVERAL = "more than one coordinate: the first is used"
NOTE_ORDER = "no hemisphere given: latitude read first"


@dataclass(frozen=True, slots=True)
class Coordinate:
    """What was found: degrees (None when nothing is believed), a note, and the text without the figures used."""

    lat: float | None
    lon: float | None
    note: str
    rest: str


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two figures that are meant as a place: ``point`` is (lat, lon), or None where they are none after all."""

    point: tuple[float, float] | None
    note: str
    doubt: int
    """From 0 (both axes said, side by side) to 7 (nothing said, written unlike each other, far away)."""
    start: int
    second: int
    """Where the second figure starts."""
    end: int


_Reading = tuple[tuple[float, float] | None, str, int]
"""The first three of a _Pair."""


@dataclass(frozen=True, slots=True)
class _Label:
    """An axis word: ``axis`` is lat or lon, ``half`` +1, -1 or 0 (unsaid), ``strong`` unless ordinary text has it."""

    axis: str
    half: int
    strong: bool


_LABELS = {
    **dict.fromkeys(("北纬", "北维", "north", "n"), _Label("lat", 1, True)),
    **dict.fromkeys(("南纬", "south", "s"), _Label("lat", -1, True)),
    **dict.fromkeys(("东经", "东径", "east", "e"), _Label("lon", 1, True)),
    **dict.fromkeys(("西经", "west", "w"), _Label("lon", -1, True)),
    **dict.fromkeys(("纬度", "latitude", "lat"), _Label("lat", 0, True)),
    **dict.fromkeys(("经度", "longitude", "long", "lng", "lon"), _Label("lon", 0, True)),
    "北": _Label("lat", 1, False),
    "南": _Label("lat", -1, False),
    "东": _Label("lon", 1, False),
    "西": _Label("lon", -1, False),
    "纬": _Label("lat", 0, False),
    "经": _Label("lon", 0, False),
}

_Labels = tuple[list[_Label], list[_Label], _Label | None]
"""Axis words before (nearest first), between and behind two figures."""

_LABEL = re.compile(LABEL)
# Both axes named ahead of both figures: 经纬度 30.1 103.4, lat/lon: 30.1, 103.4.
_HEADER = re.compile(
    r"经纬度?坐?标?|纬经度?|经度[,/、和与 ]{0,2}纬度|纬度[,/、和与 ]{0,2}经度"
    r"|(?<![a-z])(?:lat(?:itude)?s?[,/ &-]{0,3}(?:long?|lng|longitude)|(?:long?|lng|longitude)[,/ &-]{0,3}lat(?:itude)?)(?![a-z])(?= ?[:=,]? ?[(\[]?[-+]?[0-9])"
)
_SAYS_PLACE = re.compile(
    r"(?:坐标|经纬|位置|方位|定位|地点|gps|北斗|sos|救命|救|[在到达抵至位]|coord(?:inate)?s?|pos(?:ition)?|loc(?:ation)?|at|here|help|mayday|fix)"
    r"[^0-9a-z一-龥]{0,4}(?:是|为)?[^0-9a-z一-龥]{0,3}$"
)
_SAYS_OTHER = re.compile(
    r"(?:[价费率值]|款|金额|报销|工资|[体气室水油]温|(?<![经纬])度|[血气电油水]压|血氧|脉搏|电流|频道|信道|频差|调频|版本|比例|比分|得分|成绩|分数|均分|占比|指数|pm2\.5"
    r"|海拔|高程|身高|体重|全长|长宽|[水路桥面]宽|[水雪]深|里程|桩号|水位|[流雨水雪重用数含电容]量|降雨|[时车风流航]速|单价|尺寸|误差"
    r"|price|cost|paid|temp|freq|version|\bver|score|height|depth|width|weight|ratio|rate|\bbp|spo2|voltage|altitude|\balt)"
    r"(?P<between>[^0-9,;.!?\n]{0,6}[:,]?[^0-9,;.!?\n]{0,2})$"
)
_NEAR = re.compile(r"[:,= ]{0,3}(?:是|为|约|只有|has|is)?[:,= ]{0,2}")
_JOINS = re.compile(r"[ ,;/|、:~&\n)(\]\[.-]{1,4}|[ ,]{0,2}(?:和|与|and|by)[ ,]{0,2}")
_FILLER = re.compile(r"[ ,;:/|、=()\[\].°度'\"~&\n-]{0,6}$")
_AFTER = re.compile(rf"[ ,°度]{{0,3}}((?>{LABEL}))(?! ?(?>[:=.是为]|{LABEL}){{0,3}} ?[-+]?[0-9])")

DOUBTFUL = 9
"""The doubt of what only gives a note."""
PAIR_GAP_MAX = 16
"""Characters that may stand between two labelled halves."""
ANGLES_MAX = 400
"""Figures of one text that are looked at; a field report has a dozen."""


def find_coordinate(text: str) -> Coordinate:
    """Return the first coordinate that ``text`` says beyond doubt. Never raises, never guesses."""
    plain = arabic_angles(normalise(text))
    plain, header = _take_header(plain)
    angles = find_angles(plain)[:ANGLES_MAX]
    judged = [_judge(plain, one, two, header) for one, two in itertools.pairwise(angles)]
    found = [pair for pair in _surest([pair for pair in judged if pair is not None]) if pair.point is not None]
    if not found:
        return Coordinate(None, None, next((pair.note for pair in judged if pair is not None), ""), plain)
    best = min(found, key=lambda pair: pair.doubt)
    places = {(round(lat, 3), round(lon, 3)) for lat, lon in (pair.point for pair in found if pair.point)}
    assert best.point is not None
    lat, lon = best.point
    rest = _without(plain, [(pair.start, pair.end) for pair in found])
    return Coordinate(round(lat, 6), round(lon, 6), NOTE_SEVERAL if len(places) > 1 else best.note, rest)


def _surest(pairs: list[_Pair]) -> list[_Pair]:
    """Return the pairs in text order, none sharing a figure: of two that do, the surer one stays, else the first.

    So a price before ``30.1N 103.4E`` cannot borrow its N, and a third figure cannot break a pair written alike.
    """
    taken: set[int] = set()
    kept: list[_Pair] = []
    for pair in sorted(pairs, key=lambda pair: (pair.doubt, pair.start)):
        if taken.isdisjoint((pair.start, pair.second)):
            taken |= {pair.start, pair.second}
            kept.append(pair)
    return sorted(kept, key=lambda pair: pair.start)


def _judge(text: str, first: Angle, second: Angle, header: str) -> _Pair | None:
    """Return what two neighbouring figures are together; None when nothing like a coordinate."""
    gap = text[first.end : second.start]
    if len(gap) > PAIR_GAP_MAX:
        return None
    labels = _labels_around(text, first, second)
    before, between, after = labels
    tight = _is_tight(gap)
    reading: _Reading | None = None
    if tight or not _SENTENCE_ENDS.search(gap):
        reading = _by_both_labels(first, second, labels, gap, tight=tight)
    if reading is None:
        if any(label.strong for label in (*before[:1], *between, *([after] if after else []))):
            reading = _by_one_label(first, second, labels, tight=tight)
        elif _JOINS.fullmatch(gap) and _may_stand_bare(first, second):
            reading = _unlabelled(text, first, second, gap, header)
    if reading is None:
        return None
    return _Pair(*reading, first.start, second.start, second.end)


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    """Cut the figures out so that no count is read from them; a bar keeps the words apart."""
    out, last = [], 0
    for start, end in spans:
        out += [text[last:start], " | "]
        last = end
    return "".join([*out, text[last:]])


def _take_header(text: str) -> tuple[str, str]:
    """Replace a header such as 经纬度 by 坐标; return the axis it names first, or an empty word."""
    match = _HEADER.search(text)
    if match is None:
        return text, ""
    word = match.group()
    first = "lat" if word[0] == "纬" or word.startswith("lat") else "lon"
    # 经纬度 is the ordinary word for coordinates and says nothing about the order that follows.
    if word.startswith("经纬"):
        first = "any"
    return _HEADER.sub("坐标", text), first


def _by_both_labels(first: Angle, second: Angle, labels: _Labels, gap: str, *, tight: bool) -> _Reading | None:
    """Read two figures by the axes said of both; figures that do not fit their axes are spoken for all the same."""
    misfit = False
    for one, other in _assignments(*labels, gap):
        if one is None or other is None or not (one.strong or other.strong or second.decimals >= 2):
            continue
        point = _labelled(first, one, second, other)
        if point is not None:
            return point, "", 0 if tight else 2
        misfit = misfit or (one.strong and other.strong and _written_alike(first, second))
    return (None, NOTE_RANGE, 1 if tight else 3) if misfit else None


_SENTENCE_ENDS = re.compile(r"[\n;!?|]|[.](?![0-9])")


def _is_tight(gap: str) -> bool:
    """Tell whether nothing but punctuation and axis words stands between two figures."""
    return _FILLER.fullmatch(re.sub(r"是|为|约", "", _LABEL.sub("", gap))) is not None


def _labels_around(text: str, first: Angle, second: Angle) -> _Labels:
    """Return the axis words before, between and behind two figures."""
    between = [_LABELS[word.strip(". ")] for word in _LABEL.findall(text[first.end : second.start])]
    return _labels_before(text, first.start), between, _label_after(text, second.end)


def _labels_before(text: str, start: int) -> list[_Label]:
    """Return the axis words that stand right before a figure, nearest first."""
    window = text[max(0, start - 24) : start]
    labels: list[_Label] = []
    matches = list(_LABEL.finditer(window))
    end = len(window)
    for match in reversed(matches):
        if not _FILLER.fullmatch(re.sub(r"是|为|约", "", window[match.end() : end])):
            break
        labels.append(_LABELS[match.group().strip(". ")])
        end = match.start()
    return labels


def _label_after(text: str, end: int) -> _Label | None:
    """Return the axis word that stands right after a figure and belongs to no later one."""
    match = _AFTER.match(text[end : end + 24])  # a slice: 23secN is a label although a letter stands before it
    return _LABELS[match.group(1).strip(". ")] if match is not None else None


def _merge(labels: list[_Label]) -> _Label | None:
    """Make one label of several said of one figure (纬度:北纬, lat N); None when they disagree or there is none."""
    if not labels or len({label.axis for label in labels}) > 1:
        return None
    half = next((label.half for label in labels if label.half), 0)
    return _Label(labels[0].axis, half, any(label.strong for label in labels))


def _assignments(
    before: list[_Label], between: list[_Label], after: _Label | None, gap: str
) -> list[tuple[_Label | None, _Label | None]]:
    """Return who owns which label, likeliest first: both ahead, both behind, one of each."""
    nearest = _merge(before[:1] if before and before[0].half else before[:2]) or _merge(before[:1])
    middle = _merge(between) if len({label.axis for label in between}) == 1 else None
    ways: list[tuple[_Label | None, _Label | None]] = []
    if len({label.axis for label in between}) == 2:  # 30.1N E103.4, or 纬度30.1N 经度103.4E
        split = next(i for i, label in enumerate(between) if label.axis != between[0].axis)
        ways.append((_merge(between[:split]), _merge(between[split:])))
        return ways
    glued_behind = bool(re.match(r"[ °度'\"]{0,2}(?:[nsew](?![a-z])|[北南东西])", gap))
    ahead, behind, around = (nearest, middle), (middle, after), (nearest, after)
    ways += (
        [behind, ahead, around]
        if glued_behind and after is not None and middle is not None
        else [ahead, behind, around]
    )
    return ways


def _labelled(first: Angle, one: _Label, second: Angle, other: _Label) -> tuple[float, float] | None:
    """Return (lat, lon) of two figures whose axes are said; None when they do not fit their axes."""
    if one.axis == other.axis:
        return None
    lat_angle, lat_label, lon_angle, lon_label = (
        (first, one, second, other) if one.axis == "lat" else (second, other, first, one)
    )
    if not _written_alike(first, second):
        return None
    if Notation.WHOLE in (first.notation, second.notation) and not (one.strong and other.strong):
        return None
    lat, lon = _value(lat_angle, lat_label, 2), _value(lon_angle, lon_label, 3)
    if lat is None or lon is None or not (abs(lat) <= 90 and abs(lon) <= 180):
        return None
    return lat, lon


def _value(angle: Angle, label: _Label, degree_digits: int) -> float | None:
    """Return the degrees of one labelled figure, its half of the Earth applied."""
    degrees: float | None = angle.degrees
    if angle.notation is Notation.COMPACT:
        degrees = split_compact(angle.digits, degree_digits)
    if degrees is None:
        return None
    return label.half * abs(degrees) if label.half else degrees


def _by_one_label(first: Angle, second: Angle, labels: _Labels, *, tight: bool) -> _Reading | None:
    """Read a pair where only one figure says its axis (纬度30.123,103.456); two possible readings are none."""
    before, between, after = labels
    of_first = [*before[:1], *between[:1]]
    of_second = [*between[-1:], *([after] if after else [])]
    ways = [(label, _other_axis(label)) for label in of_first] + [(_other_axis(label), label) for label in of_second]
    points = {_labelled(first, one, second, other) for one, other in ways if one.strong and other.strong} - {None}
    has_fraction = all(angle.decimals or angle.notation is Notation.SEXAGESIMAL for angle in (first, second))
    if tight and has_fraction and len(points) == 1:
        return points.pop(), "", 3
    return _doubtful(first, second)


def _other_axis(label: _Label) -> _Label:
    """Return the label that the other figure of a pair must have; its half of the Earth is unsaid."""
    return _Label("lon" if label.axis == "lat" else "lat", 0, label.strong)


def _written_alike(first: Angle, second: Angle) -> bool:
    """Tell whether one hand wrote both figures: the same notation, whole degrees beside a coarse decimal at most.

    Beside 103.4567 a bare 30 is a time, a count or a half of something else.
    """
    if {first.notation, second.notation} == {Notation.WHOLE, Notation.DECIMAL}:
        return max(first.decimals, second.decimals) <= 2
    return first.notation is second.notation


def _may_stand_bare(first: Angle, second: Angle) -> bool:
    """Tell whether two figures without a hemisphere are written like a coordinate."""
    is_notation = first.notation in (Notation.DECIMAL, Notation.SEXAGESIMAL)
    return is_notation and first.notation is second.notation and first.marked == second.marked


def _doubtful(first: Angle, second: Angle, note: str = NOTE_AMBIGUOUS) -> _Reading | None:
    """Return a note without a place for figures so fine that an operator should look; they stay free for others."""
    return (None, note, DOUBTFUL) if min(first.decimals, second.decimals) >= 2 else None


def _region_point(first: Angle, second: Angle) -> tuple[float, float] | None:
    """Return (lat, lon) in whichever order lies in the service region."""
    for lat, lon in ((first.degrees, second.degrees), (second.degrees, first.degrees)):
        if 3 <= lat <= 54 and 73 <= lon <= 136:
            return lat, lon
    return None


def _unlabelled(text: str, first: Angle, second: Angle, gap: str, header: str) -> _Reading | None:
    """Decide on two bare figures: fine enough, in the region, or plainly announced."""
    window = text[max(0, first.start - 16) : first.start]
    bracketed = window.endswith(("(", "[")) and text[second.end : second.end + 2].strip().startswith((")", "]"))
    said = bracketed or _SAYS_PLACE.search(window) is not None
    least = min(first.decimals, second.decimals)
    other = _SAYS_OTHER.search(window)
    # Three decimals and more are doubted only where the other word stands right before them.
    if other is not None and (least < 3 or (not said and _NEAR.fullmatch(other["between"]))):
        return _doubtful(first, second)
    unlike = int(first.decimals != second.decimals)
    point = _region_point(first, second)
    if point is None:
        return _abroad(first, second, gap, header, said=said)
    alone = window.strip() == "" and text[second.end :].strip(" .,;)]|") == ""
    is_fine = first.notation is Notation.SEXAGESIMAL or least >= 3
    is_fine = is_fine or (least >= 1 and (said or first.decimals + second.decimals >= 6))
    if is_fine or (least >= 2 and (alone or "," in gap)):
        return point, "", 4 + unlike
    return (None, NOTE_AMBIGUOUS, DOUBTFUL) if least >= 1 else None


def _abroad(first: Angle, second: Angle, gap: str, header: str, *, said: bool) -> _Reading | None:
    """Decide on two bare figures outside the region: four decimals, or three with a sign or an announcement."""
    lat, lon = first.degrees, second.degrees
    if header == "lon" or (header in ("", "any") and abs(lat) > 90):
        lat, lon = lon, lat
    least = min(first.decimals, second.decimals)
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        return (None, NOTE_RANGE, DOUBTFUL) if least >= 3 or said else None
    is_fine = first.notation is Notation.SEXAGESIMAL or least >= 4
    is_fine = is_fine or (least >= 3 and (said or first.signed or second.signed))
    if gap.strip() in ("-", "~") or not is_fine:
        return _doubtful(first, second)
    # Both orders may be possible here; then the usual one is taken and said so.
    sure = header in ("lat", "lon") or abs(first.degrees) > 90 or abs(second.degrees) > 90
    return (lat, lon), "" if sure else NOTE_ORDER, 6 + int(first.decimals != second.decimals)
