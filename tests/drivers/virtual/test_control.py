"""The control socket's requests, without sockets: people, faults, counters, and what is refused."""

import asyncio
import json
import random
from types import SimpleNamespace

import pytest

from drivers.virtual.control import Control
from drivers.virtual.handset import Handset
from drivers.virtual.sky import Sky
from drivers.virtual.terminals import simulated_terminal
from tests.drivers.virtual.rig import CALM


class FakePort:
    def __init__(self):
        self.calls = []

    async def open(self):
        self.calls.append("open")

    async def close(self):
        self.calls.append("close")


def world():
    sky = Sky(random.Random(1), CALM)
    return SimpleNamespace(
        sky=sky,
        handsets={card: Handset(sky, card) for card in (1, 2)},
        terminals={"post": simulated_terminal("bd-2.1", sky, 9)},
        ports={"post": FakePort()},
    )


async def ask(scene, **request):
    return await Control(scene).answer(json.dumps(request).encode())


async def test_people_type_and_read():
    """What one person types is on the other's screen; wait_inbox waits for it; inbox reads from a number on."""
    scene = world()

    typed = await ask(scene, op="type", card=1, text="求救", to=2, position=[30.0, 104.0])
    waited = await ask(scene, op="wait_inbox", card=2, containing="求")
    inbox = await ask(scene, op="inbox", card=2)
    rest = await ask(scene, op="inbox", card=2, after=1)

    assert typed == {"ok": True}
    assert waited == {"ok": True, "received": {"at_s": 0.5, "sender": 1, "text": "求救"}}
    assert inbox["inbox"] == [waited["received"]]
    assert rest == {"ok": True, "inbox": []}


async def test_waiting_in_vain_is_an_answer():
    """Nothing within the time is told as an error, not as silence."""
    answer = await ask(world(), op="wait_inbox", card=1, containing="x", timeout_s=5)

    assert not answer["ok"]
    assert "5 s" in answer["error"]


async def test_unplug_and_plug_move_the_port_once():
    """Unplugging twice closes the port once; plugging twice opens it once."""
    scene = world()

    for op in ("unplug", "unplug", "plug", "plug"):
        await ask(scene, op=op, terminal="post")

    assert scene.ports["post"].calls == ["close", "open"]
    assert scene.terminals["post"].plugged


async def test_faults_reach_the_terminal():
    """Every other fault of the terminal can be asked for."""
    scene = world()
    terminal = scene.terminals["post"]
    said = []
    terminal.attach(said.append)

    for request in (
        {"op": "garbage", "bytes": 7},
        {"op": "duplicate"},
        {"op": "drop_feedback"},
        {"op": "stop_status"},
        {"op": "hang"},
        {"op": "garbage", "bytes": 7},
        {"op": "resume"},
        {"op": "power_cycle"},
    ):
        assert await ask(scene, terminal="post", **request) == {"ok": True}

    assert [len(data) for data in said] == [7], "a hung terminal spoke"


async def test_outage_and_status():
    """An outage darkens a card until it is ended; status shows every counter."""
    scene = world()

    await ask(scene, op="outage", seconds=100, card=1)
    dark = scene.sky.dark(1)
    await ask(scene, op="end_outages")
    await ask(scene, op="type", card=1, text="好", to=2)
    await asyncio.sleep(5)
    status = await ask(scene, op="status")

    assert dark
    assert not scene.sky.dark(1)
    assert status["sky"]["arrived"] == 1
    assert status["handsets"]["1"] == {"sent": 1, "waiting": 0, "inbox": 0}
    assert status["terminals"]["post"]["plugged"] is True


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b"{", "JSON"),
        (b'{"op": "dance"}', "tag"),
        (b'{"op": "type", "card": 1, "text": "x"}', "to"),
        (b'{"op": "type", "card": 5, "text": "x", "to": 1}', "no handset with card 5"),
        (b'{"op": "hang", "terminal": "x"}', "no terminal 'x'"),
        (b'{"op": "garbage", "terminal": "post", "bytes": 99999999}', "65536"),
        (json.dumps({"op": "type", "card": 1, "text": "长" * 45, "to": 2}).encode(), "over capacity"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(line, word):
    """Bad requests are answered with what is wrong."""
    answer = await Control(world()).answer(line)

    assert not answer["ok"]
    assert word in answer["error"]
