"""What the air format keeps in the store: states, records, and a guard that notices an older copy put back."""

import shutil

import pytest

from gateway.store.airstate import RECORDS_OF_BUNDLE_MAX, HeardRecord, SentRecord
from gateway.store.guard import FileGuard, GuardMark
from gateway.store.records import sealed
from tests.gateway.store.helpers import draft, sync_store, without_worth


@pytest.fixture
def store(tmp_path):
    opened = sync_store(tmp_path)
    yield opened
    opened.close()


def test_a_state_is_what_was_put_last(store):
    store.run(lambda outbox: outbox.air_state_put(7, "send", b"one"))
    store.run(lambda outbox: outbox.air_state_put(7, "send", b"two"))
    store.run(lambda outbox: outbox.air_state_put(8, "send", b"other"))

    assert store.run(lambda outbox: outbox.air_state(7, "send")) == b"two"
    assert store.run(lambda outbox: outbox.air_states("send", 10)) == [(7, b"two"), (8, b"other")]
    store.run(lambda outbox: outbox.air_state_drop(7, "send"))
    assert store.run(lambda outbox: outbox.air_state(7, "send")) is None


def test_a_damaged_state_counts_as_lost(store):
    """Half a window would be worse than none; the record goes to quarantine."""
    store.run(lambda outbox: outbox.air_state_put(7, "receive", b"window"))
    store.connection.execute("UPDATE air_state SET body = x'00'")

    assert store.run(lambda outbox: outbox.air_state(7, "receive")) is None
    assert store.connection.execute("SELECT count(*) FROM quarantine").fetchall()[0][0] == 1


def test_a_settled_record_is_not_sent_again_but_still_known(store):
    sent = SentRecord(peer=2, salt=9, counter=5, seq=1, frame=b"bytes")
    store.run(lambda outbox: outbox.air_sent(sent))

    assert store.run(lambda outbox: outbox.air_record_of(1, 2)) == sent
    assert store.run(lambda outbox: outbox.air_carried(2, 9, 1, 9)) == [sent]
    store.run(lambda outbox: outbox.air_settled(sent))
    assert store.run(lambda outbox: outbox.air_record_of(1, 2)) is None
    assert store.run(lambda outbox: outbox.air_carried(2, 9, 1, 9)) == []
    assert store.run(lambda outbox: outbox.air_carried_by(2, 9, 5)) == [sent._replace(frame=b"")]


def test_each_bundle_of_a_batch_is_settled_by_itself(store):
    """One record, three bundles: two are settled, the third still has the bytes of all."""
    members = [SentRecord(2, 9, 5, seq, b"bytes", place) for place, seq in ((1, 30), (2, 10), (3, 20))]

    def put(outbox):
        for one in members:
            outbox.air_sent(one)
        for one in members[:2]:
            outbox.air_settled(one)

    store.run(put)

    assert store.run(lambda outbox: outbox.air_carried(2, 9, 1, 9)) == [members[2]]
    assert store.run(lambda outbox: outbox.air_record_of(20, 2)) == members[2]
    assert store.run(lambda outbox: [one.seq for one in outbox.air_carried_by(2, 9, 5)]) == [30, 10, 20]


def test_records_of_one_bundle_are_bounded(store):
    def fill(outbox):
        for counter in range(1, RECORDS_OF_BUNDLE_MAX + 10):
            outbox.air_sent(SentRecord(2, 9, counter, 1, b""))

    store.run(fill)

    assert store.connection.execute("SELECT count(*) FROM air_sent").fetchall()[0][0] == RECORDS_OF_BUNDLE_MAX
    assert store.run(lambda outbox: outbox.air_carried_by(2, 9, 1)) == []


def test_records_go_with_their_bundle(store):
    """What is forgotten leaves nothing behind."""
    bundle = store.run(lambda outbox: outbox.accept(draft("x"), lane="bus", now_s=0.0).bundle)
    store.run(lambda outbox: outbox.air_sent(SentRecord(2, 9, 5, bundle.seq, b"bytes")))
    store.run(lambda outbox: outbox.air_heard(HeardRecord(bundle.seq, 3, 8, 4)))
    assert store.run(lambda outbox: outbox.air_heard_by(3, 8, 4)) == [bundle.seq]

    store.run(lambda outbox: outbox.expire(1e9, 10))
    store.run(lambda outbox: outbox.forget_oldest())

    assert store.run(lambda outbox: outbox.air_carried_by(2, 9, 5)) == []
    assert store.run(lambda outbox: outbox.air_heard_as(bundle.seq)) is None


class Guarded:
    """A store with a guard on disk, and ways to put copies back."""

    def __init__(self, tmp_path):
        self.folder = tmp_path
        self.store = sync_store(tmp_path)
        self.set()

    def set(self):
        self.store.run(lambda outbox: setattr(outbox, "guard", FileGuard(self.folder / "air.guard")))

    def reopen(self):
        self.store.open()
        self.set()

    def advance(self, salt=1):
        self.store.run(lambda outbox: outbox.air_advance(salt))

    def restored(self):
        return self.store.run(lambda outbox: outbox.air_is_restored())

    def copy(self, to):
        self.store.close()
        shutil.copytree(self.folder, to)
        self.reopen()

    def put_back(self, source, *names):
        self.store.close()
        for path in source.iterdir():
            if not names or path.name in names:
                shutil.copy2(path, self.folder / path.name)
        self.reopen()


@pytest.fixture
def guarded(tmp_path):
    world = Guarded(tmp_path / "state") if (tmp_path / "state").mkdir() is None else None
    yield world
    world.store.close()


def test_a_store_that_goes_on_is_not_taken_for_an_older_one(guarded):
    assert not guarded.restored()
    for _ in range(3):
        guarded.advance()
        assert not guarded.restored()
    guarded.store.close()
    guarded.reopen()
    assert not guarded.restored()


def test_an_older_database_is_noticed(guarded, tmp_path):
    guarded.advance()
    guarded.copy(tmp_path / "copy")
    guarded.advance()

    guarded.put_back(tmp_path / "copy", "store.db", "store.db-wal")

    assert guarded.restored()


def test_a_whole_older_folder_is_noticed(guarded, tmp_path):
    """The guard itself is put back too: the same words, but another file, and no copying program can set a change time."""
    guarded.advance()
    guarded.copy(tmp_path / "copy")
    guarded.advance()

    guarded.put_back(tmp_path / "copy")

    assert guarded.restored()


def test_even_the_same_state_copied_back_is_noticed(guarded, tmp_path):
    """Better a hello too many than a nonce twice."""
    guarded.advance()
    guarded.copy(tmp_path / "copy")

    guarded.put_back(tmp_path / "copy")

    assert guarded.restored()


@pytest.mark.parametrize("name", ["air.guard", "store.db"])
def test_a_lost_half_is_noticed(guarded, name):
    guarded.advance()
    guarded.store.close()
    (guarded.folder / name).unlink()
    guarded.reopen()

    assert guarded.restored()


def test_the_largest_salt_outlives_either_half(guarded):
    guarded.advance(salt=77)
    guarded.advance(salt=5)
    guarded.store.close()
    (guarded.folder / "store.db").unlink()
    guarded.reopen()

    assert guarded.store.run(lambda outbox: outbox.air_salt_max()) == 77


@pytest.mark.parametrize(
    "damage", [b"", b"yizhan-guard-1 5 6 7\n", b"\xff" * 50, b"yizhan-guard-1 5 6\n", b"x" * 10_000]
)
def test_a_damaged_guard_reads_as_none(tmp_path, damage):
    (tmp_path / "air.guard").write_bytes(damage)

    assert FileGuard(tmp_path / "air.guard").read() is None


def test_a_guard_reads_what_was_written(tmp_path):
    guard = FileGuard(tmp_path / "air.guard")

    written = guard.write(5, 6)

    assert guard.read() == written == GuardMark(5, 6, written.file)
    assert (tmp_path / "air.guard").stat().st_mode & 0o777 == 0o600


def test_a_file_of_the_program_before_is_upgraded(tmp_path):
    """Schema 1 had no tables of the air format; its bundles stay."""
    store = sync_store(tmp_path)
    bundle = store.run(lambda outbox: outbox.accept(draft("x"), lane="bus", now_s=0.0).bundle)
    for table in ("air_state", "air_sent", "air_heard", "air_guard"):
        store.connection.execute(f"DROP TABLE {table}")
    without_worth(store)
    store.connection.execute("PRAGMA user_version = 1")
    store.close()

    store.open()

    assert store.run(lambda outbox: outbox.numbered(bundle.seq)).id == bundle.id
    store.run(lambda outbox: outbox.air_state_put(7, "send", b"one"))
    assert store.run(lambda outbox: outbox.air_state(7, "send")) == b"one"
    store.close()


def test_records_of_schema_2_are_taken_over(tmp_path):
    """They carried one bundle each; a damaged one is left out."""
    store = sync_store(tmp_path)
    store.run(lambda outbox: outbox.air_state_put(7, "send", b"one"))
    for statement in ("DROP TABLE air_sent", "DROP TABLE air_heard", *SCHEMA_2):
        store.connection.execute(statement)
    for row in (sealed(2, 9, 5, 1, b"bytes"), (2, 9, 6, 1, b"damaged", 0)):
        store.connection.execute("INSERT INTO air_sent VALUES (?, ?, ?, ?, ?, ?)", row)
    store.connection.execute("INSERT INTO air_heard VALUES (?, ?, ?, ?, ?)", sealed(4, 3, 8, 7))
    without_worth(store)
    store.connection.execute("PRAGMA user_version = 2")
    store.close()

    store.open()

    assert store.run(lambda outbox: outbox.air_carried(2, 9, 1, 9)) == [SentRecord(2, 9, 5, 1, b"bytes")]
    assert store.run(lambda outbox: outbox.air_heard_as(4)) == HeardRecord(4, 3, 8, 7)
    assert store.run(lambda outbox: outbox.air_state(7, "send")) == b"one"
    store.close()


SCHEMA_2 = (
    """
    CREATE TABLE air_sent(
        peer INTEGER NOT NULL, salt INTEGER NOT NULL, counter INTEGER NOT NULL, seq INTEGER NOT NULL,
        frame BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (peer, salt, counter)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX air_sent_of ON air_sent(seq)",
    """
    CREATE TABLE air_heard(
        seq INTEGER PRIMARY KEY, peer INTEGER NOT NULL, salt INTEGER NOT NULL, counter INTEGER NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX air_heard_by ON air_heard(peer, salt, counter)",
)
