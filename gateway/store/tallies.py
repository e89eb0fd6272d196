"""The counters: in RAM, written with each commit, verified on demand. Counting a million rows takes 1.4 s (measured).

The balance is accepted = delivered + queued + expired + shed, per direction and precedence. The counts of closed
bundles go on after the bundles are forgotten; *forgotten* says how many of each are no longer in the table, so that a
recount can still tell whether everything adds up.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

from gateway.model import BundleState, Direction, Precedence
from gateway.store.records import ANSWERED, CLOSED_FROM, DELIVERED, DIRECTIONS, EXPIRED, SHED, STATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.store.records import Moving


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the balance."""

    accepted: int = 0
    delivered: int = 0
    """Delivered and answered."""
    queued: int = 0
    """Open, whatever their state."""
    expired: int = 0
    shed: int = 0

    @property
    def balanced(self) -> bool:
        """Tell whether nothing is missing and nothing is double."""
        return self.accepted == self.delivered + self.queued + self.expired + self.shed

    def to_json(self) -> dict[str, int | bool]:
        """Return it for people and programs."""
        return {
            "accepted": self.accepted,
            "delivered": self.delivered,
            "queued": self.queued,
            "expired": self.expired,
            "shed": self.shed,
            "balanced": self.balanced,
        }

    def __add__(self, other: Cell) -> Cell:
        return Cell(
            self.accepted + other.accepted,
            self.delivered + other.delivered,
            self.queued + other.queued,
            self.expired + other.expired,
            self.shed + other.shed,
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """Every bundle ever accepted, by where it is now."""

    cells: Mapping[tuple[Direction, Precedence], Cell]

    @property
    def total(self) -> Cell:
        """Return the sum of all lines."""
        return sum(self.cells.values(), Cell())

    @property
    def balanced(self) -> bool:
        """Tell whether every line balances."""
        return all(cell.balanced for cell in self.cells.values())


LaneKey = tuple[str, int, int, int]
"""Lane, direction, precedence and state code of open bundles."""

CellKey = tuple[int, int, int]
"""Direction, precedence and state code of closed bundles."""


@dataclass(slots=True)
class Tallies:
    """All counters of one store. Only the store's thread changes them, inside a transaction it can take back."""

    accepted: Counter[tuple[int, int]] = field(default_factory=Counter)
    open: Counter[LaneKey] = field(default_factory=Counter)
    closed: Counter[CellKey] = field(default_factory=Counter)
    forgotten: Counter[CellKey] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    """Rows of the bounded tables: duplicate, owed, station, place, quarantine."""
    noted: Counter[str] = field(default_factory=Counter)
    """What happened, by stable English words: ``corrupt record``, ``heard again``, ``receipt for unknown bundle`` …"""

    def took(self, moving: Moving) -> None:
        """Count a bundle accepted."""
        self.accepted[moving.direction, moving.precedence] += 1
        self._add(moving, 1)

    def moved(self, old: Moving, new: Moving) -> None:
        """Count a change of state or lane."""
        self._add(old, -1)
        self._add(new, 1)

    def forgot(self, moving: Moving) -> None:
        """Count a closed bundle's row as gone from the table; it stays in the balance."""
        assert not moving.is_open, "only closed bundles are forgotten"
        self.forgotten[moving.direction, moving.precedence, moving.state] += 1

    def lost(self, moving: Moving) -> None:
        """Count a damaged record: an open one is shed, a closed one only forgotten."""
        if moving.is_open:
            self._add(moving, -1)
            self.closed[moving.direction, moving.precedence, SHED] += 1
            self.forgotten[moving.direction, moving.precedence, SHED] += 1
        else:
            self.forgot(moving)

    def _add(self, moving: Moving, count: int) -> None:
        if moving.is_open:
            key = (moving.lane, moving.direction, moving.precedence, moving.state)
            self.open[key] += count
            if not self.open[key]:
                del self.open[key]
        else:
            self.closed[moving.direction, moving.precedence, moving.state] += count

    def open_total(self) -> int:
        """Return the number of open bundles."""
        return sum(self.open.values())

    def balance(self) -> Balance:
        """Return the balance from RAM."""
        queued: Counter[tuple[int, int]] = Counter()
        for (_, direction, precedence, _), count in self.open.items():
            queued[direction, precedence] += count
        return Balance(
            {
                (way, precedence): Cell(
                    accepted=self.accepted[code, precedence],
                    delivered=self.closed[code, precedence, DELIVERED] + self.closed[code, precedence, ANSWERED],
                    queued=queued[code, precedence],
                    expired=self.closed[code, precedence, EXPIRED],
                    shed=self.closed[code, precedence, SHED],
                )
                for code, way in enumerate(DIRECTIONS)
                for precedence in Precedence
            }
        )

    def open_counts(self) -> dict[tuple[str, BundleState, Precedence], int]:
        """Return the number of open bundles per lane, state and precedence."""
        counts: dict[tuple[str, BundleState, Precedence], int] = {}
        for (lane, _, precedence, state), count in sorted(self.open.items()):
            key = (lane, STATES[state], Precedence(precedence))
            counts[key] = counts.get(key, 0) + count
        return counts

    def open_lanes(self) -> list[tuple[str, Precedence]]:
        """Return the lanes and precedences in which anything is open, in a fixed order."""
        return [(lane, Precedence(one)) for lane, one in sorted({(lane, one) for lane, _, one, _ in self.open})]

    def resync(self, open_found: Counter[LaneKey], closed_found: Counter[CellKey]) -> None:
        """Follow the tables after a record was lost whose own state cannot be trusted: what is missing was shed."""
        self.open = open_found
        queued: Counter[tuple[int, int]] = Counter()
        for (_, direction, precedence, _), count in open_found.items():
            queued[direction, precedence] += count
        for direction, precedence in self.accepted:
            cell = (direction, precedence)
            told = sum(self.closed[(*cell, state)] for state in (DELIVERED, ANSWERED, EXPIRED))
            self.closed[(*cell, SHED)] = self.accepted[cell] - queued[cell] - told
            for state in range(CLOSED_FROM, len(STATES)):
                self.forgotten[(*cell, state)] = self.closed[(*cell, state)] - closed_found[(*cell, state)]

    def copy(self) -> Self:
        """Return a copy to go back to when a function fails."""
        return type(self)(
            _copied(self.accepted),
            _copied(self.open),
            _copied(self.closed),
            _copied(self.forgotten),
            _copied(self.rows),
            _copied(self.noted),
        )

    def to_value(self) -> dict[str, Any]:
        """Return plain JSON values in a fixed order."""
        return {
            "accepted": sorted([*key, count] for key, count in self.accepted.items()),
            "open": sorted([*key, count] for key, count in self.open.items()),
            "closed": sorted([*key, count] for key, count in self.closed.items()),
            "forgotten": sorted([*key, count] for key, count in self.forgotten.items()),
            "rows": dict(sorted(self.rows.items())),
            "noted": dict(sorted(self.noted.items())),
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Self:
        """Read what to_value gave."""
        return cls(
            Counter({(d, p): count for d, p, count in value["accepted"]}),
            Counter({(lane, d, p, s): count for lane, d, p, s, count in value["open"]}),
            Counter({(d, p, s): count for d, p, s, count in value["closed"]}),
            Counter({(d, p, s): count for d, p, s, count in value["forgotten"]}),
            Counter(value["rows"]),
            Counter(value["noted"]),
        )


K = TypeVar("K")


def _copied(counter: Counter[K]) -> Counter[K]:
    """Return a copy without the detour of Counter's constructor: one is made for every function of every commit."""
    copy: Counter[K] = Counter.__new__(Counter)
    dict.update(copy, counter)
    return copy


def to_json(value: Any) -> bytes:
    """Return compact JSON for the standing record."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
