"""The conformance kit for links: every driver, ours or a stranger's, passes these checks.

A driver's test writes one :class:`Rig` (its device, the far side and the faults) and runs the kit::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_link(check):
        await check(MyRig)

or ``await check_link(MyRig)`` for all at once. Every check makes a fresh rig, runs on virtual time and fails with an
AssertionError that says what the contract (gateway/link.py) asks. tests/contract/test_check_link.py plants a defect for
each check and sees it caught.
"""

import abc
import asyncio
import contextlib
from collections import Counter

from gateway.link import (
    BROADCAST_PEER,
    Addressed,
    LinkError,
    LinkLost,
    LinkState,
    Outgoing,
    Payload,
    SendOutcome,
)
from tests.contract.fakes import FakeMemory, FakeSink

LEFT = {SendOutcome.ACCEPTED, SendOutcome.RELAYED}
TURNS = 5
"""Turns of the loop that cancelled tasks may take to end; a fixed few, so that nothing can wait on a timer."""
CHINESE = "被困三人，位置30.66°N，请速救援！OK"


class Rig(abc.ABC):
    """One device and its far side, made afresh for each check.

    Nothing is lost, doubled or reordered on the air unless a check asks for it, so that what a check misses, the link
    has lost.
    """

    peer: str
    """Link address of the far station, as the link writes it."""
    within_s: float = 60.0
    """Opening, one send and one arrival each surely end within this."""
    recover_s: float = 300.0
    """A hung device is noticed, and a returned one is open again, within this."""
    slot_s: float = 0.0
    """Seconds the bearer demands between two sends; 0 where there are no slots."""
    sends_broadcast: bool = False
    hears_broadcast: bool = False
    not_a_peer: str = "no such peer"
    """Something that is not an address of this bearer."""
    texts: bool = True
    data: bool = True

    @abc.abstractmethod
    def make_link(self, memory):
        """Return a new link on this rig's device; called a second time to act out a restart."""

    @abc.abstractmethod
    def far_send(self, payload, *, broadcast=False):
        """Let the far station send one payload to this link, or to all."""

    @abc.abstractmethod
    def aired(self):
        """Return the payloads that have left the device so far, in order."""

    @abc.abstractmethod
    def handles(self):
        """Return how many handles on the device are open now."""

    @abc.abstractmethod
    def unplug(self):
        """Take the device away."""

    @abc.abstractmethod
    def plug(self):
        """Bring it back, as after power-up."""

    @abc.abstractmethod
    def hang(self):
        """Let the device neither answer nor send anything, without any other sign."""

    @abc.abstractmethod
    def resume(self):
        """End the hang."""

    @abc.abstractmethod
    def garbage(self, count):
        """Put ``count`` bytes of noise on the line towards the link; nothing where there is no line."""

    @abc.abstractmethod
    def dark(self):
        """Take the signal away: the device works, the sky does not."""

    @abc.abstractmethod
    def light(self):
        """Give the signal back."""


class _Session:
    """A link being run; ``stop`` ends it and asks that nothing is left behind."""

    def __init__(self, rig, memory=None, pause_s=0.0):
        self.rig = rig
        self.memory = memory if memory is not None else FakeMemory()
        self.link = rig.make_link(self.memory)
        self.sink = FakeSink(pause_s)
        self.task = None

    def start(self):
        self._others = asyncio.all_tasks()
        self.task = asyncio.create_task(self.link.run(self.sink), name="link.run")

    async def opened(self, within_s=None):
        """Wait for OPEN, or fail with what run raised."""
        waiting = asyncio.create_task(
            self.sink.until(lambda: self.sink.state is LinkState.OPEN, within_s or self.rig.within_s, "OPEN")
        )
        await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            raise AssertionError(f"run ended before OPEN: {self.task.exception()!r}")
        await waiting

    async def heard(self, count, within_s=None):
        await self.sink.until(
            lambda: len(self.sink.heard_all) >= count, within_s or self.rig.within_s, f"{count} payloads heard"
        )

    async def stop(self):
        if not self.task.done():
            self.task.cancel()
        await asyncio.wait({self.task})
        await self.clean()

    async def clean(self):
        """Ask that an ended run left no handle open and no task running."""
        assert self.rig.handles() == 0, f"run ended and left {self.rig.handles()} handle(s) open"
        for _ in range(TURNS):
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - self._others - {self.task}
        assert not left, f"run ended and left tasks behind: {left}"

    async def ended(self, within_s, what):
        """Wait for run to end by itself; return its exception."""
        done, _ = await asyncio.wait({self.task}, timeout=within_s)
        assert done, f"{what}: run did not end within {within_s} s"
        assert not self.task.cancelled(), f"{what}: run cancelled itself"
        return self.task.exception()

    async def send(self, payload, peer=None, **kwargs):
        outgoing = Outgoing(peer or self.rig.peer, payload, **kwargs)
        try:
            async with asyncio.timeout(self.rig.recover_s):
                return await self.link.send(outgoing)
        except TimeoutError:
            raise AssertionError(f"send gave no result within {self.rig.recover_s} s") from None
        except Exception as error:
            raise AssertionError(f"send raised {error!r}; it answers with a SendResult whatever happens") from error

    async def send_when_due(self, payload, peer=None):
        """Send, waiting for the slot as a supervisor does."""
        while (result := await self.send(payload, peer)).outcome is SendOutcome.DEFERRED:
            assert result.not_before_s is not None, f"DEFERRED without not_before_s: {result.detail!r}"
            now_s = asyncio.get_running_loop().time()
            assert result.not_before_s > now_s, "DEFERRED until a time that is already past: a busy loop"
            assert result.not_before_s <= now_s + self.rig.slot_s + self.rig.recover_s, "DEFERRED far beyond the slot"
            await asyncio.sleep(result.not_before_s - now_s)
        return result


@contextlib.asynccontextmanager
async def _open(rig, memory=None, pause_s=0.0):
    session = _Session(rig, memory, pause_s)
    session.start()
    try:
        await session.opened()
        yield session
    finally:
        if not session.task.done():
            session.task.cancel()
            await asyncio.wait({session.task})
    await session.clean()


def _payload(rig, number):
    """Return a short payload of the kinds the bearer takes, telling ``number``."""
    if rig.texts and (number % 2 == 0 or not rig.data):
        return Payload.of_text(f"第{number}号")
    return Payload.of_bytes(b"\x01" + number.to_bytes(2, "big"))


async def constructor_opens_nothing(make_rig):
    """A link exists without touching its device, knows who it is, and survives being thrown away."""
    rig = make_rig()

    link = rig.make_link(FakeMemory())
    await asyncio.sleep(rig.within_s)

    assert rig.handles() == 0, "the constructor opened the device"
    assert link.info.name, "info.name is empty"
    assert link.info.driver, "info.driver is empty"
    assert link.info.bearer, "info.bearer is empty"
    assert link.info.where, "info.where is empty: a technician needs to know which port"


async def reports_opening_then_open(make_rig):
    """Run says OPENING first, then OPEN with the device's identity and what one payload may hold."""
    rig = make_rig()

    async with _open(rig) as session:
        states = [report.state for report in session.sink.reports]
        report = session.sink.reports[-1]

    assert states[0] is LinkState.OPENING, f"first report was {states[0]}, not OPENING"
    assert set(states) <= {LinkState.OPENING, LinkState.OPEN, LinkState.BUSY}, f"only the supervisor says {states}"
    assert report.identity, "OPEN without identity"
    assert not rig.texts or report.text_bits_max, "OPEN without text_bits_max"
    assert not rig.data or report.data_bytes_max, "OPEN without data_bytes_max"


async def hears_each_once_in_order(make_rig):
    """Twenty payloads come in once each, whole, in order, from the right peer, addressed to me."""
    rig = make_rig()
    sent = [_payload(rig, number) for number in range(20)]

    async with _open(rig) as session:
        for payload in sent:
            rig.far_send(payload)
            await asyncio.sleep(0.5)
        await session.heard(len(sent))
        await asyncio.sleep(rig.within_s)
        heard = session.sink.heard_all

    assert [h.payload for h in heard] == sent
    assert {h.peer for h in heard} == {rig.peer}
    assert {h.addressed for h in heard} == {Addressed.ME}


async def hears_a_burst_whole(make_rig):
    """Payloads that arrive at one moment are all heard once, in whatever order the air gave them."""
    rig = make_rig()
    sent = [_payload(rig, number) for number in range(10)]

    async with _open(rig) as session:
        for payload in sent:
            rig.far_send(payload)
        await session.heard(len(sent))
        await asyncio.sleep(rig.within_s)

    assert Counter(h.payload for h in session.sink.heard_all) == Counter(sent)


async def carries_chinese_both_ways(make_rig):
    """Chinese text mixed with ASCII and full-width signs is the same text at the other end."""
    rig = make_rig()
    if not rig.texts:
        return

    async with _open(rig) as session:
        rig.far_send(Payload.of_text(CHINESE))
        await session.heard(1)
        result = await session.send(Payload.of_text(CHINESE))
        await asyncio.sleep(rig.within_s)

    assert session.sink.heard_all[0].payload == Payload.of_text(CHINESE)
    assert result.outcome in LEFT, result
    assert rig.aired() == [Payload.of_text(CHINESE)]


async def sends_and_says_so(make_rig):
    """A send that left is ACCEPTED or RELAYED, says on what evidence, and reached the air once, whole."""
    rig = make_rig()
    sent = [_payload(rig, number) for number in range(4)]

    async with _open(rig) as session:
        results = [await session.send_when_due(payload) for payload in sent]
        await asyncio.sleep(rig.within_s)

    assert {result.outcome for result in results} <= LEFT, results
    assert all(result.detail for result in results), "a result without evidence"
    assert rig.aired() == sent


def _fitting(session, letters, limit_bits):
    """Return the longest repetition of ``letters`` that bits_of says fits, and one letter more."""
    for count in range(1, limit_bits + 2):
        text = (letters * count)[:count]
        bits = session.link.bits_of(Outgoing(session.rig.peer, Payload.of_text(text)))
        assert bits is not None, "an open link does not know bits_of"
        if bits > limit_bits:
            return text[:-1], text
    raise AssertionError(f"bits_of never exceeds {limit_bits} bits")


async def text_capacity_is_exact(make_rig):
    """The longest text that bits_of allows is sent whole; one letter more is REFUSED and nothing reaches the air."""
    rig = make_rig()
    if not rig.texts:
        return
    expected = []

    async with _open(rig) as session:
        limit_bits = session.sink.reports[-1].text_bits_max
        for letters in ("求", "a", "求a救b"):
            fits, over = _fitting(session, letters, limit_bits)
            refused = await session.send(Payload.of_text(over))
            assert refused.outcome is SendOutcome.REFUSED, f"{len(over)} letters, over capacity: {refused}"
            sent = await session.send_when_due(Payload.of_text(fits))
            assert sent.outcome in LEFT, f"{len(fits)} letters, at capacity: {sent}"
            expected.append(Payload.of_text(fits))
        await asyncio.sleep(rig.within_s)

    assert rig.aired() == expected


async def data_capacity_is_exact(make_rig):
    """data_bytes_max bytes are sent whole; one byte more is REFUSED and nothing reaches the air."""
    rig = make_rig()
    if not rig.data:
        return

    async with _open(rig) as session:
        limit = session.sink.reports[-1].data_bytes_max
        fits = Payload.of_bytes(b"\x01" + bytes(n % 251 for n in range(limit - 1)))
        bits = session.link.bits_of(Outgoing(rig.peer, fits))
        refused = await session.send(Payload.of_bytes(b"\x01" + bytes(limit)))
        sent = await session.send_when_due(fits)
        await asyncio.sleep(rig.within_s)

    assert bits is not None, "an open link does not know bits_of"
    assert bits <= 8 * limit
    assert refused.outcome is SendOutcome.REFUSED, refused
    assert sent.outcome in LEFT, sent
    assert rig.aired() == [fits]


async def refuses_what_is_no_address(make_rig):
    """A peer that is not an address of the bearer is REFUSED, nothing reaches the air, and the slot is not spent."""
    rig = make_rig()

    async with _open(rig) as session:
        result = await session.send(_payload(rig, 1), peer=rig.not_a_peer)
        then = await session.send(_payload(rig, 2))

    assert result.outcome is SendOutcome.REFUSED, result
    assert then.outcome in LEFT, f"a refused send spent the slot: {then}"


async def defers_before_the_slot(make_rig):
    """A second send before the slot is DEFERRED until the slot, reaches nothing, and then leaves."""
    rig = make_rig()
    if not rig.slot_s:
        return
    loop = asyncio.get_running_loop()

    async with _open(rig) as session:
        first = await session.send(_payload(rig, 1))
        second = await session.send(_payload(rig, 2))
        now_s, reported_s = loop.time(), session.sink.reports[-1].not_before_s
        await asyncio.sleep(rig.within_s if rig.within_s < rig.slot_s / 2 else rig.slot_s / 4)
        aired_early = rig.aired()
        third = await session.send_when_due(_payload(rig, 2))

    assert first.outcome in LEFT, first
    assert second.outcome is SendOutcome.DEFERRED, f"sent {rig.slot_s} s too early: {second}"
    assert second.not_before_s is not None
    assert now_s < second.not_before_s <= now_s + rig.slot_s + 10, f"not_before_s {second.not_before_s}, now {now_s}"
    assert abs(reported_s - second.not_before_s) < 1, "the report and the result name different slots"
    assert aired_early == [_payload(rig, 1)], "a DEFERRED send reached the air"
    assert third.outcome in LEFT, f"asked again when told: {third}"


async def slot_survives_restart(make_rig):
    """A new link on the same memory knows that the card's slot is not reached, whatever the device remembers."""
    rig, memory = make_rig(), FakeMemory()
    if not rig.slot_s:
        return

    async with _open(rig, memory) as session:
        await session.send(_payload(rig, 1))
        due_s = session.sink.reports[-1].not_before_s
    rig.unplug()
    rig.plug()
    async with _open(rig, memory) as again:
        now_s, reported_s = asyncio.get_running_loop().time(), again.sink.reports[-1].not_before_s
        result = await again.send(_payload(rig, 2))
        await asyncio.sleep(rig.within_s)

    assert now_s < due_s, "this rig opens too slowly for the check: give it a longer slot"
    assert due_s - 1 < reported_s < due_s + 0.1 * rig.slot_s, f"slot was {due_s}, after the restart {reported_s}"
    assert result.outcome is SendOutcome.DEFERRED, result
    assert rig.aired() == [_payload(rig, 1)]


async def defers_while_closed(make_rig):
    """A link that never ran, or whose run has ended, answers DEFERRED instead of raising."""
    rig = make_rig()
    session = _Session(rig)

    before = await session.send(_payload(rig, 1))
    session.start()
    await session.opened()
    await session.stop()
    after = await session.send(_payload(rig, 1))

    assert before.outcome is SendOutcome.DEFERRED, f"before run: {before}"
    assert after.outcome is SendOutcome.DEFERRED, f"after run: {after}"
    assert rig.aired() == []


async def missing_device_is_a_link_error(make_rig):
    """With no device there, run raises a LinkError that says where, and works once the device is there."""
    rig = make_rig()
    rig.unplug()
    session = _Session(rig)

    session.start()
    error = await session.ended(rig.recover_s, "no device")
    await session.clean()
    rig.plug()
    session.start()
    await session.opened()
    await session.stop()

    assert isinstance(error, LinkError), f"no device: run raised {error!r}"
    assert str(error), "a LinkError without words"


async def unplug_is_link_lost(make_rig):
    """Unplugging ends run with LinkLost and nothing else; running again after plugging in works, three times over."""
    rig = make_rig()
    session = _Session(rig)

    for number in range(3):
        session.start()
        await session.opened()
        rig.far_send(_payload(rig, number))
        await session.heard(number + 1)
        rig.unplug()
        error = await session.ended(rig.recover_s, "unplugged")
        await session.clean()
        assert isinstance(error, LinkLost), f"unplugged: run raised {error!r}"
        rig.plug()
        session.sink.reports.clear()

    assert [h.payload for h in session.sink.heard_all] == [_payload(rig, number) for number in range(3)]


async def unplug_while_sending_is_unknown(make_rig):
    """A device lost half-way through a send leaves UNKNOWN (or proof that it left), and LinkLost from run."""
    rig = make_rig()

    session = _Session(rig)
    session.start()
    await session.opened()
    sending = asyncio.create_task(session.send(_payload(rig, 1)))
    await asyncio.sleep(0.01)
    rig.unplug()
    result = await sending
    error = await session.ended(rig.recover_s, "unplugged while sending")
    await session.clean()

    assert result.outcome is SendOutcome.UNKNOWN or (result.outcome in LEFT and rig.aired()), result
    assert isinstance(error, LinkLost), f"run raised {error!r}"


async def hang_while_sending_is_unknown(make_rig):
    """A device that gives no answer leaves UNKNOWN: nothing is guessed."""
    rig = make_rig()

    session = _Session(rig)
    session.start()
    await session.opened()
    rig.hang()
    result = await session.send(_payload(rig, 1))
    await session.stop()

    assert result.outcome is SendOutcome.UNKNOWN, f"no answer, so nothing is known: {result}"


async def hang_is_noticed(make_rig):
    """A silent device does not stay OPEN: run re-initialises it (OPENING or BUSY) or ends with a LinkError."""
    rig = make_rig()

    session = _Session(rig)
    session.start()
    await session.opened()
    session.sink.reports.clear()
    rig.hang()
    changed = asyncio.create_task(
        session.sink.until(
            lambda: session.sink.state in {LinkState.OPENING, LinkState.BUSY}, rig.recover_s, "a hang noticed"
        )
    )
    await asyncio.wait({changed, session.task}, return_when=asyncio.FIRST_COMPLETED)
    if session.task.done():
        changed.cancel()
        assert isinstance(session.task.exception(), LinkError), f"run raised {session.task.exception()!r}"
    else:
        await changed
    await session.stop()


async def hang_is_recovered(make_rig):
    """After a hang the link hears and sends again, by itself or when run is called again as a supervisor would."""
    rig = make_rig()

    session = _Session(rig)
    session.start()
    await session.opened()
    rig.hang()
    await asyncio.sleep(rig.recover_s)
    rig.resume()
    session.sink.reports.clear()
    resumed_s = asyncio.get_running_loop().time()
    while session.task.done() or session.sink.state is not LinkState.OPEN:
        assert asyncio.get_running_loop().time() < resumed_s + rig.recover_s, "not open again after the hang"
        if session.task.done():
            assert isinstance(session.task.exception(), LinkError), f"run raised {session.task.exception()!r}"
            session.start()
        await asyncio.sleep(1)
    rig.far_send(_payload(rig, 7))
    await session.heard(1)
    result = await session.send_when_due(_payload(rig, 8))
    await session.stop()

    assert [h.payload for h in session.sink.heard_all] == [_payload(rig, 7)]
    assert result.outcome in LEFT, result


async def garbage_loses_no_good_frame(make_rig):
    """Noise before, between and after good payloads costs none of them, and ends nothing."""
    rig = make_rig()
    sent = [_payload(rig, number) for number in range(12)]

    async with _open(rig) as session:
        for number, payload in enumerate(sent):
            rig.garbage(1 + 37 * number)
            rig.far_send(payload)
            await asyncio.sleep(rig.within_s)
        rig.garbage(5000)
        await session.heard(len(sent))
        assert not session.task.done(), f"noise ended run: {session.task.exception()!r}"

    assert [h.payload for h in session.sink.heard_all] == sent


async def cancelled_run_leaves_nothing(make_rig):
    """Cancelling run at any moment of opening and serving leaves no handle and no task, and run works again."""
    moments_s = [0.0, 0.001, 0.01, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0]
    for moment_s in moments_s:
        rig = make_rig()
        session = _Session(rig, pause_s=2.0)
        session.start()
        await asyncio.sleep(moment_s)
        rig.far_send(_payload(rig, 1))
        await asyncio.sleep(moment_s)
        session.task.cancel()
        await asyncio.wait({session.task})
        assert session.task.cancelled(), f"cancelled after {moment_s} s, run raised {session.task.exception()!r}"
        await session.clean()
        session.sink.reports.clear()
        session.start()
        await session.opened()
        await session.stop()


async def run_ending_ends_a_send(make_rig):
    """A send under way when run is cancelled still gives its result, and soon."""
    rig = make_rig()

    session = _Session(rig)
    session.start()
    await session.opened()
    rig.hang()
    sending = asyncio.create_task(session.send(_payload(rig, 1)))
    await asyncio.sleep(0.01)
    session.task.cancel()
    await asyncio.wait({session.task})
    result = await sending
    await session.clean()

    assert result.outcome is SendOutcome.UNKNOWN, result


async def cancelled_send_leaves_the_device_usable(make_rig):
    """After a cancelled send the next one works, and its result is its own."""
    rig = make_rig()

    async with _open(rig) as session:
        sending = asyncio.create_task(session.link.send(Outgoing(rig.peer, _payload(rig, 1))))
        await asyncio.sleep(0.001)
        sending.cancel()
        await asyncio.wait({sending})
        await asyncio.sleep(rig.slot_s + rig.within_s)
        result = await session.send_when_due(_payload(rig, 2))
        await asyncio.sleep(rig.within_s)

    assert result.outcome in LEFT, result
    assert rig.aired()[-1] == _payload(rig, 2)


async def slow_sink_loses_nothing(make_rig):
    """A gateway that takes 5 s to store each payload still gets all, in order, and a send is not held up by it."""
    rig = make_rig()
    sent = [_payload(rig, number) for number in range(30)]

    async with _open(rig, pause_s=5.0) as session:
        for payload in sent:
            rig.far_send(payload)
            await asyncio.sleep(1.0)
        result = await session.send(_payload(rig, 99))
        await session.heard(len(sent), within_s=30 * 5 + rig.recover_s)

    assert [h.payload for h in session.sink.heard_all] == sent
    assert result.outcome in LEFT, f"sending while the sink is slow: {result}"


async def broadcast_is_told_apart(make_rig):
    """A broadcast is heard as one; BROADCAST_PEER is sent to all where the bearer can, else REFUSED."""
    rig = make_rig()

    async with _open(rig) as session:
        if rig.hears_broadcast:
            rig.far_send(_payload(rig, 1), broadcast=True)
            await session.heard(1)
        result = await session.send(_payload(rig, 2), peer=BROADCAST_PEER)
        await asyncio.sleep(rig.within_s)

    assert [(h.payload, h.addressed) for h in session.sink.heard_all] == (
        [(_payload(rig, 1), Addressed.BROADCAST)] if rig.hears_broadcast else []
    )
    if rig.sends_broadcast:
        assert result.outcome in LEFT, result
        assert rig.aired() == [_payload(rig, 2)]
    else:
        assert result.outcome is SendOutcome.REFUSED, result
        assert rig.aired() == []


async def no_signal_is_busy(make_rig):
    """Without signal the link is BUSY and defers; with signal it is OPEN again and sends."""
    rig = make_rig()

    async with _open(rig) as session:
        rig.dark()
        await session.sink.until(
            lambda: session.sink.state is LinkState.BUSY, rig.recover_s, "BUSY when the signal is gone"
        )
        deferred = await session.send(_payload(rig, 1))
        aired_dark = rig.aired()
        detail = session.sink.reports[-1].detail
        rig.light()
        await session.sink.until(
            lambda: session.sink.state is LinkState.OPEN, rig.recover_s, "OPEN when the signal is back"
        )
        result = await session.send_when_due(_payload(rig, 2))

    assert deferred.outcome is SendOutcome.DEFERRED, deferred
    assert deferred.not_before_s is not None, "DEFERRED for lack of signal must say when to ask again"
    assert detail, "BUSY without a reason for the technician"
    assert aired_dark == []
    assert result.outcome in LEFT, result


CHECKS = (
    constructor_opens_nothing,
    reports_opening_then_open,
    hears_each_once_in_order,
    hears_a_burst_whole,
    carries_chinese_both_ways,
    sends_and_says_so,
    text_capacity_is_exact,
    data_capacity_is_exact,
    refuses_what_is_no_address,
    defers_before_the_slot,
    slot_survives_restart,
    defers_while_closed,
    missing_device_is_a_link_error,
    unplug_is_link_lost,
    unplug_while_sending_is_unknown,
    hang_while_sending_is_unknown,
    hang_is_noticed,
    hang_is_recovered,
    garbage_loses_no_good_frame,
    cancelled_run_leaves_nothing,
    run_ending_ends_a_send,
    cancelled_send_leaves_the_device_usable,
    slow_sink_loses_nothing,
    broadcast_is_told_apart,
    no_signal_is_busy,
)


async def check_link(make_rig):
    """Run every check on rigs made by ``make_rig()``; the first failure is raised, named by a note."""
    for check in CHECKS:
        try:
            await check(make_rig)
        except AssertionError as error:
            error.add_note(f"link check: {check.__name__} - {check.__doc__.strip()}")
            raise
