"""A small scenario for tests: a command post, a vehicle, a few people; half an hour."""

import tomllib
from pathlib import Path

from gateway.simulate.scenario import check_scenario

SMALL = """
[scenario]
name = "small"
hours = 0.5
drain_hours = 0.3
centre = "hq"

[stations.hq]
role = "command"
[stations.hq.links]
bd1 = { model = "beidou", card = 200001, command = true }
hf1 = { model = "hf", address = "HQ" }
sat1 = { model = "satcom", address = "0086174001" }

[stations.v1]
role = "vehicle"
upstream = "hq"
router = { order = { FLASH = ["bd1"] } }
[stations.v1.links]
bd1 = { model = "beidou", card = 200101 }
hf1 = { model = "hf", address = "V1" }
sat1 = { model = "satcom", address = "0086174101" }

[[people]]
name = "village"
handsets = 3
first_card = 300001
to = ["v1"]
reports_per_hour = { sos = 1, casualty = 1, resource = 1, chat = 1 }

[[hand_ins]]
station = "v1"
reports_per_hour = { sos = 4, hazard = 4, position = 4 }

[[orders]]
to = "station:v1"
per_hour = 6

[[orders]]
to = "people:village"
per_hour = 4
"""


def small(extra="", old="", new=""):
    """Return the scenario, with tables added or a text replaced."""
    assert old in SMALL
    return check_scenario(Path("small.toml"), tomllib.loads(SMALL.replace(old, new, 1) + extra))
