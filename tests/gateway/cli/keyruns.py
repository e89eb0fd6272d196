"""Runs of ``yizhan key`` for its tests: a desk with a root key and one issued station."""

import json

from click.testing import CliRunner

from gateway.cli.exits import Exit
from gateway.cli.main import main

HUB, CAR = "hub=1", "vehicle-7=0x107"
FIELD_FILE = "out/vehicle-7/vehicle-7--hub.key"
HUB_FILE = "out/hub/hub--vehicle-7.key"


def run(*arguments, stdin=None, env=None):
    """Run one command of ``yizhan key``; return exit code, stdout and stderr."""
    result = CliRunner().invoke(main, ["key", *map(str, arguments)], input=stdin, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def as_json(*arguments, code=Exit.DONE, stdin=None):
    """Run with --json; return the one object, after checking code and that nothing went to stderr."""
    found, stdout, stderr = run(*arguments, "--json", stdin=stdin)
    assert (found, stderr) == (code, "")
    value = json.loads(stdout)
    assert isinstance(value, dict)
    return value


def make_desk(tmp_path):
    """Make a root key and the key of vehicle-7; return the desk's directory."""
    made = tmp_path / "desk"
    assert run("init", "--out", made / "root.key")[0] == Exit.DONE
    code, _, stderr = run("issue", "--root", made / "root.key", "--own", HUB, "--peer", CAR, "--out", made / "out")
    assert code == Exit.DONE, stderr
    return made


def imported(file, keys):
    """Import one file into a keys directory; return the directory."""
    assert run("import", file, "--keys", keys)[0] == Exit.DONE
    return keys
