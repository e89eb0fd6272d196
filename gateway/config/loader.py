"""Reads a configuration file: TOML, then pydantic, then each link's own driver. Every fault at once."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gateway.config.routing import links_named, passes_faults
from gateway.config.settings import LinkSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gateway.link import Driver

CONFIG_BYTES_MAX = 1_000_000

FOUND_CHARS_MAX = 100
"""How much of a wrong value is quoted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend: where (dotted path), what was found, what to do."""

    where: str
    what: str


class ConfigError(Exception):
    """The file cannot be used. ``faults`` names all that is wrong with it."""

    def __init__(self, path: Path, faults: list[Fault]) -> None:
        self.path = path
        self.faults = faults
        super().__init__(f"{path}: " + "; ".join(f"{fault.where}: {fault.what}" for fault in faults))


@dataclass(frozen=True, slots=True)
class Configuration:
    """Checked settings, and each enabled link's driver with its own checked settings."""

    settings: Settings
    links: dict[str, tuple[Driver, Any]]


def load(path: Path, find_driver: Callable[[str], Driver]) -> Configuration:
    """Read ``path``; raise ConfigError with every fault found.

    ``find_driver`` returns a driver by its entry-point name or raises LookupError with the names there are.
    """
    try:
        with path.open("rb") as file:
            text = file.read(CONFIG_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(path, [Fault("file", f"cannot be read: {error.strerror}")]) from error
    if len(text) > CONFIG_BYTES_MAX:
        raise ConfigError(path, [Fault("file", f"longer than {CONFIG_BYTES_MAX} bytes: is it a configuration?")])
    try:
        table = tomllib.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
        raise ConfigError(path, [Fault("file", f"not valid TOML: {error}")]) from error
    return check(path, table, find_driver)


def check(path: Path, table: dict[str, Any], find_driver: Callable[[str], Driver]) -> Configuration:
    """Check a parsed table; see load."""
    faults: list[Fault] = []
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(table)
    except ValidationError as error:
        faults += _faults_of(error, "")
    faults += _router_faults(table)
    links: dict[str, tuple[Driver, Any]] = {}
    for name, link in _link_tables(table):
        try:
            driver = find_driver(link["driver"])
        except LookupError as error:
            faults.append(Fault(f"links.{name}.driver", str(error.args[0])))
            continue
        own = {key: value for key, value in link.items() if key not in LinkSettings.model_fields}
        try:
            checked = driver.check(own)
        except ValidationError as error:
            faults += _faults_of(error, f"links.{name}")
            continue
        if link.get("enabled", True) is True:
            links[name] = (driver, checked)
    if faults or settings is None:
        raise ConfigError(path, faults)
    return Configuration(settings, links)


def _link_tables(table: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the link tables that are tables and name a driver; the rest is already a fault of the settings."""
    links = table.get("links")
    if not isinstance(links, dict):
        return []
    return [
        (name, link) for name, link in links.items() if isinstance(link, dict) and isinstance(link.get("driver"), str)
    ]


def _router_faults(table: dict[str, Any]) -> list[Fault]:
    """Return what the router's tables name that is no link or no schedule; found also where other tables are at fault."""
    router, links = table.get("router"), table.get("links", {})
    if not isinstance(router, dict) or not isinstance(links, dict):
        return []
    there_are = ", ".join(sorted(links)) or "none"
    unknown = [
        Fault(where, f"names {name!r}, but [links] has only {there_are}")
        for where, name in links_named(router)
        if name not in links
    ]
    return unknown + [Fault(where, what) for where, what in passes_faults(router)]


def _faults_of(error: ValidationError, prefix: str) -> list[Fault]:
    faults = []
    for item in error.errors(include_url=False):
        where = ".".join(str(part) for part in ((prefix,) if prefix else ()) + tuple(item["loc"]))
        what = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            what = "no such key; check its spelling"
        elif item["type"] == "missing":
            what = "is missing"
        elif item["type"] != "value_error":
            what = f"{what}; found {_quoted(item['input'])}"
        faults.append(Fault(where or "file", what))
    return faults


def _quoted(value: Any) -> str:
    try:
        found = repr(value)
    except ValueError:  # an integer too long to be written in digits
        return f"a very large {type(value).__name__}"
    return found if len(found) <= FOUND_CHARS_MAX else f"{found[:FOUND_CHARS_MAX]}…"
