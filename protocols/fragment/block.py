"""The block: content with what its receiver needs to take it out again, before it is cut into source symbols.

::

    byte 0     zeros at the end, 0 to k - 1
    byte 1-4   check: CRC-32 of the content, big endian
    content and zeros, XORed with SHAKE128 of bytes 1-4

Symbols are of even size, so fewer zeros than symbols fill the last one and one byte can count them.

The tag of each record already proves every symbol. Check and mask are for what tags cannot see: symbols of two contents
under one transfer number, when numbers come round again or a sender has lost count. By the check no mixture is taken for
a content. By the mask, which is no secret, two contents with a part in common have no symbol in common, so that a symbol
shows which of them it belongs to (``held.Finished``).
"""

from __future__ import annotations

from binascii import crc32
from hashlib import shake_128
from typing import TYPE_CHECKING

from protocols.fragment.cauchy import split_source
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import BLOCK_BYTES_MAX, check_block

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK_HEAD_BYTES = 5
CONTENT_BYTES_MAX = BLOCK_BYTES_MAX - BLOCK_HEAD_BYTES
"""Longest content of one transfer, where the bearers' frames are large enough (see ``split.choose_split``)."""


def block_bytes(content_bytes: int) -> int:
    """Return how many bytes of symbols a content of this many bytes needs; raise FragmentError when none can do."""
    if content_bytes < 1:
        raise FragmentError("empty", "a content has at least one byte")
    if content_bytes > CONTENT_BYTES_MAX:
        raise FragmentError("too long", f"found {content_bytes} bytes of content, at most {CONTENT_BYTES_MAX}")
    return BLOCK_HEAD_BYTES + content_bytes


def source_symbols(content: bytes, k: int) -> tuple[bytes, ...]:
    """Return the k source symbols of a content; raise FragmentError when they cannot carry it."""
    length = block_bytes(len(content))
    size = -(-length // max(k, 1))
    check_block(k, size)
    zeros = k * size - length
    check = crc32(content).to_bytes(4)
    return split_source(bytes([zeros]) + check + _masked(content + bytes(zeros), check), k)


def content_of(source: Sequence[bytes]) -> bytes:
    """Return the content of a block from its source symbols; raise FragmentError ``bad check`` when it is none."""
    block = b"".join(source)
    if len(block) <= BLOCK_HEAD_BYTES:
        raise FragmentError("bad check", f"found {len(block)} bytes, a block has more than {BLOCK_HEAD_BYTES}")
    zeros, check = block[0], block[1:BLOCK_HEAD_BYTES]
    rest = _masked(block[BLOCK_HEAD_BYTES:], check)
    content = rest[: max(len(rest) - zeros, 0)]
    if zeros >= len(source) or not content or any(rest[len(content) :]):
        raise FragmentError(
            "bad check", f"found {zeros} zeros counted at the end of {len(block)} bytes, which is not so"
        )
    if check != crc32(content).to_bytes(4):
        raise FragmentError("bad check", f"the check is {check.hex()}, the content has another")
    return content


def _masked(data: bytes, check: bytes) -> bytes:
    """Return ``data`` with the mask put on, or taken off."""
    mask = shake_128(check).digest(len(data))
    return (int.from_bytes(data) ^ int.from_bytes(mask)).to_bytes(len(data))
