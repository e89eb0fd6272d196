"""Scenario files: those that are shipped can be played, and a wrong one is told whole, with dotted paths."""

import tomllib
from pathlib import Path

import pytest

from gateway.model import MessageKind
from gateway.simulate.ledger import number_of
from gateway.simulate.network import build_network
from gateway.simulate.people import draw_events
from gateway.simulate.postsettings import post_settings
from gateway.simulate.scenario import ScenarioError, check_scenario, load_scenario
from gateway.simulate.texts import PLACES, TEXTS, text_of
from protocols.beidou.capacity import Generation, capacity_bits, text_bits
from protocols.beidou.handset.parse import parse
from tests.simulation.smallworld import SMALL

SHIPPED = sorted((Path(__file__).parents[2] / "config/scenarios").glob("*.toml"))


def faults_of(text):
    with pytest.raises(ScenarioError) as caught:
        check_scenario(Path("x.toml"), tomllib.loads(text))
    return [f"{fault.where}: {fault.what}" for fault in caught.value.faults]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_are_right(path):
    """Every scenario that is shipped loads, says what is sampled, and has its settings, ways and events."""
    scenario = load_scenario(path)
    network = build_network(scenario, 1)

    assert scenario.scenario.name == path.stem
    assert scenario.scenario.about
    assert draw_events(scenario, 1)
    for name in scenario.stations:
        assert name == scenario.scenario.centre or network.between(name, network.upstream[name])
        for policy in ("router", "first-link", "copy-everywhere"):
            assert post_settings(scenario, name, policy).gateway.id == name


def test_all_faults_are_told_at_once_with_their_paths():
    """Wrong figures and unknown keys in several tables are one answer."""
    text = SMALL.replace("card = 200101", "card = 0, wings = 2").replace("hours = 0.5", "hours = -1")

    places = [fault.partition(":")[0] for fault in faults_of(text)]

    assert "scenario.hours" in places
    assert "stations.v1.links.bd1.beidou.card" in places
    assert "stations.v1.links.bd1.beidou.wings" in places


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('centre = "hq"', 'centre = "nobody"', "scenario.centre"),
        ('upstream = "hq"', 'upstream = "v1"', "leads in a circle"),
        ('upstream = "hq"', 'upstream = "nobody"', "stations.v1.upstream"),
        ('to = ["v1"]', 'to = ["v9"]', "people.village.to"),
        ("card = 200101", "card = 200001", "address 200001 is taken by hq.bd1"),
        ("first_card = 300001", "first_card = 200100", "people.village.first_card: card 200101"),
        ('order = { FLASH = ["bd1"] }', 'order = { FLASH = ["bd7"] }', "stations.v1.router.order.FLASH"),
    ],
)
def test_what_does_not_fit_together_is_told(old, new, told):
    """Names that lead nowhere, circles and doubled addresses are faults of the file."""
    assert old in SMALL

    assert told in " ".join(faults_of(SMALL.replace(old, new)))


def test_a_file_that_is_none_is_told(tmp_path):
    """No file, no TOML, too long: a sentence each, no traceback."""
    broken, long = tmp_path / "broken.toml", tmp_path / "long.toml"
    broken.write_text("[scenario")
    long.write_text("#" * 1_000_001)

    for path, told in ((tmp_path / "no.toml", "cannot be read"), (broken, "not valid TOML"), (long, "longer than")):
        with pytest.raises(ScenarioError, match=told):
            load_scenario(path)


def test_what_people_will_say_is_fixed_by_the_seed():
    """The same seed draws the same events, in order, with numbers of their own; another seed draws others."""
    scenario = check_scenario(Path("x.toml"), tomllib.loads(SMALL))
    events = draw_events(scenario, 3)

    assert events == draw_events(scenario, 3)
    assert events != draw_events(scenario, 4)
    assert [number_of(event.text) for event in events] == list(range(1, len(events) + 1))
    assert sorted(event.at_s for event in events) == [event.at_s for event in events]


@pytest.mark.parametrize("kind", TEXTS, ids=str)
def test_texts_are_understood_as_meant_and_fit_a_card(kind):
    """Every text of a kind is read as that kind, tells its number, and fits a level-3 card."""
    count = len(TEXTS[kind]) * len(PLACES) * 9
    for number in (1, 12, 345, 99_999):
        for step in range(0, count, 7):
            text = text_of(kind, number, (step + 0.5) / count)
            assert number_of(text) == number
            assert text_bits(text, Generation.BD2) <= capacity_bits(Generation.BD2, 3)
            assert kind is MessageKind.COMMAND or parse(text).kind == kind, text
