"""What ``yizhan key list`` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.keycommon import key_fields
from gateway.messages.translate import tr
from gateway.observe.escape import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.security.contents import Contents


def listing_of(contents: Contents, wanted: set[int], root_file: Path | None) -> dict[str, Any]:
    """Return everything as JSON values; with ``wanted`` only those ids. Raise SecurityError for a bad root key."""
    from gateway.security.keys import hex_id, issued

    rows = [*_held(contents), *_derived(contents, wanted, root_file)]
    own = contents.own
    return {
        "own": None if own is None else {"name": own.name, "id": own.id},
        "keys": [row for row in rows if not wanted or row["id"] in wanted],
        "peers_listed": len(contents.stations),
        "revoked": [
            {
                "id": one.id,
                "name": contents.name_of(one.id),
                "at": f"{issued(one.serial):%Y-%m-%dT%H:%M:%SZ}",
                "reason": one.reason,
            }
            for one in contents.revoked.values()
            if not wanted or one.id in wanted
        ],
        "faults": list(contents.faults),
        "unknown": [
            hex_id(number) for number in sorted(wanted - {row["id"] for row in rows} - contents.revoked.keys())
        ],
    }


def _held(contents: Contents) -> Iterator[dict[str, Any]]:
    for pair in contents.pairs.values():
        revoked = pair.key.peer.id in contents.revoked
        yield key_fields(pair.key) | {"revoked": revoked, "file": str(pair.path)}
    for group in contents.groups.values():
        yield key_fields(group.key) | {"revoked": False, "file": str(group.path)}


def _derived(contents: Contents, wanted: set[int], root_file: Path | None) -> Iterator[dict[str, Any]]:
    """Yield the keys of peers without a file, and of any other id that was asked for."""
    if root_file is None or contents.own is None:
        return
    from gateway.security.keyfile import read_root
    from gateway.security.keyring import derived_pair
    from gateway.security.keys import End, unnamed

    root = read_root(root_file)
    numbers = (wanted or set(contents.stations)) - contents.pairs.keys() - {contents.own.id}
    for number in sorted(numbers):
        station = contents.stations.get(number)
        peer, suite = (End(number, unnamed(number)), 1) if station is None else (station.end, station.suite)
        key = derived_pair(root, contents.own, peer, serial=root.serial, suite=suite)
        yield key_fields(key) | {"kind": "derived", "revoked": number in contents.revoked, "file": None}


def print_listing(listing: dict[str, Any]) -> None:
    """Print the listing for people: keys on standard output, faults on standard error."""
    from gateway.security.keys import hex_id

    if listing["own"] is not None:
        click.echo(tr("keys of {name} ({id})").format(name=listing["own"]["name"], id=hex_id(listing["own"]["id"])))
    if listing["keys"]:
        _print_table(listing["keys"])
    elif not listing["unknown"]:
        click.echo(tr("no keys; import one with: yizhan key import FILE"))
    if listing["peers_listed"]:
        click.echo(
            tr("list of peers: {count}; their keys are derived from the root").format(count=listing["peers_listed"])
        )
    for one in listing["revoked"]:
        who = hex_id(one["id"]) if one["name"] is None else f"{one['name']} ({hex_id(one['id'])})"
        line = tr("revoked {at}: {who}  {reason}").format(at=one["at"], who=who, reason=one["reason"])
        click.echo(printable(line.rstrip()))
    for number in listing["unknown"]:
        click.echo(tr("{id}: no key").format(id=number))
    for fault in listing["faults"]:
        click.echo(printable(tr("fault: {text}").format(text=fault)), err=True)


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from gateway.security.keys import hex_id

    kinds = {"pair": tr("pair"), "group": tr("group"), "derived": tr("derived")}
    table = Table(box=SIMPLE_HEAD, pad_edge=False)  # narrow: fingerprints are never cut
    table.add_column(tr("name"), overflow="fold")
    for heading in (tr("id"), tr("kind"), tr("suite"), tr("gen."), tr("issued"), tr("fingerprint"), tr("state")):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(
            printable(row["name"] or "-"),
            hex_id(row["id"]),
            kinds[row["kind"]],
            str(row["suite"] or "-"),
            str(row["generation"]),
            row["issued"][:10],
            row["fingerprint"],
            tr("revoked") if row["revoked"] else tr("good"),
        )
    Console(markup=False).print(table)
