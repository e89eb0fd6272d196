"""What keeps the memory of a simulated gateway: stores that answer at once, and guards without a file."""

import itertools
import sqlite3
import tempfile
from pathlib import Path

from gateway.clock import Timeline
from gateway.store import schema
from gateway.store.commit import commit
from gateway.store.guard import GuardMark
from gateway.store.limits import Limits
from gateway.store.opening import open_store
from gateway.store.outbox import Outbox
from tests.simulation.airledger import Fault

_identities = itertools.count(1)


def memory_folder():
    """Return a folder on a disk without a disk, where a sync costs nothing."""
    return tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)


class KeptGuard:
    """A guard file without a file: each write makes another one."""

    def __init__(self, mark=None):
        self.mark = mark

    def read(self):
        return self.mark

    def write(self, number, salt):
        self.mark = GuardMark(number, salt, f"file {next(_identities)}")
        return self.mark


class Connection:
    """A connection whose next COMMIT may fail, as on a full disk."""

    def __init__(self, real):
        self.real = real
        self.fails = False

    in_transaction = property(lambda self: self.real.in_transaction)
    total_changes = property(lambda self: self.real.total_changes)

    def execute(self, sql, parameters=()):
        if self.fails and sql == "COMMIT":
            self.fails = False
            raise sqlite3.OperationalError("database or disk is full")
        return self.real.execute(sql, parameters)

    def executemany(self, sql, parameters):
        return self.real.executemany(sql, parameters)


class DirectStore:
    """The store's face without its thread: what `run` returns is on disk."""

    commits = True

    def __init__(self, connection, outbox, timeline, close):
        self.connection, self.outbox, self.timeline, self.close = Connection(connection), outbox, timeline, close
        self.balance = outbox.balance()
        self.waiting = 0
        self.told = lambda: None
        self.failed = lambda: None

    def now_s(self):
        return self.timeline.now_s()

    async def run(self, function):
        return self.do(function)

    def do(self, function):
        done = commit(self.connection, self.outbox, self.timeline.mark, [function])[0]
        if done.error is not None:
            self.failed()
            raise done.error
        self.told()
        return done.value

    @classmethod
    def on_file(cls, path, name, clock, rng, guard=None):
        """Open with the product's own opening; with another guard than the file beside it if one is given."""
        store, report = open_store(path, gateway=name, clock=clock, rng=rng)
        store._executor.shutdown()
        if report.alarm:
            raise Fault(report.alarm)
        if guard is not None:
            store._file.outbox.guard = guard
        return cls(store._file.connection, store._file.outbox, store.timeline, store._file.abandon)

    @classmethod
    def on_connection(cls, connection, name, clock, rng, guard, *, pragmas=()):
        """Take up, or make, the tables of a connection of any kind."""
        schema.configure(connection, Limits())
        for pragma in pragmas:
            connection.execute(pragma).fetchall()
        if schema.version_of(connection) == 0:
            schema.create(connection)
        outbox, _ = Outbox.load(connection, name, rng, Limits())
        outbox.guard = guard
        return cls(connection, outbox, Timeline(clock, outbox.mark), connection.close)

    @classmethod
    def in_memory(cls, name, clock, rng, *, image=None, guard=None):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        if image is not None:
            connection.deserialize(image)
        return cls.on_connection(connection, name, clock, rng, KeptGuard(guard))
