"""Imports go one way, and torch and Qt stay where they belong. Proven in fresh interpreters and in the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

FORBIDDEN = {"hrm_model": {"trainer", "hrm_studio", "PySide6"}, "trainer": {"hrm_studio", "PySide6"}, "hrm_studio": set()}
LIGHT = (
    "hrm_model.config", "hrm_model.trace.data", "hrm_model.analysis.core", "hrm_model.assets", "hrm_model.tasks.sudoku.grid", "hrm_model.tasks.sudoku.solver",
    "hrm_model.tasks.sudoku.generator", "hrm_model.tasks.sudoku.rating", "hrm_model.tasks.sudoku.symmetry",
    "hrm_model.checkpoint.inspect", "trainer.config", "trainer.presets", "trainer.runs.events", "trainer.runs.run_dir", "trainer.runs.manage", "trainer.guards", "trainer.machine", "hrm_studio.cli.main",
)  # fmt: skip


def _imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_file_imports_a_package_that_stands_above_it(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert len(files) > 5
    for file in files:
        assert not _imported(file) & FORBIDDEN[package], file
        if package == "hrm_studio" and file.parent.name != "services":
            assert "torch" not in _imported(file), file


def _loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join({{m.split('.')[0] for m in sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True, timeout=120)
    return set(run.stdout.split())


def test_light_modules_load_neither_torch_nor_qt() -> None:
    loaded = _loaded_after("\n".join(f"import {name}" for name in LIGHT))
    assert not loaded & {"torch", "PySide6"}


def test_the_window_loads_no_torch() -> None:
    loaded = _loaded_after("import hrm_studio.app")
    assert "PySide6" in loaded
    assert "torch" not in loaded


def test_the_model_and_the_trainer_load_no_qt() -> None:
    assert "PySide6" not in _loaded_after("import hrm_model.reasoning, hrm_model.checkpoint.format, trainer.loop, trainer.__main__")
