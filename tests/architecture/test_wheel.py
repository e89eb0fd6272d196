"""What is installed is what is needed: the packages with their catalogues, the data files, the command, the drivers."""

import subprocess
import sys
import zipfile

import pytest

from tests.architecture.source import PACKAGES, ROOT


@pytest.mark.long
def test_wheel_holds_the_program_and_nothing_else(tmp_path):
    """The wheel has every source file and catalogue, the unit and configurations, and neither tests nor caches."""
    subprocess.run(
        [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path, ROOT],
        check=True,
        capture_output=True,
        timeout=300,
    )
    [wheel] = tmp_path.glob("yizhan-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [entry_points] = [archive.read(name).decode() for name in names if name.endswith(".dist-info/entry_points.txt")]

    sources = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in {".py", ".mo", ".po"}
    }
    assert sources - names == set()
    data = {name.split(".data/data/")[1] for name in names if ".data/data/" in name}
    assert {f"share/yizhan/systemd/{path.name}" for path in (ROOT / "systemd").iterdir()} - data == set()
    samples = {path.relative_to(ROOT) for path in (ROOT / "config").rglob("*.toml")}
    assert {f"share/yizhan/{path}" for path in samples} - data == set()
    assert any(path.match("config/scenarios/*") for path in samples)
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name and ".data" not in name}
    assert tops == set(PACKAGES)
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)
    assert "yizhan = gateway.cli.main:main" in entry_points
    assert "[yizhan.drivers]" in entry_points
