"""Simulated terminals answer real commands with sentences the codec decodes, and refuse what real ones refuse."""

import asyncio
import json
import random
from pathlib import Path

import pytest

from drivers.virtual.memory_port import MemoryPort
from drivers.virtual.sky import Sky
from drivers.virtual.terminals import simulated_terminal
from gateway.link import Fix
from protocols.beidou import bd3, bd21_host, bd21_terminal, bd40_host, bd40_terminal
from protocols.beidou.payload import Payload
from tests.drivers.virtual.host import BROADCAST, CARD, PROTOCOLS, TEXT, Host, each_protocol
from tests.drivers.virtual.rig import CALM

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/beidou.json").read_text(encoding="utf-8"))


# -- the card


async def test_card_of_21_is_told_whole():
    """BDICI gives card, broadcast, type, frequency, level, encryption and subordinates (2.2); fractions survive."""
    host = Host("bd-2.1", frequency_s=1.5, broadcast=BROADCAST, command=True, subordinates=(1, 2, 3), level=4)

    (card,) = await host.ask(b"$CCICA,0,00*7B\r\n")

    assert card == bd21_terminal.BDICI(CARD, f"{CARD:08d}", BROADCAST, 0, 1.5, 4, False, 3)


async def test_card_of_40_is_told_whole():
    """ICXX gives the same (3.6), the frequency in whole seconds, to the command of the reference."""
    host = Host("bd-4.0", frequency_s=1.5, broadcast=11, encrypted=True)

    (card,) = await host.ask(bytes.fromhex("2449434A43000C000000002B"))

    assert card == bd40_terminal.ICXX(CARD, 0, 11, 3, 2, 3, 1, 0)


async def test_card_of_3_is_told_whole():
    """BDICP gives card, frequency and level (5.1); level 5 goes as 0."""
    host = Host("bd-3", level=5, frequency_s=1.5)

    (card,) = await host.ask(b"$CCICR,0,00*68\r\n")

    assert (card.card, card.freq_s, card.level_raw) == (CARD, 2, 0)


@each_protocol
async def test_without_a_card_it_says_so_and_sends_nothing(protocol):
    """The card number is 0, and sending is refused with the protocol's reason."""
    host = Host(protocol)
    host.terminal.has_card = False
    query = {
        "bd-2.1": bd21_host.CCICA(0, 0),
        "bd-4.0": bd40_host.ICJC(0, 0),
        "bd-3": bd3.CCICR(0, "00"),
    }[protocol]

    (card,) = await host.ask(query)
    left, reason, _ = await host.send(TEXT)

    assert getattr(card, "card", getattr(card, "addr", None)) == 0
    assert (left, reason) == {"bd-2.1": (False, 5), "bd-4.0": (False, 1), "bd-3": (False, 5)}[protocol]


async def test_subordinates_of_21_come_forty_a_sentence():
    """Ninety subordinates are three BDICZ, every one but the last full (2.12)."""
    host = Host("bd-2.1", command=True, subordinates=tuple(range(1, 91)))

    lists = await host.ask(b"$CCICA,1,00*7A\r\n")

    assert [(part.total, len(part.addrs)) for part in lists] == [(90, 40), (90, 40), (90, 10)]
    assert [card for part in lists for card in part.addrs] == list(range(1, 91))


async def test_subordinates_of_40_come_by_frame():
    """Frame n of ICJC gives the n-th list (3.6)."""
    host = Host("bd-4.0", command=True, subordinates=tuple(range(1, 51)))

    first, second = await host.ask(bd40_host.ICJC(0, 1), bd40_host.ICJC(0, 2))

    assert [*first.addrs, *second.addrs] == list(range(1, 51))


# -- real commands


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS if v["direction"] == "host->terminal" and v["checksum_ok"] and v["protocol"] in PROTOCOLS],
    ids=lambda v: v["id"],
)
async def test_real_command_is_taken(vector):
    """Commands from the field get answers that the codec decodes, or are counted; nothing breaks."""
    host = Host(vector["protocol"], position=Fix(30.5, 104.0))
    wire = (
        bytes.fromhex(vector["hex"])
        if "hex" in vector
        else vector["ascii"].encode(vector.get("charset", "gbk")) + b"\r\n"
    )

    said = await host.ask(wire)

    assert not [event for event in said if type(event).__name__ in {"Reject", "Unknown", "FreeText"}]
    assert said or sum(host.terminal.counters.values()) or vector["kind"] in {"RMO", "JSZL", "JMS", "BSS"}


# -- sending


@each_protocol
async def test_what_is_sent_arrives(protocol):
    """Chinese, mixed text, code and bytes reach a handset unchanged; the feedback says that the burst left."""
    host = Host(protocol, frequency_s=1)
    payloads = [TEXT, Payload.of_text("A点 3人"), Payload.of_bytes(bytes(range(20))), Payload.of_digits("123")]

    results = []
    for payload in payloads:
        results.append(await host.send(payload))
        await asyncio.sleep(2)

    assert [left for left, _, _ in results] == [True] * 4
    assert [received.text for received in host.far.inbox] == ["平安", "A点 3人", bytes(range(20)).hex().upper(), "123"]


@each_protocol
async def test_too_early_is_refused_with_the_wait(protocol):
    """A second message within the card's frequency is refused, says the rest of the wait, and costs no slot."""
    host = Host(protocol, frequency_s=60)

    await host.send(TEXT)
    await asyncio.sleep(19)
    left, reason, wait_s = await host.send(TEXT)
    await asyncio.sleep(wait_s)
    again, _, _ = await host.send(TEXT)

    assert not left
    assert reason == {"bd-2.1": 0, "bd-4.0": 4, "bd-3": 1}[protocol]
    assert 38 <= wait_s <= 41
    assert again
    assert host.sky.counters.bursts == 2
    assert host.sky.counters.early == 0


@each_protocol
async def test_over_capacity_is_refused(protocol):
    """The longest payload leaves, one byte more does not."""
    host = Host(protocol, frequency_s=1)
    limit = {"bd-2.1": 78, "bd-4.0": 78, "bd-3": 229}[protocol]

    over = await host.send(Payload.of_bytes(b"\x01" * (limit + 1)))
    fits = await host.send(Payload.of_bytes(b"\x01" * limit))

    assert (over[0], fits[0]) == (False, True)
    assert host.sky.counters.bursts == 1


async def test_urgent_messages_are_short():
    """Urgent traffic of BD-2 is 188 bits whatever the level (2.3)."""
    host = Host("bd-2.1", frequency_s=1, level=4)

    over = await host.send(Payload.of_bytes(b"\x01" * 24), urgent=True)
    fits = await host.send(Payload.of_bytes(b"\x01" * 23), urgent=True)

    assert (over[0], fits[0]) == (False, True)


@each_protocol
@pytest.mark.parametrize("why", ["dark", "inhibited", "silent"])
async def test_refuses_for_the_sky_and_the_system(protocol, why):
    """No signal, inhibition and radio silence refuse with their own codes, and afterwards it sends."""
    host = Host(protocol)
    expected = {
        "dark": {"bd-2.1": 4, "bd-4.0": 2, "bd-3": 4},
        "inhibited": {"bd-2.1": 1, "bd-4.0": 7, "bd-3": 2},
        "silent": {"bd-2.1": 3, "bd-4.0": 8, "bd-3": 3},
    }[why][protocol]
    silence, speech = (
        (bd40_host.JMSZ(0, 0), bd40_host.JMSZ(0, 1))
        if protocol == "bd-4.0"
        else (bd21_host.CCJMS("E"), bd21_host.CCJMS("N"))
    )

    if why == "dark":
        host.sky.outage(100)
    elif why == "inhibited":
        host.terminal.inhibited = True
    else:
        await host.ask(silence)
    left, reason, _ = await host.send(TEXT)
    host.sky.end_outages()
    host.terminal.inhibited = False
    await host.ask(speech)
    after, _, _ = await host.send(TEXT)

    assert (left, reason) == (False, expected)
    assert after


@each_protocol
async def test_damage_and_nonsense_are_ignored(protocol):
    """Bad checksums, unknown sentences, self-destruct and commands of other protocols change nothing and get no answer."""
    host = Host(protocol)
    other = bd40_host.ICJC(0, 0) if protocol != "bd-4.0" else bd21_host.CCICA(0, 0)

    said = await host.ask(
        b"$CCICA,0,00*00\r\n",
        b"$CCXYZ,1*5D\r\n",
        b"$CCZHS,00000000*4A\r\n",
        random.Random(1).randbytes(3000),
        other,
    )

    assert said == []
    assert host.sky.counters.bursts == 0
    assert sum(host.terminal.counters.values()) >= 3


async def test_a_wrong_rate_is_noise_both_ways():
    """A host at another rate is not understood and understands nothing; at the right one all is well."""
    sky = Sky(random.Random(1), CALM)
    port = MemoryPort(simulated_terminal("bd-2.1", sky, CARD, baud=19200))
    stream = await port.opener("serial:///x", 115200)

    await stream.write(b"$CCICA,0,00*7B\r\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await stream.read()
    await stream.set_baud(19200)
    await stream.write(b"$CCICA,0,00*7B\r\n")
    answer = await stream.read()
    await stream.close()

    assert answer.startswith(b"$BDICI,0242286,")
