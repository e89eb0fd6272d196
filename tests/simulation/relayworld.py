"""Whole gateways in a line that cannot hear each other past the next one: real daemons, stores, drivers and keys.

Every two neighbours know each other's card and nobody else's. Only the two ends share a key; a relay has the list of names
(`peers.csv`) and no key of theirs.
"""

import random
from dataclasses import dataclass, field

from drivers.virtual.handset import Handset
from drivers.virtual.sky import Sky, SkySettings
from drivers.virtual.terminals import simulated_terminal
from gateway.config.settings import Settings
from gateway.model import Station
from gateway.security.keyring import Keyring, derived_pair
from gateway.security.keys import End
from gateway.simulate.post import Post
from tests.simulation.gateways import PERSON, ROOT, SHARED, put, put_station

CARD_OF = {"hq": 200_001, "r1": 200_011, "r2": 200_012, "r3": 200_013, "v1": 200_101, "v2": 200_102}
ENDS = {name: End(number, name) for number, name in enumerate(CARD_OF, start=1)}


@dataclass
class Place:
    """One gateway of a world: whom it can reach, whom it has a key with, its routes, whose records it carries."""

    name: str
    neighbours: tuple[str, ...]
    peers: tuple[str, ...] = ()
    upstream: str | None = None
    routes: tuple[tuple[str, str], ...] = ()
    relay: tuple[str, ...] = ()
    links: int = 1
    commands: tuple[int, ...] = field(default=())
    """Cards that its terminal overhears."""


def line(relays=("r1",), *, learned=False, relay=("v*", "hq")):
    """Return places of a vehicle, relays and the command post in a row; with ``learned``, only the vehicle has a route."""
    names = ["v1", *relays, "hq"]
    places = [Place("v1", (names[1],), ("hq",), "hq", (("station:hq", names[1]),))]
    for before, name, after in zip(names, names[1:], names[2:], strict=False):
        routes = () if learned else (("station:v1", before), ("station:hq", after))
        if learned and after != "hq":
            routes = (("station:hq", after),)
        places.append(Place(name, (before, after), (), None, routes, relay))
    places.append(Place("hq", (names[-2],), ("v1",), None, () if learned else (("v*", names[-2]),)))
    return places


class Line:
    """Some places under one sky, and a person with a handset near the vehicle."""

    def __init__(self, tmp_path, places, *, seed=1, loss=0.0, protocol="bd-4.0"):
        self.sky = Sky(random.Random(seed), SkySettings(loss=loss))
        self.person = Handset(self.sky, PERSON)
        self.places = places
        self.posts = {}
        names = "name,id\n" + "".join(f"{end.name},{end.id}\n" for end in ENDS.values())
        for place in places:
            own = ENDS[place.name]
            keys = tmp_path / place.name / "keys"
            keys.mkdir(mode=0o700, parents=True)
            for peer in place.peers:
                put(keys, f"{peer}.key", derived_pair(ROOT, own, ENDS[peer], serial=1))
            if not place.peers:  # a key with somebody who is not there says who this is
                put(keys, "nobody.key", derived_pair(ROOT, own, End(999, "nobody"), serial=1))
            (keys / "peers.csv").write_text(names)
            (keys / "peers.csv").chmod(0o600)
            self.posts[place.name] = self._post(tmp_path / place.name, place, protocol, seed)

    def _post(self, folder, place, protocol, seed):
        settings = Settings.model_validate(
            {
                "gateway": {"id": place.name, "region": "5132"},
                "router": {"route": [{"to": to, "via": via} for to, via in place.routes]},
                "air": {"upstream": place.upstream, "relay": place.relay},
            }
        )
        terminal = simulated_terminal(protocol, self.sky, CARD_OF[place.name], command=bool(place.commands))
        if place.commands:
            terminal.subordinates = place.commands
        rng = random.Random(seed * 1000 + ENDS[place.name].id)
        keys = folder / "keys"
        return Post(settings, folder, {"bd1": terminal}, None, rng, air=(Keyring(keys), keys, SHARED))

    def __getitem__(self, name):
        return self.posts[name]

    def core(self, name):
        return self.posts[name].gateway.core

    async def start(self):
        for post in self.posts.values():
            post.start()
        for place in self.places:
            for name in place.neighbours:
                await put_station(self.posts[place.name], Station(name, cards=(CARD_OF[name],)))

    async def stop(self):
        for post in self.posts.values():
            post.check()
            await post.stop()
