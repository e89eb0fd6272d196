"""Ids whose keys no longer count, whatever else says otherwise: the file ``revoked`` in the keys directory.

    # Stations whose keys no longer count. Written by: yizhan key revoke
    format = "yizhan-revoked-1"
    0x000107 2026-05-12T03:00:00Z lost in the flood
    check = "…16 hexadecimal digits…"

A file that is damaged is an error for the whole keyring: to read over it would give a lost vehicle its key back.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.observe.escape import printable
from gateway.security.checked import with_check, without_check
from gateway.security.errors import KeyFileError, KeyFileMissing, KeyValueError
from gateway.security.keys import check_single_id, hex_id, issued, parse_id, serial_at
from gateway.security.private import PrivateDirectory, read_private

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE_NAME = "revoked"
REVOKED_MAX = 100_000
REVOKED_BYTES_MAX = 32_000_000
REASON_CHARS_MAX = 60
FORMAT = "yizhan-revoked-1"

_LINE = re.compile(r"(0x[0-9a-f]{6}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (.*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Revocation:
    """An id that has no key any more, since when (a serial: seconds since 2020) and why."""

    id: int
    serial: int
    reason: str

    def __post_init__(self) -> None:
        check_single_id(self.id)
        if len(self.reason) > REASON_CHARS_MAX or self.reason != printable(self.reason).strip():
            raise KeyValueError(f"reason: at most {REASON_CHARS_MAX} visible characters on one line")


def format_revoked(revocations: Iterable[Revocation]) -> bytes:
    """Return the file."""
    lines = [f"{hex_id(one.id)} {issued(one.serial):%Y-%m-%dT%H:%M:%SZ} {one.reason}" for one in revocations]
    head = ["# Stations whose keys no longer count. Written by: yizhan key revoke", f'format = "{FORMAT}"']
    return with_check("\n".join([*head, *lines]) + "\n")


def parse_revoked(raw: bytes, where: str) -> dict[int, Revocation]:
    """Return the revocations by id; raise KeyFileError when anything is not as it was written."""
    lines = without_check(raw, where).removesuffix("\n").split("\n")
    if lines[1:2] != [f'format = "{FORMAT}"']:
        raise KeyFileError(f'{where}: its second line is not format = "{FORMAT}"; install a newer yizhan?')
    found: dict[int, Revocation] = {}
    for number, line in enumerate(lines[2:], 3):
        match = _LINE.fullmatch(line)
        if match is None:
            raise KeyFileError(f"{where}: line {number}: no id, time and reason; take another copy of the file")
        try:
            moment = datetime.strptime(match[2], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            one = Revocation(parse_id(match[1]), serial_at(moment), match[3])
        except ValueError as error:
            raise KeyFileError(f"{where}: line {number}: {error}") from None
        found[one.id] = one
    return found


def read_revoked(directory: Path) -> dict[int, Revocation]:
    """Return what is revoked in a keys directory, nothing when there is no such file; raise KeyFileError."""
    path = directory / FILE_NAME
    try:
        raw = read_private(path, REVOKED_BYTES_MAX)
    except KeyFileMissing:
        if os.path.lexists(path):  # a link that leads nowhere: somebody meant there to be a list
            raise
        return {}
    return parse_revoked(raw, str(path))


def revoke(directory: Path, revocation: Revocation) -> Revocation:
    """Have the revocation on disk and return it, or the one that was there already; raise KeyFileError."""
    with PrivateDirectory(directory) as locked:
        known = read_revoked(directory)
        if revocation.id in known:
            return known[revocation.id]
        if len(known) >= REVOKED_MAX:
            raise KeyFileError(
                f"{directory / FILE_NAME}: {REVOKED_MAX} stations are revoked, which is the most; it is time for a new root"
            )
        locked.write(FILE_NAME, format_revoked([*known.values(), revocation]), replace=True)
    return revocation


def lift(directory: Path, number: int) -> bool:
    """Take a revocation back, durably; tell whether there was one. For a mistake: a station that was lost gets a new id."""
    with PrivateDirectory(directory) as locked:
        known = read_revoked(directory)
        if known.pop(number, None) is None:
            return False
        locked.write(FILE_NAME, format_revoked(known.values()), replace=True)
    return True
