"""What the commands of ``yizhan key`` share: options, errors, ways to name a station, the running gateway."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from gateway.cli.client import ANSWER_BYTES_MAX, fail, print_json
from gateway.cli.exits import Exit
from gateway.messages.translate import tr
from gateway.observe.escape import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.security.contents import Contents
    from gateway.security.errors import SecurityError
    from gateway.security.keys import End, GroupKey, PairKey

DEFAULT_KEYS = "/var/lib/yizhan/keys"
TELL_TIMEOUT_S = 10.0


def keys_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--keys``."""
    return click.option(
        "--keys",
        "keys",
        type=click.Path(path_type=Path),
        default=lambda: os.environ.get("YIZHAN_KEYS", DEFAULT_KEYS),
        show_default=DEFAULT_KEYS,
        help=tr("Directory of the gateway's keys; also from YIZHAN_KEYS."),
    )(command)


class EndType(click.ParamType["End"]):
    """``NAME=ID``, the ID in decimal or as 0x107."""

    name = "NAME=ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> End:
        """Return the end, or end with a wrong usage."""
        from gateway.security.errors import KeyValueError
        from gateway.security.keys import End, parse_id

        name, equals, number = str(value).rpartition("=")
        if not equals:
            self.fail(tr("write NAME=ID, for example vehicle-7=0x107"), param, ctx)
        try:
            return End(parse_id(number), name)
        except KeyValueError as error:
            self.fail(str(error), param, ctx)


@contextlib.contextmanager
def errors_told() -> Iterator[None]:
    """End the program with a clear error where keys, files or directories give cause."""
    from gateway.security.errors import SecurityError, StationListError

    try:
        yield
    except StationListError as error:
        _fail_with_list(error)
    except SecurityError as error:
        fail(exit_code(error), str(error))


def exit_code(error: SecurityError) -> Exit:
    """Return 1 for what was read and is bad, 5 for what is not done though all could be read."""
    from gateway.security import errors

    bad = isinstance(error, errors.KeyFileError | errors.KeyLineError | errors.KeyValueError)
    return Exit.BAD_INPUT if bad and not isinstance(error, errors.NotPrivate | errors.KeyFileExists) else Exit.REFUSED


def _fail_with_list(error: Any) -> NoReturn:
    context = click.get_current_context(silent=True)
    if context is not None and context.params.get("as_json"):
        faults = [{"line": fault.line, "what": fault.what} for fault in error.faults]
        text = tr("{count} faults; nothing was done").format(count=error.count)
        print_json({"error": text, "code": Exit.BAD_INPUT.name.lower(), "faults": faults})
    else:
        for fault in error.faults:
            line = tr("line {line}: {what}").format(line=fault.line, what=fault.what) if fault.line else fault.what
            click.echo(printable(line), err=True)
        click.echo(
            tr("error: {text}").format(text=tr("{count} faults; nothing was done").format(count=error.count)), err=True
        )
    sys.exit(Exit.BAD_INPUT)


def serial_now() -> int:
    """Return the serial for what is made now; end the program where the clock is certainly wrong."""
    from gateway.clock import SystemClock
    from gateway.security.keys import serial_at

    clock = SystemClock()
    moment = datetime.fromtimestamp(clock.wall_s(), UTC)
    if not clock.trusted():
        fail(
            Exit.REFUSED,
            tr("this machine's clock shows {date}, which is wrong; set it, since keys are dated").format(
                date=f"{moment:%Y-%m-%d}"
            ),
        )
    return serial_at(moment)


def station_id(who: str, contents: Contents | None) -> int:
    """Return the id that NAME|ID stands for; end the program where no key has that name, or where it might be either."""
    from gateway.security.errors import KeyValueError
    from gateway.security.keys import check_single_id, hex_id, parse_id

    known = None if contents is None else contents.id_of.get(who)
    try:
        number = parse_id(who)
    except KeyValueError:
        if known is None:
            text = tr(
                "no key here is of a station named {name}; yizhan key list shows the names, or give the id as 0x107"
            )
            fail(Exit.REFUSED, text.format(name=who))
        return known
    with errors_told():
        check_single_id(number)
    if known is not None and known != number:
        text = tr("{name} is the name of {one}, and could be the id {other}; write the one you mean as 0x…")
        fail(Exit.REFUSED, text.format(name=who, one=hex_id(known), other=hex_id(number)))
    return number


def contents_of(keys: Path) -> Contents:
    """Return what stands in the keys directory, or end the program."""
    from gateway.security.contents import read_contents

    with errors_told():
        return read_contents(keys)


def key_fields(key: PairKey | GroupKey) -> dict[str, Any]:
    """Return what may be shown of a key, for JSON."""
    from gateway.security.keyfile import kind_word
    from gateway.security.keys import GroupKey, issued

    more: dict[str, Any] = (
        {"name": None, "id": key.group_id, "suite": None}
        if isinstance(key, GroupKey)
        else {"name": key.peer.name, "id": key.peer.id, "suite": key.suite}
    )
    return {
        "kind": kind_word(key),
        **more,
        "generation": key.generation,
        "serial": key.serial,
        "issued": f"{issued(key.serial):%Y-%m-%dT%H:%M:%SZ}",
        "fingerprint": key.secret.fingerprint(),
    }


def tell_gateway(socket_path: str, request: dict[str, Any]) -> tuple[str, str]:
    """Ask the running gateway for something that is no error to be without.

    Return ``told`` with no text, ``no gateway`` when none runs, or ``not told`` with the reason.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TELL_TIMEOUT_S)
            connection.connect(socket_path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline(ANSWER_BYTES_MAX))
    except (FileNotFoundError, ConnectionRefusedError):
        return "no gateway", ""
    except (OSError, ValueError, RecursionError) as error:
        return "not told", str(error)
    if isinstance(answer, dict) and answer.get("ok") is True:
        return "told", ""
    return "not told", str(answer.get("error") if isinstance(answer, dict) else answer)


def read_list(path: Path) -> bytes:
    """Return the bytes of a list without secrets; raise KeyFileError."""
    from gateway.security.errors import KeyFileError
    from gateway.security.stations import LIST_BYTES_MAX

    try:
        with path.open("rb") as file:
            raw = file.read(LIST_BYTES_MAX + 1)
    except OSError as error:
        why = f"{path}: cannot be read: {error.strerror}"
    else:
        return raw
    raise KeyFileError(why)
