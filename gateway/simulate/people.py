"""The people of a scenario: what they will say and when, drawn ahead by the seed, and what they do about it.

A person with a handset types, waits for the short receipt and types the same again when none comes. What somebody means
to say first is fixed by the seed alone; only repeats and answers depend on what the gateways do.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.link import Outgoing, Payload
from gateway.model import MessageKind
from gateway.simulate.channel import exponential
from gateway.simulate.scenario import HOUR_S, MIN_S, REPORT_KINDS
from gateway.simulate.texts import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.link import Heard
    from gateway.simulate.ether import Device, Ether
    from gateway.simulate.scenario import Burst, PeopleTable, ReportKind, Scenario

TYPED_MAX = 1_000
"""Texts that wait in one handset for its slot; a person does not type more."""

EVENTS_MAX = 500_000
"""Reports and orders of one run; more takes too long to be a simulation."""

READS_AND_ANSWERS_S = 30.0
"""How long a person takes to read an order and type its number."""

_RECEIPT = re.compile(r"收到")
_ORDER = re.compile(r"(?:令|Order )(\d+)")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that somebody will say."""

    at_s: float
    who: str
    """``card:300001``, ``handin:v1``, ``stream:0:300001`` or ``order:station:v1``."""
    kind: MessageKind
    text: str


def draw_events(scenario: Scenario, seed: int) -> list[Event]:
    """Return all that will be said in a run, in order of time; the numbers in the texts ascend with it."""
    until_s = scenario.scenario.hours * HOUR_S
    found: list[tuple[float, str, MessageKind, float]] = []
    for people in scenario.people:
        for card in range(people.first_card, people.first_card + people.handsets):
            rng = random.Random(f"{seed}/person/{card}")
            found += _reports(rng, f"card:{card}", _by_kind(people.reports_per_hour), people.burst, until_s)
    for hand_in in scenario.hand_ins:
        rng = random.Random(f"{seed}/handin/{hand_in.station}")
        found += _reports(rng, f"handin:{hand_in.station}", _by_kind(hand_in.reports_per_hour), hand_in.burst, until_s)
    for number, stream in enumerate(scenario.streams):
        rng = random.Random(f"{seed}/stream/{number}")
        shares, total = _by_kind(stream.kinds), sum(stream.kinds.values())
        rates = {kind: share / total * stream.per_min * 60.0 for kind, share in shares.items()}
        for at_s, _, kind, unit in _reports(rng, "", rates, stream.burst, until_s):
            card = stream.first_card + int(rng.random() * stream.handsets)
            found.append((at_s, f"stream:{number}:{card}", kind, unit))
    for number, order in enumerate(scenario.orders):
        rng = random.Random(f"{seed}/orders/{number}")
        for at_s, _, kind, unit in _reports(rng, "", {MessageKind.COMMAND: order.per_hour}, None, until_s):
            found.append((at_s, f"order:{number}:{_ordered(scenario, order.to, rng)}", kind, unit))
    assert len(found) <= EVENTS_MAX, f"{len(found)} reports and orders, at most {EVENTS_MAX} are simulated"
    found.sort(key=lambda one: one[:2])
    return [
        Event(at_s, who, kind, text_of(kind, number, unit)) for number, (at_s, who, kind, unit) in enumerate(found, 1)
    ]


def _by_kind(rates: Mapping[ReportKind, float]) -> dict[MessageKind, float]:
    """Return the rates in the program's own order of kinds, whatever the order in the file."""
    return {MessageKind(kind): rates[kind] for kind in REPORT_KINDS if rates.get(kind)}


def _reports(
    rng: random.Random, who: str, rates: Mapping[MessageKind, float], burst: Burst | None, until_s: float
) -> list[tuple[float, str, MessageKind, float]]:
    """Draw a Poisson process whose rate is higher during the burst."""
    per_s = sum(rates.values()) / HOUR_S
    found: list[tuple[float, str, MessageKind, float]] = []
    if not per_s:
        return found
    at_s = 0.0
    while True:
        at_s = _advance(at_s, exponential(rng.random(), 1.0) / per_s, burst)
        if at_s >= until_s:
            return found
        kind = _pick(rng.random(), rates)
        found.append((round(at_s, 3), who, kind, rng.random()))


def _advance(at_s: float, work: float, burst: Burst | None) -> float:
    """Return when so much of the normal rate's time has passed, which goes ``times`` as fast during the burst."""
    if burst is None:
        return at_s + work
    start_s, end_s = burst.at_min * MIN_S, (burst.at_min + burst.lasts_min) * MIN_S
    for until_s, speed in ((start_s, 1.0), (end_s, burst.times)):
        if at_s < until_s:
            there = (until_s - at_s) * speed
            if work < there:
                return at_s + work / speed
            work -= there
            at_s = until_s
    return at_s + work


def _pick(unit: float, rates: Mapping[MessageKind, float]) -> MessageKind:
    left = unit * sum(rates.values())
    for kind, rate in rates.items():
        left -= rate
        if left < 0:
            return kind
    return list(rates)[-1]


def _ordered(scenario: Scenario, to: str, rng: random.Random) -> str:
    """Return the endpoint of an order: the station, or the card of one of these people."""
    kind, _, name = to.partition(":")
    if kind == "station":
        return to
    people = next(one for one in scenario.people if one.name == name)
    return f"card:{people.first_card + int(rng.random() * people.handsets)}"


class Person:
    """One person with a handset, who keeps to one gateway."""

    def __init__(
        self,
        device: Device,
        ether: Ether,
        people: PeopleTable,
        to_card: str,
        on_order: Callable[[str, str], None],
    ) -> None:
        self._device = device
        self._ether = ether
        self._people = people
        self._to_card = to_card
        self._on_order = on_order
        self._typed: deque[tuple[str, str, int]] = deque()
        """Texts that wait for the slot, to which card, and how often each was typed before."""
        self._waiting: deque[str] = deque()
        """Texts that left and have no receipt, oldest first."""
        self._slot_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        device.on_heard = self._hear

    def report(self, text: str, times: int = 0) -> None:
        """Type a report and press send; it leaves in the handset's slot, and its receipt is waited for."""
        self._type(text, self._to_card, times)

    def _type(self, text: str, to_card: str, times: int) -> None:
        if len(self._typed) >= TYPED_MAX:
            return
        self._typed.append((text, to_card, times))
        if self._timer is None:
            self._press()

    def _press(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        now_s = loop.time()
        if now_s >= self._slot_s:
            text, to_card, times = self._typed.popleft()
            self._send(text, to_card, times, now_s)
        if self._typed:
            self._timer = loop.call_at(self._slot_s, self._press)

    def _send(self, text: str, to_card: str, times: int, now_s: float) -> None:
        figures = self._device.end.figures
        self._slot_s = now_s + figures.slot_s
        self._ether.transmit(self._device, Outgoing(to_card, Payload.of_text(text)), now_s, figures.frame_bytes)
        if not _RECEIPT.match(text):
            if text not in self._waiting:
                self._waiting.append(text)
            patience_s = self._people.patience_min * MIN_S
            asyncio.get_running_loop().call_at(now_s + patience_s, self._lose_patience, text, times)

    def _lose_patience(self, text: str, times: int) -> None:
        if text not in self._waiting:
            return
        if times < self._people.repeats:
            self.report(text, times + 1)
        else:
            self._waiting.remove(text)

    def _hear(self, heard: Heard) -> None:
        """Read what came: an order is answered by its number, a receipt ends the waiting for the oldest reports."""
        text = heard.payload.text
        order = _ORDER.match(text)
        if order:
            self._on_order(self._device.end.station, text)
            loop = asyncio.get_running_loop()
            loop.call_later(READS_AND_ANSWERS_S, self._type, f"收到 {order[1]}", heard.peer, 0)
        elif _RECEIPT.search(text):
            for _ in range(max(1, len(_DIGITS.findall(text)))):
                if self._waiting:
                    self._waiting.popleft()
