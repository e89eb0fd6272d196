"""Counting which character follows which: how a text model is trained, and how it is taught the words of an area."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

END = "\0"
"""Begins and ends every text inside a model; a text that holds it goes in raw form."""

DIGITS = frozenset("0123456789")
ANY_DIGIT = "0"
"""What every digit is to the contexts."""


class Counts(dict[str, dict[str, int]]):
    """How often which character followed a context."""

    def __missing__(self, context: str) -> dict[str, int]:
        followers = self[context] = {}
        return followers


COUNT_MAX = 255
"""Largest count of a follower; a context that passes it has all its counts halved."""


def symbols_of(text: str) -> str:
    """Return a text as the contexts see it: every digit is one character."""
    return "".join(ANY_DIGIT if character in DIGITS else character for character in text)


def count(counts: Counts, text: str, order: int, *, weight: int = 1, whole: bool = True) -> None:
    """Count a text; ``whole`` ones begin and end there, words may stand anywhere.

    With update exclusion: a shorter context hears of a character only when it is new to the longer one. Without it the
    same texts gave 1.4 bits a character more (measured).
    """
    symbols = END + symbols_of(text) + END if whole else symbols_of(text)
    for place in range(int(whole), len(symbols)):
        follower = symbols[place]
        for length in range(min(order, place), -1, -1):
            followers = counts[symbols[place - length : place]]
            known = follower in followers
            followers[follower] = followers.get(follower, 0) + weight
            if followers[follower] > COUNT_MAX:
                for one in followers:
                    followers[one] = max(1, followers[one] // 2)
            if known:
                break


def frozen(counts: Mapping[str, Mapping[str, int]]) -> dict[str, tuple[tuple[str, int], ...]]:
    """Return counts as a model holds them: followers in code order."""
    return {context: tuple(sorted(followers.items())) for context, followers in counts.items()}
