"""An older copy of one end's files put back, in the ways in which people do that, while the other end goes on."""

import random
import shutil

from tests.simulation.airledger import Fault
from tests.simulation.airstore import DirectStore
from tests.simulation.airworld import OTHER, PAUSE_S, World

DATABASE, GUARD = "store.db", "air.guard"
PARTS = ("", "-wal", "-shm")


def copy_database(folder, copy):
    copy.mkdir()
    for part in PARTS:
        if (folder / (DATABASE + part)).exists():
            shutil.copy2(folder / (DATABASE + part), copy)


def copy_folder(folder, copy):
    shutil.copytree(folder, copy)


def put_folder(folder, copy):
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)


def move_folder(folder, copy):
    shutil.rmtree(folder)
    copy.rename(folder)


def put_files(folder, copy):
    delete_database(folder, copy)
    for one in copy.iterdir():
        one.replace(folder / one.name)


def put_database_alone(folder, copy):
    put_files(folder, copy)
    delete_guard(folder, copy)


def delete_database(folder, _copy):
    for part in PARTS:
        (folder / (DATABASE + part)).unlink(missing_ok=True)


def delete_guard(folder, _copy):
    (folder / GUARD).unlink(missing_ok=True)


def delete_both(folder, copy):
    delete_database(folder, copy)
    delete_guard(folder, copy)


BACK = {
    "the database": (copy_database, put_files),
    "the database, and the guard deleted": (copy_database, put_database_alone),
    "the folder": (copy_folder, put_folder),
    "the folder, renamed": (copy_folder, move_folder),
    "each file of the folder": (copy_folder, put_files),
}
"""Ways in which an older copy comes back."""

GONE = {
    "the database deleted": (copy_database, delete_database),
    "the guard deleted": (copy_database, delete_guard),
    "both deleted": (copy_database, delete_both),
}
"""Ways in which memory goes."""


class OldCopy:
    """A life in which one end's files are copied and later put back, or go."""

    def __init__(self, keys, seed, name, way):
        self.rng = random.Random(seed)
        self.world = World(keys, seed)
        self.name, self.way = name, way
        self.restored = self.moved = None
        """Whether it was noticed, and whether the guard had moved since the copy was made."""

    async def run(self, folder, *, plays_back=True):
        """Live, copy, live on, put back, live on. ``plays_back``: somebody recorded everything and tries that first."""
        world, rng = self.world, self.rng
        state, aside = folder / "state", folder / "copy"
        copy, put_back = (BACK | GONE)[self.way]
        state.mkdir()
        await world.start(OTHER[self.name], DirectStore.in_memory(OTHER[self.name], world.clock, rng))
        await world.start(self.name, self._store(state))
        end = world.ends[self.name]
        await world.live(rng.randint(0, 5))
        while end.guard is None:  # see test_an_older_copy_from_before_the_first_frame_lets_nothing_be_played_back
            await world.live(1)
        if rng.random() < 0.5:
            end.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        copy(state, aside)
        then = end.guard
        await world.live(rng.randint(1, 6))
        had, self.moved = set(end.heard_texts()), end.guard != then
        end.store.close()
        put_back(state, aside)
        world.clock.advance(rng.uniform(*PAUSE_S))
        store = self._store(state)
        try:
            self.restored = await world.start(self.name, store)
            await self._go_on(had, plays_back)
        finally:
            store.close()
        return self

    async def _go_on(self, had, plays_back):
        world = self.world
        has = set(world.ends[self.name].heard_texts())
        world.lost_by_hand = had - has
        if self.way in GONE and self.way != "the guard deleted":
            world.ledger.forget(self.name)  # who remembers nothing may be told anything once more
        opened = len(world.ledger.opened)
        if plays_back:
            await world.hear_again(self.name)
        if self.way in BACK and self.restored and len(world.ledger.opened) != opened:
            raise Fault(f"{len(world.ledger.opened) - opened} records from before the older copy were taken")
        world.check()
        await world.live(3)
        await world.settle()
        for name in world.ends:
            await world.hear_again(name)  # what was lost on its way, and then forgotten with the store, may still come
        await world.hear_all_again()

    def _store(self, state):
        return DirectStore.on_file(state / DATABASE, self.name, self.world.clock, self.rng)
