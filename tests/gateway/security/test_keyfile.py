"""Key files: what is written comes back, and not a byte of it can change unnoticed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.security.checked import with_check
from gateway.security.errors import KeyFileError, KeyValueError
from gateway.security.keyfile import KEY_FILE_BYTES_MAX, format_key, parse_key, read_key, read_root
from gateway.security.keys import GroupKey
from gateway.security.secret import Secret
from tests.gateway.security.values import CAR, HUB, ROOT, SERIAL, any_keys, everything_in, key_of, put

PAIR = format_key(key_of())
GROUP = format_key(GroupKey(0xFF01, 3, Secret(bytes(16)), SERIAL))
FILES = {"pair": PAIR, "root": format_key(ROOT), "group": GROUP}


def rewritten(raw, pattern, instead):
    """Return a file with one thing changed and a check that fits again."""
    body = raw.decode().rpartition("check = ")[0]
    changed = re.sub(pattern, instead, body, count=1, flags=re.MULTILINE)
    assert changed != body
    return with_check(changed)


@given(any_keys())
def test_what_is_written_comes_back(key):
    """Any key of any kind is the same after a file."""
    assert parse_key(format_key(key), "x") == key


@pytest.mark.parametrize("raw", FILES.values(), ids=FILES)
def test_every_changed_bit_and_byte_is_noticed(raw):
    """Each bit of a file, flipped, and each byte replaced by some others, makes the file no key."""
    for at, byte in enumerate(raw):
        for other in {byte ^ (1 << bit) for bit in range(8)} | {0, 0x0A, 0x0D, 0x20, 0x30, 0xFF}:
            if other != byte:
                with pytest.raises(KeyFileError):
                    parse_key(raw[:at] + bytes([other]) + raw[at + 1 :], "x")


@given(st.sampled_from(list(FILES.values())), st.data())
def test_a_lost_added_or_swapped_piece_is_noticed(raw, data):
    """Bytes cut out, doubled or exchanged make it no key, wherever; only the very last line feed may be missing."""
    start, end = sorted((data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, len(raw)))))
    for changed in (raw[:start] + raw[end:], raw[:end] + raw[start:], raw[end:] + raw[:end]):
        if changed not in (raw, raw[:-1], raw + b"\n"):
            with pytest.raises(KeyFileError):
                parse_key(changed, "x")


@given(st.binary(max_size=300))
def test_noise_is_no_key(raw):
    """Whatever bytes there are, only KeyFileError leaves."""
    with pytest.raises(KeyFileError):
        parse_key(raw, "x")


def test_line_ends_of_windows_are_accepted():
    """A mail program's CR LF is no damage."""
    assert parse_key(PAIR.replace(b"\n", b"\r\n"), "x") == key_of()


@pytest.mark.parametrize(
    ("pattern", "instead", "told"),
    [
        (r"^own_id = .*", "own_id = 0xff01", "a group"),
        (r"^own_id = .*", "own_id = true", "found a bool; write a int"),
        (r"^own_id = .*", 'own_id = "1"', "found a str"),
        (r"^own_id = .*", "own_id = 0x000107", "at both ends"),
        (r"^peer = .*", 'peer = "a/b"', "registry"),
        (r"^peer = .*", 'peer = "HUB"', "at both ends"),
        (r"^peer = .*\n", "", "peer: is missing"),
        (r"^suite = .*", "suite = 9", "known are 1 (AES-128-CCM)"),
        (r"^generation = .*", "generation = 65536", "it is 0 to 65535"),
        (r"^issued = .*", "issued = 1970-01-01T00:00:00Z", "clock shows 1970-01-01"),
        (r"^issued = .*", "issued = 2026-05-12T03:00:00", "with a zone"),
        (r"^secret = .*", 'secret = "00"', "found 1 bytes"),
        (r'^secret = "..', 'secret = "gg', "hexadecimal digits"),
        (r"^kind = .*", 'kind = "master"', "known are root, pair, group"),
        (r"^kind = .*", 'kind = "root"', "a root key has no such line"),
        (r"^kind = .*", "kind = [", "not TOML"),
    ],
)
def test_a_wrong_value_is_named(pattern, instead, told):
    """With a check that fits, each value is still judged, and the text says where and what."""
    with pytest.raises(KeyFileError, match=re.escape(told)) as caught:
        parse_key(rewritten(PAIR, pattern, instead), "/keys/a.key")

    assert str(caught.value).startswith("/keys/a.key: ")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "no key file"),
        (b"[gateway]\nid = 'x'\n", "no key file"),
        (PAIR.replace(b"key-1", b"key-2"), "of version 2, this program reads 1; install a newer yizhan"),
        (PAIR[:-30], "cut short"),
        (PAIR.replace(b"vehicle-7", b"vehicle-8"), "take another copy"),
        (PAIR + b"#" * KEY_FILE_BYTES_MAX, "longer than 4096 bytes"),
    ],
)
def test_what_is_no_key_file_is_said_with_advice(raw, told):
    """Other files, newer files, cut and changed ones are told apart."""
    with pytest.raises(KeyFileError, match=told):
        parse_key(raw, "x")


@pytest.mark.parametrize("at", range(0, len(PAIR), 7))
def test_an_error_never_carries_the_secret(at):
    """Damaged anywhere, the error with all it holds has no piece of the secret, in hex or as bytes."""
    secret = key_of().secret.reveal()
    for raw in (PAIR[:at] + b"\xff" + PAIR[at + 1 :], rewritten(PAIR, r"^kind = .*", "kind = [\xff")):
        with pytest.raises(KeyFileError) as caught:
            parse_key(raw, "x")
        said = everything_in(caught.value)
        assert secret.hex()[:16] not in said
        assert secret.hex()[-16:] not in said
        assert repr(secret)[2:20] not in said


def test_a_root_is_asked_for_by_name(tmp_path):
    """A pair key where the root is needed is told so."""
    assert read_root(put(tmp_path / "d", "root.key", ROOT)) == ROOT
    with pytest.raises(KeyFileError, match="a pair key, and the root key is needed"):
        read_root(put(tmp_path / "d", "a.key", key_of()))
    assert read_key(tmp_path / "d" / "a.key") == key_of()


def test_both_ends_hold_the_same_key():
    """The mirrored key has the ends exchanged and all else the same."""
    mirrored = key_of().mirrored()

    assert (mirrored.own, mirrored.peer, mirrored.secret) == (CAR, HUB, key_of().secret)
    assert mirrored.mirrored() == key_of()


def test_a_secret_of_the_wrong_size_is_no_key():
    """16 bytes are no pair secret."""
    with pytest.raises(KeyValueError, match="found 16 bytes"):
        key_of(secret=Secret(bytes(16)))
