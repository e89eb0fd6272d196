"""What the control socket can ask of the registry: add one station, take a part of an address book, list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.daemon.requests import OperationError, list_of, text_of
from gateway.model import Station
from gateway.store.registry import Put

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.daemon.core import Core

STATIONS_LISTED_MAX = 10_000


class Registering:
    """Answers requests about stations."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def add(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Add a station or replace the one with its id."""
        station = _station_of(request)
        await self._core.store.run(lambda outbox: outbox.station_put(station))
        self._core.wake_links()
        return station_json(station)

    async def import_part(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Take a part of an address book, all of it or nothing; the same part again changes nothing."""
        entries = request.get("stations")
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise OperationError("refused", "stations: write a list of objects with id, name, cards and so on")
        stations = [_station_of(entry) for entry in entries]
        put = await self._core.store.run(lambda outbox: outbox.stations_put(stations))
        if put[Put.ADDED] or put[Put.CHANGED]:
            self._core.wake_links()
        return {str(what): put[what] for what in Put}

    async def list_all(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the first STATIONS_LISTED_MAX stations, and how many there are."""
        del request
        stations, total = await self._core.store.run(
            lambda outbox: (outbox.stations(STATIONS_LISTED_MAX), outbox.rows().get("station", 0))
        )
        return {"stations": [station_json(station) for station in stations], "total": total}


def _station_of(request: Mapping[str, Any]) -> Station:
    return Station(
        id=text_of(request, "id"),
        name=text_of(request, "name", ""),
        cards=list_of(int, request, "cards"),
        groups=list_of(str, request, "groups"),
        grids=list_of(str, request, "grids"),
        addresses=_addresses_of(request),
    )


def _addresses_of(request: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return ``BEARER:ADDRESS`` texts as pairs."""
    return tuple(
        (bearer, address) for bearer, _, address in (one.partition(":") for one in list_of(str, request, "addresses"))
    )


def station_json(station: Station) -> dict[str, Any]:
    """Return a station as the command line shows it."""
    return {
        "id": station.id,
        "name": station.name,
        "cards": list(station.cards),
        "groups": list(station.groups),
        "grids": list(station.grids),
        "addresses": [f"{bearer}:{address}" for bearer, address in station.addresses],
    }
