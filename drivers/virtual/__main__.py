"""``python -m drivers.virtual SKY.toml``: simulated terminals for a real gateway on this machine.

An example of the file::

    seed = 1
    speed = 10.0                                # a 60 s slot takes 6 s
    control = "unix:/tmp/yizhan-sky/control.sock"

    [air]
    loss = 0.045

    [terminals.command]
    protocol = "bd-2.1"
    card = 242286
    pty = "/tmp/yizhan-sky/command"             # or tcp = "127.0.0.1:7001"
    command = true
    broadcast = 1933442
    subordinates = [179773]

    [[handsets]]
    card = 179773
    auto_answer = true

Ends with status 0 on SIGTERM or SIGINT, 2 when the file cannot be used, 1 when a port cannot be opened.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from drivers.virtual.config import SkyFileError, read_sky_file
from drivers.virtual.serve import serve


async def _serve_until_told(path: Path) -> None:
    task = asyncio.create_task(serve(read_sky_file(path)))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await task


def main() -> int:
    """Run; return the exit status."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m drivers.virtual SKY.toml\n")
        return 2
    try:
        asyncio.run(_serve_until_told(Path(sys.argv[1])))
    except SkyFileError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"a port or the control socket cannot be opened: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
