"""Reads the corpus files and counts how much of them is understood."""

import json
from pathlib import Path

from protocols.beidou.handset.parse import parse

CORPUS = Path(__file__).parents[2] / "corpus"
COMPARED = ("people", "injured", "dead", "missing", "qty", "ref")


def read(name):
    """Return the lines of one corpus file."""
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


def lines(name):
    """Return the texts of a plain file."""
    return (CORPUS / name).read_text(encoding="utf-8").splitlines()


def near(found, expect):
    """Tell whether the coordinate is there and within tolerance."""
    return "lat" in found and all(abs(found[axis] - expect[axis]) <= expect["tol"] for axis in ("lat", "lon"))


def score(entries):
    """Return (share of kinds, share of coordinates, texts with an invented coordinate, share of fields)."""
    pairs = [(parse(entry["text"]).to_json(), entry["expect"], entry["text"]) for entry in entries]
    placed = [(found, expect) for found, expect, _ in pairs if "lat" in expect]
    kinds = sum(found["kind"] == expect["kind"] for found, expect, _ in pairs) / len(pairs)
    coordinates = sum(near(found, expect) for found, expect in placed) / len(placed)
    invented = [text for found, expect, text in pairs if "lat" in found and "lat" not in expect]
    said = [(found.get(name), expect[name]) for found, expect, _ in pairs for name in COMPARED if name in expect]
    return kinds, coordinates, invented, sum(found == expect for found, expect in said) / len(said)
