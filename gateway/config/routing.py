"""The tables under ``[router]`` that say how links are chosen and what they may cost, in words a technician writes."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.config.passes import PassesError, read_passes
from gateway.config.table import LINKS_MAX, Name, Seconds, Table
from gateway.model import MessageKind, Precedence
from gateway.router.budget import SOS_RESERVE, Budget, Limits, Period
from gateway.router.contacts import HOUR_S, WINDOWS_MAX, DayTime, QuietHours, Schedule, Window
from gateway.router.policy import COPIES_MAX, DEFAULT_RULES, HYSTERESIS, PROBE_EVERY_S, Choose, KindRule, Policy
from gateway.router.tariff import Tariff
from gateway.router.terms import LinkTerms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.router.policy import Rule

PrecedenceName = Literal["FLASH", "IMMEDIATE", "PRIORITY", "ROUTINE"]

AMOUNT_MAX = 1e12
"""Largest figure of a budget: above it nobody counts."""

KM_MAX = 20_040.0
"""Half way round the Earth."""

Amount = Annotated[float, Field(ge=0, le=AMOUNT_MAX)]
Km = Annotated[float, Field(ge=0, le=KM_MAX)]


def _day_s(value: Any) -> float:
    """Return ``"22:00"`` or a TOML time as seconds after midnight."""
    if isinstance(value, time):
        return value.hour * HOUR_S + value.minute * 60 + value.second
    match = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)", value) if isinstance(value, str) else None
    if match is None or (match[1] == "24" and match[2] != "00"):
        raise ValueError(f'found {value!r}, write local time like "06:30"')
    return int(match[1]) * HOUR_S + int(match[2]) * 60


TimeOfDay = Annotated[float, BeforeValidator(_day_s)]


class RuleSettings(Table):
    """``[router.FLASH]``, ``[router.kind.position]``: what is not written is as it is by default or by precedence."""

    choose: Choose | None = None
    links: Annotated[tuple[Name, ...], Field(min_length=1, max_length=LINKS_MAX)] | None = None
    """Links that may carry it. FLASH takes another all the same when none of them is open."""
    copies: Annotated[int, Field(ge=1, le=COPIES_MAX)] | None = None
    deadline_s: Seconds | None = None

    def rule(self) -> KindRule:
        """Return what is written here, to be laid over what holds otherwise."""
        return KindRule(self.choose, self.links, self.copies, self.deadline_s)


def _is_urgent(rule: RuleSettings) -> RuleSettings:
    if rule.choose is Choose.CHEAPEST:
        raise ValueError('an SOS does not wait for a cheaper link; choose = "soonest" or "order"')
    return rule


class LimitsSettings(Table):
    """``[router.budget.<link>.hour]``, ``.day`` and ``.month``: what is not written has no limit."""

    messages: Amount | None = None
    bytes: Amount | None = None
    airtime_s: Amount | None = None
    money: Amount | None = None

    def limits(self) -> Limits:
        """Return the limits."""
        return Limits(**self.model_dump(exclude_none=True))


class BudgetSettings(Table):
    """``[router.budget.<link>]`` and ``[router.source_budget]``; windows roll, a month is thirty days."""

    hour: LimitsSettings | None = None
    day: LimitsSettings | None = None
    month: LimitsSettings | None = None
    sos_reserve: Annotated[float, Field(ge=0, le=0.9)] = SOS_RESERVE
    """Share of it that only FLASH may use."""

    def budget(self) -> Budget:
        """Return the budget."""
        tables = {Period.HOUR: self.hour, Period.DAY: self.day, Period.MONTH: self.month}
        return Budget({period: one.limits() for period, one in tables.items() if one is not None}, self.sos_reserve)


class HoursSettings(Table):
    """Hours of every day in local time, over midnight where ``to`` is earlier than ``from``."""

    starts: TimeOfDay = Field(alias="from")
    ends: TimeOfDay = Field(alias="to")

    def hours(self) -> DayTime:
        """Return the hours."""
        return DayTime(self.starts, self.ends)


class QuietSettings(HoursSettings):
    """``[[router.quiet.<link>]]``: hours in which only some precedences use the link."""

    passes: PrecedenceName = "IMMEDIATE"
    """The least urgent that still passes; FLASH always does."""


class WindowSettings(HoursSettings):
    """``[[router.windows.<link>]]``: hours in which the link reaches so far, as HF does by day and night."""

    km_min: Km = 0.0
    km_max: Km = KM_MAX


class TariffSettings(Table):
    """``[router.tariff.<link>]``: beside ``price_per_frame``, which stands in the link's own table."""

    price_per_kilobyte: Amount = 0.0
    airtime_s_per_frame: Amount = 0.0
    bits_per_s: Amount = 0.0
    """Speed on the air, where the airtime of a frame grows with its length."""


def _is_list(value: Any) -> Any:
    if isinstance(value, dict):
        raise ValueError(  # noqa: TRY004 - pydantic shows a ValueError with its place
            "is one table; write it with two brackets on each side, as in [[router.quiet.bd1]], since there may be several"
        )
    return value


def _has_room(window: WindowSettings) -> WindowSettings:
    if window.km_min > window.km_max:
        raise ValueError(f"km_min {window.km_min:g} is more than km_max {window.km_max:g}; no distance fits")
    return window


Hours = Annotated[tuple[QuietSettings, ...], BeforeValidator(_is_list), Field(max_length=WINDOWS_MAX)]
Windows = Annotated[
    tuple[Annotated[WindowSettings, AfterValidator(_has_room)], ...],
    BeforeValidator(_is_list),
    Field(max_length=WINDOWS_MAX),
]


class RoutingTables(Table):
    """The part of ``[router]`` that chooses; RouterSettings adds order and patience."""

    FLASH: Annotated[RuleSettings, AfterValidator(_is_urgent)] = RuleSettings()
    IMMEDIATE: RuleSettings = RuleSettings()
    PRIORITY: RuleSettings = RuleSettings()
    ROUTINE: RuleSettings = RuleSettings()
    kind: dict[MessageKind, RuleSettings] = {}
    hysteresis: Annotated[float, Field(ge=0, le=10)] = HYSTERESIS
    probe_every_s: Annotated[float, Field(ge=60, allow_inf_nan=True)] = PROBE_EVERY_S
    keep_last_slot: bool = False
    utc_offset_h: Annotated[float, Field(ge=-14, le=14)] = 8.0
    """Local time of quiet hours and windows, minus UTC."""
    tariff: dict[Name, TariffSettings] = {}
    budget: dict[Name, BudgetSettings] = {}
    source_budget: BudgetSettings = BudgetSettings()
    quiet: dict[Name, Hours] = {}
    windows: dict[Name, Windows] = {}
    distance_km: dict[Name, Km] = {}
    """How far the stations are that a link reaches, to choose among its windows."""
    passes: dict[Name, Path] = {}

    def rules(self) -> dict[Precedence, Rule]:
        """Return what holds for each precedence."""
        written = {name: getattr(self, name.name) for name in Precedence}
        return {name: written[name].rule().over(rule) for name, rule in DEFAULT_RULES.items()}

    def choosing(self, policy: Policy) -> Policy:
        """Return ``policy`` with what is written here."""
        return Policy(
            order=policy.order,
            patience=policy.patience,
            hold_down_s=policy.hold_down_s,
            rules=self.rules(),
            kinds={kind: one.rule() for kind, one in self.kind.items()},
            hysteresis=self.hysteresis,
            probe_every_s=self.probe_every_s,
            keep_last_slot=self.keep_last_slot,
        )

    def terms(self, prices: Mapping[str, float]) -> dict[str, LinkTerms]:
        """Return the terms of each link, with its price of a frame; raise PassesError for a schedule that is none."""
        return {name: self._terms_of(name, price) for name, price in prices.items()}

    def _terms_of(self, name: str, price_per_frame: float) -> LinkTerms:
        tariff = self.tariff.get(name, TariffSettings())
        quiet = [QuietHours(one.hours(), Precedence[one.passes]) for one in self.quiet.get(name, ())]
        windows = [Window(one.hours(), one.km_min, one.km_max) for one in self.windows.get(name, ())]
        passes = read_passes(self.passes[name]) if name in self.passes else ()
        return LinkTerms(
            tariff=Tariff(price_per_frame, tariff.price_per_kilobyte, tariff.airtime_s_per_frame, tariff.bits_per_s),
            budget=self.budget[name].budget() if name in self.budget else Budget(),
            schedule=Schedule(passes, tuple(windows), tuple(quiet)),
            km=self.distance_km.get(name),
        )


LINK_TABLES = ("tariff", "budget", "quiet", "windows", "distance_km", "passes")


def links_named(router: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every link that an unchecked ``[router]`` names, with its dotted path."""
    for precedence, names in _items(router.get("order")):
        yield from ((f"router.order.{precedence}", name) for name in _names(names))
    rules = [(name, router.get(name)) for name in Precedence.__members__]
    rules += [(f"kind.{kind}", rule) for kind, rule in _items(router.get("kind"))]
    for where, rule in rules:
        names = rule.get("links") if isinstance(rule, dict) else None
        yield from ((f"router.{where}.links", name) for name in _names(names))
    for table in LINK_TABLES:
        yield from ((f"router.{table}.{name}", name) for name, _ in _items(router.get(table)))


def passes_faults(router: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the schedule files of an unchecked ``[router]``, with its dotted path."""
    for name, path in _items(router.get("passes")):
        try:
            read_passes(Path(str(path)))
        except PassesError as error:
            yield from ((f"router.passes.{name}", fault) for fault in error.faults)


def _items(table: Any) -> list[tuple[str, Any]]:
    return list(table.items()) if isinstance(table, dict) else []


def _names(names: Any) -> list[str]:
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
