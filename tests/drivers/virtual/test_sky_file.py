"""The sky's file is checked whole, with places a person can find."""

import pytest

from drivers.virtual.config import SkyFileError, read_sky_file
from drivers.virtual.sky import Outage

GOOD = """
seed = 7
speed = 10.0
control = "tcp:127.0.0.1:7310"

[air]
loss = 0.1
outages = [{ start_s = 100, end_s = 200, card = 242286 }]

[terminals.command]
protocol = "bd-2.1"
card = 242286
tcp = "127.0.0.1:7001"
command = true
subordinates = [179773]

[terminals.post]
protocol = "bd-3"
card = 4204986
pty = "/tmp/sky/post"

[[handsets]]
card = 179773
"""


def read(tmp_path, text):
    path = tmp_path / "sky.toml"
    path.write_text(text, encoding="utf-8")
    return read_sky_file(path)


def test_speed_divides_every_second_of_the_file(tmp_path):
    """Delays and outages are ten times shorter at speed 10; loss stays."""
    settings = read(tmp_path, GOOD).sky_settings()

    assert settings.loss == 0.1
    assert settings.delay_mean_s == pytest.approx(0.38)
    assert settings.delay_min_s == pytest.approx(0.05)
    assert settings.outages == (Outage(10.0, 20.0, 242286),)


@pytest.mark.parametrize(
    ("change", "place", "word"),
    [
        (("loss = 0.1", "loss = 4.5"), "air.loss", "less than or equal to 1"),
        (("127.0.0.1:7001", "0.0.0.0:7001"), "terminals.command.tcp", "this machine only"),
        (("127.0.0.1:7001", "example.org:7001"), "terminals.command.tcp", "this machine only"),
        (('"/tmp/sky/post"', '"post"'), "terminals.post.pty", "absolute path"),
        (('tcp = "127.0.0.1:7001"', ""), "terminals.command", "either tcp or pty"),
        (('"bd-3"', '"bd-4"'), "terminals.post.protocol", "bd-4.0"),
        (("command = true", "comand = true"), "terminals.command.comand", "not permitted"),
        (("card = 4204986", "card = 179773"), "file", "given twice"),
        (("tcp:127.0.0.1:7310", "unix:sky.sock"), "file", "unix:/absolute/path"),
        (("tcp:127.0.0.1:7310", "tcp:10.0.0.1:7310"), "file", "this machine only"),
        (("seed = 7", "seed = "), "sky.toml", "not TOML"),
    ],
)
def test_fault_is_named_with_its_place(tmp_path, change, place, word):
    """One wrong value gives one line with the dotted place and what to write."""
    with pytest.raises(SkyFileError) as caught:
        read(tmp_path, GOOD.replace(*change))

    assert place in str(caught.value)
    assert word in str(caught.value)


def test_all_faults_are_told_at_once(tmp_path):
    """Two faults give two lines."""
    with pytest.raises(SkyFileError) as caught:
        read(tmp_path, GOOD.replace("loss = 0.1", "loss = 2").replace('"bd-3"', '"x"'))

    assert len(str(caught.value).splitlines()) == 2


def test_missing_file_is_said(tmp_path):
    """A path that leads nowhere is told as that."""
    with pytest.raises(SkyFileError, match="No such file"):
        read_sky_file(tmp_path / "none.toml")
