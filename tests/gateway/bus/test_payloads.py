"""Payloads: whatever the bytes, one declared error; whatever the bundle, a valid report."""

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bus import payloads
from gateway.bus.payloads import Command, ConsumerReceipt, GatewayReceipt, GatewayState, Refusal, Report
from gateway.bus.port import PAYLOAD_BYTES_MAX
from gateway.bus.topics import Topics
from gateway.bus.wire import FAULTS_MAX, PayloadError, decode, utc
from gateway.link import LinkReport, LinkState, Signal
from gateway.model import (
    BUS,
    TEXT_CHARS_MAX,
    Bundle,
    BundleState,
    Direction,
    Draft,
    Endpoint,
    Message,
    MessageKind,
    Place,
    PlaceSource,
    Precedence,
)

TOPICS = Topics("yizhan", "510000", "cq1")
quick = settings(deadline=None, derandomize=True)

SURROGATES = st.text(st.characters(exclude_categories=()), max_size=40)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | SURROGATES
PLACES = st.builds(
    Place,
    lat=st.floats(-90, 90) | st.integers(-90, 90),
    lon=st.floats(-180, 180) | st.integers(-180, 180),
    source=st.sampled_from(PlaceSource),
    height_m=st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-500, 9000),
    age_s=st.floats(0, allow_infinity=False),
)
MESSAGES = st.builds(
    Message,
    kind=st.sampled_from(MessageKind),
    text=SURROGATES,
    place=st.none() | PLACES,
    fields=st.dictionaries(
        SURROGATES | st.sampled_from(["kind", "text", "people", "place_age_s"]), SCALARS, max_size=5
    ),
    data_hex=st.sampled_from(["", "00ff"]),
)


def bundle(message=None, *, state=BundleState.QUEUED, **draft):
    values = {
        "direction": Direction.UP,
        "source": Endpoint.card(242286),
        "destination": BUS,
        "precedence": Precedence.FLASH,
        "message": message or Message(MessageKind.SOS, "求救"),
        "lifetime_s": 3600,
        "created_wall_s": 1_790_000_000.25,
        "clock_trusted": True,
        "heard_on": "bd1",
    }
    return Bundle(7, "cq1-K7QX-7", Draft(**(values | draft)), state, 0, 3600, 0, reason="lifetime ended")


def command(**members):
    return json.dumps({"id": "a1", "text": "撤离"} | members).encode()


def faults_of(payload):
    with pytest.raises(PayloadError) as found:
        payloads.parse_command(payload)
    return {fault.path: fault for fault in found.value.faults}


# --- what comes in


@quick
@given(
    payload=st.binary()
    | st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(SURROGATES, inner)).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_bytes_parse_or_are_a_payload_error(payload):
    """No payload makes a parser raise anything but PayloadError."""
    for parse in (payloads.parse_command, payloads.parse_receipt, payloads.command_id_of):
        try:
            parse(payload)
        except PayloadError as error:
            assert 1 <= len(error.faults) <= FAULTS_MAX  # noqa: PT017 - not raising is right too


MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        name: SCALARS | st.lists(SCALARS, max_size=2) | st.sampled_from(["a1", "FLASH", 60])
        for name in ("id", "text", "kind", "precedence", "lifetime_s", "reply_to", "from", "extra")
    },
)


@quick
@given(members=MEMBERS)
def test_a_command_that_parses_is_within_its_bounds(members):
    """Members of any type and value: what is accepted obeys every bound of the model."""
    try:
        order = payloads.parse_command(json.dumps(members).encode())
    except PayloadError:
        return
    assert 1 <= len(order.id) <= 64
    assert order.text.strip()
    assert order.lifetime_s is None or (math.isfinite(order.lifetime_s) and order.lifetime_s > 0)
    assert order.ladder in Precedence
    assert "extra" not in members


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 8000,
        b'{"a":' * 3000,
        command(text="x" * PAYLOAD_BYTES_MAX),
        b'{"id":"a1","text":"x","lifetime_s":' + b"9" * 5000 + b"}",
        b'{"id":"a1","text":"x","lifetime_s":1e400}',
        b'{"id":"a1","text":"x","lifetime_s":NaN}',
        b'{"id":"a1","text":"x","lifetime_s":-Infinity}',
        b'{"id":"a1","text":"\\ud800"}',
        b'{"id":"a1","text":"\xff"}',
        b"\xef\xbb\xbf{}",
        b"",
        b"null",
        bytes(PAYLOAD_BYTES_MAX + 1),
    ],
)
def test_bombs(bomb):
    """Nesting, size, huge and non-finite numbers, and broken UTF-8 are faults like any other."""
    assert faults_of(bomb)


def test_every_fault_is_told_at_once():
    """One answer names all that is wrong, each with its place, what was found and what to do."""
    found = faults_of(command(id="a/b", text=" ", kind="sos", precedence="HIGH", lifetime_s=-1, **{"from": 3, "x": 1}))

    assert found.keys() == {"id", "text", "kind", "precedence", "lifetime_s", "from", "x"}
    assert found["precedence"].found == "'HIGH'"
    assert "'FLASH'" in found["precedence"].advice
    assert "known are id, text, kind, precedence, lifetime_s, reply_to, from" in found["x"].advice


def test_quotes_are_short_and_harmless():
    """A fault quotes what was found in printable ASCII, shortened: it goes to logs and terminals."""
    hostile = "\x1b[2J\u202e" * 50

    for fault in faults_of(command(precedence=hostile, **{hostile: 1})).values():
        assert str(fault).isascii()
        assert str(fault).isprintable()
        assert len(str(fault)) < 250


def test_a_command_at_its_limits():
    """Text of TEXT_CHARS_MAX Chinese characters, a 64-character id and all members are taken."""
    order = payloads.parse_command(
        json.dumps(
            {
                "id": "a" * 64,
                "text": "撤" * TEXT_CHARS_MAX,
                "kind": "alert",
                "precedence": "FLASH",
                "lifetime_s": 30 * 86_400,
                "reply_to": "cq1-K7QX-7",
                "from": "指" * 64,
            },
            ensure_ascii=False,
        ).encode()
    )

    assert (order.from_, order.ladder, order.lifetime_s) == ("指" * 64, Precedence.FLASH, 2_592_000)
    assert faults_of(command(text="撤" * (TEXT_CHARS_MAX + 1))).keys() <= {"text", ""}


def test_size_is_judged_before_reading():
    """A flawless order padded to one byte too many is refused for its size; one byte less is taken."""
    order = command()

    assert payloads.parse_command(order.ljust(PAYLOAD_BYTES_MAX)).id == "a1"
    assert "more than 16384 bytes" in faults_of(order.ljust(PAYLOAD_BYTES_MAX + 1))[""].found


def test_defaults_of_a_command():
    """Id and text are enough: a PRIORITY command with the gateway's own lifetime."""
    order = payloads.parse_command(command())

    assert (order.kind, order.ladder, order.lifetime_s, order.reply_to) == ("command", Precedence.PRIORITY, None, None)


@pytest.mark.parametrize(
    ("payload", "command_id"),
    [
        (command(text=3), "a1"),
        (command(id="a/b"), None),
        (command(id=["a1"]), None),
        (b"{}", None),
        (b"[1]", None),
        (b"\xff", None),
        (command(id="x" * 65), None),
    ],
)
def test_the_author_of_a_faulty_order_is_named(payload, command_id):
    """A refusal carries the author's id wherever a usable one can be read."""
    assert payloads.command_id_of(payload) == command_id


def test_a_consumers_receipt():
    """The level and the name of who gives it."""
    assert payloads.parse_receipt(b'{"level":"delivered","by":"map1"}') == ConsumerReceipt(level="delivered", by="map1")


@quick
@given(level=st.text(), name=st.text(max_size=20))
def test_nobody_speaks_as_a_gateway(level, name):
    """Whatever begins with gateway: is an echo, never a consumer's receipt."""
    echo = json.dumps({"level": level, "by": f"gateway:{name}"}).encode()

    assert payloads.parse_receipt(echo) is None
    with pytest.raises(ValueError, match="by"):
        ConsumerReceipt(level="delivered", by=f"gateway:{name}")


@pytest.mark.parametrize(
    "payload",
    [b"{}", b'{"level":"read","by":"m"}', b'{"level":"delivered"}', b'{"level":"delivered","by":""}', b'{"by":3}',
     b'{"level":"delivered","by":"a\\nb"}', b'{"level":"delivered","by":"m","x":1}'],
)  # fmt: skip
def test_forged_or_faulty_receipts(payload):
    """Receipts with other levels, without a name, or with more in them are refused."""
    with pytest.raises(PayloadError):
        payloads.parse_receipt(payload)


# --- what goes out


@quick
@given(message=MESSAGES, created_wall_s=st.floats(), historical=st.booleans(), station=st.sampled_from([None, "team3"]))
def test_every_bundle_becomes_a_valid_report(message, created_wall_s, historical, station):
    """report_payload never raises, and what it writes is JSON without NaN that the Report model takes back."""
    stored = bundle(message, created_wall_s=created_wall_s, clock_trusted=False)

    payload = payloads.report_payload(stored, TOPICS, historical=historical, station=station)

    json.loads(payload, parse_constant=pytest.fail)
    report = Report.model_validate_json(payload)
    assert report.id == stored.id
    assert report.data.properties.kind == message.kind
    assert (report.data.geometry is None) == (message.place is None)
    assert len(report.data.properties.text) == len(message.text)


def test_an_sos_as_a_consumer_sees_it():
    """The whole envelope, member by member."""
    message = Message(
        MessageKind.SOS,
        "求救，3人被困",
        Place(26.5133, 103.9712, PlaceSource.LAST_KNOWN, height_m=1900.0, age_s=40.0),
        {"people": 3},
    )

    payload = payloads.report_payload(bundle(message, reply_to="cq1-0001"), TOPICS, historical=True, station="team3")

    assert json.loads(payload) == {
        "specversion": "1.0",
        "id": "cq1-K7QX-7",
        "source": "/yizhan/v1/510000/cq1",
        "type": "yizhan.report.sos",
        "subject": "card:242286",
        "time": "2026-09-21T14:13:20.250Z",
        "datacontenttype": "application/geo+json",
        "precedence": "FLASH",
        "colour": "red",
        "number": 7,
        "historical": True,
        "clocktrusted": True,
        "station": "team3",
        "verified": False,
        "heardon": "bd1",
        "replyto": "cq1-0001",
        "data": {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [103.9712, 26.5133, 1900.0]},
            "properties": {
                "kind": "sos",
                "text": "求救，3人被困",
                "place_source": "last-known",
                "place_age_s": 40.0,
                "people": 3,
            },
        },
    }


def test_damaged_text_is_carried_as_question_marks():
    """Lone surrogates in texts, names and values of a damaged message do not stop it; an infinity is left out."""
    message = Message(MessageKind.CHAT, "a\ud800", fields={"b\udfff": "c\ud8ff", "d": math.inf})

    value = json.loads(payloads.report_payload(bundle(message, heard_on="\ud800"), TOPICS, historical=False))

    assert value["data"]["properties"] == {"kind": "chat", "text": "a?", "b?": "c?"}
    assert value["heardon"] == "?"


def test_extension_names_follow_cloudevents():
    """Attribute names are lower-case letters and digits only (CloudEvents 1.0, section 3.1.1)."""
    assert all(name.isalnum() and name.islower() for name in Report.model_fields)


def test_no_place_is_null():
    """A report without a place says so with a null geometry, as GeoJSON asks; nothing is invented."""
    value = json.loads(payloads.report_payload(bundle(), TOPICS, historical=False))

    assert value["data"]["geometry"] is None
    assert "place_source" not in value["data"]["properties"]


def test_a_receipt_is_honest_and_its_echo_ignored():
    """State, evidence and reason go out; coming back, the receipt is nobody's."""
    order = bundle(
        direction=Direction.DOWN, destination=Endpoint.parse("group:rescue"), external_id="a1", parent="cq1-0003"
    )

    payload = payloads.receipt_payload(order, TOPICS, wall_s=0.0, hop="bd1")

    assert decode(GatewayReceipt, payload) == GatewayReceipt(
        bundle="cq1-K7QX-7",
        number=7,
        state=BundleState.QUEUED,
        by="gateway:cq1",
        hop="bd1",
        detail="lifetime ended",
        time="1970-01-01T00:00:00.000Z",
        command_id="a1",
        endpoint="group:rescue",
        parent="cq1-0003",
    )
    assert payloads.parse_receipt(payload) is None


def test_a_refusal_carries_the_faults():
    """What parse_command found goes back to the author, with control characters harmless in JSON."""
    found = faults_of(command(text=3))

    refusal = decode(
        Refusal,
        payloads.refusal_payload(TOPICS, "a\ud800" * 300, list(found.values()), wall_s=1.0, command_id="a1"),
    )

    assert refusal.command_id == "a1"
    assert refusal.faults == (str(found["text"]),)
    assert len(refusal.topic) == 256


def test_states():
    """A running gateway has times, balance and links; a lost one is offline and claims no time."""
    balance = {"accepted": 5, "delivered": 1, "queued": 2, "expired": 1, "shed": 1}
    report = LinkReport(LinkState.BUSY, "radio silence", signals=(Signal("beam 3", 2),))

    online = decode(
        GatewayState,
        payloads.state_payload(
            since_wall_s=0, wall_s=9, boot="b", version="0.1", balance=balance, links={"bd1": report}
        ),
    )
    offline = json.loads(payloads.will_payload(boot="b", version="0.1"))
    link = json.loads(payloads.link_state_payload("bd1", "beidou", report, since_wall_s=0, wall_s=9))

    assert (online.state, online.balance.queued, online.links[0].state) == ("online", 2, "busy")
    assert (offline["state"], offline["since"], offline["time"]) == ("offline", None, None)
    assert (link["state"], link["signals"], link["detail"]) == ("busy", {"beam 3": 2}, "radio silence")


def test_the_longest_report_is_readable_by_the_same_limit():
    """A report of TEXT_CHARS_MAX characters and a full state stay below what a gateway itself would read."""
    longest = payloads.report_payload(
        bundle(Message(MessageKind.CHAT, "撤" * TEXT_CHARS_MAX)), TOPICS, historical=False
    )
    links = {f"link-{'x' * 27}{n}": LinkReport(LinkState.UNAVAILABLE) for n in range(100)}
    state = payloads.state_payload(since_wall_s=0, wall_s=0, boot="b", version="v", links=links)

    assert len(longest) <= PAYLOAD_BYTES_MAX
    assert len(state) <= PAYLOAD_BYTES_MAX
    assert len(json.loads(state)["links"]) == payloads.LINKS_MAX


@quick
@given(wall_s=st.floats(0, 4e9))
def test_utc_is_the_moment(wall_s):
    """The written time is the moment, to the millisecond, and readable by anybody's RFC 3339 parser."""
    assert abs(datetime.fromisoformat(utc(wall_s)).timestamp() - wall_s) < 0.0011


@pytest.mark.parametrize(
    "wall_s", [math.nan, math.inf, -math.inf, 1e300, -1e300, -62_135_596_800.1, 253_402_300_799.9999]
)
def test_utc_of_a_mad_clock(wall_s):
    """No clock, however wrong, makes a message unpublishable."""
    datetime.fromisoformat(utc(wall_s)).replace(tzinfo=UTC)


def test_a_command_cannot_be_retold_as_something_else():
    """The model is frozen: what was validated is what is used."""
    order = payloads.parse_command(command())
    with pytest.raises(ValueError, match="frozen"):
        order.text = "x"
    assert Command.model_config["extra"] == "forbid"
