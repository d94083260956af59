"""The wheel contains the assets, and its lowest versions are those that were tried."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from tests.paths import ROOT


def test_the_wheel_carries_models_and_puzzles_and_no_tests(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path), str(ROOT)], check=True, capture_output=True, timeout=300
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "hrm_model/_assets/models/sudoku-4x4/model.safetensors" in names
    assert "hrm_model/_assets/puzzles/starter.txt" in names
    assert "trainer/__main__.py" in names
    assert "hrm_model/py.typed" in names
    assert not [n for n in names if n.startswith("tests/")]
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    told = subprocess.run(
        [sys.executable, "-m", "hrm_studio", "models"], cwd=unpacked, capture_output=True, text=True, check=True, timeout=120
    )
    assert "sudoku-4x4" in told.stdout


def test_the_lowest_versions_are_those_of_the_constraints_that_were_tried() -> None:
    def numbers(version: str) -> list[int]:
        found = [int(n) for n in version.split(".")]
        while found[-1] == 0:
            found.pop()
        return found

    lines = (ROOT / "tests" / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    tried = {name: numbers(version) for name, _, version in (line.partition("==") for line in lines if "==" in line)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {m[1]: numbers(m[2]) for line in project["dependencies"] if (m := re.match(r"([\w-]+)>=([\d.]+)", line))}
    assert len(asked) == len(project["dependencies"])
    assert {name: tried[name] for name in asked} == asked
