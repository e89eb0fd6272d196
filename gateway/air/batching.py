"""Several small bundles to one gateway in one record, while they wait for the same slot.

Nothing ever waits for a batch: when a slot opens, what is due for the same gateway and fits into the same frame goes
along with the most urgent one. An SOS never does; it travels alone and at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.air.relaying import is_carried
from gateway.air.sessions import TRANSFER
from gateway.model import BUS, BundleState, Direction, MessageKind, Precedence
from protocols.content.errors import ContentError
from protocols.content.receipts import PLACES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateway.air.peers import Peer, Peers
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox

MEMBERS_MAX = PLACES_MAX
"""Bundles in one record at most: as many as a receipt can tell apart."""

LOOKED_MAX = 12
"""Bundles that are tried for one record at most; each costs an encoding of the whole, some milliseconds."""

MISSES_MAX = 4
"""So many that do not fit, and the record is full enough."""

CANDIDATES_MAX = 32
"""Due bundles of one precedence that are looked at for one record; most are for others in a command post's queue."""


class Batching:
    """Finds what may travel with a bundle. Runs on the store's thread."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    def candidates(
        self, outbox: Outbox, lead: Bundle, peer: Peer, now_s: float, takes: Callable[[Bundle], bool]
    ) -> list[Bundle]:
        """Return what may go in one record with a bundle that is about to get its first, by precedence and age.

        ``takes`` tells whether the link should carry a bundle now.
        """
        if not self._may_share(lead, peer):
            return []
        found: list[Bundle] = []
        is_peer = {lead.destination: True}
        for one in self._due(outbox, lead, now_s):
            if one.destination not in is_peer:
                is_peer[one.destination] = self._peers.of(outbox, one.destination) == peer
            if (
                is_peer[one.destination]
                and one.seq != lead.seq
                and self._may_share(one, peer)
                and outbox.air_record_of(one.seq, peer.id) is None
                and outbox.air_state(one.seq, TRANSFER) is None
                and takes(one)
            ):
                found.append(one)
            if len(found) == LOOKED_MAX:
                break
        return found

    @staticmethod
    def _due(outbox: Outbox, lead: Bundle, now_s: float) -> Iterator[Bundle]:
        if lead.draft.direction is Direction.DOWN:
            # The lane of a command post is full of what goes to others, so it is asked for by destination.
            yield from outbox.due_to(lead.destination, lead.lane, now_s, CANDIDATES_MAX)
            return
        for precedence in Precedence:
            if precedence >= lead.precedence:
                yield from outbox.due(lead.lane, precedence, now_s, CANDIDATES_MAX)

    def _may_share(self, bundle: Bundle, peer: Peer) -> bool:
        """Tell whether a bundle may be with others. One that the peer may refuse must not take others with it."""
        if bundle.precedence is Precedence.FLASH or bundle.state is BundleState.REFUSED or is_carried(bundle):
            return False
        if peer.name != self._peers.upstream:
            return True
        own = self._peers.station_of(bundle.destination)
        for_it = bundle.destination == BUS or (own is not None and own.name == peer.name)
        return for_it and bundle.draft.message.kind is not MessageKind.COMMAND


def fill(lead: Bundle, others: Sequence[Bundle], fits: Callable[[list[Bundle]], bool]) -> list[Bundle]:
    """Return a bundle and as many of the others as ``fits`` allows: each that still does, in their order."""
    chosen, misses = [lead], 0
    for one in others[:LOOKED_MAX]:
        if len(chosen) == MEMBERS_MAX or misses == MISSES_MAX:
            break
        if _fits(fits, [*chosen, one]):
            chosen.append(one)
        else:
            misses += 1
    return chosen


def _fits(fits: Callable[[list[Bundle]], bool], batch: list[Bundle]) -> bool:
    try:
        return fits(batch)
    except ContentError:
        return False  # the last of them cannot be said at all; that will be told when its own turn comes
