"""A peer that is heard again gets at once what waited for it: whoever can be heard can very likely hear.

Tries that nobody answered are put off for longer and longer. The moment a peer speaks after a silence that is over, and
what was put off for it becomes due; each bundle still goes by the router's choice and the link's slot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.model import BUS, Endpoint, EndpointKind

if TYPE_CHECKING:
    from gateway.daemon.core import Core
    from gateway.store.outbox import Outbox

SILENCE_S = 120.0
"""A peer that was heard within this is not *again* heard: two slots of a card, and a peer that talks releases nothing twice."""

PEERS_MAX = 100_000
"""Peers whose last word is remembered; beyond it the one that was silent longest is forgotten and counts as new."""

RELEASED_MAX = 200
"""Bundles made due at once for one peer; those behind them come with its next word."""


class HeardAgain:
    """Knows when each peer was heard last. Runs on the store's thread."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._last_s: dict[Endpoint, float] = {}

    def __len__(self) -> int:
        return len(self._last_s)

    def person(self, outbox: Outbox, source: Endpoint, now_s: float) -> None:
        """Note that a card or station was heard; what was never known to have left for it is due now."""
        if not self._is_again(source, now_s):
            return
        released = self._release(outbox, source, now_s, sent_too=False)
        station = outbox.station_by_card(int(source.name)) if source.kind is EndpointKind.CARD else None
        if station is not None:
            released += self._release(outbox, Endpoint(EndpointKind.STATION, station.id), now_s, sent_too=False)
        self._tell(released)

    def gateway(self, outbox: Outbox, name: str, now_s: float, *, is_upstream: bool) -> None:
        """Note that a record of another gateway opened; what it has given no receipt for is due now."""
        peer = Endpoint(EndpointKind.STATION, name)
        if not self._is_again(peer, now_s):
            return
        released = self._release(outbox, peer, now_s, sent_too=True)
        if is_upstream:
            released += self._release(outbox, BUS, now_s, sent_too=True)
        self._tell(released)

    def _is_again(self, peer: Endpoint, now_s: float) -> bool:
        before_s = self._last_s.pop(peer, None)
        if len(self._last_s) >= PEERS_MAX:
            del self._last_s[next(iter(self._last_s))]
        self._last_s[peer] = now_s
        return before_s is None or now_s - before_s >= SILENCE_S

    def _release(self, outbox: Outbox, peer: Endpoint, now_s: float, *, sent_too: bool) -> int:
        return outbox.release(peer, now_s, sent_too=sent_too, limit=RELEASED_MAX)

    def _tell(self, released: int) -> None:
        if released:
            self._core.count("released: peer heard again")
