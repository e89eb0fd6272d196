"""``yizhan text parse``: what the gateway would understand of handset texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from gateway.messages.translate import tr

if TYPE_CHECKING:
    from typing import BinaryIO


@click.group(help=tr("Understand handset texts."))
def text() -> None:
    """Group of text commands."""


@text.command(
    "parse",
    help=tr(
        "Read one handset text a line (UTF-8) from FILE or standard input and print one JSON object a line: kind, and lat,"
        " lon, people, injured, qty and so on where the text says them. Empty lines are skipped."
    ),
)
@click.argument("file", type=click.File("rb"), default="-")
def parse_lines(file: BinaryIO) -> None:
    """Parse texts line by line, as they come."""
    from protocols.beidou.handset.parse import parse

    for line in file:
        typed = line.decode("utf-8-sig", "replace").rstrip("\r\n")
        if not typed.strip():
            continue
        # As bytes: the output is UTF-8 whatever the terminal's locale says.
        click.echo(json.dumps(parse(typed).to_json(), ensure_ascii=False).encode("utf-8"))
