"""A wheel built from here carries the assets."""

from __future__ import annotations

import subprocess
import sys
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
