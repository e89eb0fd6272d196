"""How long simulated time takes: a day of three gateways and five links, thirty days of them, and a run of each scenario.

    .venv/bin/python bench/simulate.py [day|month|NAME ...] [--seed N] [--json]

``NAME`` is a scenario of config/scenarios. Wall seconds are those of this machine as it is now; CPU seconds hardly
depend on what else it does.
"""

import argparse
import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

PLAIN = """
[scenario]
name = "plain"
hours = {hours}
drain_hours = 1
centre = "hq"

[stations.hq]
role = "command"
[stations.hq.links]
bd1 = {{ model = "beidou", card = 200001, command = true }}
hf1 = {{ model = "hf", address = "HQ" }}

[stations.v1]
role = "vehicle"
upstream = "hq"
[stations.v1.links]
bd1 = {{ model = "beidou", card = 200101, dark_every_h = 6 }}
hf1 = {{ model = "hf", address = "V1" }}

[stations.v2]
role = "vehicle"
upstream = "hq"
[stations.v2.links]
bd1 = {{ model = "beidou", card = 200102, dark_every_h = 6 }}

[[hand_ins]]
station = "v1"
reports_per_hour = {{ sos = 0.1, hazard = 0.4, resource = 0.5, position = 1, chat = 1 }}

[[hand_ins]]
station = "v2"
reports_per_hour = {{ sos = 0.1, hazard = 0.4, resource = 0.5, position = 1, chat = 1 }}

[[orders]]
to = "station:v1"
per_hour = 0.5
"""
HOURS = {"day": 23, "month": 719}


def scenario_of(name):
    import tomllib

    from gateway.simulate.scenario import check_scenario, load_scenario

    if name in HOURS:
        return check_scenario(Path(name), tomllib.loads(PLAIN.format(hours=HOURS[name])))
    return load_scenario(HERE / f"config/scenarios/{name}.toml")


def measure(name, seed):
    from gateway.simulate.world import run

    cpu_s = time.process_time()
    result = run(scenario_of(name), seed)
    return {
        "scenario": name,
        "simulated_h": round(result.duration_s / 3600, 1),
        "gateways": len({use.gateway for use in result.links}),
        "links": len(result.links),
        "reports": len(result.fates),
        "delivered": sum(fate.delivered_s is not None for fate in result.fates),
        "frames": sum(use.frames for use in result.links),
        "wall_s": result.wall_s,
        "cpu_s": round(time.process_time() - cpu_s, 2),
        "digest": result.digest(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["day", "month", "county-earthquake"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    from gateway.observe.log import configure

    configure("error")
    found = [measure(name, args.seed) for name in args.names]
    if args.json:
        print(json.dumps(found))
        return
    for one in found:
        print("  ".join(f"{key} {value}" for key, value in one.items()))


if __name__ == "__main__":
    main()
