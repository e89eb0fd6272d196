"""Comparisons: the same whatever the number of processes, and the oracle on a real run."""

import math
from pathlib import Path

import pytest

from gateway.model import Precedence
from gateway.simulate.compare import POLICIES, compare, one_run
from gateway.simulate.figures import COPY_EVERYWHERE, FIRST_LINK, ORACLE, ROUTER, figures_of
from gateway.simulate.hindsight import hindsight, plan_of, strips_of
from gateway.simulate.network import build_network
from gateway.simulate.results import TRAFFIC_PARTS
from gateway.simulate.scenario import check_scenario
from gateway.simulate.world import run
from tests.simulation.madeup import fate, result

TABLE = {
    "scenario": {"name": "valley", "hours": 0.5, "drain_hours": 0.5, "centre": "hq"},
    "stations": {
        "hq": {
            "role": "command",
            "links": {"bd1": {"model": "beidou", "card": 200001}, "hf1": {"model": "hf", "address": "HQ"}},
        },
        "v1": {
            "role": "vehicle",
            "upstream": "hq",
            "links": {"bd1": {"model": "beidou", "card": 200101}, "hf1": {"model": "hf", "address": "V1"}},
        },
    },
    "people": [{"name": "team", "handsets": 2, "to": ["v1"], "reports_per_hour": {"sos": 2, "position": 4}}],
    "hand_ins": [{"station": "v1", "reports_per_hour": {"sos": 6, "chat": 6}}],
    "orders": [{"to": "people:team", "per_hour": 6}],
}


def valley():
    return check_scenario(Path("valley.toml"), TABLE)


def made_up(job, on_progress):
    """Stand for a run: its delay tells seed and policy."""
    on_progress(0.5)
    delay_s = job.seed + POLICIES.index(job.policy) / 10
    made = (figures_of(result([fate(delay_s)], job.policy, job.seed)),)
    return made if job.policy != ROUTER else (*made, figures_of(result([fate(0.5)], ORACLE, job.seed)))


def broken(_job, _on_progress):
    raise AssertionError("seed 7: the balance is broken")


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.long)])
def test_results_come_in_order_whoever_was_ready_first(processes):
    """One process and two give the same comparison, and progress ends at all of it."""
    told = []

    found = compare(valley(), [3, 1, 2], lambda *one: told.append(one), processes=processes, work=made_up)

    assert [one.policy for one in found.summaries] == [ROUTER, FIRST_LINK, COPY_EVERYWHERE, ORACLE]
    assert found.of(ROUTER).delays_s[Precedence.FLASH] == pytest.approx((1.0, 2.0, 3.0))
    assert found.first[FIRST_LINK].delays_s[Precedence.FLASH] == pytest.approx((3.1,))
    assert (found.seeds, found.of(ORACLE).runs) == ((3, 1, 2), 3)
    assert told[-1] == (1.0, 9, 9)
    assert told == sorted(told)


def test_a_broken_promise_in_a_run_ends_the_comparison():
    """What a run raises is raised."""
    with pytest.raises(AssertionError, match="seed 7"):
        compare(valley(), [7], lambda *_: None, processes=1, work=broken)


@pytest.fixture(scope="module")
def played():
    return run(valley(), 1, ROUTER), build_network(valley(), 1)


def test_no_report_of_a_run_beats_the_oracle_for_it_alone(played):
    """The real gateways, alone or not, deliver nothing earlier than somebody who knows the future could."""
    ran, network = played
    assert len(ran.fates) > 5
    for one in ran.fates:
        arrival_s = plan_of(network, result([one], duration_s=ran.duration_s)).arrivals[one.id]
        if one.delivered_s is not None:
            assert arrival_s is not None
            assert arrival_s <= one.delivered_s + 1e-6, one


def test_the_oracle_carries_the_same_reports(played):
    """It starts from the same acceptances, delivers at least as much, and uses the links of the scenario."""
    ran, network = played

    best = hindsight(network, ran)

    assert [(one.id, one.accepted_s) for one in best.fates] == [(one.id, one.accepted_s) for one in ran.fates]
    assert figures_of(best).policy == ORACLE
    lost = [sum(one.delivered_s is None for one in each.fates) for each in (best, ran)]
    assert lost[0] <= lost[1]
    assert {(one.gateway, one.link) for one in best.links} <= {(one.gateway, one.link) for one in ran.links}
    assert all(one.airtime_s > 0 for one in best.links)
    assert best.duplicates == best.shed == 0


def test_a_run_s_links_become_strips(played):
    """Each link has its ups by the sky and its frames by the run."""
    ran, network = played

    strips = strips_of(network, figures_of(ran))

    assert [one.label for one in strips] == ["hq bd1", "hq hf1", "v1 bd1", "v1 hf1"]
    assert all(len(one.up) == TRAFFIC_PARTS for one in strips)
    assert [sum(one.traffic) for one in strips] == [one.frames for one in ran.links]


def test_one_run_tells_the_oracle_beside_the_router_only():
    """Naive policies are compared with the oracle of the router's reports."""
    from gateway.simulate.compare import Job

    told = []
    assert [one.policy for one in one_run(Job(valley(), 2, ROUTER), told.append)] == [ROUTER, ORACLE]
    assert [one.policy for one in one_run(Job(valley(), 2, FIRST_LINK), told.append)] == [FIRST_LINK]
    assert told[-1] == 1.0
    assert all(not math.isnan(part) for part in told)
