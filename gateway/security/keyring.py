"""All keys of one gateway: who it is, and which key to use with whom. A revoked id has no key, whatever a file says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.security.contents import read_contents
from gateway.security.errors import KeyringError, SecurityError
from gateway.security.keyfile import read_root
from gateway.security.keys import End, GroupKey, PairKey, check_two, unnamed
from gateway.security.revoked import read_revoked
from gateway.security.secret import Secret
from protocols.record.address import ADDRESS_MAX, AddressKind, kind_of
from protocols.record.keys import RootSecret, pair_secret

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.security.contents import Contents
    from gateway.security.keys import RootKey

_SINGLE = {AddressKind.GATEWAY, AddressKind.DEVICE}


class Keyring:
    """Answers from memory; files are read when it is made and at `reload`, which both raise KeyringError.

    ``own`` is who this gateway is where the configuration says so; else the key files must tell. ``root_file`` lets a hub
    derive the key of every peer that has no file of its own; ``root_is_credential`` allows that file the access list of a
    credential from systemd, which shows as mode 0440.
    """

    def __init__(
        self,
        directory: Path,
        *,
        own: End | None = None,
        root_file: Path | None = None,
        root_is_credential: bool = False,
    ) -> None:
        self._directory = directory
        self._given_own = own
        self._root_file = root_file
        self._root_is_credential = root_is_credential
        self._own, self._root, self._contents = self._read()

    def reload(self) -> None:
        """Read everything again. When that fails, everything stays as it was."""
        self._own, self._root, self._contents = self._read()

    def reload_revoked(self) -> None:
        """Read only the list of revoked ids again, which is quick also on a hub; raise KeyringError."""
        try:
            self._contents = replace(self._contents, revoked=read_revoked(self._directory))
        except SecurityError as error:
            why = str(error)
        else:
            return
        raise KeyringError(why)

    @property
    def own_id(self) -> int:
        """Our own air id."""
        return self._own.id

    @property
    def own_name(self) -> str:
        """Our own name."""
        return self._own.name

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with single files: a sentence each, for the log and for ``yizhan key list``."""
        return self._contents.faults

    @property
    def derives(self) -> bool:
        """Whether there is a root, so that every peer that is not revoked has a key."""
        return self._root is not None

    def pair(self, peer_id: int) -> PairKey | None:
        """Return the key shared with a peer, None when there is none or the id is revoked or no id."""
        if peer_id in self._contents.revoked or peer_id == self._own.id:
            return None
        held = self._contents.pairs.get(peer_id)
        if held is not None:
            return held.key
        if self._root is None or not 0 < peer_id <= ADDRESS_MAX or kind_of(peer_id) not in _SINGLE:
            return None
        station = self._contents.stations.get(peer_id)
        peer = End(peer_id, unnamed(peer_id)) if station is None else station.end
        suite = 1 if station is None else station.suite
        return derived_pair(self._root, self._own, peer, suite=suite, serial=self._root.serial)

    def pair_secret(self, peer_id: int) -> bytes | None:
        """Return the 32 bytes shared with a peer, None as in `pair`."""
        key = self.pair(peer_id)
        return None if key is None else key.secret.reveal()

    def group(self, group_id: int) -> GroupKey | None:
        """Return the latest key of a group, None when there is none."""
        held = self._contents.groups.get(group_id)
        return None if held is None else held.key

    def peer_id(self, name: str) -> int | None:
        """Return the id of a peer by its name, also of a revoked one; None for a name that is not known."""
        return self._contents.id_of.get(name)

    def name_of(self, peer_id: int) -> str | None:
        """Return a peer's name, None when it is not known here."""
        return self._contents.name_of(peer_id)

    def is_revoked(self, peer_id: int) -> bool:
        """Tell whether an id has been revoked."""
        return peer_id in self._contents.revoked

    def _read(self) -> tuple[End, RootKey | None, Contents]:
        contents = read_contents(self._directory, self._given_own)
        if contents.own is None:
            raise KeyringError(
                f"{self._directory}: no key here says which gateway this is; import one, or write it into the configuration"
            )
        if self._root_file is None:
            return contents.own, None, contents
        try:
            return contents.own, read_root(self._root_file, group_may_read=self._root_is_credential), contents
        except SecurityError as error:
            why = str(error)
        raise KeyringError(why)


def derived_pair(root: RootKey, own: End, peer: End, *, serial: int, suite: int = 1, generation: int = 0) -> PairKey:
    """Return the key of two ends as the root gives it; the same secret whenever and wherever. Raise KeyValueError."""
    check_two(own, peer)
    secret = pair_secret(RootSecret(root.secret.reveal()), own.id, peer.id)
    return PairKey(own, peer, Secret(secret.material), serial, suite, generation)
