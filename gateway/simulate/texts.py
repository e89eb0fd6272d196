"""What simulated people write: short Chinese texts of each kind, made for this, each with a number of its own.

The number makes every report a text of its own, so that a report is found again at its destination by what it says.
"""

from __future__ import annotations

from gateway.model import MessageKind

PLACES = ("映秀镇", "漩口镇", "水磨镇", "银杏乡", "三江镇", "绵虒镇", "龙溪乡", "草坡乡", "卧龙镇", "耿达镇")

TEXTS: dict[MessageKind, tuple[str, ...]] = {
    MessageKind.SOS: (
        "求救，{place}房屋倒塌，{people}人被埋，第{number}报",
        "SOS，{place}学校，{people}人被困，有人受伤，第{number}报",
        "救命，{place}{people}人被洪水围困，水还在涨，第{number}报",
    ),
    MessageKind.CASUALTY: (
        "{place}受伤{people}人，其中重伤2人，第{number}报",
        "{place}死亡1人，受伤{people}人，失踪2人，第{number}报",
    ),
    MessageKind.HAZARD: (
        "{place}塌方，道路不通，第{number}报",
        "{place}桥梁垮塌，车辆不能通过，第{number}报",
        "{place}山体滑坡，公路中断约{people}00米，第{number}报",
    ),
    MessageKind.RESOURCE: (
        "需要帐篷{people}顶，{place}，第{number}报",
        "急需饮用水{people}0箱和药品，送到{place}小学，第{number}报",
    ),
    MessageKind.POSITION: (
        "平安，在{place}小学，第{number}报",
        "我们在{place}，全村平安，第{number}报",
    ),
    MessageKind.CHAT: (
        "今晚在{place}过夜，队员{people}人，第{number}报",
        "请转告家人不要担心，电话打不通，第{number}报",
        "队伍在{place}休整，明早八点出发，手机没有信号，请转告各村组长，第{number}报",
    ),
    MessageKind.COMMAND: (
        "请派{people}人到{place}集合，第{number}报",
        "立即转移{place}河边群众到高处，途中注意落石，第{number}报",
    ),
}
"""Templates by kind. What the program reads out of each is that kind; a test holds it."""


def text_of(kind: MessageKind, number: int, unit: float) -> str:
    """Return the text of report ``number``; ``unit`` in [0, 1) chooses among the templates, places and counts."""
    templates = TEXTS[kind]
    choice = int(unit * len(templates) * len(PLACES) * 9)
    choice, people = divmod(choice, 9)
    template, place = divmod(choice, len(PLACES))
    return templates[template].format(place=PLACES[place], people=people + 1, number=number)
