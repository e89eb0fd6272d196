"""A plaintext becomes a record and back, under the keys of one session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.record.counter import low_bits, rebuild
from protocols.record.layout import Form, Header, RecordFrame, Relay, check_counter, check_plaintext
from protocols.record.suite import LONG_TAG_BYTES, SHORT_TAG_BYTES, decrypt, encrypt, nonce_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from protocols.record.address import Implied
    from protocols.record.keys import Session, SessionKeys


@dataclass(frozen=True, slots=True)
class Opened:
    """A record whose tag was right.

    ``counter`` has 40 bits and, with ``session``, names the record for life. ``fragment`` says that ``plaintext`` begins
    with a fragment header. ``relay`` was in clear: good for statistics, not to be believed.
    """

    session: Session
    counter: int
    plaintext: bytes
    fragment: bool = False
    relay: Relay | None = None


def seal(keys: SessionKeys, header: Header, counter: int, plaintext: bytes) -> bytes:
    """Return the record frame of ``plaintext`` (at most 4000 bytes) under ``counter``.

    A counter is used for one plaintext, ever: with two, whoever hears both knows their XOR. For another bearer use
    ``RecordFrame.carried_as``, for a repeat the same bytes. Raise Malformed, or Refused for a short tag with SM4-GCM.
    """
    check_counter(counter)
    check_plaintext(plaintext)
    session = keys.session
    ends = session.ends
    tag_bytes = LONG_TAG_BYTES if header.long_tag else SHORT_TAG_BYTES
    draft = RecordFrame(
        header,
        session.odd,
        low_bits(counter),
        bytes(tag_bytes),
        None if header.form is Form.IMPLIED else ends.src,
        ends.dst if header.form.relayed else None,
    )
    nonce = nonce_of(session.suite, keys.static_iv, counter)
    sealed = encrypt(session.suite, keys.key, nonce, draft.aad(ends, counter), plaintext, tag_bytes=tag_bytes)
    return RecordFrame(header, draft.odd, draft.counter_low, sealed, draft.src, draft.dst).to_bytes()


def open_frame(keys: SessionKeys, frame: RecordFrame, counter: int) -> Opened | None:
    """Return what ``frame`` says if it is the record ``counter`` of that session, else None.

    Nothing is known about replay here.
    """
    session = keys.session
    if frame.odd != session.odd or not (frame.header.long_tag or session.suite.short_tags):
        return None
    nonce = nonce_of(session.suite, keys.static_iv, counter)
    aad = frame.aad(session.ends, counter)
    plaintext = decrypt(session.suite, keys.key, nonce, aad, frame.sealed, tag_bytes=frame.tag_bytes)
    if plaintext is None:
        return None
    return Opened(session, counter, plaintext, frame.header.fragment, frame.header.relay)


def try_open(
    candidates: Iterable[SessionKeys], frame: bytes, ends: Implied, expected_counter: int = 1
) -> Opened | None:
    """Return what a record says under the first of these keys that opens it, None when none does.

    For decoders: no window, no counting of failures. ``ends`` is what is known besides the frame; what neither says is
    taken from each candidate. ``expected_counter`` is one more than the highest known. Raise Malformed for no record.
    """
    record = RecordFrame.from_bytes(frame)
    src, dst = ends.complete(record.src, record.dst)
    counter = rebuild(record.counter_low, expected_counter)
    for keys in candidates:
        mine = keys.session.ends
        if (src in {None, mine.src}) and (dst in {None, mine.dst}):
            opened = open_frame(keys, record, counter)
            if opened is not None:
                return opened
    return None
