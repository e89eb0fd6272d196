"""The tables that say how links are chosen: defaults, what overlays what, and every fault at once."""

import math
import re
import tomllib
from pathlib import Path

import pytest

from gateway.config.loader import ConfigError, check
from gateway.config.routing import (
    BudgetSettings,
    LimitsSettings,
    QuietSettings,
    RoutingTables,
    RuleSettings,
    TariffSettings,
    WindowSettings,
)
from gateway.config.settings import RouterSettings
from gateway.model import MessageKind, Precedence
from gateway.router.budget import Budget, Limits, Period
from gateway.router.contacts import HOUR_S, DayTime, QuietHours, Window
from gateway.router.policy import DEFAULT_RULES, Choose, Policy, Rule
from gateway.router.tariff import Tariff
from gateway.router.terms import LinkTerms
from tests.gateway.config.test_loader import GOOD, find

EXAMPLE = Path(__file__).parents[3] / "config/gateway.example.toml"
LINKS = '[links.bd1]\ndriver = "fake"\nport = "a"\n[links.sat1]\ndriver = "fake"\nport = "b"\nprice_per_frame = 2.5\n'


def settings_of(text):
    return check(Path("gateway.toml"), tomllib.loads(GOOD + LINKS + text), find).settings


def faults(text):
    with pytest.raises(ConfigError) as caught:
        settings_of(text)
    return {fault.where: fault.what for fault in caught.value.faults}


def test_without_a_word_the_policy_is_the_documented_one():
    """SOS soonest over two links, IMMEDIATE soonest, the rest cheapest, and links that cost their frames only."""
    routing = settings_of("").routing()

    assert routing.policy == Policy()
    assert routing.policy.rule(Precedence.FLASH, MessageKind.SOS) == Rule(Choose.SOONEST, copies=2)
    assert routing.terms("sat1") == LinkTerms(Tariff(price_per_frame=2.5))
    assert routing.offset_s == 8 * HOUR_S


def test_a_kind_overlays_its_precedence_and_never_a_flash():
    """What is not written for a kind is as its precedence has it; an SOS is governed by FLASH alone."""
    policy = settings_of(
        '[router.ROUTINE]\ndeadline_s = 7200\n[router.kind.position]\nchoose = "order"\nlinks = ["bd1"]\n'
    ).router.policy()

    assert policy.rule(Precedence.ROUTINE, MessageKind.POSITION) == Rule(Choose.ORDER, ("bd1",), 1, 7200)
    assert policy.rule(Precedence.ROUTINE, MessageKind.CHAT) == Rule(Choose.CHEAPEST, None, 1, 7200)
    assert policy.rule(Precedence.FLASH, MessageKind.POSITION) == DEFAULT_RULES[Precedence.FLASH]


def test_terms_of_a_link_come_from_its_own_tables(tmp_path):
    """Tariff, budget, quiet hours, windows and passes reach the link they are written for, and no other."""
    passes = tmp_path / "passes.csv"
    passes.write_text("start,end\n2026-11-24T05:10:00Z,2026-11-24T05:20:00Z\n", encoding="utf-8")
    terms = settings_of(
        "[router.tariff.sat1]\nprice_per_kilobyte = 4\nbits_per_s = 2400\n"
        "[router.budget.sat1]\nsos_reserve = 0.2\n[router.budget.sat1.day]\nmoney = 50\n"
        '[[router.quiet.sat1]]\nfrom = "22:00"\nto = 06:00:00\npasses = "PRIORITY"\n'
        '[[router.windows.sat1]]\nfrom = "07:30"\nto = "24:00"\nkm_max = 300\n'
        f'[router.distance_km]\nsat1 = 120\n[router.passes]\nsat1 = "{passes}"\n'
    ).routing()

    sat1 = terms.terms("sat1")
    assert sat1.tariff == Tariff(2.5, 4.0, 0.0, 2400.0)
    assert sat1.budget == Budget({Period.DAY: Limits(money=50.0)}, 0.2)
    assert sat1.schedule.quiet == (QuietHours(DayTime(22 * HOUR_S, 6 * HOUR_S), Precedence.PRIORITY),)
    assert sat1.schedule.windows == (Window(DayTime(7.5 * HOUR_S, 24 * HOUR_S), 0.0, 300.0),)
    assert [one.ends_wall_s - one.starts_wall_s for one in sat1.schedule.passes] == [600.0]
    assert sat1.km == 120
    assert terms.terms("bd1") == LinkTerms()


def test_every_fault_is_told_at_once_with_its_place():
    """Unknown links in any table, an SOS that should save money, a time that is none and a missing schedule."""
    told = faults(
        '[router.FLASH]\nchoose = "cheapest"\nlinks = ["bd9"]\n[router.kind.chat]\nlinks = ["hf7"]\n'
        "[router.budget.bd8.hour]\nmessages = 1\n[router.budget.bd1.week]\nmessages = 1\n"
        '[[router.quiet.bd1]]\nfrom = "25:00"\nto = "06:00"\n[router.passes]\nsat1 = "/nowhere/passes.csv"\n'
        "[router.kind.gossip]\ncopies = 9\n"
    )

    assert {
        "router.FLASH",
        "router.FLASH.links",
        "router.kind.chat.links",
        "router.budget.bd8",
        "router.budget.bd1.week",
        "router.quiet.bd1.0.from",
        "router.passes.sat1",
    } <= set(told)
    assert any(where.startswith("router.kind.gossip") for where in told)
    assert "write local time" in told["router.quiet.bd1.0.from"]
    assert "[links] has only bd1, sat1" in told["router.FLASH.links"]


def test_the_likeliest_slips_are_told_in_words():
    """One pair of brackets where two are needed, and a window that no distance fits."""
    told = faults(
        '[router.quiet.bd1]\nfrom = "22:00"\nto = "06:00"\n'
        '[[router.windows.sat1]]\nfrom = "06:00"\nto = "18:00"\nkm_min = 500\nkm_max = 400\n'
    )

    assert "[[router.quiet.bd1]]" in told["router.quiet.bd1"]
    assert "no distance fits" in told["router.windows.sat1.0"]


@pytest.mark.parametrize("key", ["probe_every_s = inf", "hysteresis = 0", "keep_last_slot = true"])
def test_single_keys_reach_the_policy(key):
    """What is written in [router] itself holds for every precedence."""
    name, value = key.split(" = ")
    expected = {"inf": math.inf, "0": 0, "true": True}[value]

    assert getattr(settings_of(f"[router]\n{key}\n").router.policy(), name) == expected


@pytest.mark.parametrize(
    "table",
    [RouterSettings, RuleSettings, BudgetSettings, LimitsSettings, QuietSettings, WindowSettings, TariffSettings],
)
def test_the_example_names_every_key(table):
    """Each stands in the example file, if only as a comment or as the name of a table."""
    text = EXAMPLE.read_text(encoding="utf-8")
    keys = [field.alias or name for name, field in table.model_fields.items()]

    missing = [key for key in keys if not re.search(rf"(?m)^(# )?(\[+router\.(budget\.bd1\.)?)?{key}\b", text)]

    assert set(missing) <= {"day", "month", "route"}  # named in words; routes stand with the air side


def test_the_example_shows_the_default_of_every_key_that_chooses():
    """Leaving a table out is the same as what the example shows for it."""
    router = RouterSettings.model_validate(tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))["router"])
    shown = {name: getattr(router, name) for name in RoutingTables.model_fields if name not in Precedence.__members__}

    assert shown == {name: getattr(RouterSettings(), name) for name in shown}
    assert router.rules() == RouterSettings().rules()
