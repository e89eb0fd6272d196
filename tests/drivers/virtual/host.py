"""The host's end of a simulated terminal's cable, for tests: commands in, decoded answers out."""

import asyncio
import random

import pytest

from drivers.virtual.handset import Handset
from drivers.virtual.sky import Sky
from drivers.virtual.terminals import simulated_terminal
from protocols.beidou import bd3, bd21_host, bd40_host
from protocols.beidou.payload import Payload
from protocols.beidou.reader import BeidouReader
from tests.drivers.virtual.rig import CALM

CARD, FAR, SUBORDINATE, BROADCAST = 242286, 179773, 100001, 1933442
PROTOCOLS = ("bd-2.1", "bd-4.0", "bd-3")


class Host:
    """The far end of the cable: writes commands, keeps what the terminal says, decoded."""

    def __init__(self, protocol, *, sky=None, **settings):
        self.sky = sky or Sky(random.Random(1), CALM)
        self.terminal = simulated_terminal(protocol, self.sky, CARD, **settings)
        self.far = Handset(self.sky, FAR, frequency_s=0.0)
        self.reader = BeidouReader()
        self.events = []
        self.terminal.attach(lambda data: self.events.extend(self.reader.feed(data)))

    async def ask(self, *commands, wait_s=1.0):
        """Write commands and return what was said meanwhile, beams apart."""
        self.events.clear()
        for command in commands:
            self.terminal.receive(command if isinstance(command, bytes) else command.to_wire())
        await asyncio.sleep(wait_s)
        return [event for event in self.events if not isinstance(event, bd3.BDPWI)]

    async def send(self, payload, to=FAR, *, urgent=False):
        """Ask the terminal to send, in its own protocol; return (left, reason code, wait in seconds)."""
        match self.terminal.PROTOCOL:
            case "bd-2.1":
                (feedback,) = await self.ask(bd21_host.CCTXA.of(to, payload, urgent=urgent))
                return feedback.executed, feedback.inhibit, feedback.wait_s
            case "bd-4.0":
                (feedback,) = await self.ask(bd40_host.TXSQ.of(to, payload, urgent=urgent))
                return feedback.flag == 0, feedback.flag, feedback.extra[3] if feedback.flag == 4 else 0
            case _:
                (feedback,) = await self.ask(bd3.CCTCQ.of(to, payload))
                return feedback.executed, feedback.reason, feedback.wait_s


each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)
TEXT = Payload.of_text("平安")
