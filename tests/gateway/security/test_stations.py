"""Lists of stations: what a provisioning desk writes in a spreadsheet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.security import stations
from gateway.security.errors import StationListError
from gateway.security.keys import End
from gateway.security.stations import FAULTS_SHOWN_MAX, Station, format_stations, parse_stations
from tests.gateway.security.values import HUB, ends

lists = st.lists(
    st.builds(Station, ends(), st.sampled_from([1, 2])),
    unique_by=(lambda s: s.end.id, lambda s: s.end.name.casefold()),
    max_size=20,
)


def faults_of(text, own=None):
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(StationListError) as caught:
        parse_stations(raw, "x.csv", own)
    return [(fault.line, fault.what) for fault in caught.value.faults]


@given(lists)
def test_what_is_written_comes_back(many):
    """Any list is the same after a file."""
    assert parse_stations(format_stations(many), "x") == many


@pytest.mark.parametrize(
    "text",
    [
        "name,id\ncar,7\nbus,8",
        "id,name\r\n7,car\r\n0x8,bus\r\n\r\n",
        "\ufeffName, ID ,suite\n car , 7 ,\nbus,0x000008,1\n",
        'name,id\n"car","7"\n"bus",8\n',
    ],
)
def test_what_spreadsheets_write_is_read(text):
    """Byte order mark, CR LF, quotes, spaces, empty lines, other order, empty suite."""
    assert parse_stations(text.encode(), "x") == [Station(End(7, "car")), Station(End(8, "bus"))]


def test_every_fault_is_told_with_its_line():
    """One reading shows all that is to be mended; lines are counted as an editor does."""
    text = "name,id,suite\nhub2,1,\na b,7,1\ncar,0xff01,1\n\ncar,7,9\nbus,7\nbus,8,1\nBUS,9,1\ntram,8,2\n"

    assert faults_of(text, HUB) == [
        (2, "hub2 (0x000001) has the id or name of hub (0x000001), with whom the others talk; take the line out"),
        (
            3,
            (
                "name: found 'a b'; write the station's id in the registry: 1 to 32 of A-Z a-z 0-9 _ . - beginning with "
                "a letter or digit"
            ),
        ),
        (4, "id: found 0x00ff01, which is a group; gateways are 0x000001 to 0x00feff, devices 0x010000 to 0xffffff"),
        (6, "suite: found 9; known are 1 (AES-128-CCM), 2 (SM4-GCM)"),
        (7, "found 2 columns, the first line has 3"),
        (9, "name: BUS stands in line 8 already; give each station its own"),
        (10, "id: 0x000008 stands in line 8 already; give each station its own"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "the first line names the columns"),
        ("car,7\n", 1, "found 'car,7'"),
        ("name,id,name\n", 1, "columns"),
        ("name;id\ncar;7\n", 1, "found 'name;id'"),
        ('name,id\n"car,7\n', 2, "no CSV"),
        ("name,id\ncar,7\n".encode("utf-16"), 1, "CSV UTF-8"),
        ("name,id\n三号车,7\n".encode("gb18030"), 2, "CSV UTF-8"),
    ],
)
def test_what_is_no_list_is_said(text, line, what):
    """The whole file in one fault."""
    [(found_line, found)] = faults_of(text)

    assert found_line == line
    assert what in found


def test_lists_are_bounded(monkeypatch):
    """At the limit it is read; one more is refused. Only the first faults are kept, all are counted."""
    monkeypatch.setattr(stations, "STATIONS_MAX", 2)
    assert len(parse_stations(b"name,id\na,1\nb,2\n", "x")) == 2
    assert "more than 2 stations" in faults_of("name,id\na,1\nb,2\nc,3\n")[0][1]

    with pytest.raises(StationListError, match="; and 50 more") as caught:
        parse_stations(b"name,id\n" + b"!,1\n" * (FAULTS_SHOWN_MAX + 50), "x")
    assert (len(caught.value.faults), caught.value.count) == (FAULTS_SHOWN_MAX, FAULTS_SHOWN_MAX + 50)

    monkeypatch.setattr(stations, "LIST_BYTES_MAX", 5)
    assert "longer than 5 bytes" in faults_of("name,id\n")[0][1]


@given(st.binary(max_size=200))
def test_noise_is_no_list(raw):
    """Whatever bytes there are, only StationListError leaves."""
    with pytest.raises(StationListError):
        parse_stations(b"name,id\n\x00" + raw, "x")
