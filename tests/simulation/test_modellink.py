"""The link on a modelled device keeps the link contract, on a bearer with slots and on one without."""

import random

import pytest

from gateway.link import Addressed, Heard, LinkContext, SendOutcome
from gateway.simulate.bearers import End, Figures
from gateway.simulate.ether import Device, Ether
from gateway.simulate.modellink import ModelLink
from tests.contract.check_link import CHECKS, Rig

BEIDOU = Figures("beidou", 78, 20.0, 0.2, 0.0, SendOutcome.ACCEPTED, 0.0, 0.5, 0.5, 20.0)
SATCOM = Figures("satcom", 140, 0.0, 2.0, 0.5, SendOutcome.RELAYED, 0.0, 0.5, 0.5, 5.0, stores=True)


class ModelRig(Rig):
    """A modelled device as the contract kit sees it."""

    within_s = 5.0
    recover_s = 200.0
    figures: Figures

    def __init__(self):
        self.slot_s = self.figures.slot_s
        self.hears_broadcast = True
        self.ether = Ether(1)
        self.device = self.ether.add(Device(End("v1", "one", "200101", self.figures), hears_broadcast=True))
        self.far = self.ether.add(Device(End("hq", "one", self.peer, self.figures)))
        self.left = []
        transmit = self.ether.transmit

        def watched(device, outgoing, at_s, size_bytes):
            self.left.append(outgoing.payload)
            transmit(device, outgoing, at_s, size_bytes)

        self.ether.transmit = watched

    peer = "200001"

    def make_link(self, memory):
        return ModelLink(self.device, self.ether, LinkContext("one", memory, random.Random(1)))

    def far_send(self, payload, *, broadcast=False):
        addressed = Addressed.BROADCAST if broadcast else Addressed.ME
        self.device.arrive(Heard(peer=self.peer, payload=payload, addressed=addressed))

    def aired(self):
        return list(self.left)

    def handles(self):
        return self.device.handles

    def unplug(self):
        self.device.change(plugged=False)

    def plug(self):
        self.device.change(plugged=True, hung=False)

    def hang(self):
        self.device.change(hung=True)

    def resume(self):
        self.device.change(hung=False)

    def garbage(self, count):
        """There is no line."""

    def dark(self):
        self.device.change(lit=False)

    def light(self):
        self.device.change(lit=True)


class BeidouRig(ModelRig):
    figures = BEIDOU


class SatcomRig(ModelRig):
    figures = SATCOM


@pytest.mark.parametrize("rig", [BeidouRig, SatcomRig], ids=["beidou", "satcom"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_model_link_keeps_the_contract(check, rig):
    """A modelled device is a link like any other."""
    await check(rig)
