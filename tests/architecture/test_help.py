"""``yizhan --help`` answers at once, also on a small ARM board: it loads nothing that help does not need."""

import subprocess
import sys

import pytest

from tests.architecture.source import ROOT

HEAVY = {
    "asyncio",
    "aiomqtt",
    "paho",
    "pydantic",
    "pydantic_core",
    "cryptography",
    "amqtt",
    "serial",
    "sqlite3",
    "rich",
}

RUN_HELP = """
import sys
sys.argv = ["yizhan", *{args!r}]
from gateway.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *sorted({{name.split(".")[0] for name in sys.modules}}))
"""


@pytest.mark.parametrize("args", [["--help"], ["--version"]])
@pytest.mark.parametrize("lang", ["C", "zh_CN.UTF-8"])
def test_help_loads_nothing_heavy(args, lang):
    """Neither event loop, bus, validation, cryptography, serial ports, database nor tables are imported."""
    run = subprocess.run(
        [sys.executable, "-c", RUN_HELP.format(args=args)],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "LANG": lang, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    *said, loaded = run.stdout.splitlines()
    assert said
    assert HEAVY & set(loaded.split()) == set()
