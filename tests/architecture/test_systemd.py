"""The files of systemd/ do what they say, as far as that shows without booting: on scratch folders, with systemd's tools."""

import configparser
import re
import shutil
import stat
import subprocess
import sys

import pytest

from tests.architecture.source import ROOT

SYSTEMD = ROOT / "systemd"


def tool(name):
    found = shutil.which(name, path="/usr/bin:/bin:/usr/sbin")
    if found is None:
        raise FileNotFoundError(f"{name} is not installed and this test needs it: apt-get install systemd")
    return found


class Unit(configparser.RawConfigParser):
    """A unit file; a key given several times keeps all its values, a line each."""

    def __init__(self, text):
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#",), dict_type=_Gathering)
        self.optionxform = str
        self.read_string(text)


class _Gathering(dict):
    def __setitem__(self, key, value):
        if key in self and isinstance(value, list):
            value = self[key] + value
        super().__setitem__(key, value)


@pytest.fixture(scope="module")
def service():
    return Unit((SYSTEMD / "yizhan.service").read_text("utf-8"))["Service"]


def test_user_and_folders_are_made_in_a_scratch_root(tmp_path):
    """sysusers makes the user, tmpfiles the configuration folder, with owners and modes that keep secrets from the service."""
    (tmp_path / "etc/yizhan").mkdir(parents=True)
    (tmp_path / "etc/yizhan/gateway.toml").touch(0o666)
    for kind in ("sysusers", "tmpfiles"):
        (tmp_path / f"etc/{kind}.d").mkdir()
        shutil.copy(SYSTEMD / f"yizhan.{kind}", tmp_path / f"etc/{kind}.d/yizhan.conf")

    subprocess.run([tool("systemd-sysusers"), f"--root={tmp_path}"], check=True, capture_output=True)
    made = subprocess.run(
        [tool("systemd-tmpfiles"), f"--root={tmp_path}", "--create", "yizhan.conf"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert made.stderr == ""
    name, _, uid, gid, *_, home, shell = (tmp_path / "etc/passwd").read_text("utf-8").strip().split(":")
    assert (name, home, shell) == ("yizhan", "/var/lib/yizhan", "/usr/sbin/nologin")
    assert uid != "0"
    modes = {
        path: (stat.S_IMODE(entry.st_mode), entry.st_uid, entry.st_gid)
        for path in ("etc/yizhan", "etc/yizhan/gateway.toml", "etc/yizhan/credentials")
        for entry in [(tmp_path / path).stat()]
    }
    assert modes == {
        "etc/yizhan": (0o750, 0, int(gid)),
        "etc/yizhan/gateway.toml": (0o640, 0, int(gid)),
        "etc/yizhan/credentials": (0o700, 0, 0),
    }


def test_unit_never_gives_up_and_keeps_secrets_in(service):
    """The promises that hang on single lines of the unit."""
    wanted = {
        "Type": "notify",
        "User": "yizhan",
        "Restart": "always",
        "WatchdogSec": "60",
        "UMask": "0077",
        "LimitCORE": "0",
        "MemorySwapMax": "0",
        "MemoryMax": "256M",
    }

    assert {key: service.get(key) for key in wanted} == wanted
    assert Unit((SYSTEMD / "yizhan.service").read_text("utf-8"))["Unit"]["StartLimitIntervalSec"] == "0"
    assert set(service["DeviceAllow"].split("\n")) >= {
        f"char-{tty} rw" for tty in ("ttyS", "ttyUSB", "ttyACM", "ttyAMA")
    }
    assert "ProcSubset" not in service  # gateway/clock.py reads the boot id from /proc/sys


def test_libraries_work_where_memory_is_never_writable_and_executable():
    """MemoryDenyWriteExecute costs nothing: every library of ours loads and works under the kernel's own equivalent."""
    code = """
import ctypes, mmap, sys
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
    sys.exit(77)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)
    sys.exit("a writable and executable page was given")
except PermissionError:
    pass
import paho.mqtt.client, asyncio, pydantic, serial, sqlite3, ssl, structlog, pynmea2, click, rich.table
class Model(pydantic.BaseModel):
    n: int
assert Model.model_validate_json('{"n": 1}').n == sqlite3.connect(":memory:").execute("select 1").fetchone()[0]
ssl.create_default_context()
asyncio.run(asyncio.sleep(0))
"""
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    if run.returncode == 77:
        pytest.skip("kernel older than 6.3: no PR_SET_MDWE")

    assert run.returncode == 0, run.stderr


def rules():
    text = (SYSTEMD / "60-yizhan.rules").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_udev_rules_are_well_formed():
    """Each rule is a comma-separated list of KEY operator "value"; udev skips what is not, silently."""
    item = r'(?:[A-Z]+|(?:ENV|ATTRS)\{\w+\})(?:==|!=|\+=|=)"[^"]*"'

    assert [line for line in rules() if not re.fullmatch(rf"{item}(?:, {item})*", line)] == []
    jumps = {target for line in rules() for target in re.findall(r'GOTO="(\w+)"', line)}
    assert jumps == set(re.findall(r'LABEL="(\w+)"', "\n".join(rules())))


def test_udev_rules_cover_the_usual_chips():
    """CH340, CP210x, FT232 and PL2303 are kept from ModemManager, by the whole device and not only its tty."""
    ignored = [line for line in rules() if 'ENV{ID_MM_DEVICE_IGNORE}="1"' in line]

    for vendor, product in (("1a86", "7523"), ("10c4", "ea60"), ("0403", "6001"), ("067b", "2303")):
        assert any(f'"{vendor}"' in line and product in line and "SUBSYSTEM" not in line for line in ignored)


def test_install_steps_name_every_file():
    """README.md installs each file of this folder and no other."""
    readme = (SYSTEMD / "README.md").read_text("utf-8")
    installed = set(re.findall(r"^install -Dm644 (\S+)", readme, re.MULTILINE))

    assert installed == {path.name for path in SYSTEMD.iterdir()} - {"README.md"}
