"""One side upgraded: old messages open for ever, new ones are understood by the old side as far as it goes."""

import json
from dataclasses import replace

import pytest

from gateway.air.models import model
from protocols.content.codec import Content, ContentCodec
from protocols.content.context import Ends
from protocols.content.errors import UnknownModel
from protocols.content.fields import Choice, Number
from protocols.content.model import PLAIN, ContentModel
from protocols.content.schema import SCHEMA_1, MessageType, Schema, Slot
from protocols.content.textcounts import Counts, count, frozen
from protocols.content.textmodel import BUCKETS, Prepared, TextModel
from tests.protocols.content.worlds import CORPUS, SHARED

OLD = model(1)


def newer_schema():
    """Schema 2 of a later program: a new type, a new field in an old type, a new word in a choice."""
    types = list(SCHEMA_1.types)
    position = types[0]
    slots = [
        Slot("status", Choice((*slot.kind.values, "diving"))) if slot.name == "status" else slot
        for slot in position.slots
    ]
    types[0] = replace(position, slots=(*slots, Slot("depth", Number())))
    types.append(MessageType("weather", (Slot("wind", Number()),)))
    return Schema(2, tuple(types))


def newer_text():
    counts = Counts()
    for text in ("一切正常", "水下搜索继续"):
        count(counts, text, 2)
    return TextModel(2, Prepared(frozen(counts)), [[1000] * BUCKETS] * 3)


NEW = ContentModel(2, newer_schema(), {"type": [1] * 12 + [50]}, newer_text())
OLD_SIDE = ContentCodec({1: OLD}, SHARED)
NEW_SIDE = ContentCodec({1: OLD, 2: NEW}, SHARED)
ENDS = Ends("310133", "HQ5132", 9)
NEWS = [
    {"type": "weather", "ts": "2026-05-12T04:00:00Z", "wind": 31, "text": "水下搜索继续"},
    {"type": "position", "ts": "2026-05-12T04:00:00Z", "status": "diving", "depth": 31, "bat": 5},
]


def same(left, right):
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def test_every_old_frame_opens_on_the_new_side():
    """Kept in a queue, sent before the upgrade, or from a side that is not upgraded: agreed model 1."""
    for message in CORPUS[::3]:
        data = OLD_SIDE.encode(Content(message), ENDS, 1, 1)
        assert same(NEW_SIDE.decode(data, ENDS, 1).message, message)


def test_the_new_side_speaks_the_old_model_to_the_old_side():
    """The hello says which model the peer has; what schema 1 has no place for travels by name."""
    for message in [*CORPUS[::9], *NEWS]:
        data = NEW_SIDE.encode(Content(message), ENDS, 1, 1)
        assert same(OLD_SIDE.decode(data, ENDS, 1).message, message)


def test_both_new_sides_use_the_new_schema():
    for message in [*CORPUS[::9], *NEWS]:
        data = NEW_SIDE.encode(Content(message), ENDS, 2, 2)
        assert same(NEW_SIDE.decode(data, ENDS, 2).message, message)


def test_a_frame_of_the_new_model_waits_on_the_old_side_until_its_upgrade():
    """Sent by mistake, or by a third side: the model is named in it, so nothing is guessed and nothing is lost."""
    data = NEW_SIDE.encode(Content(NEWS[0]), ENDS, 2, 1)

    with pytest.raises(UnknownModel) as problem:
        OLD_SIDE.decode(data, ENDS, 1)
    assert problem.value.model_id == 2
    assert same(NEW_SIDE.decode(data, ENDS, 1).message, NEWS[0])


def test_with_no_common_model_both_fall_back_to_none():
    for message in [*CORPUS[::9], *NEWS]:
        data = NEW_SIDE.encode(Content(message), ENDS, PLAIN.id, PLAIN.id)
        assert same(OLD_SIDE.decode(data, ENDS, PLAIN.id).message, message)
