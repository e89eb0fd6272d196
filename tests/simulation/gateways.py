"""Whole gateways, a command post and vehicles, over one simulated sky: real daemons, stores, drivers and keys."""

import random

from drivers.virtual.handset import Handset
from drivers.virtual.sky import Sky, SkySettings
from drivers.virtual.terminals import simulated_terminal
from gateway.config.settings import Settings
from gateway.model import Direction, Station
from gateway.security.keyfile import format_key
from gateway.security.keyring import Keyring, derived_pair
from gateway.security.keys import End, GroupKey, RootKey
from gateway.security.secret import Secret
from gateway.simulate.post import Post
from protocols.content.context import Operation, Shared
from protocols.record.address import EVERYBODY

HQ = End(1, "hq")
HQ_CARD, CARD, PERSON, COMMON = 200_001, 200_101, 300_001, 400_001
SECOND = 100
"""Between the cards of one vehicle."""

SHARED = Shared((Operation("汶川县", 31.48, 103.59, 1_790_000_000, "hq", "513221", ("v1", "v2", "v3")),), revision=5)
ROOT = RootKey(Secret(b"\x07" * 32), 1)
GROUP = GroupKey(EVERYBODY, 0, Secret(b"\x09" * 16), 1)


def put(folder, name, key):
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(format_key(key))
    path.chmod(0o600)


class World:
    """A command post with a command terminal, some vehicles with ordinary ones, a person with a handset."""

    def __init__(
        self,
        tmp_path,
        *,
        seed=1,
        loss=0.045,
        protocol="bd-4.0",
        shared=(SHARED, SHARED),
        vehicles=1,
        suite=1,
        terminals=1,
    ):
        self.sky = Sky(random.Random(seed), SkySettings(loss=loss))
        self.person = Handset(self.sky, PERSON, broadcast=COMMON)
        self.ends = [End(number, f"v{number - 1}") for number in range(2, 2 + vehicles)]
        cards = [tuple(CARD + place + SECOND * number for number in range(terminals)) for place in range(vehicles)]
        for name in ("hq", *(end.name for end in self.ends)):
            put(tmp_path / name / "keys", "everybody.key", GROUP)
        for end in self.ends:
            put(tmp_path / "hq/keys", f"{end.name}.key", derived_pair(ROOT, HQ, end, serial=1))
            put(tmp_path / end.name / "keys", "hq.key", derived_pair(ROOT, end, HQ, serial=1))
        terminal = simulated_terminal(protocol, self.sky, HQ_CARD, command=True, broadcast=COMMON)
        self.hq = self._post(
            tmp_path / "hq", "hq", [terminal], shared=shared[0], rng=random.Random(seed + 1), air={"suite": suite}
        )
        self.vehicles = [
            self._post(
                tmp_path / end.name,
                end.name,
                [simulated_terminal(protocol, self.sky, card, broadcast=COMMON) for card in own],
                shared=shared[1],
                rng=random.Random(seed + 2 + end.id),
                air={"upstream": "hq", "suite": suite},
            )
            for end, own in zip(self.ends, cards, strict=True)
        ]
        self.v1 = self.vehicles[0]
        self._cards = cards

    @staticmethod
    def _post(folder, name, terminals, *, shared, rng, air):
        settings = Settings.model_validate({"gateway": {"id": name, "region": "5132"}, "air": air})
        keys = folder / "keys"
        links = {f"bd{number}": terminal for number, terminal in enumerate(terminals, start=1)}
        return Post(settings, folder, links, None, rng, air=(Keyring(keys), keys, shared))

    @property
    def posts(self):
        return [self.hq, *self.vehicles]

    async def start(self):
        for post in self.posts:
            post.start()
        await self.register()

    async def register(self):
        for end, own in zip(self.ends, self._cards, strict=True):
            await put_station(self.hq, Station(end.name, cards=own))
        for post in self.vehicles:
            await put_station(post, Station("hq", cards=(HQ_CARD,)))

    async def stop(self):
        for post in self.posts:
            post.check()
            await post.stop()


async def put_station(post, station):
    await post.store.run(lambda outbox: outbox.station_put(station))


async def report(post, text, **more):
    """Hand a post a report for the centre, as its own people would."""
    request = {"op": "send", "to": "bus:centre", "text": text, **more}
    return (await post.gateway.operations.do(request))["bundles"][0]["id"]


async def order(post, to, text):
    return (await post.gateway.operations.do({"op": "send", "to": to, "text": text}))["bundles"][0]["id"]


async def bundles(post, direction=None):
    """Return every bundle of a post that is remembered."""

    def look(outbox):
        found = (outbox.numbered(seq) for seq in range(1, outbox.last_seq() + 1))
        return [one for one in found if one is not None and direction in (None, one.draft.direction)]

    return await post.store.run(look)


async def reports_at(post):
    """Return the texts of the reports that a post has."""
    return [one.draft.message.text for one in await bundles(post, Direction.UP)]
