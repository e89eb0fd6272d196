"""Figures of the store: how fast it accepts durably, and what a long queue costs.

    .venv/bin/python bench/store.py [--rows N] [--at DIR] [--json]

Accepting is measured against raw append+fdatasync of the same bytes in the same run, since disks differ by a factor of a
hundred: the ratios travel, the rates do not. Each queue length runs in a process of its own, so that memory is that
length's. Progress goes to stderr, the table (or JSON) to stdout.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

QUEUES = (0, 100_000, 1_000_000)
SAMPLE_BYTES = 200
FSYNCS = 400
SINGLE = 1_000
TOGETHER = 100
ROUNDS = 60
PROBES = 200
FILL_STEP = 5_000


def say(text):
    print(text, file=sys.stderr, flush=True)


def rss_mb():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def size_mb(place):
    return round(sum(one.stat().st_size for one in Path(place).iterdir()) / 1e6)


def quantile(values, share):
    return sorted(values)[int(len(values) * share)]


def draft(number, precedence):
    from gateway.model import BUS, Direction, Draft, Endpoint, Message, MessageKind, Place, PlaceSource

    place = Place(30.0 + number % 1000 / 1000, 103.0, PlaceSource.TERMINAL)
    text = f"第{number}组 受伤3人 需要药品 水 在学校操场等待"
    return Draft(
        direction=Direction.UP,
        source=Endpoint.card(100_000 + number % 600_000),
        destination=BUS,
        precedence=precedence,
        message=Message(MessageKind.CASUALTY, text=text, place=place, fields={"injured": 3}),
        lifetime_s=86_400.0,
        created_wall_s=1_800_000_000.0,
        clock_trusted=True,
        heard_on="bd1",
    )


def accepting(number, precedence=None):
    """Return a function for Store.run that does all of an acceptance: duplicate key, bundle, place, receipt owed."""
    from gateway.model import Precedence
    from gateway.store.accepting import DuplicateKey, OwedTo

    one = draft(number, Precedence.ROUTINE if precedence is None else precedence)
    key = DuplicateKey(number.to_bytes(16, "big"), 600.0)
    owed = OwedTo("bd1", one.source.name)
    return lambda outbox: outbox.accept(one, lane="bus", now_s=float(number), duplicate=key, owed=owed)


def opened(place):
    from gateway.clock import SystemClock
    from gateway.store.limits import Limits
    from gateway.store.opening import open_store

    limits = Limits(bundles_max=5_000_000, pages_max=4_000_000, duplicates_max=5_000_000, owed_max=5_000_000)
    return open_store(
        Path(place) / "store.db", gateway="bench", clock=SystemClock(), rng=random.Random(1), limits=limits
    )


def raw_fsync_s(place):
    """Return the median seconds of one append and fdatasync."""
    path = Path(place) / "raw"
    data = os.urandom(SAMPLE_BYTES)
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            begun = time.perf_counter()
            file.write(data)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    path.unlink()
    return statistics.median(taken)


async def accept_rates(place):
    """Measure accepting one by one and TOGETHER at once, with raw fsyncs before, between and after."""
    store, _ = opened(place)
    raw = [raw_fsync_s(place)]
    say(f"accepting {SINGLE} one by one")
    begun = time.perf_counter()
    for number in range(SINGLE):
        await store.run(accepting(number))
    single = SINGLE / (time.perf_counter() - begun)
    raw.append(raw_fsync_s(place))
    say(f"accepting {TOGETHER} at once, {ROUNDS} times")
    begun = time.perf_counter()
    commits = store.commits
    for turn in range(ROUNDS):
        base = 1_000_000 + turn * TOGETHER
        await asyncio.gather(*(store.run(accepting(base + number)) for number in range(TOGETHER)))
    together = ROUNDS * TOGETHER / (time.perf_counter() - begun)
    commits = store.commits - commits
    raw.append(raw_fsync_s(place))
    await store.close()
    fsyncs = 1 / statistics.median(raw)
    return {
        "raw_fsyncs_per_s": round(fsyncs),
        "single_per_s": round(single),
        "single_of_raw": round(single / fsyncs, 2),
        "together": TOGETHER,
        "together_per_s": round(together),
        "together_of_raw": round(together / fsyncs, 2),
        "together_per_commit": round(ROUNDS * TOGETHER / commits, 1),
    }


async def queue_figures(rows):
    """Fill a queue and measure what it costs; runs in a process of its own."""
    from gateway.model import Precedence

    with tempfile.TemporaryDirectory(dir=os.environ["BENCH_AT"]) as place:
        store, _ = opened(place)
        before = rss_mb()
        begun = time.perf_counter()
        for base in range(0, rows, FILL_STEP):
            await store.run(lambda outbox, b=base: [accepting(b + n)(outbox) for n in range(min(FILL_STEP, rows - b))])
            if base % 100_000 == 0:
                say(f"  {base} of {rows}")
        fill_s = time.perf_counter() - begun
        grown = rss_mb() - before
        now_s = float(rows + 10)
        await store.run(accepting(rows + 1, Precedence.FLASH))
        figures = {
            "rows": rows,
            "fill_per_s": round(rows / fill_s) if rows else None,
            "rss_mb": round(rss_mb()),
            "rss_growth_mb": round(grown, 1),
            "file_mb": size_mb(place),
        }
        for precedence in (Precedence.FLASH, Precedence.ROUTINE):
            figures[f"next_{precedence.name.lower()}"] = await time_to_next(store, precedence, now_s)
        begun = time.perf_counter()
        await store.run(lambda outbox: outbox.recount() == outbox.balance() or sys.exit("the balance does not hold"))
        figures["recount_s"] = round(time.perf_counter() - begun, 2)
        begun = time.perf_counter()
        await store.run(lambda outbox: outbox.sources_with_open("bus", rows + 5))
        figures["sources_with_open_s"] = round(time.perf_counter() - begun, 3)
        figures["maintain_ms"] = await slowest_upkeep(store, now_s)
        await store.close()
        begun = time.perf_counter()
        store, report = opened(place)
        figures["open_s"] = round(time.perf_counter() - begun, 2)
        assert report.open_bundles == rows + 1, report
        await store.close()
    return figures


async def time_to_next(store, precedence, now_s):
    """Return milliseconds of `due` for the next one, inside the store's thread and as the caller sees it."""
    inside, outside = [], []

    def probe(outbox):
        begun = time.perf_counter()
        outbox.due("bus", precedence, now_s, 1)
        inside.append((time.perf_counter() - begun) * 1e3)

    for _ in range(PROBES):
        begun = time.perf_counter()
        await store.run(probe)
        outside.append((time.perf_counter() - begun) * 1e3)
    return {
        "inside_ms_p50": round(statistics.median(inside), 3),
        "inside_ms_p99": round(quantile(inside, 0.99), 3),
        "caller_ms_p50": round(statistics.median(outside), 3),
        "caller_ms_p99": round(quantile(outside, 0.99), 3),
    }


async def slowest_upkeep(store, now_s):
    slowest = 0.0
    for _ in range(20):
        begun = time.perf_counter()
        await store.run(lambda outbox: outbox.maintain(now_s))
        slowest = max(slowest, (time.perf_counter() - begun) * 1e3)
    return round(slowest, 1)


def in_own_process(rows, at):
    say(f"queue of {rows}")
    command = [sys.executable, __file__, "--queue", str(rows), "--at", at]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def table(result):
    from rich.console import Console
    from rich.table import Table

    console = Console(width=120)
    rates = result["accept"]
    shown = Table(
        title="Accepted durably per second (bundle, duplicate key, place and receipt owed in one transaction)"
    )
    for heading in ("", "per second", "× raw append+fdatasync"):
        shown.add_column(heading, justify="right" if heading else "left")
    shown.add_row("raw append+fdatasync", str(rates["raw_fsyncs_per_s"]), "1")
    shown.add_row("one by one", str(rates["single_per_s"]), str(rates["single_of_raw"]))
    shown.add_row(
        f"{TOGETHER} at once ({rates['together_per_commit']} a commit)",
        str(rates["together_per_s"]),
        str(rates["together_of_raw"]),
    )
    console.print(shown)
    shown = Table(title="What a long queue costs")
    columns = ("queued", "RSS MB", "grown MB", "file MB", "next FLASH ms p50/p99", "next ROUTINE ms p50/p99")
    for heading in (*columns, "fill/s", "open s", "recount s", "upkeep ms max"):
        shown.add_column(heading, justify="right")
    for one in result["queues"]:
        shown.add_row(
            f"{one['rows']:,}",
            str(one["rss_mb"]),
            str(one["rss_growth_mb"]),
            str(one["file_mb"]),
            f"{one['next_flash']['inside_ms_p50']} / {one['next_flash']['inside_ms_p99']}",
            f"{one['next_routine']['inside_ms_p50']} / {one['next_routine']['inside_ms_p99']}",
            str(one["fill_per_s"] or "–"),
            str(one["open_s"]),
            str(one["recount_s"]),
            str(one["maintain_ms"]),
        )
    console.print(shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help="one queue length instead of 0, 100 000 and 1 000 000")
    parser.add_argument("--at", default=tempfile.gettempdir(), help="directory on the disk to measure")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--queue", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["BENCH_AT"] = options.at
    if options.queue is not None:
        print(json.dumps(asyncio.run(queue_figures(options.queue))))
        return
    with tempfile.TemporaryDirectory(dir=options.at) as place:
        accept = asyncio.run(accept_rates(place))
    queues = QUEUES if options.rows is None else (0, options.rows)
    result = {"accept": accept, "queues": [in_own_process(rows, options.at) for rows in queues]}
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        table(result)


if __name__ == "__main__":
    main()
