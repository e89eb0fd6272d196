"""Documents that are drawn from the source, or must name everything that there is."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from gateway.cli.exits import Exit
from gateway.cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]
CLI_PAGE = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
PAGES = ("README.md", "CONTRIBUTING.md", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").rglob("*.md"))))


def leaf_commands():
    """Return every command that can be run, by its words: ``station add``."""
    found = {}
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        below = command.commands if isinstance(command, click.Group) else {"": command}
        found |= {f"{name} {sub}".strip(): one for sub, one in below.items()}
    return found


def anchors(page):
    """Return the anchors that a page's headings make, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_picture_is_up_to_date():
    """The arrows of docs/architecture.md are those of the imports."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/architecture-picture"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_every_command_and_option_is_documented():
    """docs/cli.md names all commands and all their options."""
    commands = leaf_commands()
    options = {name for one in commands.values() for option in one.params for name in option.opts if name[:2] == "--"}

    assert len(commands) > len(COMMANDS)
    assert [words for words in commands if f"`{words}`" not in CLI_PAGE] == []
    assert [option for option in sorted(options) if option not in CLI_PAGE] == []


def test_every_exit_code_is_documented():
    """docs/cli.md explains all exit codes in the words of the program."""
    assert [code.name for code in Exit if f"| {code.value} | {code.meaning()} |" not in CLI_PAGE] == []


def test_every_file_named_in_the_architecture_exists():
    """docs/architecture.md names no source file that was renamed or taken out."""
    there = {
        str(p.relative_to(ROOT)) for p in ROOT.glob("*/**/*.py") if not p.relative_to(ROOT).parts[0].startswith(".")
    }
    named = set(re.findall(r"`([\w/]+\.py)`", (ROOT / "docs/architecture.md").read_text(encoding="utf-8")))

    assert named
    assert [name for name in sorted(named) if not any(f"/{path}".endswith(f"/{name}") for path in there)] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_between_documents_lead_somewhere(name):
    """A relative link names a file that there is, and a heading in it."""
    page = ROOT / name
    broken = []
    for target in re.findall(r"\]\(([^)#:\s]*(?:#[^)\s]*)?)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        if not there.exists() or (anchor and anchor not in anchors(there.read_text(encoding="utf-8"))):
            broken.append(target)

    assert broken == []
