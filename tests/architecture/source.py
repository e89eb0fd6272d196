"""What the tests of this folder look at: the source files, as text and as trees."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "drivers", "protocols")
FOLDERS = (*PACKAGES, "tests", "scripts", "bench")


def python_files(folders):
    """Return every Python file under these folders, also scripts without a suffix."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*")) if is_python(path)]


def is_python(path):
    if not path.is_file():
        return False
    return path.suffix == ".py" or (not path.suffix and path.read_bytes()[:40].startswith(b"#!/usr/bin/env python3"))


@cache
def tree(path):
    return ast.parse(path.read_text("utf-8"), str(path))
