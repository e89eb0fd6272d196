"""Budgets: no window ever holds more than its limit, nothing waits for nothing, and an SOS never waits."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Precedence
from gateway.router.budget import (
    BUCKETS,
    BUCKETS_MAX,
    PERIOD_S,
    SOURCES_MAX,
    Budget,
    Ledger,
    Limits,
    Period,
    SourceLedgers,
)
from gateway.router.tariff import Spend, Tariff, frames_of

quick = settings(deadline=None, derandomize=True, max_examples=60)
below_flash = st.sampled_from([p for p in Precedence if p is not Precedence.FLASH])
periods = st.sampled_from(Period)
waits = st.lists(st.floats(0, 4000), min_size=1, max_size=60)
ROUTINE = Precedence.ROUTINE


def ledger(period=Period.HOUR, reserve=0.0, **limits):
    return Ledger(Budget({period: Limits(**limits)}, reserve))


@quick
@given(periods, waits, st.integers(1, 9), st.floats(0, 0.5), below_flash)
def test_no_window_ever_holds_more_than_its_limit(period, pauses, limit, reserve, precedence):
    """However asking is spread in time, what was let through in any window stays within the limit less the reserve."""
    book, now_s, sent = ledger(period, reserve, messages=limit), 1000.0, []
    scale = PERIOD_S[period] / 20_000
    for pause_s in pauses:
        now_s += pause_s * scale
        if book.allows_at_s(Spend(messages=1), precedence, now_s) <= now_s:
            book = book.after(Spend(messages=1), now_s)
            sent.append(now_s)

    in_window = [sum(1 for one in sent if end_s - PERIOD_S[period] < one <= end_s) for end_s in sent]
    assert max(in_window, default=0) <= limit * (1 - reserve)


@quick
@given(periods, waits, st.integers(1, 9))
def test_it_may_go_when_it_is_said_to_and_not_a_bucket_later_than_it_could(period, pauses, limit):
    """The time that is told is kept, and is at most one bucket later than the window itself would allow."""
    book, now_s, sent = ledger(period, messages=limit), 1000.0, []
    bucket_s = PERIOD_S[period] / BUCKETS[period]
    for pause_s in pauses:
        now_s += pause_s
        at_s = book.allows_at_s(Spend(messages=1), ROUTINE, now_s)
        assert at_s < math.inf
        assert book.allows_at_s(Spend(messages=1), ROUTINE, at_s) == at_s
        if at_s > now_s:
            exact_s = sorted(sent)[-limit] + PERIOD_S[period]
            assert exact_s <= at_s <= exact_s + bucket_s
        now_s = at_s
        book = book.after(Spend(messages=1), now_s)
        sent.append(now_s)


@quick
@given(periods, waits, st.sampled_from(["messages", "bytes", "airtime_s", "money"]))
def test_flash_goes_now_whatever_was_spent_and_is_counted(period, pauses, what):
    """An SOS is never stopped by a budget; what it spent keeps the others waiting the longer."""
    book, now_s = ledger(period, **{what: 10.0}), 0.0
    for pause_s in pauses:
        now_s += pause_s
        assert book.allows_at_s(Spend(**{what: 7.0}), Precedence.FLASH, now_s) == now_s
        book = book.after(Spend(**{what: 7.0}), now_s)

    assert book.allows_at_s(Spend(**{what: 4.0}), ROUTINE, now_s) > now_s


@pytest.mark.parametrize("what", ["messages", "bytes", "airtime_s", "money"])
def test_every_figure_is_a_limit_of_its_own(what):
    """What exceeds one figure waits, whatever is left of the others."""
    book = ledger(messages=100, bytes=100, airtime_s=100, money=100)

    assert book.allows_at_s(Spend(**{what: 100}), ROUTINE, 0.0) == 0.0
    assert book.allows_at_s(Spend(**{what: 101}), ROUTINE, 0.0) == math.inf


def test_the_reserve_is_for_flash_only():
    """Given a tenth in reserve, then the tenth of ten messages is an SOS or none."""
    book = ledger(messages=10, reserve=0.1)
    for _ in range(9):
        book = book.after(Spend(messages=1), 0.0)

    assert book.allows_at_s(Spend(messages=1), Precedence.IMMEDIATE, 1.0) > 1.0
    assert book.allows_at_s(Spend(messages=1), Precedence.FLASH, 1.0) == 1.0


def test_the_strictest_window_decides():
    """Given an hour that allows it and a day that does not, then the day's time is told."""
    book = Ledger(Budget({Period.HOUR: Limits(messages=2), Period.DAY: Limits(messages=3)}, 0.0))
    for now_s in (0.0, 3_700.0, 7_400.0):
        book = book.after(Spend(messages=1), now_s)

    assert book.allows_at_s(Spend(messages=1), ROUTINE, 12_000.0) == PERIOD_S[Period.DAY] + 3_600.0


@quick
@given(periods, waits)
def test_memory_is_bounded_and_survives_a_restart(period, pauses):
    """However long it runs, a window keeps BUCKETS_MAX buckets at most, and what was stored says the same afterwards."""
    book, now_s = ledger(period, messages=50, money=7.5), 0.0
    for pause_s in pauses * 3:
        now_s += pause_s * 30
        book = book.after(Spend(1, 78, 0.5, 0.3), now_s)

    assert len(book.spent[period].buckets) <= min(BUCKETS_MAX, BUCKETS[period] + 1)
    again = Ledger.from_json(book.to_json(), book.budget)
    assert again.allows_at_s(Spend(1), ROUTINE, now_s) == book.allows_at_s(Spend(1), ROUTINE, now_s)
    assert again.share_spent(now_s) == pytest.approx(book.share_spent(now_s))


@pytest.mark.parametrize(
    "stored",
    [
        {"week": [[1, 1, 1, 1, 1]]},
        {"hour": [[1, -1, 0, 0, 0]]},
        {"hour": [[1, "x", 0, 0, 0]]},
        {"hour": [[1, float("inf"), 0, 0, 0]]},
        {"hour": [[]]},
        {"hour": 3},
        [],
    ],
)
def test_a_damaged_ledger_is_refused(stored):
    """What is no ledger raises ValueError, so that the daemon says so and begins a new one."""
    with pytest.raises(ValueError, match="ledger"):
        Ledger.from_json(stored, Budget({Period.HOUR: Limits(messages=1)}))


def test_a_timeline_that_was_set_back_forgets_nothing():
    """Given a restored copy with an older time, then what was spent still counts."""
    book = ledger(messages=2).after(Spend(messages=1), 10_000.0).after(Spend(messages=1), 2_000.0)

    assert book.allows_at_s(Spend(messages=1), ROUTINE, 2_000.0) > 2_000.0


def test_sources_are_remembered_up_to_a_limit():
    """The source that has been quiet longest is forgotten, never one that is busy."""
    sources = SourceLedgers(Budget({Period.HOUR: Limits(messages=1)}, 0.0))
    for number in range(SOURCES_MAX + 5):
        sources.spend(f"card:{number}", Spend(messages=1), float(number % 7))

    assert len(sources) == SOURCES_MAX
    assert sources.of("card:0").allows_at_s(Spend(messages=1), ROUTINE, 8.0) == 8.0
    assert sources.of(f"card:{SOURCES_MAX}").allows_at_s(Spend(messages=1), ROUTINE, 8.0) > 8.0


def test_without_a_budget_nothing_is_counted():
    """No limits, no memory, no waiting."""
    assert Ledger().after(Spend(1e9, 1e9, 1e9, 1e9), 0.0) == Ledger()
    assert Ledger().allows_at_s(Spend(1e9), ROUTINE, 5.0) == 5.0


def test_a_tariff_counts_frames_bytes_and_air():
    """Price by frame and kilobyte, airtime by frame and speed; an unknown size or frame is one frame."""
    tariff = Tariff(price_per_frame=0.5, price_per_kilobyte=2.0, airtime_s_per_frame=1.0, bits_per_s=80.0)

    assert tariff.spend(3, 200) == Spend(1.0, 200.0, 3 * 1.0 + 20.0, 3 * 0.5 + 0.4)
    assert [frames_of(*one) for one in ((None, 78), (200, None), (0, 78), (78, 78), (79, 78))] == [1, 1, 1, 1, 2]
