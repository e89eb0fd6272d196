"""The control socket of a simulated sky: scripts play the people, pull plugs and read counters.

One JSON object a line in, one a line out, in order: ``{"op": "type", "card": 179773, "text": "平安", "to": 242286}`` gives
``{"ok": true}``; what cannot be done gives ``{"ok": false, "error": …}`` and the connection lives on. Times here are
real seconds.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gateway.link import Fix
from protocols.beidou.errors import FrameError

if TYPE_CHECKING:
    from drivers.virtual.handset import Handset, Received
    from drivers.virtual.ports import Port
    from drivers.virtual.sky import Sky
    from drivers.virtual.terminal import SimulatedTerminal

LINE_BYTES_MAX = 65_536
"""Longest request."""
GARBAGE_BYTES_MAX = 65_536


class World(Protocol):
    """What the socket plays with."""

    sky: Sky
    handsets: dict[int, Handset]
    terminals: dict[str, SimulatedTerminal]
    ports: dict[str, Port]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Type(_Request):
    """Let a person type a text to a card; ``position`` is latitude and longitude."""

    op: Literal["type"]
    card: int
    text: str
    to: int
    position: tuple[float, float] | None = None


class Inbox(_Request):
    """Read a handset's screen from text number ``after`` on."""

    op: Literal["inbox"]
    card: int
    after: int = Field(default=0, ge=0)


class WaitInbox(_Request):
    """Wait for a text that contains something."""

    op: Literal["wait_inbox"]
    card: int
    containing: str = ""
    after: int = Field(default=0, ge=0)
    timeout_s: float = Field(default=60.0, gt=0, le=3600)


class Fault(_Request):
    """Do something to a terminal that needs no figure."""

    op: Literal["unplug", "plug", "hang", "resume", "duplicate", "drop_feedback", "stop_status", "power_cycle"]
    terminal: str


class Garbage(_Request):
    """Let a terminal say noise."""

    op: Literal["garbage"]
    terminal: str
    bytes: int = Field(ge=1, le=GARBAGE_BYTES_MAX)


class OutageRequest(_Request):
    """Take the signal from one card or all."""

    op: Literal["outage"]
    seconds: float = Field(gt=0)
    card: int | None = None


class Plain(_Request):
    """End the outages that are on, or read all counters."""

    op: Literal["end_outages", "status"]


Request = Annotated[Type | Inbox | WaitInbox | Fault | Garbage | OutageRequest | Plain, Field(discriminator="op")]
_REQUEST: TypeAdapter[Request] = TypeAdapter(Request)


class Refused(Exception):
    """The request cannot be done; the text says why."""


class Control:
    """Answers requests about one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        try:
            while line := await reader.readline():
                answer = await self.answer(line)
                writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # gone, or a line over LINE_BYTES_MAX: nothing sensible can follow
            pass
        finally:
            writer.close()

    async def answer(self, line: bytes) -> dict[str, Any]:
        """Do one request."""
        try:
            request = _REQUEST.validate_json(line)
            return {"ok": True, **await self._do(request)}
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'request'}: {e['msg']}" for e in error.errors())
            return {"ok": False, "error": faults}
        except (Refused, FrameError) as error:
            return {"ok": False, "error": str(error)}

    async def _do(self, request: Request) -> dict[str, Any]:
        world = self._world
        match request:
            case WaitInbox():
                return await self._wait_inbox(request)
            case Fault():
                await self._fault(request)
            case Inbox():
                inbox = list(self._handset(request.card).inbox)[request.after :]
                return {"inbox": [_shown(received) for received in inbox]}
            case Type():
                position = None if request.position is None else Fix(*request.position)
                self._handset(request.card).type_text(request.text, request.to, position)
            case Garbage():
                self._terminal(request.terminal).garbage(request.bytes)
            case OutageRequest():
                world.sky.outage(request.seconds, request.card)
            case Plain(op="end_outages"):
                world.sky.end_outages()
            case Plain():
                return self._status()
        return {}

    async def _wait_inbox(self, request: WaitInbox) -> dict[str, Any]:
        try:
            async with asyncio.timeout(request.timeout_s):
                received = await self._handset(request.card).wait_inbox(request.containing, request.after)
        except TimeoutError:
            raise Refused(
                f"card {request.card}: nothing with {request.containing!r} in {request.timeout_s:g} s"
            ) from None
        return {"received": _shown(received)}

    async def _fault(self, request: Fault) -> None:
        terminal, port = self._terminal(request.terminal), self._world.ports[request.terminal]
        match request.op:
            case "unplug" if terminal.plugged:
                terminal.unplug()
                await port.close()
            case "plug" if not terminal.plugged:
                await port.open()
                terminal.plug()
            case "hang":
                terminal.hang()
            case "resume":
                terminal.resume()
            case "duplicate":
                terminal.duplicate_next()
            case "drop_feedback":
                terminal.drop_feedback_next()
            case "stop_status":
                terminal.stop_status()
            case "power_cycle":
                terminal.power_cycle()

    def _status(self) -> dict[str, Any]:
        world = self._world
        return {
            "now_s": world.sky.now_s(),
            "sky": world.sky.status(),
            "terminals": {
                name: {"card": terminal.card, "plugged": terminal.plugged, **terminal.counters}
                for name, terminal in world.terminals.items()
            },
            "handsets": {
                str(card): {"sent": handset.sent, "waiting": handset.waiting, "inbox": len(handset.inbox)}
                for card, handset in world.handsets.items()
            },
        }

    def _handset(self, card: int) -> Handset:
        if card not in self._world.handsets:
            raise Refused(f"no handset with card {card}; there are {sorted(self._world.handsets)}")
        return self._world.handsets[card]

    def _terminal(self, name: str) -> SimulatedTerminal:
        if name not in self._world.terminals:
            raise Refused(f"no terminal {name!r}; there are {sorted(self._world.terminals)}")
        return self._world.terminals[name]


def _shown(received: Received) -> dict[str, Any]:
    return {"at_s": received.at_s, "sender": received.sender, "text": received.text}
