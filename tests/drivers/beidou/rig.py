"""The Beidou driver's rig: a simulated terminal on a cable in memory, under a sky that loses nothing."""

import random
from types import MappingProxyType

from drivers.beidou.link import BeidouLink
from drivers.beidou.settings import BeidouSettings
from drivers.virtual.memory_port import MemoryPort
from drivers.virtual.sky import Sky
from drivers.virtual.terminals import simulated_terminal
from gateway.link import LinkContext
from tests.contract.check_link import Rig
from tests.drivers.virtual.rig import BROADCAST, CALM, CARD, FAR, Far

MARGIN_S = 2.0
LEVELS = {"bd-2.1": 3, "bd-4.0": 3, "bd-3": 2}


class BeidouRig(Rig):
    """A command terminal of one protocol; subclasses vary it."""

    peer = str(FAR)
    within_s = 60.0
    recover_s = 120.0
    slot_s = 60.0 + MARGIN_S
    protocol = "bd-2.1"
    commands = True
    sends_broadcast = True
    baud = 115_200
    terminal_settings = MappingProxyType({})
    link_settings = MappingProxyType({})
    link_class = BeidouLink

    def __init__(self):
        self.sky = Sky(random.Random(1), CALM)
        self.far = Far(self.sky, commands=not self.commands)
        self.terminal = simulated_terminal(
            self.protocol,
            self.sky,
            CARD,
            **{
                "level": LEVELS[self.protocol],
                "broadcast": BROADCAST,
                "command": self.commands,
                "subordinates": (FAR, 300_001) if self.commands else (),
                "baud": self.baud,
                **self.terminal_settings,
            },
        )
        self.port = MemoryPort(self.terminal)
        self.settings = BeidouSettings(url="/dev/ttyUSB0", **{"slot_margin_s": MARGIN_S, **self.link_settings})

    def make_link(self, memory):
        context = LinkContext("bd1", memory, random.Random(1))
        return self.link_class(self.settings, context, self.port.opener)

    def far_send(self, payload, *, broadcast=False):
        self.far.send(payload, BROADCAST if broadcast else CARD)

    def aired(self):
        return list(self.far.inbox)

    def handles(self):
        return self.port.handles

    def unplug(self):
        self.terminal.unplug()

    def plug(self):
        self.terminal.plug()

    def hang(self):
        self.terminal.hang()
        # SimulatedTerminal.hang keeps commands it had not begun and after resume answers each question with the one
        # before it; its own docstring says they are lost
        self.terminal._waiting.clear()

    def resume(self):
        self.terminal.resume()

    def garbage(self, count):
        self.terminal.garbage(count)

    def dark(self):
        self.sky.outage(1e9, CARD)

    def light(self):
        self.sky.end_outages()


class Ordinary(BeidouRig):
    """An ordinary terminal: hears broadcasts, sends none."""

    commands = False
    sends_broadcast = False
    hears_broadcast = True


def rigs():
    """Return a rig class for every protocol, ordinary and command, one of each at a rate that must be found."""
    for protocol, baud in (("bd-2.1", 115_200), ("bd-4.0", 19_200), ("bd-3", 9_600)):
        for base in (Ordinary, BeidouRig):
            yield type(f"{base.__name__}-{protocol}", (base,), {"protocol": protocol, "baud": baud})


def rig(base=Ordinary, **attributes):
    """Make a rig with some attributes changed."""
    return type(base.__name__, (base,), attributes)()
