"""Real processes, real ptys, a real broker, and everything that can break is broken while 500 people report."""

import asyncio
import random
import re

import pytest

from tests.e2e.post import Consumer, Daemon, Mosquitto, SkyProcess, gateway_toml, wait_until

CARDS = {"bd1": 242_286, "bd2": 175_607, "bd3": 4_216_930}
PROTOCOLS = {"bd1": "bd-2.1", "bd2": "bd-4.0", "bd3": "bd-3"}
PEOPLE = [300_001 + n for n in range(20)]
REPORTS = 500
DAEMON_KILLS = 20


class People:
    """Twenty people with handsets who type again when no receipt comes."""

    def __init__(self, sky):
        self.sky = sky
        self.typed = {card: [] for card in PEOPLE}

    def type(self, number):
        card = PEOPLE[number % len(PEOPLE)]
        text = f"平安，第{number}号报告"
        if card == PEOPLE[0]:
            text = f"求救，{number}人被困"
        to = list(CARDS.values())[number % 3]
        self.typed[card].append((text, to))
        self.sky.do("type", card=card, text=text, to=to)

    def receipts(self, card):
        """Return the numbers this person holds receipts for."""
        texts = [text for text in self.sky.inbox(card) if "收到" in text]
        return {int(n) for text in texts for n in re.findall(r"\d+", re.sub(r"\d+条", "", text))}

    def without(self):
        """Return who misses receipts, with how many."""
        missing = {card: len(texts) - len(self.receipts(card)) for card, texts in self.typed.items()}
        return {card: count for card, count in missing.items() if count > 0}

    def type_again(self, card):
        """Type everything again: the same text within ten minutes is one report."""
        for text, to in self.typed[card]:
            self.sky.do("type", card=card, text=text, to=to)


def sky_toml(directory):
    terminals = "".join(
        f'[terminals.{name}]\nprotocol = "{PROTOCOLS[name]}"\ncard = {card}\npty = "{directory / name}"\n'
        for name, card in CARDS.items()
    )
    handsets = "".join(f"[[handsets]]\ncard = {card}\n" for card in PEOPLE)
    return f"seed = 7\nspeed = 120.0\n[air]\nloss = 0.045\nduplicate = 0.05\n{terminals}{handsets}"


async def harm(kind, sky, broker, rng):
    """Break one thing and mend it."""
    name = rng.choice(sorted(CARDS))
    match kind:
        case "broker stop":
            await broker.stop()
            await asyncio.sleep(rng.uniform(0.5, 3))
            await broker.start()
        case "broker kill":
            await broker.kill()
            await asyncio.sleep(rng.uniform(0.5, 3))
            await broker.start()
        case "broker freeze":
            broker.freeze()
            await asyncio.sleep(4)
            broker.thaw()
        case "unplug":
            sky.do("unplug", terminal=name)
            await asyncio.sleep(rng.uniform(0.2, 3))
            sky.do("plug", terminal=name)
        case "hang":
            sky.do("hang", terminal=name)
            await asyncio.sleep(rng.uniform(1, 5))
            sky.do("resume", terminal=name)
        case "garbage":
            sky.do("garbage", terminal=name, bytes=rng.randint(10, 3000))


@pytest.mark.e2e
async def test_every_acknowledged_report_reaches_the_centre_once(tmp_path):
    """Given 500 reports over three protocols while broker, terminals and daemon break, then all arrive, once, in order."""
    rng = random.Random(7)
    broker = Mosquitto(tmp_path)
    await broker.start()
    sky = SkyProcess(tmp_path, sky_toml(tmp_path))
    links = {name: str(tmp_path / name) for name in CARDS}
    daemon = Daemon(tmp_path, gateway_toml(tmp_path, broker.port, links))
    consumer = Consumer(broker.port)
    people = People(sky)
    try:
        daemon.start()
        wait_until(
            "ready", lambda: (status := daemon.status()) and all(link["state"] == "open" for link in status["links"])
        )

        harms = ["broker stop", "broker kill", "broker freeze", "unplug", "hang", "garbage"] * 3
        rng.shuffle(harms)
        kills = 0
        for number in range(REPORTS):
            people.type(number)
            if number % 20 == 10 and harms:
                await harm(harms.pop(), sky, broker, rng)
            if number % 24 == 20 and kills < DAEMON_KILLS:
                kills += 1
                daemon.kill()
                await asyncio.sleep(rng.uniform(0.1, 1.0))
                daemon.start()
            await asyncio.sleep(0.05)
        assert kills == DAEMON_KILLS

        await everybody_has_a_receipt(people)
        wait_until("an empty queue", lambda: daemon.status()["balance"]["queued"] == 0, within_s=120)
        status = daemon.status()
        judge(people, consumer, status)
    finally:
        daemon.stop()
        consumer.stop()
        sky.stop()
        await broker.kill()


async def everybody_has_a_receipt(people):
    """Let people wait and type again until each report has its receipt."""
    for _ in range(20):
        for _ in range(40):
            without = people.without()
            if not without:
                return
            await asyncio.sleep(0.5)
        for card in without:
            people.type_again(card)
    raise AssertionError(f"without a receipt in the end: {without}")


def judge(people, consumer, status):
    """Hold what people typed against what the centre has and what the daemon's books say."""
    by_text = {}
    for report in consumer.first.values():
        by_text.setdefault((report["subject"], report["data"]["properties"]["text"]), []).append(report["number"])
    for card, texts in people.typed.items():
        told = people.receipts(card)
        for text, _ in texts:
            numbers = by_text[f"card:{card}", text]
            assert len(numbers) == 1, f"{card} typed {text!r} once, the centre has it as {numbers}"
            assert numbers[0] in told, f"{card} was told {sorted(told)}, {text!r} is {numbers[0]}"
    last = {}
    for bundle_id in consumer.order:
        report = consumer.first[bundle_id]
        assert last.get(report["subject"], 0) < report["number"], f"{report['subject']} out of order"
        last[report["subject"]] = report["number"]
    balance = status["balance"]
    assert balance["balanced"]
    assert (balance["accepted"], balance["delivered"]) == (REPORTS, REPORTS)
    assert balance["expired"] == balance["shed"] == 0
    print(f"{REPORTS} reports, {consumer.deliveries} deliveries, {balance}")
