"""Wide-area diversity: whoever hears a person's burst or a record, and however many do, it counts once."""

import asyncio
import random

import pytest

from drivers.virtual.handset import Handset
from drivers.virtual.sky import Outage, Sky, SkySettings
from drivers.virtual.terminals import simulated_terminal
from gateway.config.settings import Settings
from gateway.model import BundleState, Station
from gateway.security.keyring import Keyring, derived_pair
from gateway.simulate.loop import run_virtual
from gateway.simulate.post import Post
from tests.simulation.gateways import CARD, HQ, HQ_CARD, PERSON, ROOT, SHARED, bundles, put, put_station, report
from tests.simulation.relayworld import ENDS

TEXT = "三官庙村3人受伤 需要帐篷20顶"
VEHICLES = (ENDS["v1"], ENDS["v2"])
CARDS = {"hq": HQ_CARD, "v1": CARD, "v2": CARD + 1}
SECOND_CARD = 200_002
HOUR_S = 3600.0


class Wide:
    """A command post and two vehicles, each with a command terminal that overhears the person's handset."""

    def __init__(self, tmp_path, *, hearing=("v1", "v2"), loss=0.0, hq_links=1, outages=()):
        self.sky = Sky(random.Random(1), SkySettings(loss=loss, outages=outages))
        self.person = Handset(self.sky, PERSON)
        for end in VEHICLES:
            put(tmp_path / "hq/keys", f"{end.name}.key", derived_pair(ROOT, HQ, end, serial=1))
            put(tmp_path / end.name / "keys", "hq.key", derived_pair(ROOT, end, HQ, serial=1))
        self.posts = {name: self._post(tmp_path / name, name, hearing, hq_links) for name in CARDS}

    def _post(self, folder, name, hearing, hq_links):
        upstream = {} if name == "hq" else {"upstream": "hq"}
        settings = Settings.model_validate({"gateway": {"id": name, "region": "5132"}, "air": upstream})
        overheard = {PERSON} if name in hearing else set()
        links = {"bd1": self._terminal(CARDS[name], overheard)}
        if name == "hq" and hq_links > 1:
            links["bd2"] = self._terminal(SECOND_CARD, overheard | {PERSON, CARDS["v1"]})
        keys = folder / "keys"
        return Post(settings, folder, links, None, random.Random(CARDS[name]), air=(Keyring(keys), keys, SHARED))

    def _terminal(self, card, overheard):
        return simulated_terminal("bd-4.0", self.sky, card, command=True, subordinates=overheard)

    def __getitem__(self, name):
        return self.posts[name]

    async def start(self):
        for post in self.posts.values():
            post.start()
        for name in ("v1", "v2"):
            await put_station(self["hq"], Station(name, cards=(CARDS[name],)))
            await put_station(self[name], Station("hq", cards=(HQ_CARD,)))
        await asyncio.sleep(60)

    async def stop(self):
        for post in self.posts.values():
            post.check()
            await post.stop()

    async def heard_by(self, bundle):
        history = await self["hq"].store.run(lambda outbox: outbox.history(bundle.seq))
        return [event.words for event in history if event.kind == "heard by"]


def living(**settings):
    def decorate(body):
        def run(tmp_path, monkeypatch):
            async def live():
                world = Wide(tmp_path, **settings)
                await world.start()
                await body(world, monkeypatch)
                await world.stop()

            run_virtual(live())

        run.__doc__, run.__name__ = body.__doc__, body.__name__
        return run

    return decorate


async def said_at_hq(world):
    return [one for one in await bundles(world["hq"]) if str(one.draft.source) == f"card:{PERSON}"]


async def states(world):
    return {name: {one.state for one in await bundles(world[name])} for name in ("v1", "v2")}


@living()
async def test_a_report_that_two_vehicles_pass_up_is_one_report(world, monkeypatch):
    """Both hear it, both pass it up, the command post has it once, notes both listeners and gives both their receipt."""
    del monkeypatch
    world.person.type_text(TEXT, 299_999)
    await asyncio.sleep(HOUR_S)

    [one] = await said_at_hq(world)
    assert one.draft.message.text == TEXT
    assert sorted(await world.heard_by(one)) == ["station:v1", "station:v2"]
    assert await states(world) == {"v1": {BundleState.RELAYED}, "v2": {BundleState.RELAYED}}


@living(hearing=("v1", "v2", "hq"))
async def test_what_the_command_post_heard_itself_counts_once_too(world, monkeypatch):
    """Text first, records behind: the vehicles learn that it is there, the person is answered as before."""
    del monkeypatch
    world.person.type_text(TEXT, HQ_CARD)
    await asyncio.sleep(HOUR_S)

    [one] = await said_at_hq(world)
    assert sorted(await world.heard_by(one)) == ["station:v1", "station:v2"]
    assert await states(world) == {"v1": {BundleState.RELAYED}, "v2": {BundleState.RELAYED}}
    assert world.person.inbox


@living(outages=(Outage(50.0, 4000.0, CARD + 1),))
async def test_a_vehicle_that_passes_it_up_an_hour_late_heard_the_same(world, monkeypatch):
    """What counts is when it was said; the second vehicle had no signal towards the command post meanwhile."""
    del monkeypatch
    await world["v2"].gateway.inbound.take("bd1", heard_text())
    world.person.type_text(TEXT, 299_999)
    await asyncio.sleep(3 * HOUR_S)

    [one] = await said_at_hq(world)
    assert await world.heard_by(one) == ["station:v1", "station:v2"]
    assert (await states(world))["v2"] == {BundleState.RELAYED}


def heard_text():
    from gateway.link import Addressed, Heard, Payload

    return Heard(str(PERSON), Payload.of_text(TEXT), Addressed.OVERHEARD, "299999")


@living()
async def test_the_same_words_after_the_window_are_said_again(world, monkeypatch):
    """Two reports, each with both listeners: nothing is taken for a copy that is none."""
    del monkeypatch
    world.person.type_text(TEXT, 299_999)
    await asyncio.sleep(HOUR_S)
    world.person.type_text(TEXT, 299_999)
    await asyncio.sleep(HOUR_S)

    found = await said_at_hq(world)
    assert len(found) == 2
    for one in found:
        assert sorted(await world.heard_by(one)) == ["station:v1", "station:v2"]


@pytest.mark.parametrize("seed", range(2))
def test_with_loss_each_report_counts_once(tmp_path, seed):
    """A third of all bursts lost: receipts to either vehicle get lost, records are said again, and still one each."""

    async def live():
        world = Wide(tmp_path, loss=0.3)
        world.sky._rng.seed(seed)
        await world.start()
        for number in range(5):
            world.person.type_text(f"第{number}次：{number}人受伤", 299_999)
            await asyncio.sleep(700)
        await asyncio.sleep(6 * HOUR_S)

        texts = [one.draft.message.text for one in await said_at_hq(world)]
        assert len(texts) == len(set(texts)) >= 4
        for name, found in (await states(world)).items():
            assert found <= {BundleState.RELAYED}, name
        await world.stop()

    run_virtual(live())


@living(hq_links=2, hearing=("hq",))
async def test_two_receivers_of_one_gateway_hear_one_burst(world, monkeypatch):
    """A text that both command terminals hear, and a record that the second overhears: once each."""
    del monkeypatch
    world.person.type_text(TEXT, HQ_CARD)
    await asyncio.sleep(900)
    await report(world["v1"], "三江镇道路中断")
    await asyncio.sleep(900)

    texts = [one.draft.message.text for one in await bundles(world["hq"])]
    assert sorted(texts) == sorted([TEXT, "三江镇道路中断"])
    counters = world["hq"].gateway.core.counters
    assert counters["heard again"] >= 2
    assert (await bundles(world["v1"]))[0].state is BundleState.RELAYED


def test_a_key_that_knows_the_listener_is_caught(tmp_path, monkeypatch):
    """Planted: what was said is not looked up, so each vehicle's record is a report of its own."""
    monkeypatch.setattr("gateway.daemon.airmessages.heard_before", lambda *_: None)

    async def live():
        world = Wide(tmp_path)
        await world.start()
        world.person.type_text(TEXT, 299_999)
        await asyncio.sleep(HOUR_S)
        found = await said_at_hq(world)
        await world.stop()
        return len(found)

    assert run_virtual(live()) == 2
