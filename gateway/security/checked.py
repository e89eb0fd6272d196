"""A text with a last line that tells whether every byte above it is as it was written."""

from __future__ import annotations

import hashlib
import re

from gateway.security.errors import KeyFileError

CHECK_DIGITS = 16

_LAST_LINE = re.compile(rb'check = "([0-9a-f]{16})"', re.ASCII)


def with_check(text: str) -> bytes:
    """Return the text, which ends with a line feed, and its check line."""
    body = text.encode()
    return body + f'check = "{_digits(body)}"\n'.encode()


def without_check(raw: bytes, where: str) -> str:
    """Return the text above the check line; raise KeyFileError when a single byte of it has changed.

    Line ends of Windows count as line feeds: mail programs and editors change them.
    """
    head, line_feed, last = raw.replace(b"\r\n", b"\n").removesuffix(b"\n").rpartition(b"\n")
    body, match = head + line_feed, _LAST_LINE.fullmatch(last)
    if match is None:
        raise KeyFileError(f"{where}: the last line is no check line; the file is cut short, changed, or no key file")
    if match[1].decode() != _digits(body):
        raise KeyFileError(f"{where}: damaged or changed by hand, its check does not fit; take another copy")
    try:
        return body.decode()
    except UnicodeDecodeError:
        pass  # raised below: this error would carry the bytes
    raise KeyFileError(f"{where}: not UTF-8")


def _digits(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:CHECK_DIGITS]
