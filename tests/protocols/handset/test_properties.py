"""What holds for every text, however mangled."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.beidou.handset.normalise import TEXT_CHARS_MAX, normalise
from protocols.beidou.handset.parse import KINDS, parse

PIECES = st.sampled_from(
    [
        "北纬",
        "东经",
        "N",
        "E",
        "S",
        "W",
        "lat",
        "lon",
        "经纬度",
        "坐标",
        "°",
        "'",
        '"',
        "度",
        "分",
        "秒",
        "30",
        "103",
        "30.123",
        "103.456",
        "3007.383",
        "30-07-23",
        ",",
        "。",
        ".",
        ":",
        "/",
        "-",
        "+",
        "(",
        ")",
        "点",
        "一百零三",
        "三十",
        "几",
        "人",
        "被困",
        "受伤",
        "死亡",
        "收到",
        "1023",
        "请送",
        "帐篷",
        "顶",
        "没有",
        "吗",
        "?",
        "sos",
        "help",
        "3",
        "people",
        "trapped",
        "dead",
        "水位",
        "上涨",
        "路",
        "桥",
        "\n",
        "\x00",
        "�",
        "３０",
        "９９",
        "༣",
        "℃",
        "米",
        "元",
        "G213",
        "K30+123",
        "13812345678",
        "28.5度",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join), st.lists(PIECES, max_size=40).map(" ".join)
)


@settings(deadline=None, derandomize=True, max_examples=1500)
@given(TEXTS)
def test_any_text_gives_a_report(text):
    """Never an error; a kind of the list; latitude and longitude together and on Earth; whole non-negative counts."""
    report = parse(text)
    flat = report.to_json()

    assert report.kind in KINDS
    assert (report.lat is None) == (report.lon is None)
    if report.lat is not None:
        assert abs(report.lat) <= 90
        assert abs(report.lon) <= 180
    for name in ("people", "injured", "dead", "missing", "trapped", "moved", "qty", "ref"):
        assert flat.get(name, 0) >= 0
        assert isinstance(flat.get(name, 0), int)


@settings(deadline=None, derandomize=True, max_examples=1000)
@given(TEXTS)
def test_a_coordinate_stands_in_the_text(text):
    """No coordinate without figures: taking every digit and numeral out takes every coordinate out."""
    bare = "".join(char for char in normalise(text) if char not in "0123456789零〇○一二三四五六七八九十百两幺洞拐勾")

    assert parse(bare).lat is None


@settings(deadline=None, derandomize=True, max_examples=1000)
@given(TEXTS)
def test_the_degrees_found_are_among_the_figures(text):
    """The whole degrees of a coordinate are figures that were typed."""
    report = parse(text)
    if report.lat is not None:
        typed = "".join(char for char in normalise(text) if char.isdigit())
        spoken = any(char in "零〇一二三四五六七八九十百" for char in text)
        for value in (report.lat, report.lon):
            assert spoken or str(int(abs(value))).lstrip("0") in typed


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    st.lists(st.integers(0, 99999999), min_size=1, max_size=8),
    st.sampled_from([" ", ",", "、", "人", "米 ", "-", ":", "/"]),
)
def test_whole_numbers_alone_are_never_a_coordinate(numbers, join):
    """Any list of whole numbers is telephones, counts, dates or scores."""
    assert parse(join.join(map(str, numbers))).lat is None


@pytest.mark.parametrize(
    "piece",
    [
        "1 ",
        "n1",
        "1-2-",
        "30.123,",
        "3。1",
        "1顶",
        "3人",
        "死亡",
        "没有人",
        "0 people ",
        "路",
        "北",
        "东经",
        "一",
        "点",
        "要",
        "3 is are ",
        "road ",
        "\n",
    ],
)
def test_time_grows_with_the_text_and_no_faster(piece):
    """Sixteen times the text takes at most about sixteen times as long: no pattern runs away."""

    def seconds(chars):
        text = (piece * chars)[:chars]
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            parse(text)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(TEXT_CHARS_MAX) < 48 * max(seconds(TEXT_CHARS_MAX // 16), 0.0005)


def test_a_text_beyond_the_maximum_costs_no_more():
    """What is not read is not paid for."""
    assert parse("SOS" + " " * 10_000_000).kind == "sos"
    assert parse(" " * TEXT_CHARS_MAX + "SOS").kind == "chat"
