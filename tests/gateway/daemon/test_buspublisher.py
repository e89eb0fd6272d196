"""What goes up to the bus: SOS first, live before backlog, everything until somebody has it."""

import asyncio
import itertools
import random

import pytest

from gateway.bus.memory import MemoryBroker
from gateway.bus.port import INFLIGHT_MAX, PublishRefused
from gateway.daemon.buspublisher import CONSUMERS_RETURN_S, DECLINED_RETRY_S, FLASH_RESEND_S
from gateway.model import BundleState, Precedence
from tests.gateway.daemon.rig import CARD, Consumer, running
from tests.gateway.daemon.scripted_link import heard
from tests.gateway.store.helpers import draft

SOS = "求救，3人被困"


async def fill(rig, count, precedence=Precedence.ROUTINE, card=500_000, cards=1):
    """Accept many reports in bulk, as the store itself stores them."""
    await rig.do(
        lambda outbox: [
            outbox.accept(
                draft(f"报{n}", precedence=precedence, card=card + n % cards), lane="bus", now_s=rig.core.now_s()
            )
            for n in range(count)
        ]
    )
    rig.core.wake_all()


def texts(reports):
    return [value["data"]["properties"]["text"] for _, value in reports]


# --- the plain way ---------------------------------------------------------------------------------------------


async def test_a_live_report_is_on_its_topic_within_a_second(tmp_path):
    """Given a consumer that confirms, then the report is published once, live, and is delivered."""
    async with running(tmp_path, bus={}) as rig:
        consumer = Consumer(rig.broker, confirms="centre")
        await rig.settle(CONSUMERS_RETURN_S + 1)
        await rig.hear(heard(SOS))
        await rig.settle()

        ((topic, report),) = consumer.reports()
        assert topic == "up/sos"
        assert (report["precedence"], report["historical"], report["subject"]) == ("FLASH", False, f"card:{CARD}")
        assert (await rig.found(report["id"])).state is BundleState.DELIVERED


async def test_a_puback_is_not_a_delivery(tmp_path):
    """Given a broker that takes it and no consumer, then the state is sent, and never delivered."""
    async with running(tmp_path, bus={}) as rig:
        await rig.hear(heard(SOS))
        await rig.settle(60)

        assert (await rig.reports())[0].state is BundleState.SENT


async def test_a_known_sender_is_named(tmp_path):
    """The registry's name stands beside the card."""
    async with running(tmp_path, bus={}) as rig:
        await rig.station("team3", int(CARD))
        consumer = Consumer(rig.broker)
        await rig.hear(heard(SOS))
        await rig.settle(CONSUMERS_RETURN_S)

        assert consumer.reports()[0][1]["station"] == "team3"


# --- backlog ---------------------------------------------------------------------------------------------------


async def away(rig):
    rig.broker.down()
    await rig.settle()


async def back(rig, settle_s=CONSUMERS_RETURN_S + 6):
    rig.broker.up()
    await rig.settle(settle_s)


async def test_live_goes_before_the_backlog_which_is_throttled_and_flagged(tmp_path):
    """Given 300 reports from an outage at 10 a second, then new ones of others pass them, and the old come flagged and paced."""
    async with running(tmp_path, bus={"backlog_per_s": 10}) as rig:
        consumer = Consumer(rig.broker)
        await away(rig)
        await fill(rig, 300)
        await back(rig)
        await rig.hear(heard("平安，在漩口小学"))
        await rig.settle(2)

        live = [value for topic, value in consumer.reports() if topic.startswith("up/")]
        old = [value for topic, value in consumer.reports() if topic.startswith("backlog/")]
        assert [value["historical"] for value in live] == [False]
        assert all(value["historical"] for value in old)
        assert 5 <= len(old) <= 120
        await rig.settle(40)
        assert len({value["id"] for topic, value in consumer.reports() if topic.startswith("backlog/")}) == 300


async def test_an_sos_from_the_outage_comes_first_and_on_the_live_topic(tmp_path):
    """Nobody who watches only live topics misses it, though it is flagged historical."""
    async with running(tmp_path, bus={"backlog_per_s": 10}) as rig:
        consumer = Consumer(rig.broker)
        await away(rig)
        await fill(rig, 200)
        await rig.hear(heard(SOS))
        await back(rig)

        topic, report = consumer.reports()[0]
        assert (topic, report["historical"]) == ("up/sos", True)


async def test_a_live_sos_passes_a_backlog_of_thousands(tmp_path):
    """Given thousands queued up, then an SOS that comes meanwhile is out within a second."""
    async with running(tmp_path, bus={"backlog_per_s": 1000}) as rig:
        consumer = Consumer(rig.broker)
        await away(rig)
        await fill(rig, 5000)
        await back(rig, CONSUMERS_RETURN_S + 3)
        await rig.hear(heard(SOS))
        await rig.settle()

        assert SOS in texts(consumer.reports())
        assert len(consumer.reports()) < 4900


async def test_each_senders_reports_stay_in_order(tmp_path):
    """Given a sender with a backlog, then its live reports wait behind it."""
    async with running(tmp_path, bus={"backlog_per_s": 20}) as rig:
        consumer = Consumer(rig.broker)
        await away(rig)
        await fill(rig, 60, card=int(CARD))
        await back(rig, 1)
        await rig.hear(heard("今晚吃什么"))
        await rig.settle(30)

        numbers = [value["number"] for _, value in consumer.reports()]
        assert numbers == sorted(numbers)
        assert len(set(numbers)) == 61


async def test_orders_states_do_not_delay_an_sos(tmp_path):
    """Given hundreds of orders whose states are to be told on a slow uplink, then an SOS is published before them."""
    async with running(tmp_path, bus={}) as rig:
        rig.broker = MemoryBroker(random.Random(1), delay_max_s=1.0)
        await rig.stop()
        await rig.start()
        rig.devices["bd1"].change(lit=False)
        consumer = Consumer(rig.broker)
        await rig.settle(20)
        for n in range(150):
            await rig.station(f"s{n}", n + 1, groups=("all",))
        await rig.ask(op="send", to="group:all", text="集合")
        await rig.hear(heard(SOS))
        await rig.settle(60)

        order = [topic.split("/")[0] for topic, _, _ in consumer.messages if topic.startswith(("up/", "receipt/"))]
        assert order.index("up") <= INFLIGHT_MAX * 2
        assert order.count("receipt") >= 150


# --- a broker that forgets, freezes, declines -------------------------------------------------------------------


async def test_what_a_broker_took_and_forgot_is_published_again(tmp_path):
    """Given a broker that lost its session with unconfirmed reports, then they come again, each with its old id."""
    async with running(tmp_path, bus={}) as rig:
        consumer = Consumer(rig.broker)
        await rig.settle(CONSUMERS_RETURN_S + 1)
        for n in range(20):
            await rig.hear(heard(f"平安，在漩口小学，第{n}次报告"))
        await rig.settle(5)
        first = [value["id"] for _, value in consumer.reports()]
        consumer.messages.clear()
        rig.broker.restart()
        await rig.settle(CONSUMERS_RETURN_S + 6)

        assert sorted(first) == sorted(value["id"] for _, value in consumer.reports())
        assert len(set(first)) == 20


async def test_what_is_confirmed_is_never_published_again(tmp_path):
    """Given a confirmed report, then a broker without a session does not get it again."""
    async with running(tmp_path, bus={}) as rig:
        consumer = Consumer(rig.broker, confirms="centre")
        await rig.settle(CONSUMERS_RETURN_S + 1)
        await rig.hear(heard(SOS))
        await rig.settle()
        consumer.messages.clear()
        rig.broker.restart()
        await rig.settle(3600)

        assert consumer.reports() == []


async def test_a_session_that_was_kept_gets_nothing_twice(tmp_path):
    """Given a broker that keeps its session, then a short break repeats nothing before its time."""
    async with running(tmp_path, bus={}) as rig:
        rig.broker.persistent = True
        consumer = Consumer(rig.broker)
        await rig.settle(CONSUMERS_RETURN_S + 1)
        await rig.hear(heard("平安，在漩口小学"))
        await rig.settle(2)
        rig.broker.cut()
        await rig.settle(60)

        assert len(consumer.reports()) == 1


async def test_an_unconfirmed_report_is_repeated_ever_more_rarely(tmp_path):
    """With consumers named, a report without their receipt goes again, each time after twice as long."""
    async with running(tmp_path, bus={"unconfirmed_resend_s": 600}) as rig:
        times = []
        rig.broker.subscribe(
            ["#"], lambda topic, *_: times.append(asyncio.get_running_loop().time()) if "/chat" in topic else None
        )
        await rig.settle(CONSUMERS_RETURN_S + 1)
        await rig.hear(heard("今晚吃什么"))
        await rig.settle(20_000)

        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert gaps[:4] == pytest.approx([600, 1200, 2400, 4800], abs=5)


async def test_an_unconfirmed_sos_is_repeated_sooner(tmp_path):
    """Half a minute without a consumer's receipt and an SOS goes again."""
    async with running(tmp_path, bus={}) as rig:
        consumer = Consumer(rig.broker)
        await rig.settle(CONSUMERS_RETURN_S + 1)
        await rig.hear(heard(SOS))
        await rig.settle(FLASH_RESEND_S + 3)

        assert texts(consumer.reports()) == [SOS, SOS]


async def test_without_named_consumers_a_puback_ends_the_repeating(tmp_path):
    """Nobody is expected to confirm: the report is kept for its retention and not repeated."""
    async with running(tmp_path, bus={"consumers": [], "retention_s": 7200}) as rig:
        consumer = Consumer(rig.broker)
        await rig.hear(heard("今晚吃什么"))
        await rig.settle(7000)
        assert len(consumer.reports()) == 1
        assert (await rig.reports())[0].state is BundleState.SENT
        await rig.settle(300)

        (report,) = await rig.reports()
        assert (report.state, report.reason) == (BundleState.EXPIRED, "retention ended without consumer receipt")


async def test_a_frozen_broker_loses_nothing(tmp_path):
    """Given a broker that stands still, then its connection is given up, and after the thaw everything arrives."""
    async with running(tmp_path, bus={}) as rig:
        consumer = Consumer(rig.broker)
        await rig.settle(CONSUMERS_RETURN_S + 1)
        rig.broker.freeze()
        for n in range(30):
            await rig.hear(heard(f"平安，在漩口小学，第{n}次报告"))
        await rig.settle(60)
        status = await rig.ask(op="status")
        assert not status["bus"]["connected"]
        rig.broker.thaw()
        await rig.settle(60)

        assert len({value["id"] for _, value in consumer.reports()}) == 30


async def test_a_declined_report_is_kept_and_tried_later_and_blocks_nobody(tmp_path):
    """Given a broker without permission for one topic, then others go on, and the declined one is tried again."""
    async with running(tmp_path, bus={}) as rig:
        consumer = Consumer(rig.broker, confirms="centre")
        port, tries = rig.gateway.bus._port, []
        publish = port.publish

        async def strict(topic, payload, *, retain=False):
            if topic.endswith("/chat"):
                tries.append(asyncio.get_running_loop().time())
                raise PublishRefused(topic, "not authorized")
            await publish(topic, payload, retain=retain)

        port.publish = strict
        await rig.settle(CONSUMERS_RETURN_S + 1)
        await rig.hear(heard("今晚吃什么"))
        await rig.hear(heard(SOS))
        await rig.settle(DECLINED_RETRY_S + 10)

        assert texts(consumer.reports()) == [SOS]
        assert len(tries) == 2
        assert "not authorized" in (await rig.reports())[0].reason


async def test_a_crash_between_puback_and_note_publishes_again_and_loses_nothing(tmp_path):
    """At least once to the bus: the consumer knows a repeat by its id."""
    async with running(tmp_path, bus={}) as rig:
        consumer = Consumer(rig.broker)
        await rig.settle(CONSUMERS_RETURN_S + 1)
        arrived = asyncio.Event()
        rig.broker.subscribe(["#"], lambda topic, *_: arrived.set() if topic.endswith("/chat") else None)
        await rig.hear(heard("今晚吃什么"))
        await arrived.wait()  # the moment a consumer has it; our note comes later
        await rig.crash()
        await rig.start()
        await rig.settle(CONSUMERS_RETURN_S + 5)

        assert len({value["id"] for _, value in consumer.reports()}) == 1
        assert (await rig.reports())[0].state is BundleState.SENT


# --- states of orders ------------------------------------------------------------------------------------------


async def test_an_orders_states_are_told_once_each_also_over_a_restart(tmp_path):
    """Queued, sent and answered are published once each, and a restart repeats none."""
    async with running(tmp_path, bus={}) as rig:
        consumer = Consumer(rig.broker)
        rig.devices["bd1"].change(lit=False)
        await rig.settle(CONSUMERS_RETURN_S + 1)
        consumer.command()
        await rig.settle(5)
        (order,) = await rig.orders()
        rig.devices["bd1"].change(lit=True)
        await rig.settle(5)
        await rig.crash()
        await rig.start()
        await rig.settle(10)
        await rig.hear(heard(f"收到{order.seq}"))
        await rig.settle(10)

        states = [state for state in consumer.states_of(order.id) if state != "handed"]
        assert states == ["queued", "sent", "answered"]


async def test_states_that_change_without_a_bus_are_told_when_it_is_back(tmp_path):
    """Given an order that is sent and answered while the broker is dead, then its author still learns it."""
    async with running(tmp_path, bus={}) as rig:
        consumer = Consumer(rig.broker)
        rig.devices["bd1"].change(lit=False)
        await rig.settle(CONSUMERS_RETURN_S + 1)
        consumer.command()
        await rig.settle(5)
        (order,) = await rig.orders()
        await away(rig)
        rig.devices["bd1"].change(lit=True)
        await rig.settle(10)
        await rig.hear(heard(f"收到{order.seq}"))
        await rig.crash()
        await rig.start()
        await back(rig)

        assert consumer.states_of(order.id)[-1] == "answered"


async def test_receipts_that_are_declined_are_tried_later(tmp_path):
    """A broker that forbids receipts is asked every five minutes, not in a circle."""
    async with running(tmp_path, bus={}) as rig:
        port, tries = rig.gateway.bus._port, []
        publish = port.publish

        async def strict(topic, payload, *, retain=False):
            if "/receipt/" in topic:
                tries.append(topic)
                raise PublishRefused(topic, "not authorized")
            await publish(topic, payload, retain=retain)

        port.publish = strict
        await rig.send()
        await rig.settle(DECLINED_RETRY_S * 2 + 60)

        assert 2 <= len(tries) <= 3


@pytest.mark.parametrize("precedence", [Precedence.IMMEDIATE, Precedence.PRIORITY])
async def test_among_live_reports_the_more_urgent_go_first(tmp_path, precedence):
    """Given a burst of live reports of all kinds, then they go by urgency."""
    async with running(tmp_path, bus={}) as rig:
        consumer = Consumer(rig.broker)
        await rig.settle(CONSUMERS_RETURN_S + 1)

        def burst(outbox):
            for n, one in enumerate([Precedence.ROUTINE, precedence, Precedence.FLASH]):
                outbox.accept(draft(f"{n}", precedence=one, card=n + 5), lane="bus", now_s=rig.core.now_s())

        await rig.do(burst)
        rig.core.wake_all()
        await rig.settle()

        assert texts(consumer.reports()) == ["2", "1", "0"]
