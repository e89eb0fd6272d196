"""Nothing that an attacker without the key sends is delivered, and nothing it sends makes the state grow."""

import pytest

from protocols.record import sealing
from protocols.record.layout import RecordFrame
from protocols.record.limits import FAILURES_COUNTED_MAX, SHORT_FAILURES_MAX, Alarm
from protocols.record.receiver import RECEIVER_COLUMNS
from protocols.record.suite import SHORT_TAG_BYTES
from protocols.record.window import WINDOW_BYTES_MAX
from tests.protocols.record.attacks import Attacker
from tests.protocols.record.independent import ccm_stream

ATTACKS = 50_000
ATTACKS_LONG = 500_000


def under_attack(seed, attacks, *, sessions=True):
    """Attack a pair and return the attacker; raise AssertionError for anything delivered or grown."""
    attacker = Attacker(seed, sessions=sessions)
    for number in range(1, attacks + 1):
        outcome = attacker.attack(number)
        assert outcome.opened is None, f"attack {number} was delivered"
        assert outcome.problem is not None or outcome.told is not None
    assert bounded(attacker.pair.peer)
    return attacker


def bounded(peer):
    """Tell whether a state has its fixed size: integers of at most 40 bits, and the window."""
    *numbers, window = peer.to_row()
    return (
        len(numbers) == len(RECEIVER_COLUMNS) - 1
        and max(numbers) < 1 << 40
        and len(window) <= WINDOW_BYTES_MAX <= 520
        and peer.failures <= FAILURES_COUNTED_MAX
    )


@pytest.mark.parametrize("sessions", [True, False], ids=["many sessions", "one session"])
def test_hundred_thousand_attacks(sessions):
    """Given 10^5 attacks in two settings, then none is delivered, what is genuine still is, and the state keeps its size.

    With many sessions short tags are tried throughout; with one they are refused after 1024 failures.
    """
    attacker = under_attack(1, ATTACKS, sessions=sessions)

    assert set(attacker.pair.problems) >= {"BadTag", "Malformed", "Replayed"}
    assert attacker.pair.peer.only_long_tags is not sessions
    assert len(attacker.pair.delivered) > ATTACKS // 50


@pytest.mark.long
@pytest.mark.parametrize("sessions", [True, False], ids=["many sessions", "one session"])
def test_a_million_attacks(sessions):
    """The same with 10^6. A 4-byte tag is guessed with a chance of 1.2e-4 in it; with this seed it is not."""
    under_attack(2, ATTACKS_LONG, sessions=sessions)


def test_short_tags_end_with_an_alarm():
    """After 1024 failed tags one alarm is raised, short tags are refused untried, long ones still open."""
    attacker = Attacker(3, sessions=False)
    pair = attacker.pair
    short, long = pair.send(b"short"), pair.send(b"long", long_tag=True)

    alarms = [pair.hear(attacker.make_up_a_likely_record()).alarm for _ in range(SHORT_FAILURES_MAX + 100)]

    assert [alarm for alarm in alarms if alarm] == [Alarm.SHORT_TAGS_REFUSED]
    assert alarms[SHORT_FAILURES_MAX - 1] is Alarm.SHORT_TAGS_REFUSED
    failures = pair.peer.failures
    assert type(pair.hear(short).problem).__name__ == "Refused"
    assert pair.peer.failures == failures
    assert pair.hear(long).opened is not None


# --- planted defects ------------------------------------------------------------------------------------------------


def unchecked(suite, key, nonce, aad, sealed, *, tag_bytes):
    """Decrypt without looking at the tag."""
    return ccm_stream(key, nonce, sealed[:-tag_bytes])


def first_byte_only(suite, key, nonce, aad, sealed, *, tag_bytes):
    """Look at the first byte of the tag only."""
    plaintext = unchecked(suite, key, nonce, aad, sealed, tag_bytes=tag_bytes)
    expected = sealing.encrypt(suite, key, nonce, aad, plaintext, tag_bytes=tag_bytes)
    return plaintext if expected[-tag_bytes] == sealed[-tag_bytes] else None


@pytest.mark.parametrize("defect", [unchecked, first_byte_only])
def test_planted_defect_tag_unchecked(monkeypatch, defect):
    """A receiver that does not look at the tag, or not at all of it, delivers what was never sent."""
    monkeypatch.setattr(sealing, "decrypt", defect)

    with pytest.raises(AssertionError, match=r"never sent|something else|was delivered|delivered before"):
        under_attack(4, 3000)


def test_planted_defect_head_not_authenticated(monkeypatch):
    """Were byte 0 outside the authenticated data, a fragment bit could be flipped on the way."""
    real = RecordFrame.aad
    monkeypatch.setattr(RecordFrame, "aad", lambda self, ends, counter: b"\0" + real(self, ends, counter)[1:])

    with pytest.raises(AssertionError, match="was delivered"):
        under_attack(4, 3000)


def test_the_attacker_tries_everything():
    """Each kind of attack is there, and the one that guesses tags does get as far as a tag."""
    attacker = Attacker(5)

    assert len(attacker.kinds) == 15
    attacker.pair.problems.clear()
    for _ in range(100):
        attacker.pair.hear(attacker.make_up_a_likely_record())
    assert attacker.pair.problems == ["BadTag"] * 100
    assert SHORT_TAG_BYTES == 4
