"""Moments: the same as the calendar of the standard library, for every second of it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.content.errors import ContentError
from protocols.content.moments import moment_of, text_of

FIRST_S, LAST_S = -62_135_596_800, 253_402_300_799


@given(st.integers(FIRST_S, LAST_S))
def test_text_agrees_with_the_calendar(moment_s):
    text = datetime.fromtimestamp(moment_s, UTC).replace(tzinfo=None).isoformat() + "Z"

    assert text_of(moment_s) == text
    assert moment_of(text) == moment_s


@pytest.mark.parametrize("moment_s", [FIRST_S - 1, LAST_S + 1, 10**15, -(10**15)])
def test_no_date_is_a_content_error(moment_s):
    with pytest.raises(ContentError):
        text_of(moment_s)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00+00:00",
        "２０２６-01-01T00:00:00Z",
        "",
    ],
)
def test_any_other_writing_is_none(text):
    """Such a text still travels, as itself."""
    assert moment_of(text) is None
