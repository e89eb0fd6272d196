"""The gateway's side towards other gateways: records heard become bundles, bundles become records.

Made by the composition root when ``[air]`` is configured. Everything that touches the store runs on its thread, inside
the transaction of whoever calls.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.air.batching import Batching
from gateway.air.explicit import explicit_of, overhead, way_address
from gateway.air.incoming import Incoming
from gateway.air.models import CURRENT, models
from gateway.air.outgoing import AirFrame, Outgoing
from gateway.air.peers import Peers
from gateway.air.receipting import Receipting
from gateway.air.relaying import Relaying
from gateway.air.sessions import Sessions
from gateway.air.transfers import LOSS_EXPECTED
from gateway.air.ways import Ways
from gateway.daemon.aircontrol import ControlQueue
from gateway.daemon.airdebts import Debts
from gateway.daemon.airkeys import AirKeys
from gateway.daemon.airmessages import AirMessages
from gateway.daemon.saidonce import listener_key
from gateway.link import Addressed, LinkState, PayloadKind
from gateway.model import (
    BUS_LANE,
    Endpoint,
    EndpointKind,
)
from gateway.observe.log import logger
from gateway.router.addressing import Unreachable, lane_for
from gateway.router.again import QUICK_SLOT_S
from gateway.router.plan import is_in_lane, lane_of
from gateway.router.routes import Learned, Routes
from gateway.store.accepting import OwedTo
from gateway.store.errors import StoreError
from protocols.content.codec import ContentCodec
from protocols.record.address import EVERYBODY
from protocols.record.errors import RecordError
from protocols.record.layout import is_hello, is_record
from protocols.record.suite import Suite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gateway.air.explicit import Explicit
    from gateway.air.incoming import Taken
    from gateway.air.peers import Peer
    from gateway.daemon.core import Core
    from gateway.link import Heard
    from gateway.model import Bundle, Station
    from gateway.router.routes import Pattern, StaticRoute
    from gateway.security.keyring import Keyring
    from gateway.store.outbox import Outbox
    from gateway.store.receipts_owed import OwedEntry
    from protocols.content.context import Shared
    from protocols.content.receipts import Receipt

RECOVER_AGAIN_S = 5.0

PEERS_SHOWN_MAX = 200

log = logger("gateway.air")


class AirSide:
    """Gateway to gateway."""

    def __init__(
        self,
        core: Core,
        keys: Keyring,
        shared: Shared,
        words: Sequence[str],
        *,
        folder: Path,
        upstream: str | None,
        suite: Suite,
        entropy: Callable[[int], bytes],
        routes: tuple[StaticRoute, ...] = (),
        relay: tuple[Pattern, ...] = (),
    ) -> None:
        self._core = core
        self.keys = keys
        self.upstream = upstream
        revision = shared.fingerprint(words)
        self.sessions = Sessions(
            keys,
            suite=suite,
            model=CURRENT,
            revision=revision,
            wall_s=core.clock.wall_s,
            clock_trusted=core.clock.trusted,
            rng=core.rng,
        )
        codec = ContentCodec(models(CURRENT), shared, words)
        self.peers = Peers(self.sessions, revision=revision, upstream=upstream)
        self.outgoing = Outgoing(self.sessions, codec, CURRENT)
        self.incoming = Incoming(self.sessions, codec, revision, frozenset({Suite.AES_CCM, suite}))
        self.debts = Debts(self.incoming)
        self.messages = AirMessages(core, self)
        self.receipting = Receipting(self.sessions, self.outgoing, self.incoming)
        self.batching = Batching(self.peers)
        self.ways = Ways(Routes(keys.own_name, routes, upstream), keys, core.bearers)
        self.relaying = Relaying(self.ways, keys, relay, core.bearers)
        self.control = ControlQueue(self.sessions, self.peers, self.ways)
        self.key_changes = AirKeys(
            keys,
            folder,
            self.sessions,
            self.control,
            upstream=upstream,
            entropy=entropy,
            wall_s=core.clock.wall_s,
        )
        self.ready = False
        """Whether the sessions were looked through at start; until then nothing is taken and nothing leaves."""

    async def recover(self) -> None:
        """At start: if the store is an older copy, trust none of its sessions. Tried until the disk takes it."""
        while True:
            try:
                restored = await self._core.store.run(self._recovered)
                break
            except StoreError as error:
                log.error("sessions with other gateways wait for the store", why=str(error))
                await asyncio.sleep(RECOVER_AGAIN_S)
        if restored:
            log.error("the store is an older copy or was lost; every session with other gateways is begun anew")
        self.ready = True
        self._core.wake_links()

    def _recovered(self, outbox: Outbox) -> bool:
        self.ways.load(outbox)
        return self.sessions.recover(outbox)

    # --- heard -------------------------------------------------------------------------------------------------

    def is_frame(self, heard: Heard) -> bool:
        """Tell whether a payload is meant as a frame of the air format."""
        data = heard.payload.data
        return heard.payload.kind is PayloadKind.BYTES and (is_record(data) or is_hello(data))

    def take(self, outbox: Outbox, link: str, heard: Heard, now_s: float) -> bool:
        """Take a frame, on the store's thread; tell whether it brought anything new. Nothing is raised for what it is."""
        try:
            named = explicit_of(heard.payload.data)
        except RecordError as error:
            what, is_new = f"air: {error.reason}", False
        else:
            if not self.ready:
                what, is_new = "air: frame before the start was over", False
            elif named is None:
                what, is_new = self._take_unnamed(outbox, link, heard, now_s)
            else:
                what, is_new = self._take_named(outbox, link, heard, named, now_s)
        self._core.count(what)
        return is_new

    def _take_unnamed(self, outbox: Outbox, link: str, heard: Heard, now_s: float) -> tuple[str, bool]:
        """Take a frame whose ends the bearer names: from the station that the sender's address belongs to."""
        if heard.addressed is Addressed.OVERHEARD:
            return "air: frame for another", False
        peer = self.peers.by_address(outbox, self._core.bearer_of(link), heard.peer)
        if peer is None:
            return "air: frame of a stranger", False
        group = EVERYBODY if heard.addressed is Addressed.BROADCAST else None
        taken = self._opened(outbox, peer, heard, now_s, group)
        if group is None:
            return _what(taken), self._take_from(outbox, OwedTo(link, heard.peer), taken, now_s)
        # What a group key protects proves membership only: its lines settle, and it never says anything.
        if taken.content is not None and taken.content.receipt is not None:
            self._settle_lines(outbox, peer, taken.content.receipt, now_s)
        return _what(taken), False

    def _take_named(self, outbox: Outbox, link: str, heard: Heard, named: Explicit, now_s: float) -> tuple[str, bool]:
        """Take a frame that names its ends: for us whoever handed it over, for another one if we are a relay to it.

        Only from stations of the registry: to nobody else is a wrong tag in a peer's name worth counting.
        """
        neighbour = outbox.station_by_address(self._core.bearer_of(link), heard.peer)
        if neighbour is None:
            return "air: frame of a stranger", False
        if named.dst != self.keys.own_id:
            if heard.addressed is Addressed.OVERHEARD:
                return "air: frame for another", False
            clock = self._core.clock
            return self.relaying.take(
                outbox,
                named,
                link,
                neighbour.id,
                now_s,
                wall_s=clock.wall_s(),
                clock_trusted=clock.trusted(),
                quick=link in self._core.links and self._core.links[link].slot_s <= QUICK_SLOT_S,
            )
        peer = self.peers.by_id(outbox, named.src)
        if peer is None:
            return "air: frame of a stranger", False
        taken = self._opened(outbox, peer, heard, now_s)
        owed = OwedTo(link, heard.peer)
        if neighbour.id != peer.name:
            owed = OwedTo(link, way_address(peer.id))
            if taken.is_fresh or taken.repeated is not None:
                self.ways.answered(peer.name, heard_us=taken.is_fresh)
            if taken.is_fresh:
                learned = Learned(peer.name, neighbour.id, link, named.relays_passed, now_s)
                self.ways.learn(outbox, peer.id, learned)
        return _what(taken), self._take_from(outbox, owed, taken, now_s)

    def _opened(self, outbox: Outbox, peer: Peer, heard: Heard, now_s: float, group: int | None = None) -> Taken:
        taken = self.incoming.take(outbox, peer, heard.payload.data, now_s, group)
        if taken.alarm:
            self.key_changes.alarm(outbox, peer, taken.alarm, now_s)
        return taken

    def _take_from(self, outbox: Outbox, owed: OwedTo, taken: Taken, now_s: float) -> bool:
        if taken.counter:
            name = taken.peer.name
            self._core.heard_again.gateway(outbox, name, now_s, is_upstream=name == self.upstream)
        if taken.part:
            self.debts.note_report(outbox, taken.peer.id, owed.link, owed.peer)
        self.debts.answer_hello(owed, taken, now_s)
        self.key_changes.heed(outbox, taken)
        if taken.repeated is not None:
            self._heard_again(outbox, owed, taken, now_s)
        if taken.unread:
            return self.messages.take_unread(outbox, owed, taken, now_s)
        if taken.content is None:
            return False
        if taken.content.receipt is not None:
            self._learn(self.receipting.apply(outbox, taken.peer, taken.content.receipt, now_s), now_s)
        return self.messages.take(outbox, owed, taken, taken.content, now_s)

    def _settle_lines(self, outbox: Outbox, peer: Peer, receipt: Receipt, now_s: float) -> None:
        for line in receipt.group:
            if line.peer == self.keys.own_id:
                self._learn(self.receipting.apply_line(outbox, peer, line, now_s), now_s)

    def _learn(self, settled: Sequence[Bundle], now_s: float) -> None:
        """Let the links by which these bundles left know that they arrived."""
        for bundle in settled:
            self._core.tries.arrived(bundle.seq, now_s)

    def registry(self, outbox: Outbox) -> Callable[[str], Station | None]:
        """Return what looks a station up as it can be reached: another gateway with the addresses of the ways to it."""
        now_s = self._core.now_s()
        return lambda name: self.ways.as_reached(outbox, name, now_s)

    def report_lane(self, outbox: Outbox) -> str:
        """Return where reports for the centre wait: for a post below another gateway that is the way to it."""
        if self.upstream is None:
            return BUS_LANE
        try:
            return lane_for(Endpoint(EndpointKind.STATION, self.upstream), self.registry(outbox), self._core.bearers())
        except Unreachable:
            # Not registered yet: it waits for the links there are, and says so, rather than for a bus that never comes.
            return lane_of(sorted(self._core.bearers())) or BUS_LANE

    def _heard_again(self, outbox: Outbox, owed: OwedTo, taken: Taken, now_s: float) -> None:
        """Owe the receipt again: whoever repeats a record has not heard it."""
        assert taken.repeated is not None
        for seq in outbox.air_heard_by(taken.peer.id, taken.salt, taken.repeated):
            outbox.owe_again(seq, owed.link, owed.peer, now_s)
        for bundle in outbox.known(listener_key(taken.peer.id, taken.salt, taken.repeated), now_s) or ():
            self.messages.owe_listener(outbox, owed, taken.peer.id, bundle, now_s)

    def reported(self, outbox: Outbox, peer: Peer, receipt: Receipt, now_s: float) -> None:
        """Note that a receipt left."""
        self.receipting.reported(outbox, peer, receipt, now_s)
        self.debts.told(outbox, peer.id)

    def next_due_s(self, outbox: Outbox, link: str) -> float | None:
        """Return when a link has something to send that serves connections."""
        times = (self.debts.next_due_s(link), self.control.next_due_s(outbox))
        return min((time_s for time_s in times if time_s is not None), default=None)

    # --- to send -----------------------------------------------------------------------------------------------

    def frame(
        self,
        outbox: Outbox,
        bundle: Bundle,
        peer: Peer,
        *,
        bytes_max: int,
        over: int,
        owed: Sequence[OwedEntry],
        takes: Callable[[Bundle], bool],
        now_s: float,
    ) -> tuple[AirFrame | None, Receipt | None]:
        """Return the next frame of a bundle for a link, and the receipt that went along in it.

        ``over`` is what naming both ends takes, where a relay lies between: every frame of the lane then leaves it free.
        ``takes`` tells whether the link should carry another bundle now, which may then go in the same record.
        """
        sizes = [size - over for size in self.sizes_in(bundle.lane)]
        receipt = self.receipting.make(outbox, peer, owed, now_s, self.debts.refused_by(peer.id)) if owed else None
        if receipt is not None:
            receipt = replace(receipt, needs=())  # it is kept with the bundle, and a transfer's number is used again
        frame = self.outgoing.frame(
            outbox,
            bundle,
            peer,
            bytes_max=bytes_max - over,
            lane_bytes=sizes or [bytes_max - over],
            receipt=receipt,
            others=lambda: self.batching.candidates(outbox, bundle, peer, now_s, takes),
            loss=self._loss_in(bundle.lane, now_s),
            now_s=now_s,
        )
        return frame, receipt if frame is not None and frame.receipt else None

    def overhead_to(self, outbox: Outbox, peer: Peer, bearer: str) -> int:
        """Return what naming both ends takes in each record to a peer by a bearer: nothing where it is reached directly."""
        way = self.ways.next_hop(outbox, peer.name, self._core.now_s(), bearer=bearer)
        return 0 if way is None or way.via == peer.name else overhead(self.sessions.ends_to(peer.id))

    def sizes_in(self, lane: str) -> list[int]:
        """Return what one frame carries on each link of a lane that says so, in bytes."""
        return [
            runner.last.data_bytes_max
            for runner in self._core.links.values()
            if is_in_lane(runner.link.info.bearer, lane) and runner.last.data_bytes_max
        ]

    def _loss_in(self, lane: str, now_s: float) -> float:
        """Return the share of frames that the open links of a lane are believed to lose."""
        runners = self._core.links.values()
        serving = [one for one in runners if is_in_lane(one.bearer, lane) and one.last.state is LinkState.OPEN]
        losses = [1.0 - one.estimate.success(now_s).mean for one in serving]
        return sum(losses) / len(losses) if losses else LOSS_EXPECTED

    def routes_json(self) -> dict[str, Any]:
        """Return which ways to other gateways are known, for `yizhan status` and `yizhan route`."""
        return self.ways.to_json(self._core.now_s())

    def status(self, outbox: Outbox) -> dict[str, Any]:
        """Return how it stands with every gateway that was spoken to, for `yizhan status`."""
        peers = []
        spoken = {peer for part in ("send", "receive") for peer, _ in outbox.air_states(part, PEERS_SHOWN_MAX)}
        for peer_id in sorted(spoken):
            peer = self.peers.by_id(outbox, peer_id)
            if peer is None:
                continue
            sending, receiving = self.sessions.known_sending(outbox, peer_id), self.sessions.receiving(outbox, peer_id)
            peers.append(
                {
                    "id": peer_id,
                    "name": peer.name,
                    "confirmed": sending is not None and sending.confirmed,
                    "heard": bool(receiving.salt),
                    "generation_out": 0 if sending is None else sending.generation,
                    "generation_in": receiving.generation,
                    "records_out": 0 if sending is None else sending.next_counter - 1,
                    "failures": receiving.failures,
                    "only_long_tags": receiving.only_long_tags,
                    "model": peer.model,
                    "shares": peer.shares,
                }
            )
        return {
            "id": self.keys.own_id,
            "name": self.keys.own_name,
            "upstream": self.upstream,
            "only_long_tags": self.sessions.tally(outbox).long_only,
            "routes": self.routes_json(),
            "peers": peers,
        }


def _what(taken: Taken) -> str:
    return f"air: {taken.problem}" if taken.problem else "air: frame opened"
