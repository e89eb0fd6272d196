"""The receiver: opens by any fragment, gives out once, keeps the older of two that contradict, and owes reports."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import Fragment
from protocols.fragment.held import Finished
from protocols.fragment.reassembly import (
    CONFLICT_QUIET_S,
    REPEAT_AFTER_S,
    REPORT_AFTER_S,
    REPORT_LATEST_S,
    DropReason,
    Reassembly,
    Report,
)
from tests.protocols.fragment.symbols import content, fragment


def whole(receiver, data, k=3, *, now=0.0, transfer=1, peer="a"):
    """Let a receiver have a whole content in one fragment."""
    return receiver.receive(peer, fragment(data, k, 0, transfer=transfer, count=k), now)


class TestContent:
    @settings(deadline=None, derandomize=True, max_examples=80)
    @given(st.integers(1, 40), st.integers(0, 2**32))
    def test_any_fragments_in_any_order_give_it_once(self, k, seed):
        """Of all sizes, overlapping and repeated; the k-th different symbol brings it, none after that."""
        rng = random.Random(seed)
        data, receiver, seen, given_out = rng.randbytes(rng.randint(1, 600)), Reassembly(), set(), []
        while len(seen) < min(k + 20, 250):
            first = rng.randrange(256)
            count = rng.randint(1, min(6, 256 - first))
            seen.update(range(first, first + count))
            arrival = receiver.receive("a", fragment(data, k, first, count=count), 0.0)
            assert arrival.need == max(k - len(seen), 0) == receiver.need("a", 1)
            given_out += [arrival.content] if arrival.content is not None else []
            assert bool(given_out) == (len(seen) >= k)

        assert given_out == [data]
        assert receiver.bytes_held == receiver.open_transfers == 0

    def test_peers_and_transfers_are_apart(self):
        """Symbols of another number or another peer count for nothing here."""
        receiver = Reassembly()
        receiver.receive("a", fragment(content(1), 2, 0, transfer=1), 0.0)
        receiver.receive("a", fragment(content(2), 2, 1, transfer=2), 0.0)
        receiver.receive("b", fragment(content(3), 2, 1, transfer=1), 0.0)

        assert [receiver.need("a", 1), receiver.need("a", 2), receiver.need("b", 1)] == [1, 1, 1]
        assert receiver.need("b", 2) is None
        assert receiver.receive("a", fragment(content(1), 2, 9, transfer=1), 0.0).content == content(1)

    def test_a_repeated_symbol_counts_once(self):
        """It is no news, and it costs no memory."""
        receiver = Reassembly()
        receiver.receive("a", fragment(content(1), 3, 0), 0.0)
        held = receiver.bytes_held

        arrival = receiver.receive("a", fragment(content(1), 3, 0, count=2), 0.0)

        assert (arrival.new, arrival.need) == (1, 1)
        assert receiver.bytes_held == 2 * held


class TestContradictions:
    OTHERS = (
        fragment(content(2), 4, 3),
        fragment(content(2, 130), 3, 3),
        fragment(content(2), 3, 0),
    )
    """Another k, another size, another symbol at an index that is there."""

    @pytest.mark.parametrize("other", OTHERS, ids=["k", "size", "symbol"])
    def test_the_older_transfer_is_kept(self, other):
        """A stray fragment is refused and counted; the transfer goes on as if it had not come."""
        receiver = Reassembly()
        receiver.receive("a", fragment(content(1), 3, 0, count=2), 0.0)

        with pytest.raises(FragmentError, match="conflict"):
            receiver.receive("a", other, CONFLICT_QUIET_S - 1)

        assert receiver.counters["conflict"] == 1
        assert receiver.receive("a", fragment(content(1), 3, 7), CONFLICT_QUIET_S).content == content(1)

    @pytest.mark.parametrize("other", OTHERS, ids=["k", "size", "symbol"])
    def test_a_silent_one_gives_way(self, other):
        """Its sender has gone on; what had arrived of it is reported as dropped."""
        receiver = Reassembly()
        receiver.receive("a", fragment(content(1), 3, 0, count=2), 0.0)

        arrival = receiver.receive("a", other, CONFLICT_QUIET_S)

        assert [(one.reason, one.had, one.need) for one in arrival.dropped] == [(DropReason.REPLACED, 2, 1)]
        assert receiver.need("a", 1) == other.k - 1
        assert receiver.bytes_held == other.symbol_bytes

    @pytest.mark.parametrize("other", OTHERS, ids=["k", "size", "symbol"])
    def test_a_finished_one_gives_way_at_once(self, other):
        """Its content was given out: answering the next one with "complete" would lose that."""
        receiver = Reassembly()
        assert whole(receiver, content(1)).content == content(1)

        assert receiver.receive("a", other, 0.0).need == other.k - 1
        assert receiver.counters["number reused"] == 1

    @pytest.mark.parametrize("index", [0, 2, 3, 255])
    def test_next_content_under_the_same_number_is_recognised_by_any_symbol(self, index):
        """Also when both have the same length and begin alike."""
        receiver, common = Reassembly(), content(1)
        whole(receiver, common + b"1")

        assert receiver.receive("a", fragment(common + b"2", 3, index), 0.0).need == 2
        whole(receiver, common + b"1", transfer=2)
        assert receiver.receive("a", fragment(common + b"1", 3, index, transfer=2), 0.0).need == 0

    def test_a_mixture_is_dropped_and_begun_again(self):
        """Two contents that contradict nowhere: the check finds it, the next symbols start afresh."""
        receiver = Reassembly()
        receiver.receive("a", fragment(content(1), 3, 0, count=2), 0.0)

        arrival = receiver.receive("a", fragment(content(2), 3, 2), 0.0)

        assert arrival.content is None
        assert [one.reason for one in arrival.dropped] == [DropReason.BAD_CHECK]
        assert receiver.need("a", 1) is None
        assert receiver.next_report_due is None
        assert whole(receiver, content(2)).content == content(2)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(st.tuples(st.binary(min_size=4, max_size=12), st.floats(0, 400)), max_size=60))
    def test_garbage_with_a_good_tag_raises_nothing_else(self, frames):
        """Whatever a peer with a key sends: kept within bounds, or the one error."""
        receiver, now = Reassembly(), 0.0
        for data, passed in frames:
            now += passed
            try:
                receiver.receive("a", Fragment.from_bytes(data), now)
            except FragmentError:
                continue
            assert receiver.open_transfers <= 8

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(st.integers(1, 30), st.integers(8, 60), st.integers(0, 2**32))
    def test_fingerprints_recognise_all_symbols_and_no_others(self, k, symbol_bytes, seed):
        """Of all 256, those of the content; of another content none."""
        rng = random.Random(seed)
        mine, others = rng.randbytes(k * symbol_bytes - 5), rng.randbytes(k * symbol_bytes - 5)
        source = fragment(mine, k, 0, count=k).symbols
        finished, index = Finished.of(source, 0.0), rng.randrange(256)

        assert finished.has(fragment(mine, k, index))
        assert not finished.has(fragment(others, k, index))


class TestReports:
    def test_silence_after_a_fragment_owes_one(self):
        """With what is needed when it is sent, not when it fell due."""
        receiver = Reassembly()
        receiver.receive("a", fragment(content(1), 5, 0), 100.0)

        assert receiver.next_report_due == 100.0 + REPORT_AFTER_S
        assert receiver.reports_due(99.9 + REPORT_AFTER_S) == ()
        assert receiver.reports_due(100.0 + REPORT_AFTER_S) == (Report("a", 1, 4),)

    def test_each_fragment_puts_it_off(self):
        """A burst is not interrupted, and a repeated symbol is a sign of life too."""
        receiver = Reassembly()
        receiver.receive("a", fragment(content(1), 5, 0), 0.0)
        receiver.receive("a", fragment(content(1), 5, 0), 60.0)

        assert receiver.next_report_due == 60.0 + REPORT_AFTER_S

    def test_but_not_for_ever(self):
        """A sender whose polls keep coming learns that it is heard, and once more after each report."""
        receiver = Reassembly()
        for now in range(0, 1000, 100):
            receiver.receive("a", fragment(content(1), 40, now // 100), float(now))
        assert receiver.next_report_due == REPORT_LATEST_S

        receiver.reported("a", 1, 1000.0)
        assert receiver.next_report_due is None
        receiver.receive("a", fragment(content(1), 40, 20), 1001.0)
        assert receiver.next_report_due == 1001.0 + REPORT_AFTER_S

    def test_completion_owes_one_at_once(self):
        """Its sender is still sending."""
        receiver = Reassembly()
        whole(receiver, content(1), now=7.0)

        assert receiver.reports_due(7.0) == (Report("a", 1, 0),)
        receiver.reported("a", 1, 7.0)
        assert receiver.reports_due(1e6) == ()

    def test_a_late_symbol_is_answered_again(self):
        """The report was lost; but a burst of late symbols is one answer, not many."""
        receiver = Reassembly()
        whole(receiver, content(1))
        receiver.reported("a", 1, 10.0)

        arrivals = [receiver.receive("a", fragment(content(1), 3, index), 11.0) for index in (5, 6, 7)]

        assert [(one.content, one.new, one.need) for one in arrivals] == [(None, 0, 0)] * 3
        assert receiver.counters["late"] == 3
        assert receiver.next_report_due == 10.0 + REPEAT_AFTER_S
        receiver.reported("a", 1, 50.0)
        assert receiver.next_report_due is None
        receiver.receive("a", fragment(content(1), 3, 8), 100.0)
        assert receiver.reports_due(100.0) == (Report("a", 1, 0),)

    def test_the_longest_waiting_goes_first(self):
        """Slots are scarce."""
        receiver = Reassembly()
        receiver.receive("a", fragment(content(1), 5, 0), 0.0)
        receiver.receive("b", fragment(content(1), 5, 0), 50.0)
        whole(receiver, content(1), now=REPORT_AFTER_S + 10, peer="c")

        assert [one.peer for one in receiver.reports_due(1000.0)] == ["a", "c", "b"]
