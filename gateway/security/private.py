"""Files that only their owner may read, in directories that only their owner may look into.

A file or directory that is open to more is refused, not mended: whoever could read it may have done so, and a person has
to decide whether its keys still count. Root may use what belongs to the owner of the directory, so that ``sudo yizhan key``
works on the daemon's keys; what root writes there is given to that owner.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Self

from gateway.security.errors import KeyFileError, KeyFileExists, KeyFileMissing, NotPrivate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
_NOBODY_ELSE = 0o077
_GROUP_MAY_READ = 0o027
_READ = (
    os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
)  # a pipe or terminal with that name does not hold us up


def read_private(path: Path, bytes_max: int, *, group_may_read: bool = False) -> bytes:
    """Return a file's bytes; raise KeyFileError, or NotPrivate when others can read it or look into its directory.

    ``group_may_read`` is for credentials that systemd hands over by an access list, which show as mode 0440 (0550).
    Symbolic links are followed to regular files.
    """
    allowed = _GROUP_MAY_READ if group_may_read else _NOBODY_ELSE
    with _opened(path, _READ) as file:
        real = Path(os.path.realpath(path))
        with _opened(real.parent, os.O_PATH | os.O_CLOEXEC | os.O_DIRECTORY) as directory:
            _check_directory(real.parent, directory, allowed)
            _check_file(path, file, allowed, os.fstat(directory).st_uid)
        try:
            return _read_whole(path, file, bytes_max)
        except OSError as error:
            why = error.strerror
        raise KeyFileError(f"{path}: cannot be read: {why}")


def check_private_directory(path: Path) -> None:
    """Raise KeyFileError, or NotPrivate when others can look into this directory."""
    with _opened(path, os.O_PATH | os.O_CLOEXEC | os.O_DIRECTORY) as directory:
        _check_directory(path, directory, _NOBODY_ELSE)


def make_private_directory(path: Path) -> None:
    """Make a directory of mode 0700 and what is missing above it; leave one that is there as it is.

    Raise KeyFileError. Root gives a new directory to the owner of the one above.
    """
    if path.is_dir():
        return
    if path.parent != path:
        make_private_directory(path.parent)
    try:
        path.mkdir(mode=DIRECTORY_MODE)
        path.chmod(DIRECTORY_MODE)  # whatever the umask took
        above = path.parent.stat()
        if os.geteuid() == 0 and above.st_uid != 0:
            os.chown(path, above.st_uid, above.st_gid)
    except OSError as error:
        why = error.strerror
    else:
        return
    raise KeyFileError(f"{path}: cannot make this directory: {why}")


class PrivateDirectory:
    """A private directory held open and locked, so that one program at a time changes the files in it.

    A context manager; entering raises KeyFileError or NotPrivate. A reader needs no lock: a file changes in one step.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = -1

    def __enter__(self) -> Self:
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        except OSError as error:
            raise _why_not(self.path, error) from None
        try:
            _check_directory(self.path, handle, _NOBODY_ELSE)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            os.close(handle)
            raise KeyFileError(f"{self.path}: cannot be locked: {error.strerror}") from None
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)
        self._handle = -1

    def write(self, name: str, data: bytes, *, replace: bool = False, flush: bool = True) -> None:
        """Have ``data`` on disk under this name, whole or not at all, with mode 0600; raise KeyFileError.

        Written aside, flushed, renamed. Without ``replace`` a file that is there stays, and this is an error. Who writes
        thousands of files gives ``flush=False`` and has them all flushed before anybody may see them.
        """
        path, aside = self.path / name, f".{name}.new"
        if not replace and os.path.lexists(path):
            raise KeyFileExists(f"{path}: is there already and is not overwritten; move it away or name another file")
        try:
            with contextlib.suppress(FileNotFoundError):  # left by a power cut: we hold the lock
                os.unlink(aside, dir_fd=self._handle)
            try:
                self._write_aside(aside, data, flush=flush)
                os.replace(aside, name, src_dir_fd=self._handle, dst_dir_fd=self._handle)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(aside, dir_fd=self._handle)
                raise
            if flush:
                os.fsync(self._handle)
        except OSError as error:
            why = error.strerror
        else:
            return
        raise KeyFileError(f"{path}: cannot be written: {why}")

    def _write_aside(self, aside: str, data: bytes, *, flush: bool) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(aside, flags, FILE_MODE, dir_fd=self._handle)
        try:
            os.fchmod(file, FILE_MODE)  # whatever the umask took
            owner = os.fstat(self._handle)
            if os.geteuid() == 0 and owner.st_uid != 0:
                os.fchown(file, owner.st_uid, owner.st_gid)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
            if flush:
                os.fsync(file)
        finally:
            os.close(file)


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    try:
        handle = os.open(path, flags)
    except OSError as error:
        raise _why_not(path, error) from None
    try:
        yield handle
    finally:
        os.close(handle)


def _why_not(path: Path, error: OSError) -> KeyFileError:
    if isinstance(error, FileNotFoundError):
        return KeyFileMissing(f"{path}: is not there")
    if isinstance(error, PermissionError):
        return KeyFileError(f"{path}: not allowed for this user; use sudo, or the user the gateway runs as")
    return KeyFileError(f"{path}: cannot be opened: {error.strerror}")


def _check_directory(path: Path, handle: int, forbidden: int) -> None:
    found = os.fstat(handle)
    if found.st_uid not in {0, os.geteuid()} and os.geteuid() != 0:
        raise NotPrivate(f"{path}: this directory belongs to another user (number {found.st_uid}); use one of your own")
    mode = stat.S_IMODE(found.st_mode)
    if mode & forbidden:
        raise NotPrivate(
            f"{path}: others can look into this directory (mode {mode:04o}), and it has keys; run: "
            f"chmod 700 {quote(str(path.absolute()))}, or use a directory of its own"
        )


def _check_file(path: Path, handle: int, forbidden: int, directory_owner: int) -> None:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileError(f"{path}: is no file; name a key file")
    mine = {0, os.geteuid()} | ({directory_owner} if os.geteuid() == 0 else set())
    if found.st_uid not in mine:
        raise NotPrivate(
            f"{path}: belongs to another user (number {found.st_uid}), who can change it; run: "
            f"sudo chown {os.geteuid()} {quote(str(path))}"
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & forbidden:
        raise NotPrivate(
            f"{path}: others can read this key (mode {mode:04o}); if nobody has, run: chmod 600 {quote(str(path))}"
        )


def _read_whole(path: Path, handle: int, bytes_max: int) -> bytes:
    parts, left = [], bytes_max + 1
    while left > 0 and (part := os.read(handle, left)):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise KeyFileError(f"{path}: longer than {bytes_max} bytes, which no file of this kind is")
    return b"".join(parts)
