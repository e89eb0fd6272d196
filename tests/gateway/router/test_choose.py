"""What the policy's rules do to the choice: expected delivery, price in time, restrictions, budgets, probes, reserve."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.link import LinkState, SendOutcome
from gateway.model import BundleState, MessageKind, Precedence
from gateway.router.budget import Budget, Ledger, Limits, Period
from gateway.router.contacts import NEVER, Contact, Quiet
from gateway.router.estimate import LinkEstimate
from gateway.router.health import LinkHealth
from gateway.router.plan import plan
from gateway.router.policy import COPIES_MAX, DEFAULT_RULES, Choose, KindRule, Policy, Rule
from gateway.router.tariff import Spend, Tariff
from tests.gateway.router.values import NOW_S, bundle, bundles, policies, view, views

quick = settings(deadline=None, derandomize=True, max_examples=100)
FREE, DEAR = Tariff(), Tariff(price_per_frame=2.0)
SPENT = Ledger(Budget({Period.HOUR: Limits(messages=1)}, 0.0)).after(Spend(messages=1), NOW_S)
DOUBTED = LinkHealth(doubted=True, tried_s=NOW_S - 2000)
ORDER = dict.fromkeys(Precedence, ("bd1", "bd2", "sat1"))


def link(name="bd1", *, health=None, not_before_s=NOW_S, state=LinkState.OPEN, **more):
    return replace(view(name, state=state, not_before_s=not_before_s, health=health), **more)


def chosen(asked, *links, policy=None, size_bytes=None, **more):
    return plan(asked, links, policy or Policy(order=ORDER), NOW_S, size_bytes, **more)


def measured(successes, losses, delay_s=30.0):
    """Return an estimate of so many receipts and losses just now."""
    estimate = LinkEstimate()
    for _ in range(successes):
        estimate = estimate.after_receipt(delay_s, NOW_S)
    for _ in range(losses):
        estimate = estimate.after_lost(NOW_S)
    return estimate


def ruled(precedence, **rule):
    """Return a policy with a rule of its own for one precedence."""
    return Policy(order=ORDER, rules={**DEFAULT_RULES, precedence: replace(DEFAULT_RULES[precedence], **rule)})


# --- expected delivery -------------------------------------------------------------------------------------------


def test_immediate_waits_for_a_slot_rather_than_burn_a_burst_on_a_link_that_loses_nearly_all():
    """Given bd1 free now that loses nine in ten and bd2 free in a minute, then bd2 is expected first."""
    bad, good = measured(1, 15), measured(15, 1)

    decision = chosen(
        bundle(Precedence.IMMEDIATE), link(estimate=bad), link("bd2", estimate=good, not_before_s=NOW_S + 60)
    )

    assert decision.links == ("bd2",)


def test_long_things_go_where_the_frames_are_large():
    """Given 600 bytes, a card of 78 bytes a minute free now and a satellite of 340 bytes free in 20 s, then the satellite."""
    card, satellite = link(frame_bytes=78), link("sat1", frame_bytes=340, slot_s=20.0, not_before_s=NOW_S + 20)

    assert chosen(bundle(Precedence.IMMEDIATE), card, satellite, size_bytes=600).links == ("sat1",)
    assert chosen(bundle(Precedence.IMMEDIATE), card, satellite, size_bytes=60).links == ("bd1",)


@quick
@given(st.lists(st.floats(20, 40), min_size=20, max_size=60))
def test_receipts_that_come_a_little_sooner_or_later_move_nothing(delays):
    """Given two links of about one delay, then the operator's first stays first whatever receipt came last."""
    estimates = {"bd1": measured(10, 0), "bd2": measured(10, 0)}
    for number, delay_s in enumerate(delays):
        name = ("bd1", "bd2")[number % 2]
        estimates[name] = estimates[name].after_receipt(delay_s, NOW_S)

        views = [link(name, estimate=one) for name, one in estimates.items()]
        assert chosen(bundle(Precedence.IMMEDIATE), *views).links == ("bd1",)


def test_without_the_margin_they_would_move_it():
    """The planted defect of the test before: no hysteresis, and one quick receipt sends the next alert elsewhere."""
    views = [link(estimate=measured(10, 0)), link("bd2", estimate=measured(10, 0).after_receipt(20.0, NOW_S))]

    assert chosen(bundle(Precedence.IMMEDIATE), *views).links == ("bd1",)
    assert chosen(bundle(Precedence.IMMEDIATE), *views, policy=Policy(order=ORDER, hysteresis=0.0)).links == ("bd2",)


def test_receipts_that_waited_for_a_link_to_come_back_do_not_make_it_slow():
    """Given a network that answers in a second, but twice after ten minutes for having been away, then it is still the first."""
    network = measured(20, 0, 0.5).after_receipt(600.0, NOW_S).after_receipt(600.0, NOW_S)

    assert chosen(bundle(Precedence.IMMEDIATE), link(), link("sat1", estimate=network, slot_s=0.5)).links == ("sat1",)


# --- price in time -----------------------------------------------------------------------------------------------


def test_the_cheapest_in_time_goes_before_the_operators_order():
    """Given bd1 first in order and dear, then ROUTINE goes over bd2, and the reason says why."""
    decision = chosen(bundle(), link(tariff=DEAR), link("bd2", tariff=FREE))

    assert (decision.links, decision.reason) == (("bd2",), "cheapest in time")


def test_about_one_price_is_the_operators_order():
    """Given bd2 a tenth cheaper, then that is not worth leaving the order; a half is."""
    prices = {share: Tariff(price_per_frame=2.0 * share) for share in (0.9, 0.5)}

    assert chosen(bundle(), link(tariff=DEAR), link("bd2", tariff=prices[0.9])).links == ("bd1",)
    assert chosen(bundle(), link(tariff=DEAR), link("bd2", tariff=prices[0.5])).links == ("bd2",)


def test_of_links_that_nobody_put_in_order_the_one_that_is_free_again_soonest_goes_first():
    """Given a card of a minute and HF of five seconds, then ROUTINE leaves the card's slot for an SOS, unless it is told otherwise."""
    links = [link("bd1", slot_s=60.0), link("hf1", slot_s=5.0)]

    assert chosen(bundle(), *links, policy=Policy()).links == ("hf1",)
    assert chosen(bundle(), *links, policy=Policy(order={Precedence.ROUTINE: ("bd1",)})).links == ("bd1",)


def test_a_cheaper_link_that_opens_in_time_is_waited_for():
    """Given a free satellite that passes in ten minutes, then ROUTINE waits for it and is told until when."""
    closed = link("sat1", tariff=FREE, state=LinkState.BUSY, contact=Contact(NOW_S + 600, NOW_S + 1200))

    decision = chosen(bundle(), link(tariff=DEAR), closed)

    assert (decision.links, decision.until_s) == ((), NOW_S + 600)
    assert "waits for sat1" in decision.reason


def test_it_is_not_waited_for_beyond_the_deadline():
    """Given a deadline of five minutes, then the dear link takes it now."""
    closed = link("sat1", tariff=FREE, state=LinkState.BUSY, contact=Contact(NOW_S + 600, NOW_S + 1200))

    decision = chosen(bundle(), link(tariff=DEAR), closed, policy=ruled(Precedence.ROUTINE, deadline_s=300.0))

    assert decision.links == ("bd1",)


@pytest.mark.parametrize("state", [LinkState.BUSY, LinkState.UNAVAILABLE, LinkState.AVAILABLE, LinkState.OPENING])
def test_an_unknown_return_is_never_counted_on(state):
    """Given a free link that is away and nobody knows until when, then the dear one takes it."""
    assert chosen(bundle(), link(tariff=DEAR), link("bd2", tariff=FREE, state=state)).links == ("bd1",)


def test_a_device_that_is_missing_is_not_waited_for_whatever_the_schedule():
    """A pass in ten minutes says nothing of a modem that is unplugged."""
    gone = link("sat1", tariff=FREE, state=LinkState.UNAVAILABLE, contact=Contact(NOW_S + 600, NOW_S + 1200))

    assert chosen(bundle(), link(tariff=DEAR), gone).links == ("bd1",)


def test_when_nothing_keeps_the_deadline_the_soonest_takes_it():
    """Given all late, then it goes where it is expected first, price or not, and the reason says so."""
    late = ruled(Precedence.ROUTINE, deadline_s=1.0)

    decision = chosen(bundle(), link(tariff=FREE, not_before_s=NOW_S + 300), link("bd2", tariff=DEAR), policy=late)

    assert decision.links == ("bd2",)
    assert "nothing trusted keeps its deadline" in decision.reason


def test_order_alone_ignores_prices():
    """Given choose = order, then the first in order takes it however dear, and nothing is waited for."""
    policy = ruled(Precedence.ROUTINE, choose=Choose.ORDER)

    assert chosen(bundle(), link(tariff=DEAR), link("bd2", tariff=FREE), policy=policy).links == ("bd1",)


# --- what may carry what -----------------------------------------------------------------------------------------


def test_links_that_a_rule_names_are_the_only_ones():
    """Given only sat1 for ROUTINE, then bd1 stays unused, and without sat1 it waits and says for what."""
    policy = ruled(Precedence.ROUTINE, links=("sat1",))

    assert chosen(bundle(), link(), link("sat1"), policy=policy).links == ("sat1",)
    alone = chosen(bundle(), link(), policy=policy)
    assert alone.links == ()
    assert "the policy names sat1" in alone.reason


def test_an_sos_takes_another_link_when_none_of_its_own_is_open():
    """Only physics stops an SOS: links that are named for it come first, and any other is better than none."""
    policy = ruled(Precedence.FLASH, links=("sat1",))
    asked = bundle(Precedence.FLASH)

    assert chosen(asked, link(), link("sat1"), policy=policy).links == ("sat1",)
    assert chosen(asked, link(), link("sat1", state=LinkState.BUSY), policy=policy).links == ("bd1",)


def test_a_kind_has_links_of_its_own():
    """Given positions over bd2 only, then an order still follows the order of links."""
    policy = Policy(order=ORDER, kinds={MessageKind.COMMAND: KindRule(links=("bd2",))})

    assert chosen(bundle(), link(), link("bd2"), policy=policy).links == ("bd2",)
    assert chosen(bundle(Precedence.FLASH), link(), policy=policy).links == ("bd1",)


def test_copies_of_anything_go_over_so_many_links():
    """Given three copies for an alert, then three links have it, the soonest first; never more than COPIES_MAX."""
    links = [link(f"bd{n}", not_before_s=NOW_S + n) for n in range(1, 7)]

    assert chosen(bundle(Precedence.IMMEDIATE), *links, policy=ruled(Precedence.IMMEDIATE, copies=3)).links == (
        "bd1",
        "bd2",
        "bd3",
    )
    assert len(chosen(bundle(), *links, policy=ruled(Precedence.ROUTINE, copies=99)).links) == COPIES_MAX


# --- budgets and quiet hours ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("precedence", [p for p in Precedence if p is not Precedence.FLASH])
def test_a_spent_budget_keeps_it_off_the_link_and_says_until_when(precedence):
    """Given bd1 spent, then bd2 takes it; alone, it waits for the budget's window."""
    decision = chosen(bundle(precedence), link(ledger=SPENT))

    assert chosen(bundle(precedence), link(ledger=SPENT), link("bd2")).links == ("bd2",)
    assert decision.links == ()
    assert NOW_S + 3600 <= decision.until_s <= NOW_S + 3900
    assert "its budget" in decision.reason


@quick
@given(views, policies)
def test_nothing_but_the_link_itself_ever_holds_a_flash(links, policy):
    """Spent budgets, quiet hours, a closed schedule and a spent source: the same links are named as without them."""
    asked = bundle(Precedence.FLASH)
    hindered = [
        replace(one, ledger=SPENT, quiet=Quiet(NOW_S + 9000, Precedence.FLASH), contact=NEVER, tariff=DEAR)
        for one in links
    ]
    free = plan(asked, links, policy, NOW_S)

    decision = plan(asked, hindered, policy, NOW_S, source=SPENT)

    assert len(decision.links) == len(free.links)
    assert bool(decision.links) == any(one.is_usable and one.bearer == "beidou" for one in links)


def test_quiet_hours_keep_the_rest_off_until_they_end():
    """Given bd1 quiet for an hour for less than IMMEDIATE, then an alert goes over it and a chat over bd2 or not at all."""
    quiet = link(quiet=Quiet(NOW_S + 3600, Precedence.IMMEDIATE))

    assert chosen(bundle(Precedence.IMMEDIATE), quiet).links == ("bd1",)
    assert chosen(bundle(), quiet, link("bd2")).links == ("bd2",)
    assert chosen(bundle(), quiet).until_s == NOW_S + 3600


def test_a_spent_source_waits_while_others_go():
    """Budgets per source stop the source, not the link."""
    asked = bundle()

    assert chosen(asked, link(), source=SPENT).links == ()
    assert "the source's budget" in chosen(asked, link(), source=SPENT).reason
    assert chosen(asked, link()).links == ("bd1",)


def test_something_larger_than_the_whole_budget_is_said_never_to_go():
    """No time is named for what never can be, and nobody waits in vain unseen."""
    tiny = link(ledger=Ledger(Budget({Period.DAY: Limits(bytes=10)}, 0.0)))

    decision = chosen(bundle(), tiny, size_bytes=100)

    assert (decision.links, decision.until_s) == ((), math.inf)
    assert "bd1 by its budget" in decision.reason


def test_the_last_free_slot_is_kept_for_an_sos():
    """Given bd1 free and bd2 in half a minute, then ROUTINE waits for bd2's slot where the operator wants that, an alert never."""
    links = [link(), link("bd2", not_before_s=NOW_S + 30)]
    policy = Policy(order=ORDER, keep_last_slot=True)

    assert chosen(bundle(), *links).links == ("bd1",)
    assert chosen(bundle(), *links, policy=policy).links == ("bd2",)
    assert chosen(bundle(Precedence.IMMEDIATE), *links, policy=policy).links == ("bd1",)
    assert chosen(bundle(), links[0], policy=policy).links == ("bd1",)
    assert chosen(bundle(), links[0], link("bd2"), policy=policy).links == ("bd1",)


# --- probes ------------------------------------------------------------------------------------------------------


def test_a_doubted_link_that_comes_first_gets_one_bundle_beside_the_one_in_use():
    """The link in use keeps the bundle for the taking; the doubted one may take it instead, at once."""
    decision = chosen(bundle(), link(health=DOUBTED), link("bd2"))

    assert (decision.links, decision.probe) == (("bd2",), "bd1")
    assert decision.takes("bd1")
    assert decision.takes("bd2")
    assert not decision.takes("sat1")


@pytest.mark.parametrize(
    ("case", "first"),
    [
        ("tried lately", link(health=replace(DOUBTED, tried_s=NOW_S - 800))),
        ("not free", link(health=DOUBTED, not_before_s=NOW_S + 1)),
        ("closed", link(health=DOUBTED, state=LinkState.BUSY)),
        ("held down only", link(health=LinkHealth(failed_s=NOW_S - 10, tried_s=NOW_S - 2000))),
        (
            "budget half spent",
            link(health=DOUBTED, ledger=replace(SPENT, budget=Budget({Period.HOUR: Limits(1.8)}, 0))),
        ),
        ("not first", link("sat1", health=DOUBTED)),
    ],
)
def test_a_probe_is_seldom_paid_for_and_worth_it(case, first):
    """No probe for what was just tried, cannot go now, proves itself by time, has spent half, or would not be used anyway."""
    assert chosen(bundle(), first, link("bd2")).probe is None, case


def test_a_link_that_answers_its_probe_is_probed_again_at_once():
    """Given the last try answered, then the next bundle goes there too: two answers end the doubt."""
    answered = replace(DOUBTED, tried_s=NOW_S - 60, answered_s=NOW_S - 10)

    assert chosen(bundle(), link(health=answered), link("bd2")).probe == "bd1"


def test_an_alert_is_never_a_probe():
    """What must be there soon is no test."""
    assert chosen(bundle(Precedence.IMMEDIATE), link(health=DOUBTED), link("bd2")).probe is None


def test_an_sos_goes_over_a_doubted_link_too_when_that_would_be_sooner():
    """Given two trusted links with slots to come and a doubted one free now, then it gets a copy more, and the two theirs."""
    later = [link("bd2", not_before_s=NOW_S + 30), link("bd3", not_before_s=NOW_S + 40)]

    decision = chosen(bundle(Precedence.FLASH), link(health=DOUBTED), *later)

    assert (decision.links, decision.probe) == (("bd2", "bd3"), "bd1")
    assert chosen(bundle(Precedence.FLASH), link(health=DOUBTED, not_before_s=NOW_S + 35), *later).probe is None
    assert chosen(bundle(Precedence.FLASH), link(health=DOUBTED), link("bd2")).links == ("bd2", "bd1")


def test_a_copy_on_a_doubted_link_is_no_copy():
    """Given the doubted link and one trusted had it, then the other trusted one still gets its own."""
    half = bundle(Precedence.FLASH, state=BundleState.SENT, attempts=2, tried=("bd1", "bd2"))

    assert chosen(half, link(health=DOUBTED), link("bd2"), link("bd3"), link("bd4")).links == ("bd3",)


def test_a_bundle_that_a_doubted_link_had_already_is_no_probe_for_it_again():
    """What was tried there goes elsewhere."""
    asked = bundle(state=BundleState.SENT, attempts=1, tried=("bd1",))

    assert chosen(asked, link(health=DOUBTED), link("bd2")).probe is None


# --- telling why -------------------------------------------------------------------------------------------------


@quick
@given(bundles, views, policies)
def test_every_link_of_the_lane_is_weighed_aloud_once(asked, links, policy):
    """For people who ask why: each link of the lane with its reason, the chosen ones marked, in the operator's order."""
    decision = plan(asked, links, policy, NOW_S)
    lane = {one.name for one in links if one.bearer in asked.lane.split("+")}

    assert {option.link for option in decision.options} == lane
    assert len(decision.options) == len(lane)
    assert {option.link for option in decision.options if option.chosen} == set(decision.links)
    assert all(option.why for option in decision.options)
    ranks = [policy.rank(asked.precedence, option.link) for option in decision.options]
    assert ranks == sorted(ranks)


def test_an_option_says_what_keeps_it_off():
    """Budget, schedule, state, round and policy each in their words, with how long where that is known."""
    had = bundle(state=BundleState.SENT, attempts=1, tried=("bd2",))
    decision = chosen(
        had,
        link(),
        link("bd2"),
        link("bd3", ledger=SPENT),
        link("bd4", state=LinkState.BUSY),
        link("bd5", health=LinkHealth().after_outcome(SendOutcome.UNKNOWN, NOW_S - 1000)),
    )
    why = {option.link: option.why for option in decision.options}

    assert why["bd2"] == "has had it in this round"
    assert why["bd3"].startswith("its budget, free in ")
    assert why["bd4"] == "is busy"
    assert why["bd5"] == "unacknowledged"


def test_rules_overlay():
    """A kind's table changes what it names and leaves the rest."""
    rule = Rule(Choose.CHEAPEST, ("bd1",), 1, 60.0)

    assert KindRule().over(rule) == rule
    assert KindRule(copies=2).over(rule) == replace(rule, copies=2)
    assert KindRule(Choose.ORDER, ("x",), 3, 5.0).over(rule) == Rule(Choose.ORDER, ("x",), 3, 5.0)
