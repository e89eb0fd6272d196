"""Every real sentence and frame, both ways, through the command a person would use."""

import contextlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.exits import Exit
from gateway.cli.main import main
from protocols.beidou.errors import FrameError
from protocols.beidou.registry import FRAME_HEADERS, SENTENCES, class_for, frame_of, sentence_of
from protocols.beidou.sentence import wrap
from protocols.beidou.value import SELF_DESTRUCT

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/beidou.json").read_text(encoding="utf-8"))
COMMENTARY = {"note", "expected_checksum", "error"}
"""Keys of ``decoded`` that are words about the sample, not fields of it."""


def is_good(vector):
    return vector["checksum_ok"] and "error" not in vector["decoded"]


GOOD = [vector for vector in VECTORS if is_good(vector)]
BAD = [vector for vector in VECTORS if not is_good(vector)]


def line_of(vector):
    return vector.get("hex") or vector["ascii"]


def run(verb, vector, line):
    protocol = vector["protocol"] if vector["protocol"] in ("bd-2.1", "bd-4.0", "bd-3") else "bd-2.1"
    arguments = ["frame", verb, "--protocol", protocol, "--charset", vector.get("charset", "gb18030")]
    return CliRunner().invoke(main, arguments, input=line.encode() + b"\n")


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["id"])
def test_a_good_one_decodes_to_its_fields(vector):
    """Every field of the sample is there with its value."""
    result = run("decode", vector, line_of(vector))

    shown = json.loads(result.stdout)
    expected = {key: value for key, value in vector["decoded"].items() if key not in COMMENTARY}
    assert result.exit_code == Exit.DONE
    assert shown["kind"] == vector["kind"]
    assert expected == {key: shown.get(key, "missing") for key in expected}


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["id"])
def test_a_good_one_encodes_back_to_the_same_bytes(vector):
    """Decode and encode are inverse, to the last leading zero."""
    shown = run("decode", vector, line_of(vector)).stdout

    assert line_of(vector) == run("encode", vector, shown.strip()).stdout.strip()


@pytest.mark.parametrize("vector", BAD, ids=lambda vector: vector["id"])
def test_a_bad_one_is_rejected_with_its_reason(vector):
    """A wrong checksum, length or content gives an error object and exit code 1."""
    result = run("decode", vector, line_of(vector))

    shown = json.loads(result.stdout)
    assert result.exit_code == Exit.BAD_INPUT
    assert shown["error"] in ("bad checksum", "bad length", "inconsistent length")
    assert shown["detail"]


def test_a_bad_line_does_not_end_the_run():
    """Good lines before and after a bad one are decoded; blanks are skipped."""
    lines = "\n".join([line_of(GOOD[0]), "", "$BDICI,nonsense*00", line_of(GOOD[0])])

    result = CliRunner().invoke(main, ["frame", "decode", "--protocol", "bd-2.1"], input=lines.encode())

    assert ["error" if "error" in json.loads(row) else "kind" for row in result.stdout.splitlines()] == [
        "kind",
        "error",
        "kind",
    ]


def test_escapes_stand_for_their_bytes():
    r"""`\r`, `\n` and `\xNN` in a line are those bytes, so a captured line can be pasted."""
    result = CliRunner().invoke(
        main, ["frame", "decode", "--protocol", "bd-2.1"], input=rb"$CCRMO,BSI,2,0*26\r\n" + b"\n"
    )

    assert json.loads(result.stdout)["target"] == "BSI"


@pytest.mark.parametrize(
    "fields",
    [{"kind": "ZHS"}, {"kind": "ZHSQ"}, {"kind": "JJZH"}, {"talker": "CC", "kind": "ZHS", "fields": ["12345678"]}],
)
def test_self_destruct_cannot_be_built(fields):
    """There is no way to make a command that destroys a card, not even as a vendor sentence."""
    for ascii_only in (True, False):
        with pytest.raises(FrameError, match=r"self-destruct|unknown"):
            class_for(fields, ascii_only=ascii_only).from_fields(fields).to_wire()


def test_self_destruct_is_refused_on_the_way_in():
    """Nobody can have us pass one on."""
    with pytest.raises(FrameError, match="self-destruct"):
        sentence_of(wrap("CCZHS,12345678"))


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    st.sampled_from(sorted(SENTENCES)), st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)
)
def test_only_frame_errors_leave_the_sentence_parsers(head, rest):
    """Whatever stands behind a known id with a good checksum, the parser gives a value or says what is wrong."""
    try:
        value = sentence_of(wrap(f"{head},{rest}"))
    except FrameError:
        return
    if not any(command in rest.encode("latin-1") for command in SELF_DESTRUCT):
        assert value.to_wire() == wrap(f"{head},{rest}")


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.sampled_from(sorted(FRAME_HEADERS)), st.binary(min_size=3, max_size=60))
def test_only_frame_errors_leave_the_frame_parsers(header, body):
    """Whatever stands in a frame of right length and XOR, the parser gives a value or says what is wrong."""
    frame = header + (len(header) + 3 + len(body)).to_bytes(2) + body
    checksum = 0
    for byte in frame:
        checksum ^= byte
    raw = frame + bytes([checksum])
    try:
        value = frame_of(raw)
    except FrameError:
        return
    if any(command in raw for command in SELF_DESTRUCT):
        return  # read, since a person may write it, but never sent on
    assert value.to_wire() == raw
    assert type(value).from_fields(value.to_fields()).to_wire() == raw


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    st.sampled_from(GOOD),
    st.dictionaries(
        st.sampled_from(
            [
                "to",
                "text",
                "power",
                "freq_s",
                "encoding",
                "data_hex",
                "receipts",
                "bd3_beams",
                "lat",
                "utc",
                "content",
                "info",
                "bits",
            ]
        ),
        JSON,
        max_size=4,
    ),
)
def test_only_frame_errors_leave_the_builders(vector, changes):
    """A JSON object with anything in its fields is built or refused with a reason."""
    shown = json.loads(run("decode", vector, line_of(vector)).stdout)
    shown.pop("raw_hex", None)
    fields = shown | changes

    with contextlib.suppress(FrameError):
        class_for(fields, ascii_only="hex" not in vector).from_fields(fields).to_wire()


def test_a_text_that_names_a_command_is_read():
    """A person may write anything; only the command itself is refused."""
    assert sentence_of(wrap("BDTXR,1,0179773,0,,CCZHS")).payload.text == "CCZHS"


def test_time_of_a_navigation_receiver_is_not_the_sentence_of_2_1():
    """Beidou-only receivers send ZDA with the talker BD; it is no bad 2.1 sentence."""
    assert sentence_of(wrap("BDZDA,121852.00,24,09,2026,00,00")).kind == "ZDA"


def test_an_unconfirmed_field_never_spoils_the_card():
    """Of the 23 fields of a Beidou-3 card most are UNCONFIRMED: a letter in one is kept, and the card is read."""
    card = sentence_of(wrap("BDICP,4216930,0,X,3,0,N,2,N,1,0,0,3,1,60,2,0,0,1,1,21,0,0,0"))

    assert (card.card, card.level, card.auth_type) == (4216930, 2, "X")


def test_the_highest_address_without_a_level_is_no_card():
    """Some devices say 2097151 where others say zeros (2.2)."""
    shown = sentence_of(wrap("BDICI,2097151,0,0,0,9999.0,0,N,0")).to_fields()

    assert (shown["card"], shown["no_card"]) == (None, True)
