"""One whole gateway on virtual time: the real daemon, store and drivers on simulated terminals and a simulated broker.

A post can crash (all that is in memory is gone, what was committed stays), lose power (the boot changes and the clock
may be wrong afterwards) and start again, as often as a scenario wants.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

from drivers.beidou.link import BeidouLink
from drivers.beidou.settings import BeidouSettings
from drivers.virtual.memory_port import MemoryPort
from gateway.bus.memory import MemoryBus
from gateway.bus.payloads import will_payload
from gateway.bus.port import Will
from gateway.bus.topics import Topics
from gateway.clock import TRUST_FLOOR_WALL_S
from gateway.daemon.gateway import Gateway
from gateway.link import LinkContext
from gateway.store.limits import PAGE_BYTES, Limits
from gateway.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from drivers.virtual.terminal import SimulatedTerminal
    from gateway.bus.memory import MemoryBroker
    from gateway.config.settings import Settings
    from gateway.link import Link
    from gateway.security.keyring import Keyring
    from gateway.store.facade import Store
    from protocols.content.context import Shared

START_WALL_S = TRUST_FLOOR_WALL_S + 86_400.0


class ScriptedClock:
    """Wall time that follows the loop until it is stepped, and a boot id that changes when the power was gone."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.offset_s = START_WALL_S
        self.boot = 1

    def wall_s(self) -> float:
        """Return the wall clock, right or wrong."""
        return self.monotonic_s() + self.offset_s

    def trusted(self) -> bool:
        """Believe what lies after the release of the program, as SystemClock does."""
        return self.wall_s() >= TRUST_FLOOR_WALL_S

    def monotonic_s(self) -> float:
        """Return the virtual loop's clock."""
        return self._loop.time()

    def boot_id(self) -> str:
        """Return the boot's id."""
        return f"boot-{self.boot}"


class Post:
    """A gateway that a scenario can start, crash and look into."""

    def __init__(
        self,
        settings: Settings,
        directory: Path,
        terminals: Mapping[str, SimulatedTerminal],
        broker: MemoryBroker | None,
        rng: random.Random,
        *,
        air: tuple[Keyring, Path, Shared] | None = None,
        links: Mapping[str, Callable[[LinkContext], Link]] | None = None,
    ) -> None:
        self.settings = settings
        self._air = air
        self._makers: dict[str, Callable[[LinkContext], Link]] = dict(links or {})
        """What makes the links that are on no simulated terminal, by name."""
        self.clock = ScriptedClock()
        self.ports = {name: MemoryPort(terminal) for name, terminal in terminals.items()}
        self.crashes = 0
        self._directory = directory
        self._broker = broker
        self._rng = rng
        self._task: asyncio.Task[None] | None = None
        self._store: Store | None = None
        self.gateway: Gateway | None = None

    @property
    def store(self) -> Store:
        """Return the open store."""
        assert self._store is not None, "the post is not running"
        return self._store

    @property
    def path(self) -> Path:
        """Return the store's file."""
        return self._directory / "outbox.db"

    def start(self) -> None:
        """Boot the gateway; it serves in the background until `crash` or `stop`."""
        assert self._task is None, "the post is running"
        settings = self.settings
        self._store, _ = open_store(
            self.path,
            gateway=settings.gateway.id,
            clock=self.clock,
            rng=self._rng,
            limits=Limits(
                bundles_max=settings.store.bundles_max,
                pages_max=settings.store.bytes_max // PAGE_BYTES,
                forget_after_s=settings.store.history_s,
                receipt_interval_s=settings.handsets.receipt_interval_s,
            ),
        )
        gateway = Gateway(settings, self._store, self._store.timeline, self.clock, self._rng)
        for name, port in self.ports.items():
            context = LinkContext(name, gateway.memory_for(name), random.Random(self._rng.random()))
            gateway.add_link(BeidouLink(BeidouSettings(url=f"tcp://simulated:{len(name)}"), context, port.opener))
        for name, make in self._makers.items():
            gateway.add_link(make(LinkContext(name, gateway.memory_for(name), random.Random(self._rng.random()))))
        if self._air is not None:
            keys, folder, shared = self._air
            gateway.set_air(keys, folder, shared, (), self._rng.randbytes)
        if settings.bus is not None and self._broker is not None:
            self._attach_bus(gateway)
        self.gateway = gateway
        self._task = asyncio.get_running_loop().create_task(gateway.run(), name=f"post {settings.gateway.id}")

    def _attach_bus(self, gateway: Gateway) -> None:
        assert self._broker is not None
        assert self.settings.bus is not None
        topics = Topics(self.settings.bus.root, self.settings.gateway.region, self.settings.gateway.id)
        bus = MemoryBus(
            self._broker,
            client_id=self.settings.gateway.id,
            subscriptions=topics.subscriptions(),
            will=Will(topics.state, will_payload(boot=self.clock.boot_id(), version="simulated")),
        )
        gateway.set_bus(bus, topics)

    def check(self) -> None:
        """Raise what ended the gateway, if a bug did."""
        if self._task is not None and self._task.done():
            self._task.result()
            raise AssertionError("the gateway ended by itself")

    async def crash(self, *, power: bool = False) -> None:
        """End everything at once; only what was committed stays. With ``power`` the machine reboots too."""
        await self._end()
        self.store.abandon()
        self._store = None
        self.crashes += 1
        if power:
            self.clock.boot += 1

    async def stop(self) -> None:
        """Stop in order."""
        await self._end()
        await self.store.close()
        self._store = None

    async def _end(self) -> None:
        task = self._task
        assert task is not None, "the post is not running"
        self.check()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._task = None
        self.gateway = None
