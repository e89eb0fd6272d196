"""The pinned vectors: this program still makes them, and the other implementation reads them as they are meant."""

import json
import re
from pathlib import Path

import pytest

from protocols.record import keys
from protocols.record.address import Ends, Implied
from protocols.record.layout import HelloFrame
from protocols.record.sealing import try_open
from protocols.record.siv import open_hello
from protocols.record.suite import Suite
from tests.protocols.record import independent, make_vectors

VECTORS = json.loads(make_vectors.FILE.read_text(encoding="utf-8"))
DOCUMENT = (Path(__file__).parents[3] / "docs/air-format/record.md").read_text(encoding="utf-8")


def named(vectors):
    return pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in vectors])


def implied(vector):
    return Implied(vector["src"], vector["dst"])


def test_the_file_is_what_this_program_makes():
    """A difference means that the format has changed: that is never an accident."""
    assert make_vectors.FILE.read_text(encoding="utf-8") == make_vectors.text()


@named(VECTORS["records"])
def test_record_opens_here(vector):
    """With the keys of the vector a record says what the vector says."""
    session = keys.Session(
        Ends(vector["src"], vector["dst"]), vector["generation"], vector["salt"], Suite(vector["suite"])
    )
    held = keys.SessionKeys(session, bytes.fromhex(vector["key"]), bytes.fromhex(vector["static_iv"]))

    opened = try_open([held], bytes.fromhex(vector["frame"]), implied(vector), vector["highest_accepted"] + 1)

    assert opened.plaintext.hex() == vector["plaintext"]
    assert (opened.counter, opened.fragment) == (vector["counter"], vector["fragment"])


@named(VECTORS["records"])
def test_record_agrees_with_the_other_implementation(vector):
    """From the secret alone the other implementation derives the same keys, opens the frame and makes it again."""
    src, dst = vector["src"], vector["dst"]
    secret = bytes.fromhex(vector["pair_or_group_secret"])
    if 0xFF00 <= dst <= 0xFFFF:
        group_generation = VECTORS["group_generation"]
        assert independent.group_secret(bytes.fromhex(VECTORS["group_seed"]), dst, group_generation) == secret
        first = independent.sender_chain(secret, dst, group_generation, src)
    else:
        assert independent.pair_secret(bytes.fromhex(VECTORS["root_secret"]), src, dst) == secret
        first = independent.first_chain(secret, src, dst)
    chain = independent.chain_secret(first, vector["generation"])
    session = (src, dst, vector["generation"], vector["salt"], vector["suite"])
    frame, plaintext = bytes.fromhex(vector["frame"]), bytes.fromhex(vector["plaintext"])

    assert (first.hex(), chain.hex()) == (vector["chain_0"], vector["chain"])
    key, static_iv = independent.session_key(chain, session)
    assert (key.hex(), static_iv.hex()) == (vector["key"], vector["static_iv"])
    assert independent.open_record(chain, session, frame, vector["highest_accepted"]) == (
        vector["counter"],
        plaintext,
        vector["fragment"],
        vector["relay"],
    )
    fields = {"aa": vector["aa"], "fragment": vector["fragment"], "long_tag": vector["long_tag"]}
    again = independent.seal_record(chain, session, vector["counter"], plaintext, **fields, relay=vector["relay"] or 0)
    assert again == frame


@named(VECTORS["refused"])
def test_refused_frames_open_nowhere(vector):
    """Neither implementation opens what was changed."""
    first = VECTORS["records"][0]
    ends = Ends(first["src"], first["dst"])
    session = keys.Session(ends, 0, first["salt"])
    held = keys.SessionKeys(session, bytes.fromhex(first["key"]), bytes.fromhex(first["static_iv"]))
    frame = bytes.fromhex(vector["frame"])

    try:
        assert try_open([held], frame, implied(first)) is None
    except keys.Malformed:
        assert len(frame) < 7
    whole = (ends.src, ends.dst, 0, first["salt"], 1)
    assert len(frame) < 7 or independent.open_record(bytes.fromhex(first["chain"]), whole, frame) is None


@named(VECTORS["hellos"])
def test_hello_agrees_with_both(vector):
    """Both implementations open each 0x7F frame to the same plaintext, and make it again."""
    ends = Ends(vector["src"], vector["dst"])
    key = keys.HelloKey(bytes.fromhex(vector["hello_key"]), ends)
    frame, plaintext = bytes.fromhex(vector["frame"]), bytes.fromhex(vector["plaintext"])

    assert open_hello(key, HelloFrame.from_bytes(frame), implied(vector)) == plaintext
    assert independent.open_hello(key.material, frame, ends.src, ends.dst) == (vector["kind"], plaintext)
    again = independent.seal_hello(key.material, ends.src, ends.dst, vector["kind"], plaintext, aa=vector["aa"])
    assert again == frame


@pytest.mark.parametrize("vector", VECTORS["counters"])
def test_counter_agrees_with_both(vector):
    """Both implementations rebuild the same counter."""
    assert independent.rebuild(vector["highest_accepted"], vector["low"]) == vector["counter"]


def test_sizes_are_those_of_the_document():
    """What docs/air-format/record.md says a frame takes is what it takes."""
    size = {vector["name"]: len(vector["frame"]) // 2 for vector in VECTORS["records"] + VECTORS["hellos"]}

    assert size["empty"] == 7
    assert size["hello"] == 34
    assert size["hello with a message"] == 36 + 2 + len(make_vectors.PLAINTEXT)
    assert (size["group key"], size["new pair secret"]) == (42, 55)


def test_worked_examples_of_the_document_are_vectors():
    """Every long hexadecimal number in the document's examples stands in the vectors too."""
    examples = DOCUMENT.split("## Worked examples")[1].split("\n## ")[0]
    numbers = re.findall(r"`((?:[0-9a-f]{2}){7,})`", examples)
    known = make_vectors.FILE.read_text(encoding="utf-8")

    assert len(numbers) > 15
    assert [number for number in numbers if number not in known] == []
