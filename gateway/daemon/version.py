"""The program's version, as its package metadata says."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("yizhan")
except PackageNotFoundError:  # a checkout that was never installed
    VERSION = "0+checkout"
