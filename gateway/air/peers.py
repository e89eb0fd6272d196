"""Who is a gateway: from link addresses and endpoints to the holders of keys, by registry and keyring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.model import BUS, Endpoint, EndpointKind

if TYPE_CHECKING:
    from gateway.air.sessions import Sessions
    from gateway.store.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Peer:
    """One gateway that we share a key with, and what its hello said of it."""

    id: int
    name: str
    model: int = 0
    """Number of its content model; 0 while no hello of it was heard."""
    shares: bool = False
    """Whether it has the same revision of the shared configuration."""


class Peers:
    """Finds peers. Runs on the store's thread."""

    def __init__(self, sessions: Sessions, *, revision: int, upstream: str | None) -> None:
        self._sessions = sessions
        self._revision = revision
        self.upstream = upstream

    def by_id(self, outbox: Outbox, peer_id: int) -> Peer | None:
        """Return a peer by its air address; None without a key."""
        keys = self._sessions.keys
        name = keys.name_of(peer_id)
        if name is None or keys.pair_secret(peer_id) is None:
            return None
        state = self._sessions.receiving(outbox, peer_id)
        shares = bool(state.salt) and 0 != state.revision == self._revision
        return Peer(peer_id, name, state.model, shares)

    def by_address(self, outbox: Outbox, bearer: str, address: str) -> Peer | None:
        """Return the peer whose station has a link address; None for a plain handset and for what nobody registered."""
        station = outbox.station_by_address(bearer, address)
        return None if station is None else self.by_name(outbox, station.id)

    def by_name(self, outbox: Outbox, name: str) -> Peer | None:
        """Return the peer of a name."""
        peer_id = self._sessions.keys.peer_id(name)
        return None if peer_id is None else self.by_id(outbox, peer_id)

    def of(self, outbox: Outbox, destination: Endpoint) -> Peer | None:
        """Return the peer that a bundle for an endpoint goes to as a record; None when it goes as text."""
        station = self.station_of(destination)
        return None if station is None else self.by_name(outbox, station.name)

    def is_gateway(self, destination: Endpoint) -> bool:
        """Tell whether an endpoint is another gateway, even one whose key is gone: it never gets anything in clear."""
        station = self.station_of(destination)
        return station is not None and (destination == BUS or self._sessions.keys.peer_id(station.name) is not None)

    def station_of(self, destination: Endpoint) -> Endpoint | None:
        """Return the station that an endpoint is or is reached by: the centre, for a post without a bus, by upstream."""
        if destination == BUS:
            return None if self.upstream is None else Endpoint(EndpointKind.STATION, self.upstream)
        return destination if destination.kind is EndpointKind.STATION else None
