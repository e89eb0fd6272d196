"""Bits that flip on the card, lost counters, unreadable files: never a wrong bundle, never a refusal to start."""

import os
import random
import sqlite3
import struct

import pytest

from gateway.model import BundleState, Direction, Endpoint, Precedence, Station
from gateway.store import records
from gateway.store.accepting import DuplicateKey, OwedTo
from gateway.store.errors import StoreFailed, StoreLocked
from gateway.store.limits import ASIDE_MAX, QUARANTINE_MAX
from gateway.store.opening import open_store
from tests.gateway.store.helpers import ScriptedClock, draft, here, order, sync_store


def accept(store, one, now_s=0.0, lane="bus", **more):
    return store.run(lambda outbox: outbox.accept(one, lane=lane, now_s=now_s, **more)).bundle


def damage(store, column, value, seq=1):
    """Change one column behind the store's back; its CRC stays."""
    statement = f"UPDATE bundle SET {column} = ? WHERE seq = ?"
    store.connection.execute(statement, (value, seq))


COLUMNS = {
    "direction": 1, "precedence": 0, "lane": "hf", "state": 3, "evidence": 2, "attempts": 9, "due_s": -5.0,
    "expires_s": 1.0, "tried": "hf1", "reason": "x", "events": 40, "moving_crc": 1, "id": "gw1-AAAA-1",
    "source": "card:1", "destination": "card:2", "parent": "p", "external_id": "e", "reply_to": "r", "heard_on": "h",
    "author_link": "l", "author_peer": "p", "lifetime_s": 9.0, "created_wall_s": 9.0, "clock_trusted": 0,
    "accepted_s": 0.5, "duplicate_key": b"k", "fixed_crc": 1, "body": b'{"kind":"sos"}',
}  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS)
def test_a_damaged_column_never_reaches_anybody(tmp_path, column):
    """Whichever column changed, the bundle is quarantined, counted as shed, and the balance holds line by line."""
    store = sync_store(tmp_path)
    accept(store, draft("in danger", precedence=Precedence.PRIORITY))
    other = accept(store, draft("safe"))
    damage(store, column, COLUMNS[column])

    assert store.run(lambda outbox: outbox.find("1")) is None

    cell = store.outbox.balance().cells[Direction.UP, Precedence.PRIORITY]
    assert (cell.accepted, cell.shed, cell.queued) == (1, 1, 0)
    assert store.outbox.balance().balanced
    assert store.outbox.balance() == store.run(lambda outbox: outbox.recount())
    assert store.outbox.noted()["corrupt record"] == 1
    assert store.outbox.noted()["shed: corrupt record"] == 1
    assert store.run(lambda outbox: outbox.find("2")) == other
    raw = store.connection.execute("SELECT raw FROM quarantine").fetchone()[0].decode()
    assert "in danger" in raw or column == "body"
    store.close()


def test_a_closed_bundle_that_is_damaged_stays_delivered_in_the_balance(tmp_path):
    """Damage to history is not a loss of traffic."""
    store = sync_store(tmp_path)
    accept(store, draft(lifetime_s=1.0))
    store.run(lambda outbox: outbox.expire(1.0, 10))
    damage(store, "state", records.QUEUED)

    assert store.run(lambda outbox: outbox.numbered(1)) is None

    assert (store.outbox.balance().total.expired, store.outbox.balance().total.shed) == (1, 0)
    assert store.outbox.balance() == store.run(lambda outbox: outbox.recount())
    store.close()


def flips(raw, seed, share):
    """Yield the file with one bit flipped, for a share of all bits (all of them when share is 1)."""
    bits = range(len(raw) * 8)
    for bit in bits if share == 1 else random.Random(seed).sample(bits, int(len(bits) * share)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        yield bit, bytes(changed)


def test_no_single_bit_of_a_record_gives_a_wrong_bundle():
    """Every bit of the stored record of three bundles: refused, or the very same bundle, never another one."""
    for one in (
        draft("受伤3人"),
        draft("x", precedence=Precedence.FLASH),
        order(parent="gw1-AAAA-9", external_id="ce"),
    ):
        stored = records.Stored(
            records.Moving(7, int(one.direction == "down"), int(one.precedence), "bus", 1, 1, 2, 3.5, 99.0, 0.0, "bd1", "FKI Y", 4),
            "gw1-AAAA-7", one, 1.5, records.Author("bd1", "242286"), b"key",
        )  # fmt: skip
        row = stored.row()
        assert records.stored_of(row).bundle() == stored.bundle()
        checked = 0
        for index, value in enumerate(row):
            for changed in flipped_values(value):
                checked += 1
                flipped = (*row[:index], changed, *row[index + 1 :])
                if index > records.BODY_COLUMN:  # a hint: it helps to find the bundle and says nothing of it
                    assert records.stored_of(flipped) == stored
                    continue
                with pytest.raises(records.BadRecord):
                    records.stored_of(flipped)
        assert checked > 1500


def flipped_values(value):
    """Return the value with each of its bits flipped, as SQLite would read it back."""
    if value is None:
        return [0, "", b""]
    if isinstance(value, int):
        return [value ^ 1 << bit for bit in range(63)]
    if isinstance(value, float):
        raw = struct.pack(">d", value)
        return [struct.unpack(">d", changed)[0] for _, changed in flips(raw, 0, 1)]
    raw = value.encode() if isinstance(value, str) else value
    changed = [one for _, one in flips(raw, 0, 1)]
    return [one.decode("utf-8", "surrogateescape") for one in changed] if isinstance(value, str) else changed


def test_no_single_bit_of_the_file_gives_a_wrong_bundle(tmp_path):
    """Flip bits all over the file: every bundle that is still given out is exactly one that was accepted."""
    store = sync_store(tmp_path)
    accepted = {
        accept(store, draft(f"报告 {number}", card=number + 1), float(number), owed=OwedTo("bd1", "1")).id: number
        for number in range(12)
    }
    originals = {b.id: b for b in store.run(lambda outbox: outbox.due("bus", Precedence.ROUTINE, 99.0, 99))}
    assert originals.keys() == accepted.keys()
    store.close()
    raw = (tmp_path / "store.db").read_bytes()
    hurt, told = 0, set()

    for bit, changed in flips(raw, 11, 400 / (len(raw) * 8)):
        (tmp_path / "store.db").write_bytes(changed)
        try:
            store.open()
        except StoreFailed as error:
            told.add(str(error))
            continue
        try:
            found = store.run(lambda outbox: outbox.due("bus", Precedence.ROUTINE, 99.0, 99))
            swept = store.run(lambda outbox: outbox.sweep())
        except StoreFailed:
            hurt += 1  # SQLite itself saw it: nothing is given out at all
            continue
        finally:
            store.abandon()
        assert all(originals[b.id] == b for b in found), bit
        hurt += len(found) != 12 or swept != 12
        for leftover in tmp_path.glob("store.db.unreadable*"):
            leftover.unlink()

    assert all("newer program" in text for text in told), told  # only a flip of the schema version is refused
    assert hurt > 0, "no flip did anything: the test looks at nothing"


def test_planted_defect_an_unchecked_crc_gives_a_wrong_bundle(tmp_path, monkeypatch):
    """With the check taken out the damaged bundle comes through: the tests above would see it."""
    monkeypatch.setattr(records, "crc_of", lambda _: 0)
    store = sync_store(tmp_path)
    accept(store, draft("真话"))
    damage(store, "source", "card:1")

    assert store.run(lambda outbox: outbox.find("1")).draft.source.name == "1"
    store.close()


def test_every_other_record_is_checked_too(tmp_path):
    """Duplicate keys, receipts owed, places, memory, history and stations are dropped and counted when damaged."""
    store = sync_store(tmp_path)
    accept(store, draft(place=here()), duplicate=DuplicateKey(b"k", 600.0), owed=OwedTo("bd1", "1"))
    store.run(lambda outbox: outbox.begin(1, "bd1", 1.0))
    store.run(lambda outbox: outbox.station_put(Station("s", cards=(1,))))
    store.run(lambda outbox: outbox.memory_save("bd1", "slot", "1", 0.0))
    for statement in (
        "UPDATE duplicate SET seq = 9", "UPDATE owed SET level = 'delivered'", "UPDATE place SET lat = 1.0",
        "UPDATE event SET link = 'bd9'", "UPDATE station SET body = '{}'", "UPDATE memory SET value = '2'",
    ):  # fmt: skip
        store.connection.execute(statement.replace("'{}'", "x'7b7d'"))

    assert not accept_duplicate(store)
    assert store.run(lambda outbox: outbox.owed_next("bd1", 5.0, 5)) == []
    assert store.run(lambda outbox: outbox.last_place(Endpoint.card(242286), 5.0)) is None
    assert [e.kind for e in store.run(lambda outbox: outbox.history(1))] == ["accepted"]
    assert store.run(lambda outbox: outbox.station_by_card(1)) is None
    assert store.run(lambda outbox: outbox.memory_load("bd1", "slot", 5.0)) is None
    assert store.outbox.noted()["corrupt record"] == 6
    store.close()


def accept_duplicate(store):
    key = DuplicateKey(b"k", 600.0)
    return store.run(lambda outbox: outbox.accept(draft(), lane="bus", now_s=1.0, duplicate=key)).is_duplicate


def test_the_quarantine_is_bounded(tmp_path, monkeypatch):
    """Beyond its maximum damaged records are only counted."""
    assert QUARANTINE_MAX > 1
    monkeypatch.setattr("gateway.store.shelf.QUARANTINE_MAX", 3)
    store = sync_store(tmp_path)
    for seq in range(1, 6):
        accept(store, draft())
        damage(store, "reason", "x", seq)

    store.run(lambda outbox: outbox.sweep())

    assert store.outbox.rows()["quarantine"] == 3
    assert store.outbox.noted()["corrupt record"] == 5
    assert store.outbox.balance().total.shed == 5
    store.close()


def test_a_damaged_index_is_made_anew(tmp_path):
    """A bundle that the queue's index has lost would wait for ever; the sweep finds it."""
    store = sync_store(tmp_path)
    accept(store, draft(), 1.0)
    store.connection.execute("PRAGMA writable_schema = ON")
    store.connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'state < 4', 'state < 0') WHERE name = 'bundle_ready'"
    )
    store.close()
    store.open()
    store.connection.execute("REINDEX bundle_ready")
    store.connection.execute("PRAGMA writable_schema = ON")
    store.connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'state < 0', 'state < 4') WHERE name = 'bundle_ready'"
    )
    store.close()
    store.open()
    assert store.run(lambda outbox: outbox.due("bus", Precedence.ROUTINE, 5.0, 5)) == []

    store.run(lambda outbox: outbox.sweep())

    assert [b.seq for b in store.run(lambda outbox: outbox.due("bus", Precedence.ROUTINE, 5.0, 5))] == [1]
    assert store.outbox.noted()["index made anew"] == 1
    store.close()


def test_lost_counters_are_counted_anew(tmp_path):
    """Without the standing record the tables say what is queued, no number is given out twice, the report tells."""
    store = sync_store(tmp_path)
    for _ in range(3):
        last = accept(store, draft(), duplicate=None)
    epoch = store.report.epoch
    store.connection.execute("UPDATE standing SET body = x'00'")
    store.crash()

    assert store.report.recounted
    assert "counted anew" in store.report.alarm
    assert store.outbox.balance().total.queued == 3
    assert store.outbox.balance().balanced
    new = accept(store, draft())
    assert new.seq > last.seq
    assert store.run(lambda outbox: outbox.find(last.id)) == last
    assert epoch


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(9000)])
def test_an_unreadable_file_is_put_aside_and_the_store_starts(tmp_path, content):
    """The gateway accepts again at once, the file is kept, and the report says so loudly."""
    (tmp_path / "store.db").write_bytes(content)

    store = sync_store(tmp_path)

    assert store.report.created
    assert (tmp_path / "store.db.unreadable-1").read_bytes() == content
    assert "store.db.unreadable-1" in store.report.alarm
    assert accept(store, draft()).state is BundleState.QUEUED
    store.close()


def test_unreadable_files_are_kept_to_a_maximum(tmp_path):
    """The oldest of ASIDE_MAX makes room, so a dying card cannot fill itself."""
    for number in range(ASIDE_MAX + 2):
        (tmp_path / "store.db").write_bytes(b"junk %d" % number * 100)
        (tmp_path / "store.db-wal").unlink(missing_ok=True)
        sync_store(tmp_path).close()

    kept = sorted(tmp_path.glob("store.db.unreadable-?"))
    assert len(kept) == ASIDE_MAX
    assert any(b"junk 6" in one.read_bytes() for one in kept)


def test_bad_pages_cost_what_is_on_them_and_nothing_else(tmp_path):
    """The file is put aside, and every bundle that is whole goes on under its id, with keys, stations and timeline."""
    store = sync_store(tmp_path)
    store.run(lambda outbox: outbox.station_put(Station("team3", cards=(5,))))
    store.run(lambda outbox: outbox.memory_save("bd1", "slot", "61.5", 0.0))
    store.clock.advance(1000.0)
    originals = {}
    for number in range(300):
        key = DuplicateKey(b"%d" % number, 1e6)
        one = accept(store, draft(f"{number}" + "长" * 300, card=number + 1), 10.0 + number, duplicate=key)
        originals[one.id] = one
    root = store.connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'bundle'").fetchone()[0]
    store.close()
    raw = bytearray((tmp_path / "store.db").read_bytes())
    leaves = [page for page in range(root, len(raw) // 4096) if raw[page * 4096] == 0x0D]
    for page in leaves[20:60:10]:
        raw[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    (tmp_path / "store.db").write_bytes(raw)

    store.open()

    saved = store.run(lambda outbox: outbox.due("bus", Precedence.ROUTINE, 1e4, 1000))
    assert store.report.salvaged.bundles == len(saved)
    assert 250 < len(saved) < 300
    assert all(originals[one.id] == one for one in saved)
    assert f"{len(saved)} open bundles" in store.report.alarm
    assert store.outbox.balance().balanced
    assert store.outbox.balance() == store.run(lambda outbox: outbox.recount())
    again = store.run(
        lambda outbox: outbox.accept(saved[0].draft, lane="bus", now_s=1000.0, duplicate=DuplicateKey(b"0", 1.0))
    )
    assert again.is_duplicate
    assert accept(store, draft()).seq > 300
    assert store.run(lambda outbox: outbox.station_by_card(5)).id == "team3"
    assert store.run(lambda outbox: outbox.memory_load("bd1", "slot", 1000.0)) == ("61.5", 1000.0)
    assert store.timeline.now_s() == 1000.0
    store.close()


def test_salvage_without_the_standing_record_expires_nothing(tmp_path):
    """With the mark lost too, numbers and timeline go on behind the last bundle that is known."""
    store = sync_store(tmp_path)
    store.clock.advance(500.0)
    for number in range(100):
        accept(store, draft("长" * 300, lifetime_s=60.0), 400.0 + number)
    store.connection.execute("UPDATE standing SET crc = 0")
    root = store.connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'event'").fetchone()[0]
    store.abandon()
    sqlite3.connect(tmp_path / "store.db").close()
    raw = bytearray((tmp_path / "store.db").read_bytes())
    raw[(root - 1) * 4096 : (root - 1) * 4096 + 16] = b"\xff" * 16
    (tmp_path / "store.db").write_bytes(raw)
    store.clock.boot = "boot-2"

    store.open()

    assert store.report.salvaged.bundles == 100
    assert store.timeline.now_s() == 499.0
    assert store.run(lambda outbox: outbox.expire(459.0, 100)) == []
    assert accept(store, draft(), 500.0).seq > 100
    store.close()


def test_a_second_process_is_refused_by_name(tmp_path):
    """Two writers could corrupt the file (SQLite before 3.51.3); the message names the process."""
    store = sync_store(tmp_path)
    with pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
        sync_store(tmp_path)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite3.connect(tmp_path / "store.db", timeout=0).execute("SELECT * FROM bundle")
    store.close()
    sync_store(tmp_path).close()


def test_a_place_that_cannot_be_used_is_told(tmp_path):
    """A missing directory and a file of a newer program are not damage: nothing is renamed."""
    with pytest.raises(StoreFailed, match="cannot be made"):
        open_store(tmp_path / "none" / "s.db", gateway="g", clock=ScriptedClock(), rng=random.Random(1))
    store = sync_store(tmp_path)
    store.connection.execute("PRAGMA user_version = 99")
    store.close()

    with pytest.raises(StoreFailed, match="newer program"):
        sync_store(tmp_path)

    assert not list(tmp_path.glob("*unreadable*"))


def test_the_file_is_for_its_owner_only(tmp_path):
    """Mode 0600 for the file, its WAL and the lock, whatever the umask."""
    before = os.umask(0)
    try:
        store = sync_store(tmp_path)
        accept(store, draft())
    finally:
        os.umask(before)

    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "store.db": 0o600,
        "store.db-wal": 0o600,
        "store.db.lock": 0o600,
    }
    store.close()
