"""Models of bearers: what the figures of a kind of link are, and when a way between two devices is up.

Figures and where they come from (``reference/`` is the project's collection of what was found in public documents):

- Beidou (reference/beidou.md sections 2.3, 6, [GU2015]): 78-byte frames, one a card's slot (60 s civil), 95.5 % of bursts
  arrive after 3.8 s on average, no evidence of arrival. The way up and the way down lose alike and independently, so what
  is lost on the way up is lost for everybody who would have heard it.
- HF (reference/hf.md sections 9 and 10): frames of libcodec2's data modes, success by SNR as measured on the multipath
  channel MPP, deep fades in bursts of 1-30 s, the band closes for minutes to an hour at dusk and dawn, absorption events of
  10-60 min by day. SNR by distance falls 6 dB a doubling beyond 100 km, which is a choice.
- Satellite messages (reference/satellite.md sections 0, 2, 3, 4): a short-message or datagram network confirms what it took
  and keeps it for a receiver that is away; seconds to a minute; a price a message. Passes of a store-and-forward satellite
  are a choice: a period with jitter, as nobody publishes one that is still in service.
- Mobile IP (sections 0 and 6): 30-100 ms, a datagram of at most 1200 bytes, outages as a timeline.

Not modelled: collisions of cards, congestion in the networks, terrain.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.simulate.channel import ALWAYS, Dice, Drawn, Spans, Together, exponential, next_up_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.link import SendOutcome
    from gateway.simulate.channel import Timeline

HAIR_S = 1e-6
"""A start so much later arrives no earlier for want of digits."""

DAY_S = 86_400.0
HOUR_S = 3_600.0

FADE_S_MEAN = 8.0
"""Deep fades last 1-30 s (reference/hf.md section 10); exponential with this mean, cut at both ends."""
FADE_S_MIN, FADE_S_MAX = 1.0, 30.0

CLOSING_S_MIN, CLOSING_S_MAX = 5 * 60.0, 60 * 60.0
"""How long a band is closed at dusk and at dawn (section 10: minutes to hours)."""
DAWN_H, DUSK_H = 6.0, 18.0

ABSORPTION_S_MIN, ABSORPTION_S_MAX = 10 * 60.0, 60 * 60.0
"""How long an absorption event lasts on the sunlit side (section 10)."""

FULL_KM = 100.0
"""Within this distance the SNR is as given; beyond it falls 6 dB a doubling."""

SNR_STEP_DB = 0.5
"""SNR is taken in steps, so that the last bit of a logarithm decides nothing."""


@dataclass(frozen=True, slots=True)
class HfMode:
    """A data mode of libcodec2: bytes of a frame, seconds of its burst, and its success (%) by SNR on channel MPP."""

    frame_bytes: int
    burst_s: float
    snr_db: tuple[float, ...]
    success: tuple[float, ...]


HF_MODES = {
    "datac0": HfMode(14, 0.66, (-6, -4, -2, 0, 2, 4, 6, 8, 12), (4, 17, 40, 70, 93, 95, 96, 98, 98)),
    "datac1": HfMode(510, 4.40, (0, 2, 4, 6, 8), (0, 15, 70, 98, 100)),
    "datac3": HfMode(126, 3.41, (-6, -4, -2, 0, 2, 4, 6), (0, 2, 34, 78, 96, 98, 100)),
}
"""reference/hf.md sections 9 and 10, the rows "MPP"; libcodec2 1.0.5."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What every frame of a link costs and can, whoever it is for."""

    bearer: str
    frame_bytes: int
    slot_s: float
    airtime_s: float
    price: float
    outcome: SendOutcome
    """What the device answers when the frame has left: ACCEPTED (it left), RELAYED (the network has it)."""
    loss: float
    """Share of frames lost between two stations while the way is up."""
    delay_min_s: float
    delay_mean_s: float
    cell_s: float
    """Frames that begin in the same cell of time share their fate and their delay."""
    stores: bool = False
    """Whether the network keeps what comes for a receiver that is away."""
    shared: bool = False
    """Whether all stations of the bearer use one frequency: they listen before they send, and hear each other."""
    feedback: float = 1.0
    """Share of frames of which the device says anything at all; of the others it is UNKNOWN whether they left."""


@dataclass(frozen=True, slots=True)
class Sky:
    """What changes the success of a bearer's frames with time and distance; without it ``Figures.loss`` is all."""

    mode: HfMode
    snr_day_db: float
    snr_night_db: float
    fade_every_s: float
    absorption_every_s: float
    closes: bool
    start_hour: float


@dataclass(frozen=True, slots=True)
class End:
    """One device as the ways see it: whose it is, its figures, and when it is there."""

    station: str
    link: str
    address: str
    figures: Figures
    seen: Timeline = ALWAYS
    """When the device itself can see that it works: signal, registration, pass, agreed window, being plugged in."""
    unseen: Timeline = ALWAYS
    """When it works in truth: a device that has died silently goes on saying that everything leaves."""
    sky: Sky | None = None
    place: tuple[float, float] = (0.0, 0.0)

    @property
    def name(self) -> str:
        """Return the device's name in the whole world."""
        return f"{self.station}.{self.link}"


class Way:
    """The way from one device to another; a Channel."""

    def __init__(self, seed: int, sender: End, receiver: End) -> None:
        figures = sender.figures
        assert figures.bearer == receiver.figures.bearer, "a way joins devices of one bearer"
        self.bearer = figures.bearer
        self.frame_bytes = figures.frame_bytes
        self.slot_s = figures.slot_s
        self.airtime_s_per_frame = figures.airtime_s
        self.price_per_frame = figures.price
        self._figures = figures
        self._sky = sender.sky
        self._km = distance_km(sender.place, receiver.place)
        between = "~".join(sorted((sender.name, receiver.name)))
        medium = [] if sender.sky is None else medium_lines(seed, between, sender.sky)
        self._sender_seen = sender.seen
        self._out = Together([sender.seen, sender.unseen, *medium])
        self._into = Together([receiver.seen, receiver.unseen])
        self._both = self._out if figures.stores else Together([self._out, self._into])
        self._up_dice = Dice(f"{seed}/up/{sender.name}")
        self._down_dice = Dice(f"{seed}/down/{sender.name}>{receiver.name}")
        self._delay_dice = (
            Dice(f"{seed}/delay/{sender.name}>{receiver.name}"),
            Dice(f"{seed}/delay2/{sender.name}>{receiver.name}"),
        )
        self._leg_loss = 1.0 - math.sqrt(1.0 - figures.loss)

    def arrival_s(self, at_s: float, size_bytes: int) -> float | None:
        """Return when a frame that starts now arrives; None for one that is lost, too long, or sent into nothing."""
        figures = self._figures
        if (
            size_bytes > figures.frame_bytes
            or not self._both.up_at(at_s)
            or not self._leaves(at_s)
            or self._is_lost(at_s)
        ):
            return None
        arrival_s = at_s + figures.airtime_s + self._delay_s(at_s)
        if figures.stores:
            arrival_s = next_up_s(self._into, arrival_s)
            return None if arrival_s == math.inf else arrival_s
        return arrival_s if self._into.up_at(arrival_s) else None

    def next_opening_s(self, at_s: float) -> float:
        """Return the first moment from ``at_s`` on at which a frame could start, short of being lost on the way."""
        return next_up_s(self._both, at_s)

    def next_chance_s(self, at_s: float) -> float:
        """Return the next cell, the next change of the way, or the start that arrives at the next change of the receiver."""
        cell_s = self._figures.cell_s
        next_cell_s = (math.floor(at_s / cell_s) + 1) * cell_s
        if next_cell_s <= at_s:  # a division that was rounded up to the cell's end
            next_cell_s += cell_s
        chances = [next_cell_s, self._both.next_change_s(at_s)]
        if not self._figures.stores:  # a later frame may come down when the receiver is back
            lag_s = self._figures.airtime_s + self._delay_s(at_s)
            chances.append(max(at_s, self._into.next_change_s(at_s + lag_s) - lag_s) + HAIR_S)
        return min(chances)

    def is_taken(self, at_s: float) -> bool:
        """Tell whether a network takes a frame that starts now, as the sending device sees it; dead ends it cannot see."""
        return self._sender_seen.up_at(at_s) and self._up_dice.at_s(at_s, self._figures.cell_s) >= self._leg_loss

    def _leaves(self, at_s: float) -> bool:
        """Tell whether the way is up from the first to the last bit of a frame."""
        return self._out.up_at(at_s) and self._out.next_change_s(at_s) >= at_s + self._figures.airtime_s

    def _is_lost(self, at_s: float) -> bool:
        cell_s = self._figures.cell_s
        if self._sky is None:
            return (
                self._up_dice.at_s(at_s, cell_s) < self._leg_loss or self._down_dice.at_s(at_s, cell_s) < self._leg_loss
            )
        return self._down_dice.at_s(at_s, cell_s) >= success(self._sky, self._km, at_s)

    def _delay_s(self, at_s: float) -> float:
        """Return two exponentials above the least delay: one hump and a long tail, and so reordering."""
        figures = self._figures
        rest_s = (figures.delay_mean_s - figures.delay_min_s) / 2.0
        units = (dice.at_s(at_s, figures.cell_s) for dice in self._delay_dice)
        return figures.delay_min_s + round(sum(exponential(unit, rest_s) for unit in units), 3)


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return how far apart two places are, on a plane: near enough for a county, and whole kilometres."""
    north = (one[0] - other[0]) * 111.2
    east = (one[1] - other[1]) * 111.2 * math.cos(math.radians((one[0] + other[0]) / 2))
    return float(round(math.hypot(north, east)))


def success(sky: Sky, km: float, at_s: float) -> float:
    """Return the share of frames that arrive over a distance at a time of day, outside fades."""
    hour = (sky.start_hour + at_s / HOUR_S) % 24.0
    snr_db = sky.snr_night_db + (sky.snr_day_db - sky.snr_night_db) * _daylight(hour)
    if km > FULL_KM:
        snr_db -= 6.0 * math.log2(km / FULL_KM)
    snr_db = round(snr_db / SNR_STEP_DB) * SNR_STEP_DB
    points, shares = sky.mode.snr_db, sky.mode.success
    place = bisect_left(points, snr_db)
    if place == 0:
        return shares[0] / 100 if snr_db == points[0] else 0.0
    if place == len(points):
        return shares[-1] / 100
    part = (snr_db - points[place - 1]) / (points[place] - points[place - 1])
    return (shares[place - 1] + part * (shares[place] - shares[place - 1])) / 100


def _daylight(hour: float) -> float:
    """Return 1 by day, 0 by night, and what lies between in the hour around dawn and dusk."""
    rising = min(1.0, max(0.0, hour - (DAWN_H - 0.5)))
    setting = min(1.0, max(0.0, hour - (DUSK_H - 0.5)))
    return rising - setting


def medium_lines(seed: int, between: str, sky: Sky) -> list[Timeline]:
    """Return what opens and closes a way whoever uses it: fades of this path; dusk, dawn and absorption of all paths."""
    lines: list[Timeline] = []
    if sky.fade_every_s:
        lines.append(Drawn(_fades(random.Random(f"{seed}/fade/{between}"), sky.fade_every_s)))
    if sky.closes:
        lines.append(Drawn(_closings(Dice(f"{seed}/closing"), sky.start_hour), up_first=not _begins_closed(seed, sky)))
    if sky.absorption_every_s:
        lines.append(Drawn(_absorptions(random.Random(f"{seed}/absorption"), sky)))
    return lines


def _fades(rng: random.Random, every_s: float) -> Iterator[float]:
    """Draw a Gilbert-Elliott timeline: exponential good spells, and fades."""
    at_s = 0.0
    while True:
        at_s = round(at_s + 0.1 + exponential(rng.random(), every_s), 3)
        yield at_s
        at_s = round(at_s + min(FADE_S_MAX, max(FADE_S_MIN, exponential(rng.random(), FADE_S_MEAN))), 3)
        yield at_s


def _closing(dice: Dice, number: int, start_hour: float) -> tuple[float, float]:
    """Return the span around one dawn (even numbers) or dusk (odd ones), on the run's seconds."""
    middle_h = (number // 2) * 24.0 + (DUSK_H if number % 2 else DAWN_H)
    lasts_s = CLOSING_S_MIN + (CLOSING_S_MAX - CLOSING_S_MIN) * dice.at(number)
    middle_s = (middle_h - start_hour) * HOUR_S
    return round(middle_s - lasts_s / 2, 3), round(middle_s + lasts_s / 2, 3)


def _closings(dice: Dice, start_hour: float) -> Iterator[float]:
    number = -2
    while True:
        start_s, end_s = _closing(dice, number, start_hour)
        number += 1
        if start_s > 0:
            yield start_s
        if end_s > 0:
            yield end_s


def _begins_closed(seed: int, sky: Sky) -> bool:
    dice = Dice(f"{seed}/closing")
    spans = (_closing(dice, number, sky.start_hour) for number in range(-2, 4))
    return any(start_s <= 0 < end_s for start_s, end_s in spans)


def _absorptions(rng: random.Random, sky: Sky) -> Iterator[float]:
    """Draw absorption events; those that would begin by night do not happen."""
    at_s = 0.0
    while True:
        at_s = round(at_s + 1.0 + exponential(rng.random(), sky.absorption_every_s), 3)
        lasts_s = ABSORPTION_S_MIN + (ABSORPTION_S_MAX - ABSORPTION_S_MIN) * rng.random()
        if _daylight((sky.start_hour + at_s / HOUR_S) % 24.0) < 1.0:
            continue
        yield at_s
        at_s = round(at_s + lasts_s, 3)
        yield at_s


def flapping(name: str, up_mean_s: float, down_mean_s: float) -> Timeline:
    """Return a timeline that is up and down for exponentially distributed spells; up first."""

    def changes() -> Iterator[float]:
        rng, at_s, up = random.Random(name), 0.0, True
        while True:
            at_s = round(at_s + 0.5 + exponential(rng.random(), up_mean_s if up else down_mean_s), 3)
            up = not up
            yield at_s

    return Drawn(changes())


def passes(name: str, every_s: float, lasts_s: float, jitter_s: float) -> Timeline:
    """Return the passes of a satellite: one every ``every_s``, each shifted by up to ``jitter_s``. Down first."""
    assert lasts_s + 2 * jitter_s < every_s, "passes must not run into each other"
    dice = Dice(name)

    def changes() -> Iterator[float]:
        number = 1
        while True:
            start_s = round(number * every_s - every_s / 2 + jitter_s * (2 * dice.at(number) - 1), 3)
            yield start_s
            yield round(start_s + lasts_s, 3)
            number += 1

    return Drawn(changes(), up_first=False)


def daily(hours: Sequence[tuple[float, float]], start_hour: float, duration_s: float) -> Timeline:
    """Return agreed windows: up in these hours of every day of a run."""
    spans = []
    for day in range(-1, math.ceil(duration_s / DAY_S) + 2):
        for begin_h, end_h in hours:
            until_h = end_h if end_h > begin_h else end_h + 24.0
            spans.append(((day * 24 + begin_h - start_hour) * HOUR_S, (day * 24 + until_h - start_hour) * HOUR_S))
    return Spans(spans, up=True)
