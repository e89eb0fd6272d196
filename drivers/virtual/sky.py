"""One simulated Beidou sky: cards, bursts between them, and everything that goes wrong on the way.

A burst goes up to the centre station blindly, is stored there, and comes down to its receiver and to the command
terminals that overhear either end. Published figures (reference/beidou.md section 6, [GU2015], long test over BD-2):
95.5 % of single packets arrive, after 3.8 s on average.

Choices where nothing is published: the loss is the same on the way up and on the way down and independent
(``1 - sqrt(1 - loss)`` each), so what is lost on the way up is lost for everybody; the delay is two hops of
geostationary light time (0.5 s) plus a gamma distribution of shape 2, which gives one hump, a long tail, and so
reordering. Not simulated: collisions between cards, the RF itself, congestion at the centre.

Times called ``_s`` are loop seconds; the sky's own clock starts at 0 when it is first used. All timing is by
``loop.call_later``, so one seed on the virtual-time loop is one course of events.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import math
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import random
    from collections.abc import Collection

    from gateway.link import Fix
    from protocols.beidou.payload import Payload

LOSS = 0.045
DELAY_MEAN_S = 3.8
HOPS_S = 0.5
"""Terminal → satellite → centre → satellite → terminal at the speed of light, 4 × 36 000 km."""
DELAY_SHAPE = 2.0
BEAMS = 10
"""Beams of the BD-2 sentence BSI; 4.0 and Beidou-3 terminals show them in their own number."""
STORED_MAX = 16
"""Messages that the centre keeps for one receiver; older ones are forgotten."""
RECEIPTS_MAX = 5
"""Receipt pairs in one answer (BDHZR, TXHZ)."""
CARDS_MAX = 1_000_000
"""Cards that were ever spoken of under one sky."""
IN_FLIGHT_MAX = 100_000
"""Copies on their way at one moment; more is a runaway simulation."""


@dataclass(frozen=True, slots=True)
class Outage:
    """No signal from ``start_s`` to ``end_s`` of the sky's clock, for one card or (None) for all."""

    start_s: float
    end_s: float
    card: int | None = None


@dataclass(frozen=True, slots=True)
class SkySettings:
    """How the sky behaves."""

    loss: float = LOSS
    delay_mean_s: float = DELAY_MEAN_S
    delay_min_s: float = HOPS_S
    """Equal to the mean, every delay is the same."""
    duplicate: float = 0.0
    """Share of copies that arrive a second time."""
    outages: tuple[Outage, ...] = ()
    start_utc: dt.datetime = dt.datetime(2026, 9, 1, 0, 0, tzinfo=dt.UTC)
    """What the terminals' clocks show when the sky's clock is 0."""


class Way(enum.Enum):
    """Why something arrives; the values are field 1 of BDTXR (reference section 2.5)."""

    MESSAGE = 1
    BROADCAST = 3
    LATEST = 4
    """Answer to a query for the latest stored message."""
    BY_SENDER = 5
    """Answer to a query for the messages of one sender."""
    POSITION = 6
    """Answer to a command terminal's query for a subordinate's position."""


@dataclass(frozen=True, slots=True)
class Burst:
    """What leaves a terminal: a message (``payload``), a position report (``fix``), or both empty for a fix request."""

    sender: int
    receiver: int
    payload: Payload | None = None
    fix: Fix | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """What reaches one station. ``receiver`` differs from the station's card in broadcasts and overheard copies."""

    sender: int
    receiver: int
    way: Way
    utc: dt.datetime
    """When the centre had it."""
    payload: Payload | None = None
    fix: Fix | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class ReceiptList:
    """The centre's answer to a receipt query: for ``receiver``, up to five pairs (sent, received)."""

    receiver: int
    pairs: tuple[tuple[dt.datetime, dt.datetime], ...]


class Station(Protocol):
    """A terminal or handset under the sky."""

    card: int
    frequency_s: float
    broadcast: int
    """Broadcast address it hears, or sends with when it commands; 0 is none."""
    commands: bool
    subordinates: Collection[int]

    def arrive(self, arrival: Arrival | ReceiptList) -> bool:
        """Take what came down; False when it could not (switched off, hung, nobody at the port)."""


@dataclass(slots=True)
class SkyCounters:
    """Where everything went. A copy is one burst or answer on its way to one station."""

    bursts: int = 0
    """Left a terminal."""
    early: int = 0
    """Of these, sooner after the last one than the card allows: a terminal or its driver has erred."""
    copies: int = 0
    lost: int = 0
    """Lost up or down, at the rate of ``loss``."""
    blocked: int = 0
    """Lost because of an outage at either end."""
    missed: int = 0
    """Came down where no station could take it."""
    arrived: int = 0
    in_flight: int = 0

    def balanced(self) -> bool:
        """Tell whether every copy is accounted for."""
        return self.copies == self.lost + self.blocked + self.missed + self.arrived + self.in_flight


@dataclass(slots=True)
class _Stored:
    arrival: Arrival
    received: dt.datetime | None = None


@dataclass(slots=True)
class _Card:
    """What the sky keeps of one card, whether or not its station is there now."""

    beams: tuple[int, ...]
    station: Station | None = None
    last_s: float = -math.inf
    stored: deque[_Stored] = field(default_factory=lambda: deque(maxlen=STORED_MAX))
    fix: Fix | None = None


class Sky:
    """The air between stations; see the module's text."""

    def __init__(self, rng: random.Random, settings: SkySettings | None = None) -> None:
        self._rng = rng
        self.settings = settings or SkySettings()
        self.counters = SkyCounters()
        self._cards: dict[int, _Card] = {}
        self._commanding: dict[int, Station] = {}
        self._hearing: dict[int, dict[int, None]] = {}
        self._outages: list[Outage] = list(self.settings.outages)
        self._start_s: float | None = None
        self._leg_loss = 1.0 - math.sqrt(1.0 - self.settings.loss)

    # -- stations

    def register(self, station: Station) -> None:
        """Put a station under the sky; its card must not be there already."""
        card = self._card(station.card)
        assert card.station is None, f"card {station.card} is already under this sky"
        card.station = station
        if station.commands:
            self._commanding[station.card] = station
        elif station.broadcast:
            self._hearing.setdefault(station.broadcast, {})[station.card] = None

    def unregister(self, station: Station) -> None:
        """Take a station away; what comes down for it is missed, what is stored for it stays."""
        self._card(station.card).station = None
        self._commanding.pop(station.card, None)
        self._hearing.get(station.broadcast, {}).pop(station.card, None)

    def _card(self, number: int) -> _Card:
        self.now_s()
        if number not in self._cards:
            assert len(self._cards) < CARDS_MAX, "more cards than a simulation can mean"
            beams = [0] * BEAMS
            for beam in self._rng.sample(range(BEAMS), 2):
                beams[beam] = self._rng.choice((3, 4))
            self._cards[number] = _Card(tuple(beams))
        return self._cards[number]

    # -- time and signal

    def now_s(self) -> float:
        """Return the sky's own clock, 0 at first use."""
        now_s = asyncio.get_running_loop().time()
        if self._start_s is None:
            self._start_s = now_s
        return now_s - self._start_s

    def utc(self) -> dt.datetime:
        """Return what the terminals' clocks show."""
        return self.settings.start_utc + dt.timedelta(seconds=self.now_s())

    def outage(self, seconds: float, card: int | None = None) -> None:
        """Begin an outage now."""
        now_s = self.now_s()
        self._outages = [outage for outage in self._outages if outage.end_s > now_s]
        self._outages.append(Outage(now_s, now_s + seconds, card))

    def end_outages(self) -> None:
        """End every outage that is on now."""
        now_s = self.now_s()
        self._outages = [outage for outage in self._outages if outage.start_s > now_s]

    def dark(self, card: int) -> bool:
        """Tell whether a card has no signal now."""
        now_s = self.now_s()
        return any(o.card in {None, card} and o.start_s <= now_s < o.end_s for o in self._outages)

    def beams(self, card: int) -> tuple[int, ...]:
        """Return the power 0-4 of each of the ten beams as this card sees them now."""
        return (0,) * BEAMS if self.dark(card) else self._card(card).beams

    # -- bursts

    def transmit(self, burst: Burst) -> None:
        """Take a burst that has left a terminal. The sender learns nothing of what becomes of it."""
        if not self._uplink(burst.sender):
            for _ in self._receivers(burst):
                self._lose(burst.sender)
            return
        utc = self.utc()
        if burst.fix is not None:
            self._card(burst.sender).fix = burst.fix
        way = Way.BROADCAST if self._is_broadcast(burst) else Way.MESSAGE
        stored = None
        arrival = Arrival(burst.sender, burst.receiver, way, utc, burst.payload, burst.fix, burst.urgent)
        if way is Way.MESSAGE and burst.payload is not None:
            stored = _Stored(arrival)
            self._card(burst.receiver).stored.append(stored)
        for card in self._receivers(burst):
            self._send_down(card, arrival, stored if card == burst.receiver else None)

    def query_messages(self, card: int, sender: int | None = None) -> None:
        """Take a card's query for its latest stored message, or for the latest of one sender."""
        if not self._uplink(card):
            self._lose(card)
            return
        way = Way.LATEST if sender is None else Way.BY_SENDER
        for stored in reversed(self._card(card).stored):
            found = stored.arrival
            if sender in {None, found.sender}:
                answer = Arrival(found.sender, card, way, found.utc, found.payload, found.fix, found.urgent)
                self._send_down(card, answer, stored)
                return

    def query_receipts(self, card: int, receiver: int) -> None:
        """Take a card's query for which of its messages ``receiver`` has received."""
        if not self._uplink(card):
            self._lose(card)
            return
        pairs = [
            (stored.arrival.utc, stored.received)
            for stored in self._card(receiver).stored
            if stored.arrival.sender == card and stored.received is not None
        ]
        self._send_down(card, ReceiptList(receiver, tuple(pairs[-RECEIPTS_MAX:])), None)

    def query_position(self, card: int, subordinate: int) -> None:
        """Take a command card's query for the position that a subordinate last reported."""
        if not self._uplink(card):
            self._lose(card)
            return
        fix = self._card(subordinate).fix
        if fix is not None:
            self._send_down(card, Arrival(subordinate, card, Way.POSITION, self.utc(), fix=fix), None)

    def request_fix(self, card: int, fix: Fix) -> None:
        """Take a card's request to be positioned by the centre, which finds it where it is."""
        if not self._uplink(card):
            self._lose(card)
            return
        self._card(card).fix = fix
        self._send_down(card, Arrival(card, card, Way.POSITION, self.utc(), fix=fix), None)

    # -- the ways up and down

    def _uplink(self, card: int) -> bool:
        """Count a burst that left ``card`` and tell whether the centre has it."""
        sender, now_s = self._card(card), self.now_s()
        self.counters.bursts += 1
        if sender.station is not None and now_s < sender.last_s + sender.station.frequency_s - 1e-6:
            self.counters.early += 1
        sender.last_s = now_s
        heard = self._rng.random() >= self._leg_loss
        return heard and not self.dark(card)

    def _lose(self, sender: int) -> None:
        self.counters.copies += 1
        if self.dark(sender):
            self.counters.blocked += 1
        else:
            self.counters.lost += 1

    def _is_broadcast(self, burst: Burst) -> bool:
        """Tell whether a command terminal sends to its own broadcast address; nobody else can (reference 4.3)."""
        commander = self._commanding.get(burst.sender)
        return commander is not None and burst.receiver == commander.broadcast != 0

    def _receivers(self, burst: Burst) -> list[int]:
        """Return the cards that a burst comes down to: receiver or members, and command terminals that overhear."""
        broadcast = self._is_broadcast(burst)
        direct = list(self._hearing.get(burst.receiver, ())) if broadcast else [burst.receiver]
        ends = {burst.sender, *direct}
        overhearing = [
            card
            for card, station in self._commanding.items()
            if card not in ends and not ends.isdisjoint(station.subordinates)
        ]
        return [*direct, *overhearing]

    def _send_down(self, card: int, arrival: Arrival | ReceiptList, stored: _Stored | None) -> None:
        copies = 2 if self._rng.random() < self.settings.duplicate else 1
        for _ in range(copies):
            self.counters.copies += 1
            self.counters.in_flight += 1
            assert self.counters.in_flight <= IN_FLIGHT_MAX, "more copies in flight than a simulation can mean"
            asyncio.get_running_loop().call_later(self._delay_s(), self._come_down, card, arrival, stored)

    def _delay_s(self) -> float:
        least_s = self.settings.delay_min_s
        rest_s = self.settings.delay_mean_s - least_s
        return least_s + (self._rng.gammavariate(DELAY_SHAPE, rest_s / DELAY_SHAPE) if rest_s > 0 else 0.0)

    def _come_down(self, card: int, arrival: Arrival | ReceiptList, stored: _Stored | None) -> None:
        self.counters.in_flight -= 1
        station = self._card(card).station
        if self.dark(card):
            self.counters.blocked += 1
        elif self._rng.random() < self._leg_loss:
            self.counters.lost += 1
        elif station is None or not station.arrive(arrival):
            self.counters.missed += 1
        else:
            self.counters.arrived += 1
            if stored is not None and stored.received is None:
                stored.received = self.utc()

    def status(self) -> dict[str, int]:
        """Return the counters as plain values."""
        return asdict(self.counters)
