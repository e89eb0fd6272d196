"""Chinese, code and mixed content, in sentences and frames; odd content is told and kept, never lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.beidou.bd3 import CCTCQ
from protocols.beidou.bd21_host import CCTXA
from protocols.beidou.bd21_terminal import BDTXR
from protocols.beidou.bd40_host import TXSQ
from protocols.beidou.bd40_terminal import TXXX
from protocols.beidou.errors import FrameError
from protocols.beidou.payload import Encoding, Payload
from protocols.beidou.sentence import wrap

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("三人被困", Encoding.HANZI),
        ("灾，难。", Encoding.HANZI),
        ("3人被困", Encoding.MIXED),
        ("SOS", Encoding.MIXED),
        ("", Encoding.MIXED),
        ("被困\n求救", Encoding.MIXED),
        ("𠮷野", Encoding.MIXED),
        ("1,𠮷", Encoding.MIXED),
    ],
)
def test_pure_chinese_is_sent_as_chinese_and_the_rest_as_mixed(text, encoding):
    """Only text whose every character takes two bytes is counted alike by all terminals as 汉字."""
    payload = Payload.of_text(text)

    assert payload.encoding is encoding
    assert payload.text == text


@settings(deadline=None, derandomize=True)
@given(TEXTS)
def test_any_text_comes_back_whole_from_the_encoding_chosen_for_it(text):
    """In 2.1 and BDS-3 fields and in 4.0 bodies alike."""
    payload = Payload.of_text(text)
    bits, content = payload.to_bits()

    assert Payload.from_ascii(payload.encoding, payload.to_ascii()).text == text
    assert Payload.from_bits(bits, content, chinese=payload.encoding is Encoding.HANZI).text == text


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=78), st.booleans())
def test_any_digits_come_back_whole_even_and_odd(data, odd):
    """Code keeps its number of digits; the spare nibble of 4.0 is no digit whatever fills it."""
    digits = data.hex().upper()[: -1 if odd and data else None]
    payload = Payload.of_digits(digits)

    assert Payload.from_ascii(Encoding.CODE, payload.to_ascii()).code == digits
    for spare in (0x0, 0xF):
        bits, content = payload.to_bits(spare=spare)
        assert bits == 4 * len(digits)
        if data[:1] != b"\xa4":
            assert Payload.from_bits(bits, content, chinese=False).code == digits


@pytest.mark.parametrize("lead", [0xA0, 0xA1, 0xA2, 0xA3, 0xA4])
def test_bytes_that_receivers_would_read_as_something_else_are_refused(lead):
    """A0 to A4 as first byte of code mean position or text to a receiver (section 2.4)."""
    with pytest.raises(FrameError, match="reserved lead byte"):
        Payload.of_bytes(bytes([lead, 1]))
    assert Payload.of_bytes(bytes([lead + 5, 1])).data == bytes([lead + 5, 1])


def test_separators_in_chinese_are_written_full_width():
    """`,` and `*` separate fields: they go as A3 AC and A9 7E (section 1.1)."""
    payload = Payload.of_text("水,电*", Encoding.HANZI)

    assert payload.to_ascii() == "水".encode("gbk") + b"\xa3\xac" + "电".encode("gbk") + b"\xa9\x7e"


@pytest.mark.parametrize("data", [b"a,b", b"a*b"])
def test_chinese_content_with_a_separator_inside_cannot_stand_in_a_sentence(data):
    """It came from somewhere else; a receiver would cut it there."""
    with pytest.raises(FrameError, match="bad payload"):
        Payload(Encoding.HANZI, data).to_ascii()


def test_a_new_line_cannot_be_sent_as_chinese():
    """It would end the sentence."""
    with pytest.raises(FrameError, match="control character"):
        Payload.of_text("被困\r\n", Encoding.HANZI)


@pytest.mark.parametrize("encoding", [Encoding.CODE, Encoding.HANZI_COMPRESSED, Encoding.CODE_COMPRESSED])
def test_text_is_not_sent_in_an_encoding_for_something_else(encoding):
    """The compressed forms are UNCONFIRMED, code has no letters."""
    with pytest.raises(FrameError, match="bad encoding"):
        Payload.of_text("SOS", encoding)


@pytest.mark.parametrize(
    ("encoding", "content", "text", "error"),
    [
        (2, b"A4C4E3BAC3", "你好", False),
        (2, b"a4c4e3", "你", False),
        (2, b"C4E3BAC3", "你好", False),
        (2, b"A4313", "10", False),
        (2, "你好".encode("gbk"), "你好", True),
        (1, b"12G4", "12G4", True),
        (0, "你好, 3*".encode("gbk"), "你好, 3*", False),
        (0, b"\xc4", "\ufffd", False),
        (7, "你好".encode("gbk"), "你好", True),
        (1, b"123", None, False),
        (2, b"", "", False),
    ],
)
def test_content_of_any_form_is_read_and_what_is_wrong_is_told(encoding, content, text, error):
    """A message that is not what its encoding says is still a person's message (section 2.5)."""
    received = BDTXR.from_wire(wrap(f"BDTXR,1,0179773,{encoding},,{content.decode('latin-1')}"))

    assert received.payload.text == text
    assert bool(received.payload.error) == error
    assert received.content == content


@pytest.mark.parametrize(
    "request_of",
    [
        lambda payload: CCTXA.of(1, payload),
        lambda payload: TXSQ.of(1, 1, payload),
        lambda payload: CCTCQ.of(1, payload),
    ],
)
def test_an_empty_message_is_not_written(request_of):
    """A slot of the card is not spent on nothing."""
    with pytest.raises(FrameError):
        request_of(Payload.of_digits("")).to_wire()


def test_compressed_content_is_passed_on_but_never_sent():
    """Encodings 4 and 5 of BDS-3: the algorithm is UNCONFIRMED (section 5.3)."""
    with pytest.raises(FrameError, match="never sent"):
        CCTCQ.of(1, Payload(Encoding.CODE_COMPRESSED, b"FE")).to_wire()


def test_a_result_of_a_query_says_so_and_reserved_bits_are_ignored():
    """TXXX info: bit 3 tells a query's result; bits 1 and 0 are set in real captures and mean nothing."""
    text = Payload.of_text("SOS")
    received, fetched = (TXXX.of(1, 2, text, query_result=stored) for stored in (False, True))
    odd = TXXX(1, received.info | 0x03, 2, 0, 0, received.bits, received.content)

    assert (received.info, fetched.info) == (0x60, 0x68)
    assert odd.payload == text
    assert TXXX.from_wire(odd.to_wire()).to_fields()["info"] == 0x63


@pytest.mark.parametrize(
    ("urgent", "text", "info"), [(False, "灾", 0x44), (False, "a", 0x46), (True, "灾", 0x40), (True, "a", 0x42)]
)
def test_the_info_byte_of_a_request_is_the_published_one(urgent, text, info):
    """44 normal Chinese, 46 normal code or mixed, 40 and 42 urgent (section 3.3)."""
    assert TXSQ.of(0, 1, Payload.of_text(text), urgent=urgent).info == info
