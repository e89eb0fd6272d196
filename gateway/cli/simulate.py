"""``yizhan simulate``: a scenario under the router, naive policies and an oracle, side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from gateway.cli.client import fail, json_option, print_json
from gateway.cli.exits import Exit
from gateway.messages.translate import tr
from gateway.observe.escape import printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from gateway.simulate.figures import Comparison
    from gateway.simulate.scenario import Scenario

RUNS_MAX = 10_000

LINES_MAX = 20
"""Most lines of progress where there is no terminal to draw a bar on."""


@click.command(
    help=tr(
        "Run SCENARIO (a TOML file, or the name of a shipped one) on virtual time: whole gateways over modelled bearers. "
        "Prints what was delivered, when and at what price, beside naive policies and an oracle that knows the future. "
        "Without SCENARIO: lists the shipped ones."
    )
)
@click.argument("scenario", required=False)
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help=tr("First seed."))
@click.option(
    "--runs",
    type=click.IntRange(1, RUNS_MAX),
    default=1,
    show_default=True,
    help=tr("Number of seeds, one after another."),
)
@click.option(
    "--plot",
    "plot_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help=tr("Also draw the figures into this SVG file."),
)
@json_option
def simulate(scenario: str | None, seed: int, runs: int, plot_path: Path | None, as_json: bool) -> None:
    """Simulate a scenario."""
    if scenario is None:
        _list(as_json=as_json)
        return
    loaded = _load(scenario)
    if plot_path is not None and not plot_path.absolute().parent.is_dir():
        fail(Exit.USAGE, tr("--plot {path}: there is no such folder").format(path=plot_path))
    from gateway.simulate.compare import compare

    seeds = range(seed, seed + runs)
    with _Progress() as progress:
        comparison = compare(loaded, seeds, progress.tell)
    if as_json:
        from gateway.simulate.figures import to_json

        print_json(to_json(comparison))
    else:
        from rich.console import Console

        from gateway.cli.comparison import show

        show(Console(markup=False, highlight=False), comparison)
    if plot_path is not None:
        _draw(loaded, comparison, plot_path)


class _Progress:
    """A bar on a terminal, else a line now and then; on stderr, where it disturbs no output."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._lines = 0

    def __enter__(self) -> Self:
        """Begin the bar, where there is a terminal."""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (BarColumn(), TextColumn("{task.percentage:.0f} %"), TextColumn("{task.description}"))
            self._bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
            self._bar.add_task(tr("simulating"), total=1.0)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def tell(self, share: float, done: int, count: int) -> None:
        """Show how far it has come."""
        told = tr("{done} of {count} runs").format(done=done, count=count)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=share, description=told)
        elif int(share * LINES_MAX) > self._lines:
            self._lines = int(share * LINES_MAX)
            click.echo(f"{share:.0%} {told}", err=True)


def shipped() -> dict[str, Path]:
    """Return the scenarios that came with the program, by name."""
    folders = (Path(__file__).parents[2] / "config/scenarios", Path(sys.prefix) / "share/yizhan/config/scenarios")
    return {path.stem: path for folder in reversed(folders) for path in sorted(folder.glob("*.toml"))}


def _list(*, as_json: bool) -> None:
    """Print the shipped scenarios and what each is about."""
    about = {name: _load(name).scenario for name in shipped()}
    if as_json:
        print_json(
            {"scenarios": [{"name": name, "about": one.about, "hours": one.hours} for name, one in about.items()]}
        )
        return
    for name, one in about.items():
        click.echo(f"{name}\n  {printable(one.about)}")


def _load(name: str) -> Scenario:
    """Return a scenario by path or shipped name; end the program with advice when there is none, or faults in it."""
    from gateway.simulate.scenario import ScenarioError, load_scenario

    names = shipped()
    path = names.get(name, Path(name))
    if not path.exists():
        told = tr("no file {path}, and no shipped scenario of that name; there are: {names}")
        fail(Exit.USAGE, told.format(path=name, names=", ".join(names)))
    try:
        return load_scenario(path)
    except ScenarioError as error:
        faults = [printable(f"{fault.where}: {fault.what}") for fault in error.faults]
        fail(
            Exit.CONFIG,
            tr("{file} has {count} faults: {faults}").format(file=path, count=len(faults), faults="; ".join(faults)),
        )


def _draw(scenario: Scenario, comparison: Comparison, path: Path) -> None:
    """Write the picture; end the program when the file cannot be written."""
    from gateway.simulate.figures import ROUTER
    from gateway.simulate.hindsight import strips_of
    from gateway.simulate.network import build_network
    from gateway.simulate.plot import draw

    network = build_network(scenario, comparison.seeds[0])
    picture = draw(comparison, strips_of(network, comparison.first[ROUTER]))
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        fail(Exit.BAD_INPUT, tr("{path} cannot be written: {why}").format(path=path, why=error.strerror))
