"""What goes into a record comes out, on every bearer the same, and nothing else opens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.record.address import Ends, Implied
from protocols.record.counter import COUNTER_MAX
from protocols.record.errors import Malformed, Refused
from protocols.record.layout import Form, Header, RecordFrame, Relay
from protocols.record.sealing import Opened, open_frame, seal, try_open
from protocols.record.suite import Suite, decrypt, encrypt
from tests.protocols.record.helpers import FIELD, HEADERS, HQ, UP, UP_IMPLIED, keys_of

PROPERTY = settings(derandomize=True, deadline=None, max_examples=150)

counters = st.integers(1, COUNTER_MAX) | st.integers(1, 200_000)
headers = st.sampled_from(HEADERS)
texts = st.binary(max_size=120)
generations = st.integers(0, 5)


def allowed(header, suite):
    return header.long_tag or suite is Suite.AES_CCM


@PROPERTY
@given(headers, counters, texts, generations, st.sampled_from(Suite))
def test_round_trip(header, counter, plaintext, generation, suite):
    """For every form of addresses, F, L and E, what is sealed opens."""
    if not allowed(header, suite):
        return
    keys = keys_of(generation=generation, suite=suite)

    frame = seal(keys, header, counter, plaintext)

    assert try_open([keys], frame, UP_IMPLIED, counter) == Opened(
        keys.session, counter, plaintext, header.fragment, header.relay
    )
    assert bool(frame[0] & 2) == bool(generation % 2)


@PROPERTY
@given(counters, texts, st.booleans(), st.booleans())
def test_ciphertext_and_tag_are_the_same_on_every_bearer(counter, plaintext, fragment, long_tag):
    """Only the clear part differs, and it is changed without a key."""
    frames = [
        RecordFrame.from_bytes(seal(keys_of(), header, counter, plaintext))
        for header in HEADERS
        if (header.fragment, header.long_tag) == (fragment, long_tag)
    ]

    assert len({frame.sealed for frame in frames}) == 1
    assert len({frame.header.form for frame in frames}) == 4
    assert {frames[0].carried_as(f.header.form, UP, f.header.relay) for f in frames} == set(frames)


@PROPERTY
@given(headers, counters, texts, st.data())
def test_any_flip_of_what_is_authenticated_fails(header, counter, plaintext, data):
    """Every bit but those of the relay byte is authenticated, or leads to another session's key."""
    keys = keys_of()
    frame = seal(keys, header, counter, plaintext)
    at = data.draw(st.integers(0, 8 * len(frame) - 1))
    changed = bytearray(frame)
    changed[at // 8] ^= 1 << at % 8

    relay_at = 3 + 2 * header.form.width if header.form.relayed else None
    try:
        opened = try_open([keys], bytes(changed), UP_IMPLIED, counter)
    except Malformed:
        opened = None
    if at // 8 == relay_at:
        assert opened.plaintext == plaintext
    else:
        assert opened is None


@PROPERTY
@given(headers, counters, texts, st.data())
def test_any_cut_or_extension_fails(header, counter, plaintext, data):
    """A frame that lost its end, or got bytes behind it, does not open."""
    keys = keys_of()
    frame = seal(keys, header, counter, plaintext)
    changed = data.draw(
        st.integers(0, len(frame) - 1).map(lambda size: frame[:size])
        | st.binary(min_size=1, max_size=20).map(lambda tail: frame + tail)
    )

    try:
        assert try_open([keys], changed, UP_IMPLIED, counter) is None
    except Malformed:
        assert len(changed) < len(frame)


@PROPERTY
@given(counters, texts)
def test_no_other_session_opens_it(counter, plaintext):
    """Other pair, other direction, other generation of the same parity, other salt, other suite: none opens it."""
    frame = seal(keys_of(), Header(long_tag=True), counter, plaintext)
    others = [
        keys_of(Ends(0x0204, HQ)),
        keys_of(Ends(HQ, FIELD)),
        keys_of(Ends(FIELD, 2)),
        keys_of(generation=2),
        keys_of(generation=1),
        keys_of(salt=1),
        keys_of(suite=Suite.SM4_GCM),
    ]

    assert try_open(others, frame, Implied(), counter) is None
    assert try_open([*others, keys_of()], frame, Implied(), counter).plaintext == plaintext


def test_a_candidate_of_other_ends_is_not_tried():
    """What frame and bearer say of the ends chooses the keys."""
    frame = seal(keys_of(), Header(Form.SOURCE), 1, b"x")

    assert try_open([keys_of()], frame, Implied()).counter == 1
    assert try_open([keys_of()], frame, Implied(dst=2)) is None
    assert try_open([keys_of()], frame, Implied(src=99)).counter == 1


def test_a_wrongly_rebuilt_counter_fails():
    """65536 counters on, the same 16 bits are another record."""
    frame = seal(keys_of(), Header(), 5, b"x")

    assert try_open([keys_of()], frame, UP_IMPLIED, 5 + 65_536) is None


def test_sm4_short_tags_are_refused_on_both_sides():
    """L = 0 is not sealed with SM4-GCM, and a frame that says so is not opened."""
    keys = keys_of(suite=Suite.SM4_GCM)
    frame = RecordFrame.from_bytes(seal(keys, Header(long_tag=True), 1, b"x"))
    short = RecordFrame(Header(), odd=False, counter_low=1, sealed=frame.sealed)

    with pytest.raises(Refused):
        seal(keys, Header(), 1, b"x")
    with pytest.raises(Refused):
        decrypt(Suite.SM4_GCM, keys.key, bytes(12), b"", bytes(20), tag_bytes=4)
    assert open_frame(keys, short, 1) is None


@pytest.mark.parametrize("tag_bytes", [0, 3, 6, 16])
def test_no_other_tag_sizes(tag_bytes):
    """CCM has more sizes than records do."""
    with pytest.raises(Malformed):
        encrypt(Suite.AES_CCM, bytes(16), bytes(13), b"", b"", tag_bytes=tag_bytes)


@pytest.mark.parametrize("counter", [0, -1, COUNTER_MAX + 1])
def test_counters_that_no_record_has(counter):
    """0 is never used, and there are 40 bits."""
    with pytest.raises(Malformed):
        seal(keys_of(), Header(), counter, b"x")


def test_longest_plaintext():
    """4000 bytes are sealed, 4001 are not."""
    assert len(seal(keys_of(), Header(), 1, bytes(4000))) == 3 + 4000 + 4
    with pytest.raises(Malformed):
        seal(keys_of(), Header(), 1, bytes(4001))


def test_no_form_shows_a_device_in_two_bytes():
    """A device needs the 24-bit form."""
    with pytest.raises(Malformed):
        seal(keys_of(Ends(0x10000, HQ)), Header(Form.SHORT, relay=Relay(0, 0)), 1, b"x")
