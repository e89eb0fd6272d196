"""Position sentences of navigation receivers."""

import contextlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.beidou.errors import FrameError
from protocols.beidou.nmea import NmeaFix, parse_fix
from protocols.beidou.sentence import wrap

GGA = "GNGGA,021549.65,2240.4051,N,11402.5601,E,1,08,1.0,47.0,M,-3.0,M,,"
RMC = "GNRMC,014206.00,A,2314.34010,N,11316.83154,E,0.034,,110917,,,A,V"
GLL = "BDGLL,2240.61563,N,11359.86512,E,023656.00,A,A"


@pytest.mark.parametrize(
    ("body", "lat", "lon", "height_m", "utc"),
    [
        (GGA, 22.673418, 114.042668, 47.0, "02:15:49"),
        (RMC, 23.239002, 113.280526, None, "01:42:06"),
        (GLL, 22.676927, 113.997752, None, "02:36:56"),
    ],
)
def test_a_position_is_read(body, lat, lon, height_m, utc):
    """Degrees and minutes become degrees; height only where the sentence has one."""
    fix = parse_fix(wrap(body))

    assert fix == NmeaFix(pytest.approx(lat, abs=1e-6), pytest.approx(lon, abs=1e-6), height_m, True, utc)


@pytest.mark.parametrize("body", ["GNGSA,A,1,,,,,,,,,,,,,25.5,25.5,25.5,1", "GNGGA,152900.000,,,,,0,00,25.5,,,,,,"])
def test_no_position_is_none(body):
    """Other sentences, and a receiver without a fix, give no position."""
    assert parse_fix(wrap(body)) is None


def test_a_sentence_without_checksum_is_refused():
    """A line that may be damaged gives no position."""
    with pytest.raises(FrameError):
        parse_fix(b"$" + GGA.encode() + b"\r\n")


FIELDS = st.sampled_from(["", "nan", "inf", "1e400", "-", "246060.00", "x", "9" * 40, "12:3", "N", "0"])


@settings(deadline=None, derandomize=True, max_examples=500)
@given(st.sampled_from([GGA, RMC, GLL]), st.dictionaries(st.integers(1, 13), FIELDS, min_size=1, max_size=4))
def test_only_frame_errors_leave(body, changes):
    """Nonsense with a good checksum gives a position that is one, none, or says what is wrong."""
    texts = body.split(",")
    for at, text in changes.items():
        texts[min(at, len(texts) - 1)] = text
    with contextlib.suppress(FrameError):
        fix = parse_fix(wrap(",".join(texts)))
        assert fix is None or (abs(fix.lat) <= 90 and (fix.height_m is None or math.isfinite(fix.height_m)))
