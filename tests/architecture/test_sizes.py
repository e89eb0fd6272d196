"""Files stay readable: one subject each, few hundred lines."""

from tests.architecture.source import FOLDERS, ROOT, python_files

LINES_MAX = 450

ALLOWED = {
    "tests/drivers/beidou/test_beidou_link.py": "one link's behaviour in one table of situations",
    "tests/gateway/daemon/test_outbound.py": "one way down; its situations share one rig",
    "tests/gateway/daemon/test_inbound.py": "one way up; its situations share one rig",
}
"""Longer files by path, each with its reason: a table that is one subject, for instance."""


def line_counts():
    return {str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n") for path in python_files(FOLDERS)}


def test_no_file_outgrows_one_subject():
    """A file beyond the limit is split, or listed with the reason why not."""
    assert {name: count for name, count in line_counts().items() if count > LINES_MAX and name not in ALLOWED} == {}


def test_allow_list_names_only_what_needs_it():
    """An entry whose file has shrunk or gone is taken out again."""
    counts = line_counts()

    assert [name for name in ALLOWED if counts.get(name, 0) <= LINES_MAX] == []
