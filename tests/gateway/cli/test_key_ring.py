"""``yizhan key import``, ``list``, ``revoke`` and ``rotate``: what a technician does at a gateway."""

import json
import os
import re

import pytest

from gateway.cli.exits import Exit
from gateway.messages.translate import use_language
from gateway.security.keyfile import format_key, read_key
from gateway.security.keyline import format_line, grouped
from gateway.security.keyring import Keyring
from gateway.security.keys import GroupKey
from gateway.security.secret import Secret
from tests.gateway.cli.gatewayfake import FakeGateway, done, refused
from tests.gateway.cli.keyruns import CAR, FIELD_FILE, HUB, HUB_FILE, as_json, imported, make_desk, run

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(autouse=True)
def _english():
    use_language("en")
    yield
    use_language(None)


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


@pytest.fixture
def desk(tmp_path):
    return make_desk(tmp_path)


@pytest.fixture
def hub(desk, tmp_path):
    """The keys directory of the hub."""
    return imported(desk / HUB_FILE, tmp_path / "hub")


@pytest.fixture
def nobody(tmp_path):
    """A socket on which no gateway answers."""
    return tmp_path / "none.sock"


# --- import ------------------------------------------------------------------------------------------------------


def test_both_ends_show_the_same_fingerprint(desk, hub, tmp_path):
    """This is what two people compare by voice."""
    car = imported(desk / FIELD_FILE, tmp_path / "car")
    [at_hub], [at_car] = (as_json("list", "--keys", keys)["keys"] for keys in (hub, car))

    assert at_hub["fingerprint"] == at_car["fingerprint"]
    assert (at_hub["name"], at_hub["id"], at_car["name"], at_car["id"]) == ("vehicle-7", 0x107, "hub", 1)
    assert Keyring(hub).pair_secret(0x107) == Keyring(car).pair_secret(1)


@pytest.mark.parametrize("form", ["file", "line", "grouped", "typed"])
def test_standard_input_takes_a_file_and_a_line(desk, tmp_path, form):
    """As copied from a stick, as a scanner gives it, as a person types it."""
    key = read_key(desk / FIELD_FILE)
    line = format_line(key)
    given = {
        "file": format_key(key),
        "line": line.encode(),
        "grouped": grouped(line).encode() + b"\n",
        "typed": grouped(line).lower().replace("0", "o").encode() + b"\r\n\r\n",
    }[form]
    told = as_json("import", "-", "--keys", tmp_path / "k", stdin=given)

    assert [one["outcome"] for one in told["keys"]] == ["new"]
    assert read_key(tmp_path / "k/pair-000001.key") == key


def test_a_file_may_hold_the_line(desk, tmp_path):
    """Kept private as any key file is."""
    path = tmp_path / "desk" / "line.txt"
    path.write_text(format_line(read_key(desk / FIELD_FILE)), encoding="utf-8")
    path.chmod(0o600)

    imported(path, tmp_path / "k")
    path.chmod(0o644)
    assert run("import", path, "--keys", tmp_path / "k")[0] == Exit.REFUSED


def test_a_key_on_the_command_line_is_refused_without_repeating_it(desk, tmp_path):
    """It would be in the process list and in the shell's history; the text says so, and shows none of it."""
    line = format_line(read_key(desk / FIELD_FILE))
    for given in (line, line.lower(), f" {line}"):
        code, stdout, stderr = run("import", given, "--keys", tmp_path / "k")
        assert (code, stdout) == (Exit.USAGE, "")
        assert "yizhan key import -" in stderr
        assert not any(given.strip()[at : at + 8] in stderr for at in range(5, len(line) - 8))
    assert not (tmp_path / "k").exists()


def test_again_is_no_error(hub, desk):
    """The outcome says that it was there."""
    [one] = as_json("import", desk / HUB_FILE, "--keys", hub)["keys"]

    assert (one["outcome"], one["file"]) == ("same", str(hub / "pair-000107.key"))


def test_a_step_back_needs_force(hub, desk, tmp_path):
    """Older generation: refused, then taken."""
    run("issue", "--root", desk / "root.key", "--own", HUB, "--peer", CAR, "--out", desk / "2", "--generation", "2")
    imported(desk / "2/hub/hub--vehicle-7.key", hub)

    code, _, stderr = run("import", desk / HUB_FILE, "--keys", hub)
    assert code == Exit.REFUSED
    assert "(generation 2); --force" in stderr
    assert run("import", desk / HUB_FILE, "--keys", hub, "--force")[0] == Exit.DONE
    assert Keyring(hub).pair(0x107).generation == 0


def test_another_secret_needs_replace(hub, tmp_path):
    """From another root, for instance."""
    other = make_desk(tmp_path / "second") / HUB_FILE

    assert "--replace takes this one" in run("import", other, "--keys", hub)[2]
    assert run("import", other, "--keys", hub, "--force")[0] == Exit.REFUSED
    assert as_json("import", other, "--keys", hub, "--replace")["keys"][0]["outcome"] == "replaced"
    assert read_key(hub / "pair-000107.key") == read_key(other)


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (b"", Exit.BAD_INPUT, "standard input: no key file"),
        (b"YZK1:00000", Exit.BAD_INPUT, "standard input: 5 characters after YZK1:"),
        (b"\xff\xfe\x00", Exit.BAD_INPUT, "standard input: no key file"),
        (b"x" * 10_000, Exit.BAD_INPUT, "standard input: longer than 4096 bytes"),
    ],
)
def test_what_is_no_key_is_told(tmp_path, given, code, told):
    """With where it came from, and no traceback."""
    found, stdout, stderr = run("import", "-", "--keys", tmp_path / "k", stdin=given)

    assert (found, stdout) == (code, "")
    assert told in stderr


def test_a_file_from_a_stick_that_keeps_no_modes_is_told_how(desk, tmp_path):
    """0755 on every file, as FAT shows: refused with the command; standard input is the way around."""
    path = desk / FIELD_FILE
    path.chmod(0o755)

    code, _, stderr = run("import", path, "--keys", tmp_path / "k")
    assert code == Exit.REFUSED
    assert f"run: chmod 600 {path}" in stderr
    assert as_json("import", "-", "--keys", tmp_path / "k", stdin=path.read_bytes())["keys"][0]["name"] == "hub"


def test_the_root_key_is_not_imported(desk, hub):
    """A gateway that needs it names its file."""
    code, _, stderr = run("import", desk / "root.key", "--keys", hub)

    assert code == Exit.REFUSED
    assert "which no gateway imports" in stderr


def test_a_group_key_is_imported_and_listed(hub):
    """It has an id and no name."""
    group = GroupKey(0xFF01, 2, Secret(b"\x05" * 16), 200_000_000)
    told = as_json("import", "-", "--keys", hub, stdin=format_key(group))["keys"]

    assert [(one["kind"], one["id"], one["outcome"]) for one in told] == [("group", 0xFF01, "new")]
    assert "0x00ff01" in run("list", "--keys", hub)[1]


def test_keys_are_where_the_environment_says(desk, tmp_path):
    """YIZHAN_KEYS is the default of --keys."""
    environment = {"YIZHAN_KEYS": str(tmp_path / "k")}

    assert run("import", desk / FIELD_FILE, env=environment)[0] == Exit.DONE
    assert json.loads(run("list", "--json", env=environment)[1])["own"]["name"] == "vehicle-7"


# --- list --------------------------------------------------------------------------------------------------------


def test_the_list_tells_everything_but_the_secret(hub):
    """As words with the whole fingerprint on 80 columns, and as JSON."""
    listed = as_json("list", "--keys", hub)
    [one] = listed["keys"]
    stdout = run("list", "--keys", hub, env={"COLUMNS": "80"})[1]

    assert set(listed) == {"own", "keys", "peers_listed", "revoked", "faults", "unknown"}
    assert {**one, "serial": 0, "issued": "", "fingerprint": ""} == {
        "kind": "pair", "name": "vehicle-7", "id": 0x107, "suite": 1, "generation": 0, "serial": 0, "issued": "",
        "fingerprint": "", "revoked": False, "file": str(hub / "pair-000107.key"),
    }  # fmt: skip
    assert one["fingerprint"] == read_key(hub / "pair-000107.key").secret.fingerprint()
    for shown in ("keys of hub (0x000001)", "vehicle-7", "0x000107", one["fingerprint"], one["issued"][:10], "good"):
        assert shown in stdout


def test_the_list_can_be_asked_for_one(hub, desk):
    """By name or id; what has no key is told, a name that nobody has is an error."""
    assert [one["id"] for one in as_json("list", "vehicle-7", "0x107", "--keys", hub)["keys"]] == [0x107]
    assert as_json("list", "0x999", "--keys", hub) == {
        "own": {"name": "hub", "id": 1}, "keys": [], "peers_listed": 0, "revoked": [], "faults": [], "unknown": ["0x000999"],
    }  # fmt: skip
    assert "0x000999: no key" in run("list", "0x999", "--keys", hub)[1]
    assert run("list", "nobody", "--keys", hub)[0] == Exit.REFUSED
    [derived] = as_json("list", "0x999", "--keys", hub, "--root", desk / "root.key")["keys"]
    assert (derived["kind"], derived["name"]) == ("derived", "id-000999")


def test_a_fault_is_told_and_is_one(hub, desk):
    """The other keys are listed all the same; exit code 1."""
    (hub / "bad.key").write_bytes(b"x")
    (hub / "bad.key").chmod(0o644)

    code, stdout, stderr = run("list", "--keys", hub)
    assert code == Exit.BAD_INPUT
    assert "vehicle-7" in stdout
    assert "fault: " in stderr
    assert "chmod 600" in stderr
    assert len(as_json("list", "--keys", hub, code=Exit.BAD_INPUT)["faults"]) == 1


def test_a_directory_that_cannot_be_used_is_five(hub, tmp_path):
    """Missing, or open to others, with what to do."""
    assert "yizhan key import FILE" in as_json("list", "--keys", tmp_path / "none", code=Exit.REFUSED)["error"]
    hub.chmod(0o755)
    assert f"chmod 700 {hub}" in as_json("list", "--keys", hub, code=Exit.REFUSED)["error"]


def test_a_hostile_file_name_cannot_repaint_the_terminal(hub):
    """A fault names the file."""
    (hub / "a\x1b[2J\u202e.key").write_bytes(b"x")
    for arguments in (["list"], ["list", "--json"]):
        _, stdout, stderr = run(*arguments, "--keys", hub)
        assert not CONTROL.search(stdout + stderr)


# --- revoke ------------------------------------------------------------------------------------------------------


def test_a_revoked_station_is_on_disk_before_the_gateway_is_told(hub, gateway):
    """The running gateway gets the id; the keyring has no key any more; the list tells when and why."""
    server = gateway(done({}))
    told = as_json("revoke", "vehicle-7", "--keys", hub, "--reason", "lost in the flood", "--socket", server.path)

    assert server.requests == [{"op": "key_revoke", "id": 0x107}]
    assert (told["id"], told["name"], told["reason"]) == (0x107, "vehicle-7", "lost in the flood")
    assert (told["already"], told["gateway"], told["note"]) == (False, "told", "")
    assert Keyring(hub).pair_secret(0x107) is None
    listed = as_json("list", "--keys", hub)
    assert listed["keys"][0]["revoked"] is True
    assert listed["revoked"] == [{"id": 0x107, "name": "vehicle-7", "at": told["at"], "reason": "lost in the flood"}]
    assert "revoked" in run("list", "--keys", hub)[1]


@pytest.mark.parametrize(
    ("answer", "state", "note"),
    [
        (None, "no gateway", "it will know when it starts"),
        (refused("op: found 'key_revoke'", "unknown operation"), "not told", "restart it"),
        (b"HTTP/1.1 400\r\n", "not told", "restart it"),
        (b"5\n", "not told", "restart it"),
        (b"", "not told", "restart it"),
    ],
)
def test_a_gateway_that_does_not_take_it_is_a_note(hub, gateway, answer, state, note):
    """The revocation holds; exit code 0."""
    socket = hub / "none.sock" if answer is None else gateway(answer).path
    code, stdout, stderr = run("revoke", "0x107", "--keys", hub, "--socket", socket)

    assert (code, stdout) == (Exit.DONE, "vehicle-7 (0x000107) is revoked\n")
    assert note in stderr
    again = as_json("revoke", "263", "--keys", hub, "--socket", socket)
    assert (again["already"], again["gateway"]) == (True, state)


def test_an_id_without_a_key_can_be_revoked(hub, nobody):
    """A hub that derives has no file of most stations."""
    assert "0x010009 is revoked" in run("revoke", "0x10009", "--keys", hub, "--socket", nobody)[1]
    assert Keyring(hub).is_revoked(0x10009)


@pytest.mark.parametrize(
    ("who", "code", "told"),
    [
        ("nobody", Exit.REFUSED, "yizhan key list shows the names, or give the id"),
        ("hub", Exit.REFUSED, "no key here is of a station named hub"),
        ("1", Exit.REFUSED, "hub (0x000001) is this gateway itself"),
        ("0xff01", Exit.BAD_INPUT, "which is a group"),
        ("0", Exit.BAD_INPUT, "which is no id"),
    ],
)
def test_what_cannot_be_revoked_is_told(hub, nobody, who, code, told):
    """Nothing is written."""
    found, _, stderr = run("revoke", who, "--keys", hub, "--socket", nobody)

    assert found == code
    assert told in stderr
    assert not (hub / "revoked").exists()


def test_a_number_that_may_be_name_or_id_is_asked_about(hub, desk, nobody):
    """The registry has numbers for names: the wrong station must not lose its key by that."""
    run("issue", "--root", desk / "root.key", "--own", HUB, "--peer", "263=0x999", "--out", desk / "numbers")
    imported(desk / "numbers/hub/hub--263.key", hub)

    code, _, stderr = run("revoke", "263", "--keys", hub, "--socket", nobody)
    assert code == Exit.REFUSED
    assert "263 is the name of 0x000999, and could be the id 0x000107" in stderr
    assert "263 (0x000999) is revoked" in run("revoke", "0x999", "--keys", hub, "--socket", nobody)[1]
    assert not Keyring(hub).is_revoked(0x107)


def test_a_reason_is_short_and_visible(hub, nobody):
    """60 characters, no escapes."""
    for reason in ("x" * 61, "a\x1b[2J"):
        assert run("revoke", "vehicle-7", "--keys", hub, "--reason", reason, "--socket", nobody)[0] == Exit.BAD_INPUT
    assert run("revoke", "vehicle-7", "--keys", hub, "--reason", "被抢走", "--socket", nobody)[0] == Exit.DONE


def test_a_mistake_is_lifted(hub, nobody):
    """Once; then there is nothing to lift."""
    run("revoke", "vehicle-7", "--keys", hub, "--socket", nobody)
    assert "restart the gateway" in run("revoke", "vehicle-7", "--lift", "--keys", hub)[1]

    assert Keyring(hub).pair_secret(0x107) is not None
    assert "is not revoked" in run("revoke", "vehicle-7", "--lift", "--keys", hub)[2]
    assert as_json("revoke", "vehicle-7", "--lift", "--keys", hub, code=Exit.REFUSED)["code"] == "refused"


# --- rotate ------------------------------------------------------------------------------------------------------


def test_rotating_is_the_gateways(hub, gateway, nobody):
    """It gets the id; its answer is shown; its refusal too; without it there is no rotation."""
    server = gateway(done({"id": 0x107, "generation": 3}))
    assert as_json("rotate", "vehicle-7", "--keys", hub, "--socket", server.path) == {"id": 0x107, "generation": 3}
    assert server.requests == [{"op": "key_rotate", "id": 0x107}]
    assert "vehicle-7 is being rotated" in run("rotate", "vehicle-7", "--keys", hub, "--socket", server.path)[1]

    code, _, stderr = run("rotate", "0x107", "--keys", hub, "--socket", gateway(refused("no session")).path)
    assert (code, stderr) == (Exit.REFUSED, "error: no session\n")
    code, _, stderr = run("rotate", "0x107", "--keys", hub, "--socket", nobody)
    assert code == Exit.NO_GATEWAY
    assert "yizhan run" in stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is another user to everybody")
def test_an_id_needs_no_look_into_the_keys(hub, gateway):
    """Who may use the control socket need not be the gateway's own user."""
    server = gateway(done({}))
    hub.chmod(0o755)

    assert run("rotate", "0x107", "--keys", hub, "--socket", server.path)[0] == Exit.DONE
    assert run("rotate", "263", "--keys", hub, "--socket", server.path)[0] == Exit.REFUSED
    assert run("rotate", "vehicle-7", "--keys", hub, "--socket", server.path)[0] == Exit.REFUSED
