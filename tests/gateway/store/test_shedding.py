"""What newer reports replace, what goes at the caps, and that no call for help ever does."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.link import SendOutcome
from gateway.model import BundleState, Endpoint, MessageKind, Precedence, ReceiptLevel
from gateway.store import shedding, worth
from gateway.store.accepting import DuplicateKey, OwedTo
from gateway.store.errors import StoreFull
from gateway.store.limits import SUPERSEDED_MAX
from tests.gateway.store.helpers import draft, here, order, sync_store, without_worth

AIR = "beidou"
ROUTINE, PRIORITY, IMMEDIATE, FLASH = reversed(Precedence)


@pytest.fixture
def store(tmp_path):
    store = sync_store(tmp_path)
    yield store
    store.close()


def position(card=242286, lat=30.0, **more):
    return draft("", kind=MessageKind.POSITION, card=card, place=here(lat), **more)


def reading(sensor="S1", metric="tilt", **more):
    return draft("", kind=MessageKind.SENSOR, fields={"sensor": sensor, "metric": metric, "value": 1}, **more)


def accept(store, one, now_s=0.0, lane=AIR, **more):
    return store.run(lambda outbox: outbox.accept(one, lane=lane, now_s=now_s, **more))


def state_of(store, bundle):
    found = store.run(lambda outbox: outbox.find(bundle.id))
    return found.state


# --- newer for older ------------------------------------------------------------------------------------------


def test_a_newer_position_takes_the_place_of_one_that_never_left(store):
    """The older ends as shed, named in its history and balance, and only the newer is due."""
    old = accept(store, position(lat=30.0), 1.0).bundle

    taken = accept(store, position(lat=30.1), 2.0)

    assert [bundle.id for bundle in taken.superseded] == [old.id]
    found = store.run(lambda outbox: outbox.find(old.id))
    assert (found.state, found.reason) == (BundleState.SHED, f"superseded by {taken.bundle.id}")
    history = store.run(lambda outbox: outbox.history(old.seq))
    assert [(event.kind, event.words) for event in history[1:]] == [("shed", f"superseded by {taken.bundle.id}")]
    assert [b.id for b in store.run(lambda outbox: outbox.due(AIR, ROUTINE, 2.0, 9))] == [taken.bundle.id]
    total = store.outbox.balance().total
    assert (total.accepted, total.queued, total.shed) == (2, 1, 1)
    assert store.outbox.balance() == store.run(lambda outbox: outbox.recount())
    assert store.outbox.noted()["shed: superseded"] == 1


def test_readings_of_one_sensor_and_metric_replace_each_other(store):
    """Another sensor, another metric of the same one, and another source stay."""
    old = accept(store, reading()).bundle
    others = [accept(store, one).bundle for one in (reading("S2"), reading(metric="rain"), reading(card=5))]

    accept(store, reading())

    assert state_of(store, old) is BundleState.SHED
    assert {state_of(store, one) for one in others} == {BundleState.QUEUED}


POST = Endpoint.parse("station:v3")

LEFT_ALONE = {
    "another card": (position(), position(card=5)),
    "no position": (draft(), position()),
    "chat after a position": (position(), draft()),
    "a call for help": (draft("", kind=MessageKind.SOS, place=here()), position()),
    "urgent": (position(precedence=IMMEDIATE), position(precedence=IMMEDIATE)),
    "answers an order": (position(reply_to="gw1-AAAA-9"), position()),
    "a member's copy": (position(parent="gw1-AAAA-9"), position()),
    "more people than the newer": (
        draft("平安5人", kind=MessageKind.POSITION, fields={"people": 5}, place=here()),
        draft("平安", kind=MessageKind.POSITION, place=here()),
    ),
    "words, and the newer has none": (draft("平安", kind=MessageKind.POSITION, place=here()), position()),
    "a place, and the newer has none": (
        draft("在磨西镇", kind=MessageKind.POSITION, place=here()),
        draft("在磨西镇", kind=MessageKind.POSITION),
    ),
    "words of two people handed in at one post": (
        replace(draft("张三平安", kind=MessageKind.POSITION, place=here()), source=POST),
        replace(draft("李四平安", kind=MessageKind.POSITION, place=here()), source=POST),
    ),
    "made later than the newcomer": (position(created_wall_s=1_800_000_060.0), position()),
    "a sensor without a name": (draft("", kind=MessageKind.SENSOR), draft("", kind=MessageKind.SENSOR)),
}


@pytest.mark.parametrize("case", LEFT_ALONE)
def test_nothing_else_is_replaced(store, case):
    """Whatever is no plain position of the same source, or says more than the newcomer, waits on."""
    older, newer = LEFT_ALONE[case]
    old = accept(store, older).bundle

    taken = accept(store, newer)

    assert taken.superseded == ()
    assert state_of(store, old) is BundleState.QUEUED


def test_without_a_believed_clock_the_order_of_arrival_counts(store):
    """A clock that is not believed cannot say that the newcomer is the older one."""
    old = accept(store, position(created_wall_s=1_800_000_060.0, clock_trusted=False)).bundle

    accept(store, position())

    assert state_of(store, old) is BundleState.SHED


def test_the_bus_gets_every_position(store):
    """Superseding saves slots of the air; a centre that draws tracks loses nothing."""
    old = accept(store, position(), lane="bus").bundle

    accept(store, position(), lane="bus")

    assert state_of(store, old) is BundleState.QUEUED


def test_what_left_or_is_in_a_devices_hands_stays(store):
    """Evidence and a try that runs keep a position."""
    left, handed = (accept(store, position(card=card)).bundle for card in (1, 2))
    attempt = store.run(lambda outbox: outbox.begin(left.seq, "bd1", 1.0))
    store.run(
        lambda outbox: outbox.finish(attempt, SendOutcome.ACCEPTED, "FKI Y", 2.0, state=BundleState.SENT, due_s=9.0)
    )
    store.run(lambda outbox: outbox.begin(handed.seq, "bd1", 1.0))

    for card in (1, 2):
        assert accept(store, position(card=card), 3.0).superseded == ()

    assert (state_of(store, left), state_of(store, handed)) == (BundleState.SENT, BundleState.HANDED)


def test_what_somebody_answered_stays(store):
    """A bundle that quotes the position keeps it."""
    old = accept(store, position()).bundle
    accept(store, order(reply_to=old.id))

    assert accept(store, position()).superseded == ()


def test_nobody_is_told_of_a_replaced_position(store):
    """The pending receipt for it still says custody, and no further one is owed."""
    accept(store, position(), 0.0, owed=OwedTo("bd1", "242286"))
    store.run(lambda outbox: outbox.owed_settle("242286", [1], 1.0, sent=True))
    accept(store, position(), 2.0)

    assert store.outbox.owed_counts() == 0
    assert store.connection.execute("SELECT count(*) FROM untold").fetchone() == (0,)


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_repeat_of_a_replaced_position_brings_nothing(tmp_path, forgotten):
    """A copy that comes late must not take the place of the fresher one, also when the history has forgotten it."""
    store = sync_store(tmp_path, forget_after_s=10.0)
    key = DuplicateKey(b"old", 1e6)
    old = accept(store, position(lat=30.0), 0.0, duplicate=key).bundle
    fresh = accept(store, position(lat=30.1), 1.0).bundle
    if forgotten:
        store.run(lambda outbox: outbox.maintain(100.0))
        assert store.run(lambda outbox: outbox.find(old.id)) is None

    again = accept(store, position(lat=30.0), 200.0, duplicate=key)

    assert (again.is_duplicate, again.bundle.id, again.bundle.state) == (True, old.id, BundleState.SHED)
    assert state_of(store, fresh) is BundleState.QUEUED
    store.close()


def test_the_work_for_one_newcomer_is_bounded(store):
    """Of many old ones that wait at once, as after an upgrade, a bounded number goes for each newcomer."""
    for number in range(1, 3 * SUPERSEDED_MAX):
        accept(store, position(), float(number), lane="bus")
        store.run(lambda outbox, seq=number: outbox._move(outbox._moving(seq), 1.0, lane="hf"))  # the registry changed

    first, second = (accept(store, position(), 100.0).superseded for _ in range(2))

    assert [bundle.seq for bundle in first] == list(range(3 * SUPERSEDED_MAX - 1, 2 * SUPERSEDED_MAX - 1, -1))
    assert len(second) == SUPERSEDED_MAX


def test_neither_replacing_nor_shedding_scans_the_queue(store):
    """Both questions are answered by an index alone, whatever waits."""
    statements = []
    store.connection.set_trace_callback(statements.append)
    accept(store, position())
    accept(store, position())
    store.run(lambda outbox: outbox._shed_one(position(), 1.0, "cap bundles_max"))
    store.connection.set_trace_callback(None)

    asked = [one for one in statements if one.startswith("SELECT * FROM bundle INDEXED BY")]
    plans = [store.connection.execute("EXPLAIN QUERY PLAN " + one).fetchall() for one in asked]
    details = [row[3] for plan in plans for row in plan]
    assert len(asked) >= 3
    assert all(detail.startswith("SEARCH bundle USING INDEX") for detail in details), details


# --- at a cap --------------------------------------------------------------------------------------------------


def test_the_order_of_shedding_is_the_documented_one(tmp_path):
    """Positions and readings first, then other ROUTINE, PRIORITY, IMMEDIATE; the oldest first in each."""
    store = sync_store(tmp_path, bundles_max=20)
    kinds = [
        draft(precedence=IMMEDIATE),
        position(),
        draft(precedence=PRIORITY),
        draft(),
        reading(),
        position(reply_to="gw1-AAAA-1"),  # an answer is no mere position
        position(precedence=PRIORITY),
    ]
    for one in (kinds * 3)[:19]:
        accept(store, one, lane="bus")
    shed = []
    while len(shed) < 19:
        shed += accept(store, draft(precedence=IMMEDIATE), lane="bus").shed

    rank = [3, 0, 2, 1, 0, 1, 2]
    assert [bundle.seq for bundle in shed] == sorted(range(1, 20), key=lambda seq: (rank[(seq - 1) % 7], seq))
    assert store.outbox.noted()["shed: cap bundles_max"] == 19
    assert store.outbox.balance() == store.run(lambda outbox: outbox.recount())
    store.close()


def test_nothing_worth_more_than_the_newcomer_goes(tmp_path):
    """A position does not push out what somebody wrote; it is refused and changes nothing."""
    store = sync_store(tmp_path, bundles_max=20)
    for _ in range(19):
        accept(store, draft(), lane="bus")

    with pytest.raises(StoreFull, match="bundles_max"):
        accept(store, position(), lane="bus")

    assert (store.outbox.balance().total.accepted, store.outbox.balance().total.shed) == (19, 0)
    store.close()


@pytest.mark.parametrize("precedence", Precedence)
def test_an_sos_of_any_precedence_uses_the_reserve_and_may_shed_all_others(tmp_path, precedence):
    """What counts is the call for help, by precedence or by kind."""
    store = sync_store(tmp_path, bundles_max=20)
    for _ in range(19):
        accept(store, draft(precedence=IMMEDIATE), lane="bus")
    sos = draft("求救", kind=MessageKind.SOS, precedence=precedence)

    assert accept(store, sos, lane="bus").shed == ()
    assert [bundle.precedence for bundle in accept(store, sos, lane="bus").shed] == [IMMEDIATE]
    store.close()


ARRIVAL = st.tuples(
    st.sampled_from([MessageKind.SOS, MessageKind.POSITION, MessageKind.CHAT, MessageKind.SENSOR]),
    st.sampled_from(list(Precedence)),
    st.booleans(),
)


def arrive(store, arrivals):
    """Let bundles arrive at a small store; return the ids of the calls for help that it took."""
    calls = []
    for kind, precedence, on_air in arrivals:
        try:
            one = draft("", kind=kind, precedence=precedence, place=here())
            bundle = accept(store, one, lane=AIR if on_air else "bus").bundle
        except StoreFull:
            continue
        if kind is MessageKind.SOS or precedence is FLASH:
            calls.append(bundle)
    return calls


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.lists(ARRIVAL, min_size=1, max_size=60))
def test_no_call_for_help_is_ever_shed(tmp_path_factory, arrivals):
    """Whatever arrives in whatever order, every SOS that was taken stays open, and the balance holds."""
    store = sync_store(tmp_path_factory.mktemp("sos"), bundles_max=10)

    calls = arrive(store, arrivals)

    assert {state_of(store, call) for call in calls} <= {BundleState.QUEUED}
    assert store.outbox.balance() == store.run(lambda outbox: outbox.recount())
    store.close()


def test_planted_defect_an_sos_goes_by_its_precedence_alone(tmp_path, monkeypatch):
    """If only FLASH were kept, an SOS that came as ROUTINE would go at the cap, and the check above would see it."""
    by_precedence = lambda one: one.precedence is FLASH  # noqa: E731
    monkeypatch.setattr(worth, "is_sos", by_precedence)
    monkeypatch.setattr(shedding, "is_sos", by_precedence)
    store = sync_store(tmp_path, bundles_max=10)

    calls = arrive(store, [(MessageKind.SOS, ROUTINE, False)] + [(MessageKind.CHAT, ROUTINE, False)] * 10)

    assert [state_of(store, call) for call in calls] == [BundleState.SHED]
    store.close()


def test_a_damaged_hint_costs_nobody_a_place(tmp_path):
    """An SOS whose column says that it may go first stays, and the column is mended."""
    store = sync_store(tmp_path, bundles_max=20)
    sos = accept(store, draft("求救", kind=MessageKind.SOS, precedence=ROUTINE), lane="bus").bundle
    for _ in range(18):
        accept(store, draft(), lane="bus")
    store.connection.execute("UPDATE bundle SET worth = 1, topic = 'position' WHERE seq = ?", (sos.seq,))

    assert [bundle.seq for bundle in accept(store, draft(), lane="bus").shed] == [2]

    assert state_of(store, sos) is BundleState.QUEUED
    assert store.connection.execute("SELECT topic, worth FROM bundle WHERE seq = 1").fetchone() == ("", worth.KEPT)
    assert store.outbox.noted()["hint mended"] == 1
    store.close()


def test_the_sweep_mends_hints(store):
    """A position that its column hides is found again."""
    accept(store, position())
    store.connection.execute("UPDATE bundle SET topic = ''")

    store.run(lambda outbox: outbox.sweep())

    assert len(accept(store, position()).superseded) == 1


def test_the_author_of_a_shed_report_is_told(tmp_path):
    """A receipt that waits says so instead of custody; one that was sent is followed by another."""
    store = sync_store(tmp_path, bundles_max=2)
    accept(store, draft(card=1), 0.0, lane="bus", owed=OwedTo("bd1", "1"))
    accept(store, draft(card=2), 1.0, lane="bus", owed=OwedTo("bd1", "2"))
    store.run(lambda outbox: outbox.owed_settle("2", [2], 2.0, sent=True))
    accept(store, draft(card=3), 3.0, lane="bus")

    owed = store.run(lambda outbox: outbox.owed_next("bd1", 1000.0, 9))

    told = {one.peer: [(entry.seq, entry.level) for entry in one.entries] for one in owed}
    assert told == {"1": [(1, ReceiptLevel.REFUSED)], "2": [(2, ReceiptLevel.REFUSED)]}
    store.close()


def test_nobody_is_asked_to_repeat_what_has_left(tmp_path):
    """A report that the broker took is shed when its turn comes; its author has no reason to type it again."""
    store = sync_store(tmp_path, bundles_max=2)
    one = accept(store, draft(card=1), 0.0, lane="bus", owed=OwedTo("bd1", "1")).bundle
    store.run(lambda outbox: outbox.published([one.seq], "bus", 1.0, 1e9))
    accept(store, draft(card=2), 2.0, lane="bus")
    accept(store, draft(card=3), 3.0, lane="bus")

    (owed,) = store.run(lambda outbox: outbox.owed_next("bd1", 1000.0, 9))

    assert state_of(store, one) is BundleState.SHED
    assert [(entry.seq, entry.level) for entry in owed.entries] == [(one.seq, ReceiptLevel.CUSTODY)]
    store.close()


def test_the_author_of_a_shed_order_is_told_on_the_bus(tmp_path):
    """The bus is owed the state shed, with its reason."""
    store = sync_store(tmp_path, bundles_max=2)
    one = accept(store, order()).bundle
    accept(store, order())

    told = {bundle.id: (bundle.state, bundle.reason) for bundle in store.run(lambda outbox: outbox.untold(9))}

    assert told[one.id] == (BundleState.SHED, "cap bundles_max")
    store.close()


def test_a_file_of_schema_2_learns_what_its_bundles_are_worth(tmp_path):
    """After the upgrade the order of shedding and the rule for positions hold for what was stored before."""
    store = sync_store(tmp_path)
    given_ = [
        draft("求救", kind=MessageKind.SOS, precedence=ROUTINE),
        draft(precedence=FLASH),
        draft(),
        position(),
        position(reply_to="gw1-AAAA-1"),
        reading(),
    ]
    for one in given_:
        accept(store, one)
    for table in ("air_sent", "air_heard"):
        store.connection.execute(f"DROP TABLE {table}")
    columns = "peer INTEGER, salt INTEGER, counter INTEGER, seq INTEGER, crc INTEGER"
    store.connection.execute(f"CREATE TABLE air_sent({columns})")
    store.connection.execute(f"CREATE TABLE air_heard({columns})")
    store.connection.execute("CREATE INDEX air_sent_of ON air_sent(seq)")
    store.connection.execute("CREATE INDEX air_heard_by ON air_heard(peer, salt, counter)")
    without_worth(store)
    store.connection.execute("PRAGMA user_version = 2")
    store.close()

    store.open()

    rows = store.connection.execute("SELECT topic, worth FROM bundle ORDER BY seq").fetchall()
    topics = [worth.topic_of(one) for one in given_]
    assert [found for _, found in rows] == [worth.worth_of(one) for one in given_]
    assert [topic for topic, _ in rows] == [*topics[:5], ""], "readings get theirs by the sweep"
    store.run(lambda outbox: outbox.sweep())
    assert store.connection.execute("SELECT topic FROM bundle WHERE seq = 6").fetchone() == (topics[5],)
    store.close()
