"""A shared configuration, a model and messages for the tests of the content."""

import json
from pathlib import Path

from gateway.air.models import model
from protocols.content.codec import ContentCodec
from protocols.content.context import Ends, Operation, Shared

CORPUS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "corpus/messages.jsonl").read_text(encoding="utf-8").splitlines()
]

SHARED = Shared(
    (
        Operation("汶川县", 31.48, 103.59, 1_778_550_000, "HQ5132", "513221", ("310133", "312472", "314029")),
        Operation("Gorkha", 28.0, 84.63, 1_777_130_000, "HQ-NPL-GO", "NPL-GO", ("313921", "315304")),
    ),
    revision=3,
)
ENDS = Ends("310133", "HQ5132", 155)
MODEL = 1


def codec(shared=SHARED, **models):
    """Return a codec with the installed model, and others by number (``_2=…``)."""
    return ContentCodec({MODEL: model(MODEL), **{int(name[1:]): one for name, one in models.items()}}, shared)
