"""Bundles as content messages and back: what a person said and where survives, whatever a peer sends is a bundle or an error."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.air.models import model
from gateway.air.translate import FRAME, from_content, to_content
from gateway.model import (
    BUS,
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
from protocols.content.codec import Content, ContentCodec
from protocols.content.context import Ends, Shared
from protocols.content.errors import ContentError

CODEC = ContentCodec({1: model(1)}, Shared())

names = st.text("abcXYZ0129_-", min_size=1, max_size=12)
endpoints = st.one_of(
    st.integers(1, 99_999_999).map(Endpoint.card),
    names.map(lambda name: Endpoint.parse(f"station:{name}")),
    names.map(lambda name: Endpoint.parse(f"group:{name}")),
)
places = st.none() | st.builds(
    Place,
    st.floats(-90, 90).map(lambda one: round(one, 5)),
    st.floats(-180, 180).map(lambda one: round(one, 5)),
    st.sampled_from(PlaceSource),
    height_m=st.none() | st.integers(-400, 8000).map(float),
    age_s=st.integers(0, 10**6).map(float),
)
fields = st.dictionaries(
    st.sampled_from(["people", "injured", "item", "qty", "unit", "note", "hazard", "text", "items", "ts", "at"])
    | st.text(max_size=8).filter(lambda name: name not in FRAME),
    st.integers(0, 999) | st.text(max_size=10) | st.sampled_from(["tent", "顶"]),
    max_size=5,
)
messages = st.builds(
    Message,
    kind=st.sampled_from(MessageKind),
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    place=places,
    fields=fields,
    data_hex=st.binary(max_size=10).map(bytes.hex),
)


def bundle(message, source, destination=BUS, precedence=Precedence.ROUTINE, created_s=1_790_000_000.0, *, trusted=True):
    draft = Draft(
        direction=Direction.UP,
        source=source,
        destination=destination,
        precedence=precedence,
        message=message,
        lifetime_s=3600.0,
        created_wall_s=created_s,
        clock_trusted=trusted,
    )
    return Bundle(1, "v1-AAAA-1", draft, BundleState.QUEUED, 0.0, 3600.0, 0.0)


@given(messages, endpoints, st.sampled_from(Precedence), st.integers(0, 4_000_000_000), st.booleans())
def test_what_was_said_survives_the_air(message, source, precedence, created_s, trusted):
    """Through translation and content together: kind, text, place, fields, bytes, who, how urgent, when, how sure."""
    sent = bundle(message, source, precedence=precedence, created_s=float(created_s), trusted=trusted)
    ends = Ends("v1", "hq", 0)

    data = CODEC.encode(Content(to_content(sent, "hq")), ends, 1, 1, bare=True)
    told = from_content(CODEC.decode(data, ends, 1).message, "hq", "v1")

    assert told.message == message
    assert (told.source, told.destination) == (source, BUS)
    assert (told.precedence, told.created_wall_s, told.clock_trusted) == (precedence, float(created_s), trusted)


@given(messages, endpoints)
def test_the_same_message_has_the_same_fingerprint_however_it_was_coded(message, source):
    """A sender that lost its counters sends it under another one, perhaps with another model: it is one report."""
    sent = bundle(message, source)
    keys = set()
    for number, bare in ((1, True), (1, False), (0, True)):
        data = CODEC.encode(Content(to_content(sent, "hq")), Ends("v1", "hq", 0), number, number, bare=bare)
        keys.add(from_content(CODEC.decode(data, Ends("v1", "hq", 0), number).message, "hq", "v1").key())

    assert len(keys) == 1


@given(
    st.dictionaries(
        st.sampled_from(sorted(FRAME)) | st.text(max_size=6),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=8,
    )
)
def test_whatever_a_peer_says_is_a_bundle_or_a_content_error(told):
    """An authentic peer may be of another program, or broken; nothing but ContentError leaves."""
    try:
        said = from_content(told, "hq", "v1")
    except ContentError:
        return
    Message.from_json(said.message.to_json())


def test_a_type_of_a_newer_program_is_kept_whole():
    told = {
        "type": "weather",
        "src": "v1",
        "dst": "hq",
        "prio": 1,
        "wind": 31,
        "text": "大风",
        "ts": "2026-05-12T04:00:00Z",
    }

    said = from_content(told, "hq", "v1")

    assert said.message.kind is MessageKind.OPAQUE
    assert said.message.fields == {"type": "weather", "fields": {"wind": 31}}
    assert said.message.text == "大风"


def test_a_tent_order_uses_the_schemas_items():
    """Item and quantity of a handset's text go where the schema has cheap places for them."""
    sent = bundle(
        Message(MessageKind.RESOURCE, text="帐篷20顶", fields={"item": "tent", "qty": 20, "unit": "顶"}),
        Endpoint.card(1),
    )

    told = to_content(sent, "hq")

    assert told["items"] == [{"item": "tent", "qty": 20}]
    assert from_content(json.loads(json.dumps(told)), "hq", "v1").message.fields == {
        "item": "tent",
        "qty": 20,
        "unit": "顶",
    }
