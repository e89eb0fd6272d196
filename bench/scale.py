"""Figures at the scale of a province: 600,000 stations, a storm of reports, a million queued.

    .venv/bin/python bench/scale.py stations|storm|queue [--count N] [--at DIR] [--json]

``stations`` imports an address book by the command line into a running gateway and looks stations up. ``storm`` lets a
tenth of 600,000 terminals report within one minute over 32 links into one command post with caps and without a bus.
``queue`` measures how long a link takes to choose its next payload with 0, 100,000 and 1,000,000 bundles queued. Each
measurement runs in a process of its own, so that memory is its own; ratios within one run travel, rates do not. Progress
goes to stderr, the figures to stdout.
"""

import argparse
import asyncio
import csv
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from bench.scalerig import QuietLink, memory_mb, opened, processor_s, quantiles, say, settings  # noqa: E402 - needs the path above

STATIONS = 600_000
STORM_SHARE = 0.1
STORM_S = 60.0
STORM_LINKS, FEW_LINKS = 32, 8
STORM_CAP = 20_000
QUEUES = (0, 100_000, 1_000_000)
PROBES = 400
FILL_STEP = 2_000
CARD_MIN = 100_000


# --- stations ------------------------------------------------------------------------------------------------------


def write_book(path, count):
    """Write an address book of villages: 12-digit codes, a card each, township grids of 16, county groups of 200."""
    with path.open("w", encoding="utf-8", newline="") as file:
        book = csv.writer(file)
        book.writerow(["id", "name", "cards", "addresses", "groups", "grids"])
        for number in range(count):
            address = f"hf:V{number}" if number % 20 == 0 else ""
            row = [f"{510000000000 + number * 7}", f"第{number // 16}乡第{number}村", CARD_MIN + number, address]
            book.writerow([*row, f"county{number // 200}", f"51-{number // 16}"])


async def stations_figures(count, at):
    from gateway.daemon.control import ControlSocket
    from gateway.daemon.gateway import Gateway

    with tempfile.TemporaryDirectory(dir=at) as place:
        book, socket = Path(place) / "book.csv", Path(place) / "control.sock"
        write_book(book, count)
        (Path(place) / "state").mkdir()
        store, clock = opened(Path(place) / "state")
        gateway = Gateway(settings(), store, store.timeline, clock, random.Random(1))
        control = ControlSocket(socket, gateway.operations)
        await control.open()
        serving = [asyncio.create_task(control.run()), asyncio.create_task(gateway.run())]
        before = memory_mb()
        turns = []
        serving.append(asyncio.create_task(ask_all_the_time(store, turns)))
        figures = {"stations": count, "csv_mb": round(book.stat().st_size / 1e6, 1)}
        for turn in ("import", "import_again"):
            begun, cpu = time.perf_counter(), processor_s()
            command = [
                sys.executable,
                "-m",
                "gateway.cli",
                "station",
                "import",
                str(book),
                "--socket",
                str(socket),
                "--json",
            ]
            process = await asyncio.create_subprocess_exec(*command, cwd=HERE, stdout=subprocess.PIPE)
            out, _ = await process.communicate()
            taken = time.perf_counter() - begun
            own, commands = (round(after - before, 1) for before, after in zip(cpu, processor_s(), strict=True))
            figures[turn] = {"seconds": round(taken, 1), "cpu_s": {"gateway": own, "command": commands}}
            figures[turn] |= json.loads(out)
            del figures[turn]["file"]
        figures["store_wait_ms_while_importing"] = quantiles(turns, 1)
        figures["rss_mb"] = {"before": before, "after": memory_mb(), "peak": memory_mb("VmHWM")}
        figures["file_mb"] = round(sum(one.stat().st_size for one in (Path(place) / "state").iterdir()) / 1e6)
        figures["lookup_us"] = await store.run(lambda outbox: lookups(outbox, count))
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await store.close()
    return figures


async def ask_all_the_time(store, turns):
    """Ask the store for nothing again and again, as an SOS would have to wait for its thread."""
    while True:
        begun = time.perf_counter()
        await store.run(lambda outbox: outbox.last_seq())
        turns.append((time.perf_counter() - begun) * 1e3)
        await asyncio.sleep(0.05)


def lookups(outbox, count):
    """Return microseconds of each kind of look-up, and the same among the first thousand stations alone as a ratio."""
    rng = random.Random(2)
    figures = {}
    asks = {
        "id": lambda n: outbox.station(str(510000000000 + n * 7)),
        "card": lambda n: outbox.station_by_card(CARD_MIN + n),
        "address": lambda n: outbox.station_by_address("hf", f"V{n - n % 20}"),
        "grid (16 members)": lambda n: outbox.stations_in(1001, grid=f"51-{n // 16}"),
        "group (200 members)": lambda n: outbox.stations_in(1001, group=f"county{n // 200}"),
        "card of nobody": lambda n: outbox.station_by_card(90_000_000 + n),
    }
    for what, ask in asks.items():
        everywhere, nearby = ([timed_us(ask, rng.randrange(top)) for _ in range(PROBES)] for top in (count, 1_000))
        figures[what] = quantiles(everywhere, 1) | {
            "x_of_a_thousand": round(statistics.median(everywhere) / statistics.median(nearby), 2)
        }
    return figures


def timed_us(function, argument):
    begun = time.perf_counter()
    function(argument)
    return (time.perf_counter() - begun) * 1e6


# --- storm ---------------------------------------------------------------------------------------------------------


def storm_reports(count, rng):
    """Return what terminals say after a quake: (terminal, is it an SOS, Heard)."""
    from gateway.link import Fix, Heard, Payload

    said = []
    for terminal in rng.sample(range(int(count / STORM_SHARE)), count):
        lot = rng.random()
        fix = Fix(30.0 + terminal % 1000 / 1000, 103.0)
        if lot < 0.005:
            text = f"求救，{1 + terminal % 9}人被困"
        elif lot < 0.155:
            text = f"{1 + terminal % 30}人受伤 需要药品"
        elif lot < 0.255:
            text = f"需要帐篷{1 + terminal % 50}顶"
        elif lot < 0.355:
            text = "房子裂了，人都出来了"
        else:
            text = ""
        peer = str(CARD_MIN + terminal)
        said.append((lot < 0.005, Heard(peer=peer, payload=Payload.of_text(text), fix=fix)))
    return said


async def storm_figures(count, cap, at, *, paced, link_count=STORM_LINKS):
    from gateway.daemon.gateway import Gateway
    from gateway.model import Precedence

    rng = random.Random(3)
    said = storm_reports(count, rng)
    with tempfile.TemporaryDirectory(dir=at) as place:
        store, clock = opened(place, bundles_max=cap)
        gateway = Gateway(settings(), store, store.timeline, clock, random.Random(1))
        links = [QuietLink(f"bd{n}", "beidou", str(n + 1)) for n in range(link_count)]
        for link in links:
            gateway.add_link(link)
        task = asyncio.create_task(gateway.run())
        await asyncio.sleep(0.2)
        before, cpu, waits, sos_waits = memory_mb(), processor_s()[0], [], []
        begun = time.perf_counter()

        async def hear(name, mine):
            for place, (is_sos, heard) in enumerate(mine):
                at_s = begun + (STORM_S * place / len(mine) if paced else 0.0)
                if paced and time.perf_counter() < at_s:
                    await asyncio.sleep(at_s - time.perf_counter())
                asked = at_s if paced else time.perf_counter()
                await gateway.core.links[name].heard(heard)
                waits.append(time.perf_counter() - asked)
                if is_sos:
                    sos_waits.append(waits[-1])

        await asyncio.gather(*(hear(link.info.name, said[n :: len(links)]) for n, link in enumerate(links)))
        taken = time.perf_counter() - begun
        balance, noted, rows, owed, file_mb = await store.run(
            lambda outbox: (
                outbox.balance(), outbox.noted(), outbox.rows(), outbox.owed_counts(),
                round(sum(one.stat().st_size for one in Path(place).iterdir()) / 1e6),
            )
        )  # fmt: skip
        sos = {key: sum(getattr(cell, key) for (_, p), cell in balance.cells.items() if p is Precedence.FLASH)
               for key in ("accepted", "queued", "shed")}  # fmt: skip
        figures = {
            "reports": count,
            "cap": cap,
            "links": link_count,
            "paced_over_s": STORM_S if paced else None,
            "took_s": round(taken, 1),
            "cpu_ms_a_report": round((processor_s()[0] - cpu) * 1e3 / count, 3),
            "accepted_per_s": round(count / taken),
            "commits": store.commits,
            "accept_ms": quantiles([one * 1e3 for one in waits], 1),
            "sos": sos | {"accept_ms": quantiles([one * 1e3 for one in sos_waits], 1), "sent": len(sos_waits)},
            "balance": {"accepted": balance.total.accepted, "queued": balance.total.queued, "shed": balance.total.shed},
            "balanced": balance.balanced,
            "shed_by_precedence": {
                p.name: sum(cell.shed for (_, q), cell in balance.cells.items() if q is p) for p in Precedence
            },
            "noted": noted,
            "counters": dict(gateway.core.counters),
            "rows": rows,
            "receipts_owed": owed,
            "rss_mb": {"before": before, "after": memory_mb(), "peak": memory_mb("VmHWM")},
            "file_mb": file_mb,
        }
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()
    return figures


# --- queue ---------------------------------------------------------------------------------------------------------


def queued(number, rng):
    """Return a draft and its lane: orders, reports and positions, of every precedence, in several lanes."""
    from gateway.model import BUS, Direction, Draft, Endpoint, Message, MessageKind, Place, PlaceSource, Precedence

    lane = ("beidou", "beidou+hf", "hf", "beidou+hf+satcom", "bus")[number % 5]
    precedence = Precedence(min(3, int(rng.expovariate(1.0)) if number % 3 else 3))
    up = number % 3 == 0
    card = Endpoint.card(CARD_MIN + number % 600_000)
    place = Place(30.0 + number % 1000 / 1000, 103.0, PlaceSource.TERMINAL)
    message = Message(MessageKind.CASUALTY, "3人受伤", place) if up else Message(MessageKind.COMMAND, "到三号点集合")
    draft = Draft(
        direction=Direction.UP if up else Direction.DOWN,
        source=card if up else BUS,
        destination=BUS if up else card,
        precedence=precedence,
        message=message,
        lifetime_s=rng.choice([3600.0, 86_400.0, 7 * 86_400.0]),
        created_wall_s=1_800_000_000.0,
        clock_trusted=True,
        heard_on="bd1" if up else "bus",
    )
    return draft, lane


def fill(outbox, base, count, now_s):
    """Queue some bundles with mixed due times: most now, some later, some only at their end."""
    rng = random.Random(base)
    for number in range(base, base + count):
        draft, lane = queued(number, rng)
        bundle = outbox.accept(draft, lane=lane, now_s=now_s - rng.random() * 600).bundle
        lot = rng.random()
        if lot < 0.3:
            outbox.postpone(bundle.seq, now_s + (float("inf") if lot < 0.1 else 900 * rng.random()), "waits")


async def queue_figures(rows, at):
    from gateway.daemon.gateway import Gateway
    from gateway.daemon.outbound import LinkSender

    with tempfile.TemporaryDirectory(dir=at) as place:
        store, clock = opened(place, bundles_max=5_000_000, pages_max=4_000_000)
        gateway = Gateway(settings(), store, store.timeline, clock, random.Random(1))
        bearers = {"bd1": "beidou", "bd2": "beidou", "hf1": "hf", "sat1": "satcom"}
        for name, bearer in bearers.items():
            link = QuietLink(name, bearer, "1")
            gateway.add_link(link)
            gateway.core.links[name].report(link.report(0.0))
        before = memory_mb()
        for base in range(0, rows, FILL_STEP):
            step = min(FILL_STEP, rows - base)
            await store.run(lambda outbox, b=base, s=step: fill(outbox, b, s, gateway.core.now_s()))
            if base % 100_000 == 0:
                say(f"  {base} of {rows} queued")
        figures = {"queued": rows, "rss_mb": memory_mb(), "grown_mb": round(memory_mb() - before, 1), "choose_ms": {}}
        for name in ("bd1", "hf1", "sat1"):
            sender = LinkSender(gateway.core.links[name], gateway.core)
            figures["choose_ms"][name] = await choosing(store, sender)
        figures["accept_ms"] = await store.run(lambda outbox: accepting(outbox, gateway.core.now_s()))
        await store.close()
    return figures


def accepting(outbox, now_s):
    """Return milliseconds that accepting takes: plainly, in the place of an older position, and at the cap."""
    from gateway.model import Message, MessageKind, Precedence
    from gateway.store.limits import FLASH_RESERVE

    def position(number):
        draft, _ = queued(3, random.Random(number))
        place = replace(draft.message.place, lat=30.0 + number / 1e4)
        return replace(draft, precedence=Precedence.ROUTINE, message=Message(MessageKind.POSITION, "", place))

    def timed(draft, lane):
        begun = time.perf_counter()
        acceptance = outbox.accept(draft, lane=lane, now_s=now_s)
        return (time.perf_counter() - begun) * 1e3, acceptance

    chat = queued(3, random.Random(1))[0]
    plain = [timed(chat, "beidou") for _ in range(PROBES)]
    newer = [timed(position(number), "beidou") for number in range(PROBES)]
    assert all(acceptance.superseded for _, acceptance in newer[1:])
    cap = int(sum(outbox.open_counts().values()) / (1 - FLASH_RESERVE))
    outbox.limits = replace(outbox.limits, bundles_max=cap)
    timed(chat, "beidou")
    capped = [timed(chat, "beidou") for _ in range(PROBES)]
    assert all(len(acceptance.shed) == 1 for _, acceptance in capped)
    measured = {"plain": plain, "newer position": newer, "at the cap": capped}
    return {what: quantiles([taken for taken, _ in values]) for what, values in measured.items()}


async def choosing(store, sender):
    """Return milliseconds that choosing takes on the store's thread, and on the loop before it."""
    inside, outside = [], []
    for _ in range(PROBES):
        begun = time.perf_counter()
        choose = sender._chooser()  # noqa: SLF001 - this very step is what is measured
        outside.append((time.perf_counter() - begun) * 1e3)

        def probe(outbox, choose=choose):
            begun = time.perf_counter()
            choose(outbox)
            inside.append((time.perf_counter() - begun) * 1e3)

        await store.run(probe)
    return quantiles(inside) | {"views_p50": round(statistics.median(outside), 3)}


# --- all -----------------------------------------------------------------------------------------------------------


def in_own_process(*words):
    say(" ".join(words))
    command = [sys.executable, __file__, *words]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["stations", "storm", "queue", "one"])
    parser.add_argument("part", nargs="?", default="", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help="stations, reports or bundles instead of the figures above")
    parser.add_argument("--cap", type=int, default=STORM_CAP, help="open bundles that the post keeps in the storm")
    parser.add_argument("--at", default=tempfile.gettempdir(), help="directory on the disk to measure")
    parser.add_argument("--json", action="store_true", help="print JSON on one line")
    options = parser.parse_args()
    at = ["--at", options.at, "--cap", str(options.cap)]
    if options.what == "one":
        from gateway.observe.log import configure

        configure("critical")
        work = {
            "stations": lambda: stations_figures(options.count, options.at),
            "few": lambda: storm_figures(options.count, options.cap, options.at, paced=False, link_count=FEW_LINKS),
            "flood": lambda: storm_figures(options.count, options.cap, options.at, paced=False),
            "minute": lambda: storm_figures(options.count, options.cap, options.at, paced=True),
            "queue": lambda: queue_figures(options.count, options.at),
        }
        print(json.dumps(asyncio.run(work[options.part]())))
        return
    if options.what == "stations":
        result = in_own_process("one", "stations", "--count", str(options.count or STATIONS), *at)
    elif options.what == "storm":
        count = str(options.count or int(STATIONS * STORM_SHARE))
        result = {part: in_own_process("one", part, "--count", count, *at) for part in ("few", "flood", "minute")}
    else:
        rows = QUEUES if options.count is None else (0, options.count)
        found = [in_own_process("one", "queue", "--count", str(one), *at) for one in rows]
        base = found[1]["choose_ms"]
        for one in found[1:]:
            one[f"x_of_{found[1]['queued']}"] = {
                name: round(value["p50"] / base[name]["p50"], 2) for name, value in one["choose_ms"].items()
            }
        result = {"queues": found}
    print(json.dumps(result, indent=None if options.json else 2, ensure_ascii=False))


if __name__ == "__main__":
    main()
