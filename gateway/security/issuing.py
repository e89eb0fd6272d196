"""Pair keys from the root, in directories to carry to each end.

OUT/
  vehicle-7/vehicle-7--hub.key      for vehicle-7: its key for talking with the hub
  hub/hub--vehicle-7.key            for the hub: the same key, seen from its side
  hub/peers.csv                     instead of those, for a hub that derives keys: names and ids only
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from gateway.security.contents import FILES_MAX, KEY_SUFFIX, PEERS_FILE
from gateway.security.errors import IssueRefused, KeyFileError, KeyFileExists
from gateway.security.keyfile import format_key
from gateway.security.keyring import derived_pair
from gateway.security.private import PrivateDirectory, make_private_directory
from gateway.security.stations import format_stations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gateway.security.keys import End, PairKey, RootKey
    from gateway.security.stations import Station


def end_path(out: Path, key: PairKey) -> Path:
    """Return where the file for a key's own end goes."""
    return out / key.own.name / f"{key.own.name}--{key.peer.name}{KEY_SUFFIX}"


def write_both(out: Path, key: PairKey) -> tuple[Path, Path]:
    """Write the file of the peer (the field side) and of ``own``, and return both paths; raise KeyFileError.

    Nothing is overwritten.
    """
    ends = key.mirrored(), key
    paths = end_path(out, ends[0]), end_path(out, ends[1])
    for path in paths:
        if os.path.lexists(path):
            raise KeyFileExists(f"{path}: is there already and is not overwritten; move it away or name another --out")
    for end, path in zip(ends, paths, strict=True):
        _write(path, end)
    return paths


def issue_all(
    out: Path, root: RootKey, own: End, stations: Sequence[Station], *, serial: int, names_only: bool = False
) -> Iterator[PairKey]:
    """Write the keys of all stations into ``out`` and yield each as ``own`` holds it, for a progress bar.

    ``out`` appears when all of it is there: who stops early, or loses power, has nothing. With ``names_only`` the own side
    gets the list of peers and one key, which says who it is, instead of all keys. Raise IssueRefused before anything is written, KeyFileError later.
    """
    if len(stations) > FILES_MAX and not names_only:
        raise IssueRefused(
            f"{len(stations)} stations, and a gateway reads at most {FILES_MAX} key files; with --names-only {own.name} gets "
            "their names and derives the keys from the root"
        )
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise IssueRefused(f"{out}: is there already; name a directory that is not there yet")
    return _issued(out, root, own, stations, serial, names_only=names_only)


def _issued(
    out: Path, root: RootKey, own: End, stations: Sequence[Station], serial: int, *, names_only: bool
) -> Iterator[PairKey]:
    aside = out.absolute().with_name(f".{out.absolute().name}.issuing")
    shutil.rmtree(aside, ignore_errors=True)  # left by a power cut; what is in it was never handed out
    try:
        make_private_directory(aside)
        for number, station in enumerate(stations):
            key = derived_pair(root, own, station.end, serial=serial, suite=station.suite)
            _write(end_path(aside, key.mirrored()), key.mirrored(), flush=False)
            if not names_only or number == 0:
                _write(end_path(aside, key), key, flush=False)
            yield key
        if names_only:
            with PrivateDirectory(aside / own.name) as locked:
                locked.write(PEERS_FILE, format_stations(list(stations)))
        _appear(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(path: Path, key: PairKey, *, flush: bool = True) -> None:
    make_private_directory(path.parent)
    with PrivateDirectory(path.parent) as locked:
        locked.write(path.name, format_key(key), flush=flush)


def _appear(aside: Path, out: Path) -> None:
    """Give the finished directory its name, durably."""
    try:
        os.sync()  # all files at once: a flush each takes ten times as long on a card
        aside.replace(out)
        above = os.open(aside.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(above)
        finally:
            os.close(above)
    except OSError as error:
        why = error.strerror
    else:
        return
    raise KeyFileError(f"{out}: cannot be written: {why}")
