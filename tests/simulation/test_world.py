"""Whole runs of small scenarios: the same bits from the same seed, the promises checked, and defects that are caught."""

import subprocess
import sys

import pytest

from gateway.daemon.airdebts import GREETINGS_MAX
from gateway.model import BundleState, Precedence
from gateway.simulate.ledger import Ledger, Said
from gateway.simulate.world import run
from tests.simulation.smallworld import small

POLICIES = ("router", "first-link", "copy-everywhere")

DIGEST = "from tests.simulation.smallworld import small; from gateway.simulate.world import run; print(run(small(), 5).digest())"


def test_a_seed_repeats_to_the_bit_under_any_hash_seed():
    """The same scenario, seed and policy give the same digest, in this process and in another with other hashes."""
    told = subprocess.run(
        [sys.executable, "-c", DIGEST],
        env={"PYTHONHASHSEED": "4711", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )

    assert run(small(), 5).digest() == told.stdout.split()[-1]


def test_another_seed_is_another_world():
    """Seeds differ in what is said and what becomes of it."""
    assert run(small(), 5).digest() != run(small(), 6).digest()


@pytest.mark.parametrize("policy", POLICIES)
def test_everything_arrives_where_nothing_is_broken(policy):
    """Under every policy each report and order of a quiet half hour reaches its destination, none before it was accepted."""
    result = run(small(), 2, policy)

    assert result.policy == policy
    assert len(result.fates) > 10
    for fate in result.fates:
        assert fate.delivered_s is not None, fate
        assert fate.said_s <= fate.accepted_s <= fate.delivered_s


def test_what_is_said_first_does_not_depend_on_the_policy():
    """Policies are compared on the same reports at the same times."""
    said = [
        {(fate.source, fate.said_s, fate.size_bytes) for fate in run(small(), 4, policy).fates} for policy in POLICIES
    ]

    assert said[0] == said[1] == said[2]


def test_naive_policies_do_what_their_name_says():
    """First-link sends no report over another link, only a greeting; copy-everywhere uses them all, and more airtime."""
    first, copies = (
        {(use.gateway, use.link): use.frames for use in run(small(), 3, policy).links}
        for policy in ("first-link", "copy-everywhere")
    )

    assert first["v1", "hf1"] <= GREETINGS_MAX
    assert first["v1", "sat1"] == 0
    assert all(copies["v1", link] > 0 for link in ("bd1", "hf1", "sat1"))
    assert sum(copies.values()) > sum(first.values())


def test_a_silent_link_is_left_and_nothing_is_lost():
    """A card that dies silently: the device says that all left, the reports arrive another way."""
    scenario = small('[[faults]]\nwhat = "silent"\nstation = "v1"\nlink = "bd1"\nat_min = 2\n')
    result = run(scenario, 2)

    from_v1 = [fate for fate in result.fates if fate.accepted_by == "v1" and fate.accepted_s > 120.0]
    assert all(fate.delivered_s is not None for fate in from_v1 if fate.precedence <= Precedence.IMMEDIATE)
    assert [use.frames for use in result.links if (use.gateway, use.link) == ("v1", "bd1")] > [0]


@pytest.mark.parametrize("what", ["restart", "power"])
def test_a_gateway_that_goes_down_loses_nothing(what):
    """What was accepted before a crash or a power cut is there after it; times go on being the run's."""
    scenario = small(f'[[faults]]\nwhat = "{what}"\nstation = "v1"\nat_min = 10\nlasts_min = 5\n')
    result = run(scenario, 2)

    assert all(fate.delivered_s is not None for fate in result.fates)
    assert not [fate for fate in result.fates if fate.accepted_by == "v1" and 600 < fate.accepted_s < 900]


@pytest.mark.parametrize("what", ["unplug", "hang", "dark"])
def test_a_device_that_goes_and_comes_back_is_used_again(what):
    """Frames leave by the link before and after the fault."""
    scenario = small(f'[[faults]]\nwhat = "{what}"\nstation = "v1"\nlink = "bd1"\nat_min = 5\nlasts_min = 5\n')
    result = run(scenario, 2)
    (use,) = (use for use in result.links if (use.gateway, use.link) == ("v1", "bd1"))

    assert all(fate.delivered_s is not None for fate in result.fates)
    assert use.frames > 5


def test_progress_is_told_up_to_the_end():
    """A long run tells the share that is done, ascending, ending with all."""
    told = []
    run(small(), 1, on_progress=told.append)

    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_report_that_was_forgotten_is_a_broken_promise(monkeypatch):
    """Planted: a gateway calls reports delivered that never arrived. The run does not end quietly."""
    monkeypatch.setattr(Ledger, "arrived", lambda *_: False)

    with pytest.raises(AssertionError, match="was never given it"):
        run(small(), 2)


def test_the_ledger_knows_what_is_nowhere():
    """Accepted, not delivered, and neither open nor ended with a reason: a broken promise, named."""
    ledger = Ledger()
    said = ledger.said[1] = Said(1, "v1", "centre", "sos", Precedence.FLASH, "第1报", 1.0)

    class Bundle:
        state = BundleState.DELIVERED

    said.kept.append((1.0, "v1", Bundle))

    assert "is called delivered" in ledger.broken_promises()[0]
    said.arrivals.append(2.0)
    assert ledger.broken_promises() == []


def test_a_stream_is_taken_like_any_report():
    """Reports of an aggregated stream are accepted, numbered and delivered at the command post."""
    stream = (
        '[[streams]]\nstation = "hq"\nhandsets = 500\nfirst_card = 600001\nper_min = 3\nkinds = { sos = 1, chat = 9 }\n'
    )
    result = run(small(stream), 2)
    streamed = [fate for fate in result.fates if fate.source.startswith("card:6")]

    assert 60 < len(streamed) < 130
    assert all(fate.delivered_s is not None and fate.accepted_by == "hq" for fate in streamed)
