"""The sender's side of one transfer: type-II hybrid ARQ, in which repeats are new symbols and the answer is a number.

Two-way, the story is this. A first burst is as many symbols as make k arrive at the loss that is expected. Then the
sender waits for a report. "n more" brings a burst for n, of symbols that were never sent; "none" ends it. Hearing
nothing, it sends one fragment more after ``poll_after_s``, with what its frame takes: useful if the receiver lacks
symbols, and if it does not, it answers again. After ``POLLS_QUICK`` such in a row each wait is twice the one before, up
to ``POLL_WAIT_S_MAX``; after ``polls_max`` the sender falls silent, and only a report or the end of the lifetime moves it
on. A report in the middle of a burst replaces what is left of it, for it is newer than the plan.

How long to wait is the caller's: where slots are scarce and a report takes longer than one, a wait below the slot leaves
none empty and costs a frame or two for nothing now and then; where a report is quick, waiting for it costs nothing.

One-way, nobody answers: the planned symbols are sent, then it is silent.

========== ============ ========== ========================================
state      event        next       meaning
========== ============ ========== ========================================
burst      out          waiting    the last symbol of a burst has left
burst      planned out  silent     so has the last planned one, one-way
waiting    timer        burst      a burst of one fragment: the poll
waiting    given up     silent     the polls are used up
any open   need n       burst      a report: n more symbols are needed
any open   need 0       complete   the receiver has the content
any open   lifetime     expired    nobody knows whether it has
========== ============ ========== ========================================

Fragments are pulled: each link asks when its slot opens and says what its frame carries, so links of any size share a
transfer, and a symbol belongs to whichever asks first. Indices go up from 0; after 255 they begin again with the oldest,
of which the receiver may have some, and bursts get longer for it.
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Any, Self

from protocols.fragment.block import source_symbols
from protocols.fragment.cauchy import SYMBOLS_MAX, encode_symbol
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import TRANSFERS, Fragment
from protocols.fragment.planning import PLANNED_MAX, bounded_loss, burst
from protocols.fragment.split import Split

if TYPE_CHECKING:
    from collections.abc import Mapping

POLLS_QUICK = 16
"""Polls in a row that nobody answers before the waits get longer."""

POLLS_MAX = 64
"""Polls in a row that nobody answers before the sender falls silent."""

POLL_WAIT_S_MAX = 3600.0
"""Longest wait between two polls."""

POLL_AFTER_S_MIN = 1.0
"""Shortest wait for a report."""


class SendingState(enum.StrEnum):
    """Where a transfer stands at its sender; see the table above."""

    BURST = "burst"
    WAITING = "waiting"
    SILENT = "silent"
    COMPLETE = "complete"
    EXPIRED = "expired"


class Event(enum.Enum):
    """What moves it."""

    OUT = enum.auto()
    PLANNED_OUT = enum.auto()
    TIMER = enum.auto()
    GIVEN_UP = enum.auto()
    NEED_SOME = enum.auto()
    NEED_NONE = enum.auto()
    LIFETIME = enum.auto()


OPEN_STATES = (SendingState.BURST, SendingState.WAITING, SendingState.SILENT)

TRANSITIONS: Mapping[tuple[SendingState, Event], SendingState] = {
    (SendingState.BURST, Event.OUT): SendingState.WAITING,
    (SendingState.BURST, Event.PLANNED_OUT): SendingState.SILENT,
    (SendingState.WAITING, Event.TIMER): SendingState.BURST,
    (SendingState.WAITING, Event.GIVEN_UP): SendingState.SILENT,
    **{(state, Event.NEED_SOME): SendingState.BURST for state in OPEN_STATES},
    **{(state, Event.NEED_NONE): SendingState.COMPLETE for state in OPEN_STATES},
    **{(state, Event.LIFETIME): SendingState.EXPIRED for state in OPEN_STATES},
}


class Sending:
    """One content on its way to one peer.

    ``transfer`` from ``Numbers.take``; ``split`` from ``choose_split``; ``loss`` the expected share of frames lost over
    the links that will be used, 0 to 1; ``now`` and ``expires_s`` the first moment and the last; ``poll_after_s`` the
    wait for a report; ``polls_max`` how many polls in a row go unanswered; ``planned`` the symbols to send in all when no
    report can come, from ``planned_symbols``. Raises FragmentError for values that are none.
    """

    def __init__(
        self,
        transfer: int,
        content: bytes,
        split: Split,
        *,
        loss: float,
        now: float,
        expires_s: float,
        poll_after_s: float,
        polls_max: int = POLLS_MAX,
        planned: int | None = None,
    ) -> None:
        if not 0 <= transfer < TRANSFERS:
            raise FragmentError("bad transfer", f"found {transfer}, transfers are 0 to {TRANSFERS - 1}")
        if not poll_after_s >= POLL_AFTER_S_MIN or not 0 <= polls_max <= POLLS_MAX:
            text = f"found {polls_max} polls after {poll_after_s} s, at most {POLLS_MAX} after {POLL_AFTER_S_MIN} s"
            raise FragmentError("bad poll", text)
        if planned is not None and not 1 <= planned <= PLANNED_MAX:
            raise FragmentError("bad plan", f"found {planned} symbols, 1 to {PLANNED_MAX} are sent one way")
        if not math.isfinite(now) or not math.isfinite(expires_s):
            raise FragmentError("bad time", f"found {now} and {expires_s}, both are finite seconds")
        self.transfer = transfer
        self.split = split
        self._source = source_symbols(content, split.k)
        if len(self._source[0]) != split.symbol_bytes:
            text = (
                f"{len(content)} bytes in {split.k} symbols have {len(self._source[0])} each, not {split.symbol_bytes}"
            )
            raise FragmentError("bad split", text)
        self._loss = bounded_loss(loss)
        self._expires_s = expires_s
        self._poll_after_s = poll_after_s
        self._polls_max = polls_max
        self._planned = planned
        self._state = SendingState.BURST
        self._left = burst(split.k, self._loss) if planned is None else planned
        """Symbols of this burst that have not been sent."""
        self._sent = 0
        self._polls = 0
        self._due_s = now

    @property
    def state(self) -> SendingState:
        """Where it stands, as of the last call with a time."""
        return self._state

    @property
    def sent(self) -> int:
        """Symbols sent so far."""
        return self._sent

    @property
    def polls(self) -> int:
        """Polls in a row that nobody has answered so far."""
        return self._polls

    @property
    def done(self) -> bool:
        """Whether the receiver has said that it has the content."""
        return self._state is SendingState.COMPLETE

    @property
    def over(self) -> bool:
        """Whether nothing can come of it any more: complete or expired."""
        return self._state not in OPEN_STATES

    @property
    def next_due(self) -> float | None:
        """When it has something to send or, at the latest, when its lifetime ends; None when it is over."""
        if self.over:
            return None
        return self._expires_s if self._state is SendingState.SILENT else min(self._due_s, self._expires_s)

    def due(self, now: float) -> bool:
        """Tell whether a fragment can be had now."""
        self._age(now)
        return self._state is SendingState.BURST or (self._state is SendingState.WAITING and now >= self._due_s)

    def next_fragment(self, capacity_bytes: int, now: float) -> Fragment | None:
        """Return what goes into a frame with room for ``capacity_bytes`` of header and symbols, or None.

        None when nothing is due, or when this frame is too small for one symbol: another link may take it.
        """
        room = self.split.symbols_in(capacity_bytes)
        if not room or not self.due(now):
            return None
        if self._state is SendingState.WAITING:
            if self._polls >= self._polls_max:
                self._move(Event.GIVEN_UP)
                return None
            self._move(Event.TIMER)
            self._polls += 1
            self._left = min(room, self.split.k)
        first = self._sent % SYMBOLS_MAX
        count = min(room, self._left, SYMBOLS_MAX - first)  # indices in one fragment do not run over the end
        self._sent += count
        self._left -= count
        if not self._left:
            self._move(Event.OUT if self._planned is None else Event.PLANNED_OUT)
            doublings = max(self._polls - POLLS_QUICK, 0)
            self._due_s = now + min(self._poll_after_s * 2.0**doublings, max(POLL_WAIT_S_MAX, self._poll_after_s))
        symbols = tuple(encode_symbol(self._source, index) for index in range(first, first + count))
        return Fragment(self.transfer, self.split.k, first, symbols)

    def on_report(self, need: int, now: float) -> None:
        """Take the receiver's report that it needs ``need`` more symbols, 0 for none; raise FragmentError for no number.

        A report after the end changes nothing.
        """
        if not 0 <= need <= self.split.k:
            raise FragmentError("bad report", f"found {need} more symbols, 0 to {self.split.k} can be needed")
        self._age(now)
        if self.over:
            return
        self._move(Event.NEED_SOME if need else Event.NEED_NONE)
        known = self.split.k - need if self._sent >= SYMBOLS_MAX else 0
        self._left = burst(need, self._loss, known)
        self._polls = 0
        self._due_s = now

    def _age(self, now: float) -> None:
        if now >= self._expires_s and not self.over:
            self._move(Event.LIFETIME)

    def _move(self, event: Event) -> None:
        self._state = TRANSITIONS[self._state, event]

    def snapshot(self) -> dict[str, Any]:
        """Return everything but the content, as values that JSON knows."""
        return {
            "transfer": self.transfer,
            "k": self.split.k,
            "symbol_bytes": self.split.symbol_bytes,
            "loss": self._loss,
            "expires_s": self._expires_s,
            "poll_after_s": self._poll_after_s,
            "polls_max": self._polls_max,
            "planned": self._planned,
            "state": str(self._state),
            "left": self._left,
            "sent": self._sent,
            "polls": self._polls,
            "due_s": self._due_s,
        }

    @classmethod
    def restore(cls, content: bytes, state: Mapping[str, Any]) -> Self:
        """Return what ``snapshot`` gave, with its content again; raise FragmentError for anything else."""
        try:
            sending = cls(
                int(state["transfer"]),
                content,
                Split(int(state["k"]), int(state["symbol_bytes"])),
                loss=float(state["loss"]),
                now=float(state["due_s"]),
                expires_s=float(state["expires_s"]),
                poll_after_s=float(state["poll_after_s"]),
                polls_max=int(state["polls_max"]),
                planned=None if state["planned"] is None else int(state["planned"]),
            )
            sending._state = SendingState(state["state"])
            sending._left, sending._sent, sending._polls = (int(state[name]) for name in ("left", "sent", "polls"))
        except FragmentError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FragmentError("bad snapshot", f"transfer: {error!r}") from error
        counts = (sending._left, sending._sent, sending._polls)
        if min(counts) < 0 or (sending._state is SendingState.BURST) != (sending._left > 0 and not sending.over):
            raise FragmentError("bad snapshot", f"transfer in state {sending._state} with {counts[0]} symbols left")
        return sending
