"""Text from the air cannot forge, hide or run anything in a log, and secrets are not in it."""

import contextlib
import json
import logging
import os
import re
import subprocess
import sys
import unicodedata

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.observe.escape import HIDDEN_CATEGORIES, json_escaped, printable
from gateway.observe.log import FIELD_CHARS_MAX, ITEMS_MAX, configure, logger

ATTACKS = [
    "ok\n2026-01-01 error forged line",
    '\r\n{"level": "critical", "event": "forged"}',
    "\x1b[2J\x1b]0;title\x07\x1b[31mred",
    "\x9b31m C1 control sequence introducer",
    "user\u202egnp.exe and \u2066isolate\u2069 \u200f\u061c",
    "line\u2028separator\u2029paragraph",
    "zero\u200bwidth\u200d\u2060\ufeff",
    "tag \U000e0041\U000e007f",
    "lone \ud800 surrogate",
    "nul \x00 del \x7f bell \x07 backspace \x08",
    "<3>forged journal priority",
    '"},{"event":"forged"',
    "%s %d %(name)s {0} {event}",
]
"""Injection strings after the classes of CWE-117 (log neutralisation), CWE-150 (terminal) and CVE-2021-42574 (bidi)."""


@pytest.fixture
def log_to(capsys):
    """Set up logging and return what gives the text written so far; everything is put back afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)

    def start(level="debug", json=None):
        configure(level, json=json)
        return lambda: capsys.readouterr().err

    yield start
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def visible(text):
    return not any(unicodedata.category(char) in HIDDEN_CATEGORIES for char in text)


@pytest.mark.parametrize("attack", ATTACKS)
def test_json_line_is_one_visible_line_that_holds_the_exact_text(log_to, attack):
    """Whatever the text, JSON stays one line of visible characters, and the text can be had back unchanged."""
    written = log_to(json=True)

    logger("air").info("heard", text=attack, nested={"list": [attack]}, **{f"k{attack}": 1})

    (line, end) = written().split("\n")
    assert end == ""
    assert visible(line)
    said = json.loads(line)
    assert said["text"] == attack
    assert said["nested"]["list"] == [attack]
    assert (said["level"], said["logger"], said["event"]) == ("info", "air", "heard")


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("place", ["event", "field", "name", "library", "argument"])
def test_console_line_cannot_be_forged(log_to, attack, place):
    """On a terminal, one call gives one visible line wherever the text stands."""
    written = log_to(json=False)
    library = logging.getLogger("paho")

    {
        "event": lambda: logger("air").warning(attack),
        "field": lambda: logger("air").warning("heard", text=attack),
        "name": lambda: logger("air").warning("heard", **{f"k{attack}": attack}),
        "library": lambda: library.warning(attack),
        "argument": lambda: library.warning("topic %s", attack),
    }[place]()

    (line, end) = written().split("\n")
    assert end == ""
    assert visible(line)


@given(st.text(st.characters(codec=None), max_size=200))
@settings(deadline=None, derandomize=True)
def test_printable_leaves_nothing_hidden_and_json_loses_nothing(text):
    """Over all of Unicode, the first is visible and keeps what was visible; the second decodes to the same text."""
    shown = printable(text)
    document = json_escaped(json.dumps(text, ensure_ascii=False))

    assert visible(shown)
    assert shown == text or not visible(text)
    assert visible(document)
    assert json.loads(document) == text


def test_printable_keeps_chinese_and_names_what_it_hides():
    """People read the characters; the rest is written in the escapes that Python uses."""
    assert printable("救命！\u3000三人被困 é") == "救命！\u3000三人被困 é"
    assert printable("a\n\x1b\u202e\U000e0041") == "a\\n\\x1b\\u202e\\U000e0041"


@pytest.mark.parametrize("as_json", [True, False])
def test_traceback_is_kept_and_cannot_pose_as_lines(log_to, as_json):
    """An exception whose text comes from the air shows its traceback, indented, with that text's controls escaped."""
    written = log_to(json=as_json)

    def parse():
        raise ValueError("bad frame\n12:00:00 error forged\x1b[2J")

    try:
        parse()
    except ValueError:
        logger("air").exception("bug")

    text = written()
    assert "Traceback" in text
    assert "\x1b" not in text
    assert not any(line.startswith("12:00:00 error forged") for line in text.split("\n"))
    assert len(text.splitlines()) == 1 or not as_json


@pytest.mark.parametrize(
    "name", ["password", "mqtt_password", "api_key", "KEY", "rootSecret", "access-token", "Passphrase"]
)
@pytest.mark.parametrize("as_json", [True, False])
def test_secrets_are_blanked_by_the_name_of_their_field(log_to, name, as_json):
    """At any depth, and whatever the value's type, a field named as a secret is not written."""
    written = log_to(json=as_json)

    logger("x").info("configured", **{name: "CANARY"}, bus={name: {"deep": b"CANARY"}}, links=[{name: ["CANARY"]}])
    logger("x").info("connecting", url="mqtts://post:CANARY@broker:8883/")

    text = written()
    assert "CANARY" not in text
    assert text.count("***") == 4


def test_names_that_only_contain_a_secret_word_are_written(log_to):
    """A monkey is no key: whole words of the name decide."""
    written = log_to(json=True)

    logger("x").info("seen", monkey="banana", keyboard="us", tokenised=True)

    assert '"monkey": "banana", "keyboard": "us", "tokenised": true' in written()


def test_fields_are_bounded(log_to):
    """Length, number and depth of what one line takes in have maxima, so that no caller can flood the journal."""
    written = log_to(json=True)
    deep = []
    deep.append(deep)

    logger("x").info(
        "big", text="文" * 10 * FIELD_CHARS_MAX, many=list(range(10 * ITEMS_MAX)), raw=bytes(10**6), deep=deep
    )

    said = json.loads(written())
    assert said["text"].startswith("文" * FIELD_CHARS_MAX + "…")
    assert len(said["text"]) < FIELD_CHARS_MAX + 40
    assert len(said["many"]) == ITEMS_MAX
    assert len(said["raw"]) < FIELD_CHARS_MAX + 40


def test_values_of_any_kind_give_valid_json(log_to):
    """Bytes become hex; numbers that JSON lacks and foreign objects become text."""
    written = log_to(json=True)

    logger("x").info("odd", raw=b"\x24CC", nan=float("nan"), inf=float("-inf"), thing=ValueError("x"), n=None, f=0.5)

    said = json.loads(written(), parse_constant=pytest.fail)
    assert said["raw"] == "24 43 43"
    assert (said["nan"], said["inf"], said["n"], said["f"]) == ("nan", "-inf", None, 0.5)
    assert said["thing"] == "ValueError('x')"


def test_level_filters_own_lines_and_libraries_speak_from_warning(log_to):
    """At info our info is written and a library's is not; a library's mistake in formatting loses no line."""
    written = log_to("info", json=True)

    logger("x").debug("own debug")
    logger("x").info("own info")
    logging.getLogger("paho.mqtt").info("library info")
    logging.getLogger("paho.mqtt").warning("library %d", "warning")

    said = [json.loads(line) for line in written().splitlines()]
    assert [line["event"] for line in said] == ["own info", "library %d ('warning',)"]
    assert said[1]["logger"] == "paho.mqtt"


def test_unknown_level_is_an_error():
    """A misspelt level is found at start."""
    with pytest.raises(KeyError):
        configure("loud")


@pytest.mark.parametrize("closed", [False, True])
def test_log_that_cannot_be_written_stops_nothing(log_to, monkeypatch, closed):
    """A full or closed stderr is silent."""
    log_to(json=True)
    full = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w", buffering=1)
    monkeypatch.setattr(sys, "stderr", full)
    if closed:
        full.close()

    logger("x").info("nobody reads this")
    logging.getLogger("library").error("nor this")

    with contextlib.suppress(OSError):
        full.close()


def test_journal_gets_the_priority_in_front():
    """When stderr is the journal's stream, each line starts with the syslog priority; otherwise never."""
    code = """
import os, sys
status = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino + int(sys.argv[1])}"
from gateway.observe.log import configure, logger
configure("debug")
for level in ("debug", "info", "warning", "error", "critical"):
    getattr(logger("x"), level)("said")
"""

    def said(other_stream):
        run = subprocess.run([sys.executable, "-c", code, other_stream], capture_output=True, text=True, check=True)
        return [re.match(r"(<\d>)?\{", line)[1] for line in run.stderr.splitlines()]

    assert said("0") == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    assert said("1") == [None] * 5
