"""A peer heard again gets at once what waited for it, and a peer that goes on talking releases nothing."""

import pytest

from gateway.daemon import heardagain
from gateway.daemon.heardagain import SILENCE_S, HeardAgain
from gateway.link import SendOutcome
from gateway.model import BundleState, Endpoint
from tests.gateway.daemon.rig import CARD, running
from tests.gateway.daemon.scripted_link import heard

HOUR_S = 3_600.0


async def put_off(rig, text="撤离"):
    """Give an order that the device never confirms, until its next try is far away; return its reference."""
    rig.devices["bd1"].script.extend([SendOutcome.UNKNOWN] * 9)
    reference = (await rig.send(text))["id"]
    await rig.settle(2_000.0)
    rig.devices["bd1"].script.clear()
    assert (await rig.found(reference)).due_s > rig.core.now_s() + SILENCE_S
    return reference


async def test_a_person_heard_again_gets_the_order_in_the_next_slot(tmp_path):
    """Given an order whose next try is far away, when its receiver speaks after a silence, then it leaves at once."""
    async with running(tmp_path) as rig:
        reference = await put_off(rig)
        before = len(rig.devices["bd1"].aired)

        await rig.hear(heard("到达"))
        await rig.settle(30.0)

        assert any("撤离" in outgoing.payload.text for _, outgoing in rig.devices["bd1"].aired[before:])
        assert (await rig.found(reference)).state is BundleState.SENT


async def test_an_order_that_left_is_not_sent_again_for_every_word(tmp_path):
    """Given an order that the device sent, then the person's reports do not bring it again: no receipt is no loss."""
    async with running(tmp_path) as rig:
        await rig.send()
        await rig.settle(HOUR_S)
        before = rig.devices["bd1"].times_of("撤离")

        for number in range(5):
            await rig.hear(heard(f"到达{number}号点"))
            await rig.settle(2 * SILENCE_S)

        assert rig.devices["bd1"].times_of("撤离") == before


class Outbox:
    """Counts what it is asked to release."""

    def __init__(self):
        self.released = []

    def release(self, destination, now_s, *, sent_too, limit):
        self.released.append((str(destination), now_s, sent_too))
        assert limit == heardagain.RELEASED_MAX
        return 0

    def station_by_card(self, _card):
        return None


@pytest.mark.parametrize(("after_s", "times"), [(SILENCE_S - 1, 1), (SILENCE_S, 2)])
def test_a_talking_peer_is_not_heard_again(after_s, times):
    """Only a word after SILENCE_S releases, so that traffic costs no look at the queue."""
    memory, outbox = HeardAgain(None), Outbox()

    memory.person(outbox, Endpoint.card(CARD), 10.0)
    memory.person(outbox, Endpoint.card(CARD), 10.0 + after_s)

    assert len(outbox.released) == times


def test_the_gateway_above_releases_reports_for_the_centre():
    """What waits for the bus waits for the gateway above, and what left without a receipt goes again."""
    memory, outbox = HeardAgain(None), Outbox()

    memory.gateway(outbox, "hq", 10.0, is_upstream=True)
    memory.gateway(outbox, "v1", 10.0, is_upstream=False)

    assert outbox.released == [("station:hq", 10.0, True), ("bus:centre", 10.0, True), ("station:v1", 10.0, True)]


def test_the_memory_of_peers_is_bounded(monkeypatch):
    """At PEERS_MAX the one that was silent longest is forgotten."""
    monkeypatch.setattr(heardagain, "PEERS_MAX", 3)
    memory, outbox = HeardAgain(None), Outbox()

    for number in range(1, 5):
        memory.person(outbox, Endpoint.card(number), float(number))
    memory.person(outbox, Endpoint.card(4), 5.0)
    memory.person(outbox, Endpoint.card(1), 5.0)

    assert len(memory) == 3
    assert [who for who, _, _ in outbox.released] == [f"card:{n}" for n in (1, 2, 3, 4, 1)]
