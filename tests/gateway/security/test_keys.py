"""Names, ids, dates and the secret itself."""

import copy
import dataclasses
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Endpoint, EndpointKind
from gateway.security.errors import KeyValueError
from gateway.security.keys import (
    End,
    GroupKey,
    check_name,
    hex_id,
    issued,
    new_root,
    parse_id,
    serial_at,
    unnamed,
)
from gateway.security.secret import Secret
from tests.gateway.security.values import CAR, key_of, serials


@pytest.mark.parametrize("name", ["hub", "a", "7th", "x" * 32, "vehicle-7", "v_1.2", "0x", "315956", unnamed(1)])
def test_ids_of_the_registry_are_names(name):
    """Whatever is a name makes an endpoint, a topic level and a file name."""
    check_name(name)
    Endpoint(EndpointKind.STATION, name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "1 to 32 of A-Z"),
        ("x" * 33, "1 to 32 of A-Z"),
        ("三号车", "the station's id in the registry"),
        ("a b", "registry"),
        ("a/b", "registry"),
        ("../x", "registry"),
        (".hidden", "beginning with a letter or digit"),
        ("-rf", "beginning with a letter or digit"),
        ("_x", "beginning with a letter or digit"),
        ("0x107", "reads as an air id"),
        ("0X" + "1" * 20, "reads as an air id"),
        ("a\u202eb", "registry"),
        ("a\x1b[2J", "registry"),
        ("a\n", "registry"),
        ('a"', "registry"),
        ("\ud800", "registry"),
        ("=1+1", "registry"),
    ],
)
def test_what_is_no_name_is_said_why(name, told):
    """Nothing that a file system, a spreadsheet or a terminal would take for something else; the text is harmless."""
    with pytest.raises(KeyValueError, match=told) as caught:
        End(1, name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("number", [0, -1, 0xFF00, 0xFFFE, 0xFFFF, 0x1000000])
def test_groups_and_nonsense_are_no_ends(number):
    """An end is one gateway or device."""
    with pytest.raises(KeyValueError, match="gateways are 0x000001 to 0x00feff, devices 0x010000 to 0xffffff"):
        End(number, "x")


@given(st.integers(0, 0xFFFFFF))
def test_ids_are_read_as_they_are_written(number):
    """Decimal and hexadecimal are the same id."""
    assert (
        parse_id(str(number)) == parse_id(hex_id(number)) == parse_id(hex(number).upper().replace("X", "x")) == number
    )


@pytest.mark.parametrize("text", ["", "x", "0x", "1 ", "-1", "1e3", "٣", "0b1", "99999999999"])
def test_what_is_no_id_is_refused(text):
    """Only the two ways of writing it."""
    with pytest.raises(KeyValueError, match="write a number, 263 or 0x107"):
        parse_id(text)


@given(serials)
def test_a_serial_is_its_date(serial):
    """Serial and date of issue say the same."""
    assert serial_at(issued(serial)) == serial


def test_a_clock_without_battery_issues_nothing():
    """1970 has no serial; the text says what to do."""
    with pytest.raises(KeyValueError, match="clock shows 1970-01-01; set it"):
        serial_at(datetime(1970, 1, 1, tzinfo=UTC))


def test_a_root_is_what_the_entropy_gives():
    """32 bytes are asked for, once."""
    asked = []
    root = new_root(lambda count: asked.append(count) or bytes(count), 5)

    assert (asked, root.secret.reveal()) == ([32], bytes(32))


def test_a_secret_does_not_show_itself():
    """No usual way of printing, copying or storing a key shows its secret."""
    key = key_of()
    secret = key.secret.reveal()
    shown = f"{key} {key!r} {key.secret} {key.secret!r} {[key.secret]} {dataclasses.asdict(key)}"

    for form in (secret.hex(), repr(secret)[2:-1], repr(list(secret))):
        assert form not in shown
    assert copy.deepcopy(key) == key
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)


def test_fingerprints_tell_secrets_apart_and_stay_the_same():
    """The first 8 hex digits of SHA-256 of the introduction and the secret, so that other programs can show them."""
    import hashlib

    secret = Secret(b"\x01" * 32)

    assert secret.fingerprint() == hashlib.sha256(b"yizhan fingerprint" + b"\x01" * 32).hexdigest()[:8]
    assert secret.fingerprint() != Secret(b"\x02" * 32).fingerprint()
    assert (secret == Secret(b"\x01" * 32), secret == b"\x01" * 32) == (True, False)


def test_groups_have_group_ids():
    """A group key is not for one station."""
    with pytest.raises(KeyValueError, match="groups are 0x00ff00 to 0x00ffff"):
        GroupKey(CAR.id, 0, Secret(bytes(16)), 1)
    with pytest.raises(KeyValueError, match="generation: found 256"):
        GroupKey(0xFF00, 256, Secret(bytes(16)), 1)
