"""The virtual link's rig for the conformance kit: a device and a handset under a sky without loss."""

import random

from drivers.virtual.device import VirtualDevice
from drivers.virtual.driver import VirtualLink, VirtualSettings
from drivers.virtual.sky import Arrival, Burst, Sky, SkySettings
from gateway.link import LinkContext, Payload, PayloadKind
from protocols.beidou.payload import Payload as Content
from tests.contract.check_link import Rig

CARD, FAR, BROADCAST = 242286, 179773, 1933442
CALM = SkySettings(loss=0.0, delay_mean_s=0.5)
"""A sky that loses nothing and keeps order."""


class Far:
    """The far station: hears everything that is for it or for all."""

    frequency_s = 0.0
    subordinates = ()

    def __init__(self, sky, *, commands):
        self.sky = sky
        self.card = FAR
        self.broadcast = BROADCAST
        self.commands = commands
        self.inbox = []
        sky.register(self)

    def arrive(self, arrival):
        assert isinstance(arrival, Arrival)
        content = arrival.payload
        self.inbox.append(Payload.of_bytes(content.data) if content.text is None else Payload.of_text(content.text))
        return True

    def send(self, payload, to):
        content = Content.of_text(payload.text) if payload.kind is PayloadKind.TEXT else Content.of_bytes(payload.data)
        self.sky.transmit(Burst(self.card, to, content))


class VirtualRig(Rig):
    """A command card that sends broadcasts; OrdinaryRig is the one that hears them."""

    peer = str(FAR)
    within_s = 5.0
    recover_s = 60.0
    slot_s = 60.0
    sends_broadcast = True
    commands = True
    link_class = VirtualLink

    def __init__(self):
        self.sky = Sky(random.Random(1), CALM)
        self.far = Far(self.sky, commands=not self.commands)
        self.settings = VirtualSettings(card=CARD, broadcast=BROADCAST, commands=self.commands)
        self.device = VirtualDevice(self.sky, CARD, broadcast=BROADCAST, commands=self.commands)

    def make_link(self, memory):
        return self.link_class(self.settings, LinkContext("test", memory, random.Random(1)), self.device)

    def far_send(self, payload, *, broadcast=False):
        self.far.send(payload, BROADCAST if broadcast else CARD)

    def aired(self):
        return list(self.far.inbox)

    def handles(self):
        return self.device.handles

    def unplug(self):
        self.device.unplug()

    def plug(self):
        self.device.plug()

    def hang(self):
        self.device.hang()

    def resume(self):
        self.device.resume()

    def garbage(self, count):
        del count  # there is no line

    def dark(self):
        self.sky.outage(1e9, CARD)

    def light(self):
        self.sky.end_outages()


class OrdinaryRig(VirtualRig):
    """An ordinary card: hears broadcasts, sends none."""

    sends_broadcast = False
    hears_broadcast = True
    commands = False
