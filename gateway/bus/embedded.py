"""An MQTT broker for demonstrations and small posts: amqtt in a process of its own, so that its faults are not ours.

``python -m gateway.bus.embedded --listen 127.0.0.1:1883`` prints ``ready mqtt://127.0.0.1:1883`` and serves until it is
told to end (SIGTERM, SIGINT) or, when its standard input is a pipe, until the other end of that pipe is closed: it dies
with whoever started it, even if that one was killed.

It lets everybody in who can reach it, so it listens on loopback only. It keeps everything in memory and speaks MQTT
3.1.1 only; orders for a gateway that is away for more than a day are forgotten, and all of them when it ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
from typing import TYPE_CHECKING, Any

from gateway.config.listen import ListenError, check_listen

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE_EXIT = 2
MISSING_EXIT = 3

SESSION_EXPIRY_S = 86_400
"""How long orders wait for a client that is away; amqtt has no other bound on them."""

NOISY = ("amqtt", "transitions", "websockets")
"""Loggers that report every connection and packet."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to end; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway.bus.embedded", description="MQTT broker on loopback")
    parser.add_argument("--listen", required=True, metavar="127.0.0.1:PORT", help="loopback address and port")
    listen = parser.parse_args(arguments).listen
    try:
        check_listen(listen)
    except ListenError as error:
        return _complain(str(error), USAGE_EXIT)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        from amqtt.broker import Broker  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError as error:
        return _complain(
            f"the embedded broker needs {error.name}, which is not installed: pip install 'yizhan[broker]', "
            "or use mosquitto (apt-get install mosquitto) and take [bus.embedded] out of the configuration",
            MISSING_EXIT,
        )
    try:
        asyncio.run(_serve(Broker, listen))
    except OSError as error:
        return _complain(str(error), USAGE_EXIT)
    return 0


async def _serve(broker_class: Any, listen: str) -> None:
    broker = broker_class(
        {
            "listeners": {"default": {"type": "tcp", "bind": listen}},
            "plugins": {"gateway.bus.embeddedaccess.LoopbackAccess": {}},
            "session_expiry_interval": SESSION_EXPIRY_S,
        }
    )
    try:
        await broker.start()
    except Exception as error:
        raise OSError(f"cannot listen on {listen}: {error}") from error
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    watch = asyncio.create_task(_watch_parent(ended))
    sys.stdout.write(f"ready mqtt://{listen}\n")
    sys.stdout.flush()
    await ended.wait()
    watch.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watch
    await broker.shutdown()


async def _watch_parent(ended: asyncio.Event) -> None:
    """Set ``ended`` when standard input is a pipe and its other end closes."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):  # asyncio gives its children a socket for a pipe
        return
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while await reader.read(4096):
            pass
        ended.set()
    finally:
        transport.close()


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
