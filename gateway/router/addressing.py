"""From logical endpoints to link addresses, resolved late and by the registry. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.link import BROADCAST_PEER
from gateway.model import BEIDOU, BUS_LANE, Endpoint, EndpointKind
from gateway.router.plan import lane_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.model import Station


class Unreachable(ValueError):
    """The endpoint cannot be resolved. The text says what was asked for and what a person can do."""


def lane_for(endpoint: Endpoint, station: Callable[[str], Station | None], bearers: Mapping[str, int]) -> str:
    """Return the lane for one person, card, broadcast or the bus.

    ``bearers`` counts the configured links by bearer; ``station`` looks an id up in the registry. Raise Unreachable for
    an unknown station, one without an address on any configured bearer, or a group (expand it first).
    """
    match endpoint.kind:
        case EndpointKind.BUS:
            return BUS_LANE
        case EndpointKind.CARD | EndpointKind.BROADCAST:
            wanted = {BEIDOU}
        case EndpointKind.STATION:
            entry = station(endpoint.name)
            if entry is None:
                raise Unreachable(
                    f"{endpoint}: no such station in the registry; add it with: yizhan station add {endpoint.name} --card N"
                )
            wanted = entry.bearers()
            if not wanted:
                raise Unreachable(
                    f"{endpoint}: the station has no card and no address; add one with: "
                    f"yizhan station add {endpoint.name} --card N or --address BEARER:ADDRESS"
                )
        case EndpointKind.GROUP | EndpointKind.GRID:
            raise Unreachable(f"{endpoint}: a {endpoint.kind} is sent to its members one by one")
    configured = wanted & set(bearers)
    if not configured:
        raise Unreachable(f"{endpoint}: needs a link of bearer {' or '.join(sorted(wanted))}, none is configured")
    return lane_of(sorted(configured))


def peer_on(endpoint: Endpoint, bearer: str, station: Callable[[str], Station | None], attempt: int) -> str | None:
    """Return the address of ``endpoint`` on a link of ``bearer``, or None if it has none there.

    A station with several addresses is tried on each in turn: ``attempt`` counts the tries so far.
    """
    match endpoint.kind:
        case EndpointKind.CARD:
            return endpoint.name if bearer == BEIDOU else None
        case EndpointKind.BROADCAST:
            return BROADCAST_PEER
        case EndpointKind.STATION:
            entry = station(endpoint.name)
            addresses = () if entry is None else entry.addresses_on(bearer)
            return addresses[attempt % len(addresses)] if addresses else None
        case _:
            return None
