"""How a comparison of simulated runs is shown: tables, then what the router is held to, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gateway.cli.words import precedence_word, span_word
from gateway.messages.translate import tr
from gateway.model import Precedence
from gateway.simulate.figures import ORACLE, ratio, rivals_of, times_as_late, verdicts_of
from gateway.simulate.plot import figure_word, policy_word, share_word, title_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from gateway.simulate.figures import Comparison, Summary, Verdict


def show(console: Console, comparison: Comparison) -> None:
    """Print tables and verdicts."""
    console.print(title_of(comparison), soft_wrap=True)
    console.print()
    _delays(console, comparison)
    console.print()
    _spent(console, comparison)
    console.print()
    console.print(tr("ratio: to the oracle's figure; per run: means over all runs"), soft_wrap=True)
    router = comparison.summaries[0]
    if any(one.all.delivered < one.all.count for one in comparison.summaries):
        console.print(tr("inf: not delivered; it counts as the longest delay of all"), soft_wrap=True)
    told = tr("People tried for {span} (median) until a gateway had their report; {count} reports reached none.")
    console.print(told.format(span=delay_word(router.wait_median_s), count=router.unheard), soft_wrap=True)
    if router.superseded:
        told = tr("{count} reports gave way to a newer one of their author before they had left: not counted above.")
        console.print(told.format(count=router.superseded), soft_wrap=True)
    console.print()
    for verdict in verdicts_of(comparison):
        console.print(_verdict_line(verdict, router), soft_wrap=True)
    for rival in rivals_of(comparison):
        told = tr("beside it: airtime {value} x that of {rival}, which delivers as much, whenever it does")
        told = told.format(value=ratio_word(ratio(router.airtime_s, rival.airtime_s)), rival=policy_word(rival.policy))
        console.print(told, soft_wrap=True)


def delay_word(seconds: float) -> str:
    """Return a delay with tenths where they matter; a word for what was not delivered."""
    if math.isnan(seconds):
        return "-"
    if math.isinf(seconds):
        return tr("inf")
    return f"{seconds:.1f} s" if seconds < 99.95 else span_word(_rounded_s(seconds))


def ratio_word(value: float) -> str:
    """Return how many times as large a figure is."""
    if math.isnan(value):
        return "-"
    return tr("inf") if math.isinf(value) else f"{value:.2f}"


def _delays(console: Console, comparison: Comparison) -> None:
    table = _table(tr("delay"), tr("delivered"), tr("median"), tr("ratio"), "p95", tr("ratio"), tr("worst"))
    best = comparison.of(ORACLE)
    for precedence in Precedence:
        other = best.by_precedence[precedence]
        if not other.count:
            continue
        table.add_row(
            tr("{precedence}: {count}").format(precedence=precedence_word(precedence.name), count=other.count)
        )
        for one in comparison.summaries:
            delay = one.by_precedence[precedence]
            table.add_row(
                f"  {policy_word(one.policy)}",
                share_word(delay.share),
                delay_word(delay.median_s),
                ratio_word(times_as_late(delay.median_s, other.median_s)),
                delay_word(delay.tail_s),
                ratio_word(times_as_late(delay.tail_s, other.tail_s)),
                delay_word(delay.worst_s),
            )
    console.print(table)


def _spent(console: Console, comparison: Comparison) -> None:
    names = (tr("frames"), tr("airtime"), tr("cost"), tr("duplicates"), tr("shed"), tr("took"))
    table = _table(tr("per run"), tr("delivered"), *names)
    for one in comparison.summaries:
        table.add_row(
            policy_word(one.policy),
            share_word(one.all.share),
            figure_word(one.frames / one.runs),
            delay_word(one.airtime_s / one.runs),
            figure_word(one.money / one.runs),
            figure_word(one.duplicates / one.runs),
            figure_word(one.shed / one.runs),
            delay_word(one.wall_s / one.runs),
        )
    console.print(table)


def _table(first: str, *others: str) -> Table:
    """Return a table that fits 80 columns in both languages."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    columns = [Column(name, justify="right", no_wrap=True) for name in others]
    return Table(
        Column(first, no_wrap=True), *columns, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False
    )


def _verdict_line(verdict: Verdict, router: Summary) -> str:
    """Return one promise with what was measured, and whether it was kept, in words."""
    against = policy_word(verdict.against) if verdict.against else ""
    flash = router.by_precedence[Precedence.FLASH]
    words = {
        "flash_delivered": tr("every FLASH delivered: {delivered} of {count}").format(
            delivered=flash.delivered, count=flash.count
        ),
        "flash_median": tr("FLASH median delay {value} x the oracle's, at most {limit}"),
        "flash_p95": tr("FLASH p95 delay {value} x the oracle's, at most {limit}"),
        "share": tr("delivered share {value} x the oracle's, at least {limit}"),
        "airtime": tr(
            "airtime {value} x that of the cheapest that delivers as much, as soon ({against}), at most {limit}"
        )
        if against
        else tr("airtime: no other policy delivers as much, as soon"),
    }
    value = f"{verdict.value:.4f}" if verdict.name == "share" else ratio_word(verdict.value)
    told = words[verdict.name].format(value=value, limit=verdict.limit, against=against)
    judged = tr("kept") if verdict.kept else tr("NOT KEPT")  # Babel does not look into f-strings
    line = f"{judged}: {told}"
    if verdict.kept or verdict.name != "flash_delivered":
        return line
    seeds = ", ".join(map(str, router.flash_lost_seeds))
    return tr("{line} (lost in seeds {seeds})").format(line=line, seeds=seeds)


def _rounded_s(seconds: float) -> float:
    """Return a figure to the whole minute, so that words which leave out the seconds do not cut off most of one."""
    return seconds if math.isinf(seconds) else round(seconds / 60) * 60
