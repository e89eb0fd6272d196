"""Make text from outside harmless to look at: in a log, on a terminal, in a status line.

Radio text may hold anything: escape sequences that repaint a terminal, line breaks that forge a log line, direction
overrides that make one word read as another. Chinese and every other visible character stays as it is.
"""

from __future__ import annotations

import unicodedata

HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode general categories that are escaped: controls (C0, DEL, C1), formatting (bidi, zero width, tags), lone
surrogates, private use, unassigned, line and paragraph separators."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    r"""Return ``text`` on one line with everything invisible written as ``\n``, ``\x1b``, ``\u202e`` or ``\U000e0041``."""
    if text.isprintable():
        return text
    return "".join(_python_escape(char) if hidden(char) else char for char in text)


def json_escaped(document: str) -> str:
    r"""Escape what JSON itself leaves raw in a document made with ``ensure_ascii=False``; it decodes to the same value."""
    if document.isprintable():
        return document
    return "".join(_json_escape(char) if hidden(char) else char for char in document)


def hidden(char: str) -> bool:
    """Tell whether this one character cannot be seen or does something other than be seen."""
    return unicodedata.category(char) in HIDDEN_CATEGORIES


def _python_escape(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(char: str) -> str:
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + ((code - 0x10000) >> 10):04x}\\u{0xDC00 + ((code - 0x10000) & 0x3FF):04x}"
