"""The way down: the most urgent thing leaves in the next free slot, over the link the router names, and honestly counted."""

import asyncio
import time

import pytest

from gateway.daemon.housekeeping import EXPIRE_EVERY_S
from gateway.daemon.outbound import REFUSED_PAUSE_S
from gateway.link import SendOutcome, SendResult
from gateway.model import BundleState, Precedence, Station
from gateway.router.policy import REFUSED_RECHECK_S, UNKNOWN_RETRY_S
from gateway.store.commit import Done
from gateway.store.errors import StoreFailed
from tests.gateway.daemon.rig import CARD, running
from tests.gateway.daemon.scripted_link import heard
from tests.gateway.store.helpers import order as order_draft

QUEUED = 100_000


async def dark(rig, *names):
    """Take the signal from links, so that a queue can build up."""
    for name in names or rig.devices:
        rig.devices[name].change(lit=False)
    await rig.settle()


async def light(rig, *names, settle_s=1.0):
    for name in names or rig.devices:
        rig.devices[name].change(lit=True)
    await rig.settle(settle_s)


async def fill(rig, count, precedence=Precedence.ROUTINE):
    """Queue many orders in bulk, as the store itself stores them."""
    for start in range(0, count, 10_000):
        await rig.do(
            lambda outbox, start=start: [
                outbox.accept(order_draft(f"号{n}", precedence=precedence), lane="beidou", now_s=0.0)
                for n in range(start, min(start + 10_000, count))
            ]
        )


# --- SOS first -------------------------------------------------------------------------------------------------


async def test_an_sos_behind_a_hundred_thousand_routine_bundles_leaves_in_the_next_slot(tmp_path):
    """Given 100 000 routine orders draining one a minute, then a FLASH order leaves in the very next free slot."""
    async with running(tmp_path, slot_s=60.0) as rig:
        await dark(rig)
        await fill(rig, QUEUED)
        await light(rig, settle_s=150.0)
        device = rig.devices["bd1"]
        assert len(device.aired) == 3
        began = time.perf_counter()
        order = await rig.send("撤离到高处", precedence="FLASH")
        free_s = device.aired[-1][0] + 60.0

        await rig.settle(60.0)

        taken_s = time.perf_counter() - began
        left_s = device.times_of(f"令{order['number']}:撤离到高处")
        assert left_s == pytest.approx([free_s], abs=0.5)
        print(f"accepted and sent with {QUEUED} queued in {taken_s * 1000:.0f} ms of real time")
        assert taken_s < 5


async def test_every_precedence_goes_before_the_less_urgent_and_the_older_first(tmp_path):
    """Given a mixed queue, then it leaves by precedence, and within one by age."""
    async with running(tmp_path, slot_s=60.0) as rig:
        await dark(rig)
        for n, precedence in enumerate(["ROUTINE", "PRIORITY", "FLASH", "IMMEDIATE"] * 2):
            await rig.send(f"第{n}号", precedence=precedence)
        await light(rig, settle_s=60.0 * 30)

        assert [text[-2] for text in dict.fromkeys(rig.devices["bd1"].texts)] == list("26371504")


async def test_ignored_precedence_would_be_seen(tmp_path, monkeypatch):
    """The planted defect 'precedence ignored in LinkSender._choose' is one that the test above sees."""
    backwards = tuple(reversed(Precedence))

    class Backwards:
        FLASH, IMMEDIATE = Precedence.FLASH, Precedence.IMMEDIATE

        def __iter__(self):
            return iter(backwards)

    monkeypatch.setattr("gateway.daemon.outbound.Precedence", Backwards())
    async with running(tmp_path, slot_s=60.0) as rig:
        await dark(rig)
        for n, precedence in enumerate(["ROUTINE", "PRIORITY", "FLASH", "IMMEDIATE"]):
            await rig.send(f"第{n}号", precedence=precedence)
        await light(rig, settle_s=60.0 * 3)

        assert rig.devices["bd1"].texts[0][-2] != "2"


async def test_an_sos_accepted_while_a_burst_is_in_the_device_is_next(tmp_path):
    """What comes while the device is busy with a routine burst overtakes everything that waits."""
    async with running(tmp_path, slot_s=60.0) as rig:
        await dark(rig)
        await fill(rig, 50)
        await light(rig, settle_s=0.02)
        await rig.send("撤离", precedence="FLASH")
        await rig.settle(70)

        assert [text[-2:] for text in rig.devices["bd1"].texts] == ["号0", "撤离"]


async def test_flash_goes_over_two_links_at_once_and_once_over_each(tmp_path):
    """Given three links, then an SOS order leaves by two within a moment, and not again before its patience is over."""
    async with running(tmp_path, links=("bd1", "bd2", "bd3")) as rig:
        order = await rig.send("撤离", precedence="FLASH")
        await rig.settle(100)

        aired = {name: device.times_of("撤离") for name, device in rig.devices.items()}
        assert sorted(len(times) for times in aired.values()) == [0, 1, 1]
        assert max(times[0] for times in aired.values() if times) < 2
        assert (await rig.found(order["id"])).attempts == 2


async def test_a_second_round_of_flash_goes_over_both_links_too(tmp_path):
    """Given no answer, then after the patience both links send it again, once each."""
    async with running(tmp_path, links=("bd1", "bd2")) as rig:
        await rig.send("撤离", precedence="FLASH")
        await rig.settle(125)

        assert [len(device.times_of("撤离")) for device in rig.devices.values()] == [2, 2]


async def test_flash_on_one_link_does_not_wait_for_a_second(tmp_path):
    """Given one open link of two, then it leaves there at once and by the other when that opens."""
    async with running(tmp_path, links=("bd1", "bd2")) as rig:
        await dark(rig, "bd2")
        await rig.send("撤离", precedence="FLASH")
        await rig.settle(10)
        assert len(rig.devices["bd1"].times_of("撤离")) == 1
        await light(rig, "bd2")
        await rig.settle(130)

        assert len(rig.devices["bd2"].times_of("撤离")) >= 1


async def test_below_flash_nothing_is_ever_in_two_hands(tmp_path):
    """Given two free links, then each order leaves once."""
    async with running(tmp_path, links=("bd1", "bd2")) as rig:
        for n in range(20):
            await rig.send(f"第{n}号", precedence="IMMEDIATE")
        await rig.settle(30)

        texts = [text for device in rig.devices.values() for text in device.texts]
        assert len(texts) == len(set(texts)) == 20


# --- links that fail -------------------------------------------------------------------------------------------


async def test_a_link_that_never_confirms_is_failed_over(tmp_path):
    """Given the first link silent on every burst, then what waits leaves by the second within the policy's time."""
    async with running(tmp_path, links=("bd1", "bd2"), router={"order": {"PRIORITY": ["bd1", "bd2"]}}) as rig:
        rig.devices["bd1"].script.extend([SendOutcome.UNKNOWN] * 1000)
        first = await rig.send("撤离")
        await rig.settle(400)
        second = await rig.send("集合")
        await rig.settle(5)

        assert (await rig.found(second["id"])).state is BundleState.SENT
        assert len(rig.devices["bd2"].times_of("集合")) == 1
        assert rig.devices["bd1"].times_of("集合") == []
        assert (await rig.found(first["id"])).state is BundleState.SENT
        assert len(rig.devices["bd2"].times_of("撤离")) == 1


async def test_an_urgent_burst_without_feedback_goes_by_the_other_link_at_once(tmp_path):
    """IMMEDIATE does not wait for the silent link's next try."""
    async with running(tmp_path, links=("bd1", "bd2")) as rig:
        rig.devices["bd1"].script.append(SendOutcome.UNKNOWN)
        await rig.send("撤离", precedence="IMMEDIATE")
        await rig.settle(20)

        assert rig.devices["bd2"].times_of("撤离")


async def test_a_link_that_was_hung_is_preferred_again_after_the_hold_down(tmp_path):
    """Given a terminal that hung, was lost and came back, then it carries the traffic again after hold_down_s."""
    order = {"PRIORITY": ["bd1", "bd2"]}
    async with running(tmp_path, links=("bd1", "bd2"), router={"order": order}) as rig:
        rig.devices["bd1"].script.extend([SendOutcome.UNKNOWN] * 2)
        await rig.send("撤离")
        await rig.settle(350)
        rig.devices["bd1"].script.clear()
        rig.devices["bd1"].change(hung=True)
        await rig.settle(60)
        rig.devices["bd1"].change(hung=False)
        await rig.settle(30)
        await rig.send("集合一")
        await rig.settle(400)
        await rig.send("集合二")
        await rig.settle(5)

        assert rig.devices["bd2"].times_of("集合一")
        assert rig.devices["bd1"].times_of("集合二")


async def test_a_refusing_link_is_asked_once_an_hour(tmp_path):
    """Given a device that refuses an order, then it is shown as refused, asked once an hour, and never in a circle."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].script.extend([SendOutcome.REFUSED] * 100)
        order = await rig.send("撤离", lifetime_s=2.5 * REFUSED_RECHECK_S)
        await rig.settle(5)
        assert (await rig.found(order["id"])).state is BundleState.REFUSED
        await rig.settle(2.2 * REFUSED_RECHECK_S)

        assert len(rig.devices["bd1"].script) == 97


async def test_a_device_that_refuses_everything_is_not_led_through_the_queue_at_once(tmp_path):
    """Given a hundred orders and a device that refuses all, then it is asked once a second, and an SOS is still next."""
    async with running(tmp_path) as rig:
        await dark(rig)
        await fill(rig, 100)
        rig.devices["bd1"].script.extend([SendOutcome.REFUSED] * 1000)
        await light(rig, settle_s=20 * REFUSED_PAUSE_S)

        assert 1000 - len(rig.devices["bd1"].script) <= 25


@pytest.mark.parametrize("not_before_s", [None, 0.0, float("inf"), float("nan")])
async def test_a_device_that_defers_everything_is_not_asked_in_a_circle(tmp_path, not_before_s):
    """Given a device that is open and defers every burst, then the whole queue is not led past it in vain."""
    async with running(tmp_path) as rig:
        await dark(rig)
        await fill(rig, 100)
        rig.devices["bd1"].script.extend([SendResult(SendOutcome.DEFERRED, "later", not_before_s)] * 1000)
        before = rig.store.commits
        await light(rig, settle_s=30)

        assert 1 <= 1000 - len(rig.devices["bd1"].script) <= 200
        assert rig.store.commits - before < 1000


async def test_a_deferral_counts_no_attempt_and_ends_with_a_new_report_of_the_device(tmp_path):
    """Nothing left the device, so nothing is counted; and when the device says that it is free, the wait is over."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].script.append(SendResult(SendOutcome.DEFERRED, "later", 9e9))
        order = await rig.send("撤离")
        await rig.settle()
        assert (await rig.found(order["id"])).attempts == 0
        await rig.send("快撤", precedence="FLASH")
        await rig.settle(5)
        assert rig.devices["bd1"].texts == []
        await dark(rig)
        await light(rig)

        assert rig.devices["bd1"].texts[0].endswith("快撤")


async def test_a_destination_that_lost_its_card_does_not_stand_before_others(tmp_path):
    """Given fifty orders to a station whose cards were taken out of the registry, then orders behind them leave."""
    async with running(tmp_path) as rig:
        await dark(rig)
        await rig.station("gone", 7)
        for n in range(50):
            await rig.send(f"第{n}号", to="station:gone")
        order = await rig.send("集合")
        await rig.do(lambda outbox: outbox.station_put(Station("gone")))
        await light(rig, settle_s=60)

        assert (await rig.found(order["id"])).state is BundleState.SENT
        assert "no address" in (await rig.found(1)).reason
        assert (await rig.found(1)).state is BundleState.QUEUED


async def test_what_has_outlived_its_lifetime_is_not_sent(tmp_path):
    """Given a link that opens a moment after an order's lifetime, then the order is not sent, closed or not."""
    async with running(tmp_path) as rig:
        await rig.settle(EXPIRE_EVERY_S - 2)
        await dark(rig)
        order = await rig.send(lifetime_s=3)
        await rig.settle(4)
        await light(rig, settle_s=60)

        assert rig.devices["bd1"].texts == []
        assert (await rig.found(order["id"])).state is BundleState.EXPIRED


async def test_a_station_with_two_cards_is_tried_on_the_other_one_next(tmp_path):
    """Given no answer on the first card, then the repeat goes to the second."""
    async with running(tmp_path) as rig:
        await rig.station("team3", 11, 12)
        await rig.send(to="station:team3")
        await rig.settle(905)

        assert [outgoing.peer for _, outgoing in rig.devices["bd1"].aired] == ["11", "12"]


# --- evidence and crashes --------------------------------------------------------------------------------------


async def test_states_are_what_is_known(tmp_path):
    """Queued, handed while the device has it, sent when it left: never delivered by radio alone."""
    async with running(tmp_path) as rig:
        await dark(rig)
        order = await rig.send("撤离")
        states = [(await rig.found(order["id"])).state]
        rig.devices["bd1"].change(lit=True)
        await asyncio.sleep(0.02)
        states.append((await rig.found(order["id"])).state)
        await rig.settle()
        states.append((await rig.found(order["id"])).state)

        assert states == [BundleState.QUEUED, BundleState.HANDED, BundleState.SENT]


async def test_no_feedback_leaves_the_state_where_it_was_and_says_so_in_the_history(tmp_path):
    """UNKNOWN claims nothing; the attempt tells."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].script.append(SendOutcome.UNKNOWN)
        order = await rig.send("撤离")
        await rig.settle(30)

        assert (await rig.found(order["id"])).state is BundleState.QUEUED
        history = (await rig.ask(op="explain", id=order["id"]))["history"]
        assert any(event["words"].startswith("unknown") for event in history)


async def test_a_crash_while_the_device_has_it_gives_unknown_and_a_retry(tmp_path):
    """Given a crash between begin and finish, then the try is UNKNOWN in the history and the order leaves again."""
    async with running(tmp_path) as rig:
        order = await rig.send("撤离")
        await asyncio.sleep(0.02)
        assert (await rig.found(order["id"])).state is BundleState.HANDED
        await rig.crash()
        await rig.start()

        found = await rig.found(order["id"])
        history = (await rig.ask(op="explain", id=order["id"]))["history"]
        assert found.state is BundleState.SENT
        assert "the gateway stopped before the answer" in history[1]["words"]
        assert history[2]["words"].startswith("accepted")


async def test_the_try_is_on_disk_before_the_device_has_it(tmp_path):
    """Given a crash at the moment the device gets the burst, then the try is found after it: nothing leaves unrecorded."""
    async with running(tmp_path) as rig:
        seen = []
        link = rig.runner.link
        send = link.send

        async def looking(outgoing):
            bundle = rig.store._file.outbox.find(outgoing.label)
            seen.append((bundle.state, rig.store._file.connection.in_transaction))
            return await send(outgoing)

        link.send = looking
        await rig.send("撤离")
        await rig.settle()

        assert seen == [(BundleState.HANDED, False)]


async def test_repeats_end_at_tries_max_and_the_order_waits_for_its_answer(tmp_path):
    """PRIORITY is sent three times without an answer, then it waits; an answer still closes it."""
    async with running(tmp_path) as rig:
        order = await rig.send("撤离")
        await rig.settle(6 * 3600)
        assert len(rig.devices["bd1"].texts) == 3
        await rig.hear(heard(f"收到{order['number']}"))

        assert (await rig.found(order["id"])).state is BundleState.ANSWERED


async def test_an_answer_while_the_burst_is_in_the_device_stands(tmp_path):
    """Given the answer before the feedback, then the order stays answered when the try ends."""
    async with running(tmp_path) as rig:
        order = await rig.send("撤离")
        await rig.settle()
        await rig.settle(898.98)
        rig.devices["bd1"].script.append(SendOutcome.UNKNOWN)
        await asyncio.sleep(1)
        await rig.hear(heard(f"收到{order['number']}"))
        await rig.settle(UNKNOWN_RETRY_S * 2)

        assert (await rig.found(order["id"])).state is BundleState.ANSWERED
        assert len(rig.devices["bd1"].texts) == 2


# --- receipts and orders share the slots ------------------------------------------------------------------------


async def test_an_sos_order_goes_before_receipts_and_receipts_before_routine_orders_that_came_later(tmp_path):
    """FLASH orders, then the receipt for an SOS; among the less urgent the older goes first."""
    async with running(tmp_path, slot_s=60.0) as rig:
        await dark(rig)
        await rig.hear(heard("平安，在漩口小学"))
        await rig.settle()
        await rig.send("今晚回话", kind="chat")
        await rig.hear(heard("求救，3人被困", peer="179774"))
        await rig.send("撤离", precedence="FLASH")
        await light(rig, settle_s=60 * 30)

        firsts = [text.partition(",")[0] for text in dict.fromkeys(rig.devices["bd1"].texts)]
        assert firsts == ["令4:撤离", "求救已收到", "已收到", "今晚回话"]


async def test_a_capacity_too_small_for_any_receipt_blocks_nothing(tmp_path):
    """Given a card that cannot carry the shortest receipt, then it stays owed and orders go on."""
    async with running(tmp_path) as rig:
        real = rig.runner.link.bits_of
        rig.runner.link.bits_of = lambda payload: 9999 if "收到" in payload.text else real(payload)
        await rig.hear(heard("平安，在漩口小学"))
        order = await rig.send("撤离")
        await rig.settle(5)

        assert await rig.owed() == {CARD: [1]}
        assert (await rig.found(order["id"])).state is BundleState.SENT


# --- the worker itself -----------------------------------------------------------------------------------------


async def test_a_failing_store_stops_no_link_for_good(tmp_path, monkeypatch):
    """Given a disk that refuses for a minute, then the order leaves when it works again, once."""
    async with running(tmp_path) as rig:
        await dark(rig)
        order = await rig.send("撤离")
        real, fails = rig.store._commit_here, [True]

        def commit_here(functions):
            if fails[0]:
                return [Done(error=StoreFailed("disk I/O error"))] * len(functions)
            return real(functions)

        monkeypatch.setattr(rig.store, "_commit_here", commit_here)
        rig.devices["bd1"].change(lit=True)
        await rig.settle(60)
        assert rig.devices["bd1"].texts == []
        fails[0] = False
        await rig.settle(60)

        assert (await rig.found(order["id"])).state is BundleState.SENT
        assert len(rig.devices["bd1"].texts) == 1


async def test_an_outcome_that_the_disk_did_not_take_is_written_later(tmp_path, monkeypatch):
    """Given a disk that fails while the burst is in the device, then the order is sent once and known as sent afterwards."""
    async with running(tmp_path) as rig:
        order = await rig.send("撤离")
        await asyncio.sleep(0.02)
        with monkeypatch.context() as patch:
            patch.setattr(
                rig.store, "_commit_here", lambda functions: [Done(error=StoreFailed("full"))] * len(functions)
            )
            await rig.settle(200)
        await rig.settle(20)

        found = await rig.found(order["id"])
        assert (found.state, found.attempts) == (BundleState.SENT, 1)
        assert len(rig.devices["bd1"].texts) == 1
        assert rig.core.progress.stuck() == []


async def test_a_worker_with_nothing_to_do_is_still(tmp_path):
    """An idle gateway makes a handful of transactions an hour, not a storm of looks."""
    async with running(tmp_path) as rig:
        looks = [0]
        run = rig.store.run

        async def counting(function):
            looks[0] += 1
            return await run(function)

        rig.store.run = counting
        await rig.settle(3600)

        assert looks[0] < 1500
