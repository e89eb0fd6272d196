"""An address book as a spreadsheet saves it: CSV with a header row, in UTF-8 or GB18030. Read twice, never held whole.

Columns in any order: ``id`` (needed), ``name``, ``cards``, ``addresses``, ``groups``, ``grids``. Several values in a cell
are separated by ``;``, ``,`` or blanks; an address is ``BEARER:ADDRESS``.
"""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import TYPE_CHECKING

from gateway.messages.translate import tr
from gateway.model import ModelError, Station

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

COLUMNS = ("id", "name", "cards", "addresses", "groups", "grids")

ROWS_MAX = 1_000_000
"""Rows of one file; the registry takes no more stations either."""

FAULTS_MAX = 50
"""Faults that are kept to be shown; all are counted."""

READ_BYTES = 1 << 20
SEPARATORS = re.compile(r"[;,；，、\s]+")


class BookError(ValueError):
    """The file cannot be read as an address book at all. The text says where and what to do."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in one row, and the line it begins on."""

    line: int
    text: str


@dataclass(slots=True)
class Checked:
    """What a reading of the whole file found."""

    encoding: str
    rows: int = 0
    faults: list[Fault] = field(default_factory=list)
    faults_total: int = 0

    def note(self, fault: Fault) -> None:
        """Count a fault, and keep it as long as there is room."""
        self.faults_total += 1
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(fault)


def check(path: Path, on_progress: Callable[[int], None]) -> Checked:
    """Read the whole file and return what is wrong with it; raise BookError, or OSError.

    ``on_progress`` gets the bytes read so far.
    """
    found = Checked(encoding_of(path))
    first_line: dict[str, int] = {}
    for item in stations(path, found.encoding, on_progress):
        found.rows += 1
        if found.rows > ROWS_MAX:
            raise BookError(tr("more than {count} rows; split the file").format(count=ROWS_MAX))
        if isinstance(item, Fault):
            found.note(item)
            continue
        line, station = item
        earlier = first_line.setdefault(station.id, line)
        if earlier != line:
            text = tr("id: {id} is on line {earlier} already; an id names one station")
            found.note(Fault(line, text.format(id=station.id, earlier=earlier)))
    return found


def encoding_of(path: Path) -> str:
    """Return the encoding of a file: UTF-8 with or without a mark in front, else GB18030. Raise BookError."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in head:
        raise BookError(tr("the file is in UTF-16; save it as CSV UTF-8"))
    if _is_in(path, "utf-8-sig"):
        return "utf-8-sig"
    # A text in GB18030 has next to no sequences that are whole in UTF-8; a damaged one in UTF-8 has many.
    wrong_line, is_utf8 = _damage(path)
    if not is_utf8 and not head.startswith(codecs.BOM_UTF8) and _is_in(path, "gb18030"):
        return "gb18030"
    text = tr("line {line}: neither UTF-8 nor GB18030; save it as CSV UTF-8")
    raise BookError(text.format(line=wrong_line))


def _is_in(path: Path, encoding: str) -> bool:
    try:
        for _ in _decoded(path, encoding, "strict"):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _damage(path: Path) -> tuple[int, bool]:
    """Return the line of the first bytes that are no UTF-8, and whether most of the others are."""
    line, wrong_line, wrong, right = 1, 0, 0, 0
    for text in _decoded(path, "utf-8", "surrogateescape"):
        escaped = [place for place, char in enumerate(text) if "\udc80" <= char <= "\udcff"]
        if escaped and not wrong:
            wrong_line = line + text.count("\n", 0, escaped[0])
        wrong += len(escaped)
        right += sum(char > "\x7f" for char in text) - len(escaped)
        line += text.count("\n")
    return wrong_line, right > wrong


def _decoded(path: Path, encoding: str, errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    with path.open("rb") as file:
        while data := file.read(READ_BYTES):
            yield decoder.decode(data)
    yield decoder.decode(b"", final=True)


def stations(path: Path, encoding: str, on_progress: Callable[[int], None]) -> Iterator[tuple[int, Station] | Fault]:
    """Yield each row's line with its station, or what is wrong with it. Raise BookError for a file without a header."""
    with path.open("rb") as file:
        lines = TextIOWrapper(file, encoding=encoding, newline="")
        reader = csv.reader(_watched(file, lines, on_progress), strict=True)
        columns = _header(reader)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                yield Fault(
                    line, tr('no CSV ({error}); a cell with a quote in it is written "a ""b"" c"').format(error=error)
                )
                return
            if row is None:
                return
            if any(cell.strip() for cell in row):
                yield _row(line, columns, row)


def _watched(file: BinaryIO, lines: Iterable[str], on_progress: Callable[[int], None]) -> Iterator[str]:
    before = 0
    for line in lines:
        read = file.tell()
        if read != before:
            before = read
            on_progress(read)
        yield line


def _header(reader: Iterator[list[str]]) -> list[str]:
    try:
        columns = [cell.strip().lower() for cell in next(reader, [])]
    except csv.Error as error:
        raise BookError(tr("line 1: no CSV ({error})").format(error=error)) from None
    expected = ",".join(COLUMNS)
    if "id" not in columns:
        raise BookError(
            tr("line 1: no column id; the first line names the columns: {columns}").format(columns=expected)
        )
    wrong = [column for column in columns if column not in COLUMNS or columns.count(column) > 1]
    if wrong:
        text = tr("line 1: column {column!r}; each of these once at most: {columns}")
        raise BookError(text.format(column=wrong[0], columns=expected))
    return columns


def _row(line: int, columns: list[str], row: list[str]) -> tuple[int, Station] | Fault:
    if len(row) > len(columns):
        text = tr("{found} cells, the header has {columns}; put quotes around a cell with a comma")
        return Fault(line, text.format(found=len(row), columns=len(columns)))
    cell = dict(zip(columns, (value.strip() for value in row), strict=False))
    try:
        return line, Station(
            id=cell.get("id", ""),
            name=cell.get("name", ""),
            cards=tuple(_card(value) for value in _values(cell.get("cards", ""))),
            groups=_values(cell.get("groups", "")),
            grids=_values(cell.get("grids", "")),
            addresses=tuple(_address(value) for value in _values(cell.get("addresses", ""))),
        )
    except ModelError as error:
        return Fault(line, str(error))


def _values(cell: str) -> tuple[str, ...]:
    return tuple(value for value in SEPARATORS.split(cell) if value)


def _card(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 16):
        raise ModelError(f"cards: found {value!r}, a card number has digits only")
    return int(value)


def _address(value: str) -> tuple[str, str]:
    bearer, colon, address = value.partition(":")
    if not colon:
        raise ModelError(f"addresses: found {value!r}, write BEARER:ADDRESS, as hf:B7A")
    return bearer, address
