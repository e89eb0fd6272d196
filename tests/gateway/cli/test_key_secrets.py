"""No secret leaves by a way nobody asked for: output, errors, arguments, logs; in no spelling."""

import base64
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from gateway.cli.exits import Exit
from gateway.security.keyfile import parse_key, read_key
from gateway.security.keyline import PREFIX, format_line
from tests.gateway.cli.keyruns import CAR, FIELD_FILE, HUB, HUB_FILE, make_desk, run

ROOT = Path(__file__).parents[3]
PIECE = 10
"""So many characters in a row of any spelling are a leak; by chance they do not come about."""


def spellings(key):
    """Return the ways in which a secret could be written, without the punctuation between."""
    secret = key.secret.reveal()
    forms = [secret.hex(), base64.b32encode(secret).decode(), base64.b64encode(secret).decode(), repr(secret)[2:-1]]
    forms += [", ".join(map(str, secret)), str(int.from_bytes(secret))]
    return [*forms, format_line(key)[len(PREFIX) + 20 : -10]] if hasattr(key, "peer") else forms


def leaks(text, *keys):
    """Return every piece of a secret that is in the text, in capitals or not."""
    found = []
    for form in (form for key in keys for form in spellings(key)):
        for said, wanted in ((text, form), (text.lower().replace("-", ""), form.lower().replace("-", ""))):
            found += [wanted[at : at + PIECE] for at in range(len(wanted) - PIECE) if wanted[at : at + PIECE] in said]
    return found


@pytest.fixture
def desk(tmp_path):
    return make_desk(tmp_path)


@pytest.fixture
def keys(desk):
    """Return all keys there are: root, field side, hub side."""
    return read_key(desk / "root.key"), read_key(desk / FIELD_FILE), read_key(desk / HUB_FILE)


def test_the_search_finds_what_it_looks_for(keys, desk):
    """The control: a key file, a line and a byte string are leaks."""
    assert leaks((desk / FIELD_FILE).read_text(encoding="utf-8"), *keys)
    assert leaks(f"x {format_line(keys[1])} x", *keys)
    assert leaks(repr(keys[0].secret.reveal()), *keys)


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["words", "json"])
def test_no_command_shows_a_secret_unasked(desk, keys, tmp_path, as_json):
    """Every command, done and refused, with damaged and open files, in words and in JSON."""
    root, ring, nobody = desk / "root.key", tmp_path / "ring", tmp_path / "none.sock"
    damaged = desk / "damaged.key"
    damaged.write_bytes((desk / FIELD_FILE).read_bytes()[:-3])
    damaged.chmod(0o600)
    lines = desk / "lines.txt"
    lines.write_text(format_line(keys[1])[:-1], encoding="utf-8")
    lines.chmod(0o600)
    broken = (desk / FIELD_FILE).read_bytes().replace(b"suite = 1", b'suite = "')
    issue = ["issue", "--root", root, "--own", HUB, "--peer", CAR]
    commands = [
        (["init", "--out", root], None, Exit.REFUSED),
        ([*issue, "--out", desk / "again"], None, Exit.DONE),
        ([*issue, "--out", desk / "again"], None, Exit.REFUSED),
        ([*issue[:2], desk / FIELD_FILE, *issue[3:], "--out", desk / "third"], None, Exit.BAD_INPUT),
        (["import", desk / HUB_FILE, "--keys", ring], None, Exit.DONE),
        (["import", desk / FIELD_FILE, "--keys", ring], None, Exit.REFUSED),
        (["import", damaged, "--keys", ring], None, Exit.BAD_INPUT),
        (["import", lines, "--keys", ring], None, Exit.BAD_INPUT),
        (["import", root, "--keys", ring], None, Exit.REFUSED),
        (["import", "-", "--keys", ring], broken, Exit.BAD_INPUT),
        (["import", "-", "--keys", ring], format_line(keys[1]).encode()[:-4] + b"\xff", Exit.BAD_INPUT),
        (["import", format_line(keys[1]), "--keys", ring], None, Exit.USAGE),
        (["list", "--keys", ring], None, Exit.DONE),
        (["list", "--keys", ring, "--root", root, "0x999"], None, Exit.DONE),
        (["list", "--keys", desk / "out/hub"], None, Exit.DONE),
        (["revoke", "vehicle-7", "--keys", ring, "--socket", nobody], None, Exit.DONE),
        (["rotate", "vehicle-7", "--keys", ring, "--socket", nobody], None, Exit.NO_GATEWAY),
    ]
    for arguments, stdin, wanted in commands:
        code, stdout, stderr = run(*arguments, *as_json, stdin=stdin)
        assert code == wanted, (arguments, stderr)
        assert leaks(stdout + stderr, *keys) == [], arguments


def test_asked_for_it_is_on_standard_output_alone(desk, keys):
    """The line: what it is goes to standard error, so that a pipe holds nothing else."""
    code, stdout, stderr = run("issue", "--root", desk / "root.key", "--own", HUB, "--peer", CAR, "--line")

    assert code == Exit.DONE
    assert leaks(stdout, *keys)
    assert leaks(stderr, *keys) == []


@pytest.mark.e2e
def test_no_process_has_a_secret_in_its_arguments_or_environment(desk, keys, tmp_path):
    """While it waits for a key on standard input, the process list shows nothing; the key goes in by the pipe."""
    program = [sys.executable, "-m", "gateway.cli", "key", "import", "-", "--keys", str(tmp_path / "ring")]
    running = subprocess.Popen(
        program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    running.stdin.write(format_line(keys[1]))
    running.stdin.flush()
    shown = Path(f"/proc/{running.pid}/cmdline").read_text() + Path(f"/proc/{running.pid}/environ").read_text()
    stdout, stderr = running.communicate(timeout=60)

    assert (running.returncode, leaks(shown + stdout + stderr, *keys)) == (0, [])
    assert read_key(tmp_path / "ring" / "pair-000001.key") == keys[1]


@pytest.mark.e2e
def test_a_terminal_gets_the_code_in_fixed_colours(desk):
    """On a real terminal --qr draws without --force, light on black whatever the terminal's colours are."""
    ends = pty.openpty()
    fcntl.ioctl(ends[1], termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    program = [sys.executable, "-m", "gateway.cli", "--language", "en", "key", "issue", "--qr"]
    said = bytearray()

    def read_all():
        try:
            while part := os.read(ends[0], 65_536):
                said.extend(part)
        except OSError:
            return

    reader = threading.Thread(target=read_all)
    reader.start()
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    done = subprocess.run(
        [*program, "--root", desk / "root.key", "--own", HUB, "--peer", CAR],
        cwd=ROOT, env=environment, stdin=ends[1], stdout=ends[1], stderr=ends[1], timeout=60, check=False,
    )  # fmt: skip
    os.close(ends[1])
    reader.join(10)
    os.close(ends[0])

    text = said.decode()
    assert done.returncode == 0, text
    assert "This picture is the secret itself" in text
    assert text.count("\x1b[38;5;231;48;5;16m") == text.count("\x1b[0m\r\n") == 23


def test_a_parsed_key_shows_nothing(keys):
    """The value itself is harmless in a log line."""
    for key in keys:
        assert leaks(f"{key} {key!r} {[key]} {key.secret}", *keys) == []
        with pytest.raises(ValueError) as caught:
            parse_key(b'format = "yizhan-key-1"\n' + repr(spellings(key)).encode(), "x")
        assert leaks(repr(caught.value), *keys) == []
