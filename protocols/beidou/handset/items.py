"""Things people ask for, and how many: the words, the slug each is published under, the first number.

Slugs of the design's message corpus: tent quilt water food medicine blood diesel generator excavator boat lamp bodybag;
the others are plain English nouns. Texts are read after normalise().
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from protocols.beidou.handset.numerals import CHINESE, NUMBER, read_number

ITEMS: tuple[tuple[str, str], ...] = (
    ("tent", r"帐篷|账篷|帐蓬|帐子|活动板房|板房|tents?|tarps?|tarpaulins?|shelters?"),
    ("quilt", r"棉被|被子|被褥|毛毯|毯子|褥子|睡袋|棉絮|毛巾被|blankets?|quilts?|sleeping bags?|bedding"),
    (
        "clothes",
        r"棉衣|大衣|衣物|衣服|雨衣|雨鞋|雨具|胶鞋|手套|袜子|御寒|保暖|缺衣|衣被|防寒服|羽绒服|鞋子|cloth(?:es|ing)|raincoats?|jackets?|boots|gloves",
    ),
    (
        "water",
        r"矿泉水|饮用水|纯净水|净水(?:片|器|设备)?|水车|送水车|[缺断没无]水|喝的|送[些点]?水|水源|(?<=[箱瓶桶吨升])水(?!泵|位)|(?<=[、和,要需])水(?=[、和,.]|$)|饮水|水(?=喝|不够|不多|快没)|(?<=[求送缺])水(?=[、和,.;]|$)|drinking water|clean water|bottled water|purification tablets|water(?! ?(?:level|pump|rising|is|deep))",
    ),
    (
        "food",
        r"食品|食物|粮食|大米|面粉|方便面|泡面|压缩饼干|饼干|干粮|口粮|面包|馒头|盒饭|熟食|罐头|火腿肠|自热|蔬菜|吃的|[缺断没无]粮|给养|主食|糌粑|饭菜|食用油|盐巴|食盐|foods?|rice|flour|noodles|biscuits|rations?|meals?|bread",
    ),
    (
        "milk_powder",
        r"奶粉|婴儿食品|尿不湿|纸尿裤|尿布|卫生巾|milk powder|baby (?:food|formula|milk)|formula|diapers?|sanitary",
    ),
    (
        "medicine",
        (
            r"药品|药物|[缺断没]药|[急用送]药|退烧药|消炎药|感冒药|止痛药|止痛片|降压药|抗生素|胰岛素|血清|疫苗|绷带|纱布|急救包|急救箱|医疗包|医疗物资|医用|医疗器械|酒精|碘伏|氧气瓶?|氧气袋|制氧机|呼吸机|葡萄糖|生理盐水|输液|针剂|破伤风|疫苗|板蓝根|夹板|药"
            r"|medicines?|medical supplies|medications?|antibiotics?|insulin|bandages?|first aid|vaccines?|serum|oxygen|drugs|painkillers?"
        ),
    ),
    ("blood", r"血浆|血液|血(?=[,.;、和]|$)|[abo]型血|型血|血袋|输血|用血|bloods?|plasma"),
    ("stretcher", r"担架|轮椅|病床|行军床|折叠床|床位|stretchers?|litters?|cots?"),
    ("mask", r"口罩|防护服|护目镜|隔离服|防毒面具|masks?|protective suits?|ppe"),
    ("disinfectant", r"消毒液|消毒水|消毒剂|消杀|漂白粉|84液|石灰|disinfectants?|chlorine tablets|bleach"),
    ("bodybag", r"裹尸袋|尸袋|遗体袋|body ?bags?"),
    ("diesel", r"柴油|diesel"),
    (
        "fuel",
        r"汽油|燃油|燃料|油料|机油|煤油|液化气|煤炭|木炭|加油车|油(?=[料用耗没不快])|(?<=[缺断没无])油|fuel|petrol|gasoline|gas cans?|kerosene",
    ),
    ("generator", r"发电机|发电车|发电设备|电源车|generators?|gensets?"),
    (
        "lamp",
        r"照明灯|应急灯|照明|探照灯|手电筒?|头灯|蜡烛|灯具|马灯|帐篷灯|lamps?|flash ?lights?|torch(?:es)?|lights|candles|lanterns?",
    ),
    ("battery", r"充电宝|充电设备|电池|移动电源|太阳能板|充电器|batter(?:y|ies)|power banks?|chargers?|solar panels?"),
    (
        "excavator",
        (
            r"挖掘机|挖机|钩机|推土机|装载机|铲车|吊车|起重机|大型机械|工程机械|重型机械|破拆|液压剪|切割机|千斤顶|生命探测仪|救援设备|救援装备|搜救犬|凿岩|电锯|油锯|铁锹|锄头|撬棍|绳索|绳子|安全绳|梯子"
            r"|excavators?|diggers?|bulldozers?|cranes?|heavy machinery|cutters?|ropes?|shovels?|chain ?saws?|jacks?|tools"
        ),
    ),
    (
        "boat",
        r"冲锋舟|橡皮艇|皮划艇|救生艇|快艇|船只|渡船|小船|救生衣|救生圈|木筏|boats?|dinghy|life ?(?:jackets?|vests?)|rafts?",
    ),
    ("helicopter", r"直升机|直升飞机|无人机|飞机|helicopters?|choppers?|drones?"),
    (
        "vehicle",
        r"车辆|卡车|货车|皮卡|越野车|大巴|客车|运输车|拖车|消防车|救护车|摩托车|翻斗车|渣土车|trucks?|vehicles?|buses|pickups?|ambulances?",
    ),
    ("pump", r"水泵|抽水机|抽水泵|排涝|pumps?"),
    (
        "sandbag",
        r"沙袋|编织袋|沙石|砂石|沙子|石料|铁丝|钢丝|木桩|土工布|彩条布|防雨布|篷布|塑料布|麻袋|水泥|sand ?bags?|plastic sheets?|sheeting|gravel",
    ),
    (
        "radio",
        r"卫星电话|对讲机|电台|海事卫星|通信设备|基站车|应急通信车|短波|sat(?:ellite)? ?phones?|radios?|walkie[- ]?talkies?",
    ),
    ("extinguisher", r"灭火器|水枪|水带|灭火弹|风力灭火机|extinguishers?|fire hoses?|hoses?"),
    (
        "staff",
        r"医生|护士|医护|医疗队|医务|专家|志愿者|翻译|向导|人手|工程师|心理|技术员|兽医|电工|司机|潜水员|doctors?|nurses?|medics?|volunteers?|translators?|interpreters?|guides?|engineers?|more people|divers?",
    ),
    (
        "supplies",
        r"物资|补给|生活用品|日用品|物品|设备|器材|炊具|锅|碗|厕所|supplies|relief goods|supply drop|kits?|equipment|toilets?|soap|pots",
    ),
)

_PATTERNS = tuple((slug, re.compile(rf"(?<![a-z])(?:{pattern})(?![a-z])")) for slug, pattern in ITEMS)

UNIT = (
    r"顶|床|箱|件|袋|包|瓶|桶|台|部|辆|架|艘|条|副|套|盏|个(?![小月人老学村县乡镇组安])|只|吨|公斤|千克|斤|升|罐|盒|卷|双|张|把|根|块|份|支|枚|片|车|壶|捆|匹|口|具|只|对|床|面|名(?![^,.;]{0,3}(?:伤|学|村|群|灾|游|老|患|病))|位"
    r"|pieces?|pcs|boxes|box|bags?|bottles?|sets?|units?|liters?|litres?|tons?|tonnes?|kg|kilos?|cans?|packs?|cartons?|barrels?|rolls?|cases?|sacks?"
)
_COUNTED = re.compile(rf"(?P<n>{NUMBER})(?P<vague>[多几余来])? ?(?P<unit>{UNIT})(?![a-z])")
_AFTER_ITEM = re.compile(
    rf"[ :x*]{{0,3}}(?:各|共|约|大约|至少|needed|required|needs?)?[ :x*]{{0,3}}(?P<n>{NUMBER})(?![0-9.:])(?!{NUMBER})(?! ?[%天小时月日级米人户岁年点时分])(?! ?(?:people|families|hours?|days?|km|persons?))"
)
_BEFORE_ITEM = re.compile(
    rf"(?<![0-9.{CHINESE}])(?P<n>{NUMBER})(?![0-9.]) ?(?:x |more |large |big |small |new |extra |additional |heavy )?$"
)

BEFORE_CHARS = 24
"""Characters before a thing in which its number is looked for."""
BESIDE_CHARS = 8
"""A thing this near a number is what it counts."""
NAMED_MAX = 50
"""Things of one text that are looked at; a field report names a few."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The thing asked for with its number, as far as they are said."""

    item: str | None
    qty: int | None
    unit: str


def find_asked(text: str) -> Asked:
    """Return the first number that counts things and what it counts; without one, the first thing that is named.

    A number counts things when a measure word for things follows it (20顶, 3 boxes) or a thing stands beside it
    (帐篷20, 20 tents). Families, hours and metres are not things.
    """
    named = sorted(
        (match.start(), match.end(), slug) for slug, pattern in _PATTERNS for match in pattern.finditer(text)
    )
    first = named[0][2] if named else None
    for start, end, number, unit in sorted(_numbers(text, named)):
        gaps = ((max(start - i_end, i_start - end, 0), slug) for i_start, i_end, slug in named)
        beside = [(gap, slug) for gap, slug in gaps if gap <= BESIDE_CHARS]
        return Asked(min(beside)[1] if beside else first, number, unit)
    return Asked(first, None, "")


def _numbers(text: str, named: list[tuple[int, int, str]]) -> list[tuple[int, int, int, str]]:
    """Return (start, end, number, unit) of the first number with a measure word and the first beside a thing."""
    found: list[tuple[int, int, int, str]] = []
    for match in _COUNTED.finditer(text):
        number = read_number(match["n"])
        if number is not None and not text[: match.start()].endswith(("第", ".", "几", "数", "多")):
            found.append((match.start(), match.end(), number, match["unit"]))
            break
    for start, end, _ in named[:NAMED_MAX]:
        window = max(0, start - BEFORE_CHARS)
        before, after = _BEFORE_ITEM.search(text[window:start]), _AFTER_ITEM.match(text, end)
        if before is not None and (number := read_number(before["n"])) is not None:
            found.append((window + before.start("n"), start, number, ""))
        elif after is not None and (number := read_number(after["n"])) is not None:
            found.append((after.start("n"), after.end("n"), number, ""))
    measured = {start: unit for start, _, _, unit in found if unit}
    return [(start, end, number, unit or measured.get(start, "")) for start, end, number, unit in found]
