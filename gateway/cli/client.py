"""The thin client of the control socket: blocking, one request a line, errors as exit codes with advice."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from gateway.cli.exits import Exit
from gateway.messages.translate import tr
from gateway.observe.escape import json_escaped, printable

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_SOCKET = "/run/yizhan/control.sock"
ANSWER_BYTES_MAX = 64_000_000


def socket_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--socket``."""
    return click.option(
        "--socket",
        "socket_path",
        default=lambda: os.environ.get("YIZHAN_SOCKET", DEFAULT_SOCKET),
        show_default=DEFAULT_SOCKET,
        help=tr("Control socket of the gateway; also from YIZHAN_SOCKET."),
    )(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help=tr("Print exactly one JSON object."))(command)


def ask(socket_path: str, request: dict[str, Any], timeout_s: float = 30.0) -> Any:
    """Return the gateway's answer to one request; end the program with its exit code when there is none."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(socket_path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline(ANSWER_BYTES_MAX)
    except (FileNotFoundError, ConnectionRefusedError):
        fail(
            Exit.NO_GATEWAY,
            tr(
                "no gateway answers at {path}; start it with: yizhan run --config FILE, or name its socket with --socket"
            ).format(path=socket_path),
        )
    except PermissionError:
        fail(
            Exit.NO_GATEWAY, tr("no permission for {path}; join the group yizhan or use sudo").format(path=socket_path)
        )
    except (TimeoutError, OSError) as error:
        fail(Exit.NO_GATEWAY, tr("the gateway at {path} does not answer: {why}").format(path=socket_path, why=error))
    if not line:
        fail(Exit.NO_GATEWAY, tr("the gateway at {path} closed the connection").format(path=socket_path))
    return _result_of(line, socket_path)


def _result_of(line: bytes, socket_path: str) -> Any:
    try:
        answer = json.loads(line)
        result, error, code = answer.get("result"), str(answer.get("error")), str(answer.get("code"))
        is_done = answer["ok"]
    except (AttributeError, KeyError, TypeError, ValueError):
        fail(Exit.NO_GATEWAY, tr("what answers at {path} is no gateway of this version").format(path=socket_path))
    if not is_done:
        fail(Exit.NO_GATEWAY if code == "busy" else Exit.REFUSED, error, code=code)
    return result


def fail(exit_code: Exit, text: str, code: str = "") -> NoReturn:
    """Say one clear error on stderr (a JSON object when ``--json`` was given) and end with ``exit_code``."""
    context = click.get_current_context(silent=True)
    if context is not None and context.params.get("as_json"):
        print_json({"error": text, "code": code or exit_code.name.lower()})
    else:
        click.echo(tr("error: {text}").format(text=printable(text)), err=True)
    sys.exit(exit_code)


def print_json(value: Any) -> None:
    """Print exactly one JSON object; what a terminal would obey or hide is escaped in it."""
    click.echo(json_escaped(json.dumps(value, ensure_ascii=False)))
