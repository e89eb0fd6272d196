"""What the control socket can ask for. Plain JSON values in and out; every fault is an OperationError with advice."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
from typing import TYPE_CHECKING, Any

from gateway.air.sessions import NoKey
from gateway.daemon.dryrun import rehearse
from gateway.daemon.orders import Order, OrderRefused
from gateway.daemon.registering import Registering
from gateway.daemon.reports import report_draft, take_report
from gateway.daemon.requests import OperationError, text_of
from gateway.daemon.version import VERSION
from gateway.daemon.wayout import ways_out
from gateway.model import (
    BUS_LANE,
    BundleState,
    Direction,
    Endpoint,
    EndpointKind,
    MessageKind,
    ModelError,
    Precedence,
)
from gateway.router.plan import plan
from gateway.security.errors import SecurityError
from gateway.store.errors import StoreError, StoreFull

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gateway.daemon.airside import AirSide
    from gateway.daemon.busside import BusSide
    from gateway.daemon.core import Core
    from gateway.daemon.orders import Orders
    from gateway.daemon.supervisor import LinkRunner
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox

WAIT_S_MAX = 86_400.0
SIZE_BYTES_MAX = 1_000_000
"""Largest size that a way is asked for; nothing that is carried comes near it."""

REACHED: Mapping[str, frozenset[BundleState]] = {
    "sent": frozenset({BundleState.SENT, BundleState.RELAYED, BundleState.DELIVERED, BundleState.ANSWERED}),
    "delivered": frozenset({BundleState.DELIVERED, BundleState.ANSWERED}),
    "answered": frozenset({BundleState.ANSWERED}),
}
"""States that end a wait for a level."""


class Operations:
    """Answers requests of the command line."""

    def __init__(self, core: Core, orders: Orders, bus: BusSide | None) -> None:
        self._core = core
        self._orders = orders
        self._bus = bus
        self._registering = Registering(core)
        self._started_s = core.now_s()
        self.broker_pid: Callable[[], int | None] = lambda: None
        """Tells the process of the embedded broker, where there is one."""
        self._handlers: dict[str, Callable[[Mapping[str, Any]], Awaitable[Any]]] = {
            "status": self._status,
            "send": self._send,
            "wait": self._wait,
            "explain": self._explain,
            "route": self._route,
            "station_add": self._registering.add,
            "station_import": self._registering.import_part,
            "station_list": self._registering.list_all,
            "key_rotate": self._key_rotate,
            "key_revoke": self._key_revoke,
            "key_group": self._key_group,
            "key_reload": self._key_reload,
        }

    async def do(self, request: Mapping[str, Any]) -> Any:
        """Carry out ``{"op": …}``; raise OperationError."""
        handler = self._handlers.get(str(request.get("op", "")))
        if handler is None:
            raise OperationError(
                "unknown operation", f"op: found {request.get('op')!r}, known are {', '.join(self._handlers)}"
            )
        try:
            return await handler(request)
        except (ModelError, OrderRefused, SecurityError) as error:
            raise OperationError("refused", str(error)) from error
        except StoreFull as error:
            raise OperationError("store full", str(error)) from error
        except StoreError as error:
            raise OperationError("store failed", str(error)) from error

    # --- status ------------------------------------------------------------------------------------------------

    async def _status(self, request: Mapping[str, Any]) -> dict[str, Any]:
        del request
        core = self._core
        now_s = core.now_s()
        balance = core.store.balance.total
        queue = await core.store.run(lambda outbox: _queue(outbox, now_s))
        air = None if core.air is None else await core.store.run(core.air.status)
        return {
            "gateway": core.settings.gateway.id,
            "region": core.settings.gateway.region,
            "version": VERSION,
            "up_s": round(now_s - self._started_s, 1),
            "clock": {"wall_s": round(core.clock.wall_s(), 3), "trusted": core.clock.trusted()},
            "bus": self._bus_status(now_s),
            "links": [self._link_status(runner, now_s) for _, runner in sorted(core.links.items())],
            "queue": queue,
            "air": air,
            "balance": balance.to_json(),
            "counters": dict(sorted(core.counters.items())),
            "store": {"sqlite": sqlite3.sqlite_version, "commits": core.store.commits, **queue.pop("store")},
        }

    def _bus_status(self, now_s: float) -> dict[str, Any] | None:
        if self._bus is None:
            return None
        status = {
            "connected": self._bus.is_connected,
            "state": self._bus.state,
            "for_s": round(now_s - self._bus.since_s, 1),
        }
        pid = self.broker_pid()
        return status if pid is None else status | {"broker_pid": pid}

    def _link_status(self, runner: LinkRunner, now_s: float) -> dict[str, Any]:
        last = runner.last
        slot_s = max(0.0, last.not_before_s - asyncio.get_running_loop().time())
        health = runner.health
        return {
            "name": runner.name,
            "bearer": runner.link.info.bearer,
            "where": runner.link.info.where,
            "state": str(last.state),
            "detail": last.detail,
            "for_s": round(now_s - runner.since_s, 1),
            "next_slot_s": round(slot_s, 1),
            "identity": dict(last.identity),
            "signals": [{"name": s.name, "level": s.level, "measure": s.measure} for s in last.signals],
            "text_bits_max": last.text_bits_max,
            "last_heard_s": None if health.heard_s == float("-inf") else round(now_s - health.heard_s, 1),
            "unanswered_s": None
            if health.unanswered_since_s == float("inf")
            else round(now_s - health.unanswered_since_s, 1),
            "heard": runner.heard_count,
            "sent": runner.sent_count,
            "losses": runner.losses,
            "counters": dict(last.counters),
        }

    # --- sending -----------------------------------------------------------------------------------------------

    async def _send(self, request: Mapping[str, Any]) -> dict[str, Any]:
        destination = Endpoint.parse(text_of(request, "to"))
        kind_text = text_of(request, "kind", "command")
        if kind_text not in ("command", "alert", "ack", "chat"):
            raise OperationError("refused", f"kind: found {kind_text!r}, use command, alert, ack or chat")
        precedence_text = request.get("precedence")
        order = Order(
            source=Endpoint(EndpointKind.STATION, self._core.settings.gateway.id),
            destination=destination,
            text=text_of(request, "text"),
            kind=MessageKind(kind_text),
            precedence=None if precedence_text is None else Precedence.parse(str(precedence_text)),
            lifetime_s=None if request.get("lifetime_s") is None else _seconds(request, "lifetime_s", 0.0),
            external_id=text_of(request, "id", ""),
            via="cli",
        )
        to_centre = destination.kind is EndpointKind.BUS
        if request.get("dry_run"):
            return await self._rehearse(order, to_centre=to_centre)
        taken = await (take_report(self._core, order) if to_centre else self._orders.take(order))
        return {"duplicate": taken.is_duplicate, "bundles": [bundle_json(bundle) for bundle in taken.bundles]}

    async def _rehearse(self, order: Order, *, to_centre: bool) -> dict[str, Any]:
        core = self._core
        slots_s = {name: runner.until_slot_s() for name, runner in core.links.items()}

        def look(outbox: Outbox) -> list[dict[str, Any]]:
            if to_centre:
                draft, members = report_draft(core, order), [(order.destination, core.report_lane(outbox))]
            else:
                draft, members = self._orders.plan(outbox, order)
            return rehearse(core, outbox, draft, members, slots_s)

        return {"dry_run": await core.store.run(look)}

    async def _route(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return which link something would take now, and why."""
        core = self._core
        size = request.get("size_bytes")
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= SIZE_BYTES_MAX):
            raise OperationError("refused", f"size_bytes: found {size!r}, use a number from 1 to {SIZE_BYTES_MAX}")
        order = self._imagined_order(request)
        views = core.views()

        def look(outbox: Outbox) -> dict[str, Any]:
            if order.destination.kind is EndpointKind.BUS:
                draft, members = report_draft(core, order), [(order.destination, core.report_lane(outbox))]
            else:
                draft, members = self._orders.plan(outbox, order)
            ways = ways_out(core, draft, members, views, size)
            return {"kind": str(order.kind), "precedence": draft.precedence.name, "size_bytes": size, "ways": ways}

        return await core.store.run(look)

    def _imagined_order(self, request: Mapping[str, Any]) -> Order:
        kind_text = text_of(request, "kind", "command")
        if kind_text not in tuple(MessageKind):
            raise OperationError("refused", f"kind: found {kind_text!r}, use one of {', '.join(MessageKind)}")
        precedence_text = request.get("precedence")
        return Order(
            source=Endpoint(EndpointKind.STATION, self._core.settings.gateway.id),
            destination=Endpoint.parse(text_of(request, "to")),
            text="?",
            kind=MessageKind(kind_text),
            precedence=None if precedence_text is None else Precedence.parse(str(precedence_text)),
        )

    # --- keys ---------------------------------------------------------------------------------------------------

    def _air(self) -> AirSide:
        if self._core.air is None:
            raise OperationError("no air", "air: no [air] is configured here, so this gateway has no keys in use")
        return self._core.air

    async def _key_rotate(self, request: Mapping[str, Any]) -> dict[str, Any]:
        air, peer = self._air(), _address(request)
        try:
            done = await self._core.store.run(lambda outbox: air.key_changes.rotate(outbox, peer))
        except NoKey as error:
            raise OperationError("no key", str(error)) from error
        self._core.wake_links()
        return {"id": peer, "done": done}

    async def _key_revoke(self, request: Mapping[str, Any]) -> dict[str, Any]:
        air, peer = self._air(), _address(request)
        told = await self._core.store.run(lambda outbox: air.key_changes.revoke(outbox, peer, self._core.now_s()))
        self._core.wake_links()
        return {"id": peer, "told": told}

    async def _key_group(self, request: Mapping[str, Any]) -> dict[str, Any]:
        del request
        air = self._air()
        told = await self._core.store.run(lambda outbox: air.key_changes.new_group_key(outbox, self._core.now_s()))
        self._core.wake_links()
        return {"told": told}

    async def _key_reload(self, request: Mapping[str, Any]) -> dict[str, Any]:
        del request
        air = self._air()
        await self._core.store.run(lambda _: air.key_changes.reload())
        self._core.wake_links()
        return {"faults": list(air.keys.faults)}

    async def _wait(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return when the bundle has reached ``level`` or is closed, or after ``timeout_s``."""
        level = text_of(request, "level", "delivered")
        if level not in REACHED:
            raise OperationError("refused", f"level: found {level!r}, use {', '.join(REACHED)}")
        reference = text_of(request, "id")
        timeout_s = min(_seconds(request, "timeout_s", WAIT_S_MAX), WAIT_S_MAX)
        bundle = await self._found(reference)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while True:
                    changed = self._core.changes.next()
                    bundle = await self._found(reference)
                    if bundle.state in REACHED[level] or _is_final(bundle.state, level):
                        break
                    await changed.wait()
        return {"reached": bundle.state in REACHED[level], "bundle": bundle_json(bundle)}

    async def _found(self, reference: str) -> Bundle:
        bundle = await self._core.store.run(lambda outbox: outbox.find(reference))
        if bundle is None:
            raise OperationError(
                "not found", f"id: found {reference!r}, no bundle has this id or number; it may be forgotten already"
            )
        return bundle

    async def _explain(self, request: Mapping[str, Any]) -> dict[str, Any]:
        reference = text_of(request, "id")
        bundle = await self._found(reference)
        history = await self._core.store.run(lambda outbox: outbox.history(bundle.seq))
        now_s = self._core.now_s()
        return {
            "bundle": bundle_json(bundle),
            "now_s": now_s,
            "wall_s": self._core.clock.wall_s(),
            "waits": self._why_waiting(bundle, now_s),
            "history": [event.to_json() for event in history],
        }

    def _why_waiting(self, bundle: Bundle, now_s: float) -> str:
        """Tell in words what has to happen next."""
        if not bundle.state.is_open:
            return "closed: nothing more happens"
        if bundle.draft.direction is Direction.UP:
            return self._why_waiting_up(bundle)
        return self._why_waiting_down(bundle, now_s)

    def _why_waiting_down(self, bundle: Bundle, now_s: float) -> str:
        if bundle.state is BundleState.HANDED:
            return "is in a device's hands; its answer comes within seconds"
        if bundle.due_s == float("inf"):
            return "sent as often as the policy allows; waits for an answer or the end of its lifetime"
        if bundle.due_s > now_s:
            return f"next try in {bundle.due_s - now_s:.0f} s"
        decision = plan(bundle, self._core.views(), self._core.policy, now_s)
        if not decision.links:
            return f"waits: {decision.reason}"
        slots = [
            f"{name} in {max(0.0, self._core.links[name].view().not_before_s - now_s):.0f} s" for name in decision.links
        ]
        return f"goes by {', '.join(slots)} ({decision.reason})"

    def _why_waiting_up(self, bundle: Bundle) -> str:
        if bundle.lane != BUS_LANE:
            above = self._core.air.upstream if self._core.air is not None else None
            if bundle.state is BundleState.RELAYED:
                return f"gateway {above} has it; waits for the centre's receipt or the end of its lifetime"
            return self._why_waiting_down(bundle, self._core.now_s())
        if bundle.state is BundleState.SENT:
            return "the broker has it; waits for a consumer's receipt or the end of its retention"
        if bundle.state is BundleState.REFUSED:
            return "a consumer does not want it; waits for another consumer's receipt or the end of its retention"
        if self._bus is None:
            return "waits for a bus; none is configured"
        return "is about to be published" if self._bus.is_connected else f"waits for the bus: {self._bus.state}"


def _address(request: Mapping[str, Any]) -> int:
    address = request.get("id")
    if not isinstance(address, int) or isinstance(address, bool):
        raise OperationError("refused", f"id: found {address!r}, give the air address as a number")
    return address


def _is_final(state: BundleState, level: str) -> bool:
    """Tell whether nothing better can come: after a delivery an answer still may."""
    return not state.is_open and not (level == "answered" and state is BundleState.DELIVERED)


def _seconds(request: Mapping[str, Any], key: str, default: float) -> float:
    value = request.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise OperationError("refused", f"{key}: found {value!r}, write seconds as a number")
    return value


def _queue(outbox: Outbox, now_s: float) -> dict[str, Any]:
    """Return what waits, by precedence and direction."""
    counts = outbox.open_counts()
    rows = {}
    for precedence in Precedence:
        up = sum(n for (lane, _, p), n in counts.items() if p is precedence and lane == BUS_LANE)
        total = sum(n for (_, _, p), n in counts.items() if p is precedence)
        oldest_s = outbox.oldest_open_s(precedence)
        rows[precedence.name] = {
            "colour": precedence.colour,
            "up": up,
            "down": total - up,
            "oldest_s": None if oldest_s is None else round(now_s - oldest_s, 1),
        }
    states = {
        str(state): sum(n for (_, s, _), n in counts.items() if s is state) for state in BundleState if state.is_open
    }
    sos = outbox.oldest_unreceipted_sos()
    return {
        "precedence": rows,
        "states": states,
        "receipts_owed": outbox.owed_counts(),
        "oldest_unreceipted_sos_s": None if sos is None else round(now_s - sos.accepted_s, 1),
        "store": {"rows": outbox.rows(), "noted": outbox.noted()},
    }


def bundle_json(bundle: Bundle) -> dict[str, Any]:
    """Return a bundle as the command line shows it."""
    draft = bundle.draft
    return {
        "id": bundle.id,
        "number": bundle.seq,
        "direction": str(draft.direction),
        "kind": str(draft.message.kind),
        "precedence": draft.precedence.name,
        "colour": draft.precedence.colour,
        "source": str(draft.source),
        "destination": str(draft.destination),
        "text": draft.message.text,
        "state": str(bundle.state),
        "reason": bundle.reason,
        "attempts": bundle.attempts,
        "tried": list(bundle.tried),
        "heard_on": draft.heard_on,
        "reply_to": draft.reply_to,
        "parent": draft.parent,
        "accepted_s": bundle.accepted_s,
        "expires_s": bundle.expires_s,
        "created_wall_s": draft.created_wall_s,
        "clock_trusted": draft.clock_trusted,
    }
