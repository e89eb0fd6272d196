"""Notices that an older copy of the store was put back: a small file beside it that every reservation of counters changes.

A counter of the air format must never be used twice under one key, and a restored copy of the store does not know what
was used since it was made. The guard file carries the number of reservations so far, and the store carries the same
number with the file's inode and change time. Put back one of them and the numbers differ; put back both and the file is
another one, since no copying program can set a change time. A whole disk image put back under a running clock cannot be
seen from inside: docs/air-format.md says what to do then.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

GUARD_BYTES_MAX = 200


@dataclass(frozen=True, slots=True)
class GuardMark:
    """What the guard said when it was last written, and which file that was."""

    number: int
    """Reservations so far."""
    salt: int
    """Largest salt ever used by this gateway; a new session's must be larger even when the store is lost."""
    file: str = ""
    """Inode and change time; empty where there is no file."""


class Guard(Protocol):
    """Where the number is kept outside the store."""

    def read(self) -> GuardMark | None:
        """Return what it says; None when there is none or it is damaged."""

    def write(self, number: int, salt: int) -> GuardMark:
        """Write it durably; raise OSError when the disk does not take it."""


class FileGuard:
    """A file, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> GuardMark | None:
        """Read and check the file."""
        try:
            with self._path.open("rb") as file:
                text = file.read(GUARD_BYTES_MAX).decode("ascii")
                status = os.fstat(file.fileno())
            word, number, salt, crc = text.split()
            if word != "yizhan-guard-1" or int(crc) != zlib.crc32(f"{number} {salt}".encode()):
                return None
            return GuardMark(int(number), int(salt), _identity(status))
        except (OSError, ValueError):
            return None

    def write(self, number: int, salt: int) -> GuardMark:
        """Write aside, sync, rename, sync the folder."""
        aside = self._path.with_name(self._path.name + ".new")
        line = f"yizhan-guard-1 {number} {salt} {zlib.crc32(f'{number} {salt}'.encode())}\n"
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        aside.rename(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return GuardMark(number, salt, _identity(self._path.stat()))


class MemoryGuard:
    """A guard that is gone with the process: for stores that are no file on this machine's disk."""

    def __init__(self) -> None:
        self._mark: GuardMark | None = None

    def read(self) -> GuardMark | None:
        """Return what was written last."""
        return self._mark

    def write(self, number: int, salt: int) -> GuardMark:
        """Keep it."""
        self._mark = GuardMark(number, salt)
        return self._mark


def _identity(status: os.stat_result) -> str:
    return f"{status.st_ino}:{status.st_ctime_ns}"
