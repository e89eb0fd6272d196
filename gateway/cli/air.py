"""``yizhan air encode|decode|context``: messages to air frames and back, without a gateway."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.exits import Exit
from gateway.messages.translate import tr

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from gateway.air.trial import TrialCodec


@click.group(help=tr("Turn messages into air frames and back, to see what they take."))
def air() -> None:
    """Group of air format commands."""


def _context_option(command: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option(
        "--context",
        "context_path",
        type=click.Path(path_type=Path),
        required=True,
        help=tr("TOML file with what both ends share; a sample is config/air.example.toml."),
    )
    return option(click.argument("file", type=click.File("rb"), default="-")(command))


@air.command(
    help=tr(
        "Read one JSON message a line from FILE or standard input and print its protected frames and their bytes as one "
        'JSON object a line. A bad line gives {"error": …} and the run goes on; the exit code is then 1.'
    )
)
@_context_option
def encode(context_path: Path, file: BinaryIO) -> None:
    """Encode lines as they come."""
    from gateway.air.trial import TrialError

    codec = _codec(context_path)

    def one(value: dict[str, Any]) -> dict[str, Any]:
        frames = codec.encode(value)
        return {"frames": [frame.hex() for frame in frames], "bytes": sum(map(len, frames))}

    _run(file, one, TrialError)


@air.command(
    help=tr(
        "Read one JSON object a line with the frames of a message, as encode prints them, and print the message as JSON. "
        'A bad line gives {"error": …} and the run goes on; the exit code is then 1.'
    )
)
@_context_option
def decode(context_path: Path, file: BinaryIO) -> None:
    """Decode lines as they come."""
    from gateway.air.trial import TrialError

    codec = _codec(context_path)

    def one(value: dict[str, Any]) -> dict[str, Any]:
        frames = value.get("frames")
        if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
            raise TrialError('frames: write {"frames": ["hex", …]}')
        try:
            data = [bytes.fromhex(frame) for frame in frames]
        except ValueError:
            raise TrialError("frames: a frame is not hexadecimal digits, two a byte") from None
        return codec.decode(data)

    _run(file, one, TrialError)


@air.command(
    help=tr(
        "Read one JSON message a line from FILE or standard input and print a context file proposed from them: the "
        "operations with their places, stations and beginnings. Read it over, add a secret or key file, and give it to "
        "all stations."
    )
)
@click.argument("file", type=click.File("rb"), default="-")
def context(file: BinaryIO) -> None:
    """Propose a context."""
    from gateway.air.contextfile import to_toml
    from gateway.air.survey import survey

    messages = []
    bad = 0
    for line in file:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            bad += bool(line.strip())
            continue
        if isinstance(value, dict):
            messages.append(value)
        else:
            bad += 1
    click.echo(to_toml(survey(messages)).encode("utf-8", "backslashreplace"), nl=False)
    if bad:
        click.echo(tr("{count} lines are no JSON objects and were left out").format(count=bad), err=True)
        sys.exit(Exit.BAD_INPUT)


def _codec(path: Path) -> TrialCodec:
    """Read a context file and make its codec; end with the configuration exit code when it cannot be used."""
    from gateway.air.contextfile import ContextError, load_context, load_words, secret_of
    from gateway.air.trial import TrialCodec
    from protocols.content.errors import ContentError

    try:
        table = load_context(path)
        words = [] if table.words_file is None else load_words(table.words_file)
        return TrialCodec(table, secret_of(table, path), words)
    except (ContextError, ContentError) as error:
        click.echo(str(error), err=True)
        sys.exit(Exit.CONFIG)


def _run(file: BinaryIO, work: Callable[[dict[str, Any]], dict[str, Any]], fault: type[ValueError]) -> None:
    bad = 0
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            shown = work(_json_object(line, fault))
        except fault as error:
            bad += 1
            shown = {"error": str(error), "line": number}
        # As bytes: the output is UTF-8 whatever the terminal's locale says.
        click.echo(json.dumps(shown, ensure_ascii=False).encode("utf-8", "backslashreplace"))
    if bad:
        sys.exit(Exit.BAD_INPUT)


def _json_object(line: bytes, fault: type[ValueError]) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise fault(f"not one JSON object: {error}") from None
    if not isinstance(value, dict):
        raise fault("write one JSON object a line")
    return value
