# ruff: noqa: N802, ARG002 - the names and arguments are apsw's
"""A disk that remembers every write and sync, so that a power cut can be replayed at any instruction.

SQLite (the one inside apsw) runs over a file system in memory, written as an apsw VFS. Each write, truncation, creation,
deletion and sync is recorded, with marks where a caller was told that something is stored. Disk then rebuilds
what the medium could hold if the power went at each point: what was synced is there; of what was not, nothing, all, or any
subset may be, each write torn at 512-byte sectors. Metadata survives as a prefix, as on a journalling file system. Like
the stock VFS it syncs the directory at the first sync of a new WAL; a recorder that forgets this blames FULL wrongly.
"""

import os
from dataclasses import dataclass, field

import apsw

SECTOR_BYTES = 512
DATABASE = "/store.db"


@dataclass
class Disk:
    """The medium: what is certainly on it, and what is still only in a cache."""

    names: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    unsynced_names: list = field(default_factory=list)
    unsynced_writes: list = field(default_factory=list)

    def take(self, step):
        """Follow one recorded step."""
        kind = step[0]
        if kind in ("link", "unlink"):
            self.unsynced_names.append(step)
        elif kind in ("write", "truncate"):
            self.unsynced_writes.append(step)
        elif kind == "sync":
            for write in [one for one in self.unsynced_writes if one[1] == step[1]]:
                _apply(self.data, write)
            self.unsynced_writes = [one for one in self.unsynced_writes if one[1] != step[1]]
        elif kind == "sync directory":
            for one in self.unsynced_names:
                _apply_name(self.names, one)
            self.unsynced_names = []

    def survivors(self, rng, count):
        """Yield what may be found after a cut here: only the synced, everything, and some random mixtures."""
        yield self._image(self.names, self.data)
        if not (self.unsynced_names or self.unsynced_writes):
            return
        yield self._mixture(len(self.unsynced_names), self.unsynced_writes)
        for _ in range(count):
            share = rng.choice((0.2, 0.5, 0.8, 0.95))
            kept = []
            for write in self.unsynced_writes:
                if rng.random() > share:
                    continue
                kept += _torn(write, rng) if write[0] == "write" and rng.random() < 0.3 else [write]
            yield self._mixture(rng.randint(0, len(self.unsynced_names)), kept)

    def _mixture(self, names_kept, writes):
        names, data = dict(self.names), {inode: bytearray(content) for inode, content in self.data.items()}
        for one in self.unsynced_names[:names_kept]:
            _apply_name(names, one)
        for write in writes:
            _apply(data, write)
        return self._image(names, data)

    @staticmethod
    def _image(names, data):
        return {name: bytes(data.get(inode, b"")) for name, inode in names.items()}


def _torn(write, rng):
    """Return some sectors of a write."""
    _, inode, offset, content = write
    return [
        ("write", inode, offset + start, content[start : start + SECTOR_BYTES])
        for start in range(0, len(content), SECTOR_BYTES)
        if rng.random() < 0.5
    ]


def _apply(data, step):
    content = data.setdefault(step[1], bytearray())
    if step[0] == "truncate":
        size = step[2]
        content[size:] = bytes(max(0, size - len(content)))
        return
    offset, written = step[2], step[3]
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(written)] = written


def _apply_name(names, step):
    if step[0] == "link":
        names[step[1]] = step[2]
    else:
        names.pop(step[1], None)


class Recorder(apsw.VFS):
    """The file system; `log` is everything that happened, in order."""

    def __init__(self, name="recorder"):
        self.log = []
        self.files = {}
        self.inodes = 0
        super().__init__(name, base="", maxpathname=512)

    def mark(self, *what):
        """Record that a caller was told something."""
        self.log.append(("mark", *what))

    def xOpen(self, name, flags):
        flags[1] = flags[0]
        return RecordedFile(self, name.filename() if hasattr(name, "filename") else str(name))

    def xAccess(self, path, flags):
        return path in self.files

    def xDelete(self, path, sync_directory):
        self.files.pop(path, None)
        self.log.append(("unlink", path))
        if sync_directory:
            self.log.append(("sync directory",))

    def xFullPathname(self, name):
        return name if name.startswith("/") else "/" + name

    def xRandomness(self, count):
        return os.urandom(count)

    def xSleep(self, microseconds):
        return microseconds

    def xCurrentTime(self):
        return 2460000.5

    def xCurrentTimeInt64(self):
        return 2460000 * 86_400_000

    def xGetLastError(self):
        return 0, ""


class RecordedFile:
    """One open file of the recorder."""

    def __init__(self, recorder, name):
        self.recorder = recorder
        self.new_journal = False
        if name not in recorder.files:
            recorder.inodes += 1
            recorder.files[name] = (recorder.inodes, bytearray())
            recorder.log.append(("link", name, recorder.inodes))
            self.new_journal = name.endswith(("-journal", "-wal"))
        self.inode, self.content = recorder.files[name]

    def xRead(self, count, offset):
        return bytes(self.content[offset : offset + count])

    def xWrite(self, data, offset):
        step = ("write", self.inode, offset, bytes(data))
        _apply({self.inode: self.content}, step)
        self.recorder.log.append(step)

    def xTruncate(self, size):
        step = ("truncate", self.inode, size)
        _apply({self.inode: self.content}, step)
        self.recorder.log.append(step)

    def xSync(self, flags):
        self.recorder.log.append(("sync", self.inode))
        if self.new_journal:
            self.recorder.log.append(("sync directory",))
            self.new_journal = False

    def xFileSize(self):
        return len(self.content)

    def xClose(self):
        pass

    def xLock(self, level):
        pass

    def xUnlock(self, level):
        pass

    def xCheckReservedLock(self):
        return False

    def xFileControl(self, op, pointer):
        return False

    def xSectorSize(self):
        return 4096

    def xDeviceCharacteristics(self):
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE  # as the stock VFS says


class Adapter:
    """apsw's connection with the few members the store uses of sqlite3's."""

    def __init__(self, vfs):
        self.real = apsw.Connection(DATABASE, vfs=vfs)

    in_transaction = property(lambda self: self.real.in_transaction)
    total_changes = property(lambda self: self.real.total_changes())

    def execute(self, sql, parameters=()):
        return self.real.execute(sql, parameters)

    def executemany(self, sql, parameters):
        return self.real.executemany(sql, parameters)

    def close(self):
        self.real.close()
