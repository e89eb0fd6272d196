#!/usr/bin/env python3
"""What the air format makes of messages: bytes, frames, losslessness, bits a character, milliseconds.

bench/air.py                                     the corpus of the tests with the sample context
bench/air.py --messages FILE --context FILE      others; the context can be made by: yizhan air context FILE
bench/air.py --texts FILE                        bits a character on other people's texts (JSON lines with "text"
                                                 and perhaps "source"): for measuring only, never to train on
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from math import log2
from pathlib import Path
from statistics import mean, median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gateway.air.contextfile import load_context, load_words, secret_of  # noqa: E402
from gateway.air.models import model  # noqa: E402
from gateway.air.trial import TrialCodec  # noqa: E402

BEIDOU_BYTES = 78
ROUNDS = 5


class Cost:
    """Adds up what symbols are worth, in bits."""

    def __init__(self) -> None:
        self.bits = 0.0

    def put(self, cumulative, frequency, total) -> None:
        """Add one symbol."""
        del cumulative
        self.bits -= log2(frequency / total)

    def uniform(self, value, count) -> None:
        """Add one of equally likely values."""
        del value
        self.bits += log2(count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=Path, default=ROOT / "tests/corpus/messages.jsonl")
    parser.add_argument("--context", type=Path, default=ROOT / "config/air.example.toml")
    parser.add_argument("--texts", type=Path)
    arguments = parser.parse_args()

    began = time.perf_counter()
    text_model = model(1).text
    print(f"model file read in {1000 * (time.perf_counter() - began):.0f} ms, once a process")
    if arguments.texts:
        texts(text_model, arguments.texts)
    else:
        messages(arguments.messages, arguments.context)


def messages(path: Path, context: Path) -> None:
    table = load_context(context)
    words = [] if table.words_file is None else load_words(table.words_file)
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    codec = TrialCodec(table, secret_of(table, context), words)
    frames = [codec.encode(message) for message in told]
    back = [codec.decode(one) for one in frames]
    equal = sum(json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True) for a, b in zip(told, back, strict=True))
    sizes = [sum(map(len, one)) for one in frames]
    whole = [len(json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode()) for one in told]
    line("JSON", whole)
    line("protected", sizes)
    fits = sum(len(one) == 1 and len(one[0]) <= BEIDOU_BYTES for one in frames) / len(frames)
    print(f"in one frame of {BEIDOU_BYTES} B: {fits:.1%}; equal field by field: {equal} of {len(told)}")
    by_type = defaultdict(list)
    for message, size in zip(told, sizes, strict=True):
        by_type[message.get("type")].append(size)
    print("mean by type: " + ", ".join(f"{name} {mean(some):.1f}" for name, some in sorted(by_type.items())))
    speed(table, context, words, told)


def line(name: str, sizes: list[int]) -> None:
    ordered = sorted(sizes)
    p95 = ordered[int(0.95 * len(ordered))]
    print(
        f"{name:10} median {median(ordered):6.1f} B, p95 {p95:4} B, {1000 * sum(ordered) / len(ordered) / 1000:8.1f} B each"
    )


def speed(table, context, words, told) -> None:
    """Encode and decode together, of a position and of all."""
    for name, some in (("position", [one for one in told if one.get("type") == "position"][:200]), ("any", told[:300])):
        best = min(timed(TrialCodec(table, secret_of(table, context), words), some) for _ in range(ROUNDS))
        print(
            f"encode + decode of a message ({name}): {1000 * best / max(1, len(some)):.2f} ms, keys ready, ends named by the bearer"
        )


def timed(codec: TrialCodec, some) -> float:
    """Return the time for all of them, when keys are ready and the bearer names both ends, as in a gateway."""
    for message in some:
        codec.encode(message)
    began = time.perf_counter()
    for message in some:
        codec.decode(codec.encode(message), codec.ends_of(message))
    return time.perf_counter() - began


def texts(text_model, path: Path) -> None:
    by_source = defaultdict(list)
    for row in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(row)
        by_source[one.get("source", path.name)].append(one["text"])
    for source, some in sorted(by_source.items()):
        characters = sum(map(len, some))
        cost = Cost()
        for text in some:
            text_model.put(cost, text)
        gb = 8 * sum(len(text.encode("gb18030")) for text in some) / characters
        print(f"{source:28} {characters:6} characters: {cost.bits / characters:5.2f} bits each, GB 18030 {gb:5.2f}")


if __name__ == "__main__":
    main()
