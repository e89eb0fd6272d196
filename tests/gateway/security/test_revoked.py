"""The list of ids that have no key: durable, and never read over when it is damaged."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.escape import printable
from gateway.security import revoked
from gateway.security.errors import KeyFileError, KeyValueError
from gateway.security.revoked import (
    REASON_CHARS_MAX,
    Revocation,
    format_revoked,
    lift,
    parse_revoked,
    read_revoked,
    revoke,
)
from tests.gateway.security.values import SERIAL, serials

ONE = Revocation(0x107, SERIAL, "lost in the flood")
TWO = Revocation(0x108, SERIAL + 1, "")
reasons = st.text(max_size=REASON_CHARS_MAX).filter(lambda t: printable(t).strip() == t)
revocations = st.builds(Revocation, st.integers(1, 0xFEFF) | st.integers(0x10000, 0xFFFFFF), serials, reasons)


@pytest.fixture
def keys(tmp_path):
    made = tmp_path / "keys"
    made.mkdir(mode=0o700)
    return made


@given(st.lists(revocations, unique_by=lambda r: r.id))
def test_what_is_written_comes_back(many):
    """Any list is the same after a file, in its order."""
    assert list(parse_revoked(format_revoked(many), "x").values()) == many


def test_every_changed_byte_is_noticed():
    """An id must not come back to life by a damaged block."""
    raw = format_revoked([ONE, TWO])
    for at, byte in enumerate(raw):
        for other in {byte ^ (1 << bit) for bit in range(8)} - {byte}:
            with pytest.raises(KeyFileError):
                parse_revoked(raw[:at] + bytes([other]) + raw[at + 1 :], "x")


def test_every_cut_is_noticed():
    """A shorter list is no list; only the last line feed may go."""
    raw = format_revoked([ONE, TWO])
    for size in range(len(raw) - 1):
        with pytest.raises(KeyFileError):
            parse_revoked(raw[:size], "x")


def test_revoking_is_on_disk_when_it_returns(keys):
    """And the first word counts: a second revocation of the same id changes neither date nor reason."""
    assert read_revoked(keys) == {}
    assert revoke(keys, ONE) == ONE
    assert revoke(keys, TWO) == TWO
    assert revoke(keys, Revocation(0x107, SERIAL + 9, "again")) == ONE

    assert read_revoked(keys) == {0x107: ONE, 0x108: TWO}


def test_a_mistake_is_taken_back(keys):
    """Only that one; taking back what is not there says so."""
    revoke(keys, ONE)
    revoke(keys, TWO)

    assert (lift(keys, 0x107), lift(keys, 0x107)) == (True, False)
    assert read_revoked(keys) == {0x108: TWO}


def test_a_list_open_to_others_or_leading_nowhere_is_an_error(keys):
    """Missing is empty; but a link to nothing is a list that was lost."""
    revoke(keys, ONE)
    (keys / "revoked").chmod(0o666)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_revoked(keys)

    (keys / "revoked").unlink()
    (keys / "revoked").symlink_to(keys / "nowhere")
    with pytest.raises(KeyFileError, match="is not there"):
        read_revoked(keys)


def test_the_list_has_a_most(keys, monkeypatch):
    """The last that fits is taken, the next is refused with what to do."""
    monkeypatch.setattr(revoked, "REVOKED_MAX", 1)
    revoke(keys, ONE)
    with pytest.raises(KeyFileError, match="time for a new root"):
        revoke(keys, TWO)
    assert read_revoked(keys) == {0x107: ONE}


@pytest.mark.parametrize("reason", ["x" * 61, "two\nlines", "\x1b[2J", " x", "x\u202e"])
def test_a_reason_is_one_visible_line(reason):
    """It is shown on terminals and in logs."""
    with pytest.raises(KeyValueError, match="visible characters on one line"):
        Revocation(1, SERIAL, reason)


def test_a_strange_line_with_a_fitting_check_is_named():
    """Written by something else: the line is told."""
    from gateway.security.checked import with_check

    head = '# x\nformat = "yizhan-revoked-1"\n'
    for line in ("0x107", "0x00ff01 2026-05-12T03:00:00Z x", "0x000107 2026-13-12T03:00:00Z x"):
        with pytest.raises(KeyFileError, match="x: line 3: "):
            parse_revoked(with_check(f"{head}{line}\n"), "x")
    with pytest.raises(KeyFileError, match="newer yizhan"):
        parse_revoked(with_check("# x\nformat = 2\n"), "x")
    assert os.linesep == "\n"
