"""Contents: every field of every message comes back, whatever the schema knows of it."""

import json
import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.air.models import model
from gateway.air.survey import survey
from protocols.content.codec import BATCH_MAX, DEPTH_MAX, EXTRA_FIELDS_MAX, Content, ContentCodec
from protocols.content.context import Ends, Shared
from protocols.content.errors import ContentError, UnknownModel
from protocols.content.model import PLAIN
from protocols.content.receipts import Level, PeerReceipt, Receipt
from protocols.content.schema import SCHEMA_1
from tests.protocols.content.worlds import CORPUS, ENDS, MODEL, SHARED, codec

CODEC = codec()


def there_and_back(content, *, ends=ENDS, number=MODEL, agreed=MODEL, codec=CODEC):
    return codec.decode(codec.encode(content, ends, number, agreed), ends, agreed)


def same(left, right):
    """Tell whether two JSON values are equal to the letter: 1, 1.0 and true are three values."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def nested(depth):
    """Return lists inside lists."""
    value = 1
    for _ in range(depth):
        value = [value]
    return value


texts = st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
field_names = sorted({slot.name for one in SCHEMA_1.types for slot in one.slots} | {"ts", "src", "dst", "prio", "id"})
places = st.fixed_dictionaries(
    {
        "lat": st.floats(-90, 90).map(lambda one: round(one, 5)),
        "lon": st.floats(-180, 180).map(lambda one: round(one, 5)),
    },
    optional={"alt": st.integers(-500, 9000), "km": st.integers(0, 999)},
)
moments = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0"))
likely = (
    json_values
    | places
    | moments
    | st.integers(0, 5000)
    | st.floats(-1000, 1000).map(lambda one: round(one, 2))
    | st.sampled_from(
        ["ok", "HQ5132", "ALL", "312472", "310133-155", "HQ5132-7", "513221104207", "S513221042", "汶川县", ""]
    )
)
types = st.sampled_from([one.name for one in SCHEMA_1.types]) | texts
messages = st.builds(
    lambda kind, fields: {"type": kind, **fields},
    types,
    st.dictionaries(st.sampled_from(field_names) | texts.filter(lambda name: name != "type"), likely, max_size=12),
)


@given(messages)
def test_any_message_comes_back_equal(message):
    """Unknown types, fields, words and values of the wrong sort lose nothing."""
    assert same(there_and_back(Content(message)).message, message)


@given(json_values)
def test_a_type_that_is_no_text_comes_back(kind):
    assert same(there_and_back(Content({"type": kind})).message, {"type": kind})


def test_a_message_without_a_type_comes_back():
    assert there_and_back(Content({"text": "在"})).message == {"text": "在"}


@pytest.mark.parametrize("number", [MODEL, PLAIN.id])
def test_the_corpus_comes_back(number):
    """All 1000 messages, with the model and with none."""
    shared = survey(CORPUS)
    here = ContentCodec({MODEL: model(MODEL)}, shared)
    for message in CORPUS:
        ends = Ends(message["src"], message["dst"], int(message["id"].rpartition("-")[2]))
        assert same(
            there_and_back(Content(message), ends=ends, number=number, agreed=number, codec=here).message, message
        )


def test_the_corpus_comes_back_with_nothing_shared():
    """Two gateways whose revisions differ still understand each other."""
    here = ContentCodec({MODEL: model(MODEL)}, Shared())
    for message in CORPUS[::7]:
        assert same(there_and_back(Content(message), codec=here).message, message)


receipts = st.builds(
    Receipt,
    highest=st.none() | st.integers(0, 65535),
    needs=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=15).map(tuple),
    levels=st.lists(st.tuples(st.integers(0, 65535), st.sampled_from(Level)), max_size=20).map(tuple),
    group=st.lists(
        st.builds(PeerReceipt, st.integers(0, 65535), st.integers(0, 255), st.integers(0, 255)), max_size=64
    ).map(tuple),
)
cumulative = st.builds(
    Receipt,
    highest=st.integers(0, 65535),
    run=st.integers(1, 4096),
    bitmap=st.integers(0, (1 << 32) - 1),
    session=st.integers(0, 65535),
)


@given(receipts | cumulative, st.none() | messages)
def test_receipts_come_back_alone_and_before_a_message(receipt, message):
    back = there_and_back(Content(message, receipt))

    assert back.receipt == receipt
    assert same(back.message, message)


@given(st.lists(messages, min_size=1, max_size=5))
def test_batches_come_back(batch):
    assert same(list(there_and_back(Content(batch=tuple(batch))).batch), batch)


def test_five_positions_fit_a_beidou_message():
    """Design: 5 to 6 positions in one 78-byte frame, 7 of it record."""
    positions = [message for message in CORPUS if message["type"] == "position" and message["dst"] == "HQ4107"][:5]
    here = ContentCodec({MODEL: model(MODEL)}, survey(CORPUS))

    assert len(here.encode(Content(batch=tuple(positions)), Ends("HQ4107", "HQ-CENTRE", 1), MODEL, MODEL)) <= 71


def test_a_receipt_for_sixteen_peers_fits_a_beidou_message():
    group = tuple(PeerReceipt(number, number, 255) for number in range(1, 17))

    assert len(CODEC.encode(Content(receipt=Receipt(group=group)), ENDS, MODEL, MODEL)) <= 71


@given(st.binary(max_size=90))
def test_foreign_bytes_give_a_content_or_a_content_error(data):
    for number in (MODEL, PLAIN.id):
        try:
            CODEC.decode(data, ENDS, number)
        except ContentError:
            continue


@given(messages, st.data())
def test_damaged_content_gives_a_content_or_a_content_error(message, data):
    good = bytearray(CODEC.encode(Content(message), ENDS, MODEL, MODEL))
    for _ in range(data.draw(st.integers(0, 3))):
        if good:
            good[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(ContentError):
        CODEC.decode(bytes(good), ENDS, MODEL)


def test_a_model_that_is_not_here_is_named():
    """The bytes are kept for later; nothing is guessed."""
    other = ContentCodec({2: PLAIN.renumbered(2)}, SHARED)
    data = other.encode(Content({"type": "chat", "text": "在"}), ENDS, 2, MODEL)

    with pytest.raises(UnknownModel, match="0x0002"):
        CODEC.decode(data, ENDS, MODEL)


def test_the_end_of_one_message_needs_no_length():
    """Truncated contents decode to something else or fail: the record's tag, not the content, tells truth from damage."""
    rng = random.Random(1)
    for message in rng.sample(CORPUS, 50):
        data = CODEC.encode(Content(message), ENDS, MODEL, MODEL)
        try:
            back = CODEC.decode(data[:-2], ENDS, MODEL).message
        except ContentError:
            continue
        assert not same(back, message)


def test_maxima_are_refused_with_their_figure():
    with pytest.raises(ContentError, match=f"at most {BATCH_MAX}"):
        Content(batch=tuple({"type": "chat"} for _ in range(BATCH_MAX + 1)))
    with pytest.raises(ContentError, match=f"at most {EXTRA_FIELDS_MAX}"):
        CODEC.encode(Content({f"x{n}": n for n in range(EXTRA_FIELDS_MAX + 1)}), ENDS, MODEL, MODEL)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "sensor", "value": 1e308, "threshold": -1e308},
        {"type": "sensor", "metric": {"a": [1]}, "value": 1, "unit": "m"},
        {"type": "command", "ts": "0001-01-01T00:00:00Z", "due": "9999-12-31T23:59:59Z"},
        {"type": "cap", "ts": "0001-01-01T00:00:00Z", "cap": {"expires": "9999-12-31T23:59:59Z"}},
        {"type": "chat", "text": "q" * 15_000},
    ],
)
def test_extremes_come_back(message):
    """Found by a review: each of these once ended in another error than ours, or did not open again."""
    assert same(there_and_back(Content(message)).message, message)


@pytest.mark.parametrize(
    "content",
    [
        {"type": "chat", "text": "\0" * 16_001},
        {"type": "opaque", "data": "ab" * 16_001},
        {"x": nested(45)},
        {"x": {1, 2}},
    ],
)
def test_what_cannot_travel_is_refused_when_it_is_encoded(content):
    """Not by whoever receives it."""
    with pytest.raises(ContentError):
        CODEC.encode(Content(content), ENDS, MODEL, MODEL)


def test_nesting_is_judged_by_a_figure_and_not_by_the_stack():
    assert same(there_and_back(Content({"x": nested(DEPTH_MAX - 1)})).message, {"x": nested(DEPTH_MAX - 1)})


@pytest.mark.parametrize("more", [{"run": 2}, {"bitmap": 1}, {"session": 1}, {"levels": ((1, 9),)}])
def test_a_receipt_that_would_not_come_back_cannot_be_made(more):
    with pytest.raises(ContentError):
        Receipt(**more)
