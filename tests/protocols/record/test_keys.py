"""Every key is another one, and none shows itself."""

import copy
import itertools
import pickle

import pytest

from protocols.record import keys
from protocols.record.address import EVERYBODY, Ends
from protocols.record.errors import Malformed
from protocols.record.keys import (
    GENERATION_MAX,
    GENERATIONS_AHEAD_MAX,
    ChainSecret,
    GroupSecret,
    GroupSeed,
    HelloKey,
    PairSecret,
    RootSecret,
    Session,
    SessionKeys,
)
from protocols.record.suite import Suite
from tests.protocols.record.helpers import DEVICE, FIELD, GROUP, HQ, ROOT, SALT, UP, chain_of, keys_of, pair_of

GROUP_SECRET = keys.group_secret(GroupSeed(bytes(16)), GROUP, 1)
TO_GROUP = Ends(HQ, GROUP)


def everything():
    """All secrets of a small network."""
    for src, dst in itertools.permutations((FIELD, HQ, DEVICE), 2):
        ends = Ends(src, dst)
        yield keys.hello_key(pair_of(ends), ends).material
        yield from (chain_of(ends).at(generation).material for generation in range(3))
        for generation, salt, suite in itertools.product((0, 1, 2), (SALT, SALT + 1), Suite):
            derived = keys_of(ends, generation, salt, suite)
            yield derived.key + derived.static_iv
        if src < dst:
            yield pair_of(ends).material
    for group, generation, src in itertools.product((GROUP, EVERYBODY), (0, 1), (FIELD, HQ)):
        secret, ends = keys.group_secret(GroupSeed(bytes(16)), group, generation), Ends(src, group)
        if src == HQ:
            yield secret.material
        yield keys.hello_key(secret, ends).material
        yield keys.sender_chain(secret, ends).material


def test_no_two_are_alike():
    """Each step, direction, generation, salt and suite gives other bytes."""
    found = list(everything())

    assert len(found) > 100
    assert len({secret[:16] for secret in found}) == len(found)


def test_a_pair_secret_is_the_same_from_both_ends():
    """Whoever is named first."""
    assert keys.pair_secret(ROOT, FIELD, HQ) == keys.pair_secret(ROOT, HQ, FIELD)


@pytest.mark.parametrize(("one", "other"), [(HQ, HQ), (HQ, GROUP), (EVERYBODY, HQ), (0, HQ)])
def test_only_two_single_addresses_are_a_pair(one, other):
    """A group has no pair secret, and nobody has one with itself."""
    with pytest.raises(Malformed):
        keys.pair_secret(ROOT, one, other)


@pytest.mark.parametrize(
    "secret",
    [
        RootSecret(b"SECRET!!" * 4),
        PairSecret(b"SECRET!!" * 4),
        GroupSeed(b"SECRET!!" * 2),
        GroupSecret(b"SECRET!!" * 4, GROUP, 0),
        ChainSecret(b"SECRET!!" * 4, 7),
        HelloKey(b"SECRET!!" * 4, UP),
        SessionKeys(Session(UP, 0, 1), b"SECRET!!" * 2, b"SECRET!!"),
    ],
    ids=lambda secret: type(secret).__name__,
)
def test_no_secret_is_printed(secret):
    """Neither repr, str, formatting nor an error's text shows key bytes."""
    shown = [repr(secret), str(secret), f"{secret}", repr([secret])]

    assert not any("SECRET" in text or b"SECRET".hex() in text for text in shown)
    assert copy.copy(secret) == secret == pickle.loads(pickle.dumps(secret))
    assert type(secret).__name__ in repr(secret)


@pytest.mark.parametrize("kind", [RootSecret, PairSecret, GroupSeed])
@pytest.mark.parametrize("size", [0, 15, 17, 31, 33])
def test_sizes(kind, size):
    """A secret of another size is refused, without its bytes in the text."""
    with pytest.raises(Malformed) as caught:
        kind(b"\xab" * size)
    assert "ab" * 3 not in str(caught.value)


def test_a_chain_goes_forward_only():
    """A generation from here to 1024 on is reached, an earlier or later one is not."""
    chain = chain_of().at(5)

    assert chain.at(5) == chain
    assert chain.at(7) == chain_of().next().next().next().next().next().next().next()
    assert chain.at(4) is None
    assert chain.at(5 + GENERATIONS_AHEAD_MAX).generation == 1029
    assert chain.at(6 + GENERATIONS_AHEAD_MAX) is None


def test_the_chain_ends():
    """Generation 65535 is the last."""
    last = ChainSecret(bytes(32), GENERATION_MAX)

    assert last.at(GENERATION_MAX) == last
    assert last.at(GENERATION_MAX + 1) is None
    with pytest.raises(Malformed):
        last.next()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Session(UP, 0, 0),
        lambda: Session(UP, 0, 1 << 32),
        lambda: Session(UP, GENERATION_MAX + 1, 1),
        lambda: Session(UP, -1, 1),
        lambda: GroupSecret(bytes(32), HQ, 0),
        lambda: GroupSecret(bytes(32), GROUP, 256),
        lambda: keys.group_secret(GroupSeed(bytes(16)), GROUP, 256),
        lambda: keys.group_secret(GroupSeed(bytes(16)), DEVICE, 0),
        lambda: keys.sender_chain(GROUP_SECRET, UP),
        lambda: keys.hello_key(GROUP_SECRET, Ends(HQ, EVERYBODY)),
        lambda: keys.session_keys(chain_of(), Session(UP, 1, SALT)),
        lambda: SessionKeys(Session(UP, 0, 1), bytes(15), bytes(8)),
    ],
)
def test_what_cannot_be(make):
    """Values out of their range, and secrets used for others than their own."""
    with pytest.raises(Malformed):
        make()


def test_group_generations():
    """0 to 255."""
    for generation in (0, 255):
        assert keys.group_secret(GroupSeed(bytes(16)), GROUP, generation).generation == generation


def test_parity():
    """Bit E is the lowest bit of the generation."""
    assert [Session(UP, generation, 1).odd for generation in range(4)] == [False, True, False, True]
