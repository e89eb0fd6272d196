"""``yizhan key init`` and ``issue``: what a provisioning desk does."""

import pytest

from gateway.cli.exits import Exit
from gateway.messages.translate import use_language
from gateway.security.keyfile import read_key
from gateway.security.keyline import PREFIX, format_line, parse_line
from gateway.security.keyring import Keyring, derived_pair
from gateway.security.keys import End
from tests.gateway.cli.keyruns import CAR, HUB, as_json, imported, make_desk, run


@pytest.fixture(autouse=True)
def _english():
    use_language("en")
    yield
    use_language(None)


@pytest.fixture
def desk(tmp_path):
    return make_desk(tmp_path)


def issue(desk, *arguments):
    return run("issue", "--root", desk / "root.key", "--own", HUB, *arguments)


# --- the desk ----------------------------------------------------------------------------------------------------


def test_a_root_is_made_once(tmp_path):
    """A second init of the same file is refused; what is made is private; the fingerprint is that of the file."""
    made = as_json("init", "--out", tmp_path / "new" / "root.key")
    path = tmp_path / "new" / "root.key"

    assert read_key(path).secret.fingerprint() == made["fingerprint"]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    before = path.read_bytes()
    error = as_json("init", "--out", path, code=Exit.REFUSED)
    assert "is not overwritten" in error["error"]
    assert path.read_bytes() == before


def test_two_roots_differ(tmp_path):
    """Each is drawn anew."""
    made = [as_json("init", "--out", tmp_path / f"r{number}" / "root.key")["fingerprint"] for number in (1, 2)]

    assert made[0] != made[1]


def test_issued_keys_are_those_of_the_root(desk):
    """Issued today or tomorrow, in decimal or hex, it is the same secret; the fingerprint is told for both ends."""
    again = as_json(
        "issue", "--root", desk / "root.key", "--own", "hub=0x000001", "--peer", "vehicle-7=263", "--out", desk / "2"
    )
    root = read_key(desk / "root.key")
    field = read_key(desk / "out/vehicle-7/vehicle-7--hub.key")

    assert field == derived_pair(root, End(0x107, "vehicle-7"), End(1, "hub"), serial=field.serial)
    assert again["own"] == {"name": "hub", "id": 1}
    [told] = again["keys"]
    assert told["fingerprint"] == field.secret.fingerprint()
    assert told["files"] == [str(desk / "2/vehicle-7/vehicle-7--hub.key"), str(desk / "2/hub/hub--vehicle-7.key")]


def test_a_rebuilt_station_starts_at_its_peers_generation(desk):
    """Suite and generation are in the file."""
    issue(desk, "--peer", CAR, "--out", desk / "3", "--generation", "5", "--suite", "2")
    key = read_key(desk / "3/vehicle-7/vehicle-7--hub.key")

    assert (key.generation, key.suite) == (5, 2)


def test_the_line_is_the_stations_key_and_comes_only_when_asked_for(desk):
    """--line prints it grouped, --json plain."""
    code, stdout, stderr = issue(desk, "--peer", CAR, "--line")
    line = next(text for text in stdout.splitlines() if text.startswith(PREFIX))
    plain = as_json("issue", "--root", desk / "root.key", "--own", HUB, "--peer", CAR, "--line")["line"]

    assert code == Exit.DONE
    assert "the secret itself" in stderr
    assert (parse_line(line, "x").own.name, "-" in plain) == ("vehicle-7", False)
    assert parse_line(plain, "x").secret == parse_line(line, "x").secret
    assert PREFIX not in str(issue(desk, "--peer", CAR, "--out", desk / "4"))
    assert "line" not in as_json("issue", "--root", desk / "root.key", "--own", HUB, "--peer", CAR, "--out", desk / "5")


def test_the_qr_code_is_drawn_on_a_terminal_only(desk):
    """Into a file or a pipe it goes only by force; it is the code of the station's line."""
    from gateway.cli.keyqr import drawing_of

    code, stdout, stderr = issue(desk, "--peer", CAR, "--qr", "--out", desk / "6")
    assert (code, stdout) == (Exit.REFUSED, "")
    assert "--force" in stderr
    assert not (desk / "6").exists()

    code, stdout, stderr = issue(desk, "--peer", CAR, "--qr", "--force", "--generation", "7")
    assert code == Exit.DONE
    assert "the secret itself" in stderr
    key = derived_pair(read_key(desk / "root.key"), End(0x107, "vehicle-7"), End(1, "hub"), serial=1, generation=7)
    drawn = [line for line in stdout.splitlines() if line.startswith("█")]
    assert len(drawn[0]) == drawing_of(format_line(key)).columns
    assert stdout.count("█") > 100


def test_a_drawing_holds_its_text_in_the_densest_mode():
    """Two modules a character are the modules of the code, light ones drawn; one alphanumeric run, 45 modules with the border."""
    import qrcode

    from gateway.cli.keyqr import QUIET_MODULES, drawing_of

    text = PREFIX + "0123456789ABCDEFGHJKMNPQRSTVWXYZ" * 3
    drawing = drawing_of(text)
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=QUIET_MODULES)
    code.add_data(text, optimize=0)
    wanted = code.get_matrix()

    rows = []
    for line in drawing.lines:
        rows += [[char in " ▄" for char in line], [char in " ▀" for char in line]]
    assert rows[: len(wanted)] == wanted
    assert drawing.columns == len(wanted) == 45
    assert [data.mode for data in code.data_list] == [2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--out", "x"],
        ["--peer", CAR],
        ["--peer", CAR, "--csv", "x", "--out", "x"],
        ["--csv", "x"],
        ["--csv", "x", "--out", "x", "--qr"],
        ["--csv", "x", "--out", "x", "--line"],
        ["--peer", CAR, "--out", "x", "--names-only"],
        ["--peer", CAR, "--qr", "--json"],
        ["--peer", "vehicle-7", "--out", "x"],
        ["--peer", "0x5=0x107", "--out", "x"],
        ["--peer", "三号车=0x107", "--out", "x"],
        ["--peer", "group=0xff01", "--out", "x"],
        ["--peer", "../x=7", "--out", "x"],
        ["--peer", CAR, "--out", "x", "--suite", "3"],
        ["--peer", CAR, "--out", "x", "--generation", "65536"],
    ],
)
def test_wrong_usage_is_two(desk, arguments):
    """Told before a key is read or made."""
    assert issue(desk, *arguments)[0] == Exit.USAGE


@pytest.mark.parametrize("peer", ["hub=5", "HUB=5", "car=1"])
def test_a_station_is_not_its_own_peer(desk, peer):
    """Nor named alike."""
    assert issue(desk, "--peer", peer, "--out", desk / "x")[0] == Exit.BAD_INPUT


# --- many at once ------------------------------------------------------------------------------------------------


@pytest.fixture
def fleet(tmp_path):
    path = tmp_path / "fleet.csv"
    path.write_text("name,id\n" + "".join(f"car-{n},{0x10000 + n}\n" for n in range(30)), encoding="utf-8")
    return path


def test_a_fleet_is_issued_and_imported(desk, fleet, tmp_path):
    """Every station's file fits one of the hub's; the hub takes all its files in one import."""
    told = as_json("issue", "--root", desk / "root.key", "--own", HUB, "--csv", fleet, "--out", tmp_path / "fleet")
    files = sorted((tmp_path / "fleet/hub").iterdir())
    taken = as_json("import", *files, "--keys", tmp_path / "k")

    assert {one["fingerprint"] for one in told["keys"]} == {one["fingerprint"] for one in taken["keys"]}
    assert len(taken["keys"]) == 30
    assert read_key(tmp_path / "fleet/car-3/car-3--hub.key").secret.reveal() == Keyring(tmp_path / "k").pair_secret(
        0x10003
    )


def test_a_hub_with_the_root_takes_the_names(desk, fleet, tmp_path):
    """The list is imported as a file ending in .csv, and listed with derived fingerprints."""
    told = as_json(
        "issue", "--root", desk / "root.key", "--own", HUB, "--csv", fleet, "--out", tmp_path / "fleet", "--names-only"
    )
    hub = imported(tmp_path / "fleet/hub/hub--car-0.key", tmp_path / "k")

    assert as_json("import", tmp_path / "fleet/hub/peers.csv", "--keys", hub)["peers"] == {"changed": 30, "total": 30}
    listed = as_json("list", "--keys", hub, "--root", desk / "root.key")
    assert {one["fingerprint"] for one in told["keys"]} == {one["fingerprint"] for one in listed["keys"]}
    [one] = as_json("list", "car-3", "--keys", hub, "--root", desk / "root.key")["keys"]
    assert (one["kind"], one["fingerprint"]) == ("derived", told["keys"][3]["fingerprint"])


def test_a_faulty_list_makes_no_key_at_all(desk, tmp_path):
    """Every fault with its line, in words and as JSON."""
    path = tmp_path / "bad.csv"
    path.write_text("name,id\na,5\nb,5\nc,x\x1b\n", encoding="utf-8")
    code, stdout, stderr = issue(desk, "--csv", path, "--out", tmp_path / "bad")

    assert (code, stdout) == (Exit.BAD_INPUT, "")
    assert stderr.splitlines() == [
        "line 3: id: 0x000005 stands in line 2 already; give each station its own",
        "line 4: id: found 'x\\x1b'; write a number, 263 or 0x107",
        "error: 2 faults; nothing was done",
    ]
    error = as_json(
        "issue",
        "--root",
        desk / "root.key",
        "--own",
        HUB,
        "--csv",
        path,
        "--out",
        tmp_path / "bad",
        code=Exit.BAD_INPUT,
    )
    assert [fault["line"] for fault in error["faults"]] == [3, 4]
    assert not (tmp_path / "bad").exists()


def test_an_empty_or_missing_list_is_told(desk, tmp_path):
    """With its name."""
    path = tmp_path / "none.csv"
    assert issue(desk, "--csv", path, "--out", tmp_path / "x")[::2] == (
        Exit.BAD_INPUT,
        f"error: {path}: cannot be read: No such file or directory\n",
    )
    path.write_text("name,id\n", encoding="utf-8")
    assert issue(desk, "--csv", path, "--out", tmp_path / "x")[::2] == (
        Exit.BAD_INPUT,
        f"error: {path}: no station in it\n",
    )
