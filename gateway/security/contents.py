"""What stands in a keys directory, read as a whole.

    keys/                    mode 0700
      pair-000107.key        one file a peer (any name that ends in .key will do)
      group-00ff01.key       one file a group
      peers.csv              names of gateways without a key file: a hub derives their keys, a relay only carries for them
      revoked                ids that have no key

A file that is damaged, open to others or in conflict with another one gives nobody a key; the rest is used, and ``faults``
says what to mend. What cannot be read around (the directory itself, the list of revoked ids, doubt about who we are) is
a KeyringError.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.security.errors import KeyFileError, KeyFileMissing, KeyringError, SecurityError
from gateway.security.keyfile import read_key
from gateway.security.keys import End, GroupKey, Key, PairKey, hex_id
from gateway.security.private import check_private_directory, read_private
from gateway.security.revoked import Revocation, read_revoked
from gateway.security.stations import LIST_BYTES_MAX, Station, parse_stations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY_SUFFIX = ".key"
PEERS_FILE = "peers.csv"
FILES_MAX = 10_000
"""Key files in one directory; a hub with more peers derives their keys from the root."""


@dataclass(frozen=True, slots=True)
class HeldPair:
    """A pair key and the file it is in."""

    key: PairKey
    path: Path


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """A group key and the file it is in."""

    key: GroupKey
    path: Path


@dataclass(frozen=True, slots=True)
class Contents:
    """One reading of a keys directory. ``own`` is None when nothing says who we are."""

    own: End | None
    pairs: Mapping[int, HeldPair]
    groups: Mapping[int, HeldGroup]
    stations: Mapping[int, Station]
    revoked: Mapping[int, Revocation]
    faults: tuple[str, ...]
    id_of: Mapping[str, int]

    def name_of(self, number: int) -> str | None:
        """Return what a peer is called: in its key file, else in the list of peers."""
        if number in self.pairs:
            return self.pairs[number].key.peer.name
        return self.stations[number].end.name if number in self.stations else None


def pair_file_name(key: PairKey) -> str:
    """Return the name under which a peer's key is kept."""
    return f"pair-{key.peer.id:06x}{KEY_SUFFIX}"


def group_file_name(key: GroupKey) -> str:
    """Return the name under which a group's key is kept."""
    return f"group-{key.group_id:06x}{KEY_SUFFIX}"


def read_contents(directory: Path, own: End | None = None) -> Contents:
    """Read a keys directory; ``own`` is who we are where the configuration says so. Raise KeyringError."""
    try:
        check_private_directory(directory)
        revoked = read_revoked(directory)
        paths = _key_paths(directory)
    except KeyFileMissing:
        why = f"{directory}: is not there; it is made when a key is imported: yizhan key import FILE --keys {directory}"
    except KeyFileError as error:
        why = str(error)
    else:
        reading = _Reading(own)
        for path in paths:
            reading.take_file(path)
        reading.settle_own(directory)
        reading.take_stations(directory / PEERS_FILE)
        return reading.contents(revoked)
    raise KeyringError(why)


def _key_paths(directory: Path) -> list[Path]:
    try:
        names = [path.name for path in directory.iterdir()]
    except OSError as error:
        why = f"{directory}: cannot be listed: {error.strerror}"
    else:
        paths = [directory / name for name in sorted(names) if name.endswith(KEY_SUFFIX) and not name.startswith(".")]
        if len(paths) <= FILES_MAX:
            return paths
        why = f"{directory}: {len(paths)} key files, at most {FILES_MAX} are read; derive keys from the root instead"
    raise KeyFileError(why)


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    own: End | None
    pairs: dict[int, HeldPair] = field(default_factory=dict)
    groups: dict[int, HeldGroup] = field(default_factory=dict)
    stations: dict[int, Station] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    owns: dict[int, HeldPair] = field(default_factory=dict)
    """Who the key files say we are, each with the file issued last."""
    doubtful: set[int] = field(default_factory=set)
    """Peers and groups with two different keys: they have none."""

    def take_file(self, path: Path) -> None:
        try:
            key: Key = read_key(path)
        except SecurityError as error:
            self.faults.append(str(error))
            return
        if isinstance(key, PairKey):
            self._take_pair(HeldPair(key, path))
        elif isinstance(key, GroupKey):
            self._take_group(HeldGroup(key, path))
        else:
            self.faults.append(
                f"{path}: a root key, which is not read from here; keep it elsewhere, best off this machine"
            )

    def _take_pair(self, held: HeldPair) -> None:
        key = held.key
        if self.own is not None and key.own.id != self.own.id:
            self.faults.append(
                f"{held.path}: a key of {key.own}, and this gateway is {self.own}; take it away from here"
            )
            return
        same_own = self.owns.setdefault(key.own.id, held)
        if key.serial > same_own.key.serial:
            self.owns[key.own.id] = held
        there = self.pairs.get(key.peer.id)
        if there is not None and there.key.secret != key.secret:
            self._doubt(key.peer.id, str(key.peer), there.path, held.path)
        elif there is None or _age(key) > _age(there.key):
            self.pairs[key.peer.id] = held

    def _take_group(self, held: HeldGroup) -> None:
        key = held.key
        there = self.groups.get(key.group_id)
        if there is not None and there.key.generation == key.generation and there.key.secret != key.secret:
            self._doubt(key.group_id, f"group {hex_id(key.group_id)}", there.path, held.path)
        elif there is None or _age(key) > _age(there.key):
            self.groups[key.group_id] = held

    def _doubt(self, number: int, who: str, one: Path, other: Path) -> None:
        self.doubtful.add(number)
        self.faults.append(f"{other}: another key of {who} than in {one.name}, so neither is used; take one away")

    def settle_own(self, directory: Path) -> None:
        """Find out who we are where nobody said so; raise KeyringError when the keys disagree."""
        if self.own is not None or not self.owns:
            return
        if len(self.owns) > 1:
            one, other = list(self.owns.values())[:2]
            raise KeyringError(
                f"{directory}: {one.path.name} is a key of {one.key.own}, {other.path.name} of {other.key.own}; one "
                "gateway has one id: take the wrong ones away"
            )
        [latest] = self.owns.values()
        self.own = latest.key.own

    def take_stations(self, path: Path) -> None:
        try:
            stations = parse_stations(read_private(path, LIST_BYTES_MAX), str(path))
        except KeyFileMissing:
            return
        except SecurityError as error:
            self.faults.append(str(error))
            return
        for station in stations:
            end = station.end
            if self.own is not None and (end.id == self.own.id or end.name.casefold() == self.own.name.casefold()):
                if end != self.own:
                    self.faults.append(f"{path}: {end} has our own id or name, we are {self.own}; correct the list")
                continue
            held = self.pairs.get(end.id)
            if held is not None and held.key.peer.name != end.name:
                self.faults.append(f"{path}: {end} is {held.key.peer.name} in {held.path.name}; correct the list")
                continue
            self.stations[end.id] = station

    def contents(self, revoked: dict[int, Revocation]) -> Contents:
        pairs = {number: held for number, held in self.pairs.items() if number not in self.doubtful}
        groups = {number: held for number, held in self.groups.items() if number not in self.doubtful}
        return Contents(
            self.own, pairs, groups, self.stations, revoked, id_of=self._names(pairs), faults=tuple(self.faults)
        )

    def _names(self, pairs: dict[int, HeldPair]) -> dict[str, int]:
        """Return ids by name; a name that two peers have stands for neither."""
        id_of = {station.end.name: number for number, station in self.stations.items()}
        twice = set()
        for number, held in pairs.items():
            name = held.key.peer.name
            if id_of.setdefault(name, number) != number:
                twice.add(name)
                self.faults.append(
                    f"{held.path}: {name} is the name of {hex_id(id_of[name])} too; use ids, or rename one"
                )
        for name in twice:
            del id_of[name]
        return id_of


def _age(key: PairKey | GroupKey) -> tuple[int, int]:
    return key.generation, key.serial
