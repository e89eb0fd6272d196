"""The control socket: one JSON object a line in, one out, over a Unix socket that file permissions guard."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from gateway.bus.wire import clean_value
from gateway.daemon.requests import OperationError
from gateway.observe.log import logger

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.daemon.operations import Operations

REQUEST_BYTES_MAX = 65_536
CLIENTS_MAX = 32

IDLE_S_MAX = 300.0
"""A client that says nothing, or does not read its answer, for this long gives its place to another."""

GONE_LOOK_S = 5.0
"""How often a client that waits is looked at: one that has hung up waits no longer."""

log = logger("gateway.control")


class ControlSocket:
    """Serves Operations on a Unix socket."""

    def __init__(self, path: Path, operations: Operations) -> None:
        self._path = path
        self._operations = operations
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; raise OSError where that cannot be. A socket file left by a dead daemon is replaced."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, path=self._path, limit=REQUEST_BYTES_MAX)
        self._path.chmod(0o660)

    async def run(self) -> None:
        """Serve until cancelled."""
        if self._server is None:
            await self.open()
        assert self._server is not None
        try:
            await asyncio.Event().wait()
        finally:
            self._server.close()
            for writer in list(self._writers):  # whoever waits for evidence would keep us from stopping
                writer.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if len(self._writers) >= CLIENTS_MAX:
                text = f"control socket: {CLIENTS_MAX} clients are connected, which is the most; try again in a moment"
                await _say(writer, _fault("busy", text))
                return
            self._writers.add(writer)
            await self._converse(reader, writer)
        except (ConnectionError, TimeoutError) as error:
            log.info("control client ended", why=str(error) or "said nothing for too long")
        except asyncio.CancelledError:
            # Only the end of the process cancels this. Passed on, the stream server of Python 3.11 reports it as a bug.
            log.debug("control client left at the end")
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_S_MAX):
                    line = await reader.readline()
            except ValueError:
                text = f"request: a line is longer than {REQUEST_BYTES_MAX} bytes; send a shorter one"
                await _say(writer, _fault("bad request", text))
                return
            if not line:
                return
            answering = asyncio.ensure_future(self._answer(line))
            try:
                while not answering.done():
                    await asyncio.wait({answering}, timeout=GONE_LOOK_S)
                    if not answering.done() and reader.at_eof():
                        return
                await _say(writer, answering.result())
            finally:
                answering.cancel()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:
            return _fault("bad request", f"request: not one JSON object a line ({error})")
        if not isinstance(request, dict):
            return _fault("bad request", "request: write one JSON object a line")
        try:
            return {"ok": True, "result": await self._operations.do(request)}
        except OperationError as error:
            return _fault(error.code, str(error))
        except (TypeError, ValueError) as error:
            return _fault("bad request", f"request: {error}")


def _fault(code: str, text: str) -> dict[str, Any]:
    return {"ok": False, "code": code, "error": text}


async def _say(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    """Send one answer: strict JSON whatever a driver put into its report."""
    line = json.dumps(clean_value(answer), ensure_ascii=False, allow_nan=False, default=str)
    writer.write(line.encode("utf-8", "replace") + b"\n")
    async with asyncio.timeout(IDLE_S_MAX):
        await writer.drain()
