"""The Beidou driver on real ports: a pty and TCP, with the plug pulled and put back."""

import asyncio
import random

import pytest

from drivers.beidou.link import BeidouLink
from drivers.beidou.probe import probe_port
from drivers.beidou.settings import BeidouSettings
from drivers.virtual.ports import PtyPort, TcpPort
from drivers.virtual.sky import Sky, SkySettings
from drivers.virtual.terminals import simulated_terminal
from gateway.link import LinkContext, LinkLost, LinkState, Outgoing, Payload, SendOutcome
from tests.contract.fakes import FakeMemory, FakeSink
from tests.drivers.virtual.rig import CARD, FAR, Far

pytestmark = pytest.mark.e2e
TEXT = Payload.of_text("被困3人,请速救援*")


def terminal_and_far(protocol, baud):
    sky = Sky(random.Random(1), SkySettings(loss=0.0, delay_mean_s=0.02, delay_min_s=0.01))
    terminal = simulated_terminal(protocol, sky, CARD, level=2 if protocol == "bd-3" else 3, frequency_s=1.0, baud=baud)
    return terminal, Far(sky, commands=False)


async def eventually(true, within_s=10.0):
    async with asyncio.timeout(within_s):
        while True:
            if true():
                return
            await asyncio.sleep(0.02)


async def send_when_due(link):
    while True:
        result = await link.send(Outgoing(str(FAR), TEXT))
        if result.outcome is not SendOutcome.DEFERRED:
            return result
        await asyncio.sleep(result.not_before_s - asyncio.get_running_loop().time())


async def serve_both_ways(link, far):
    """Run the link until its port goes; return the error, what was heard and what became of a send."""
    sink, already = FakeSink(), len(far.inbox)
    task = asyncio.create_task(link.run(sink))
    await sink.until(lambda: sink.state is LinkState.OPEN, 20, "OPEN")
    far.send(TEXT, CARD)
    await sink.until(lambda: len(sink.heard_all) == 1, 10, "heard")
    result = await send_when_due(link)
    await eventually(lambda: len(far.inbox) > already)
    return task, sink.heard_all, result


@pytest.mark.parametrize("protocol", ["bd-2.1", "bd-4.0", "bd-3"])
@pytest.mark.parametrize("kind", ["pty", "tcp"])
async def test_a_port_serves_and_comes_back(kind, protocol, tmp_path):
    """Both ways over a real port, lost with the plug, and both ways again when it is back at the same address."""
    terminal, far = terminal_and_far(protocol, baud=19_200 if (kind, protocol) == ("pty", "bd-2.1") else 115_200)
    port = PtyPort(terminal, tmp_path / "ttyUSB0") if kind == "pty" else TcpPort(terminal, "127.0.0.1", 0)
    await port.open()
    url = str(port.path) if kind == "pty" else f"tcp://{port.host}:{port.port}"
    link = BeidouLink(BeidouSettings(url=url, slot_margin_s=0.5), LinkContext("bd1", FakeMemory(), random.Random(1)))

    probed = await probe_port(url)
    for _ in range(2):
        task, heard, result = await serve_both_ways(link, far)
        await port.close()
        await asyncio.wait({task}, timeout=10)
        assert isinstance(task.exception(), LinkLost)
        assert [each.payload for each in heard] == [TEXT]
        assert result.outcome is SendOutcome.ACCEPTED
        await port.open()

    assert probed.identity["card"] == str(CARD)
    assert far.inbox == [TEXT, TEXT]
    await port.close()
    await asyncio.sleep(0.01)
