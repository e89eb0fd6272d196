"""``yizhan simulate``: what it says, to whom, and how it ends."""

import json

import pytest
from click.testing import CliRunner

from gateway.cli.exits import Exit
from gateway.cli.main import main
from gateway.cli.simulate import RUNS_MAX, shipped
from gateway.simulate import compare as comparing
from tests.simulation.madeup import comparison

SMALL = """
[scenario]
name = "valley"
hours = 0.2
drain_hours = 0.2
centre = "hq"
[stations.hq]
role = "command"
links.bd1 = { model = "beidou", card = 200001 }
[stations.v1]
role = "vehicle"
upstream = "hq"
links.bd1 = { model = "beidou", card = 200101 }
[[hand_ins]]
station = "v1"
reports_per_hour = { sos = 10, chat = 10 }
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "valley.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture
def asked(monkeypatch):
    """Let comparisons be made up; return what was asked for."""
    asked = {}

    def made_up(scenario, seeds, on_progress, **_):
        asked.update(scenario=scenario, seeds=list(seeds))
        for done in range(1, 41):
            on_progress(done / 40, done, 40)
        return comparison(router=[1.0, float("inf")])

    monkeypatch.setattr(comparing, "compare", made_up)
    return asked


def run(*arguments, env=None):
    """Run the command; return exit code, stdout and stderr."""
    result = CliRunner().invoke(main, ["simulate", *map(str, arguments)], env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.long
def test_a_small_scenario_runs_from_file_to_picture(small, tmp_path):
    """Real gateways, all policies, tables and verdicts on stdout, progress on stderr, the picture in its file."""
    picture = tmp_path / "out.svg"

    code, stdout, stderr = run(small, "--seed", 3, "--plot", picture)

    assert code == Exit.DONE
    assert "valley: seed 3, " in stdout
    assert all(word in stdout for word in ("FLASH (red)", "router", "first link only", "copy everywhere", "oracle"))
    assert "100% 3 of 3 runs" in stderr
    assert picture.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.usefixtures("asked")
def test_verdicts_are_words(small):
    """What was kept and what was not is said, with the seeds in which an SOS was lost; lines of 80 columns at most."""
    code, stdout, _ = run(small)

    assert code == Exit.DONE
    assert "NOT KEPT: every FLASH delivered: 1 of 2 (lost in seeds 1)" in stdout
    assert "kept: FLASH median delay 1.00 x the oracle's, at most 1.15" in stdout
    assert (
        "kept: airtime 1.00 x that of the cheapest that delivers as much, as soon (first link only), at most 1.2"
        in stdout
    )
    assert "beside it: airtime 1.00 x that of copy everywhere, which delivers as much, whenever it does" in stdout
    tables = stdout.partition("ratio:")[0]
    assert max(map(len, tables.splitlines())) <= 80
    assert "…" not in tables


@pytest.mark.usefixtures("asked")
def test_chinese_tables(small):
    """With a Chinese locale everything a person reads is Chinese."""
    _, stdout, _ = run(small, env={"LANGUAGE": "zh_CN"})

    assert all(word in stdout for word in ("未送达", "先知", "未做到", "特提（红）", "路由器"))
    assert "NOT KEPT" not in stdout


def test_seeds_are_counted_from_the_first(small, asked):
    """--seed and --runs give consecutive seeds; progress is at most LINES_MAX lines."""
    _, _, stderr = run(small, "--seed", 5, "--runs", 3)

    assert asked["seeds"] == [5, 6, 7]
    assert stderr.splitlines()[-1] == "100% 40 of 40 runs"
    assert len(stderr.splitlines()) == 20


@pytest.mark.usefixtures("asked")
def test_json_is_one_object(small):
    """--json prints the figures and nothing else on stdout."""
    _, stdout, _ = run(small, "--json")

    value = json.loads(stdout)
    assert set(value) == {"scenario", "seeds", "duration_s", "policies", "verdicts"}


def test_without_a_scenario_the_shipped_ones_are_listed():
    """Nobody has to know a path: names and what they are about; also as JSON."""
    code, stdout, _ = run()
    assert code == Exit.DONE
    assert "county-earthquake" in shipped()
    assert all(f"{name}\n" in stdout for name in shipped())

    code, stdout, _ = run("--json")
    assert code == Exit.DONE
    assert [one["name"] for one in json.loads(stdout)["scenarios"]] == list(shipped())


def test_a_wrong_name_is_answered_with_the_right_ones():
    """A scenario that is neither file nor shipped names those that are; also as JSON."""
    code, _, stderr = run("county-flood")
    assert code == Exit.USAGE
    assert "county-flood" in stderr
    assert "county-earthquake" in stderr

    code, stdout, _ = run("county-flood", "--json")
    assert (code, json.loads(stdout)["code"]) == (Exit.USAGE, "usage")


def test_a_shipped_scenario_is_found_by_name(asked):
    """The name is enough."""
    assert run("county-earthquake")[0] == Exit.DONE
    assert asked["scenario"].scenario.name == "county-earthquake"


def test_every_fault_of_a_file_is_told(small):
    """Each fault has its place; the exit code is that of a configuration at fault."""
    small.write_text(SMALL.replace('"beidou"', '"beidu"', 1).replace("hours = 0.2", "hours = -1", 1), encoding="utf-8")

    code, _, stderr = run(small)

    assert code == Exit.CONFIG
    assert "scenario.hours: " in stderr
    assert "stations.hq.links.bd1: " in stderr


@pytest.mark.usefixtures("asked")
def test_a_plot_without_a_folder_is_refused_before_the_work(small, tmp_path):
    """Nobody waits an hour to learn that a folder is missing; what cannot be written is told after the figures."""
    code, stdout, stderr = run(small, "--plot", tmp_path / "no/out.svg")
    assert (code, stdout) == (Exit.USAGE, "")
    assert "no/out.svg" in stderr

    (tmp_path / "taken").mkdir()
    assert run(small, "--plot", tmp_path / "taken")[0] == Exit.USAGE


@pytest.mark.parametrize("arguments", [("--runs", 0), ("--runs", RUNS_MAX + 1), ("--seed", -1)])
def test_bounds(small, arguments):
    """Runs and seeds have bounds; RUNS_MAX is that of the comparison."""
    assert run(small, *arguments)[0] == Exit.USAGE
    assert comparing.RUNS_MAX == RUNS_MAX
