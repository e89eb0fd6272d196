"""The two ciphers of records: bytes in, bytes out.

Suite 1 is AES-128-CCM with a 13-byte nonce, so L = 2, and tags of M = 4 or 8 bytes (RFC 3610). Suite 2 is SM4-GCM (RFC
8998; GB/T 32907) with its 12-byte nonce and the tag cut to 8 bytes. A GCM tag is never cut to 4: each
forgery with a short one tells something about the hash key, and enough of them give it away (N. Ferguson,
"Authentication weaknesses in GCM", 2005; NIST SP 800-38D, appendix C). A CCM forgery gives nothing but itself.
"""

from __future__ import annotations

import enum

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

from protocols.record.errors import Malformed, Refused

KEY_BYTES = 16
STATIC_IV_BYTES = 8
"""Derived with each key; suite 2 uses the first 7."""
COUNTER_BYTES = 5
SHORT_TAG_BYTES = 4
LONG_TAG_BYTES = 8


class Suite(enum.IntEnum):
    """Cipher of a session, by its number in the hello."""

    AES_CCM = 1
    SM4_GCM = 2

    @property
    def short_tags(self) -> bool:
        """Whether there are records with 4-byte tags."""
        return self is Suite.AES_CCM


def suite_of(number: int) -> Suite:
    """Return the suite with that number; raise Refused for one that this program does not know."""
    try:
        return Suite(number)
    except ValueError:
        raise Refused("unknown suite", f"found suite {number}, known are 1 (AES-CCM) and 2 (SM4-GCM)") from None


def nonce_of(suite: Suite, static_iv: bytes, counter: int) -> bytes:
    """Return the nonce: 8 (AES-CCM) or 7 (SM4-GCM) bytes of static IV, and the 40-bit counter."""
    return static_iv[: STATIC_IV_BYTES if suite is Suite.AES_CCM else 7] + counter.to_bytes(COUNTER_BYTES)


def check_tag_size(suite: Suite, tag_bytes: int) -> None:
    """Raise Refused for a tag that the suite does not have."""
    if tag_bytes != LONG_TAG_BYTES and not suite.short_tags:
        raise Refused("short tag", f"SM4-GCM has tags of {LONG_TAG_BYTES} bytes only, found {tag_bytes}; use L = 1")
    if tag_bytes not in {SHORT_TAG_BYTES, LONG_TAG_BYTES}:
        raise Malformed("bad tag size", f"found {tag_bytes} bytes, a tag has {SHORT_TAG_BYTES} or {LONG_TAG_BYTES}")


def encrypt(suite: Suite, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes, *, tag_bytes: int) -> bytes:
    """Return ciphertext and tag. The caller sees to it that a nonce is used once with a key; raise Refused."""
    check_tag_size(suite, tag_bytes)
    if suite is Suite.AES_CCM:
        return AESCCM(key, tag_bytes).encrypt(nonce, plaintext, aad)
    try:
        encryptor = Cipher(SM4(key), GCM(nonce)).encryptor()
    except UnsupportedAlgorithm:
        raise _no_sm4() from None
    encryptor.authenticate_additional_data(aad)
    return encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag[:tag_bytes]


def decrypt(suite: Suite, key: bytes, nonce: bytes, aad: bytes, sealed: bytes, *, tag_bytes: int) -> bytes | None:
    """Return the plaintext of ciphertext and tag, None when the tag does not fit; raise Refused."""
    check_tag_size(suite, tag_bytes)
    if len(sealed) < tag_bytes:
        return None
    try:
        if suite is Suite.AES_CCM:
            return AESCCM(key, tag_bytes).decrypt(nonce, sealed, aad)
        tag = sealed[-tag_bytes:]
        decryptor = Cipher(SM4(key), GCM(nonce, tag, min_tag_length=LONG_TAG_BYTES)).decryptor()
        decryptor.authenticate_additional_data(aad)
        return decryptor.update(sealed[:-tag_bytes]) + decryptor.finalize()
    except InvalidTag:
        return None
    except UnsupportedAlgorithm:
        raise _no_sm4() from None


def _no_sm4() -> Refused:
    return Refused("no SM4", "the OpenSSL of this machine was built without SM4; use suite 1")
