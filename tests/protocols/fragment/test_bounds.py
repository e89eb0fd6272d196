"""What a receiver keeps is bounded; what has to go is the least loss, and is said."""

import itertools

import pytest

from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import BLOCK_BYTES_MAX, Fragment
from protocols.fragment.numbers import KEEP_S, OPEN_PER_PEER_MAX
from protocols.fragment.reassembly import FINISHED_MAX, HELD_BYTES_MAX, OPEN_MAX, Bounds, DropReason, Reassembly
from tests.protocols.fragment.symbols import content, fragment

LARGE = bytes(4000)
"""A symbol; 16 of them are nearly the largest block."""


def begin(receiver, peer, transfer, now=0.0):
    """Open a transfer with one symbol, and return what was dropped for it."""
    arrival = receiver.receive(peer, fragment(content(1), 3, 0, transfer=transfer), now)
    return [(one.peer, one.transfer, one.reason) for one in arrival.dropped]


def test_a_peer_has_eight_open_transfers():
    """The ninth drops the one of its own that was silent longest; nobody else's."""
    receiver = Reassembly()
    begin(receiver, "b", 0)
    for transfer in range(OPEN_PER_PEER_MAX):
        assert begin(receiver, "a", transfer, 1.0 + transfer) == []
    begin(receiver, "a", 0, 20.0)

    assert begin(receiver, "a", 99, 21.0) == [("a", 1, DropReason.PEER_MAX)]
    assert receiver.open_transfers == OPEN_PER_PEER_MAX + 1
    assert receiver.counters[DropReason.PEER_MAX] == 1


def test_all_peers_together_have_a_thousand():
    """The next drops the longest silent of the peer with most, so that many cannot push out the few."""
    receiver = Reassembly()
    begin(receiver, "modest", 0)
    peers = [f"greedy{number}" for number in range((OPEN_MAX - 1) // 3)]
    for peer, transfer in itertools.product(peers, range(3)):
        begin(receiver, peer, transfer, 1.0)
    assert receiver.open_transfers == OPEN_MAX

    assert begin(receiver, "new", 0, 2.0) == [("greedy0", 0, DropReason.OPEN_MAX)]
    assert receiver.open_transfers == OPEN_MAX
    assert receiver.need("modest", 0) == 2


def test_bytes_are_bounded():
    """What holds most goes first."""
    receiver = Reassembly(Bounds(held_bytes_max=BLOCK_BYTES_MAX))
    begin(receiver, "small", 0)
    for index in range(15):
        receiver.receive("large", Fragment(1, 16, index, (LARGE,)), 1.0)
    before = receiver.bytes_held
    assert before <= BLOCK_BYTES_MAX

    arrivals = [receiver.receive("other", Fragment(1, 16, index, (LARGE,)), 2.0) for index in range(15)]

    dropped = [one for arrival in arrivals for one in arrival.dropped]
    assert [(one.peer, one.reason, one.had) for one in dropped] == [("large", DropReason.BYTES_MAX, 15)]
    assert receiver.bytes_held == before
    assert receiver.need("small", 0) == 2


def test_the_transfer_that_a_symbol_came_for_stays():
    """Though its peer holds most: it is the one that is nearly complete."""
    receiver = Reassembly(Bounds(held_bytes_max=BLOCK_BYTES_MAX))
    for index in range(2):
        receiver.receive("small", Fragment(1, 16, index, (LARGE,)), 1.0)
    dropped = [
        one.peer
        for index in range(15)
        for one in receiver.receive("large", Fragment(1, 16, index, (LARGE,)), 2.0).dropped
    ]

    assert dropped == ["small"]
    assert receiver.need("large", 1) == 1


def test_one_transfer_of_the_largest_size_fits():
    """However small the bound, it leaves room for one; a smaller bound is refused."""
    receiver = Reassembly(Bounds(held_bytes_max=BLOCK_BYTES_MAX))
    for index in range(15):
        assert receiver.receive("a", Fragment(1, 16, index, (bytes(4093),)), 0.0).dropped == ()
    with pytest.raises(FragmentError, match="bad bounds"):
        Bounds(held_bytes_max=BLOCK_BYTES_MAX - 1)


@pytest.mark.parametrize(
    "bound", [{"open_max": 0}, {"open_per_peer_max": 0}, {"finished_max": 0}, {"keep_s": 0.0}, {"keep_s": float("nan")}]
)
def test_bounds_leave_room(bound):
    """For one of each at least."""
    with pytest.raises(FragmentError, match="bad bounds"):
        Bounds(**bound)


def test_all_bytes_together_have_a_maximum():
    """At eight megabytes, by many peers with large blocks."""
    receiver = Reassembly()
    for peer, index in itertools.product(range(HELD_BYTES_MAX // 60_000 + 3), range(15)):
        receiver.receive(str(peer), Fragment(1, 16, index, (LARGE,)), 0.0)

    assert HELD_BYTES_MAX - 60_000 <= receiver.bytes_held <= HELD_BYTES_MAX
    assert receiver.counters[DropReason.BYTES_MAX] >= 3


def test_finished_transfers_are_remembered_up_to_a_maximum():
    """The longest silent is forgotten, which is said too, so that it is deleted on disk."""
    receiver = Reassembly()
    data = fragment(b"a", 1, 0)
    for peer in range(FINISHED_MAX):
        assert receiver.receive(str(peer), data, 0.0).dropped == ()
    receiver.receive("0", data, 1.0)

    (dropped,) = receiver.receive("new", data, 2.0).dropped

    assert (dropped.peer, dropped.transfer, dropped.reason) == ("1", 1, DropReason.FORGOTTEN)
    assert receiver.need("0", 1) == receiver.need("new", 1) == 0
    assert len(receiver.reports_due(10.0)) == FINISHED_MAX


def test_silent_transfers_are_given_up():
    """Open ones are lost, finished ones are forgotten; both after the same time, counted from the last fragment."""
    receiver = Reassembly()
    begin(receiver, "a", 0, 0.0)
    receiver.receive("b", fragment(b"a", 1, 0), 10.0)
    begin(receiver, "a", 0, 20.0)

    assert receiver.expire(KEEP_S + 9.9) == ()
    assert [(one.peer, one.reason) for one in receiver.expire(KEEP_S + 10)] == [("b", DropReason.FORGOTTEN)]
    assert [(one.peer, one.reason) for one in receiver.expire(KEEP_S + 20)] == [("a", DropReason.TIMEOUT)]
    assert receiver.bytes_held == 0
    assert receiver.next_report_due is None


def test_time_passes_with_fragments_too():
    """Nobody has to call expire for what a fragment of another peer shows to be old."""
    receiver = Reassembly()
    begin(receiver, "a", 0, 0.0)

    assert begin(receiver, "b", 0, KEEP_S) == [("a", 0, DropReason.TIMEOUT)]
