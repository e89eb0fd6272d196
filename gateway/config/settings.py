"""The settings of a gateway as pydantic models. One table of the TOML file is one class; unknown keys are faults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.model import LIFETIME_S_MAX, Precedence
from gateway.router.policy import DEFAULT_LIFETIME_S, DEFAULT_PATIENCE, Patience, Policy

NAME = r"^[A-Za-z0-9_-]{1,32}$"
Name = Annotated[str, Field(pattern=NAME)]
Seconds = Annotated[float, Field(gt=0, le=LIFETIME_S_MAX, allow_inf_nan=False)]
LINKS_MAX = 64


class Table(BaseModel):
    """A TOML table: unknown keys are faults, values are final."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=False)


class GatewaySettings(Table):
    """``[gateway]``: who this is and where it keeps its things."""

    id: Name
    region: Name
    state_dir: Path = Path("/var/lib/yizhan")
    control_socket: Path = Path("/run/yizhan/control.sock")
    language: Literal["zh_CN", "en"] = "zh_CN"
    """Language of the texts sent to handsets."""
    receipts: bool = True
    """Answer every report with a short receipt on the bearer it came by."""


class EmbeddedBrokerSettings(Table):
    """``[bus.embedded]``: a broker of our own for demonstrations and small posts."""

    restart_delay_s: Annotated[float, Field(ge=0, le=3600)] = 2.0


class BusSettings(Table):
    """``[bus]``: the command centre's MQTT broker."""

    url: str
    root: Name = "yizhan"
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    keepalive_s: Annotated[int, Field(ge=2, le=3600)] = 15
    puback_timeout_s: Annotated[float, Field(ge=0.5, le=600)] = 10.0
    commands: Literal["deny", "allow"] = "deny"
    """Whether orders from the bus are taken at all; the broker's access list decides who may publish them."""
    consumers: tuple[Name, ...] = ()
    """Names of the consumers whose receipts close a report. Empty: reports are kept for ``retention_s``."""
    retention_s: Seconds = 7 * 86_400.0
    """How long a report that the broker took is kept when no consumer's receipt comes."""
    unconfirmed_resend_s: Seconds = 600.0
    """With consumers named: a report without their receipt is published again after this, each time twice as long."""
    backlog_per_s: Annotated[float, Field(gt=0, le=100_000)] = 200.0
    """Backlog published a second behind live traffic."""
    embedded: EmbeddedBrokerSettings | None = None

    @field_validator("url")
    @classmethod
    def _is_broker_url(cls, value: str) -> str:
        if not re.fullmatch(r"mqtts?://[^\s/@]+", value):
            raise ValueError("write mqtt://host:port or mqtts://host:port; user and password have their own keys")
        return value


class StoreSettings(Table):
    """``[store]``: caps of the outbox. What is shed first at a cap: docs/operations.md."""

    bundles_max: Annotated[int, Field(ge=100, le=20_000_000)] = 2_000_000
    bytes_max: Annotated[int, Field(ge=1_000_000)] = 2_000_000_000
    history_s: Seconds = 7 * 86_400.0
    """How long closed bundles and their tries are kept for ``explain``."""


class PatienceSettings(Table):
    """How long to wait for evidence and how often to try; see [router.patience.FLASH] and so on."""

    unacknowledged_s: Annotated[float, Field(gt=0)]
    tries_max: Annotated[int, Field(ge=1, le=1000)]


PrecedenceName = Literal["FLASH", "IMMEDIATE", "PRIORITY", "ROUTINE"]


class RouterSettings(Table):
    """``[router]``: the operator's order of links and patience, per precedence."""

    order: dict[PrecedenceName, tuple[Name, ...]] = {}
    patience: dict[PrecedenceName, PatienceSettings] = {}
    lifetime_s: dict[PrecedenceName, Seconds] = {}
    hold_down_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0

    def policy(self) -> Policy:
        """Return the policy the router works with: the defaults, overlaid."""
        patience = dict(DEFAULT_PATIENCE)
        patience |= {Precedence[name]: Patience(p.unacknowledged_s, p.tries_max) for name, p in self.patience.items()}
        order = {Precedence[name]: links for name, links in self.order.items()}
        return Policy(order=order, patience=patience, hold_down_s=self.hold_down_s)

    def lifetimes(self) -> dict[Precedence, float]:
        """Return the lifetime of bundles whose author asked for none."""
        return dict(DEFAULT_LIFETIME_S) | {Precedence[name]: s for name, s in self.lifetime_s.items()}


class HandsetSettings(Table):
    """``[handsets]``: plain Beidou handsets."""

    duplicate_window_s: Seconds = 600.0
    """The same text from the same card within this time is one report."""
    receipt_interval_s: Seconds = 60.0
    """At most one receipt to a card in this time."""
    last_known_max_age_s: Seconds = 86_400.0
    """A last-known position older than this is not used."""


class LinkSettings(BaseModel):
    """``[links.<name>]``: what every link has; the rest of the table belongs to its driver."""

    model_config = ConfigDict(extra="allow", frozen=True)

    driver: Name
    enabled: bool = True

    def own(self) -> dict[str, Any]:
        """Return the driver's part of the table."""
        return dict(self.__pydantic_extra__ or {})


class Settings(Table):
    """A whole configuration file."""

    gateway: GatewaySettings
    bus: BusSettings | None = None
    store: StoreSettings = StoreSettings()
    router: RouterSettings = RouterSettings()
    handsets: HandsetSettings = HandsetSettings()
    links: Annotated[dict[Name, LinkSettings], Field(max_length=LINKS_MAX)] = {}

    @model_validator(mode="after")
    def _order_names_links(self) -> Settings:
        unknown = {link for links in self.router.order.values() for link in links} - set(self.links)
        if unknown:
            raise ValueError(
                f"router.order names {', '.join(sorted(unknown))}, but [links] has only {', '.join(sorted(self.links)) or 'none'}"
            )
        return self
