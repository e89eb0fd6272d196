"""The way down over one link: when its slot is free, the most urgent thing that the router gives it goes first.

Nothing is handed over in advance. The outbox is asked at the moment the slot opens, so an SOS accepted a moment before
leaves in it whatever is queued behind (promise 4).
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.air.explicit import way_peer
from gateway.air.relaying import is_carried
from gateway.daemon.accounts import Accounts
from gateway.daemon.airreach import Hop, leads
from gateway.daemon.airsender import AirSender
from gateway.daemon.heads import LOOK_AGAIN_S, Heads
from gateway.daemon.tasks import NOTHING_YET, Begun, BundleTask, FrameTask, ReceiptTask, Task
from gateway.link import LinkState, Outgoing, Payload, SendOutcome, SendResult
from gateway.model import BundleState, MessageKind, Precedence
from gateway.observe.log import logger
from gateway.router.addressing import peer_on
from gateway.router.outcome import after_try, deferred_wait_s
from gateway.router.plan import is_in_lane
from gateway.router.policy import REFUSED_RECHECK_S
from gateway.router.sharing import may_help
from gateway.store.errors import StoreError
from protocols.beidou.handset.receipt import order_text, receipt_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.daemon.core import Core
    from gateway.daemon.supervisor import LinkRunner
    from gateway.model import Bundle, Endpoint
    from gateway.router.plan import Decision, LinkView
    from gateway.store.outbox import Outbox
    from gateway.store.receipts_owed import Owed

IDLE_WAIT_S = 30.0
"""Longest sleep of a link's worker while something waits: proof of life for the watchdog, and a net under a missed bell."""

REST_WAIT_S = 900.0
"""Longest sleep when nothing waits that time alone could make due; whatever comes rings the bell."""

FIELDS_BYTES, CHAR_BYTES = 20, 1.4
"""What a record takes beside its text, and a character of it (measured: bench/air.py)."""

REFUSED_PAUSE_S = 1.0
"""Pause of a link after a refusal, so that a device that refuses everything is not led through the whole queue at once."""

LEFT = frozenset({SendOutcome.ACCEPTED, SendOutcome.RELAYED, SendOutcome.UNKNOWN})
"""Outcomes after which a peer may have it, and should answer."""

log = logger("gateway.outbound")


class LinkSender:
    """Feeds one link, one thing at a time."""

    def __init__(self, runner: LinkRunner, core: Core) -> None:
        self._runner = runner
        self._core = core
        self._air = None if core.air is None else AirSender(core.air, runner)
        self._part = f"link {runner.name}"
        self._accounts = Accounts(runner, core)
        self._heads = Heads()
        self._leading: dict[tuple[Endpoint, str], bool] = {}
        """Which bearers lead to whom, as found in one look."""
        self._passed_over_s = IDLE_WAIT_S
        """After how long what was passed over at the last look may be for this link."""

    async def run(self) -> None:
        """Serve until cancelled."""
        core = self._core
        core.progress.expect(self._part, within_s=4 * IDLE_WAIT_S)
        await self._write_down(self._accounts.load)
        while True:
            core.progress.beat(self._part)
            try:
                wait_s = await self._step()
            except StoreError as error:  # told loudly by the housekeeping; nothing was sent that is not on disk
                log.info("link waits for the store", link=self._runner.name, why=str(error))
                wait_s = LOOK_AGAIN_S
            if wait_s > 0:
                core.progress.expect(self._part, within_s=wait_s + 4 * IDLE_WAIT_S)
                await self._runner.bell.wait(wait_s)
                core.progress.expect(self._part, within_s=4 * IDLE_WAIT_S)

    async def _step(self) -> float:
        """Send one thing if it is time; return how long there is nothing to do, 0 to go on."""
        wait_s = self._until_slot_s()
        if wait_s > 0:
            return wait_s
        task, wait_s = await self._core.store.run(self._chooser())
        if task is None:
            return wait_s
        await self._send(task)
        return 0.0

    def _until_slot_s(self) -> float:
        """Return how long this link cannot take anything; 0 when it can now."""
        is_open = self._runner.last.state is LinkState.OPEN
        return min(REST_WAIT_S, self._runner.until_slot_s()) if is_open else REST_WAIT_S

    def _chooser(self) -> Callable[[Outbox], tuple[Task | None, float]]:
        """Look at all links here, on the loop, and return what chooses by that on the store's thread.

        It returns the task, or None and how long there will be nothing to do.
        """
        views = self._core.views()

        def choose(outbox: Outbox) -> tuple[Task | None, float]:
            task = self._choose(outbox, views)
            return task, 0.0 if task is not None else self._until_due_s(outbox)

        return choose

    def _until_due_s(self, outbox: Outbox) -> float:
        """Return the wait until a bundle or receipt that this link could carry is due, or passed over no more; bounded."""
        bearer = self._runner.bearer
        waiting = [(lane, one) for lane, one in outbox.open_lanes() if is_in_lane(bearer, lane)]
        times = [outbox.next_due_s(lane, one) for lane, one in waiting]
        times.append(outbox.owed_due_s(self._runner.name))
        if self._air is not None:
            times.append(self._air.next_due_s(outbox))
        due_s = min((time_s for time_s in times if time_s is not None), default=None)
        if due_s is None:
            return REST_WAIT_S
        now_s = self._core.now_s()
        if due_s > now_s:
            return min(REST_WAIT_S, due_s - now_s)
        # What is due already waits for another link or a better time, and is looked at again soon, not at once; what will
        # be due before that is not.
        later = [outbox.next_due_s(lane, one, now_s) for lane, one in waiting]
        next_s = min((time_s for time_s in later if time_s is not None), default=math.inf)
        return min(IDLE_WAIT_S, self._passed_over_s, next_s - now_s)

    def _choose(self, outbox: Outbox, views: list[LinkView]) -> Task | None:
        """Pick the next thing for this link, most urgent first; orders before receipts for FLASH and IMMEDIATE, oldest first below."""
        now_s = self._core.now_s()
        self._passed_over_s = IDLE_WAIT_S
        self._leading.clear()
        self._heads.begin(views)
        owed = outbox.owed_next(self._runner.name, now_s, limit=1)
        receipt = owed[0] if owed else None
        for precedence in Precedence:
            bundle_task = self._choose_bundle(outbox, views, precedence, now_s)
            receipt_here = receipt is not None and receipt.precedence == precedence
            if bundle_task is not None and receipt_here and precedence > Precedence.IMMEDIATE:
                assert receipt is not None
                if receipt.created_s < bundle_task.bundle.accepted_s:
                    bundle_task = None
            if bundle_task is not None:
                return bundle_task
            if receipt_here and receipt is not None:
                task = self._receipt_task(outbox, receipt)
                if task is not None:
                    return task
                outbox.owed_settle(receipt.peer, (), now_s, sent=False)  # it must not stand before everybody else's
            frame = self._connection_frame(outbox, precedence, now_s)
            if frame is not None:
                return frame
        return None

    def _connection_frame(self, outbox: Outbox, after: Precedence, now_s: float) -> FrameTask | None:
        """Return what serves a connection between gateways: hellos behind FLASH, keys and notices behind IMMEDIATE."""
        if self._air is None:
            return None
        if after is Precedence.FLASH:
            return self._air.control(outbox, now_s)
        return self._air.keys(outbox, now_s) if after is Precedence.IMMEDIATE else None

    def _choose_bundle(
        self, outbox: Outbox, views: list[LinkView], precedence: Precedence, now_s: float
    ) -> BundleTask | None:
        core = self._core
        bearer = self._runner.link.info.bearer
        lanes = [lane for lane, one in outbox.open_lanes() if one is precedence and is_in_lane(bearer, lane)]
        for lane in lanes:
            for bundle in self._heads.of(outbox, lane, precedence, now_s):
                decision = self._plan(outbox, bundle, views, now_s)
                takes = decision.takes(self._runner.name) or self._helps(outbox, bundle, views, decision, now_s)
                if not takes or bundle.expires_s <= now_s:
                    self._note_wait(decision, now_s)
                    continue  # what has outlived its lifetime is closed by the housekeeping soon, and not sent meanwhile
                hop = Hop(bundle.destination) if self._air is None else self._air.to.hop(outbox, bundle, now_s)
                if hop is None:
                    continue
                peer = peer_on(hop.destination, bearer, outbox.station, bundle.attempts)
                if peer is None:
                    _set_aside(outbox, bundle, hop.destination, now_s)
                    continue
                outgoing = Outgoing(
                    peer=peer,
                    payload=NOTHING_YET if hop.peer else _payload_of(bundle, core.settings.gateway.language),
                    urgent=precedence is Precedence.FLASH,
                    label=bundle.id,
                )
                return BundleTask(bundle, outgoing, decision.reason, hop.peer, self._takes(outbox, views))
            self._passed_over_s = min(self._passed_over_s, self._heads.nothing(lane, precedence, now_s) - now_s)
        return None

    def _helps(self, outbox: Outbox, bundle: Bundle, views: list[LinkView], decision: Decision, now_s: float) -> bool:
        """Tell whether this link may take the next piece of a bundle that goes in pieces over the chosen links."""
        core = self._core
        if self._air is None or not bundle.attempts or not decision.links or not self._air.is_in_parts(outbox, bundle):
            return False
        name, size, source = self._runner.name, rough_bytes(bundle), core.sources.of(str(bundle.draft.source))
        return may_help(
            name, bundle, views, core.peer_policy, now_s, chosen=decision.links, size_bytes=size, source=source
        )

    def _takes(self, outbox: Outbox, views: list[LinkView]) -> Callable[[Bundle], bool]:
        """Return what tells whether this link should carry another bundle too, in the same record."""
        name, now_s = self._runner.name, self._core.now_s()
        return lambda one: name in self._plan(outbox, one, views, now_s).links

    def _plan(self, outbox: Outbox, bundle: Bundle, views: list[LinkView], now_s: float) -> Decision:
        """Ask the router; what goes to a person is one text, what goes to a gateway has about a size."""
        views = self._that_lead(outbox, bundle, views, now_s)
        core = self._core
        to_gateway = core.air is not None and core.air.peers.is_gateway(bundle.destination)
        policy, size = (core.peer_policy, rough_bytes(bundle)) if to_gateway else (core.policy, None)
        source = core.sources.of(str(bundle.draft.source))
        return core.standings.plan(bundle, views, policy, now_s, size, source=source)

    def _that_lead(self, outbox: Outbox, bundle: Bundle, views: list[LinkView], now_s: float) -> list[LinkView]:
        """Return the links that get a bundle further as things are now; all of them when none does, to be set aside."""
        air = self._core.air

        def leads_there(bearer: str) -> bool:
            if air is not None and not is_carried(bundle):
                known = self._leading.get((bundle.destination, bearer))
                if known is None:
                    known = self._leading[bundle.destination, bearer] = leads(air, outbox, bundle, bearer, now_s)
                return known
            if air is not None:
                return leads(air, outbox, bundle, bearer, now_s)
            return peer_on(bundle.destination, bearer, outbox.station, 0) is not None

        bearers = {bearer for bearer in bundle.lane.split("+") if leads_there(bearer)}
        return [view for view in views if view.bearer in bearers] if bearers else views

    def _note_wait(self, decision: Decision, now_s: float) -> None:
        """Remember when what is passed over now may be for this link: soon where another has it, else when time says."""
        wait_s = LOOK_AGAIN_S if decision.links else max(LOOK_AGAIN_S, decision.until_s - now_s)
        self._passed_over_s = min(self._passed_over_s, wait_s)

    def _receipt_task(self, outbox: Outbox, owed: Owed) -> ReceiptTask | FrameTask | None:
        """Compose the receipt to fit this card; what does not fit stays owed."""
        if self._air is not None:
            frame = self._air.receipt(outbox, owed, self._core.now_s())
            if frame is not None or way_peer(owed.peer) is not None:
                return frame
        link = self._runner.link
        bits_max = self._runner.last.text_bits_max
        if bits_max is None:
            return None

        def bits_of(text: str) -> int:
            return link.bits_of(Payload.of_text(text)) or 0

        text, numbers = receipt_text(
            owed.entries, bits_of=bits_of, bits_max=bits_max, language=self._core.settings.gateway.language
        )
        if not numbers:
            return None
        outgoing = Outgoing(
            owed.peer, Payload.of_text(text), urgent=owed.precedence is Precedence.FLASH, label="receipt"
        )
        return ReceiptTask(owed, numbers, outgoing)

    async def _send(self, task: Task) -> None:
        match task:
            case BundleTask():
                await self._send_bundle(task)
            case ReceiptTask():
                await self._send_receipt(task)
            case FrameTask():
                await self._send_frame(task)

    async def _send_bundle(self, task: BundleTask) -> None:
        core, name = self._core, self._runner.name
        begun = await core.store.run(lambda outbox: self._begin(outbox, task))
        if isinstance(begun, FrameTask):
            await self._send_frame(begun)
        if not isinstance(begun, Begun):
            return  # closed, taken by another link between choosing and beginning, or waiting for a report
        result = await self._transmit(begun.outgoing)
        now_s = core.now_s()
        if task.to_gateway is not None and not begun.in_part and result.outcome in LEFT:
            patience = core.peer_policy.patience[task.bundle.precedence]
            core.tries.left(task.bundle.seq, self._runner, now_s, patience.unacknowledged_s * begun.times)
        if result.outcome in LEFT:
            spend = self._runner.terms.tariff.spend(1, self._accounts.bytes_of(begun.outgoing.payload))
            core.sources.spend(str(task.bundle.draft.source), spend, now_s)
        views = core.views()

        def finish(outbox: Outbox) -> None:
            self._leading.clear()
            if begun.settle is not None:
                begun.settle(outbox, result.outcome is not SendOutcome.DEFERRED)
            for bundle, attempt in ((task.bundle, begun.attempt), *begun.others):
                # Judged by the bundle as it is now: a second link may have had it meanwhile (FLASH goes over two at once).
                now = outbox.numbered(bundle.seq) or bundle
                before = replace(bundle, tried=now.tried, attempts=max(0, now.attempts - 1))
                policy = core.policy if task.to_gateway is None else core.peer_policy
                leading = self._that_lead(outbox, bundle, views, now_s)
                after = after_try(before, name, result, links=leading, policy=policy, now_s=now_s)
                due_s = after.due_s
                if self._air is not None:
                    due_s = self._air.due_after(outbox, task, bundle.seq, result.outcome, due_s=due_s, now_s=now_s)
                outbox.finish(
                    attempt,
                    result.outcome,
                    result.detail,
                    now_s,
                    state=after.state,
                    due_s=due_s,
                    in_part=begun.in_part,
                )

        await self._write_down(finish)
        log.info(
            "transmission",
            bundle=task.bundle.id,
            link=name,
            outcome=str(result.outcome),
            detail=result.detail,
            why=task.why,
        )
        core.wake_all()

    def _begin(self, outbox: Outbox, task: BundleTask) -> Begun | FrameTask | None:
        """Begin a try unless another link was quicker; a record is made in the same transaction."""
        now_s = self._core.now_s()
        if not _is_free(outbox, task.bundle, now_s):
            return None
        if task.to_gateway is not None and self._air is not None:
            return self._air.begin(outbox, task, now_s)
        attempt = outbox.begin(task.bundle.seq, self._runner.name, now_s)
        return None if attempt is None else Begun(attempt, task.outgoing)

    async def _send_frame(self, task: FrameTask) -> None:
        result = await self._transmit(task.outgoing)
        left = result.outcome is not SendOutcome.DEFERRED
        await self._write_down(lambda outbox: task.settle(outbox, left))
        log.info(task.what, peer=task.outgoing.peer, link=self._runner.name, outcome=str(result.outcome))

    async def _send_receipt(self, task: ReceiptTask) -> None:
        core = self._core
        result = await self._transmit(task.outgoing)
        now_s = core.now_s()
        # UNKNOWN counts as sent: a receipt is worth repeating only when the person asks again, which owes it again.
        # REFUSED is settled too: the device would refuse it every quarter of a minute for a day.
        sent = result.outcome is not SendOutcome.DEFERRED
        told = [entry for entry in task.owed.entries if entry.seq in task.numbers]
        if result.outcome is SendOutcome.REFUSED:
            core.count("receipt refused by the device")
        await self._write_down(lambda outbox: outbox.owed_settle_told(task.owed.peer, told, now_s, sent=sent))
        log.info(
            "receipt", peer=task.owed.peer, numbers=task.numbers, link=self._runner.name, outcome=str(result.outcome)
        )

    async def _write_down(self, function: Callable[[Outbox], None]) -> None:
        """Write down what has happened on the air, when the disk takes it: until then the bundle is in nobody's hands."""
        while True:
            try:
                await self._core.store.run(lambda outbox: self._with_accounts(outbox, function))
            except StoreError as error:
                log.info("outcome waits for the store", link=self._runner.name, why=str(error))
            else:
                return
            self._core.progress.beat(self._part)
            await asyncio.sleep(LOOK_AGAIN_S)

    def _with_accounts(self, outbox: Outbox, function: Callable[[Outbox], None]) -> None:
        function(outbox)
        self._accounts.keep(outbox)

    async def _transmit(self, outgoing: Outgoing) -> SendResult:
        """Make one try; the result's time is translated to the timeline."""
        core, runner = self._core, self._runner
        result = await runner.link.send(outgoing)
        runner.health = runner.health.after_outcome(result.outcome, core.now_s())
        runner.estimate = runner.estimate.after_outcome(result.outcome, core.now_s())
        if result.outcome in (SendOutcome.ACCEPTED, SendOutcome.RELAYED):
            runner.sent_count += 1
        if result.outcome in LEFT:
            self._accounts.spend(outgoing.payload)
        self._hold(result)
        if result.not_before_s is None:
            return result
        return SendResult(result.outcome, result.detail, self._to_timeline(result.not_before_s))

    def _hold(self, result: SendResult) -> None:
        """Leave the device alone after a no: the next bundle of the queue would get the same one."""
        now_s = asyncio.get_running_loop().time()
        if result.outcome is SendOutcome.DEFERRED:
            self._runner.held_until_s = now_s + deferred_wait_s(result, now_s)
        elif result.outcome is SendOutcome.REFUSED:
            self._runner.held_until_s = now_s + REFUSED_PAUSE_S

    def _to_timeline(self, loop_s: float) -> float:
        return self._core.now_s() + max(0.0, loop_s - asyncio.get_running_loop().time())


def _is_free(outbox: Outbox, bundle: Bundle, now_s: float) -> bool:
    """Tell whether nobody was quicker; only FLASH is in two hands at once."""
    now = outbox.numbered(bundle.seq)
    return now is not None and (
        now.precedence is Precedence.FLASH or (now.state is not BundleState.HANDED and now.due_s <= now_s)
    )


def _set_aside(outbox: Outbox, bundle: Bundle, destination: Endpoint, now_s: float) -> None:
    """Let a bundle wait whose destination has lost its address on every bearer, so that it does not stand before others."""
    bearers = bundle.lane.split("+")
    if all(peer_on(destination, bearer, outbox.station, bundle.attempts) is None for bearer in bearers):
        outbox.postpone(bundle.seq, now_s + REFUSED_RECHECK_S, f"{destination} has no address; add a card")


def rough_bytes(bundle: Bundle) -> int:
    """Return about how long a bundle is as a record, without making it: to weigh links, not to fill frames."""
    message = bundle.draft.message
    return FIELDS_BYTES + math.ceil(CHAR_BYTES * len(message.text)) + len(message.data_hex) // 2


def _payload_of(bundle: Bundle, language: str) -> Payload:
    """Return what goes over the air: an order with its number, other text as it is, bytes as they are."""
    message = bundle.draft.message
    if message.kind is MessageKind.OPAQUE:
        return Payload.of_bytes(bytes.fromhex(message.data_hex))
    return Payload.of_text(order_text(bundle.seq, message.text, kind=str(message.kind), language=language))
