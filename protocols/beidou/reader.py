"""One resynchronising reader for all three protocols on one port (reference/beidou.md section 1.4).

A ``$`` begins a 4.0 frame (by its id, length and XOR), a binary frame of a command terminal, or an ASCII sentence (to CR
LF, by its checksum). Whatever fails costs one byte and the scan goes on behind it, so a false ``$`` never swallows a
good frame. Running XORs make every check cheap: hostile input is read in linear time.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from operator import xor

from protocols.beidou.errors import FrameError
from protocols.beidou.frame40 import FRAME_BYTES_MAX, FRAME_BYTES_MIN, Frame40
from protocols.beidou.registry import BINARY_HEADERS, FRAME_HEADERS, frame_of, sentence_of
from protocols.beidou.sentence import SENTENCE_BYTES_MAX, Sentence
from protocols.beidou.vendor import VendorSentence

FREE_TEXT_BYTES_MAX = 256
"""Longest line of free text that is kept; what goes on without a line end is noise."""

NMEA_KINDS = frozenset({"GGA", "GLL", "GSA", "GSV", "RMC"})
NMEA_TALKERS = frozenset({"BD", "GA", "GB", "GL", "GN", "GP"})
"""Position sentences of navigation receivers; ``BDZDA`` of 2.1 is not one (section 1.1)."""

_DOLLAR, _CR = 0x24, 0x0D
_SENTENCE_START = re.compile(rb"\$[A-Z0-9]{5}[,*]")
_STOP = re.compile(rb"\r\n|[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""The end of a line, or a byte that no sentence has inside."""
_CHECKSUM = re.compile(rb"\*([0-9A-Fa-f]{2})\Z")


@dataclass(frozen=True, slots=True)
class Reject:
    """Bytes that were no sentence or frame, and why."""

    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Unknown:
    """A sentence with a good checksum and an id we do not know: counted, not an error. ``kind`` e.g. ``BDSNR``."""

    kind: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class NmeaSentence:
    """A position sentence for protocols.beidou.nmea, with CR LF."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class FreeText:
    """A line that is no sentence, such as ``TCQ OK!``."""

    line: bytes


Event = Sentence | Frame40 | Reject | Unknown | NmeaSentence | FreeText


class BeidouReader:
    """Turns a byte stream in any split into events, in order. Bounded memory, linear time."""

    def __init__(self, max_buffer: int = SENTENCE_BYTES_MAX) -> None:
        self.counters: Counter[str] = Counter()
        """Events that were no values, by reason, and ``noise bytes``."""
        self._max_buffer = max_buffer
        self._buffer = bytearray()
        self._xors = bytearray(1)
        """``_xors[b] ^ _xors[a]`` is the XOR of ``_buffer[a:b]``."""
        self._at = 0
        self._broken = False
        """Part of this line was dropped already: what is left of it is noise, not free text."""
        self._stop = (0, -1)
        """Where the last search for a line end began, and what it found; -1 for nothing up to the buffer's end."""

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes and return what they complete."""
        self._buffer += data
        self._xors += bytes(accumulate(data, xor, initial=self._xors[-1]))[1:]
        return self._scan(final=False)

    def flush(self) -> list[Event]:
        """Give up on a partial frame after silence: rescan what waits behind its ``$`` and return what that completes."""
        return self._scan(final=True)

    def _scan(self, *, final: bool) -> list[Event]:
        events: list[Event] = []
        while self._at < len(self._buffer):
            if self._buffer[self._at] != _DOLLAR:
                if not self._skip_text(events, final=final):
                    break
                continue
            if not self._take(events, final=final):
                break
        self._drop_read()
        return events

    def _drop_read(self) -> None:
        if not self._at:
            return
        del self._buffer[: self._at]
        del self._xors[: self._at]
        found = self._stop[1]
        self._stop = (max(0, self._stop[0] - self._at), found - self._at if found >= self._at else -1)
        self._at = 0

    # Between sentences

    def _skip_text(self, events: list[Event], *, final: bool) -> bool:
        """Pass what is before the next ``$``; return False to wait for the rest of a line."""
        start = self._at
        dollar = self._buffer.find(_DOLLAR, start)
        end = len(self._buffer) if dollar < 0 else dollar
        line_end = self._buffer.find(b"\r\n", start, end)
        if line_end >= 0:
            self._at = line_end + 2
            self._free_text(events, start, line_end)
            return True
        if dollar < 0 and not final:
            if end - start < FREE_TEXT_BYTES_MAX + 2:
                return False
            if self._buffer[end - 1] == _CR:
                end -= 1  # may be half a line end
        self._drop(end)
        return True

    def _drop(self, end: int) -> None:
        """Pass bytes that are nothing."""
        self.counters["noise bytes"] += end - self._at
        self._at = end
        self._broken = True

    def _free_text(self, events: list[Event], start: int, end: int) -> None:
        line = bytes(self._buffer[start:end])
        broken, self._broken = self._broken, False
        if not line:
            return
        if not broken and len(line) <= FREE_TEXT_BYTES_MAX and not _STOP.search(line):
            events.append(FreeText(line))
        else:
            self.counters["noise bytes"] += len(line)

    # At a dollar sign

    def _take(self, events: list[Event], *, final: bool) -> bool:
        """Read what begins here; return False to wait for more bytes."""
        at, left = self._at, len(self._buffer) - self._at
        if bytes(self._buffer[at : at + 5]) in FRAME_HEADERS:
            return self._take_frame(events, 5, final=final)
        if bytes(self._buffer[at : at + 6]) in BINARY_HEADERS:
            return self._take_frame(events, 6, final=final)
        if left < 7 and not final and _could_begin(bytes(self._buffer[at:])):
            return False
        if not _SENTENCE_START.match(self._buffer, at):
            self._drop(at + 1)
            return True
        return self._take_sentence(events, final=final)

    def _take_frame(self, events: list[Event], header_size: int, *, final: bool) -> bool:
        at, left = self._at, len(self._buffer) - self._at
        if left < header_size + 2:
            return self._incomplete(events, final=final)
        size = int.from_bytes(self._buffer[at + header_size : at + header_size + 2])
        if not FRAME_BYTES_MIN <= size <= FRAME_BYTES_MAX:
            return self._reject(events, "bad length", at + header_size + 2)
        if left < size:
            return self._incomplete(events, final=final)
        if self._xors[at + size] != self._xors[at]:
            return self._reject(events, "bad checksum", at + size)
        try:
            frame = frame_of(bytes(self._buffer[at : at + size]))
        except FrameError as error:
            return self._reject(events, error.reason, at + size)
        return self._accept(events, frame, at + size)

    def _take_sentence(self, events: list[Event], *, final: bool) -> bool:
        at = self._at
        stop = self._find_stop()
        if stop < 0:
            if len(self._buffer) - at >= self._max_buffer:
                return self._reject(events, "too long", at + 6)
            return self._incomplete(events, final=final)
        end = stop + 2
        if end - at > self._max_buffer:
            return self._reject(events, "too long", at + 6)
        star = _CHECKSUM.search(self._buffer, max(at, stop - 3), stop) if self._buffer[stop] == _CR else None
        if star is None:
            return self._reject(events, "bad envelope", stop)
        if self._xors[star.start()] ^ self._xors[at + 1] != int(star[1], 16):
            return self._reject(events, "bad checksum", end)
        return self._accept(events, self._sentence(bytes(self._buffer[at:end])), end)

    def _accept(self, events: list[Event], event: Event, end: int) -> bool:
        events.append(event)
        self._at = end
        self._broken = False
        return True

    def _sentence(self, line: bytes) -> Event:
        head = line[1:6].decode("ascii")
        if head[:2] in NMEA_TALKERS and head[2:] in NMEA_KINDS:
            return NmeaSentence(line)
        try:
            value = sentence_of(line)
        except FrameError as error:
            self.counters[error.reason] += 1
            return Reject(error.reason, line)
        if isinstance(value, VendorSentence):
            self.counters["unknown sentence"] += 1
            return Unknown(head, line)
        return value

    def _find_stop(self) -> int:
        """Return where the line that begins here ends, or a byte that ends it; each byte is searched once."""
        searched_to, found = self._stop
        if found >= self._at:
            return found
        match = _STOP.search(self._buffer, max(self._at, searched_to))
        if match is None:
            # A CR at the very end may be half a line end, so it is looked at again.
            self._stop = (max(self._at, len(self._buffer) - 1), -1)
            return -1
        self._stop = (match.start(), match.start())
        return match.start()

    # Failing

    def _incomplete(self, events: list[Event], *, final: bool) -> bool:
        return final and self._reject(events, "incomplete", len(self._buffer))

    def _reject(self, events: list[Event], reason: str, end: int) -> bool:
        """Drop one byte and say why; ``end`` is how much of it to show."""
        self.counters[reason] += 1
        events.append(Reject(reason, bytes(self._buffer[self._at : min(end, self._at + FREE_TEXT_BYTES_MAX)])))
        self._at += 1
        self._broken = True
        return True


def _could_begin(head: bytes) -> bool:
    """Tell whether these first bytes may still become a frame or sentence."""
    return re.fullmatch(rb"\$[A-Z0-9]{0,5}[,*]?", head) is not None or any(
        header.startswith(head[:6]) for header in BINARY_HEADERS
    )
