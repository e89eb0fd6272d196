"""A sender and a receiver back to back, over wires that lose, delay, repeat and reorder, in virtual time."""

import heapq
import itertools
import json
from dataclasses import dataclass

from protocols.fragment.fragment import Fragment
from protocols.fragment.reassembly import Reassembly
from protocols.fragment.sender import Sending
from protocols.fragment.split import choose_split

PEER = "card:242286/epoch:1"
LIFETIME_S = 86_400.0


@dataclass(frozen=True)
class Wire:
    """What happens to one frame: lost, late by ``delay_s`` and up to ``jitter_s`` more (which reorders), or twice."""

    loss: float = 0.0
    delay_s: float = 1.0
    jitter_s: float = 0.0
    doubled: float = 0.0

    def arrivals(self, rng, now):
        """Return when it arrives, each time it does."""
        copies = 0 if rng.random() < self.loss else 2 if rng.random() < self.doubled else 1
        return [now + self.delay_s + rng.uniform(0, self.jitter_s) for _ in range(copies)]


@dataclass(frozen=True)
class Bearer:
    """A slot every ``slot_s`` seconds for a fragment of ``capacity`` bytes."""

    capacity: int = 71
    slot_s: float = 60.0
    wire: Wire = Wire()


class Pair:
    """One content from a sender to a receiver; ``got`` is what the receiver gave out, in order."""

    def __init__(self, rng, content, bearers=(Bearer(),), back=Wire(), *, restarts=False, **options):
        self.rng, self.content, self.bearers, self.back, self.restarts = rng, content, bearers, back, restarts
        split = choose_split(len(content), [bearer.capacity for bearer in bearers])
        times = {"now": 0.0, "expires_s": LIFETIME_S, "poll_after_s": 60.0}
        self.sender = Sending(9, content, split, **({"loss": 0.2} | times | options))
        self.receiver = Reassembly()
        self.got, self.sizes, self.needs, self.now = [], [], [], 0.0
        self.dead = set()
        """Bearers on which everything is lost from now on."""
        self._events, self._tie = [], itertools.count()
        for bearer in bearers:
            self._at(0.0, self._slot, bearer)
        if back is not None:
            self._at(30.0, self._report_slot)

    def run(self, until_s=LIFETIME_S):
        """Let it happen until the sender is done or the time is over; return self."""
        while self._events and self._events[0][0] <= until_s and not self.sender.over:
            self.now, _, call, arguments = heapq.heappop(self._events)
            call(*arguments)
            if self.restarts:
                self._restart()
        return self

    def _at(self, when_s, call, *arguments):
        heapq.heappush(self._events, (when_s, next(self._tie), call, arguments))

    def _slot(self, bearer):
        self._at(self.now + bearer.slot_s, self._slot, bearer)
        fragment = self.sender.next_fragment(bearer.capacity, self.now)
        if fragment is not None:
            data = fragment.to_bytes()
            assert len(data) <= bearer.capacity
            self.sizes.append(len(data))
            for when_s in [] if bearer in self.dead else bearer.wire.arrivals(self.rng, self.now):
                self._at(when_s, self._hear, data)

    def _hear(self, data):
        arrival = self.receiver.receive(PEER, Fragment.from_bytes(data), self.now)
        assert arrival.dropped == ()
        if arrival.content is not None:
            self.got.append(arrival.content)

    def _report_slot(self):
        self._at(self.now + 60.0, self._report_slot)
        for report in self.receiver.reports_due(self.now):
            self.receiver.reported(report.peer, report.transfer, self.now)
            for when_s in self.back.arrivals(self.rng, self.now):
                self._at(when_s, self._tell, report.need)

    def _tell(self, need):
        self.needs.append(need)
        self.sender.on_report(need, self.now)

    def _restart(self):
        """Both ends lose everything but what they wrote down."""
        self.sender = Sending.restore(self.content, json.loads(json.dumps(self.sender.snapshot())))
        written = json.loads(json.dumps(self.receiver.snapshot()))
        self.receiver = Reassembly()
        assert self.receiver.restore(written) == ()
