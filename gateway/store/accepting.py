"""Taking bundles in: one transaction for the duplicate key, the bundle and the receipt owed to its author."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from gateway.model import Direction, Place, PlaceSource
from gateway.store.errors import StoreError
from gateway.store.limits import LANES_MAX, NAME_CHARS_MAX, ORDER_MEMBERS_MAX
from gateway.store.records import (
    BODY_COLUMN,
    DIRECTION_CODES,
    EXPIRED,
    QUEUED,
    SHED,
    STATES,
    SUPERSEDED,
    Author,
    BadRecord,
    Moving,
    Stored,
    checked,
    name,
    sealed,
)
from gateway.store.shedding import Shedding, ended_as
from gateway.store.shelf import NEVER_S, Note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.model import Bundle, Draft, Endpoint


class DuplicateKey(NamedTuple):
    """What makes two arrivals the same: a replay counter, or a hash of sender and text."""

    key: bytes
    window_s: float
    """How long after the first arrival another one counts as the same."""


class OwedTo(NamedTuple):
    """Who gets a receipt: the link the bundle came by and its author's address on that link."""

    link: str
    peer: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What came of an `accept`."""

    bundle: Bundle
    is_duplicate: bool
    """The bundle was accepted earlier; nothing but its history changed."""
    shed: tuple[Bundle, ...] = ()
    """Bundles that were dropped to make room, as they are now."""
    superseded: tuple[Bundle, ...] = ()
    """Older reports whose place it took, as they are now."""


@dataclass(frozen=True, slots=True)
class OrderAcceptance:
    """What came of an `accept_order`."""

    order_id: str
    bundles: tuple[Bundle, ...]
    """One copy a member; for a duplicate those that are still remembered."""
    is_duplicate: bool
    shed: tuple[Bundle, ...] = ()


class _Known(NamedTuple):
    """An entry of the duplicate window that is still valid."""

    seq: int
    id: str
    state: int


class Accepting(Shedding):
    """The part of the outbox that takes bundles in."""

    def accept(
        self,
        draft: Draft,
        *,
        lane: str,
        now_s: float,
        duplicate: DuplicateKey | None = None,
        owed: OwedTo | None = None,
    ) -> Acceptance:
        """Store a bundle, or recognise it as one stored before; acknowledge only after the commit.

        A duplicate is noted in the history of the first, and its author is owed the receipt again if none is
        pending. A report that we shed or lost to damage is accepted anew when it is heard again; one whose place a newer
        one took is not. Raises StoreFull when the caps are reached and nothing may be shed for this newcomer.
        """
        known = self._known(duplicate, now_s)
        if known is not None and not self._welcome_again(known, draft):
            return Acceptance(self._heard_again(known, draft, lane, owed, now_s), is_duplicate=True)
        superseded = self._supersede(draft, lane, now_s)
        shed = self._make_room(draft, 1, now_s)
        author = Author("", "") if owed is None else Author(name(owed.link), name(owed.peer))
        stored = self._store(draft, lane, now_s, author, None if duplicate is None else duplicate.key)
        if duplicate is not None:
            self._remember(duplicate, stored.moving.seq, stored.id, now_s)
        if owed is not None:
            self._owe_custody(stored, owed.link, now_s)
        self._learn_place(draft, now_s)
        return Acceptance(stored.bundle(), is_duplicate=False, shed=tuple(shed), superseded=tuple(superseded))

    def accept_order(
        self,
        draft: Draft,
        members: Sequence[tuple[Endpoint, str]],
        *,
        now_s: float,
        duplicate: DuplicateKey | None = None,
    ) -> OrderAcceptance:
        """Store an order to a group or grid cell as one bundle for each ``(member, lane)``, all or none.

        The copies carry the order's id in ``draft.parent``; `children` lists them. The order has an id and no bundle
        of its own, so each person counts once in the balance. Raises StoreFull, or StoreError for no or too many
        members.
        """
        if not 0 < len(members) <= ORDER_MEMBERS_MAX:
            raise StoreError(
                f"order to {draft.destination}: found {len(members)} members, 1 to {ORDER_MEMBERS_MAX} can be reached "
                "with one order; check the registry or use smaller groups"
            )
        known = self._known(duplicate, now_s)
        if known is not None:
            self._tallies.noted["heard again"] += 1
            return OrderAcceptance(known.id, tuple(self.children(known.id)), is_duplicate=True)
        shed = self._make_room(draft, len(members), now_s)
        order_seq = self._take_seq()
        order_id = self._bundle_id(order_seq)
        bundles = []
        for member, lane in members:
            copy = replace(draft, destination=member, parent=order_id)
            bundles.append(self._store(copy, lane, now_s, Author("", ""), None).bundle())
        if duplicate is not None:
            self._remember(duplicate, order_seq, order_id, now_s)
        return OrderAcceptance(order_id, tuple(bundles), is_duplicate=False, shed=tuple(shed))

    def children(self, parent: str) -> list[Bundle]:
        """Return the members' copies of an order that are still remembered, in order of acceptance."""
        rows = self._db.execute("SELECT * FROM bundle WHERE parent = ? ORDER BY seq", (parent,)).fetchall()
        return [stored.bundle() for stored in self._read(rows)]

    def _store(self, draft: Draft, lane: str, now_s: float, author: Author, duplicate_key: bytes | None) -> Stored:
        self._check_lane(lane)
        seq = self._take_seq()
        moving = Moving(
            seq=seq,
            direction=DIRECTION_CODES[draft.direction],
            precedence=int(draft.precedence),
            lane=lane,
            state=QUEUED,
            evidence=0,
            attempts=0,
            due_s=float(now_s),
            expires_s=float(now_s + draft.lifetime_s),
            closed_s=NEVER_S,
            tried="",
            reason="",
            events=1,
        )
        stored = Stored(moving, self._bundle_id(seq), draft, float(now_s), author, duplicate_key)
        self._insert(stored)
        return stored

    def _check_lane(self, lane: str) -> None:
        known = {key[0] for key in self._tallies.open}
        if lane not in known and len(known) >= LANES_MAX:
            raise StoreError(f"lane {lane!r}: {len(known)} different lanes are in use, at most {LANES_MAX} may be")

    # Duplicates

    def known(self, duplicate: DuplicateKey, now_s: float) -> tuple[Bundle, ...] | None:
        """Return what was accepted under a key that is still valid, or None; an order's copies if it was one.

        Empty when its bundles are forgotten already.
        """
        known = self._known(duplicate, now_s)
        if known is None:
            return None
        stored = self._load(known.seq)
        return tuple(self.children(known.id)) if stored is None else (stored.bundle(),)

    def also_known(self, duplicate: DuplicateKey, bundle: Bundle, now_s: float) -> None:
        """Remember a bundle under another key too; the one that was accepted last under a key is the one it finds."""
        self._remember(duplicate, bundle.seq, bundle.id, now_s)

    def heard_by(self, seq: int, link: str, listener: str, now_s: float) -> None:
        """Note in the history of a bundle who heard it."""
        moving = self._moving(seq)
        if moving is not None:
            self._move(moving, now_s, Note("heard by", link, listener))

    def _known(self, duplicate: DuplicateKey | None, now_s: float) -> _Known | None:
        if duplicate is None:
            return None
        assert len(duplicate.key) <= NAME_CHARS_MAX, f"duplicate key of {len(duplicate.key)} bytes"
        rows = self._db.execute("SELECT * FROM duplicate WHERE key = ?", (duplicate.key,)).fetchall()
        if not rows:
            return None
        try:
            _, seq, bundle_id, until_s, state = checked(rows[0])
        except BadRecord as error:
            self._quarantine("duplicate", rows[0], str(error))
            self._drop_duplicate(duplicate.key)
            return None
        return _Known(seq, bundle_id, state) if until_s > now_s else None

    def _remember(self, duplicate: DuplicateKey, seq: int, bundle_id: str, now_s: float) -> None:
        if self._tallies.rows["duplicate"] >= self.limits.duplicates_max:
            rows = self._db.execute("SELECT key FROM duplicate ORDER BY until_s LIMIT 1").fetchall()
            for (key,) in rows:
                self._drop_duplicate(key)
                self._tallies.noted["duplicate window shortened"] += 1
        until_s = float(now_s + duplicate.window_s)
        had = self._db.execute("SELECT 1 FROM duplicate WHERE key = ?", (duplicate.key,)).fetchall()
        self._db.execute(
            "INSERT OR REPLACE INTO duplicate VALUES (?, ?, ?, ?, ?, ?)",
            sealed(duplicate.key, seq, bundle_id, until_s, QUEUED),
        )
        self._tallies.rows["duplicate"] += not had

    def _drop_duplicate(self, key: bytes) -> None:
        self._db.execute("DELETE FROM duplicate WHERE key = ?", (key,))
        self._tallies.rows["duplicate"] -= 1

    def _welcome_again(self, known: _Known, draft: Draft) -> bool:
        """Tell whether a repeat replaces what we dropped ourselves. Orders never: an old one could be played back."""
        stored = self._load(known.seq)
        ended = known.state if stored is None else ended_as(stored.moving)
        damaged = stored is None and ended == QUEUED
        return draft.direction is Direction.UP and (damaged or ended == SHED)

    def _heard_again(self, known: _Known, draft: Draft, lane: str, owed: OwedTo | None, now_s: float) -> Bundle:
        self._tallies.noted["heard again"] += 1
        stored = self._load(known.seq)
        if stored is None:
            # Its bundle is gone while the window lasts: name it, tell how it ended, keep nothing.
            ended = SHED if known.state == SUPERSEDED else known.state
            state, reason = (SHED, "corrupt record") if known.state == QUEUED else (ended, "forgotten")
            return replace(self._ghost(known, draft, lane, now_s), state=STATES[state], reason=reason)
        link = draft.heard_on if owed is None else owed.link
        moving = self._move(stored.moving, now_s, Note("heard again", link))
        stored = replace(stored, moving=moving)
        if owed is not None and stored.author.peer in ("", name(owed.peer)) and stored.author.link != name(owed.link):
            stored = self._learn_author(stored, Author(name(owed.link), name(owed.peer)))
        if owed is not None and moving.state != EXPIRED:
            self._owe_custody(stored, owed.link, now_s)
        return stored.bundle()

    def _learn_author(self, stored: Stored, author: Author) -> Stored:
        """Note who gets the receipts of a bundle that was first only overheard; return it as it is now."""
        stored = replace(stored, author=author)
        fixed_crc = stored.row()[BODY_COLUMN - 1]
        self._db.execute(
            "UPDATE bundle SET author_link = ?, author_peer = ?, fixed_crc = ? WHERE seq = ?",
            (author.link, author.peer, fixed_crc, stored.moving.seq),
        )
        return stored

    def _ghost(self, known: _Known, draft: Draft, lane: str, now_s: float) -> Bundle:
        moving = Moving(known.seq, 0, int(draft.precedence), lane, QUEUED, 0, 0, now_s, now_s, now_s, "", "", 0)
        return Stored(moving, known.id, draft, now_s, Author("", ""), None).bundle()

    # Places

    def _learn_place(self, draft: Draft, now_s: float) -> None:
        place = draft.message.place
        if place is None or place.source is PlaceSource.LAST_KNOWN:
            return
        source = str(draft.source)
        had = self._db.execute("SELECT 1 FROM place WHERE source = ?", (source,)).fetchall()
        if not had and self._tallies.rows["place"] >= self.limits.places_max:
            self._db.execute("DELETE FROM place WHERE source = (SELECT source FROM place ORDER BY at_s LIMIT 1)")
            self._tallies.rows["place"] -= 1
        height_m = None if place.height_m is None else float(place.height_m)
        self._db.execute(
            "INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?, ?, ?)",
            sealed(source, float(place.lat), float(place.lon), height_m, float(now_s - place.age_s)),
        )
        self._tallies.rows["place"] += not had

    def last_place(self, source: Endpoint, now_s: float) -> Place | None:
        """Return where a source last said it was, marked as last known with its age."""
        rows = self._db.execute("SELECT * FROM place WHERE source = ?", (str(source),)).fetchall()
        if not rows:
            return None
        try:
            _, lat, lon, height_m, at_s = checked(rows[0])
        except BadRecord as error:
            self._quarantine("place", rows[0], str(error))
            self._db.execute("DELETE FROM place WHERE source = ?", (str(source),))
            self._tallies.rows["place"] -= 1
            return None
        return Place(lat, lon, PlaceSource.LAST_KNOWN, height_m, max(0.0, now_s - at_s))
