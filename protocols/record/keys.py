"""From the root secret to the key of a session, all by HKDF-SHA256 (RFC 5869).

    root secret -- pair secret -+- hello key of a direction
                                +- chain secret of a direction, generation 0 -- 1 -- 2 ...
    group secret ---------------+- hello key of a sender to the group        |
                                +- chain secret of a sender, generation 0    +- key and static IV of a session

A chain goes forward only: who forgets generation 0 to 4 and holds 5 cannot read what was sent under 4. The name of each
step and the addresses are in ``info``, so no two steps give the same bytes. No ``repr`` shows a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocols.record.address import Ends, check_group, check_single
from protocols.record.errors import Malformed
from protocols.record.suite import KEY_BYTES, STATIC_IV_BYTES, Suite

SECRET_BYTES = 32
GROUP_SEED_BYTES = 16
"""What of a group secret travels in a key transport; the rest is derived."""
GENERATION_MAX = 0xFFFF
GROUP_GENERATION_MAX = 0xFF
SALT_MAX = 0xFFFFFFFF
GENERATIONS_AHEAD_MAX = 1024
"""How many steps a chain is advanced at once: 84 years of monthly rotation, 10 ms of work."""

_INFO = b"yizhan/1 "
"""Begins every info string, so that another protocol with the same secret derives other keys."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Bytes that nobody else may see."""

    SIZE: ClassVar[int] = SECRET_BYTES

    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) != self.SIZE:
            raise Malformed("bad secret", f"{type(self).__name__} has {len(self.material)} bytes, not {self.SIZE}")


@dataclass(frozen=True, slots=True)
class RootSecret(Secret):
    """From which the pair secrets of a network are derived; best kept away from the daemon."""


@dataclass(frozen=True, slots=True)
class PairSecret(Secret):
    """Shared by two addresses."""


@dataclass(frozen=True, slots=True)
class GroupSeed(Secret):
    """The 16 bytes of a group key as they travel."""

    SIZE: ClassVar[int] = GROUP_SEED_BYTES


@dataclass(frozen=True, slots=True)
class GroupSecret(Secret):
    """Shared by the members of a group; ``generation`` (0 to 255) counts up when a member leaves."""

    group: int
    generation: int

    def __post_init__(self) -> None:
        Secret.__post_init__(self)
        check_group(self.group)
        if not 0 <= self.generation <= GROUP_GENERATION_MAX:
            raise Malformed("bad generation", f"found group generation {self.generation}, it is one byte")


@dataclass(frozen=True, slots=True)
class ChainSecret(Secret):
    """One generation of one direction's chain."""

    generation: int

    def __post_init__(self) -> None:
        Secret.__post_init__(self)
        check_generation(self.generation)

    def next(self) -> ChainSecret:
        """Return the next generation; this one can then be forgotten. Raise Malformed after the last, 65535."""
        return ChainSecret(derive(self.material, b"next"), self.generation + 1)

    def at(self, generation: int) -> ChainSecret | None:
        """Return a generation from this one to 1024 after it; None for one that cannot be reached from here."""
        if not self.generation <= generation <= min(self.generation + GENERATIONS_AHEAD_MAX, GENERATION_MAX):
            return None
        chain = self
        while chain.generation < generation:
            chain = chain.next()
        return chain


Chains = Callable[[int], ChainSecret | None]
"""Gives the chain secret of a direction at a generation, None when it is not held; ``ChainSecret.at`` is one."""


@dataclass(frozen=True, slots=True)
class HelloKey(Secret):
    """Seals hello frames of one direction by AES-SIV: 16 bytes for the synthetic IV, 16 for the encryption."""

    ends: Ends


@dataclass(frozen=True, slots=True)
class Session:
    """What tells one key from all others: direction, generation (16 bits), salt (32 bits, not 0), suite.

    The salt is the sender's time in seconds since 2020-01-01T00:00:00Z when the session was begun, and larger than all
    its salts before.
    """

    ends: Ends
    generation: int
    salt: int
    suite: Suite = Suite.AES_CCM

    def __post_init__(self) -> None:
        check_generation(self.generation)
        if not 0 < self.salt <= SALT_MAX:
            raise Malformed("bad salt", f"found {self.salt}, a salt is 1 to {SALT_MAX}; 0 means none")

    @property
    def odd(self) -> bool:
        """Bit E of every record: the lowest bit of the generation."""
        return bool(self.generation & 1)


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The key (16 bytes) and static IV (8 bytes) of a session."""

    session: Session
    key: bytes = field(repr=False)
    static_iv: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if (len(self.key), len(self.static_iv)) != (KEY_BYTES, STATIC_IV_BYTES):
            raise Malformed("bad secret", f"a session has {KEY_BYTES} bytes of key and {STATIC_IV_BYTES} of static IV")


def check_generation(generation: int) -> None:
    """Raise Malformed for what is no generation of a chain."""
    if not 0 <= generation <= GENERATION_MAX:
        raise Malformed("bad generation", f"found {generation}, a generation is 0 to {GENERATION_MAX}")


def derive(secret: bytes, info: bytes, *, salt: bytes = b"", size: int = SECRET_BYTES) -> bytes:
    """Return ``size`` bytes of HKDF-SHA256 of ``secret``, with ``yizhan/1 `` before ``info`` (RFC 5869, section 2)."""
    return HKDF(SHA256(), size, salt, _INFO + info).derive(secret)


def pair_secret(root: RootSecret, one: int, other: int) -> PairSecret:
    """Return the secret of two addresses, whichever is named first; raise Malformed for a group or twice the same."""
    check_single(one)
    check_single(other)
    ends = Ends(min(one, other), max(one, other))
    return PairSecret(derive(root.material, b"pair" + ends.to_bytes()))


def hello_key(secret: PairSecret | GroupSecret, ends: Ends) -> HelloKey:
    """Return the hello key of a direction; of a sender to a group from the group's secret."""
    _check_group_matches(secret, ends)
    return HelloKey(derive(secret.material, b"hello" + ends.to_bytes()), ends)


def first_chain(secret: PairSecret, ends: Ends) -> ChainSecret:
    """Return generation 0 of a direction between the two of a pair."""
    return ChainSecret(derive(secret.material, b"chain" + ends.to_bytes()), 0)


def sender_chain(secret: GroupSecret, ends: Ends) -> ChainSecret:
    """Return generation 0 of what one sender says to a group.

    Each sender has its own, since two that counted under one key would use the same nonces.
    """
    _check_group_matches(secret, ends)
    info = b"sender" + secret.group.to_bytes(2) + secret.generation.to_bytes(1) + ends.src.to_bytes(3)
    return ChainSecret(derive(secret.material, info), 0)


def group_secret(seed: GroupSeed, group: int, generation: int) -> GroupSecret:
    """Return the secret of a group from the 16 bytes that travelled."""
    check_group(group)
    if not 0 <= generation <= GROUP_GENERATION_MAX:
        raise Malformed("bad generation", f"found group generation {generation}, it is one byte")
    info = b"group" + group.to_bytes(2) + generation.to_bytes(1)
    return GroupSecret(derive(seed.material, info), group, generation)


def session_keys(chain: ChainSecret, session: Session) -> SessionKeys:
    """Return key and static IV of a session; raise Malformed when the chain is at another generation."""
    if chain.generation != session.generation:
        raise Malformed("bad generation", f"the chain is at {chain.generation}, the session at {session.generation}")
    derived = derive(
        chain.material,
        b"record" + session.suite.to_bytes(1) + session.ends.to_bytes(),
        salt=session.salt.to_bytes(4) + session.generation.to_bytes(2),
        size=KEY_BYTES + STATIC_IV_BYTES,
    )
    return SessionKeys(session, derived[:KEY_BYTES], derived[KEY_BYTES:])


def _check_group_matches(secret: PairSecret | GroupSecret, ends: Ends) -> None:
    if isinstance(secret, GroupSecret) and secret.group != ends.dst:
        raise Malformed("bad address", f"the secret is of group {secret.group:#x}, the direction goes to {ends.dst:#x}")
