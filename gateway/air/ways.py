"""By which neighbour each gateway is reached: the routes of gateway/router/routes.py with registry, keys and store.

Runs on the store's thread. What was learned is kept in the store, since a command post that starts again must not wait
until each vehicle behind a relay speaks before it can reach it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gateway.model import BEIDOU, STATION_ENTRIES_MAX, Endpoint, EndpointKind, Station
from gateway.router.addressing import peer_on
from gateway.router.routes import LEARNED_MAX, Learned, Target, in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.router.routes import Routes, Way
    from gateway.security.keyring import Keyring
    from gateway.store.outbox import Outbox

WAY = "way"
"""Name of the part under which the store keeps what was learned of a gateway."""

WRITTEN_AGAIN_S = 60.0
"""What is heard by the same way again sooner than this is not written anew: its age matters by the half-hour."""

SHOWN_MAX = 200

UNHEARD_MAX = 4_096
"""Gateways behind relays that do not hear our answers; more get them by the way they were heard last."""


class Ways:
    """Answers for one gateway."""

    def __init__(self, routes: Routes, keys: Keyring, bearers: Callable[[], Mapping[str, int]]) -> None:
        self.routes = routes
        self._keys = keys
        self._bearers = bearers
        self._unheard: dict[str, int] = {}
        """How often in a row gateways said again what we had answered."""

    def load(self, outbox: Outbox) -> None:
        """Take up what was learned before; in the first transaction. Damaged entries are as good as never heard."""
        for peer, body in outbox.air_states(WAY, LEARNED_MAX):
            name = self._keys.name_of(peer)
            if name is None:
                continue
            try:
                known = [
                    Learned(name, str(one["via"]), str(one["link"]), int(one["hops"]), float(one["heard_s"]))
                    for one in json.loads(body)
                ]
            except (ValueError, KeyError, TypeError):
                continue
            for one in reversed(known):
                self.routes = self.routes.after_heard(one)

    def ways(
        self, outbox: Outbox, name: str, now_s: float, not_to: frozenset[str] = frozenset()
    ) -> tuple[tuple[Way, Station], ...]:
        """Return the ways to a gateway, best first, each with the registry's entry of its next station.

        One whose next station has no address on a bearer of ours is no way.
        """
        entry = outbox.station(name)
        target = Target(
            name, () if entry is None else entry.grids, has_address=entry is not None and self._on_our_bearers(entry)
        )
        found = []
        for way in self.routes.ways(target, now_s, not_to):
            station = outbox.station(way.via)
            if station is not None and self._on_our_bearers(station):
                found.append((way, station))
        return tuple(found)

    def _on_our_bearers(self, station: Station) -> bool:
        return not station.bearers().isdisjoint(self._bearers())

    def next_hop(
        self,
        outbox: Outbox,
        name: str,
        now_s: float,
        *,
        bearer: str | None = None,
        not_to: frozenset[str] = frozenset(),
        attempt: int = 0,
    ) -> Way | None:
        """Return the way to a gateway for one try, by a link of one bearer if that is given; None without any."""
        ways = self.ways(outbox, name, now_s, not_to)
        return in_turn([way for way, station in ways if bearer is None or bearer in station.bearers()], attempt)

    def address(self, outbox: Outbox, name: str, now_s: float, bearer: str, *, attempt: int) -> tuple[Way, str] | None:
        """Return the way to a gateway for one try on a bearer, and the link address of its next station."""
        way = self.next_hop(outbox, name, now_s, bearer=bearer, attempt=attempt)
        return None if way is None else _with_address(outbox, way, bearer, attempt)

    def back(self, outbox: Outbox, name: str, now_s: float, bearer: str) -> tuple[Way, str] | None:
        """Return the way for an answer to a gateway: by whom it was heard last, or by the others while it does not hear us."""
        ways = [way for way, station in self.ways(outbox, name, now_s) if bearer in station.bearers()]
        last = next((one.via for one in self.routes.heard(name, now_s)), None)
        ways.sort(key=lambda way: way.via != last)
        turn = self._unheard.get(name, 0)
        return _with_address(outbox, ways[turn % len(ways)], bearer, 0) if ways else None

    def answered(self, name: str, *, heard_us: bool) -> None:
        """Note that a gateway said something new, or again what we had answered: then another way is tried for answers."""
        turn = self._unheard.pop(name, 0)
        if not heard_us and (turn or len(self._unheard) < UNHEARD_MAX):
            self._unheard[name] = turn + 1

    def as_reached(
        self, outbox: Outbox, name: str, now_s: float, not_to: frozenset[str] = frozenset()
    ) -> Station | None:
        """Return a station as it can be reached: a gateway with the addresses of all its ways, another one as it is.

        For asking which bearers lead there; whom a frame goes to is asked when it leaves.
        """
        if self._keys.peer_id(name) is None and not not_to:
            return outbox.station(name)
        stations = [station for _, station in self.ways(outbox, name, now_s, not_to)]
        if not stations:
            return None if not_to else outbox.station(name)
        bearers = {bearer for station in stations for bearer in station.bearers()} - {BEIDOU}
        return Station(
            name,
            cards=tuple(card for station in stations for card in station.cards)[:STATION_ENTRIES_MAX],
            addresses=tuple(
                (bearer, next(address for station in stations for address in station.addresses_on(bearer)))
                for bearer in sorted(bearers)
            ),
        )

    def learn(self, outbox: Outbox, peer: int, one: Learned) -> None:
        """Note by whom a gateway was heard; in the transaction that takes what it said."""
        before = self.routes
        known = before.heard(one.source, one.heard_s)
        same = known and (known[0].via, known[0].link, known[0].hops) == (one.via, one.link, one.hops)
        if same and one.heard_s - known[0].heard_s < WRITTEN_AGAIN_S:
            return
        self.routes = before.after_heard(one).without_old(one.heard_s)
        if self.routes == before:
            return
        for name in before.learned.keys() - self.routes.learned.keys():
            gone = self._keys.peer_id(name)
            if gone is not None:
                outbox.air_state_drop(gone, WAY)
        kept = self.routes.learned.get(one.source, ())
        outbox.air_state_put(peer, WAY, json.dumps([each.to_json() for each in kept]).encode())

    def to_json(self, now_s: float) -> dict[str, Any]:
        """Return what is known, for `yizhan status`."""
        return self.routes.to_json(now_s, SHOWN_MAX)


def _with_address(outbox: Outbox, way: Way, bearer: str, attempt: int) -> tuple[Way, str] | None:
    found = peer_on(Endpoint(EndpointKind.STATION, way.via), bearer, outbox.station, attempt)
    return None if found is None else (way, found)
