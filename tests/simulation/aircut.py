"""A power cut at every write of a gateway that talks to another one, and what comes after it.

One end's store lies on the recording disk and its guard writes marks into the same recording. For each point of it, each
disk that a cut there may leave and each guard that goes with it, a branch goes on from there: with the history as it was
known at that point, and with the other end as it was then.
"""

import hashlib
import random
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from tests.gateway.store.helpers import ScriptedClock
from tests.simulation.airledger import Fault, Ledger, Stored
from tests.simulation.airstore import DirectStore, KeptGuard, memory_folder
from tests.simulation.airworld import OTHER, PAUSE_S, World
from tests.simulation.powercut import Adapter, Disk, Recorder

AUTOCHECKPOINT_PAGES = 40
"""So that a recording of some hundred commits has checkpoints in it."""

FAILS = 0.04
"""Share of transactions whose commit the disk does not take."""


class RecordedGuard(KeptGuard):
    """A guard whose writes are steps of the recording: while it is written, the old one, the new one or none is found."""

    def __init__(self, log):
        super().__init__()
        self._log = log

    def write(self, number, salt):
        before = self.mark
        mark = super().write(number, salt)
        self._log += [("guard", before, mark, None), ("guard", mark)]
        return mark


@dataclass(frozen=True, slots=True)
class OtherThen:
    """The other end after one of its commits."""

    at: int
    """Length of the recording by then."""
    image: bytes
    guard: object


class Recording:
    """A life of both ends in which one of them is recorded."""

    def __init__(self, keys, seed, cut, *, synchronous="FULL", store=DirectStore, flaky=FAILS):
        self.keys, self.seed, self.cut = keys, seed, cut
        self._name = f"aircut-{seed}-{cut}-{synchronous}-{store.__name__}"
        self.vfs = Recorder(self._name)
        self.world = World(keys, seed)
        self.guard = RecordedGuard(self.vfs.log)
        self.others = []
        self._kind, self._flaky, self._lives = store, flaky, False
        self._pragmas = ("PRAGMA synchronous = " + synchronous, f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}")
        self._opened = []

    async def live(self, messages, *, restarts=True):
        world = self.world
        world.on_told = lambda: self.vfs.mark("told", len(world.ledger.events), world.clock.monotonic)
        world.on_commit = self._committed
        await world.start(self.cut, self._store())
        other = OTHER[self.cut]
        await world.start(other, DirectStore.in_memory(other, world.clock, random.Random(self.seed)))
        world.tell(Stored(self.cut, ""))  # from here on the tables are certainly on the disk
        self._lives = True
        await world.live(messages // 2)
        if restarts:
            await self._restart()
        await world.live(messages - messages // 2)
        return self

    def _store(self):
        """Open the recorded disk. What was open before stays so, as a process that is killed writes nothing more."""
        rng = random.Random(self.seed)
        self._opened.append(Adapter(self._name))
        return self._kind.on_connection(
            self._opened[-1], self.cut, self.world.clock, rng, self.guard, pragmas=self._pragmas
        )

    async def _restart(self):
        """Start the recorded end again; every other time with its guard ahead, so that it begins all sessions anew."""
        self._lives = False
        if self.seed % 2 and self.guard.mark is not None:
            self.guard.write(self.guard.mark.number + 1, self.guard.mark.salt)
        await self.world.start(self.cut, self._store())
        self._lives = True

    def _committed(self, end):
        store = end.store
        if end.name == self.cut:
            store.connection.fails = self._lives and self.world.rng.random() < self._flaky
        else:
            image = store.connection.real.serialize()
            self.others.append(OtherThen(len(self.vfs.log), image, store.outbox.guard.mark))


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut: where, the guard that is found then, and what was known by then."""

    index: int
    guard: object
    told: int
    at_s: float


class Cuts:
    """Opens what each cut of a recording may leave, and goes on from everything that is not the same as before."""

    def __init__(self, recording, *, every=1, variants=1, wrong_clock=0.25):
        self.recording, self.every, self.variants, self.wrong_clock = recording, every, variants, wrong_clock
        self.states = self.branches = self.restored = 0
        self._seen = set()

    async def run(self):
        """Go through all cuts; raise Fault with the seed and the place of the cut that shows it."""
        rng = random.Random(self.recording.seed)
        disk, guards, told, at_s = Disk(), (None,), 0, 0.0
        with memory_folder() as folder:
            for index, step in enumerate(self.recording.vfs.log):
                match step:
                    case ("guard", *found):
                        guards = tuple(found)
                    case ("mark", _, told, at_s):
                        pass
                    case _:
                        disk.take(step)
                if told and index % self.every == 0:
                    for image in disk.survivors(rng, self.variants):
                        for guard in guards:
                            await self._examine(Path(folder), image, Cut(index, guard, told, at_s))
        return self

    async def _examine(self, folder, image, cut):
        self.states += 1
        _write(folder, image)
        case = (_digest(folder / "store.db"), cut.guard, cut.told)
        if case in self._seen:
            return
        self._seen.add(case)
        self.branches += 1
        _write(folder, image)
        try:
            await self._branch(folder, cut)
        except Fault as fault:
            recording = self.recording
            raise Fault(f"seed {recording.seed}, {recording.cut} cut, {cut}: {fault}") from fault

    async def _branch(self, folder, cut):
        """Start both ends as they are then, and go on."""
        recording = self.recording
        name, then = recording.cut, recording.world.clock
        rng = random.Random(recording.seed * 1_000_003 + cut.index)
        events = recording.world.ledger.events[: cut.told]
        clock = ScriptedClock(then.wall - then.monotonic + cut.at_s, cut.at_s)
        world = World(recording.keys, rng.random(), ledger=Ledger(events), clock=clock)
        world.number = 1000
        after_power_cut(clock, rng, trusted=rng.random() >= self.wrong_clock)
        other = next(one for one in reversed(recording.others) if one.at <= cut.index + 1)
        await world.start(
            OTHER[name], DirectStore.in_memory(OTHER[name], clock, rng, image=other.image, guard=other.guard)
        )
        store = DirectStore.on_file(folder / "store.db", name, clock, rng, KeptGuard(cut.guard))
        try:
            self.restored += await world.start(name, store)
            await go_on(world, name, events, rng)
        finally:
            store.close()


def after_power_cut(clock, rng, *, trusted):
    """Let the machine boot anew, perhaps in 1970."""
    clock.advance(rng.uniform(*PAUSE_S))
    clock.boot, clock.monotonic = "boot-2", 5.0
    if not trusted:
        clock.wall, clock.believed = 1000.0, False


async def go_on(world, cut, events, rng):
    """After a cut: what was told is there; nothing comes twice; the rest arrives in the end."""
    there = set(world.ends[cut].heard_texts())
    lost = {one.text for one in events if isinstance(one, Stored) and one.end == cut and one.text} - there
    if lost:
        raise Fault(f"accepted, then lost: {lost}")
    world.check()
    if rng.random() < 0.5:
        await world.hear_again(cut)
        world.check()
    await world.live(2)
    await world.settle()
    await world.hear_all_again()


def _write(folder, image):
    for old in folder.iterdir():
        old.unlink()
    for name, content in image.items():
        (folder / name.lstrip("/")).write_bytes(content)


def _digest(path):
    """Return what SQLite finds on a disk, as one short value; raise Fault when it finds damage."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("PRAGMA locking_mode = EXCLUSIVE", "PRAGMA synchronous = OFF"):
            connection.execute(pragma).fetchall()
        found = hashlib.blake2b(digest_size=16)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                found.update(repr(row).encode())
        return found.digest()
    except sqlite3.DatabaseError as error:
        raise Fault(f"unreadable after a cut: {error}") from error
    finally:
        connection.close()
