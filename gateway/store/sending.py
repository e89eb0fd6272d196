"""Giving bundles out: what is due, each try on disk before the device has it, and what came of it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from gateway.link import SendOutcome
from gateway.model import BundleState, Precedence
from gateway.store.accepting import Accepting
from gateway.store.records import (
    HANDED,
    QUEUED,
    RELAYED,
    SENT,
    STATE_CODES,
    BadRecord,
    checked,
    links_of,
    sealed,
    words,
)
from gateway.store.shelf import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateway.model import Bundle, Endpoint
    from gateway.store.records import Moving

EVIDENCE = {SENT: 1, RELAYED: 2}
"""What a state proves. A state below the evidence so far does not replace it."""

EVIDENCE_STATES = (QUEUED, SENT, RELAYED)


class Attempt(NamedTuple):
    """One try of one bundle on one link; opaque to callers."""

    seq: int
    number: int


class Sending(Accepting):
    """The part of the outbox that gives bundles to links and to the bus."""

    def due(
        self, lane: str, precedence: Precedence, now_s: float, limit: int, after: tuple[float, int] | None = None
    ) -> list[Bundle]:
        """Return bundles of a lane whose time has come, oldest first by ``(due_s, seq)``.

        `after` is the ``(due_s, seq)`` of the last one of an earlier call, to read on behind it. A bundle that is
        handed to a device is not due.
        """
        due_s, seq = (float("-inf"), 0) if after is None else after
        rows = self._db.execute(
            "SELECT * FROM bundle WHERE state < 4 AND lane = ? AND precedence = ? AND due_s <= ? AND expires_s > ? "
            "AND (due_s, seq) > (?, ?) ORDER BY due_s, seq LIMIT ?",
            (lane, int(precedence), now_s, now_s, due_s, seq, limit),
        ).fetchall()
        return [stored.bundle() for stored in self._read(rows)]

    def due_to(self, destination: Endpoint, lane: str, now_s: float, limit: int) -> list[Bundle]:
        """Return the first `limit` due orders to an endpoint, by precedence and number; looks at all its open ones."""
        rows = self._db.execute(
            "SELECT * FROM bundle WHERE state < 4 AND direction = 1 AND destination = ? AND lane = ? AND due_s <= ? "
            "AND expires_s > ? ORDER BY seq LIMIT ?",
            (str(destination), lane, now_s, now_s, limit),
        ).fetchall()
        due = [stored.bundle() for stored in self._read(rows)]
        return sorted(due, key=lambda one: (one.precedence, one.seq))

    def due_live(self, lane: str, precedence: Precedence, now_s: float, min_seq: int, limit: int) -> list[Bundle]:
        """Return due bundles accepted from `min_seq` on: the live traffic that goes before the backlog."""
        first = self._db.execute(
            "SELECT accepted_s FROM bundle WHERE seq >= ? ORDER BY seq LIMIT 1", (min_seq,)
        ).fetchall()
        if not first:
            return []
        # Nothing is due before it was accepted, so the backlog is not even looked at.
        rows = self._db.execute(
            "SELECT * FROM bundle WHERE state < 4 AND lane = ? AND precedence = ? AND due_s >= ? AND due_s <= ? "
            "AND seq >= ? AND expires_s > ? ORDER BY due_s, seq LIMIT ?",
            (lane, int(precedence), first[0][0], now_s, min_seq, now_s, limit),
        ).fetchall()
        return [stored.bundle() for stored in self._read(rows)]

    def has_open(self, lane: str) -> bool:
        """Tell whether anything of a lane is open."""
        return any(key[0] == lane for key in self._tallies.open)

    def next_due_s(self, lane: str, precedence: Precedence, after_s: float = -math.inf) -> float | None:
        """Return when the next bundle of a lane and precedence is due, later than a time, if any waits."""
        rows = self._db.execute(
            "SELECT due_s FROM bundle WHERE state < 4 AND lane = ? AND precedence = ? AND due_s > ? "
            "ORDER BY due_s, seq LIMIT 1",
            (lane, int(precedence), after_s),
        ).fetchall()
        return float(rows[0][0]) if rows else None

    def last_seq(self) -> int:
        """Return the number given out last; 0 when none was."""
        return self._standing.next_seq - 1

    def note_due_sources(self, lane: str, now_s: float, note: Callable[[str], None]) -> None:
        """Tell the source of each bundle that is due in a lane, row by row: a million of them must not be in memory.

        Looks at all of them (about 1 s at a million), so ask once per connection.
        """
        rows = self._db.execute("SELECT source FROM bundle WHERE state < 4 AND lane = ? AND due_s <= ?", (lane, now_s))
        while (row := rows.fetchone()) is not None:
            note(row[0])

    def sources_with_open(self, lane: str, max_seq: int) -> set[str]:
        """Return the sources (``kind:name``) of up bundles to `max_seq` that were never sent or published.

        Their live traffic must wait behind their backlog. Looks at every such bundle (about 0.3 s at a million), so
        ask once per connection; `has_unsent_before` answers for one source.
        """
        rows = self._db.execute(
            "SELECT DISTINCT source FROM bundle INDEXED BY bundle_unsent "
            "WHERE state < 5 AND evidence = 0 AND direction = 0 AND lane = ? AND seq <= ?",
            (lane, max_seq),
        ).fetchall()
        return {row[0] for row in rows}

    def has_unsent_before(self, lane: str, source: str, seq: int) -> bool:
        """Tell whether a source has an up bundle numbered below `seq` that was never sent or published."""
        return bool(
            self._db.execute(
                "SELECT 1 FROM bundle WHERE state < 5 AND evidence = 0 AND direction = 0 AND source = ? AND seq < ? "
                "AND lane = ? LIMIT 1",
                (source, seq, lane),
            ).fetchall()
        )

    def begin(self, seq: int, link: str, now_s: float, said: str = "", *, in_part: bool = False) -> Attempt | None:
        """Note a try; commit before the device gets it. None when the bundle is no longer open.

        A link that has taken it before in this round starts a new round. ``said`` stays in its history before what comes
        of it. ``in_part``: only a piece of it leaves, so state and round stay and another link may take the next piece.
        """
        moving = self._moving(seq)
        if moving is None or not moving.is_open or moving.expires_s <= now_s:
            return None
        if self.pages_used() >= self.limits.pages_max - self._page_margin():
            self.forget_oldest()  # a full file must not keep anything from being sent
        tried = "" if words(link) in links_of(moving.tried) and not in_part else moving.tried
        attempt = Attempt(seq, moving.events)
        state = moving.state if in_part else HANDED
        self._move(moving, now_s, Note("try", link, said), state=state, attempts=moving.attempts + 1, tried=tried)
        return attempt

    def finish(
        self,
        attempt: Attempt,
        outcome: SendOutcome,
        detail: str,
        now_s: float,
        *,
        state: BundleState,
        due_s: float,
        in_part: bool = False,
    ) -> Bundle | None:
        """Note what came of a try and where the router wants the bundle; return it as it is now.

        `state` is an open one. Better evidence than `state` stays, and so does a closed bundle. None when the bundle is
        gone.
        """
        assert state.is_open, f"a try cannot end a bundle as {state}"
        assert state is not BundleState.HANDED, "a try that is over leaves nothing in the device's hands"
        link = self._answer(attempt, outcome, detail, now_s)
        moving = self._moving(attempt.seq)
        if moving is not None and moving.is_open:
            tried = moving.tried
            whole = outcome is not SendOutcome.DEFERRED and not in_part
            if whole and link and link not in links_of(tried):
                tried = f"{tried},{link}" if tried else link
            if outcome is SendOutcome.DEFERRED:
                moving = replace(moving, attempts=moving.attempts - 1)  # nothing left the device
            self._settle(
                moving, now_s, code=STATE_CODES[state], due_s=due_s, reason=detail or str(outcome), tried=tried
            )
        stored = self._load(attempt.seq)
        return None if stored is None else stored.bundle()

    def _settle(self, moving: Moving, now_s: float, *, code: int, due_s: float, reason: str, tried: str) -> None:
        evidence = max(moving.evidence, EVIDENCE.get(code, 0))
        if EVIDENCE.get(code, 0) < moving.evidence:
            code = EVIDENCE_STATES[moving.evidence]
        self._move(moving, now_s, state=code, evidence=evidence, due_s=float(due_s), reason=reason, tried=tried)

    def _answer(self, attempt: Attempt, outcome: SendOutcome, detail: str, now_s: float) -> str:
        """Write a try's outcome into the history; return its link, or nothing when the event is gone."""
        rows = self._db.execute("SELECT * FROM event WHERE seq = ? AND number = ?", attempt).fetchall()
        if not rows:
            return ""
        try:
            seq, number, at_s, kind, link, _, _, said = checked(rows[0])
        except BadRecord as error:
            self._quarantine("event", rows[0], str(error))
            self._db.execute("DELETE FROM event WHERE seq = ? AND number = ?", attempt)
            return ""
        self._db.execute(
            "UPDATE event SET outcome = ?6, ended_s = ?7, words = ?8, crc = ?9 WHERE seq = ?1 AND number = ?2",
            sealed(
                seq,
                number,
                at_s,
                kind,
                link,
                str(outcome),
                float(now_s),
                words(": ".join(filter(None, (said, detail)))),
            ),
        )
        return str(link)

    def abandoned(self, now_s: float) -> int:
        """At start: tries without an outcome become UNKNOWN and their bundles due again; return how many there were."""
        rows = self._db.execute("SELECT seq, number FROM event WHERE kind = 'try' AND outcome IS NULL").fetchall()
        for row in rows:
            self.finish(
                Attempt(*row),
                SendOutcome.UNKNOWN,
                "the gateway stopped before the answer",
                now_s,
                state=BundleState.QUEUED,
                due_s=now_s,
            )
        self._hands_empty(now_s)
        return len(rows)

    def _hands_empty(self, now_s: float) -> None:
        """Take back bundles whose try is no longer in the history (a damaged record): nobody would answer for them."""
        for precedence in {key[2] for key in self._tallies.open if key[3] == HANDED}:
            rows = self._db.execute(
                "SELECT seq FROM bundle WHERE state < 5 AND precedence = ? AND state = ?", (precedence, HANDED)
            ).fetchall()
            for (seq,) in rows:
                moving = self._moving(seq)
                if moving is not None and moving.state == HANDED:
                    self._settle(
                        moving, now_s, code=QUEUED, due_s=now_s, reason="try lost to damage", tried=moving.tried
                    )

    def postpone(self, seq: int, due_s: float, reason: str) -> None:
        """Let a waiting bundle wait longer, and say why."""
        moving = self._moving(seq)
        if moving is not None and moving.is_open:
            self._move(moving, moving.due_s, due_s=float(due_s), reason=reason)

    def published(self, seqs: Iterable[int], link: str, now_s: float, due_s: float) -> int:
        """Note that the broker took some bundles: SENT, to be published again at `due_s`; return how many are open."""
        moved = 0
        for seq in seqs:
            moving = self._moving(seq)
            if moving is None or not moving.is_open:
                continue
            code = EVIDENCE_STATES[max(moving.evidence, EVIDENCE[SENT])]
            self._move(
                moving,
                now_s,
                Note("published", link, "PUBACK"),
                state=code,
                evidence=EVIDENCE[code],
                attempts=moving.attempts + 1,
                due_s=float(due_s),
                reason="PUBACK",
            )
            moved += 1
        return moved
