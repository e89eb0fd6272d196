"""The settings of a gateway as pydantic models. One table of the TOML file is one class; unknown keys are faults."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from gateway.config.listen import check_listen
from gateway.config.routing import PrecedenceName, RoutingTables
from gateway.config.table import LINKS_MAX, Name, Seconds, Table
from gateway.model import Precedence
from gateway.router.contacts import HOUR_S
from gateway.router.policy import DEFAULT_LIFETIME_S, DEFAULT_PATIENCE, Patience, Policy
from gateway.router.routes import STATIC_MAX, Pattern, StaticRoute
from gateway.router.terms import Routing

PORT_MAX = 65_535

SOCKET_PATH_BYTES_MAX = 107
"""Longest path of a Unix socket (unix(7), sun_path without its end)."""

STORE_BYTES_MIN = 4_000_000
"""Below this a database has no room for its own margins."""


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

    @field_validator("control_socket")
    @classmethod
    def _fits_a_socket_address(cls, value: Path) -> Path:
        if len(os.fsencode(value)) > SOCKET_PATH_BYTES_MAX:
            raise ValueError(f"a socket's path has at most {SOCKET_PATH_BYTES_MAX} bytes; use a shorter one")
        return value


class EmbeddedBrokerSettings(Table):
    """``[bus.embedded]``: a broker of our own for demonstrations and small posts."""

    restart_delay_s: Annotated[float, Field(ge=0.1, le=3600)] = 2.0


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
        match = re.fullmatch(r"mqtts?://(?:\[[0-9A-Fa-f:.]+\]|[^\s/@:\[\]]+)(?::([0-9]{1,5}))?", value)
        if match is None or not 0 < int(match[1] or 1) <= PORT_MAX:
            raise ValueError("write mqtt://host:port or mqtts://host:port; user and password have their own keys")
        return value

    @field_validator("embedded")
    @classmethod
    def _can_listen_there(
        cls, value: EmbeddedBrokerSettings | None, info: ValidationInfo
    ) -> EmbeddedBrokerSettings | None:
        url = info.data.get("url")
        if value is not None and url is not None:
            scheme, _, listen = url.partition("://")
            if scheme != "mqtt":
                raise ValueError("the embedded broker speaks no TLS; write bus.url as mqtt://127.0.0.1:port")
            check_listen(listen)
        return value


class StoreSettings(Table):
    """``[store]``: caps of the outbox. What is shed first at a cap: docs/operations.md."""

    bundles_max: Annotated[int, Field(ge=100, le=20_000_000)] = 2_000_000
    bytes_max: Annotated[int, Field(ge=STORE_BYTES_MIN, le=10**15)] = 2_000_000_000
    history_s: Seconds = 7 * 86_400.0
    """How long closed bundles and their tries are kept for ``explain``."""


class PatienceSettings(Table):
    """How long to wait for evidence and how often to try; see [router.patience.FLASH] and so on."""

    unacknowledged_s: Annotated[float, Field(ge=1, allow_inf_nan=True)]
    """Seconds, or ``inf``: never repeated without being asked."""
    tries_max: Annotated[int, Field(ge=1, le=1000)]


def _is_pattern(text: str) -> str:
    Pattern.parse(text)
    return text


PatternText = Annotated[str, AfterValidator(_is_pattern)]


class RouteSettings(Table):
    """``[[router.route]]``: by which neighbour a station beyond our own links is reached; the longest match wins."""

    to: PatternText
    """``station:v7``, ``v*`` for all whose name begins so, ``5132*`` for an area of GB/T 2260, or ``default``."""
    via: Name
    """The next station, by its name in the registry."""


class RouterSettings(RoutingTables):
    """``[router]``: the operator's order of links and patience, per precedence."""

    order: dict[PrecedenceName, tuple[Name, ...]] = {}
    patience: dict[PrecedenceName, PatienceSettings] = {}
    lifetime_s: dict[PrecedenceName, Seconds] = {}
    hold_down_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    route: Annotated[tuple[RouteSettings, ...], Field(max_length=STATIC_MAX)] = ()

    def routes(self) -> tuple[StaticRoute, ...]:
        """Return the static routes, in the operator's order."""
        return tuple(StaticRoute(Pattern.parse(one.to), one.via) for one in self.route)

    def policy(self) -> Policy:
        """Return the policy the router works with: the defaults, overlaid."""
        patience = dict(DEFAULT_PATIENCE)
        patience |= {Precedence[name]: Patience(p.unacknowledged_s, p.tries_max) for name, p in self.patience.items()}
        order = {Precedence[name]: links for name, links in self.order.items()}
        return self.choosing(Policy(order=order, patience=patience, hold_down_s=self.hold_down_s))

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


class AirSettings(Table):
    """``[air]``: records between gateways on narrow links. Without it only texts to handsets leave."""

    keys: Path | None = None
    """Folder of key files, mode 0700; default: ``keys`` in ``gateway.state_dir``."""
    root_key_file: Path | None = None
    """A hub's root key, from which it derives the key of every peer without a file of its own."""
    context: Path | None = None
    """The context file that all gateways of the operation have: operations, stations, words."""
    upstream: Name | None = None
    """The gateway above, by its name in the keys and the registry: reports for the centre go to it, orders come from it."""
    suite: Literal[1, 2] = 1
    """Cipher of our own records: 1 AES-128-CCM, 2 SM4-GCM. Both are understood once allowed here."""
    relay: Annotated[tuple[PatternText, ...], Field(max_length=STATIC_MAX)] = ()
    """Gateways whose records are carried on to others, by name or ``v*``. Answers need their own source here too."""

    def relayed(self) -> tuple[Pattern, ...]:
        """Return whose records are carried on."""
        return tuple(map(Pattern.parse, self.relay))


class LinkSettings(BaseModel):
    """``[links.<name>]``: what every link has; the rest of the table belongs to its driver."""

    model_config = ConfigDict(extra="allow", frozen=True)

    driver: Name
    enabled: bool = True
    price_per_frame: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0
    """What one frame costs, in the operator's currency; shown by `yizhan send --dry-run`."""

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
    air: AirSettings | None = None
    links: Annotated[dict[Name, LinkSettings], Field(max_length=LINKS_MAX)] = {}

    def routing(self) -> Routing:
        """Return all that is decided beforehand about which way things go."""
        return Routing(
            policy=self.router.policy(),
            lifetimes=self.router.lifetimes(),
            links=self.router.terms({name: link.price_per_frame for name, link in self.links.items()}),
            source_budget=self.router.source_budget.budget(),
            offset_s=self.router.utc_offset_h * HOUR_S,
        )
