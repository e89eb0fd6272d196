"""A day of one gateway under faults, from one seed, with its promises checked as it runs.

Handsets report, the centre orders, the sky loses and doubles, the broker dies, freezes and forgets, the terminal is
unplugged, hangs and talks garbage, the daemon crashes, the power goes and the clock comes back wrong. After the last
fault everything is healed and must drain. ``Day(seed).live(directory)`` returns what was seen; a broken promise raises
AssertionError that names the seed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from dataclasses import dataclass, field

from drivers.virtual.handset import Handset
from drivers.virtual.sky import Sky, SkySettings
from drivers.virtual.terminals import simulated_terminal
from gateway.bus.memory import MemoryBroker
from gateway.config.settings import Settings
from gateway.daemon.buspublisher import BusPublisher
from gateway.daemon.outbound import BundleTask, LinkSender
from gateway.model import BundleState, Direction, Precedence
from gateway.simulate.post import Post

HOUR_S = 3600.0
GATEWAY_CARD = 200_001
BASE = "yizhan/v1/5133/cp1"
REPORTS = (
    ("求救，{n}人被困，2人受伤，磨西镇，29.{n:04d},102.{n:04d}", Precedence.FLASH),
    ("龙头山镇死亡{n}人，受伤5人，失踪1人", Precedence.IMMEDIATE),
    ("映秀镇塌方，道路不通，第{n}号点", Precedence.IMMEDIATE),
    ("需要帐篷{n}顶，得妥镇", Precedence.PRIORITY),
    ("平安，在漩口小学，第{n}次报告", Precedence.ROUTINE),
    ("今晚在磨西镇过夜，队员{n}", Precedence.ROUTINE),
)
DRAIN_S_MAX = 8 * HOUR_S
FLASH_AHEAD_S = 1.0
"""An SOS accepted longer ago than this goes before everything less urgent."""


@dataclass
class Seen:
    """What the consumer saw and did."""

    first: dict[str, dict] = field(default_factory=dict)
    copies: int = 0
    order: list[str] = field(default_factory=list)
    receipts: dict[str, list[str]] = field(default_factory=dict)
    """States of orders told by the gateway, by the author's id."""
    refused: int = 0


class Day:
    """One scenario of one seed."""

    def __init__(self, seed: int, hours: float = 24.0) -> None:
        self.seed = seed
        self.hours = hours
        self.rng = random.Random(seed)
        self.seen = Seen()
        self.accepted_s: dict[str, float] = {}
        """When each bundle was accepted, by the loop's clock, which no fault touches."""
        self.trace = hashlib.sha256()
        self.balances = 0
        self.orders: list[str] = []

    # --- the world ---------------------------------------------------------------------------------------------

    async def live(self, directory) -> Seen:
        rng = self.rng
        calm = rng.random() < 0.2
        settings = SkySettings(loss=0.0 if calm else rng.choice([0.045, 0.15]), duplicate=rng.choice([0.0, 0.05]))
        self.sky = Sky(random.Random(rng.random()), settings)
        protocol = rng.choice(["bd-2.1", "bd-4.0", "bd-3"])
        cards = [300_001 + n for n in range(rng.randint(2, 4))]
        self.handsets = [Handset(self.sky, card, auto_answer=True) for card in cards]
        self.terminal = simulated_terminal(protocol, self.sky, GATEWAY_CARD, command=rng.random() < 0.5)
        self.broker = MemoryBroker(random.Random(rng.random()), persistent=rng.random() < 0.5, duplicates=0.02)
        # One client, as a command centre's: order across topics is promised on one connection only.
        patterns = ("up/+", "backlog/+", "receipt/+", "refusal")
        self.broker.subscribe([f"{BASE}/{pattern}" for pattern in patterns], self._consume)
        self.post = Post(_settings(), directory, {"bd1": self.terminal}, self.broker, random.Random(rng.random()))
        restore = self._guard_precedence()
        self.post.start()
        self.watch()
        tasks = [
            asyncio.ensure_future(work) for work in (self._report(), self._command(), self._harm(calm), self._audit())
        ]
        try:
            await asyncio.sleep(self.hours * HOUR_S)
            for task in tasks[:3]:
                task.cancel()
            await asyncio.gather(*tasks[:3], return_exceptions=True)
            await self._heal()
            await self._drain()
            await self._judge()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            restore()
            await self.post.stop()
        return self.seen

    def _guard_precedence(self):
        """Look over the shoulder of publisher and link: nothing goes before an SOS that waits."""
        real_publish, real_send = BusPublisher._publish, LinkSender._send

        async def publish(publisher, batch):
            if any(ready.bundle.precedence is not Precedence.FLASH for ready in batch):
                self._no_flash_waits("bus")
            await real_publish(publisher, batch)

        async def send(sender, task):
            precedence = task.bundle.precedence if isinstance(task, BundleTask) else task.owed.precedence
            if precedence is not Precedence.FLASH:
                self._no_flash_waits("beidou")
            await real_send(sender, task)

        BusPublisher._publish, LinkSender._send = publish, send

        def restore():
            BusPublisher._publish, LinkSender._send = real_publish, real_send

        return restore

    def _no_flash_waits(self, lane):
        store = self.post.store
        waiting = store._file.outbox.due(lane, Precedence.FLASH, store.now_s(), 10)
        late = [bundle.id for bundle in waiting if store.now_s() - bundle.accepted_s > FLASH_AHEAD_S]
        assert not late, f"seed {self.seed}: {late} waited while something less urgent went by {lane}"

    def watch(self) -> None:
        """Check the balance after every commit of the store that is open now, and keep when it accepted what."""
        store = self.post.store
        commit = store._commit_here

        def checked(functions):
            done = commit(functions)
            self.balances += 1
            assert store.balance.balanced, f"seed {self.seed}: balance broken: {store.balance.total}"
            return done

        store._commit_here = checked
        outbox, loop = store._file.outbox, asyncio.get_running_loop()
        accept = outbox.accept

        def timed(*args, **kwargs):
            acceptance = accept(*args, **kwargs)
            if not acceptance.is_duplicate:
                self.accepted_s[acceptance.bundle.id] = loop.time()
            return acceptance

        outbox.accept = timed

    def note(self, *words) -> None:
        line = f"{asyncio.get_running_loop().time():.3f} " + " ".join(map(str, words)) + "\n"
        self.trace.update(line.encode())

    # --- people ------------------------------------------------------------------------------------------------

    async def _report(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / 600))
            number += 1
            handset = self.rng.choice(self.handsets)
            template, _ = self.rng.choices(REPORTS, weights=(1, 3, 4, 4, 8, 4))[0]
            text = template.format(n=number)
            self.note("type", handset.card, text)
            handset.type_text(text, GATEWAY_CARD)
            if self.rng.random() < 0.1:  # impatient: the same again while the first is young
                await asyncio.sleep(90)
                handset.type_text(text, GATEWAY_CARD)

    async def _command(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / 1800))
            number += 1
            handset = self.rng.choice(self.handsets)
            author_id = f"order-{number}"
            command = {
                "id": author_id,
                "text": f"到第{number}号点集合",
                "precedence": self.rng.choice(["FLASH", "IMMEDIATE", "PRIORITY"]),
                "lifetime_s": 7200,
            }
            topic = f"{BASE}/down/card:{handset.card}"
            if self.broker.publish(topic, json.dumps(command, ensure_ascii=False).encode()):
                self.orders.append(author_id)
                if self.rng.random() < 0.2:
                    self.broker.publish(topic, json.dumps(command, ensure_ascii=False).encode())

    def _consume(self, topic: str, payload: bytes, retained: bool) -> None:
        del retained
        value = json.loads(payload)
        if topic.endswith("/refusal"):
            self.seen.refused += 1
            return
        if "/receipt/" in topic:
            if str(value.get("by", "")).startswith("gateway:"):
                self.seen.receipts.setdefault(value["command_id"], []).append(value["state"])
            return
        self.note("consume", topic, value["id"])
        if value["id"] in self.seen.first:
            self.seen.copies += 1
            assert self.seen.first[value["id"]]["data"] == value["data"], f"seed {self.seed}: one id, two contents"
        else:
            self.seen.first[value["id"]] = value
            self.seen.order.append(value["id"])
        if self.rng.random() < 0.97:
            receipt = json.dumps({"level": "delivered", "by": "centre"}).encode()
            asyncio.get_running_loop().call_later(self.rng.uniform(0.05, 20), self._confirm, value["id"], receipt)

    def _confirm(self, bundle_id: str, receipt: bytes) -> None:
        self.broker.publish(f"{BASE}/receipt/{bundle_id}", receipt)

    # --- faults ------------------------------------------------------------------------------------------------

    async def _harm(self, calm: bool) -> None:
        if calm:
            await asyncio.Event().wait()
        harms = (self._broker_fault, self._terminal_fault, self._crash, self._sky_fault)
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / (1.5 * HOUR_S)))
            harm = self.rng.choices(harms, weights=(4, 4, 4, 2))[0]
            self.note("harm", harm.__name__)
            await harm()

    async def _broker_fault(self) -> None:
        match self.rng.choice(["down", "restart", "cut", "freeze"]):
            case "down":
                self.broker.down()
                await asyncio.sleep(self.rng.uniform(5, HOUR_S))
                self.broker.up()
            case "restart":
                self.broker.restart()
            case "cut":
                self.broker.cut()
            case "freeze":
                self.broker.freeze()
                await asyncio.sleep(self.rng.uniform(5, 900))
                self.broker.thaw()

    async def _terminal_fault(self) -> None:
        terminal = self.terminal
        match self.rng.choice(["unplug", "hang", "garbage", "double", "power", "feedback"]):
            case "unplug":
                terminal.unplug()
                await asyncio.sleep(self.rng.uniform(5, 1800))
                terminal.plug()
            case "hang":
                terminal.hang()
                await asyncio.sleep(self.rng.uniform(5, 900))
                terminal.resume()
            case "garbage":
                terminal.garbage(self.rng.randint(1, 2000))
            case "double":
                terminal.duplicate_next()
            case "power":
                terminal.power_cycle()
            case "feedback":
                terminal.drop_feedback_next()

    async def _crash(self) -> None:
        power = self.rng.random() < 0.5
        await self.post.crash(power=power)
        if power:
            self.post.clock.offset_s += self.rng.choice([0.0, 0.0, 300.0, -1.8e9, 3.2e8, -3.0e8])
        await asyncio.sleep(self.rng.uniform(1, 600))
        self.post.start()
        self.watch()

    async def _sky_fault(self) -> None:
        self.sky.outage(
            self.rng.uniform(30, 1800), self.rng.choice([None, GATEWAY_CARD, *(h.card for h in self.handsets)])
        )

    async def _audit(self) -> None:
        """Look at the gateway every minute: no bug ended it, and what it shows adds up."""
        while True:
            await asyncio.sleep(60)
            if self.post.gateway is not None:
                self.post.check()

    # --- the end -----------------------------------------------------------------------------------------------

    async def _heal(self) -> None:
        self.broker.thaw()
        self.broker.up()
        self.terminal.resume()
        if not self.terminal.plugged:
            self.terminal.plug()
        self.sky.end_outages()
        if self.post.gateway is None:
            self.post.start()
            self.watch()
        self.note("healed")

    async def _drain(self) -> None:
        """Wait until every report is confirmed and every handset has had its say."""
        deadline_s = asyncio.get_running_loop().time() + DRAIN_S_MAX
        while asyncio.get_running_loop().time() < deadline_s:
            await asyncio.sleep(600)
            open_up = await self.post.store.run(_open_up)
            if not open_up and not any(handset.waiting for handset in self.handsets):
                return
        raise AssertionError(f"seed {self.seed}: {open_up} reports are still open {DRAIN_S_MAX:.0f} s after healing")

    async def _judge(self) -> None:
        store = self.post.store
        recount = await store.run(lambda outbox: outbox.recount())
        assert store.balance.total == recount.total, (
            f"seed {self.seed}: counters {store.balance.total}, tables {recount.total}"
        )
        self._judge_reports()
        self._judge_receipts()
        self._judge_order()
        self._judge_orders()
        up = [cell for (direction, _), cell in store.balance.cells.items() if direction is Direction.UP]
        accepted = sum(cell.accepted for cell in up)
        assert accepted == len(self.seen.first), (
            f"seed {self.seed}: accepted {accepted} reports, consumer has {len(self.seen.first)}"
        )
        assert not any(cell.expired or cell.shed for cell in up), f"seed {self.seed}: a report expired or was shed"

    def _judge_reports(self) -> None:
        """One text accepted twice within the duplicate window is one report, however it was doubled on the way.

        A copy that an outage held back until the window was over is a report of its own, by the rule.
        """
        window_s = self.post.settings.handsets.duplicate_window_s
        last: dict[tuple[str, str], tuple[float, str]] = {}
        for report in sorted(self.seen.first.values(), key=lambda report: self.accepted_s[report["id"]]):
            text = report["data"]["properties"]["text"]
            if text.startswith("收到"):
                continue
            accepted_s, earlier = last.get((report["subject"], text), (float("-inf"), ""))
            assert self.accepted_s[report["id"]] - accepted_s >= window_s, (
                f"seed {self.seed}: one text, two reports: {report['subject']} {text}: {earlier}, {report['id']}"
            )
            last[report["subject"], text] = self.accepted_s[report["id"]], report["id"]

    def _judge_receipts(self) -> None:
        """Whatever number a handset was given stands for a report of that handset that the consumer has."""
        numbers = {(report["subject"], report["number"]) for report in self.seen.first.values()}
        for handset in self.handsets:
            for received in handset.inbox:
                if "已收到" in received.text:
                    for number in _numbers(received.text):
                        known = (f"card:{handset.card}", number) in numbers
                        assert known, (
                            f"seed {self.seed}: {handset.card} was told {received.text!r}, the consumer has no such report"
                        )

    def _judge_order(self) -> None:
        """Consumers see each sender's reports of one precedence in the order of acceptance."""
        last: dict[tuple[str, str], int] = {}
        for bundle_id in self.seen.order:
            report = self.seen.first[bundle_id]
            key = (report["subject"], report["precedence"])
            assert last.get(key, 0) < report["number"], f"seed {self.seed}: {key} out of order at {report['number']}"
            last[key] = report["number"]

    def _judge_orders(self) -> None:
        """The centre is never told more than is known: answered only if a handset answered, delivered never by radio alone."""
        answered_texts = {r["replyto"] for r in self.seen.first.values() if r.get("replyto")}
        for author_id, states in self.seen.receipts.items():
            assert str(BundleState.DELIVERED) not in states, (
                f"seed {self.seed}: {author_id} shown delivered, nobody said so"
            )
            if str(BundleState.ANSWERED) in states:
                assert answered_texts, f"seed {self.seed}: {author_id} answered by nobody"


def _open_up(outbox) -> int:
    return sum(count for (lane, _, _), count in outbox.open_counts().items() if lane == "bus")


def _numbers(text: str) -> list[int]:
    digits = "".join(char if char.isdigit() else " " for char in text.partition("已收到")[2])
    found = [int(word) for word in digits.split()]
    return found[1:] if "条" in text else found


def _settings() -> Settings:
    return Settings.model_validate(
        {
            "gateway": {"id": "cp1", "region": "5133"},
            "bus": {
                "url": "mqtt://memory:1",
                "commands": "allow",
                "consumers": ["centre"],
                "retention_s": 20 * 86_400.0,
            },
        }
    )
