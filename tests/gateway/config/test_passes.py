"""Schedules of satellite passes: what is read, and what is said of a file that is none."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.passes import FAULTS_SHOWN_MAX, FILE_BYTES_MAX, PassesError, read_passes
from gateway.router.contacts import PASSES_MAX, Pass

START_WALL_S = 1_795_497_000.0  # 2026-11-24T05:10:00Z
TEN_MINUTES = Pass(START_WALL_S, START_WALL_S + 600)


def written(folder, text, name="passes.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "start,end\n2026-11-24T05:10:00Z,2026-11-24T05:20:00Z\n",
        "# from the operator\n\n2026-11-24 05:10:00, 2026-11-24 05:20:00\r\n",
        "\ufeff2026-11-24T13:10:00+08:00,2026-11-24T13:20:00+08:00,elevation 40\n",
        "2026-11-24T05:15:00Z,2026-11-24T05:20:00Z\n2026-11-24T05:10:00Z,2026-11-24T05:16:00Z\n",
    ],
)
def test_csv_of_all_sorts_is_the_same_pass(tmp_path, text):
    """Headings, comments, zones, further columns, order and overlap change nothing; without a zone it is UTC."""
    assert read_passes(written(tmp_path, text)) == (TEN_MINUTES,)


def test_toml_is_the_same_pass(tmp_path):
    """A [[pass]] table with TOML's own times or with text."""
    text = '[[pass]]\nstart = 2026-11-24T05:10:00Z\nend = "2026-11-24T05:20:00Z"\n'

    assert read_passes(written(tmp_path, text, "passes.toml")) == (TEN_MINUTES,)


def test_every_line_at_fault_is_named(tmp_path):
    """Which line, what was found, what to write; the good lines do not hide the bad ones."""
    path = written(
        tmp_path, "2026-11-24T05:10:00Z,2026-11-24T05:20:00Z\nyesterday,noon\n2026-11-24T06:00Z,2026-11-24T05:00Z\n"
    )

    with pytest.raises(PassesError) as caught:
        read_passes(path)

    assert [fault.split(": ")[1] for fault in caught.value.faults] == ["line 2", "line 3"]
    assert "'yesterday'" in caught.value.faults[0]
    assert "ends after it starts" in caught.value.faults[1]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("passes.csv", b"\xff\xfe\x00"),
        ("passes.csv", b"2026-11-24T05:10:00Z\n" * 50),
        ("passes.toml", b"[[pass]\n"),
        ("passes.toml", b"pass = 3\n"),
        ("passes.csv", b"2026-11-24T05:10:00Z,2026-11-24T05:20:00Z\n" * (PASSES_MAX + 1)),
        ("passes.csv", b"#" * (FILE_BYTES_MAX + 1)),
    ],
)
def test_what_is_no_schedule_is_refused_in_few_words(tmp_path, name, data):
    """Wrong encoding, columns, syntax, shape, number of passes, size: a bounded number of lines says so."""
    with pytest.raises(PassesError) as caught:
        read_passes(written(tmp_path, data, name))

    assert 1 <= len(caught.value.faults) <= FAULTS_SHOWN_MAX + 1


def test_a_file_that_is_not_there_is_named(tmp_path):
    """The path and the system's reason."""
    with pytest.raises(PassesError, match="No such file"):
        read_passes(tmp_path / "none.csv")


@settings(deadline=None, derandomize=True, max_examples=80)
@given(st.binary(max_size=200) | st.text(max_size=200), st.sampled_from(["p.csv", "p.toml"]))
def test_no_file_does_more_than_be_refused(tmp_path_factory, data, name):
    """Whatever stands in it, it is read or a PassesError is raised."""
    folder = tmp_path_factory.mktemp("passes")
    with suppress(PassesError):
        read_passes(written(folder, data if isinstance(data, bytes) else data.encode("utf-8", "replace"), name))
