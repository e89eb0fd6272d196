"""Figures of fragmentation: minutes and airtime until a content is there, over lossy slots, beside the erasure bound.

    .venv/bin/python bench/fragment.py [--runs N] [--seed N] [--json]

The real Sending and Reassembly in virtual time; seeded, so the same figures anywhere but for the speed of the code. A
content is accepted when the first card has just been used: its first frame leaves one slot later, and is heard FLIGHT_S
after that. Other bearers and the way back have slots of their own phase, drawn anew for each run. Each frame is lost by
itself with all its symbols, the reports on the way back too. Bytes are those on the air, lost or not: record, fragment
header and symbols, and the reports. The bound is what any code with any feedback must pay: size / (1 - loss) bytes, in
whole frames without a header; over several bearers, size over the bytes that get through in a second. Progress goes to
stderr, the tables (or JSON) to stdout.
"""

import argparse
import heapq
import itertools
import json
import math
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from protocols.fragment.cauchy import decode, encode_symbol  # noqa: E402 - found by the line above
from protocols.fragment.fragment import Fragment  # noqa: E402
from protocols.fragment.planning import planned_symbols  # noqa: E402
from protocols.fragment.reassembly import Reassembly  # noqa: E402
from protocols.fragment.sender import Sending, SendingState  # noqa: E402
from protocols.fragment.split import choose_split  # noqa: E402

RECORD_BYTES = 7
"""A record with implied addresses: flags 1, counter 2, tag 4."""
REPORT_BYTES = 12
"""A record with a report in it."""
REVERSE_SLOT_S = 60.0
FLIGHT_S = 5.0
"""From the slot to the other end."""
POLL_AFTER_S = 10.0
"""Below every slot: a slot is not left empty while no report has come."""
LIFETIME_S = 86_400.0
RUNS = 2000
RUNS_LONG = 300
LONG_BYTES = 5_000


@dataclass(frozen=True)
class Bearer:
    """Frames of ``frame_bytes``, one every ``slot_s``, a share ``loss`` of which nobody hears."""

    name: str
    frame_bytes: int
    slot_s: float
    loss: float

    @property
    def capacity(self):
        """What a fragment may have in its frame."""
        return self.frame_bytes - RECORD_BYTES


def beidou(loss):
    return Bearer("Beidou", 78, 60.0, loss)


def hf(loss):
    return Bearer("HF", 120, 30.0, loss)


def iridium(loss):
    return Bearer("Iridium", 340, 40.0, loss)


@dataclass(frozen=True)
class Run:
    """How it went: seconds until the content was there (None: never), bytes on the air, frames, reports."""

    delivered_s: float | None
    air_bytes: int
    frames: int
    reports: int


class Air:
    """One content on its way: the two ends, what is between them as timed events, and the books."""

    def __init__(self, rng, size, bearers, *, loss, planned, reverse_loss):
        self.rng, self.reverse_loss = rng, reverse_loss
        self.content = rng.randbytes(size)
        split = choose_split(size, [bearer.capacity for bearer in bearers])
        times = {"now": 0.0, "expires_s": LIFETIME_S, "poll_after_s": POLL_AFTER_S}
        self.sending = Sending(5, self.content, split, loss=loss, planned=planned, **times)
        self.receiver = Reassembly()
        self.events, self.tie = [], itertools.count()
        self.delivered_s, self.air_bytes, self.frames, self.reports = None, 0, 0, 0
        for number, bearer in enumerate(bearers):
            self.at(bearer.slot_s * (rng.uniform(0, 1) if number else 1), self.slot, bearer)
        if reverse_loss is not None:
            self.at(rng.uniform(0, REVERSE_SLOT_S), self.report_slot)

    def at(self, when_s, call, *arguments):
        """Call later, with the time before the arguments."""
        heapq.heappush(self.events, (when_s, next(self.tie), call, arguments))

    def run(self):
        """Let it happen until nothing more can come of it; return the Run."""
        while self.events and not self.sending.over and not self.hopeless:
            now, _, call, arguments = heapq.heappop(self.events)
            call(now, *arguments)
        return Run(self.delivered_s, self.air_bytes, self.frames, self.reports)

    @property
    def hopeless(self):
        """Everything planned has been sent and heard, and nobody reports."""
        flying = any(call == self.heard for _, _, call, _ in self.events)
        return self.reverse_loss is None and self.sending.state is SendingState.SILENT and not flying

    def slot(self, now, bearer):
        """Send what the sender has for this bearer's frame."""
        self.at(now + bearer.slot_s, self.slot, bearer)
        fragment = self.sending.next_fragment(bearer.capacity, now)
        if fragment is not None:
            self.frames += 1
            self.air_bytes += RECORD_BYTES + fragment.bytes_long
            if self.rng.random() >= bearer.loss:
                self.at(now + FLIGHT_S, self.heard, fragment.to_bytes())

    def heard(self, now, data):
        """Take a frame in at the receiver."""
        arrival = self.receiver.receive("peer", Fragment.from_bytes(data), now)
        if arrival.content is not None:
            assert arrival.content == self.content, "the content came out different"
            assert self.delivered_s is None, "the content came out twice"
            self.delivered_s = now

    def report_slot(self, now):
        """Send the report that is due, if one is."""
        self.at(now + REVERSE_SLOT_S, self.report_slot)
        for report in self.receiver.reports_due(now)[:1]:
            self.receiver.reported(report.peer, report.transfer, now)
            self.reports += 1
            self.air_bytes += REPORT_BYTES
            if self.rng.random() >= self.reverse_loss:
                self.at(now + FLIGHT_S, self.told, report.need)

    def told(self, now, need):
        """Take a report in at the sender."""
        self.sending.on_report(need, now)


def quantile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def figures(seed, runs, size, bearers, *, planned=None, reverse_loss=None):
    """Return the figures of many runs: minutes, mean bytes on the air and what they are beside the bound."""
    rng = random.Random(seed)
    rates = [bearer.frame_bytes / bearer.slot_s for bearer in bearers]
    through = [rate * (1 - bearer.loss) for rate, bearer in zip(rates, bearers, strict=True)]
    loss = 1 - sum(through) / sum(rates)
    done = [Air(rng, size, bearers, loss=loss, planned=planned, reverse_loss=reverse_loss).run() for _ in range(runs)]
    minutes = [math.inf if run.delivered_s is None else run.delivered_s / 60 for run in done]
    split = choose_split(size, [bearer.capacity for bearer in bearers])
    air = sum(run.air_bytes for run in done) / runs
    bound = size / (1 - loss)
    whole_frames = math.ceil(size / bearers[0].frame_bytes) / (1 - loss) * bearers[0].slot_s
    return {
        "size": size,
        "bearers": " + ".join(f"{bearer.name} {bearer.loss:.0%}" for bearer in bearers),
        "k": split.k,
        "symbol_bytes": split.symbol_bytes,
        "planned": planned,
        "bound_bytes": round(bound),
        "bound_min": round((whole_frames if len(bearers) == 1 else size / sum(through)) / 60, 1),
        "median_min": round(quantile(minutes, 0.5), 2),
        "p95_min": round(quantile(minutes, 0.95), 2),
        "air_bytes": round(air),
        "air_of_bound": round(air / bound, 3),
        "frames": round(sum(run.frames for run in done) / runs, 1),
        "reports": round(sum(run.reports for run in done) / runs, 1),
        "delivered": round(sum(run.delivered_s is not None for run in done) / runs, 4),
    }


def two_way(seed, runs, size, loss):
    """Return the figures over Beidou with reports, both ways equally lossy."""
    return figures(seed, runs, size, [beidou(loss)], reverse_loss=loss)


def one_way(seed, runs, size, loss):
    """Return the figures over Beidou without reports, planned for 99 %."""
    k = choose_split(size, [beidou(loss).capacity]).k
    return figures(seed, runs, size, [beidou(loss)], planned=planned_symbols(k, loss))


def striped(seed, runs, size, bearers):
    """Return the figures over several bearers at once; reports come back by the first."""
    return figures(seed, runs, size, bearers, reverse_loss=bearers[0].loss)


STRIPES = (
    (1000, (beidou(0.15), hf(0.30))),
    (1000, (beidou(0.30), hf(0.50))),
    (1000, (beidou(0.15), hf(0.30), iridium(0.05))),
    (10_000, (beidou(0.15), hf(0.30))),
)


def measure(runs, seed):
    """Return all figures by table."""
    result = {"two_way": [], "one_way": [], "striped": []}
    result["code"] = [code_speed(k, size) for k, size in ((15, 67), (48, 21), (128, 68), (200, 68))]
    for size in (100, 1000, 10_000):
        many = runs if size < LONG_BYTES else max(1, min(runs, RUNS_LONG))
        for loss in (0.05, 0.15, 0.30, 0.50):
            print(f"{size} bytes at {loss:.0%}", file=sys.stderr, flush=True)
            result["two_way"].append(two_way(seed, many, size, loss))
            result["one_way"].append(one_way(seed, many, size, loss))
    for size, bearers in STRIPES:
        print(f"{size} bytes over {len(bearers)} bearers", file=sys.stderr, flush=True)
        result["striped"].append(striped(seed, runs if size < LONG_BYTES else min(runs, RUNS_LONG), size, bearers))
    return result


def code_speed(k, symbol_bytes):
    """Return milliseconds for one repair symbol, and for a block whose source symbols were all lost that can be."""
    source = tuple(random.Random(k).randbytes(symbol_bytes) for _ in range(k))
    begun = time.perf_counter()
    symbols = {index: encode_symbol(source, index) for index in range(256 - k, 256)}
    encoded = time.perf_counter()
    assert decode(k, symbols) == source
    ended = time.perf_counter()
    repair = sum(index >= k for index in symbols)
    return {
        "k": k,
        "symbol_bytes": symbol_bytes,
        "repair_ms": round((encoded - begun) / repair * 1e3, 3),
        "decode_ms": round((ended - encoded) * 1e3, 2),
    }


def show(result):
    from rich.console import Console
    from rich.table import Table

    titles = {
        "two_way": "Two-way: reports on a reverse channel with one slot a minute and the same loss",
        "one_way": "One-way: symbols planned for 99 %",
        "striped": "Several bearers share the symbols of one transfer",
    }
    headings = ("bytes", "bearers", "k × B", "plan", "bound B / min", "median", "p95 min", "air B", "× bound")
    for name, title in titles.items():
        shown = Table(title=title)
        for heading in (*headings, "frames", "reports", "arrived"):
            shown.add_column(heading, justify="left" if heading == "bearers" else "right")
        for row in result[name]:
            shown.add_row(
                str(row["size"]),
                row["bearers"],
                f"{row['k']} × {row['symbol_bytes']}",
                str(row["planned"] or "–"),
                f"{row['bound_bytes']} / {row['bound_min']}",
                *(
                    f"{row[key]:g}"
                    for key in ("median_min", "p95_min", "air_bytes", "air_of_bound", "frames", "reports")
                ),
                f"{row['delivered']:.2%}",
            )
        Console(width=132).print(shown)
    shown = Table(title="The code itself, on this machine")
    for heading in ("k × B", "ms a repair symbol", "ms to decode at worst"):
        shown.add_column(heading, justify="right")
    for row in result["code"]:
        shown.add_row(f"{row['k']} × {row['symbol_bytes']}", str(row["repair_ms"]), str(row["decode_ms"]))
    Console(width=132).print(shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"runs a row; {RUNS_LONG} at most for 10 kB")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    result = measure(options.runs, options.seed)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


if __name__ == "__main__":
    main()
