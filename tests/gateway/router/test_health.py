"""What is known of a link from evidence only."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.link import SendOutcome
from gateway.router.health import ANSWERED_RUN, LOST_RUN, SILENCE_S, LinkHealth
from gateway.router.policy import UNKNOWN_RETRY_S

quick = settings(deadline=None, derandomize=True, max_examples=120)
events = st.lists(
    st.tuples(st.sampled_from([*SendOutcome, "heard", "lost"]), st.floats(0, 400)),
    max_size=30,
)


def after(health, what, now_s):
    if what == "heard":
        return health.after_heard(now_s)
    if what == "lost":
        return health.after_lost(now_s)
    return health.after_outcome(what, now_s)


@quick
@given(events)
def test_a_link_that_never_left_a_try_unanswered_is_never_suspect(events):
    """Refusals, deferrals and silence without tries are no evidence against a link."""
    health, now_s = LinkHealth(), 0.0
    for what, wait_s in events:
        now_s += wait_s
        if what is not SendOutcome.UNKNOWN:
            health = after(health, what, now_s)

        assert not health.is_suspect(now_s, 120.0, 300.0)


@quick
@given(events)
def test_the_oldest_unanswered_try_counts(events):
    """The age is that of the first try without feedback since the last feedback, however many followed."""
    health, now_s, first_s = LinkHealth(), 0.0, math.inf
    for what, wait_s in events:
        now_s += wait_s
        health = after(health, what, now_s)
        if what is SendOutcome.UNKNOWN:
            first_s = min(first_s, now_s)
        elif what in (SendOutcome.ACCEPTED, SendOutcome.RELAYED) or (what == "lost" and now_s - first_s >= SILENCE_S):
            first_s = math.inf

        assert health.unanswered_since_s == first_s


def test_one_lost_feedback_holds_nothing_down():
    """Given a burst without feedback that is repeated after two slots with feedback, then the link stays preferred."""
    health = (
        LinkHealth().after_outcome(SendOutcome.UNKNOWN, 0.0).after_outcome(SendOutcome.ACCEPTED, UNKNOWN_RETRY_S + 5)
    )

    assert not health.is_suspect(UNKNOWN_RETRY_S + 6, 900.0, 300.0)


def test_a_precedence_that_never_repeats_fails_over_too():
    """With infinite patience the hold-down bounds how long a silent link is trusted."""
    health = LinkHealth().after_outcome(SendOutcome.UNKNOWN, 0.0)

    assert not health.is_suspect(299.0, math.inf, 300.0)
    assert health.is_suspect(300.0, math.inf, 300.0)


def test_hearing_something_is_no_proof_of_sending():
    """A radio that hears but never confirms stays suspect."""
    health = LinkHealth().after_outcome(SendOutcome.UNKNOWN, 0.0).after_heard(400.0)

    assert health.is_suspect(401.0, 300.0, 300.0)


def test_a_silent_device_that_was_lost_and_came_back_gets_a_second_chance_after_the_hold_down():
    """Given a hung terminal that was re-initialised, then its old silence does not bar it for ever, only for a hold-down."""
    health = LinkHealth().after_outcome(SendOutcome.UNKNOWN, 0.0).after_lost(400.0)

    assert health.is_suspect(401.0, 300.0, 300.0)
    assert not health.is_suspect(701.0, 300.0, 300.0)


def test_a_device_that_is_lost_every_minute_is_not_innocent_every_minute():
    """Being lost does not wipe out a young silence."""
    health = LinkHealth().after_outcome(SendOutcome.UNKNOWN, 0.0)
    for minute in range(1, 4):
        health = health.after_lost(minute * 60.0)

    assert health.is_suspect(181.0, 900.0, 300.0)


# --- answers of peers -----------------------------------------------------------------------------------------------


@quick
@given(st.lists(st.booleans(), max_size=40))
def test_doubt_begins_and_ends_with_answers_in_a_row(answers):
    """LOST_RUN missed in a row make a link doubted, ANSWERED_RUN given in a row end it, and nothing else does either."""
    health, row, doubted = LinkHealth(), [], False
    for number, answered in enumerate(answers):
        health = health.after_answered(float(number)) if answered else health.after_unanswered()
        row = [*row, answered] if not row or row[-1] == answered else [answered]
        if not answered and len(row) >= LOST_RUN:
            doubted = True
        if answered and len(row) >= ANSWERED_RUN:
            doubted = False

        assert health.doubted == doubted


def test_after_a_doubt_the_hold_down_counts():
    """Given a doubted link that answers twice, then it is trusted again a hold-down later, not at once."""
    health = LinkHealth(doubted=True).after_answered(100.0).after_answered(160.0)

    assert health.is_suspect(459.0, 900.0, 300.0)
    assert not health.is_suspect(460.0, 900.0, 300.0)


def test_a_device_that_says_sent_does_not_end_a_doubt():
    """The burst leaves every time; what nobody answers is doubted all the same."""
    health = LinkHealth(doubted=True).after_outcome(SendOutcome.ACCEPTED, 0.0)

    assert health.doubted
