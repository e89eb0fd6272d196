"""Two paths that do not flap: the standing choice over thousands of scripted deaths and returns of links."""

from dataclasses import replace

import pytest

from gateway.model import Precedence
from gateway.router.choose import Standing
from gateway.router.plan import plan
from gateway.router.policy import Policy
from gateway.router.standing import STANDINGS_MAX, Standings
from gateway.router.tariff import Tariff
from tests.gateway.router.faultscripts import flaps, live_through
from tests.gateway.router.values import NOW_S, bundle, view

HOLD_DOWN_S = Policy().hold_down_s
QUICK_SCRIPTS, ALL_SCRIPTS = 300, 10_000


def flapping(seeds, policy=None):
    """Return the scripts in which the choice went back sooner than it may, and how often it changed in all."""
    found, changes = [], 0
    for seed in seeds:
        precedence = Precedence.PRIORITY if seed % 2 else Precedence.ROUTINE
        script = live_through(seed, policy or Policy(), precedence=precedence)
        changes += len(script)
        if flaps(script, HOLD_DOWN_S):
            found.append(seed)
    return found, changes


def test_no_link_is_gone_back_to_within_the_hold_down():
    """Given hundreds of scripts of deaths and returns, then the choice changes, and never there and back too soon."""
    found, changes = flapping(range(QUICK_SCRIPTS))

    assert found == []
    assert changes > QUICK_SCRIPTS


@pytest.mark.long
def test_ten_thousand_scripts_of_faults_do_not_make_it_flap():
    """The promise, at its full number."""
    assert flapping(range(QUICK_SCRIPTS, ALL_SCRIPTS))[0] == []


def test_without_the_hold_down_it_would_flap():
    """Planted defect: a policy without a hold-down is caught by the same scripts."""
    assert len(flapping(range(60), Policy(hold_down_s=0.0))[0]) > 5


def test_without_the_memory_of_what_was_left_it_would_flap(monkeypatch):
    """Planted defect: links that are each held down, but a choice that forgets, is caught by the same scripts."""
    monkeypatch.setattr(Standing, "is_left", lambda *_: False)

    assert flapping(range(140, 250))[0]


# --- the memory itself -----------------------------------------------------------------------------------------


def cheap(name, price):
    return replace(view(name), tariff=Tariff(price_per_frame=price))


def test_a_link_that_was_left_is_not_gone_back_to_until_the_hold_down_is_over():
    """Given bd1 left for a cheaper bd2 whose price then rises, then bd1 waits its hold-down though it is cheapest now."""
    standings = Standings()

    def chosen(now_s, price):
        links = [
            replace(cheap("bd1", 2.0), not_before_s=now_s),
            replace(cheap("bd2", price), not_before_s=now_s),
        ]
        return standings.plan(bundle(), links, Policy(), now_s).links

    assert chosen(NOW_S, 3.0) == ("bd1",)
    assert chosen(NOW_S + 10, 1.0) == ("bd2",)
    assert chosen(NOW_S + 20, 3.0) == chosen(NOW_S + 309, 3.0) == ("bd2",)
    assert chosen(NOW_S + 310, 3.0) == ("bd1",)


def test_when_the_one_in_use_fails_there_is_no_waiting():
    """Given bd2 in use and bd1 left a moment ago, then bd1 takes over at once when bd2 closes."""
    standings = Standings()
    standings.plan(bundle(), [cheap("bd1", 2.0), cheap("bd2", 3.0)], Policy(), NOW_S)
    standings.plan(bundle(), [cheap("bd1", 2.0), cheap("bd2", 1.0)], Policy(), NOW_S + 10)

    assert standings.plan(bundle(), [cheap("bd1", 2.0)], Policy(), NOW_S + 20).links == ("bd1",)


def test_sorts_of_traffic_do_not_hold_each_other():
    """Given orders over bd2 by price, then ROUTINE of another lane or precedence keeps its own choice."""
    standings = Standings()
    links = [cheap("bd1", 2.0), cheap("bd2", 1.0), view("hf1", bearer="hf")]

    assert standings.plan(bundle(), links, Policy(), NOW_S).links == ("bd2",)
    assert standings.plan(bundle(lane="beidou+hf"), links, Policy(), NOW_S).links == ("hf1",)
    assert standings.plan(bundle(), links, Policy(), NOW_S + 1).links == ("bd2",)
    assert len(standings) == 2


def test_a_bundle_that_had_the_first_link_says_nothing_of_the_next_bundle():
    """Given a repeat that goes over bd2 since bd1 had it, then new bundles still go over bd1."""
    standings = Standings()
    links = [view("bd1"), view("bd2")]
    standings.plan(bundle(), links, Policy(), NOW_S)

    assert standings.plan(bundle(tried=("bd1",)), links, Policy(), NOW_S + 1).links == ("bd2",)
    assert standings.plan(bundle(), links, Policy(), NOW_S + 2).links == ("bd1",)


def test_without_a_memory_the_answer_is_that_of_plan():
    """A first question to Standings is one to plan."""
    links = [cheap("bd1", 2.0), cheap("bd2", 1.0)]

    assert Standings().plan(bundle(), links, Policy(), NOW_S, 60) == plan(bundle(), links, Policy(), NOW_S, 60)


def test_sorts_are_remembered_up_to_a_limit():
    """Lanes and sizes are few; the cap only keeps a mistake from growing."""
    standings = Standings()
    for number in range(STANDINGS_MAX + 3):
        standings.plan(bundle(lane=f"lane{number}"), [view("bd1", bearer=f"lane{number}")], Policy(), NOW_S)

    assert len(standings) == STANDINGS_MAX
