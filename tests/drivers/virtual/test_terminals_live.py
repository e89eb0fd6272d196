"""Simulated terminals show what arrives, send their outputs, and have the faults that tests need."""

import asyncio
import random

import pytest

from drivers.virtual.handset import Handset
from drivers.virtual.memory_port import MemoryPort
from drivers.virtual.sky import Burst, Sky, SkySettings
from drivers.virtual.terminal import BOOT_S
from drivers.virtual.terminals import simulated_terminal
from gateway.link import Fix, LinkLost, LinkTransient
from protocols.beidou import bd3, bd21_binary, bd21_host, bd21_terminal, bd40_host, bd40_terminal
from tests.drivers.virtual.host import BROADCAST, CARD, FAR, PROTOCOLS, SUBORDINATE, TEXT, Host, each_protocol
from tests.drivers.virtual.rig import CALM

# -- receiving


@each_protocol
async def test_what_arrives_is_shown(protocol):
    """A handset's text comes out in the terminal's own sentence with its sender."""
    host = Host(protocol)

    host.far.type_text("SOS 被困", CARD)
    await asyncio.sleep(2)

    message = next(event for event in host.events if type(event).__name__ in {"BDTXR", "TXXX", "BDTCI"})
    assert (message.sender, message.payload.text) == (FAR, "SOS 被困")


async def test_copies_of_subordinates_in_21_are_binary():
    """A command terminal shows overheard messages as XST and positions as XSD (4.2), its own as TXR and WAA."""
    host = Host("bd-2.1", command=True, subordinates=(SUBORDINATE,))
    subordinate = Handset(host.sky, SUBORDINATE, frequency_s=0.0)

    subordinate.type_text("抄送", FAR, position=Fix(30.5, 104.25))
    subordinate.type_text("上报", CARD, position=Fix(30.5, 104.25, 12))
    await asyncio.sleep(2)

    kinds = [type(event) for event in host.events]
    assert sorted(kinds, key=str) == sorted(
        [bd21_binary.BDXST, bd21_binary.BDXSD, bd21_terminal.BDTXR, bd21_terminal.BDWAA], key=str
    )
    copy, place = host.events[kinds.index(bd21_binary.BDXST)], host.events[kinds.index(bd21_binary.BDXSD)]
    assert (copy.receiver, copy.sender, copy.payload.text) == (FAR, SUBORDINATE, "抄送")
    assert (place.addr, place.lat, place.lon) == (SUBORDINATE, pytest.approx(30.5), pytest.approx(104.25))


@pytest.mark.parametrize("protocol", ["bd-4.0", "bd-3"])
async def test_copies_elsewhere_name_their_receiver(protocol):
    """In 4.0 the user address of TXXX, in Beidou-3 the receiver of TCI tell a copy (4.2)."""
    host = Host(protocol, command=True, subordinates=(SUBORDINATE,))
    subordinate = Handset(host.sky, SUBORDINATE)

    subordinate.type_text("抄送", FAR)
    await asyncio.sleep(2)

    (copy,) = [event for event in host.events if type(event).__name__ in {"TXXX", "BDTCI"}]
    assert (getattr(copy, "receiver", None) or copy.addr) == FAR


async def test_broadcast_is_type_3_at_a_member():
    """A command terminal's broadcast reaches members as TXR type 3 (4.3)."""
    host = Host("bd-2.1", broadcast=BROADCAST)
    simulated_terminal("bd-2.1", host.sky, 300, broadcast=BROADCAST, command=True)

    host.sky.transmit(Burst(300, BROADCAST, TEXT))
    await asyncio.sleep(2)

    (message,) = host.events
    assert (message.msg_type, message.sender) == (3, 300)


async def test_stored_messages_and_receipts_of_21():
    """CXA gives the latest stored message with its time, and HZR for what the other has received (2.11)."""
    host = Host("bd-2.1", frequency_s=1)
    host.far.type_text("存", CARD)
    await host.send(TEXT)
    await asyncio.sleep(60)

    latest = await host.ask(bd21_host.CCCXA(1, 1), wait_s=5)
    receipts = await host.ask(bd21_host.CCCXA(1, 3, FAR), wait_s=5)

    assert [(e.msg_type, e.sent_at, e.payload.text) for e in latest if isinstance(e, bd21_terminal.BDTXR)] == [
        (4, "00:00", "存")
    ]
    (hzr,) = [e for e in receipts if isinstance(e, bd21_terminal.BDHZR)]
    assert (hzr.addr, [(r.sent_at, r.received_at) for r in hzr.receipts]) == (FAR, [("00:00", "00:00")])


async def test_fix_on_request():
    """CCDWA costs a slot and brings the position as DWR type 1; DWSQ brings DWXX."""
    place = Fix(22.673418, 114.042668, 47)
    host21, host40 = Host("bd-2.1", position=place), Host("bd-4.0", position=place)

    said21 = await host21.ask(b"$CCDWA,0000000,V,1,L,,0,,,0*65\r\n", wait_s=5)
    said40 = await host40.ask(bd40_host.DWSQ(CARD, info=0x04, height_m=0, antenna_dm=0, air=(0, 0), freq_s=0), wait_s=5)

    dwr = next(e for e in said21 if isinstance(e, bd21_terminal.BDDWR))
    dwxx = next(e for e in said40 if isinstance(e, bd40_terminal.DWXX))
    assert (dwr.pos_type, dwr.addr, dwr.height_m) == (1, CARD, 47)
    assert (dwr.lat, dwr.lon) == (pytest.approx(22.673418, abs=1e-5), pytest.approx(114.042668, abs=1e-5))
    assert (dwxx.lat, dwxx.lon) == (pytest.approx(22.673418, abs=1e-4), pytest.approx(114.042668, abs=1e-4))
    assert host21.sky.counters.bursts == 1


# -- outputs


async def test_periodic_outputs_of_21():
    """RMO starts, stops and single-shoots outputs (2.7), and the beams are the sky's."""
    host = Host("bd-2.1", position=Fix(30.5, 104.0, 500))

    await host.ask(bd21_host.CCRMO("BSI", 2, 10), bd21_host.CCRMO("ZDA", 2, 0), bd21_host.CCRMO("GGA", 2, 0), wait_s=35)
    said = list(host.events)
    stopped = await host.ask(bd21_host.CCRMO("", 3), wait_s=35)

    beams = [event for event in said if isinstance(event, bd21_terminal.BDBSI)]
    assert len(beams) == 4
    assert beams[0].power == host.sky.beams(CARD)
    assert beams[0].power[beams[0].response_beam - 1] == max(beams[0].power)
    assert [event.locked for event in said if isinstance(event, bd21_terminal.BDZDA)] == [True]
    assert sum(type(event).__name__ == "NmeaSentence" for event in said) == 1
    assert stopped == []


async def test_periodic_outputs_of_40():
    """XTZJ and GLJC give ZJXX and GLZK at their periods until JSZL; inhibition and silence show in ZJXX (3.6)."""
    host = Host("bd-4.0")

    said = await host.ask(bd40_host.XTZJ(0, 10), bd40_host.GLJC(0, 5), wait_s=21)
    host.terminal.inhibited = True
    inhibited = await host.ask(bd40_host.XTZJ(0, 0), bd40_host.JSZL(0, "UUU"), wait_s=21)

    checks = [event for event in said if isinstance(event, bd40_terminal.ZJXX)]
    assert len(checks) == 3
    assert (checks[0].ic_state, checks[0].inbound_state) == (1, 2)
    assert sum(isinstance(event, bd40_terminal.GLZK) for event in said) == 5
    assert max(checks[0].beam_power) >= 3
    assert next(event.inbound_state for event in inhibited if isinstance(event, bd40_terminal.ZJXX)) == 3


async def test_beams_of_3_come_unasked():
    """PWI comes every second from power-up; in the dark it has neither beams nor time (5.6)."""
    host = Host("bd-3")

    await asyncio.sleep(10.5)
    bright = list(host.events)
    host.sky.outage(100)
    await asyncio.sleep(2)
    dark = host.events[-1]
    await host.ask(bd21_host.CCRMO("PWI", 1))
    host.events.clear()
    await asyncio.sleep(5)

    assert len(bright) == 10
    assert any(beam.s2c_d > 40 for beam in bright[-1].bd3_beams)
    assert (dark.utc, dark.bd3_beams) == ("00:00:00.00", ())
    assert host.events == []


# -- faults


@each_protocol
async def test_unplugged_or_hung_it_hears_and_says_nothing(protocol):
    """What comes down meanwhile is missed and counted; after plugging in it boots and answers."""
    host = Host(protocol)

    host.terminal.unplug()
    host.far.type_text("一", CARD)
    await asyncio.sleep(2)
    host.terminal.plug()
    early = await host.ask(bd21_host.CCICA(0, 0), bd3.CCICR(0, "00"), bd40_host.ICJC(0, 0), wait_s=BOOT_S / 2)
    await asyncio.sleep(BOOT_S)
    host.terminal.hang()
    host.far.type_text("二", CARD)
    hung = await host.ask(bd21_host.CCICA(0, 0), bd3.CCICR(0, "00"), bd40_host.ICJC(0, 0))
    host.terminal.resume()
    back = await host.ask(bd21_host.CCICA(0, 0), bd3.CCICR(0, "00"), bd40_host.ICJC(0, 0))

    assert early == hung == []
    assert len(back) == 1
    assert host.sky.counters.missed == 2
    assert host.sky.counters.balanced()


@each_protocol
async def test_feedback_can_be_lost(protocol):
    """drop_feedback_next keeps one feedback back while the burst leaves."""
    host = Host(protocol)

    host.terminal.drop_feedback_next()
    command = {
        "bd-2.1": lambda: bd21_host.CCTXA.of(FAR, TEXT),
        "bd-4.0": lambda: bd40_host.TXSQ.of(CARD, FAR, TEXT),
        "bd-3": lambda: bd3.CCTCQ.of(FAR, TEXT),
    }[protocol]()
    said = await host.ask(command, wait_s=5)

    assert said == []
    assert [received.text for received in host.far.inbox] == ["平安"]


async def test_one_arrival_twice_and_no_more():
    """duplicate_next shows the next arrival twice, the one after once."""
    host = Host("bd-2.1")

    host.terminal.duplicate_next()
    for text in ("一", "二"):
        host.far.type_text(text, CARD)
        await asyncio.sleep(2)

    assert [event.payload.text for event in host.events] == ["一", "一", "二"]


async def test_power_cycle_forgets_outputs_silence_and_slot():
    """After a brown-out nothing is periodic, and a host that trusts the terminal with the slot sends early."""
    host = Host("bd-2.1")
    await host.ask(bd21_host.CCRMO("BSI", 2, 1))
    await host.send(TEXT)

    host.terminal.power_cycle()
    await asyncio.sleep(BOOT_S)
    quiet = await host.ask(wait_s=5)
    left, _, _ = await host.send(TEXT)

    assert quiet == []
    assert left
    assert host.sky.counters.early == 1


async def test_status_can_cease():
    """stop_status ends periodic output until it is asked for again."""
    host = Host("bd-2.1")
    await host.ask(bd21_host.CCRMO("BSI", 2, 1))

    host.terminal.stop_status()
    ceased = await host.ask(wait_s=5)
    again = await host.ask(bd21_host.CCRMO("BSI", 2, 1), wait_s=2.5)

    assert ceased == []
    assert len(again) == 3


async def test_memory_port_is_a_port():
    """One user at a time, LinkTransient when unplugged, LinkLost for a reader whose plug is pulled."""
    port = MemoryPort(simulated_terminal("bd-2.1", Sky(random.Random(1), CALM), CARD))
    stream = await port.opener("serial:///x", 115200)
    with pytest.raises(LinkTransient):
        await port.opener("serial:///x", 115200)

    reading = asyncio.create_task(stream.read())
    await asyncio.sleep(1)
    port.terminal.unplug()
    with pytest.raises(LinkLost):
        await reading
    with pytest.raises(LinkLost):
        await stream.write(b"x")
    await stream.close()
    await stream.close()

    assert port.handles == 0
    with pytest.raises(LinkTransient):
        await port.opener("serial:///x", 115200)
    port.terminal.plug()
    again = await port.opener("serial:///x", 115200)
    await again.close()


async def test_lossy_day_of_traffic_balances():
    """A thousand messages through three terminals under a real sky: every copy is accounted for."""
    sky = Sky(random.Random(5), SkySettings(duplicate=0.02))
    terminals = [simulated_terminal(protocol, sky, card) for card, protocol in enumerate(PROTOCOLS, 1)]
    shown = []
    for terminal in terminals:
        terminal.attach(shown.append)
    people = [Handset(sky, card) for card in range(11, 21)]

    for number in range(100):
        for person in people:
            person.type_text(f"{number}号", 1 + number % 3)
        await asyncio.sleep(60)
    await asyncio.sleep(60)

    assert sky.counters.bursts == 1000
    assert sky.counters.early == 0
    assert sky.counters.in_flight == 0
    assert sky.counters.balanced()
    assert sum(terminal.counters["received"] for terminal in terminals) == sky.counters.arrived
