"""Real sentences and frames of all three protocols over every kind of line: nothing whole is lost, nothing is made up."""

import json
import random
from pathlib import Path

import pytest

from protocols.beidou.frame40 import FRAME_BYTES_MAX, Frame40
from protocols.beidou.reader import BeidouReader, NmeaSentence, Unknown
from protocols.beidou.sentence import Sentence

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/beidou.json").read_text(encoding="utf-8"))
WIRES = [
    bytes.fromhex(vector["hex"]) if "hex" in vector else vector["ascii"].encode("gb18030") + b"\r\n"
    for vector in VECTORS
    if vector["checksum_ok"] and "error" not in vector["decoded"]
]
SEEDS = range(20)


def read(reader, chunks):
    """Return the bytes of every value, the line falling silent at the end."""
    events = [event for chunk in chunks for event in reader.feed(chunk)] + reader.flush()
    return [
        event.raw if isinstance(event, Unknown | NmeaSentence) else event.as_received
        for event in events
        if isinstance(event, Sentence | Frame40 | Unknown | NmeaSentence)
    ]


def chunks(stream, sizes):
    """Cut a stream into pieces of the sizes that come."""
    at = 0
    while at < len(stream):
        size = next(sizes)
        yield stream[at : at + size]
        at += size


def endless(draw):
    while True:
        yield draw()


def test_perfect_line():
    """Everything at once."""
    assert read(BeidouReader(), [b"".join(WIRES)]) == WIRES


def test_byte_by_byte():
    """The slowest line."""
    assert read(BeidouReader(), chunks(b"".join(WIRES), endless(lambda: 1))) == WIRES


@pytest.mark.parametrize("seed", SEEDS)
def test_delayed_line(seed):
    """Pieces of any length, as a driver gets them after pauses."""
    rng = random.Random(seed)

    assert read(BeidouReader(), chunks(b"".join(WIRES), endless(lambda: rng.randrange(1, 90)))) == WIRES


@pytest.mark.parametrize("seed", SEEDS)
def test_duplicated_and_reordered(seed):
    """The reader tells what came, in the order it came: copies are the business of those above it."""
    rng = random.Random(seed)
    sent = WIRES * 2
    rng.shuffle(sent)

    assert sent == read(BeidouReader(), chunks(b"".join(sent), endless(lambda: rng.randrange(1, 200))))


@pytest.mark.parametrize("seed", SEEDS)
def test_lossy_line(seed):
    """With bytes lost, damaged and added anywhere, what is read was sent, and what was spared is read.

    A spared one may only be hidden while a broken header in front of it waits for the length it claims: the silence
    behind it, or as many bytes as the longest frame has, bring it out.
    """
    rng = random.Random(seed)
    stream, spared = bytearray(), []
    for wire in WIRES * 3:
        at = rng.randrange(len(wire))
        fate = rng.choice(["spared", "spared", "lost", "damaged", "added"])
        if fate == "spared":
            spared.append(wire)
        broken = {
            "spared": wire,
            "lost": wire[:at] + wire[at + 1 :],
            "damaged": wire[:at] + bytes([wire[at] ^ 1 << rng.randrange(8)]) + wire[at + 1 :],
            "added": rng.randbytes(rng.randrange(20)) + wire[:at] + rng.randbytes(3) + wire[at:],
        }
        stream += broken[fate]
    stream += bytes(FRAME_BYTES_MAX)

    found = read(BeidouReader(), chunks(bytes(stream), endless(lambda: rng.randrange(1, 300))))

    left = list(found)
    for wire in spared:
        assert wire in left, wire
        left.remove(wire)
    invented = [wire for wire in left if wire not in WIRES]
    assert len(invented) <= 1, "eight bits of checksum let one damaged frame in 256 pass"
