"""Which links help with a bundle in pieces: those that are ready, allowed, trusted, and make it no dearer."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.link import LinkState
from gateway.model import Precedence
from gateway.router.contacts import Contact
from gateway.router.health import LinkHealth
from gateway.router.policy import Policy
from gateway.router.sharing import may_help
from gateway.router.tariff import Tariff
from tests.gateway.router.values import NOW_S, bundle, view

LANE = "beidou+hf+satcom"


def priced(name, price, **more):
    return replace(view(name, **more), tariff=Tariff(price_per_frame=price))


def helps(precedence, links, *, chosen=("bd1",), policy=None, link="sat1"):
    asked = bundle(precedence, lane=LANE, attempts=1)
    return may_help(link, asked, links, policy or Policy(), NOW_S, chosen=chosen, size_bytes=900)


@given(
    precedence=st.sampled_from(list(Precedence)),
    price=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    others=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=3),
)
def test_what_is_not_urgent_never_gets_dearer_by_help(precedence, price, others):
    """FLASH and IMMEDIATE take every link; the rest none that costs more than what carries it already."""
    carrying = [priced(f"bd{number}", one) for number, one in enumerate(others)]
    links = [*carrying, priced("sat1", price, bearer="satcom")]

    expected = precedence <= Precedence.IMMEDIATE or price <= max(others)
    assert helps(precedence, links, chosen=[one.name for one in carrying]) == expected


@pytest.mark.parametrize("precedence", Precedence)
def test_with_nothing_chosen_nothing_helps(precedence):
    """It waits for something better, and pieces would go where the whole would not."""
    assert not helps(precedence, [view("bd1"), view("sat1", "satcom")], chosen=())


@pytest.mark.parametrize(
    "helper",
    [
        view("sat1", "satcom", state=LinkState.BUSY),
        view("sat1", "ip"),
        replace(view("sat1", "satcom"), contact=Contact(NOW_S + 60.0, NOW_S + 600.0)),
        view("sat1", "satcom", health=LinkHealth(unanswered_since_s=NOW_S - 10_000.0)),
    ],
    ids=["not open", "not in the lane", "before its contact", "suspect"],
)
def test_a_link_that_could_not_carry_it_does_not_help(helper):
    """Help is no way around what keeps a link from carrying the whole."""
    assert not helps(Precedence.PRIORITY, [view("bd1"), helper])
    assert helps(Precedence.PRIORITY, [view("bd1"), view("sat1", "satcom")])


def test_a_link_that_the_policy_does_not_name_does_not_help():
    """Which links may carry what holds for pieces too."""
    rules = {one: replace(Policy().rules[one], links=("bd1",)) for one in Precedence}

    assert not helps(Precedence.ROUTINE, [view("bd1"), view("sat1", "satcom")], policy=Policy(rules=rules))
