"""Importing: all or none, and no step back unless told to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.security import importing
from gateway.security.contents import read_contents
from gateway.security.errors import ImportRefused
from gateway.security.importing import Incoming, Outcome, import_keys, import_stations
from gateway.security.keyring import Keyring
from gateway.security.keys import End, GroupKey
from gateway.security.revoked import Revocation, revoke
from gateway.security.secret import Secret
from gateway.security.stations import Station
from tests.gateway.security.values import CAR, HUB, OTHER, ROOT, SERIAL, key_of, put

NEW_SECRET = Secret(b"\x07" * 32)


@pytest.fixture
def keys(tmp_path):
    return tmp_path / "keys"


def bring(keys, *many, **flags):
    return [one.outcome for one in import_keys(keys, [Incoming(key, "x.key") for key in many], **flags)]


def snapshot(keys):
    return {path.name: path.read_bytes() for path in keys.iterdir()}


def test_a_first_import_makes_the_directory_and_says_who_we_are(keys):
    """0700, files 0600, ready for a keyring."""
    assert bring(keys, key_of(), key_of(peer=OTHER)) == [Outcome.NEW, Outcome.NEW]

    assert keys.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}
    keyring = Keyring(keys)
    assert (keyring.own_id, keyring.pair(0x107)) == (1, key_of())


def test_the_same_key_again_changes_nothing(keys):
    """An interrupted import may be repeated."""
    bring(keys, key_of())
    before = (keys / "pair-000107.key").stat().st_ino

    assert bring(keys, key_of()) == [Outcome.SAME]
    assert (keys / "pair-000107.key").stat().st_ino == before


older = st.tuples(st.integers(0, 5), st.integers(SERIAL, SERIAL + 3))


@given(there=older, comes=older, same_secret=st.booleans(), flags=st.tuples(st.booleans(), st.booleans()))
def test_what_may_take_the_place_of_what(tmp_path_factory, there, comes, same_secret, flags):
    """Same secret: an older generation or serial needs force. Another secret needs replace, whatever its age."""
    force, replace = flags
    keys = tmp_path_factory.mktemp("k") / "keys"
    old = key_of(generation=there[0], serial=there[1])
    new = key_of(generation=comes[0], serial=comes[1], **({} if same_secret else {"secret": NEW_SECRET}))
    bring(keys, old)
    allowed = (force or comes >= there) if same_secret else replace

    if allowed:
        assert bring(keys, new, force=force, replace=replace) == [Outcome.SAME if new == old else Outcome.REPLACED]
        assert Keyring(keys).pair(0x107) == new
    else:
        with pytest.raises(ImportRefused, match="--force" if same_secret else "--replace.*other end must do so too"):
            bring(keys, new, force=force, replace=replace)
        assert Keyring(keys).pair(0x107) == old


def test_one_refusal_refuses_all(keys):
    """Nothing is written, and every refusal is told."""
    bring(keys, key_of())
    before = snapshot(keys)
    with pytest.raises(ImportRefused) as caught:
        bring(keys, key_of(peer=OTHER), key_of(secret=NEW_SECRET), ROOT, key_of(peer=End(5, "VEHICLE-8")))

    assert snapshot(keys) == before
    assert str(caught.value).count("x.key: ") == 3
    assert "which no gateway imports" in str(caught.value)
    assert "the name VEHICLE-8 is that of 0x000108 already" in str(caught.value)


def test_the_other_ends_copy_is_known_for_what_it_is(keys):
    """The commonest mistake: both files are in the same folder."""
    bring(keys, key_of())
    with pytest.raises(
        ImportRefused, match=r"a key of vehicle-7 .*of hub .*other end's copy; take the file made for hub"
    ):
        bring(keys, key_of().mirrored())
    with pytest.raises(ImportRefused, match=r"a key of vehicle-8 .*; take the file made for hub"):
        bring(keys, key_of(own=OTHER, peer=CAR))


def test_keys_of_two_gateways_at_once_are_refused(keys):
    """Also when none was there before."""
    with pytest.raises(ImportRefused, match="these are the keys of hub"):
        bring(keys, key_of(), key_of().mirrored())
    assert snapshot(keys) == {}


def test_a_revoked_station_gets_no_key_back(keys):
    """With date and reason, and what to do."""
    bring(keys, key_of())
    revoke(keys, Revocation(0x107, SERIAL, "stolen"))
    with pytest.raises(ImportRefused, match=r"was revoked on 2026-05-03 \(stolen\); issue it a key under a new id"):
        bring(keys, key_of(generation=1), force=True, replace=True)


def test_a_good_copy_takes_the_place_of_a_damaged_file(keys):
    """Repair is an import."""
    bring(keys, key_of())
    (keys / "pair-000107.key").write_bytes(b"x")

    assert bring(keys, key_of()) == [Outcome.NEW]
    assert Keyring(keys).pair(0x107) == key_of()


def test_a_key_keeps_the_file_it_has(keys):
    """A file somebody named otherwise is replaced, not doubled."""
    put(keys, "mine.key", key_of())
    bring(keys, key_of(generation=1))

    assert [path.name for path in keys.iterdir()] == ["mine.key"]


def test_groups_move_forward(keys):
    """A higher generation brings its own secret; a lower one needs force, another of the same generation replace."""

    def group(generation, secret=7):
        return GroupKey(0xFF01, generation, Secret(bytes([secret, generation] * 8)), SERIAL)

    bring(keys, key_of(), group(2))
    assert bring(keys, group(3)) == [Outcome.REPLACED]
    with pytest.raises(ImportRefused, match=r"generation 3\); --force"):
        bring(keys, group(2))
    with pytest.raises(ImportRefused, match="--replace"):
        bring(keys, group(3, secret=8))
    assert bring(keys, group(2), force=True) == [Outcome.REPLACED]
    assert Keyring(keys).group(0xFF01) == group(2)


def test_imports_are_bounded(keys, monkeypatch):
    """The directory takes as many files as a keyring reads, and no more."""
    monkeypatch.setattr(importing, "FILES_MAX", 2)
    bring(keys, key_of(), key_of(peer=OTHER))
    bring(keys, key_of(generation=1))
    with pytest.raises(ImportRefused, match="3 keys, at most 2"):
        bring(keys, key_of(peer=End(9, "new")))


def test_no_refusal_shows_a_secret(keys):
    """Fingerprints do, secrets do not."""
    bring(keys, key_of())
    with pytest.raises(ImportRefused) as caught:
        bring(keys, key_of(secret=NEW_SECRET))

    assert NEW_SECRET.fingerprint() in str(caught.value)
    assert NEW_SECRET.reveal().hex() not in str(caught.value)
    assert key_of().secret.reveal().hex() not in str(caught.value)


# --- lists of peers ----------------------------------------------------------------------------------------------


def station(number, name, suite=1):
    return Station(End(number, name), suite)


def test_lists_are_merged(keys):
    """One after the other; the same again changes nothing."""
    bring(keys, key_of())
    assert import_stations(keys, [station(5, "five"), station(6, "six")]) == (2, 2)
    assert import_stations(keys, [station(6, "six"), station(7, "seven")]) == (1, 3)

    assert [one.end.name for one in read_contents(keys).stations.values()] == ["five", "six", "seven"]


@pytest.mark.parametrize("one", [station(5, "other"), station(9, "FIVE"), station(5, "five", 2)])
def test_a_list_in_conflict_needs_replace(keys, one):
    """Another name of the id, another id of the name, another suite; all or none."""
    import_stations(keys, [station(5, "five"), station(6, "six")])
    with pytest.raises(ImportRefused, match=r"there is five .*--replace"):
        import_stations(keys, [station(8, "eight"), one])
    assert list(read_contents(keys).stations) == [5, 6]

    import_stations(keys, [one], replace=True)
    there = read_contents(keys).stations
    assert there[one.end.id] == one
    assert len(there) == 2


def test_lists_have_a_most(keys, monkeypatch):
    """At the limit it is taken, one more is refused."""
    monkeypatch.setattr(importing, "STATIONS_MAX", 2)
    import_stations(keys, [station(5, "five"), station(6, "six")])
    with pytest.raises(ImportRefused, match="3 peers, at most 2"):
        import_stations(keys, [station(7, "seven")])
    assert HUB.id not in read_contents(keys).stations
