"""A net of relays with their real decisions, over fakes of store and air: frames as values, time as a number."""

import heapq
import itertools
from collections import Counter
from dataclasses import dataclass, field, replace

from gateway.air.explicit import addressed, explicit_of
from gateway.air.relaying import Relaying
from gateway.air.ways import Ways
from gateway.link import SendOutcome
from gateway.model import Bundle, BundleState, Precedence, Station
from gateway.router.routes import Pattern, Routes, StaticRoute
from gateway.store.accepting import Acceptance
from protocols.record.address import Ends
from protocols.record.keys import RootSecret, Session, first_chain, pair_secret, session_keys
from protocols.record.layout import Form, Header, HelloFrame, HelloKind
from protocols.record.sealing import seal

ROOT = RootSecret(b"\x05" * 32)


def record(src, dst, counter=1, *, precedence=Precedence.PRIORITY, plain=b"a plaintext"):
    """Return a record as its source hands it to a relay."""
    ends = Ends(src, dst)
    keys = session_keys(first_chain(pair_secret(ROOT, src, dst), ends).at(0), Session(ends, 0, 1))
    return addressed(seal(keys, Header(Form.IMPLIED), counter, plain), ends, precedence)


def hello(src, dst, number=1):
    """Return a hello as its source hands it to a relay; nobody on the way can open it."""
    frame = HelloFrame(HelloKind.HELLO, Form.IMPLIED, number.to_bytes(4) * 9)
    return addressed(frame.to_bytes(), Ends(src, dst), Precedence.ROUTINE)


@dataclass
class FakeKeys:
    """Names without keys, as peers.csv gives them."""

    own_id: int
    names: dict[int, str]
    revoked: set[int] = field(default_factory=set)

    def name_of(self, number):
        return self.names.get(number)

    def peer_id(self, name):
        return next((number for number, known in self.names.items() if known == name), None)

    def is_revoked(self, number):
        return number in self.revoked


class FakeOutbox:
    """The few methods of the outbox that a relay asks, without a disk."""

    def __init__(self, stations=()):
        self.stations = {station.id: station for station in stations}
        self.bundles = {}
        self.states = {}
        self.keys = {}

    def station(self, name):
        return self.stations.get(name)

    def known(self, duplicate, now_s):
        seq, until_s = self.keys.get(duplicate.key, (0, 0.0))
        return None if until_s <= now_s else (self.bundles[seq],)

    def accept(self, draft, *, lane, now_s, duplicate):
        seq = len(self.bundles) + 1
        expires_s = now_s + draft.lifetime_s
        bundle = Bundle(seq, f"fake-{seq}", draft, BundleState.QUEUED, now_s, expires_s, now_s, lane)
        self.bundles[seq] = bundle
        self.keys[duplicate.key] = (seq, now_s + duplicate.window_s)
        return Acceptance(bundle, is_duplicate=False)

    def numbered(self, seq):
        return self.bundles.get(seq)

    def postpone(self, seq, due_s, reason):
        self.bundles[seq] = replace(self.bundles[seq], due_s=due_s, reason=reason)

    def close(self, seq, state):
        self.bundles[seq] = replace(self.bundles[seq], state=state)

    def air_state(self, peer, part):
        return self.states.get((peer, part))

    def air_state_put(self, peer, part, body):
        self.states[peer, part] = body

    def air_state_drop(self, peer, part):
        self.states.pop((peer, part), None)

    def air_states(self, part, limit):
        found = sorted((peer, body) for (peer, name), body in self.states.items() if name == part)
        return found[:limit]


def station(name):
    """Return a registry entry with an address on the bearer of these tests."""
    return Station(name, addresses=(("hf", name.upper()),))


def relay(own, names, neighbours, lines=(), *, sources=("*",), learned_only=False):
    """Return a relay's decisions and the fake store behind them."""
    keys = FakeKeys(own, names)
    routes = tuple(StaticRoute(Pattern.parse(to), via) for to, via in lines)
    ways = Ways(Routes(names[own], routes), keys, lambda: {"hf": 1})
    outbox = FakeOutbox(station(name) for name in neighbours)
    return Relaying(ways, keys, tuple(map(Pattern.parse, sources)), lambda: {"hf": 1}), outbox


class Net:
    """Places by name; each has neighbours, and a table of next hops that may be right or may be nonsense."""

    def __init__(self, rng, neighbours, tables, *, delay_s=(0.1, 5.0)):
        self._rng, self._delay_s = rng, delay_s
        self.names = dict(enumerate(sorted(neighbours), start=1))
        self.number = {name: number for number, name in self.names.items()}
        self.neighbours = neighbours
        self.relays = {
            name: relay(self.number[name], self.names, neighbours[name], tables.get(name, ())) for name in neighbours
        }
        self._events = []
        self._order = itertools.count()
        self.now_s = 1_000.0
        self.carried = Counter()
        """How often each relay sent each frame on: by name and frame key."""
        self.arrived = Counter()
        self.said = Counter()

    def later(self, at_s, what, *values):
        heapq.heappush(self._events, (at_s, next(self._order), what, values))

    def emit(self, at_s, source, destination, first_hops, data):
        """Have a source say a frame to some of its neighbours at once."""
        del destination
        for hop in first_hops:
            self.later(at_s + self._rng.uniform(*self._delay_s), self._hear, hop, source, data)

    def run(self, events_max=10_000):
        """Go on until nothing is on its way any more; return how many events there were."""
        for count in range(events_max):
            if not self._events:
                return count
            self.now_s, _, what, values = heapq.heappop(self._events)
            what(*values)
        raise AssertionError("the flood does not stop")

    def _hear(self, name, prev, data):
        heard = explicit_of(data)
        if heard.dst == self.number[name]:
            self.arrived[heard.key()] += 1
            return
        relaying, outbox = self.relays[name]
        what, _ = relaying.take(outbox, heard, "hf1", prev, self.now_s, wall_s=0.0, clock_trusted=True)
        self.said[what] += 1
        if what in ("air: relayed", "air: relayed again"):
            seq = outbox.keys[heard.key()][0]
            self.later(self.now_s + self._rng.uniform(*self._delay_s), self._send, name, seq)

    def _send(self, name, seq):
        relaying, outbox = self.relays[name]
        bundle = outbox.bundles[seq]
        if relaying.why_over(outbox, bundle, self.now_s):
            return
        hop = relaying.way(outbox, bundle, self.now_s, "hf")
        if hop is None:
            return
        data = bytes.fromhex(bundle.draft.message.data_hex)
        self.carried[name, explicit_of(data).key()] += 1
        due_s = relaying.left(outbox, bundle, SendOutcome.ACCEPTED, float("inf"))
        outbox.postpone(seq, due_s, "sent")
        self.later(self.now_s + self._rng.uniform(*self._delay_s), self._hear, hop.name, name, data)
