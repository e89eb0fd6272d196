"""The receiving side, a rule at a time; what it does to floods and wires is in test_attacks.py and test_wires.py."""

from dataclasses import replace

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from protocols.record import suite
from protocols.record.address import Ends, Implied
from protocols.record.errors import BadTag, Malformed, Refused, Replayed, TooOld, UnknownSession
from protocols.record.keys import GENERATION_MAX, SALT_MAX
from protocols.record.layout import Form, Header, RecordFrame, Relay
from protocols.record.limits import FAILURES_COUNTED_MAX, KEY_FAILURES_MAX, SHORT_FAILURES_MAX, Alarm
from protocols.record.receiver import PREVIOUS_KEPT_S, RECEIVER_COLUMNS, ReceivingState, open_record
from protocols.record.sealing import seal
from protocols.record.suite import Suite
from protocols.record.window import WINDOW_COUNTERS, Window
from tests.protocols.record.helpers import FIELD, HQ, SALT, UP, UP_IMPLIED, chain_of, keys_of, receiving

LONG = Header(long_tag=True)
SHORT = Header()


def sealed(counter, *, header=LONG, generation=0, plaintext=b"x", **of):
    return seal(keys_of(generation=generation, **of), header, counter, plaintext)


def hear(state, frame, *, implied=UP_IMPLIED, chains=None, now_s=0, **rules):
    return open_record(state, frame, implied, chains or chain_of().at, now_s=now_s, **rules)


def bad(frame):
    return frame[:-1] + bytes([frame[-1] ^ 1])


def test_a_new_record_is_opened_and_marked():
    """It comes with its name, and the state that knows it next time."""
    header = Header(Form.SHORT, fragment=True, relay=Relay(0, 3))

    outcome = hear(receiving(), sealed(5, header=header, plaintext=b"SOS"))

    assert outcome.opened.plaintext == b"SOS"
    assert (outcome.opened.counter, outcome.opened.fragment, outcome.opened.relay) == (5, True, Relay(0, 3))
    assert outcome.opened.session == receiving().session
    assert outcome.state == receiving(window=Window().mark(5))
    assert isinstance(hear(outcome.state, sealed(5, header=header, plaintext=b"SOS")).problem, Replayed)


def test_the_edge_of_the_window():
    """4095 below the highest is still new, 4096 below is too old and delivered never."""
    state = hear(receiving(), sealed(10_000)).state

    assert hear(state, sealed(10_000 - WINDOW_COUNTERS + 1)).opened
    outcome = hear(state, sealed(10_000 - WINDOW_COUNTERS))
    assert isinstance(outcome.problem, TooOld)
    assert (outcome.problem.counter, outcome.state) == (10_000 - WINDOW_COUNTERS, state)


def test_nothing_unauthentic_moves_the_window():
    """A forged counter far ahead leaves the window where it is."""
    outcome = hear(receiving(), bad(sealed(30_000)))

    assert isinstance(outcome.problem, BadTag)
    assert outcome.state.window == Window()
    assert outcome.failures == outcome.state.failures == outcome.state.streak == 1


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (b"", Malformed),
        (b"text", Malformed),
        (sealed(0x10000)[:3], Malformed),
        (sealed(0x10000), Malformed),
        (sealed(1, header=Header(Form.LONG, relay=Relay(0, 0)), ends=Ends(HQ, FIELD)), UnknownSession),
        (sealed(1, header=Header(Form.SOURCE), ends=Ends(0x0204, HQ)), UnknownSession),
    ],
    ids=["nothing", "text", "cut", "counter 0", "other direction", "other source"],
)
def test_what_is_not_tried(frame, problem):
    """It is named, and counts as no failure."""
    outcome = hear(receiving(), frame)

    assert type(outcome.problem) is problem
    assert (outcome.state, outcome.failures, outcome.opened) == (receiving(), 0, None)


def test_without_session_or_key_the_session_is_unknown():
    """So a hello is asked for; nothing is counted."""
    for state, chains in ((ReceivingState(UP), None), (receiving(), lambda _: None)):
        outcome = hear(state, sealed(1), chains=chains)
        assert isinstance(outcome.problem, UnknownSession)
        assert outcome.state == state
    assert ReceivingState(UP).asks_hello
    assert isinstance(hear(receiving(), sealed(1), implied=Implied()).problem, UnknownSession)


# --- generations ----------------------------------------------------------------------------------------------------


def test_next_generation_becomes_the_present():
    """The old one is kept for seven days, then forgotten."""
    state = hear(receiving(generation=4), sealed(1, generation=5), now_s=50.9).state

    assert (state.generation, state.previous_until_s) == (5, 50 + PREVIOUS_KEPT_S)
    assert state.oldest_generation(50 + PREVIOUS_KEPT_S - 1) == 4
    assert state.oldest_generation(50 + PREVIOUS_KEPT_S) == 5
    assert hear(state, sealed(2, generation=4), now_s=51).opened.session.generation == 4
    assert hear(state, sealed(3, generation=6), now_s=51).state.generation == 6


def test_a_late_record_does_not_lead_back():
    """The previous generation opens, and the present one stays."""
    state = hear(receiving(generation=4), sealed(1, generation=5)).state

    assert hear(state, sealed(2, generation=4)).state.generation == 5


@pytest.mark.parametrize(("generation", "sent"), [(4, 2), (4, 6), (4, 3)])
def test_other_generations_are_not_tried(generation, sent):
    """Two away has the same E and fails; one back is tried only while it is kept."""
    assert isinstance(hear(receiving(generation=generation), sealed(1, generation=sent)).problem, BadTag)


def test_each_key_tried_counts():
    """While two generations are tried, a bad tag counts twice: it had two chances."""
    kept = receiving(generation=4, previous_until_s=100)

    assert hear(kept, bad(sealed(1, generation=5))).failures == 2
    assert hear(kept, bad(sealed(1, generation=4))).failures == 1
    assert hear(kept, bad(sealed(1, generation=5)), now_s=100).failures == 1


def test_the_ends_of_the_chain():
    """Nothing is tried before generation 0 or after 65535."""
    asked = []

    def chains(generation):
        asked.append(generation)

    hear(receiving(previous_until_s=100), sealed(1, generation=1), chains=chains)
    hear(receiving(generation=GENERATION_MAX, previous_until_s=100), sealed(1, generation=4), chains=chains)

    hear(receiving(generation=GENERATION_MAX), sealed(1, generation=1), chains=chains)

    assert asked == [1, GENERATION_MAX - 1, GENERATION_MAX]


# --- limits ---------------------------------------------------------------------------------------------------------


def test_failures_up_to_the_alarm():
    """The 1024th failure raises it; a short tag is then refused untried."""
    before = receiving(failures=SHORT_FAILURES_MAX - 1)

    outcome = hear(before, bad(sealed(1, header=SHORT)))

    assert outcome.alarm is Alarm.SHORT_TAGS_REFUSED
    assert outcome.state.only_long_tags
    refused = hear(outcome.state, sealed(1, header=SHORT))
    assert isinstance(refused.problem, Refused)
    assert (refused.state, refused.failures) == (outcome.state, 0)
    assert hear(outcome.state, sealed(1)).opened
    assert hear(before, sealed(1, header=SHORT)).opened


def test_short_tags_may_be_refused_from_everybody():
    """As the tally over all peers says."""
    assert isinstance(hear(receiving(), sealed(1, header=SHORT), long_only=True).problem, Refused)
    assert hear(receiving(), sealed(1), long_only=True).opened


def test_an_attacked_key_is_reported_and_still_opens():
    """At 2**14 failures the peer should begin a session; its records are opened all the same."""
    before = receiving(failures=20_000, key_failures=KEY_FAILURES_MAX - 1, only_long_tags=True)

    outcome = hear(before, bad(sealed(1)))

    assert outcome.alarm is Alarm.KEY_ATTACKED
    assert (before.wants_new_key, outcome.state.wants_new_key) == (False, True)
    assert hear(outcome.state, bad(sealed(1))).alarm is None
    assert hear(outcome.state, sealed(1)).opened
    rotated = hear(outcome.state, sealed(1, generation=1)).state
    assert (rotated.wants_new_key, rotated.key_failures) == (False, 0)
    assert rotated.failures == outcome.state.failures


def test_counting_ends():
    """Counters of failures have a maximum."""
    state = receiving(failures=FAILURES_COUNTED_MAX, key_failures=FAILURES_COUNTED_MAX, streak=255, only_long_tags=True)

    assert hear(state, bad(sealed(1))).state == state


def test_a_good_record_ends_a_row_of_bad_ones():
    """Three bad tags in a row ask for a hello, a good one ends the row."""
    state = receiving()
    for expected in (False, False, True):
        state = hear(state, bad(sealed(1))).state
        assert state.asks_hello is expected

    state = hear(state, sealed(1)).state

    assert (state.asks_hello, state.streak, state.failures) == (False, 0, 3)


def test_sm4_sessions():
    """SM4-GCM records open with long tags; a short one is refused, not tried."""
    state = receiving(suite=Suite.SM4_GCM)
    frame = sealed(1, suite=Suite.SM4_GCM)
    short = RecordFrame(SHORT, odd=False, counter_low=1, sealed=frame[3:]).to_bytes()

    assert hear(state, frame).opened.plaintext == b"x"
    assert isinstance(hear(state, short).problem, Refused)


def test_a_machine_without_sm4(monkeypatch):
    """It says so, on both sides, and counts no failure."""
    frame = sealed(1, suite=Suite.SM4_GCM)

    def unsupported(*_):
        raise UnsupportedAlgorithm("SM4")

    monkeypatch.setattr(suite, "Cipher", unsupported)

    outcome = hear(receiving(suite=Suite.SM4_GCM), frame)
    assert (outcome.problem.reason, outcome.failures) == ("no SM4", 0)
    with pytest.raises(Refused, match="without SM4"):
        sealed(2, suite=Suite.SM4_GCM)


# --- stored ---------------------------------------------------------------------------------------------------------


def test_rows():
    """A state is stored as integers and bytes and read back; a row of another shape is refused."""
    state = ReceivingState(
        Ends(0x10000, 1), 3, 9, Suite.SM4_GCM, 10, 11, 12, 13, 14, True, 15, 16, 17, 18, Window().mark(70)
    )
    row = state.to_row()

    assert ReceivingState.from_row(row) == state
    assert [type(value) for value in row] == [int] * 15 + [bytes]
    assert len(row) == len(RECEIVER_COLUMNS)
    for broken in ((), row[:-1], (*row, 0), (*row[:-1], 5), (*row[:-1], b""), (*row[:3], "9", *row[4:])):
        with pytest.raises(Malformed):
            ReceivingState.from_row(broken)


def test_edges_of_a_state():
    """The largest salts and serials can be stored."""
    largest = ReceivingState(UP, last_salt=SALT_MAX, key_serial=SALT_MAX, notice_serial=SALT_MAX)

    assert ReceivingState.from_row(largest.to_row()) == largest


@pytest.mark.parametrize(
    "fields",
    [
        {"salt": 5, "last_salt": 4},
        {"salt": -1},
        {"last_salt": SALT_MAX + 1},
        {"generation": -1},
        {"failures": -1},
        {"key_failures": FAILURES_COUNTED_MAX + 1},
        {"streak": 256},
        {"key_serial": -1},
        {"notice_serial": SALT_MAX + 1},
    ],
)
def test_states_that_cannot_be(fields):
    """A damaged row does not become a state."""
    with pytest.raises(Malformed):
        replace(ReceivingState(UP), **fields)


def test_the_session_of_a_state():
    """None without a salt."""
    assert ReceivingState(UP).session is None
    assert receiving().session.salt == SALT
