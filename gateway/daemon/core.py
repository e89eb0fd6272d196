"""What the parts of the running gateway share: the store, the time, the policy and the bells that wake them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.daemon.heardagain import HeardAgain
from gateway.daemon.tries import Tries
from gateway.model import BEIDOU, BUS_LANE
from gateway.router.budget import SourceLedgers
from gateway.router.standing import Standings

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from gateway.clock import Clock, Timeline
    from gateway.config.settings import Settings
    from gateway.daemon.airside import AirSide
    from gateway.daemon.progress import Progress
    from gateway.daemon.supervisor import LinkRunner
    from gateway.model import Precedence, Station
    from gateway.router.plan import LinkView
    from gateway.router.policy import Policy
    from gateway.router.terms import Routing
    from gateway.store.facade import Store
    from gateway.store.outbox import Outbox


WAIT_S_MIN = 0.001
"""Shortest wait: what is due in less is due, and rounding must not make a circle of it."""


class Bell:
    """Wakes whoever waits; a ring between two waits is not lost."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter, now or at its next wait."""
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """Return True when rung, False after ``timeout_s``."""
        try:
            async with asyncio.timeout(max(timeout_s, WAIT_S_MIN)):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Changes:
    """Wakes everybody who waits for any bundle to change; each looks for itself whether it was theirs."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def note(self) -> None:
        """Wake all who wait now."""
        self._event.set()
        self._event = asyncio.Event()

    def next(self) -> asyncio.Event:
        """Return what is set at the next note; take it before looking, so that no change falls between."""
        return self._event


@dataclass(slots=True)
class Core:
    """The shared middle of one gateway. Holds no behaviour of its own."""

    settings: Settings
    store: Store
    clock: Clock
    timeline: Timeline
    routing: Routing
    rng: random.Random
    progress: Progress
    links: dict[str, LinkRunner] = field(default_factory=dict)
    bus_bell: Bell = field(default_factory=Bell)
    changes: Changes = field(default_factory=Changes)
    counters: dict[str, int] = field(default_factory=dict)
    air: AirSide | None = None
    """The side towards other gateways, where one is configured."""
    tries: Tries = field(default_factory=Tries)
    sources: SourceLedgers = field(init=False)
    """What each source has spent."""
    heard_again: HeardAgain = field(init=False)
    standings: Standings = field(default_factory=Standings)
    """Which link is in use for what; only the store's thread looks at it."""
    peer_policy: Policy = field(init=False)
    """How links are chosen for what goes to other gateways, which answer by themselves."""

    def __post_init__(self) -> None:
        self.heard_again = HeardAgain(self)
        self.sources = SourceLedgers(self.routing.source_budget)
        self.peer_policy = self.routing.policy.between_gateways()

    @property
    def policy(self) -> Policy:
        """Return how links are chosen."""
        return self.routing.policy

    @property
    def lifetimes(self) -> Mapping[Precedence, float]:
        """Return the lifetime of bundles whose author asked for none."""
        return self.routing.lifetimes

    def views(self) -> list[LinkView]:
        """Return what the router sees of all links now, with all that was learned."""
        self.tries.learn()
        return [runner.view() for runner in self.links.values()]

    def now_s(self) -> float:
        """Return the timeline now."""
        return self.timeline.now_s()

    def count(self, what: str) -> None:
        """Count something that happened, for status; ``what`` is an English log word such as ``heard again``."""
        if what in self.counters or len(self.counters) < COUNTERS_MAX:
            self.counters[what] = self.counters.get(what, 0) + 1

    def report_lane(self, outbox: Outbox) -> str:
        """Return where reports for the command centre wait: for the bus, or for the gateway above."""
        return BUS_LANE if self.air is None else self.air.report_lane(outbox)

    def registry(self, outbox: Outbox) -> Callable[[str], Station | None]:
        """Return what looks a station up as it can be reached, by itself or through others."""
        return outbox.station if self.air is None else self.air.registry(outbox)

    def wake_links(self) -> None:
        """Let every link look at the outbox again."""
        for runner in self.links.values():
            runner.bell.ring()

    def wake_all(self) -> None:
        """Something changed in the outbox: links, bus and waiting clients look again."""
        self.wake_links()
        self.bus_bell.ring()
        self.changes.note()

    def bearer_of(self, link: str) -> str:
        """Return the bearer of a link; Beidou for one that is no longer configured, as all were once."""
        runner = self.links.get(link)
        return BEIDOU if runner is None else runner.link.info.bearer

    def bearers(self) -> dict[str, int]:
        """Return how many links are configured by bearer."""
        count: dict[str, int] = {}
        for runner in self.links.values():
            bearer = runner.link.info.bearer
            count[bearer] = count.get(bearer, 0) + 1
        return count


COUNTERS_MAX = 200
"""Names are ours, so they are few; the cap only keeps a mistake from growing."""
