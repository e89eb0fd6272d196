"""Generated values of every sentence and frame class survive the wire and the JSON form."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.beidou import bd3, bd21_binary, bd21_host, bd21_terminal, bd40_host, bd40_terminal, registry
from protocols.beidou.address import ADDRESS_21_BITS_MAX, ADDRESS_MAX, Address
from protocols.beidou.errors import FrameError
from protocols.beidou.payload import Encoding, Payload
from protocols.beidou.position import PositionReport
from protocols.beidou.reader import BeidouReader
from protocols.beidou.registry import class_for, frame_of, sentence_of
from protocols.beidou.vendor import VendorSentence

ADDRESS = st.integers(0, ADDRESS_MAX)
ADDRESS_21 = st.integers(0, ADDRESS_21_BITS_MAX)
BIT, SMALL, U8, U16 = st.integers(0, 1), st.integers(0, 9), st.integers(0, 255), st.integers(0, 65_535)
NUMBER = st.integers(-9999, 99_999) | st.decimals(-999, 9999, places=2).map(float)
PERIOD = st.integers(0, 9999) | st.sampled_from([0.5, 1.5, 9999.0])
WORD = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.", min_size=1, max_size=8)
LETTERS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=3, max_size=3)
HEX64 = st.binary(min_size=32, max_size=32).map(lambda data: data.hex().upper())
CLOCK = st.times().map(lambda time: f"{time:%H:%M:%S}.{time.microsecond // 10_000:02d}")
HOUR_MINUTE = st.times().map(lambda time: f"{time:%H:%M}")


def angle(degrees_max):
    """Return degrees that four decimals of a minute hold exactly, as the wire reads them."""
    inner = st.builds(
        lambda degrees, minutes, sign: sign * (degrees + minutes / 10_000 / 60),
        *(st.integers(0, degrees_max - 1), st.integers(1, 599_999), st.sampled_from([-1, 1])),
    )
    return inner | st.sampled_from([0.0, float(degrees_max), float(-degrees_max)])


LAT, LON = angle(90), angle(180)
NORTH = st.integers(0, 90 * 36_000).map(lambda tenths: tenths / 36_000)
EAST = st.integers(0, 180 * 36_000).map(lambda tenths: tenths / 36_000)
CHINESE = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=6)
TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x9FA5), min_size=1, max_size=9)
PAYLOAD = (
    CHINESE.map(lambda text: Payload.of_text(text, Encoding.HANZI))
    | TEXT.map(lambda text: Payload.of_text(text, Encoding.MIXED))
    | st.binary(min_size=1, max_size=20).filter(lambda data: data[0] not in range(0xA0, 0xA5)).map(Payload.of_bytes)
    | st.from_regex(r"[0-9A-F]{1,20}", fullmatch=True)
    .filter(lambda digits: int(f"{digits:0<2}"[:2], 16) not in range(0xA0, 0xA5))
    .map(Payload.of_digits)
)


def send(make, *addresses):
    """Return requests that send a payload; urgent ones are short enough for it."""
    short = CHINESE.map(Payload.of_text)
    return st.builds(make, *addresses, PAYLOAD) | st.builds(make, *addresses, short, urgent=st.just(value=True))


def maybe(strategy):
    return st.none() | strategy


def beams(cls, *extra):
    return st.builds(cls, st.integers(1, 60), st.integers(0, 70), st.integers(0, 70), *extra)


PWI_BEAMS = st.tuples(
    st.lists(beams(bd3.Bd2Beam), max_size=3).map(tuple),
    st.lists(beams(bd3.Bd3Beam), max_size=4).map(tuple) | st.lists(beams(bd3.Bd3Beam, SMALL), max_size=4).map(tuple),
)
PAIR = st.builds(bd21_terminal.Receipt, HOUR_MINUTE, HOUR_MINUTE)
HOUR, MINUTE = st.integers(0, 23), st.integers(0, 59)
DATE_AND_TIME = (st.integers(0, 12), st.integers(0, 31), HOUR, MINUTE, st.integers(0, 60))
BEAM_POWERS = st.tuples(*[st.integers(0, 4)] * 6)
PAIR_40 = st.builds(bd40_terminal.Receipt40, HOUR, MINUTE, HOUR, MINUTE)

H, T = bd21_host, bd21_terminal
SENTENCES = {
    "ICA": st.builds(H.CCICA, BIT, st.integers(0, 99)),
    "TXA": send(H.CCTXA.of, ADDRESS),
    "RMO one": st.builds(H.CCRMO, LETTERS, st.integers(1, 2), maybe(PERIOD)),
    "RMO all": st.builds(H.CCRMO, st.just(""), st.integers(3, 4), maybe(PERIOD)),
    "BSS": st.builds(H.CCBSS, maybe(st.integers(0, 99)), maybe(st.integers(0, 99))),
    "DWA": st.builds(
        H.CCDWA, ADDRESS, st.booleans(), st.integers(0, 3), st.booleans(), *[maybe(NUMBER)] * 4, maybe(PERIOD)
    ),
    "CC WAA": st.builds(H.CCWAA, BIT, maybe(PERIOD), ADDRESS, maybe(CLOCK), LAT, LON, maybe(NUMBER)),
    "WBA": st.builds(H.CCWBA, ADDRESS, st.booleans(), maybe(NUMBER), maybe(PERIOD)),
    "CXA": st.builds(H.CCCXA, BIT, st.integers(1, 3), maybe(ADDRESS)),
    "JMS": st.builds(H.CCJMS, st.sampled_from("EN")),
    "KLS": st.builds(H.CCKLS, ADDRESS, WORD),
    "GXM set": st.builds(H.CCGXM, st.just(1), HEX64),
    "GXM read": st.builds(H.CCGXM, st.just(2)),
    "LZM": st.builds(H.CCLZM, st.integers(1, 2), maybe(st.integers(-999, 999_999))),
    "DSA": st.builds(
        H.CCDSA, ADDRESS, st.integers(1, 2), st.booleans(), LAT, LON, maybe(PERIOD), maybe(NUMBER), maybe(NUMBER)
    ),
    "ICI": st.builds(
        *(T.BDICI, ADDRESS, WORD, ADDRESS, st.integers(0, 7), PERIOD, st.integers(0, 4), st.booleans()),
        st.integers(0, 9999),
    ),
    "TXR": st.builds(T.BDTXR.of, st.integers(1, 5), ADDRESS, PAYLOAD, sent_at=maybe(HOUR_MINUTE)),
    "FKI 2.1": st.builds(T.BDFKI21, LETTERS, st.booleans(), st.booleans(), SMALL, st.integers(0, 5999)),
    "BSI": st.builds(
        T.BDBSI, st.integers(0, 99), st.integers(0, 99), st.lists(st.integers(0, 4), max_size=14).map(tuple)
    ),
    "DWR": st.builds(
        *(T.BDDWR, st.integers(1, 3), ADDRESS, maybe(CLOCK), LAT, LON, maybe(NUMBER), maybe(NUMBER), maybe(BIT)),
        *[st.booleans()] * 3,
    ),
    "BD WAA": st.builds(T.BDWAA, BIT, maybe(PERIOD), ADDRESS, maybe(CLOCK), LAT, LON, maybe(NUMBER)),
    "HZR": st.builds(T.BDHZR, ADDRESS, st.lists(PAIR, max_size=T.RECEIPTS_MAX).map(tuple)),
    "ICZ": st.builds(T.BDICZ, U16, st.lists(ADDRESS, max_size=T.SUBORDINATES_A_SENTENCE).map(tuple)),
    "ZTI": st.builds(T.BDZTI, *[maybe(U8)] * 7, maybe(HOUR_MINUTE)),
    "ZDA": st.builds(
        T.BDZDA, SMALL, maybe(CLOCK), *[maybe(U8)] * 5, maybe(WORD), maybe(NUMBER), maybe(SMALL), st.booleans()
    ),
    "KLT": st.builds(T.BDKLT, st.sampled_from("PZ"), ADDRESS, SMALL, CHINESE.map(lambda text: text.encode("gbk"))),
    "BD GXM": st.builds(T.BDGXM, st.just(3), HEX64),
    "SBX": st.builds(T.BDSBX, *[WORD] * 7),
    "ICR": st.builds(bd3.CCICR, st.integers(0, 3), st.sampled_from(["00", "01"])),
    "ICP": st.builds(
        bd3.BDICP, ADDRESS, ADDRESS, freq_s=maybe(PERIOD), level_raw=st.integers(0, 5), subordinates=SMALL
    ),
    "TCQ": st.builds(bd3.CCTCQ.of, ADDRESS, PAYLOAD, freq_point=st.integers(1, 5), confirm=st.booleans()),
    "TCI": st.builds(bd3.BDTCI.of, ADDRESS, ADDRESS, PAYLOAD, time=CLOCK, freq_point=maybe(st.integers(1, 5))),
    "FKI 3": st.builds(bd3.BDFKI3, CLOCK, LETTERS, st.booleans(), maybe(SMALL), maybe(PERIOD)),
    "PWI": st.builds(bd3.BDPWI, CLOCK, PWI_BEAMS),
    "vendor": st.builds(
        lambda kind, texts: VendorSentence.from_fields({"talker": "BD", "kind": f"X{kind}"[:3], "fields": texts}),
        LETTERS,
        st.lists(WORD, min_size=1, max_size=9),
    ),
}

H, T = bd40_host, bd40_terminal
FRAMES = {
    "ICJC": st.builds(H.ICJC, ADDRESS_21, U8),
    **{cls.KIND: st.builds(cls, ADDRESS_21, U16) for cls in (H.XTZJ, H.SJSC, H.GNPS, H.GNVS)},
    **{cls.KIND: st.builds(cls, ADDRESS_21, U8) for cls in (H.GLJC, H.CKSC)},
    "JMSZ": st.builds(H.JMSZ, ADDRESS_21, BIT),
    **{cls.KIND: st.builds(cls, ADDRESS_21) for cls in (H.BBDQ, H.GXDQ)},
    **{cls.KIND: st.builds(cls, ADDRESS_21, st.binary(min_size=32, max_size=32)) for cls in (H.GXZX, H.GXZR)},
    "GNTS": st.builds(H.GNTS, ADDRESS_21, U8, U16),
    "BSSZ": st.builds(H.BSSZ, ADDRESS_21, st.tuples(*[U8] * 4) | st.tuples(*[U8] * 7)),
    "DWSQ": st.builds(
        *(H.DWSQ, ADDRESS_21, U8, st.integers(-32_767, 32_767), U16),
        *(st.tuples(st.integers(0, 0xFFFFF), st.integers(-2047, 2047)), U16),
    ),
    "TXSQ": send(H.TXSQ.of, ADDRESS_21, ADDRESS_21),
    "TXSQ query": st.builds(H.TXSQQuery, ADDRESS_21, st.sampled_from([0x60, 0x64, 0x68, 0x70, 0x74, 0x78]), ADDRESS_21),
    "JSZL": st.builds(H.JSZL, ADDRESS_21, st.sampled_from(["GLJC", "XTZJ", "UUU"])),
    "ICXX": st.builds(T.ICXX, ADDRESS_21, st.just(0), ADDRESS_21, U8, U16, U8, BIT, U16),
    "ICXX list": st.builds(T.ICXXList, ADDRESS_21, st.integers(1, 255), st.lists(ADDRESS_21, max_size=40).map(tuple)),
    "ZJXX": st.builds(T.ZJXX, ADDRESS_21, U8, U8, U8, U8, BEAM_POWERS),
    "GLZK": st.builds(T.GLZK, ADDRESS_21, BEAM_POWERS),
    "TXXX": st.builds(T.TXXX.of, ADDRESS_21, ADDRESS_21, PAYLOAD, hour=HOUR, minute=MINUTE, query_result=st.booleans()),
    "TXHZ": st.builds(T.TXHZ, ADDRESS_21, ADDRESS_21, st.lists(PAIR_40, max_size=T.RECEIPTS_MAX).map(tuple)),
    "FKXX": st.builds(T.FKXX, ADDRESS_21, U8, st.binary(min_size=4, max_size=4) | st.just(b"TXSQ")),
    "DWXX": st.builds(
        *(T.DWXX, ADDRESS_21, U8, ADDRESS_21, CLOCK, EAST, NORTH),
        *[st.integers(-16_383, 16_383)] * 2,
    ),
    "SJXX": st.builds(T.SJXX, ADDRESS_21, U16, *DATE_AND_TIME),
    "GNTX": st.builds(T.GNTX, ADDRESS_21, U8, st.integers(2000, 2255), *DATE_AND_TIME),
    "GNPX": st.builds(
        *(T.GNPX, ADDRESS_21, st.one_of(EAST, EAST.map(lambda d: -d or 0.0)), NORTH, st.integers(-32_767, 32_767)),
        *(U16, U16, U8, U8, U8.map(lambda tenths: tenths / 10), U16),
    ),
    "BBXX": st.builds(T.BBXX, ADDRESS_21, WORD),
    "XHXX": st.builds(T.XHXX, ADDRESS_21, st.integers(0, 2**32 - 1)),
}
BINARIES = {
    "XST": st.builds(
        bd21_binary.BDXST.of, ADDRESS_21, ADDRESS_21, PAYLOAD, hour=HOUR, minute=MINUTE, query_result=st.booleans()
    ),
    "XSD": st.builds(
        *(bd21_binary.BDXSD, ADDRESS_21, U8, CLOCK, EAST, NORTH),
        *(st.integers(-16_383, 16_383), st.integers(-255, 255)),
    ),
}
EVERY = SENTENCES | FRAMES | BINARIES


@pytest.mark.parametrize("name", EVERY)
@settings(deadline=None, derandomize=True, max_examples=40)
@given(data=st.data())
def test_every_value_survives_the_wire_and_the_json_form(name, data):
    """Value → wire → value → JSON → value → wire: the same value, the same bytes, and no raw form is needed."""
    value = data.draw(EVERY[name])
    wire = value.to_wire()
    read = sentence_of(wire) if name in SENTENCES else frame_of(wire)
    fields = json.loads(json.dumps({"kind": getattr(read, "kind", read.KIND)} | read.to_fields()))
    rebuilt = class_for(fields, ascii_only=name not in FRAMES).from_fields(fields)

    assert read == value
    assert "raw_hex" not in fields
    assert "error" not in fields, "that key is how the frame filter tells a bad line"
    assert rebuilt == value
    assert rebuilt.to_wire() == wire


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.data())
def test_the_reader_reads_back_every_class_from_one_stream(data):
    """Whatever is written in a row, sentences and frames mixed, is read back in that order."""
    names = data.draw(st.lists(st.sampled_from([name for name in EVERY if name != "vendor"]), max_size=8))
    values = [data.draw(EVERY[name]) for name in names]
    wires = [value.to_wire() for value in values]

    events = BeidouReader().feed(b"".join(wires))

    assert wires == [event.to_wire() for event in events]


def test_every_class_of_the_registry_is_generated_here():
    """A class added to the registry is added to this test, or this one fails."""
    words = {word for name in EVERY for word in name.split()}
    tables = (registry.SENTENCES, registry.FRAMES, registry.BINARIES)
    kinds = {cls.KIND for table in tables for cls in table.values()}

    assert kinds <= words


@settings(deadline=None, derandomize=True)
@given(
    st.builds(
        PositionReport,
        CLOCK,
        EAST,
        NORTH,
        st.integers(-16_383, 16_383),
        st.integers(-255, 255),
        st.just(0),
    )
    | st.builds(PositionReport, CLOCK, EAST, NORTH, st.integers(0, 2**24 - 1), st.just(0), st.just(1))
)
def test_a_position_report_survives_its_thirteen_bytes(report):
    """Every value the bit fields can hold comes back, and is found in a message of code and of mixed content."""
    data = report.to_bytes()

    assert len(data) == 13
    assert PositionReport.from_bytes(data) == report
    assert Payload.of_position(report).position == report
    assert Payload.from_ascii(Encoding.MIXED, b"A4" + data.hex().encode()).position == report


@pytest.mark.parametrize("digits", ["0", "0241636", "04207733", "15950044", "00004207733"])
def test_an_address_keeps_the_zeros_it_came_with_and_equals_its_number(digits):
    """Vendors disagree about leading zeros: compared as numbers, sent back as written."""
    wire = sentence_of(bd21_host.CCTXA.of(Address(digits), Payload.of_digits("12")).to_wire())

    assert wire.to == int(digits)
    assert wire.to_fields()["to"] == digits


@pytest.mark.parametrize("digits", ["", "x", "-1", "100000000", "000000000001", "１２"])
def test_what_is_no_address_is_refused(digits):
    """Anything but 1 to 8 digits, padded to 11 at most."""
    with pytest.raises(FrameError, match="bad address"):
        Address(digits)
