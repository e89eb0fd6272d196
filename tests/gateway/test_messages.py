"""Texts reach people in their language; the catalogues cannot fall behind the source."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.messages import translate
from gateway.messages.translate import LANGUAGES, language, language_from, tr, use_language

ROOT = Path(__file__).parents[2]
SAMPLE = "no texts in language '{name}'; there are {languages}"


@pytest.fixture(autouse=True)
def as_found(monkeypatch):
    """An environment that asks for nothing, and the choice put back."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    use_language(None)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_TW.Big5"}, "zh_CN"),
        ({"LANG": "zh-Hans-CN"}, "zh_CN"),
        ({"LANG": "zh"}, "zh_CN"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "zha_CN"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "fr:zh_CN:en"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en:zh_CN"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": ""}, "zh_CN"),
        ({"LANG": "\x00\udcff" * 100}, "en"),
    ],
)
def test_environment_chooses_as_gettext_does(environ, expected):
    """The first of LANGUAGE, LC_ALL, LC_MESSAGES and LANG that is set decides."""
    assert language_from(environ) == expected


def test_setting_goes_before_environment(monkeypatch):
    """A language named explicitly wins, and taking it back lets the environment decide again."""
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert language() == "zh_CN"

    use_language("en_GB.UTF-8")
    assert (language(), tr(SAMPLE)) == ("en", SAMPLE)

    use_language(None)
    assert language() == "zh_CN"


def test_text_is_translated_and_unknown_text_stays():
    """A text of the catalogue comes out Chinese with its placeholders; another stays English."""
    use_language("zh")

    assert tr(SAMPLE).format(name="tlh", languages="en") == "没有语言“tlh”的文本；现有：en"
    assert tr("text of a plug-in") == "text of a plug-in"


def test_unknown_language_is_refused_in_the_language_in_force():
    """A language without a catalogue is an error that tells which there are, and changes nothing."""
    use_language("zh_CN")

    with pytest.raises(ValueError, match="没有语言“tlh”的文本；现有：en, zh_CN"):
        use_language("tlh")

    assert language() == "zh_CN"


def test_import_and_english_load_no_catalogue():
    """The command line starts without gettext when nobody needs it."""
    code = "import sys; from gateway.messages.translate import tr; tr('x'); sys.exit('gettext' in sys.modules)"

    assert (
        subprocess.run([sys.executable, "-c", code], env={"PATH": "", "LANG": "C"}, cwd=ROOT, check=False).returncode
        == 0
    )


def test_catalogues_are_complete_and_compiled():
    """Every text of the source is in every catalogue, translated, and the compiled files say the same."""
    run = messages(ROOT, "--check")

    assert (run.returncode, run.stderr) == (0, "")


def texts_not_found(module):
    """Return the lines of ``tr`` calls whose text extraction cannot see."""
    for node in ast.walk(module):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr"
        if is_call and not (len(node.args) == 1 and isinstance(node.args[0], ast.Constant)):
            yield node.lineno


def test_every_text_can_be_found():
    """A text put together on the way into ``tr`` would escape extraction and never be translated."""
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for package in ("gateway", "drivers")
        for path in (ROOT / package).rglob("*.py")
        for line in texts_not_found(ast.parse(path.read_text("utf-8")))
    ]

    assert found == []


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ('tr("a {b}").format(b=1)', 0),
        ('{"a": lambda: tr("b")}', 0),
        ('tr(f"a {b}")', 1),
        ('tr("a {b}".format(b=1))', 1),
        ('tr("a " + b)', 1),
        ("tr(HELP[name])", 1),
    ],
)
def test_text_that_cannot_be_found_is_caught(line, count):
    """Formatting before translating is the usual mistake."""
    assert len(list(texts_not_found(ast.parse(line)))) == count


@pytest.fixture
def copy(tmp_path):
    """A small project of its own: the script, one source file, catalogues as the script makes them, translated."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/messages", tmp_path / "scripts/messages")
    (tmp_path / "drivers").mkdir()
    (tmp_path / "gateway/messages").mkdir(parents=True)
    (tmp_path / "gateway/app.py").write_text('print(tr("No reply from {port}"))\n')
    messages(tmp_path)
    po(tmp_path).write_text(po(tmp_path).read_text("utf-8").replace('msgstr ""', 'msgstr "{port} 没有应答"'), "utf-8")
    assert messages(tmp_path).returncode == 0
    assert messages(tmp_path, "--check").returncode == 0
    return tmp_path


def messages(root, *args):
    return subprocess.run(
        [sys.executable, root / "scripts/messages", *args], capture_output=True, text=True, check=False, env=os.environ
    )


def po(root):
    return root / "gateway/messages/zh_CN/LC_MESSAGES/yizhan.po"


@pytest.mark.parametrize(
    ("break_it", "complaint"),
    [
        (lambda root: (root / "gateway/app.py").write_text('tr("No reply from {port}"); tr("New")'), "missing: 'New'"),
        (lambda root: (root / "gateway/app.py").write_text(""), "no longer in the source: 'No reply"),
        (lambda root: edit(root, "{port} 没有应答", ""), "not translated: 'No reply"),
        (lambda root: edit(root, "python-brace-format", "fuzzy, python-brace-format"), "fuzzy: 'No reply"),
        (lambda root: edit(root, "{port} 没", "{prot} 没"), "other {placeholders}"),
        (lambda root: edit(root, "没有", "无"), "not compiled"),
        (lambda root: po(root).with_suffix(".mo").unlink(), "not compiled"),
    ],
)
def test_check_tells_what_is_behind_and_changes_nothing(copy, break_it, complaint):
    """Each way of falling behind is named, fails, and is left for a person to put right."""
    break_it(copy)
    before = {path: path.read_bytes() for path in copy.rglob("*.[pm]o")}

    run = messages(copy, "--check")

    assert run.returncode == 1
    assert complaint in run.stderr
    assert {path: path.read_bytes() for path in copy.rglob("*.[pm]o")} == before


def edit(root, old, new):
    text = po(root).read_text("utf-8")
    assert old in text
    po(root).write_text(text.replace(old, new), "utf-8")


def test_running_twice_changes_nothing(copy):
    """No dates and no line numbers: an unchanged source gives the same bytes."""
    before = {path: path.read_bytes() for path in copy.rglob("*.[pm]o")}
    (copy / "gateway/app.py").write_text('\n\n\nprint(tr("No reply from {port}"))\n')

    messages(copy)

    assert len(before) == 2 * len(LANGUAGES)
    assert {path: path.read_bytes() for path in copy.rglob("*.[pm]o")} == before


def test_script_and_program_know_the_same_languages():
    """A catalogue that the program would not load, or lacks, is a mistake."""
    found = {path.parents[1].name for path in translate.CATALOGUES.glob(f"*/LC_MESSAGES/{translate.DOMAIN}.mo")}

    assert found == set(LANGUAGES)
