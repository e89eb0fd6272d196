"""Keeps the embedded broker running as a process of its own, so that its faults are not the daemon's."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from gateway.observe.log import logger

STOP_WITHIN_S = 3.0

log = logger("gateway.broker")


class BrokerProcess:
    """The embedded broker on ``listen`` (``host:port``), started again ``restart_delay_s`` after it dies."""

    def __init__(self, listen: str, restart_delay_s: float) -> None:
        self._listen = listen
        self._restart_delay_s = restart_delay_s
        self.pid: int | None = None

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway.bus.embedded",
                "--listen",
                self._listen,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
            )
            self.pid = process.pid
            log.info("embedded broker started", listen=self._listen, pid=process.pid)
            try:
                code = await process.wait()
            finally:
                self.pid = None
                await _stop(process)
            log.warning("embedded broker died", exit_code=code, restart_in_s=self._restart_delay_s)
            await asyncio.sleep(self._restart_delay_s)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
