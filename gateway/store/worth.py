"""What a bundle is worth at a cap, and which newer report replaces it: derived from its draft, pure.

Both stand in columns of their own (``topic``, ``worth``) so that indexes find them. The columns are hints: whoever acts
on one looks at the draft first, which has a CRC, so a damaged hint can cost nobody's SOS its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.model import Direction, EndpointKind, MessageKind, Precedence
from gateway.store.limits import NAME_CHARS_MAX

if TYPE_CHECKING:
    from gateway.model import Draft

KEPT, ORDINARY, FIRST_TO_GO = 0, 1, 2
"""Codes of the column ``worth``: never shed, shed by precedence, shed before the others of ROUTINE."""

WORTHS = (KEPT, ORDINARY, FIRST_TO_GO)

SHED_ORDER = (
    (Precedence.ROUTINE, FIRST_TO_GO),
    (Precedence.ROUTINE, ORDINARY),
    (Precedence.PRIORITY, ORDINARY),
    (Precedence.IMMEDIATE, ORDINARY),
)
"""What goes at a cap, class by class; the oldest first in each. Nothing worth more than the newcomer goes for it."""

POSITION_TOPIC = "position"
BOOKKEEPING = frozenset({"addressed", "to", "note"})
"""Fields of a report that this gateway adds; they say nothing of the place."""


def is_sos(draft: Draft) -> bool:
    """Tell whether a bundle is a call for help, by its precedence or by its kind with any precedence."""
    return draft.precedence is Precedence.FLASH or draft.message.kind is MessageKind.SOS


def worth_of(draft: Draft) -> int:
    """Return the code of the column ``worth``."""
    if is_sos(draft):
        return KEPT
    periodic = draft.message.kind in (MessageKind.POSITION, MessageKind.SENSOR) and draft.reply_to is None
    return FIRST_TO_GO if periodic and draft.precedence is Precedence.ROUTINE else ORDINARY


def shed_before(draft: Draft) -> int:
    """Return how many classes of SHED_ORDER may be shed to make room for a newcomer."""
    return len(SHED_ORDER) if is_sos(draft) else SHED_ORDER.index((draft.precedence, worth_of(draft))) + 1


def topic_of(draft: Draft) -> str:
    """Return what a report is the latest word on, empty where nothing replaces it.

    A ROUTINE position, or a ROUTINE reading of one sensor and metric, on its way up, that answers nothing.
    """
    is_plain = draft.direction is Direction.UP and draft.precedence is Precedence.ROUTINE
    if not is_plain or draft.reply_to is not None or draft.parent is not None:
        return ""
    fields = draft.message.fields
    if draft.message.kind is MessageKind.POSITION:
        return POSITION_TOPIC
    sensor, metric = fields.get("sensor"), fields.get("metric")
    if draft.message.kind is MessageKind.SENSOR and isinstance(sensor, str) and isinstance(metric, str):
        named = f"sensor {sensor!a} {metric!a}"
        return named if len(named) <= NAME_CHARS_MAX else ""
    return ""


def replaces(newer: Draft, older: Draft) -> bool:
    """Tell whether nothing is lost when only the newer report arrives: it is on the same and says at least as much.

    Which one is newer is told by order of acceptance, and by the authors' clocks where both are believed: what comes
    late by another way must not push out what is fresher.
    """
    topic = topic_of(older)
    if not topic or topic != topic_of(newer):
        return False
    if (newer.source, newer.destination) != (older.source, older.destination):
        return False
    if newer.clock_trusted and older.clock_trusted and newer.created_wall_s < older.created_wall_s:
        return False
    new, old = newer.message, older.message
    if old.text and older.source.kind is not EndpointKind.CARD:
        return False  # words handed in at a post are of different people under its one name
    says_as_much = set(old.fields) - BOOKKEEPING <= set(new.fields) and bool(old.text) <= bool(new.text)
    return says_as_much and (new.place is not None or old.place is None) and not old.data_hex
