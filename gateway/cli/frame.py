"""``yizhan frame decode|encode``: device sentences and frames to JSON and back, one a line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.exits import Exit
from gateway.cli.frame_protocols import PROTOCOLS, FrameFault
from gateway.messages.translate import tr

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO


@click.group(help=tr("Decode or encode device sentences and frames."))
def frame() -> None:
    """Group of frame commands."""


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    protocol = click.option(
        "--protocol", type=click.Choice(sorted(PROTOCOLS)), required=True, help=tr("Protocol of the lines.")
    )
    charset = click.option(
        "--charset",
        default="gb18030",
        show_default=True,
        help=tr("How characters of a sentence are coded on the wire."),
    )
    return protocol(charset(click.argument("file", type=click.File("rb"), default="-")(command)))


@frame.command(
    help=tr(
        "Read one sentence (text) or frame (hex) a line from FILE or standard input and print one JSON object a line. "
        '\\r, \\n and \\xNN stand for those bytes. A bad line gives {"error": …} and the run goes on; the exit code '
        "is then 1."
    )
)
@_options
def decode(protocol: str, charset: str, file: BinaryIO) -> None:
    """Decode lines as they come."""
    decoder = PROTOCOLS[protocol].decode
    _run(file, lambda line: _json(decoder(line, charset)))


@frame.command(
    help=tr(
        "Read one JSON object a line, as decode prints them, and print the sentence (text) or frame (hex). A bad line "
        'gives {"error": …} and the run goes on; the exit code is then 1.'
    )
)
@_options
def encode(protocol: str, charset: str, file: BinaryIO) -> None:
    """Encode lines as they come."""
    encoder = PROTOCOLS[protocol].encode

    def one(line: str) -> str:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FrameFault("bad JSON", f"not one JSON object: {error}") from None
        if not isinstance(value, dict):
            raise FrameFault("bad JSON", "write one JSON object a line")
        return encoder(value, charset)

    _run(file, one)


def _run(file: BinaryIO, work: Callable[[str], str]) -> None:
    bad = 0
    for line in file:
        text = line.decode("utf-8-sig", "surrogateescape").rstrip("\r\n")
        if not text.strip():
            continue
        try:
            shown = work(text)
        except FrameFault as fault:
            bad += 1
            shown = _json({"error": fault.reason, "detail": fault.detail})
        # As bytes: the output is UTF-8 whatever the terminal's locale says.
        click.echo(shown.encode("utf-8", "backslashreplace"))
    if bad:
        sys.exit(Exit.BAD_INPUT)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
