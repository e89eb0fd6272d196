"""What 0x7F frames say, and when it is believed."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.record import keys
from protocols.record.address import EVERYBODY, Ends, Implied
from protocols.record.errors import BadTag, Malformed, Refused, Replayed, TooOld, UnknownSession
from protocols.record.greeting import accept_hello, accept_key_transport, accept_notice
from protocols.record.hello import CONTENT_BYTES_MAX, Hello, HelloMessage
from protocols.record.keys import GENERATIONS_AHEAD_MAX, GroupSeed
from protocols.record.keytransport import GroupKey, NewPairSecret, transport_from_bytes, transport_to_bytes
from protocols.record.layout import Form, HelloFrame, HelloKind
from protocols.record.notice import REVOKED_MAX, BeginSession, Revoked, UseLongTags, notice_from_bytes, notice_to_bytes
from protocols.record.receiver import ReceivingState, distrust, rekeyed, reset_salt
from protocols.record.siv import open_hello, seal_hello
from protocols.record.suite import Suite
from protocols.record.window import Window
from tests.protocols.record.helpers import (
    DEVICE,
    FIELD,
    GROUP,
    HQ,
    SALT,
    UP,
    UP_IMPLIED,
    chain_of,
    hello_key_of,
    other_secret,
    receiving,
)
from tests.protocols.record.pair import Pair

PROPERTY = settings(derandomize=True, deadline=None, max_examples=200)
MESSAGE = HelloMessage(9, b"SOS")


def hear(state, hello, *, chains=None, suites=(Suite.AES_CCM,), now_s=0):
    frame = seal_hello(hello_key_of(), HelloKind.HELLO, Form.IMPLIED, hello.to_bytes())
    return accept_hello(state, frame, UP_IMPLIED, hello_key_of(), chains or chain_of().at, now_s=now_s, suites=suites)


# --- beginning a session ------------------------------------------------------------------------------------------


def test_a_first_hello_begins_a_session():
    """A receiver that knows nothing takes any salt, and remembers what the hello says about content."""
    outcome = hear(ReceivingState(UP), Hello(3, SALT, model=0x0102, revision=7))

    state = outcome.state
    assert outcome.problem is None
    assert (state.generation, state.salt, state.last_salt) == (3, SALT, SALT)
    assert (state.model, state.revision, state.window) == (0x0102, 7, Window())
    assert not state.asks_hello


def test_a_larger_salt_ends_the_old_session():
    """Window and failures begin anew, and what was refused for failures is accepted again."""
    old = receiving(
        window=Window().mark(50), failures=2000, key_failures=99, only_long_tags=True, streak=9, previous_until_s=99
    )

    state = hear(old, Hello(0, SALT + 1)).state

    assert (state.window, state.failures, state.only_long_tags, state.streak) == (Window(), 0, False, 0)
    assert state.last_salt == SALT + 1
    assert (state.key_failures, state.previous_until_s) == (0, 0)


@pytest.mark.parametrize("salt", [1, SALT - 1])
def test_an_older_salt_is_refused(salt):
    """It is a recording, or comes from a lost clock; the state stays as it is."""
    outcome = hear(receiving(), Hello(0, salt, message=MESSAGE))

    assert isinstance(outcome.problem, Refused)
    assert (outcome.state, outcome.opened, outcome.told) == (receiving(), None, None)


def test_a_repeated_hello_changes_nothing():
    """The window stays, a copied message is known as one."""
    first = hear(ReceivingState(UP), Hello(0, SALT, message=MESSAGE))

    again = hear(first.state, Hello(0, SALT, message=MESSAGE))

    assert first.opened.plaintext == b"SOS"
    assert (first.opened.counter, first.opened.session.salt) == (9, SALT)
    assert again.state == first.state
    assert again.opened is None
    assert isinstance(again.problem, Replayed)
    assert again.problem.counter == 9
    assert again.told.message == MESSAGE


def test_message_in_hello_and_record_are_one():
    """The record with the hello's counter is a copy of its message, and the other way round."""
    pair = Pair()
    hello = pair.hello(b"SOS")
    pair.hear(hello)
    pair.state = replace(pair.state, next_counter=1, reserved_until=65)

    assert isinstance(pair.hear(pair.send(b"SOS")).problem, Replayed)


def test_an_old_hello_does_not_come_back_as_a_new_message():
    """Given 70000 records since, when the session's first hello is played back, then its message is too old, not counter 65537."""
    state = receiving(window=Window(70_000, 1))

    outcome = hear(state, Hello(0, SALT, message=HelloMessage(1, b"first")))

    assert isinstance(outcome.problem, TooOld)
    assert outcome.opened is None
    assert outcome.state == state


def test_long_tags_are_promised_for_good():
    """A hello may promise long tags in the middle of a session; an older one without the promise does not take it back."""
    state = hear(receiving(), Hello(0, SALT, long_tags=True)).state

    assert state.only_long_tags
    assert hear(state, Hello(0, SALT)).state.only_long_tags
    assert not hear(state, Hello(0, SALT + 1)).state.only_long_tags


def test_a_repeat_tells_of_rotations_but_never_back():
    """Under the same salt a later generation is taken over, the window kept; an earlier one changes nothing."""
    state = receiving(generation=1, window=Window().mark(7), key_failures=5, streak=4)

    later = hear(state, Hello(4, SALT), now_s=100).state

    assert (later.generation, later.window, later.key_failures, later.streak) == (4, state.window, 0, 0)
    assert later.previous_until_s == 100 + 7 * 86_400
    assert hear(later, Hello(1, SALT)).state == later


def test_generations_ahead():
    """1024 ahead is followed, 1025 is refused; so it is under the same salt."""
    for salt in (SALT, SALT + 1):
        assert hear(receiving(), Hello(GENERATIONS_AHEAD_MAX, salt)).state.generation == GENERATIONS_AHEAD_MAX
        outcome = hear(receiving(), Hello(GENERATIONS_AHEAD_MAX + 1, salt), chains=lambda _: chain_of())
        assert isinstance(outcome.problem, Refused)
        assert outcome.state == receiving()


def test_a_forgotten_generation_is_refused_a_held_one_is_not():
    """A sender with an older chain is understood only by who can still derive it."""
    state = receiving(generation=5)

    assert isinstance(hear(state, Hello(4, SALT + 1), chains=chain_of().at(5).at).problem, Refused)
    assert hear(state, Hello(4, SALT + 1)).state.generation == 4


def test_suites():
    """A suite is accepted when it is configured, and a salt keeps the suite that it began with."""
    assert isinstance(hear(ReceivingState(UP), Hello(0, SALT, Suite.SM4_GCM)).problem, Refused)
    accepted = hear(ReceivingState(UP), Hello(0, SALT, Suite.SM4_GCM), suites=set(Suite)).state
    assert accepted.suite is Suite.SM4_GCM
    assert isinstance(hear(accepted, Hello(0, SALT), suites=set(Suite)).problem, Refused)


def test_another_key_or_direction():
    """Without the right hello key it is a bad tag, for another direction an unknown session, and neither counts as a failure."""
    frame = seal_hello(hello_key_of(), HelloKind.HELLO, Form.LONG, Hello(0, SALT).to_bytes())
    wrong = keys.hello_key(other_secret(), UP)
    other = hello_key_of(Ends(HQ, FIELD))

    for key, problem in ((wrong, BadTag), (other, UnknownSession)):
        outcome = accept_hello(ReceivingState(UP), frame, Implied(), key, chain_of().at, now_s=0)
        assert isinstance(outcome.problem, problem)
        assert (outcome.state, outcome.failures) == (ReceivingState(UP), 0)


# --- states of need -------------------------------------------------------------------------------------------------


def test_after_a_restore_nothing_recorded_is_accepted():
    """Given a receiver that may have forgotten, then recordings are refused, and its hello names a salt that is accepted."""
    restored = distrust(receiving(window=Window().mark(3)), SALT + 1000)

    assert restored.asks_hello
    for salt in (SALT, SALT + 1, SALT + 1000):
        assert isinstance(hear(restored, Hello(0, salt)).problem, Refused)
    assert restored.known_salt == SALT + 1001
    assert hear(restored, Hello(0, restored.known_salt)).problem is None
    assert distrust(receiving(), 1).last_salt == SALT
    assert distrust(receiving(), 1 << 40).last_salt == 0xFFFFFFFF


def test_known_salt():
    """With a session its salt; without one, one more than the largest; 0 when there never was one."""
    assert ReceivingState(UP).known_salt == 0
    assert receiving().known_salt == SALT
    assert rekeyed(receiving()).known_salt == SALT + 1
    assert ReceivingState(UP, last_salt=0xFFFFFFFF).known_salt == 0xFFFFFFFF


def test_a_far_future_salt_locks_out_until_it_is_reset():
    """Only an operator lets such a peer in again."""
    state = hear(receiving(), Hello(0, 0xFFFFFFFF)).state

    assert isinstance(hear(state, Hello(0, SALT + 1)).problem, Refused)
    assert hear(reset_salt(state), Hello(0, SALT + 1)).problem is None
    assert (reset_salt(state).session, reset_salt(state).last_salt) == (None, 0)


def test_a_new_pair_secret_begins_the_chain_again():
    """Generation 0, no session; salts and serials go on."""
    state = rekeyed(receiving(generation=9, key_serial=5, notice_serial=6, failures=7))

    assert (state.generation, state.session, state.last_salt) == (0, None, SALT)
    assert (state.key_serial, state.notice_serial, state.failures) == (5, 6, 0)


# --- keys and notices -----------------------------------------------------------------------------------------------


TRANSPORTS = [GroupKey(100, GROUP, 2, GroupSeed(bytes(16))), NewPairSecret(100, other_secret())]
NOTICES = [Revoked(100, (FIELD, DEVICE)), UseLongTags(100), BeginSession(100)]


@pytest.mark.parametrize("value", [*TRANSPORTS, *NOTICES])
def test_a_serial_is_accepted_once(value):
    """The first is told, a copy is a replay, an older one refused, a newer one told again."""
    transport = value in TRANSPORTS
    kind, to_bytes, accept = (
        (HelloKind.KEY_TRANSPORT, transport_to_bytes, accept_key_transport)
        if transport
        else (HelloKind.NOTICE, notice_to_bytes, accept_notice)
    )

    def say(state, serial):
        said = to_bytes(replace(value, serial=serial))
        return accept(state, seal_hello(hello_key_of(), kind, Form.SOURCE, said), Implied(dst=HQ), hello_key_of())

    first = say(receiving(), 100)

    assert first.told == value
    assert first.state == receiving(**{"key_serial" if transport else "notice_serial": 100})
    assert isinstance(say(first.state, 100).problem, Replayed)
    assert isinstance(say(first.state, 99).problem, Refused)
    assert say(first.state, 101).told == replace(value, serial=101)


def test_kinds_are_not_mistaken():
    """A frame of one kind is not taken where another is expected, and its kind is authenticated."""
    key = hello_key_of()
    frame = seal_hello(key, HelloKind.NOTICE, Form.IMPLIED, notice_to_bytes(NOTICES[1]))

    problem = accept_key_transport(receiving(), frame, UP_IMPLIED, key).problem
    assert (type(problem), problem.reason) == (Malformed, "other kind")
    changed = bytes([frame[0], HelloKind.KEY_TRANSPORT]) + frame[2:]
    assert isinstance(accept_key_transport(receiving(), changed, UP_IMPLIED, key).problem, BadTag)


def test_keys_and_notices_never_go_to_a_group():
    """Any member could send them; a hello of a member to its group is fine."""
    for group in (GROUP, EVERYBODY):
        ends = Ends(HQ, group)
        key = keys.hello_key(keys.group_secret(GroupSeed(bytes(16)), group, 0), ends)
        for kind in (HelloKind.KEY_TRANSPORT, HelloKind.NOTICE):
            with pytest.raises(Refused):
                seal_hello(key, kind, Form.SHORT, b"")
            with pytest.raises(Refused):
                open_hello(key, HelloFrame(kind, Form.IMPLIED, bytes(16)), Implied(HQ, group))
        assert seal_hello(key, HelloKind.HELLO, Form.SHORT, Hello(0, SALT).to_bytes())


# --- plaintexts -------------------------------------------------------------------------------------------------------


@PROPERTY
@given(st.binary(max_size=60), st.sampled_from([b"", b"\x01\x01", b"\x01\x02", b"\x02", b"\x01"]))
@pytest.mark.parametrize(
    ("read", "write"),
    [
        (Hello.from_bytes, Hello.to_bytes),
        (transport_from_bytes, transport_to_bytes),
        (notice_from_bytes, notice_to_bytes),
    ],
)
def test_noise_is_refused_or_written_back(read, write, tail, head):
    """Nothing but the declared errors leaves, and every value has one form."""
    try:
        value = read(head + tail)
    except (Malformed, Refused):
        return
    assert write(value) == head + tail


@pytest.mark.parametrize("text", ["", "02", "0103", "0201010000000000010000000000000000"])
def test_a_newer_version_or_suite_is_refused(text):
    """A newer program's hello is told from a broken one."""
    with pytest.raises((Refused, Malformed)):
        Hello.from_bytes(bytes.fromhex(text))
    whole = bytearray(Hello(0, SALT).to_bytes())
    for at, value in ((0, 2), (1, 3)):
        with pytest.raises(Refused):
            Hello.from_bytes(bytes(whole[:at] + bytes([value]) + whole[at + 1 :]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Hello(0, 0),
        lambda: Hello(0, 1 << 32),
        lambda: Hello(0x10000, 1),
        lambda: Hello(0, 1, model=0x10000),
        lambda: Hello(0, 1, revision=256),
        lambda: Hello(0, 1, known_salt=-1),
        lambda: HelloMessage(0, b""),
        lambda: HelloMessage(65_536, b""),
        lambda: HelloMessage(1, bytes(CONTENT_BYTES_MAX + 1)),
        lambda: GroupKey(0, GROUP, 0, GroupSeed(bytes(16))),
        lambda: GroupKey(1, HQ, 0, GroupSeed(bytes(16))),
        lambda: GroupKey(1, GROUP, 256, GroupSeed(bytes(16))),
        lambda: NewPairSecret(1 << 32, other_secret()),
        lambda: Revoked(1, ()),
        lambda: Revoked(1, (HQ,) * (REVOKED_MAX + 1)),
        lambda: Revoked(1, (GROUP,)),
        lambda: UseLongTags(0),
        lambda: BeginSession(0),
    ],
)
def test_values_out_of_range(make):
    """They cannot be made."""
    with pytest.raises(Malformed):
        make()


def test_a_cut_hello():
    """A hello that ends early, also inside its message's counter, is malformed."""
    whole = Hello(0, SALT, message=HelloMessage(1, b"")).to_bytes()

    for size in (1, 15, 16, 17):
        with pytest.raises(Malformed):
            Hello.from_bytes(whole[:size])


@pytest.mark.parametrize(
    "value",
    [
        Hello(0xFFFF, 0xFFFFFFFF, model=0xFFFF, revision=0xFF, known_salt=0xFFFFFFFF),
        Hello(0, 1, message=HelloMessage(0xFFFF, b"")),
        GroupKey(0xFFFFFFFF, EVERYBODY, 255, GroupSeed(bytes(16))),
        GroupKey(1, 0xFF00, 0, GroupSeed(bytes(16))),
        NewPairSecret(0xFFFFFFFF, other_secret()),
    ],
)
def test_edges_of_the_fields(value):
    """The largest and smallest values are values."""
    if isinstance(value, Hello):
        assert Hello.from_bytes(value.to_bytes()) == value
    else:
        assert transport_from_bytes(transport_to_bytes(value)) == value


def test_maxima_fit():
    """The longest message in a hello and the longest list of revoked ids still make a frame."""
    message = HelloMessage(1, bytes(CONTENT_BYTES_MAX))
    revoked = Revoked(1, tuple(range(1, REVOKED_MAX + 1)))

    assert seal_hello(hello_key_of(), HelloKind.HELLO, Form.SOURCE, Hello(0, 1, message=message).to_bytes())
    assert notice_from_bytes(notice_to_bytes(revoked)) == revoked
    assert seal_hello(hello_key_of(), HelloKind.NOTICE, Form.SOURCE, notice_to_bytes(revoked))
