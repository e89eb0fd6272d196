"""Coordinates in every notation, order and surrounding."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.beidou.handset.coordinates import (
    ANGLES_MAX,
    NOTE_AMBIGUOUS,
    NOTE_ORDER,
    NOTE_RANGE,
    NOTE_SEVERAL,
    find_coordinate,
)
from tests.protocols.handset.corpus import lines
from tests.protocols.handset.notations import ABROAD, AROUND, abroad, notations

NOTATIONS = notations()
LAT, LON = st.floats(3.2, 53.9), st.floats(73.2, 135.9)


@settings(deadline=None, derandomize=True, max_examples=3000)
@given(st.sampled_from(NOTATIONS), st.sampled_from(AROUND), LAT, LON)
def test_a_place_of_the_region_comes_back_from_every_notation(notation, around, lat, lon):
    """Whatever a person writes around it, the place is read within what the notation can say."""
    _, write, tolerance = notation
    text = around[0] + write(lat, lon) + around[1]

    found = find_coordinate(text)

    assert found.lat == pytest.approx(lat, abs=tolerance), text
    assert found.lon == pytest.approx(lon, abs=tolerance), text


@pytest.mark.parametrize("notation", NOTATIONS, ids=lambda notation: notation[0])
def test_each_notation_is_read_at_corners(notation):
    """No notation depends on the luck of the draw: leading zeros, whole degrees and small minutes are read too."""
    _, write, tolerance = notation
    for lat, lon in ((30.0, 100.0), (30.0167, 100.0083), (9.9999, 99.9999), (48.5, 119.75)):
        found = find_coordinate(write(lat, lon))

        assert (found.lat, found.lon) == pytest.approx((lat, lon), abs=tolerance), write(lat, lon)


@settings(deadline=None, derandomize=True, max_examples=500)
@given(st.sampled_from(ABROAD), st.floats(-89.9, 89.9), st.floats(-179.9, 179.9))
def test_a_place_anywhere_is_read_where_its_half_is_said(template, lat, lon):
    """South and west are read, in letters, words and signs."""
    found = find_coordinate(abroad(template, lat, lon))

    assert (found.lat, found.lon) == pytest.approx((lat, lon), abs=6e-5)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("北纬95.123东经203.456", NOTE_RANGE),
        ("东经30.1234北纬103.4567", NOTE_RANGE),
        ("N30.1234 N103.4567", NOTE_RANGE),
        ("30.1234 203.4567", NOTE_RANGE),
        ("价格30.25,103.40", NOTE_AMBIGUOUS),
        ("频道30.123 103.456", NOTE_AMBIGUOUS),
    ],
)
def test_what_is_not_believed_is_said(text, note):
    """Out of range or doubtful: no coordinate, and a note that says why."""
    found = find_coordinate(text)

    assert (found.lat, found.lon, found.note) == (None, None, note)


def test_two_places_are_noted():
    """The first of two places is used and the operator told."""
    found = find_coordinate("从30.1234,103.4567到30.2234,103.5567")

    assert (found.lat, found.lon, found.note) == (30.1234, 103.4567, NOTE_SEVERAL)


def test_a_figure_belongs_to_one_place():
    """A lonely third figure makes no second place with the longitude of the first."""
    found = find_coordinate("N30.1234 E103.4567 N31.1234")

    assert (found.lat, found.lon, found.note) == (30.1234, 103.4567, "")


@pytest.mark.parametrize("text", ["30072N 1032718E", "300763N 1032718E", "3067N 10327E", "N3007.383 E1032.7"])
def test_figures_run_together_must_split(text):
    """Degrees, minutes and seconds written together are read only where they divide and none reaches sixty."""
    assert find_coordinate(text).lat is None


def test_an_order_that_is_assumed_is_noted():
    """Abroad, where both orders are possible, the usual one is taken and said so."""
    found = find_coordinate("at 18.5034,-72.3714")

    assert (found.lat, found.lon, found.note) == (18.5034, -72.3714, NOTE_ORDER)


@settings(deadline=None, derandomize=True, max_examples=500)
@given(LAT, LON, st.integers(0, 4), st.integers(0, 4))
def test_coarse_bare_figures_are_no_coordinate(lat, lon, lat_digits, lon_digits):
    """Two bare figures need decimals: with none or one on a side, and few on the other, they may be anything."""
    if lat_digits == 0 or lon_digits == 0 or (min(lat_digits, lon_digits) == 1 and lat_digits + lon_digits < 6):
        assert find_coordinate(f"{lat:.{lat_digits}f} {lon:.{lon_digits}f}").lat is None


@settings(deadline=None, derandomize=True, max_examples=500)
@given(st.sampled_from(lines("not_coordinates.txt")), st.sampled_from(NOTATIONS), LAT, LON)
def test_other_figures_do_not_hide_a_place(noise, notation, lat, lon):
    """A coordinate on its own line is found after any telephone, price or date."""
    _, write, tolerance = notation

    found = find_coordinate(noise + "。\n位置:" + write(lat, lon))

    assert (found.lat, found.lon) == pytest.approx((lat, lon), abs=tolerance)


def test_figures_beyond_the_limit_are_not_looked_at():
    """ANGLES_MAX figures are read; a coordinate behind them is not."""
    inside = "1.5;" * (ANGLES_MAX - 2) + "30.1234,103.4567"
    outside = "1.5;" * ANGLES_MAX + "30.1234,103.4567"

    assert find_coordinate(inside).lat == 30.1234
    assert find_coordinate(outside).lat is None
