"""Senders with a backlog are counted in fixed memory: nobody goes before their own backlog."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.daemon import senders
from gateway.daemon.senders import BUCKETS, SenderCounts

NAMES = [f"card:{number}" for number in range(9)]


def test_nobody_waits_before_anything_is_noted():
    """And the counters cost nothing until then."""
    counts = SenderCounts()
    counts.through("card:1")

    assert not counts.waits("card:1")
    assert len(counts._left) == 0


@settings(deadline=None, derandomize=True, max_examples=60)
@given(steps=st.lists(st.tuples(st.booleans(), st.sampled_from(NAMES)), max_size=60), few=st.booleans())
def test_whoever_has_a_backlog_waits(steps, few):
    """Also where all share a handful of counters; one that shares none with others waits for nothing else."""
    buckets = senders.BUCKETS
    senders.BUCKETS = 3 if few else buckets
    try:
        counts, left = SenderCounts(), Counter()
        for is_new, name in steps:
            if is_new:
                counts.note(name)
                left[name] += 1
            elif left[name]:
                counts.through(name)
                left[name] -= 1
            assert all(counts.waits(one) for one in NAMES if left[one])
            assert few or all(left[one] for one in NAMES if counts.waits(one))
    finally:
        senders.BUCKETS = buckets


def test_a_million_senders_take_no_more_memory_than_one():
    """The counters are all there is."""
    counts = SenderCounts()
    for number in range(20_000):
        counts.note(f"card:{number}")

    assert len(counts._left) == BUCKETS
