#!/usr/bin/env python3
"""What relays cost on Beidou cards: delay to the command post, and frames of all gateways for a report with its receipt.

bench/relay.py [--seeds N] [--loss SHARE]      whole gateways in a line on virtual time, an SOS or a casualty every 20 minutes
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gateway.observe.log import configure  # noqa: E402
from gateway.simulate.loop import run_virtual  # noqa: E402
from tests.simulation.gateways import bundles, report  # noqa: E402
from tests.simulation.relayworld import Line, Place, line  # noqa: E402

REPORTS = 20
EVERY_S, AFTER_S = 1_200.0, 6 * 3_600.0


def places(relays: int) -> list[Place]:
    if relays:
        return line(tuple(f"r{number}" for number in range(1, relays + 1)))
    return [Place("v1", ("hq",), ("hq",), "hq"), Place("hq", ("v1",), ("v1",))]


def frames(world: Line) -> int:
    return sum(world.core(name).links["bd1"].sent_count for name in world.posts)


async def live(relays: int, seed: int, loss: float) -> tuple[dict[str, float], int, int]:
    """Return each report's delay by its text, how many were receipted, and the frames that all of them took."""
    with tempfile.TemporaryDirectory() as folder:
        world = Line(Path(folder), places(relays), seed=seed, loss=loss)
        await world.start()
        await asyncio.sleep(60)
        await report(world["v1"], "先报一次")  # the sessions begin
        await asyncio.sleep(1_800)
        before, said = frames(world), {}
        for number in range(REPORTS):
            text = f"第{number}次：{number}人受伤" if number % 2 else f"SOS 第{number}次求救"
            said[text] = world.core("v1").clock.monotonic_s()
            await report(world["v1"], text)
            await asyncio.sleep(EVERY_S)
        await asyncio.sleep(AFTER_S)
        core = world.core("hq")
        offset_s = core.clock.monotonic_s() - core.now_s()
        got = {one.draft.message.text: one.accepted_s + offset_s for one in await bundles(world["hq"])}
        receipted = sum(one.state == "relayed" for one in await bundles(world["v1"])) - 1
        spent = frames(world) - before
        await world.stop()
    return {text: got[text] - at_s for text, at_s in said.items() if text in got}, receipted, spent


def at(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--loss", type=float, default=0.045)
    arguments = parser.parse_args()
    configure(level="error")
    print(f"{arguments.seeds} x {REPORTS} reports, loss {arguments.loss:.1%} a hop; seconds to the command post")
    print("relays  delivered  receipted  SOS median  p95  worst  casualty median  p95  worst  frames/report")
    for relays in (0, 1, 3):
        runs = [run_virtual(live(relays, seed, arguments.loss)) for seed in range(arguments.seeds)]
        delays = [(text, s) for found, _, _ in runs for text, s in found.items()]
        sos, casualty = ([s for text, s in delays if text.startswith("SOS") is wanted] for wanted in (True, False))
        shown = "  ".join(f"{at(values, share):9.0f}" for values in (sos, casualty) for share in (0.5, 0.95, 1.0))
        total = arguments.seeds * REPORTS
        print(
            f"{relays:6}  {len(delays):5}/{total}  {sum(run[1] for run in runs):9}  {shown}  "
            f"{sum(run[2] for run in runs) / total:6.1f}"
        )


if __name__ == "__main__":
    main()
