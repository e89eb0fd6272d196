"""Kinds, counts and quoted numbers: the rules one by one."""

import pytest

from protocols.beidou.handset.parse import KINDS, parse


def said(text):
    """Return the flat report without its hazard slug."""
    value = parse(text).to_json()
    value.pop("hazard", None)
    return value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("死亡3人受伤5人失踪2人", {"kind": "casualty", "dead": 3, "injured": 5, "missing": 2}),
        ("3人死亡5人受伤2人失踪", {"kind": "casualty", "dead": 3, "injured": 5, "missing": 2}),
        ("死3伤5", {"kind": "casualty", "dead": 3, "injured": 5}),
        ("1死4伤", {"kind": "casualty", "dead": 1, "injured": 4}),
        ("有人受伤3人被困", {"kind": "sos", "people": 3}),
        ("受伤15人，其中重伤4人", {"kind": "casualty", "injured": 15, "serious": 4}),
        ("重伤3人轻伤5人", {"kind": "casualty", "injured": 8, "serious": 3, "light": 5}),
        ("死亡2人，被困5人", {"kind": "casualty", "dead": 2, "trapped": 5}),
        ("已转移群众860人", {"kind": "casualty", "moved": 860}),
        ("十几人受伤", {"kind": "casualty"}),
        ("数百人失踪", {"kind": "casualty"}),
        ("百余人被困", {"kind": "sos"}),
        ("十多人受伤", {"kind": "casualty"}),
        ("近百人失联", {"kind": "casualty"}),
        ("30多人被困", {"kind": "sos", "people": 30}),
        ("三十几人被困", {"kind": "sos"}),
    ],
)
def test_people_are_counted(text, expected):
    """Number and status in either order, glued or not; vague numbers are none."""
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("无人员伤亡", "casualty"),
        ("没有人受伤，都平安", "position"),
        ("没有被困", "chat"),
        ("不需要帐篷", "chat"),
        ("警报解除", "chat"),
        ("误报，取消求救，我没事", "position"),
        ("被困5人已全部救出", "position"),
        ("被困12人，已救出5人", "sos"),
        ("道路塌方，无人员伤亡", "hazard"),
        ("道路已抢通", "chat"),
        ("有人受伤吗？", "chat"),
        ("你们被困了吗", "chat"),
        ("救命，有人吗？", "sos"),
        ("能不能送点水来", "resource"),
    ],
)
def test_denials_and_questions(text, kind):
    """What is denied, over or only asked is not reported; a call survives every question."""
    assert parse(text).kind == kind


def test_a_nil_return_says_zero_only_of_what_it_denies():
    """零报告: no casualties is two zeros, nobody injured is one."""
    assert said("无人员伤亡") == {"kind": "casualty", "dead": 0, "injured": 0}
    assert said("没有人受伤") == {"kind": "casualty", "injured": 0}
    assert said("没有死亡，受伤3人") == {"kind": "casualty", "injured": 3}


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("收到1023", 1023),
        ("收到 编号1023", 1023),
        ("1023收到", 1023),
        ("令1024收到，马上出发", 1024),
        ("ok 1023", 1023),
        ("收到1023号", 1023),
        ("1024无法执行", 1024),
        ("收到 1 0 2 3", 1023),
        ("收到一零二三", 1023),
        ("收到", None),
        ("收到3人", None),
        ("收到30箱水", None),
        ("收到，30分钟后到", None),
        ("收到10:30集合", None),
        ("收到，3号桥过不去", None),
        ("K132处路基悬空", None),
        ("收到请回复 1023", None),
        ("13812345678", None),
    ],
)
def test_the_number_an_answer_quotes(text, ref):
    """The number of an order, and nothing that counts, measures or dates."""
    assert parse(text).ref == ref


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("需要帐篷20顶、棉被50床", {"item": "tent", "qty": 20, "unit": "顶"}),
        ("缺药，需要棉被100床", {"item": "quilt", "qty": 100, "unit": "床"}),
        ("急需两台发电机", {"item": "generator", "qty": 2, "unit": "台"}),
        ("Need 50 tents and 200 blankets", {"item": "tent", "qty": 50}),
        ("安置点800人，急需帐篷100顶", {"item": "tent", "qty": 100, "unit": "顶"}),
        ("柴油只够用2小时，请补充", {"item": "diesel"}),
        ("We need water for 120 people", {"item": "water"}),
    ],
)
def test_what_is_asked_for(text, expected):
    """The first number that counts things and the thing it counts; people and hours are no quantity."""
    assert said(text) == {"kind": "resource", **expected}


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("前方山体滑坡", "landslide"),
        ("堰塞湖水位上涨", "barrier_lake"),
        ("河堤出现管涌", "dike"),
        ("大桥桥面断裂", "bridge"),
        ("全镇停电", "power_out"),
        ("通信中断", "comms_down"),
        ("泥石流冲下来", "debris_flow"),
        ("加油站油罐泄漏", "hazmat"),
        ("余震不断", "quake"),
        ("Forest fire spreading", "wildfire"),
        ("Landslide blocks the road", "landslide"),
    ],
)
def test_the_hazard_is_named(text, slug):
    """The first danger said gives the slug."""
    assert (parse(text).kind, parse(text).fields["hazard"]) == ("hazard", slug)


def test_counts_are_not_read_from_a_coordinate():
    """Minutes and seconds are no people."""
    text = "受伤30°07'23\"N 103°27'18\"E，死亡2人"

    assert said(text) == {"kind": "casualty", "lat": 30.123056, "lon": 103.455, "dead": 2}


def test_a_note_goes_along():
    """The operator is told of figures that were not used."""
    assert parse("北纬95.123东经203.456").to_json()["note"].startswith("coordinate out of range")


def test_urgent_words_win_in_the_declared_order():
    """A text with everything in it is the most urgent of what it says."""
    parts = ["求救，3人被困", "死亡2人", "道路塌方", "平安到达"]

    kinds = [parse("；".join(parts[index:])).kind for index in range(len(parts))]

    assert kinds == ["sos", "casualty", "hazard", "position"]
    assert [KINDS.index(kind) for kind in kinds] == sorted(KINDS.index(kind) for kind in kinds)
