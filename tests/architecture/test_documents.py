"""Documents that are drawn from the source, or must name everything that there is."""

import subprocess
import sys
from pathlib import Path

from gateway.cli.exits import Exit
from gateway.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]


def test_the_picture_is_up_to_date():
    """The arrows of docs/architecture.md are those of the imports."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/architecture-picture"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_every_command_and_exit_code_is_documented():
    """docs/cli.md names all commands and explains all codes in the words of the program."""
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")

    assert [name for name in COMMANDS if f"`{name}" not in page] == []
    assert [code.name for code in Exit if f"| {code.value} | {code.meaning()} |" not in page] == []
