"""The outbox against a model that is a few dictionaries: any operations in any order, with crashes between any two.

The model says what must be true from the outside: which bundles are open, what they prove, who is owed a receipt, which
keys are known, and that accepted = delivered + queued + expired + shed after each step.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle as Pool
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, multiple, rule, run_state_machine_as_test

from gateway.link import SendOutcome
from gateway.model import BundleState, Precedence, Receipt, ReceiptLevel
from gateway.store.accepting import Accepting, DuplicateKey, OwedTo, _Known
from gateway.store.errors import StoreFull
from gateway.store.limits import Limits
from tests.gateway.store.helpers import SyncStore, draft, order

OPEN = {BundleState.QUEUED, BundleState.HANDED, BundleState.SENT, BundleState.RELAYED, BundleState.REFUSED}
EVIDENCE = {BundleState.SENT: 1, BundleState.RELAYED: 2}
LANES = ("bus", "beidou")
CAP = 5
"""So few that many runs reach it."""


@dataclass
class Known:
    """What the model knows of one bundle."""

    id: str
    precedence: Precedence
    lane: str
    state: BundleState
    expires_s: float
    due_s: float
    peer: str = ""
    evidence: int = 0
    attempts: int = 0


class OutboxMachine(RuleBasedStateMachine):
    """Rules are the outbox's operations; each is committed, and a crash may come instead of the commit."""

    attempts = Pool("attempts")

    @initialize()
    def open_store(self):
        self.place = Path(tempfile.mkdtemp())
        self.store = SyncStore(self.place / "store.db", Limits(bundles_max=CAP))
        self.now_s = 0.0
        self.known: dict[int, Known] = {}
        self.keys: dict[bytes, tuple[int, float]] = {}
        self.owed: dict[tuple[str, int], ReceiptLevel] = {}
        self.unanswered = set()

    def teardown(self):
        self.store.abandon()
        shutil.rmtree(self.place)

    def run(self, function):
        return self.store.run(function)

    def open_seqs(self):
        return [seq for seq, one in self.known.items() if one.state in OPEN]

    @rule(
        precedence=st.sampled_from(Precedence),
        up=st.booleans(),
        key=st.sampled_from([None, b"a", b"b", b"c"]),
        peer=st.sampled_from(["", "1", "2"]),
        lifetime_s=st.sampled_from([5.0, 50.0, 5000.0]),
    )
    def accept(self, precedence, up, key, peer, lifetime_s):
        one = (draft if up else order)(precedence=precedence, lifetime_s=lifetime_s)
        lane = LANES[not up]
        duplicate = None if key is None else DuplicateKey(key + bytes([up]), 30.0)
        owed = OwedTo("bd1", peer) if peer and up else None
        expected = self.duplicate_of(duplicate, up)
        victims = [] if expected else self.victims(precedence)
        try:
            taken = self.run(
                lambda outbox: outbox.accept(one, lane=lane, now_s=self.now_s, duplicate=duplicate, owed=owed)
            )
        except StoreFull:
            assert victims is None
            return
        assert taken.is_duplicate == (expected is not None)
        seq = taken.bundle.seq
        if expected is not None:
            assert seq == expected
            if owed and not self.known[seq].peer:  # first only overheard: now its author is known
                self.known[seq].peer = owed.peer
            author = self.known[seq].peer
            if owed and author and self.known[seq].state is not BundleState.EXPIRED:
                delivered = self.known[seq].state in (BundleState.DELIVERED, BundleState.ANSWERED)
                self.owed.setdefault((author, seq), ReceiptLevel.DELIVERED if delivered else ReceiptLevel.CUSTODY)
            return
        assert [bundle.seq for bundle in taken.shed] == victims
        for victim in victims:
            self.known[victim].state = BundleState.SHED
            if self.known[victim].peer and not self.known[victim].evidence:
                self.owed[self.known[victim].peer, victim] = ReceiptLevel.REFUSED
        assert seq not in self.known
        self.known[seq] = Known(
            taken.bundle.id,
            precedence,
            lane,
            BundleState.QUEUED,
            self.now_s + lifetime_s,
            self.now_s,
            owed.peer if owed else "",
        )
        if duplicate:
            self.keys[duplicate.key] = (seq, self.now_s + 30.0)
        if owed:
            self.owed[owed.peer, seq] = ReceiptLevel.CUSTODY

    def duplicate_of(self, duplicate, up):
        seq, until_s = self.keys.get(duplicate.key if duplicate else b"", (0, 0.0))
        if not duplicate or until_s <= self.now_s:
            return None
        return None if up and self.known[seq].state is BundleState.SHED else seq

    def victims(self, precedence):
        """Return what has to go for a newcomer, or None when it has to be refused."""
        room = CAP if precedence is Precedence.FLASH else CAP - 1
        excess = len(self.open_seqs()) + 1 - room
        if excess <= 0:
            return []
        candidates = [s for s in self.open_seqs() if self.known[s].precedence >= max(precedence, Precedence.IMMEDIATE)]
        candidates.sort(key=lambda seq: (-self.known[seq].precedence, seq))
        return candidates[:excess] if len(candidates) >= excess else None

    @rule(target=attempts, choice=st.integers(0, 99), link=st.sampled_from(["bd1", "mqtt"]))
    def begin(self, choice, link):
        if not self.known:
            return multiple()
        seq = sorted(self.known)[choice % len(self.known)]
        begun = self.run(lambda outbox: outbox.begin(seq, link, self.now_s))
        one = self.known[seq]
        assert (begun is None) == (one.state not in OPEN or one.expires_s <= self.now_s)
        if begun is None:
            return multiple()
        one.state = BundleState.HANDED
        one.attempts += 1
        self.unanswered.add(begun)
        return begun

    @rule(
        begun=attempts,
        outcome=st.sampled_from([o for o in SendOutcome if o is not SendOutcome.DEFERRED]),
        state=st.sampled_from(sorted(OPEN - {BundleState.HANDED})),
        wait_s=st.sampled_from([0.0, 20.0]),
    )
    def finish(self, begun, outcome, state, wait_s):
        due_s = self.now_s + wait_s
        self.unanswered.discard(begun)
        after = self.run(lambda outbox: outbox.finish(begun, outcome, "", self.now_s, state=state, due_s=due_s))
        one = self.known[begun.seq]
        if one.state in OPEN:
            before = one.evidence
            one.evidence = max(before, EVIDENCE.get(state, 0))
            one.state = state if EVIDENCE.get(state, 0) >= before else self.proof(before)
            one.due_s = due_s
        assert after.state is one.state

    @staticmethod
    def proof(evidence):
        return (BundleState.QUEUED, BundleState.SENT, BundleState.RELAYED)[evidence]

    @rule(choices=st.lists(st.integers(0, 30), max_size=5, unique=True))
    def published(self, choices):
        self.run(lambda outbox: outbox.published(choices, "mqtt", self.now_s, self.now_s + 40.0))
        for seq in choices:
            one = self.known.get(seq)
            if one and one.state in OPEN:
                one.evidence = max(one.evidence, 1)
                one.state, one.due_s = self.proof(one.evidence), self.now_s + 40.0
                one.attempts += 1

    @rule(choice=st.integers(0, 99), level=st.sampled_from(ReceiptLevel), by=st.sampled_from(["a", "b"]))
    def receipt(self, choice, level, by):
        if not self.known:
            return
        seq = sorted(self.known)[choice % len(self.known)]
        one = self.known[seq]
        self.run(lambda outbox: outbox.receipt(Receipt(one.id, level, by), self.now_s))
        if one.state is BundleState.DELIVERED and level is ReceiptLevel.ANSWERED:
            one.state = BundleState.ANSWERED
        if one.state not in OPEN:
            return
        if level in (ReceiptLevel.DELIVERED, ReceiptLevel.ANSWERED):
            one.state = BundleState(str(level))
            if one.peer and ((one.peer, seq) in self.owed or one.precedence <= Precedence.IMMEDIATE):
                self.owed[one.peer, seq] = ReceiptLevel.DELIVERED
        else:
            one.state = BundleState.RELAYED if level is ReceiptLevel.CUSTODY else BundleState.REFUSED
            one.evidence = 2 if level is ReceiptLevel.CUSTODY else 0

    @rule(seconds=st.sampled_from([1.0, 6.0, 31.0, 100.0]))
    def time_passes(self, seconds):
        self.now_s += seconds
        self.store.clock.advance(seconds)

    @rule()
    def expire(self):
        expired = self.run(lambda outbox: outbox.expire(self.now_s, 1000))
        over = [seq for seq in self.open_seqs() if self.known[seq].expires_s <= self.now_s]
        assert sorted(bundle.seq for bundle in expired) == sorted(over)
        for seq in over:
            self.known[seq].state = BundleState.EXPIRED

    @rule()
    def settle(self):
        for one in self.run(lambda outbox: outbox.owed_next("bd1", self.now_s, 1)):
            seqs = [entry.seq for entry in one.entries]
            self.run(lambda outbox, p=one.peer, s=seqs: outbox.owed_settle(p, s, self.now_s, sent=True))
            for seq in seqs:
                del self.owed[one.peer, seq]

    @rule()
    def maintain(self):
        self.run(lambda outbox: outbox.maintain(self.now_s))

    @rule()
    def restart(self):
        """Come up after a kill: tries without an answer are unknown and their bundles due again."""
        self.store.crash()
        assert self.run(lambda outbox: outbox.abandoned(self.now_s)) == len(self.unanswered)
        for seq in {begun.seq for begun in self.unanswered} & set(self.open_seqs()):
            one = self.known[seq]
            one.state, one.due_s = self.proof(one.evidence), self.now_s
        self.unanswered.clear()

    @rule(precedence=st.sampled_from(Precedence))
    def crash_before_the_commit(self, precedence):
        """Everything of a transaction that was not committed is gone, and nothing else."""
        outbox = self.store.outbox
        self.store.connection.execute("BEGIN IMMEDIATE")
        try:
            outbox.accept(draft(precedence=precedence), lane="bus", now_s=self.now_s, duplicate=DuplicateKey(b"x", 1e6))
            outbox.expire(self.now_s, 3)
            outbox.save_standing(self.store.timeline.mark())
        except StoreFull:
            pass
        self.store.crash()

    @invariant()
    def everything_is_as_the_model_says(self):
        outbox = self.store.outbox
        balance = outbox.balance()
        assert balance.balanced, balance
        assert balance == self.run(lambda outbox: outbox.recount())
        assert balance.total.accepted == len(self.known)
        assert balance.total.queued == len(self.open_seqs())
        for (_, precedence), cell in balance.cells.items():
            assert precedence is not Precedence.FLASH or cell.shed == 0
        for seq, one in self.known.items():
            found = self.run(lambda outbox, s=seq: outbox.find(str(s)))
            assert (found.id, found.state, found.attempts) == (one.id, one.state, one.attempts), (seq, one, found)

    @invariant()
    def what_is_due_is_due(self):
        for lane in LANES:
            for precedence in Precedence:
                due = self.run(lambda outbox, a=lane, p=precedence: outbox.due(a, p, self.now_s, 1000))
                waiting = [
                    (one.due_s, seq)
                    for seq, one in self.known.items()
                    if one.lane == lane and one.precedence is precedence and one.due_s <= self.now_s
                    and one.state in OPEN and one.state is not BundleState.HANDED and one.expires_s > self.now_s
                ]  # fmt: skip
                assert [(bundle.due_s, bundle.seq) for bundle in due] == sorted(waiting)

    @invariant()
    def who_is_owed_is_owed(self):
        rows = self.store.connection.execute("SELECT peer, seq, level FROM owed").fetchall()
        assert {(peer, seq): level for peer, seq, level in rows} == self.owed
        assert self.store.outbox.owed_counts() == len(self.owed)


MODEL = settings(
    deadline=None,
    derandomize=True,
    max_examples=150,
    stateful_step_count=30,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def test_the_outbox_does_what_its_model_says():
    """Any order of operations, with crashes and restarts between them."""
    run_state_machine_as_test(OutboxMachine, settings=MODEL)


def test_planted_defect_duplicate_window_not_in_the_transaction(monkeypatch):
    """A key kept in memory only is forgotten by a crash, and the model sees the report counted twice."""
    memory = {}

    def known(self, duplicate, now_s):
        entry = memory.get(duplicate.key) if duplicate else None
        return entry[1] if entry and entry[0] is self and entry[2] > now_s else None

    def remember(self, duplicate, seq, bundle_id, now_s):
        memory[duplicate.key] = (self, _Known(seq, bundle_id, 0), now_s + duplicate.window_s)

    monkeypatch.setattr(Accepting, "_known", known)
    monkeypatch.setattr(Accepting, "_remember", remember)

    with pytest.raises(AssertionError):  # the first failure is enough, not the smallest
        run_state_machine_as_test(OutboxMachine, settings=settings(MODEL, phases=[Phase.generate]))
