"""What comes in from the bus changes only what it may change, and is answered."""

import asyncio
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.bus.port import BusLost, BusRefused
from gateway.daemon.buspublisher import CONSUMERS_RETURN_S
from gateway.daemon.busside import BACKOFF_MAX_S, REFUSED_RETRY_S, RETRY_S_MAX
from gateway.model import BundleState
from gateway.simulate.loop import run_virtual
from tests.gateway.daemon.rig import BASE, CARD, Consumer, Rig, running
from tests.gateway.daemon.scripted_link import heard

SOS = "求救，3人被困"


async def connected(rig, confirms=None):
    consumer = Consumer(rig.broker, confirms)
    await rig.settle(CONSUMERS_RETURN_S + 2)
    consumer.messages.clear()
    return consumer


async def reported(rig, text=SOS):
    """Let a report come in and be published; return its bundle."""
    await rig.hear(heard(text))
    await rig.settle(2)
    return (await rig.reports())[-1]


# --- receipts of consumers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "state"), [("delivered", "delivered"), ("answered", "answered"), ("refused", "refused")]
)
async def test_a_named_consumer_says_how_far_a_report_came(tmp_path, level, state):
    """Delivered and answered close it; refused is shown as that and is not published again."""
    async with running(tmp_path, bus={}) as rig:
        consumer = await connected(rig)
        report = await reported(rig)
        consumer.confirm(report.id, level=level)
        await rig.settle()
        consumer.messages.clear()
        await rig.settle(3600)

        found = await rig.found(report.id)
        assert found.state == state
        assert "consumer:centre" in found.reason
        assert consumer.reports() == []


@pytest.mark.parametrize("by", ["map2", "Centre", "centre ", "gateway:cp1", "gateway:centre", ""])
async def test_a_receipt_of_somebody_else_changes_nothing(tmp_path, by):
    """Only consumers named in the configuration close reports, letter for letter."""
    async with running(tmp_path, bus={}) as rig:
        consumer = await connected(rig)
        report = await reported(rig)
        consumer.confirm(report.id, by=by)
        await rig.settle()

        assert (await rig.found(report.id)).state is BundleState.SENT


async def test_unchecked_consumer_names_would_be_seen(tmp_path, monkeypatch):
    """The planted defect 'consumer name unchecked' is one that the test above sees."""
    async with running(tmp_path, bus={}) as rig:

        class Anybody:
            def __contains__(self, _):
                return True

        monkeypatch.setattr(rig.gateway.bus, "_settings", rig.settings.bus.model_copy(update={"consumers": Anybody()}))
        consumer = await connected(rig)
        report = await reported(rig)
        consumer.confirm(report.id, by="map2")
        await rig.settle()

        assert (await rig.found(report.id)).state is BundleState.DELIVERED


async def test_with_no_consumer_named_no_receipt_closes_anything(tmp_path):
    """An empty list means nobody, not everybody."""
    async with running(tmp_path, bus={"consumers": []}) as rig:
        consumer = await connected(rig)
        report = await reported(rig)
        consumer.confirm(report.id)
        await rig.settle()

        assert (await rig.found(report.id)).state is BundleState.SENT


async def test_a_consumers_receipt_never_closes_an_order(tmp_path):
    """Evidence about an order comes from the field, not from the side that gave it."""
    async with running(tmp_path, bus={}) as rig:
        consumer = await connected(rig)
        order = await rig.send()
        await rig.settle()
        consumer.confirm(order["id"], level="answered")
        await rig.settle()

        assert (await rig.found(order["id"])).state is BundleState.SENT


@pytest.mark.parametrize("forged", ["cp1-AAAA-1", "cp2-{epoch}-1", "cp1-{epoch}-01", "cp1-{epoch}-999", "1", "x"])
async def test_a_receipt_for_an_id_that_is_not_exactly_ours_changes_nothing(tmp_path, forged):
    """Guessing the number is not enough, and nothing breaks on what was never given out."""
    async with running(tmp_path, bus={}) as rig:
        consumer = await connected(rig)
        report = await reported(rig)
        consumer.confirm(forged.format(epoch=report.id.split("-")[1]))
        await rig.settle()

        assert (await rig.found(report.id)).state is BundleState.SENT


async def test_the_author_of_an_sos_learns_that_the_centre_has_it(tmp_path):
    """Given custody told first, then the consumer's receipt is told to the handset as well."""
    async with running(tmp_path, bus={}) as rig:
        consumer = await connected(rig)
        report = await reported(rig)
        await rig.settle(5)
        consumer.confirm(report.id)
        await rig.settle(90)

        assert rig.devices["bd1"].texts == [
            f"求救已收到,编号{report.seq},请保持开机",
            f"指挥中心已收到{report.seq}",
        ]


async def test_a_second_receipt_does_no_harm(tmp_path):
    """Two consumers, or one twice: the first closes it, the second changes nothing."""
    async with running(tmp_path, bus={"consumers": ["centre", "map1"]}) as rig:
        consumer = await connected(rig)
        report = await reported(rig)
        for by in ("centre", "map1", "centre"):
            consumer.confirm(report.id, by=by)
        await rig.settle()

        assert "consumer:centre" in (await rig.found(report.id)).reason
        assert rig.store.balance.balanced


# --- orders from the bus ---------------------------------------------------------------------------------------


async def test_orders_are_denied_unless_allowed(tmp_path):
    """Default deny: the order changes nothing and its author is told how to allow it."""
    async with running(tmp_path, bus={"commands": "deny"}) as rig:
        consumer = await connected(rig)
        consumer.command()
        await rig.settle()

        assert await rig.orders() == []
        (refusal,) = consumer.on("refusal")
        assert refusal["command_id"] == "order-1"
        assert 'commands = "allow"' in refusal["faults"][0]


async def test_an_allowed_order_goes_out_with_its_number(tmp_path):
    """It is stored, sent, and its author sees it by his own id."""
    async with running(tmp_path, bus={}) as rig:
        consumer = await connected(rig)
        consumer.command(precedence="IMMEDIATE", lifetime_s=600)
        await rig.settle(3)

        (order,) = await rig.orders()
        assert rig.devices["bd1"].texts == [f"令{order.seq}:到三号点集合"]
        assert {value["command_id"] for value in consumer.on("receipt")} == {"order-1"}


@pytest.mark.parametrize("topic", ["down/card:179773", "receipt/{report}"])
async def test_retained_messages_change_nothing(tmp_path, topic):
    """A retained order or receipt is found again at every connection; it is never obeyed, and an order so given is refused aloud."""
    async with running(tmp_path, bus={}) as rig:
        rig.broker.persistent = True
        consumer = await connected(rig)
        report = await reported(rig)
        body = {"id": "old-1", "text": "撤离"} if "down" in topic else {"level": "delivered", "by": "centre"}
        rig.broker._retained[f"{BASE}/{topic.format(report=report.id)}"] = json.dumps(body).encode()
        rig.broker._sessions.clear()
        rig.broker.cut()
        await rig.settle(20)

        assert await rig.orders() == []
        assert (await rig.found(report.id)).state is BundleState.SENT
        assert len(consumer.on("refusal")) == ("down" in topic)


@pytest.mark.parametrize(
    ("endpoint", "body", "words"),
    [
        (f"card:{CARD}", b"{", "JSON"),
        (f"card:{CARD}", b"\xff", "JSON"),
        (f"card:{CARD}", b"x" * 20_000, "16384"),
        (f"card:{CARD}", b"[]", "found"),
        (f"card:{CARD}", b'{"text":"x"}', "id"),
        (f"card:{CARD}", b'{"id":"a","text":"x","lifetime_s":NaN}', "lifetime_s"),
        (f"card:{CARD}", b'{"id":"a","text":"x","lifetime_s":1e999}', "lifetime_s"),
        (f"card:{CARD}", b'{"id":"a","text":"x","precedence":"SOS"}', "precedence"),
        (f"card:{CARD}", b'{"id":"a","text":"x\\u001b[2J"}', "control characters"),
        (f"card:{CARD}", '{"id":"a","text":"%s"}'.replace("%s", "撤" * 300).encode(), "Shorten"),
        ("station:nobody", b'{"id":"a","text":"x"}', "no such station"),
        ("bus:centre", b'{"id":"a","text":"x"}', "field"),
        ("nonsense", b'{"id":"a","text":"x"}', "kind:name"),
        ("group:none", b'{"id":"a","text":"x"}', "no station"),
    ],
)
async def test_an_order_that_cannot_be_taken_is_refused_aloud(tmp_path, endpoint, body, words):
    """Every fault is published with what to do, and nothing is stored."""
    async with running(tmp_path, bus={}) as rig:
        consumer = await connected(rig)
        rig.broker.publish(f"{BASE}/down/{endpoint}", body)
        await rig.settle()

        (refusal,) = consumer.on("refusal")
        assert words in "; ".join(refusal["faults"])
        assert await rig.orders() == []


async def test_the_same_order_again_changes_nothing_and_is_answered_again(tmp_path):
    """Whoever lost the receipt and repeats the order gets its state once more, and the field gets nothing twice."""
    async with running(tmp_path, bus={}) as rig:
        consumer = await connected(rig)
        consumer.command()
        await rig.settle(3)
        consumer.messages.clear()
        consumer.command()
        await rig.settle(3)

        (order,) = await rig.orders()
        assert len(rig.devices["bd1"].texts) == 1
        assert consumer.states_of(order.id) == ["sent"]


async def test_a_flood_of_bad_orders_does_not_delay_an_sos(tmp_path):
    """Given a thousand faulty orders, then an SOS is published within a second and the refusals are bounded."""
    async with running(tmp_path, bus={}) as rig:
        consumer = await connected(rig)
        for _ in range(1000):
            rig.broker.publish(f"{BASE}/down/nonsense", b"{}")
        await rig.settle(3)
        await rig.hear(heard(SOS))
        await rig.settle(1)

        assert [topic for topic, _ in consumer.reports()] == ["up/sos"]


async def test_refusals_wait_for_the_connection(tmp_path):
    """Given a connection that breaks while refusals are being published, then the rest comes with the next one."""
    async with running(tmp_path, bus={}) as rig:
        rig.broker.persistent = True
        consumer = await connected(rig)
        for _ in range(30):
            rig.broker.publish(f"{BASE}/down/nonsense", b"{}")
        await rig.settle(0.45)
        rig.broker.cut()
        await rig.settle(60)

        assert len(consumer.on("refusal")) >= 30


# --- states ----------------------------------------------------------------------------------------------------


async def test_the_retained_state_is_true_and_adds_up(tmp_path):
    """Online with links and balance while we live; the last will says offline when we do not."""
    async with running(tmp_path, bus={}) as rig:
        await rig.hear(heard(SOS))
        await rig.settle(70)
        state = json.loads(rig.broker._retained[f"{BASE}/state"])
        assert state["state"] == "online"
        assert state["links"] == [{"name": "bd1", "state": "open"}]
        balance = state["balance"]
        assert balance["accepted"] == sum(balance[key] for key in ("delivered", "queued", "expired", "shed")) == 1
        await rig.crash()
        await asyncio.sleep(1)

        assert json.loads(rig.broker._retained[f"{BASE}/state"])["state"] == "offline"
        await rig.start()


async def test_a_changed_link_is_told_within_seconds_and_an_unchanged_one_is_not_repeated(tmp_path):
    """States go out when they change; slots and counters that move all the time are no news."""
    async with running(tmp_path, bus={}, slot_s=10.0) as rig:
        consumer = await connected(rig)
        for n in range(5):
            await rig.send(f"第{n}号")
        await rig.settle(50)
        assert consumer.on("link") == []
        rig.devices["bd1"].change(lit=False)
        await rig.settle(5)

        assert [value["state"] for value in consumer.on("link")] == ["busy"]


async def test_states_are_said_again_now_and_then(tmp_path):
    """A broker may lose retained messages."""
    async with running(tmp_path, bus={}) as rig:
        consumer = await connected(rig)
        await rig.settle(600)

        assert 9 <= len(consumer.on("state")) <= 11


# --- connections -----------------------------------------------------------------------------------------------


async def test_a_dead_broker_is_looked_for_every_few_seconds_and_logged_once(tmp_path):
    """An hour without a broker is one line, and its return is noticed within seconds."""
    with capture_logs() as logs:
        async with running(tmp_path, bus={}) as rig:
            await connected(rig)
            rig.broker.down()
            await rig.settle(3600)
            assert (await rig.ask(op="status"))["bus"]["for_s"] > 3590
            rig.broker.up()
            await rig.settle(BACKOFF_MAX_S + 1)
            assert (await rig.ask(op="status"))["bus"]["state"] == "connected"

    lost = [line for line in logs if line["event"] == "bus lost"]
    assert len(lost) <= 2


class ScriptedPort:
    """A port whose run raises what it is given."""

    is_connected = False

    def __init__(self, error):
        self.error, self.calls = error, []

    async def run(self, sink):
        del sink
        self.calls.append(asyncio.get_running_loop().time())
        raise self.error

    async def publish(self, topic, payload, *, retain=False):
        raise AssertionError((topic, payload, retain))


@pytest.mark.parametrize(
    ("error", "least_s", "most_s"),
    [
        (BusRefused("bad password"), REFUSED_RETRY_S, REFUSED_RETRY_S),
        (BusLost("slow down", retry_after_s=30.0), 30.0, 30.0),
        (BusLost("slow down", retry_after_s=0.0), 0.5, 0.5),
        (BusLost("slow down", retry_after_s=86_400.0), RETRY_S_MAX, RETRY_S_MAX),
        (BusLost("gone"), 0.25, BACKOFF_MAX_S),
    ],
)
async def test_how_long_a_broker_is_left_alone(tmp_path, error, least_s, most_s):
    """The broker's wish counts within bounds, a wrong password slowly, everything else within seconds; the watchdog stays fed."""
    async with running(tmp_path, bus={}) as rig:
        port = rig.gateway.bus._port = ScriptedPort(error)
        rig.broker.down()
        await rig.settle(700)

        waits = [after - before for before, after in itertools.pairwise(port.calls)]
        assert waits
        assert all(least_s - 0.01 <= wait_s <= most_s + 0.01 for wait_s in waits)
        assert rig.core.progress.stuck() == []


async def test_a_bug_in_the_bus_ends_the_gateway(tmp_path):
    """Only BusLost is absorbed."""
    rig = Rig(tmp_path, bus={})
    rig.open()
    rig.gateway.bus._port = ScriptedPort(ValueError("a bug"))
    rig.task = asyncio.create_task(rig.gateway.run())

    with pytest.raises(ExceptionGroup) as caught:
        await rig.settle(5)

    assert caught.group_contains(ValueError)
    rig.store.abandon()


# --- anything may come -----------------------------------------------------------------------------------------


topics = st.one_of(
    st.sampled_from(
        [f"{BASE}/down/card:1", f"{BASE}/receipt/cp1-AAAA-1", f"{BASE}/down/", f"{BASE}/up/sos", "", "$SYS/x"]
    ),
    st.text(max_size=30).map(lambda text: f"{BASE}/{text}"),
    st.text(max_size=30),
)
bodies = st.one_of(
    st.binary(max_size=60),
    st.dictionaries(
        st.sampled_from(["id", "text", "kind", "precedence", "lifetime_s", "reply_to", "from", "level", "by"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=8)
        | st.lists(st.integers(), max_size=2),
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.tuples(topics, bodies, st.booleans()), max_size=6))
def test_nothing_on_the_bus_ends_the_gateway(tmp_path_factory, messages):
    """Whatever anybody publishes, the gateway lives on and the balance holds."""

    async def live():
        rig = Rig(tmp_path_factory.mktemp("bus"), bus={})
        await rig.start()
        for topic, body, retained in messages:
            await rig.gateway.bus.received(topic, body, retained=retained)
        await rig.settle(10)
        assert rig.store.balance.balanced
        await rig.stop()

    run_virtual(live())
