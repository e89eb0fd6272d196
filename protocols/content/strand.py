"""The two ends of a content's bit string: a writer and a reader of modelled symbols, numbers and texts.

Every symbol has a name, under which the model knows how often each value occurs; a name the model does not know has
equally likely values, so a content can also be written with no model at all.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from protocols.content.errors import ContentError
from protocols.content.rangecoder import RangeDecoder, RangeEncoder
from protocols.content.steps import first_of, step_of, width_of
from protocols.content.textcounts import END
from protocols.content.textmodel import TEXT_CHARS_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.content.textmodel import TextModel

MODELLED, GB18030, UTF8 = range(3)
RAW_BYTES_MAX = 4 * TEXT_CHARS_MAX
NUMBER_BITS_MAX = 64


class Model(Protocol):
    """What a strand needs of a model."""

    @property
    def text(self) -> TextModel | None:
        """The text model; None codes all texts in raw form."""

    def ends(self, name: str, size: int) -> Sequence[int]:
        """Return the running sums of the frequencies of ``size`` values, ``size`` + 1 numbers from 0 up."""


class Writer:
    """Codes values one behind the other."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._encoder = RangeEncoder()

    def fixed(self, index: int, ends: Sequence[int]) -> None:
        """Write a value whose running sums no model decides."""
        self._encoder.put(ends[index], ends[index + 1] - ends[index], ends[-1])

    def symbol(self, name: str, index: int, size: int) -> None:
        """Write one of ``size`` values."""
        ends = self._model.ends(name, size)
        self._encoder.put(ends[index], ends[index + 1] - ends[index], ends[-1])

    def uniform(self, value: int, count: int) -> None:
        """Write one of ``count`` equally likely values."""
        self._encoder.uniform(value, count)

    def number(self, name: str, value: int, bits: int) -> None:
        """Write a number from 0 up of at most ``bits`` bits: its step modelled, the rest evenly. Raise ContentError above."""
        if not 0 <= value < 1 << bits:
            raise ContentError(f"{name}: found {value}, {bits} bit are carried")
        step = step_of(value)
        self.symbol(name, step, 2 * bits)
        self._encoder.uniform(value - first_of(step), width_of(step))

    def text(self, text: str) -> None:
        """Write a text in the form that is shortest: by the model, in GB 18030 or in UTF-8."""
        raw = {UTF8: text.encode("utf-8", "surrogatepass")}
        with suppress(UnicodeEncodeError):  # half a surrogate pair: UTF-8 alone carries it
            raw[GB18030] = text.encode("gb18030")
        form = min(raw, key=lambda form: (len(raw[form]), form))
        if self._model.text is not None and END not in text and len(text) < TEXT_CHARS_MAX:
            trial = RangeEncoder()
            self._model.text.put(trial, text)
            if len(trial.finish()) <= len(raw[form]):
                self.symbol("text.form", MODELLED, 3)
                self._model.text.put(self._encoder, text)
                return
        self.symbol("text.form", form, 3)
        self.raw(raw[form])

    def raw(self, data: bytes) -> None:
        """Write bytes as they are, with their number; raise ContentError for too many."""
        if len(data) > RAW_BYTES_MAX:
            raise ContentError(f"content: {len(data)} raw bytes, at most {RAW_BYTES_MAX} are carried")
        self.number("raw.length", len(data), RAW_BYTES_MAX.bit_length())
        for byte in data:
            self._encoder.uniform(byte, 256)

    def finish(self) -> bytes:
        """Return the bytes."""
        return self._encoder.finish()


class Reader:
    """Reads the values back in the same order. Everything it raises is ContentError."""

    def __init__(self, model: Model, data: bytes) -> None:
        self._model = model
        self._decoder = RangeDecoder(data)

    def fixed(self, ends: Sequence[int]) -> int:
        """Read a value whose running sums no model decides."""
        index = bisect_right(ends, self._decoder.target(ends[-1])) - 1
        self._decoder.take(ends[index], ends[index + 1] - ends[index], ends[-1])
        return index

    def symbol(self, name: str, size: int) -> int:
        """Read one of ``size`` values."""
        ends = self._model.ends(name, size)
        index = bisect_right(ends, self._decoder.target(ends[-1])) - 1
        self._decoder.take(ends[index], ends[index + 1] - ends[index], ends[-1])
        return index

    def uniform(self, count: int) -> int:
        """Read one of equally likely values."""
        return self._decoder.uniform(count)

    def number(self, name: str, bits: int) -> int:
        """Read a number."""
        step = self.symbol(name, 2 * bits)
        return first_of(step) + self._decoder.uniform(width_of(step))

    def text(self) -> str:
        """Read a text."""
        form = self.symbol("text.form", 3)
        if form == MODELLED:
            if self._model.text is None:
                raise ContentError("content: a text coded by a model where none was agreed; the bytes are none of ours")
            return self._model.text.get(self._decoder)
        data = self.raw()
        try:
            return data.decode("gb18030") if form == GB18030 else data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise ContentError(f"content: a raw text is not {error.encoding}; the bytes are none of ours") from None

    def raw(self) -> bytes:
        """Read bytes."""
        length = self.number("raw.length", RAW_BYTES_MAX.bit_length())
        if length > RAW_BYTES_MAX:
            raise ContentError(f"content: {length} raw bytes announced, at most {RAW_BYTES_MAX} are taken")
        return bytes(self._decoder.uniform(256) for _ in range(length))


class Tally:
    """Counts symbols instead of writing them: how the histograms of a model are made."""

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = {}

    def symbol(self, name: str, index: int, size: int) -> None:
        """Count one value."""
        counts = self.counts.setdefault(name, [0] * size)
        counts[index] += 1

    def uniform(self, value: int, count: int) -> None:
        """Pass over it."""

    def number(self, name: str, value: int, bits: int) -> None:
        """Count a number's step."""
        self.symbol(name, step_of(value), 2 * bits)

    def text(self, text: str) -> None:
        """Count its form: texts are modelled, nearly always."""
        del text
        self.symbol("text.form", MODELLED, 3)

    def raw(self, data: bytes) -> None:
        """Count its length."""
        self.number("raw.length", len(data), RAW_BYTES_MAX.bit_length())


class Sink(Protocol):
    """A writer, or what counts like one."""

    def symbol(self, name: str, index: int, size: int) -> None:
        """Take one of ``size`` values."""

    def uniform(self, value: int, count: int) -> None:
        """Take one of ``count`` equally likely values."""

    def number(self, name: str, value: int, bits: int) -> None:
        """Take a number."""

    def text(self, text: str) -> None:
        """Take a text."""

    def raw(self, data: bytes) -> None:
        """Take bytes."""


def sums(frequencies: Sequence[int]) -> tuple[int, ...]:
    """Return running sums from 0 up; every frequency is at least 1."""
    out = [0]
    for frequency in frequencies:
        out.append(out[-1] + frequency)
    assert all(low < high for low, high in pairwise(out)), "a frequency of 0 could never be coded"
    return tuple(out)
