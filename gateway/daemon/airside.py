"""The gateway's side towards other gateways: records heard become bundles, bundles become records.

Made by the composition root when ``[air]`` is configured. Everything that touches the store runs on its thread, inside
the transaction of whoever calls.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gateway.air.incoming import Incoming
from gateway.air.models import CURRENT, models
from gateway.air.outgoing import AirFrame, Outgoing
from gateway.air.peers import Peers
from gateway.air.receipting import Receipting
from gateway.air.sessions import Sessions
from gateway.air.translate import Told, from_content
from gateway.daemon.aircontrol import ControlQueue
from gateway.daemon.airkeys import AirKeys
from gateway.link import Addressed, PayloadKind
from gateway.model import (
    BUS,
    BUS_LANE,
    LIFETIME_S_MAX,
    TEXT_CHARS_MAX,
    Direction,
    Draft,
    Endpoint,
    EndpointKind,
    Message,
    MessageKind,
)
from gateway.observe.log import logger
from gateway.router.addressing import Unreachable, lane_for
from gateway.router.plan import is_in_lane, lane_of
from gateway.router.policy import PRECEDENCE_OF_KIND
from gateway.store.accepting import DuplicateKey, OwedTo
from gateway.store.airstate import HeardRecord
from gateway.store.errors import StoreError
from protocols.content.codec import ContentCodec
from protocols.content.errors import ContentError
from protocols.record.address import EVERYBODY
from protocols.record.hello import Hello
from protocols.record.layout import is_hello, is_record
from protocols.record.suite import Suite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gateway.air.incoming import Taken
    from gateway.air.peers import Peer
    from gateway.daemon.core import Core
    from gateway.link import Heard
    from gateway.model import Bundle
    from gateway.security.keyring import Keyring
    from gateway.store.outbox import Outbox
    from gateway.store.receipts_owed import OwedEntry
    from protocols.content.context import Shared
    from protocols.content.receipts import Receipt

RECOVER_AGAIN_S = 5.0

HELLO_ASKED_AGAIN_S = 600.0
"""A peer that we cannot open is asked for a hello no oftener than this: whoever forges frames must not spend our slots."""

HELLO_ANSWERED_AGAIN_S = 120.0
"""A peer that asks for our hello gets it no oftener than this."""

REFUSED_TOLD_MAX = 16
HELLOS_OWED_MAX = 1_000
REPORTS_OWED_MAX = 10_000
PEERS_SHOWN_MAX = 200

log = logger("gateway.air")


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
        self.receipting = Receipting(self.sessions, self.outgoing, self.incoming)
        self.control = ControlQueue(self.sessions, self.peers)
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
        self._hellos: dict[int, HelloOwed] = {}
        self._reports: dict[int, ReportOwed] = {}
        self._asked_s: dict[int, float] = {}
        self._answered_s: dict[int, float] = {}
        self._refused: dict[int, list[int]] = {}

    async def recover(self) -> None:
        """At start: if the store is an older copy, trust none of its sessions. Tried until the disk takes it."""
        while True:
            try:
                restored = await self._core.store.run(self.sessions.recover)
                break
            except StoreError as error:
                log.error("sessions with other gateways wait for the store", why=str(error))
                await asyncio.sleep(RECOVER_AGAIN_S)
        if restored:
            log.error("the store is an older copy or was lost; every session with other gateways is begun anew")
        self.ready = True
        self._core.wake_links()

    # --- heard -------------------------------------------------------------------------------------------------

    def is_frame(self, heard: Heard) -> bool:
        """Tell whether a payload is meant as a frame of the air format."""
        data = heard.payload.data
        return heard.payload.kind is PayloadKind.BYTES and (is_record(data) or is_hello(data))

    def take(self, outbox: Outbox, link: str, heard: Heard, now_s: float) -> bool:
        """Take a frame, on the store's thread; tell whether it brought anything new. Nothing is raised for what it is."""
        core = self._core
        if not self.ready or heard.addressed is Addressed.OVERHEARD:
            core.count("air: frame for another" if self.ready else "air: frame before the start was over")
            return False
        peer = self.peers.by_address(outbox, core.bearer_of(link), heard.peer)
        if peer is None:
            core.count("air: frame of a stranger")
            return False
        group = EVERYBODY if heard.addressed is Addressed.BROADCAST else None
        taken = self.incoming.take(outbox, peer, heard.payload.data, now_s, group)
        core.count(f"air: {taken.problem}" if taken.problem else "air: frame opened")
        if taken.alarm:
            self.key_changes.alarm(outbox, peer, taken.alarm, now_s)
        if group is None:
            return self._take_from(outbox, OwedTo(link, heard.peer), taken, now_s)
        # What a group key protects proves membership only: its lines settle, and it never says anything.
        if taken.content is not None and taken.content.receipt is not None:
            self._settle_lines(outbox, peer, taken.content.receipt, now_s)
        return False

    def _take_from(self, outbox: Outbox, owed: OwedTo, taken: Taken, now_s: float) -> bool:
        if taken.counter:
            name = taken.peer.name
            self._core.heard_again.gateway(outbox, name, now_s, is_upstream=name == self.upstream)
        if taken.part:
            self._note_report(outbox, taken.peer.id, owed.link, owed.peer)
        self._answer_hello(owed, taken, now_s)
        self.key_changes.heed(outbox, taken)
        if taken.repeated is not None:
            self._heard_again(outbox, owed, taken, now_s)
        if taken.unread:
            return self._accept(outbox, owed, taken, self._unread(taken, "", taken.unread, taken.problem), now_s)
        if taken.content is None:
            return False
        if taken.content.receipt is not None:
            self.receipting.apply(outbox, taken.peer, taken.content.receipt, now_s)
        messages = (taken.content.message,) if taken.content.message is not None else taken.content.batch
        news = [self._take_message(outbox, owed, taken, message, now_s) for message in messages]
        return any(news)

    def _unread(self, taken: Taken, text: str, data: bytes, why: str) -> Told:
        """Return what cannot be read as a report of its own: it is authentic, so it must not be lost."""
        return Told(
            Endpoint(EndpointKind.STATION, taken.peer.name),
            BUS,
            PRECEDENCE_OF_KIND[MessageKind.OPAQUE],
            Message(MessageKind.OPAQUE, text=text, data_hex=data.hex(), fields={"note": why}),
            self._core.clock.wall_s(),
            clock_trusted=self._core.clock.trusted(),
            unread=data or text.encode("utf-8", "surrogatepass"),
        )

    def _settle_lines(self, outbox: Outbox, peer: Peer, receipt: Receipt, now_s: float) -> None:
        for line in receipt.group:
            if line.peer == self.keys.own_id:
                self.receipting.apply_line(outbox, peer, line, now_s)

    def _take_message(
        self, outbox: Outbox, owed: OwedTo, taken: Taken, message: dict[str, object], now_s: float
    ) -> bool:
        try:
            told = from_content(message, self.keys.own_name, taken.peer.name)
        except ContentError as error:
            self._core.count("air: unreadable message")
            log.warning("message not readable", peer=taken.peer.name, why=str(error))
            told = self._unread(taken, json.dumps(message, ensure_ascii=False)[:TEXT_CHARS_MAX], b"", str(error))
        if taken.peer.name != self.upstream:
            if not self._may_say(told):
                self._refuse(outbox, owed, taken)
                return False
            told = self._bound(taken.peer, told)
        return self._accept(outbox, owed, taken, told, now_s)

    def _is_us(self, endpoint: Endpoint) -> bool:
        return endpoint in (BUS, Endpoint(EndpointKind.STATION, self.keys.own_name))

    def _may_say(self, told: Told) -> bool:
        """Tell what a peer that is not above us may say: anything to the centre, chat to a station, and never an order.

        Cards, groups and broadcasts are reached in the command post's name, so only whoever is above it may do that.
        """
        if told.message.kind is MessageKind.COMMAND:
            return False
        to_station = told.destination.kind is EndpointKind.STATION and told.message.kind is MessageKind.CHAT
        return self._is_us(told.destination) or to_station

    def _bound(self, peer: Peer, told: Told) -> Told:
        """Return what is said under the peer's own name where it used that of another gateway."""
        source = told.source
        if source.kind is not EndpointKind.STATION or source.name == peer.name:
            return told
        if source.name != self.keys.own_name and self.keys.peer_id(source.name) is None:
            return told
        self._core.count("air: said in the name of another gateway")
        return replace(told, source=Endpoint(EndpointKind.STATION, peer.name))

    def _refuse(self, outbox: Outbox, owed: OwedTo, taken: Taken) -> None:
        """Do not keep what a peer may not say, and do not let a receipt say that it is here."""
        self._core.count("air: order from a peer that may not order")
        log.warning("order refused", peer=taken.peer.name, upstream=self.upstream or "none")
        if taken.counter:
            self.sessions.unmark(outbox, taken.peer.id, taken.counter)
            refused = self._refused.setdefault(taken.peer.id, [])
            if len(refused) < REFUSED_TOLD_MAX and taken.counter not in refused:
                refused.append(taken.counter)
            self._reports[taken.peer.id] = ReportOwed(taken.peer.id, owed.link, owed.peer, 0.0)

    def refused_by(self, peer: int) -> tuple[int, ...]:
        """Return the counters of a peer's records that were refused and that it was not told of."""
        return tuple(self._refused.get(peer, ()))

    def _accept(self, outbox: Outbox, owed: OwedTo, taken: Taken, told: Told, now_s: float) -> bool:
        core = self._core
        for_us = self._is_us(told.destination)
        destination = BUS if for_us else told.destination
        lane = BUS_LANE
        if not for_us:
            try:
                lane = lane_for(destination, outbox.station, core.bearers())
            except Unreachable:
                destination, lane = BUS, BUS_LANE  # nobody here can reach them: whoever reads the bus must know
        elif taken.peer.name != self.upstream:
            lane = self.report_lane(outbox)
        draft = Draft(
            direction=Direction.UP if destination == BUS else Direction.DOWN,
            source=told.source,
            destination=destination,
            precedence=told.precedence,
            message=told.message,
            lifetime_s=core.lifetimes[told.precedence],
            created_wall_s=told.created_wall_s,
            clock_trusted=told.clock_trusted,
            heard_on=owed.link,
        )
        acceptance = outbox.accept(
            draft,
            lane=lane,
            now_s=now_s,
            duplicate=DuplicateKey(told.key(), LIFETIME_S_MAX),
            owed=owed,
        )
        if acceptance.bundle.seq and taken.counter:
            outbox.air_heard(HeardRecord(acceptance.bundle.seq, taken.peer.id, taken.salt, taken.counter))
        return not acceptance.is_duplicate

    def report_lane(self, outbox: Outbox) -> str:
        """Return where reports for the centre wait: for a post below another gateway that is the way to it."""
        if self.upstream is None:
            return BUS_LANE
        try:
            return lane_for(Endpoint(EndpointKind.STATION, self.upstream), outbox.station, self._core.bearers())
        except Unreachable:
            # Not registered yet: it waits for the links there are, and says so, rather than for a bus that never comes.
            return lane_of(sorted(self._core.bearers())) or BUS_LANE

    def _heard_again(self, outbox: Outbox, owed: OwedTo, taken: Taken, now_s: float) -> None:
        """Owe the receipt again: whoever repeats a record has not heard it."""
        assert taken.repeated is not None
        seq = outbox.air_heard_by(taken.peer.id, taken.salt, taken.repeated)
        if seq is not None:
            outbox.owe_again(seq, owed.link, owed.peer, now_s)

    # --- hellos, notices, keys -----------------------------------------------------------------------------------

    def _answer_hello(self, owed: OwedTo, taken: Taken, now_s: float) -> None:
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

    def hello_owed(self, link: str) -> tuple[int, HelloOwed] | None:
        """Return a peer that should get a hello over a link, if any."""
        return next(((peer, owed) for peer, owed in self._hellos.items() if owed.link == link), None)

    def hello_sent(self, peer: int) -> None:
        """Note that it left."""
        self._hellos.pop(peer, None)

    # --- reports on transfers ------------------------------------------------------------------------------------

    def _note_report(self, outbox: Outbox, peer: int, link: str, card: str) -> None:
        due_s = self.incoming.reassembly(outbox, peer).next_report_due
        if due_s is None:
            self._reports.pop(peer, None)
        elif peer in self._reports or len(self._reports) < REPORTS_OWED_MAX:
            self._reports[peer] = ReportOwed(peer, link, card, due_s)

    def report_owed(self, link: str, now_s: float) -> ReportOwed | None:
        """Return a peer that should hear over a link how its transfers stand, if any is due."""
        return next((one for one in self._reports.values() if one.link == link and one.due_s <= now_s), None)

    def reported(self, outbox: Outbox, peer: Peer, receipt: Receipt, now_s: float) -> None:
        """Note that a receipt left."""
        self.receipting.reported(outbox, peer, receipt, now_s)
        self._refused.pop(peer.id, None)
        owed = self._reports.get(peer.id)
        if owed is not None:
            self._note_report(outbox, peer.id, owed.link, owed.card)

    def next_due_s(self, outbox: Outbox, link: str) -> float | None:
        """Return when a link has something to send that serves connections."""
        times = [one.due_s for one in self._reports.values() if one.link == link]
        times += [0.0 for one in self._hellos.values() if one.link == link]
        queued_s = self.control.next_due_s(outbox)
        return min(times if queued_s is None else [*times, queued_s], default=None)

    # --- to send -----------------------------------------------------------------------------------------------

    def frame(
        self,
        outbox: Outbox,
        bundle: Bundle,
        peer: Peer,
        *,
        bytes_max: int,
        owed: Sequence[OwedEntry],
        now_s: float,
    ) -> tuple[AirFrame | None, Receipt | None]:
        """Return the next frame of a bundle for a link, and the receipt that went along in it."""
        sizes = self.sizes_in(bundle.lane)
        receipt = self.receipting.make(outbox, peer, owed, now_s, self.refused_by(peer.id)) if owed else None
        if receipt is not None:
            receipt = replace(receipt, needs=())  # it is kept with the bundle, and a transfer's number is used again
        frame = self.outgoing.frame(
            outbox, bundle, peer, bytes_max=bytes_max, lane_bytes=sizes or [bytes_max], receipt=receipt, now_s=now_s
        )
        return frame, receipt if frame is not None and frame.receipt else None

    def sizes_in(self, lane: str) -> list[int]:
        """Return what one frame carries on each link of a lane that says so, in bytes."""
        return [
            runner.last.data_bytes_max
            for runner in self._core.links.values()
            if is_in_lane(runner.link.info.bearer, lane) and runner.last.data_bytes_max
        ]

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
            "peers": peers,
        }
