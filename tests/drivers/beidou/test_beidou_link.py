"""What the Beidou driver does beyond the common contract, on simulated terminals and virtual time."""

import asyncio
import contextlib

import pytest

from drivers.beidou.slot import SlotTimer
from drivers.virtual.sky import Burst
from gateway.link import (
    BROADCAST_PEER,
    Addressed,
    Fix,
    LinkLost,
    LinkMisconfigured,
    LinkState,
    LinkTransient,
    Outgoing,
    Payload,
    SendOutcome,
)
from protocols.beidou.bd3 import BDFKI3
from protocols.beidou.bd21_terminal import BDFKI21
from protocols.beidou.bd40_terminal import FKXX
from protocols.beidou.payload import Payload as Content
from tests.contract.fakes import FakeMemory, FakeSink
from tests.drivers.beidou.rig import BeidouRig, Ordinary, rig
from tests.drivers.virtual.rig import BROADCAST, CARD, FAR

PROTOCOLS = ("bd-2.1", "bd-4.0", "bd-3")
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)
TEXT = Payload.of_text("平安")


class Running:
    """A link that runs, with what it reports."""

    def __init__(self, made, memory=None, pause_s=0.0):
        self.rig = made
        self.memory = memory or FakeMemory()
        self.sink = FakeSink(pause_s)
        self.link = made.make_link(self.memory)
        self.task = asyncio.create_task(self.link.run(self.sink))

    async def state(self, state, within_s=60.0):
        await self.sink.until(lambda: self.sink.state is state or self.task.done(), within_s, str(state))
        if self.task.done():
            raise AssertionError(f"run ended before {state}") from self.task.exception()
        return self.report

    async def ends(self, within_s=60.0):
        await asyncio.wait({self.task}, timeout=within_s)
        return self.task.exception()

    async def send(self, payload=TEXT, peer=None, **kwargs):
        return await self.link.send(Outgoing(peer or str(FAR), payload, **kwargs))

    async def heard(self, count=1, within_s=30.0):
        await self.sink.until(lambda: len(self.sink.heard_all) >= count, within_s, f"{count} heard")
        return self.sink.heard_all[-1]

    @property
    def report(self):
        return self.sink.reports[-1]


@contextlib.asynccontextmanager
async def running(made, memory=None, pause_s=0.0, state=LinkState.OPEN):
    link = Running(made, memory, pause_s)
    try:
        await link.state(state)
        yield link
    finally:
        link.task.cancel()
        await asyncio.wait({link.task})


# -- finding the terminal


@pytest.mark.parametrize("baud", [115_200, 19_200, 9_600])
@each_protocol
async def test_rate_and_protocol_are_found(protocol, baud):
    """Whatever rate and protocol a terminal has, it is found, and nothing was transmitted to find it."""
    made = rig(protocol=protocol, baud=baud)
    async with running(made) as link:
        identity = link.report.identity
    assert (identity["protocol"], identity["baud"], identity["card"]) == (protocol, baud, str(CARD))
    assert made.sky.counters.bursts == 0


@each_protocol
async def test_identity_and_capacity_come_from_the_card(protocol):
    """Level, frequency, broadcast address and capacity are reported as the card has them."""
    made = rig(protocol=protocol, terminal_settings={"frequency_s": 30.0, "level": 2})
    async with running(made) as link:
        report = link.report
    assert report.identity["level"] == 2
    assert report.identity["frequency_s"] == 30.0
    assert report.identity["broadcast"] == str(BROADCAST)
    assert report.identity["command"] is False
    assert report.text_bits_max == (1835 if protocol == "bd-3" else 408)
    assert report.data_bytes_max == report.text_bits_max // 8
    assert report.signals
    assert max(signal.level for signal in report.signals) >= 1


async def test_an_empty_port_is_transient_and_says_what_was_asked():
    """A port where nothing answers is tried at all rates and told as such."""
    made = rig()
    made.hang()
    error = await Running(made).ends()
    assert isinstance(error, LinkTransient)
    assert "115200, 19200, 9600" in str(error)
    assert "check power, cable" in str(error)
    assert made.handles() == 0


async def test_another_card_is_misconfigured():
    """With a card configured, another one in the slot is a person's business, named with both numbers."""
    error = await Running(rig(link_settings={"card": 4_242})).ends()
    assert isinstance(error, LinkMisconfigured)
    assert str(CARD) in str(error)
    assert "4242" in str(error)


async def test_the_right_card_is_taken():
    """With the right card configured all is well."""
    async with running(rig(link_settings={"card": CARD})) as link:
        assert link.report.state is LinkState.OPEN


@each_protocol
async def test_an_empty_slot_is_busy_until_a_card_is_put_in(protocol):
    """Without a card the link says so, defers, and opens by itself when there is one."""
    made = rig(protocol=protocol)
    made.terminal.has_card = False
    async with running(made, state=LinkState.BUSY) as link:
        detail = link.report.detail
        deferred = await link.send()
        made.terminal.has_card = True
        await link.state(LinkState.OPEN)
    assert "no card in slot" in detail
    assert deferred.outcome is SendOutcome.DEFERRED


@each_protocol
async def test_a_card_taken_out_is_noticed_by_the_next_send(protocol):
    """A send refused for want of a card makes the link ask for it; an empty slot opens it anew, saying what was there."""
    made = rig(protocol=protocol)
    async with running(made) as link:
        made.terminal.has_card = False
        result = await link.send()
        error = await link.ends()
    assert result.outcome is SendOutcome.DEFERRED
    assert isinstance(error, LinkLost)
    assert f"card {CARD} was in the slot, now no card" in str(error)


@each_protocol
async def test_a_card_changed_in_a_brown_out_is_noticed(protocol):
    """When the outputs have stopped the card is asked for again: it may be another one."""
    made = rig(protocol=protocol)
    async with running(made) as link:
        await asyncio.sleep(5)
        made.terminal.card = CARD + 1
        made.terminal.stop_status()
        error = await link.ends()
    assert isinstance(error, LinkLost)
    assert f"now card {CARD + 1}" in str(error)


# -- the slot


@each_protocol
async def test_bursts_are_never_early_whatever_restarts(protocol):
    """Link and terminal restarted at random moments around the slot never send twice within the frequency."""
    made, memory = rig(protocol=protocol), FakeMemory()
    outcomes = []
    for pause_s in (1.0, 30.0, 59.0, 5.0):
        async with running(made, memory) as link:
            outcomes.append((await link.send()).outcome)
        made.unplug()
        made.plug()
        await asyncio.sleep(pause_s)
    assert outcomes[0] is SendOutcome.ACCEPTED
    assert SendOutcome.DEFERRED in outcomes
    assert made.sky.counters.bursts >= 2
    assert made.sky.counters.early == 0


class Forgetful(FakeMemory):
    """Planted defect: the slot is not saved before the burst."""

    async def save(self, key, value):
        if float(value) <= 62.0:
            await super().save(key, value)


async def crash_between_burst_and_feedback(memory):
    """Send, lose gateway and terminal power while the feedback is under way, start again and send; return the sky."""
    made = rig()
    made.terminal.drop_feedback_next()
    async with running(made, memory) as link:
        sending = asyncio.create_task(link.send())
        await asyncio.sleep(2.0)
        sending.cancel()
    made.unplug()
    made.plug()
    async with running(made, memory) as link:
        await link.send()
    return made.sky.counters


async def test_a_crash_before_the_feedback_sends_nothing_early():
    """The slot is on disk before the burst is handed over."""
    counters = await crash_between_burst_and_feedback(FakeMemory())
    assert (counters.bursts, counters.early) == (1, 0)


async def test_planted_saving_after_the_burst_is_caught():
    """Planted defect: saving only with the feedback sends early after a crash, and the sky counts it."""
    counters = await crash_between_burst_and_feedback(Forgetful())
    assert counters.early == 1


async def test_a_terminal_used_elsewhere_is_believed_within_the_cards_frequency():
    """A card that has just sent in other hands is asked again after the terminal's wait."""
    made = rig()
    async with running(made) as link:
        made.terminal._slot_s = asyncio.get_running_loop().time() + 25.0
        result = await link.send()
        now_s = asyncio.get_running_loop().time()
    assert result.outcome is SendOutcome.DEFERRED
    assert "frequency not reached" in result.detail
    assert 24.0 <= result.not_before_s - now_s <= 27.0


async def test_a_wait_beyond_the_cards_frequency_is_not_believed():
    """A hint of an hour on a 60 s card is one of the encodings misread."""
    slot = SlotTimer(FakeMemory(), margin_s=2.0, burst_late_s=15.0)
    await slot.load(CARD, 60.0)
    slot.wait(3600.0)
    assert slot.not_before_s <= asyncio.get_running_loop().time() + 61.0


async def test_a_damaged_mark_waits_the_longest():
    """A stored slot that cannot be read costs a slot and never sends early."""
    memory = FakeMemory()
    await memory.save(f"slot/{CARD}", "nonsense")
    slot = SlotTimer(memory, margin_s=2.0, burst_late_s=15.0)
    await slot.load(CARD, 60.0)
    assert slot.not_before_s == pytest.approx(asyncio.get_running_loop().time() + 77.0)


async def test_a_mark_of_another_time_never_blocks_for_days():
    """However large a stored wait, it ends with what the card can ask for."""
    memory = FakeMemory()
    await memory.save(f"slot/{CARD}", "1e9")
    slot = SlotTimer(memory, margin_s=2.0, burst_late_s=15.0)
    await slot.load(CARD, 60.0)
    assert slot.not_before_s <= asyncio.get_running_loop().time() + 77.0


async def test_each_card_has_its_own_slot():
    """A second card in the same terminal does not wait for the first one's slot."""
    memory = FakeMemory()
    slot = SlotTimer(memory, margin_s=2.0, burst_late_s=15.0)
    await slot.load(CARD, 60.0)
    await slot.reserve()
    other = SlotTimer(memory, margin_s=2.0, burst_late_s=15.0)
    await other.load(CARD + 1, 60.0)
    assert other.not_before_s <= asyncio.get_running_loop().time()


# -- feedback


REFUSALS = {
    "inhibited": (lambda made: setattr(made.terminal, "inhibited", True), "inhibited", LinkState.BUSY),
    "silence": (lambda made: setattr(made.terminal, "silent", True), "silence", LinkState.BUSY),
    "no signal": (lambda made: made.dark(), "not locked", LinkState.BUSY),
}


@pytest.mark.parametrize("why", REFUSALS)
@each_protocol
async def test_a_refusal_of_the_terminal_defers_and_is_busy(protocol, why):
    """What stands in the way for a while defers with a time, is told in words, and passes."""
    made = rig(protocol=protocol)
    obstruct, words, state = REFUSALS[why]
    async with running(made) as link:
        obstruct(made)
        result = await link.send()
        now_s = asyncio.get_running_loop().time()
        report = link.report
        made.light()
        made.terminal.inhibited = made.terminal.silent = False
        await link.state(LinkState.OPEN, 120)
        again = await link.send()
    assert result.outcome is SendOutcome.DEFERRED
    assert words in result.detail
    assert now_s < result.not_before_s <= now_s + 61
    assert report.state is state
    assert again.outcome is SendOutcome.ACCEPTED, "a refused send cost the slot"


OTHER_FEEDBACK = [
    (BDFKI21("TXA", False, True, 2, 0), SendOutcome.DEFERRED, LinkState.BUSY),
    (BDFKI21("TXA", False, True, 4, 0), SendOutcome.DEFERRED, LinkState.BUSY),
    (BDFKI21("TXA", False, True, 0, 0), SendOutcome.DEFERRED, LinkState.OPEN),
    (BDFKI21("TXA", True, True, 0, 40), SendOutcome.ACCEPTED, LinkState.OPEN),
    (FKXX(CARD, 1, b"TXSQ"), SendOutcome.DEFERRED, LinkState.OPEN),
    (FKXX(CARD, 3, bytes(4)), SendOutcome.DEFERRED, LinkState.BUSY),
    (FKXX(CARD, 5, bytes(4)), SendOutcome.DEFERRED, LinkState.BUSY),
    (FKXX(CARD, 6, b"TXSQ"), SendOutcome.DEFERRED, LinkState.OPEN),
    (FKXX(CARD, 8, bytes(4)), SendOutcome.DEFERRED, LinkState.BUSY),
    (BDFKI3("08:29:20", "TCQ", False, 6, 0), SendOutcome.REFUSED, LinkState.OPEN),
    (BDFKI3("08:29:20", "TCQ", False, 11, 0), SendOutcome.DEFERRED, LinkState.OPEN),
    (BDFKI3("08:29:20", "TCQ", True, None, None), SendOutcome.ACCEPTED, LinkState.OPEN),
]
"""What the simulated terminals never say."""


def answering(made, *wires):
    """Let the terminal answer a message with these sentences and nothing else."""

    def attempt_message(*_args, **_kwargs):
        for wire in wires:
            made.terminal.say(wire)

    made.terminal.attempt_message = attempt_message


@pytest.mark.parametrize(("feedback", "outcome", "state"), OTHER_FEEDBACK, ids=lambda value: str(value)[:40])
async def test_every_other_feedback_has_its_outcome(feedback, outcome, state):
    """The rest of the published feedback values, as their sentences."""
    made = rig(protocol={"BDFKI3": "bd-3", "FKXX": "bd-4.0"}.get(type(feedback).__name__, "bd-2.1"))
    answering(made, feedback.to_wire())
    async with running(made) as link:
        result = await link.send()
        now_s = asyncio.get_running_loop().time()
        reported = link.report.state
    assert result.outcome is outcome
    assert reported is state
    assert result.detail.startswith(("FKI", "FKXX"))
    assert result.outcome is not SendOutcome.DEFERRED or now_s < result.not_before_s <= now_s + 60


async def test_failures_without_a_reason_are_retried_ever_more_slowly():
    """5, 10, 20 … 60 s: a terminal that always says no is not asked for ever at full speed."""
    made = rig()
    answering(made, BDFKI21("TXA", False, True, 0, 0).to_wire())
    waits = []
    async with running(made) as link:
        for _ in range(6):
            result = await link.send()
            waits.append(round(result.not_before_s - asyncio.get_running_loop().time()))
            await asyncio.sleep(waits[-1] + 0.1)
    assert waits == [5, 10, 20, 40, 60, 60]


async def test_feedback_about_another_command_is_not_taken():
    """A fix the terminal was asked for by other means answers with DWA; the message's own answer counts."""
    made = rig()
    answering(made, BDFKI21("DWA", True, True, 0, 0).to_wire(), BDFKI21("TXA", False, True, 0, 25).to_wire())
    async with running(made) as link:
        result = await link.send()
    assert result.outcome is SendOutcome.DEFERRED
    assert "TXA" in result.detail


@each_protocol
async def test_no_feedback_is_unknown(protocol):
    """A burst whose feedback never comes is UNKNOWN after the configured time, and the slot is spent."""
    made = rig(protocol=protocol, link_settings={"feedback_timeout_s": 8})
    async with running(made) as link:
        made.terminal.drop_feedback_next()
        started_s = asyncio.get_running_loop().time()
        result = await link.send()
        took_s = asyncio.get_running_loop().time() - started_s
        early = await link.send()
    assert result.outcome is SendOutcome.UNKNOWN
    assert took_s == pytest.approx(8.0, abs=0.5)
    assert early.outcome is SendOutcome.DEFERRED
    assert len(made.aired()) <= 1


class LateTerminal:
    """Keeps the first feedback back and says it when the next question comes, as one that hung does on resuming."""

    def __init__(self, made):
        self.terminal = made.terminal
        self.kept = None
        self.give = made.terminal._give_feedback
        self.obey = made.terminal.obey
        made.terminal._give_feedback = self.keep_first
        made.terminal.obey = self.obey_late

    def keep_first(self, *feedback):
        if self.kept is None:
            self.kept = feedback
        else:
            self.give(*feedback)

    def obey_late(self, command):
        if self.kept:
            self.give(*self.kept)
            self.kept = ()
        self.obey(command)


async def late_then_refused(made):
    """A first send times out; the second is refused by the terminal, whose late Y comes just before that."""
    async with running(made) as link:
        LateTerminal(made)
        first = await link.send()
        await asyncio.sleep(70)
        made.terminal._slot_s = asyncio.get_running_loop().time() + 30
        second = await link.send()
    return first, second


@each_protocol
async def test_a_late_feedback_is_not_taken_for_the_next_one(protocol):
    """The Y of a send that timed out does not make a refused one ACCEPTED."""
    first, second = await late_then_refused(rig(protocol=protocol))
    assert first.outcome is SendOutcome.UNKNOWN
    assert second.outcome is SendOutcome.DEFERRED, second


async def test_planted_no_question_in_between_is_caught(monkeypatch):
    """Planted defect: without the question in between, the late Y is believed."""

    async def settled(_self):
        return True

    monkeypatch.setattr("drivers.beidou.session.Session.settle", settled)
    _, second = await late_then_refused(rig())
    assert second.outcome is SendOutcome.ACCEPTED


async def test_a_terminal_that_hangs_before_a_send_defers_it():
    """After a timeout a terminal that answers nothing gets no further burst."""
    made = rig(link_settings={"status_silence_s": 3600})
    async with running(made) as link:
        made.hang()
        first = await link.send()
        await asyncio.sleep(70)
        second = await link.send()
    assert first.outcome is SendOutcome.UNKNOWN
    assert second.outcome is SendOutcome.DEFERRED
    assert "does not answer" in second.detail


@each_protocol
async def test_over_capacity_is_refused_before_the_terminal(protocol):
    """What cannot fit never reaches the terminal, costs no slot and names the figures."""
    made = rig(protocol=protocol)
    async with running(made) as link:
        result = await link.send(Payload.of_text("救" * 900))
        again = await link.send()
    assert result.outcome is SendOutcome.REFUSED
    assert "over capacity" in result.detail
    assert again.outcome is SendOutcome.ACCEPTED
    assert not any(key.startswith("refused") for key in made.terminal.counters)


async def test_bytes_that_receivers_would_misread_are_refused():
    """Bytes beginning A0 to A4 look like a position or mixed text to a receiver."""
    async with running(rig()) as link:
        result = await link.send(Payload.of_bytes(b"\xa4\x01"))
    assert result.outcome is SendOutcome.REFUSED


@pytest.mark.parametrize("peer", ["0", "", "abc", "123456789", "-5", "１２３"])
async def test_what_is_no_card_number_is_refused(peer):
    """Only 1 to 8 digits are a card."""
    async with running(rig()) as link:
        result = await link.link.send(Outgoing(peer, TEXT))
    assert result.outcome is SendOutcome.REFUSED
    assert "card number" in result.detail


async def test_urgent_goes_as_urgent_when_it_fits_and_as_normal_when_not():
    """特快 holds 188 bits; a longer SOS is not refused but sent as a normal message."""
    made = rig()
    heard = []
    made.far.arrive = lambda arrival: heard.append((arrival.urgent, arrival.payload.text)) or True
    async with running(made) as link:
        await link.send(Payload.of_text("速救"), urgent=True)
        await asyncio.sleep(70)
        await link.send(Payload.of_text("速" * 40), urgent=True)
        await asyncio.sleep(30)
    assert heard == [(True, "速救"), (False, "速" * 40)]


async def test_a_long_mixed_text_that_fits_only_as_hanzi_is_sent_so():
    """A text over capacity as mixed and within it as 汉字 arrives unchanged."""
    made = rig()
    text = "求" * 38 + "ok 12"
    async with running(made) as link:
        bits = link.link.bits_of(Payload.of_text(text))
        result = await link.send(Payload.of_text(text))
        await asyncio.sleep(30)
    assert bits == 38 * 14 + 5 * 7
    assert result.outcome is SendOutcome.ACCEPTED
    assert made.aired() == [Payload.of_text(text)]


async def test_silent_by_configuration_only_listens():
    """With silent = true everything is heard and nothing is transmitted."""
    made = rig(link_settings={"silent": True})
    async with running(made, state=LinkState.BUSY) as link:
        result = await link.send()
        made.far_send(TEXT)
        heard = await link.heard()
    assert result.outcome is SendOutcome.DEFERRED
    assert heard.payload == TEXT
    assert made.sky.counters.bursts == 1, "only the far station's own"


# -- hearing


@each_protocol
async def test_a_command_terminal_tells_heard_from_addressed(protocol):
    """A copy of traffic between subordinates is OVERHEARD with both ends; a message to the card is ME."""
    made = rig(BeidouRig, protocol=protocol)
    async with running(made) as link:
        made.sky.transmit(Burst(FAR, 300_001, Content.of_text("你在哪")))
        copy = await link.heard()
        made.far_send(TEXT)
        mine = await link.heard(2)
    assert (copy.addressed, copy.peer, copy.to_peer) == (Addressed.OVERHEARD, str(FAR), "300001")
    assert copy.payload == Payload.of_text("你在哪")
    assert (mine.addressed, mine.peer) == (Addressed.ME, str(FAR))


@each_protocol
async def test_a_command_terminal_lists_its_subordinates(protocol):
    """The number of subordinates is reported; long lists are read in parts."""
    cards = tuple(range(400_000, 400_100))
    made = rig(BeidouRig, protocol=protocol, terminal_settings={"subordinates": cards})
    async with running(made) as link:
        await asyncio.sleep(30)
        listed = link.link._session.condition.listed
    assert link.report.identity["subordinates"] == 100
    assert listed == (set() if protocol == "bd-3" else set(cards))


@each_protocol
async def test_broadcast_needs_a_command_card(protocol):
    """通播 reaches the members from a command terminal and is refused on an ordinary one."""
    command, ordinary = rig(BeidouRig, protocol=protocol), rig(protocol=protocol)
    async with running(command) as link:
        sent = await link.send(peer=BROADCAST_PEER)
        await asyncio.sleep(30)
    async with running(ordinary) as link:
        refused = await link.send(peer=BROADCAST_PEER)
        ordinary.far_send(TEXT, broadcast=True)
        heard = await link.heard()
    assert sent.outcome is SendOutcome.ACCEPTED
    assert command.aired() == [TEXT]
    assert refused.outcome is SendOutcome.REFUSED
    assert heard.addressed is Addressed.BROADCAST


@each_protocol
async def test_a_position_report_is_heard_with_its_fix(protocol):
    """A reported position comes as an empty text with the sender's fix."""
    made = rig(protocol=protocol)
    async with running(made) as link:
        made.sky.transmit(Burst(FAR, CARD, fix=Fix(30.5, 103.25, 512.0)))
        heard = await link.heard()
    assert heard.payload == Payload.of_text("")
    assert heard.peer == str(FAR)
    assert heard.addressed is Addressed.ME
    assert (heard.fix.lat, heard.fix.lon) == (pytest.approx(30.5, abs=1e-4), pytest.approx(103.25, abs=1e-4))


@each_protocol
async def test_the_terminals_own_position_is_reported(protocol):
    """Its GNSS position is in the report and is nobody's message."""
    made = rig(protocol=protocol, terminal_settings={"position": Fix(30.66, 104.06, 500.0)})
    async with running(made) as link:
        await asyncio.sleep(70)
        position = link.report.position
    assert (position.lat, position.lon) == (pytest.approx(30.66, abs=1e-3), pytest.approx(104.06, abs=1e-3))
    assert link.sink.heard_all == []


async def test_a_duplicate_of_the_terminal_is_handed_on():
    """Telling a repetition from a second report is the gateway's business."""
    made = rig()
    async with running(made) as link:
        made.terminal.duplicate_next()
        made.far_send(TEXT)
        await link.heard(2)
    assert [heard.payload for heard in link.sink.heard_all] == [TEXT, TEXT]


async def test_what_comes_before_the_card_is_read_is_addressed_rightly():
    """A message that arrives while the terminal is being found is kept and judged when the card is known."""
    made = rig(Ordinary, protocol="bd-3", terminal_settings={})
    link = Running(made)
    for _ in range(5):
        await asyncio.sleep(0)
    made.far_send(TEXT)
    heard = await link.heard()
    assert heard.addressed is Addressed.ME
    link.task.cancel()
    await asyncio.wait({link.task})


async def test_what_was_received_survives_an_unplugged_port():
    """Messages read from the port and not yet stored are handed over although the port is gone."""
    made = rig()
    link = Running(made, pause_s=0.7)
    await link.state(LinkState.OPEN)
    for number in range(4):
        made.far_send(Payload.of_text(f"第{number}号"))
    await asyncio.sleep(0.6)
    already = len(link.sink.heard_all)
    made.unplug()
    error = await link.ends()
    assert isinstance(error, LinkLost)
    assert (already, len(link.sink.heard_all)) == (0, 4)


async def test_a_frame_that_was_begun_does_not_hold_the_next_message_back():
    """A torn frame that promises a thousand bytes is given up when the line falls quiet, and what was behind it counts."""
    made = rig()
    async with running(made) as link:
        made.terminal.say(b"$TXXX\x03\xe8")
        made.far_send(TEXT)
        heard = await link.heard(within_s=5)
    assert heard.payload == TEXT


# -- keeping alive


@each_protocol
async def test_a_terminal_that_forgot_its_outputs_is_set_up_again(protocol):
    """Status that stops is asked for again; the link opens by itself and counts it."""
    made = rig(protocol=protocol)
    async with running(made) as link:
        await asyncio.sleep(5)
        made.terminal.stop_status()
        await link.state(LinkState.OPENING, 60)
        report = await link.state(LinkState.OPEN, 60)
        await asyncio.sleep(15)
    assert not link.task.done() or link.task.cancelled()
    assert report.state is LinkState.OPEN
    assert link.report.counters["set up again"] == 1


@each_protocol
async def test_a_hung_terminal_is_lost_with_advice(protocol):
    """A terminal that neither reports nor answers ends the run with what to do."""
    made = rig(protocol=protocol)
    async with running(made) as link:
        made.hang()
        error = await link.ends(120)
    assert isinstance(error, LinkLost)
    assert "switch it off and on" in str(error)


async def test_garbage_is_counted():
    """Noise on the line shows in the report."""
    made = rig()
    async with running(made) as link:
        made.garbage(3000)
        await asyncio.sleep(20)
        counters = dict(link.report.counters)
    assert sum(counters.values()) > 0
