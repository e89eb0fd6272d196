"""Runs one link for ever: absorbs LinkError only, backs off, and knows the link's state and health.

Drivers report, this decides. Any error that is not a LinkError is a bug: it leaves, ends the process, and the service
manager starts it again with the outbox on disk.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.daemon.core import Bell
from gateway.link import LinkError, LinkMisconfigured, LinkReport, LinkState, LinkTransient
from gateway.observe.log import logger
from gateway.router.budget import Ledger
from gateway.router.contacts import Wall
from gateway.router.estimate import LinkEstimate
from gateway.router.health import LinkHealth
from gateway.router.plan import SLOT_S, LinkView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.daemon.core import Core
    from gateway.link import Heard, Link

BACKOFF_START_S = 1.0
BACKOFF_MAX_S = 60.0
RETRY_S_MIN = 0.1
"""Shortest wait whatever a driver asks for: a mistake in one must not spin the loop."""

MISCONFIGURED_RETRY_S = 300.0
STEADY_S = 120.0
"""A link that served this long starts its back-off anew."""

log = logger("gateway.links")


class LinkRunner:
    """One link under supervision, and the sink it reports to."""

    def __init__(self, link: Link, core: Core, on_heard: Callable[[str, Heard], Awaitable[None]]) -> None:
        self.link = link
        self.bell = Bell()
        self.last = LinkReport(state=LinkState.UNAVAILABLE, detail="not started")
        self.health = LinkHealth()
        self.estimate = LinkEstimate()
        self.terms = core.routing.terms(link.info.name)
        """What the operator says of it: tariff, budget, schedule."""
        self.ledger = Ledger(self.terms.budget)
        self.since_s = core.now_s()
        self.held_until_s = 0.0
        """Loop time until which the device, by its last answer, takes nothing; another state or slot of it ends that."""
        self.heard_count = 0
        self.sent_count = 0
        self.losses = 0
        self._core = core
        self._on_heard = on_heard
        self._logged = LinkState.UNAVAILABLE
        self._told_loss = ""

    @property
    def name(self) -> str:
        """Return the link's configured name."""
        return self.link.info.name

    @property
    def bearer(self) -> str:
        """Return the kind of network it is on."""
        return self.link.info.bearer

    def has_address(self, address: str) -> bool:
        """Tell whether a link address is the device's own, as it says itself; a card with or without leading zeros."""
        identity = self.last.identity
        card = str(identity.get("card") or "").lstrip("0")
        return bool(card and card == address.lstrip("0")) or bool(address and identity.get("address") == address)

    async def heard(self, heard: Heard) -> None:
        """Take something received; returns when it is on disk."""
        self.heard_count += 1
        now_s = self._core.now_s()
        self.health = self.health.after_heard(now_s)
        self.estimate = self.estimate.after_heard(now_s)
        await self._on_heard(self.name, heard)

    def report(self, report: LinkReport) -> None:
        """Take the link's condition; log once when it is lost and once when it is back."""
        before = self.last
        self.last = report
        if (report.state, report.not_before_s) != (before.state, before.not_before_s):
            self.held_until_s = 0.0
        up = _up(report.state)
        if up is not _up(before.state):
            self.since_s = self._core.now_s()  # trying to open again and again is one time of being away
        if up is not None and up is not self._logged:
            log.info("link state", link=self.name, state=str(report.state), detail=report.detail)
            self._logged = report.state
            self._told_loss = ""
        if report != before:
            self.bell.ring()
            self._core.bus_bell.ring()

    def view(self) -> LinkView:
        """Return what the router sees, its slot translated from the loop's clock to the timeline."""
        core = self._core
        now_s = core.now_s()
        wall = Wall(now_s, core.clock.wall_s(), core.clock.trusted(), core.routing.offset_s)
        return LinkView(
            self.name,
            self.bearer,
            self.last.state,
            now_s + self.until_slot_s(),
            self.health,
            tariff=self.terms.tariff,
            frame_bytes=self.last.data_bytes_max,
            slot_s=self.slot_s,
            estimate=self.estimate,
            ledger=self.ledger,
            contact=self.terms.schedule.contact(wall, self.terms.km),
            quiet=self.terms.schedule.quiet_now(wall),
        )

    @property
    def slot_s(self) -> float:
        """Return the least time from one payload to the next, as the device says."""
        return SLOT_S if self.last.slot_s is None else self.last.slot_s

    def until_slot_s(self) -> float:
        """Return how long the device takes nothing more, by its report and its last answer."""
        return max(0.0, max(self.last.not_before_s, self.held_until_s) - asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Serve until cancelled."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            started_s = loop.time()
            try:
                await self.link.run(self)
                raise AssertionError(
                    f"link {self.name}: run() returned; it must serve until cancelled or raise LinkError"
                )
            except LinkError as error:
                if loop.time() - started_s >= STEADY_S:
                    failures = 0
                failures += 1
                wait_s = self._back_off_s(error, failures)
                self.health = self.health.after_lost(self._core.now_s())
                self._note_loss(error, wait_s)
            await asyncio.sleep(wait_s)

    def _note_loss(self, error: LinkError, wait_s: float) -> None:
        if self._told_loss != str(error):
            self.losses += self._logged is not LinkState.UNAVAILABLE
            self._told_loss, self._logged = str(error), LinkState.UNAVAILABLE
            log.warning(
                "link lost", link=self.name, where=self.link.info.where, why=str(error), retry_in_s=round(wait_s, 1)
            )
        self.report(
            LinkReport(
                state=LinkState.UNAVAILABLE, detail=str(error), identity=self.last.identity, counters=self.last.counters
            )
        )

    def _back_off_s(self, error: LinkError, failures: int) -> float:
        if isinstance(error, LinkMisconfigured):
            return MISCONFIGURED_RETRY_S
        if isinstance(error, LinkTransient) and error.retry_after_s is not None:
            return min(max(RETRY_S_MIN, error.retry_after_s), MISCONFIGURED_RETRY_S)
        ceiling_s = min(BACKOFF_MAX_S, BACKOFF_START_S * float(2 ** min(failures - 1, 10)))
        return ceiling_s * (0.5 + self._core.rng.random() / 2)


def _up(state: LinkState) -> LinkState | None:
    """Return the state of a device that is there and talks; None for all ways of being away."""
    return state if state in (LinkState.OPEN, LinkState.BUSY) else None
