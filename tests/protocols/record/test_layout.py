"""Frames as bytes: every value has one form, every form is read back, and nothing but Malformed comes out of noise."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.record.address import (
    ADDRESS_MAX,
    DEVICE_MIN,
    EVERYBODY,
    GATEWAY_MAX,
    GROUP_MIN,
    AddressKind,
    Ends,
    Implied,
    kind_of,
)
from protocols.record.errors import Malformed, RecordError, UnknownSession
from protocols.record.layout import (
    HELLO_BYTES_MAX,
    PLAINTEXT_BYTES_MAX,
    RECORD_BYTES_MAX,
    Form,
    Header,
    HelloFrame,
    HelloKind,
    RecordFrame,
    Relay,
    is_hello,
    is_record,
)
from tests.protocols.record.helpers import DEVICE, FIELD, GROUP, HEADERS, HQ, UP, UP_IMPLIED

PROPERTY = settings(derandomize=True, deadline=None, max_examples=300)

gateways = st.integers(1, GATEWAY_MAX)
devices = st.integers(DEVICE_MIN, ADDRESS_MAX)
relays = st.builds(Relay, st.integers(0, 3), st.integers(0, 7), st.integers(0, 7))


@st.composite
def ends(draw, form):
    src = draw(gateways | devices if form is Form.LONG else gateways)
    dst = draw((gateways | devices if form is Form.LONG else gateways) | st.integers(GROUP_MIN, EVERYBODY))
    return Ends(src, dst if dst != src else EVERYBODY)


@st.composite
def records(draw):
    form = draw(st.sampled_from(Form))
    relay = draw(relays) if form.relayed else None
    header = Header(form, draw(st.booleans()), draw(st.booleans()), relay)
    whole = draw(ends(form))
    sealed = draw(st.binary(min_size=8 if header.long_tag else 4, max_size=100))
    src, dst = (whole.src if form else None), (whole.dst if form.relayed else None)
    return RecordFrame(header, draw(st.booleans()), draw(st.integers(0, 65535)), sealed, src, dst)


@PROPERTY
@given(records())
def test_record_round_trip(record):
    """A frame that can be held is read back as it was, and its first byte is a record's."""
    frame = record.to_bytes()

    assert RecordFrame.from_bytes(frame) == record
    assert is_record(frame)
    assert not is_hello(frame)


@PROPERTY
@given(st.binary(max_size=60), st.sampled_from([RecordFrame, HelloFrame]), st.sampled_from([None, FIELD, 0, GROUP]))
def test_noise_is_malformed_or_written_back(noise, kind, implied):
    """Bytes are a frame that is written as the same bytes, or Malformed; nothing else leaves, also not from the ends."""
    try:
        frame = kind.from_bytes(noise)
    except Malformed:
        return
    assert frame.to_bytes() == noise
    try:
        frame.ends(Implied(implied, HQ))
    except (Malformed, UnknownSession):
        return


@pytest.mark.parametrize("kind", HelloKind)
@pytest.mark.parametrize("form", Form)
def test_hello_round_trip(kind, form):
    """Each form and kind of a 0x7F frame is read back as it was."""
    frame = HelloFrame(kind, Form.IMPLIED, bytes(20)).carried_as(form, UP)

    assert HelloFrame.from_bytes(frame.to_bytes()) == frame
    assert frame.ends(UP_IMPLIED) == UP


def test_bytes_of_a_record():
    """The bits of the first byte, and where the rest is."""
    header = Header(Form.SHORT, fragment=True, long_tag=True, relay=Relay(2, 5, 3))

    frame = RecordFrame(header, odd=True, counter_low=0x1234, sealed=b"8 bytes!", src=FIELD, dst=HQ).to_bytes()

    assert frame == bytes.fromhex("1b 1234 0203 0001 ab") + b"8 bytes!"


@pytest.mark.parametrize(
    ("byte", "precedence", "hops", "traffic"), [(0x00, 0, 0, 0), (0xFF, 3, 7, 7), (0x40, 1, 0, 0), (0x2B, 0, 5, 3)]
)
def test_relay_byte(byte, precedence, hops, traffic):
    """Precedence in the upper two bits, then hop limit, then class."""
    assert Relay.from_byte(byte) == Relay(precedence, hops, traffic)
    assert Relay(precedence, hops, traffic).to_byte() == byte


def test_a_relay_lowers_the_hop_limit_and_stops_at_none():
    """What a relay sends on differs in the hop limit only; at 0, or without a relay byte, it goes no further."""
    frame = RecordFrame(Header(Form.SHORT, relay=Relay(0, 1)), odd=False, counter_low=1, sealed=bytes(9), src=5, dst=6)

    once = frame.relayed()

    assert once.header.relay == Relay(0, 0)
    assert once.carried_as(Form.SHORT, Ends(5, 6), Relay(0, 1)) == frame
    assert once.relayed() is None
    assert frame.carried_as(Form.IMPLIED, Ends(5, 6)).relayed() is None


def test_what_the_frame_says_goes_before_the_bearer():
    """A relay's bearer names the relay; the frame's own addresses count."""
    frame = RecordFrame(HEADERS[0], odd=False, counter_low=1, sealed=bytes(4))

    assert frame.ends(UP_IMPLIED) == UP
    assert frame.carried_as(Form.SOURCE, UP).ends(Implied(77, HQ)) == UP
    assert frame.carried_as(Form.LONG, UP, Relay(0, 0)).ends(Implied(77, 78)) == UP


@pytest.mark.parametrize(
    ("implied", "missing"), [(Implied(), "source"), (Implied(src=FIELD), "destination"), (Implied(dst=HQ), "source")]
)
def test_unknown_ends(implied, missing):
    """When neither names an end, no session can be found."""
    with pytest.raises(UnknownSession, match=missing):
        RecordFrame(HEADERS[0], odd=False, counter_low=1, sealed=bytes(4)).ends(implied)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        ("20000100000000", "first byte"),
        ("0000", "no counter"),
        ("000001ffffff", "tag cut"),
        ("010001ffffffffffffff", "long tag cut"),
        ("0400010203ffffff", "tag cut behind the source"),
        ("0800010203", "no destination"),
        ("08000102030001", "no relay byte"),
        ("04000100000000000000", "source 0"),
        ("040001ff0000000000", "a group as source"),
        ("0800010203000000ffffffff", "destination 0"),
        ("08000102030203a0ffffffff", "source and destination the same"),
    ],
)
def test_malformed_records(text, why):
    """Each is refused as no record."""
    with pytest.raises(Malformed):
        RecordFrame.from_bytes(bytes.fromhex(text))


@pytest.mark.parametrize(
    "text", ["", "7f", "7f03" + 40 * "00", "7f10" + 40 * "00", "7f00" + 15 * "00", "00", "7f0402", "0000" + 40 * "00"]
)
def test_malformed_hellos(text):
    """Reserved kinds and bits, and what is too short, are refused."""
    with pytest.raises(Malformed):
        HelloFrame.from_bytes(bytes.fromhex(text))


def test_maxima():
    """4000 bytes of plaintext fit, one more does not; the longest frames are as long as declared."""
    header = Header(Form.LONG, long_tag=True, relay=Relay(0, 7))
    longest = RecordFrame(header, odd=False, counter_low=1, sealed=bytes(PLAINTEXT_BYTES_MAX + 8), src=DEVICE, dst=HQ)
    hello = HelloFrame(HelloKind.HELLO, Form.LONG, bytes(PLAINTEXT_BYTES_MAX + 16), DEVICE, HQ)

    assert PLAINTEXT_BYTES_MAX == 4000
    assert len(longest.to_bytes()) == RECORD_BYTES_MAX
    assert len(hello.to_bytes()) == HELLO_BYTES_MAX
    for frame in (longest, hello):
        with pytest.raises(Malformed):
            type(frame).from_bytes(frame.to_bytes() + b"\0")


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (1, AddressKind.GATEWAY),
        (0xFEFF, AddressKind.GATEWAY),
        (0xFF00, AddressKind.GROUP),
        (0xFFFE, AddressKind.GROUP),
        (0xFFFF, AddressKind.EVERYBODY),
        (0x10000, AddressKind.DEVICE),
        (0xFFFFFF, AddressKind.DEVICE),
    ],
)
def test_kinds_of_addresses(address, kind):
    """The table of addresses at its edges."""
    assert kind_of(address) is kind


@pytest.mark.parametrize(
    "make",
    [
        lambda: kind_of(0),
        lambda: kind_of(0x1000000),
        lambda: Ends(GROUP, HQ),
        lambda: Ends(HQ, HQ),
        lambda: Ends(HQ, GROUP).back(),
        lambda: Relay(4, 0),
        lambda: Relay(0, 8),
        lambda: Header(Form.SHORT),
        lambda: Header(Form.SOURCE, relay=Relay(0, 0)),
        lambda: RecordFrame(HEADERS[0], odd=False, counter_low=1, sealed=bytes(4), src=1),
        lambda: RecordFrame(HEADERS[0], odd=False, counter_low=65536, sealed=bytes(4)),
        lambda: RecordFrame(HEADERS[0], odd=False, counter_low=1, sealed=bytes(4)).carried_as(
            Form.SOURCE, Ends(DEVICE, HQ)
        ),
        lambda: RecordFrame(HEADERS[0], odd=False, counter_low=1, sealed=bytes(4)).carried_as(Form.SHORT, UP),
    ],
)
def test_values_that_no_frame_has(make):
    """They cannot be made, and say so as Malformed."""
    with pytest.raises(Malformed):
        make()


def test_errors_name_themselves():
    """An error has a short reason for counters, and a text."""
    with pytest.raises(RecordError) as caught:
        kind_of(0)
    assert caught.value.reason == "bad address"
    assert str(caught.value).startswith("bad address: found 0x0")
