"""One resynchronising reader for all three protocols on one port (reference/beidou.md section 1.4)."""

from collections import Counter
from dataclasses import dataclass

from protocols.beidou.frame40 import Frame40
from protocols.beidou.sentence import SENTENCE_BYTES_MAX, Sentence

FRAME40_BYTES_MAX = 1024
"""Longest 4.0 or XST frame believed."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Bytes that were no sentence or frame, and why."""

    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Unknown:
    """A sentence or frame with a good checksum and an id we do not know: counted, not an error. ``kind`` e.g. ``BDSNR``."""

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
        self._max_buffer = max_buffer

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes and return what they complete."""
        raise NotImplementedError

    def flush(self) -> list[Event]:
        """Give up on a partial frame after silence: rescan what waits behind its ``$`` and return what that completes."""
        raise NotImplementedError
