"""A whole run: gateways with their real router, store and air format, over modelled bearers, with people, on virtual time.

`run` gives the same result for the same (scenario, seed, policy), whatever the machine. The promises are checked at the
end of every run: counters that add up on every gateway, and nothing acknowledged that is nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.bus.memory import MemoryBroker
from gateway.clock import SystemClock
from gateway.daemon.requests import OperationError
from gateway.link import Addressed, Heard, Payload
from gateway.model import BEIDOU, MessageKind, Precedence, Station
from gateway.security.keyfile import format_key
from gateway.security.keyring import Keyring, derived_pair
from gateway.security.keys import End, RootKey
from gateway.security.secret import Secret
from gateway.simulate.ledger import CENTRE, Ledger
from gateway.simulate.loop import run_virtual
from gateway.simulate.modellink import ModelLink
from gateway.simulate.network import Network, build_network, card_name
from gateway.simulate.people import Event, Person, draw_events
from gateway.simulate.post import START_WALL_S, Post
from gateway.simulate.postsettings import CONSUMER, HISTORY_S, REGION, PolicyChoice, post_settings
from gateway.simulate.results import TRAFFIC_PARTS, LinkUse, RunResult
from gateway.simulate.scenario import HOUR_S, MIN_S
from protocols.content.context import Operation, Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.link import Link, LinkContext
    from gateway.model import Bundle
    from gateway.simulate.scenario import FaultTable, Scenario
    from gateway.store.outbox import Outbox

CONSUMER_CONFIRMS_S = 2.0
"""How long the program at the end of a bus takes to confirm a report."""
HAND_IN_RETRY_S = 10.0
"""How long a person waits at a gateway that is down before handing in again."""
PROGRESS_STEPS = 100
DAY_S = 86_400.0
RAM_DISK = Path("/dev/shm")  # noqa: S108 - only where there is one: stores of a run live and die with it

__all__ = ["Network", "PolicyChoice", "build_network", "run"]


def run(
    scenario: Scenario, seed: int, policy: PolicyChoice = "router", on_progress: Callable[[float], None] | None = None
) -> RunResult:
    """Play a scenario once; ``on_progress`` is told the share that is done. Raise AssertionError for a broken promise."""
    clock = SystemClock()
    started_s = clock.monotonic_s()
    on_ram = RAM_DISK if RAM_DISK.is_dir() and os.access(RAM_DISK, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="yizhan-simulate-", dir=on_ram) as folder:
        world = _World(scenario, seed, policy, Path(folder))
        result = run_virtual(world.live(on_progress))
    return replace(result, wall_s=round(clock.monotonic_s() - started_s, 3))


class _World:
    """One run of one scenario."""

    def __init__(self, scenario: Scenario, seed: int, policy: PolicyChoice, folder: Path) -> None:
        self._scenario = scenario
        self._seed = seed
        self._policy = policy
        self._folder = folder
        self._network = build_network(scenario, seed)
        self._ledger = Ledger()
        self._posts: dict[str, Post] = {}
        self._broker = MemoryBroker(random.Random(f"{seed}/broker"), persistent=True)
        self._people: dict[str, Person] = {}
        self._hand_ins: set[asyncio.Task[None]] = set()
        self._looked_s = 0.0
        self._first_seqs: dict[str, int] = {}
        """By gateway: the first bundle that was open at the last look; all before it are as they were seen."""

    async def live(self, on_progress: Callable[[float], None] | None) -> RunResult:
        """Build, play, judge."""
        self._make_posts()
        self._listen()
        self._make_people()
        for post in self._posts.values():
            post.start()
        await self._register()
        tasks = [asyncio.create_task(self._speak(draw_events(self._scenario, self._seed)), name="people")]
        tasks += [asyncio.create_task(self._break(fault), name="fault") for fault in self._scenario.faults]
        try:
            await self._play(tasks, on_progress)
            return await self._judge()
        finally:
            for task in [*tasks, *self._hand_ins]:
                task.cancel()
            await asyncio.gather(*tasks, *self._hand_ins, return_exceptions=True)
            for post in self._posts.values():
                if post.gateway is not None:
                    await post.stop()

    async def _play(self, tasks: Sequence[asyncio.Task[None]], on_progress: Callable[[float], None] | None) -> None:
        """Let the time pass; raise what ended a gateway or a part of the simulation, if a bug did."""
        duration_s = self._scenario.duration_s
        for step in range(1, PROGRESS_STEPS + 1):
            await asyncio.sleep(duration_s * step / PROGRESS_STEPS - asyncio.get_running_loop().time())
            for task in [*tasks, *self._hand_ins]:
                if task.done() and not task.cancelled():
                    task.result()
            for post in self._posts.values():
                if post.gateway is not None:
                    post.check()
            if asyncio.get_running_loop().time() >= self._looked_s + HISTORY_S / 2:
                await self._look()
            if on_progress is not None:
                on_progress(step / PROGRESS_STEPS)

    async def _look(self) -> None:
        """Note what every gateway has before it forgets what is closed."""
        self._looked_s = asyncio.get_running_loop().time()
        for name, post in self._posts.items():
            if post.gateway is not None:
                found, self._first_seqs[name] = await post.store.run(_bundles_from(self._first_seqs.get(name, 1)))
                self._ledger.keep(name, found)

    # --- building ----------------------------------------------------------------------------------------------

    def _make_posts(self) -> None:
        names = self._network.stations
        shared = Shared(
            (
                Operation(
                    "演练", *self._scenario.stations[names[0]].place, int(START_WALL_S), names[0], "513221", names
                ),
            ),
            revision=1,
        )
        ends = [End(number, name) for number, name in enumerate(names, 1)]
        root = RootKey(Secret(f"simulated {self._seed}".encode().ljust(32, b".")[:32]), 1)
        for end in ends:
            folder = self._folder / end.name
            keys = folder / "keys"
            keys.mkdir(mode=0o700, parents=True)
            for other in ends:
                if other is not end:
                    path = keys / f"{other.name}.key"
                    path.write_bytes(format_key(derived_pair(root, end, other, serial=1)))
                    path.chmod(0o600)
            rng = random.Random(f"{self._seed}/post/{end.name}")
            settings = post_settings(self._scenario, end.name, self._policy)
            air = (Keyring(keys, own=end), keys, shared)
            post = Post(settings, folder, {}, self._broker, rng, air=air, links=self._makers(end.name))
            post.clock.offset_s = _wall_at_start_s(self._scenario.scenario.start_hour, settings.router.utc_offset_h)
            self._posts[end.name] = post

    def _makers(self, station: str) -> dict[str, Callable[[LinkContext], Link]]:
        ether = self._network.ether

        def maker(link: str) -> Callable[[LinkContext], Link]:
            device = self._network.devices[station][link]
            return lambda context: ModelLink(device, ether, context)

        return {link: maker(link) for link in self._network.devices[station]}

    def _listen(self) -> None:
        """Put a program at the end of the centre's bus that takes what comes and confirms it."""
        base = f"yizhan/v1/{REGION}/{self._network.centre}"
        receipt = json.dumps({"level": "delivered", "by": CONSUMER}).encode()

        def consume(topic: str, payload: bytes, retained: bool) -> None:
            del topic, retained
            loop = asyncio.get_running_loop()
            value = json.loads(payload)
            self._ledger.arrived(value["data"]["properties"].get("text", ""), CENTRE, loop.time())
            loop.call_later(CONSUMER_CONFIRMS_S, self._broker.publish, f"{base}/receipt/{value['id']}", receipt)

        self._broker.subscribe([f"{base}/up/+", f"{base}/backlog/+"], consume)

    def _make_people(self) -> None:
        for people in self._scenario.people:
            cards = [self._card_of(name) for name in people.to]
            for number in range(people.handsets):
                name = card_name(people.first_card + number)
                (device,) = self._network.devices[name].values()
                to_card = cards[number % len(cards)]
                self._people[name] = Person(device, self._network.ether, people, to_card, self._order_read)

    def _card_of(self, station: str) -> str:
        devices = self._network.devices[station].values()
        return next(one.end.address for one in devices if one.end.figures.bearer == BEIDOU)

    async def _register(self) -> None:
        """Put every gateway's addresses into the registry of the others."""
        stations = []
        for name in self._network.stations:
            ends = [device.end for device in self._network.devices[name].values()]
            cards = tuple(int(end.address) for end in ends if end.figures.bearer == BEIDOU)
            others = tuple((end.figures.bearer, end.address) for end in ends if end.figures.bearer != BEIDOU)
            stations.append(Station(name, cards=cards, addresses=others))
        for name, post in self._posts.items():
            others_ = [one for one in stations if one.id != name]

            def put(outbox: Outbox, others_: Sequence[Station] = others_) -> None:
                for one in others_:
                    outbox.station_put(one)

            await post.store.run(put)

    # --- what people do ----------------------------------------------------------------------------------------

    async def _speak(self, events: Sequence[Event]) -> None:
        """Have everybody say what they will say, each at its time."""
        loop = asyncio.get_running_loop()
        for event in events:
            if event.at_s > loop.time():
                await asyncio.sleep(event.at_s - loop.time())
            what, _, who = event.who.partition(":")
            match what:
                case "card":
                    self._ledger.say(event.who, CENTRE, event.kind, event.text, at_s=event.at_s)
                    self._people[event.who].report(event.text)
                case "stream":
                    self._hear_stream(event, who)
                case "handin":
                    self._ledger.say(who, CENTRE, event.kind, event.text, at_s=event.at_s)
                    task = asyncio.create_task(self._hand_in(who, event.text), name="hand-in")
                    self._hand_ins.add(task)
                    task.add_done_callback(self._hand_ins.discard)
                case _:
                    self._order(event, who)

    def _hear_stream(self, event: Event, who: str) -> None:
        """Let a report of a stream come down at one of the station's terminals, by the sender's card."""
        number, _, card = who.partition(":")
        self._ledger.say(f"card:{card}", CENTRE, event.kind, event.text, at_s=event.at_s)
        station = self._scenario.streams[int(number)].station
        devices = [one for one in self._network.devices[station].values() if one.end.figures.bearer == BEIDOU]
        device = devices[int(card) % len(devices)]
        device.arrive(Heard(peer=card, payload=Payload.of_text(event.text), addressed=Addressed.ME))

    async def _hand_in(self, station: str, text: str) -> None:
        """Hand a report in, again and again while the gateway is down."""
        while True:
            gateway = self._posts[station].gateway
            if gateway is not None:
                with contextlib.suppress(OperationError):
                    await gateway.operations.do({"op": "send", "to": "bus:centre", "text": text})
                    return
            await asyncio.sleep(HAND_IN_RETRY_S)

    def _order(self, event: Event, who: str) -> None:
        """Publish an order of the centre on its bus."""
        number, _, endpoint = who.partition(":")
        order = self._scenario.orders[int(number)]
        kind, _, name = endpoint.partition(":")
        destination = name if kind == "station" else endpoint
        said = self._ledger.say(CENTRE, destination, MessageKind.COMMAND, event.text, at_s=event.at_s)
        said.precedence = Precedence[order.precedence]
        command = {"id": f"order-{said.number}", "text": event.text, "precedence": order.precedence}
        topic = f"yizhan/v1/{REGION}/{self._network.centre}/down/{endpoint}"
        self._broker.publish(topic, json.dumps(command, ensure_ascii=False).encode())

    def _order_read(self, station: str, text: str) -> None:
        self._ledger.arrived(text, station, asyncio.get_running_loop().time())

    # --- faults ------------------------------------------------------------------------------------------------

    async def _break(self, fault: FaultTable) -> None:
        """Do what the devices' timelines do not do by themselves."""
        await asyncio.sleep(fault.at_min * MIN_S)
        lasts_s = math.inf if fault.lasts_min is None else fault.lasts_min * MIN_S
        if fault.what in ("restart", "power"):
            post = self._posts[fault.station]
            await post.crash(power=fault.what == "power")
            await asyncio.sleep(lasts_s)
            post.start()
            return
        if fault.link is None or fault.what not in ("unplug", "hang"):
            return
        device = self._network.devices[fault.station][fault.link]
        is_hang = fault.what == "hang"
        device.change(plugged=is_hang, hung=is_hang)
        if lasts_s < math.inf:
            await asyncio.sleep(lasts_s)
            device.change(plugged=True, hung=False)

    # --- the end -----------------------------------------------------------------------------------------------

    async def _judge(self) -> RunResult:
        shed = 0
        for name, post in self._posts.items():
            assert post.gateway is not None, f"gateway {name} is still down at the end: a fault lasts too long"
            store = post.store
            recount = await store.run(lambda outbox: outbox.recount())
            total = store.balance.total
            assert store.balance.balanced, f"seed {self._seed}: the balance of {name} is broken: {total}"
            assert total == recount.total, f"seed {self._seed}: {name} counts {total}, its tables {recount.total}"
            shed += total.shed
        await self._look()
        broken = self._ledger.broken_promises()
        assert not broken, f"seed {self._seed}, policy {self._policy}: {'; '.join(broken[:5])}"
        return RunResult(
            scenario=self._scenario.scenario.name,
            policy=self._policy,
            seed=self._seed,
            duration_s=self._scenario.duration_s,
            fates=self._ledger.fates(),
            links=self._uses(),
            duplicates=self._ledger.duplicates(),
            shed=shed,
            wall_s=0.0,
            unheard=self._ledger.unheard,
        )

    def _uses(self) -> tuple[LinkUse, ...]:
        return tuple(
            LinkUse(
                gateway=name,
                link=link,
                bearer=device.end.figures.bearer,
                frames=device.used.frames,
                bytes=device.used.bytes,
                airtime_s=device.used.airtime_s,
                money=device.used.money,
                traffic=_in_parts(device.used.minutes, self._scenario.duration_s),
            )
            for name in self._network.stations
            for link, device in self._network.devices[name].items()
        )


def _wall_at_start_s(start_hour: float, utc_offset_h: float) -> float:
    """Return the wall clock at the beginning of a run, so that windows and quiet hours fall into the hours of the file."""
    midnight_s = START_WALL_S - START_WALL_S % DAY_S + DAY_S
    return midnight_s + (start_hour - utc_offset_h) * HOUR_S


def _in_parts(minutes: Mapping[int, int], duration_s: float) -> tuple[int, ...]:
    """Return the frames of minutes as those of equal parts of a run."""
    parts = [0] * TRAFFIC_PARTS
    for minute, frames in minutes.items():
        parts[min(TRAFFIC_PARTS - 1, int(minute * MIN_S * TRAFFIC_PARTS / duration_s))] += frames
    return tuple(parts)


def _bundles_from(first_seq: int) -> Callable[[Outbox], tuple[list[Bundle], int]]:
    """Return what reads the bundles from a number on, and the number of the first that is open still."""

    def read(outbox: Outbox) -> tuple[list[Bundle], int]:
        last_seq = outbox.last_seq()
        found = [one for seq in range(first_seq, last_seq + 1) if (one := outbox.numbered(seq)) is not None]
        return found, next((one.seq for one in found if one.state.is_open), last_seq + 1)

    return read
