"""The declared bound: when a link dies silently, what it had moves to another within a slot of its deadline."""

import random
from dataclasses import dataclass, field

import pytest

from gateway.link import LinkState, SendOutcome, SendResult
from gateway.model import BundleState, Precedence
from gateway.router.health import LinkHealth
from gateway.router.outcome import after_try, failover_bound_s
from gateway.router.plan import LinkView, plan
from gateway.router.policy import FLASH_COPIES, Policy
from tests.gateway.router.values import NOW_S, bundle

SLOT_S, ANSWER_S = 60.0, 15.0
STEP_S = 1.0


@dataclass
class Device:
    """A link with slots; a dead one takes everything, says so or says nothing, and delivers nothing."""

    name: str
    dead: bool
    mute: bool = False
    slot_s: float = SLOT_S
    free_s: float = NOW_S
    health: LinkHealth = field(default_factory=LinkHealth)

    def view(self):
        return LinkView(self.name, "beidou", LinkState.OPEN, self.free_s, self.health, slot_s=self.slot_s)


def handed_over(devices, precedence, policy, *, until_s):
    """Return when the bundle was first handed to each device; time goes in steps of a second, answers take ANSWER_S."""
    asked, due_s, first, tries, coming = bundle(precedence), NOW_S, {}, [], []
    now_s = NOW_S
    while now_s < NOW_S + until_s:
        for answer in [one for one in coming if one[0] <= now_s]:
            coming.remove(answer)
            _, device, before, outcome = answer
            device.health = device.health.after_outcome(outcome, now_s)
            views = [one.view() for one in devices]
            after = after_try(before, device.name, SendResult(outcome), links=views, policy=policy, now_s=now_s)
            tried = asked.tried if device.name in asked.tried else (*asked.tried, device.name)
            asked = bundle(precedence, state=after.state, attempts=asked.attempts, tried=tried)
            due_s = after.due_s
        busy = {one[1].name for one in coming}
        for device in devices:
            if device.name in busy or device.free_s > now_s or due_s > now_s:
                continue
            if busy and precedence is not Precedence.FLASH:
                break
            decision = plan(asked, [one.view() for one in devices], policy, now_s)
            if device.name not in decision.links:
                continue
            first.setdefault(device.name, now_s)
            tries.append((now_s, device.name))
            round_tried = () if device.name in asked.tried else asked.tried
            before = bundle(precedence, state=asked.state, attempts=asked.attempts, tried=round_tried)
            asked = bundle(precedence, state=BundleState.HANDED, attempts=asked.attempts + 1, tried=round_tried)
            device.free_s = now_s + device.slot_s
            outcome = SendOutcome.UNKNOWN if device.mute else SendOutcome.ACCEPTED
            coming.append((now_s + ANSWER_S * (1.0 if device.mute else 0.2), device, before, outcome))
            busy.add(device.name)
        now_s += STEP_S
    return first, tries


@pytest.mark.parametrize("mute", [False, True])
@pytest.mark.parametrize("precedence", [Precedence.FLASH, Precedence.IMMEDIATE, Precedence.PRIORITY])
def test_what_a_silent_link_had_moves_within_the_declared_bound(precedence, mute):
    """Given the first link dead from the start, whatever the slots, then another link has it within the bound, and never later."""
    policy = Policy(order=dict.fromkeys(Precedence, ("bd1", "bd2", "bd3")))
    bound_s = failover_bound_s(policy, precedence, slot_s=SLOT_S, answer_s=ANSWER_S)
    for seed in range(12):
        rng = random.Random(seed)
        devices = [Device("bd1", dead=True, mute=mute)]
        devices += [Device(f"bd{n}", dead=False, free_s=NOW_S + rng.uniform(0, SLOT_S)) for n in (2, 3)][: 1 + seed % 2]

        first, _ = handed_over(devices, precedence, policy, until_s=bound_s + 400)

        others = [at_s for name, at_s in first.items() if name != "bd1"]
        assert others, f"seed {seed}: never moved"
        assert min(others) <= first.get("bd1", NOW_S) + bound_s + STEP_S, f"seed {seed}"


def test_an_sos_is_on_a_living_link_within_one_slot():
    """An SOS has its second copy on the other link in that link's first slot: it does not even wait for the deadline."""
    devices = [Device("bd1", dead=True), Device("bd2", dead=False, free_s=NOW_S + 45)]

    first, _ = handed_over(devices, Precedence.FLASH, Policy(), until_s=200)

    assert first["bd2"] <= NOW_S + SLOT_S


def test_the_bound_is_declared_in_words_that_add_up():
    """Answer, patience, slot; without end for what is never repeated."""
    policy = Policy()

    assert failover_bound_s(policy, Precedence.FLASH, slot_s=60, answer_s=15) == 15 + 120 + 60
    assert failover_bound_s(policy, Precedence.ROUTINE, slot_s=60, answer_s=15) == float("inf")
    assert failover_bound_s(policy.between_gateways(), Precedence.ROUTINE, slot_s=60, answer_s=15) == 15 + 900 + 60


def test_a_lone_link_gets_the_copy_in_its_next_slot():
    """Given one link, then an SOS leaves twice in two slots, and then at its patience."""
    _, tries = handed_over([Device("bd1", dead=False)], Precedence.FLASH, Policy(), until_s=400)
    at = [at_s - NOW_S for at_s, _ in tries]

    assert at[:2] == [0.0, SLOT_S]
    assert at[2] - at[1] >= 120
    assert FLASH_COPIES == 2


def test_a_copy_on_a_doubted_link_does_not_count_as_one():
    """Given the second link doubted, then the living one sends again in its next slot."""
    devices = [Device("bd1", dead=False), Device("bd2", dead=True, health=LinkHealth(doubted=True))]

    _, tries = handed_over(devices, Precedence.FLASH, Policy(), until_s=100)

    assert [name for _, name in tries].count("bd1") == 2


def test_a_slot_far_away_does_not_keep_the_copy_from_the_link_that_is_free():
    """Given a satellite whose slot is half an hour away, then the card sends both copies now and the satellite its own then."""
    devices = [Device("bd1", dead=False), Device("sat1", dead=False, free_s=NOW_S + 1800)]

    _, tries = handed_over(devices, Precedence.FLASH, Policy(), until_s=100)

    assert [name for _, name in tries] == ["bd1", "bd1"]


# --- return ------------------------------------------------------------------------------------------------------


def test_the_return_of_the_preferred_link_does_not_interrupt_the_one_in_use():
    """Given traffic over bd2 while bd1 is dead and then well again, then no slot of the one in use stays empty for it.

    What bd1 is given to show that it works it gets beside bd2, and what bd2 had is not sent again.
    """
    policy = Policy(order=dict.fromkeys(Precedence, ("bd1", "bd2")), probe_every_s=300.0)
    bd1 = Device("bd1", dead=True, health=LinkHealth(doubted=True, tried_s=NOW_S))
    bd2 = Device("bd2", dead=False)
    used, probes, returned_s = [], 0, None
    for minute in range(60):
        now_s = NOW_S + minute * SLOT_S
        bd1.dead = minute < 20
        bd1.free_s = bd2.free_s = now_s
        decision = plan(bundle(Precedence.PRIORITY), [bd1.view(), bd2.view()], policy, now_s)
        assert decision.links, "no slot stays empty"
        if decision.probe:
            probes += 1
        for name in {decision.links[0], decision.probe} - {None}:
            device = {"bd1": bd1, "bd2": bd2}[name]
            device.health = device.health.after_outcome(SendOutcome.ACCEPTED, now_s)
            device.health = (
                device.health.after_unanswered() if device.dead else device.health.after_answered(now_s + 40)
            )
        used.append(decision.links[0])
        if decision.links[0] == "bd1" and returned_s is None:
            returned_s = now_s

    assert probes <= 60 * SLOT_S / 300 + 2
    assert set(used[:20]) == {"bd2"}
    assert returned_s is not None
    assert returned_s - NOW_S <= 20 * SLOT_S + 2 * 300 + policy.hold_down_s + SLOT_S
    assert used.index("bd1") == len([name for name in used if name == "bd2"]), "back once, and not to and fro"
