"""One whole gateway as a set of tasks, given its parts. Knows neither drivers nor sockets; app.py and simulate choose them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.daemon.airside import AirSide
from gateway.daemon.busside import BusSide
from gateway.daemon.core import Core
from gateway.daemon.housekeeping import keep_house
from gateway.daemon.inbound import Inbound
from gateway.daemon.memory import StoredMemory
from gateway.daemon.operations import Operations
from gateway.daemon.orders import Orders
from gateway.daemon.outbound import LinkSender
from gateway.daemon.progress import Progress
from gateway.daemon.supervisor import LinkRunner
from gateway.observe.log import logger
from protocols.record.suite import Suite

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gateway.bus.port import BusPort
    from gateway.bus.topics import Topics
    from gateway.clock import Clock, Timeline
    from gateway.config.settings import Settings
    from gateway.link import Link, LinkMemory
    from gateway.security.keyring import Keyring
    from gateway.store.facade import Store
    from protocols.content.context import Shared

BUS_WITHIN_S = 240.0

log = logger("gateway")


class Gateway:
    """Holds the parts together; ``run`` serves until cancelled or a bug ends it."""

    def __init__(self, settings: Settings, store: Store, timeline: Timeline, clock: Clock, rng: random.Random) -> None:
        loop = asyncio.get_running_loop()
        self.core = Core(
            settings=settings,
            store=store,
            clock=clock,
            timeline=timeline,
            routing=settings.routing(),
            rng=rng,
            progress=Progress(loop.time),
        )
        self.orders = Orders(self.core)
        self.inbound = Inbound(self.core)
        self.bus: BusSide | None = None
        self.operations = Operations(self.core, self.orders, None)

    def memory_for(self, link: str) -> LinkMemory:
        """Return the small memory of one link."""
        return StoredMemory(self.core, link)

    def add_link(self, link: Link) -> None:
        """Put a link under supervision; before ``run``."""
        self.core.links[link.info.name] = LinkRunner(link, self.core, self.inbound.take)

    def set_air(
        self, keys: Keyring, folder: Path, shared: Shared, words: Sequence[str], entropy: Callable[[int], bytes]
    ) -> None:
        """Attach the side towards other gateways, with the keys of a folder; before `run`."""
        settings = self.core.settings.air
        assert settings is not None, "the air side needs its settings"
        self.core.air = AirSide(
            self.core,
            keys,
            shared,
            words,
            folder=folder,
            upstream=settings.upstream,
            suite=Suite(settings.suite),
            entropy=entropy,
            routes=self.core.settings.router.routes(),
            relay=settings.relayed(),
        )

    def set_bus(self, port: BusPort, topics: Topics) -> None:
        """Attach the command bus; before ``run``."""
        settings = self.core.settings.bus
        assert settings is not None, "a bus needs its settings"
        self.bus = BusSide(port, topics, settings, self.core, self.orders)
        self.operations = Operations(self.core, self.orders, self.bus)

    async def run(self) -> None:
        """Serve until cancelled."""
        core = self.core
        unfinished = await core.store.run(lambda outbox: outbox.abandoned(core.now_s()))
        if unfinished:
            log.warning("tries without outcome found at start", count=unfinished)
        if self.bus is not None:
            core.progress.expect("bus", within_s=BUS_WITHIN_S)
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_house(core), name="housekeeping")
            if core.air is not None:
                group.create_task(core.air.recover(), name="air")
            for name, runner in core.links.items():
                group.create_task(runner.run(), name=f"link {name}")
                group.create_task(LinkSender(runner, core).run(), name=f"sender {name}")
            if self.bus is not None:
                group.create_task(self.bus.run(), name="bus")
