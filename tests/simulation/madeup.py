"""Made-up runs for the tests of figures, tables and plots."""

import math

from gateway.model import MessageKind, Precedence
from gateway.simulate.figures import COPY_EVERYWHERE, FIRST_LINK, ORACLE, ROUTER, Comparison, figures_of, summarise
from gateway.simulate.results import Fate, LinkUse, RunResult

POLICIES = (ROUTER, FIRST_LINK, COPY_EVERYWHERE, ORACLE)


def fate(delay_s=1.0, precedence=Precedence.FLASH, number=1, **more):
    """Return the fate of a report that was said at 100 s and accepted at 105 s; an infinite delay: not delivered."""
    values = {
        "id": f"car-A-{number}",
        "source": "card:300001",
        "destination": "centre",
        "kind": MessageKind.SOS,
        "precedence": precedence,
        "size_bytes": 60,
        "said_s": 100.0,
        "accepted_s": 105.0,
        "accepted_by": "car",
        "delivered_s": None if math.isinf(delay_s) else 105.0 + delay_s,
        "state": "sent" if math.isinf(delay_s) else "delivered",
        "arrivals": 1,
    }
    return Fate(**values | more)


def use(airtime_s=10.0, gateway="car", link="bd1"):
    return LinkUse(gateway, link, "beidou", frames=5, bytes=200, airtime_s=airtime_s, money=2.5)


def result(fates, policy=ROUTER, seed=1, links=None, **more):
    return RunResult(
        scenario="valley",
        policy=policy,
        seed=seed,
        fates=tuple(fates),
        links=(use(),) if links is None else tuple(links),
        **{"duration_s": 7200.0, "duplicates": 0, "shed": 0, "wall_s": 1.5} | more,
    )


def comparison(runs=None, **delays):
    """Return a comparison; ``runs`` are results by policy, or ``router=[1.0, inf]`` the delays of FLASH by policy."""
    if runs is None:
        runs = {
            name: [result([fate(d, number=n) for n, d in enumerate(delays.get(name.replace("-", "_"), [1.0]))], name)]
            for name in POLICIES
        }
    figures = {name: [figures_of(one) for one in some] for name, some in runs.items()}
    return Comparison(
        "valley",
        tuple(one.seed for one in runs[ROUTER]),
        7200.0,
        tuple(summarise(name, some) for name, some in figures.items()),
        {name: some[0] for name, some in figures.items()},
    )
