"""The model file: how often each symbol of a schema occurs, and the text model. Part of the wire format.

Both ends must use the same file to the bit, and no tag would notice a difference, so a file is known by a number of two
bytes and its SHA-256 is pinned here. A number is never given out twice and old files stay, so that an old message opens
for ever.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protocols.content.errors import ContentError
from protocols.content.schema import SCHEMA_1
from protocols.content.strand import sums
from protocols.content.textmodel import Followers, TextModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from protocols.content.schema import Schema

MAGIC = "yizhan content model"
SCHEMAS = {schema.number: schema for schema in (SCHEMA_1,)}
FILE_BYTES_MAX = 16_000_000
COUNT_BASE = 0x20
"""A count is written as the character of this plus the count."""

PINNED = {
    1: "771b9ab42e80dc5f375dc61a424a5e6850e192eae915896b26a81a81e92b184e",
}
"""SHA-256 of each model file by its number."""


@dataclass(frozen=True)
class ContentModel:
    """One model: its number, the schema it belongs to, frequencies by symbol name, and the text model."""

    id: int
    schema: Schema
    frequencies: Mapping[str, Sequence[int]]
    text: TextModel | None
    _sums: dict[tuple[str, int], tuple[int, ...]] = field(default_factory=dict, repr=False)

    def ends(self, name: str, size: int) -> Sequence[int]:
        """Return the running sums of a symbol's frequencies; equal ones for a symbol this model does not know."""
        key = (name, size)
        known = self._sums.get(key)
        if known is None:
            frequencies = self.frequencies.get(name, ())
            known = sums(frequencies if len(frequencies) == size else [1] * size)
            if len(self._sums) < SYMBOLS_MAX:
                self._sums[key] = known
        return known

    def renumbered(self, number: int) -> ContentModel:
        """Return the same model under another number."""
        return ContentModel(number, self.schema, self.frequencies, self.text)

    def taught(self, words: Iterable[str]) -> ContentModel:
        """Return the model with words of an operations area; both ends must have been taught the same."""
        if self.text is None:
            return self
        return ContentModel(self.id, self.schema, self.frequencies, self.text.taught(words))


SYMBOLS_MAX = 4096
"""Symbols whose sums are kept ready; a field name from the air must not fill the memory."""

PLAIN = ContentModel(0, SCHEMA_1, {}, None)
"""No model: every value equally likely, texts raw. What two ends can always fall back to."""


class _Rows:
    """Contexts of the text model as they stand in the file; a row is taken apart when it is first needed."""

    def __init__(self, rows: dict[str, str]) -> None:
        self._rows = rows
        self._ready: dict[str, Followers] = {}

    def get(self, context: str) -> Followers | None:
        ready = self._ready.get(context)
        if ready is None and context in self._rows:
            row = self._rows[context]
            pairs = ((row[place], ord(row[place + 1]) - COUNT_BASE) for place in range(0, len(row), 2))
            ready = self._ready[context] = Followers(pairs)
        return ready


def read_model(data: bytes) -> ContentModel:
    """Read a model file. Raises ContentError for one that is damaged, not pinned, or of a newer program."""
    head, text = _unpacked(data)
    number = head["id"]
    found = hashlib.sha256(data).hexdigest()
    if PINNED.get(number) != found:
        raise ContentError(
            f"model file {number}: its SHA-256 is {found}, pinned is {PINNED.get(number, 'none')}; it was changed or "
            "belongs to another program. Install the program again"
        )
    return parse_model(head, text)


def parse_model(head: dict[str, Any], text: str) -> ContentModel:
    """Make a model of a file's parts."""
    rows = {row[: row.index("\1")]: row[row.index("\1") + 1 :] for row in text.split("\2") if row}
    model = TextModel(head["order"], _Rows(rows), head["escapes"])
    return ContentModel(head["id"], SCHEMAS[head["schema"]], head["frequencies"], model)


def _unpacked(data: bytes) -> tuple[dict[str, Any], str]:
    try:
        decoder = lzma.LZMADecompressor()
        plain = decoder.decompress(data, FILE_BYTES_MAX).decode("utf-8")
        magic, head, text = plain.split("\3", 2)
        parts = json.loads(head), text
    except (lzma.LZMAError, ValueError, EOFError) as error:
        raise ContentError(f"model file: cannot be read ({error}); install the program again") from None
    if magic != MAGIC or not decoder.eof:
        raise ContentError("model file: is none of ours; install the program again")
    return parts


def write_model(
    number: int,
    schema: int,
    *,
    frequencies: Mapping[str, Sequence[int]],
    order: int,
    contexts: Mapping[str, Sequence[tuple[str, int]]],
    escapes: Sequence[Sequence[int]],
) -> bytes:
    """Return the file of a model."""
    head = {"id": number, "schema": schema, "order": order, "escapes": escapes, "frequencies": dict(frequencies)}
    rows = (
        context + "\1" + "".join(character + chr(COUNT_BASE + count) for character, count in followers)
        for context, followers in sorted(contexts.items())
    )
    plain = "\3".join((MAGIC, json.dumps(head, separators=(",", ":"), sort_keys=True), "\2".join(rows)))
    return lzma.compress(plain.encode("utf-8"), preset=9 | lzma.PRESET_EXTREME)
