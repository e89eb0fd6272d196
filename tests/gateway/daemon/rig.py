"""A whole gateway for a test: the real daemon and store on virtual time, scripted links, and a broker in memory."""

import asyncio
import contextlib
import json
import random

from gateway.bus.memory import MemoryBroker, MemoryBus
from gateway.bus.payloads import will_payload
from gateway.bus.port import Will
from gateway.bus.topics import Topics
from gateway.config.settings import Settings
from gateway.daemon.gateway import Gateway
from gateway.model import EndpointKind, Precedence, Station
from gateway.simulate.post import ScriptedClock
from gateway.store.limits import Limits
from gateway.store.opening import open_store
from tests.gateway.daemon.scripted_link import Device, ScriptedLink

BASE = "yizhan/v1/5133/cp1"
SETTLE_S = 1.0
CARD = "179773"


class Rig:
    """One gateway with its links and perhaps a bus; it can crash and start again."""

    def __init__(self, tmp_path, *, links=("bd1",), bearers=None, bus=None, limits=None, slot_s=0.0, **tables):
        self.directory = tmp_path
        table = {
            "gateway": {"id": "cp1", "region": "5133"},
            "links": {name: {"driver": "scripted"} for name in links},
        } | tables
        if bus is not None:
            table["bus"] = {"url": "mqtt://memory", "consumers": ["centre"], "commands": "allow"} | bus
        self.settings = Settings.model_validate(table)
        self.limits = limits
        self.bearers = bearers or {}
        self.clock = ScriptedClock()
        self.devices = {name: Device(card=n + 1, slot_s=slot_s) for n, name in enumerate(links)}
        self.broker = None if bus is None else MemoryBroker(random.Random(1))
        self.store = self.gateway = self.task = None
        self.starts = 0

    # --- life --------------------------------------------------------------------------------------------------

    def open(self):
        """Open the store and put the gateway together without running it."""
        self.starts += 1
        limits = self.limits or Limits(receipt_interval_s=self.settings.handsets.receipt_interval_s)
        rng = random.Random(self.starts)
        self.store, _ = open_store(
            self.directory / "outbox.db", gateway="cp1", clock=self.clock, rng=rng, limits=limits
        )
        self.gateway = Gateway(self.settings, self.store, self.store.timeline, self.clock, rng)
        for name, device in self.devices.items():
            self.gateway.add_link(
                ScriptedLink(name, device, self.gateway.memory_for(name), self.bearers.get(name, "beidou"))
            )
        if self.broker is not None:
            topics = Topics("yizhan", "5133", "cp1")
            will = Will(topics.state, will_payload(boot="boot-1", version="test"))
            port = MemoryBus(self.broker, client_id="cp1", subscriptions=topics.subscriptions(), will=will)
            self.gateway.set_bus(port, topics)

    async def start(self):
        self.open()
        self.task = asyncio.create_task(self.gateway.run(), name="gateway")
        await self.settle()

    async def crash(self):
        """Lose everything that is only in memory."""
        await self._end()
        self.store.abandon()

    async def stop(self):
        await self._end()
        await self.store.close()

    async def _end(self):
        if self.task.done():
            self.task.result()
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def settle(self, seconds=SETTLE_S):
        """Let everything that can happen happen; a bug that ended the gateway is raised here."""
        await asyncio.sleep(seconds)
        if self.task is not None and self.task.done():
            self.task.result()
            raise AssertionError("the gateway ended by itself")

    # --- looking and doing -------------------------------------------------------------------------------------

    @property
    def core(self):
        return self.gateway.core

    @property
    def runner(self):
        return self.core.links["bd1"]

    def do(self, function):
        return self.store.run(function)

    async def hear(self, heard, link="bd1"):
        """Let a link hear something and wait until it is on disk."""
        await self.core.links[link].heard(heard)

    async def reports(self):
        """Return everything that came up, in order."""
        return await self.do(lambda outbox: _all(outbox, "up"))

    async def orders(self):
        return await self.do(lambda outbox: _all(outbox, "down"))

    async def owed(self, link="bd1"):
        """Return the numbers owed on a link now, by peer."""
        now_s = self.core.now_s()
        found = await self.do(lambda outbox: outbox.owed_next(link, now_s + 1e6, 50))
        return {one.peer: [entry.seq for entry in one.entries] for one in found}

    async def ask(self, **request):
        """Do one operation of the control socket; its result must be plain JSON without infinity."""
        result = await self.gateway.operations.do(request)
        json.dumps(result, allow_nan=False)
        return result

    async def send(self, text="撤离", to=f"card:{CARD}", **more):
        """Give an order by the command line's way; return its first bundle as JSON."""
        return (await self.ask(op="send", to=to, text=text, **more))["bundles"][0]

    async def found(self, reference):
        return await self.do(lambda outbox: outbox.find(str(reference)))

    async def station(self, station_id, *cards, groups=(), grids=()):
        await self.do(lambda outbox: outbox.station_put(Station(station_id, "", cards, groups, grids)))


def _all(outbox, direction):
    last = outbox.last_seq()
    bundles = [outbox.numbered(seq) for seq in range(1, last + 1)]
    return [bundle for bundle in bundles if bundle is not None and bundle.draft.direction == direction]


@contextlib.asynccontextmanager
async def running(tmp_path, **options):
    """Run a gateway for the length of a test."""
    rig = Rig(tmp_path, **options)
    await rig.start()
    try:
        yield rig
    finally:
        if not rig.task.done():
            await rig.stop()
        else:
            rig.store.abandon()


class Consumer:
    """A subscriber of everything; remembers messages in order and may confirm reports."""

    def __init__(self, broker, confirms=None):
        self.broker, self.confirms = broker, confirms
        self.messages = []
        broker.subscribe(["#"], self._take)

    def _take(self, topic, payload, retained):
        ours = "/down/" not in topic  # orders are others' words and may be anything
        value = json.loads(payload) if payload and ours else None
        self.messages.append((topic.removeprefix(f"{BASE}/"), value, retained))
        if self.confirms is not None and topic.split("/")[4] in ("up", "backlog"):
            self.confirm(value["id"], by=self.confirms)

    def confirm(self, bundle_id, by="centre", level="delivered"):
        receipt = json.dumps({"level": level, "by": by}).encode()
        self.broker.publish(f"{BASE}/receipt/{bundle_id}", receipt)

    def on(self, head):
        """Return values published below a first level: ``up``, ``backlog``, ``receipt``, ``refusal``."""
        return [value for topic, value, _ in self.messages if topic.split("/")[0] == head]

    def reports(self):
        return [(topic, value) for topic, value, _ in self.messages if topic.split("/")[0] in ("up", "backlog")]

    def states_of(self, bundle_id):
        """Return what the gateway told about an order, in order."""
        return [
            value["state"]
            for topic, value, _ in self.messages
            if topic == f"receipt/{bundle_id}" and str(value.get("by", "")).startswith("gateway:")
        ]

    def command(self, endpoint=f"card:{CARD}", *, retain=False, **members):
        body = {"id": "order-1", "text": "到三号点集合"} | members
        self.broker.publish(f"{BASE}/down/{endpoint}", json.dumps(body, ensure_ascii=False).encode(), retain=retain)


__all__ = ["BASE", "CARD", "Consumer", "EndpointKind", "Precedence", "Rig", "running"]
