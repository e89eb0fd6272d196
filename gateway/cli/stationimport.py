"""``yizhan station import FILE.csv``: an address book of up to a million stations, streamed to the gateway in parts.

The whole file is checked first: with one fault in it nothing is sent. Each part is then taken whole or not at all, and the
same file again changes nothing, so an import that broke off is simply run again.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.client import ask, fail, json_option, print_json, socket_option
from gateway.cli.exits import Exit
from gateway.messages.translate import tr
from gateway.observe.escape import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.cli.addressbook import Checked
    from gateway.model import Station

PART_STATIONS = 200
"""Stations of one part: some 20 ms of the store's thread, so that no SOS waits behind an import."""

PART_BYTES = 48_000
"""Most bytes of one part; the control socket takes lines of 65,536."""

LINES_SHOWN = 10
"""Lines of progress where there is no terminal."""


@click.command(
    name="import", help=tr("Take the stations of FILE, a CSV with the columns id,name,cards,addresses,groups,grids.")
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@socket_option
@json_option
def import_stations(file: Path, socket_path: str, as_json: bool) -> None:
    """Check a file and send it."""
    from gateway.cli.addressbook import BookError, check

    try:
        size = file.stat().st_size
        with _progress(tr("checking"), size, shown=not as_json) as advance:
            book = check(file, advance)
        if book.faults_total:
            _tell_faults(file, book, as_json)
        with _progress(tr("importing"), book.rows, shown=not as_json) as advance:
            count = _send(file, book, socket_path, advance)
    except (BookError, OSError) as error:
        fail(Exit.BAD_INPUT, f"{file}: {error}", code="bad_input")
    result = {"file": str(file), "encoding": _shown(book), "rows": book.rows, **count}
    if as_json:
        print_json(result)
    else:
        text = tr("{rows} stations ({encoding}): {added} new, {changed} changed, {same} as before")
        click.echo(text.format(**result))


def _shown(book: Checked) -> str:
    return "GB18030" if book.encoding == "gb18030" else "UTF-8"


def _tell_faults(file: Path, book: Checked, as_json: bool) -> None:
    """Show what is wrong, line by line, and end the program: nothing was sent."""
    text = tr("{file}: {count} faults in {rows} rows; nothing was imported")
    summary = text.format(file=file, count=book.faults_total, rows=book.rows)
    if as_json:
        faults = [{"line": fault.line, "fault": fault.text} for fault in book.faults]
        print_json({"error": summary, "code": "bad_input", "faults": faults, "faults_total": book.faults_total})
        sys.exit(Exit.BAD_INPUT)
    for fault in book.faults:
        click.echo(tr("line {line}: {fault}").format(line=fault.line, fault=printable(fault.text)), err=True)
    if book.faults_total > len(book.faults):
        click.echo(tr("… and {count} more").format(count=book.faults_total - len(book.faults)), err=True)
    fail(Exit.BAD_INPUT, summary)


def _send(file: Path, book: Checked, socket_path: str, advance: Callable[[int], None]) -> dict[str, int]:
    """Send the stations in parts; return what came of them. A part that is refused ends it, and says how far it came."""
    count = Counter(added=0, changed=0, same=0)
    done = 0
    for part in _parts(file, book):
        try:
            count.update(ask(socket_path, {"op": "station_import", "stations": part}))
        except SystemExit:
            if done:
                text = tr("{done} of {rows} stations were taken before that; run the import again when it is mended")
                click.echo(text.format(done=done, rows=book.rows), err=True)
            raise
        done += len(part)
        advance(done)
    return dict(count)


def _parts(file: Path, book: Checked) -> Iterator[list[dict[str, Any]]]:
    from gateway.cli.addressbook import BookError, Fault, stations

    part: list[dict[str, Any]] = []
    size = 0
    for item in stations(file, book.encoding, _ignore):
        if isinstance(item, Fault):
            raise BookError(tr("line {line}: changed while it was read").format(line=item.line))
        entry = _entry(item[1])
        length = len(json.dumps(entry)) + 2
        if part and (len(part) == PART_STATIONS or size + length > PART_BYTES):
            yield part
            part, size = [], 0
        part.append(entry)
        size += length
    if part:
        yield part


def _entry(station: Station) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": station.id, "name": station.name}
    addresses = [f"{bearer}:{address}" for bearer, address in station.addresses]
    lists = {"cards": station.cards, "groups": station.groups, "grids": station.grids, "addresses": addresses}
    return entry | {key: values for key, values in lists.items() if values}


def _ignore(_done: int) -> None:
    """Show no progress of the second reading; that of the sending is shown."""


@contextmanager
def _progress(what: str, total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show how far something is: a bar on a terminal, some lines elsewhere, nothing for a program."""
    if not shown:
        yield _ignore
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(what, total=total)
            yield lambda done: progress.update(task, completed=done)
    else:
        yield _lines(what, total)


def _lines(what: str, total: int) -> Callable[[int], None]:
    said = 0

    def advance(done: int) -> None:
        nonlocal said
        tenths = min(LINES_SHOWN, done * LINES_SHOWN // max(1, total))
        if tenths > said:
            said = tenths
            click.echo(tr("{what}: {percent} %").format(what=what, percent=100 * tenths // LINES_SHOWN), err=True)

    return advance
