"""``yizhan send``: an order or a text to the field, waiting for evidence if asked to."""

from __future__ import annotations

import sys
from typing import Any

import click

from gateway.cli.client import ask, json_option, print_json, socket_option
from gateway.cli.exits import Exit
from gateway.cli.words import state_word
from gateway.messages.translate import tr
from gateway.observe.escape import printable

LEVELS = ("sent", "delivered", "answered")
ENDED = ("expired", "shed")


@click.command(
    help=tr(
        "Send TEXT to an endpoint: card:242286, station:team3, group:rescue, grid:5133-07 or broadcast:all, or report it to bus:centre. It is on disk when this returns."
    )
)
@click.option("--to", "destination", required=True, metavar="KIND:NAME", help=tr("Whom it is for."))
@click.option(
    "--precedence",
    type=click.Choice(["FLASH", "IMMEDIATE", "PRIORITY", "ROUTINE"], case_sensitive=False),
    help=tr("How urgent; default by kind."),
)
@click.option(
    "--kind",
    type=click.Choice(["command", "alert", "ack", "chat"]),
    default="command",
    show_default=True,
    help=tr("What it is."),
)
@click.option(
    "--lifetime",
    "lifetime_s",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help=tr("How long it is worth delivering."),
)
@click.option("--id", "own_id", default="", help=tr("Your own id; the same id again sends nothing twice."))
@click.option(
    "--wait",
    "level",
    is_flag=False,
    flag_value="delivered",
    metavar="[sent|delivered|answered]",
    help=tr("Wait for this evidence (default: delivered)."),
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, max=86_400),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help=tr("How long to wait."),
)
@click.option(
    "--dry-run",
    is_flag=True,
    help=tr("Send nothing; show the bytes, frames, minutes and cost it would take on each link."),
)
@click.argument("text", required=False)
@socket_option
@json_option
def send(
    destination: str,
    precedence: str | None,
    kind: str,
    lifetime_s: float | None,
    own_id: str,
    level: str | None,
    timeout_s: float,
    dry_run: bool,
    text: str | None,
    socket_path: str,
    as_json: bool,
) -> None:
    """Send and perhaps wait."""
    if level is not None and level not in LEVELS and text is None:
        level, text = "delivered", level  # `--wait TEXT`: an option with an optional value takes what follows
    if level is not None and level not in LEVELS:
        raise click.BadParameter(
            tr("found {level!r}, use sent, delivered or answered").format(level=level), param_hint="--wait"
        )
    if text is None:
        raise click.MissingParameter(param_hint="TEXT", param_type="argument")
    request = {
        "op": "send",
        "to": destination,
        "text": text,
        "kind": kind,
        "precedence": precedence,
        "lifetime_s": lifetime_s,
        "id": own_id,
    }
    if dry_run:
        _show_rehearsal(ask(socket_path, request | {"dry_run": True}), as_json)
        return
    result = ask(socket_path, request)
    if level is None:
        _show(result, as_json)
        return
    from gateway.clock import SystemClock

    clock = SystemClock()
    deadline_s = clock.monotonic_s() + timeout_s
    waited = [
        _wait(socket_path, bundle["id"], level, max(0.0, deadline_s - clock.monotonic_s()))
        for bundle in result["bundles"]
    ]
    result = {
        "duplicate": result["duplicate"],
        "reached": bool(waited) and all(w["reached"] for w in waited),
        "bundles": [w["bundle"] for w in waited],
    }
    _show(result, as_json)
    if result["reached"]:
        return
    ended = any(bundle["state"] in ENDED for bundle in result["bundles"])
    sys.exit(Exit.ENDED if ended else Exit.NOT_REACHED)


def _wait(socket_path: str, bundle_id: str, level: str, timeout_s: float) -> Any:
    request = {"op": "wait", "id": bundle_id, "level": level, "timeout_s": timeout_s}
    return ask(socket_path, request, timeout_s + 30.0)


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    if result["duplicate"]:
        click.echo(tr("already sent under this id; nothing was sent twice"))
    for bundle in result["bundles"]:
        click.echo(
            tr("{id} (number {number}) to {destination}: {state}").format(
                id=bundle["id"],
                number=bundle["number"],
                destination=bundle["destination"],
                state=state_word(bundle["state"]),
            )
        )


def _show_rehearsal(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(tr("to"), tr("link"), tr("form"), tr("bytes"), tr("frames"), tr("minutes"), tr("cost"), tr("note"))
    for row in result["dry_run"]:
        figures = [str(row[name]) if name in row else "-" for name in ("bytes", "frames", "minutes", "cost")]
        table.add_row(row["to"], row["link"], row["form"], *figures, printable(row.get("note", "")))
    Console(markup=False).print(table)
