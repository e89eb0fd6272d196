"""Lists of stations without secrets: CSV with the columns name, id and, if wanted, suite.

The same format is what a provisioning desk writes for a bulk issue, and what ``peers.csv`` in the keys directory of a hub
is that derives its keys from the root instead of storing them.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from gateway.security.errors import KeyValueError, ListFault, StationListError
from gateway.security.keys import End, check_suite, hex_id, parse_id

if TYPE_CHECKING:
    from collections.abc import Iterator

STATIONS_MAX = 1_000_000
LIST_BYTES_MAX = 80_000_000
FAULTS_SHOWN_MAX = 100
COLUMNS = ("name", "id", "suite")


@dataclass(frozen=True, slots=True)
class Station:
    """One line of a list."""

    end: End
    suite: int = 1


def format_stations(stations: list[Station]) -> bytes:
    """Return the list as a file."""
    lines = [",".join(COLUMNS), *(f"{one.end.name},{hex_id(one.end.id)},{one.suite}" for one in stations)]
    return ("\n".join(lines) + "\n").encode()


def parse_stations(raw: bytes, where: str, own: End | None = None) -> list[Station]:
    """Return the stations of a list; raise StationListError with every fault and its line (the first 100 are kept).

    ``own`` is who they are to talk with, where it must not be one of them.
    """
    rows = _rows(raw, where)
    columns = [name.strip().casefold() for name in next(rows, (0, []))[1]]
    if sorted(columns) not in (["id", "name"], ["id", "name", "suite"]):
        _refuse(
            where, f"the first line names the columns name,id or name,id,suite; found {','.join(columns)[:60]!r}", 1
        )
    reading = _Reading(own)
    for line, row in rows:
        if not row:
            continue
        if len(row) != len(columns):
            reading.fault(line, f"found {len(row)} columns, the first line has {len(columns)}")
        else:
            reading.take(line, dict(zip(columns, row, strict=True)))
        if len(reading.stations) > STATIONS_MAX:
            _refuse(where, f"more than {STATIONS_MAX} stations; split the list", line)
    if reading.count:
        raise StationListError(where, tuple(reading.faults), reading.count)
    return reading.stations


class _Reading:
    """What has been read so far, and where each name and id stood."""

    def __init__(self, own: End | None) -> None:
        self._own = own
        self.stations: list[Station] = []
        self.faults: list[ListFault] = []
        self.count = 0
        self._line_of_name: dict[str, int] = {}
        self._line_of_id: dict[int, int] = {}

    def fault(self, line: int, what: str) -> None:
        self.count += 1
        if len(self.faults) < FAULTS_SHOWN_MAX:
            self.faults.append(ListFault(line, what))

    def take(self, line: int, fields: dict[str, str]) -> None:
        try:
            name = fields["name"].strip()
            end = End(parse_id(fields["id"].strip()), name)
            suite = parse_id(fields.get("suite", "").strip() or "1")
            check_suite(suite)
        except KeyValueError as error:
            self.fault(line, str(error))
            return
        if self._own is not None and (end.id == self._own.id or name.casefold() == self._own.name.casefold()):
            self.fault(line, f"{end} has the id or name of {self._own}, with whom the others talk; take the line out")
        seen_name = self._line_of_name.setdefault(name.casefold(), line)
        seen_id = self._line_of_id.setdefault(end.id, line)
        if seen_name != line:
            self.fault(line, f"name: {name} stands in line {seen_name} already; give each station its own")
        if seen_id != line:
            self.fault(line, f"id: {hex_id(end.id)} stands in line {seen_id} already; give each station its own")
        self.stations.append(Station(end, suite))


def _rows(raw: bytes, where: str) -> Iterator[tuple[int, list[str]]]:
    if len(raw) > LIST_BYTES_MAX:
        _refuse(where, f"longer than {LIST_BYTES_MAX} bytes; split the list")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(where, 'not UTF-8; save it as "CSV UTF-8"', raw[: error.start].count(b"\n") + 1)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            _refuse(where, f"no CSV: {error}", reader.line_num)
        if row is None:
            return
        yield reader.line_num, row


def _refuse(where: str, what: str, line: int = 0) -> NoReturn:
    raise StationListError(where, (ListFault(line, what),), 1)
