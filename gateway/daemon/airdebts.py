"""What this gateway owes its peers besides receipts: hellos, reports on transfers, word of what was refused. In memory only.

A peer that misses one of these asks again or sends again, so nothing is lost with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from protocols.record.hello import Hello

if TYPE_CHECKING:
    from gateway.air.incoming import Incoming, Taken
    from gateway.store.accepting import OwedTo
    from gateway.store.outbox import Outbox

HELLO_ASKED_AGAIN_S = 600.0
"""A peer that we cannot open is asked for a hello no oftener than this: whoever forges frames must not spend our slots."""

GREETED_AGAIN_S, GREETINGS_MAX = 30.0, 5
"""How often, and how many times, the gateway above is greeted until it knows our session; after that messages greet."""

HELLO_ANSWERED_AGAIN_S = 120.0
"""A peer that asks for our hello gets it no oftener than this."""

NO_WAY_AGAIN_S = 60.0
"""How soon a report is looked at again that no neighbour can take on."""

REFUSED_TOLD_MAX = 16

HELLOS_OWED_MAX = 1_000

REPORTS_OWED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class HelloOwed:
    """A hello that a peer should get, and by which link it was heard last."""

    link: str
    card: str
    want: bool


@dataclass(frozen=True, slots=True)
class ReportOwed:
    """A report on transfers that a peer should get, and when."""

    peer: int
    link: str
    card: str
    due_s: float


class Debts:
    """Knows what is owed to whom, under the address by which they were heard. Runs on the store's thread."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._hellos: dict[int, HelloOwed] = {}
        self._reports: dict[int, ReportOwed] = {}
        self._greeted_s = -math.inf
        self._greetings = 0
        self._asked_s: dict[int, float] = {}
        self._answered_s: dict[int, float] = {}
        self._refused: dict[int, list[int]] = {}

    def answer_hello(self, owed: OwedTo, taken: Taken, now_s: float) -> None:
        """Owe a hello to a peer that asks for one, or that we cannot open."""
        peer = taken.peer
        asks = taken.asks_hello and now_s - self._asked_s.get(peer.id, -HELLO_ASKED_AGAIN_S) >= HELLO_ASKED_AGAIN_S
        if asks:
            self._asked_s[peer.id] = now_s
        wanted = isinstance(taken.told, Hello) and taken.told.want
        if wanted and now_s - self._answered_s.get(peer.id, -HELLO_ANSWERED_AGAIN_S) < HELLO_ANSWERED_AGAIN_S:
            wanted = False  # a recording asks as well
        if wanted:
            self._answered_s[peer.id] = now_s
        if (wanted or asks) and len(self._hellos) < HELLOS_OWED_MAX:
            self._hellos[peer.id] = HelloOwed(owed.link, owed.peer, want=asks)

    @property
    def greeting_due_s(self) -> float:
        """Return when the gateway above may be greeted again; inf: no more."""
        return math.inf if self._greetings >= GREETINGS_MAX else self._greeted_s + GREETED_AGAIN_S

    def greeted(self, now_s: float) -> None:
        """Note that it was."""
        self._greeted_s = now_s
        self._greetings += 1

    def hello_owed(self, link: str) -> tuple[int, HelloOwed] | None:
        """Return a peer that should get a hello over a link, if any."""
        return next(((peer, owed) for peer, owed in self._hellos.items() if owed.link == link), None)

    def hello_sent(self, peer: int) -> None:
        """Note that it left."""
        self._hellos.pop(peer, None)

    # Reports on transfers

    def note_report(self, outbox: Outbox, peer: int, link: str, card: str) -> None:
        """Owe a report when the peer's transfers want one, by the link and address that it was heard from."""
        due_s = self._incoming.reassembly(outbox, peer).next_report_due
        if due_s is None:
            self._reports.pop(peer, None)
        elif peer in self._reports or len(self._reports) < REPORTS_OWED_MAX:
            self._reports[peer] = ReportOwed(peer, link, card, due_s)

    def report_owed(self, link: str, now_s: float) -> ReportOwed | None:
        """Return a peer that should hear over a link how its transfers stand, if any is due."""
        return next((one for one in self._reports.values() if one.link == link and one.due_s <= now_s), None)

    def forget_report(self, peer: int) -> None:
        """Owe a peer none that has no key any more."""
        self._reports.pop(peer, None)

    def put_off_report(self, peer: int, now_s: float) -> None:
        """Let a report wait that no neighbour can take on now."""
        owed = self._reports.get(peer)
        if owed is not None:
            self._reports[peer] = replace(owed, due_s=now_s + NO_WAY_AGAIN_S)

    def owe_report(self, owed: OwedTo, peer: int) -> None:
        """Owe a peer now what its window covers, though nothing that is stored here names its record."""
        if peer in self._reports or len(self._reports) < REPORTS_OWED_MAX:
            self._reports[peer] = ReportOwed(peer, owed.link, owed.peer, 0.0)

    def told(self, outbox: Outbox, peer: int) -> None:
        """Note that a receipt left, which says what was refused and how transfers stand."""
        self._refused.pop(peer, None)
        owed = self._reports.get(peer)
        if owed is not None:
            self.note_report(outbox, peer, owed.link, owed.card)

    # Refused

    def refuse(self, owed: OwedTo, peer: int, counter: int) -> None:
        """Owe a peer word that one of its records is not kept."""
        refused = self._refused.setdefault(peer, [])
        if len(refused) < REFUSED_TOLD_MAX and counter not in refused:
            refused.append(counter)
        self.owe_report(owed, peer)

    def refused_by(self, peer: int) -> tuple[int, ...]:
        """Return the counters of a peer's records that were refused and that it was not told of."""
        return tuple(self._refused.get(peer, ()))

    def next_due_s(self, link: str) -> float | None:
        """Return when a link has something of this to send."""
        times = [one.due_s for one in self._reports.values() if one.link == link]
        times += [0.0 for one in self._hellos.values() if one.link == link]
        return min(times, default=None)
