"""16 bits become 40 again."""

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.record.counter import COUNTER_MAX, low_bits, rebuild

PROPERTY = settings(derandomize=True, deadline=None, max_examples=500)
COUNTERS = st.integers(1, COUNTER_MAX) | st.integers(1, 300_000) | st.integers(COUNTER_MAX - 300_000, COUNTER_MAX)


@PROPERTY
@given(COUNTERS, st.integers(-32768, 32767))
def test_right_within_half_a_wrap(expected, offset):
    """Every counter from 32768 below the expected one to 32767 above it comes back, over all wraps."""
    counter = expected + offset
    if 0 <= counter <= COUNTER_MAX:
        assert rebuild(low_bits(counter), expected) == counter


@PROPERTY
@given(COUNTERS | st.just(COUNTER_MAX + 1), st.integers(0, 65535))
def test_always_a_counter_with_these_bits(expected, low):
    """Whatever comes, the result ends in the 16 bits, has 40 bits, and is as near as these allow."""
    counter = rebuild(low, expected)

    assert counter % 65536 == low
    assert 0 <= counter <= COUNTER_MAX
    assert abs(counter - expected) <= 32768 or expected < 32768 or expected > COUNTER_MAX - 32768


def test_edges():
    """32767 above is still above; one more is taken for one below."""
    assert rebuild(low_bits(100_000 + 32_767), 100_000) == 132_767
    assert rebuild(low_bits(100_000 + 32_768), 100_000) == 67_232
    assert rebuild(0xFFFF, 1) == 0xFFFF
    assert rebuild(0, 1) == 0
