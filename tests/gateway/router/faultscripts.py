"""Scripted deaths and returns of links, and a router that lives through them: pure, in steps of virtual time.

A script gives every link phases in which it works, takes everything and delivers nothing, gives no feedback, loses half,
or is away. Each step something is offered to the router, goes where it says, and the evidence comes back as it would
on the air: feedback at once, receipts a while later, their absence after the patience.
"""

import heapq
import random
from dataclasses import dataclass, field, replace

from gateway.link import LinkState, SendOutcome
from gateway.model import Precedence
from gateway.router.estimate import LinkEstimate
from gateway.router.health import LinkHealth
from gateway.router.plan import LinkView
from gateway.router.standing import Standings
from gateway.router.tariff import Tariff
from gateway.router.weigh import TRUSTED, weigh
from tests.gateway.router.values import NOW_S, bundle

WORKS, DEAD, MUTE, LOSSY, AWAY = "works", "dead", "mute", "lossy", "away"
"""``dead`` takes everything and delivers nothing, ``mute`` gives no feedback either."""
ARRIVES = {WORKS: 0.95, DEAD: 0.0, MUTE: 0.0, LOSSY: 0.5, AWAY: 0.0}
PATIENCE_S = 150.0
STEPS = 32
"""Of fifty seconds on the average: a script lasts for five hold-downs."""


@dataclass
class ScriptedLink:
    """A link with its phases, and what the router has learned of it."""

    name: str
    phases: list
    tariff: Tariff
    health: LinkHealth = field(default_factory=LinkHealth)
    estimate: LinkEstimate = field(default_factory=LinkEstimate)

    def phase(self, now_s):
        for ends_s, phase in self.phases:
            if now_s < ends_s:
                return phase
        return WORKS

    def view(self, now_s):
        state = LinkState.UNAVAILABLE if self.phase(now_s) is AWAY else LinkState.OPEN
        return LinkView(
            self.name,
            "beidou",
            state,
            not_before_s=now_s,
            health=self.health,
            estimate=self.estimate,
            tariff=self.tariff,
        )


def script(seed):
    """Return the links of a script: two to four, each with phases of ten seconds to an hour."""
    rng = random.Random(seed)
    links = []
    for name in ["bd1", "bd2", "bd3", "bd4"][: rng.randint(2, 4)]:
        ends_s, phases = NOW_S, []
        scale_s = rng.choice([20, 120, 600, 3600])
        for _ in range(30):
            ends_s += rng.uniform(0.2, 2) * scale_s
            phases.append((ends_s, rng.choice([WORKS, WORKS, WORKS, DEAD, MUTE, LOSSY, AWAY])))
        links.append(ScriptedLink(name, phases, Tariff(rng.choice([0.0, 1.0, 1.0, 1.1, 1.5, 5.0]))))
    return links, rng


@dataclass
class Change:
    """The preference moved, and whether what was in use had failed by then."""

    at_s: float
    last_s: float
    """When what was left was last in use: somewhere between the two it was left."""
    left: str
    to: str
    had_failed: bool


def live_through(seed, policy, *, precedence=Precedence.PRIORITY):
    """Run one script and return the changes of preference."""
    links, rng = script(seed)
    by_name = {link.name: link for link in links}
    now_s, order, pending = NOW_S, 0, []
    standings = Standings()
    in_use, last_s, changes = None, NOW_S, []
    for _ in range(STEPS):
        now_s += rng.uniform(10, 90)
        while pending and pending[0][0] <= now_s:
            at_s, _, link, arrived = heapq.heappop(pending)
            if arrived:
                link.estimate, link.health = link.estimate.after_receipt(60.0, at_s), link.health.after_answered(at_s)
            else:
                link.estimate, link.health = link.estimate.after_lost(at_s), link.health.after_unanswered()
        views = [link.view(now_s) for link in links]
        asked = bundle(precedence, lane="beidou")
        decision = standings.plan(replace(asked, accepted_s=now_s, expires_s=now_s + 86_400), views, policy, now_s)
        if not decision.links:
            continue
        preferred = decision.links[0]
        if in_use is not None and preferred != in_use:
            old = by_name[in_use]
            view = old.view(now_s)
            trust = weigh(view, asked, policy, now_s, size_bytes=None, source=view.ledger).trust
            had_failed = not view.is_usable or trust != TRUSTED
            changes.append(Change(now_s, last_s, in_use, preferred, had_failed))
        in_use, last_s = preferred, now_s
        for name in {preferred, decision.probe} - {None}:
            link = by_name[name]
            phase = link.phase(now_s)
            outcome = SendOutcome.UNKNOWN if phase is MUTE else SendOutcome.ACCEPTED
            link.health = link.health.after_outcome(outcome, now_s)
            link.estimate = link.estimate.after_outcome(outcome, now_s)
            order += 1
            arrived = rng.random() < ARRIVES[phase]
            heapq.heappush(pending, (now_s + (rng.uniform(5, 100) if arrived else PATIENCE_S), order, link, arrived))
    return changes


def flaps(changes, hold_down_s):
    """Return the changes that went back to a link sooner than the hold-down though the one in use had not failed."""
    left_s, found = {}, []
    for change in changes:
        if change.at_s - left_s.get(change.to, -1e9) < hold_down_s and not change.had_failed:
            found.append(change)
        left_s[change.left] = change.last_s
    return found
