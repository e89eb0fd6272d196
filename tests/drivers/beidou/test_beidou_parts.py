"""The parts of the Beidou driver by themselves: settings, probing, the intake, side by side."""

import asyncio
import random
from collections import Counter

import pytest
from pydantic import ValidationError

from drivers.beidou.device import Device
from drivers.beidou.driver import DRIVER
from drivers.beidou.intake import EARLY_MAX, HEARD_MAX, Intake
from drivers.beidou.probe import probe_port
from drivers.beidou.settings import BAUDS, BeidouSettings
from drivers.beidou.tasks import until_one_ends
from gateway.link import Addressed, LinkContext, LinkLost
from protocols.beidou.neutral import CardInfo, HeardMessage
from tests.contract.fakes import FakeMemory, FakeSink
from tests.drivers.beidou.rig import rig

CARD_INFO = CardInfo("bd-2.1", 242286, 11, False, 60.0, 3, False, 0)


def message(number, receiver=None):
    return HeardMessage(sender=179773, receiver=receiver, broadcast=False, text=str(number), data=None)


# -- settings


def test_the_entry_point_makes_a_link_that_opens_nothing():
    """Only ``url`` must be said; the link knows its name and port."""
    settings = DRIVER.check({"url": "/dev/ttyUSB0"})
    link = DRIVER.make(settings, LinkContext("bd1", FakeMemory(), random.Random(1)))
    assert DRIVER.name == "beidou"
    assert (link.info.name, link.info.bearer, link.info.where) == ("bd1", "beidou", "/dev/ttyUSB0")
    assert settings.bauds == BAUDS


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ({}, "url"),
        ({"url": "ttyUSB0"}, "url"),
        ({"url": "rfc2217://host:1"}, "url"),
        ({"url": "/dev/x", "baud": 1}, "baud"),
        ({"url": "/dev/x", "protocol": "bd-5"}, "protocol"),
        ({"url": "/dev/x", "card": 0}, "card"),
        ({"url": "/dev/x", "cards": 1}, "cards"),
        ({"url": "/dev/x", "slot_margin_s": -1}, "slot_margin_s"),
        ({"url": "/dev/x", "level_bits": {"9": 100}}, "level_bits"),
    ],
)
def test_wrong_settings_name_their_place(table, place):
    """Every fault points at its key."""
    with pytest.raises(ValidationError) as error:
        DRIVER.check(table)
    assert error.value.errors()[0]["loc"][0] == place


def test_a_fixed_rate_and_a_serial_server_are_asked_at_one_rate():
    """What is configured, or is not ours to set, is not searched."""
    assert BeidouSettings(url="/dev/x", baud=9600).bauds == (9600,)
    assert len(BeidouSettings(url="tcp://10.0.0.5:4001").bauds) == 1
    assert BeidouSettings(url="/dev/x", protocol="bd-3").protocols == ("bd-3",)


# -- probing


@pytest.mark.parametrize("protocol", ["bd-2.1", "bd-4.0", "bd-3"])
async def test_probe_reads_the_card_and_closes(protocol):
    """A probe tells rate, protocol and card, transmits nothing and leaves the port closed."""
    made = rig(protocol=protocol, baud=9_600)
    result = await probe_port("/dev/ttyUSB0", made.port.opener)
    assert (result.identity["baud"], result.identity["protocol"], result.identity["card"]) == (
        9_600,
        protocol,
        "242286",
    )
    assert result.problem == ""
    assert made.handles() == 0
    assert made.sky.counters.bursts == 0


async def test_probe_tells_problems_in_words():
    """No card, nothing there, nobody answering: three different texts, none an error."""
    without = rig()
    without.terminal.has_card = False
    absent, silent = rig(), rig()
    absent.unplug()
    silent.hang()
    results = [await probe_port("/dev/ttyUSB0", made.port.opener) for made in (without, absent, silent)]
    assert [bool(result.identity) for result in results] == [True, False, False]
    assert "no card in slot" in results[0].problem
    assert "plug it in" in results[1].problem
    assert "nothing heard" in results[2].problem
    assert silent.handles() == 0


async def test_probe_of_what_is_no_port_says_what_to_write():
    """A name that is no port is a problem in words, too."""
    assert "tcp://host:port" in (await DRIVER.probe("ttyUSB0")).problem


async def test_probe_of_a_port_lost_half_way_says_so():
    """A plug pulled while probing is a problem like any other."""
    made = rig()
    made.hang()
    probing = asyncio.create_task(probe_port("/dev/ttyUSB0", made.port.opener))
    await asyncio.sleep(2)
    made.unplug()
    assert "unplugged" in (await probing).problem


# -- the intake


async def test_the_intake_holds_its_writer_back_at_its_maximum():
    """With HEARD_MAX waiting for a gateway that does not store there is no room; nothing taken is lost or reordered."""
    intake, sink = Intake(), FakeSink()
    intake.know(CARD_INFO)
    for number in range(HEARD_MAX):
        intake.take(message(number))
    intake.take(message(HEARD_MAX))
    last = asyncio.create_task(intake.room())
    await asyncio.sleep(1000)
    assert not last.done()

    pump = asyncio.create_task(intake.pump(sink))
    await last
    await intake.emptied()

    assert [heard.payload.text for heard in sink.heard_all] == [str(number) for number in range(HEARD_MAX + 1)]
    pump.cancel()
    await asyncio.wait({pump})


async def test_a_pump_that_is_cancelled_leaves_its_payload_for_the_next():
    """What was not surely stored is handed over again."""
    intake, slow, sink = Intake(), FakeSink(pause_s=10), FakeSink()
    intake.know(CARD_INFO)
    intake.take(message(1))
    pump = asyncio.create_task(intake.pump(slow))
    await asyncio.sleep(5)
    pump.cancel()
    await asyncio.wait({pump})

    pump = asyncio.create_task(intake.pump(sink))
    await intake.emptied()

    assert (len(slow.heard_all), len(sink.heard_all)) == (0, 1)
    pump.cancel()
    await asyncio.wait({pump})


async def test_messages_before_the_card_is_known_are_judged_with_it():
    """Kept up to EARLY_MAX and then judged; beyond that taken as overheard rather than lost or believed."""
    intake, sink = Intake(), FakeSink()
    for number in range(EARLY_MAX):
        intake.take(message(number, receiver=242286))
    intake.take(message(EARLY_MAX, receiver=242286))
    pump = asyncio.create_task(intake.pump(sink))
    intake.know(CARD_INFO)
    await intake.emptied()
    addressed = [heard.addressed for heard in sink.heard_all]
    assert addressed.count(Addressed.ME) == EARLY_MAX
    assert addressed.count(Addressed.OVERHEARD) == 1
    pump.cancel()
    await asyncio.wait({pump})


@pytest.mark.parametrize(
    ("sender", "receiver", "broadcast", "addressed"),
    [
        (179773, None, False, Addressed.ME),
        (179773, None, True, Addressed.BROADCAST),
        (179773, 242286, False, Addressed.ME),
        (179773, 11, False, Addressed.BROADCAST),
        (179773, 300001, False, Addressed.OVERHEARD),
        (179773, 0, False, Addressed.OVERHEARD),
        (242286, 179773, False, Addressed.OVERHEARD),
    ],
)
async def test_heard_is_not_addressed_to_me(sender, receiver, broadcast, addressed):
    """Receiver against own card and own broadcast address, in that order (4.2)."""
    intake, sink = Intake(), FakeSink()
    intake.know(CARD_INFO)
    intake.take(HeardMessage(sender, receiver, broadcast, "x", None))
    pump = asyncio.create_task(intake.pump(sink))
    await intake.emptied()
    assert sink.heard_all[0].addressed is addressed
    pump.cancel()
    await asyncio.wait({pump})


# -- the device


class StuckStream:
    """Takes no bytes and gives none."""

    async def read(self):
        await asyncio.Event().wait()

    async def write(self, _data):
        await asyncio.Event().wait()


async def test_a_port_that_takes_no_bytes_is_lost():
    """A write that never ends becomes LinkLost in a stated time."""
    device = Device(StuckStream(), None, None, Counter())
    with pytest.raises(LinkLost, match="took no bytes"):
        async with asyncio.timeout(60):
            await device.write(b"x")


# -- side by side


async def test_the_first_to_end_ends_all_with_its_own_error():
    """No group around the error, no task left running."""
    ended = []

    async def fails():
        await asyncio.sleep(1)
        raise LinkLost("gone")

    async def serves():
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append("serves")

    with pytest.raises(LinkLost, match="gone"):
        await until_one_ends(serves(), fails())
    assert ended == ["serves"]


async def test_a_bug_goes_before_a_link_error():
    """Of two errors at one moment the one that nobody expects is raised."""

    async def lost():
        raise LinkLost("gone")

    async def bug():
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await until_one_ends(lost(), bug())
