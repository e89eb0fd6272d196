#!/usr/bin/env python3
"""What batch records bring: frames, bytes and delay with and without them, on whole gateways over one simulated sky.

bench/batching.py [--hours N] [--seed N]

Three vehicles report to a command post, each over a Beidou card with one frame of 78 bytes a minute and 4.5 % loss. Each
says its own position every two minutes, and passes on short reports of its people at the rate of the row. Everything is
the product's own: daemon, store, driver, router, air format; without batches is the same with at most one bundle a record.
Delay is from the report on the vehicle's disk to the report on the command post's; frames and bytes are all of the
vehicles' cards, hellos and receipts too. A position that a newer one replaced before it left is "replaced" and has no
delay. Reports of the last half hour are not counted, so that all counted can be there. The first quarter of an hour, in
which sessions are begun, is not counted either.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


import structlog  # noqa: E402

from gateway.air import batching  # noqa: E402
from gateway.link import Outgoing, SendOutcome, SendResult  # noqa: E402
from gateway.model import BUS, Direction, Draft, Endpoint, Message, MessageKind, Place, PlaceSource  # noqa: E402
from gateway.router.policy import PRECEDENCE_OF_KIND  # noqa: E402
from gateway.simulate.loop import run_virtual  # noqa: E402
from tests.simulation.gateways import World, bundles  # noqa: E402

if TYPE_CHECKING:
    from drivers.beidou.link import BeidouLink
    from gateway.simulate.post import Post

POSITION_EVERY_S = 120.0
QUIET_S = 1800.0
RATES = (0.25, 0.5, 1.0)
"""Short reports a minute and vehicle, beside the positions."""

FIRST_CARD = 300_002
"""Each report is another person's: the same words of the same person within a short time are one report."""

WARM_UP_S = 900.0
SAID = (
    (MessageKind.CHAT, "一切正常"),
    (MessageKind.CHAT, "已到达，开始搜救"),
    (MessageKind.RESOURCE, "需要帐篷20顶"),
    (MessageKind.HAZARD, "道路塌方，车辆不能通过"),
    (MessageKind.CASUALTY, "两人受伤，已送医"),
    (MessageKind.CHAT, "物资已发放完毕"),
)


Key = tuple[str, str, int]
"""What tells a report from others at either end: who, what, when."""


def key_of(draft: Draft) -> Key:
    """Return it; seconds, as they travel."""
    return str(draft.source), draft.message.text, int(draft.created_wall_s)


@dataclass
class Figures:
    """What one run came to."""

    said: dict[Key, float] = field(default_factory=dict)
    replaced: int = 0
    frames: int = 0
    bytes: int = 0
    delays: list[float] = field(default_factory=list)
    twice: int = 0


class Run:
    """Three vehicles for some hours."""

    def __init__(self, folder: Path, seed: int, hours: float, rate: float) -> None:
        self.rng, self.hours, self.rate = random.Random(seed), hours, rate
        self.folder, self.seed = folder, seed
        self.figures = Figures()

    async def live(self) -> Figures:
        """Report, wait for the stragglers, and count."""
        self.world = World(self.folder, seed=self.seed, vehicles=3)
        await self.world.start()
        for post in self.world.vehicles:
            await self._say(post, Endpoint.parse(f"station:{post.settings.gateway.id}"), MessageKind.CHAT, "就位", None)
        await asyncio.sleep(WARM_UP_S)
        self.figures.said.clear()
        for post in self.world.vehicles:
            self._count_frames(post.gateway.core.links["bd1"].link)
        began_s = asyncio.get_running_loop().time()
        tasks = [self._positions(post) for post in self.world.vehicles] + [
            self._people(post) for post in self.world.vehicles
        ]
        running = [asyncio.ensure_future(one) for one in tasks]
        await asyncio.sleep(self.hours * 3600)
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        last_s = began_s + self.hours * 3600 - QUIET_S
        there: dict[Key, float] = {}
        for one in await bundles(self.world.hq, Direction.UP):
            key = key_of(one.draft)
            self.figures.twice += key in there
            there[key] = one.accepted_s + self._offset_s
        replaced = {
            key_of(one.draft) for post in self.world.vehicles for one in await bundles(post) if str(one.state) == "shed"
        }
        counted = {key: at_s for key, at_s in self.figures.said.items() if at_s <= last_s}
        self.figures.replaced = len(replaced & set(counted))
        self.figures.delays = [there.get(key, inf) - at_s for key, at_s in counted.items() if key not in replaced]
        self.figures.said = counted
        await self.world.stop()
        return self.figures

    @property
    def _offset_s(self) -> float:
        """Between the command post's timeline and the loop's clock."""
        return asyncio.get_running_loop().time() - self.world.hq.gateway.core.now_s()

    def _count_frames(self, link: BeidouLink) -> None:
        real = link.send

        async def send(outgoing: Outgoing) -> SendResult:
            result = await real(outgoing)
            if result.outcome is not SendOutcome.DEFERRED:
                self.figures.frames += 1
                self.figures.bytes += len(outgoing.payload.data)
            return result

        link.send = send  # type: ignore[method-assign]

    async def _positions(self, post: Post) -> None:
        await asyncio.sleep(self.rng.uniform(0, POSITION_EVERY_S))
        lat, lon = 31.4 + self.rng.random() / 10, 103.5 + self.rng.random() / 10
        while True:
            lat, lon = lat + self.rng.uniform(-0.002, 0.002), lon + self.rng.uniform(-0.002, 0.002)
            place = Place(round(lat, 4), round(lon, 4), PlaceSource.TERMINAL)
            await self._say(
                post, Endpoint.parse(f"station:{post.settings.gateway.id}"), MessageKind.POSITION, "", place
            )
            await asyncio.sleep(POSITION_EVERY_S)

    async def _people(self, post: Post) -> None:
        while True:
            await asyncio.sleep(self.rng.expovariate(self.rate / 60))
            kind, text = self.rng.choice(SAID)
            source = Endpoint.card(FIRST_CARD + len(self.figures.said))
            await self._say(post, source, kind, text, None)

    async def _say(self, post: Post, source: Endpoint, kind: MessageKind, text: str, place: Place | None) -> None:
        core = post.gateway.core
        precedence = PRECEDENCE_OF_KIND[kind]
        draft = Draft(
            direction=Direction.UP,
            source=source,
            destination=BUS,
            precedence=precedence,
            message=Message(kind, text=text, place=place),
            lifetime_s=core.lifetimes[precedence],
            created_wall_s=core.clock.wall_s(),
            clock_trusted=True,
            heard_on="bd1",
        )
        self.figures.said[key_of(draft)] = asyncio.get_running_loop().time()
        await core.store.run(lambda outbox: outbox.accept(draft, lane=core.report_lane(outbox), now_s=core.now_s()))
        core.wake_all()


def run(seed: int, hours: float, rate: float, members: int) -> Figures:
    """Return the figures of one run in which a record carries so many bundles at most."""
    real, batching.MEMBERS_MAX = batching.MEMBERS_MAX, members
    try:
        with tempfile.TemporaryDirectory() as folder:
            return run_virtual(Run(Path(folder), seed, hours, rate).live())
    finally:
        batching.MEMBERS_MAX = real


def main() -> None:
    """Print both side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(f"3 vehicles, a position each every {POSITION_EVERY_S:.0f} s, {arguments.hours:g} h, seed {arguments.seed}")
    print("reports/min  batches  reports  replaced  there   frames   bytes    delay median      95 %     worst   twice")
    for rate in RATES:
        pair = []
        for members in (1, batching.MEMBERS_MAX):
            began = time.perf_counter()
            figures = run(arguments.seed, arguments.hours, rate, members)
            pair.append(figures)
            delays = sorted(figures.delays)
            there = sum(one < inf for one in delays)
            print(
                f"{rate:>11}  {'yes' if members > 1 else 'no':>7}  {len(figures.said):>7}  {figures.replaced:>8}  {there:>5}  {figures.frames:>7}  "
                f"{figures.bytes:>6}  {median(delays):>12.0f} s  {delays[int(len(delays) * 0.95)]:>6.0f} s  "
                f"{delays[-1]:>6.0f} s  {figures.twice:>6}   ({time.perf_counter() - began:.0f} s)"
            )
        without, with_them = pair
        print(
            f"{'':>11}  with batches: {with_them.frames / without.frames:.2f} of the frames, "
            f"{with_them.bytes / without.bytes:.2f} of the bytes, "
            f"{median(with_them.delays) / median(without.delays):.2f} of the median delay"
        )


if __name__ == "__main__":
    main()
