"""``yizhan explain``: what happened to a bundle, and what it waits for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from gateway.cli.client import ask, json_option, print_json, socket_option
from gateway.cli.words import precedence_word, span_word, state_word
from gateway.messages.translate import tr
from gateway.observe.escape import printable


@click.command(
    help=tr("Tell what happened to a bundle, by its ID or the number a person quotes, and what it waits for.")
)
@click.argument("bundle_id", metavar="ID")
@socket_option
@json_option
def explain(bundle_id: str, socket_path: str, as_json: bool) -> None:
    """Explain one bundle."""
    result = ask(socket_path, {"op": "explain", "id": bundle_id})
    if as_json:
        print_json(result)
        return
    bundle = result["bundle"]
    click.echo(tr("{id}  number {number}").format(id=bundle["id"], number=bundle["number"]))
    click.echo(
        f"  {bundle['kind']}  {precedence_word(bundle['precedence'])}  {bundle['source']} -> {bundle['destination']}"
    )
    click.echo(f"  {printable(bundle['text'])}")
    click.echo(
        tr("  state: {state}  ({reason})").format(state=state_word(bundle["state"]), reason=printable(bundle["reason"]))
    )
    click.echo(tr("  now: {waits}").format(waits=printable(result["waits"])))
    for event in result["history"]:
        click.echo(f"  {_when(event['at_s'], result)}  {printable(_line(event))}")


def _when(at_s: float, result: dict[str, Any]) -> str:
    """Return the time of day (UTC) and the age of an event; the timeline has no dates of its own."""
    age_s = max(0.0, result["now_s"] - at_s)
    try:
        moment = datetime.fromtimestamp(result["wall_s"] - age_s, UTC)
    except (OverflowError, ValueError, OSError):
        return f"-{span_word(age_s)}"
    return tr("{time} UTC ({age} ago)").format(time=f"{moment:%H:%M:%S}", age=span_word(age_s))


def _line(event: dict[str, Any]) -> str:
    link = f" {event['link']}" if event.get("link") else ""
    words = f": {event['words']}" if event.get("words") else ""
    return f"{event['what']}{link}{words}"
