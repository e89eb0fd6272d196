"""A real mosquitto on a free loopback port, for tests marked e2e: start, stop, kill, freeze."""

import asyncio
import shutil
import signal
import socket

START_S = 5.0


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Mosquitto:
    """One broker process with its own configuration: lines for the listener, and others, of mosquitto.conf."""

    def __init__(self, directory, *, extra="allow_anonymous true\npersistence false\n", listener=""):
        self.program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        if self.program is None:
            raise FileNotFoundError("mosquitto is not installed and this test needs it: apt-get install mosquitto")
        self.port = free_port()
        self.config = directory / f"mosquitto-{self.port}.conf"
        self.config.write_text(f"user root\nlistener {self.port} 127.0.0.1\n{listener}{extra}")
        self.process = None

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            self.program,
            "-c",
            str(self.config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(START_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    assert self.process.returncode is None, f"mosquitto ended: {self.program} -c {self.config}"
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    async def kill(self):
        """Kill -9; also ends a frozen one. Idempotent."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self):
        """Stop in order."""
        self.process.terminate()
        await self.process.wait()
