"""Where a bundle, a receipt or a hello goes next by one link: to its peer, or to the neighbour that takes it on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.air.explicit import TrafficClass, addressed, overhead, way_peer
from gateway.air.relaying import is_carried
from gateway.link import Outgoing, Payload
from gateway.model import Endpoint, EndpointKind, Precedence
from gateway.router.addressing import peer_on

if TYPE_CHECKING:
    from gateway.air.peers import Peer
    from gateway.daemon.airside import AirSide
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox

NO_KEY_RECHECK_S = 300.0
"""How soon a bundle whose gateway has no key is looked at again; a key that is imported is told and wakes it sooner."""

NO_WAY_RECHECK_S = 60.0
"""How soon a frame or report is looked at again that no neighbour can take on; a peer that is heard wakes it sooner."""


def leads(air: AirSide, outbox: Outbox, bundle: Bundle, bearer: str, now_s: float) -> bool:
    """Tell whether any link of a bearer gets a bundle further now: an address or a way may be gone since it was accepted."""
    if is_carried(bundle):
        return air.relaying.way(outbox, bundle, now_s, bearer) is not None
    station = air.peers.station_of(bundle.destination)
    if station is not None and air.peers.is_gateway(bundle.destination):
        if air.ways.next_hop(outbox, station.name, now_s, bearer=bearer) is not None:
            return True
        if air.ways.ways(outbox, station.name, now_s):
            return False
        return peer_on(station, bearer, outbox.station, 0) is not None
    return peer_on(bundle.destination, bearer, outbox.station, 0) is not None


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a bundle goes next: to a station or card as it stands, or as a record for ``peer``, by itself or by a relay."""

    destination: Endpoint
    peer: Peer | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """How a frame gets to a peer now: the link address, and what naming both ends takes where a relay lies between."""

    address: str
    over: int = 0


class AirReach:
    """Answers for one link of one bearer. Runs on the store's thread."""

    def __init__(self, air: AirSide, bearer: str) -> None:
        self._air = air
        self._bearer = bearer

    def hop(self, outbox: Outbox, bundle: Bundle, now_s: float) -> Hop | None:
        """Return where a bundle goes next by this link; None when it cannot leave by it now, and then it may have to wait."""
        if is_carried(bundle):
            return self._hop_of_carried(outbox, bundle, now_s)
        peers = self._air.peers
        peer, station = peers.of(outbox, bundle.destination), peers.station_of(bundle.destination)
        if peer is None or station is None:
            if peers.is_gateway(bundle.destination):
                why = f"no key for {station}: import one, or see: yizhan key list"
                outbox.postpone(bundle.seq, now_s + NO_KEY_RECHECK_S, why)
                return None
            return Hop(bundle.destination)
        way = self._air.ways.next_hop(outbox, peer.name, now_s, bearer=self._bearer, attempt=bundle.attempts)
        if way is not None:
            return Hop(Endpoint(EndpointKind.STATION, way.via), peer)
        return None if self._air.ways.ways(outbox, peer.name, now_s) else Hop(station, peer)

    def _hop_of_carried(self, outbox: Outbox, bundle: Bundle, now_s: float) -> Hop | None:
        relaying = self._air.relaying
        over = relaying.why_over(outbox, bundle, now_s)
        if over:
            outbox.postpone(bundle.seq, math.inf, over)
            return None
        station = relaying.way(outbox, bundle, now_s, self._bearer)
        if station is None and relaying.way(outbox, bundle, now_s, None) is None:
            outbox.postpone(bundle.seq, now_s + NO_WAY_RECHECK_S, f"no way to {bundle.destination}")
        return None if station is None else Hop(station)

    def at(self, outbox: Outbox, peer: Peer, address: str) -> Reach:
        """Return how a frame gets to a peer by a link address: its own, or that of a station which takes it on."""
        station = outbox.station_by_address(self._bearer, address)
        by_relay = station is not None and station.id != peer.name
        return Reach(address, self.overhead(peer) if by_relay else 0)

    def times(self, outbox: Outbox, peer: Peer, address: str, now_s: float) -> float:
        """Return how many times as long an answer takes by a link address: every relay adds a slot's wait each way."""
        if not self.at(outbox, peer, address).over:
            return 1.0
        way = self._air.ways.next_hop(outbox, peer.name, now_s, bearer=self._bearer)
        return 1.0 + (1 if way is None else max(1, way.relays))

    def reach(self, outbox: Outbox, peer: Peer, address: str, now_s: float) -> Reach | None:
        """Return how what is owed under an address gets to a peer: that link address itself, or by a relay."""
        if way_peer(address) is None:
            return Reach(address)
        found = self._air.ways.back(outbox, peer.name, now_s, self._bearer)
        if found is None:
            return None
        way, link_address = found
        return Reach(link_address, 0 if way.via == peer.name else self.overhead(peer))

    def overhead(self, peer: Peer) -> int:
        """Return how many bytes naming both ends takes in a record to a peer."""
        return overhead(self._air.sessions.ends_to(peer.id))

    def outgoing(
        self,
        peer: Peer,
        reach: Reach,
        data: bytes,
        *,
        label: str,
        precedence: Precedence = Precedence.IMMEDIATE,
        traffic: TrafficClass = TrafficClass.MESSAGE,
    ) -> Outgoing:
        """Return a frame for a peer as it leaves here: with both ends named where a relay lies between."""
        if reach.over:
            data = addressed(data, self._air.sessions.ends_to(peer.id), precedence, traffic)
        return Outgoing(reach.address, Payload.of_bytes(data), urgent=precedence is Precedence.FLASH, label=label)
