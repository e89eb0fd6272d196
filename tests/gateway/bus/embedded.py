"""The embedded broker as a process on a free loopback port, with the same words as Mosquitto."""

import asyncio
import signal
import sys

from tests.gateway.bus.mosquitto import START_S, free_port


class Embedded:
    def __init__(self):
        self.port = free_port()
        self.process = None

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.bus.embedded",
            "--listen",
            f"127.0.0.1:{self.port}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(START_S):
            line = await self.process.stdout.readline()
        assert line == f"ready {self.url}\n".encode(), await self.process.stderr.read()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    async def kill(self):
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.communicate()
