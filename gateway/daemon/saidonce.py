"""What makes two reports of a person one, by whomever and however often they were heard.

The same handset's burst may be heard by several receivers of one gateway, by the command post itself and by vehicles that
pass it up as records. Who heard it and when it got here differ; who said it, the words, and about when, do not.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from gateway.link import PayloadKind
from gateway.model import LIFETIME_S_MAX, EndpointKind
from gateway.store.accepting import DuplicateKey

if TYPE_CHECKING:
    from gateway.air.translate import Told
    from gateway.model import Bundle
    from gateway.store.outbox import Outbox

LATE_S = 86_400.0
"""How late another gateway may pass a report up and still be known to have heard the same one, by when it was said."""


def said_key(sender: str, kind: PayloadKind, text: str, data: bytes, fix: tuple[float, float] | None) -> bytes:
    """Return what makes two payloads one report: the sender and the content, however and where it was received.

    ``fix`` is the place of a report that says nothing else.
    """
    digest = hashlib.sha256()
    for part in (
        sender.encode("utf-8", "surrogatepass"),
        kind.encode(),
        text.encode("utf-8", "surrogatepass"),
        data,
    ):
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    if fix is not None:
        digest.update(f"{fix[0]:.5f},{fix[1]:.5f}".encode())
    return digest.digest()[:16]


def key_of_told(told: Told) -> bytes | None:
    """Return the key of a report that another gateway passes up; None for what no handset said."""
    if told.source.kind is not EndpointKind.CARD:
        return None
    message = told.message
    kind = PayloadKind.BYTES if message.data_hex else PayloadKind.TEXT
    place = message.place
    says_place_only = kind is PayloadKind.TEXT and not message.text.strip() and place is not None
    fix = (place.lat, place.lon) if says_place_only and place is not None else None
    return said_key(told.source.name, kind, message.text, bytes.fromhex(message.data_hex), fix)


def heard_before(outbox: Outbox, key: bytes, said_wall_s: float | None, window_s: float, now_s: float) -> Bundle | None:
    """Return the report that this one is: it got here within the window, or was said within it.

    ``said_wall_s`` is None where the clock of whoever heard it is not to be believed.
    """
    keys = [DuplicateKey(key, window_s)]
    if said_wall_s is not None:
        keys += [_said_at(key, said_wall_s, window_s, step) for step in (-1, 0, 1)]
    for place, duplicate in enumerate(keys):
        for bundle in outbox.known(duplicate, now_s) or ():
            said_apart_s = 0.0 if said_wall_s is None else abs(bundle.draft.created_wall_s - said_wall_s)
            if not place or said_apart_s < window_s:
                return bundle
    return None


def remember(outbox: Outbox, bundle: Bundle, key: bytes, window_s: float, now_s: float, *, clock_trusted: bool) -> None:
    """Have a report known by what was said, and when."""
    outbox.also_known(DuplicateKey(key, window_s), bundle, now_s)
    if clock_trusted:
        outbox.also_known(_said_at(key, bundle.draft.created_wall_s, window_s, 0), bundle, now_s)


def listener_key(peer: int, salt: int, counter: int) -> DuplicateKey:
    """Return under what a report is known that a gateway's record brought when another one had brought it already."""
    return DuplicateKey(b"listener:%d:%d:%d" % (peer, salt, counter), LIFETIME_S_MAX)


def _said_at(key: bytes, said_wall_s: float, window_s: float, step: int) -> DuplicateKey:
    """Return the key of what was said in one window's length of time, ``step`` windows on."""
    number = int(said_wall_s // window_s) + step
    return DuplicateKey(hashlib.sha256(key + number.to_bytes(8, "big", signed=True)).digest()[:16], LATE_S)
