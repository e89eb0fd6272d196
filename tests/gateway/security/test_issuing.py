"""Issuing: one station and a thousand, for both ends, whole or not at all."""

import pytest

from gateway.security import issuing
from gateway.security.errors import IssueRefused, KeyFileError, KeyFileExists
from gateway.security.importing import Incoming, import_keys
from gateway.security.issuing import issue_all, write_both
from gateway.security.keyfile import read_key
from gateway.security.keyring import Keyring
from gateway.security.keys import End
from gateway.security.stations import Station, parse_stations
from tests.gateway.security.values import HUB, ROOT, SERIAL, key_of, put


def stations(count):
    return [Station(End(0x10000 + number, f"station-{number}"), 1 + number % 2) for number in range(count)]


def issue(out, count, **more):
    return list(issue_all(out, ROOT, HUB, stations(count), serial=SERIAL, **more))


def test_both_ends_get_their_file(tmp_path):
    """In a directory each, named for who gets it; private."""
    field, own = write_both(tmp_path / "out", key_of())

    assert str(field.relative_to(tmp_path)) == "out/vehicle-7/vehicle-7--hub.key"
    assert str(own.relative_to(tmp_path)) == "out/hub/hub--vehicle-7.key"
    assert (read_key(field), read_key(own)) == (key_of().mirrored(), key_of())
    assert {path.stat().st_mode & 0o777 for path in (field.parent, own.parent)} == {0o700}


def test_nothing_is_overwritten(tmp_path):
    """When one of the two is there, neither is written."""
    field, own = write_both(tmp_path / "out", key_of())
    field.unlink()

    with pytest.raises(KeyFileExists, match=r"hub--vehicle-7\.key: is there already"):
        write_both(tmp_path / "out", key_of(generation=1))
    assert not field.exists()
    assert read_key(own) == key_of()


def test_a_thousand_stations(tmp_path):
    """Each has a file of its own that fits the hub's; no two have the same secret; no aside directory is left."""
    keys = issue(tmp_path / "out", 1000)

    assert len({key.secret for key in keys}) == 1000
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    hub_files = sorted((tmp_path / "out" / "hub").iterdir())
    assert len(hub_files) == 1000
    assert len(list((tmp_path / "out").iterdir())) == 1001
    import_keys(
        tmp_path / "keys", [Incoming(read_key(path), path.name) for path in hub_files if path.stem.endswith("00")]
    )
    hub = Keyring(tmp_path / "keys")
    for key in keys[100::100]:
        field = read_key(tmp_path / "out" / key.peer.name / f"{key.peer.name}--hub.key")
        assert field == key.mirrored()
        assert hub.pair(key.peer.id) == key


def test_a_hub_with_the_root_gets_names_only(tmp_path):
    """And derives the very keys that the stations have; one key file tells it who it is."""
    keys = issue(tmp_path / "out", 5, names_only=True)
    listed = tmp_path / "out" / "hub" / "peers.csv"

    assert sorted(path.name for path in listed.parent.iterdir()) == ["hub--station-0.key", "peers.csv"]
    assert parse_stations(listed.read_bytes(), "x") == stations(5)
    assert not any(key.secret.reveal().hex().encode() in listed.read_bytes() for key in keys)
    hub = Keyring(listed.parent, root_file=put(tmp_path / "root", "root.key", ROOT))
    assert [hub.pair(key.peer.id) for key in keys] == keys


def test_who_stops_half_way_has_nothing(tmp_path):
    """An interrupt, a full disk: no directory that looks finished, no aside one with secrets in it."""
    half = issue_all(tmp_path / "out", ROOT, HUB, stations(10), serial=SERIAL)
    next(half)
    half.close()

    assert list(tmp_path.iterdir()) == []
    assert len(issue(tmp_path / "out", 3)) == 3


def test_what_a_power_cut_left_is_cleared_away(tmp_path):
    """The aside directory of a run that never ended is no obstacle and is not mixed in."""
    (tmp_path / ".out.issuing" / "old").mkdir(parents=True)
    issue(tmp_path / "out", 1)

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["hub", "station-0"]


def test_a_place_that_is_taken_is_refused(tmp_path):
    """An empty directory may be there, anything else not."""
    (tmp_path / "out").mkdir()
    issue(tmp_path / "out", 1)
    with pytest.raises(IssueRefused, match="name a directory that is not there yet"):
        issue(tmp_path / "out", 1)
    (tmp_path / "file").write_text("x")
    with pytest.raises(IssueRefused, match="is there already"):
        issue(tmp_path / "file", 1)


def test_more_than_a_gateway_reads_needs_names_only(tmp_path, monkeypatch):
    """At the limit it goes, one more is refused with what to do."""
    monkeypatch.setattr(issuing, "FILES_MAX", 2)
    assert len(issue(tmp_path / "two", 2)) == 2
    with pytest.raises(IssueRefused, match="at most 2 key files; with --names-only hub gets"):
        issue(tmp_path / "three", 3)
    assert len(issue(tmp_path / "three", 3, names_only=True)) == 3


def test_a_disk_that_is_full_is_told(tmp_path, monkeypatch):
    """The error leaves as a KeyFileError, and nothing stays."""
    import os

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(KeyFileError, match="No space left"):
        issue(tmp_path / "out", 1)
    assert list(tmp_path.iterdir()) == []
