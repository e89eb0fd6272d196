"""Finds drivers by the entry-point group ``yizhan.drivers``; nothing is imported until it is asked for."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from gateway.link import Driver, ProbingDriver

GROUP = "yizhan.drivers"


def find_driver(name: str) -> Driver:
    """Return the driver ``name``; raise LookupError that names the ones there are."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        raise LookupError(f"found {name!r}, installed drivers are {', '.join(sorted(found)) or 'none'}")
    return cast("Driver", found[name].load())


def probing_drivers() -> list[ProbingDriver]:
    """Return the installed drivers that can look at a port without transmitting, by name."""
    drivers = [point.load() for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)]
    return [cast("ProbingDriver", driver) for driver in drivers if hasattr(driver, "probe")]
