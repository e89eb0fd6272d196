"""The picture of a comparison: delays of each precedence, what it cost, and when which link was up.

Nothing is told by colour alone: lines have their own dashes and a label at their end, bars their names, spells in which
a link was down are hatched. The colours are those of Okabe and Ito, which all kinds of eyes tell apart.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.cli.words import precedence_word
from gateway.messages.translate import tr
from gateway.model import Precedence
from gateway.simulate.figures import COPY_EVERYWHERE, FIRST_LINK, ORACLE, ROUTER
from gateway.simulate.svg import GRID, INK, PALE, Canvas, text_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.simulate.figures import Comparison, Summary

WIDTH, MARGIN = 1240.0, 40.0
"""Pixels; the height grows with precedences and links."""

TICKS_S = (0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 21_600.0, 86_400.0, 604_800.0)
"""Marks of the time axis, about evenly spaced on a logarithmic one. What takes less than the first was there at once."""

STEPS_S = (60.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0, 43_200.0, 86_400.0, 432_000.0, 864_000.0)
MARKS_MAX = 12
"""Steps of the timeline's axis: the smallest that makes this many marks at most."""

ROWS_MAX = 40
"""Most links in the timeline; how many were left out is written below."""

LABEL_CHARS_MAX = 26

LABEL_GAP = 16.0
"""Least distance of two labels at line ends."""

STEPS = 240
"""Points of a line: one for every two pixels."""

PANELS_Y, PANEL_HEIGHT, BARS_HEIGHT, STRIPS_HEIGHT, ROW_HEIGHT = 108.0, 270.0, 190.0, 96.0, 24.0


@dataclass(frozen=True, slots=True)
class Style:
    """How a policy's line looks."""

    colour: str
    dash: str
    width: float


STYLES = {
    ROUTER: Style("#0072b2", "", 3.0),
    ORACLE: Style("#000000", "2 3", 2.0),
    FIRST_LINK: Style("#d55e00", "10 4", 2.0),
    COPY_EVERYWHERE: Style("#009e73", "10 3 2 3", 2.0),
}

UP, TRAFFIC, DOWN = "#cfe5f5", "#0072b2", "#999999"


@dataclass(frozen=True, slots=True)
class Strip:
    """One link over the time of a run, in equal parts."""

    label: str
    up: tuple[bool, ...]
    traffic: tuple[int, ...]
    """Frames that began in each part."""


def policy_word(policy: str) -> str:
    """Return a policy as a person reads it."""
    words = {
        ROUTER: tr("router"),
        ORACLE: tr("oracle"),
        FIRST_LINK: tr("first link only"),
        COPY_EVERYWHERE: tr("copy everywhere"),
    }
    return words.get(policy, policy)


def time_word(seconds: float) -> str:
    """Return a round time as a mark of an axis says it: in the largest unit of which it is whole quarters."""
    for unit_s, word in ((86_400.0, tr("{n} d")), (3600.0, tr("{n} h")), (60.0, tr("{n} min"))):
        if seconds >= unit_s and seconds % (unit_s / 4) == 0:
            return word.format(n=f"{seconds / unit_s:g}")
    return tr("{n} s").format(n=f"{seconds:g}")


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the picture."""

    x: float
    y: float
    width: float
    height: float


def draw(comparison: Comparison, strips: Sequence[Strip]) -> str:
    """Return the picture as an SVG document."""
    panels = [one for one in Precedence if any(s.by_precedence[one].count for s in comparison.summaries)]
    bars_y = PANELS_Y + math.ceil(len(panels) / 2) * PANEL_HEIGHT
    strips_y = bars_y + BARS_HEIGHT
    shown = strips[:ROWS_MAX]
    title = title_of(comparison)
    canvas = Canvas(WIDTH, strips_y + STRIPS_HEIGHT + ROW_HEIGHT * len(shown), title)
    canvas.text(MARGIN, 40, title, size=22, bold=True)
    told = tr("Share delivered, over the time since the first gateway had the report on disk (logarithmic).")
    canvas.text(MARGIN, 64, told, fill=PALE)
    _legend(canvas, comparison.summaries)
    half = (WIDTH - 2 * MARGIN) / 2
    for number, precedence in enumerate(panels):
        place = Box(MARGIN + number % 2 * half, PANELS_Y + number // 2 * PANEL_HEIGHT, half, PANEL_HEIGHT)
        _delays(canvas, place, comparison, precedence)
    hours = [(one, one.airtime_s / one.runs / 60.0) for one in comparison.summaries]
    _bars(canvas, Box(MARGIN, bars_y, half, BARS_HEIGHT), tr("Airtime of all links, minutes per run"), hours)
    money = [(one, one.money / one.runs) for one in comparison.summaries]
    _bars(canvas, Box(MARGIN + half, bars_y, half, BARS_HEIGHT), tr("Cost of all links, per run"), money)
    _timeline(canvas, strips_y, comparison, shown, len(strips) - len(shown))
    return canvas.to_text()


def title_of(comparison: Comparison) -> str:
    """Return which scenario and which seeds; no date, so that the same seeds give the same picture."""
    seeds = comparison.seeds
    lasts = time_word(comparison.duration_s)
    if len(seeds) == 1:
        return tr("{scenario}: seed {seed}, {time}").format(scenario=comparison.scenario, seed=seeds[0], time=lasts)
    return tr("{scenario}: {count} seeds ({first} to {last}), {time} each").format(
        scenario=comparison.scenario, count=len(seeds), first=seeds[0], last=seeds[-1], time=lasts
    )


def _legend(canvas: Canvas, summaries: Sequence[Summary]) -> None:
    x, y = MARGIN, 92.0
    for one in summaries:
        style, word = STYLES[one.policy], policy_word(one.policy)
        canvas.curve([(x, y - 4), (x + 44, y - 4)], stroke=style.colour, width=style.width, dash=style.dash)
        canvas.text(x + 52, y, word)
        x += 52 + text_width(word, 13) + 36


def _delays(canvas: Canvas, box: Box, comparison: Comparison, precedence: Precedence) -> None:
    """Draw the cumulative share delivered of one precedence, a line a policy."""
    plot = Box(box.x + 44, box.y + 40, box.width - 44 - 186, box.height - 90)
    count = comparison.summaries[0].by_precedence[precedence].count
    heading = tr("{precedence}: {count} reports and orders").format(
        precedence=precedence_word(precedence.name), count=count
    )
    canvas.text(box.x, box.y + 22, heading, size=15, bold=True)
    least_s, most_s = _range(comparison, precedence)
    scale = plot.width / math.log(most_s / least_s)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = plot.y + plot.height * (1 - share)
        canvas.line(plot.x, y, plot.x + plot.width, y)
        canvas.text(plot.x - 8, y + 4, f"{share * 100:.0f} %", size=12, anchor="end", fill=PALE)
    for tick_s in TICKS_S:
        if least_s <= tick_s <= most_s:
            x = plot.x + math.log(tick_s / least_s) * scale
            canvas.line(x, plot.y, x, plot.y + plot.height)
            canvas.text(x, plot.y + plot.height + 18, time_word(tick_s), size=12, anchor="middle", fill=PALE)
    ends = []
    for one in reversed(comparison.summaries):
        delays_s = one.delays_s[precedence]
        if not delays_s:
            continue
        points = []
        for step in range(STEPS + 1):
            until_s = least_s * (most_s / least_s) ** (step / STEPS)
            share = bisect_right(delays_s, until_s * (1 + 1e-9)) / len(delays_s)
            points.append((plot.x + plot.width * step / STEPS, plot.y + plot.height * (1 - share)))
        style = STYLES[one.policy]
        canvas.curve(points, stroke=style.colour, width=style.width, dash=style.dash)
        ends.append((points[-1][1], one))
    _end_labels(canvas, plot, precedence, ends)


def _end_labels(canvas: Canvas, plot: Box, precedence: Precedence, ends: list[tuple[float, Summary]]) -> None:
    """Write each line's name and final share beside its end, as near as they fit under each other."""
    y = plot.y - LABEL_GAP
    for end_y, one in sorted(ends, key=lambda end: (end[0], list(STYLES).index(end[1].policy))):
        y = max(y + LABEL_GAP, end_y)
        style = STYLES[one.policy]
        x = plot.x + plot.width
        canvas.curve([(x, end_y), (x + 10, y), (x + 24, y)], stroke=style.colour, width=1.5, dash=style.dash)
        share = share_word(one.by_precedence[precedence].share)
        canvas.text(x + 30, y + 4, f"{policy_word(one.policy)} {share}", size=12)


def share_word(share: float) -> str:
    """Return a share in per cent that says 100 % only when it is all."""
    return "100 %" if share >= 1 else f"{min(share * 100, 99.99):.4g} %"


def _range(comparison: Comparison, precedence: Precedence) -> tuple[float, float]:
    """Return the first and last mark of the time axis of one precedence."""
    some = [d for one in comparison.summaries for d in one.delays_s[precedence] if d < math.inf]
    least_s = max(TICKS_S[0], min((d for d in some if d > TICKS_S[0]), default=1.0))
    most_s = max([*some, 1.0])
    first = max(tick for tick in TICKS_S if tick <= least_s)
    last = next((tick for tick in TICKS_S if tick >= most_s), most_s)
    return first, max(last, first * 10)


def _bars(canvas: Canvas, box: Box, heading: str, values: Sequence[tuple[Summary, float]]) -> None:
    """Draw one bar a policy, with its name and its figure."""
    canvas.text(box.x, box.y + 22, heading, size=15, bold=True)
    names = [policy_word(one.policy) for one, _ in values]
    left = box.x + max(text_width(name, 13) for name in names) + 14
    room = box.x + box.width - left - 100
    most = max(value for _, value in values) or 1.0
    for number, (one, value) in enumerate(values):
        y = box.y + 40 + number * 30
        style = STYLES[one.policy]
        canvas.text(left - 10, y + 16, policy_word(one.policy), anchor="end")
        fill = style.colour if one.policy == ROUTER else canvas.hatch(f"bar-{one.policy}", style.colour)
        canvas.rect(left, y, room * value / most, 22, fill=fill, stroke=style.colour)
        canvas.text(left + room * value / most + 8, y + 16, figure_word(value))


def figure_word(value: float) -> str:
    """Return a figure with three digits at most before it is rounded to whole numbers."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _timeline(canvas: Canvas, y: float, comparison: Comparison, strips: Sequence[Strip], more: int) -> None:
    """Draw when each link was up and what the router sent on it, in the run of the first seed."""
    heading = tr("Links and their frames under the router, seed {seed}").format(seed=comparison.seeds[0])
    canvas.text(MARGIN, y + 22, heading, size=15, bold=True)
    left = MARGIN + max((text_width(_label(one.label), 12) for one in strips), default=0.0) + 12
    width = WIDTH - MARGIN - left
    x = MARGIN
    for fill, word in (
        (UP, tr("up")),
        (canvas.hatch("down", DOWN), tr("down")),
        (TRAFFIC, tr("frames (height: how many, by their square root)")),
    ):
        canvas.rect(x, y + 36, 22, 12, fill=fill, stroke=GRID)
        canvas.text(x + 28, y + 47, word, size=12)
        x += 28 + text_width(word, 12) + 28
    most = max((max(one.traffic, default=0) for one in strips), default=0) or 1
    rows_y = y + 60
    for number, one in enumerate(strips):
        _strip(canvas, Box(left, rows_y + number * ROW_HEIGHT, width, ROW_HEIGHT - 6), one, most)
    end_y = rows_y + ROW_HEIGHT * len(strips)
    step_s = next((step for step in STEPS_S if comparison.duration_s / step <= MARKS_MAX), comparison.duration_s)
    for mark in range(math.floor(comparison.duration_s / step_s) + 1):
        x = left + width * mark * step_s / comparison.duration_s
        canvas.line(x, end_y - 4, x, end_y + 2, stroke=INK)
        anchor = "end" if x > WIDTH - MARGIN - 12 else "middle"
        canvas.text(x, end_y + 16, time_word(mark * step_s), size=12, anchor=anchor, fill=PALE)
    if more:
        canvas.text(MARGIN, end_y + 16, tr("{count} more links").format(count=more), size=12, fill=PALE)


def _strip(canvas: Canvas, box: Box, strip: Strip, most: int) -> None:
    """Draw one link: spells as they follow each other, frames as bars from below."""
    canvas.text(box.x - 8, box.y + box.height - 5, _label(strip.label), size=12, anchor="end")
    cell = box.width / len(strip.up)
    begin = 0
    for number in range(1, len(strip.up) + 1):
        if number == len(strip.up) or strip.up[number] != strip.up[begin]:
            fill = UP if strip.up[begin] else canvas.hatch("down", DOWN)
            canvas.rect(box.x + begin * cell, box.y, (number - begin) * cell, box.height, fill=fill)
            begin = number
    for number, frames in enumerate(strip.traffic):
        if frames:
            height = max(2.0, box.height * math.sqrt(frames / most))
            canvas.rect(box.x + number * cell, box.y + box.height - height, max(1.0, cell - 0.5), height, fill=TRAFFIC)


def _label(text: str) -> str:
    return text if len(text) <= LABEL_CHARS_MAX else text[: LABEL_CHARS_MAX - 1] + "…"
