"""What a link's worker does next: send a bundle, a receipt to a person, or a frame that carries no bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.link import Payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.air.peers import Peer
    from gateway.link import Outgoing
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox
    from gateway.store.receipts_owed import Owed
    from gateway.store.sending import Attempt

NOTHING_YET = Payload.of_bytes(b"")
"""Payload of a bundle to a gateway until its record is made."""


def _takes_nothing(_bundle: Bundle) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class BundleTask:
    """A bundle to send, and where: as it stands, or to another gateway as a record that is made when the try begins."""

    bundle: Bundle
    outgoing: Outgoing
    why: str
    to_gateway: Peer | None = None
    takes: Callable[[Bundle], bool] = _takes_nothing
    """Tells whether the link should carry another bundle now: it may go in the same record."""


@dataclass(frozen=True, slots=True)
class ReceiptTask:
    """A receipt to a person, covering one or more of their reports."""

    owed: Owed
    numbers: tuple[int, ...]
    outgoing: Outgoing


@dataclass(frozen=True, slots=True)
class FrameTask:
    """A frame that carries no bundle: a receipt to another gateway, a hello, keys or a notice."""

    outgoing: Outgoing
    what: str
    settle: Callable[[Outbox, bool], None]
    """Called with whether it left, in the transaction that writes that down."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A try that is on disk, and what leaves for it."""

    attempt: Attempt
    outgoing: Outgoing
    settle: Callable[[Outbox, bool], None] | None = None
    """As FrameTask.settle, for the receipt that goes along."""
    others: tuple[tuple[Bundle, Attempt], ...] = ()
    """Tries of other bundles in the same record, each as it was before."""
    times: float = 1.0
    """How many times as long an answer takes as from a neighbour: relays may lie between."""
    in_part: bool = False
    """Whether what leaves is only a piece of it, which nobody answers alone."""


Task = BundleTask | ReceiptTask | FrameTask
