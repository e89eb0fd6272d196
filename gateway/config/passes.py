"""Reads a schedule of satellite passes: CSV or TOML, times in UTC. Every fault of the file at once."""

from __future__ import annotations

import csv
import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gateway.router.contacts import PASSES_MAX, Pass, ordered

if TYPE_CHECKING:
    from pathlib import Path

FILE_BYTES_MAX = 2_000_000

FAULTS_SHOWN_MAX = 10
"""A file of the wrong kind is at fault in every line; so many say it."""

PASS_S_MAX = 86_400.0
"""A pass longer than a day is a date with a digit too many."""


class PassesError(ValueError):
    """The file is no schedule. ``faults`` says which lines and why."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


def read_passes(path: Path) -> tuple[Pass, ...]:
    """Read ``start,end`` lines (CSV) or ``[[pass]]`` tables (TOML); raise PassesError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise PassesError([f"{path}: cannot be read: {getattr(error, 'strerror', error)}"]) from error
    if len(data) > FILE_BYTES_MAX:
        raise PassesError([f"{path}: longer than {FILE_BYTES_MAX} bytes"])
    try:
        text = data.decode("utf-8-sig")
        rows = _toml_rows(text) if path.suffix == ".toml" else _csv_rows(text)
    except (ValueError, RecursionError, csv.Error) as error:
        raise PassesError([f"{path}: {error}"]) from error
    if len(rows) > PASSES_MAX:
        raise PassesError([f"{path}: {len(rows)} passes, at most {PASSES_MAX}; give the next months only"])
    passes, faults = [], []
    for where, start, end in rows:
        try:
            passes.append(_pass(start, end))
        except ValueError as error:
            faults.append(f"{path}: {where}: {error}")
    if faults:
        more = [f"and {len(faults) - FAULTS_SHOWN_MAX} more"] if len(faults) > FAULTS_SHOWN_MAX else []
        raise PassesError(faults[:FAULTS_SHOWN_MAX] + more)
    return ordered(passes)


def _csv_rows(text: str) -> list[tuple[str, Any, Any]]:
    """Return the lines that are neither empty, comments nor the heading."""
    rows = []
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#") or (number == 1 and cells[:2] == ["start", "end"]):
            continue
        start, end = (*cells, "", "")[:2]
        rows.append((f"line {number}", start, end))
    return rows


def _toml_rows(text: str) -> list[tuple[str, Any, Any]]:
    tables = tomllib.loads(text).get("pass", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise ValueError("write each pass as a [[pass]] table with start and end")
    return [(f"pass {number}", one.get("start"), one.get("end")) for number, one in enumerate(tables, start=1)]


def _pass(start: Any, end: Any) -> Pass:
    starts_s, ends_s = _wall_s(start), _wall_s(end)
    if not 0 < ends_s - starts_s <= PASS_S_MAX:
        raise ValueError(f"a pass ends after it starts and within a day; found {start} to {end}")
    return Pass(starts_s, ends_s)


def _wall_s(value: Any) -> float:
    """Return a time as wall seconds; without a zone it is UTC, as schedules of passes are."""
    time = value
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            time = None
    if not isinstance(time, datetime):
        raise ValueError(f"found {value!r}, write a time in UTC like 2026-11-24T05:10:00Z")  # noqa: TRY004 - a fault of a file
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()
