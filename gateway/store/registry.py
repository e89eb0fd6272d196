"""Stations we know: ids, cards, groups and grid cells, found by each of them."""

from __future__ import annotations

import enum
import json
from collections import Counter
from typing import TYPE_CHECKING

from gateway.model import BEIDOU, Station
from gateway.store.errors import StoreFull
from gateway.store.records import BadRecord, checked, sealed
from gateway.store.shelf import Shelf
from gateway.store.tallies import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


def _keys(station: Station) -> list[tuple[str, str, str]]:
    return [
        *(("card", str(card), station.id) for card in station.cards),
        *(("address", f"{bearer}:{address}", station.id) for bearer, address in station.addresses),
        *(("group", group, station.id) for group in station.groups),
        *(("grid", grid, station.id) for grid in station.grids),
    ]


def _body_of(station: Station) -> bytes:
    value = {"name": station.name, "cards": station.cards, "groups": station.groups, "grids": station.grids}
    return to_json(value | {"addresses": station.addresses} if station.addresses else value)


class Put(enum.StrEnum):
    """What came of putting a station into the registry."""

    ADDED = "added"
    CHANGED = "changed"
    SAME = "same"


class Registry(Shelf):
    """The part of the outbox's file that knows stations."""

    def station_put(self, station: Station) -> Put:
        """Add a station or replace the one with its id; write nothing if it is the same. Raise StoreFull at the cap."""
        body = _body_of(station)
        had = self._db.execute("SELECT * FROM station WHERE id = ?", (station.id,)).fetchall()
        if had == [sealed(station.id, body)]:
            return Put.SAME
        if not had and self._tallies.rows["station"] >= self.limits.stations_max:
            raise StoreFull(f"registry: {self.limits.stations_max} stations are known, which is the most; remove some")
        if had:
            self._db.execute("DELETE FROM station_key WHERE id = ?", (station.id,))
        self._db.execute("INSERT OR REPLACE INTO station VALUES (?, ?, ?)", sealed(station.id, body))
        self._db.executemany("INSERT OR IGNORE INTO station_key VALUES (?, ?, ?)", _keys(station))
        self._tallies.rows["station"] += not had
        return Put.CHANGED if had else Put.ADDED

    def stations_put(self, stations: Iterable[Station]) -> Counter[Put]:
        """Add or replace several stations and count what came of them."""
        return Counter(self.station_put(station) for station in stations)

    def station_remove(self, station_id: str) -> bool:
        """Remove a station; tell whether it was known."""
        had = self._db.execute("SELECT 1 FROM station WHERE id = ?", (station_id,)).fetchall()
        self._db.execute("DELETE FROM station_key WHERE id = ?", (station_id,))
        self._db.execute("DELETE FROM station WHERE id = ?", (station_id,))
        self._tallies.rows["station"] -= bool(had)
        return bool(had)

    def station(self, station_id: str) -> Station | None:
        """Return a station by id."""
        rows = self._db.execute("SELECT * FROM station WHERE id = ?", (station_id,)).fetchall()
        return next(iter(self._stations(rows)), None)

    def stations(self, limit: int, after: str = "") -> list[Station]:
        """Return up to `limit` stations by id, behind `after`."""
        rows = self._db.execute("SELECT * FROM station WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()
        return self._stations(rows)

    def station_by_card(self, card: int) -> Station | None:
        """Return the station that has a card; the first by id if several claim it."""
        return next(iter(self._stations_by("card", str(card), 1)), None)

    def station_by_address(self, bearer: str, address: str) -> Station | None:
        """Return the station that a link address of a bearer belongs to; cards with or without leading zeros."""
        if bearer == BEIDOU:
            return self.station_by_card(int(address)) if address.isascii() and address.isdigit() else None
        return next(iter(self._stations_by("address", f"{bearer}:{address}", 1)), None)

    def stations_in(self, limit: int, *, group: str = "", grid: str = "") -> list[Station]:
        """Return up to `limit` members of a group or of a grid cell, by id."""
        assert bool(group) != bool(grid), "ask for a group or for a grid cell"
        return self._stations_by("group", group, limit) if group else self._stations_by("grid", grid, limit)

    def index_stations(self) -> None:
        """Make the keys of all stations anew."""
        after = ""
        while page := self.stations(1_000, after):
            for one in page:
                self._db.executemany("INSERT OR IGNORE INTO station_key VALUES (?, ?, ?)", _keys(one))
            after = page[-1].id

    def _stations_by(self, kind: str, value: str, limit: int) -> list[Station]:
        rows = self._db.execute(
            "SELECT station.* FROM station_key JOIN station USING (id) WHERE kind = ? AND value = ? ORDER BY id LIMIT ?",
            (kind, value, limit),
        ).fetchall()
        return self._stations(rows)

    def _stations(self, rows: Iterable[Sequence[Any]]) -> list[Station]:
        good = []
        for row in rows:
            try:
                station_id, body = checked(row)
                value = json.loads(body)
            except BadRecord as error:
                self._quarantine("station", row, str(error))
                self.station_remove(row[0])
                continue
            good.append(
                Station(
                    id=station_id,
                    name=value["name"],
                    cards=tuple(value["cards"]),
                    groups=tuple(value["groups"]),
                    grids=tuple(value["grids"]),
                    addresses=tuple((bearer, address) for bearer, address in value.get("addresses", ())),
                )
            )
        return good
