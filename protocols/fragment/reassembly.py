"""The receiver's side: transfers of many peers put together from fragments in any order, and the reports they are owed.

A transfer is opened by whichever of its fragments comes first and finished by the k-th different symbol; its content is
given out once. Then only fingerprints are kept, so that late symbols are answered "complete" again and open nothing.
The same content once more under the same number is late symbols too.

**Contradictions.** A fragment under the number of an *open* transfer, but with another k or symbol size, or with another
symbol at an index that is there, is refused with FragmentError ``conflict`` while the open transfer was heard within
``CONFLICT_QUIET_S``: the older is kept, since a stray fragment must not throw away what took minutes of airtime. After
that silence its sender has gone on to the next content, and the older is dropped. A *finished* transfer has nothing to
lose: whatever is not its own opens the next one at once. Symbols of two contents that contradict nowhere fail the
block's check; the transfer is dropped and begins anew with the next symbol.

**Reports.** A report is owed as soon as a transfer is complete; when an open one has heard nothing for
``report_after_s`` since its last fragment; and ``REPORT_LATEST_S`` after the last report or the first fragment all the
same, so that a sender whose polls arrive knows that it is heard. Late symbols of a finished one are answered at once, but
not twice within ``repeat_after_s``. The caller asks ``reports_due`` when it has a slot, and says ``reported`` when a
report went out.

**Bounds.** When there is no room for a new transfer, the longest silent one of the peer with the most of them goes (of
its own peer, at the peer's bound), so that no peer pushes out another that uses less. Everything that goes is returned
with its reason, to be counted and forgotten on disk too.

Times are seconds on a line that does not go back, also over a restart if snapshots are to be of use.
"""

from __future__ import annotations

import enum
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protocols.fragment.block import content_of
from protocols.fragment.cauchy import decode
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import BLOCK_BYTES_MAX, TRANSFERS, Fragment
from protocols.fragment.held import Finished, Open
from protocols.fragment.numbers import KEEP_S, OPEN_PER_PEER_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

OPEN_MAX = 1024
"""Open transfers of all peers together."""

HELD_BYTES_MAX = 8 * 1024 * 1024
"""Bytes of symbols kept for all open transfers together."""

FINISHED_MAX = 4096
"""Finished transfers remembered, at most 1600 bytes of fingerprints each."""

CONFLICT_QUIET_S = 600.0
"""Silence after which an open transfer gives way to another one with its number."""

REPORT_AFTER_S = 150.0
"""Silence after which a report is owed: one Beidou slot of a minute that was lost is no reason yet, two in a row are."""

REPORT_LATEST_S = 900.0
"""Longest time without a report while fragments of an open transfer keep coming."""

REPEAT_AFTER_S = 30.0
"""Shortest time between two reports on one finished transfer."""

Key = tuple[str, int]
"""Peer and transfer number."""


class DropReason(enum.StrEnum):
    """Why a transfer is no longer kept. Only ``FORGOTTEN`` ones had given out their content."""

    TIMEOUT = "timeout"
    PEER_MAX = "too many of the peer"
    OPEN_MAX = "too many open"
    BYTES_MAX = "too many bytes"
    REPLACED = "replaced"
    BAD_CHECK = "bad check"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A transfer that is no longer kept, with how many symbols it had and how many it lacked."""

    peer: str
    transfer: int
    reason: DropReason
    had: int
    need: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a fragment did: ``content`` if it made a transfer complete, new symbols, symbols needed, what had to go."""

    content: bytes | None
    new: int
    need: int
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Tells ``peer`` that its ``transfer`` needs ``need`` more symbols, 0 when it is complete. Two bytes on the air."""

    peer: str
    transfer: int
    need: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept, and how long. Raises FragmentError when a transfer of the largest size would not fit."""

    open_max: int = OPEN_MAX
    open_per_peer_max: int = OPEN_PER_PEER_MAX
    held_bytes_max: int = HELD_BYTES_MAX
    finished_max: int = FINISHED_MAX
    keep_s: float = KEEP_S

    def __post_init__(self) -> None:
        if min(self.open_max, self.open_per_peer_max, self.finished_max) < 1 or not self.keep_s > 0:
            raise FragmentError("bad bounds", f"found {self}, each is at least 1")
        if self.held_bytes_max < BLOCK_BYTES_MAX:
            text = f"found {self.held_bytes_max} bytes, one transfer may hold {BLOCK_BYTES_MAX}"
            raise FragmentError("bad bounds", text)


class Reassembly:
    """Open and finished transfers of all peers. ``peer`` names a sending peer and its key epoch; it is only compared."""

    def __init__(
        self,
        bounds: Bounds | None = None,
        *,
        report_after_s: float = REPORT_AFTER_S,
        repeat_after_s: float = REPEAT_AFTER_S,
    ) -> None:
        self.counters: Counter[str] = Counter()
        """Refused and dropped, by reason; ``number reused`` and ``late`` fragments."""
        self._bounds = bounds or Bounds()
        self._report_after_s = report_after_s
        self._repeat_after_s = repeat_after_s
        # All in the order in which they were last heard.
        self._open: dict[Key, Open] = {}
        self._finished: dict[Key, Finished] = {}
        self._owed: dict[Key, float] = {}
        """When each owed report is due."""
        self._bytes = 0

    # Fragments

    def receive(self, peer: str, fragment: Fragment, now: float) -> Arrival:
        """Take a genuine fragment; raise FragmentError ``conflict`` for one that contradicts what is kept."""
        key = (peer, fragment.transfer)
        held = self._open.get(key)
        if held is not None and held.contradicts(fragment) and now - held.heard_s < CONFLICT_QUIET_S:
            self.counters["conflict"] += 1
            text = f"transfer {fragment.transfer} of {peer} has {held.k} symbols of {held.symbol_bytes} bytes, found others"
            raise FragmentError("conflict", text)
        dropped = list(self.expire(now))
        finished = self._finished.get(key)
        if finished is not None:
            if finished.has(fragment):
                return self._late(key, finished, now, dropped)
            self.counters["number reused"] += 1
            self._forget(key)
        held = self._open.get(key)
        if held is not None and held.contradicts(fragment):
            dropped.append(self._drop(key, DropReason.REPLACED))
            held = None
        if held is None:
            dropped += self._make_room(peer)
            held = Open(fragment.k, fragment.symbol_bytes, now, report_latest_s=now + REPORT_LATEST_S)
            self._open[key] = held
        new = self._add(key, held, fragment, now)
        if not held.need:
            return self._complete(key, held, now, new, dropped)
        while self._bytes > self._bounds.held_bytes_max:
            dropped.append(self._drop(self._victim(lambda one: one.bytes_held, spare=key), DropReason.BYTES_MAX))
        self._owed[key] = min(now + self._report_after_s, held.report_latest_s)
        return Arrival(None, new, held.need, tuple(dropped))

    def expire(self, now: float) -> tuple[Dropped, ...]:
        """Give up what has been silent for ``keep_s``; call it now and then, also when nothing arrives."""
        dropped = []
        while self._open and now - next(iter(self._open.values())).heard_s >= self._bounds.keep_s:
            dropped.append(self._drop(next(iter(self._open)), DropReason.TIMEOUT))
        while self._finished and now - next(iter(self._finished.values())).heard_s >= self._bounds.keep_s:
            dropped.append(self._forget(next(iter(self._finished))))
        return tuple(dropped)

    def need(self, peer: str, transfer: int) -> int | None:
        """Return how many symbols a transfer needs, 0 when it is finished, None when it is not known."""
        key = (peer, transfer)
        if key in self._finished:
            return 0
        return self._open[key].need if key in self._open else None

    @property
    def open_transfers(self) -> int:
        """How many transfers are open."""
        return len(self._open)

    @property
    def bytes_held(self) -> int:
        """Bytes of symbols kept."""
        return self._bytes

    # Reports

    @property
    def next_report_due(self) -> float | None:
        """When the next report is due; None when none is owed."""
        return min(self._owed.values(), default=None)

    def reports_due(self, now: float) -> tuple[Report, ...]:
        """Return the reports that are due, with what is needed by now; those that waited longest first."""
        keys = sorted((key for key, due_s in self._owed.items() if due_s <= now), key=self._owed.__getitem__)
        return tuple(Report(peer, transfer, self.need(peer, transfer) or 0) for peer, transfer in keys)

    def reported(self, peer: str, transfer: int, now: float) -> None:
        """Take note that a report on this transfer went out; the next one is owed when its sender is heard again."""
        key = (peer, transfer)
        self._owed.pop(key, None)
        if key in self._open:
            self._open[key].report_latest_s = now + REPORT_LATEST_S
        if key in self._finished:
            self._finished[key].reported_s = now

    # Over a restart

    def export(self, peer: str, transfer: int) -> dict[str, Any] | None:
        """Return what is kept of one transfer as values that JSON knows; None when nothing is.

        Written after each ``receive`` and ``reported`` of the transfer, in the transaction that takes its content, and
        deleted for every Dropped, these entries are what ``restore`` wants.
        """
        key = (peer, transfer)
        held = self._open.get(key) or self._finished.get(key)
        if held is None:
            return None
        names = {"peer": peer, "transfer": transfer, "finished": isinstance(held, Finished)}
        return {**names, "report_due_s": self._owed.get(key), **held.to_plain()}

    def snapshot(self) -> list[dict[str, Any]]:
        """Return the entries of all transfers."""
        entries = (self.export(*key) for key in (*self._open, *self._finished))
        return [entry for entry in entries if entry is not None]

    def restore(self, entries: Iterable[Mapping[str, Any]]) -> tuple[Dropped, ...]:
        """Take entries in any order into a new Reassembly; return what its bounds do not leave room for.

        Raise FragmentError ``bad snapshot`` for what is no entry.
        """
        assert not self._open, "restored into a new one only"
        assert not self._finished, "restored into a new one only"
        read = sorted((_entry(entry) for entry in entries), key=lambda one: one[1].heard_s)
        if len({key for key, _, _ in read}) < len(read):
            raise FragmentError("bad snapshot", "found two entries of one transfer")
        dropped: list[Dropped] = []
        for key, held, due_s in read:
            if isinstance(held, Finished):
                self._finished[key] = held
            else:
                dropped += self._make_room(key[0])
                self._open[key] = held
                self._bytes += held.bytes_held
            if due_s is not None:
                self._owed[key] = due_s
        while self._bytes > self._bounds.held_bytes_max:
            dropped.append(self._drop(self._victim(lambda one: one.bytes_held), DropReason.BYTES_MAX))
        return (*dropped, *self._trim())

    # Inside

    def _late(self, key: Key, finished: Finished, now: float, dropped: list[Dropped]) -> Arrival:
        """Answer a symbol of a finished transfer with "complete" again."""
        self.counters["late"] += 1
        finished.heard_s = now
        self._finished[key] = self._finished.pop(key)
        again_s = now if finished.reported_s is None else max(now, finished.reported_s + self._repeat_after_s)
        self._owed.setdefault(key, again_s)
        return Arrival(None, 0, 0, tuple(dropped))

    def _add(self, key: Key, held: Open, fragment: Fragment, now: float) -> int:
        before = held.bytes_held
        new = held.add(fragment)
        self._bytes += held.bytes_held - before
        held.heard_s = now
        self._open[key] = self._open.pop(key)
        return new

    def _complete(self, key: Key, held: Open, now: float, new: int, dropped: list[Dropped]) -> Arrival:
        source = decode(held.k, held.symbols)
        try:
            content = content_of(source)
        except FragmentError:
            dropped.append(self._drop(key, DropReason.BAD_CHECK))
            return Arrival(None, new, held.k, tuple(dropped))
        self._remove_open(key)
        self._finished[key] = Finished.of(source, now)
        self._owed[key] = now
        return Arrival(content, new, 0, (*dropped, *self._trim()))

    def _make_room(self, peer: str) -> list[Dropped]:
        """Drop what has to go before one more transfer of ``peer`` is opened."""
        dropped = []
        own = [key for key in self._open if key[0] == peer]
        if len(own) >= self._bounds.open_per_peer_max:
            dropped.append(self._drop(own[0], DropReason.PEER_MAX))
        if len(self._open) >= self._bounds.open_max:
            dropped.append(self._drop(self._victim(lambda _: 1), DropReason.OPEN_MAX))
        return dropped

    def _victim(self, weight: Callable[[Open], int], spare: Key | None = None) -> Key:
        """Return the longest silent transfer of the peer that weighs most; never ``spare``."""
        keys = [key for key in self._open if key != spare]
        weights: Counter[str] = Counter()
        for key in keys:
            weights[key[0]] += weight(self._open[key])
        heaviest = max(weights, key=weights.__getitem__)
        return next(key for key in keys if key[0] == heaviest)

    def _trim(self) -> list[Dropped]:
        """Forget the finished transfers that are too many."""
        over = len(self._finished) - self._bounds.finished_max
        return [self._forget(key) for key in list(self._finished)[: max(over, 0)]]

    def _remove_open(self, key: Key) -> Open:
        held = self._open.pop(key)
        self._bytes -= held.bytes_held
        self._owed.pop(key, None)
        return held

    def _drop(self, key: Key, reason: DropReason) -> Dropped:
        held = self._remove_open(key)
        self.counters[reason] += 1
        return Dropped(*key, reason, len(held.symbols), held.need)

    def _forget(self, key: Key) -> Dropped:
        finished = self._finished.pop(key)
        self._owed.pop(key, None)
        return Dropped(*key, DropReason.FORGOTTEN, finished.k, 0)


def _entry(entry: Mapping[str, Any]) -> tuple[Key, Open | Finished, float | None]:
    """Return one entry of a snapshot as values; raise FragmentError."""
    try:
        key = (str(entry["peer"]), int(entry["transfer"]))
        held = Finished.from_plain(entry) if entry["finished"] else Open.from_plain(entry)
        due_s = None if entry["report_due_s"] is None else float(entry["report_due_s"])
    except FragmentError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FragmentError("bad snapshot", f"transfer: {error!r}") from error
    if not 0 <= key[1] < TRANSFERS:
        raise FragmentError("bad snapshot", f"found transfer {key[1]}, transfers are 0 to {TRANSFERS - 1}")
    if not math.isfinite(held.heard_s) or (due_s is not None and not math.isfinite(due_s)):
        raise FragmentError("bad snapshot", f"found times {held.heard_s} and {due_s}")
    return key, held, due_s
