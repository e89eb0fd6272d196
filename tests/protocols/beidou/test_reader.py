"""The resynchronising reader: any split, any garbage, bounded memory, linear time."""

import json
import random
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.beidou.frame40 import FRAME_BYTES_MAX, Frame40
from protocols.beidou.reader import (
    FREE_TEXT_BYTES_MAX,
    BeidouReader,
    FreeText,
    NmeaSentence,
    Reject,
    Unknown,
)
from protocols.beidou.sentence import SENTENCE_BYTES_MAX, Sentence, wrap

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/beidou.json").read_text(encoding="utf-8"))
INCONSISTENT = "bd40-txsq-code-nobody"
"""Checksum good, content not: the reader rejects it too."""


def wire(vector):
    """Return a vector's bytes as they come on the line."""
    if "hex" in vector:
        return bytes.fromhex(vector["hex"])
    return vector["ascii"].encode(vector.get("charset", "gb18030")) + b"\r\n"


GOOD = [vector for vector in VECTORS if vector["checksum_ok"] and vector["id"] != INCONSISTENT]
BAD = [vector for vector in VECTORS if not vector["checksum_ok"] or vector["id"] == INCONSISTENT]
STREAM = b"".join(wire(vector) for vector in GOOD)


def values(events):
    """Return the events that are values or known to be good."""
    return [event for event in events if isinstance(event, Sentence | Frame40 | Unknown | NmeaSentence)]


def whole():
    return values(BeidouReader().feed(STREAM))


def test_every_good_vector_is_read_from_one_stream():
    """All three protocols mixed on one port give one event each, in order, with the bytes they came with."""
    reader = BeidouReader()

    found = values(reader.feed(STREAM))

    assert [wire(vector) for vector in GOOD] == [getattr(e, "raw", None) or e.as_received for e in found]


@pytest.mark.parametrize("vector", BAD, ids=lambda vector: vector["id"])
def test_every_bad_vector_is_rejected_with_a_reason(vector):
    """A bad sentence or frame gives no value but a reject that is counted."""
    reader = BeidouReader()

    events = reader.feed(wire(vector)) + reader.flush()

    assert values(events) == []
    assert any(isinstance(event, Reject) for event in events)
    assert sum(count for reason, count in reader.counters.items() if reason != "noise bytes") >= 1


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.data())
def test_any_split_gives_the_same_events(data):
    """Whatever the operating system makes of the stream, the events are the same."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(STREAM)), max_size=30)))
    reader = BeidouReader()

    events = [
        event for a, b in zip([0, *cuts], [*cuts, len(STREAM)], strict=True) for event in reader.feed(STREAM[a:b])
    ]

    assert values(events) == whole()


def test_byte_by_byte_gives_the_same_events():
    """The slowest line is a split like any other."""
    reader = BeidouReader()

    assert values([event for byte in STREAM for event in reader.feed(bytes([byte]))]) == whole()


NOISE = st.sampled_from(
    [
        *(b"$", b"$TXXX", b"\x00\x20", b"$BDTXR,", b"$BDTXR,1*", b"*7F", b"\r\n", b"\r", b"\n", b"$BDXST", b"\xa4\xce"),
        *(b"\x03", b"TCQ OK!\r\n", b"x" * (FREE_TEXT_BYTES_MAX - 2), wire(GOOD[0]), wire(GOOD[-1])),
    ]
)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.lists(NOISE, max_size=25), st.integers(1, 300))
def test_any_split_of_noise_gives_the_same_rejects_and_text(pieces, size):
    """What is dropped, why, and what passes for a line of text do not depend on the split either."""
    stream = b"".join(pieces)
    at_once, in_chunks = BeidouReader(), BeidouReader()

    events = at_once.feed(stream) + at_once.flush()
    chunked = [e for at in range(0, len(stream), size) for e in in_chunks.feed(stream[at : at + size])]

    assert events == chunked + in_chunks.flush()
    assert at_once.counters == in_chunks.counters


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_longest_sentence_is_read_and_one_more_byte_is_not(size):
    """SENTENCE_BYTES_MAX counts from the dollar sign to LF, in whatever chunks it comes."""
    body = "BDTXR,1,0179773,1,,"
    longest = wrap(body + "1" * (SENTENCE_BYTES_MAX - len(body) - 6))
    longer = longest.replace(b",,1", b",,11")

    read, refused = (
        [event for at in range(0, len(stream), size) for event in reader.feed(stream[at : at + size])]
        for reader, stream in ((BeidouReader(), longest), (BeidouReader(), longer))
    )

    assert [longest] == [event.as_received for event in values(read)]
    assert values(refused) == []
    assert [event.reason for event in refused if isinstance(event, Reject)] == ["too long"]


@pytest.mark.parametrize("size", [1, 1000])
def test_the_longest_line_of_text_is_shown_and_one_more_byte_is_noise(size):
    """A line above FREE_TEXT_BYTES_MAX is dropped whole: its end does not pass for a line."""
    longest, longer = b"x" * FREE_TEXT_BYTES_MAX, b"y" * (FREE_TEXT_BYTES_MAX + 1)
    stream = longest + b"\r\n" + longer + b"\r\n"
    reader = BeidouReader()

    events = [event for at in range(0, len(stream), size) for event in reader.feed(stream[at : at + size])]

    assert events == [FreeText(longest)]
    assert reader.counters["noise bytes"] == len(longer)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.binary(max_size=200), st.integers(0, len(GOOD) - 1))
def test_garbage_before_a_good_one_loses_at_most_one_frame_length(noise, number):
    """Behind any garbage, a good frame is found at the latest when one maximum frame of silence or data has passed."""
    reader = BeidouReader()
    good = wire(GOOD[number])

    events = reader.feed(noise + good) + reader.flush()

    assert good in [getattr(event, "raw", None) or getattr(event, "as_received", None) for event in values(events)]


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    st.lists(
        st.sampled_from([b"$", b"$TXXX", b"\x00\x20", b"$BDTXR,", b"*7F", b"\r\n", b"$BDXST", b"\xa4\xce", b"\x03"])
        | st.binary(max_size=9)
    )
)
def test_arbitrary_bytes_raise_nothing_and_are_bounded(pieces):
    """Only events leave the reader, and it never holds more than one maximum sentence."""
    reader = BeidouReader()

    for piece in pieces:
        reader.feed(piece)
        assert len(reader._buffer) <= SENTENCE_BYTES_MAX + 16
    reader.flush()

    assert len(reader._buffer) <= FREE_TEXT_BYTES_MAX


def test_a_false_dollar_does_not_swallow_the_good_sentence_behind_it():
    """`$` alone must not resynchronise away a CR LF-terminated sentence (section 1.1)."""
    good = wrap("BDTXR,1,0179773,2,,A468656C6C6F")

    for false in (b"$", b"$BDTXR,", b"$$$", b"$TXXX", b"$BDXST", b"cost 5$ ", b"$BDTXR,1,0179773,2,,A4*00"):
        events = BeidouReader().feed(false + good)
        late = BeidouReader()
        assert values(events or late.feed(false + good)) or values(late.flush()), false


def test_a_frame_with_crlf_dollar_and_star_inside_is_one_frame():
    """4.0 is framed by length; whatever stands inside does not end it."""
    from protocols.beidou.bd40_terminal import TXXX
    from protocols.beidou.payload import Payload

    frame = TXXX.of(142019, 142020, Payload.of_bytes(b"\x01\r\n$BDTXR,1*00\r\n$TXXX")).to_wire()

    events = BeidouReader().feed(frame)

    assert [type(event) for event in events] == [TXXX]
    assert frame == events[0].to_wire()


def test_the_last_checksum_before_the_line_end_counts():
    """Text may hold `*hh` itself; the receiver takes the last one."""
    sentence = wrap("BDTXR,1,0179773,0,,7*24 $5 *7F")

    assert [sentence] == [event.as_received for event in BeidouReader().feed(sentence)]


def test_free_text_lines_are_shown_and_change_nothing():
    """`TCQ OK!` of some Beidou-3 modules is a line of its own between sentences."""
    good = wire(next(vector for vector in GOOD if vector["kind"] == "FKI"))

    events = BeidouReader().feed(b"TCQ OK!\r\n" + good + b"READY FOR TRANSMISSION\r\n" + good)

    assert [FreeText(b"TCQ OK!"), FreeText(b"READY FOR TRANSMISSION")] == [e for e in events if isinstance(e, FreeText)]
    assert len(values(events)) == 2


def test_position_sentences_are_told_from_the_others():
    """GN and BD talkers of navigation receivers go to the NMEA codec; BDZDA of 2.1 does not."""
    gga = wrap("GNGGA,021549.65,2240.4051,N,11402.5601,E,1,08,1.0,47.0,M,-3.0,M,,")
    zda = wrap("BDZDA,1,021549.65,24,09,2026,00,00,0,0,0,Y")

    events = BeidouReader().feed(gga + zda)

    assert isinstance(events[0], NmeaSentence)
    assert not isinstance(events[1], NmeaSentence)


def test_a_half_frame_is_given_up_after_silence():
    """What hides behind a partial frame comes out when the line has been silent."""
    good = wrap("BDTXR,1,0179773,2,,A468656C6C6F")
    reader = BeidouReader()

    assert values(reader.feed(b"$TXXX\x03\x00" + good)) == []
    events = reader.flush()

    assert len(values(events)) == 1
    assert reader.counters["incomplete"] == 1


def test_counters_name_what_was_wrong():
    """Each reject is counted under its reason, an unknown sentence as unknown."""
    reader = BeidouReader()

    reader.feed(b"$BDTXR,1,0179773,2,,A468656C6C6F*00\r\n" + wrap("BDQQQ,1") + b"\x01\x02")

    assert reader.counters["bad checksum"] == 1
    assert reader.counters["unknown sentence"] == 1
    assert reader.counters["noise bytes"] > 0


HOSTILE = {
    "dollars": b"$",
    "frame headers": b"$TXXX\x04\x00",
    "sentence starts": b"$BDTXR,",
    "sentences with bad checksums": b"$BDTXR,*00\r\n",
    "headers and lines": b"$TXXX\x00\xff\r\n$BDXST\x01\x00",
    "no line end": b"$BDTXRabcdefgh",
}


@pytest.mark.parametrize("pattern", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_input_is_read_in_linear_time(pattern):
    """Four times the bytes take about four times as long, never sixteen: shown as a ratio in one run."""
    small, large = (pattern * (size // len(pattern)) for size in (50_000, 200_000))

    def seconds(data):
        began = process_time()
        reader = BeidouReader()
        for at in range(0, len(data), 1024):
            reader.feed(data[at : at + 1024])
        return process_time() - began

    seconds(small)
    assert seconds(large) < 9 * seconds(small) + 0.05


def test_lossy_line_recovers_every_undamaged_sentence():
    """With every hundredth byte damaged, all sentences that were spared are read."""
    rng = random.Random(7)
    damaged, spared = bytearray(), []
    for vector in GOOD * 5:
        raw = bytearray(wire(vector))
        hit = rng.random() < 0.5
        if hit:
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        else:
            spared.append(bytes(raw))
        damaged += raw
    damaged += bytes(FRAME_BYTES_MAX)

    reader = BeidouReader()
    found = [getattr(e, "raw", None) or e.as_received for e in values(reader.feed(bytes(damaged)) + reader.flush())]

    missing = [raw for raw in spared if raw not in found]
    assert missing == []
