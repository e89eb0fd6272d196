"""An address book from a spreadsheet: what is read, what is refused and where, and what is sent."""

import codecs
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli import addressbook
from gateway.cli.addressbook import FAULTS_MAX, BookError, Fault, check, stations
from gateway.cli.exits import Exit
from gateway.cli.stationimport import PART_BYTES, PART_STATIONS, _parts
from gateway.model import Station
from tests.gateway.cli.gatewayfake import done, refused
from tests.gateway.cli.test_commands import _english, gateway, run, the_object  # noqa: F401 - fixtures

HEADER = "id,name,cards,addresses,groups,grids\r\n"
TAKEN = done({"added": 1, "changed": 0, "same": 0})


def nothing(_done):
    """Show no progress."""


@pytest.fixture
def write(tmp_path):
    def write(text, encoding="utf-8", name="book.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


def read(path):
    return [
        item if isinstance(item, Fault) else item[1] for item in stations(path, check(path, nothing).encoding, nothing)
    ]


# --- reading -----------------------------------------------------------------------------------------------------


def test_a_row_is_a_station(write):
    """Several values in a cell are separated by what people use; cells at the end may be missing."""
    path = write(
        HEADER + '513300001,磨西镇共和村,242286;5,hf:B7A satcom:8617400000007,villages,5133-07\r\nv7,"a ""b"", c",7\r\n'
    )

    assert read(path) == [
        Station(
            "513300001", "磨西镇共和村", (242286, 5), ("villages",), ("5133-07",),
            (("hf", "B7A"), ("satcom", "8617400000007")),
        ),
        Station("v7", 'a "b", c', (7,)),
    ]  # fmt: skip


def test_columns_come_in_any_order_and_empty_lines_do_no_harm(write):
    """The header says what a cell is; a spreadsheet leaves empty rows at the end."""
    path = write("Cards, ID\n7,v7\n\n,\n8,v8\n")

    assert read(path) == [Station("v7", cards=(7,)), Station("v8", cards=(8,))]


@pytest.mark.parametrize(
    ("mark", "encoding", "shown"),
    [(b"", "utf-8", "utf-8-sig"), (codecs.BOM_UTF8, "utf-8", "utf-8-sig"), (b"", "gb18030", "gb18030")],
)
def test_the_encoding_is_found(write, mark, encoding, shown):
    """UTF-8 with and without a mark, and what Chinese spreadsheets save."""
    path = write(mark + (HEADER + "v7,磨西镇共和村\n").encode(encoding))

    assert check(path, nothing).encoding == shown
    assert read(path) == [Station("v7", "磨西镇共和村")]


UNREADABLE = {
    "UTF-16": ((HEADER + "v7,村\n").encode("utf-16"), "UTF-16"),
    "damaged UTF-8": ((HEADER + "v7,磨西镇共和村\nv8,x\n").encode() + b"v9,\xff\n", "line 4"),
    "neither": ((HEADER + "v7,x\n").encode() + b"v8,\xff\xff\n", "line 3"),
    "no header": (b"v7,x,7\n", "no column id"),
    "empty": (b"", "no column id"),
    "a column that is none": (b"id,phone\n", "phone"),
    "a column twice": (b"id,name,name\n", "name"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_address_book_is_told_at_once(write, case):
    """With the line, and what to do."""
    content, words = UNREADABLE[case]

    with pytest.raises(BookError, match=words):
        check(write(content), nothing)


def test_every_fault_is_told_with_its_line(write):
    """A cell with line ends in it counts as lines; the line told is where the row begins."""
    path = write(
        HEADER + 'v1,"two\nlines",7\nv2,,x7\nv 3,,7\nv4,,7,B7A\nv5,,123456789\nv2\nv6,a,b,c,d,e,f\nv7,,,beidou:7\nv8\n'
    )

    found = check(path, nothing)

    told = {fault.line: fault.text for fault in found.faults}
    assert sorted(told) == [2, 4, 5, 6, 7, 9, 10]
    assert "name" in told[2]
    assert "x7" in told[4]
    assert "v 3" in told[5]
    assert "BEARER:ADDRESS" in told[6]
    assert "123456789" in told[7]
    assert "7 cells" in told[9]
    assert (found.rows, found.faults_total) == (9, 7)


def test_an_id_twice_is_a_fault_of_the_second(write):
    """Or the first station would be gone without a word."""
    found = check(write(HEADER + "v1\nv2\nv1\n"), nothing)

    assert [(fault.line, "line 2" in fault.text) for fault in found.faults] == [(4, True)]


def test_the_list_of_faults_is_bounded_and_the_count_is_not(write):
    """A file of another kind must not fill the screen."""
    found = check(write(HEADER + "v 1\n" * 200), nothing)

    assert (len(found.faults), found.faults_total) == (FAULTS_MAX, 200)


def test_rows_are_bounded(write, monkeypatch):
    """More than the registry takes is told before anything is sent."""
    monkeypatch.setattr(addressbook, "ROWS_MAX", 3)

    with pytest.raises(BookError, match="more than 3 rows"):
        check(write(HEADER + "a\nb\nc\nd\n"), nothing)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(content=st.binary(max_size=200), header=st.booleans())
def test_any_file_is_read_or_refused(tmp_path_factory, content, header):
    """Nothing else comes out of any bytes, and what is read is a station."""
    path = tmp_path_factory.mktemp("any") / "book.csv"
    path.write_bytes(HEADER.encode() + content if header else content)

    try:
        found = check(path, nothing)
    except BookError:
        return
    assert all(isinstance(item, Fault | Station) for item in read(path))
    assert found.faults_total <= found.rows + 1


# --- sending -----------------------------------------------------------------------------------------------------


def test_an_address_book_is_sent_in_bounded_parts(write):
    """No part is longer than the socket takes, none has more stations than the store's thread has time for, none is lost."""
    many = "".join(f"v{number},村\n" for number in range(3 * PART_STATIONS + 1))
    wide = "".join(
        f"w{number},{'村' * 60},,,{';'.join('g' * 20 + str(g) for g in range(60))}\n" for number in range(60)
    )
    path = write(HEADER + many + wide)

    parts = list(_parts(path, check(path, nothing)))

    assert sum(len(part) for part in parts) == 3 * PART_STATIONS + 61
    assert max(len(part) for part in parts) == PART_STATIONS
    lines = [len(json.dumps({"op": "station_import", "stations": part})) for part in parts]
    assert PART_BYTES / 2 < max(lines) < 65_536


def test_the_import_tells_what_came_of_it(gateway, write):  # noqa: F811
    """One object with --json, a sentence otherwise, progress in lines where there is no terminal."""
    path = write(HEADER + "v7,村,7\n")
    one = gateway(TAKEN)

    code, stdout, _ = run(one, "station", "import", str(path), "--json")
    _, words, progress = run(gateway(TAKEN), "station", "import", str(path))

    assert code == Exit.DONE
    expected = {"encoding": "UTF-8", "rows": 1, "added": 1, "changed": 0, "same": 0}
    assert the_object(stdout) == {"file": str(path), **expected}
    assert one.requests == [{"op": "station_import", "stations": [{"id": "v7", "name": "村", "cards": [7]}]}]
    assert "1 stations (UTF-8): 1 new, 0 changed, 0 as before" in words
    assert "importing: 100 %" in progress


def test_with_one_fault_nothing_is_sent(gateway, write):  # noqa: F811
    """All faults are shown with their lines, and the exit code says bad input."""
    path = write(HEADER + "v7\nv 8\n" + "v 9\n" * 60)
    one = gateway(TAKEN)

    code, stdout, _ = run(one, "station", "import", str(path), "--json")
    _, _, words = run(one, "station", "import", str(path))

    assert code == Exit.BAD_INPUT
    told = the_object(stdout)
    assert (told["faults"][0]["line"], told["faults_total"], len(told["faults"])) == (3, 61, FAULTS_MAX)
    assert "line 3: " in words
    assert "… and 11 more" in words
    assert "61 faults in 62 rows; nothing was imported" in words
    assert one.requests == []


def test_an_import_that_breaks_off_says_how_far_it_came(gateway, write):  # noqa: F811
    """A part is whole or not there, and the same file may be imported again."""
    path = write(HEADER + "".join(f"v{number}\n" for number in range(2 * PART_STATIONS)))

    code, _, words = run(gateway(TAKEN, refused("registry: full", "store full")), "station", "import", str(path))

    assert code == Exit.REFUSED
    assert "registry: full" in words
    assert f"{PART_STATIONS} of {2 * PART_STATIONS} stations were taken" in words
