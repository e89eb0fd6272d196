"""``yizhan key …``: the keys of this gateway, and those a provisioning desk makes (keyissue.py)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.client import ask, fail, json_option, print_json, socket_option
from gateway.cli.exits import Exit
from gateway.cli.keycommon import (
    contents_of,
    errors_told,
    key_fields,
    keys_option,
    read_list,
    serial_now,
    station_id,
    tell_gateway,
)
from gateway.cli.keyissue import init, issue
from gateway.messages.translate import tr
from gateway.observe.escape import printable

if TYPE_CHECKING:
    from gateway.security.importing import Imported, Incoming


GROUP_TIMEOUT_S = 120.0


@click.group(help=tr("Make, carry over, list and revoke keys."))
def key() -> None:
    """Group of key commands."""


key.add_command(init)
key.add_command(issue)


@key.command(
    name="import",
    help=tr(
        "Put keys into this gateway's directory: key files, a file with a key line (YZK1:…), a list of peers (.csv), or "
        "- for standard input. A running gateway reads them at once."
    ),
)
@click.argument("files", nargs=-1, required=True, metavar="FILE|-…")
@keys_option
@click.option("--force", is_flag=True, help=tr("Take a key although a newer one of the same secret is there."))
@click.option("--replace", is_flag=True, help=tr("Take a key although one with another secret is there."))
@socket_option
@json_option
def import_(files: tuple[str, ...], keys: Path, force: bool, replace: bool, socket_path: str, as_json: bool) -> None:
    """Import keys, all or none."""
    from gateway.security.importing import import_keys
    from gateway.security.keyline import is_line

    if any(is_line(file) for file in files):
        fail(
            Exit.USAGE,
            tr(
                "a key on the command line is seen by every user of this machine and stays in the shell's history: delete "
                "it there, and paste it into: yizhan key import -"
            ),
        )
    lists = [file for file in files if file.lower().endswith(".csv")]
    if lists and len(files) > 1:
        raise click.UsageError(tr("import a list of peers by itself"))
    if lists:
        _import_list(Path(lists[0]), keys, replace=replace, as_json=as_json)
        return
    with errors_told():
        incoming = [_read(file) for file in files]
        imported = import_keys(keys, incoming, force=force, replace=replace)
    told, why = tell_gateway(socket_path, {"op": "key_reload"})
    if as_json:
        print_json({"keys": [_imported_fields(one) for one in imported], "gateway": told, "note": why})
        return
    for one in imported:
        _tell_imported(one)
    if told == "not told":
        note = tr("note: the running gateway did not take it ({why}); restart it").format(why=why)
        click.echo(printable(note), err=True)


def _read(file: str) -> Incoming:
    """Return one key; raise SecurityError, whose text has nothing of what was read."""
    from gateway.security.importing import Incoming
    from gateway.security.keyfile import KEY_FILE_BYTES_MAX, parse_key
    from gateway.security.keyline import is_line, parse_line
    from gateway.security.private import read_private

    if file == "-":
        if sys.stdin.isatty():
            click.echo(tr("Paste or type the key, then press Enter and Ctrl-D."), err=True)
        where, raw = tr("standard input"), sys.stdin.buffer.read(KEY_FILE_BYTES_MAX + 1)
    else:
        where, raw = file, read_private(Path(file), KEY_FILE_BYTES_MAX)
    text = raw.decode("utf-8", "replace")
    if is_line(text):
        return Incoming(parse_line(text, where), where)
    return Incoming(parse_key(raw, where), where)


def _imported_fields(one: Imported) -> dict[str, Any]:
    return key_fields(one.key) | {"outcome": str(one.outcome), "file": str(one.path)}


def _tell_imported(one: Imported) -> None:
    from gateway.security.keys import PairKey, hex_id

    words = {"new": tr("is there now"), "replaced": tr("is there now instead of the old one"), "same": tr("was there")}
    fingerprint, outcome = one.key.secret.fingerprint(), words[str(one.outcome)]
    if isinstance(one.key, PairKey):
        text = tr("key of {own} with {peer} {outcome}: fingerprint {fingerprint}")
        said = text.format(own=one.key.own, peer=one.key.peer, outcome=outcome, fingerprint=fingerprint)
    else:
        text = tr("key of group {id} {outcome}: fingerprint {fingerprint}")
        said = text.format(id=hex_id(one.key.group_id), outcome=outcome, fingerprint=fingerprint)
    click.echo(said)


def _import_list(file: Path, keys: Path, *, replace: bool, as_json: bool) -> None:
    from gateway.security.importing import import_stations
    from gateway.security.stations import parse_stations

    with errors_told():
        stations = parse_stations(read_list(file), str(file))
        changed, total = import_stations(keys, stations, replace=replace)
    if as_json:
        print_json({"peers": {"changed": changed, "total": total}})
    else:
        click.echo(tr("list of peers: {changed} new or changed, {total} in all").format(changed=changed, total=total))


@key.command(
    name="list",
    help=tr("List the keys of this gateway with their fingerprints, which may be said aloud, and what is revoked."),
)
@click.argument("only", nargs=-1, metavar="[NAME|ID]…")
@keys_option
@click.option(
    "--root",
    "root_file",
    type=click.Path(path_type=Path),
    help=tr("Root key of a hub: lists the peers of its list with the keys derived for them, too."),
)
@json_option
def list_keys(only: tuple[str, ...], keys: Path, root_file: Path | None, as_json: bool) -> None:
    """List keys."""
    from gateway.cli.keylisting import listing_of, print_listing

    contents = contents_of(keys)
    wanted = {station_id(who, contents) for who in only}
    with errors_told():
        listing = listing_of(contents, wanted, root_file)
    if as_json:
        print_json(listing)
    else:
        print_listing(listing)
    if listing["faults"]:
        sys.exit(Exit.BAD_INPUT)


@key.command(help=tr("Say that the keys of a station count no longer: it was lost, or its key was seen by others."))
@click.argument("who", metavar="NAME|ID")
@keys_option
@click.option("--reason", default="", help=tr("Why, for those who read the list later; at most 60 characters."))
@click.option(
    "--lift", is_flag=True, help=tr("Take a revocation back that was a mistake; the gateway reads it when it starts.")
)
@socket_option
@json_option
def revoke(who: str, keys: Path, reason: str, lift: bool, socket_path: str, as_json: bool) -> None:
    """Revoke one station."""
    contents = contents_of(keys)
    number = station_id(who, contents)
    if contents.own is not None and number == contents.own.id:
        fail(Exit.REFUSED, tr("{name} is this gateway itself; revoke it at its peers").format(name=contents.own))
    name = contents.name_of(number)
    if lift:
        _lift(number, name, keys, as_json=as_json)
        return
    from gateway.security.keys import issued
    from gateway.security.revoked import Revocation
    from gateway.security.revoked import revoke as revoke_durably

    with errors_told():
        wanted = Revocation(number, serial_now(), reason.strip())
        done = revoke_durably(keys, wanted)
    told, why = tell_gateway(socket_path, {"op": "key_revoke", "id": number})
    if as_json:
        at = f"{issued(done.serial):%Y-%m-%dT%H:%M:%SZ}"
        fields = {"id": number, "name": name, "at": at, "reason": done.reason, "already": done is not wanted}
        print_json(fields | {"gateway": told, "note": why})
        return
    text = tr("{who} is revoked") if done is wanted else tr("{who} was revoked already")
    click.echo(text.format(who=_called(number, name)))
    if told == "no gateway":
        click.echo(tr("note: no gateway is running here; it will know when it starts"), err=True)
    elif told == "not told":
        note = tr("note: the running gateway did not take it ({why}); restart it").format(why=why)
        click.echo(printable(note), err=True)


def _called(number: int, name: str | None) -> str:
    from gateway.security.keys import hex_id

    return hex_id(number) if name is None else f"{name} ({hex_id(number)})"


def _lift(number: int, name: str | None, keys: Path, *, as_json: bool) -> None:
    from gateway.security.revoked import lift as lift_durably

    with errors_told():
        was_there = lift_durably(keys, number)
    if not was_there:
        fail(Exit.REFUSED, tr("{who} is not revoked").format(who=_called(number, name)))
    if as_json:
        print_json({"id": number, "name": name, "lifted": True})
    else:
        click.echo(tr("{who} is no longer revoked; restart the gateway").format(who=_called(number, name)))


@key.command(
    help=tr("Have the running gateway move on to the next generation of its key with a station, over the air.")
)
@click.argument("who", metavar="NAME|ID")
@keys_option
@socket_option
@json_option
def rotate(who: str, keys: Path, socket_path: str, as_json: bool) -> None:
    """Rotate one key."""
    # 0x107 needs no look into the directory, which only the gateway's own user may have
    number = station_id(who, None if who.lower().startswith("0x") else contents_of(keys))
    result = ask(socket_path, {"op": "key_rotate", "id": number})
    if as_json:
        print_json(result)
    else:
        click.echo(tr("the key with {who} is being rotated").format(who=who))


@key.command(
    help=tr(
        "Have the running gateway make a new key for everybody's group and send it to each gateway it has heard: with it one "
        "broadcast frame answers up to 16 of them."
    )
)
@socket_option
@json_option
def group(socket_path: str, as_json: bool) -> None:
    """Make and send a group key."""
    result = ask(socket_path, {"op": "key_group"}, GROUP_TIMEOUT_S)
    if as_json:
        print_json(result)
    else:
        click.echo(tr("the new group key goes to {count} gateways").format(count=result["told"]))
