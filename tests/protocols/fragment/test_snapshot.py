"""What a receiver writes down brings it back, one transfer at a time or all; damage is refused."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.fragment.errors import FragmentError
from protocols.fragment.reassembly import Bounds, DropReason, Reassembly
from tests.protocols.fragment.symbols import content, fragment


def busy():
    """Return a receiver with open, finished and reported transfers."""
    receiver = Reassembly()
    receiver.receive("a", fragment(content(1), 5, 0, count=2), 0.0)
    receiver.receive("b", fragment(content(2), 3, 0, count=3), 1.0)
    receiver.receive("b", fragment(content(3), 3, 7, transfer=2), 2.0)
    receiver.receive("c", fragment(content(4), 2, 0, count=2), 3.0)
    receiver.reported("c", 1, 4.0)
    return receiver


def restored(entries, bounds=None):
    receiver = Reassembly(bounds)
    assert receiver.restore(json.loads(json.dumps(entries))) == ()
    return receiver


def test_all_comes_back():
    """Open symbols, fingerprints, reports owed, bytes."""
    receiver = busy()

    again = restored(receiver.snapshot())

    assert again.snapshot() == receiver.snapshot()
    assert again.bytes_held == receiver.bytes_held
    assert again.reports_due(1e5) == receiver.reports_due(1e5)
    assert again.receive("a", fragment(content(1), 5, 9, count=3), 5.0).content == content(1)
    assert again.receive("b", fragment(content(2), 3, 9), 5.0).need == 0


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 2**32))
def test_entries_written_one_by_one_are_the_snapshot(seed):
    """A caller that writes the entry of each fragment and report, and deletes what is dropped, has it all."""
    rng, receiver, written, now = random.Random(seed), Reassembly(Bounds(open_max=3, finished_max=4)), {}, 0.0
    for _ in range(120):
        now += rng.choice([1.0, 10.0, 3000.0])
        peer, transfer, k = rng.choice("abc"), rng.randrange(4), rng.randint(1, 4)
        try:
            arrival = receiver.receive(
                peer, fragment(content(rng.randrange(3)), k, rng.randrange(9), transfer=transfer), now
            )
        except FragmentError:
            continue
        for one in arrival.dropped:
            written.pop((one.peer, one.transfer), None)
        changed = [(peer, transfer)]
        for report in receiver.reports_due(now)[:1]:
            receiver.reported(report.peer, report.transfer, now)
            changed.append((report.peer, report.transfer))
        for key in changed:
            if (entry := receiver.export(*key)) is not None:
                written[key] = entry

        assert written == {(one["peer"], one["transfer"]): one for one in receiver.snapshot()}
        assert restored(list(written.values())).snapshot() == receiver.snapshot()


def test_smaller_bounds_drop_what_they_have_no_room_for():
    """The configuration may have changed; what goes is said."""
    written = busy()
    written.receive("a", fragment(content(5), 9, 0, transfer=2), 5.0)
    receiver = Reassembly(Bounds(open_per_peer_max=1, finished_max=1))

    dropped = receiver.restore(written.snapshot())

    assert [(one.peer, one.transfer, one.reason) for one in dropped] == [
        ("a", 1, DropReason.PEER_MAX),
        ("b", 1, DropReason.FORGOTTEN),
    ]
    assert receiver.need("a", 2) == 8
    assert receiver.need("c", 1) == 0


def test_entries_come_in_any_order():
    """The database has its own; who was heard last counts."""
    entries = busy().snapshot()

    assert restored(entries[::-1]).snapshot() == restored(entries).snapshot()


def change(entry, **changes):
    return [busy().export("a", 1) | changes] if entry == "open" else [busy().export("b", 1) | changes]


DAMAGED = {
    "no mapping": [3],
    "nothing in it": [{}],
    "no peer": [{key: value for key, value in change("open")[0].items() if key != "peer"}],
    "no symbols": change("open", symbols={}),
    "all symbols": change("open", k=2),
    "no hex": change("open", symbols={"0": "zz"}),
    "no bytes": change("open", symbols={"0": 5}),
    "no table": change("open", symbols=[]),
    "another size": change("open", symbols={"0": "00"}),
    "index 256": change("open", symbols={"256": "00" * 21}),
    "k of 201": change("open", k=201),
    "transfer 128": change("open", transfer=128),
    "no time": change("open", heard_s="soon"),
    "endless time": change("finished", heard_s=float("nan")),
    "endless due": change("open", report_due_s=float("inf")),
    "fingerprints cut": change("finished", fingerprints="00" * 23),
    "k of none": change("finished", k=None),
    "twice": change("open") * 2,
}


@pytest.mark.parametrize("entries", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_entry_is_refused(entries):
    """With the one error, whatever is wrong."""
    with pytest.raises(FragmentError):
        Reassembly().restore(entries)


def test_what_is_not_known_has_no_entry():
    """There is nothing to write."""
    assert Reassembly().export("a", 1) is None
