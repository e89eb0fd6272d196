"""Files and directories that others can look into are refused; what is written is whole and private."""

import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from gateway.security.errors import KeyFileError, KeyFileExists, KeyFileMissing, NotPrivate
from gateway.security.private import (
    PrivateDirectory,
    check_private_directory,
    make_private_directory,
    read_private,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY = 65_534
ROOT = Path(__file__).parents[3]


@pytest.fixture
def directory(tmp_path):
    made = tmp_path / "keys"
    made.mkdir(mode=0o700)
    return made


def put(directory, name="a.key", data=b"secret", mode=0o600):
    path = directory / name
    path.write_bytes(data)
    path.chmod(mode)
    return path


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_private_file_is_read(directory, mode):
    """Only the owner's bits are set."""
    assert read_private(put(directory, mode=mode), 100) == b"secret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o606, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_a_file_open_to_others_is_refused_with_the_command_that_mends_it(directory, mode):
    """Any bit of group or others is too much."""
    path = put(directory, mode=mode)

    with pytest.raises(NotPrivate, match=f"mode {mode:04o}.*run: chmod 600 {path}"):
        read_private(path, 100)


@pytest.mark.parametrize("mode", [0o710, 0o750, 0o701, 0o755, 0o770, 0o777, 0o1777])
def test_a_directory_open_to_others_is_refused_with_the_command_that_mends_it(directory, mode):
    """For reading, for writing, and when it is only looked at."""
    path = put(directory)
    directory.chmod(mode)
    told = f"mode {mode:04o}.*run: chmod 700 {directory}"

    with pytest.raises(NotPrivate, match=told):
        read_private(path, 100)
    with pytest.raises(NotPrivate, match=told):
        check_private_directory(directory)
    with pytest.raises(NotPrivate, match=told), PrivateDirectory(directory):
        pass


@pytest.mark.parametrize(("file_mode", "directory_mode"), [(0o440, 0o550), (0o640, 0o750)])
def test_a_credential_of_systemd_may_show_its_group(directory, file_mode, directory_mode):
    """An access list shows as the group's bits; changing by the group and reading by all stay refused."""
    path = put(directory, mode=file_mode)
    directory.chmod(directory_mode)

    assert read_private(path, 100, group_may_read=True) == b"secret"
    for more in (0o020, 0o004, 0o002, 0o001):
        path.chmod(file_mode | more)
        with pytest.raises(NotPrivate):
            read_private(path, 100, group_may_read=True)


@as_root
def test_a_file_of_another_user_is_refused(directory):
    """Its owner could change it at any time."""
    path = put(directory)
    os.chown(path, NOBODY, NOBODY)

    with pytest.raises(NotPrivate, match=rf"belongs to another user \(number {NOBODY}\).*sudo chown 0 {path}"):
        read_private(path, 100)


@as_root
def test_root_may_use_and_writes_for_the_owner_of_the_directory(directory):
    """``sudo yizhan key import`` leaves files and directories that the gateway's own user can read."""
    path = put(directory)
    os.chown(path, NOBODY, NOBODY)
    os.chown(directory, NOBODY, NOBODY)

    assert read_private(path, 100) == b"secret"
    with PrivateDirectory(directory) as locked:
        locked.write("b.key", b"x")
    make_private_directory(directory / "below")

    assert (directory / "b.key").stat().st_uid == NOBODY
    assert (directory / "below").stat().st_uid == NOBODY


@as_root
def test_another_users_directory_is_refused_to_who_is_not_root():
    """Neither the daemon nor a person reads keys that a third one may exchange."""
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from gateway.security.errors import KeyFileError\n"
        "from gateway.security.private import check_private_directory, read_private\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for path, check in ((sys.argv[1], lambda p: read_private(p, 9)), (sys.argv[2], check_private_directory)):\n"
        "    try: check(Path(path))\n"
        "    except KeyFileError as error: print(type(error).__name__, error)\n"
    )
    with tempfile.TemporaryDirectory() as open_directory:
        Path(open_directory).chmod(0o755)
        roots, foreign = Path(open_directory, "roots"), Path(open_directory, "foreign")
        for made in (roots, foreign):
            made.mkdir(mode=0o700)
        put(roots)
        os.chown(foreign, 1234, 1234)
        arguments = [sys.executable, "-c", program, roots / "a.key", foreign]

        done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)

    assert "not allowed for this user; use sudo" in done.stdout
    assert "this directory belongs to another user (number 1234)" in done.stdout


def test_links_lead_to_regular_files_only(directory, tmp_path):
    """A link to a private file is followed; what is no file is refused at once, a pipe without waiting for a writer."""
    put(directory)
    beside = tmp_path / "beside"
    beside.mkdir(mode=0o700)
    (beside / "link").symlink_to(directory / "a.key")
    assert read_private(beside / "link", 100) == b"secret"

    os.mkfifo(directory / "pipe")
    for path in (directory / "pipe", directory):
        (beside / "other").unlink(missing_ok=True)
        (beside / "other").symlink_to(path)
        with pytest.raises(KeyFileError, match="is no file"):
            read_private(beside / "other", 100)


def test_the_directory_that_counts_is_the_one_the_link_leads_to(directory, tmp_path):
    """A private directory does not make a file private that lies elsewhere."""
    put(directory)
    beside = tmp_path / "beside"
    beside.mkdir(mode=0o700)
    (beside / "link").symlink_to(directory / "a.key")
    directory.chmod(0o755)

    with pytest.raises(NotPrivate, match=f"{directory}: others can look into"):
        read_private(beside / "link", 100)


def test_sizes_are_bounded(directory):
    """A file at the limit is read, one byte more is not."""
    assert read_private(put(directory, data=b"x" * 100), 100) == b"x" * 100
    with pytest.raises(KeyFileError, match="longer than 100 bytes"):
        read_private(put(directory, data=b"x" * 101), 100)


def test_what_is_missing_is_said(directory):
    """A file, and a directory."""
    with pytest.raises(KeyFileMissing, match="is not there"):
        read_private(directory / "none", 100)
    with pytest.raises(KeyFileMissing, match="is not there"), PrivateDirectory(directory / "none"):
        pass


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_what_is_written_is_private_whatever_the_umask(tmp_path, umask):
    """0600 in 0700, parents as well."""
    before = os.umask(umask)
    try:
        make_private_directory(tmp_path / "one" / "two")
        with PrivateDirectory(tmp_path / "one" / "two") as locked:
            locked.write("a.key", b"secret")
    finally:
        os.umask(before)

    assert mode_of(tmp_path / "one" / "two" / "a.key") == 0o600
    assert mode_of(tmp_path / "one" / "two") == mode_of(tmp_path / "one") == 0o700


def test_a_file_that_is_there_stays(directory):
    """Unless replacing was asked for; a link is not written through either."""
    path = put(directory)
    (directory / "link").symlink_to(directory / "nowhere")
    with PrivateDirectory(directory) as locked:
        for name in ("a.key", "link"):
            with pytest.raises(KeyFileExists, match="is there already and is not overwritten"):
                locked.write(name, b"other")
        assert path.read_bytes() == b"secret"

        locked.write("a.key", b"other", replace=True)
        locked.write("link", b"third", replace=True)
    assert path.read_bytes() == b"other"
    assert not (directory / "nowhere").exists()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(directory, monkeypatch):
    """When the disk is full at any step, the old content stays whole and no aside file with a secret lies about."""
    path = put(directory)

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    for step in ("write", "fsync", "replace", "fchmod"):
        with monkeypatch.context() as patch, PrivateDirectory(directory) as locked:
            patch.setattr(os, step, full)
            with pytest.raises(KeyFileError, match="cannot be written: No space left"):
                locked.write("a.key", b"other", replace=True)
        assert path.read_bytes() == b"secret"
        assert [path.name for path in directory.iterdir()] == ["a.key"]


def test_the_file_is_on_disk_before_it_has_its_name(directory, monkeypatch):
    """Flushed, renamed, and then the directory is flushed: a power cut finds the old file or the new one."""
    steps = []
    fsync, rename = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda fd: (steps.append("dir" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"), fsync(fd))
    )
    monkeypatch.setattr(os, "replace", lambda *a, **k: (steps.append("rename"), rename(*a, **k)))
    with PrivateDirectory(directory) as locked:
        locked.write("a.key", b"x")

    assert steps == ["file", "rename", "dir"]


def test_an_aside_file_of_a_power_cut_is_no_obstacle(directory):
    """It is written anew, not continued."""
    put(directory, ".a.key.new", b"half a se", mode=0o644)
    with PrivateDirectory(directory) as locked:
        locked.write("a.key", b"x")

    assert [path.name for path in directory.iterdir()] == ["a.key"]
    assert mode_of(directory / "a.key") == 0o600


def test_one_writer_at_a_time(directory):
    """A second program waits until the first is done."""
    entered = threading.Event()

    def second():
        with PrivateDirectory(directory):
            entered.set()

    waiting = threading.Thread(target=second)
    with PrivateDirectory(directory):
        waiting.start()
        assert not entered.wait(0.05)
    waiting.join(5)

    assert entered.is_set()
