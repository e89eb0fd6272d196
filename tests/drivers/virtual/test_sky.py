"""The sky loses and delays as published, loses nothing unaccounted, and repeats."""

import asyncio
import datetime as dt
import itertools
import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.virtual.handset import Handset
from drivers.virtual.sky import BEAMS, RECEIPTS_MAX, Burst, Outage, ReceiptList, Sky, SkySettings, Way
from gateway.link import Fix
from gateway.simulate.loop import run_virtual
from protocols.beidou.payload import Payload
from tests.drivers.virtual.rig import CALM

TEXT = Payload.of_text("平安")


class Station:
    """Takes everything down; ``takes = False`` acts out one that is switched off."""

    def __init__(self, sky, card, *, frequency_s=0.0, broadcast=0, commands=False, subordinates=()):
        self.sky, self.card, self.frequency_s = sky, card, frequency_s
        self.broadcast, self.commands, self.subordinates = broadcast, commands, subordinates
        self.takes = True
        self.got = []
        sky.register(self)

    def arrive(self, arrival):
        if self.takes:
            self.got.append((self.sky.now_s(), arrival))
        return self.takes


def arrivals(station):
    return [arrival for _, arrival in station.got]


async def test_loss_and_delay_are_as_published():
    """Over 40 000 bursts 4.5 % are lost and the mean delay is 3.8 s, within four standard errors [GU2015]."""
    count = 40_000
    sky = Sky(random.Random(20))
    Station(sky, 1)
    receiver = Station(sky, 2)

    sent_s = {}
    for number in range(count):
        sent_s[number] = sky.now_s()
        sky.transmit(Burst(1, 2, Payload.of_digits(f"{number:06d}")))
        await asyncio.sleep(0.01)
    await asyncio.sleep(120)

    lost = 1 - len(receiver.got) / count
    delays_s = [at_s - sent_s[int(arrival.payload.code)] for at_s, arrival in receiver.got]
    assert abs(lost - 0.045) < 4 * (0.045 * 0.955 / count) ** 0.5
    assert abs(statistics.fmean(delays_s) - 3.8) < 4 * statistics.stdev(delays_s) / len(delays_s) ** 0.5
    assert min(delays_s) >= 0.5, "faster than light"
    assert any(a > b + 0.01 for a, b in itertools.pairwise(delays_s)), "never reordered"
    assert sky.counters.lost == count - len(receiver.got)
    assert sky.counters.balanced()


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.045, 0.5, 1.0]),
    duplicate=st.sampled_from([0.0, 0.3, 1.0]),
    outages=st.lists(
        st.builds(
            Outage,
            st.floats(0, 100),
            st.floats(0, 200),
            st.sampled_from([None, 1, 2, 3]),
        ),
        max_size=3,
    ),
    sends=st.lists(
        st.tuples(st.sampled_from([1, 2, 3, 4, 99]), st.sampled_from([1, 2, 3, 77, 99]), st.booleans()), max_size=40
    ),
)
def test_every_copy_is_accounted_for_at_every_step(seed, loss, duplicate, outages, sends):
    """Copies = lost + blocked + missed + arrived + in flight, whatever is sent, lost, switched off or dark."""

    async def scenario():
        sky = Sky(random.Random(seed), SkySettings(loss=loss, duplicate=duplicate, outages=tuple(outages)))
        stations = [
            Station(sky, 1, broadcast=77, commands=True, subordinates=(2, 3)),
            Station(sky, 2, broadcast=77),
            Station(sky, 3, broadcast=77),
        ]
        for sender, receiver, off in sends:
            stations[1].takes = not off
            sky.transmit(Burst(sender, receiver, TEXT))
            assert sky.counters.balanced()
            await asyncio.sleep(3)
            assert sky.counters.balanced()
        await asyncio.sleep(300)

        assert sky.counters.in_flight == 0
        assert sky.counters.balanced()
        assert sky.counters.bursts == len(sends)
        assert sky.counters.arrived == sum(len(station.got) for station in stations)

    run_virtual(scenario())


def test_one_seed_is_one_course_of_events():
    """The same seed gives the same arrivals at the same times, another seed gives others."""

    async def course(seed):
        sky = Sky(random.Random(seed), SkySettings(duplicate=0.1, outages=(Outage(20, 40),)))
        people = [Handset(sky, card, frequency_s=5) for card in range(1, 6)]
        for person in people:
            for other in people:
                if other is not person:
                    person.type_text(f"{person.card}到{other.card}", other.card)
        await asyncio.sleep(600)
        return [(person.card, *person.inbox) for person in people], sky.beams(1), sky.status()

    first = run_virtual(course(1))

    assert run_virtual(course(1)) == first
    assert run_virtual(course(2)) != first


async def test_outage_blocks_both_ways_and_darkens_the_beams():
    """During an outage of one card nothing leaves or reaches it and it sees no beam; others are not touched."""
    sky = Sky(random.Random(1), SkySettings(loss=0.0, delay_mean_s=0.5, outages=(Outage(10, 20, card=2),)))
    one, two, three = (Station(sky, card) for card in (1, 2, 3))

    before = sky.beams(2)
    await asyncio.sleep(12)
    dark, bright = sky.beams(2), sky.beams(1)
    sky.transmit(Burst(1, 2, TEXT))
    sky.transmit(Burst(2, 3, TEXT))
    sky.transmit(Burst(1, 3, TEXT))
    await asyncio.sleep(10)
    after = sky.beams(2)

    assert before == after
    assert dark == (0,) * BEAMS
    assert max(bright) >= 3
    assert (len(one.got), len(two.got), len(three.got)) == (0, 0, 1)
    assert sky.counters.blocked == 2


async def test_command_terminal_overhears_both_directions():
    """A command terminal gets copies of what its subordinates send and receive, and none of what others do."""
    sky = Sky(random.Random(1), CALM)
    commander = Station(sky, 100, commands=True, subordinates=(1, 2))
    for card in (1, 2, 8, 9):
        Station(sky, card)

    for sender, receiver in ((1, 8), (8, 2), (1, 2), (8, 9), (1, 100)):
        sky.transmit(Burst(sender, receiver, TEXT))
    await asyncio.sleep(5)

    assert sorted((a.sender, a.receiver) for a in arrivals(commander)) == [(1, 2), (1, 8), (1, 100), (8, 2)]


async def test_only_the_command_terminal_broadcasts():
    """A command terminal's broadcast reaches the members; a member who sends to the same address reaches nobody."""
    sky = Sky(random.Random(1), CALM)
    commander = Station(sky, 100, broadcast=77, commands=True)
    members = [Station(sky, card, broadcast=77) for card in (1, 2)]
    outsider = Station(sky, 3, broadcast=78)

    sky.transmit(Burst(1, 77, TEXT))
    await asyncio.sleep(5)
    missed = sky.counters.missed
    sky.transmit(Burst(100, 77, TEXT))
    await asyncio.sleep(5)

    assert [arrival.way for member in members for arrival in arrivals(member)] == [Way.BROADCAST] * 2
    assert commander.got == outsider.got == []
    assert missed == 1


async def test_centre_answers_queries():
    """The latest message, the latest of one sender, receipts with both times, and a subordinate's last position."""
    sky = Sky(random.Random(1), CALM)
    one, two, three = (Station(sky, card) for card in (1, 2, 3))
    for text in ("一", "二"):
        sky.transmit(Burst(1, 2, Payload.of_text(text)))
        await asyncio.sleep(60)
    two.takes = False
    sky.transmit(Burst(3, 2, Payload.of_text("三")))
    sky.transmit(Burst(1, 3, fix=Fix(30.0, 104.0)))
    await asyncio.sleep(60)
    two.takes = True
    two.got.clear()

    sky.query_messages(2)
    await asyncio.sleep(5)
    sky.query_messages(2, sender=1)
    sky.query_receipts(1, 2)
    sky.query_receipts(3, 2)
    sky.query_position(3, 1)
    await asyncio.sleep(5)

    assert [(a.way, a.sender, a.payload.text) for a in arrivals(two)] == [
        (Way.LATEST, 3, "三"),
        (Way.BY_SENDER, 1, "二"),
    ]
    start = sky.settings.start_utc
    received = [start + dt.timedelta(seconds=s) for s in (0.5, 60.5)]
    assert arrivals(one)[-1] == ReceiptList(2, ((start, received[0]), (start + dt.timedelta(seconds=60), received[1])))
    assert len(arrivals(one)[-1].pairs) <= RECEIPTS_MAX
    position = arrivals(three)[-1]
    assert (position.way, position.sender, position.fix) == (Way.POSITION, 1, Fix(30.0, 104.0))
    # the query for the latest has delivered 三 after all: its receipt is there
    assert ReceiptList(2, ((start + dt.timedelta(seconds=120), start + dt.timedelta(seconds=180.5)),)) in arrivals(
        three
    )


async def test_early_bursts_are_seen():
    """A burst before the card's frequency has passed is counted, so that a simulation can forbid it."""
    sky = Sky(random.Random(1), CALM)
    Station(sky, 1, frequency_s=60)

    for wait_s in (60, 59.9, 60):
        sky.transmit(Burst(1, 2, TEXT))
        await asyncio.sleep(wait_s)
    sky.transmit(Burst(1, 2, TEXT))

    assert sky.counters.early == 1


async def test_two_stations_cannot_share_a_card():
    """One card is in one place."""
    sky = Sky(random.Random(1), CALM)
    Station(sky, 1)

    with pytest.raises(AssertionError, match="already under this sky"):
        Station(sky, 1)
