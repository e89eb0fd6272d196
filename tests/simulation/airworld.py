"""A command post and a vehicle that talk in records: the product's own daemon parts on stores that answer at once.

There is no sky, no slot and no sleep. Frames lie in a heap until the test has them heard: late, twice, in another order or
not at all. Whatever leaves and whatever is committed goes into the ledger.
"""

import contextlib
import random

from gateway.config.settings import Settings
from gateway.daemon.gateway import Gateway
from gateway.daemon.outbound import LinkSender
from gateway.link import (
    BROADCAST_PEER,
    Addressed,
    Heard,
    LinkInfo,
    LinkReport,
    LinkState,
    Outgoing,
    Payload,
    SendOutcome,
    SendResult,
)
from gateway.model import BUS, BundleState, Direction, Draft, Endpoint, Message, MessageKind, Precedence, Station
from gateway.security.keyfile import format_key
from gateway.security.keyring import Keyring, derived_pair
from gateway.security.keys import End, GroupKey, RootKey
from gateway.security.secret import Secret
from gateway.store.errors import StoreError
from protocols.content.context import Operation, Shared
from protocols.content.receipts import Receipt
from protocols.record.address import EVERYBODY
from protocols.record.keys import GroupSeed, PairSecret, group_secret
from tests.gateway.store.helpers import ScriptedClock
from tests.simulation.airledger import Fault, Ledger, Opened, Reader, Sending, Stored, sending_on_disk
from tests.simulation.airstore import DirectStore

ENDS = {"hq": End(1, "hq"), "v1": End(2, "v1")}
OTHER = {"hq": "v1", "v1": "hq"}
CARDS = {"hq": 200_001, "v1": 200_101}
PERSON = 300_001
LINK = "bd1"
FRAME_BYTES = 78
"""Room of a Beidou message of level 3: long texts go in fragments."""

SHARED = Shared((Operation("汶川县", 31.48, 103.59, 1_790_000_000, "hq", "513221", ("v1",)),), revision=5)
SETTINGS = {
    name: Settings.model_validate(
        {"gateway": {"id": name, "region": "5132"}, "air": {} if name == "hq" else {"upstream": "hq"}}
    )
    for name in ENDS
}
ROOT = RootKey(Secret(b"\x07" * 32), 1)
PAIR = derived_pair(ROOT, ENDS["hq"], ENDS["v1"], serial=1)
GROUP = GroupKey(EVERYBODY, 0, Secret(b"\x09" * 16), 1)
READER = Reader(
    PairSecret(PAIR.secret.reveal()),
    group_secret(GroupSeed(GROUP.secret.reveal()), EVERYBODY, 0),
    {name: end.id for name, end in ENDS.items()},
)

ROUNDS = 14
ROUND_S = 131.0
STEPS = 16
"""Most frames of each end in one round."""

AT_ONCE = (1, 3)
"""How many messages are there at once, each as often as it stands here: those of one moment may share a record."""

PAUSE_S = (1.0, 150.0)
"""Shortest and longest time between two things that happen."""


class Keys:
    """The keyrings of both ends, read once."""

    def __init__(self, folder):
        self.folders = {name: folder / name for name in ENDS}
        for name, place in self.folders.items():
            place.mkdir(mode=0o700)
            pair = derived_pair(ROOT, ENDS[name], ENDS[OTHER[name]], serial=1)
            for file, key in ((f"{OTHER[name]}.key", pair), ("everybody.key", GROUP)):
                (place / file).write_bytes(format_key(key))
                (place / file).chmod(0o600)
        self.rings = {name: Keyring(place) for name, place in self.folders.items()}


class AirEnd:
    """One gateway on a store. It begins as the daemon does; stop it by closing the store."""

    def __init__(self, world, name, store):
        self.world, self.name, self.store = world, name, store
        self.peer = ENDS[OTHER[name]].id
        rng = random.Random(world.rng.random())
        gateway = Gateway(SETTINGS[name], store, store.timeline, world.clock, rng)
        keys = world.keys
        gateway.set_air(keys.rings[name], keys.folders[name], SHARED, (), rng.randbytes)
        self.info = LinkInfo(LINK, "beidou", "none", "nowhere")
        gateway.add_link(self)
        self.gateway, self.air = gateway, gateway.core.air
        self.runner = gateway.core.links[LINK]
        self.runner.last = LinkReport(LinkState.OPEN, identity={"card": str(CARDS[name])}, data_bytes_max=FRAME_BYTES)
        self.sender = LinkSender(self.runner, gateway.core)
        gateway.core.progress.expect(f"link {LINK}", within_s=1e9)
        self.pending = []
        self._watch_opened()
        self._seen = store.outbox.last_seq()
        store.told, store.failed = self._told, self.pending.clear
        if store.outbox.station(OTHER[name]) is None:
            store.do(lambda outbox: outbox.station_put(Station(OTHER[name], cards=(CARDS[OTHER[name]],))))

    async def begin(self):
        """Do what the daemon does before its links open; tell whether the store is an older copy."""
        await self.store.run(lambda outbox: outbox.abandoned(self.now_s()))
        restored = self.store.outbox.air_is_restored()
        await self.air.recover()
        return restored

    def now_s(self):
        return self.store.now_s()

    # What becomes known

    def _watch_opened(self):
        """Note each record that is opened; it counts when the transaction is committed."""
        real = self.air.incoming._opened

        def opened(*args):
            outcome = real(*args)
            if outcome.opened is not None:
                found = outcome.opened
                plain = bytes([found.fragment]) + found.plaintext
                self.pending.append(Opened(self.name, found.session, found.counter, plain))
            return outcome

        self.air.incoming._opened = opened

    def _told(self):
        """After a commit: what was opened and stored in it."""
        outbox, events = self.store.outbox, list(self.pending)
        self.pending.clear()
        while self._seen < outbox.last_seq():
            self._seen += 1
            bundle = outbox.numbered(self._seen)
            if bundle is not None and bundle.draft.heard_on == LINK:
                events.append(Stored(self.name, bundle.draft.message.text))
        self.world.on_commit(self)
        if events:
            self.world.tell(*events)

    def bundles(self):
        rows = self.store.connection.execute("SELECT * FROM bundle ORDER BY seq").fetchall()
        return [stored.bundle() for stored in self.store.outbox._read(rows)]

    def heard_texts(self):
        return [one.draft.message.text for one in self.bundles() if one.draft.heard_on == LINK]

    def own(self):
        return [one for one in self.bundles() if one.draft.heard_on != LINK]

    def copied(self):
        """Return a copy of a store in memory."""
        return self.store.connection.real.serialize()

    @property
    def guard(self):
        return self.store.outbox.guard.read()

    # The link

    async def send(self, outgoing):
        """Put a frame on the air: the link contract's `send`."""
        if self.store.commits and self.store.connection.in_transaction:
            raise Fault(f"{self.name} sent before it committed")
        to_all = outgoing.peer == BROADCAST_PEER
        outbox, peer = self.store.outbox, EVERYBODY if to_all else self.peer
        sending = Sending(self.air.sessions.sending(outbox, peer), sending_on_disk(outbox, peer))
        self.world.on_air(READER.read(self.name, OTHER[self.name], outgoing.payload.data, sending, to_all=to_all))
        return SendResult(SendOutcome.UNKNOWN if self.world.rng.random() < 0.1 else SendOutcome.ACCEPTED)

    def bits_of(self, _payload):
        return None

    async def run(self, _sink):
        raise AssertionError("the link is not run")

    async def hear(self, frame, data=None):
        addressed = Addressed.BROADCAST if frame.to_all else Addressed.ME
        payload = Payload.of_bytes(frame.data if data is None else data)
        await self.runner.heard(Heard(str(CARDS[frame.src]), payload, addressed))

    async def answer_all(self):
        """Send a group receipt, as a command post does that owes receipts to several vehicles."""

        def make(outbox):
            line = self.air.receipting.line(outbox, self.air.peers.by_id(outbox, self.peer))
            group = () if line is None else (line,)
            return self.air.outgoing.to_group(outbox, EVERYBODY, Receipt(group=group), now_s=self.now_s())[0]

        await self.send(Outgoing(BROADCAST_PEER, Payload.of_bytes(await self.store.run(make))))

    async def step(self):
        """Let the link's worker do one thing; tell whether it had any."""
        try:
            return await self.sender._step() == 0.0
        except StoreError:
            return True

    # The people

    def accept(self, text, precedence=Precedence.ROUTINE):
        """Take a report for the centre, or an order for the vehicle, from whoever is here."""
        core, up = self.gateway.core, self.name == "v1"
        draft = Draft(
            direction=Direction.UP if up else Direction.DOWN,
            source=Endpoint.card(PERSON) if up else BUS,
            destination=BUS if up else Endpoint.parse("station:v1"),
            precedence=precedence,
            message=Message(MessageKind.CHAT if up else MessageKind.COMMAND, text=text),
            lifetime_s=7 * 86_400.0,
            created_wall_s=float(int(core.clock.wall_s())),
            clock_trusted=core.clock.trusted(),
            heard_on="here",
        )
        lane = "beidou"
        self.store.do(lambda outbox: outbox.accept(draft, lane=lane, now_s=self.now_s()))

    def batches(self):
        """Return how many bundles each of its records carries that carries several."""
        rows = self.store.connection.execute(
            "SELECT max(place) FROM air_sent WHERE place > 0 GROUP BY salt, counter ORDER BY salt, counter"
        ).fetchall()
        return [row[0] for row in rows]

    def hurry(self):
        """Make due what nobody has yet, as an operator would; tries may be used up."""
        waiting = [one.seq for one in self.own() if one.state in (BundleState.QUEUED, BundleState.SENT)]
        for seq in waiting:
            self.store.do(lambda outbox, seq=seq: outbox.postpone(seq, self.now_s(), "again"))

    def acknowledged(self):
        """Return the texts that the peer is believed to have."""
        return [one.draft.message.text for one in self.own() if one.state is BundleState.RELAYED]


class World:
    """Both ends, one clock, one heap of frames and the ledger."""

    def __init__(self, keys, seed, *, ledger=None, clock=None):
        self.keys = keys
        self.rng = random.Random(seed)
        self.clock = clock or ScriptedClock()
        self.ledger = ledger or Ledger()
        self.ends = {}
        self.heap = []
        self.number = 0
        self.lost_by_hand = set()
        """Messages that went with a store that was replaced by an older one."""
        self.on_told = lambda: None
        self.on_commit = lambda _end: None

    def tell(self, *events):
        for event in events:
            self.ledger.add(event)
        self.on_told()

    def on_air(self, frame):
        self.tell(frame)
        self.heap.append(frame)

    async def start(self, name, store):
        """Begin an end on a store; tell whether the store is an older copy."""
        self.ends[name] = end = AirEnd(self, name, store)
        self.ledger.restart(name, end.heard_texts())
        return await end.begin()

    async def put_back(self, end, copy, guard):
        """Put an older copy of a store in memory back, with this mark of a guard; tell whether that is noticed."""
        rng = random.Random(self.rng.random())
        store = DirectStore.in_memory(end.name, self.clock, rng, image=copy, guard=guard)
        return await self.start(end.name, store)

    # What happens

    async def live(self, messages):
        """Accept messages at both ends; let frames be lost, late, twice, forged, and the keys be rotated and renewed."""
        for _ in range(messages):
            self.clock.advance(self.rng.uniform(*PAUSE_S))
            where = self.rng.choice(("v1", "v1", "hq"))
            for _ in range(self.rng.choice(AT_ONCE)):
                self.accept(where)
            for name in self.rng.sample(tuple(self.ends), 2):
                await self.stir(self.ends[name])
            await self.hear_some()
            self.check()

    def accept(self, name):
        self.number += 1
        text = f"{name}第{self.number}号 {self.rng.randrange(10**6)}"
        if self.rng.random() < 0.2:
            text += "道路塌方，人员被困，急需帐篷和饮用水；" * self.rng.randint(2, 4)
        with contextlib.suppress(StoreError):
            self.ends[name].accept(text, self.rng.choice(list(Precedence)))

    async def stir(self, end):
        chance = self.rng.random()
        with contextlib.suppress(StoreError):
            if chance < 0.06:
                await end.store.run(lambda outbox: end.air.key_changes.rotate(outbox, end.peer))
            elif chance < 0.10:
                await end.store.run(lambda outbox: end.air.sessions.renew(outbox, end.peer))
            elif chance < 0.25 and end.name == "hq":
                await end.answer_all()
        for _ in range(self.rng.randint(0, 3)):
            if not await end.step():
                break

    async def hear_some(self):
        """Let most frames of the heap be heard, one of ten lost, one of ten twice; now and then an old or a forged one."""
        self.rng.shuffle(self.heap)
        late = [self.heap.pop() for _ in range(self.rng.randint(0, min(2, len(self.heap))))]
        heard, self.heap = self.heap, late
        for frame in heard:
            chance = self.rng.random()
            for _ in range(0 if chance < 0.15 else 2 if chance < 0.25 else 1):
                await self.ends[frame.dst].hear(frame)
        old = self.ledger.frames()
        if old and self.rng.random() < 0.3:
            await self.hear_forged(self.rng.choice(old))
        if old and self.rng.random() < 0.3:
            again = self.rng.choice(old)
            await self.ends[again.dst].hear(again)

    async def carry(self):
        """Let every frame of the heap be heard; return how many there were."""
        heard, self.heap = self.heap, []
        for frame in heard:
            await self.ends[frame.dst].hear(frame)
        return len(heard)

    async def hear_forged(self, frame):
        data = bytearray(frame.data)
        data[self.rng.randrange(1, len(data))] ^= 1 << self.rng.randrange(8)
        if self.rng.random() < 0.2:
            del data[-1]
        await self.ends[frame.dst].hear(frame, bytes(data))

    async def hear_again(self, name):
        """Let an end hear every frame that was ever sent to it, in any order."""
        frames = self.ledger.frames(to=name)
        self.rng.shuffle(frames)
        for frame in frames:
            await self.ends[name].hear(frame)

    async def hear_all_again(self):
        """Let both ends hear everything again, all of which they know by now."""
        before = len(self.ledger.stored)
        for name in self.ends:
            await self.hear_again(name)
        self.check()
        if len(self.ledger.stored) != before:
            raise Fault(f"a replay delivered {len(self.ledger.stored) - before} messages")

    async def settle(self):
        """Lose nothing any more until each end knows that the other has all of it."""
        for turn in range(ROUNDS):
            self.clock.advance(ROUND_S)
            for _ in range(STEPS):
                moved = [await end.step() for end in self.ends.values()]
                heard = await self.carry()
                if not any(moved) and not heard:
                    break
            self.check()
            if not any(end.own() and self.missing(end) for end in self.ends.values()):
                return
            if turn:
                for end in self.ends.values():
                    end.hurry()
        missing = {name: self.missing(end) for name, end in self.ends.items()}
        raise Fault(f"never receipted: {missing}")

    # What must hold

    @staticmethod
    def missing(end):
        return [one.draft.message.text for one in end.own() if one.state is not BundleState.RELAYED]

    def check(self):
        """Raise Fault unless everything that an end believes to be at the other is there, once."""
        for end in self.ends.values():
            there = self.ends[OTHER[end.name]].heard_texts()
            if len(set(there)) != len(there):
                raise Fault(f"delivered twice at {OTHER[end.name]}: {there}")
            lost = set(end.acknowledged()) - set(there) - self.lost_by_hand
            if lost:
                raise Fault(f"acknowledged to {end.name} and lost: {lost}")
