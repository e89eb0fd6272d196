"""Long reports in pieces: over several links at once, and out of the way of whatever is more urgent. Whole gateways."""

import asyncio
from dataclasses import replace

import pytest

from gateway.daemon.outbound import LinkSender
from gateway.daemon.tasks import BundleTask
from gateway.model import BundleState, Precedence
from gateway.router.tariff import Tariff
from gateway.simulate.loop import run_virtual
from tests.simulation.gateways import CARD, World, bundles, report, reports_at

HOUR_S = 3600.0
SLOT_S = 62.0
LONG = "".join(f"第{number}组在{number * 37}号点巡查，里程{number * 911}，已设标志；" for number in range(1, 36))
"""About 1 kB in the air format: some fifteen Beidou messages."""


PIECES = 15


def over(tmp_path, *, terminals, before=None, say=None, seed=1, loss=0.0, within_s=4 * HOUR_S):
    """Send a long report over so many cards; return how long it took, and the world when it has stopped."""

    async def live():
        world = World(tmp_path, loss=loss, seed=seed, terminals=terminals)
        await world.start()
        await asyncio.sleep(60)
        await report(world.v1, "就位", kind="chat")
        await asyncio.sleep(900)
        loop = asyncio.get_running_loop()
        if before is not None:
            await before(world)
        began_s = loop.time()
        await report(world.v1, LONG, kind="chat")
        if say is not None:
            await say(world)
        while LONG not in await reports_at(world.hq):
            await asyncio.sleep(1.0)
            assert loop.time() < began_s + within_s, "never arrived"
        took_s = loop.time() - began_s
        await asyncio.sleep(900)
        assert (
            next(one for one in await bundles(world.v1) if one.draft.message.text == LONG).precedence
            is Precedence.ROUTINE
        )
        mine = {one.draft.message.text: one for one in await bundles(world.v1)}
        frames = {name: runner.sent_count for name, runner in world.v1.gateway.core.links.items()}
        await world.stop()
        return took_s, mine, frames

    return run_virtual(live())


def test_two_cards_take_half_the_time(tmp_path):
    """Each takes the next pieces when its slot opens; any of them serve, so nobody waits for the other."""
    one_s, mine, _ = over(tmp_path / "one", terminals=1)
    two_s, both, frames = over(tmp_path / "two", terminals=2)

    assert 0.4 < two_s / one_s < 0.6, f"{one_s:.0f} s over one card, {two_s:.0f} s over two"
    assert {mine[LONG].state, both[LONG].state} == {BundleState.RELAYED}
    assert min(frames.values()) > 0.3 * max(frames.values())


def test_a_card_that_keeps_the_transfer_is_seen(tmp_path, monkeypatch):
    """Planted: pieces go over the chosen link only, as whole bundles do."""
    monkeypatch.setattr(LinkSender, "_helps", lambda *_: False)

    with pytest.raises(AssertionError, match="over one card"):
        test_two_cards_take_half_the_time(tmp_path)


@pytest.mark.parametrize("seed", range(3))
def test_two_cards_under_a_bad_sky_bring_it_once(tmp_path, seed):
    """Pieces lost on either card are made up by others; it is there once, and known to be."""
    _, mine, _ = over(tmp_path, terminals=2, seed=seed, loss=0.3)

    assert mine[LONG].state is BundleState.RELAYED


async def one_card_brings_nothing(world):
    """The cheap card's bursts are lost from now on though its terminal says that they left; the other one costs."""
    real = world.sky._uplink
    world.sky._uplink = lambda card: card != CARD and real(card)
    dear = world.v1.gateway.core.links["bd2"]
    dear.terms = replace(dear.terms, tariff=Tariff(price_per_frame=1.0))


def test_a_long_report_leaves_a_card_that_brings_nothing(tmp_path):
    """When nobody answers for some slots the other card gets pieces, though it is dearer."""
    took_s, mine, frames = over(tmp_path, terminals=2, before=one_card_brings_nothing, within_s=HOUR_S)

    assert mine[LONG].state is BundleState.RELAYED
    assert frames["bd2"] < 1.5 * PIECES, f"{frames} frames, {took_s:.0f} s"


def test_a_transfer_that_never_leaves_its_card_is_seen(tmp_path, monkeypatch):
    """Planted: however long it is silent, a piece is no try of the whole."""
    monkeypatch.setattr("gateway.air.transfers.POLLS_UNANSWERED", 1000)

    with pytest.raises(AssertionError, match="never arrived"):
        test_a_long_report_leaves_a_card_that_brings_nothing(tmp_path)


async def sos_in_the_middle(world):
    """Half-way through, somebody calls for help; it must leave in the next slot of the card."""
    await asyncio.sleep(5 * SLOT_S)
    assert LONG not in await reports_at(world.hq)
    said_s = asyncio.get_running_loop().time()
    await report(world.v1, "SOS 三人被困")
    while "SOS 三人被困" not in await reports_at(world.hq):
        await asyncio.sleep(1.0)
        late_s = asyncio.get_running_loop().time() - said_s
        assert late_s < SLOT_S + 10.0, f"the SOS waited {late_s:.0f} s behind a long report"
    assert LONG not in await reports_at(world.hq)


def test_an_sos_goes_between_two_pieces(tmp_path):
    """It leaves in the next slot, and the long report goes on afterwards and is whole."""
    _, mine, _ = over(tmp_path, terminals=1, say=sos_in_the_middle)

    assert mine["SOS 三人被困"].state is BundleState.RELAYED
    assert mine[LONG].state is BundleState.RELAYED


def test_a_transfer_that_keeps_the_link_is_seen(tmp_path, monkeypatch):
    """Planted: what has begun is finished first."""
    real = LinkSender._choose

    def keeps(self, outbox, views):
        now_s = self._core.now_s()
        for bundle in outbox.due("beidou", 3, now_s, 16):
            if self._air.is_in_parts(outbox, bundle):
                hop = self._air.to.hop(outbox, bundle, now_s)
                task = real(self, outbox, views)
                return None if task is None else BundleTask(bundle, task.outgoing, "planted", hop.peer)
        return real(self, outbox, views)

    monkeypatch.setattr(LinkSender, "_choose", keeps)

    with pytest.raises(AssertionError, match="behind a long report"):
        test_an_sos_goes_between_two_pieces(tmp_path)
