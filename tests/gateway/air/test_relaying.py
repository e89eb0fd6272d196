"""Relaying: denied by default, checked, counted down, carried once, stored; and no flood in any net of relays."""

from dataclasses import replace

import pytest

from gateway.air import relaying as module
from gateway.air.explicit import HOP_LIMIT, explicit_of
from gateway.air.relaying import (
    BUDGETS_MAX,
    BURST_MAX,
    CARRIED,
    CARRIED_S,
    LOOP_S,
    OPEN_MAX,
    PER_S,
    QUICK_REPEAT_AFTER_S,
    RECOUNT_S,
    REPEAT_AFTER_S,
    SEND_WITHIN_S,
    Budgets,
    Carried,
    is_asked_again,
    is_carried,
)
from gateway.link import SendOutcome
from gateway.model import BundleState, Precedence
from gateway.store.limits import Limits
from protocols.record.address import Ends
from protocols.record.layout import Form, RecordFrame, Relay
from tests.gateway.air.relaynet import hello, record, relay, station
from tests.gateway.store.helpers import sync_store

NAMES = {1: "hq", 2: "r1", 3: "v1", 4: "v2", 5: "r2"}
NOW_S = 1_000.0
HQ, R1, V1, V2, R2 = NAMES


def carrying(*lines, sources=("v*", "hq")):
    """Return r1 between v1 and hq, with the extra routes that are given."""
    return relay(R1, NAMES, ("v1", "hq", "r2"), lines, sources=sources)


def take(made, data, prev="v1", now_s=NOW_S):
    relaying, outbox = made
    what, _ = relaying.take(outbox, explicit_of(data), "hf1", prev, now_s, wall_s=0.0, clock_trusted=True)
    return what.removeprefix("air: not relayed: ").removeprefix("air: ")


def with_hops(data, hops):
    frame = RecordFrame.from_bytes(data)
    return replace(frame, header=replace(frame.header, relay=Relay(2, hops))).to_bytes()


# Default deny


def test_nothing_is_carried_that_was_not_allowed():
    """Without ``[air] relay`` a gateway is no relay; with it, for those sources only."""
    assert take(carrying(sources=()), record(V1, HQ)) == "not for this source"
    assert take(carrying(sources=("v2",)), record(V1, HQ)) == "not for this source"
    assert take(carrying(sources=("v*",)), record(HQ, V1), prev="hq") == "not for this source"
    assert take(carrying(sources=("v*",)), record(V1, HQ)) == "relayed"


def test_unknown_and_revoked_ends_are_not_carried_for():
    """Ids that no list names, and those that were revoked, at either end."""
    assert take(carrying(sources=("*",)), record(77, HQ)) == "not for this source"
    assert take(carrying(), record(V1, 77)) == "unknown destination"
    for revoked, why in ((V1, "not for this source"), (HQ, "unknown destination")):
        made = carrying()
        made[0]._keys.revoked.add(revoked)
        assert take(made, record(V1, HQ)) == why


def test_groups_our_own_and_what_would_go_back_are_not_carried():
    """A relay makes no broadcast, hears its own records with others, and sends nothing where it came from."""
    to_group = RecordFrame.from_bytes(record(V1, HQ)).carried_as(Form.SHORT, Ends(V1, 0xFF07), Relay(2, 7)).to_bytes()
    assert take(carrying(), to_group) == "to a group"
    assert take(carrying(sources=("*",)), record(R1, HQ), prev="hq") == "our own came back"
    assert take(carrying(), record(V1, HQ), prev="hq") == "back to where it came from"


def test_without_a_way_nothing_is_taken():
    """What cannot go on is left to its source, which has it on disk."""
    assert take(carrying(), record(V1, V2)) == "no way to the destination"
    assert take(carrying(("v2", "r2")), record(V1, V2)) == "relayed"
    assert take(carrying(("v2", "r2")), record(V1, V2), prev="r2") == "no way to the destination"


# Hops


def test_a_relay_takes_one_hop_and_the_last_is_for_the_destination_only():
    """With one hop left it goes on with none; with none it goes no further."""
    made = carrying()

    assert take(made, with_hops(record(V1, HQ), 1)) == "relayed"
    assert take(made, with_hops(record(V1, HQ, 2), 0)) == "hops used up"

    sent = explicit_of(bytes.fromhex(made[1].bundles[1].draft.message.data_hex))
    assert sent.hop_limit == 0
    assert len(made[1].bundles) == 1


# Copies


@pytest.mark.parametrize("frame", [record(V1, HQ), hello(V1, HQ)], ids=["record", "hello"])
def test_a_copy_is_not_carried_again(frame):
    """By whoever, at once or a little later; and not from elsewhere later on."""
    made = carrying()
    take(made, frame)

    assert take(made, frame) == "copy"
    assert take(made, frame, prev="r2") == "copy"
    assert take(made, frame, now_s=NOW_S + REPEAT_AFTER_S - 1) == "copy"
    onward = explicit_of(frame).sent_on()
    assert take(made, onward, prev="r2", now_s=NOW_S + REPEAT_AFTER_S) == "copy"


@pytest.mark.parametrize("frame", [record(V1, HQ), hello(V1, HQ)], ids=["record", "hello"])
def test_what_its_source_says_again_is_carried_again_and_stays_one_bundle(frame):
    """The same bytes from where they came first, after its source's patience: due again, stored once."""
    made = carrying()
    take(made, frame)
    made[1].postpone(1, float("inf"), "sent")

    assert take(made, frame, now_s=NOW_S + REPEAT_AFTER_S) == "relayed again"

    assert list(made[1].bundles) == [1]
    assert made[1].bundles[1].due_s == NOW_S + REPEAT_AFTER_S


def test_records_that_differ_in_anything_but_the_clear_header_are_two():
    """Another counter, another ciphertext, another direction; but not another hop limit or form."""
    made = carrying()
    take(made, record(V1, HQ))

    assert take(made, record(V1, HQ, 2)) == "relayed"
    assert take(made, record(V1, HQ, plain=b"another plaintext")) == "relayed"
    assert take(made, record(HQ, V1), prev="hq") == "relayed"
    assert take(made, with_hops(record(V1, HQ), 3)) == "copy"
    long_form = RecordFrame.from_bytes(record(V1, HQ)).carried_as(Form.LONG, Ends(V1, HQ), Relay(2, 7)).to_bytes()
    assert take(made, long_form) == "copy"


@pytest.mark.parametrize(
    ("prev", "has_hops", "after_s", "again"),
    [
        ("v1", True, REPEAT_AFTER_S - 1, False),
        ("v1", True, REPEAT_AFTER_S, True),
        ("v1", False, REPEAT_AFTER_S, True),
        ("r2", True, LOOP_S - 1, False),
        ("r2", True, LOOP_S, True),
        ("r2", False, CARRIED_S, False),
    ],
)
def test_who_may_have_a_frame_carried_again(prev, has_hops, after_s, again):
    """Its first neighbour; or another one, once nothing can have come round: a new way. A hello only the first."""
    assert is_asked_again(Carried("v1", NOW_S), prev, NOW_S + after_s, has_hops=has_hops) is again


def test_what_is_urgent_on_a_quick_link_is_said_again_soon():
    """A link with slots of seconds: an SOS that a fade took is carried again at once; hellos and the rest wait."""

    def again(frame, *, quick, after_s=QUICK_REPEAT_AFTER_S):
        relaying, outbox = made = carrying()
        take(made, frame)
        what, _ = relaying.take(
            outbox, explicit_of(frame), "hf1", "v1", NOW_S + after_s, wall_s=0.0, clock_trusted=True, quick=quick
        )
        return what == "air: relayed again"

    urgent = record(V1, HQ, precedence=Precedence.FLASH)
    assert again(urgent, quick=True)
    assert not again(urgent, quick=True, after_s=QUICK_REPEAT_AFTER_S - 1)
    assert not again(urgent, quick=False)
    assert not again(record(V1, HQ, precedence=Precedence.PRIORITY), quick=True)
    assert not again(hello(V1, HQ), quick=True)


def test_a_frame_that_has_a_new_way_goes_by_that_from_then_on():
    """Whom it comes from now is whom it does not go back to, and whose repeats count."""
    relaying, outbox = made = carrying(("station:hq", "r2"), ("station:hq", "hq"))
    take(made, record(V1, HQ))

    assert take(made, record(V1, HQ), prev="r2", now_s=NOW_S + LOOP_S) == "relayed again"

    assert relaying.way(outbox, outbox.bundles[1], NOW_S, "hf").name == "hq"
    assert take(made, record(V1, HQ), now_s=NOW_S + LOOP_S + REPEAT_AFTER_S) == "copy"
    assert take(made, record(V1, HQ), prev="r2", now_s=NOW_S + LOOP_S + REPEAT_AFTER_S) == "relayed again"


def test_a_frame_is_new_again_when_its_window_is_over():
    """A day later it is nobody's copy any more."""
    made = carrying()
    take(made, record(V1, HQ))

    assert take(made, record(V1, HQ), now_s=NOW_S + CARRIED_S - 1) == "relayed again"
    made[1].close(1, BundleState.EXPIRED)
    assert take(made, record(V1, HQ), now_s=NOW_S + CARRIED_S - 0.5) == "copy"
    assert take(made, record(V1, HQ), now_s=NOW_S + CARRIED_S) == "relayed"


def test_what_was_shed_here_is_carried_anew():
    """A cap made us drop it: when its source says it again there may be room."""
    made = carrying()
    take(made, record(V1, HQ))
    made[1].close(1, BundleState.SHED)

    assert take(made, record(V1, HQ), now_s=NOW_S + REPEAT_AFTER_S) == "relayed"


# On its way


def test_it_is_stored_as_a_bundle_that_nobody_reads_and_that_no_author_can_fake():
    """The sender's precedence and both names; known as carried by what no link and no author can be called."""
    made = carrying()
    frame = record(V1, HQ, precedence=Precedence.FLASH)
    take(made, frame)
    [bundle] = made[1].bundles.values()

    assert is_carried(bundle)
    assert (str(bundle.draft.source), str(bundle.destination)) == ("station:v1", "station:hq")
    assert bundle.precedence is Precedence.FLASH
    assert bundle.lane == "hf"
    assert bytes.fromhex(bundle.draft.message.data_hex) == explicit_of(frame).sent_on()
    assert ":" in bundle.draft.heard_on


def test_once_it_has_left_it_is_over_until_it_is_asked_for():
    """Nothing else makes a relay say it again: no receipt comes to it, so no patience of its own runs."""
    relaying, outbox = made = carrying()
    take(made, record(V1, HQ))
    bundle = outbox.bundles[1]
    assert relaying.why_over(outbox, bundle, NOW_S) == ""

    due_s = relaying.left(outbox, bundle, SendOutcome.ACCEPTED, NOW_S + 120)

    assert due_s == float("inf")
    assert "passed on" in relaying.why_over(outbox, bundle, NOW_S)
    take(made, record(V1, HQ), now_s=NOW_S + REPEAT_AFTER_S)
    assert relaying.why_over(outbox, bundle, NOW_S + REPEAT_AFTER_S) == ""


@pytest.mark.parametrize("outcome", [SendOutcome.UNKNOWN, SendOutcome.DEFERRED, SendOutcome.REFUSED])
def test_what_may_not_have_left_is_tried_again(outcome):
    """Only a burst that surely left ends it."""
    relaying, outbox = made = carrying()
    take(made, record(V1, HQ))

    assert relaying.left(outbox, outbox.bundles[1], outcome, NOW_S + 9) == NOW_S + 9
    assert relaying.why_over(outbox, outbox.bundles[1], NOW_S) == ""


def test_flash_leaves_twice():
    """An SOS goes on over two links, or twice over a lone one, as from its source."""
    relaying, outbox = made = carrying()
    take(made, record(V1, HQ, precedence=Precedence.FLASH))
    bundle = outbox.bundles[1]

    assert relaying.left(outbox, bundle, SendOutcome.ACCEPTED, NOW_S + 60) == NOW_S + 60
    assert relaying.why_over(outbox, bundle, NOW_S) == ""
    assert relaying.left(outbox, bundle, SendOutcome.ACCEPTED, NOW_S + 60) == float("inf")
    assert relaying.why_over(outbox, bundle, NOW_S) != ""


def test_what_waited_too_long_is_not_sent_any_more():
    """Its source has said it again since; so nothing circles for longer than its window."""
    relaying, outbox = made = carrying()
    take(made, record(V1, HQ))

    assert relaying.why_over(outbox, outbox.bundles[1], NOW_S + SEND_WITHIN_S) == ""
    assert "too long" in relaying.why_over(outbox, outbox.bundles[1], NOW_S + SEND_WITHIN_S + 1)


def test_a_lost_note_ends_it():
    """Damage to what is known of a carried frame: not sent, since nobody knows where it came from."""
    relaying, outbox = made = carrying()
    take(made, record(V1, HQ))
    outbox.states[1, CARRIED] = b"{damaged"

    assert "lost" in relaying.why_over(outbox, outbox.bundles[1], NOW_S)


def test_the_next_hop_is_neither_the_source_nor_whom_it_came_from():
    """Two ways to hq: by the neighbour that handed it over it does not go."""
    relaying, outbox = made = carrying(("station:hq", "r2"), ("station:hq", "hq"))
    take(made, record(V1, HQ), prev="v1")
    take(made, record(V1, HQ, 2), prev="r2")

    hops = [relaying.way(outbox, bundle, NOW_S, "hf").name for bundle in outbox.bundles.values()]

    assert hops == ["r2", "hq"]
    assert relaying.way(outbox, outbox.bundles[1], NOW_S, "beidou") is None


def test_a_relay_learns_who_is_behind_whom():
    """A frame of v2 that r2 handed over says that r2 reaches v2; one of v1 by itself says nothing new."""
    relaying, outbox = made = carrying()
    take(made, record(V1, HQ))
    assert not relaying._ways.routes.learned

    take(made, with_hops(record(V2, HQ), HOP_LIMIT - 1), prev="r2")

    assert [way.via for way, _ in relaying._ways.ways(outbox, "v2", NOW_S)] == ["r2"]
    assert relaying._ways.routes.learned["v2"][0].hops == 1


# Bounds


def test_a_flood_of_one_source_spends_its_own_budget_only():
    """Beyond a burst ten a minute; another source, the same one by another neighbour, and FLASH are not touched."""
    made = carrying(("station:hq", "hq"))
    for counter in range(1, BURST_MAX + 1):
        assert take(made, record(V1, HQ, counter)) == "relayed"

    assert take(made, record(V1, HQ, 500)) == "more than is carried for one source"
    assert take(made, record(V1, HQ, 501), prev="r2") == "relayed"
    assert take(made, record(V2, HQ, 1), prev="v2") == "relayed"
    assert take(made, record(V1, HQ, 502, precedence=Precedence.FLASH)) == "relayed"
    assert take(made, record(V1, HQ, 500), now_s=NOW_S + 1 / PER_S) == "relayed"
    assert take(made, record(V1, HQ, 503), now_s=NOW_S + 1 / PER_S) == "more than is carried for one source"


def test_copies_cost_nothing_and_repeats_cost():
    """A copy is told by its bytes before anything is spent; what is carried again is spent again."""
    made = carrying()
    for _ in range(2 * BURST_MAX):
        take(made, record(V1, HQ))
    assert take(made, record(V1, HQ, 2)) == "relayed"

    budgets = Budgets()
    assert all(budgets.spend("v1", V1, flash=False, now_s=0.0) for _ in range(BURST_MAX))
    assert not budgets.spend("v1", V1, flash=False, now_s=0.0)


def test_the_table_of_budgets_is_bounded():
    """Whoever was not heard for longest begins anew."""
    budgets = Budgets()
    for number in range(BUDGETS_MAX + 10):
        budgets.spend("r2", number, flash=False, now_s=0.0)

    assert len(budgets) == BUDGETS_MAX


def test_what_is_carried_at_once_is_bounded(monkeypatch):
    """At the cap nothing more is taken until something is over, which is counted again once a minute."""
    monkeypatch.setattr(module, "OPEN_MAX", 3)
    assert OPEN_MAX == 10_000
    made = carrying()
    assert [take(made, record(V1, HQ, counter)) for counter in (1, 2, 3)] == ["relayed"] * 3

    assert take(made, record(V1, HQ, 4)) == "too much is carried already"
    made[1].close(1, BundleState.EXPIRED)
    assert take(made, record(V1, HQ, 4), now_s=NOW_S + RECOUNT_S - 1) == "too much is carried already"
    assert take(made, record(V1, HQ, 4), now_s=NOW_S + RECOUNT_S) == "relayed"
    assert (1, CARRIED) not in made[1].states


def test_what_is_carried_is_on_disk_with_what_is_known_of_it(tmp_path):
    """The real outbox: bundle, window and note are one commit, all there after a crash, and all gone in the end."""
    relaying, _ = carrying()
    store = sync_store(tmp_path)
    store.run(lambda outbox: [outbox.station_put(station(name)) for name in ("v1", "hq")])
    frame = record(V1, HQ)
    assert store.run(lambda outbox: take((relaying, outbox), frame)) == "relayed"

    store.crash()
    relaying, _ = carrying()

    assert store.run(lambda outbox: take((relaying, outbox), frame)) == "copy"
    [bundle] = store.run(lambda outbox: [outbox.numbered(seq) for seq in range(1, outbox.last_seq() + 1)])
    assert is_carried(bundle)
    assert store.run(lambda outbox: relaying.why_over(outbox, bundle, NOW_S)) == ""
    again = store.run(lambda outbox: take((relaying, outbox), frame, now_s=NOW_S + REPEAT_AFTER_S))
    assert again == "relayed again"

    over_s = NOW_S + CARRIED_S
    [ended] = store.run(lambda outbox: outbox.expire(over_s, 10))
    assert ended.state is BundleState.EXPIRED
    while store.run(lambda outbox: outbox.maintain(over_s + Limits().forget_after_s + 1)):
        pass
    assert store.run(lambda outbox: (outbox.numbered(1), outbox.air_state(1, CARRIED))) == (None, None)
    store.close()
