"""The control socket: one JSON object a line in, one out, over a Unix socket that file permissions guard."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from gateway.daemon.operations import OperationError
from gateway.observe.log import logger

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.daemon.operations import Operations

REQUEST_BYTES_MAX = 65_536
CLIENTS_MAX = 32

log = logger("gateway.control")


class ControlSocket:
    """Serves Operations on a Unix socket."""

    def __init__(self, path: Path, operations: Operations) -> None:
        self._path = path
        self._operations = operations
        self._clients = 0

    async def run(self) -> None:
        """Serve until cancelled. A socket file left by a dead daemon is replaced."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, path=self._path, limit=REQUEST_BYTES_MAX)
        self._path.chmod(0o660)
        try:
            async with server:
                await server.serve_forever()
        finally:
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._clients >= CLIENTS_MAX:
            writer.close()
            return
        self._clients += 1
        try:
            while line := await reader.readline():
                writer.write(
                    json.dumps(await self._answer(line), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
                )
                await writer.drain()
        except (ConnectionError, ValueError) as error:  # ValueError: a line above the limit
            log.info("control client ended", why=str(error))
        finally:
            self._clients -= 1
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:
            return {"ok": False, "code": "bad request", "error": f"request: not one JSON object a line ({error})"}
        if not isinstance(request, dict):
            return {"ok": False, "code": "bad request", "error": "request: write one JSON object a line"}
        try:
            return {"ok": True, "result": await self._operations.do(request)}
        except OperationError as error:
            return {"ok": False, "code": error.code, "error": str(error)}
        except (TypeError, ValueError) as error:
            return {"ok": False, "code": "bad request", "error": f"request: {error}"}
