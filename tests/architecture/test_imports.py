"""The arrows between the rooms hold, and the tool that holds them is awake."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).parent / "lint-imports"


def lint(root):
    environ = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run([LINT, "--no-cache"], cwd=root, env=environ, capture_output=True, text=True, check=False)


def test_every_arrow_holds():
    """The contracts of pyproject.toml are kept by the source as it is."""
    run = lint(ROOT)

    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    ("file", "line", "arrow"),
    [
        ("protocols/planted.py", "import gateway.model", "protocols import nothing of ours"),
        ("protocols/beidou/planted.py", "from time import monotonic", "protocols have no input, output, clock"),
        ("drivers/planted.py", "import gateway.store", "drivers see the link contract and the model"),
        ("gateway/daemon/planted.py", "import drivers.virtual", "the gateway names no driver"),
        ("gateway/router/planted.py", "import asyncio", "the router is pure"),
    ],
)
def test_planted_violation_is_caught(tmp_path, file, line, arrow):
    """One import against an arrow breaks exactly the contract it should."""
    for package in ("gateway", "drivers", "protocols"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / file).write_text(line + "\n")

    run = lint(tmp_path)

    assert run.returncode == 1
    broken = [text for text in run.stdout.splitlines() if re.search(r" BROKEN( \(\d+ ignored imports?\))?$", text)]
    assert len(broken) == 1, run.stdout
    assert broken[0].startswith(arrow)
