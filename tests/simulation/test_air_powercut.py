"""Between gateways, at whatever instruction the power goes, and when an older copy of the store is put back:

no key and nonce are used for two plaintexts, nothing is delivered twice, nothing that was acknowledged is lost.

Two of the product's own gateways talk over the world of airworld; airledger says at once what must not be. Planted defects
show that it would.
"""

import errno
import functools
import itertools
import logging
import os
import random
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from gateway.air.outgoing import HELLO_BYTES
from gateway.air.sessions import Sessions
from gateway.daemon.airmessages import AirMessages
from gateway.model import Precedence
from gateway.store.outbox import Outbox
from protocols.content.errors import ContentError
from protocols.record import sealing
from protocols.record.receiver import ReceivingState
from protocols.record.sealing import Opened
from protocols.record.sender import reserve
from protocols.record.suite import encrypt, nonce_of
from tests.simulation.aircopies import BACK, GONE, OldCopy
from tests.simulation.aircut import Cuts, Recording
from tests.simulation.airledger import Fault
from tests.simulation.airstore import DirectStore, memory_folder
from tests.simulation.airworld import CARDS, ENDS, ROUND_S, Keys, World

SEEDS = 2
MESSAGES = 5
STATES_MIN = 20_000
LONG = "三官庙村4719号点搜救，发现2830人被困，需帐篷5561顶、饮用水9472箱、发电机380台、柴油6615升，道路K208+930塌方"
"""More than one frame holds."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(autouse=True)
def _quiet():
    """Thousands of starts of a gateway would fill the log."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture
def small_blocks(monkeypatch):
    """Let counters be reserved three at a time, so that a short life has many reservations."""
    monkeypatch.setattr("gateway.air.sessions.reserve", functools.partial(reserve, block=3))


async def old_copy(keys, seed, name, way, **more):
    with memory_folder() as folder:
        try:
            return await OldCopy(keys, seed, name, way).run(Path(folder), **more)
        except Fault as fault:
            raise Fault(f"seed {seed}: {fault}") from fault


def report(capsys, what, cuts, begun_s):
    states, branches = sum(one.states for one in cuts), sum(one.branches for one in cuts)
    restored = sum(one.restored for one in cuts)
    with capsys.disabled():
        print(
            f"\n  {what}: {states} states after a cut, {branches} different ones lived on, "
            f"{restored} with an older store than guard, {time.perf_counter() - begun_s:.0f} s"
        )


# Power cuts


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("block", [3, 64])
async def test_a_power_cut_repeats_and_loses_nothing(keys, name, block, monkeypatch, capsys):
    """A cut at every write of a short life: from every disk it may leave both ends go on and keep what was promised."""
    begun_s = time.perf_counter()
    monkeypatch.setattr("gateway.air.sessions.reserve", functools.partial(reserve, block=block))
    cuts, batches = [], []
    for seed in range(1, 1 + SEEDS):
        recording = await Recording(keys, 10 * block + seed, name).live(MESSAGES)
        cuts.append(await Cuts(recording).run())
        batches += recording.world.ends[name].batches()
    report(capsys, f"{name}, blocks of {block}", cuts, begun_s)
    assert batches, "no record of these lives carried several bundles"


@pytest.mark.long
async def test_many_power_cuts_repeat_and_lose_nothing(keys, small_blocks, capsys):
    """Longer lives, and more mixtures of what had not been synced: at least 20 000 disks."""
    begun_s, cuts = time.perf_counter(), []
    for seed in itertools.count(1000):
        for name in ENDS:
            recording = await Recording(keys, seed, name).live(10)
            cuts.append(await Cuts(recording, variants=2).run())
        if sum(one.states for one in cuts) >= STATES_MIN:
            break
    report(capsys, "both ends", cuts, begun_s)


# Older copies


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("way", BACK)
async def test_an_older_copy_repeats_nothing_and_lets_nothing_be_played_back(keys, name, way):
    """It is noticed; no frame from before is taken, no counter comes again, and both ends find together again."""
    for seed in range(SEEDS):
        life = await old_copy(keys, seed, name, way)
        assert life.restored or not life.moved, f"seed {seed}: not noticed"


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("way", GONE)
async def test_memory_that_is_gone_repeats_nothing(keys, name, way):
    """With a clock that is right no counter comes again, though nothing is known any more."""
    for seed in range(SEEDS):
        assert (await old_copy(keys, seed, name, way)).restored == (way != "both deleted"), f"seed {seed}"


@pytest.mark.long
@pytest.mark.parametrize("way", BACK | GONE)
async def test_many_older_copies(keys, way, small_blocks):
    """Sixty lives for each way."""
    for seed in range(100, 130):
        for name in ENDS:
            life = await old_copy(keys, seed, name, way)
            assert life.restored or not life.moved or way == "both deleted", f"seed {seed}: not noticed"


# Planted defects


async def cut_lives(keys, name, **more):
    """Yield short lives of an end that are cut at every third write, one after the other."""
    for seed in range(1, 6):
        yield cut_life(keys, seed, name, **more)


async def cut_life(keys, seed, name, *, restarts=True, **more):
    recording = await Recording(keys, seed, name, **more).live(MESSAGES, restarts=restarts)
    await Cuts(recording, every=3, wrong_clock=0.0).run()


async def shows(match, lives):
    """Fail unless one of some lives shows a defect in these words."""
    found = []
    async for life in lives:
        try:
            await life
        except Fault as fault:
            found.append(str(fault))
            if re.search(match, found[-1]):
                return
    pytest.fail(f"not seen: {match}; seen: {found}")


async def test_planted_window_never_stored(keys, monkeypatch):
    """A receiver that does not keep its window takes a record again, even without a cut."""
    monkeypatch.setattr(Sessions, "put_receiving", lambda *_: None)

    await shows("took a record twice", cut_lives(keys, "hq"))


async def test_planted_window_in_memory_only(keys, monkeypatch):
    """A window that is only in RAM is lost at a cut: what was heard before is taken again."""
    in_memory = {}

    def put_receiving(self, _outbox, peer, state):
        in_memory[id(self), peer, state.ends] = state

    def receiving(self, _outbox, peer, group=None):
        ends = self.ends_from(peer, group)
        return in_memory.get((id(self), peer, ends), ReceivingState(ends))

    monkeypatch.setattr(Sessions, "put_receiving", put_receiving)
    monkeypatch.setattr(Sessions, "receiving", receiving)

    await shows("took a record twice", cut_lives(keys, "hq"))


async def test_planted_batch_taken_in_part(keys, monkeypatch):
    """A receiver that keeps the first message of a batch and says that the record is here has lost the others."""
    real = AirMessages.take

    def first_only(self, outbox, owed, taken, content, now_s):  # noqa: PLR0917
        return real(self, outbox, owed, taken, replace(content, batch=content.batch[:1]), now_s)

    monkeypatch.setattr(AirMessages, "take", first_only)

    await shows("acknowledged to v1 and lost", cut_lives(keys, "hq"))


async def test_planted_tag_unchecked(keys, monkeypatch):
    """A receiver that decrypts and does not check takes what was never sent."""

    def believe(session_keys, frame, counter):
        opened = sealing.open_frame(session_keys, frame, counter)
        if opened is not None or frame.odd != session_keys.session.odd:
            return opened
        suite, ciphertext = session_keys.session.suite, frame.sealed[: -frame.tag_bytes]
        nonce = nonce_of(suite, session_keys.static_iv, counter)
        stream = encrypt(suite, session_keys.key, nonce, b"", bytes(len(ciphertext)), tag_bytes=8)
        plain = bytes(one ^ other for one, other in zip(ciphertext, stream, strict=False))
        return Opened(session_keys.session, counter, plain, frame.header.fragment)

    monkeypatch.setattr("protocols.record.receiver.open_frame", believe)

    await shows("took a record that was never sent", cut_lives(keys, "hq"))


async def test_planted_counters_go_on_where_they_were_seen(keys, monkeypatch):
    """A sender that goes on with the counter on disk, and not behind the reserved ones, repeats some."""
    monkeypatch.setattr("gateway.air.sessions.after_restart", lambda stored: stored)

    await shows("one key and nonce for two plaintexts", cut_lives(keys, "v1"))


@pytest.mark.parametrize(
    ("name", "match"),
    [("v1", "one key and nonce for two plaintexts"), ("hq", "took a record twice|from before the older copy")],
)
async def test_planted_guard_ignored(keys, monkeypatch, small_blocks, name, match):
    """Who does not look at the guard repeats counters and takes recorded frames when an older copy is put back."""
    monkeypatch.setattr(Outbox, "air_is_restored", lambda _: False)

    async def lives():
        for seed in range(20):
            yield old_copy(keys, seed, name, "the database", plays_back=name == "hq")

    await shows(match, lives())


class LateStore(DirectStore):
    """A planted defect: says that it is on disk, and commits every fourth time."""

    commits = False
    done = 0

    def do(self, function):
        if not self.connection.in_transaction:
            self.connection.execute("BEGIN IMMEDIATE")
        value = function(self.outbox)
        self.done += 1
        if self.done % 4 == 0:
            self.outbox.save_standing(self.timeline.mark())
            self.connection.execute("COMMIT")
        self.told()
        return value


async def test_planted_receipt_before_the_commit(keys):
    """A receiver that answers before it has committed loses what it acknowledged."""
    await shows(
        "acknowledged to v1 and lost|then lost", cut_lives(keys, "hq", restarts=False, store=LateStore, flaky=0.0)
    )


async def test_control_synchronous_normal_loses(keys):
    """The setting that is often recommended with WAL loses what was acknowledged; a blind recorder would not see it."""
    await shows("acknowledged to v1 and lost|then lost", cut_lives(keys, "hq", synchronous="NORMAL"))


# Single cases


async def two_ends(keys):
    world = World(keys, 1)
    for name in ENDS:
        await world.start(name, DirectStore.in_memory(name, world.clock, random.Random(1)))
    return world, world.ends["v1"], world.ends["hq"]


async def test_a_hello_that_goes_before_a_receipt_does_not_settle_it(keys):
    """On a link too small for both, the receipt stays owed and goes in the next frame."""
    world, v1, hq = await two_ends(keys)
    hq.runner.last = replace(hq.runner.last, data_bytes_max=HELLO_BYTES)
    v1.accept("one", Precedence.FLASH)
    await v1.step()
    await world.carry()
    assert hq.store.outbox.owed_to(str(CARDS["v1"]))

    world.clock.advance(1.0)
    await hq.step()
    await hq.step()
    await world.carry()

    assert v1.acknowledged() == ["one"]


async def test_a_receipt_of_an_earlier_session_settles_nothing(keys):
    """A receipt on its way while the sender begins a session, whose salt ends in the same four bits, is not for it."""
    world, v1, hq = await two_ends(keys)
    v1.accept("one", Precedence.FLASH)
    await v1.step()
    await world.carry()
    world.clock.advance(1.0)
    await hq.step()
    on_its_way, world.heap = world.heap, []
    world.clock.advance(79.0)
    v1.store.do(lambda outbox: v1.air.sessions.renew(outbox, v1.peer))
    v1.accept("two", Precedence.FLASH)
    await v1.step()
    world.heap = on_its_way  # and what v1 has just sent is lost

    await world.carry()

    world.check()


async def test_an_older_copy_is_noticed_by_who_only_listened_since(keys):
    """What was heard since the copy was made cannot be played back, though nothing was reserved."""
    world, v1, hq = await two_ends(keys)
    v1.accept("first")
    hq.accept("order")
    await world.settle()
    copy = hq.copied()
    v1.accept("second")
    await v1.step()
    await world.carry()

    await world.put_back(hq, copy, hq.guard)

    await world.hear_again("hq")


@pytest.mark.parametrize("name", ENDS)
async def test_an_older_copy_from_before_a_peer_was_heard_lets_nothing_be_played_back(keys, name):
    """The copy, or a store made anew, knows nothing of the peer, whose recorded hellos must not begin its sessions again."""
    world, v1, hq = await two_ends(keys)
    copy = world.ends[name].copied()
    v1.accept("first")
    hq.accept("order")
    await world.settle()

    assert await world.put_back(world.ends[name], copy, world.ends[name].guard)

    await world.hear_again(name)


async def test_a_guard_that_cannot_be_written_is_a_store_that_waits(keys):
    """A full disk holds the link up and does not end the daemon."""
    _, v1, _ = await two_ends(keys)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    v1.store.outbox.guard.write = full
    v1.accept("one")

    await v1.step()


async def test_what_cannot_be_read_is_kept_once(keys, monkeypatch):
    """A content that this program cannot read comes again in the sender's next session."""
    world, v1, hq = await two_ends(keys)

    def unreadable(*_, **__):
        raise ContentError("of a newer program")

    monkeypatch.setattr(hq.air.incoming._codec, "decode", unreadable)
    v1.accept("one", Precedence.FLASH)
    await v1.step()
    await world.carry()
    world.clock.advance(ROUND_S)
    v1.store.do(lambda outbox: v1.air.sessions.renew(outbox, v1.peer))
    v1.hurry()
    await v1.step()

    await world.carry()


# What does not hold yet


async def test_a_report_of_a_forgotten_transfer_settles_nothing(keys):
    """An older copy gives a new transfer the number of one it has forgotten; what is heard of that is not for it."""
    world, v1, hq = await two_ends(keys)
    v1.accept(LONG + "first")
    hq.accept("order")
    await world.settle()
    copy = v1.copied()
    v1.accept(LONG + "forgotten")
    while LONG + "forgotten" not in hq.heard_texts():
        world.clock.advance(31.0)
        await v1.step()
        await world.carry()
    world.clock.advance(200.0)
    assert await world.put_back(v1, copy, None)
    v1 = world.ends["v1"]
    v1.accept("short")
    while "short" not in hq.heard_texts():
        await v1.step()
        await world.carry()
    v1.accept(LONG + "new")
    await v1.step()
    world.heap.clear()  # the first part of it is lost
    await hq.step()  # what it has had to say since before

    await world.carry()

    world.check()


@pytest.mark.xfail(raises=Fault, reason="without a clock nobody knows which sessions are later than the copy")
async def test_an_older_copy_without_a_clock_lets_nothing_be_played_back(keys):
    """A peer has begun a session since the copy was made; the machine that gets the copy back believes it is 1970."""
    world, v1, hq = await two_ends(keys)
    hq.accept("order")
    v1.accept("first")
    await world.settle()
    copy = hq.copied()
    world.clock.advance(2 * 86_400.0)
    v1.store.do(lambda outbox: v1.air.sessions.renew(outbox, v1.peer))
    hq.store.do(lambda outbox: hq.air.sessions.renew(outbox, hq.peer))
    v1.accept("second")
    await world.settle()
    world.clock.boot, world.clock.wall, world.clock.believed = "boot-2", 1000.0, False
    assert await world.put_back(hq, copy, hq.guard)

    await world.hear_again("hq")


@pytest.mark.parametrize("name", ENDS)
async def test_an_older_copy_from_before_the_first_frame_lets_nothing_be_played_back(keys, name):
    """The folder was copied when the gateway had started and not yet said or heard anything."""
    world, v1, hq = await two_ends(keys)
    copy = world.ends[name].copied()
    v1.accept("first")
    hq.accept("order")
    await world.settle()

    await world.put_back(world.ends[name], copy, None)

    await world.hear_again(name)
