"""Promise 1: acknowledged means on disk, at whatever instruction the power goes.

The outbox runs its own SQL with its own settings over a recording file system; each point of the recording is turned
into the disks that a cut there could leave, and the product's own opening reads them. FULL must lose nothing. Two
controls, NORMAL and acknowledging before the commit, must lose something, or the test is blind.
"""

import itertools
import random
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

import pytest

from gateway.clock import TimelineMark
from gateway.link import SendOutcome
from gateway.model import BundleState, Precedence, Receipt, ReceiptLevel
from gateway.store import schema
from gateway.store.accepting import DuplicateKey, OwedTo
from gateway.store.commit import commit
from gateway.store.limits import Limits
from gateway.store.opening import open_store
from gateway.store.outbox import Outbox
from tests.gateway.store.helpers import ScriptedClock, draft
from tests.simulation.powercut import Adapter, Disk, Recorder

STATES_MIN = 10_000
MESSAGES = 50


class Workload:
    """A day of an outbox in small: accept, try, publish, receive receipts, expire, forget, checkpoint."""

    def __init__(self, seed, *, synchronous="FULL", early=False):
        self.rng = random.Random(seed)
        name = f"powercut-{seed}-{synchronous}-{early}"
        self.vfs = Recorder(name)
        self.early = early
        self.connection = Adapter(name)
        self.clock = ScriptedClock()
        limits = Limits(forget_after_s=300.0)
        schema.configure(self.connection, limits)
        for pragma in ("PRAGMA synchronous = " + synchronous, "PRAGMA wal_autocheckpoint = 60"):
            self.connection.execute(pragma).fetchall()
        schema.create(self.connection)
        self.outbox, _ = Outbox.load(self.connection, "gw1", random.Random(1), limits)
        self.vfs.mark("schema")
        self.now_s = 0.0

    def mark(self):
        return TimelineMark(self.now_s, self.now_s, 1_800_000_000.0, wall_trusted=True, boot_id="b")

    def run(self, function, told):
        """Commit a function; `told(value)` is what the caller learns, recorded behind the commit (or before: early)."""
        if self.early:
            self.connection.execute("SAVEPOINT look")
            before = self.outbox.snapshot()
            promised = told(function(self.outbox))
            self.outbox.restore(before)
            self.connection.execute("ROLLBACK TO look")
            self.connection.execute("RELEASE look")
            self.vfs.mark(*promised)
        done = commit(self.connection, self.outbox, self.mark, [function])[0]
        if done.error is not None:
            raise done.error
        if not self.early:
            self.vfs.mark(*told(done.value))
        return done.value

    def accept(self, number):
        key = DuplicateKey(b"key %d" % number, 1e6)
        text = "报告" * self.rng.randint(1, 120)
        one = draft(text, precedence=self.rng.choice(list(Precedence)), card=number % 7 + 1, lifetime_s=250.0)
        self.run(
            lambda outbox: outbox.accept(one, lane="bus", now_s=self.now_s, duplicate=key, owed=OwedTo("bd1", "1")),
            lambda taken: ("accepted", taken.bundle.id, number),
        )

    def live(self):
        for number in range(MESSAGES):
            self.now_s += 3.0
            self.accept(number)
            chance = self.rng.random()
            if chance < 0.3:
                self.try_one()
            elif chance < 0.6:
                self.deliver_one()
            elif chance < 0.7:
                self.run(
                    lambda outbox: outbox.expire(self.now_s, 5),
                    lambda gone: ("closed", *((b.id, str(b.state)) for b in gone)),
                )
            elif chance < 0.8:
                self.run(lambda outbox: outbox.maintain(self.now_s), lambda _: ("upkeep",))
        return self

    def waiting(self):
        return self.outbox.due("bus", self.rng.choice(list(Precedence)), self.now_s, 1)

    def try_one(self):
        waiting = self.waiting()
        if not waiting:
            return
        one = waiting[0]
        begun = self.run(lambda outbox: outbox.begin(one.seq, "mqtt", self.now_s), lambda _: ("begun", one.id))
        due_s = self.now_s + 60.0
        self.run(
            lambda outbox: outbox.finish(
                begun, SendOutcome.ACCEPTED, "", self.now_s, state=BundleState.SENT, due_s=due_s
            ),
            lambda _: ("finished", one.id),
        )

    def deliver_one(self):
        waiting = self.waiting()
        if not waiting:
            return
        receipt = Receipt(waiting[0].id, ReceiptLevel.DELIVERED, "consumer:map")
        self.run(
            lambda outbox: outbox.receipt(receipt, self.now_s), lambda _: ("closed", (receipt.bundle_id, "delivered"))
        )


def replay(workload, *, every=1, variants=2):
    """Open every disk that a cut may leave (at each `every`-th step) and yield what is wrong with it, or None."""
    rng = random.Random(5)
    disk = Disk()
    told = Told()
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        for index, step in enumerate(workload.vfs.log):
            if step[0] == "mark":
                told.take(*step[1:])
            else:
                disk.take(step)
            if index % every == 0:
                for image in disk.survivors(rng, variants):
                    yield examine(place, image, told)
    finally:
        shutil.rmtree(place)


class Told:
    """What callers were told is on disk, up to the cut."""

    def __init__(self):
        self.made, self.accepted, self.closed = False, {}, {}

    def take(self, what, *details):
        if what == "schema":
            self.made = True
        elif what == "accepted":
            self.accepted[details[0]] = details[1]
        elif what == "closed":
            self.closed.update(details)


def examine(place, image, told):
    """Read one disk as SQLite would after the cut; return what is wrong, or None."""
    for old in place.iterdir():
        old.unlink()
    for name, content in image.items():
        (place / name.lstrip("/")).write_bytes(content)
    connection = sqlite3.connect(place / "store.db", isolation_level=None)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA synchronous = OFF")
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            return "corrupt"
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'bundle'").fetchone():
            return "everything lost" if told.made else None
        connection.execute("BEGIN")
        outbox, recounted = Outbox.load(connection, "gw1", random.Random(1), Limits())
        return "standing record lost" if recounted else next(wrong(outbox, connection, told), None)
    except sqlite3.DatabaseError as error:
        return f"unreadable: {error}"
    finally:
        connection.close()


def wrong(outbox, connection, told):
    """Yield what does not hold: each acknowledged bundle, its key, each closing, and the balance."""
    stored = outbox._read(connection.execute("SELECT * FROM bundle").fetchall())
    found = {one.id: str(one.bundle().state) for one in stored}
    keys = dict(connection.execute("SELECT key, id FROM duplicate").fetchall())
    if outbox.noted().get("corrupt record"):
        yield "corrupt record"
    if not outbox.balance().balanced or outbox.balance() != outbox.recount():
        yield "the balance does not hold"
    for bundle_id, number in told.accepted.items():
        if keys.get(b"key %d" % number) != bundle_id:
            yield f"key of {bundle_id} lost"
        if bundle_id not in found and bundle_id not in told.closed:
            yield f"{bundle_id} lost"
    for bundle_id, state in told.closed.items():
        if found.get(bundle_id, state) != state:
            yield f"{bundle_id} is {found[bundle_id]} again: a closing was lost"
    if not found.keys() <= set(keys.values()):
        yield "a bundle is there without its key"


@pytest.mark.long
def test_no_power_cut_loses_an_acknowledged_bundle(capsys):
    """At least 10 000 disks after a cut: every acknowledged bundle, key and closing is there, and the balance holds."""
    begun = time.perf_counter()
    states = 0
    for seed in itertools.count(1):
        for fault in replay(Workload(seed).live()):
            states += 1
            assert fault is None, f"seed {seed}, state {states}: {fault}"
        if states >= STATES_MIN:
            break
    with capsys.disabled():
        print(f"\n  power cut: {states} states, {seed} seeds, 0 lost, {time.perf_counter() - begun:.0f} s")


def test_control_synchronous_normal_loses():
    """The setting that is often recommended with WAL loses acknowledged bundles; a blind recorder would not see it."""
    faults = [fault for fault in replay(Workload(1, synchronous="NORMAL").live(), every=37) if fault]

    assert any("lost" in fault for fault in faults)
    assert "corrupt" not in faults


def test_planted_defect_acknowledge_before_commit_loses():
    """Telling the sender first and committing then is caught."""
    assert any(fault and "lost" in fault for fault in replay(Workload(1, early=True).live()))


def test_a_disk_after_a_cut_opens_with_the_products_own_opening(tmp_path):
    """open_store starts on such a disk, nothing is put aside, and the counters are those of the last commit."""
    workload = Workload(3).live()
    disk = Disk()
    for step in workload.vfs.log:
        if step[0] != "mark":
            disk.take(step)
    for name, content in next(disk.survivors(random.Random(1), 0)).items():
        (tmp_path / name.lstrip("/")).write_bytes(content)

    store, report = open_store(tmp_path / "store.db", gateway="gw1", clock=ScriptedClock(), rng=random.Random(1))

    assert (report.created, report.alarm) == (False, "")
    assert store.balance == workload.outbox.balance()
    store._file.close(store.timeline.mark)
