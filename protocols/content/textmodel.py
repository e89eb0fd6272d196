"""A static character model for short Chinese and English texts: prediction by partial matching, all whole numbers.

The method is PPM with exclusion (Cleary and Witten 1984, Moffat 1990). Up to ``order`` characters before it predict the
next one; an escape leads to the next shorter context. Three things are ours: the chance of an escape is not a formula but
a table measured on held-out text, by order, number of different followers and number of sightings; every digit is one
character to the contexts, and its value is coded behind it; and words of the operations area can be taught when it
is loaded. A character that training never saw comes from a fixed list of GB 2312 or as its code point.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from protocols.content.steps import step_of
from protocols.content.textcounts import ANY_DIGIT, DIGITS, END, Counts, count, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WORD_WEIGHT = 2
"""How often a taught word counts as seen."""

ESCAPE_TOTAL = 4096
"""Escape chances are given in parts of this."""

TEXT_CHARS_MAX = 4000
"""Longest text; as gateway.model.TEXT_CHARS_MAX."""

CODE_POINTS = 0x110000
SEEN_STEPS_MAX = 15
FOLLOWERS_MAX = 15


class SymbolSink(Protocol):
    """What a text is coded to: a range encoder, or something that only counts."""

    def put(self, cumulative: int, frequency: int, total: int) -> None:
        """Take one symbol."""

    def uniform(self, value: int, count: int) -> None:
        """Take one of equally likely values."""


class SymbolSource(Protocol):
    """What a text is read from."""

    def target(self, total: int) -> int:
        """Return a number in the next symbol's share."""

    def take(self, cumulative: int, frequency: int, total: int) -> None:
        """Step over that symbol."""

    def uniform(self, count: int) -> int:
        """Return one of equally likely values."""


def bucket(followers: int, seen: int) -> int:
    """Return the cell of the escape table for a context with so many different followers and sightings."""
    return min(followers, FOLLOWERS_MAX) * (SEEN_STEPS_MAX + 1) + min(step_of(seen), SEEN_STEPS_MAX)


BUCKETS = (FOLLOWERS_MAX + 1) * (SEEN_STEPS_MAX + 1)


@cache
def gb2312(level: int) -> tuple[str, ...]:
    """Return the characters of GB 2312 in code order: level 1 (rows 16-55, common) or 2 (rows 56-87 and symbols)."""
    rows = range(0xB0, 0xD8) if level == 1 else [*range(0xA1, 0xAA), *range(0xD8, 0xF8)]
    characters = []
    for row in rows:
        for cell in range(0xA1, 0xFF):
            try:
                characters.append(bytes((row, cell)).decode("gb2312"))
            except UnicodeDecodeError:
                continue
    return tuple(characters)


class Followers:
    """What followed one context in training, in code order, ready for coding."""

    __slots__ = ("counts", "places", "sums", "symbols")

    def __init__(self, counted: Iterable[tuple[str, int]]) -> None:
        pairs = tuple(counted)
        self.symbols = tuple(symbol for symbol, _ in pairs)
        self.counts = tuple(count for _, count in pairs)
        self.sums = (0, *accumulate(self.counts))
        self.places = {symbol: place for place, symbol in enumerate(self.symbols)}


class Share:
    """The followers of one context without those that a longer context has excluded."""

    __slots__ = ("_followers", "_out", "left", "total")

    def __init__(self, followers: Followers, excluded: set[str]) -> None:
        self._followers = followers
        places, counts = followers.places, followers.counts
        self._out = sorted([places[symbol] for symbol in places.keys() & excluded]) if excluded else []
        self.left = len(followers.symbols) - len(self._out)
        self.total = followers.sums[-1] - sum([counts[place] for place in self._out])

    def place(self, symbol: str) -> tuple[int, int] | None:
        """Return what comes before a symbol and its own count; None if it never followed."""
        followers = self._followers
        here = followers.places.get(symbol)
        if here is None:
            return None
        before = sum(followers.counts[place] for place in self._out if place < here)
        return followers.sums[here] - before, followers.counts[here]

    def at(self, target: int) -> tuple[str, int, int]:
        """Return the symbol whose share a number falls into, what comes before it, and its count."""
        followers = self._followers
        removed = 0
        for place in self._out:
            if followers.sums[place] - removed > target:
                break
            removed += followers.counts[place]
        here = bisect_right(followers.sums, target + removed) - 1
        return followers.symbols[here], followers.sums[here] - removed, followers.counts[here]


class Contexts(Protocol):
    """Contexts and what followed them in training."""

    def get(self, context: str) -> Followers | None:
        """Return the followers of a context, or None if it never occurred."""


class Prepared:
    """Contexts of counts, made ready when they are first needed."""

    def __init__(self, counts: Mapping[str, Iterable[tuple[str, int]]]) -> None:
        self._counts = counts
        self._ready: dict[str, Followers] = {}

    def get(self, context: str) -> Followers | None:
        ready = self._ready.get(context)
        if ready is None and context in self._counts:
            ready = self._ready[context] = Followers(self._counts[context])
        return ready


class Rare:
    """Characters that training never saw: printable ASCII, GB 2312 by level, or any code point."""

    WEIGHTS = (3, 24, 6, 1)

    def __init__(self, known: Iterable[str]) -> None:
        seen = set(known)
        ascii_ = tuple(chr(code) for code in (9, 10, 13, *range(32, 127)))
        self._lists = [
            [character for character in characters if character not in seen]
            for characters in (ascii_, gb2312(1), gb2312(2))
        ]
        self._index = {
            character: (which, number)
            for which, characters in enumerate(self._lists)
            for number, character in enumerate(characters)
        }

    def put(self, sink: SymbolSink, character: str) -> None:
        which, number = self._index.get(character, (len(self._lists), ord(character)))
        sink.put(sum(self.WEIGHTS[:which]), self.WEIGHTS[which], sum(self.WEIGHTS))
        sink.uniform(number, len(self._lists[which]) if which < len(self._lists) else CODE_POINTS)

    def get(self, source: SymbolSource) -> str:
        target = source.target(sum(self.WEIGHTS))
        which = next(i for i in range(len(self.WEIGHTS)) if target < sum(self.WEIGHTS[: i + 1]))
        source.take(sum(self.WEIGHTS[:which]), self.WEIGHTS[which], sum(self.WEIGHTS))
        if which < len(self._lists):
            characters = self._lists[which]
            return characters[source.uniform(len(characters))] if characters else "\ufffd"
        return chr(source.uniform(CODE_POINTS))


class TextModel:
    """Contexts with their followers, and the escape table. Immutable once made."""

    def __init__(self, order: int, contexts: Contexts, escapes: Sequence[Sequence[int]]) -> None:
        """Take the contexts, and one escape table an order, from 0 on, of BUCKETS entries."""
        assert len(escapes) == order + 1, "one escape table an order"
        self.order = order
        self._contexts = contexts
        self._escapes = escapes
        known = contexts.get("")
        self._rare = Rare(() if known is None else known.symbols)

    def taught(self, words: Iterable[str]) -> TextModel:
        """Return a model that also knows these words, as both ends must have been taught them."""
        overlay = _Overlay(self._contexts)
        for word in words:
            count(overlay, word, self.order, weight=WORD_WEIGHT, whole=False)
        return TextModel(self.order, _Taught(Prepared(frozen(overlay)), self._contexts), self._escapes)

    def _shares(self, history: str, excluded: set[str]) -> Iterator[tuple[Share, int]]:
        """Yield the contexts of a history, longest first, each with its chance of an escape.

        Whoever asks for the next one has escaped from this one: what it has is excluded from then on.
        """
        for length in range(min(self.order, len(history)), -1, -1):
            followers = self._contexts.get(history[len(history) - length :])
            if followers is None:
                continue
            share = Share(followers, excluded)
            if share.left:
                yield share, self._escapes[length][bucket(share.left, share.total)]
                excluded.update(followers.symbols)

    def put(self, sink: SymbolSink, text: str) -> None:
        """Code a text and its end."""
        assert END not in text, "a text with the end sign goes in raw form"
        history = END
        for character in text + END:
            symbol = ANY_DIGIT if character in DIGITS else character
            self._put_symbol(sink, history, symbol)
            if symbol == ANY_DIGIT:
                sink.uniform(int(character), 10)
            history = (history + symbol)[-self.order :]

    def _put_symbol(self, sink: SymbolSink, history: str, symbol: str) -> None:
        for share, escape in self._shares(history, set()):
            place = share.place(symbol)
            if place is None:
                sink.put(0, escape, ESCAPE_TOTAL)
                continue
            sink.put(escape, ESCAPE_TOTAL - escape, ESCAPE_TOTAL)
            sink.put(*place, share.total)
            return
        self._rare.put(sink, symbol)

    def get(self, source: SymbolSource) -> str:
        """Read a text to its end; stops at TEXT_CHARS_MAX."""
        history = END
        out: list[str] = []
        while len(out) < TEXT_CHARS_MAX:
            symbol = self._get_symbol(source, history)
            if symbol == END:
                break
            out.append(str(source.uniform(10)) if symbol == ANY_DIGIT else symbol)
            history = (history + symbol)[-self.order :]
        return "".join(out)

    def _get_symbol(self, source: SymbolSource, history: str) -> str:
        for share, escape in self._shares(history, set()):
            if source.target(ESCAPE_TOTAL) < escape:
                source.take(0, escape, ESCAPE_TOTAL)
                continue
            source.take(escape, ESCAPE_TOTAL - escape, ESCAPE_TOTAL)
            symbol, before, own = share.at(source.target(share.total))
            source.take(before, own, share.total)
            return symbol
        return self._rare.get(source)


class _Overlay(Counts):
    """Counts that begin, for each context, with what a model has."""

    def __init__(self, below: Contexts) -> None:
        super().__init__()
        self._below = below

    def __missing__(self, context: str) -> dict[str, int]:
        below = self._below.get(context)
        followers = self[context] = {} if below is None else dict(zip(below.symbols, below.counts, strict=True))
        return followers


class _Taught:
    """Contexts of taught words before those of the model."""

    def __init__(self, own: Prepared, below: Contexts) -> None:
        self._own = own
        self._below = below

    def get(self, context: str) -> Followers | None:
        return self._own.get(context) or self._below.get(context)
