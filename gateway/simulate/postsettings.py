"""The configuration of a simulated gateway, made from its table in the scenario: what an operator would write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from gateway.config.routing import PrecedenceName, RuleSettings, TariffSettings
from gateway.config.settings import Settings
from gateway.router.policy import COPIES_MAX, Choose

if TYPE_CHECKING:
    from gateway.config.settings import RouterSettings
    from gateway.simulate.scenario import Scenario, StationTable

PolicyChoice = Literal["router", "first-link", "copy-everywhere"]
"""The scenario's own policy; only the first link of the order; a copy of everything on all links."""

HISTORY_S = 2 * 86_400.0
"""How long a gateway remembers what is closed; the book of the simulation looks at it oftener than that."""

REGION = "5132"
CONSUMER = "desk"
"""Name of the program at the end of the centre's bus."""


def post_settings(scenario: Scenario, name: str, policy: PolicyChoice) -> Settings:
    """Return the settings of one gateway under a policy."""
    station, is_centre = scenario.stations[name], name == scenario.scenario.centre
    table: dict[str, Any] = {
        "gateway": {"id": name, "region": REGION},
        "bus": {"url": "mqtt://memory:1", "commands": "allow", "consumers": [CONSUMER]} if is_centre else None,
        "store": {"history_s": HISTORY_S},
        "router": router_of(station, policy),
        "air": {"upstream": station.upstream},
        "links": {
            link: {"driver": "model", "price_per_frame": model.price_per_frame} for link, model in station.links.items()
        },
    }
    return Settings.model_validate(table)


def router_of(station: StationTable, policy: PolicyChoice) -> RouterSettings:
    """Return ``[router]`` under a policy: the station's own, or all its rules replaced by a naive one."""
    router = station.router
    airtimes = {link: model.figures().airtime_s for link, model in station.links.items()}
    tariff = {link: TariffSettings(airtime_s_per_frame=airtime_s) for link, airtime_s in airtimes.items()}
    changed: dict[str, Any] = {"tariff": tariff | router.tariff}
    if policy != "router":
        changed["kind"] = {}
        for precedence in get_args(PrecedenceName):
            changed[precedence] = _naive(policy, router.order.get(precedence) or tuple(station.links))
    return router.model_copy(update=changed)


def _naive(policy: PolicyChoice, order: tuple[str, ...]) -> RuleSettings:
    if policy == "first-link":
        return RuleSettings(choose=Choose.ORDER, links=order[:1], copies=1)
    return RuleSettings(choose=Choose.ORDER, copies=min(COPIES_MAX, len(order)))
