"""Taking bundles in: duplicates, orders, caps, shedding, places."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import BundleState, Endpoint, PlaceSource, Precedence, Receipt, ReceiptLevel
from gateway.store.accepting import DuplicateKey, OwedTo
from gateway.store.errors import StoreError, StoreFull
from gateway.store.limits import LANES_MAX, ORDER_MEMBERS_MAX
from tests.gateway.store.helpers import draft, here, order, sync_store

KEY = DuplicateKey(b"card 242286, text 1", 600.0)
OWED = OwedTo("bd1", "242286")


@pytest.fixture
def store(tmp_path):
    store = sync_store(tmp_path)
    yield store
    store.close()


def accept(store, one, now_s=0.0, lane="bus", **more):
    return store.run(lambda outbox: outbox.accept(one, lane=lane, now_s=now_s, **more))


def test_an_accepted_bundle_reads_back_as_it_was_given(store):
    """Everything the author decided comes back, and the id is gateway, epoch and number."""
    given_ = draft("受伤3人", place=here(), precedence=Precedence.IMMEDIATE, reply_to="x-y-1", external_id="ce-1")

    bundle = accept(store, given_, 5.0).bundle

    assert bundle.draft == given_
    assert bundle.id == f"gw1-{store.report.epoch}-{bundle.seq}"
    assert (bundle.state, bundle.accepted_s, bundle.due_s) == (BundleState.QUEUED, 5.0, 5.0)
    assert bundle.expires_s == 5.0 + 86_400.0
    assert store.run(lambda outbox: outbox.find(bundle.id)) == bundle


def test_numbers_and_ids_are_never_given_out_twice(store):
    """After a crash the next number is higher than any that was committed."""
    seqs = [accept(store, draft()).bundle.seq for _ in range(3)]

    store.crash()

    assert accept(store, draft()).bundle.seq == seqs[-1] + 1


def test_the_same_key_within_its_window_is_one_report(store):
    """The second arrival returns the first bundle, adds nothing to the balance and is seen in its history."""
    first = accept(store, draft(), 0.0, duplicate=KEY, owed=OWED)

    second = accept(store, draft(), 599.0, duplicate=KEY, owed=OwedTo("bd2", "242286"))

    assert (second.is_duplicate, second.bundle.id) == (True, first.bundle.id)
    assert store.outbox.balance().total.accepted == 1
    history = store.run(lambda outbox: outbox.history(first.bundle.seq))
    assert [(event.kind, event.link, event.at_s) for event in history] == [
        ("accepted", "bd1", 0.0),
        ("heard again", "bd2", 599.0),
    ]


def test_the_same_key_after_its_window_is_a_new_report(store):
    """The window counts from the first arrival and does not slide."""
    accept(store, draft(), 0.0, duplicate=KEY)
    accept(store, draft(), 500.0, duplicate=KEY)

    assert not accept(store, draft(), 600.0, duplicate=KEY).is_duplicate


def test_the_duplicate_window_survives_a_crash(store):
    """Bundle and key are in one transaction: after reopening the repeat is recognised."""
    accept(store, draft(), 0.0, duplicate=KEY)

    store.crash()

    assert accept(store, draft(), 10.0, duplicate=KEY).is_duplicate
    assert store.outbox.balance().total.accepted == 1


def test_a_repeat_is_owed_the_receipt_again_unless_one_is_pending(store):
    """Two arrivals before the receipt went owe one; an arrival after it went owes another."""
    accept(store, draft(), 0.0, duplicate=KEY, owed=OWED)
    accept(store, draft(), 1.0, duplicate=KEY, owed=OWED)
    assert store.outbox.owed_counts() == 1
    store.run(lambda outbox: outbox.owed_settle("242286", [1], 2.0, sent=True))

    accept(store, draft(), 100.0, duplicate=KEY, owed=OWED)

    assert store.outbox.owed_counts() == 1


def test_a_repeat_of_a_forgotten_bundle_is_still_a_duplicate(tmp_path):
    """A replay window longer than the history still holds, and tells how the bundle ended."""
    store = sync_store(tmp_path, forget_after_s=10.0)
    first = accept(store, draft(), 0.0, duplicate=DuplicateKey(b"counter 7", 2_592_000.0)).bundle
    store.run(lambda outbox: outbox.receipt(Receipt(first.id, ReceiptLevel.DELIVERED, "consumer:map"), 1.0))
    store.run(lambda outbox: outbox.maintain(100.0))
    assert store.run(lambda outbox: outbox.find(first.id)) is None

    again = accept(store, draft(), 200.0, duplicate=DuplicateKey(b"counter 7", 2_592_000.0))

    assert (again.is_duplicate, again.bundle.id, again.bundle.state) == (True, first.id, BundleState.DELIVERED)
    store.close()


def test_a_repeat_of_a_report_that_was_shed_is_accepted_anew(tmp_path):
    """What we dropped ourselves is welcome a second time; an order is not, since old ones could be played back."""
    store = sync_store(tmp_path, bundles_max=2)
    up, down = DuplicateKey(b"up", 600.0), DuplicateKey(b"down", 600.0)
    accept(store, draft(), 0.0, duplicate=up)
    accept(store, order(), 1.0, lane="beidou", duplicate=down)
    accept(store, draft(), 2.0)

    assert not accept(store, draft(), 3.0, duplicate=up).is_duplicate
    assert accept(store, order(), 4.0, lane="beidou", duplicate=down).is_duplicate
    store.close()


def test_the_duplicate_window_is_bounded(tmp_path):
    """At duplicates_max the entry that ends first makes room, and that is counted."""
    store = sync_store(tmp_path, duplicates_max=3)
    for number in range(4):
        accept(store, draft(), float(number), duplicate=DuplicateKey(b"%d" % number, 600.0))

    assert store.outbox.rows()["duplicate"] == 3
    assert store.outbox.noted()["duplicate window shortened"] == 1
    assert accept(store, draft(), 5.0, duplicate=DuplicateKey(b"3", 600.0)).is_duplicate
    assert not accept(store, draft(), 5.0, duplicate=DuplicateKey(b"0", 600.0)).is_duplicate
    store.close()


def test_an_order_to_a_group_is_one_copy_a_member(store):
    """All copies carry the order's id as parent and wait each in its member's lane; a repeat finds them again."""
    members = [(Endpoint.card(1), "beidou"), (Endpoint.card(2), "beidou+hf")]
    given_ = order()
    key = DuplicateKey(b"order 1", 600.0)

    first = store.run(lambda outbox: outbox.accept_order(given_, members, now_s=0.0, duplicate=key))
    again = store.run(lambda outbox: outbox.accept_order(given_, members, now_s=1.0, duplicate=key))

    assert [(b.destination, b.lane, b.draft.parent) for b in first.bundles] == [
        (member, lane, first.order_id) for member, lane in members
    ]
    assert tuple(store.run(lambda outbox: outbox.children(first.order_id))) == first.bundles
    assert (again.is_duplicate, again.order_id, again.bundles) == (True, first.order_id, first.bundles)
    assert store.outbox.balance().total.accepted == 2


@pytest.mark.parametrize("count", [0, ORDER_MEMBERS_MAX + 1])
def test_an_order_has_between_one_and_the_maximum_of_members(store, count):
    """Nothing is stored of an order that reaches nobody or too many."""
    members = [(Endpoint.card(1), "beidou")] * count

    with pytest.raises(StoreError, match="members"):
        store.run(lambda outbox: outbox.accept_order(order(), members, now_s=0.0))

    assert store.outbox.balance().total.accepted == 0


def test_lanes_are_bounded(store):
    """A caller that invents lanes is stopped at LANES_MAX."""
    for number in range(LANES_MAX):
        accept(store, draft(), lane=f"lane{number}")

    with pytest.raises(StoreError, match="lanes"):
        accept(store, draft(), lane="one more")


def test_what_is_shed_first_is_the_oldest_of_the_least_urgent(tmp_path):
    """At bundles_max ROUTINE goes first by age, then PRIORITY, then IMMEDIATE, each counted with its reason."""
    store = sync_store(tmp_path, bundles_max=20)
    for number in range(19):
        precedence = (Precedence.IMMEDIATE, Precedence.PRIORITY, Precedence.ROUTINE)[number % 3]
        accept(store, draft(precedence=precedence), float(number))
    shed = []
    while True:
        try:
            shed += accept(store, draft(precedence=Precedence.IMMEDIATE), 100.0).shed
        except StoreFull:
            break
        if len(shed) > 25:
            break

    expected = sorted(range(1, 20), key=lambda seq: (-((seq - 1) % 3), seq))
    assert [bundle.seq for bundle in shed[:19]] == expected
    assert {bundle.state for bundle in shed} == {BundleState.SHED}
    assert {bundle.reason for bundle in shed} == {"cap bundles_max"}
    assert store.outbox.balance().balanced
    assert store.outbox.balance().total.shed == len(shed)
    store.close()


def test_nothing_more_urgent_than_the_newcomer_is_shed(tmp_path):
    """A ROUTINE report is refused when only more urgent ones are queued; nothing changes."""
    store = sync_store(tmp_path, bundles_max=20)
    for _ in range(19):
        accept(store, draft(precedence=Precedence.PRIORITY))

    with pytest.raises(StoreFull, match="bundles_max"):
        accept(store, draft(precedence=Precedence.ROUTINE))

    assert store.outbox.balance().total.shed == 0
    assert store.outbox.balance().total.accepted == 19
    store.close()


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.lists(st.sampled_from(list(Precedence)), min_size=1, max_size=60))
def test_an_sos_is_never_shed(tmp_path_factory, arrivals):
    """Whatever arrives in whatever order at a full store, every accepted FLASH stays open."""
    store = sync_store(tmp_path_factory.mktemp("sos"), bundles_max=10)
    flash, refused_at = 0, set()
    for precedence in arrivals:
        try:
            accept(store, draft(precedence=precedence))
            flash += precedence is Precedence.FLASH
        except StoreFull:
            if precedence is Precedence.FLASH:
                refused_at.add(flash)

    assert refused_at <= {10}
    cells = store.outbox.balance().cells
    assert sum(cell.shed for (_, p), cell in cells.items() if p is Precedence.FLASH) == 0
    assert sum(cell.queued for (_, p), cell in cells.items() if p is Precedence.FLASH) == flash
    assert store.outbox.balance() == store.run(lambda outbox: outbox.recount())
    store.close()


def test_the_file_stays_within_its_pages_and_an_sos_still_fits(tmp_path):
    """At pages_max routine traffic sheds itself for ever, the file does not grow, and 20 SOS are taken."""
    store = sync_store(tmp_path, pages_max=400)
    text = "长" * 300
    for number in range(1500):
        accept(store, draft(text), float(number))
    assert store.connection.execute("PRAGMA page_count").fetchone()[0] <= 400

    for number in range(20):
        accept(store, draft(text, precedence=Precedence.FLASH), 2000.0 + number)

    balance = store.outbox.balance()
    assert balance.balanced
    assert balance == store.run(lambda outbox: outbox.recount())
    assert balance.total.shed > 0
    assert sum(cell.queued for (_, p), cell in balance.cells.items() if p is Precedence.FLASH) == 20
    assert store.outbox.noted()["shed: cap pages_max"] == balance.total.shed
    store.close()


def test_at_the_page_cap_history_shrinks_before_anything_is_shed(tmp_path):
    """Closed bundles are forgotten early, oldest first, while open ones stay."""
    store = sync_store(tmp_path, pages_max=400)
    text = "长" * 300
    for number in range(1500):
        bundle = accept(store, draft(text), float(number)).bundle
        store.run(lambda outbox, b=bundle: outbox.receipt(Receipt(b.id, ReceiptLevel.DELIVERED, "consumer:map"), 1.0))

    total = store.outbox.balance().total
    assert (total.accepted, total.delivered, total.shed) == (1500, 1500, 0)
    assert store.run(lambda outbox: outbox.find("1")) is None
    assert store.outbox.balance() == store.run(lambda outbox: outbox.recount())
    store.close()


def test_a_full_file_can_still_be_worked_off(tmp_path):
    """With nothing left to shed, what is stored is still sent, receipted and closed, and then there is room again."""
    store = sync_store(tmp_path, pages_max=400)
    text, accepted = "长" * 300, []
    while True:
        try:
            accepted.append(accept(store, draft(text, precedence=Precedence.FLASH)).bundle)
        except StoreFull:
            break
    for bundle in accepted:
        store.run(lambda outbox, b=bundle: outbox.begin(b.seq, "bd1", 1.0))
        store.run(lambda outbox, b=bundle: outbox.receipt(Receipt(b.id, ReceiptLevel.DELIVERED, "consumer:map"), 2.0))

    assert store.outbox.balance().total.delivered == len(accepted)
    accept(store, draft(text, precedence=Precedence.FLASH))
    store.close()


def test_the_last_known_place_comes_from_text_or_terminal_only(store):
    """A last-known place is never taken for a new observation, and its age grows."""
    accept(store, draft(place=here(30.0, 103.0)), 10.0)
    accept(store, draft(place=here(31.0, 104.0, PlaceSource.LAST_KNOWN)), 20.0)

    place = store.run(lambda outbox: outbox.last_place(Endpoint.card(242286), 40.0))

    assert (place.lat, place.lon, place.source, place.age_s) == (30.0, 103.0, PlaceSource.LAST_KNOWN, 30.0)
    assert store.run(lambda outbox: outbox.last_place(Endpoint.card(1), 40.0)) is None


def test_last_known_places_are_bounded(tmp_path):
    """At places_max the oldest place makes room."""
    store = sync_store(tmp_path, places_max=2)
    for card in (1, 2, 3):
        accept(store, draft(card=card, place=here()), float(card))

    known = [
        store.run(lambda outbox, c=card: outbox.last_place(Endpoint.card(c), 9.0)) is not None for card in (1, 2, 3)
    ]
    assert known == [False, True, True]
    store.close()
