"""Which link takes a bundle: properties that hold for every question, then the examples an operator would ask about."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.link import LinkState, SendOutcome
from gateway.model import BundleState, Precedence
from gateway.router.health import LinkHealth
from gateway.router.plan import is_in_lane, lane_of, plan
from gateway.router.policy import FLASH_COPIES, Policy
from tests.gateway.router.values import NOW_S, bundle, bundles, policies, view, views

quick = settings(deadline=None, derandomize=True, max_examples=120)
SILENT = LinkHealth(unanswered_since_s=NOW_S - 1000)
below_flash = st.sampled_from([p for p in Precedence if p is not Precedence.FLASH])


@quick
@given(bundles, views, policies, st.randoms(use_true_random=False))
def test_the_same_question_has_the_same_answer(asked, links, policy, rng):
    """The answer depends on the values only, not on the order in which links are told or on having been asked before."""
    shuffled = list(links)
    rng.shuffle(shuffled)

    assert plan(asked, links, policy, NOW_S) == plan(asked, tuple(shuffled), policy, NOW_S)


@quick
@given(bundles, views, policies)
def test_names_only_usable_links_of_the_lane_each_once(asked, links, policy):
    """No decision sends anything over a closed link, a wrong bearer, or one link twice."""
    decision = plan(asked, links, policy, NOW_S)

    usable = {link.name for link in links if link.is_usable and is_in_lane(link.bearer, asked.lane)}
    assert set(decision.links) <= usable
    assert len(set(decision.links)) == len(decision.links) <= FLASH_COPIES
    assert decision.reason


@quick
@given(bundles, views, policies)
def test_nothing_waits_while_a_link_could_take_it(asked, links, policy):
    """Given any usable link of the lane, then some link is named: suspicion changes the order, never the fact."""
    decision = plan(asked, links, policy, NOW_S)

    assert bool(decision.links) == any(link.is_usable and is_in_lane(link.bearer, asked.lane) for link in links)


@quick
@given(views, policies, st.sampled_from([BundleState.QUEUED, BundleState.REFUSED]))
def test_a_new_flash_goes_over_the_two_best_links_at_once(links, policy, state):
    """Given two or more usable links, then an SOS order goes over two; with one it goes over that one."""
    asked = bundle(Precedence.FLASH, state=state)
    usable = [link for link in links if link.is_usable and link.bearer == "beidou"]

    decision = plan(asked, links, policy, NOW_S)

    assert len(decision.links) == min(FLASH_COPIES, len(usable))


@quick
@given(views, policies)
def test_flash_takes_a_trusted_link_before_a_suspect_one_and_the_earlier_slot_before_the_later(links, policy):
    """No link that is left out is trusted when a chosen one is suspect, nor free earlier among equals."""
    asked = bundle(Precedence.FLASH)
    decision = plan(asked, links, policy, NOW_S)
    by_name = {link.name: link for link in links}
    patience = policy.patience[Precedence.FLASH].unacknowledged_s

    def cost(link):
        return (link.health.is_suspect(NOW_S, patience, policy.hold_down_s), max(NOW_S, link.not_before_s))

    left_out = [
        link for link in links if link.is_usable and link.bearer == "beidou" and link.name not in decision.links
    ]
    assert all(cost(by_name[name]) <= cost(link) for name in decision.links for link in left_out)


@quick
@given(below_flash, views, policies, bundles)
def test_everything_else_goes_over_one_link(precedence, links, policy, asked):
    """Below FLASH a bundle is given to one link at a time."""
    asked = bundle(precedence, state=asked.state, lane=asked.lane, attempts=asked.attempts, tried=asked.tried)

    assert len(plan(asked, links, policy, NOW_S).links) <= 1


@quick
@given(bundles, views, policies)
def test_a_link_that_had_it_waits_until_the_others_had_it_too(asked, links, policy):
    """Given a link that has not had the bundle in this round and is free within its patience, then none that had it is named."""
    until_s = NOW_S + policy.patience[asked.precedence].unacknowledged_s
    soon = {
        link.name
        for link in links
        if link.is_usable and is_in_lane(link.bearer, asked.lane) and link.not_before_s <= until_s
    }
    decision = plan(asked, links, policy, NOW_S)

    if soon - set(asked.tried):
        assert not set(decision.links) & set(asked.tried)


@quick
@given(st.sampled_from([Precedence.PRIORITY, Precedence.ROUTINE]), views, policies)
def test_the_operators_order_is_kept_among_links_that_are_trusted(precedence, links, policy):
    """No usable, trusted link that the operator put before the chosen one was passed over."""
    asked = bundle(precedence)
    decision = plan(asked, links, policy, NOW_S)
    patience = policy.patience[precedence].unacknowledged_s
    trusted = [
        link.name
        for link in links
        if link.is_usable
        and link.bearer == "beidou"
        and not link.health.is_suspect(NOW_S, patience, policy.hold_down_s)
    ]

    if trusted:
        assert decision.links == (min(trusted, key=lambda name: policy.rank(precedence, name)),)


def test_order_is_per_precedence_and_unnamed_links_follow_by_name():
    """An order for ROUTINE says nothing about PRIORITY."""
    policy = Policy(order={Precedence.ROUTINE: ("bd3",)})
    links = [view("bd2"), view("bd1"), view("bd3")]

    assert plan(bundle(Precedence.ROUTINE), links, policy, NOW_S).links == ("bd3",)
    assert plan(bundle(Precedence.PRIORITY), links, policy, NOW_S).links == ("bd1",)
    assert policy.rank(Precedence.ROUTINE, "bd3") < policy.rank(Precedence.ROUTINE, "bd1")


def test_a_link_without_feedback_is_passed_over_and_named_as_such():
    """Given the first link silent for longer than the policy allows, then the second takes over and the reason says why."""
    policy = Policy(order={Precedence.ROUTINE: ("bd1", "bd2")})

    decision = plan(bundle(), [view("bd1", health=SILENT), view("bd2")], policy, NOW_S)

    assert decision.links == ("bd2",)
    assert "passing bd1: unacknowledged" in decision.reason


def test_a_lone_silent_link_is_still_used():
    """Given nothing better, then the suspect link carries it."""
    assert plan(bundle(), [view("bd1", health=SILENT)], Policy(), NOW_S).links == ("bd1",)


def test_immediate_takes_the_earlier_slot_whatever_the_operators_order():
    """Given bd1 first in order but free in a minute, then an IMMEDIATE order leaves by bd2 now and a ROUTINE one waits for bd1."""
    policy = Policy(order=dict.fromkeys(Precedence, ("bd1", "bd2")))
    links = [view("bd1", not_before_s=NOW_S + 55), view("bd2")]

    assert plan(bundle(Precedence.IMMEDIATE), links, policy, NOW_S).links == ("bd2",)
    assert plan(bundle(Precedence.ROUTINE), links, policy, NOW_S).links == ("bd1",)


def test_flash_that_one_link_has_sent_needs_one_more():
    """Given one copy sent, then the second goes to a link that has not had it, and to one only."""
    half = bundle(Precedence.FLASH, state=BundleState.SENT, tried=("bd1",), attempts=1)

    assert plan(half, [view("bd1"), view("bd2"), view("bd3")], Policy(), NOW_S).links == ("bd2",)


def test_a_second_round_of_flash_goes_over_two_links_again():
    """Given both links had it and no evidence came, then a new round goes over both."""
    again = bundle(Precedence.FLASH, state=BundleState.SENT, tried=("bd1", "bd2"), attempts=2)

    assert set(plan(again, [view("bd1"), view("bd2")], Policy(), NOW_S).links) == {"bd1", "bd2"}


@pytest.mark.parametrize("state", [s for s in LinkState if s is not LinkState.OPEN])
def test_a_link_that_is_not_open_is_named_in_the_reason(state):
    """Who asks why nothing moves is told which link is how."""
    decision = plan(bundle(), [view("bd1", state=state)], Policy(), NOW_S)

    assert decision.links == ()
    assert f"bd1 {state}" in decision.reason


def test_no_link_of_the_bearer_is_said():
    """A lane that no configured link serves is said in words."""
    assert "no link of bearer satcom" in plan(bundle(lane="satcom"), [view("bd1")], Policy(), NOW_S).reason


@quick
@given(st.lists(st.sampled_from(["beidou", "hf", "satcom"])))
def test_a_lane_is_its_bearers_once_each_in_order(bearers):
    """The same bearers make the same lane however they are told, and each of them is in it."""
    lane = lane_of(bearers)

    assert lane == lane_of(sorted(set(bearers), reverse=True))
    assert all(is_in_lane(bearer, lane) for bearer in bearers)


# --- failover and hold-down over time ---------------------------------------------------------------------------


def test_failover_is_by_the_age_of_what_is_unacknowledged():
    """A link that takes everything and confirms nothing is left after the policy's time, not before."""
    policy = Policy(order={Precedence.PRIORITY: ("bd1", "bd2")})
    health = LinkHealth().after_outcome(SendOutcome.UNKNOWN, NOW_S)

    def chosen(age_s):
        return plan(bundle(Precedence.PRIORITY), [view("bd1", health=health), view("bd2")], policy, NOW_S + age_s).links

    assert chosen(0) == chosen(299) == ("bd1",)
    assert chosen(300) == chosen(100_000) == ("bd2",)


def test_after_the_silence_ends_the_link_is_held_down_and_then_preferred_again():
    """The first confirmation does not bring everything back at once; hold_down_s with evidence does."""
    policy = Policy(order={Precedence.ROUTINE: ("bd1", "bd2")}, hold_down_s=300)
    health = LinkHealth().after_outcome(SendOutcome.UNKNOWN, NOW_S).after_outcome(SendOutcome.ACCEPTED, NOW_S + 1000)

    def chosen(now_s):
        return plan(bundle(), [view("bd1", health=health), view("bd2")], policy, now_s).links

    assert chosen(NOW_S + 1001) == chosen(NOW_S + 1299) == ("bd2",)
    assert chosen(NOW_S + 1300) == ("bd1",)


@quick
@given(
    st.lists(st.tuples(st.sampled_from(SendOutcome), st.floats(1, 120)), min_size=1, max_size=60),
    st.floats(60, 1000),
)
def test_a_flapping_link_changes_the_choice_at_most_once_a_hold_down(outcomes, hold_down_s):
    """Whatever a link answers and however fast, it is not preferred again sooner than hold_down_s after it was left."""
    policy = Policy(order={Precedence.ROUTINE: ("bd1", "bd2")}, hold_down_s=hold_down_s)
    now_s, health, left_s, on_first = NOW_S, LinkHealth(), -math.inf, True

    for outcome, wait_s in outcomes:
        now_s += wait_s
        health = health.after_outcome(outcome, now_s)
        first = plan(bundle(), [view("bd1", health=health), view("bd2")], policy, now_s).links == ("bd1",)
        if on_first and not first:
            left_s = now_s
        if first and not on_first:
            assert now_s - left_s >= hold_down_s or health.failed_s == -math.inf
        on_first = first
