"""What the program writes, a reader that follows the document and shares no code with it reads as the same."""

import json
import re
from dataclasses import astuple
from pathlib import Path

import pytest

from gateway.air.models import model
from protocols.content.codec import Content, ContentCodec
from protocols.content.context import Ends, Shared
from protocols.content.receipts import Level, PeerReceipt, Receipt
from tests.protocols import air_examples
from tests.protocols.content import independent
from tests.protocols.content.worlds import CORPUS, ENDS, SHARED

PAGE = air_examples.ROOT / "docs/air-format/content.md"
WORDS = ["映秀镇渔子溪村", "漩口中学", "K17+300处", "齉镇"]
UNUSUAL = [
    {},
    {"type": None, "ts": "yesterday", "prio": 9, "id": 4, "src": ["a"], "text": ""},
    {"type": "position", "pos": {"lat": 31.06, "lon": 103.5, "alt": 4.5}, "spd": "5", "crs": 359, "src": "a:b"},
    {
        "type": "position",
        "pos": {"lat": -0.00001, "lon": 180.0, "alt": -3},
        "spd": 0,
        "crs": 0,
        "at": "text",
        "age": 70,
    },
    {"type": "chat", "text": "𠮷野家齉\ud83d", "dst": "312472", "more": {"deep": [1, 2.5, "三"]}},
    {"type": "chat", "text": "0123456789 ☎ 010-8888", "dst": "ALL", "id": "x-y", "src": "314029"},
    {"type": "ack", "ref": "312472-7", "result": "seen", "id": "313921-0", "src": "313921"},
    {"type": "sensor", "sensor": "S513221042", "metric": "wind", "value": -3.25, "unit": "m/s", "threshold": 4},
    {"type": "sensor", "sensor": "S042", "value": 1e300, "unit": "m"},
    {"type": "command", "ts": "2026-05-12T04:00:07Z", "due": "2026-05-12T06:30:00Z", "task": 7, "action": "goto"},
    {"type": "command", "ts": "2026-05-12T04:00:07Z", "due": "2026-05-12T05:00:09Z"},
    {"type": "casualty", "area": "513221", "dead": 0, "missing": 1 << 19, "trapped": 1 << 20},
    {"type": "resource", "items": [{"item": "tent", "qty": 2000}, {"item": "锹", "qty": 15}], "urgency": 3},
    {
        "type": "cap",
        "ts": "2026-05-12T04:00:07Z",
        "cap": {"identifier": "99999941600000_20260512040007", "areaDesc": "汶川县"},
    },
    {"type": "opaque", "data": "00ff", "text": "\x00"},
]
"""Messages at the edges of the kinds."""

RECEIPT = Receipt(
    65_535, 4096, (1 << 32) - 1, 15, ((127, 0), (255, 200)), ((7, Level.EXPIRED),), (PeerReceipt(1, 2, 3),)
)


def same(left, right):
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def world(shared):
    names = ("name", "lat", "lon", "since_s", "headquarters", "area", "stations")
    return [{name: getattr(one, name) for name in names} for one in shared.operations]


@pytest.fixture(scope="module")
def models():
    """Read the schema's table from the document, and the model file as the document lays it out."""
    lines = air_examples.written(PAGE)["schema"].splitlines()[2:]
    independent.take_schema([cell.strip() for cell in re.split(r"\|", line)[1:-1]] for line in lines)
    return {
        0: independent.Model(),
        1: independent.Model((air_examples.ROOT / "protocols/content/models/1.model").read_bytes()),
    }


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("bare", [False, True])
def test_messages_read_alike(models, number, bare):
    """The corpus and messages at the edges, with and without a model, with and without what is shared."""
    codec = ContentCodec({1: model(1)}, SHARED)
    for message in [*CORPUS[::25], *UNUSUAL]:
        ends = ("310133", "HQ5132", 155)
        data = codec.encode(Content(message), Ends(*ends), number, 1, bare=bare)

        receipt, [read] = independent.read(data, models, world(SHARED), ends, 1)

        assert receipt is None
        assert same(read, message), message


def test_golden_contents_read_alike(models):
    """Every content that was pinned says here what it said when it was made."""
    for line in (Path(__file__).parent / "golden.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)

        receipt, messages = independent.read(
            bytes.fromhex(row["data"]), models, world(SHARED), astuple(ENDS), row["agreed"]
        )

        assert same(messages, row["batch"] or [one for one in [row["message"]] if one is not None])
        assert (receipt or {}).get("highest") == (row["receipt"] or {}).get("highest")


@pytest.mark.parametrize("ends", [("310133", "HQ5132", 0), ("HQ-NPL-GO", "315304", 0), ("nobody", "HQ-NPL-GO", 9)])
def test_batches_and_receipts_read_alike(models, ends):
    """Times and ids of a batch count from the message before; a receipt goes before its message."""
    codec = ContentCodec({1: model(1)}, SHARED)
    batch = tuple(message for message in CORPUS if message["type"] == "position")[:6]

    read = independent.read(codec.encode(Content(batch=batch), Ends(*ends), 1, 1), models, world(SHARED), ends, 1)
    both = Content(UNUSUAL[3], RECEIPT)
    receipt, messages = independent.read(codec.encode(both, Ends(*ends), 1, 1), models, world(SHARED), ends, 1)

    assert read[0] is None
    assert same(read[1], list(batch))
    assert same(messages, [UNUSUAL[3]])
    assert receipt == {
        "session": 15,
        "highest": 65_535,
        "run": 4096,
        "bitmap": (1 << 32) - 1,
        "needs": [(127, 0), (255, 200)],
        "levels": [(7, 4)],
        "group": [(1, 2, 3)],
    }


def test_taught_words_read_alike():
    """Words are counted into the model as the document says."""
    codec = ContentCodec({1: model(1).taught(WORDS)}, Shared())
    taught = independent.Model((air_examples.ROOT / "protocols/content/models/1.model").read_bytes())
    taught.teach(WORDS)
    message = {"type": "chat", "text": "漩口中学集合，K17+300处塌方，齉镇一切正常"}
    data = codec.encode(Content(message), Ends("a", "b", 0), 1, 1)

    assert independent.read(data, {1: taught}, [], ("a", "b", 0), 1) == (None, [message])
