"""``yizhan route explain``: which link something would take now, and why, link by link."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import ask, json_option, print_json, socket_option
from gateway.cli.words import precedence_word, span_word, state_word
from gateway.messages.translate import tr
from gateway.observe.escape import printable

KINDS = ("position", "sos", "casualty", "hazard", "resource", "command", "ack", "sensor", "alert", "chat", "opaque")
PRECEDENCES = ("FLASH", "IMMEDIATE", "PRIORITY", "ROUTINE")


@click.group(help=tr("Tell which way things go, and why."))
def route() -> None:
    """Group of routing commands."""


@route.command(help=tr("Tell which link something would take now, and why, link by link. Nothing is sent."))
@click.option(
    "--to", required=True, metavar="KIND:NAME", help=tr("For whom, as station:team3, card:242286 or bus:centre.")
)
@click.option(
    "--size",
    "size_bytes",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help=tr("Bytes it takes on the air; default: one frame."),
)
@click.option(
    "--precedence", type=click.Choice(PRECEDENCES, case_sensitive=False), help=tr("How urgent; default: by its kind.")
)
@click.option("--kind", type=click.Choice(KINDS), default="command", show_default=True, help=tr("What it is."))
@socket_option
@json_option
def explain(
    to: str, size_bytes: int | None, precedence: str | None, kind: str, socket_path: str, as_json: bool
) -> None:
    """Explain the way of something that is not sent."""
    request: dict[str, Any] = {"op": "route", "to": to, "kind": kind}
    if size_bytes is not None:
        request["size_bytes"] = size_bytes
    if precedence is not None:
        request["precedence"] = precedence
    result = ask(socket_path, request)
    if as_json:
        print_json(result)
        return
    for way in result["ways"]:
        _print_way(way, result)


def _print_way(way: dict[str, Any], result: dict[str, Any]) -> None:
    click.echo(f"{printable(way['to'])}  {result['kind']}  {precedence_word(result['precedence'])}")
    if way["links"]:
        click.echo(tr("  goes by {links}: {why}").format(links=", ".join(way["links"]), why=printable(way["reason"])))
    elif way.get("wait_s") is not None:
        click.echo(tr("  waits {span}: {why}").format(span=span_word(way["wait_s"]), why=printable(way["reason"])))
    else:
        click.echo(
            tr("  waits: {why}").format(why=printable(way["reason"]))
            if way["options"]
            else f"  {printable(way['reason'])}"
        )
    if not way["options"]:
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "",
        tr("link"),
        tr("state"),
        tr("there in"),
        tr("arrives"),
        tr("cost"),
        tr("learned"),
        tr("budget spent"),
        tr("why"),
    )
    for option in way["options"]:
        table.add_row(
            tr("yes") if option["chosen"] else tr("no"),
            option["link"],
            state_word(option["state"]),
            "-" if option["delay_s"] is None else span_word(option["delay_s"]),
            "-" if option["success"] is None else f"{option['success']:.0%}",
            "-" if option["price"] is None else f"{option['price']:.2f}",
            _learned(option["learned"]["success"]),
            f"{option['budget_spent']:.0%}",
            printable(option["why"]),
        )
    Console(markup=False).print(table)


def _learned(figure: dict[str, Any]) -> str:
    """Return a learned share with its range and the age of the evidence."""
    if figure["age_s"] is None:
        return tr("nothing yet")
    return tr("{low:.0%} to {high:.0%}, {age} ago").format(
        low=figure["low"], high=figure["high"], age=span_word(figure["age_s"])
    )
