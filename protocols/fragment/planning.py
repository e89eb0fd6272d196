"""How many symbols to send at once when some are lost."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate

from protocols.fragment.cauchy import K_MAX, SYMBOLS_MAX
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import PER_FRAGMENT_MAX

LOSS_MAX = 0.75
"""Largest loss that is planned with. A link that measures worse is as good as gone: asking beats flooding it."""

PLANNED_MAX = 4 * SYMBOLS_MAX
"""Most symbols sent one way for one transfer."""

ONE_WAY_TARGET = 0.99
"""Share of one-way transfers that are to arrive."""

_ROUNDING = 1e-9
"""Keeps 7 / 0.7 at 10."""


def bounded_loss(loss: float) -> float:
    """Return an estimate of loss within 0 to ``LOSS_MAX``; raise FragmentError when it is no number."""
    if math.isnan(loss):
        raise FragmentError("bad loss", "found no number, a loss is 0 to 1")
    return min(max(loss, 0.0), LOSS_MAX)


def burst(need: int, loss: float, known: int = 0) -> int:
    """Return how many symbols to send so that ``need`` new ones are expected to arrive; at most all there are.

    ``known`` counts the symbols that the receiver has among all 256, once they are sent a second time.
    """
    useful = (1 - bounded_loss(loss)) * (1 - known / SYMBOLS_MAX)
    return min(math.ceil(need / useful - _ROUNDING), SYMBOLS_MAX)


def planned_symbols(k: int, loss: float, target: float = ONE_WAY_TARGET, *, per_frame: int = 1) -> int:
    """Return the fewest symbols of which k different ones arrive with probability ``target``, when nobody can ask for more.

    Frames are lost independently, each with all its ``per_frame`` symbols; where bearers carry different numbers, give
    the largest. After 256 symbols the same come again. Ends at ``PLANNED_MAX``, also where that does not reach the
    target. Raise FragmentError for a target that is not above 0 and below 1, and for counts that are none.
    """
    if not 0 < target < 1:
        raise FragmentError("bad target", f"found {target}, a probability above 0 and below 1 is needed")
    if not 1 <= k <= K_MAX or not 1 <= per_frame <= PER_FRAGMENT_MAX:
        raise FragmentError("bad count", f"found {k} symbols in frames of {per_frame}")
    loss = bounded_loss(loss)
    per_frame = min(per_frame, k)
    needed = -(-k // per_frame)
    frames = range(needed, PLANNED_MAX // per_frame + 1)
    found = bisect_left(frames, target, key=lambda sent: _success(needed, sent, SYMBOLS_MAX // per_frame, loss))
    return min(needed + found, PLANNED_MAX // per_frame) * per_frame


def _success(needed: int, sent: int, different: int, loss: float) -> float:
    """Return the chance that ``needed`` different frames arrive when ``sent`` go out, going round ``different`` ones."""
    laps, over = divmod(sent, different)
    # The first ``over`` frames are sent once more than the others.
    often = [_exactly(over, 1 - loss ** (laps + 1), arrived) for arrived in range(needed)]
    others = list(accumulate(_exactly(different - over, 1 - loss**laps, arrived) for arrived in range(needed)))
    return 1 - sum(chance * fewer for chance, fewer in zip(often, reversed(others), strict=True))


def _exactly(trials: int, chance: float, successes: int) -> float:
    """Return the binomial probability of exactly so many successes."""
    if successes > trials:
        return 0.0
    return math.comb(trials, successes) * chance**successes * (1 - chance) ** (trials - successes)
