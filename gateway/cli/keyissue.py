"""``yizhan key init`` and ``yizhan key issue``: what a provisioning desk does with the root key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.client import fail, json_option, print_json
from gateway.cli.exits import Exit
from gateway.cli.keycommon import EndType, errors_told, key_fields, serial_now
from gateway.messages.translate import tr
from gateway.observe.escape import printable

if TYPE_CHECKING:
    from gateway.cli.keyqr import Drawing
    from gateway.security.keys import End, PairKey, RootKey


@click.command(help=tr("Make a root key, from which all pair keys of a network are derived. Keep it off the gateways."))
@click.option(
    "--out",
    "out",
    type=click.Path(path_type=Path),
    required=True,
    help=tr("File to make; nothing is overwritten. Its directory must be private, and is made when it is not there."),
)
@json_option
def init(out: Path, as_json: bool) -> None:
    """Make a root key."""
    from random import SystemRandom

    from gateway.security.keyfile import format_key
    from gateway.security.keys import issued, new_root
    from gateway.security.private import PrivateDirectory, make_private_directory

    serial = serial_now()
    root = new_root(SystemRandom().randbytes, serial)
    with errors_told():
        make_private_directory(out.parent)
        with PrivateDirectory(out.parent) as directory:
            directory.write(out.name, format_key(root))
    fingerprint = root.secret.fingerprint()
    if as_json:
        print_json(
            {
                "file": str(out),
                "kind": "root",
                "serial": serial,
                "issued": f"{issued(serial):%Y-%m-%dT%H:%M:%SZ}",
                "fingerprint": fingerprint,
            }
        )
        return
    click.echo(
        printable(tr("root key made: {file}, fingerprint {fingerprint}").format(file=out, fingerprint=fingerprint))
    )
    click.echo(tr("It opens everything. Make two copies on sticks in sealed envelopes, now."), err=True)


@click.command(
    help=tr(
        "Make the keys of one station (--peer) or of a list (--csv) for talking with --own, from the root key: a file for "
        "each end."
    )
)
@click.option(
    "--root", "root_file", type=click.Path(path_type=Path), required=True, help=tr("Root key, made by yizhan key init.")
)
@click.option(
    "--own",
    type=EndType(),
    required=True,
    help=tr("Who the stations talk with, mostly the hub: hub=1 or hub=0x000001."),
)
@click.option("--peer", type=EndType(), help=tr("The station that gets a key: vehicle-7=0x107."))
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path),
    help=tr("List of stations with the columns name,id or name,id,suite; all of it is checked before a key is made."),
)
@click.option("--out", type=click.Path(path_type=Path), help=tr("Directory for the files; one below it for each end."))
@click.option("--qr", is_flag=True, help=tr("Draw the station's key as a QR code on the terminal."))
@click.option("--line", "show_line", is_flag=True, help=tr("Print the station's key as one line that can be typed."))
@click.option("--force", is_flag=True, help=tr("Draw the QR code although the output is no terminal, or a narrow one."))
@click.option(
    "--names-only",
    is_flag=True,
    help=tr("With --csv: give --own the list of names instead of keys, since it has the root key and derives them."),
)
@click.option("--suite", type=click.IntRange(1, 2), default=1, show_default=True, help=tr("1 AES-128-CCM, 2 SM4-GCM."))
@click.option(
    "--generation",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default=True,
    help=tr("Generation to start from: for a rebuilt station whose key was rotated before."),
)
@json_option
def issue(
    root_file: Path,
    own: End,
    peer: End | None,
    csv_file: Path | None,
    out: Path | None,
    qr: bool,
    show_line: bool,
    force: bool,
    names_only: bool,
    suite: int,
    generation: int,
    as_json: bool,
) -> None:
    """Issue one key or many."""
    from gateway.security.keyfile import read_root

    _check_usage(peer, csv_file, out, qr=qr, show_line=show_line, names_only=names_only, as_json=as_json)
    if qr and not force and not sys.stdout.isatty():
        fail(Exit.REFUSED, tr("--qr draws the secret, and the output is no terminal; --force draws it all the same"))
    serial = serial_now()
    with errors_told():
        root = read_root(root_file)
    if csv_file is not None:
        assert out is not None
        _issue_list(root, own, csv_file, out, serial, names_only=names_only, as_json=as_json)
        return
    assert peer is not None
    key = _issue_one(root, own, peer, serial=serial, suite=suite, generation=generation)
    drawing = _drawing(key, force=force) if qr else None
    paths = _written(out, key)
    if as_json:
        print_json(_one_as_json(key, paths, show_line=show_line))
        return
    _tell_one(key, paths)
    if show_line:
        _print_line(key)
    if drawing is not None:
        _draw(drawing, key)


def _check_usage(
    peer: End | None,
    csv_file: Path | None,
    out: Path | None,
    *,
    qr: bool,
    show_line: bool,
    names_only: bool,
    as_json: bool,
) -> None:
    if (peer is None) == (csv_file is None):
        raise click.UsageError(tr("name one station with --peer, or a list with --csv"))
    if csv_file is not None and (out is None or qr or show_line):
        raise click.UsageError(tr("--csv needs --out, and goes with neither --qr nor --line"))
    if names_only and csv_file is None:
        raise click.UsageError(tr("--names-only goes with --csv"))
    if not (out or qr or show_line):
        raise click.UsageError(tr("say where the key goes: --out DIR, --qr or --line"))
    if qr and as_json:
        raise click.UsageError(tr("--qr draws a picture, --json prints one object; leave one out"))


def _issue_one(root: RootKey, own: End, peer: End, *, serial: int, suite: int, generation: int) -> PairKey:
    from gateway.security.keyring import derived_pair

    with errors_told():
        return derived_pair(root, own, peer, serial=serial, suite=suite, generation=generation)


def _written(out: Path | None, key: PairKey) -> tuple[Path, ...]:
    from gateway.security.issuing import write_both

    if out is None:
        return ()
    with errors_told():
        return write_both(out, key)


def _one_as_json(key: PairKey, paths: tuple[Path, ...], *, show_line: bool) -> dict[str, Any]:
    from gateway.security.keyline import format_line

    fields = key_fields(key) | {"files": [str(path) for path in paths]}
    result = {"own": {"name": key.own.name, "id": key.own.id}, "keys": [fields]}
    return result | ({"line": format_line(key.mirrored())} if show_line else {})


def _tell_one(key: PairKey, paths: tuple[Path, ...]) -> None:
    text = tr("key of {peer} with {own}: fingerprint {fingerprint}")
    click.echo(text.format(peer=key.peer, own=key.own, fingerprint=key.secret.fingerprint()))
    for end, path in zip((key.peer, key.own), paths, strict=False):
        click.echo(printable("  " + tr("for {name}: {file}").format(name=end.name, file=path)))


def _print_line(key: PairKey) -> None:
    from gateway.security.keyline import format_line, grouped

    click.echo(tr("This line is the secret itself, for {name}:").format(name=key.peer.name), err=True)
    click.echo(grouped(format_line(key.mirrored())))


def _drawing(key: PairKey, *, force: bool) -> Drawing:
    from gateway.cli.keyqr import drawing_of
    from gateway.security.keyline import format_line

    drawing = drawing_of(format_line(key.mirrored()))
    if not force and not drawing.fits():
        text = tr("the terminal is too narrow for the QR code, which takes {columns} columns; widen it")
        fail(Exit.REFUSED, text.format(columns=drawing.columns))
    return drawing


def _draw(drawing: Drawing, key: PairKey) -> None:
    text = tr("This picture is the secret itself, for {name}: let nobody photograph it, and clear the terminal after.")
    click.echo(text.format(name=key.peer.name), err=True)
    click.echo(drawing.coloured() if sys.stdout.isatty() else drawing.plain())


def _issue_list(
    root: RootKey, own: End, csv_file: Path, out: Path, serial: int, *, names_only: bool, as_json: bool
) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from gateway.cli.keycommon import read_list
    from gateway.security.issuing import issue_all
    from gateway.security.stations import parse_stations

    with errors_told():
        stations = parse_stations(read_list(csv_file), str(csv_file), own)
        if not stations:
            fail(Exit.BAD_INPUT, tr("{file}: no station in it").format(file=csv_file))
        keys = issue_all(out, root, own, stations, serial=serial, names_only=names_only)
        issued = []
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
            for key in progress.track(keys, total=len(stations), description=tr("issuing keys")):
                issued.append(key_fields(key) | {"directory": str(out / key.peer.name)})  # noqa: PERF401 -- the progress
    if as_json:
        print_json({"own": {"name": own.name, "id": own.id}, "out": str(out), "keys": issued})
        return
    click.echo(
        printable(
            tr("{count} keys made in {out}: a directory for each station, and {own} for {name}").format(
                count=len(issued), out=out, own=out / own.name, name=own.name
            )
        )
    )
