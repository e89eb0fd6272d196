"""What ends or revives a bundle without a try of ours: receipts from further on, time, and a lost broker session."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.model import BUS, BUS_LANE, Precedence, ReceiptLevel
from gateway.store.records import ANSWERED, DELIVERED, EXPIRED, QUEUED, REFUSED, RELAYED, SENT
from gateway.store.sending import EVIDENCE, Sending
from gateway.store.shelf import Note

if TYPE_CHECKING:
    from gateway.model import Bundle, Endpoint, Receipt
    from gateway.store.records import Stored

LIFETIME_ENDED = "lifetime ended"
"""Reason of an expired bundle that nobody ever took."""

RETENTION_ENDED = "retention ended without consumer receipt"
"""Reason of an expired bundle that was sent or relayed: it may well have arrived, nobody said so."""


class Evidence(Sending):
    """The part of the outbox that learns from further on."""

    def receipt(self, receipt: Receipt, now_s: float, due_s: float | None = None) -> Bundle | None:
        """Apply a receipt and return the bundle as it is now; None when nothing changed, so a repeat does no harm.

        DELIVERED and ANSWERED close it (an answer may follow delivery). CUSTODY makes it RELAYED. REFUSED and EXPIRED
        take earlier evidence back: it stays open as REFUSED. `due_s` is when to try again if it stays open. Unknown
        ids and receipts for closed bundles are counted.
        """
        stored = self._by_id(receipt.bundle_id)
        if stored is None:
            self._tallies.noted["receipt for unknown bundle"] += 1
            return None
        moving = stored.moving
        answers = moving.state == DELIVERED and receipt.level is ReceiptLevel.ANSWERED
        if not moving.is_open and not answers:
            self._tallies.noted["receipt for closed bundle"] += 1
            return None
        said = f"{receipt.level} by {receipt.by}" + (f": {receipt.detail}" if receipt.detail else "")
        note = Note("receipt", receipt.by, said)
        if receipt.level in (ReceiptLevel.DELIVERED, ReceiptLevel.ANSWERED):
            code = DELIVERED if receipt.level is ReceiptLevel.DELIVERED else ANSWERED
            moving = self._close(moving, now_s, code, said, note)
            self._owe_evidence(stored, receipt.level, now_s)
        else:
            relayed = receipt.level is ReceiptLevel.CUSTODY
            code = RELAYED if relayed else REFUSED
            if moving.state == code and moving.reason == said:
                return None
            due = moving.due_s if due_s is None else float(due_s)
            moving = self._move(
                moving, now_s, note, state=code, evidence=EVIDENCE[RELAYED] if relayed else 0, due_s=due, reason=said
            )
        return replace(stored, moving=moving).bundle()

    def _by_id(self, bundle_id: str) -> Stored | None:
        """Find by full id: its last part is the number, and the stored id must be the same in every letter."""
        digits = bundle_id.rpartition("-")[2]
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            return None
        stored = self._load(int(digits))
        return stored if stored is not None and stored.id == bundle_id else None

    def expire(self, now_s: float, limit: int) -> list[Bundle]:
        """End up to `limit` bundles whose lifetime is over and return them; the reason tells what was known."""
        rows = self._db.execute(
            "SELECT * FROM bundle WHERE state < 5 AND expires_s <= ? ORDER BY expires_s, seq LIMIT ?", (now_s, limit)
        ).fetchall()
        expired = []
        for stored in self._read(rows):
            reason = RETENTION_ENDED if stored.moving.evidence else LIFETIME_ENDED
            moving = self._close(stored.moving, now_s, EXPIRED, reason, Note("expired", words=reason))
            expired.append(replace(stored, moving=moving).bundle())
        return expired

    def next_expiry_s(self) -> float | None:
        """Return when the next lifetime ends, if anything is open."""
        rows = self._db.execute(
            "SELECT expires_s FROM bundle WHERE state < 5 ORDER BY expires_s, seq LIMIT 1"
        ).fetchall()
        return float(rows[0][0]) if rows else None

    def requeue(self, lane: str, now_s: float, limit: int) -> int:
        """Make up to `limit` SENT bundles of a lane due again, because whoever took them has lost them; return how many.

        Call again until it returns less than `limit`. They are due since their acceptance, so that they go in the order
        of their numbers together with those that were never sent.
        """
        done = 0
        for precedence in Precedence:
            rows = self._db.execute(
                "SELECT seq, accepted_s FROM bundle WHERE state < 4 AND lane = ? AND precedence = ? AND due_s > ? AND state = ? "
                "ORDER BY due_s, seq LIMIT ?",
                (lane, int(precedence), now_s, SENT, limit - done),
            ).fetchall()
            for seq, accepted_s in rows:
                moving = self._moving(seq)
                if moving is not None and moving.state == SENT:
                    due_s = min(float(accepted_s), now_s)
                    self._move(moving, now_s, Note("requeued", words="session lost"), due_s=due_s)
            done += len(rows)
        return done

    def release(self, destination: Endpoint, now_s: float, *, sent_too: bool, limit: int) -> int:
        """Make up to `limit` bundles for an endpoint due whose next try was put off, as it was heard; return how many.

        With `sent_too` also those that left and that it gave no receipt for. What waits for an answer only, or was
        refused, stays as it is. The bus stands for the gateway above: only bundles that wait for a link are moved.
        """
        codes = (QUEUED, SENT) if sent_too else (QUEUED, QUEUED)
        if destination == BUS:
            lanes = sorted(
                {lane for lane, direction, _, _ in self._tallies.open if lane != BUS_LANE and direction == 0}
            )
            rows = [row for lane in lanes for row in self._put_off_in(lane, codes, now_s, limit)]
        else:
            rows = self._db.execute(
                "SELECT seq FROM bundle WHERE state < 5 AND direction = 1 AND destination = ? AND due_s > ? AND due_s < ? "
                "AND state IN (?, ?) ORDER BY seq LIMIT ?",
                (str(destination), now_s, math.inf, *codes, limit),
            ).fetchall()
        for (seq,) in rows[:limit]:
            moving = self._moving(seq)
            if moving is not None and moving.is_open:
                self._move(moving, now_s, due_s=float(now_s))
        return len(rows[:limit])

    def _put_off_in(self, lane: str, codes: tuple[int, int], now_s: float, limit: int) -> list[tuple[int]]:
        return [
            row
            for precedence in Precedence
            for row in self._db.execute(
                "SELECT seq FROM bundle WHERE state < 4 AND lane = ? AND precedence = ? AND due_s > ? AND due_s < ? "
                "AND destination = ? AND state IN (?, ?) ORDER BY due_s, seq LIMIT ?",
                (lane, int(precedence), now_s, math.inf, str(BUS), *codes, limit),
            ).fetchall()
        ]
