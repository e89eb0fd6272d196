"""A simulated sky for real processes: terminals on ports, handsets, and a control socket."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import TYPE_CHECKING, Self

from drivers.virtual.config import host_and_port
from drivers.virtual.control import LINE_BYTES_MAX, Control
from drivers.virtual.handset import READS_AND_ANSWERS_S, Handset
from drivers.virtual.ports import PtyPort, TcpPort
from drivers.virtual.sky import Sky
from drivers.virtual.terminals import simulated_terminal
from gateway.link import Fix

if TYPE_CHECKING:
    from types import TracebackType

    from drivers.virtual.config import HandsetTable, SkyFile, TerminalTable
    from drivers.virtual.ports import Port
    from drivers.virtual.terminal import SimulatedTerminal


class SkyServer:
    """Everything one file describes; ``async with`` it. The control socket comes last: who can connect finds all there.

    Raise OSError when a port cannot be opened, with nothing left open.
    """

    def __init__(self, file: SkyFile) -> None:
        self._file = file
        self.sky = Sky(random.Random(file.seed), file.sky_settings())
        self.terminals: dict[str, SimulatedTerminal] = {}
        self.ports: dict[str, Port] = {}
        self.handsets: dict[int, Handset] = {}
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as opening:
            for name, table in self._file.terminals.items():
                self.terminals[name] = terminal = self._terminal(table)
                self.ports[name] = port = _port(terminal, table)
                opening.push_async_callback(port.close)
                await port.open()
            for person in self._file.handsets:
                self.handsets[person.card] = self._handset(person)
            await self._open_control(opening)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    def _handset(self, person: HandsetTable) -> Handset:
        speed = self._file.speed
        return Handset(
            self.sky,
            person.card,
            level=person.level,
            frequency_s=person.frequency_s / speed,
            broadcast=person.broadcast,
            auto_answer=person.auto_answer,
            answer_after_s=READS_AND_ANSWERS_S / speed,
        )

    def _terminal(self, table: TerminalTable) -> SimulatedTerminal:
        return simulated_terminal(
            table.protocol,
            self.sky,
            table.card,
            level=table.level,
            frequency_s=table.frequency_s / self._file.speed,
            encrypted=table.encrypted,
            broadcast=table.broadcast,
            command=table.command,
            subordinates=table.subordinates,
            position=None if table.position is None else Fix(*table.position),
            baud=table.baud,
        )

    async def _open_control(self, opening: contextlib.AsyncExitStack) -> None:
        answer, address = Control(self).serve, self._file.control_address()
        if isinstance(address, Path):
            address.parent.mkdir(parents=True, exist_ok=True)
            address.unlink(missing_ok=True)
            opening.callback(address.unlink, missing_ok=True)
            server = await asyncio.start_unix_server(answer, address, limit=LINE_BYTES_MAX)
        else:
            server = await asyncio.start_server(answer, *address, limit=LINE_BYTES_MAX)
        opening.callback(server.close)


def _port(terminal: SimulatedTerminal, table: TerminalTable) -> Port:
    if table.pty is not None:
        return PtyPort(terminal, table.pty)
    assert table.tcp is not None, "the file's check asks for one of the two"
    return TcpPort(terminal, *host_and_port(table.tcp))


async def serve(file: SkyFile) -> None:
    """Serve until cancelled."""
    async with SkyServer(file):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
