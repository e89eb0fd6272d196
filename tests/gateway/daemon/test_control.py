"""The control socket answers everything it is told in one JSON line, and no client can end or block the gateway."""

import asyncio
import contextlib
import json
import math
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.daemon.control import CLIENTS_MAX, IDLE_S_MAX, REQUEST_BYTES_MAX, ControlSocket
from gateway.daemon.requests import OperationError
from gateway.link import LinkReport, LinkState, SendOutcome
from gateway.simulate.loop import run_virtual
from tests.gateway.daemon.rig import running
from tests.gateway.daemon.scripted_link import heard


@contextlib.asynccontextmanager
async def serving(tmp_path, **options):
    """Run a gateway with its control socket; yields the rig with ``socket`` and ``connect``."""
    async with running(tmp_path, **options) as rig:
        rig.socket = tmp_path / "control.sock"
        control = ControlSocket(rig.socket, rig.gateway.operations)
        await control.open()
        task = asyncio.create_task(control.run())
        await asyncio.sleep(0)
        try:
            yield rig
        finally:
            task.cancel()
            await asyncio.wait({task})


class Client:
    """One connection."""

    @classmethod
    async def connect(cls, rig):
        client = cls()
        client.reader, client.writer = await asyncio.open_unix_connection(rig.socket, limit=2**26)
        return client

    def send(self, raw):
        self.writer.write(raw)

    async def line(self):
        """Return the next answer, which must be strict JSON; None at the end."""
        line = await self.reader.readline()
        return json.loads(line, parse_constant=_no_constants) if line else None

    async def ask(self, **request):
        self.send(json.dumps(request).encode() + b"\n")
        return await self.line()

    def close(self):
        self.writer.close()


def _no_constants(word):
    raise AssertionError(f"{word} is no JSON")


async def test_one_line_in_one_line_out_as_often_as_liked(tmp_path):
    """Requests on one connection are answered in order."""
    async with serving(tmp_path) as rig:
        client = await Client.connect(rig)
        client.send(b'{"op":"status"}\n{"op":"nonsense"}\n{"op":"station_list"}\n')

        answers = [await client.line() for _ in range(3)]

        assert [answer["ok"] for answer in answers] == [True, False, True]
        client.close()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"\n", "bad request"),
        (b"{", "bad request"),
        (b"\xff\xfe\n", "bad request"),
        (b"5", "bad request"),
        (b"null", "bad request"),
        (b"[" * 60_000, "bad request"),
        (b"{}", "unknown operation"),
        (b'{"op":5}', "unknown operation"),
        (b'{"op":"__class__"}', "unknown operation"),
        (b'{"op":"send"}', "refused"),
        (b'{"op":"send","to":"card:1","text":"x","lifetime_s":' + b"9" * 5000 + b"}", "bad request"),
        (b'{"op":"explain","id":"nobody"}', "not found"),
        (b'{"op":"explain","id":"\\ud800"}', "not found"),
        (b'{"op":"explain","id":""}', "refused"),
        (b'{"op":"explain","id":"99999999999999999999999999"}', "not found"),
        (b'{"op":"wait","id":"1","level":"read"}', "refused"),
        (b'{"op":"wait","id":"1"}', "not found"),
        (b'{"op":"station_add","id":"a b"}', "refused"),
        (b'{"op":"station_add","id":"a","cards":"12"}', "refused"),
        (b'{"op":"station_add","id":"a","cards":[1.9]}', "refused"),
        (b'{"op":"station_add","id":"a","cards":[true]}', "refused"),
        (b'{"op":"station_add","id":"a","cards":null}', "refused"),
        (b'{"op":"station_add","id":"a","cards":[0]}', "refused"),
        (b'{"op":"station_add","id":"a","groups":[{}]}', "refused"),
        (b'{"op":"station_add","id":"a","name":"\\ud800"}', "refused"),
    ],
)
async def test_what_is_wrong_is_answered_with_a_code_and_the_socket_lives_on(tmp_path, line, code):
    """No line gets silence or a broken connection, and the next one is served."""
    async with serving(tmp_path) as rig:
        client = await Client.connect(rig)
        client.send(line.rstrip(b"\n") + b"\n")

        answer = await client.line()
        assert (answer["ok"], answer["code"]) == (False, code)
        assert answer["error"]
        assert (await client.ask(op="status"))["ok"]
        client.close()


async def test_a_line_above_the_limit_is_answered_before_the_connection_ends(tmp_path):
    """Somebody who sends too much is told so."""
    async with serving(tmp_path) as rig:
        client = await Client.connect(rig)
        client.send(b'{"op":"send","text":"' + b"x" * 2 * REQUEST_BYTES_MAX)

        answer = await client.line()
        assert str(REQUEST_BYTES_MAX) in answer["error"]
        assert await client.line() is None
        client.close()


async def test_too_many_clients_are_told_and_a_place_that_is_freed_is_given_on(tmp_path):
    """CLIENTS_MAX are served; one more is told to come again, and served when one has gone."""
    async with serving(tmp_path) as rig:
        clients = [await Client.connect(rig) for _ in range(CLIENTS_MAX)]
        for client in clients:
            assert (await client.ask(op="station_list"))["ok"]
        late = await Client.connect(rig)
        assert (await late.line())["code"] == "busy"
        clients.pop().close()
        await asyncio.sleep(0.1)
        again = await Client.connect(rig)

        assert (await again.ask(op="station_list"))["ok"]
        for client in (*clients, late, again):
            client.close()


async def test_clients_that_say_nothing_lose_their_place(tmp_path):
    """Idle connections do not lock a technician out for ever."""
    async with serving(tmp_path) as rig:
        clients = [await Client.connect(rig) for _ in range(CLIENTS_MAX)]
        await asyncio.sleep(IDLE_S_MAX + 5)
        late = await Client.connect(rig)

        assert (await late.ask(op="station_list"))["ok"]
        for client in (*clients, late):
            client.close()


async def test_waiters_that_hung_up_lose_their_place(tmp_path):
    """Given 32 interrupted ``send --wait``, then the next command is served within seconds."""
    async with serving(tmp_path) as rig:
        rig.devices["bd1"].change(lit=False)
        await rig.settle()
        order = await rig.send()
        for _ in range(CLIENTS_MAX):
            client = await Client.connect(rig)
            client.send(json.dumps({"op": "wait", "id": order["id"], "timeout_s": 80_000}).encode() + b"\n")
            await asyncio.sleep(0.01)
            client.close()
        await asyncio.sleep(10)
        late = await Client.connect(rig)

        assert (await late.ask(op="station_list"))["ok"]
        late.close()


async def test_a_client_that_shuts_its_sending_side_still_gets_its_answer(tmp_path):
    """``echo … | nc -N -U`` closes one way before it reads."""
    async with serving(tmp_path) as rig:
        client = await Client.connect(rig)
        client.send(b'{"op":"status"}\n')
        client.writer.write_eof()

        assert (await client.line())["ok"]
        client.close()


async def test_only_owner_and_group_may_use_it_and_a_stale_file_is_replaced(tmp_path):
    """Permissions guard the socket; a file left by a killed daemon does not keep the next one out."""
    (tmp_path / "control.sock").write_text("left over")
    async with serving(tmp_path) as rig:
        assert stat.S_IMODE(rig.socket.stat().st_mode) == 0o660
        assert stat.S_ISSOCK(rig.socket.stat().st_mode)

    assert not (tmp_path / "control.sock").exists()


async def test_stopping_does_not_wait_for_clients_that_wait(tmp_path):
    """Given a client that waits for hours, then the socket closes at once."""
    async with running(tmp_path) as rig:
        rig.socket = tmp_path / "control.sock"
        control = ControlSocket(rig.socket, rig.gateway.operations)
        task = asyncio.create_task(control.run())
        await asyncio.sleep(0.1)
        order = await rig.send()
        client = await Client.connect(rig)
        client.send(json.dumps({"op": "wait", "id": order["id"]}).encode() + b"\n")
        await asyncio.sleep(1)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=1.0)

        assert done
        client.close()


async def test_what_a_driver_reports_is_always_json(tmp_path):
    """Bytes, infinities and odd objects in a driver's report do not break status."""
    async with serving(tmp_path) as rig:
        odd = {"card": b"\x01", "level": math.inf, "nan": math.nan, "state": LinkState.OPEN, "set": {1}, 5: "x"}
        rig.runner.report(
            LinkReport(LinkState.OPEN, "\ud800", not_before_s=math.inf, identity=odd, counters={"bad checksum": 1})
        )
        client = await Client.connect(rig)

        answer = await client.ask(op="status")
        assert answer["ok"]
        assert answer["result"]["links"][0]["counters"] == {"bad checksum": 1}
        client.close()


requests = st.dictionaries(
    st.sampled_from(
        ["op", "to", "text", "kind", "precedence", "lifetime_s", "id", "level", "timeout_s", "cards", "name"]
    ),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=10)
    | st.sampled_from(["send", "wait", "explain", "status", "station_add", "card:1", "1", "FLASH", "ack", "answered"])
    | st.lists(st.integers(), max_size=2),
)


@settings(deadline=None, derandomize=True, max_examples=80)
@given(st.lists(requests | st.binary(max_size=30), max_size=5))
def test_no_request_ends_anything(tmp_path_factory, lines):
    """Whatever is asked, each line gets one answer and the gateway lives on."""

    async def live():
        async with serving(tmp_path_factory.mktemp("control")) as rig:
            await rig.send()
            client = await Client.connect(rig)
            for line in lines:
                raw = line if isinstance(line, bytes) else json.dumps(line).encode()
                client.send(raw.replace(b"\n", b"") + b"\n")
                assert "ok" in await client.line()
            client.close()
            await rig.settle()

    run_virtual(live())


# --- operations ------------------------------------------------------------------------------------------------


async def test_waiting_ends_with_the_evidence_and_not_before(tmp_path):
    """Given a wait for the answer, then it returns when the answer has come, at that moment."""
    async with running(tmp_path) as rig:
        order = await rig.send()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        loop.call_later(500, lambda: asyncio.ensure_future(rig.hear(heard(f"收到{order['number']}"))))

        result = await rig.ask(op="wait", id=order["id"], level="answered", timeout_s=3600)

        assert result["reached"]
        assert loop.time() - began_s == pytest.approx(500, abs=1)


@pytest.mark.parametrize(("timeout_s", "takes_s"), [(0, 0), (7, 7), (1e300, 86_400)])
async def test_waiting_ends_in_time(tmp_path, timeout_s, takes_s):
    """Nothing means now, not for ever; more than a day is a day."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].change(lit=False)
        await rig.settle()
        order = await rig.send(lifetime_s=20 * 86_400)
        began_s = asyncio.get_running_loop().time()

        result = await rig.ask(op="wait", id=order["id"], timeout_s=timeout_s)

        assert not result["reached"]
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(takes_s, abs=0.1)


async def test_waiting_ends_when_the_bundle_does(tmp_path):
    """An expired order will not be delivered: the wait is over and says so."""
    async with running(tmp_path) as rig:
        rig.devices["bd1"].change(lit=False)
        await rig.settle()
        order = await rig.send(lifetime_s=60)

        result = await rig.ask(op="wait", id=order["id"], timeout_s=3600)

        assert (result["reached"], result["bundle"]["state"]) == (False, "expired")


@pytest.mark.parametrize("timeout_s", [math.nan, -1, "5", True, [1]])
async def test_a_time_that_is_none_is_refused(tmp_path, timeout_s):
    """NaN would spoil the loop's timers."""
    async with running(tmp_path) as rig:
        order = await rig.send()
        with pytest.raises(ValueError, match="timeout_s"):
            await rig.ask(op="wait", id=order["id"], timeout_s=timeout_s)


async def test_a_hundred_waiters_are_woken_by_one_change(tmp_path):
    """No wake-up is lost, whoever looks first."""
    async with running(tmp_path) as rig:
        order = await rig.send()
        waits = [
            asyncio.create_task(rig.ask(op="wait", id=order["id"], level="answered", timeout_s=3600))
            for _ in range(100)
        ]
        await rig.settle(5)
        await rig.hear(heard(f"收到{order['number']}"))

        results = await asyncio.wait_for(asyncio.gather(*waits), 1.0)
        assert all(result["reached"] for result in results)


async def test_explain_tells_what_happened_and_what_it_waits_for(tmp_path):
    """In every stage of an order's life there is a sentence for it."""
    async with running(tmp_path, slot_s=60.0) as rig:
        rig.devices["bd1"].change(lit=False)
        await rig.settle()
        first, second = await rig.send("撤离"), await rig.send("集合", kind="chat")

        async def waits(order):
            return (await rig.ask(op="explain", id=order["id"]))["waits"]

        assert await waits(first) == "waits: no link is open: bd1 busy"
        rig.devices["bd1"].change(lit=True)
        await asyncio.sleep(0.02)
        assert "device's hands" in await waits(first)
        await rig.settle(2)
        assert (await waits(first)).startswith("next try in")
        assert (await waits(second)).startswith("goes by bd1 in 5")
        await rig.settle(120)
        assert "waits for an answer" in await waits(second)
        await rig.hear(heard(f"收到{first['number']}"))
        explained = await rig.ask(op="explain", id=str(first["number"]))
        assert explained["waits"] == "closed: nothing more happens"
        assert [event["what"] for event in explained["history"]] == ["accepted", "try", "receipt"]


async def test_explain_of_a_report_without_a_bus(tmp_path):
    """A post without a bus says that it has none."""
    async with running(tmp_path) as rig:
        await rig.hear(heard("平安，在漩口小学"))

        assert "none is configured" in (await rig.ask(op="explain", id="1"))["waits"]


async def test_status_adds_up(tmp_path):
    """Queue and balance tell the same story, in numbers that JSON can carry."""
    async with running(tmp_path, bus={}) as rig:
        rig.devices["bd1"].script.append(SendOutcome.UNKNOWN)
        await rig.hear(heard("求救，3人被困"))
        await rig.send(lifetime_s=20)
        await rig.settle(60)
        status = await rig.ask(op="status")

        balance = status["balance"]
        assert (
            balance["accepted"] == 2 == balance["delivered"] + balance["queued"] + balance["expired"] + balance["shed"]
        )
        assert status["queue"]["precedence"]["FLASH"]["up"] == 1
        assert status["queue"]["oldest_unreceipted_sos_s"] == pytest.approx(60, abs=2)


async def test_a_station_is_stored_listed_and_replaced(tmp_path):
    """Adding again replaces; listing tells all."""
    async with running(tmp_path) as rig:
        await rig.ask(op="station_add", id="team3", cards=[242286], groups=["rescue"], name="三队")
        await rig.ask(op="station_add", id="team3", cards=[5], addresses=["hf:B7A"])

        assert (await rig.ask(op="station_list"))["stations"] == [
            {"id": "team3", "name": "", "cards": [5], "groups": [], "grids": [], "addresses": ["hf:B7A"]}
        ]


async def test_a_part_of_an_address_book_is_taken_whole_or_refused(tmp_path):
    """Given a part with a fault in it, then none of it is there; without, all of it, and again changes nothing."""
    async with running(tmp_path) as rig:
        good = [{"id": "v1", "name": "村", "cards": [7]}, {"id": "v2", "addresses": ["hf:B7A"]}]
        with pytest.raises(OperationError, match="123456789"):
            await rig.ask(op="station_import", stations=[*good, {"id": "v3", "cards": [123456789]}])
        assert (await rig.ask(op="station_list"))["total"] == 0

        assert await rig.ask(op="station_import", stations=good) == {"added": 2, "changed": 0, "same": 0}
        assert await rig.ask(op="station_import", stations=good) == {"added": 0, "changed": 0, "same": 2}
        for nonsense in (None, {}, [1], "x"):
            with pytest.raises(OperationError, match="stations"):
                await rig.ask(op="station_import", stations=nonsense)
        assert (await rig.do(lambda outbox: outbox.station_by_address("hf", "B7A"))).id == "v2"
