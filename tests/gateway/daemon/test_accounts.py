"""Budgets and estimates of a link across restarts, on the real daemon."""

from gateway.daemon.accounts import ESTIMATE_KEY, LEDGER_KEY
from gateway.model import BundleState
from gateway.router.budget import Budget, Ledger, Limits, Period
from gateway.router.tariff import Spend
from gateway.store.limits import MEMORY_VALUE_CHARS_MAX
from tests.gateway.daemon.rig import running

HOUR_S = 3_600.0
ROUTER = {"budget": {"bd1": {"hour": {"messages": 4}, "sos_reserve": 0.25}}}


async def sent(rig):
    return sum("撤离" in text for text in rig.devices["bd1"].texts)


async def give(rig, count, **more):
    for number in range(count):
        await rig.send(f"撤离{number}", **more)
    await rig.settle(60.0)


async def test_a_budget_holds_and_the_reserve_is_for_an_sos(tmp_path):
    """Given 4 messages an hour of which a quarter is reserved, then 3 ordinary orders leave and a FLASH one beside them."""
    async with running(tmp_path, router=ROUTER) as rig:
        await give(rig, 6)
        assert await sent(rig) == 3

        await give(rig, 1, precedence="FLASH")
        assert await sent(rig) >= 4

        await rig.settle(HOUR_S + 400.0)
        assert await sent(rig) >= 6, "the hour is over"


async def test_a_restart_does_not_refill_a_budget(tmp_path):
    """Given a spent budget, when the gateway crashes and starts again, then nothing more leaves within the hour."""
    async with running(tmp_path, router=ROUTER) as rig:
        await give(rig, 6)
        await rig.crash()
        await rig.start()
        await rig.settle(600.0)

        assert await sent(rig) == 3


async def test_what_was_learned_is_there_after_a_restart(tmp_path):
    """Given evidence that was written, when the gateway starts again, then its link is as known as before."""
    async with running(tmp_path) as rig:
        rig.runner.estimate = rig.runner.estimate.after_lost(rig.core.now_s())
        await rig.settle(HOUR_S / 2)
        await give(rig, 1)
        await rig.crash()
        await rig.start()
        await rig.settle(10.0)

        assert rig.runner.estimate.bad > 0


async def test_damaged_figures_are_as_good_as_none(tmp_path):
    """Given values that are no figures, then the link starts with a full budget and no knowledge, and serves."""
    async with running(tmp_path, router=ROUTER) as rig:
        for key in (ESTIMATE_KEY, LEDGER_KEY + "hour"):
            await rig.do(lambda outbox, key=key: outbox.memory_save("bd1", key, '{"good": "much"}', 0.0))
        await rig.crash()
        await rig.start()
        order = await rig.send()
        await rig.settle(10.0)

        assert (await rig.found(order["id"])).state is BundleState.SENT


async def test_one_source_does_not_take_it_all(tmp_path):
    """Given a budget per source, then a flood from one leaves the link to the others."""
    async with running(tmp_path, router={"source_budget": {"hour": {"messages": 2}, "sos_reserve": 0.0}}) as rig:
        await give(rig, 5)

        assert await sent(rig) == 2


def test_the_longest_ledger_fits_into_a_links_memory():
    """Every bucket of the longest window full of large figures is still one value."""
    ledger = Ledger(
        Budget({Period.MONTH: Limits(money=1e9), Period.DAY: Limits(money=1e9), Period.HOUR: Limits(money=1e9)})
    )
    spend = Spend(123_456.0, 123_456_789.123, 1_234_567.123456, 9_876_543.123456)
    for hour in range(40 * 24 * 12):
        ledger = ledger.after(spend, hour * 300.0)

    longest = max(len(str(buckets).replace(" ", "")) for buckets in ledger.to_json().values())

    assert longest <= MEMORY_VALUE_CHARS_MAX
