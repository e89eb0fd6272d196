"""A scenario file: TOML, checked whole by pydantic; every fault at once with its dotted path. Unknown keys are faults.

Times in a file are written in the unit of their name (``at_min``, ``hours``); inside the program they are seconds.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation when it runs
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.config.routing import PrecedenceName  # noqa: TC001 - as above
from gateway.config.settings import RouterSettings
from gateway.config.table import Name  # noqa: TC001 - as above
from gateway.model import BEIDOU, CARD_MAX
from gateway.simulate.models import LinkModel  # noqa: TC001 - as above

SCENARIO_BYTES_MAX = 1_000_000
STATIONS_MAX = 32
LINKS_MAX = 16
HANDSETS_MAX = 20_000
HOURS_MAX = 31 * 24.0
STREAM_PER_MIN_MAX = 20_000.0

MIN_S = 60.0
HOUR_S = 3_600.0

ReportKind = Literal["sos", "casualty", "hazard", "resource", "position", "chat"]
Hours = Annotated[float, Field(ge=0, le=HOURS_MAX)]
Minutes = Annotated[float, Field(ge=0, le=HOURS_MAX * 60)]
Rate = Annotated[float, Field(ge=0, le=100_000)]
Rates = dict[ReportKind, Rate]
Place = tuple[Annotated[float, Field(ge=-90, le=90)], Annotated[float, Field(ge=-180, le=180)]]
Card = Annotated[int, Field(ge=1, le=CARD_MAX)]


class ScenarioTable(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class About(ScenarioTable):
    """``[scenario]``: what is played, and when."""

    name: Name
    about: str = ""
    """What a reader of the figures must know: what is real, what is sampled, what is left out."""
    hours: Annotated[float, Field(gt=0, le=HOURS_MAX)]
    """How long people report."""
    drain_hours: Hours = 1.0
    """How long the gateways get after that to bring in what is open."""
    start_hour: Annotated[float, Field(ge=0, lt=24)] = 8.0
    """Hour of the day, local, at which the run begins."""
    centre: Name
    """The station on whose bus the centre's consumer listens."""


class StationTable(ScenarioTable):
    """``[stations.<name>]``: one gateway."""

    role: Literal["command", "vehicle", "remote", "relay"]
    place: Place = (31.0, 103.5)
    upstream: Name | None = None
    """The gateway above it; all but the centre have one."""
    links: Annotated[dict[Name, LinkModel], Field(min_length=1, max_length=LINKS_MAX)]
    router: RouterSettings = RouterSettings()
    """The same table as ``[router]`` in a gateway's configuration."""


class Burst(ScenarioTable):
    """More reports for a while: ``times`` as many from ``at_min`` on, for ``lasts_min``."""

    at_min: Minutes = 0.0
    lasts_min: Minutes
    times: Annotated[float, Field(ge=1, le=1000)]


class PeopleTable(ScenarioTable):
    """``[[people]]``: persons with plain handsets, each an actor who waits for the receipt and repeats."""

    name: Name
    handsets: Annotated[int, Field(ge=1, le=HANDSETS_MAX)]
    first_card: Card = 300_001
    slot_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    to: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Stations to whose card they type; each person keeps to one."""
    subordinate: bool = False
    """Whether command terminals overhear them, as their cards are subordinate to the command post's."""
    place: Place = (31.0, 103.5)
    reports_per_hour: Rates
    """A person's reports by kind."""
    burst: Burst | None = None
    repeats: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a person types the same again who got no receipt."""
    patience_min: Annotated[float, Field(gt=0, le=1440)] = 4.0
    """How long a person waits for the receipt; with two repeats all fall into the ten minutes in which they are one report."""


class HandInTable(ScenarioTable):
    """``[[hand_ins]]``: reports that people hand in at a gateway by word of mouth, all together."""

    station: Name
    reports_per_hour: Rates
    burst: Burst | None = None


class StreamTable(ScenarioTable):
    """``[[streams]]``: the reports of many handsets as one arrival stream at a station's Beidou cards.

    Nobody in it waits for the receipt and nobody repeats; the gateway takes, answers and forwards each one as any other.
    """

    station: Name
    handsets: Annotated[int, Field(ge=1, le=10_000_000)]
    first_card: Card
    per_min: Annotated[float, Field(gt=0, le=STREAM_PER_MIN_MAX)]
    kinds: Rates
    """Shares of the kinds, in any unit."""
    burst: Burst | None = None


class OrderTable(ScenarioTable):
    """``[[orders]]``: orders of the centre."""

    to: Annotated[str, Field(pattern=r"^(station|people):[A-Za-z0-9_-]{1,32}$")]
    """``station:v1``, or ``people:<name>``: one of them by chance."""
    per_hour: Rate
    precedence: PrecedenceName = "PRIORITY"


FaultKind = Literal["dark", "silent", "unplug", "hang", "restart", "power"]


class FaultTable(ScenarioTable):
    """``[[faults]]``: what breaks, when, for how long."""

    what: FaultKind
    """dark: no signal, and the device says so; silent: it says that all is well and nothing arrives; unplug; hang;
    restart: the gateway crashes; power: the machine loses power."""
    station: Name
    link: Name | None = None
    at_min: Minutes
    lasts_min: Minutes | None = None
    """Nothing: to the end."""


class Scenario(ScenarioTable):
    """A whole file."""

    scenario: About
    stations: Annotated[dict[Name, StationTable], Field(min_length=1, max_length=STATIONS_MAX)]
    people: tuple[PeopleTable, ...] = ()
    hand_ins: tuple[HandInTable, ...] = ()
    streams: tuple[StreamTable, ...] = ()
    orders: tuple[OrderTable, ...] = ()
    faults: tuple[FaultTable, ...] = ()

    @property
    def duration_s(self) -> float:
        """Return the seconds of the whole run."""
        return (self.scenario.hours + self.scenario.drain_hours) * HOUR_S

    @model_validator(mode="after")
    def _hangs_together(self) -> Scenario:
        faults = list(_faults(self))
        if faults:
            raise ValueError("; ".join(faults))
        return self


@dataclass(frozen=True, slots=True)
class ScenarioFault:
    """One thing to mend: where (dotted path), and what to do."""

    where: str
    what: str


class ScenarioError(Exception):
    """The file cannot be used; ``faults`` names all that is wrong with it."""

    def __init__(self, path: Path, faults: list[ScenarioFault]) -> None:
        self.path = path
        self.faults = faults
        super().__init__(f"{path}: " + "; ".join(f"{one.where}: {one.what}" for one in faults))


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file; raise ScenarioError with every fault found."""
    try:
        with path.open("rb") as file:
            text = file.read(SCENARIO_BYTES_MAX + 1)
    except OSError as error:
        raise ScenarioError(path, [ScenarioFault("file", f"cannot be read: {error.strerror}")]) from error
    if len(text) > SCENARIO_BYTES_MAX:
        raise ScenarioError(path, [ScenarioFault("file", f"longer than {SCENARIO_BYTES_MAX} bytes")])
    try:
        table = tomllib.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ScenarioError(path, [ScenarioFault("file", f"not valid TOML: {error}")]) from error
    return check_scenario(path, table)


def check_scenario(path: Path, table: dict[str, Any]) -> Scenario:
    """Check a parsed table; raise ScenarioError."""
    try:
        return Scenario.model_validate(table)
    except ValidationError as error:
        faults = [
            ScenarioFault(".".join(str(part) for part in one["loc"]) or "file", one["msg"]) for one in error.errors()
        ]
        raise ScenarioError(path, faults) from error


def _faults(scenario: Scenario) -> list[str]:
    """Return what does not fit together although each table alone is right."""
    return [
        *_station_faults(scenario),
        *_address_faults(scenario),
        *_people_faults(scenario),
        *_fault_faults(scenario),
    ]


def _station_faults(scenario: Scenario) -> list[str]:
    stations, centre = scenario.stations, scenario.scenario.centre
    if centre not in stations:
        return [f"scenario.centre: names {centre!r}, but [stations] has only {', '.join(stations)}"]
    found = [
        f"stations.{name}.upstream: found {station.upstream!r}, name the gateway above it; the centre has none"
        for name, station in stations.items()
        if (station.upstream is not None if name == centre else station.upstream not in stations)
    ]
    found += [] if found else _circles(scenario)
    for name, station in stations.items():
        for precedence, links in station.router.order.items():
            found += [
                f"stations.{name}.router.order.{precedence}: names {link!r}, but its links are {', '.join(station.links)}"
                for link in links
                if link not in station.links
            ]
    return found


def _circles(scenario: Scenario) -> list[str]:
    """Return the stations from which no way up ends at the centre."""
    stations, found = scenario.stations, []
    for name in stations:
        at: str | None = name
        for _ in stations:
            at = stations[at].upstream if at is not None else None
        if at is not None:
            found.append(f"stations.{name}.upstream: leads in a circle and never to {scenario.scenario.centre}")
    return found


def _address_faults(scenario: Scenario) -> list[str]:
    found: list[str] = []
    taken: dict[tuple[str, str], str] = {}
    for name, station in scenario.stations.items():
        for link, model in station.links.items():
            key = (model.bearer, model.address)
            if key in taken:
                found.append(f"stations.{name}.links.{link}: address {model.address} is taken by {taken[key]}")
            taken[key] = f"{name}.{link}"
    for person in scenario.people:
        cards = range(person.first_card, person.first_card + person.handsets)
        found += [
            f"people.{person.name}.first_card: card {address} is that of {whose}"
            for (bearer, address), whose in taken.items()
            if bearer == BEIDOU and int(address) in cards
        ]
    spans = sorted((one.first_card, one.first_card + one.handsets, one.name) for one in scenario.people)
    found += [
        f"people.{name}.first_card: card {start} is taken by people {before}"
        for (_, end, before), (start, _, name) in pairwise(spans)
        if start < end
    ]
    return found


def _has_card(scenario: Scenario, name: str) -> bool:
    station = scenario.stations.get(name)
    return station is not None and any(model.bearer == BEIDOU for model in station.links.values())


def _people_faults(scenario: Scenario) -> list[str]:
    found = []
    for person in scenario.people:
        found += [
            f"people.{person.name}.to: {name!r} is no station with a beidou link"
            for name in person.to
            if not _has_card(scenario, name)
        ]
    for number, stream in enumerate(scenario.streams):
        if not _has_card(scenario, stream.station):
            found.append(f"streams.{number}.station: {stream.station!r} is no station with a beidou link")
    names = {person.name for person in scenario.people}
    for number, hand_in in enumerate(scenario.hand_ins):
        if hand_in.station not in scenario.stations:
            found.append(f"hand_ins.{number}.station: there is no station {hand_in.station!r}")
    for number, order in enumerate(scenario.orders):
        kind, _, name = order.to.partition(":")
        if name not in (scenario.stations if kind == "station" else names):
            found.append(f"orders.{number}.to: there is no {order.to}")
        elif kind == "station" and name == scenario.scenario.centre:
            found.append(f"orders.{number}.to: the centre does not order itself")
    return found


def _fault_faults(scenario: Scenario) -> list[str]:
    found = []
    for number, fault in enumerate(scenario.faults):
        station = scenario.stations.get(fault.station)
        needs_link = fault.what not in ("restart", "power")
        if station is None:
            found.append(f"faults.{number}.station: there is no station {fault.station!r}")
        elif needs_link and fault.link not in station.links:
            found.append(f"faults.{number}.link: found {fault.link!r}, the links are {', '.join(station.links)}")
        elif not needs_link and (fault.link is not None or fault.lasts_min is None):
            found.append(f"faults.{number}: {fault.what} has no link and a lasts_min: how long it is away")
    return found


REPORT_KINDS: tuple[ReportKind, ...] = get_args(ReportKind)
"""What people report, in the order in which the program draws."""
