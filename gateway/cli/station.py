"""``yizhan station add|import|list``: the registry of people, teams and vehicles."""

from __future__ import annotations

import click

from gateway.cli.client import ask, json_option, print_json, socket_option
from gateway.cli.stationimport import import_stations
from gateway.messages.translate import tr
from gateway.observe.escape import printable


@click.group(help=tr("Add stations to the registry, import an address book, or list them."))
def station() -> None:
    """Group of registry commands."""


station.add_command(import_stations)


@station.command(help=tr("Add station ID, or replace its entry."))
@click.argument("station_id", metavar="ID")
@click.option("--name", default="", help=tr("Name for people."))
@click.option(
    "--card",
    "cards",
    multiple=True,
    type=click.IntRange(1, 99_999_999),
    help=tr("Beidou card number; may be given again."),
)
@click.option("--group", "groups", multiple=True, help=tr("Group it belongs to; may be given again."))
@click.option("--grid", "grids", multiple=True, help=tr("Grid cell (网格) it belongs to; may be given again."))
@click.option(
    "--address",
    "addresses",
    multiple=True,
    metavar="BEARER:ADDRESS",
    help=tr("Address on another bearer, as hf:B7A or satcom:8617401234567; may be given again."),
)
@socket_option
@json_option
def add(
    station_id: str,
    name: str,
    cards: tuple[int, ...],
    groups: tuple[str, ...],
    grids: tuple[str, ...],
    addresses: tuple[str, ...],
    socket_path: str,
    as_json: bool,
) -> None:
    """Add one station."""
    request = {
        "op": "station_add",
        "id": station_id,
        "name": name,
        "cards": cards,
        "groups": groups,
        "grids": grids,
        "addresses": addresses,
    }
    result = ask(socket_path, request)
    if as_json:
        print_json(result)
    else:
        click.echo(tr("station {id} is in the registry").format(id=result["id"]))


@station.command(name="list", help=tr("List the registry."))
@socket_option
@json_option
def list_stations(socket_path: str, as_json: bool) -> None:
    """List all stations."""
    result = ask(socket_path, {"op": "station_list"})
    if as_json:
        print_json(result)
        return
    if not result["stations"]:
        click.echo(tr("the registry is empty; add with: yizhan station add ID --card N"))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(tr("station"), tr("name"), tr("cards"), tr("addresses"), tr("groups"), tr("grid cells"))
    for entry in result["stations"]:
        table.add_row(
            entry["id"],
            printable(entry["name"]),
            ", ".join(map(str, entry["cards"])),
            ", ".join(map(printable, entry["addresses"])),
            ", ".join(entry["groups"]),
            ", ".join(entry["grids"]),
        )
    Console(markup=False).print(table)
    if result["total"] > len(result["stations"]):
        text = tr("the first {shown} of {total} stations")
        click.echo(text.format(shown=len(result["stations"]), total=result["total"]))
