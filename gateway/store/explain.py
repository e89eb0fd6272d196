"""What people and programs ask about: one bundle's history, the counts, the balance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.model import Precedence
from gateway.store.evidence import Evidence
from gateway.store.records import BadRecord, checked, name
from gateway.store.tallies import Tallies
from gateway.store.worth import KEPT, WORTHS

if TYPE_CHECKING:
    from gateway.model import Bundle, BundleState, Endpoint
    from gateway.store.tallies import Balance


class HistoryEvent(NamedTuple):
    """One thing that happened to a bundle."""

    at_s: float
    kind: str
    """``accepted``, ``heard again``, ``heard by``, ``try``, ``published``, ``receipt``, ``requeued``, ``expired``, ``shed``."""
    link: str
    """Link or hop it happened on."""
    outcome: str
    """Of a try: a SendOutcome, or ``in progress``."""
    words: str
    """Evidence in English log words."""
    ended_s: float
    """When a try was answered; else as `at_s`."""

    def to_json(self) -> dict[str, str | float]:
        """Return it for the command line."""
        words = ": ".join(part for part in (self.outcome, self.words) if part)
        return {"at_s": self.at_s, "what": self.kind, "link": self.link, "words": words, "ended_s": self.ended_s}


class Explain(Evidence):
    """The part of the outbox that answers questions."""

    def find(self, reference: str) -> Bundle | None:
        """Return a bundle by full id, by the number a person quotes, or by its author's own id (the latest of them)."""
        reference = reference.strip()
        stored = self._by_id(reference)
        if stored is None and reference.isascii() and reference.isdigit() and len(reference) <= 18:
            stored = self._load(int(reference))
        if stored is None and reference:
            rows = self._db.execute(
                "SELECT * FROM bundle WHERE external_id = ? AND external_id <> '' ORDER BY seq DESC LIMIT 1",
                (name(reference),),
            ).fetchall()
            stored = next(iter(self._read(rows)), None)
        return None if stored is None else stored.bundle()

    def numbered(self, seq: int) -> Bundle | None:
        """Return the bundle with the number a person quotes."""
        stored = self._load(seq)
        return None if stored is None else stored.bundle()

    def history(self, seq: int) -> list[HistoryEvent]:
        """Return what happened to a bundle, in order; long histories keep their beginning and their end."""
        stored = self._load(seq)
        if stored is None:
            return []
        accepted_s = stored.accepted_s
        events = [HistoryEvent(accepted_s, "accepted", stored.draft.heard_on, "", "", accepted_s)]
        for row in self._db.execute("SELECT * FROM event WHERE seq = ? ORDER BY number", (seq,)).fetchall():
            try:
                _, _, at_s, kind, link, outcome, ended_s, said = checked(row)
            except BadRecord as error:
                self._quarantine("event", row, str(error))
                self._db.execute("DELETE FROM event WHERE seq = ? AND number = ?", (row[0], row[1]))
                continue
            told = "" if kind != "try" else outcome or "in progress"
            events.append(HistoryEvent(at_s, kind, link, told, said, at_s if ended_s is None else ended_s))
        return events

    def open_to(self, destination: Endpoint, limit: int) -> list[Bundle]:
        """Return up to `limit` open orders to an endpoint that have been tried, so that it may have them; latest first."""
        rows = self._db.execute(
            "SELECT * FROM bundle WHERE state < 5 AND direction = 1 AND destination = ? AND attempts > 0 "
            "ORDER BY seq DESC LIMIT ?",
            (str(destination), limit),
        ).fetchall()
        return [stored.bundle() for stored in self._read(rows)]

    def balance(self) -> Balance:
        """Return the balance from RAM."""
        return self._tallies.balance()

    def recount(self) -> Balance:
        """Count the tables again (1.4 s at a million rows) and return the balance they give.

        Equal to `balance()` unless a record was lost or a counter is wrong.
        """
        found_open, found_closed = self._count_tables()
        found = Tallies(accepted=self._tallies.accepted, open=found_open, closed=found_closed)
        found.closed.update(self._tallies.forgotten)
        return found.balance()

    def open_counts(self) -> dict[tuple[str, BundleState, Precedence], int]:
        """Return the number of open bundles per lane, state and precedence, from RAM."""
        return self._tallies.open_counts()

    def open_lanes(self) -> list[tuple[str, Precedence]]:
        """Return the lanes and precedences in which anything is open, in a fixed order, from RAM."""
        return self._tallies.open_lanes()

    def noted(self) -> dict[str, int]:
        """Return what was counted beside the balance, by stable English words."""
        return dict(sorted((key, count) for key, count in self._tallies.noted.items() if count))

    def rows(self) -> dict[str, int]:
        """Return the number of rows of the bounded tables."""
        return dict(sorted(self._tallies.rows.items()))

    def oldest_open_s(self, precedence: Precedence) -> float | None:
        """Return when the oldest open bundle of a precedence was accepted."""
        found = [row for worth in WORTHS for row in self._oldest(precedence, worth)]
        return min((float(accepted_s) for _, accepted_s in found), default=None)

    def _oldest(self, precedence: Precedence, worth: int) -> list[tuple[int, float]]:
        return self._db.execute(
            "SELECT seq, accepted_s FROM bundle WHERE state < 5 AND precedence = ? AND worth = ? ORDER BY seq LIMIT 1",
            (int(precedence), worth),
        ).fetchall()

    def oldest_unreceipted_sos(self) -> Bundle | None:
        """Return the oldest FLASH bundle on its way up that no consumer has confirmed."""
        rows = self._db.execute(
            "SELECT * FROM bundle WHERE state < 5 AND precedence = ? AND worth = ? AND direction = 0 ORDER BY seq LIMIT 1",
            (int(Precedence.FLASH), KEPT),
        ).fetchall()
        return next((stored.bundle() for stored in self._read(rows)), None)
