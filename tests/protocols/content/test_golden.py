"""Bytes that were made once open for ever: golden.jsonl is added to with each model and never changed."""

import hashlib
import json
from pathlib import Path

import pytest

from protocols.content.codec import Content
from protocols.content.textmodel import gb2312
from tests.protocols.content.make_golden import receipt_json
from tests.protocols.content.test_codec import same
from tests.protocols.content.worlds import ENDS, codec

GOLDEN = [
    json.loads(line) for line in (Path(__file__).parent / "golden.jsonl").read_text(encoding="utf-8").splitlines()
]
CODEC = codec()


@pytest.mark.parametrize("model", sorted({row["model"] for row in GOLDEN}))
def test_old_contents_open_to_what_they_said(model):
    """A change of any constant, table or order of the format shows here."""
    rows = [row for row in GOLDEN if row["model"] == model]

    for row in rows:
        content = CODEC.decode(bytes.fromhex(row["data"]), ENDS, row["agreed"])
        assert same(content.message, row["message"])
        assert same(list(content.batch), row["batch"])
        assert receipt_json(content.receipt) == row["receipt"]
    assert len(rows) > 30


def test_the_same_contents_still_give_the_same_bytes():
    """Both ends must agree to the bit, so the encoder is pinned as well."""
    for row in GOLDEN:
        if row["receipt"] is None:
            content = Content(row["message"], None, tuple(row["batch"]))
            made = {CODEC.encode(content, ENDS, row["model"], row["agreed"], bare=bare).hex() for bare in (False, True)}
            assert row["data"] in made


def test_the_character_tables_are_those_the_format_was_made_with():
    """GB 18030 in the mapping of its 2000 edition, GB 2312 by level: another table would change old texts silently."""
    every = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)

    assert (
        hashlib.sha256(every.encode("gb18030")).hexdigest()
        == "764df5e1bec4261b6eaf68b7344e44b48661ac1ca27b824d8dfc72e41ccb210d"
    )
    assert [hashlib.sha256("".join(gb2312(level)).encode()).hexdigest() for level in (1, 2)] == [
        "b2f00100fcb2230953e9c251e6741b3a7e8fd4e9cd4964bd7a67941fed7566db",
        "1558a252b4ebed0b5ddbf22eef76f3a6714c03c7a2dff98638b2f640115985c6",
    ]
