"""Putting keys into a keys directory: all of them or none, and nothing that takes a step back unless told to."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.security.contents import (
    FILES_MAX,
    PEERS_FILE,
    HeldGroup,
    HeldPair,
    group_file_name,
    pair_file_name,
    read_contents,
)
from gateway.security.errors import ImportRefused
from gateway.security.keyfile import format_key
from gateway.security.keys import End, GroupKey, Key, PairKey, RootKey, hex_id, issued
from gateway.security.private import PrivateDirectory, make_private_directory
from gateway.security.stations import STATIONS_MAX, Station, format_stations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gateway.security.contents import Contents

REFUSALS_SHOWN_MAX = 20


class Outcome(enum.StrEnum):
    """What an import did with a key."""

    NEW = "new"
    REPLACED = "replaced"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A key and where it came from, for texts."""

    key: Key
    where: str


@dataclass(frozen=True, slots=True)
class Imported:
    """A key as it is in the directory now."""

    key: PairKey | GroupKey
    outcome: Outcome
    path: Path


def import_keys(
    directory: Path, incoming: Sequence[Incoming], *, force: bool = False, replace: bool = False
) -> list[Imported]:
    """Put keys into a keys directory, which is made when it is not there, and return what became of each.

    Raise ImportRefused, having changed nothing, for a key of another gateway, a revoked id, a name in use, an older
    generation (``force`` lets it pass) or another secret (``replace`` lets it pass); KeyringError and KeyFileError as the
    directory gives cause.
    """
    make_private_directory(directory)
    with PrivateDirectory(directory) as locked:
        contents = read_contents(directory)
        checking = _Checking(contents, directory, force=force, replace=replace)
        for one in incoming:
            checking.take(one)
        checking.end()
        for imported in checking.accepted:
            if imported.outcome is not Outcome.SAME:
                locked.write(imported.path.name, format_key(imported.key), replace=True)
    return checking.accepted


def import_stations(directory: Path, stations: Sequence[Station], *, replace: bool = False) -> tuple[int, int]:
    """Merge a list of peers into ``peers.csv``; return how many are new or changed, and how many there are then.

    Raise ImportRefused, having changed nothing, for an id with another name or suite, or a name with another id, than is
    there already; ``replace`` lets that pass.
    """
    make_private_directory(directory)
    with PrivateDirectory(directory) as locked:
        there = dict(read_contents(directory).stations)
        id_of = {one.end.name.casefold(): number for number, one in there.items()}
        refusals, changed = [], 0
        for one in stations:
            end, known = one.end, there.get(one.end.id)
            if known == one:
                continue
            other = id_of.get(end.name.casefold(), end.id)
            if not replace and (known is not None or other != end.id):
                was = there[other] if known is None else known
                refusals.append(
                    f"{end}, suite {one.suite}: there is {was.end}, suite {was.suite}; --replace takes the new one"
                )
                continue
            if other != end.id:
                del there[other]
            there[end.id], id_of[end.name.casefold()] = one, end.id
            changed += 1
        if len(there) > STATIONS_MAX:
            refusals.append(f"{len(there)} peers, at most {STATIONS_MAX} are kept; split them over several gateways")
        _refuse(refusals)
        if changed:
            locked.write(PEERS_FILE, format_stations(list(there.values())), replace=True)
    return changed, len(there)


class _Checking:
    """Judges keys one after another, each against the directory and the ones before it."""

    def __init__(self, contents: Contents, directory: Path, *, force: bool, replace: bool) -> None:
        self._contents, self._directory, self._force, self._replace = contents, directory, force, replace
        self._own: End | None = contents.own
        self._pairs = dict(contents.pairs)
        self._groups = dict(contents.groups)
        self._id_of = {held.key.peer.name.casefold(): number for number, held in contents.pairs.items()}
        self._files = len(contents.pairs) + len(contents.groups)
        self._refusals: list[str] = []
        self.accepted: list[Imported] = []

    def take(self, one: Incoming) -> None:
        """Accept one key or note why not."""
        key = one.key
        if isinstance(key, RootKey):
            why: str | None = (
                "a root key, which no gateway imports; a hub that derives keys names its file in the configuration"
            )
        elif isinstance(key, PairKey):
            why = self._take_pair(key)
        else:
            why = self._take_group(key)
        if why is not None:
            self._refusals.append(f"{one.where}: {why}")

    def end(self) -> None:
        """Raise ImportRefused when anything was refused."""
        if self._files > FILES_MAX:
            self._refusals.append(f"{self._directory}: {self._files} keys, at most {FILES_MAX} are kept in files")
        _refuse(self._refusals)

    def _take_pair(self, key: PairKey) -> str | None:
        if (why := self._not_for_us(key)) is not None:
            return why
        there = self._pairs.get(key.peer.id)
        outcome = Outcome.NEW
        if there is not None:
            if there.key == key:
                outcome = Outcome.SAME
            elif (why := self._step_back(key, there.key, f"a key with {key.peer}")) is not None:
                return why
            else:
                outcome = Outcome.REPLACED
        path = self._directory / pair_file_name(key) if there is None else there.path
        self._own = self._own or key.own
        self._pairs[key.peer.id] = HeldPair(key, path)
        self._id_of[key.peer.name.casefold()] = key.peer.id
        self._files += there is None
        self.accepted.append(Imported(key, outcome, path))
        return None

    def _not_for_us(self, key: PairKey) -> str | None:
        if self._own is not None and key.own.id != self._own.id:
            swapped = "; it is the other end's copy" if key.peer.id == self._own.id else ""
            return f"a key of {key.own}, and these are the keys of {self._own}{swapped}; take the file made for {self._own.name}"
        if key.peer.id in self._contents.revoked:
            gone = self._contents.revoked[key.peer.id]
            return (
                f"{key.peer} was revoked on {issued(gone.serial):%Y-%m-%d}{f' ({gone.reason})' if gone.reason else ''}; "
                "issue it a key under a new id"
            )
        other = self._id_of.get(key.peer.name.casefold(), key.peer.id)
        if other != key.peer.id:
            return f"the name {key.peer.name} is that of {hex_id(other)} already; issue the key with another name"
        return None

    def _take_group(self, key: GroupKey) -> str | None:
        there = self._groups.get(key.group_id)
        outcome = Outcome.NEW
        if there is not None:
            if there.key == key:
                outcome = Outcome.SAME
            elif (why := self._group_step_back(key, there.key)) is not None:
                return why
            else:
                outcome = Outcome.REPLACED
        path = self._directory / group_file_name(key) if there is None else there.path
        self._groups[key.group_id] = HeldGroup(key, path)
        self._files += there is None
        self.accepted.append(Imported(key, outcome, path))
        return None

    def _group_step_back(self, key: GroupKey, there: GroupKey) -> str | None:
        if key.generation > there.generation:
            return None  # each generation of a group has a secret of its own
        return self._step_back(key, there, f"a key of group {hex_id(key.group_id)}")

    def _step_back(self, key: PairKey | GroupKey, there: PairKey | GroupKey, what: str) -> str | None:
        older_generation = key.generation < there.generation
        if key.secret != there.secret and not (older_generation and isinstance(key, GroupKey)):
            if self._replace:
                return None
            return (
                f"{what} with another secret is there (fingerprint {there.secret.fingerprint()}, issued "
                f"{issued(there.serial):%Y-%m-%d}; this one {key.secret.fingerprint()}, {issued(key.serial):%Y-%m-%d}); "
                "--replace takes this one, and the other end must do so too"
            )
        if self._force or (key.generation, key.serial) >= (there.generation, there.serial):
            return None
        what_is_newer = (
            f"generation {there.generation}" if older_generation else f"issued {issued(there.serial):%Y-%m-%d %H:%M}"
        )
        return f"{what} that is newer is there ({what_is_newer}); --force takes this one all the same"


def _refuse(refusals: list[str]) -> None:
    if refusals:
        more = len(refusals) - REFUSALS_SHOWN_MAX
        raise ImportRefused("; ".join(refusals[:REFUSALS_SHOWN_MAX]) + (f"; and {more} more" if more > 0 else ""))
