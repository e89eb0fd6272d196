"""What one decision costs: `plan` with 1, 4 and 16 links, with nothing known and with all that can be known of them.

    .venv/bin/python bench/router.py [--rounds N] [--json]

Times are the best of several rounds, since a busy machine only ever makes them longer; the ratio to one link travels
between machines, the microseconds do not.
"""

import argparse
import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

LINKS = (1, 4, 16)
CALLS = 300
NOW_S = 100_000.0


def bundle(precedence):
    from gateway.model import BUS, Bundle, BundleState, Direction, Draft, Endpoint, Message, MessageKind

    draft = Draft(
        direction=Direction.DOWN,
        source=BUS,
        destination=Endpoint.card(242286),
        precedence=precedence,
        message=Message(MessageKind.COMMAND, text="撤离到学校操场"),
        lifetime_s=86_400.0,
        created_wall_s=0.0,
        clock_trusted=True,
    )
    return Bundle(7, "cp1-AAAA-7", draft, BundleState.QUEUED, NOW_S, NOW_S + 86_400, NOW_S, lane="beidou")


def known(number):
    """Return a link with prices, budgets, quiet hours, a pass and evidence."""
    from gateway.link import LinkState, SendOutcome
    from gateway.router.budget import Budget, Ledger, Limits, Period
    from gateway.router.contacts import Contact, Quiet
    from gateway.router.estimate import LinkEstimate
    from gateway.router.health import LinkHealth
    from gateway.router.plan import LinkView
    from gateway.router.tariff import Spend, Tariff

    limits = Limits(messages=1000, bytes=100_000, airtime_s=3600, money=500)
    ledger = Ledger(Budget(dict.fromkeys(Period, limits)))
    estimate = LinkEstimate()
    for minute in range(60):
        at_s = NOW_S - 3600 + minute * 60
        ledger = ledger.after(Spend(1, 78, 0.5, 1.0), at_s)
        estimate = estimate.after_outcome(SendOutcome.ACCEPTED, at_s)
        estimate = estimate.after_lost(at_s) if minute % 20 == number % 20 else estimate.after_receipt(50.0, at_s)
    return LinkView(
        f"bd{number}",
        "beidou",
        LinkState.OPEN,
        NOW_S + number,
        LinkHealth(tried_s=NOW_S - 60),
        tariff=Tariff(price_per_frame=1.0 + number % 3),
        frame_bytes=78,
        estimate=estimate,
        ledger=ledger,
        contact=Contact(NOW_S - 600, NOW_S + 600),
        quiet=Quiet(),
    )


def new(number):
    """Return a link of which nothing is known."""
    from gateway.link import LinkState
    from gateway.router.plan import LinkView

    return LinkView(f"bd{number}", "beidou", LinkState.OPEN, NOW_S + number)


def micros(precedence, links, rounds):
    from gateway.router.plan import plan
    from gateway.router.policy import Policy

    asked, policy = bundle(precedence), Policy()
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(CALLS):
            plan(asked, links, policy, NOW_S, 120)
        best = min(best, (time.perf_counter() - began) / CALLS)
    return best * 1e6


def main():
    from gateway.model import Precedence

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for what, make in (("nothing known", new), ("all known", known)):
        for precedence in (Precedence.FLASH, Precedence.ROUTINE):
            times = [micros(precedence, [make(n) for n in range(count)], options.rounds) for count in LINKS]
            row = {"links": what, "precedence": precedence.name}
            row |= {f"us_{count}": round(one, 1) for count, one in zip(LINKS, times, strict=True)}
            row |= {f"ratio_{count}": round(one / times[0], 2) for count, one in zip(LINKS[1:], times[1:], strict=True)}
            rows.append(row)
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'links':<14} {'precedence':<10} " + " ".join(f"{f'{n} µs':>9}" for n in LINKS) + "   4:1   16:1")
    for row in rows:
        figures = " ".join(f"{row[f'us_{n}']:9.1f}" for n in LINKS)
        print(f"{row['links']:<14} {row['precedence']:<10} {figures}  {row['ratio_4']:4.1f}  {row['ratio_16']:5.1f}")


if __name__ == "__main__":
    main()
