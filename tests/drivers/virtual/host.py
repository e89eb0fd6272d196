"""The host's end of a simulated terminal's cable, for tests: commands in, decoded answers out."""

import asyncio
import random

import pytest

from drivers.virtual.handset import Handset
from drivers.virtual.sky import Sky
from drivers.virtual.terminals import simulated_terminal
from protocols.beidou import bd3, bd21_host, bd21_terminal, bd40_host, bd40_terminal
from protocols.beidou.payload import Payload
from protocols.beidou.reader import BeidouReader
from tests.drivers.virtual.rig import CALM

CARD, FAR, SUBORDINATE, BROADCAST = 242286, 179773, 100001, 1933442
PROTOCOLS = ("bd-2.1", "bd-4.0", "bd-3")
FEEDBACK = bd21_terminal.BDFKI21 | bd40_terminal.FKXX | bd3.BDFKI3


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
        commands = {
            "bd-2.1": lambda: bd21_host.CCTXA.of(to, payload, urgent=urgent),
            "bd-4.0": lambda: bd40_host.TXSQ.of(CARD, to, payload, urgent=urgent),
            "bd-3": lambda: bd3.CCTCQ.of(to, payload),
        }
        said = await self.ask(commands[self.terminal.PROTOCOL]())
        (feedback,) = [event for event in said if isinstance(event, FEEDBACK)]
        match feedback:
            case bd21_terminal.BDFKI21():
                return feedback.executed, feedback.inhibit, feedback.wait_s
            case bd40_terminal.FKXX():
                return feedback.flag == 0, feedback.flag, feedback.extra[3] if feedback.flag == 4 else 0
            case _:
                return feedback.executed, feedback.reason, feedback.wait_s


each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)
TEXT = Payload.of_text("平安")
