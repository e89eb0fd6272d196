"""The keyring: whose key it gives, and to whom it gives none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.security import contents
from gateway.security.errors import KeyringError
from gateway.security.keyring import Keyring, derived_pair
from gateway.security.keys import End, GroupKey
from gateway.security.revoked import Revocation, revoke
from gateway.security.secret import Secret
from gateway.security.stations import Station, format_stations
from protocols.record.keys import RootSecret
from protocols.record.keys import pair_secret as derive
from tests.gateway.security.values import HUB, OTHER, ROOT, SERIAL, key_of, put

GROUP = GroupKey(0xFF01, 2, Secret(bytes(16)), SERIAL)


@pytest.fixture
def keys(tmp_path):
    """A hub's directory with two peers and a group."""
    made = tmp_path / "keys"
    put(made, "pair-000107.key", key_of())
    put(made, "pair-000108.key", key_of(peer=OTHER))
    put(made, "group-00ff01.key", GROUP)
    return made


@pytest.fixture
def root_file(tmp_path):
    return put(tmp_path / "root", "root.key", ROOT)


def peers(keys, *stations):
    (keys / "peers.csv").write_bytes(format_stations(list(stations)))
    (keys / "peers.csv").chmod(0o600)


def test_peers_and_groups_are_found(keys):
    """By id and by name; our own id comes from the keys."""
    keyring = Keyring(keys)

    assert (keyring.own_id, keyring.own_name, keyring.faults, keyring.derives) == (1, "hub", (), False)
    assert keyring.pair(0x107) == key_of()
    assert keyring.pair_secret(0x107) == key_of().secret.reveal()
    assert (keyring.peer_id("vehicle-8"), keyring.name_of(0x108)) == (0x108, "vehicle-8")
    assert keyring.group(0xFF01) == GROUP


def test_others_have_no_key(keys):
    """Unknown ids, ourselves, groups and nonsense give None, never an error."""
    keyring = Keyring(keys)

    for number in (0, -1, 1, 0x109, 0xFF01, 0xFFFF, 1 << 24, 1 << 40):
        assert keyring.pair_secret(number) is None
    assert keyring.peer_id("vehicle-9") is None
    assert keyring.name_of(0x109) is None
    assert keyring.group(0xFF02) is None


def test_both_ends_have_the_same_secret(keys, tmp_path):
    """What the vehicle's keyring gives for the hub is what the hub's gives for the vehicle."""
    put(tmp_path / "car", "pair-000001.key", key_of().mirrored())

    assert Keyring(tmp_path / "car").pair_secret(1) == Keyring(keys).pair_secret(0x107)


def test_a_root_gives_every_peer_a_key_but_groups_and_ourselves(keys, root_file):
    """The hub derives instead of storing; the field's file and the derived key are the same."""
    for name in ("pair-000107.key", "pair-000108.key"):
        (keys / name).unlink()
    keyring = Keyring(keys, own=HUB, root_file=root_file)

    assert keyring.derives
    assert keyring.pair_secret(0x107) == key_of().secret.reveal()
    assert keyring.pair_secret(0xABCDEF) == derive(RootSecret(bytes(range(32))), 1, 0xABCDEF).material
    assert [keyring.pair_secret(number) for number in (1, 0, 0xFF01, 0xFFFF, 1 << 24)] == [None] * 5


def test_a_file_goes_before_the_root(keys, root_file):
    """A peer that was given another secret keeps it."""
    put(keys, "pair-000107.key", key_of(secret=Secret(bytes(32))))

    assert Keyring(keys, root_file=root_file).pair_secret(0x107) == bytes(32)


def test_the_list_of_peers_names_derived_keys(keys, root_file):
    """Name and suite of a derived key come from peers.csv."""
    peers(keys, Station(End(0x10009, "village-9"), 2))
    keyring = Keyring(keys, root_file=root_file)

    assert keyring.peer_id("village-9") == 0x10009
    assert keyring.pair(0x10009) == derived_pair(ROOT, HUB, End(0x10009, "village-9"), serial=SERIAL, suite=2)
    assert keyring.pair(0x1000A).peer.name == "id-01000a"


@given(revoked=st.sets(st.sampled_from([0x107, 0x108, 0x10009, 0xABCDEF])))
def test_a_revoked_id_has_no_key_whatever_else_says(tmp_path_factory, revoked):
    """Neither from a file nor from the root, by whatever way it is named; all others have theirs."""
    keys = tmp_path_factory.mktemp("k") / "keys"
    put(keys, "a.key", key_of())
    put(keys, "b.key", key_of(peer=OTHER))
    root_file = put(keys.parent / "root", "root.key", ROOT)
    for number in revoked:
        revoke(keys, Revocation(number, SERIAL, "lost"))
    keyring = Keyring(keys, root_file=root_file)

    for number in (0x107, 0x108, 0x10009, 0xABCDEF):
        assert keyring.is_revoked(number) == (number in revoked)
        assert (keyring.pair_secret(number) is None) == (number in revoked)
        assert (keyring.pair(number) is None) == (number in revoked)
    assert keyring.peer_id("vehicle-7") == 0x107


def test_reload_sees_what_changed_and_keeps_all_when_it_fails(keys):
    """After a failed reload the old keys are still there."""
    keyring = Keyring(keys)
    revoke(keys, Revocation(0x107, SERIAL, ""))
    assert keyring.pair_secret(0x107) is not None
    keyring.reload_revoked()
    assert keyring.pair_secret(0x107) is None

    put(keys, "pair-000109.key", key_of(peer=End(0x109, "new")))
    keyring.reload()
    assert keyring.pair_secret(0x109) is not None

    (keys / "revoked").write_bytes(b"x")
    for again in (keyring.reload, keyring.reload_revoked):
        with pytest.raises(KeyringError, match="no check line"):
            again()
    assert keyring.is_revoked(0x107)
    assert keyring.pair_secret(0x109) is not None


# --- what is wrong with single files costs only their own key ----------------------------------------------------


def test_a_damaged_file_gives_no_key_and_is_told(keys):
    """The others do."""
    path = keys / "pair-000107.key"
    path.write_bytes(path.read_bytes().replace(b"vehicle-7", b"vehicle-9"))
    keyring = Keyring(keys)

    assert (keyring.pair_secret(0x107), keyring.pair_secret(0x108) is not None) == (None, True)
    assert len(keyring.faults) == 1
    assert "pair-000107.key: damaged" in keyring.faults[0]


def test_a_file_open_to_others_gives_no_key_and_is_told(keys):
    """It may be known to somebody."""
    (keys / "pair-000107.key").chmod(0o640)
    keyring = Keyring(keys)

    assert keyring.pair_secret(0x107) is None
    assert "chmod 600" in keyring.faults[0]


def test_two_secrets_for_one_peer_are_none(keys):
    """Neither is trusted; a third file with one of them does not settle it."""
    put(keys, "copy.key", key_of(secret=Secret(bytes(32))))
    put(keys, "third.key", key_of())
    keyring = Keyring(keys)

    assert keyring.pair_secret(0x107) is None
    assert "so neither is used; take one away" in keyring.faults[0]


def test_two_files_with_the_same_secret_are_one_key(keys):
    """The higher generation counts, whatever the files are called."""
    put(keys, "a-copy.key", key_of(generation=4))
    keyring = Keyring(keys)

    assert (keyring.pair(0x107).generation, keyring.faults) == (4, ())


def test_the_latest_generation_of_a_group_counts(keys):
    """Each has another secret, which is no conflict; two secrets of one generation are."""
    put(keys, "b.key", GroupKey(0xFF01, 3, Secret(b"\x03" * 16), SERIAL))
    assert Keyring(keys).group(0xFF01).generation == 3

    put(keys, "c.key", GroupKey(0xFF01, 3, Secret(b"\x04" * 16), SERIAL))
    keyring = Keyring(keys)
    assert keyring.group(0xFF01) is None
    assert "another key of group 0x00ff01" in keyring.faults[0]


def test_a_root_key_does_not_belong_here(keys):
    """It is told, and not used."""
    put(keys, "root.key", ROOT)
    keyring = Keyring(keys)

    assert not keyring.derives
    assert "keep it elsewhere" in keyring.faults[0]


def test_a_name_of_two_peers_is_nobodys(keys):
    """Ids still work."""
    put(keys, "pair-000108.key", key_of(peer=End(0x108, "vehicle-7")))
    keyring = Keyring(keys)

    assert keyring.peer_id("vehicle-7") is None
    assert keyring.pair_secret(0x108) is not None
    assert "is the name of" in keyring.faults[0]


def test_a_list_of_peers_in_conflict_is_told(keys, root_file):
    """Key files go before the list, and nobody in it is ourselves; a broken list names nobody."""
    peers(keys, Station(End(0x107, "car")), Station(End(1, "boss")), Station(End(0x20000, "HUB")))
    keyring = Keyring(keys, root_file=root_file)
    assert (keyring.name_of(0x107), keyring.name_of(0x20000), keyring.peer_id("boss")) == ("vehicle-7", None, None)
    assert len(keyring.faults) == 3

    (keys / "peers.csv").write_bytes(b"name,id\na b,5\n")
    keyring = Keyring(keys, root_file=root_file)
    assert "line 2: name: found 'a b'" in keyring.faults[0]
    assert keyring.pair_secret(5) is not None


# --- what cannot be read around ----------------------------------------------------------------------------------


def test_keys_of_two_gateways_leave_in_doubt_who_we_are(keys):
    """Unless the configuration says so: then the other's are faults."""
    put(keys, "wrong.key", key_of().mirrored())
    with pytest.raises(KeyringError, match=r"pair-000107.key is a key of hub .*, wrong.key of vehicle-7"):
        Keyring(keys)

    keyring = Keyring(keys, own=HUB)
    assert "wrong.key: a key of vehicle-7 (0x000107), and this gateway is hub" in keyring.faults[0]
    assert keyring.pair_secret(0x107) is not None


def test_an_empty_directory_does_not_say_who_we_are(tmp_path):
    """Told with what to do; with a name from the configuration it is an empty keyring."""
    (tmp_path / "keys").mkdir(mode=0o700)
    with pytest.raises(KeyringError, match="import one, or write it into the configuration"):
        Keyring(tmp_path / "keys")
    assert Keyring(tmp_path / "keys", own=HUB).pair_secret(0x107) is None


def test_a_directory_that_is_missing_or_open_is_refused(keys, tmp_path):
    """With the command that helps."""
    with pytest.raises(KeyringError, match="yizhan key import FILE --keys"):
        Keyring(tmp_path / "none")
    keys.chmod(0o750)
    with pytest.raises(KeyringError, match=f"chmod 700 {keys}"):
        Keyring(keys)


def test_a_damaged_list_of_revoked_ids_is_refused(keys):
    """Rather no keyring than a lost vehicle's key."""
    revoke(keys, Revocation(0x107, SERIAL, ""))
    raw = (keys / "revoked").read_bytes()
    (keys / "revoked").write_bytes(raw.replace(b"0x000107", b"0x000207"))

    with pytest.raises(KeyringError, match="revoked: damaged"):
        Keyring(keys)


def test_a_root_that_cannot_be_read_is_refused(keys, root_file):
    """A hub without its root would know nobody."""
    root_file.chmod(0o440)
    with pytest.raises(KeyringError, match="chmod 600"):
        Keyring(keys, root_file=root_file)
    assert Keyring(keys, root_file=root_file, root_is_credential=True).derives

    root_file.write_bytes(b"x")
    with pytest.raises(KeyringError, match="no key file"):
        Keyring(keys, root_file=root_file, root_is_credential=True)


def test_key_files_have_a_most(keys, monkeypatch):
    """At the limit they are read, one more is refused with what to do."""
    monkeypatch.setattr(contents, "FILES_MAX", 3)
    Keyring(keys)
    put(keys, "pair-000109.key", key_of(peer=End(0x109, "new")))
    with pytest.raises(KeyringError, match="4 key files, at most 3 are read; derive keys from the root"):
        Keyring(keys)


def test_a_keyring_does_not_show_its_secrets(keys, root_file):
    """Printed, it is an object; its parts are redacted."""
    keyring = Keyring(keys, root_file=root_file)
    shown = f"{keyring!r} {keyring.__dict__}"

    for secret in (ROOT.secret.reveal(), key_of().secret.reveal()):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown
