"""Links with one defect each, and the checks of the link kit that must catch it; PLANTED lists the pairs."""

import asyncio
from dataclasses import replace

import pytest

from drivers.virtual.driver import VirtualLink
from gateway.link import (
    BROADCAST_PEER,
    Addressed,
    LinkLost,
    LinkReport,
    LinkState,
    Outgoing,
    Payload,
    SendOutcome,
    SendResult,
)
from tests.contract import check_link as kit
from tests.drivers.virtual.rig import OrdinaryRig, VirtualRig

PLANTED = []


def caught_by(*checks, rig=VirtualRig):
    """Register a defective link with the checks that must catch it."""

    def register(link_class):
        broken_rig = type(link_class.__name__ + "Rig", (rig,), {"link_class": link_class})
        PLANTED.extend(
            pytest.param(check, broken_rig, id=f"{check.__name__}-{link_class.__name__}") for check in checks
        )
        return link_class

    return register


class SinkProxy:
    """Stands between a defective link and its sink."""

    def __init__(self, sink):
        self.sink = sink

    async def heard(self, heard):
        await self.sink.heard(heard)

    def report(self, report):
        self.sink.report(report)


def through(proxy_class, *checks, rig=VirtualRig):
    """Register a link whose reports and payloads pass through ``proxy_class``."""

    def run(self, sink):
        return VirtualLink.run(self, proxy_class(sink))

    link_class = type(proxy_class.__name__, (VirtualLink,), {"run": run})
    caught_by(*checks, rig=rig)(link_class)
    return proxy_class


# -- opening and reporting


@caught_by(kit.constructor_opens_nothing)
class OpensInConstructor(VirtualLink):
    def __init__(self, settings, context, device):
        super().__init__(settings, context, device)
        device.open()


def saying(check):
    def register(proxy_class):
        return through(proxy_class, check)

    return register


@saying(kit.reports_opening_then_open)
class NeverSaysOpening(SinkProxy):
    def report(self, report):
        if report.state is not LinkState.OPENING:
            self.sink.report(report)


@saying(kit.reports_opening_then_open)
class HasNoIdentity(SinkProxy):
    def report(self, report):
        self.sink.report(replace(report, identity={}))


@saying(kit.reports_opening_then_open)
class DecidesForTheSupervisor(SinkProxy):
    def report(self, report):
        self.sink.report(report)
        self.sink.report(LinkReport(LinkState.AVAILABLE))
        self.sink.report(report)


# -- hearing


@saying(kit.hears_each_once_in_order)
class HearsTwice(SinkProxy):
    async def heard(self, heard):
        await self.sink.heard(heard)
        await self.sink.heard(heard)


@saying(kit.hears_each_once_in_order)
class SwapsPairs(SinkProxy):
    kept = None

    async def heard(self, heard):
        if self.kept is None:
            self.kept = heard
            return
        await self.sink.heard(heard)
        await self.sink.heard(self.kept)
        self.kept = None


@saying(kit.hears_a_burst_whole)
class LosesWhatComesAtOnce(SinkProxy):
    last_s = -1.0

    async def heard(self, heard):
        now_s = asyncio.get_running_loop().time()
        if now_s > self.last_s:
            await self.sink.heard(heard)
        self.last_s = now_s


@saying(kit.carries_chinese_both_ways)
class HearsAsciiOnly(SinkProxy):
    async def heard(self, heard):
        text = heard.payload.text.encode("ascii", "replace").decode()
        await self.sink.heard(replace(heard, payload=Payload.of_text(text)))


@saying(kit.garbage_loses_no_good_frame)
class LosesOneInFive(SinkProxy):
    count = 0

    async def heard(self, heard):
        self.count += 1
        if self.count % 5:
            await self.sink.heard(heard)


@saying(kit.slow_sink_loses_nothing)
class KeepsThree(SinkProxy):
    def __init__(self, sink):
        super().__init__(sink)
        self.waiting = 0

    async def heard(self, heard):
        if self.waiting < 3:
            self.waiting += 1
            asyncio.get_running_loop().create_task(self.later(heard))

    async def later(self, heard):
        await self.sink.heard(heard)
        self.waiting -= 1


@caught_by(kit.slow_sink_loses_nothing)
class HoldsSendsUp(VirtualLink):
    async def run(self, sink):
        self.busy = asyncio.Lock()
        link = self

        class Proxy(SinkProxy):
            async def heard(self, heard):
                async with link.busy:
                    await asyncio.sleep(600)
                    await self.sink.heard(heard)

        await super().run(Proxy(sink))

    async def send(self, outgoing):
        async with self.busy:
            return await super().send(outgoing)


class HearsAllAsMine(SinkProxy):
    async def heard(self, heard):
        await self.sink.heard(replace(heard, addressed=Addressed.ME))


through(HearsAllAsMine, kit.broadcast_is_told_apart, rig=OrdinaryRig)


# -- sending


def answering(*checks, rig=VirtualRig):
    """Register a link whose ``send`` is replaced by ``change(self, real send, outgoing)``."""

    def register(change):
        async def send(self, outgoing):
            async def real(other=outgoing):
                return await VirtualLink.send(self, other)

            return await change(self, real, outgoing)

        caught_by(*checks, rig=rig)(type(change.__name__, (VirtualLink,), {"send": send}))
        return change

    return register


@answering(kit.sends_and_says_so)
async def says_unknown(_link, real, _outgoing):
    return replace(await real(), outcome=SendOutcome.UNKNOWN)


@answering(kit.sends_and_says_so)
async def says_accepted_and_sends_nothing(link, real, outgoing):
    del link, real, outgoing
    return SendResult(SendOutcome.ACCEPTED, "really")


@answering(kit.sends_and_says_so)
async def gives_no_evidence(_link, real, _outgoing):
    return replace(await real(), detail="")


@answering(kit.sends_and_says_so)
async def sends_twice(link, real, outgoing):
    result = await real()
    if result.outcome is SendOutcome.ACCEPTED:
        await link._device.transmit(link._burst(outgoing))
    return result


@answering(kit.carries_chinese_both_ways)
async def sends_ascii_only(_link, real, outgoing):
    text = outgoing.payload.text.encode("ascii", "replace").decode()
    return await real(replace(outgoing, payload=Payload.of_text(text)))


@answering(kit.text_capacity_is_exact)
async def cuts_text(link, real, outgoing):
    while link.bits_of(outgoing.payload) > link._bits_max:
        outgoing = replace(outgoing, payload=Payload.of_text(outgoing.payload.text[:-1]))
    return await real(outgoing)


@answering(kit.text_capacity_is_exact)
async def refuses_one_bit_too_early(link, real, outgoing):
    if link.bits_of(outgoing.payload) > link._bits_max - 8:
        return SendResult(SendOutcome.REFUSED, "over capacity")
    return await real()


@answering(kit.data_capacity_is_exact)
async def cuts_data(link, real, outgoing):
    limit = link._bits_max // 8
    return await real(replace(outgoing, payload=Payload.of_bytes(outgoing.payload.data[:limit])))


@answering(kit.refuses_what_is_no_address)
async def calls_nonsense_deferred(_link, real, _outgoing):
    result = await real()
    return replace(result, outcome=SendOutcome.DEFERRED) if result.outcome is SendOutcome.REFUSED else result


@answering(kit.refuses_what_is_no_address)
async def spends_the_slot_on_nonsense(link, real, _outgoing):
    result = await real()
    link._slot_s = asyncio.get_running_loop().time() + 60
    return result


@answering(kit.defers_before_the_slot)
async def ignores_the_slot(link, real, _outgoing):
    link._slot_s = 0.0
    return await real()


@answering(kit.defers_before_the_slot)
async def does_not_say_when(_link, real, _outgoing):
    return replace(await real(), not_before_s=None)


@answering(kit.defers_while_closed)
async def raises_when_closed(link, real, outgoing):
    del outgoing
    if link._sink is None:
        raise LinkLost("closed")
    return await real()


@answering(kit.unplug_while_sending_is_unknown, kit.hang_while_sending_is_unknown, kit.run_ending_ends_a_send)
async def guesses_failure(_link, real, _outgoing):
    result = await real()
    return replace(result, outcome=SendOutcome.REFUSED) if result.outcome is SendOutcome.UNKNOWN else result


@answering(kit.hang_while_sending_is_unknown)
async def guesses_success(_link, real, _outgoing):
    await real()
    return SendResult(SendOutcome.ACCEPTED, "surely")


@answering(kit.run_ending_ends_a_send, kit.hang_while_sending_is_unknown)
async def waits_for_ever(link, real, outgoing):
    del link, outgoing
    result = await real()
    if result.outcome is SendOutcome.UNKNOWN:
        await asyncio.sleep(1e9)
    return result


@answering(kit.cancelled_send_leaves_the_device_usable)
async def is_stuck_after_a_cancel(link, real, outgoing):
    del outgoing
    if getattr(link, "stuck", False):
        return SendResult(SendOutcome.UNKNOWN, "still waiting for the first answer")
    link.stuck = True
    result = await real()
    link.stuck = False
    return result


@answering(kit.broadcast_is_told_apart, rig=OrdinaryRig)
async def broadcasts_without_leave(link, real, outgoing):
    if outgoing.peer == BROADCAST_PEER:
        return await real(Outgoing(str(link._settings.broadcast), outgoing.payload))
    return await real()


@answering(kit.no_signal_is_busy)
async def sends_into_the_dark(link, real, outgoing):
    del outgoing
    if not link._signals:
        return SendResult(SendOutcome.ACCEPTED, "sent, I think")
    return await real()


# -- living and dying


@caught_by(kit.slot_survives_restart)
class ForgetsTheSlot(VirtualLink):
    async def _recall_slot(self):
        pass


class _RaisesOtherwise(VirtualLink):
    async def run(self, sink):
        try:
            await super().run(sink)
        except Exception as error:
            raise OSError(19, "No such device") from error


caught_by(kit.missing_device_is_a_link_error, kit.unplug_is_link_lost, kit.unplug_while_sending_is_unknown)(
    _RaisesOtherwise
)


@caught_by(kit.unplug_is_link_lost)
class EndsWithoutAWord(VirtualLink):
    async def run(self, sink):
        try:
            await super().run(sink)
        except LinkLost:
            return


@caught_by(kit.unplug_is_link_lost)
class WorksOnlyOnce(VirtualLink):
    ran = False

    async def run(self, sink):
        if self.ran:
            await asyncio.sleep(1e9)
        self.ran = True
        await super().run(sink)


@caught_by(kit.hang_is_noticed)
class NeverLooks(VirtualLink):
    async def _watch(self):
        await asyncio.sleep(1e9)


@caught_by(kit.hang_is_recovered)
class DeafAfterAHang(VirtualLink):
    async def run(self, sink):
        if self._slot_s or getattr(self, "ran", False):
            sink = _Deaf(sink)
        self.ran = True
        await super().run(sink)


class _Deaf(SinkProxy):
    async def heard(self, heard):
        del heard


@saying(kit.no_signal_is_busy)
class AlwaysSaysOpen(SinkProxy):
    def report(self, report):
        self.sink.report(replace(report, state=LinkState.OPEN) if report.state is LinkState.BUSY else report)


@caught_by(kit.cancelled_run_leaves_nothing)
class LeavesATask(VirtualLink):
    async def run(self, sink):
        self.task = asyncio.create_task(asyncio.sleep(1e9))
        await super().run(sink)


@caught_by(kit.cancelled_run_leaves_nothing)
class LeavesAHandle(VirtualLink):
    async def run(self, sink):
        try:
            await super().run(sink)
        finally:
            self._device.handles += 1


@caught_by(kit.cancelled_run_leaves_nothing)
class SwallowsCancellation(VirtualLink):
    async def run(self, sink):
        try:
            await super().run(sink)
        except asyncio.CancelledError:
            return
