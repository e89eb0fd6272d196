"""The model files that this program brings along."""

from __future__ import annotations

from functools import cache
from importlib import resources

from protocols.content.errors import ContentError
from protocols.content.model import PINNED, ContentModel, read_model

CURRENT = 1
"""The model that a gateway offers in its hello."""


@cache
def model(number: int) -> ContentModel:
    """Return a model by number, read when it is first asked for (0.13 s). Raises ContentError for none or a damaged one."""
    if number not in PINNED:
        raise ContentError(f"model: found {number}, this program has {', '.join(map(str, PINNED))} and 0 for none")
    return read_model((resources.files("protocols.content") / "models" / f"{number}.model").read_bytes())


def models(*numbers: int) -> dict[int, ContentModel]:
    """Return those of the numbered models that this program has."""
    return {number: model(number) for number in numbers if number in PINNED}
