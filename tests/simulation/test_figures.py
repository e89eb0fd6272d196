"""Figures of simulated runs and the verdicts on them, worked out by hand."""

import json
import math

import pytest

from gateway.model import Precedence
from gateway.simulate import figures
from gateway.simulate.figures import (
    FIRST_LINK,
    ROUTER,
    delay_of,
    figures_of,
    rank,
    ratio,
    summarise,
    times_as_late,
    to_json,
    verdicts_of,
)
from gateway.simulate.results import SUPERSEDED
from tests.simulation.madeup import POLICIES, comparison, fate, result, use

INF = math.inf


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1.0), (0.25, 1.0), (0.26, 2.0), (0.5, 2.0), (0.51, 3.0), (0.95, INF), (1.0, INF)]
)
def test_ranks_are_values_that_occurred(share, value):
    """The least value that at least the share does not exceed, also among infinite ones."""
    assert rank([1.0, 2.0, 3.0, INF], share) == value


def test_what_is_not_delivered_is_later_than_everything():
    """Losing what is slow makes no figure better."""
    delay = delay_of([1.0, 2.0, INF])

    assert (delay.count, delay.delivered, delay.median_s, delay.tail_s, delay.worst_s) == (3, 2, 2.0, INF, INF)
    assert delay.share == pytest.approx(2 / 3)


def test_nothing_to_deliver_has_no_delay_and_no_loss():
    """A precedence that did not occur spoils nothing."""
    delay = delay_of([])

    assert delay.share == 1.0
    assert math.isnan(delay.median_s)


def test_delay_counts_from_acceptance_and_the_person_s_wait_stands_beside():
    """What was said at 100 s, accepted at 105 s and delivered at 106 s has 1 s of delay after 5 s of waiting."""
    run = figures_of(result([fate(1.0), fate(INF), fate(3.0, Precedence.ROUTINE)]))

    assert run.delays_s[Precedence.FLASH] == (1.0, INF)
    assert run.delays_s[Precedence.ROUTINE] == (3.0,)
    assert run.waits_s == (5.0, 5.0, 5.0)


def test_runs_are_put_together():
    """Delays of all runs are pooled; what was used is summed; seeds that lost a FLASH are named."""
    runs = [
        result([fate(1.0)], seed=1, links=[use(10.0), use(5.0, link="hf1")], duplicates=1),
        result([fate(INF)], seed=2, shed=3, unheard=2),
    ]

    one = summarise(ROUTER, map(figures_of, runs))

    assert one.delays_s[Precedence.FLASH] == (1.0, INF)
    assert (one.runs, one.frames, one.bytes, one.airtime_s, one.money) == (2, 15, 600, 25.0, 7.5)
    assert (one.duplicates, one.shed, one.unheard, one.flash_lost_seeds) == (1, 3, 2, (2,))
    assert (one.wait_median_s, one.wall_s) == (5.0, 3.0)


def test_named_seeds_are_bounded():
    """SEEDS_NAMED_MAX seeds are named, not one more."""
    count = figures.SEEDS_NAMED_MAX + 1

    one = summarise(ROUTER, [figures_of(result([fate(INF)], seed=seed)) for seed in range(count)])

    assert one.flash_lost_seeds == tuple(range(figures.SEEDS_NAMED_MAX))


def kept(**delays):
    return {one.name: one.kept for one in verdicts_of(comparison(**delays))}


def test_a_router_as_good_as_the_oracle_keeps_everything():
    """Equal delays, all delivered, no airtime more than the others."""
    assert kept() == dict.fromkeys(("flash_delivered", "flash_median", "flash_p95", "share", "airtime"), True)


@pytest.mark.parametrize(
    ("router", "oracle", "broken"),
    [
        ([23.0], [20.0], []),
        ([23.1], [20.0], ["flash_median"]),
        ([10.0] * 18 + [13.0] * 2, [10.0] * 20, []),
        ([10.0] * 18 + [13.1] * 2, [10.0] * 20, ["flash_p95"]),
        ([1.0] * 999 + [INF], [1.0] * 1000, ["flash_delivered"]),
        ([1.0] * 998 + [INF] * 2, [1.0] * 1000, ["flash_delivered", "share"]),
        ([1.0, INF], [1.0, INF], ["flash_delivered"]),
    ],
)
def test_each_promise_is_held_at_its_edge(router, oracle, broken):
    """Up to the limit a promise is kept, beyond it not; each is judged for itself."""
    found = kept(router=router, oracle=oracle)

    assert [name for name, is_kept in found.items() if not is_kept] == broken


def with_airtime(router_s, first_s, first_delay_s=1.0, copy_s=100.0):
    airtime = dict(zip(POLICIES, (router_s, first_s, copy_s, 0.1), strict=True))
    runs = {
        name: [result([fate(first_delay_s if name == FIRST_LINK else 1.0)], name, links=[use(airtime_s)])]
        for name, airtime_s in airtime.items()
    }
    return verdicts_of(comparison(runs))[-1]


def test_airtime_is_held_against_the_cheapest_that_delivers_as_much():
    """A naive policy that loses reports sets no measure; the oracle, which needs no receipts, does not either."""
    assert (with_airtime(12.0, 10.0).kept, with_airtime(12.0, 10.0).against) == (True, FIRST_LINK)
    assert not with_airtime(12.1, 10.0).kept
    assert (with_airtime(12.1, 10.0, INF).kept, with_airtime(12.1, 10.0, INF).against) == (True, "copy-everywhere")


def test_who_is_late_sets_no_measure_for_airtime():
    """A policy whose SOS come much later than the router's has not done the same work, however cheap it is."""
    verdict = with_airtime(12.1, 10.0, 1.4)

    assert (verdict.kept, verdict.against) == (True, "copy-everywhere")


def test_what_gave_way_to_something_newer_is_neither_delivered_nor_lost():
    """A superseded report is counted for itself and stands in no delay, wait or share."""
    run = figures_of(result([fate(1.0), fate(INF, state=SUPERSEDED)]))

    assert (run.superseded, run.delays_s[Precedence.FLASH], run.waits_s) == (1, (1.0,), (5.0,))
    assert summarise(ROUTER, [run, run]).superseded == 2


def test_no_rival_is_said():
    """Where no other policy delivers as much there is nothing to compare with."""
    runs = {name: [result([fate(1.0 if name in (ROUTER, "oracle") else INF)], name)] for name in POLICIES}

    verdict = verdicts_of(comparison(runs))[-1]

    assert (verdict.kept, verdict.against) == (True, "")


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [(3.0, 2.0, 1.5), (0.0, 0.0, 1.0), (INF, INF, 1.0), (INF, 2.0, INF), (2.0, INF, 0.0), (1.0, 0.0, INF)],
)
def test_ratios_of_nothing_and_of_all(one, other, value):
    """Both nothing or both for ever is equal; more than nothing is for ever more."""
    assert ratio(one, other) == value


@pytest.mark.parametrize(
    ("one_s", "other_s", "value"), [(0.03, 0.0, 1.0), (0.2, 0.0, 2.0), (3.0, 2.0, 1.5), (INF, 0.0, INF)]
)
def test_what_is_there_at_once_is_equal(one_s, other_s, value):
    """The milliseconds of the bus are nothing that the oracle is better at; more than AT_ONCE_S is."""
    assert times_as_late(one_s, other_s) == value


def test_nothing_to_compare_says_nothing():
    """A precedence that did not occur has no ratio, whichever side lacks it."""
    assert math.isnan(times_as_late(math.nan, 1.0))
    assert math.isnan(times_as_late(1.0, math.nan))


def test_json_has_no_figure_that_json_does_not_know():
    """What is infinite or says nothing is null."""
    value = json.loads(json.dumps(to_json(comparison(router=[1.0, INF])), allow_nan=False))

    flash = value["policies"]["router"]["precedence"]["FLASH"]
    assert flash == {"count": 2, "delivered": 1, "share": 0.5, "median_s": 1.0, "p95_s": None, "worst_s": None}
    assert value["policies"]["router"]["precedence"]["ROUTINE"]["median_s"] is None
    assert [one["name"] for one in value["verdicts"] if not one["kept"]] == ["flash_delivered", "flash_p95", "share"]
