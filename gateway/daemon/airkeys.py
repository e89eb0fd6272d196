"""Keys in use between gateways: rotated, revoked, given to a group, over the air and by the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.air.sessions import EPOCH_WALL_S, PEERS_MAX, NoKey
from gateway.observe.log import logger
from gateway.security.errors import SecurityError
from gateway.security.importing import Incoming as ImportedKey
from gateway.security.importing import import_keys
from gateway.security.keys import GroupKey as HeldGroupKey
from gateway.security.revoked import Revocation, revoke
from gateway.security.secret import Secret
from protocols.record.address import EVERYBODY
from protocols.record.errors import NotConfirmed
from protocols.record.keys import GroupSeed
from protocols.record.keytransport import GroupKey
from protocols.record.limits import Alarm
from protocols.record.notice import BeginSession, Revoked, UseLongTags

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gateway.air.incoming import Taken
    from gateway.air.peers import Peer
    from gateway.air.sessions import Sessions
    from gateway.daemon.aircontrol import ControlQueue
    from gateway.security.keyring import Keyring
    from gateway.store.outbox import Outbox

log = logger("gateway.air")


class AirKeys:
    """Changes keys and trust. Runs on the store's thread; key files are written before anything is told."""

    def __init__(
        self,
        keys: Keyring,
        folder: Path,
        sessions: Sessions,
        control: ControlQueue,
        *,
        upstream: str | None,
        entropy: Callable[[int], bytes],
        wall_s: Callable[[], float],
    ) -> None:
        self._keys = keys
        self._folder = folder
        self._sessions = sessions
        self._control = control
        self._upstream = upstream
        self._entropy = entropy
        self._wall_s = wall_s

    # By the command line

    def rotate(self, outbox: Outbox, peer_id: int) -> str:
        """Go on to the next key generation with a peer; return what came of it. Raise NoKey."""
        if self._keys.pair_secret(peer_id) is None:
            raise NoKey(f"no key is held for address {peer_id:#x}; see: yizhan key list")
        try:
            session = self._sessions.rotate(outbox, peer_id)
        except NotConfirmed:
            self._sessions.renew(outbox, peer_id)
            return "session begun anew: the peer was not known to follow"
        return f"generation {session.generation}"

    def reload(self) -> None:
        """Read the key files again; raise SecurityError, and everything stays as it was."""
        self._keys.reload()
        self._sessions.keys_changed()

    def revoke(self, outbox: Outbox, address: int, now_s: float) -> int:
        """Make a revocation take effect here and tell every other peer; return how many are told.

        The key files already say so. The group gets a new key, one by one, without whoever was revoked.
        """
        self.reload()
        self._sessions.forget(address)
        for part in ("send", "transfers", "control"):  # what was heard stays known: a recording must not count again
            outbox.air_state_drop(address, part)
        if self._keys.group(EVERYBODY) is not None:
            self.new_group_key(outbox, now_s)
        others = self._others(outbox, but=address)
        for peer_id in others:
            self._control.put(outbox, peer_id, Revoked(self._sessions.serial(outbox, peer_id), (address,)), now_s)
        return len(others)

    def new_group_key(self, outbox: Outbox, now_s: float) -> int:
        """Make the next key of everybody's group, kept on disk first, and send it to every peer; return to how many."""
        held = self._keys.group(EVERYBODY)
        generation = 0 if held is None else (held.generation + 1) % 256
        serial = max(1 if held is None else held.serial + 1, int(self._wall_s()) - EPOCH_WALL_S)
        after = HeldGroupKey(EVERYBODY, generation, Secret(self._entropy(GroupSeed.SIZE)), serial)
        import_keys(self._folder, [ImportedKey(after, "made here")], replace=True, force=True)
        self.reload()
        others = self._others(outbox)
        for peer_id in others:
            seed = GroupSeed(after.secret.reveal())
            key = GroupKey(self._sessions.serial(outbox, peer_id), EVERYBODY, generation, seed)
            self._control.put(outbox, peer_id, key, now_s)
        self._sessions.renew(outbox, EVERYBODY)
        return len(others)

    def _others(self, outbox: Outbox, *, but: int | None = None) -> list[int]:
        """Return the peers that were heard and have a key."""
        heard = (peer for peer, _ in outbox.air_states("receive", PEERS_MAX))
        return [peer for peer in heard if peer != but and self._keys.pair_secret(peer) is not None]

    # Over the air

    def heed(self, outbox: Outbox, taken: Taken) -> None:
        """Do what an authentic notice or key transport asks for. Keys and revocations come from above only."""
        match taken.told:
            case BeginSession():
                self._sessions.renew(outbox, taken.peer.id)
            case UseLongTags():
                self._sessions.only_long_tags(outbox, taken.peer.id)
            case Revoked() as notice if taken.peer.name == self._upstream:
                self._take_revocation(notice)
            case GroupKey() as key if taken.peer.name == self._upstream:
                self._take_group_key(key)
            case _:
                return

    def alarm(self, outbox: Outbox, peer: Peer, alarm: str, now_s: float) -> None:
        """Tell people, and tell the peer what it can do: send longer tags, or begin a session under another key."""
        log.error("air alarm", peer=peer.name, what=alarm)
        serial = self._sessions.serial(outbox, peer.id)
        notice = UseLongTags(serial) if alarm == Alarm.SHORT_TAGS_REFUSED else BeginSession(serial)
        self._control.put(outbox, peer.id, notice, now_s)

    def _take_revocation(self, notice: Revoked) -> None:
        try:
            for address in notice.addresses:
                if address != self._keys.own_id:
                    revoke(self._folder, Revocation(address, notice.serial, f"told by {self._upstream}"))
            self.reload()
        except SecurityError as error:
            log.error("revocation not kept", why=str(error))
            return
        for address in notice.addresses:
            self._sessions.forget(address)
        log.warning("revoked from above", addresses=[f"{address:#x}" for address in notice.addresses])

    def _take_group_key(self, key: GroupKey) -> None:
        try:
            held = HeldGroupKey(key.group, key.generation, Secret(key.seed.material), key.serial)
            import_keys(self._folder, [ImportedKey(held, f"from {self._upstream}")], replace=True)
            self.reload()
        except SecurityError as error:
            log.error("group key not kept", why=str(error))
