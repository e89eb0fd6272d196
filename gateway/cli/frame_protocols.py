"""The protocols of ``yizhan frame``: one entry each, imported when used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocols.beidou.errors import FrameError
    from protocols.beidou.value import WireValue

LINE_CHARS_MAX = 20_000
"""Longest line; the longest sentence is 4096 bytes, written as ``\\xNN`` at most four times as long."""


class FrameFault(Exception):
    """A line that cannot be decoded or encoded; ``reason`` is a stable English word group."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class FrameProtocol(NamedTuple):
    """How one protocol's lines are read and written."""

    decode: Callable[[str, str], dict[str, Any]]
    """Line and charset to JSON fields."""
    encode: Callable[[dict[str, Any], str], str]
    """JSON fields and charset to a line."""


_ESCAPE = re.compile(r"\\(r|n|x[0-9A-Fa-f]{2})")
_SHORT = {"r": "\r", "n": "\n"}


def bytes_of(line: str, charset: str) -> bytes:
    r"""Return a line's bytes: ``\r``, ``\n`` and ``\xNN`` are those bytes, characters are coded in ``charset``."""
    if len(line) > LINE_CHARS_MAX:
        raise FrameFault("too long", f"line has {len(line)} characters, at most {LINE_CHARS_MAX}")
    pieces = []
    at = 0
    for match in _ESCAPE.finditer(line):
        pieces.append(_coded(line[at : match.start()], charset))
        code = match[1]
        pieces.append(_SHORT[code].encode() if code in _SHORT else bytes((int(code[1:], 16),)))
        at = match.end()
    pieces.append(_coded(line[at:], charset))
    return b"".join(pieces)


def _coded(text: str, charset: str) -> bytes:
    try:
        return text.encode(charset)
    except (UnicodeEncodeError, LookupError) as error:
        raise FrameFault("bad characters", f"cannot be written in {charset}: {error}") from None


def line_of(data: bytes, charset: str) -> str:
    r"""Return bytes as a line: characters of ``charset`` where they are visible, ``\xNN`` for the rest and for ``\``."""
    try:
        text = data.decode(charset, "surrogateescape")
        return "".join(_visible(char, charset) for char in text)
    except LookupError as error:
        raise FrameFault("bad characters", f"--charset: {error}") from None


def _visible(char: str, charset: str) -> str:
    if char.isprintable() and char != "\\":
        return char
    return "".join(f"\\x{byte:02X}" for byte in char.encode(charset, "surrogateescape"))


def _decode_sentence(line: str, charset: str) -> dict[str, Any]:
    from protocols.beidou.errors import FrameError
    from protocols.beidou.registry import BINARY_HEADERS, frame_of, sentence_of

    compact = line.replace(" ", "")
    try:
        if re.fullmatch(r"24[0-9A-Fa-f]+", compact) and len(compact) % 2 == 0:
            raw = bytes.fromhex(compact)
            return _shown(frame_of(raw) if raw[:6] in BINARY_HEADERS else sentence_of(raw))
        return _shown(sentence_of(bytes_of(line.strip(" \t"), charset)))
    except FrameError as error:
        raise _fault(error) from None


def _decode_frame(line: str, charset: str) -> dict[str, Any]:
    del charset
    from protocols.beidou.errors import FrameError
    from protocols.beidou.registry import frame_of

    try:
        raw = bytes.fromhex(line)
    except ValueError:
        raise FrameFault("not hex", f"found {line[:40]!r}, write the frame as hex digits") from None
    try:
        return _shown(frame_of(raw))
    except FrameError as error:
        raise _fault(error) from None


def _shown(value: WireValue) -> dict[str, Any]:
    fields = value.to_fields()
    kind = getattr(value, "kind", None) or value.KIND
    return {"protocol": value.PROTOCOL, "kind": kind} | fields


def _encode_sentence(fields: dict[str, Any], charset: str) -> str:
    from protocols.beidou.errors import FrameError
    from protocols.beidou.registry import class_for

    try:
        wire = class_for(fields, ascii_only=True).from_fields(fields).to_wire()
    except FrameError as error:
        raise _fault(error) from None
    if wire.endswith(b"\r\n"):
        return line_of(wire[:-2], charset)
    return wire.hex().upper()


def _encode_frame(fields: dict[str, Any], charset: str) -> str:
    del charset
    from protocols.beidou.errors import FrameError
    from protocols.beidou.registry import class_for

    try:
        return class_for(fields, ascii_only=False).from_fields(fields).to_wire().hex().upper()
    except FrameError as error:
        raise _fault(error) from None


def _fault(error: FrameError) -> FrameFault:
    return FrameFault(error.reason, error.detail)


PROTOCOLS: dict[str, FrameProtocol] = {
    "bd-2.1": FrameProtocol(_decode_sentence, _encode_sentence),
    "bd-3": FrameProtocol(_decode_sentence, _encode_sentence),
    "bd-4.0": FrameProtocol(_decode_frame, _encode_frame),
}
"""Protocol name to its two functions. A device mixes 2.1, Beidou-3 and vendor sentences, so both names read all."""
