"""Records between others, carried on without being read: checked, counted down, carried once, stored before they go.

A relay has no key of the two ends. It sees addresses, precedence and hop limit in clear, and that is all it acts on. What
it carries is a bundle like any other: durable, of the sender's precedence, bounded in life. It gives no receipt, since it
cannot know what was said; whoever sent the record says it again until the end itself answers, and then the relay carries
the same bytes again. Frames do not run in circles, for three reasons, each enough for the ring that it is meant for:

1. a record's hop limit goes down at every relay (hellos have none);
2. a frame goes back neither to whom it came from nor to its source;
3. a frame that was carried is carried again only when it comes again from where it came first, no sooner than its source
   says things again. Whoever is first to see a frame come round sees it come from somewhere else. (After LOOP_S a record
   may come from elsewhere: its source has a new way, and if it does circle so slowly, its hops end it.)
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.link import SendOutcome
from gateway.model import BundleState, Direction, Draft, Endpoint, EndpointKind, Message, MessageKind, Precedence
from gateway.router.addressing import Unreachable, lane_for
from gateway.router.policy import FLASH_COPIES
from gateway.router.routes import Learned
from gateway.store.accepting import DuplicateKey
from protocols.record.address import AddressKind, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.air.explicit import Explicit
    from gateway.air.ways import Ways
    from gateway.model import Bundle, Station
    from gateway.router.routes import Pattern
    from gateway.security.keyring import Keyring
    from gateway.store.outbox import Outbox

CARRIED_S = 86_400.0
"""How long a frame is known after it was carried first, and how long it is kept at most."""

SEND_WITHIN_S = 3_600.0
"""A frame that could not leave for this long is not sent any more: its source has said it again since, if it still matters.

Seven relays that all wait so long are still quicker than CARRIED_S, so nothing comes round to who has forgotten it."""

REPEAT_AFTER_S = 100.0
"""Copies within this are copies: no source says anything again sooner than after 120 s, but for what is urgent on quick links."""

QUICK_REPEAT_AFTER_S = 15.0
"""The same for FLASH and IMMEDIATE that come by a link with slots of seconds (gateway/router/again.py)."""

LOOP_S = 1_800.0
"""By then a record that comes another way than before has not come round, but has a new way."""

OPEN_MAX, FLASH_ROOM = 10_000, 1_000
"""Frames that are carried and wait to be passed on, for all sources; beyond them none is taken, but so many FLASH."""

RECOUNT_S = 60.0
"""How often those are counted again at the cap; it takes some tenths of a second."""

BURST_MAX, PER_S = 60, 1 / 6
"""Frames that one source may have carried at once by one neighbour, and then per second: ten a minute. FLASH counts apart."""

BUDGETS_MAX = 4_096
"""Sources with neighbours whose budgets are remembered; the one not heard for longest begins anew."""

CARRIED = "carried"
MARK = "relay:"
"""Beginning of the word that says by which link a carried bundle came; no link and no author can have such a name."""

CONFIRMED = frozenset({SendOutcome.ACCEPTED, SendOutcome.RELAYED})


# What was carried before


@dataclass(frozen=True, slots=True)
class Carried:
    """What a relay remembers of a frame: from whom it came, when it was asked for last."""

    prev: str
    asked_s: float
    left: int = 0
    """How often it has left since it was asked for."""

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        return json.dumps([self.prev, self.asked_s, self.left]).encode()

    @classmethod
    def from_bytes(cls, body: bytes | None) -> Carried | None:
        """Read the stored form; None for a damaged one."""
        try:
            prev, asked_s, left = json.loads(body or b"")
            return cls(str(prev), float(asked_s), int(left))
        except (ValueError, TypeError):
            return None


def is_asked_again(
    before: Carried, prev: str, now_s: float, *, has_hops: bool, after_s: float = REPEAT_AFTER_S
) -> bool:
    """Tell whether a frame that was carried before comes because its source says it again, and not because it came round.

    ``has_hops``: it counts its relays, so that it cannot come round for ever. ``after_s``: copies within this are copies.
    """
    since_s = now_s - before.asked_s
    if since_s < after_s:
        return False
    if prev == before.prev:
        return True
    return has_hops and since_s >= LOOP_S


def is_carried(bundle: Bundle) -> bool:
    """Tell whether a bundle is a frame between others."""
    return bundle.draft.heard_on.startswith(MARK)


class Budgets:
    """How many frames each source may still have carried by each neighbour: a bucket that fills again."""

    def __init__(self) -> None:
        self._levels: OrderedDict[tuple[str, int, bool], tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def spend(self, prev: str, src: int, *, flash: bool, now_s: float) -> bool:
        """Take one frame's worth; tell whether there was any."""
        key = (prev, src, flash)
        level, at_s = self._levels.pop(key, (float(BURST_MAX), now_s))
        level = min(float(BURST_MAX), level + (now_s - at_s) * PER_S)
        allowed = level >= 1.0
        self._levels[key] = (level - 1.0 if allowed else level, now_s)
        if len(self._levels) > BUDGETS_MAX:
            self._levels.popitem(last=False)
        return allowed


class _NotCarried(Exception):
    """Why a frame is not carried, in a few stable English words."""


class Relaying:
    """Decides and stores. Runs on the store's thread."""

    def __init__(
        self, ways: Ways, keys: Keyring, sources: tuple[Pattern, ...], bearers: Callable[[], Mapping[str, int]]
    ) -> None:
        self._ways = ways
        self._keys = keys
        self._sources = sources
        self._bearers = bearers
        self._budgets = Budgets()
        self._open: int | None = None
        self._counted_s = 0.0

    # Heard

    def take(
        self,
        outbox: Outbox,
        heard: Explicit,
        link: str,
        neighbour: str,
        now_s: float,
        *,
        wall_s: float,
        clock_trusted: bool,
        quick: bool = False,
    ) -> tuple[str, bool]:
        """Take a frame between others that a neighbour handed us; return what came of it, for counting, and whether it is new.

        ``quick``: the link has slots of seconds, so that urgent frames are said again soon.
        Nothing is raised for what it is; StoreFull when there is no room.
        """
        try:
            source, destination = self._ends(heard, neighbour)
            duplicate = DuplicateKey(heard.key(), CARRIED_S)
            before = self._before(outbox, duplicate, now_s)
            if before is not None:
                urgent = quick and heard.hop_limit is not None and heard.precedence <= Precedence.IMMEDIATE
                after_s = QUICK_REPEAT_AFTER_S if urgent else REPEAT_AFTER_S
                self._take_again(outbox, before, heard, neighbour, now_s, after_s=after_s)
                return "air: relayed again", False
            data, lane = self._onward(outbox, heard, frozenset({neighbour, source}), destination, now_s)
            self._spend(heard, neighbour, now_s)
            self._check_room(outbox, heard.precedence, now_s)
        except _NotCarried as why:
            return f"air: not relayed: {why}", False
        draft = Draft(
            direction=Direction.UP,
            source=Endpoint(EndpointKind.STATION, source),
            destination=Endpoint(EndpointKind.STATION, destination),
            precedence=heard.precedence,
            message=Message(MessageKind.OPAQUE, data_hex=data.hex(), fields={"note": "carried, not read"}),
            lifetime_s=CARRIED_S,
            created_wall_s=wall_s,
            clock_trusted=clock_trusted,
            heard_on=f"{MARK}{link}",
        )
        acceptance = outbox.accept(draft, lane=lane, now_s=now_s, duplicate=duplicate)
        self._put(outbox, acceptance.bundle.seq, Carried(neighbour, now_s))
        self._open = None if self._open is None else self._open + 1
        if neighbour != source:
            self._ways.learn(outbox, heard.src, Learned(source, neighbour, link, heard.relays_passed, now_s))
        return "air: relayed", True

    def _ends(self, heard: Explicit, neighbour: str) -> tuple[str, str]:
        """Return the names of both ends if we carry between them; raise _NotCarried."""
        source, destination = self._keys.name_of(heard.src), self._keys.name_of(heard.dst)
        if heard.src == self._keys.own_id:
            raise _NotCarried("our own came back")
        if kind_of(heard.dst) in (AddressKind.GROUP, AddressKind.EVERYBODY):
            raise _NotCarried("to a group")
        if source is None or self._keys.is_revoked(heard.src) or not self._carries_for(source):
            raise _NotCarried("not for this source")
        if destination is None or self._keys.is_revoked(heard.dst):
            raise _NotCarried("unknown destination")
        if destination == neighbour:
            raise _NotCarried("back to where it came from")
        return source, destination

    def _carries_for(self, source: str) -> bool:
        return any(pattern.matches(source) for pattern in self._sources)

    def _before(self, outbox: Outbox, duplicate: DuplicateKey, now_s: float) -> Bundle | None:
        """Return the bundle that carries the same frame already; raise _NotCarried when it is over."""
        known = outbox.known(duplicate, now_s)
        if known is None or (known and known[0].state is BundleState.SHED):
            return None
        if not known or not known[0].state.is_open:
            raise _NotCarried("copy")
        return known[0]

    def _onward(
        self, outbox: Outbox, heard: Explicit, not_to: frozenset[str], destination: str, now_s: float
    ) -> tuple[bytes, str]:
        """Return what is sent on and the lane it waits in; raise _NotCarried."""
        data = heard.sent_on()
        if data is None:
            raise _NotCarried("hops used up")
        endpoint = Endpoint(EndpointKind.STATION, destination)
        try:
            return data, lane_for(endpoint, self._reached(outbox, not_to, now_s), self._bearers())
        except Unreachable:
            raise _NotCarried("no way to the destination") from None

    def _reached(self, outbox: Outbox, not_to: frozenset[str], now_s: float) -> Callable[[str], Station | None]:
        return lambda name: self._ways.as_reached(outbox, name, now_s, not_to)

    def _take_again(
        self, outbox: Outbox, bundle: Bundle, heard: Explicit, neighbour: str, now_s: float, *, after_s: float
    ) -> None:
        before = self._carried(outbox, bundle.seq)
        has_hops = heard.hop_limit is not None
        if before is None or not is_asked_again(before, neighbour, now_s, has_hops=has_hops, after_s=after_s):
            raise _NotCarried("copy")
        self._spend(heard, neighbour, now_s)
        self._put(outbox, bundle.seq, Carried(neighbour, now_s))
        if bundle.due_s > now_s:
            outbox.postpone(bundle.seq, now_s, f"{neighbour} says it again")

    def _spend(self, heard: Explicit, neighbour: str, now_s: float) -> None:
        if not self._budgets.spend(neighbour, heard.src, flash=heard.precedence is Precedence.FLASH, now_s=now_s):
            raise _NotCarried("more than is carried for one source")

    def _check_room(self, outbox: Outbox, precedence: Precedence, now_s: float) -> None:
        if self._open is None or (self._open >= OPEN_MAX and now_s - self._counted_s >= RECOUNT_S):
            self._open, self._counted_s = self._count(outbox), now_s
        if self._open >= OPEN_MAX + (FLASH_ROOM if precedence is Precedence.FLASH else 0):
            raise _NotCarried("too much is carried already")

    def _count(self, outbox: Outbox) -> int:
        """Count what is carried and not over; what is over needs no entry of its own any more."""
        count = 0
        for seq, _ in outbox.air_states(CARRIED, 2 * OPEN_MAX):
            bundle = outbox.numbered(seq)
            if bundle is not None and bundle.state.is_open:
                count += bundle.due_s < math.inf  # what was passed on only waits to be asked for again
            else:
                outbox.air_state_drop(seq, CARRIED)
        return count

    # To send

    def way(self, outbox: Outbox, bundle: Bundle, now_s: float, bearer: str | None) -> Endpoint | None:
        """Return the station that a carried frame goes to next, by a link of one bearer if that is given; None without any."""
        before = self._carried(outbox, bundle.seq)
        not_to = {bundle.draft.source.name} | ({before.prev} if before is not None else set())
        found = self._ways.next_hop(
            outbox, bundle.destination.name, now_s, bearer=bearer, not_to=frozenset(not_to), attempt=bundle.attempts
        )
        return None if found is None else Endpoint(EndpointKind.STATION, found.via)

    def why_over(self, outbox: Outbox, bundle: Bundle, now_s: float) -> str:
        """Return why a carried frame is not to be sent now, or any more until it is asked for again; empty when it is."""
        before = self._carried(outbox, bundle.seq)
        if before is None:
            return "what was known of it is lost; its source says it again"
        if before.left >= _copies(bundle):
            return "passed on; its source says it again if nobody answers"
        return "waited too long; its source has said it again" if now_s - before.asked_s > SEND_WITHIN_S else ""

    def left(self, outbox: Outbox, bundle: Bundle, outcome: SendOutcome, due_s: float) -> float:
        """Note what came of a try; return when a carried frame is due again: never, once it has left, until it is asked for."""
        before = self._carried(outbox, bundle.seq)
        if before is None or outcome not in CONFIRMED:
            return due_s
        self._put(outbox, bundle.seq, replace(before, left=before.left + 1))
        return due_s if before.left + 1 < _copies(bundle) else float("inf")

    def _carried(self, outbox: Outbox, seq: int) -> Carried | None:
        return Carried.from_bytes(outbox.air_state(seq, CARRIED))

    def _put(self, outbox: Outbox, seq: int, value: Carried) -> None:
        outbox.air_state_put(seq, CARRIED, value.to_bytes())


def _copies(bundle: Bundle) -> int:
    return FLASH_COPIES if bundle.precedence is Precedence.FLASH else 1
