"""The same seeds under several policies and for the oracle, spread over processes.

A run is reduced to its figures where it was made, so that a thousand seeds fit in memory. Results are put together in
the order of seeds and policies, whoever was ready first: the same seeds give the same comparison on any machine.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.observe.log import configure
from gateway.simulate.figures import COPY_EVERYWHERE, FIRST_LINK, ORACLE, ROUTER, Comparison, figures_of, summarise
from gateway.simulate.hindsight import hindsight
from gateway.simulate.network import build_network
from gateway.simulate.world import PolicyChoice, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.sharedctypes import SynchronizedArray

    from gateway.simulate.figures import Figures
    from gateway.simulate.scenario import Scenario

    OnProgress = Callable[[float, int, int], None]
    Work = Callable[["Job", Callable[[float], None]], tuple[Figures, ...]]

POLICIES: tuple[PolicyChoice, ...] = (ROUTER, FIRST_LINK, COPY_EVERYWHERE)
"""What is run; the oracle is worked out from the router's runs."""

RUNS_MAX = 10_000
"""Most seeds of one comparison."""

LOOK_EVERY_S = 0.2
"""How often progress is told while processes work."""


def compare(
    scenario: Scenario,
    seeds: Sequence[int],
    on_progress: OnProgress,
    *,
    processes: int | None = None,
    work: Work | None = None,
) -> Comparison:
    """Run all policies on all seeds; ``on_progress`` is told the share done, the runs done, and of how many.

    ``processes``: as many as there are cores. With one, everything runs in this process.
    """
    assert 0 < len(seeds) <= RUNS_MAX
    jobs = [Job(scenario, seed, policy) for seed in seeds for policy in POLICIES]
    count = min(processes or len(os.sched_getaffinity(0)), len(jobs))
    each = (
        _here(jobs, on_progress, work or one_run) if count == 1 else _spread(jobs, on_progress, count, work or one_run)
    )
    found: dict[str, list[Figures]] = {policy: [] for policy in (*POLICIES, ORACLE)}
    for figures in each:
        for one in figures:
            found[one.policy].append(one)
    return Comparison(
        scenario=scenario.scenario.name,
        seeds=tuple(seeds),
        duration_s=scenario.duration_s,
        summaries=tuple(summarise(policy, runs) for policy, runs in found.items()),
        first={policy: runs[0] for policy, runs in found.items()},
    )


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be made."""

    scenario: Scenario
    seed: int
    policy: PolicyChoice


def quiet() -> None:
    """Leave out what gateways log: a run has some ten thousand lines of it."""
    configure("error")


def one_run(job: Job, on_progress: Callable[[float], None]) -> tuple[Figures, ...]:
    """Make one run; with the router's comes what the oracle would have done with the same reports."""
    result = run(job.scenario, job.seed, job.policy, on_progress)
    if job.policy != ROUTER:
        return (figures_of(result),)
    return figures_of(result), figures_of(hindsight(build_network(job.scenario, job.seed), result))


def _here(
    jobs: Sequence[Job],
    on_progress: OnProgress,
    work: Work,
) -> Iterator[tuple[Figures, ...]]:
    quiet()
    for number, job in enumerate(jobs):

        def tell(part: float, number: int = number) -> None:
            on_progress((number + part) / len(jobs), number, len(jobs))

        yield work(job, tell)
    on_progress(1.0, len(jobs), len(jobs))


def _spread(
    jobs: Sequence[Job],
    on_progress: OnProgress,
    count: int,
    work: Work,
) -> Iterator[tuple[Figures, ...]]:
    """Yield the results in the order of the jobs. New interpreters: a fork would carry along what this process has open."""
    context = multiprocessing.get_context("spawn")
    parts = context.Array("d", len(jobs))
    pool = concurrent.futures.ProcessPoolExecutor(count, context, _share, (parts,))
    try:
        futures = [pool.submit(_in_process, work, number, job) for number, job in enumerate(jobs)]
        waiting = set(futures)
        while waiting:
            ready, waiting = concurrent.futures.wait(waiting, LOOK_EVERY_S, concurrent.futures.FIRST_COMPLETED)
            for future in ready:
                future.result()
            on_progress(sum(parts[:]) / len(jobs), len(jobs) - len(waiting), len(jobs))
        yield from (future.result() for future in futures)
    finally:
        pool.shutdown(cancel_futures=True)


_shared: list[SynchronizedArray[float]] = []
"""In a process of the pool: the parts done of all jobs; a pool can hand it over at its start only."""


def _share(parts: SynchronizedArray[float]) -> None:
    quiet()
    _shared.append(parts)


def _in_process(work: Work, number: int, job: Job) -> tuple[Figures, ...]:
    parts = _shared[0]

    def tell(part: float) -> None:
        parts[number] = part

    done = work(job, tell)
    tell(1.0)
    return done
