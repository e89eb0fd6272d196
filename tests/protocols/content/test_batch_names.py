"""How a receipt names one message of a batch: 16 bits that no record of the last half session has."""

from hypothesis import given
from hypothesis import strategies as st

from protocols.content.receipts import (
    COUNTERS,
    NAMED_BACK_MAX,
    PLACES_MAX,
    name_in_batch,
    named_in_batch,
)

HIGHEST = st.integers(1, 2**40 - 1)


@given(highest=HIGHEST, back=st.integers(0, NAMED_BACK_MAX), place=st.integers(1, PLACES_MAX))
def test_a_name_gives_back_record_and_place(highest, back, place):
    """Both ends know the receipt's highest counter, so nothing else is needed."""
    counter = highest - back
    if counter >= 1:
        name = name_in_batch(counter, place, highest)

        assert named_in_batch(name, highest) == (counter, place)


@given(highest=HIGHEST, back=st.integers(-NAMED_BACK_MAX - 1, 2**15))
def test_a_record_is_never_taken_for_a_message_of_a_batch(highest, back):
    """Counters of whole records keep their meaning: all below the highest, and those just above it that were refused."""
    counter = highest - back
    if counter >= 1:
        assert named_in_batch(counter % COUNTERS, highest) is None


@given(highest=HIGHEST, place=st.integers(1, PLACES_MAX))
def test_what_is_too_old_has_no_name(highest, place):
    """Rather nothing than the name of another record's message."""
    assert name_in_batch(highest - NAMED_BACK_MAX - 1, place, highest) is None
    assert name_in_batch(highest, PLACES_MAX + 1, highest) is None
    assert name_in_batch(highest, 0, highest) is None
