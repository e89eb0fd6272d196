"""The gateway's side of the command bus: connection, what comes in from it, and the retained states.

What goes up is the publisher's (buspublisher.py). A broker is a carrier: its PUBACK only stops the resending. When a
connection finds that the broker kept no session of ours, everything it once took and no consumer has confirmed is
published again.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING

from gateway.bus.payloads import (
    command_id_of,
    link_state_payload,
    parse_command,
    parse_receipt,
    receipt_payload,
    refusal_payload,
    state_payload,
)
from gateway.bus.port import BusLost, BusRefused, PublishRefused
from gateway.bus.topics import CommandTopic, ReceiptTopic, TopicError
from gateway.bus.wire import PayloadError
from gateway.daemon.buspublisher import BusPublisher
from gateway.daemon.core import WAIT_S_MIN
from gateway.daemon.orders import Order, OrderRefused
from gateway.daemon.version import VERSION
from gateway.model import BUS, Direction, MessageKind, Receipt, ReceiptLevel
from gateway.observe.log import logger
from gateway.store.errors import StoreError

if TYPE_CHECKING:
    from gateway.bus.port import BusPort
    from gateway.bus.topics import Topics
    from gateway.config.settings import BusSettings
    from gateway.daemon.core import Core
    from gateway.daemon.orders import Orders
    from gateway.link import LinkReport
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox

BACKOFF_START_S = 0.5
BACKOFF_MAX_S = 5.0
REFUSED_RETRY_S = 60.0
RETRY_S_MAX = 120.0
"""Longest wait whatever the broker asks for; well below what the watchdog allows."""

ANSWERS_MAX = 2_000
"""Refusals and repeated receipts waiting to be published; beyond it the oldest is dropped, its author will ask again."""

ANSWERS_STEP = 16
"""Answers published between two looks for reports, so that nobody delays an SOS by asking much."""

STORE_WAIT_S = 5.0
"""Pause before the outbox is asked again after it could not write."""

STATE_EVERY_S = 60.0
"""Retained states are said again this often: a broker may lose them."""

STATE_GAP_S = 2.0
"""Changes of state closer together than this are said once."""

log = logger("gateway.bus")


class BusSide:
    """One gateway on its command bus."""

    def __init__(self, port: BusPort, topics: Topics, settings: BusSettings, core: Core, orders: Orders) -> None:
        self._port = port
        self._topics = topics
        self._settings = settings
        self._core = core
        self._orders = orders
        self._publisher = BusPublisher(port, topics, settings, core)
        self._answers: deque[tuple[str, bytes]] = deque(maxlen=ANSWERS_MAX)
        self._told_links: dict[str, object] = {}
        self._connected_wall_s: float | None = None
        self._started_wall_s = core.clock.wall_s()
        self.state = "never connected"
        self.since_s = core.now_s()

    @property
    def is_connected(self) -> bool:
        """Tell whether the bus can be used now."""
        return self._port.is_connected

    async def run(self) -> None:
        """Serve until cancelled: connect, publish and take orders, again and again."""
        failures = 0
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._publish_while_connected())
                    await self._port.run(self)
            except* BusLost as lost:
                error = lost.exceptions[0]
                while isinstance(error, BaseExceptionGroup):
                    error = error.exceptions[0]
                assert isinstance(error, BusLost)
                failures = 1 if self._connected_wall_s is not None else failures + 1
                wait_s = self._back_off_s(error, failures)
                self._note_loss(error, wait_s)
            self._core.progress.beat("bus")
            await asyncio.sleep(wait_s)

    def _note_loss(self, error: BusLost, wait_s: float) -> None:
        if self.state != str(error):
            log.warning("bus lost", why=str(error), retry_in_s=round(wait_s, 1))
            self.since_s = self._core.now_s()
        self.state = str(error)
        self._connected_wall_s = None

    def _back_off_s(self, error: BusLost, failures: int) -> float:
        if error.retry_after_s is not None:
            return min(max(BACKOFF_START_S, error.retry_after_s), RETRY_S_MAX)
        if isinstance(error, BusRefused):
            return REFUSED_RETRY_S
        ceiling_s = min(BACKOFF_MAX_S, BACKOFF_START_S * float(2 ** min(failures - 1, 10)))
        return ceiling_s * (0.5 + self._core.rng.random() / 2)

    # --- BusSink -----------------------------------------------------------------------------------------------

    async def connected(self, *, session_present: bool) -> None:
        """Take that the connection serves; see BusSink."""
        self.state = "connected"
        self.since_s = self._core.now_s()
        self._connected_wall_s = self._core.clock.wall_s()
        self._told_links.clear()
        log.info("bus connected", url=self._settings.url, session_present=session_present)
        self._publisher.connected(session_present=session_present)

    async def received(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take one message of the bus; returns when what it says is on disk."""
        if retained:
            self._core.count("bus: retained message ignored")
            if topic.startswith(f"{self._topics.base}/down/"):
                self._refuse(topic, ["retained orders are not taken; publish without the retain flag"], payload)
            return
        try:
            place = self._topics.parse(topic)
            match place:
                case CommandTopic():
                    await self._take_order(topic, place, payload)
                case ReceiptTopic():
                    await self._take_receipt(place, payload)
        except TopicError as error:
            self._core.count("bus: topic not ours")
            self._refuse(topic, [str(error)], payload)
        except PayloadError as error:
            self._core.count("bus: payload refused")
            self._refuse(topic, list(error.faults), payload)

    async def _take_order(self, topic: str, place: CommandTopic, payload: bytes) -> None:
        if self._settings.commands != "allow":
            self._core.count("bus: order denied")
            self._refuse(
                topic, ['orders from the bus are denied here; allow them with: [bus] commands = "allow"'], payload
            )
            return
        command = parse_command(payload)
        order = Order(
            source=BUS,
            destination=place.endpoint,
            text=command.text,
            kind=MessageKind(command.kind),
            precedence=command.ladder,
            lifetime_s=command.lifetime_s,
            reply_to=command.reply_to,
            external_id=command.id,
            via="bus",
        )
        try:
            taken = await self._orders.take(order)
        except (OrderRefused, StoreError) as error:
            self._core.count("bus: order refused")
            self._refuse(topic, [str(error)], payload)
            return
        if taken.is_duplicate:
            self._answer_again(topic, taken.bundles, payload)

    def _answer_again(self, topic: str, bundles: tuple[Bundle, ...], payload: bytes) -> None:
        """Tell the author of a repeated order how far it is; what was told the first time may have been lost."""
        if not bundles:
            self._refuse(
                topic, ["an order with this id was taken earlier and is forgotten; give a new one a new id"], payload
            )
        for bundle in bundles:
            receipt = receipt_payload(bundle, self._topics, wall_s=self._core.clock.wall_s())
            self._answers.append((self._topics.receipt(bundle.id), receipt))
        self._core.bus_bell.ring()

    async def _take_receipt(self, place: ReceiptTopic, payload: bytes) -> None:
        said = parse_receipt(payload)
        if said is None:
            return
        if said.by not in self._settings.consumers:
            self._core.count("bus: receipt of an unknown consumer ignored")
            log.warning("receipt ignored", bundle=place.bundle_id, by=said.by, why="not named in bus.consumers")
            return
        receipt = Receipt(place.bundle_id, ReceiptLevel(said.level), by=f"consumer:{said.by}")

        def apply(outbox: Outbox) -> Bundle | None:
            bundle = outbox.find(place.bundle_id)
            if bundle is None or bundle.draft.direction is not Direction.UP:
                return None
            return outbox.receipt(receipt, self._core.now_s(), due_s=math.inf)

        try:
            bundle = await self._core.store.run(apply)
        except StoreError as error:  # the report stays open and is published and confirmed again
            log.warning("receipt not kept", bundle=place.bundle_id, why=str(error))
            return
        if bundle is None:
            self._core.count("bus: receipt without an open report")
            return
        log.info("report confirmed", bundle=bundle.id, by=said.by, level=said.level)
        self._core.wake_links()
        self._core.changes.note()

    def _refuse(self, topic: str, faults: list[object], payload: bytes) -> None:
        log.warning("bus message refused", topic=topic[:200], why="; ".join(str(fault) for fault in faults))
        refusal = refusal_payload(
            self._topics,
            topic,
            [str(fault) for fault in faults],
            wall_s=self._core.clock.wall_s(),
            command_id=command_id_of(payload),
        )
        self._answers.append((self._topics.refusal, refusal))
        self._core.bus_bell.ring()

    # --- going out ---------------------------------------------------------------------------------------------

    async def _publish_while_connected(self) -> None:
        """Publish states, refusals, receipts and reports as long as there is a connection."""
        said_s = -STATE_EVERY_S
        loop = asyncio.get_running_loop()
        while True:
            self._core.progress.beat("bus")
            if self._connected_wall_s is None or not self._port.is_connected:
                await self._core.bus_bell.wait(1.0)
                continue
            if loop.time() - said_s >= STATE_GAP_S and (self._links_changed() or loop.time() - said_s >= STATE_EVERY_S):
                await self._say_states()
                said_s = loop.time()
            try:
                wait_s = await self._publisher.step()
            except StoreError as error:  # told loudly by the housekeeping; what was not written down is published again
                log.info("publisher waits for the store", why=str(error))
                wait_s = STORE_WAIT_S
            await self._say_answers()
            if wait_s > 0 and not self._answers:
                if self._links_changed():  # said too soon after the last: nothing would ring for it again
                    wait_s = min(wait_s, max(WAIT_S_MIN, said_s + STATE_GAP_S - loop.time()))
                await self._core.bus_bell.wait(min(wait_s, STATE_EVERY_S / 2))

    async def _say_answers(self) -> None:
        """Publish some refusals and repeated receipts; those that a lost connection interrupts wait for the next."""
        now = [self._answers.popleft() for _ in range(min(ANSWERS_STEP, len(self._answers)))]
        try:
            while now:
                await self._say(*now[0], retain=False)
                del now[0]
        finally:
            self._answers.extendleft(reversed(now))

    def _links_changed(self) -> bool:
        return {name: _told_of(runner.last) for name, runner in self._core.links.items()} != self._told_links

    async def _say_states(self) -> None:
        core = self._core
        wall_s = core.clock.wall_s()
        reports = {name: runner.last for name, runner in core.links.items()}
        balance = core.store.balance.total
        await self._say(
            self._topics.state,
            state_payload(
                since_wall_s=self._started_wall_s,
                wall_s=wall_s,
                boot=core.clock.boot_id(),
                version=VERSION,
                balance={
                    "accepted": balance.accepted,
                    "delivered": balance.delivered,
                    "queued": balance.queued,
                    "expired": balance.expired,
                    "shed": balance.shed,
                },
                links=reports,
            ),
            retain=True,
        )
        for name, report in reports.items():
            if self._told_links.get(name) != _told_of(report):
                runner = core.links[name]
                since_wall_s = wall_s - (core.now_s() - runner.since_s)
                payload = link_state_payload(
                    name, runner.link.info.bearer, report, since_wall_s=since_wall_s, wall_s=wall_s
                )
                await self._say(self._topics.link_state(name), payload, retain=True)
        self._told_links = {name: _told_of(report) for name, report in reports.items()}

    async def _say(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Publish something that nothing depends on; what the broker declines is counted."""
        try:
            await self._port.publish(topic, payload, retain=retain)
        except PublishRefused as error:
            self._core.count("bus: state or refusal declined by the broker")
            log.warning("publication declined", topic=topic, why=str(error))


def _told_of(report: LinkReport) -> object:
    """Return what the bus is told of a link; its slot and counters change all the time and are not published."""
    return (report.state, report.detail, tuple((signal.name, signal.level) for signal in report.signals))
