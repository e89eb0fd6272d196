"""``yizhan status``: one glance at the running gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.client import ask, json_option, print_json, socket_option
from gateway.cli.words import precedence_word, span_word, state_word
from gateway.messages.translate import tr
from gateway.observe.escape import printable

if TYPE_CHECKING:
    from rich.console import Console

SIGNS = {"open": "●", "busy": "◐", "opening": "○", "available": "○", "unavailable": "✗"}
IDENTITY_SHOWN = 2
"""What a driver puts first identifies the device; --json has the rest."""

SHED = "shed: "
"""Beginning of the counters of what was shed, by reason."""

COLOURS = {"red": "red", "orange": "dark_orange", "yellow": "yellow", "blue": "blue"}


@click.command(help=tr("Show links, bus, queue and balance of the running gateway."))
@socket_option
@json_option
def status(socket_path: str, as_json: bool) -> None:
    """Show the status."""
    result = ask(socket_path, {"op": "status"})
    if as_json:
        print_json(result)
        return
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    _head(console, result)
    _links(console, result["links"])
    if result.get("air") is not None:
        _air(console, result["air"])
    _queue(console, result["queue"])
    _balance(console, result["balance"])
    _shed(console, result["store"]["noted"])


def _head(console: Console, result: dict[str, Any]) -> None:
    clock = (
        tr("clock trusted")
        if result["clock"]["trusted"]
        else tr("CLOCK NOT TRUSTED: nothing depends on it, times shown may be wrong")
    )
    # Babel does not look into f-strings, so texts are put together with format.
    head = tr("{gateway}  region {region}  yizhan {version}  running for {span}  {clock}")
    values = {name: result[name] for name in ("gateway", "region", "version")}
    console.print(head.format(**values, span=span_word(result["up_s"]), clock=clock))
    bus = result["bus"]
    if bus is None:
        console.print(tr("bus: none configured"))
    else:
        sign = "●" if bus["connected"] else "✗"
        console.print(
            tr("bus: {sign} {state}, for {span}").format(
                sign=sign, state=printable(bus["state"]), span=span_word(bus["for_s"])
            )
        )


def _links(console: Console, links: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(
        tr("link"),
        tr("state"),
        tr("for"),
        tr("next slot"),
        tr("signal"),
        tr("last heard"),
        tr("heard/sent"),
        tr("what the device says"),
    )
    for link in links:
        best = max((signal["level"] for signal in link["signals"]), default=None)
        identity = ", ".join(f"{key} {value}" for key, value in list(link["identity"].items())[:IDENTITY_SHOWN])
        table.add_row(
            link["name"],
            f"{SIGNS.get(link['state'], '?')} {state_word(link['state'])}",
            span_word(link["for_s"]),
            span_word(link["next_slot_s"]) if link["state"] == "open" else "-",
            "-" if best is None else f"{best}/4",
            span_word(link["last_heard_s"]),
            f"{link['heard']}/{link['sent']}",
            printable("; ".join(part for part in (link["detail"], identity) if part)),
        )
    console.print(table)


def _air(console: Console, air: dict[str, Any]) -> None:
    from rich.table import Table

    head = tr("we are gateway {name} ({id}), reporting to {upstream}")
    upstream = air["upstream"] or tr("nobody: the bus")
    console.print(head.format(name=air["name"], id=air["id"], upstream=upstream))
    table = Table(
        tr("gateway"), tr("our session"), tr("its session"), tr("generation"), tr("failed tags"), tr("shared")
    )
    for peer in air["peers"]:
        table.add_row(
            peer["name"],
            tr("known there") if peer["confirmed"] else tr("not confirmed"),
            tr("known here") if peer["heard"] else tr("never heard"),
            f"{peer['generation_out']}/{peer['generation_in']}",
            str(peer["failures"]),
            tr("same revision") if peer["shares"] else tr("other revision: nothing shared is used"),
        )
    console.print(table)
    if air["only_long_tags"]:
        console.print(tr("TOO MANY FORGED FRAMES: 4-byte tags are refused from everybody"), style="bold red")


def _queue(console: Console, queue: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(tr("precedence"), tr("up"), tr("down"), tr("oldest"))
    for name, row in queue["precedence"].items():
        table.add_row(
            Text(precedence_word(name), style=COLOURS[row["colour"]]),
            str(row["up"]),
            str(row["down"]),
            span_word(row["oldest_s"]),
        )
    console.print(table)
    if queue["oldest_unreceipted_sos_s"] is not None:
        console.print(
            tr("SOS without a consumer's receipt: oldest {span}").format(
                span=span_word(queue["oldest_unreceipted_sos_s"])
            ),
            style="bold red",
        )


def _balance(console: Console, balance: dict[str, Any]) -> None:
    line = tr("accepted {accepted} = delivered {delivered} + queued {queued} + expired {expired} + shed {shed}")
    console.print(line.format(**{key: balance[key] for key in ("accepted", "delivered", "queued", "expired", "shed")}))
    if not balance["balanced"]:
        console.print(tr("THE BALANCE DOES NOT ADD UP: please report this as a defect"), style="bold red")


def _shed(console: Console, noted: dict[str, int]) -> None:
    """Say why bundles were shed, if any were; the reasons are log words."""
    reasons = [f"{count} {what.removeprefix(SHED)}" for what, count in sorted(noted.items()) if what.startswith(SHED)]
    if reasons:
        console.print(tr("shed: {reasons}").format(reasons=", ".join(reasons)))
