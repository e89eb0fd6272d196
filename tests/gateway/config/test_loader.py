"""A configuration is checked whole: every fault at once, each with its place, and no file can do more than be refused."""

import math
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from drivers.beidou.settings import BeidouSettings
from gateway.bus.port import PUBACK_TIMEOUT_S
from gateway.config.loader import CONFIG_BYTES_MAX, ConfigError, check, load
from gateway.config.settings import (
    SOCKET_PATH_BYTES_MAX,
    STORE_BYTES_MIN,
    BusSettings,
    EmbeddedBrokerSettings,
    Settings,
)
from gateway.config.table import LINKS_MAX
from gateway.daemon.drivers import find_driver
from gateway.model import Precedence
from gateway.router.policy import DEFAULT_LIFETIME_S, DEFAULT_PATIENCE
from gateway.store.limits import PAGE_BYTES, Limits

ROOT = Path(__file__).parents[3]
SHIPPED = sorted(
    path for path in (ROOT / "config").glob("*.toml") if "sky" not in path.name and not path.name.startswith("air")
)
GOOD = '[gateway]\nid = "cp1"\nregion = "5133"\n'
quick = settings(deadline=None, derandomize=True, max_examples=150)


class FakeSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    port: str
    speed: int = 9600


class FakeDriver:
    """A driver that checks two keys."""

    name = "fake"

    def check(self, table):
        return FakeSettings.model_validate(dict(table))

    def make(self, *_):
        raise AssertionError("checking a file makes no link")


def find(name):
    if name != "fake":
        raise LookupError(f"found {name!r}, installed drivers are fake")
    return FakeDriver()


def checked(text):
    return check(Path("gateway.toml"), tomllib.loads(text), find)


def faults(text):
    """Return the faults of a file as ``{where: what}``."""
    with pytest.raises(ConfigError) as caught:
        checked(text)
    return {fault.where: fault.what for fault in caught.value.faults}


# --- good files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_files_are_valid(path):
    """What we hand out works with the installed drivers."""
    configuration = load(path, find_driver)

    assert configuration.links


def test_the_example_shows_every_key_with_its_default():
    """Given the example file, then leaving everything out gives the same settings but for what has no default."""
    shown = tomllib.loads((ROOT / "config/gateway.example.toml").read_text(encoding="utf-8"))
    bare = {"gateway": {"id": "cp1", "region": "5133"}, "bus": {"url": shown["bus"]["url"]}}

    example, plain = Settings.model_validate(shown), Settings.model_validate(bare)

    for table in ("gateway", "bus", "store", "handsets"):
        assert getattr(example, table) == getattr(plain, table)
        hidden = set(type(getattr(plain, table)).model_fields) - set(shown[table])
        assert all(getattr(getattr(plain, table), key) in (None, "") for key in hidden), f"{table}: not shown: {hidden}"
    assert example.router.policy() == plain.router.policy()
    assert example.router.lifetimes() == plain.router.lifetimes()


@pytest.mark.parametrize("table", [BusSettings, EmbeddedBrokerSettings, BeidouSettings])
def test_the_example_names_keys_without_a_default_and_of_tables_that_may_be_left_out(table):
    """Each stands at the beginning of a line, if only as a comment."""
    text = (ROOT / "config/gateway.example.toml").read_text(encoding="utf-8")

    missing = [key for key in table.model_fields if not re.search(rf"(?m)^(# )?(\[bus\.)?{key}\b", text)]

    assert not missing


def test_the_least_file_has_sound_defaults():
    """Three lines are a gateway; its policy is the documented one."""
    settings = checked(GOOD).settings

    assert settings.router.policy().patience == DEFAULT_PATIENCE
    assert settings.router.lifetimes() == DEFAULT_LIFETIME_S
    assert settings.bus is None


def test_overlaid_policy_keeps_the_rest():
    """One precedence's patience and order change that precedence only."""
    text = GOOD + (
        '[router.order]\nROUTINE = ["bd2", "bd1"]\n[router.patience.ROUTINE]\nunacknowledged_s = inf\ntries_max = 4\n'
        '[links.bd1]\ndriver = "fake"\nport = "a"\n[links.bd2]\ndriver = "fake"\nport = "b"\n'
    )

    policy = checked(text).settings.router.policy()

    assert policy.order == {Precedence.ROUTINE: ("bd2", "bd1")}
    assert policy.patience[Precedence.ROUTINE].unacknowledged_s == math.inf
    assert policy.patience[Precedence.FLASH] == DEFAULT_PATIENCE[Precedence.FLASH]


def test_a_disabled_link_is_checked_and_not_made():
    """A link that is switched off may be named in the order and must be right all the same."""
    off = GOOD + '[router.order]\nROUTINE = ["bd1"]\n[links.bd1]\ndriver = "fake"\nenabled = false\nport = "a"\n'

    assert checked(off).links == {}
    assert "links.bd1.port" in faults(off.replace('port = "a"', ""))


def test_the_driver_gets_its_own_keys_only():
    """Keys of every link are taken out before the driver looks."""
    (driver, own) = checked(GOOD + '[links.bd1]\ndriver = "fake"\nport = "a"\nspeed = 300\n').links["bd1"]

    assert driver.name == "fake"
    assert own == FakeSettings(port="a", speed=300)


def test_the_smallest_store_has_room():
    """The least bytes_max that is allowed is one that the store itself accepts."""
    assert Limits(pages_max=STORE_BYTES_MIN // PAGE_BYTES).pages_max


def test_the_bus_waits_as_long_as_the_port_says_by_default():
    """One default for one thing."""
    text = GOOD + '[bus]\nurl = "mqtt://127.0.0.1"\n'

    assert checked(text).settings.bus.puback_timeout_s == PUBACK_TIMEOUT_S


# --- faults ----------------------------------------------------------------------------------------------------


def test_every_fault_is_told_at_once_with_its_place():
    """Given faults in every table, the driver's own, and an order that names no link, then one run shows them all."""
    text = """
[gateway]
id = "c p 1"
colour = "red"
[bus]
url = "http://broker"
keepalive_s = 1
consumers = ["centre", "map/1"]
[router.order]
ROUTINE = ["bd9"]
SOON = ["bd1"]
[router.patience.FLASH]
unacknowledged_s = 0
[links.bd1]
driver = "fake"
speed = "fast"
typo = 1
[links.bd2]
driver = "faxe"
[links.bd3]
port = "x"
"""
    found = faults(text)

    assert set(found) == {
        "gateway.id",
        "gateway.region",
        "gateway.colour",
        "bus.url",
        "bus.keepalive_s",
        "bus.consumers.1",
        "router.order.ROUTINE",
        "router.order.SOON.[key]",
        "router.patience.FLASH.unacknowledged_s",
        "router.patience.FLASH.tries_max",
        "links.bd1.port",
        "links.bd1.speed",
        "links.bd1.typo",
        "links.bd2.driver",
        "links.bd3.driver",
    }
    assert found["gateway.region"] == "is missing"
    assert found["gateway.colour"] == "no such key; check its spelling"
    assert "found 'c p 1'" in found["gateway.id"]
    assert "installed drivers are fake" in found["links.bd2.driver"]
    assert found["router.order.ROUTINE"] == "names 'bd9', but [links] has only bd1, bd2, bd3"


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "-1", "1e400", "0", "1e9", "[5]", "0x" + "f" * 5000])
@pytest.mark.parametrize(
    "key",
    [
        "bus.puback_timeout_s",
        "bus.backlog_per_s",
        "bus.retention_s",
        "handsets.duplicate_window_s",
        "store.history_s",
    ],
)
def test_seconds_that_are_no_seconds_are_refused(key, number):
    """Infinity, NaN, zero, negative and absurd spans would stop a timer or spin it."""
    table, _, name = key.partition(".")
    head = '[bus]\nurl = "mqtt://h"\n' if table == "bus" else f"[{table}]\n"

    assert key in faults(f"{GOOD}{head}{name} = {number}\n")


@pytest.mark.parametrize("number", ["nan", "0.0", "-inf", "0.5"])
def test_patience_may_be_endless_but_not_nothing(number):
    """``inf`` means never repeated; anything below a second would repeat in a circle."""
    text = GOOD + f"[router.patience.FLASH]\ntries_max = 3\nunacknowledged_s = {number}\n"

    assert "router.patience.FLASH.unacknowledged_s" in faults(text)


@pytest.mark.parametrize(
    "url",
    [
        "mqtt://user:secret@h:1883",
        "mqtt://h:0",
        "mqtt://h:65536",
        "mqtt://h:port",
        "tcp://h",
        "mqtt://",
        "mqtt://h/topic",
        "mqtt://h:1883 ",
        "mqtt://h\\n",
    ],
)
def test_a_bus_url_is_host_and_port_and_never_shows_a_password(url):
    """Ports are checked before the daemon starts, and a password typed into the wrong place is not printed."""
    found = faults(GOOD + f'[bus]\nurl = "{url}"\n')

    assert "mqtt://host:port" in found["bus.url"]
    assert "secret" not in str(found)


@pytest.mark.parametrize("url", ["mqtt://broker", "mqtts://10.0.0.1:8883", "mqtt://[::1]:1883", "mqtt://h:65535"])
def test_good_bus_urls(url):
    """Names, addresses and IPv6 in brackets are taken."""
    assert checked(GOOD + f'[bus]\nurl = "{url}"\n').settings.bus.url == url


@pytest.mark.parametrize(
    "url", ["mqtts://127.0.0.1:8883", "mqtt://0.0.0.0:1883", "mqtt://127.0.0.1", "mqtt://broker:1883"]
)
def test_an_embedded_broker_listens_on_loopback_with_a_port(url):
    """It lets everybody in, so anything else is told before it is started again and again."""
    assert "bus.embedded" in faults(GOOD + f'[bus]\nurl = "{url}"\n[bus.embedded]\n')


def test_a_socket_path_that_no_system_takes_is_told():
    """A path above the size of a socket address is a fault of the file, not a crash at start."""
    longest = "/" + "x" * (SOCKET_PATH_BYTES_MAX - 1)

    assert checked(GOOD + f'control_socket = "{longest}"\n').settings
    assert "gateway.control_socket" in faults(GOOD + f'control_socket = "{longest}y"\n')


def test_too_many_links_are_told():
    """LINKS_MAX holds exactly."""

    def text(count):
        return GOOD + "".join(f'[links.bd{n}]\ndriver = "fake"\nport = "a"\n' for n in range(count))

    assert len(checked(text(LINKS_MAX)).links) == LINKS_MAX
    assert "links" in faults(text(LINKS_MAX + 1))


def test_a_wrong_value_is_quoted_in_short():
    """A megabyte in the wrong place does not fill the screen."""
    found = faults(GOOD.replace('"cp1"', '"' + "x" * 100_000 + '"'))

    assert len(found["gateway.id"]) < 400


# --- hostile files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"[gateway",
        b"a = [" * 5_000,
        b"[" + b"a." * 20_000 + b"b]\n",
        b"x = " + b"9" * 10_000,
        b"[links.bd1]\ndriver = 0x" + b"f" * 5_000 + b"\n",
        b"x" * (CONFIG_BYTES_MAX + 1),
        b"gateway = 1\nlinks = 2\nbus = []\nrouter = 3.5\n",
        b"[links]\nbd1 = 5\nbd2 = []\n",
        b"[router]\norder = 5\n",
        b"[router.order]\nROUTINE = [1, {}]\n",
        b"[links.bd1]\ndriver = 5\nenabled = 'yes'\n",
        b"['\\u0000']\n",
        b"",
    ],
)
def test_a_hostile_file_is_refused_and_nothing_else(content, tmp_path):
    """No bytes raise anything but ConfigError with at least one fault."""
    path = tmp_path / "gateway.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load(path, find)

    assert caught.value.faults


@pytest.mark.parametrize("place", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_told(place, tmp_path):
    """A missing file and a directory are faults with the system's word for it."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / place, find)


toml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["gateway", "bus", "store", "router", "handsets", "links", "other"])
inner_keys = st.sampled_from(
    ["id", "region", "url", "order", "patience", "ROUTINE", "bd1", "driver", "enabled", "lifetime_s"]
)


@quick
@given(st.dictionaries(keys, toml_values | st.dictionaries(inner_keys, toml_values, max_size=4), max_size=5))
def test_any_table_is_either_settings_or_faults(table):
    """Whatever the values are, checking ends in settings or in named faults."""
    try:
        check(Path("x"), table, find)
    except ConfigError as error:
        assert all(fault.where and fault.what for fault in error.faults) and error.faults  # noqa: PT017, PT018 - either way is right
