"""The command line against a control socket: what it asks, what it prints, how it ends."""

import json
import re

import pytest
from click.testing import CliRunner

from gateway.cli.exits import Exit
from gateway.cli.main import COMMANDS, main
from gateway.messages.translate import use_language
from tests.gateway.cli.gatewayfake import FakeGateway, bundle, done, link, refused, status

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
HOSTILE = "撤离\x1b[2J\x9b31m\u202eB\x07"


@pytest.fixture
def gateway(tmp_path):
    """Start a fake gateway with given answers."""
    started = []

    def start(*answers):
        started.append(FakeGateway(tmp_path / f"{len(started)}.sock", answers))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(autouse=True)
def _english():
    use_language("en")
    yield
    use_language(None)


def run(gateway, *arguments, env=None):
    """Run one command line; return exit code, stdout and stderr."""
    socket = [] if gateway is None else ["--socket", getattr(gateway, "path", gateway)]
    result = CliRunner().invoke(main, [*arguments, *socket], env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def the_object(stdout):
    """Return the one JSON object on stdout; anything more or less fails."""
    value = json.loads(stdout)
    assert isinstance(value, dict)
    return value


OPTION = {
    "link": "bd1",
    "state": "open",
    "chosen": True,
    "why": "soonest slot",
    "delay_s": 4.2,
    "success": 0.95,
    "price": 0.5,
    "budget_spent": 0.1,
    "learned": {"success": {"mean": 0.9, "low": 0.8, "high": 0.97, "age_s": 60.0}},
}
WAY = {"to": "card:1", "links": ["bd1"], "reason": "soonest slot", "wait_s": None, "options": [OPTION]}

EVERY = [
    (["status"], done(status())),
    (["send", "--to", "card:1", "撤离"], done({"duplicate": False, "bundles": [bundle()]})),
    (["explain", "1"], done({"bundle": bundle(), "now_s": 9.0, "wall_s": 1.8e9, "waits": "x", "history": []})),
    (["route", "explain", "--to", "card:1"], done({"kind": "command", "precedence": "FLASH", "ways": [WAY]})),
    (["station", "add", "team3"], done({"id": "team3"})),
    (["station", "list"], done({"stations": [], "total": 0})),
]
names = [" ".join(arguments[:2]) for arguments, _ in EVERY]


# --- exit codes and errors, the same for every command ----------------------------------------------------------


@pytest.mark.parametrize(("arguments", "answer"), EVERY, ids=names)
def test_done_is_zero_and_json_is_one_object(gateway, arguments, answer):
    """Every command ends with 0 and prints the gateway's result as one object with --json, and words without."""
    server = gateway(answer)

    assert run(server, *arguments)[0] == Exit.DONE
    code, stdout, stderr = run(server, *arguments, "--json")

    assert (code, stderr) == (Exit.DONE, "")
    assert the_object(stdout) == answer["result"]


@pytest.mark.parametrize(("arguments", "answer"), EVERY, ids=names)
def test_a_refusal_is_five_with_the_gateways_words(gateway, arguments, answer):
    """What the gateway refuses is told in its words, as one object with --json."""
    server = gateway(refused("station:x: no such station"))

    code, stdout, stderr = run(server, *arguments)
    assert (code, stdout) == (Exit.REFUSED, "")
    assert "no such station" in stderr
    code, stdout, _ = run(server, *arguments, "--json")
    assert code == Exit.REFUSED
    assert the_object(stdout) == {"error": "station:x: no such station", "code": "refused"}


@pytest.mark.parametrize(("arguments", "answer"), EVERY, ids=names)
def test_no_gateway_is_six_with_what_to_do(tmp_path, arguments, answer):
    """No socket, and a socket file nobody listens on, say how to start a gateway."""
    code, _, stderr = run(str(tmp_path / "none.sock"), *arguments)
    assert code == Exit.NO_GATEWAY
    assert "yizhan run" in stderr
    code, stdout, _ = run(str(tmp_path / "none.sock"), *arguments, "--json")
    assert code == Exit.NO_GATEWAY
    assert the_object(stdout)["code"] == "no_gateway"


@pytest.mark.parametrize(
    "raw",
    [b"", b"\n", b"{\n", b"5\n", b"null\n", b"[1]\n", b"{}\n", b'{"ok":tru', b"\xff\xfe\n", b"HTTP/1.1 400 Bad\r\n"],
)
def test_nonsense_on_the_socket_is_six(gateway, raw):
    """Whatever else answers there is told apart from a gateway, without a traceback."""
    code, stdout, _ = run(gateway(raw), "status", "--json")

    assert code == Exit.NO_GATEWAY
    assert the_object(stdout)["error"]


def test_a_busy_gateway_is_not_a_refusal(gateway):
    """Too many clients is a matter of trying again, not of what was asked."""
    assert run(gateway(refused("32 clients", "busy")), "status")[0] == Exit.NO_GATEWAY


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "撤离"],
        ["send", "--to", "card:1"],
        ["send", "--to", "card:1", "x", "--precedence", "SOON"],
        ["send", "--to", "card:1", "x", "--lifetime", "0"],
        ["send", "--to", "card:1", "x", "--wait", "read"],
        ["send", "--to", "card:1", "x", "--wait", "--timeout", "inf"],
        ["explain"],
        ["station", "add", "x", "--card", "0"],
        ["station", "add", "x", "--card", "100000000"],
        ["nonsense"],
        ["--language", "tlh", "status"],
        ["status", "--nonsense"],
    ],
)
def test_wrong_usage_is_two_and_one_object_with_json(arguments):
    """Click's own faults obey --json as everything does."""
    assert run(None, *arguments)[0] == Exit.USAGE
    code, stdout, _ = run(None, *arguments, "--json")

    assert code == Exit.USAGE
    assert the_object(stdout)["code"] == "usage"


def test_the_documented_codes_are_the_codes():
    """docs/cli.md and --help tell the same numbers."""
    from pathlib import Path

    documented = (Path(__file__).parents[3] / "docs/cli.md").read_text(encoding="utf-8")
    _, stdout, _ = run(None, "--help")
    for code in Exit:
        assert f"| {code.value} | {code.meaning()} |" in documented
        assert code.meaning() in " ".join(stdout.split())


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help(command):
    """Help works without a gateway and ends with 0, with --json as well."""
    assert run(None, command, "--help")[0] == 0
    assert run(None, command, "--help", "--json")[0] in (0, Exit.USAGE)


# --- what comes from the air is harmless on a terminal ----------------------------------------------------------


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["words", "json"])
def test_control_characters_from_the_air_are_escaped(gateway, as_json):
    """Given texts, reasons, names and device words full of escapes, then none of them reaches the terminal raw."""
    hostile = bundle(text=HOSTILE, reason=HOSTILE)
    event = {"at_s": 1.0, "what": "try", "link": "bd1", "words": HOSTILE, "ended_s": 1.0}
    answers = {
        ("explain", "1"): {"bundle": hostile, "now_s": 9.0, "wall_s": 1.8e9, "waits": HOSTILE, "history": [event]},
        ("station", "list"): {
            "stations": [{"id": "a", "name": HOSTILE, "cards": [], "groups": [], "grids": [], "addresses": [HOSTILE]}],
            "total": 2,
        },
        ("status",): status(
            bus={"connected": False, "state": HOSTILE, "for_s": 1.0},
            links=[link(detail=HOSTILE, identity={"card": HOSTILE})],
        ),
        ("send", "--to", "card:1", "x"): {"duplicate": True, "bundles": [hostile]},
    }
    for arguments, result in answers.items():
        code, stdout, stderr = run(gateway(done(result)), *arguments, *as_json)
        assert code == 0
        assert not CONTROL.search(stdout + stderr), arguments
        if as_json:
            assert the_object(stdout) == result

    _, stdout, stderr = run(gateway(refused(HOSTILE)), "status", *as_json)
    assert not CONTROL.search(stdout + stderr)


def test_a_configuration_cannot_repaint_the_terminal(tmp_path):
    """A fault's place is somebody's text too."""
    path = tmp_path / "x.toml"
    path.write_text('[gateway]\nid="a"\nregion="b"\n"\\u001b[2Jx" = 1\n', encoding="utf-8")

    code, stdout, stderr = run(None, "config", "validate", str(path))

    assert code == Exit.CONFIG
    assert not CONTROL.search(stdout + stderr)


# --- the commands, one by one ----------------------------------------------------------------------------------


def test_send_asks_for_what_was_said(gateway):
    """Every option arrives under its name; the precedence may be written small."""
    server = gateway(done({"duplicate": False, "bundles": [bundle()]}))

    run(
        server,
        "send",
        "--to",
        "group:a",
        "--precedence",
        "flash",
        "--kind",
        "alert",
        "--lifetime",
        "60",
        "--id",
        "i",
        "撤",
    )

    assert server.requests == [
        {
            "op": "send",
            "to": "group:a",
            "text": "撤",
            "kind": "alert",
            "precedence": "FLASH",
            "lifetime_s": 60.0,
            "id": "i",
        }
    ]


@pytest.mark.parametrize(
    ("waited", "code"),
    [
        ([("answered", True)], Exit.DONE),
        ([("answered", True), ("sent", False)], Exit.NOT_REACHED),
        ([("answered", True), ("expired", False)], Exit.ENDED),
        ([("shed", False), ("sent", False)], Exit.ENDED),
        ([], Exit.NOT_REACHED),
    ],
)
def test_how_a_wait_ends(gateway, waited, code):
    """Reached by all is 0, ended without is 4, not yet is 3; a duplicate that nobody remembers is not called reached."""
    bundles = [bundle(n) for n in range(len(waited))]
    answers = [done({"reached": reached, "bundle": bundle(n, state)}) for n, (state, reached) in enumerate(waited)]
    server = gateway(done({"duplicate": not waited, "bundles": bundles}), *answers)

    ended, stdout, _ = run(server, "send", "--to", "group:a", "x", "--wait", "answered", "--json")

    assert ended == code
    assert the_object(stdout)["reached"] == (code == Exit.DONE)
    assert [request.get("level") for request in server.requests[1:]] == ["answered"] * len(waited)


def test_the_timeout_is_for_all_members_together(gateway):
    """A group of ten is waited for as long as was said, not ten times as long."""
    bundles = [bundle(n) for n in range(10)]
    answers = [done({"reached": False, "bundle": bundle(0, "sent")})]
    server = gateway(done({"duplicate": False, "bundles": bundles}), *answers)

    run(server, "send", "--to", "group:a", "x", "--wait", "--timeout", "5")

    assert {request["level"] for request in server.requests[1:]} == {"delivered"}
    assert all(request["timeout_s"] <= 5 for request in server.requests[1:])


def test_send_shows_number_and_state_in_words(gateway):
    """A person reads what is known, never more."""
    result = {"duplicate": True, "bundles": [bundle(7, "sent")]}

    _, stdout, _ = run(gateway(done(result)), "send", "--to", "card:242286", "x")

    assert "nothing was sent twice" in stdout
    assert "number 7" in stdout
    assert "nobody has confirmed it" in stdout


def test_status_shows_what_matters(gateway):
    """Links, the dead bus, the waiting SOS and the balance are on one screen, the SOS in words and not only in red."""
    _, stdout, _ = run(gateway(done(status())), "status", env={"COLUMNS": "160"})

    for words in ("bd1", "● open", "connection refused", "1 h 2 min", "FLASH (red)", "oldest 30 s", "accepted 1 ="):
        assert words in stdout


def test_status_says_why_bundles_were_shed(gateway):
    """Each reason with its count, and nothing when none was."""
    noted = {"shed: cap bundles_max": 12, "shed: superseded": 3, "heard again": 9}
    _, stdout, _ = run(gateway(done(status(store={"noted": noted}))), "status", env={"COLUMNS": "160"})
    _, without, _ = run(gateway(done(status())), "status", env={"COLUMNS": "160"})

    assert "shed: 12 cap bundles_max, 3 superseded" in stdout
    assert "shed:" not in without


def test_status_without_a_bus_and_with_a_wrong_clock_and_balance(gateway):
    """What is wrong is said in capitals."""
    wrong = status(
        bus=None,
        links=[],
        clock={"wall_s": 0.0, "trusted": False},
        balance={"accepted": 2, "delivered": 0, "queued": 1, "expired": 0, "shed": 0, "balanced": False},
    )

    _, stdout, _ = run(gateway(done(wrong)), "status", env={"COLUMNS": "160"})

    for words in ("bus: none configured", "CLOCK NOT TRUSTED", "DOES NOT ADD UP"):
        assert words in stdout


@pytest.mark.parametrize("wall_s", [1.8e9, -1e18, 1e18, None])
def test_explain_survives_any_clock(gateway, wall_s):
    """A clock beyond all calendars shows ages instead of dates."""
    events = [{"at_s": 1.0, "what": "accepted", "link": "cli", "words": "", "ended_s": 1.0}]
    result = {"bundle": bundle(), "now_s": 100.0, "wall_s": wall_s or 0.0, "waits": "x", "history": events}

    code, stdout, _ = run(gateway(done(result)), "explain", "1")

    assert code == 0
    assert "accepted cli" in stdout


@pytest.mark.parametrize(("language", "words"), [("zh_CN", "网关"), ("en", "gateway")])
def test_errors_are_in_the_language_asked_for(tmp_path, language, words):
    """Texts are Chinese or English, JSON keys and codes always English."""
    path = str(tmp_path / "none.sock")
    _, _, stderr = run(None, "--language", language, "status", "--socket", path)
    _, stdout, _ = run(None, "--language", language, "status", "--json", "--socket", path)

    assert words in stderr
    assert the_object(stdout)["code"] == "no_gateway"


def test_states_are_told_in_chinese(gateway):
    """The honest words exist in both languages."""
    result = {"duplicate": False, "bundles": [bundle(7, "sent")]}

    _, stdout, _ = run(gateway(done(result)), "--language", "zh_CN", "send", "--to", "card:1", "x")

    assert "已发出" in stdout or "发出" in stdout


def test_validate_shows_every_fault_and_a_good_file(tmp_path):
    """All faults at once with their places; a good file names its links."""
    bad, good = tmp_path / "bad.toml", tmp_path / "good.toml"
    bad.write_text('[gateway]\nid="a b"\n[links.x]\ndriver="none"\n', encoding="utf-8")
    good.write_text('[gateway]\nid="a"\nregion="b"\n[links.bd1]\ndriver="beidou"\nurl="/dev/x"\n', encoding="utf-8")

    code, stdout, _ = run(None, "config", "validate", str(bad), "--json")
    assert code == Exit.CONFIG
    assert {fault["where"] for fault in the_object(stdout)["faults"]} == {
        "gateway.id",
        "gateway.region",
        "links.x.driver",
    }
    assert run(None, "config", "validate", str(bad))[2].count("\n") == 4
    code, stdout, _ = run(None, "config", "validate", str(good), "--json")
    assert (code, the_object(stdout)["links"]) == (0, ["bd1"])


def test_run_with_a_bad_file_is_seven(tmp_path):
    """The daemon does not start on a file at fault, and says why."""
    path = tmp_path / "bad.toml"
    path.write_text("", encoding="utf-8")

    code, _, stderr = run(None, "run", "--config", str(path))

    assert code == Exit.CONFIG
    assert "gateway: is missing" in stderr
