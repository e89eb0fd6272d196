"""What a try changes: honest states, and nothing that goes round in a circle."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings

from gateway.link import LinkState, SendOutcome, SendResult
from gateway.model import BundleState, Precedence
from gateway.router.again import QUICK_TRIES_MAX
from gateway.router.budget import Budget, Ledger, Limits, Period
from gateway.router.outcome import (
    DEFERRED_WAIT_S,
    DEFERRED_WAIT_S_MAX,
    DEFERRED_WAIT_S_MIN,
    OTHER_LINK_WAIT_S,
    after_try,
)
from gateway.router.plan import SLOT_S, is_in_lane, plan
from gateway.router.policy import (
    DEFAULT_PATIENCE,
    FLASH_COPIES,
    GATEWAY_RARELY_S,
    REFUSED_RECHECK_S,
    UNKNOWN_DOUBLINGS_MAX,
    UNKNOWN_RETRY_S,
    Policy,
)
from gateway.router.tariff import Spend
from tests.gateway.router.values import NOW_S, bundle, bundles, policies, results, view, views

quick = settings(deadline=None, derandomize=True, max_examples=120)


def tried(sent, result, link="bd1", links=("bd1",), policy=None):
    """Return what a try on ``link`` means with these links open."""
    open_links = [one if not isinstance(one, str) else view(one) for one in links]
    return after_try(sent, link, result, links=open_links, policy=policy or Policy(), now_s=NOW_S)


def said(outcome, not_before_s=None):
    return SendResult(outcome, "words", not_before_s)


@quick
@given(bundles, results, views, policies)
def test_a_try_leaves_an_open_honest_state_and_a_time_that_is_not_past(sent, result, links, policy):
    """No try closes a bundle, leaves it in the device's hands, claims delivery, or makes it due before now."""
    after = after_try(sent, "bd1", result, links=links, policy=policy, now_s=NOW_S)

    assert after.state in (BundleState.QUEUED, BundleState.SENT, BundleState.RELAYED, BundleState.REFUSED)
    assert after.due_s >= NOW_S
    assert after == after_try(sent, "bd1", result, links=tuple(links), policy=policy, now_s=NOW_S)


@quick
@given(bundles, results, views, policies)
def test_only_evidence_makes_a_state_better(sent, result, links, policy):
    """UNKNOWN, DEFERRED and REFUSED never make a bundle look sent, ACCEPTED never makes it look relayed."""
    after = after_try(sent, "bd1", result, links=links, policy=policy, now_s=NOW_S)

    if result.outcome in (SendOutcome.UNKNOWN, SendOutcome.DEFERRED, SendOutcome.REFUSED):
        before = BundleState.QUEUED if sent.state is BundleState.HANDED else sent.state
        assert after.state in (before, BundleState.REFUSED)
        assert (after.state is BundleState.REFUSED) <= (result.outcome is SendOutcome.REFUSED or before == "refused")
    if result.outcome is SendOutcome.ACCEPTED and sent.state is not BundleState.RELAYED:
        assert after.state is BundleState.SENT


@quick
@given(bundles, results, views, policies)
def test_the_same_link_is_never_asked_in_a_circle(sent, result, links, policy):
    """Given a bundle due again at once, then the router gives it to another link, never to the one that just answered."""
    after = after_try(sent, "bd1", result, links=links, policy=policy, now_s=NOW_S)
    if after.due_s > NOW_S:
        return
    now_tried = sent.tried if result.outcome is SendOutcome.DEFERRED or "bd1" in sent.tried else (*sent.tried, "bd1")
    again = bundle(sent.precedence, state=after.state, lane=sent.lane, attempts=sent.attempts + 1, tried=now_tried)

    decision = plan(again, links, policy, NOW_S)

    assert decision.links
    assert "bd1" not in decision.links


@quick
@given(bundles, views, policies)
def test_a_refusing_sky_is_asked_a_bounded_number_of_times(sent, links, policy):
    """Given links that all refuse, then each is asked once and then nothing for minutes at least."""
    now_tried, asked, due_s = (), [], NOW_S
    while due_s <= NOW_S and len(asked) < 20:
        again = bundle(sent.precedence, lane=sent.lane, attempts=len(asked), tried=now_tried)
        decision = plan(again, links, policy, NOW_S)
        if not decision.links:
            break
        link = decision.links[0]
        result = said(SendOutcome.REFUSED)
        due_s = after_try(again, link, result, links=links, policy=policy, now_s=NOW_S).due_s
        asked.append(link)
        now_tried = (*now_tried, link)

    assert len(asked) == len(set(asked))
    if asked:
        assert due_s >= NOW_S + OTHER_LINK_WAIT_S


@quick
@given(bundles, policies)
def test_tries_max_ends_the_repeating(sent, policy):
    """Given a link that accepts and nobody who confirms, then exactly tries_max bursts leave and the bundle stays open."""
    patience = policy.patience[sent.precedence]
    attempts, due_s = 0, NOW_S
    while due_s < math.inf and attempts <= 30:
        again = bundle(sent.precedence, lane="beidou", attempts=attempts)
        due_s = tried(again, said(SendOutcome.ACCEPTED), policy=policy).due_s
        attempts += 1

    copies = FLASH_COPIES if sent.precedence is Precedence.FLASH else 1
    expected = min(copies, patience.tries_max) if patience.unacknowledged_s == math.inf else patience.tries_max
    assert attempts == expected


@quick
@given(bundles, views, policies)
def test_a_repeat_waits_for_the_policys_patience(sent, links, policy):
    """A burst that left is not repeated before its precedence's patience is over, except for the copies of a FLASH."""
    after = after_try(sent, "bd1", said(SendOutcome.ACCEPTED), links=links, policy=policy, now_s=NOW_S)

    if after.due_s == NOW_S:
        assert sent.precedence is Precedence.FLASH
        assert not sent.tried
        assert any(link.is_usable and link.name != "bd1" and is_in_lane(link.bearer, sent.lane) for link in links)
    elif sent.precedence is not Precedence.FLASH or sent.attempts >= 2 * FLASH_COPIES:
        assert after.due_s >= NOW_S + policy.patience[sent.precedence].unacknowledged_s


def test_flash_is_due_at_once_for_its_second_copy_and_then_waits():
    """Given two links, then after the first ACCEPTED the second copy is due now, after it nothing for two slots."""
    first = tried(bundle(Precedence.FLASH), said(SendOutcome.ACCEPTED), links=("bd1", "bd2"))
    second = tried(
        bundle(Precedence.FLASH, state=BundleState.SENT, attempts=1, tried=("bd1",)),
        said(SendOutcome.ACCEPTED),
        link="bd2",
        links=("bd1", "bd2"),
    )

    assert (first.state, first.due_s) == (BundleState.SENT, NOW_S)
    assert second.due_s == NOW_S + DEFAULT_PATIENCE[Precedence.FLASH].unacknowledged_s


def test_a_burst_without_feedback_is_repeated_ever_more_rarely_but_not_so_for_flash():
    """A device that never gives feedback is not filled with copies; an SOS is never given up, and its copy comes first."""

    def wait_s(precedence, attempts):
        sent = bundle(precedence, attempts=attempts)
        return tried(sent, said(SendOutcome.UNKNOWN)).due_s - NOW_S

    routine = [wait_s(Precedence.ROUTINE, n) for n in range(10)]
    assert routine[:3] == [UNKNOWN_RETRY_S, 2 * UNKNOWN_RETRY_S, 4 * UNKNOWN_RETRY_S]
    assert routine[-1] == UNKNOWN_RETRY_S * 2**UNKNOWN_DOUBLINGS_MAX
    assert [wait_s(Precedence.FLASH, n) for n in range(10)] == [SLOT_S] + 9 * [UNKNOWN_RETRY_S]


@pytest.mark.parametrize("precedence", [Precedence.FLASH, Precedence.IMMEDIATE])
def test_an_urgent_burst_without_feedback_goes_elsewhere_at_once(precedence):
    """Given another open link, then the urgent do not wait for the silent one."""
    assert tried(bundle(precedence), said(SendOutcome.UNKNOWN), links=("bd1", "bd2")).due_s == NOW_S


def test_refused_by_all_is_shown_as_refused_and_asked_again_in_an_hour():
    """Every link so far said no: that is the state, and it stays open."""
    after = tried(bundle(), said(SendOutcome.REFUSED))

    assert (after.state, after.due_s) == (BundleState.REFUSED, NOW_S + REFUSED_RECHECK_S)


def test_refused_here_goes_to_the_other_link():
    """Given another open link, then it is asked at once and nothing is shown as refused yet."""
    after = tried(bundle(), said(SendOutcome.REFUSED), links=("bd1", "bd2"))

    assert (after.state, after.due_s) == (BundleState.QUEUED, NOW_S)


def test_refused_here_while_the_other_link_is_closed_waits_for_it():
    """Given a second link that is closed now, then the refusing one is not asked in a circle meanwhile."""
    closed = view("bd2", state=LinkState.UNAVAILABLE)

    after = tried(bundle(), said(SendOutcome.REFUSED), links=("bd1", closed))

    assert (after.state, after.due_s) == (BundleState.QUEUED, NOW_S + OTHER_LINK_WAIT_S)


def test_a_refused_repeat_of_something_sent_stays_sent():
    """What left once has left, whatever a later try says."""
    after = tried(bundle(state=BundleState.SENT, attempts=1), said(SendOutcome.REFUSED))

    assert after.state is BundleState.SENT


@pytest.mark.parametrize(
    ("not_before_s", "wait_s"),
    [
        (None, DEFERRED_WAIT_S),
        (NOW_S + 42.0, 42.0),
        (NOW_S, DEFERRED_WAIT_S_MIN),
        (NOW_S - 99, DEFERRED_WAIT_S_MIN),
        (math.inf, DEFERRED_WAIT_S_MAX),
        (-math.inf, DEFERRED_WAIT_S_MIN),
        (math.nan, DEFERRED_WAIT_S),
    ],
)
def test_deferred_waits_as_asked_within_reason(not_before_s, wait_s):
    """A device's wish is respected, but it neither makes a circle nor a wait without end."""
    assert tried(bundle(), said(SendOutcome.DEFERRED, not_before_s)).due_s == NOW_S + wait_s


# --- after the tries, and between links ------------------------------------------------------------------------------


@pytest.mark.parametrize("precedence", Precedence)
def test_between_gateways_nothing_is_given_up_before_its_lifetime(precedence):
    """After its tries a bundle to another gateway goes rarely; one to a handset waits for its person."""
    sent = bundle(precedence, state=BundleState.SENT, attempts=50)
    gateways = Policy().between_gateways()

    assert tried(sent, said(SendOutcome.ACCEPTED)).due_s == math.inf
    assert tried(sent, said(SendOutcome.ACCEPTED), policy=gateways).due_s == NOW_S + GATEWAY_RARELY_S[precedence]


@pytest.mark.parametrize("precedence", [Precedence.FLASH, Precedence.IMMEDIATE, Precedence.PRIORITY])
def test_a_refusal_elsewhere_does_not_put_off_the_repeat_of_what_was_sent(precedence):
    """Given one copy sent and the other link refusing, then it is repeated at its patience, not in an hour."""
    half = bundle(precedence, state=BundleState.SENT, attempts=1, tried=("bd2",))

    after = tried(half, said(SendOutcome.REFUSED), links=("bd1", "bd2"))

    assert (after.state, after.due_s) == (BundleState.SENT, NOW_S + DEFAULT_PATIENCE[precedence].unacknowledged_s)


def test_a_link_that_its_budget_holds_is_not_waited_for_alone():
    """Given the other link's budget spent for an hour, then an alert without feedback is tried here again, not there in an hour."""
    spent = Ledger(Budget({Period.HOUR: Limits(messages=1)}, 0.0)).after(Spend(messages=1), NOW_S)
    other = replace(view("bd2"), ledger=spent)

    after = tried(bundle(Precedence.IMMEDIATE), said(SendOutcome.UNKNOWN), links=("bd1", other))

    assert after.due_s == NOW_S + UNKNOWN_RETRY_S


@pytest.mark.parametrize(
    ("precedence", "wait_s"),
    [(Precedence.FLASH, 10), (Precedence.IMMEDIATE, 20), (Precedence.PRIORITY, 60), (Precedence.ROUTINE, 180)],
)
def test_a_quick_link_that_is_not_answered_is_an_answer(precedence, wait_s):
    """Given a link with slots of a second to a gateway, then what nobody confirmed goes again soon, and after some tries at its patience."""
    quick = replace(view("bd1"), slot_s=1.0)
    gateways = Policy().between_gateways()

    def again_s(attempts, to=gateways):
        sent = bundle(precedence, state=BundleState.SENT, attempts=attempts)
        return tried(sent, said(SendOutcome.ACCEPTED), links=(quick,), policy=to).due_s - NOW_S

    assert again_s(3) == wait_s
    assert again_s(QUICK_TRIES_MAX) == gateways.patience[precedence].unacknowledged_s
    assert again_s(3, Policy()) > wait_s, "a person's handset answers nothing by itself"
