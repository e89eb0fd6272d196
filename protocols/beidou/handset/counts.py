"""How many people are dead, injured, missing, trapped, moved: number and status, whichever stands first.

``死亡3人`` and ``3人死亡`` both occur, glued together without punctuation; the text is read once from left to right and
a number is used once. Vague numbers (十几人) and other counts (死亡牛20头) give nothing.
"""

from __future__ import annotations

import re

from protocols.beidou.handset.numerals import CHINESE, NUMBER, read_number

STATUSES: tuple[tuple[str, str], ...] = (
    (
        "serious",
        r"重伤员?|危重|伤势严重|病危|serious(?:ly)? (?:injured|wounded|hurt)|critical(?:ly)?(?: injured| wounded)?",
    ),
    (
        "light",
        r"轻伤员?|轻微伤|擦伤|slight(?:ly)? (?:injured|wounded|hurt)|minor injur(?:y|ies)|lightly (?:injured|wounded)",
    ),
    (
        "injured",
        r"受伤|伤员|伤者|负伤|骨折|烧伤|摔伤|砸伤|压伤|冻伤|灼伤|烫伤|扭伤|咬伤|划伤|炸伤|腿断|受了伤|挂彩|伤了|伤|injur(?:ed|ies|y)|wia|wounded|hurt|broken (?:leg|arm|bones?)|(?:with )?(?:a )?broken leg",
    ),
    (
        "dead",
        r"死亡|遇难者?|牺牲|丧生|身亡|死者|遗体|尸体|殉职|罹难|去世|死了|(?<!生)死|亡|dead|kia|died|killed|deaths?|fatalit(?:y|ies)|bodies|deceased",
    ),
    (
        "missing",
        r"失踪|失联|生死不明|生死未卜|下落不明|失去联系|联系不上|未联系上|不知去向|未找到|没找到|没有?找到|找不到|走失|走散|missing|unaccounted(?: for)?",
    ),
    (
        "trapped",
        (
            r"被洪水围困|被大?[水火雪]围?困|被困|受困|围困|被围困|困住|困在|困于|被埋|被掩埋|埋压|压住|被压|压在|埋在|埋了|埋着|迷路|迷失|等待(?:转移|救援|营救|撤离)|等救援|待救援|待转移|在[屋房楼]顶|被围|落水|掉进|掉入|坠|困|陷在"
            r"|没出来|没有出来|被卷走|被冲走|被[^,.;|\n0-9]{0,3}(?:冲走|卷走|围住)|没上来|滞留|夹住|下不[了来去]|走不了|出不来|在船上|在车里|trapped|stuck|buried|stranded|on the roof|on board|aboard|lost|fell into|drowning|alive under"
        ),
    ),
    ("moved", r"已?经?(?:紧急)?(?:转移|撤离|疏散)(?:安置)?|evacuated|relocated"),
)
_STATUS = "|".join(rf"(?P<{{form}}_{name}>{pattern})" for name, pattern in STATUSES)
_ANY_STATUS = "|".join(pattern for _, pattern in STATUSES)
_PERSON = r"(?:人|名|个(?![小月])|位|口|具|例|员|ppl|people|persons?|pax|men|women|children|kids|students?|climbers?|hikers?|of us|villagers?|workers?|tourists?|patients?|adults?|child|locals|civilians|crew|elderly|girls?|boys?|man|woman|family members?|soldiers?|passengers?|hunters?|members?|residents?|miners?|fishermen)"
_LINK = r"(?:人数|人员|群众|村民|游客|学生|者|员|了|增至|增加到|上升到|升至|达到?|共计?|总计|合计|有|找到|发现|确认|已|约|大约|近|至少|超过|为|计|至|是|遗体|尸体|people|so far|now|[: =])"
_OTHER_UNIT = r"(?! ?(?:[头只匹间栋户米天级处%度号时点日月年岁楼层]|小时|公里|分钟|hours?|days?|km|houses?|boats?|families|[.:]?[0-9]))"
_GAP = rf"[^0-9,.;:!?|\n{CHINESE}]"
_ENGLISH_GAP = r"(?:(?: |are|is|were|was|have|has|been|still|got|of|them|reported|confirmed|villagers|more|with|a|now|or|in|the|at least)\b ?)"

_FORWARD = (
    rf"(?P<n1>(?<![0-9.{CHINESE}几数]){NUMBER})(?P<vague1>[多余来]?) ?"
    rf"(?:(?:{_PERSON}){_GAP}{{0,12}}?|(?:{_PERSON})? ?{_ENGLISH_GAP}{{0,4}})(?:{_STATUS.replace('{form}', 'f')})"
)
_BARE = rf"(?P<n2>(?<![0-9.{CHINESE}]){NUMBER})(?:(?P<b_dead>死|亡)|(?P<b_injured>伤))(?=[0-9{CHINESE},.;、! |]|$)"
_BACKWARD = (
    rf"(?:{_STATUS.replace('{form}', 's')}){_LINK}{{0,4}}(?P<n3>{NUMBER})(?P<vague3>[多余来]?)(?![0-9.{CHINESE}几])"
    rf" ?(?:{_PERSON}|{_OTHER_UNIT}(?=[\s,.;:|、!)及和和()]|$|{_ANY_STATUS}))"
    # 有人受伤3人被困: the number belongs to what follows, unless that has a number of its own (死亡3人受伤5人).
    rf"(?!(?:{_ANY_STATUS})(?!{_LINK}{{0,4}} ?{NUMBER}))"
)
_COUNT = re.compile(f"{_BARE}|{_FORWARD}|{_BACKWARD}")

_GROUP = re.compile(
    rf"(?:(?:我们|咱们|一行|一共|总共|共有?|全队|小队|队里|我们队|全家|一家|一家人|车上|船上|船员|屋里|里面|楼里|洞里|井下|村里|困有?|还有|有|只剩|剩下?|内有|学生|队员)[^0-9,.;:!?|\n]{{0,4}}?)(?P<g>{NUMBER})[多余]?(?:口|人|名|个(?![小月])|位|户人)"
    rf"|(?P<h>{NUMBER}) ?(?:个人|人|名|of us|people|persons?|ppl|pax|passengers|crew|climbers|hikers)(?! ?(?:份|次|组))"
    rf"|一家(?P<k>[二两三四五六七八九])口?|(?P<m>俩|仨)人?|(?:group|party|team|family) of (?P<e>{NUMBER})"
)
_AND_MORE = re.compile(
    rf"(?:老人|大人|孩子|小孩|儿童|男|女|学生|老师|婴儿|孕妇|病人)[、和,与 ]?(?P<n>{NUMBER})(?:个|名|位)(?=老人|大人|孩子|小孩|儿童|男|女|学生|老师|婴儿|孕妇|病人)"
)
_NOT_GROUP = re.compile(r"(?:救出|获救|救了|派|来|需要?|急需|请求|增援|支援|安全|转移|已撤|医生|护士)[^,.;]{0,4}$")
_NOT_AFTER = re.compile(r"[^,.;]{0,4}(?:获救|脱险|安全|平安|救出|医生|护士|医护)")


def find_counts(text: str) -> tuple[dict[str, int], str]:
    """Return the people counted by status, and the text with what was used taken out.

    ``injured`` is the total: the figure said, or heavy and light ones together where only those are said.
    """
    counts: dict[str, int] = {}
    out: list[str] = []
    last = 0
    for match in _COUNT.finditer(text):
        status, figure = _said(match)
        number = read_number(figure)
        vague = match["vague1"] or match["vague3"] or text[max(0, match.start() - 1) : match.start()] in ("上", "近")
        if number is None or (vague and figure in ("十", "百", "千", "万")):
            continue
        counts.setdefault(status, number)
        out += [text[last : match.start()], " | "]
        last = match.end()
    rest = "".join([*out, text[last:]])
    if "injured" not in counts and ("serious" in counts or "light" in counts):
        counts["injured"] = counts.get("serious", 0) + counts.get("light", 0)
    return counts, rest


def _said(match: re.Match[str]) -> tuple[str, str]:
    """Return the status and the figure of one match."""
    groups = {key: value for key, value in match.groupdict().items() if value}
    status = next(key[2:] for key in groups if key[1] == "_")
    return status, next(groups[key] for key in ("n1", "n2", "n3") if key in groups)


def find_group(text: str) -> int | None:
    """Return how many people a call for help speaks of when no status stands beside the number (我们5个人)."""
    for match in _GROUP.finditer(text):
        if _NOT_GROUP.search(text[max(0, match.start() - 8) : match.start()]) or _NOT_AFTER.match(text, match.end()):
            continue
        number = read_number(next(value for value in match.groups() if value))
        if number is None:
            continue
        position = match.end()
        while (more := _AND_MORE.match(text, position)) is not None:  # 三个老人一个小孩
            number += read_number(more["n"]) or 0
            position = more.end()
        return number
    return None
