"""What goes up to the bus, and in which order.

SOS first, whatever is queued. Then live reports, most urgent first. Then the backlog, throttled: what was accepted
before the bus came back, on its own topic and flagged historical. A sender whose backlog is not through yet has its
live reports wait behind it, so that consumers see each sender's reports of one precedence in order.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.bus.payloads import receipt_payload, report_payload
from gateway.bus.port import INFLIGHT_MAX, BusLost, PublishRefused
from gateway.daemon.senders import SenderCounts
from gateway.model import BUS_LANE, Precedence
from gateway.observe.log import logger

if TYPE_CHECKING:
    from gateway.bus.port import BusPort
    from gateway.bus.topics import Topics
    from gateway.config.settings import BusSettings
    from gateway.daemon.core import Core
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox

BATCH_MAX = INFLIGHT_MAX
"""Reports read from the outbox and published before their PUBACKs are written down together."""

CONSUMERS_RETURN_S = 5.0
"""A broker that forgot our session forgot its consumers' too: they get this long to come back before anything but an SOS
is published, or the broker would drop it and they would see what is newer first."""

ONLY_FLASH_LOOK_S = 0.2

FLASH_RESEND_S = 2.4
"""An SOS that no consumer has confirmed is published again at least this soon: after a broker that lost its sessions the
consumer may come back later than we do."""

LIVE_HEADS_MAX = 400
"""Live reports looked at for a batch; those of senders with a backlog are passed over."""

REQUEUE_STEP = 500
"""Reports made due again in one transaction after the broker lost its session."""

DECLINED_RETRY_S = 300.0
"""A report that the broker declines (no permission, quota) is tried again after this."""

RESEND_DOUBLINGS_MAX = 6
"""An unconfirmed report is published again ever more rarely, up to this many doublings."""

IDLE_WAIT_S = 30.0

log = logger("gateway.bus")


@dataclass(frozen=True, slots=True)
class Ready:
    """One report ready to go."""

    bundle: Bundle
    topic: str
    payload: bytes
    is_backlog: bool


class BusPublisher:
    """Publishes reports and receipts of orders, one batch a step."""

    def __init__(self, port: BusPort, topics: Topics, settings: BusSettings, core: Core) -> None:
        self._port = port
        self._topics = topics
        self._settings = settings
        self._core = core
        self._backlog_seq_max = 0
        self._backlog_left = SenderCounts()
        """Reports of the backlog by sender that have no PUBACK yet."""
        self._backlog_credit = 0.0
        self._credit_at_s = 0.0
        self._must_requeue = False
        self._consumers_back_s = 0.0
        self._receipts_declined_until_s = 0.0
        self._must_draw_line = True
        self._must_look = True

    def connected(self, *, session_present: bool) -> None:
        """Take that there is a new connection; what is in the outbox now will be backlog."""
        if not session_present:
            self._must_requeue = True
            self._consumers_back_s = asyncio.get_running_loop().time() + CONSUMERS_RETURN_S
        self._must_draw_line = True
        self._must_look = True
        self._core.bus_bell.ring()

    async def step(self) -> float:
        """Publish one batch; return the seconds that may pass before the next one, 0 for at once.

        Raise BusLost; what was not acknowledged stays due.
        """
        core = self._core
        if self._must_look:
            # Good enough to tell news from old until the line is drawn.
            self._backlog_seq_max = await core.store.run(lambda outbox: outbox.last_seq())
            self._must_look = False
        calls, is_idle = await core.store.run(self._look)
        if calls:  # before anything that may take long
            await self._publish(calls)
            return 0.0
        if is_idle and not self._must_requeue and not self._must_draw_line:
            return IDLE_WAIT_S
        if self._must_requeue:
            await self._requeue_some()
            return 0.0
        if self._must_draw_line:
            await self._draw_line()
        told = await self._tell_states()
        if asyncio.get_running_loop().time() < self._consumers_back_s:
            return ONLY_FLASH_LOOK_S
        self._add_credit()
        batch, wait_s = await core.store.run(self._choose)
        if batch:
            await self._publish(batch)
            return 0.0
        return 0.0 if told else wait_s

    async def _tell_states(self) -> int:
        """Tell the authors of orders how far these are; return how many were told."""
        core = self._core
        if asyncio.get_running_loop().time() < self._receipts_declined_until_s:
            return 0
        bundles = await core.store.run(lambda outbox: outbox.untold(BATCH_MAX))
        said = [
            (self._topics.receipt(bundle.id), receipt_payload(bundle, self._topics, wall_s=core.clock.wall_s()))
            for bundle in bundles
        ]
        results = await self._publish_all(said)
        told = [(bundle.seq, bundle.state) for bundle, result in zip(bundles, results, strict=True) if result is None]
        if told:
            await core.store.run(lambda outbox: outbox.told(told))
        declined = next((result for result in results if isinstance(result, PublishRefused)), None)
        if declined is not None:
            log.warning("receipts of orders declined", why=str(declined))
            self._receipts_declined_until_s = asyncio.get_running_loop().time() + DECLINED_RETRY_S
        _raise_other(results)
        return len(told)

    async def _publish_all(self, messages: list[tuple[str, bytes]]) -> list[BaseException | None]:
        """Publish in order, many in flight; return for each what came of it, None for a PUBACK."""
        tasks = [asyncio.ensure_future(self._port.publish(topic, payload)) for topic, payload in messages]
        return await asyncio.gather(*tasks, return_exceptions=True)

    async def _requeue_some(self) -> None:
        """Make due again what the broker took and nobody confirmed, since it kept nothing of us; some at a time."""
        core = self._core
        done = await core.store.run(lambda outbox: outbox.requeue(BUS_LANE, core.now_s(), REQUEUE_STEP))
        self._must_requeue = done == REQUEUE_STEP

    async def _draw_line(self) -> None:
        """Draw the line between backlog and live, and note whose backlog it is."""
        now_s = self._core.now_s()
        left = SenderCounts()

        def draw(outbox: Outbox) -> int:
            outbox.note_due_sources(BUS_LANE, now_s, left.note)
            return outbox.last_seq()

        self._backlog_seq_max = await self._core.store.run(draw)
        self._backlog_left = left
        self._credit_at_s = asyncio.get_running_loop().time()
        self._backlog_credit = 0.0
        self._must_draw_line = False

    def _look(self, outbox: Outbox) -> tuple[list[Ready], bool]:
        """Return the SOS that are due, and whether there is nothing at all to publish now or later."""
        if not outbox.has_open(BUS_LANE):
            return [], not outbox.untold(1)
        bundles = outbox.due(BUS_LANE, Precedence.FLASH, self._core.now_s(), BATCH_MAX)
        return [self._ready(outbox, bundle) for bundle in bundles], False

    def _choose(self, outbox: Outbox) -> tuple[list[Ready], float]:
        """Choose live reports, most urgent first, then as much of the backlog as may go now; and how long to wait for none."""
        now_s = self._core.now_s()
        for precedence in Precedence:
            heads = outbox.due_live(BUS_LANE, precedence, now_s, self._backlog_seq_max + 1, LIVE_HEADS_MAX)
            chosen = [b for b in heads if not self._backlog_left.waits(str(b.draft.source))][:BATCH_MAX]
            if chosen:
                return [self._ready(outbox, bundle) for bundle in chosen], 0.0
        affordable = min(BATCH_MAX, int(self._backlog_credit))
        for precedence in Precedence:
            chosen = outbox.due(BUS_LANE, precedence, now_s, affordable or 1)
            if chosen and not affordable:
                return [], (1.0 - self._backlog_credit) / self._settings.backlog_per_s
            if chosen:
                self._backlog_credit -= len(chosen)
                return [self._ready(outbox, bundle) for bundle in chosen], 0.0
        times = [outbox.next_due_s(BUS_LANE, precedence) for precedence in Precedence]
        due_s = min((time_s for time_s in times if time_s is not None), default=math.inf)
        return [], min(IDLE_WAIT_S, max(0.05, due_s - now_s))

    def _add_credit(self) -> None:
        now_s = asyncio.get_running_loop().time()
        earned = (now_s - self._credit_at_s) * self._settings.backlog_per_s
        self._credit_at_s = now_s
        self._backlog_credit = min(self._backlog_credit + earned, max(1.0, self._settings.backlog_per_s))

    def _ready(self, outbox: Outbox, bundle: Bundle) -> Ready:
        is_backlog = bundle.seq <= self._backlog_seq_max or bundle.attempts > 0
        kind = bundle.draft.message.kind
        # An SOS is never put where somebody who watches only live topics would miss it.
        on_backlog_topic = is_backlog and bundle.precedence is not Precedence.FLASH
        card = bundle.draft.source
        station = outbox.station_by_card(int(card.name)) if card.kind == "card" else None
        payload = report_payload(
            bundle,
            self._topics,
            historical=is_backlog,
            station=None if station is None else station.id,
        )
        return Ready(
            bundle, self._topics.backlog(kind) if on_backlog_topic else self._topics.up(kind), payload, is_backlog
        )

    async def _publish(self, batch: list[Ready]) -> None:
        """Publish a batch; write down what the broker took, then tell of a loss."""
        core = self._core
        results = await self._publish_all([(ready.topic, ready.payload) for ready in batch])
        now_s = core.now_s()
        taken: list[tuple[int, float]] = []
        declined: list[tuple[int, str]] = []
        for ready, result in zip(batch, results, strict=True):
            if result is None:
                taken.append((ready.bundle.seq, self._due_after_puback_s(ready.bundle, now_s)))
                self._note_through(ready)
            elif isinstance(result, PublishRefused):
                log.warning("report declined", bundle=ready.bundle.id, why=str(result))
                declined.append((ready.bundle.seq, str(result)))
        if taken or declined:
            await core.store.run(lambda outbox: _note_published(outbox, taken, declined, now_s))
            core.changes.note()
        _raise_other(results)

    def _note_through(self, ready: Ready) -> None:
        if ready.bundle.seq <= self._backlog_seq_max:
            self._backlog_left.through(str(ready.bundle.draft.source))

    def _due_after_puback_s(self, bundle: Bundle, now_s: float) -> float:
        """PUBACK stops the resending for now. With consumers named, an unconfirmed report goes again, ever more rarely."""
        if not self._settings.consumers:
            return math.inf
        resend_s = self._settings.unconfirmed_resend_s
        if bundle.precedence is Precedence.FLASH:
            resend_s = min(resend_s, FLASH_RESEND_S)
        return now_s + resend_s * 2.0 ** min(bundle.attempts, RESEND_DOUBLINGS_MAX)


def _note_published(
    outbox: Outbox, taken: list[tuple[int, float]], declined: list[tuple[int, str]], now_s: float
) -> None:
    """Write down in one transaction what the broker took and what it declined."""
    for due_s in sorted({due_s for _, due_s in taken}):
        outbox.published([seq for seq, due in taken if due == due_s], "bus", now_s, due_s)
    for seq, why in declined:
        outbox.postpone(seq, now_s + DECLINED_RETRY_S, why)


def _raise_other(results: list[BaseException | None]) -> None:
    """Raise what was neither a PUBACK nor a refusal: a bug before a lost connection."""
    others = [result for result in results if result is not None and not isinstance(result, PublishRefused)]
    if others:
        raise min(others, key=lambda error: isinstance(error, BusLost))
