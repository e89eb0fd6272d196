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
    1: "ad2b52c9880a495ba15b38a82e1a522c207e3c9d9abd8333128889af6050da87",
}
"""SHA-256 of each model file by its number."""


@dataclass(frozen=True)
class ContentModel:
    """One model: its number, the schema it belongs to, frequencies by symbol name, and the text model."""

    id: int
    schema: Schema
    frequencies: Mapping[str, Sequence[int]]
    text: TextModel | None
    _sums: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False)

    def ends(self, name: str, size: int) -> Sequence[int]:
        """Return the running sums of a symbol's frequencies; equal ones for a symbol this model does not know."""
        known = self._sums.get(name)
        if known is None:
            frequencies = self.frequencies.get(name)
            if frequencies is None:
                return range(size + 1)
            known = self._sums[name] = sums(frequencies)
        return known if len(known) == size + 1 else range(size + 1)

    def renumbered(self, number: int) -> ContentModel:
        """Return the same model under another number."""
        return ContentModel(number, self.schema, self.frequencies, self.text)

    def taught(self, words: Iterable[str]) -> ContentModel:
        """Return the model with words of an operations area; both ends must have been taught the same."""
        if self.text is None:
            return self
        return ContentModel(self.id, self.schema, self.frequencies, self.text.taught(words))


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
    found = hashlib.sha256(data).hexdigest()
    if found not in PINNED.values():
        raise ContentError(
            f"model file: its SHA-256 is {found}, which is none of the pinned ones; it was changed or belongs to another "
            "program. Install the program again"
        )
    return parse_model(*_unpacked(data))


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
