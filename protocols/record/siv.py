"""Hello frames are sealed by AES-SIV (RFC 5297) under the hello key of their direction.

They are sent just when a gateway does not trust its state, and AES-SIV needs none: no nonce, and a plaintext sealed twice
shows only that it is the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from protocols.record.address import AddressKind, kind_of
from protocols.record.errors import BadTag, Refused, UnknownSession
from protocols.record.layout import SIV_BYTES, Form, HelloFrame, HelloKind, check_plaintext

if TYPE_CHECKING:
    from protocols.record.address import Implied
    from protocols.record.keys import HelloKey


def seal_hello(key: HelloKey, kind: HelloKind, form: Form, plaintext: bytes) -> bytes:
    """Return the 0x7F frame of ``plaintext``, which is at most 4000 bytes; raise Malformed."""
    check_plaintext(plaintext)
    _check_pairwise(kind, key)
    draft = HelloFrame(kind, Form.IMPLIED, bytes(SIV_BYTES))
    sealed = AESSIV(key.material).encrypt(plaintext, [draft.aad(key.ends)])
    return HelloFrame(kind, Form.IMPLIED, sealed).carried_as(form, key.ends).to_bytes()


def open_hello(key: HelloKey, frame: HelloFrame, implied: Implied) -> bytes:
    """Return the plaintext of a 0x7F frame.

    Raise UnknownSession when it is of another direction than the key or does not say of which, BadTag when it is not
    authentic, Refused for a key or notice to a group, Malformed.
    """
    _check_pairwise(frame.kind, key)
    ends = frame.ends(implied)
    if ends != key.ends:
        raise UnknownSession("other ends", f"the frame goes {ends.src:#x} to {ends.dst:#x}, the key is of another pair")
    try:
        return AESSIV(key.material).decrypt(frame.sealed, [frame.aad(ends)])
    except InvalidTag:
        raise BadTag("bad tag", f"a 0x7F frame from {ends.src:#x} is not authentic") from None


def _check_pairwise(kind: HelloKind, key: HelloKey) -> None:
    """Raise Refused for keys and notices under a group's key: every member holds it and could speak as another one."""
    if kind is not HelloKind.HELLO and kind_of(key.ends.dst) not in {AddressKind.GATEWAY, AddressKind.DEVICE}:
        raise Refused("to a group", f"a {kind.name} goes to each member by itself, found group {key.ends.dst:#x}")
