"""A store on a temporary file, a scripted clock and short ways to write drafts."""

import os
import random

from gateway.model import BUS, Direction, Draft, Endpoint, Message, MessageKind, Place, PlaceSource, Precedence
from gateway.store.commit import commit
from gateway.store.limits import Limits
from gateway.store.opening import open_store


class ScriptedClock:
    """Wall and monotonic clocks that go where the test puts them."""

    def __init__(self, wall_s=1_800_000_000.0, monotonic_s=0.0, boot="boot-1"):
        self.wall, self.monotonic, self.boot, self.believed = wall_s, monotonic_s, boot, True

    def wall_s(self):
        return self.wall

    def trusted(self):
        return self.believed

    def monotonic_s(self):
        return self.monotonic

    def boot_id(self):
        return self.boot

    def advance(self, seconds):
        self.wall += seconds
        self.monotonic += seconds


class SyncStore:
    """The outbox with its real commits, without an event loop; `crash` forgets everything that was not committed."""

    def __init__(self, path, limits=None, clock=None):
        self.path, self.limits, self.clock = path, limits or Limits(), clock or ScriptedClock()
        self.open()

    def open(self):
        store, self.report = open_store(
            self.path, gateway="gw1", clock=self.clock, rng=random.Random(7), limits=self.limits
        )
        self.file, self.timeline = store._file, store.timeline
        store._executor.shutdown()

    @property
    def outbox(self):
        return self.file.outbox

    @property
    def connection(self):
        return self.file.connection

    def run(self, function):
        done = commit(self.connection, self.outbox, self.timeline.mark, [function])[0]
        if done.error is not None:
            raise done.error
        return done.value

    def close(self):
        self.file.close(self.timeline.mark)

    def abandon(self):
        """Let the file go as a killed process does: nothing more is written."""
        self.connection.close()
        os.close(self.file._lock)

    def crash(self):
        """Lose the process's memory in the middle of whatever it does, and open the file again."""
        self.abandon()
        self.open()


def sync_store(tmp_path, **limits):
    return SyncStore(tmp_path / "store.db", Limits(**limits))


def without_worth(store):
    """Take from a store's file what schema 3 added to bundles, as an older program left it."""
    for statement in (
        "DROP INDEX bundle_open",
        "DROP INDEX bundle_latest",
        "DROP INDEX bundle_answer",
        "ALTER TABLE bundle DROP COLUMN topic",
        "ALTER TABLE bundle DROP COLUMN worth",
        "CREATE INDEX bundle_open ON bundle(precedence, seq) WHERE state < 5",
    ):
        store.connection.execute(statement)


def draft(
    text="在山口",
    *,
    precedence=Precedence.ROUTINE,
    card=242286,
    lifetime_s=86_400.0,
    place=None,
    kind=MessageKind.CHAT,
    fields=None,
    created_wall_s=1_800_000_000.0,
    clock_trusted=True,
    **more,
):
    """Return an up report of a card."""
    return Draft(
        direction=Direction.UP,
        source=Endpoint.card(card),
        destination=BUS,
        precedence=precedence,
        message=Message(kind, text=text, place=place, fields=fields or {}),
        lifetime_s=lifetime_s,
        created_wall_s=created_wall_s,
        clock_trusted=clock_trusted,
        heard_on="bd1",
        **more,
    )


def order(text="撤离", *, card=242286, precedence=Precedence.ROUTINE, lifetime_s=86_400.0, **more):
    """Return an order from the centre to a card."""
    return Draft(
        direction=Direction.DOWN,
        source=BUS,
        destination=Endpoint.card(card),
        precedence=precedence,
        message=Message(MessageKind.COMMAND, text=text),
        lifetime_s=lifetime_s,
        created_wall_s=1_800_000_000.0,
        clock_trusted=True,
        heard_on="bus",
        **more,
    )


def here(lat=30.0, lon=103.5, source=PlaceSource.TEXT):
    return Place(lat, lon, source)
