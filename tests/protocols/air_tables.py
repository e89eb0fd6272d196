"""The tables of docs/air-format.md and its pages that are drawn from the source: the schema, the model file, sizes."""

import json
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from statistics import median

from gateway.air.contextfile import load_context, secret_of
from gateway.air.models import model
from gateway.air.trial import TrialCodec
from protocols.content.fields import Binned, Choice, Decimal, Group, Many, Number, Place, Round, Signed
from protocols.content.model import PINNED
from protocols.content.receipts import name_in_batch, named_in_batch
from protocols.content.references import Coded, Expected
from protocols.content.schema import SCHEMA_1

ROOT = Path(__file__).parents[2]


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join("---" for _ in header) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]) + "\n"


def members_text(members):
    return "; ".join(f"{name}: {kind_text(one)}" for name, one in members)


def given_text(kind):
    return f" given {kind.given}" if kind.given else ""


KIND_TEXTS = {
    Number: lambda kind: f" {kind.bits}",
    Round: lambda kind: f" {kind.bits}",
    Signed: lambda kind: f" {kind.bits}",
    Binned: lambda kind: f" {kind.width} × {kind.bins}{given_text(kind)}",
    Choice: lambda kind: given_text(kind) + ": " + " ".join(f"{n} {word}" for n, word in enumerate(kind.values)),
    Decimal: lambda kind: f" {kind.bits}, places to {kind.places_max},{given_text(kind)}",
    Place: lambda kind: ", then " + ", ".join(f"{name} ({kind_text(one)})" for name, one in kind.members),
    Coded: lambda kind: f' "{kind.prefix}" {" + ".join(map(str, kind.groups))}',
    Expected: lambda kind: f" {kind.what}",
    Many: lambda kind: f" to {kind.count_max}: {members_text(kind.members)}",
    Group: lambda kind: f": {members_text(kind.members)}",
}


def kind_text(kind):
    """Return how the document writes a kind."""
    return type(kind).__name__ + KIND_TEXTS.get(type(kind), lambda _: "")(kind)


def schema():
    rows = []
    for number, one in enumerate(SCHEMA_1.types):
        rows += [
            (f"{number} {one.name}" if place == 0 else "", slot.name, kind_text(slot.kind))
            for place, slot in enumerate(one.slots)
        ]
    return table(("type", "slot", "kind"), rows)


def model_file():
    """Figures of each model file, and how often some symbols occur."""
    rows = []
    for number, digest in PINNED.items():
        data = (ROOT / f"protocols/content/models/{number}.model").read_bytes()
        one = model(number)
        names = len(one.frequencies)
        contexts = len(one.text._contexts._rows)
        rare = " + ".join(str(len(characters)) for characters in one.text._rare._lists)
        rows.append((number, one.schema.number, len(data), names, contexts, rare, f"`{digest}`"))
    head = ("number", "schema", "bytes", "symbols with frequencies", "contexts", "rare lists", "SHA-256")
    return table(head, rows)


def frequencies():
    one = model(1)
    rows = [
        (f"`{name}`", len(one.frequencies[name]), " ".join(map(str, one.frequencies[name])))
        for name in ("parts", "type", "position.dst.who", "any.ts.before", "text.form")
    ]
    return table(("symbol", "values", "frequencies in model 1"), rows)


def batch_names():
    """How a receipt names single messages of batches, and that the name is read as it was meant."""
    rows = []
    for highest, counter, place in ((160, 160, 1), (160, 155, 3), (70_000, 69_990, 7)):
        name = name_in_batch(counter, place, highest)
        assert named_in_batch(name, highest) == (counter, place)
        rows.append((highest, counter, place, name))
    return table(("highest", "record", "message", "16 bits"), rows)


def sizes():
    """What the corpus takes under config/air.example.toml, by type."""
    path = ROOT / "config/air.example.toml"
    context = load_context(path)
    codec = TrialCodec(context, secret_of(context, path))
    found = defaultdict(list)
    for line in (ROOT / "tests/corpus/messages.jsonl").read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        frames = codec.encode(message)
        assert codec.decode(frames) == message
        one = (sum(map(len, frames)), len(frames), len(line.encode()))
        found[message["type"]].append(one)
        found["all"].append(one)
    rows = []
    for kind, told in sorted(found.items(), key=lambda item: (item[0] == "all", item[0])):
        bytes_ = sorted(size for size, _, _ in told)
        rows.append(
            (
                kind,
                len(told),
                f"{median(bytes_):g}",
                bytes_[len(bytes_) * 95 // 100],
                bytes_[-1],
                f"{sum(bytes_):,}",
                sum(count == 1 for _, count, _ in told),
                f"{median(size for _, _, size in told):g}",
            )
        )
    return table(("type", "messages", "median", "95 %", "largest", "total", "in one frame", "JSON median"), rows)


def forgeries():
    """A forger's chances with a 4-byte tag, as the record page and the threats give them."""
    rows = [(f"2^{power}", f"{float(Fraction(1 << power, 1 << 32)):.1e}") for power in (10, 16)]
    return table(("tries", "chance of one success"), rows)
