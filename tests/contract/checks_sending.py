"""Checks of the link kit: what leaves, what is refused, and when."""

import asyncio

from gateway.link import Outgoing, Payload, SendOutcome
from tests.contract.fakes import FakeMemory
from tests.contract.link_session import LEFT, Session, numbered, open_link


async def sends_and_says_so(make_rig):
    """A send that left is ACCEPTED or RELAYED, says on what evidence, and reached the air once, whole."""
    rig = make_rig()
    sent = [numbered(rig, number) for number in range(4)]

    async with open_link(rig) as session:
        results = [await session.send_when_due(payload) for payload in sent]
        await asyncio.sleep(rig.within_s)

    assert {result.outcome for result in results} <= LEFT, results
    assert all(result.detail for result in results), "a result without evidence"
    assert rig.aired() == sent


def _fitting(session, letters, limit_bits):
    """Return the longest repetition of ``letters`` that bits_of says fits, and one letter more."""
    for count in range(1, limit_bits + 2):
        text = (letters * count)[:count]
        bits = session.link.bits_of(Payload.of_text(text))
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

    async with open_link(rig) as session:
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

    async with open_link(rig) as session:
        limit = session.sink.reports[-1].data_bytes_max
        fits = Payload.of_bytes(b"\x01" + bytes(n % 251 for n in range(limit - 1)))
        bits = session.link.bits_of(fits)
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

    async with open_link(rig) as session:
        result = await session.send(numbered(rig, 1), peer=rig.not_a_peer)
        then = await session.send(numbered(rig, 2))

    assert result.outcome is SendOutcome.REFUSED, result
    assert then.outcome in LEFT, f"a refused send spent the slot: {then}"


async def defers_before_the_slot(make_rig):
    """A second send before the slot is DEFERRED until the slot, reaches nothing, and then leaves."""
    rig = make_rig()
    if not rig.slot_s:
        return
    loop = asyncio.get_running_loop()

    async with open_link(rig) as session:
        first = await session.send(numbered(rig, 1))
        second = await session.send(numbered(rig, 2))
        now_s, reported_s = loop.time(), session.sink.reports[-1].not_before_s
        await asyncio.sleep(rig.within_s if rig.within_s < rig.slot_s / 2 else rig.slot_s / 4)
        aired_early = rig.aired()
        third = await session.send_when_due(numbered(rig, 2))

    assert first.outcome in LEFT, first
    assert second.outcome is SendOutcome.DEFERRED, f"sent {rig.slot_s} s too early: {second}"
    assert second.not_before_s is not None
    assert now_s < second.not_before_s <= now_s + rig.slot_s + 10, f"not_before_s {second.not_before_s}, now {now_s}"
    assert abs(reported_s - second.not_before_s) < 1, "the report and the result name different slots"
    assert aired_early == [numbered(rig, 1)], "a DEFERRED send reached the air"
    assert third.outcome in LEFT, f"asked again when told: {third}"


async def slot_survives_restart(make_rig):
    """A new link on the same memory knows that the card's slot is not reached, whatever the device remembers."""
    rig, memory = make_rig(), FakeMemory()
    if not rig.slot_s:
        return

    async with open_link(rig, memory) as session:
        await session.send(numbered(rig, 1))
        due_s = session.sink.reports[-1].not_before_s
    rig.unplug()
    rig.plug()
    async with open_link(rig, memory) as again:
        now_s, reported_s = asyncio.get_running_loop().time(), again.sink.reports[-1].not_before_s
        result = await again.send(numbered(rig, 2))
        await asyncio.sleep(rig.within_s)

    assert now_s < due_s, "this rig opens too slowly for the check: give it a longer slot"
    assert due_s - 1 < reported_s < due_s + 0.1 * rig.slot_s, f"slot was {due_s}, after the restart {reported_s}"
    assert result.outcome is SendOutcome.DEFERRED, result
    assert rig.aired() == [numbered(rig, 1)]


async def defers_while_closed(make_rig):
    """A link that never ran, or whose run has ended, answers DEFERRED instead of raising."""
    rig = make_rig()
    session = Session(rig)

    before = await session.send(numbered(rig, 1))
    session.start()
    await session.opened()
    await session.stop()
    after = await session.send(numbered(rig, 1))

    assert before.outcome is SendOutcome.DEFERRED, f"before run: {before}"
    assert after.outcome is SendOutcome.DEFERRED, f"after run: {after}"
    assert rig.aired() == []


async def cancelled_send_leaves_the_device_usable(make_rig):
    """After a cancelled send the next one works, and its result is its own."""
    rig = make_rig()

    async with open_link(rig) as session:
        sending = asyncio.create_task(session.link.send(Outgoing(rig.peer, numbered(rig, 1))))
        await asyncio.sleep(0.001)
        sending.cancel()
        await asyncio.wait({sending})
        await asyncio.sleep(rig.slot_s + rig.within_s)
        result = await session.send_when_due(numbered(rig, 2))
        await asyncio.sleep(rig.within_s)

    assert result.outcome in LEFT, result
    assert rig.aired()[-1] == numbered(rig, 2)
