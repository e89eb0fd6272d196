"""Words of danger to roads, houses and people, with the slug each is published under.

Slugs of the design's message corpus come first (barrier_lake, bridge, building, comms_down, debris_flow, dike, fire,
hazmat, power_out, road_block, rockfall); quake, flood and landslide are its SOS causes; the others follow the event
types of GB/T 35561-2017 in English. Texts are read after normalise().
"""

from __future__ import annotations

import re

_ROAD = r"(?:道路|公路|路面|路段|路基|国道|省道|县道|高速|便道|隧道|铁路|交通|前方|前面|山路|村道|通道|路|线|航道|河道|弯道)"
_HOUSE = r"(?:房屋|房子|楼房|民房|校舍|教学楼|宿舍|墙体|厂房|屋顶|院墙|围墙|建筑物?|大楼|危楼|墙|屋|房)"

HAZARDS: tuple[tuple[str, str], ...] = (
    (
        "barrier_lake",
        r"堰塞湖|堰塞体|形成[^,.;]{0,4}湖|[河江]道?[^,.;]{0,3}(?:被堵|堵塞|堵了|断流|阻断)|barrier lake|landslide dam",
    ),
    ("debris_flow", r"泥石流|泥流|debris flow|mud ?slide|mud ?flow"),
    (
        "landslide",
        r"滑坡|山体滑|塌方|山崩|山体垮|山体崩|垮山|滑塌|塌滑|坍方|边坡(?:垮|失稳)|地裂缝|裂缝(?:扩大|加宽|变宽)|山体[^,.;]{0,4}(?:响|位移|变形|松动|蠕动|移动)|滑体|崩塌|(?:hillside|slope|mountain)[^,.;]{0,8}(?:moving|sliding|slid|crack\w*)|land ?slides?|landslip",
    ),
    (
        "rockfall",
        r"落石|飞石|滚石|石头[^,.;]{0,5}(?:滚|掉|落)|(?:滚|掉|落)下?[^,.;]{0,3}石头?|巨石|危岩|危石|rock ?falls?|falling rocks?|boulders?",
    ),
    (
        "dam",
        (
            r"溃坝|漫坝|垮坝|坝体|大坝|水库[^,.;]{0,4}(?:险|漏|满|溢|超)|(?:水库|电站|上游|大坝)[^,.;]{0,4}(?:泄洪|放水|开闸)|泄洪|溃决|尾矿库|闸门[^,.;]{0,3}(?:失灵|损坏|故障)"
            r"|dam (?:is |has |was )?(?:leak|crack|break|broke|burst|fail|overtop)\w*|dam burst|reservoir[^,.;]{0,12}(?:overflow|leak|full)"
        ),
    ),
    (
        "dike",
        r"管涌|渗水|渗漏|变浑|冒泡|翻沙|冒水|决口|决堤|溃口|溃堤|崩岸|漫堤|[堤坝][^,.;]{0,5}(?:垮|溃|裂|塌|险|漏)|dikes? \w*|levee[^,.;]{0,10}|embankment[^,.;]{0,12}(?:breach|leak|crack)\w*|sand boils?",
    ),
    (
        "flood",
        (
            r"洪水|山洪|洪峰|洪涝|内涝|积水|水位[^,.;]{0,8}(?:涨|高|升|超|逼近|接近|上)|超(?:过)?[^,.;]{0,4}(?:警戒|保证|汛限|历史)|涨水|发大水|大水|[河江湖溪沟]水?[^,.;]{0,4}(?:涨|猛涨|漫|倒灌|溢|升|浑)|水[^,.;]{0,5}(?:漫过|漫上|漫到|淹)|被?淹"
            r"|进水了?|倒灌|暴涨|海水倒灌|风暴潮|海啸|水还?在?(?:一直|继续|不停地?|快速)?[上]?涨|米深|齐腰|没过|漫[过上出溢水]|外溢|溢[出流]|冲[毁走垮断坏塌]|凌汛|冰塞|冰坝|洪灾"
            r"|flood\w*|rising (?:water|river|tide)s?|high water|burst (?:its|the) banks?|overflow\w*|(?:water|river|lake)(?: level)?s?[^,.;]{0,12}(?:rising|rose|high|deep|overflow\w*|up)|water (?:is |was )?(?:over|above|into|covering|in the)|tsunami|storm surge|under ?water|inundat\w*"
        ),
    ),
    ("quake", r"地震|余震|震感|强震|有感|地在?[晃摇]|摇晃得?|[0-9.]级震|earth ?quakes?|after ?shocks?|tremors?|quake"),
    (
        "wildfire",
        r"山火|林火|森林[^,.;]{0,3}(?:火|着)|草原[^,.;]{0,3}火|火线|火头|过火面积|forest fires?|wild ?fires?|bush ?fires?",
    ),
    (
        "fire",
        r"火灾|起火|着火|失火|火势|大火|明火|燃烧|烧起来|火烧|浓烟|冒烟|火情|复燃|烟雾|烧[到着过]|火(?:还在|正在|很大|越|往|向|从)|(?:^|[^a-z])fires?(?![a-z])|on fire|burning|smoke",
    ),
    (
        "hazmat",
        (
            r"泄漏|泄露|漏油|漏气|毒气|有毒|化学品|危化品|危险品|液氯|氨气|放射|辐射|污染|瓦斯|煤气[^,.;]{0,3}(?:漏|味)|天然气[^,.;]{0,4}(?:漏|裂|断)|油罐|异味|刺鼻|怪味|燃气味"
            r"|leak(?:ing|s)?\b|chemical[^,.;]{0,12}spill|toxic|chlorine|ammonia|radiation|gas (?:smell|pipe|line|main|tank)s?|smell of gas|bad smell|strong smell|spill"
        ),
    ),
    ("explosion", r"爆炸|炸了|爆燃|殉爆|explosion|exploded|blast"),
    (
        "bridge",
        r"桥[^,.;]{0,6}(?:断|垮|塌|毁|裂|冲|掏空|没了|损|坏|危险|淹|险|歪|斜|沉)|(?:断|毁|垮|塌|冲)[^,.;]{0,4}桥|桥不通|bridges?[^,.;]{0,20}(?:damag|collaps|destroy|broke|gone|out|wash|crack|unsafe|down|closed)\w*|(?:collapsed|damaged|destroyed|broken) bridge",
    ),
    (
        "building",
        (
            rf"{_HOUSE}[^,.;]{{0,6}}(?:倒|塌|垮|裂|损|毁|斜|危险|沉)|(?:倒塌|垮塌|坍塌|塌了|损毁|冲毁|倒了)[^,.;]{{0,3}}{_HOUSE}?|地裂|裂开|裂了|裂口|裂成|开裂|危房|楼板|裂缝|倾斜"
            r"|(?:building|house|wall|school|roof|hospital|church|home)s?[^,.;]{0,20}(?:collaps|crack|damag|destroy|fell|fallen|unsafe|lean)\w*|cracks?\b|collaps\w+"
        ),
    ),
    (
        "road_block",
        (
            rf"{_ROAD}[^,.;]{{0,12}}(?:不通|中断|断了?|堵|塌陷|塌|毁|封|阻|坏|受损|冲|无法通|不能通|难行|过不|瘫痪|结冰|打滑|陷)|(?:断|堵|封|塌)(?:了)?路|堵[在住死塞满了]|被堵|拥堵|塌了|塌陷|[过走]不了|过不得|不能过|拦路|断道|悬空|路滑|暗冰|冰面|小心(?:驾驶|通过|慢行)|停航|停运|绕行|绕道|无法通行|不能通行|禁止通行|通行困难|封路|路毁|道断|过不去|过不来"
            r"|(?:road|route|highway|path|pass|tunnel|street|track)s?\b[^,.;]{0,24}(?:block|clos|cut|wash|impass|damag|gone|destroy|collaps|flood)\w*|(?:block|clos|cut)\w*[^,.;]{0,16}(?:road|route|highway|pass)|impassable|slippery|icy|fallen trees?|debris on|cut off|do not cross|no passage"
        ),
    ),
    (
        "power_out",
        (
            r"停电|断电|供电中断|电力中断|(?:全[村镇乡县城]|家里|整个|这里|我们这)[^,.;]{0,4}没有?电|电网|变电站|电杆|电线[^,.;]{0,4}(?:断|倒|落|垂)|高压线|电力[^,.;]{0,3}(?:瘫痪|受损)|全[县镇乡村城]无电|大面积停"
            r"|power (?:outage|failure|cut)|power[^,.;]{0,20}(?:out|down|cut|lost|gone|off)\b|no (?:power|electricity)|blackout|power lines?|electric(?:ity)?[^,.;]{0,10}(?:off|out|down|cut)"
        ),
    ),
    (
        "comms_down",
        (
            r"(?:通信|通讯|网络|信号|电话|基站|光缆)[^,.;]{0,6}(?:中断|断|退服|瘫痪|全无|失效|受损|倒塌|故障)|失去信号|全[县镇乡村城][^,.;]{0,4}(?:没有?|无|失去)信号|断网|失联状态"
            r"|(?:network|phone|mobile|cell|comms?|communications?|signal)s?[^,.;]{0,20}(?:down|out|lost|cut|dead)\b|no (?:phone |mobile |cell )?(?:signal|network|coverage)"
        ),
    ),
    ("avalanche", r"雪崩|冰崩|avalanches?"),
    ("typhoon", r"台风|飓风|龙卷风?|typhoon|hurricane|cyclone|tornado"),
    (
        "storm",
        r"暴雨|强降雨|强降水|特大雨|暴风|[大强狂阵]风|风力|风[很太特]大|掀翻|刮[倒走翻断]|吹[倒翻走飞断]|冰雹|雷暴|雷击|打雷闪电|沙尘暴|强对流|能见度|大雾|浓雾|树[^,.;]{0,4}(?:倒|吹|断)|rainstorm|heavy rain|torrential|hail\w*|sand ?storm|strong winds?|thunderstorm|dense fog|gale|storm (?:is )?(?:coming|approach\w*|ahead)",
    ),
    (
        "snow",
        r"暴雪|大雪|雪灾|积雪|封山|结冰|冻雨|冰冻|风雪|寒潮|snow ?(?:storm|ed in|drift)\w*|heavy snow|blizzard|ice on the road|black ice|frozen road",
    ),
    (
        "epidemic",
        r"疫情|鼠疫|霍乱|痢疾|传染病|流感|腹泻|呕吐|发热病|病例|疑似病例|确诊|感染|食物中毒|炭疽|cholera|outbreak|epidemic|diarrh\w+|dysentery|infect\w+|plague|measles",
    ),
    ("drought", r"旱情|干旱|旱灾|drought"),
    (
        "collapse",
        r"塌|垮|下陷|下沉|陷落|掉土|掉渣|溜方|悬空|错位|塌陷|地陷|沉降|地面(?:裂|沉|塌)|透水|冒顶|天坑|矿难|sinkhole|subsidence|cave-?in",
    ),
    ("outage", r"停水|停气|爆裂|爆管|中断|瘫痪|断供|water (?:supply )?(?:is )?(?:cut|off)"),
    ("livestock", r"(?:牛|羊|猪|牲畜|家畜|家禽)[^,.;]{0,6}(?:死|病)|(?:死亡?|冻死)[^,.;]{0,3}(?:牛|羊|猪|牲畜)"),
    ("wildlife", r"野兽|狼群|熊出没|野猪|毒蛇"),
    (
        "danger",
        r"预警|警报|抢险|险[段工]|松动|变形|险情|危险|告急|有险|警戒|隐患|(?:准备|需要?|请|立即|马上|尽快|组织|赶紧|建议|必须|通知)[^,.;]{0,8}(?:撤离|疏散|转移|避险)|别过来|不要靠近|不要过来|dangerous|danger|do not approach|evacuate|unsafe|warning|alert|threat\w*|damaged|destroyed|keep away|hazard",
    ),
)

_PATTERNS = tuple((slug, re.compile(pattern)) for slug, pattern in HAZARDS)

EVENTS = frozenset({"quake", "flood", "typhoon", "storm", "snow"})
"""What people name as background ("after the earthquake we are safe") as often as they report it."""

_GOING_ON = re.compile(
    r"不断|持续|频繁|强烈|明显|又|仍|还在|刚刚?|正在|来了|暴发|爆发|发生|上涨|超|进|淹|冲|漫|淹|严重|加大|扩大|继续|damage|strong|rising|again|now|continu"
)


def find_hazards(text: str) -> list[str]:
    """Return the slugs said in ``text``, the first said first; ``danger`` only where nothing more exact is said."""
    found = [(match.start(), slug) for slug, pattern in _PATTERNS if (match := pattern.search(text)) is not None]
    slugs = [slug for _, slug in sorted(found)]
    return [slug for slug in slugs if slug != "danger"] or slugs


def is_background(text: str, slugs: list[str]) -> bool:
    """Tell whether the hazards are only named, with nothing said of what they do."""
    return set(slugs) <= EVENTS and _GOING_ON.search(text) is None
