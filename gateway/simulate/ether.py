"""What joins the devices of a simulated world: who hears a frame, when, and what was used for it.

A frame to an address reaches the device that has it; on a shared frequency (HF) every other station overhears it, and
a Beidou command terminal overhears what its subordinates send. Each copy goes its own way, so that one station
may hear what another has lost. Times are seconds of the loop, which begins at 0.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.link import BROADCAST_PEER, Addressed, Heard, PayloadKind
from gateway.simulate.bearers import Way

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.link import Outgoing, Payload
    from gateway.simulate.bearers import End

INBOX_MAX = 10_000
"""Payloads that wait at one device for its link; more are missed, as in a device whose memory is full."""

IN_FLIGHT_MAX = 100_000
"""Copies on their way at one moment; more is a runaway simulation."""


@dataclass(slots=True)
class Used:
    """What a device has sent."""

    frames: int = 0
    bytes: int = 0
    airtime_s: float = 0.0
    money: float = 0.0
    minutes: dict[int, int] = field(default_factory=dict)
    """Frames by the minute in which they began; no run has more minutes than its scenario."""


@dataclass(eq=False, slots=True)
class Device:
    """A terminal, modem or handset: what stays when the program that uses it goes."""

    end: End
    commands: bool = False
    """A Beidou command terminal: overhears its subordinates and may broadcast."""
    hears_broadcast: bool = False
    subordinate: bool = False
    """Whether command terminals overhear what it sends (both directions: unconfirmed, reference/beidou.md section 4.1)."""
    plugged: bool = True
    hung: bool = False
    lit: bool = True
    """False: no signal by a fault, beside what ``end.seen`` says."""
    handles: int = 0
    """Links that have it open now."""
    inbox: deque[Heard] = field(default_factory=deque)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    on_heard: Callable[[Heard], None] | None = None
    """Set where no link but a person has it: called for everything that comes."""
    used: Used = field(default_factory=Used)
    missed: int = 0
    """What came while nobody could take it."""

    def sees_signal(self, now_s: float) -> bool:
        """Tell whether the device itself believes that it can send."""
        return self.lit and self.end.seen.up_at(now_s)

    def change(self, *, plugged: bool | None = None, hung: bool | None = None, lit: bool | None = None) -> None:
        """Change what was given, and wake the link."""
        self.plugged = self.plugged if plugged is None else plugged
        self.hung = self.hung if hung is None else hung
        self.lit = self.lit if lit is None else lit
        self.changed.set()

    def arrive(self, heard: Heard) -> None:
        """Take what has come down. A network that stores keeps it while no program listens; the others do not."""
        if self.on_heard is not None:
            self.on_heard(heard)
        elif (
            self.plugged and not self.hung and (self.handles or self.end.figures.stores) and len(self.inbox) < INBOX_MAX
        ):
            self.inbox.append(heard)
            self.changed.set()
        else:
            self.missed += 1


class Ether:
    """All devices of one world."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._devices: dict[tuple[str, str], Device] = {}
        self._sharing: dict[str, list[Device]] = {}
        self._commanding: list[Device] = []
        self._ways: dict[tuple[str, str], Way] = {}
        self._busy_until_s: dict[str, float] = {}
        self.in_flight = 0

    def add(self, device: Device) -> Device:
        """Put a device into the world; its address must be free."""
        figures = device.end.figures
        key = (figures.bearer, device.end.address)
        assert key not in self._devices, f"address {device.end.address} on {figures.bearer} is taken"
        self._devices[key] = device
        if figures.shared:
            self._sharing.setdefault(figures.bearer, []).append(device)
        if device.commands:
            self._commanding.append(device)
        return device

    def way(self, sender: End, receiver: End) -> Way:
        """Return the way between two devices, always the same one."""
        key = (sender.name, receiver.name)
        way = self._ways.get(key)
        if way is None:
            way = self._ways[key] = Way(self._seed, sender, receiver)
        return way

    def busy_until_s(self, bearer: str) -> float:
        """Return until when the shared frequency of a bearer is taken."""
        return self._busy_until_s.get(bearer, 0.0)

    def take_frequency(self, device: Device, until_s: float) -> None:
        """Note that a device is on the air until then, so that the others of its frequency wait."""
        if device.end.figures.shared:
            self._busy_until_s[device.end.figures.bearer] = until_s

    def is_taken(self, device: Device, peer: str, at_s: float) -> bool:
        """Tell whether the network takes a frame that started at ``at_s``, as the device sees it."""
        receiver = self._devices.get((device.end.figures.bearer, peer))
        return receiver is None or self.way(device.end, receiver.end).is_taken(at_s)

    def spend_airtime(self, device: Device) -> None:
        """Count a frame that a network did not take: nothing is paid for it."""
        device.used.frames += 1
        device.used.airtime_s = round(device.used.airtime_s + device.end.figures.airtime_s, 3)

    def transmit(self, device: Device, outgoing: Outgoing, at_s: float, size_bytes: int) -> None:
        """Take a frame that started at ``at_s`` and has left the device."""
        used, figures = device.used, device.end.figures
        used.frames += 1
        used.bytes += size_bytes
        used.airtime_s = round(used.airtime_s + figures.airtime_s, 3)
        used.money = round(used.money + figures.price, 6)
        minute = int(at_s // 60)
        used.minutes[minute] = used.minutes.get(minute, 0) + 1
        for receiver, addressed in self._receivers(device, outgoing.peer):
            arrival_s = self.way(device.end, receiver.end).arrival_s(at_s, size_bytes)
            if arrival_s is not None:
                self._send_down(device, receiver, outgoing, addressed, arrival_s)

    def _receivers(self, device: Device, peer: str) -> list[tuple[Device, Addressed]]:
        """Return who hears a frame, and as what: the addressed first."""
        bearer = device.end.figures.bearer
        if peer == BROADCAST_PEER:
            members = [
                one for one in self._devices.values() if one.end.figures.bearer == bearer and one.hears_broadcast
            ]
            return [(one, Addressed.BROADCAST) for one in members if one is not device]
        found = self._devices.get((bearer, peer))
        direct = [] if found is None else [found]
        others = list(self._sharing.get(bearer, ()))
        if device.subordinate:
            others += [one for one in self._commanding if one.end.figures.bearer == bearer]
        overhearing = [one for one in others if one is not device and one is not found]
        return [(one, Addressed.ME) for one in direct] + [(one, Addressed.OVERHEARD) for one in overhearing]

    def _send_down(
        self, device: Device, receiver: Device, outgoing: Outgoing, addressed: Addressed, arrival_s: float
    ) -> None:
        heard = Heard(
            peer=device.end.address,
            payload=outgoing.payload,
            addressed=addressed,
            to_peer=outgoing.peer if addressed is Addressed.OVERHEARD else "",
            urgent=outgoing.urgent and device.end.figures.bearer == "beidou",
        )
        self.in_flight += 1
        assert self.in_flight <= IN_FLIGHT_MAX, "more copies in flight than a simulation can mean"
        loop = asyncio.get_running_loop()
        loop.call_at(max(arrival_s, loop.time()), self._come_down, receiver, heard)

    def _come_down(self, receiver: Device, heard: Heard) -> None:
        self.in_flight -= 1
        receiver.arrive(heard)


def size_bytes_of(payload: Payload) -> int:
    """Return the bytes that a payload takes on a bearer that carries texts as UTF-8."""
    return len(payload.text.encode()) if payload.kind is PayloadKind.TEXT else len(payload.data)
