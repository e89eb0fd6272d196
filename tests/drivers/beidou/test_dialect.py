"""The two halves of the Beidou dialect without a driver: what a sentence means and how a request is said."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.beidou.bd3 import BDFKI3, BDICP, BDPWI, Bd3Beam
from protocols.beidou.bd21_terminal import BDBSI, BDFKI21, BDICI
from protocols.beidou.bd40_terminal import FKXX, GNPX, ZJXX
from protocols.beidou.classify import classify
from protocols.beidou.dialect import DIALECTS, PROTOCOLS, Dialect3, SiteOptions, answers_message, choose_payload
from protocols.beidou.errors import FrameError
from protocols.beidou.neutral import Answer, CardInfo, Odd, Other
from protocols.beidou.payload import Encoding, Payload
from protocols.beidou.reader import BeidouReader, Reject, Unknown
from protocols.beidou.sentence import checksum

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/beidou.json").read_text(encoding="utf-8"))
GOOD = [vector for vector in VECTORS if vector["checksum_ok"] and vector["direction"].startswith("terminal")]


def card(protocol="bd-2.1", **changes):
    values = {
        "card": 242286,
        "broadcast": 11,
        "command": False,
        "frequency_s": 60.0,
        "level": 2 if protocol == "bd-3" else 3,
        "encrypted": False,
        "subordinates": 0,
    }
    return CardInfo(protocol=protocol, **(values | changes))


@pytest.mark.parametrize(
    ("executed", "freq_ok", "inhibit", "wait_s", "answer"),
    [
        (True, True, 0, 40, Answer.SENT),
        (True, True, 0, 0, Answer.SENT),
        (False, True, 0, 40, Answer.EARLY),
        (False, False, 0, 0, Answer.EARLY),
        (False, True, 0, 0, Answer.FAILED),
        (False, True, 1, 0, Answer.INHIBITED),
        (False, True, 2, 0, Answer.LOW_BATTERY),
        (False, True, 3, 0, Answer.SILENT),
        (False, True, 4, 0, Answer.NO_LOCK),
        (False, True, 5, 0, Answer.NO_CARD),
        (False, True, 9, 0, Answer.FAILED),
    ],
)
def test_feedback_of_21(executed, freq_ok, inhibit, wait_s, answer):
    """Every field of BDFKI counts (2.6)."""
    feedback = classify(BDFKI21("TXA", executed, freq_ok, inhibit, wait_s))
    assert (feedback.command, feedback.answer, feedback.wait_s) == ("TXA", answer, wait_s or None)
    assert str(answer) in feedback.detail


@pytest.mark.parametrize(
    ("executed", "reason", "answer"),
    [
        (True, 0, Answer.SENT),
        (True, None, Answer.SENT),
        (True, 4, Answer.NO_LOCK),
        (False, 0, Answer.FAILED),
        (False, 1, Answer.EARLY),
        (False, 2, Answer.INHIBITED),
        (False, 3, Answer.SILENT),
        (False, 4, Answer.NO_LOCK),
        (False, 5, Answer.NO_CARD),
        (False, 6, Answer.NO_PERMISSION),
        (False, 11, Answer.DAMAGED),
        (False, 99, Answer.FAILED),
    ],
)
def test_feedback_of_3(executed, reason, answer):
    """Success is Y and no reason, as running code has it (5.5)."""
    feedback = classify(BDFKI3("08:29:20", "TCQ", executed, reason, 0))
    assert (feedback.command, feedback.answer) == ("TCQ", answer)


@pytest.mark.parametrize(
    ("flag", "extra", "command", "answer", "wait_s"),
    [
        (0, b"TXSQ", "TXSQ", Answer.SENT, None),
        (1, b"TXSQ", "TXSQ", Answer.FAILED, None),
        (2, b"TXSQ", "TXSQ", Answer.NO_LOCK, None),
        (2, bytes(4), "", Answer.NO_LOCK, None),
        (3, bytes(4), "", Answer.LOW_BATTERY, None),
        (4, bytes(4), "", Answer.EARLY, None),
        (4, bytes((40, 0, 0, 0)), "", Answer.EARLY, 40),
        (4, bytes((0, 1, 0, 0)), "", Answer.EARLY, 60),
        (4, bytes((0, 0, 0, 40)), "", Answer.EARLY, 40),
        (4, bytes((0, 1, 0, 5)), "", Answer.EARLY, 65),
        (4, bytes((0x2C, 1, 0, 0)), "", Answer.EARLY, 300),
        (5, bytes(4), "", Answer.CRYPTO, None),
        (6, b"TXSQ", "TXSQ", Answer.DAMAGED, None),
        (7, bytes(4), "", Answer.INHIBITED, None),
        (8, bytes(4), "", Answer.SILENT, None),
        (0xA1, bytes(4), "", Answer.FAILED, None),
    ],
)
def test_feedback_of_40(flag, extra, command, answer, wait_s):
    """Every flag, and the four ways to write the wait of flag 4 (3.6)."""
    feedback = classify(FKXX(242286, flag, extra))
    assert (feedback.command, feedback.answer, feedback.wait_s) == (command, answer, wait_s)


def test_feedback_without_a_command_may_be_about_a_message():
    """4.0 often does not say what it is about; feedback about something else is not about a message."""
    dialect = DIALECTS["bd-4.0"]
    assert answers_message(dialect, classify(FKXX(0, 7, bytes(4))))
    assert answers_message(dialect, classify(FKXX(0, 0, b"TXSQ")))
    assert not answers_message(dialect, classify(FKXX(0, 0, b"DWSQ")))
    assert not answers_message(DIALECTS["bd-2.1"], classify(BDFKI21("DWA", True, True, 0, 0)))


@pytest.mark.parametrize(("s2c_d", "level"), [(36.0, 0), (40.0, 0), (40.5, 1), (44.0, 2), (51.0, 3), (60.0, 4)])
def test_signal_of_3_is_usable_above_40_dbhz(s2c_d, level):
    """The published limit decides between 0 and 1; the measure is kept."""
    status = classify(BDPWI("02:36:28.00", ((), (Bd3Beam(51, s2c_d, 30.0, 0),))))
    assert [(beam.name, beam.level) for beam in status.beams] == [("51", level)]
    assert status.beams[0].measure == f"S2C {s2c_d:g} dBHz"
    assert status.usable is (level > 0)


def test_one_beam_is_enough():
    """At least one beam of level 1 carries traffic; none does not (2.8)."""
    assert classify(BDBSI(2, 8, (0, 1, 0))).usable
    assert not classify(BDBSI(0, 0, (0,) * 10)).usable


@pytest.mark.parametrize(("inbound", "barrier"), [(2, ""), (3, "inhibited by the system"), (0, "radio silence")])
def test_inbound_state_of_40(inbound, barrier):
    """Read as [LYS] does: 2 is normal in every capture, whatever the IC state says (3.6)."""
    assert classify(ZJXX(242286, 1, 0, 100, inbound, (4,) * 6)).barrier == barrier


def test_a_receiver_without_satellites_has_no_position():
    """0° 0° or no satellites is no fix."""
    fix = {"height_m": 0, "speed": 0, "course": 0, "status": 0, "hdop": 9.9, "position_error": 0}
    assert isinstance(classify(GNPX(addr=1, lon=104.0, lat=30.0, sats=0, **fix)), Other)
    assert isinstance(classify(GNPX(addr=1, lon=0.0, lat=0.0, sats=9, **fix)), Other)


def test_no_card_comes_before_the_rule_that_level_0_is_5():
    """Card 0 is no card and commands nobody; level 0 on a card is level 5 (2.2, 5.1)."""
    assert classify(BDICI(0, "0", 0, 0, 0, 0, encrypted=False, subordinates=0)).card == 0
    assert classify(BDICI(0, "0", 0, 0, 0, 0, encrypted=False, subordinates=0)).command is False
    assert classify(BDICP(4_204_990, 0, freq_s=60, level_raw=0)).level == 5
    assert classify(BDICP(0, 0, freq_s=0, level_raw=0)).card == 0


def test_rejects_and_unknown_sentences_are_told_by_reason():
    """Both become counters, neither an error."""
    assert classify(Reject("bad checksum", b"")).reason == "bad checksum"
    assert classify(Unknown("BDSNR", b"")).reason == "unknown sentence"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_text_is_coded_by_content_and_capacity(protocol):
    """Chinese alone is 汉字, with ASCII mixed; over capacity as mixed it becomes 汉字 where that fits unchanged."""
    dialect, info = DIALECTS[protocol], card(protocol)

    def encoding(text):
        return choose_payload(dialect, info, text).encoding

    assert encoding("平安") is Encoding.HANZI
    assert encoding("3人平安") is Encoding.MIXED
    assert encoding("ok") is Encoding.MIXED
    if protocol != "bd-3":
        assert encoding("求" * 38 + "ok 12") is Encoding.HANZI
        assert encoding("求" * 38 + "ok,12") is Encoding.MIXED, "a comma would be changed"
        assert encoding("求" * 38 + "ok\n12") is Encoding.MIXED, "a new line cannot be said"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_over_capacity_is_refused_with_both_figures(protocol):
    """Nothing is cut; the error names what it has and what the card sends."""
    dialect, info = DIALECTS[protocol], card(protocol)
    limit = dialect.capacity_bits(info)
    payload = Payload.of_bytes(bytes(limit // 8 + 1))
    with pytest.raises(FrameError, match=str(limit)) as error:
        dialect.message(info, 179773, payload, urgent=False)
    assert error.value.reason == "over capacity"
    assert dialect.message(info, 179773, Payload.of_bytes(bytes(limit // 8)), urgent=False)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_that_probes_transmits(protocol):
    """Card query, outputs and lists are none of the commands that send a burst."""
    dialect = DIALECTS[protocol]
    said = b"".join(
        (
            dialect.card_query(),
            dialect.status_start(242286, 10),
            dialect.position_start(242286, 60),
            dialect.subordinates_query(242286, 1),
        )
    )
    assert not any(command in said for command in (b"TXA", b"TXSQ", b"TCQ", b"DWA", b"DWSQ", b"CXA", b"WAA", b"WBA"))
    assert not any(command in said for command in (b"ZHS", b"JJZH"))


def test_site_options_of_3_change_point_and_capacity():
    """The frequency point is sent; global messages are short; the site's own level figures count."""
    info = card("bd-3", level=3)
    site = Dialect3(SiteOptions(frequency_point=3, level_bits={3: 5000}))
    assert b",3,1," in site.message(info, 4_204_990, Payload.of_bytes(b"\x01"), urgent=False)
    assert site.capacity_bits(info) == 5000
    assert Dialect3(SiteOptions(frequency_point=5)).capacity_bits(info) == 560


def wire_of(vector):
    if "hex" in vector:
        return bytes.fromhex(vector["hex"].replace(" ", ""))
    return vector["ascii"].encode(vector.get("charset", "gb18030")) + b"\r\n"


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["id"])
def test_published_captures_mean_something(vector):
    """No good capture from a terminal is odd to the driver (tests/vectors/beidou.json names the sources)."""
    reader = BeidouReader()
    values = [classify(event) for event in [*reader.feed(wire_of(vector)), *reader.flush()]]
    assert values
    assert not any(isinstance(value, Odd) and value.reason != "unknown sentence" for value in values)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.lists(st.one_of(st.binary(max_size=80), st.sampled_from(GOOD).map(wire_of)), max_size=8))
def test_whatever_comes_is_classified(chunks):
    """No bytes, between and within good sentences, make classify raise."""
    reader = BeidouReader()
    for chunk in chunks:
        for event in reader.feed(chunk):
            classify(event)
    for event in reader.flush():
        classify(event)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(wire=st.sampled_from(GOOD).map(wire_of), where=st.floats(0, 1), byte=st.integers(0, 255))
def test_a_sentence_with_a_right_checksum_and_wrong_fields_is_classified(wire, where, byte):
    """A byte changed with the checksum made right again is refused by the codec or means something."""
    at = 1 + int(where * (len(wire) - 6))
    changed = bytearray(wire)
    changed[at] = byte
    if wire.endswith(b"\r\n"):
        star = bytes(changed).rfind(b"*")
        if star < 0:
            return
        changed[star + 1 :] = b"%02X\r\n" % checksum(bytes(changed[1:star]))
    else:
        changed[-1] = checksum(bytes(changed[:-1]))
    for event in BeidouReader().feed(bytes(changed)):
        classify(event)
