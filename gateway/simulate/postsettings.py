"""The configuration of a simulated gateway, made from its table in the scenario: what an operator would write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.config.settings import Settings
from gateway.model import LIFETIME_S_MAX

if TYPE_CHECKING:
    from gateway.simulate.scenario import Scenario
    from gateway.simulate.world import PolicyChoice

REGION = "5132"
CONSUMER = "desk"
"""Name of the program at the end of the centre's bus."""


def post_settings(scenario: Scenario, name: str, policy: PolicyChoice) -> Settings:
    """Return the settings of one gateway under a policy."""
    station, is_centre = scenario.stations[name], name == scenario.scenario.centre
    table: dict[str, Any] = {
        "gateway": {"id": name, "region": REGION},
        "bus": {"url": "mqtt://memory:1", "commands": "allow", "consumers": [CONSUMER]} if is_centre else None,
        "store": {"history_s": LIFETIME_S_MAX},
        "router": station.router.model_dump(mode="json", exclude_unset=True),
        "air": {"upstream": station.upstream},
        "links": {
            link: {"driver": "model", "price_per_frame": model.price_per_frame} for link, model in station.links.items()
        },
    }
    del policy
    return Settings.model_validate(table)
