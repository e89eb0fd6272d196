"""Nothing that came over the air or from a configuration becomes another topic level."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bus.topics import CommandTopic, ReceiptTopic, TopicError, Topics
from gateway.model import Endpoint, EndpointKind, MessageKind

TOPICS = Topics("yizhan", "510000", "cq1")
BASE = "yizhan/v1/510000/cq1"
NAME = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,31}", fullmatch=True)
HOSTILE = st.text() | st.text(alphabet="+#/$\x00\r\n\u2028 aA0.-_:", max_size=70)
FIELD_KINDS = [kind for kind in EndpointKind if kind is not EndpointKind.BUS]

quick = settings(deadline=None, derandomize=True)


@quick
@given(text=HOSTILE)
def test_any_text_makes_one_level_or_none(text):
    """Root, region, gateway, link and bundle id take any text as exactly one harmless level, or raise TopicError."""
    makers = [
        lambda: Topics(text, "r", "g").base,
        lambda: Topics("y", text, "g").base,
        lambda: Topics("y", "r", text).base,
        lambda: TOPICS.link_state(text),
        lambda: TOPICS.receipt(text),
    ]
    for make in makers:
        try:
            topic = make()
        except TopicError:
            continue
        assert text in topic.split("/")
        assert not set(topic) & set("+#$\x00\r\n ")
        assert "//" not in topic


@quick
@given(
    topic=HOSTILE
    | st.builds(lambda text: f"{BASE}/down/{text}", HOSTILE)
    | st.builds(lambda text: f"{BASE}/receipt/{text}", HOSTILE)
)
def test_any_topic_parses_or_is_a_topic_error(topic):
    """parse gives a value that writes itself back as one level below our base, or raises TopicError."""
    try:
        inbound = TOPICS.parse(topic)
    except TopicError:
        return
    match inbound:
        case CommandTopic(endpoint):
            assert TOPICS.parse(TOPICS.down(endpoint)) == inbound
            assert topic.count("/") == 5
        case ReceiptTopic(bundle_id):
            assert topic == TOPICS.receipt(bundle_id)


@quick
@given(kind=st.sampled_from(FIELD_KINDS), name=NAME)
def test_orders_come_back_as_they_went_out(kind, name):
    """down and parse are inverse for every endpoint in the field."""
    if kind is EndpointKind.CARD:
        name = str(zlib.crc32(name.encode()) % 10**8)
    endpoint = Endpoint(kind, name)

    assert TOPICS.parse(TOPICS.down(endpoint)) == CommandTopic(endpoint)


@pytest.mark.parametrize(
    ("topic", "endpoint"),
    [
        ("down/station:team3", "station:team3"),
        ("down/card:0242286", "card:242286"),
        ("down/group:rescue", "group:rescue"),
        ("down/grid:5133-07", "grid:5133-07"),
        ("down/broadcast:all", "broadcast:all"),
    ],
)
def test_orders(topic, endpoint):
    """The endpoints of docs/bus/README.md."""
    assert TOPICS.parse(f"{BASE}/{topic}") == CommandTopic(Endpoint.parse(endpoint))


@pytest.mark.parametrize(
    "topic",
    [
        "",
        BASE,
        f"{BASE}/down",
        f"{BASE}/down/",
        f"{BASE}/down/bus:centre",
        f"{BASE}/down/card:abc",
        f"{BASE}/down/card:1/x",
        f"{BASE}/down/x:1",
        f"{BASE}/receipt/",
        f"{BASE}/receipt/a/b",
        f"{BASE}/receipt/.a",
        f"{BASE}/state",
        f"/{BASE}/down/card:1",
        "yizhan/v2/510000/cq1/down/card:1",
        "yizhan/v1/510000/cq2/down/card:1",
        "yizhan/v1/510000/cq11/down/card:1",
        "$SYS/broker/uptime",
        f"{BASE}/down/station:{'x' * 33}",
        f"{BASE}/receipt/{'x' * 65}",
    ],
)
def test_foreign_topics(topic):
    """Other gateways, versions, levels and names are not ours."""
    with pytest.raises(TopicError):
        TOPICS.parse(topic)


def test_what_a_gateway_writes():
    """The tree, in full."""
    assert [
        TOPICS.state,
        TOPICS.refusal,
        TOPICS.link_state("bd1"),
        TOPICS.up(MessageKind.SOS),
        TOPICS.backlog(MessageKind.SOS),
        TOPICS.receipt("b-1"),
        *TOPICS.subscriptions(),
    ] == [
        f"{BASE}/state",
        f"{BASE}/refusal",
        f"{BASE}/link/bd1/state",
        f"{BASE}/up/sos",
        f"{BASE}/backlog/sos",
        f"{BASE}/receipt/b-1",
        f"{BASE}/down/+",
        f"{BASE}/receipt/+",
    ]


def test_orders_to_the_bus_itself_are_not_written():
    """The centre does not order itself about through a gateway."""
    with pytest.raises(TopicError):
        TOPICS.down(Endpoint.parse("bus:centre"))


def test_up_takes_kinds_only():
    """A kind from outside the model never becomes a level."""
    with pytest.raises(ValueError, match="a/b"):
        TOPICS.up("a/b")
