"""Imports go one way: between packages, between folders and between modules. torch and Qt stay where they belong.

The source is read with `ast`, so imports inside functions and under `TYPE_CHECKING` count as well: a circle that only a type checker
sees still means that neither side can be understood alone.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.paths import ROOT

# What each package must not import.
ABOVE = {"hrm_model": {"trainer", "hrm_studio", "PySide6"}, "trainer": {"hrm_studio", "PySide6"}, "hrm_studio": set()}
# Any other folder counts as a whole; in these each module stands for itself.
FLAT = {"hrm_model", "hrm_model.tasks", "trainer", "hrm_studio", "hrm_studio.ui"}
MOST_MODULES = 30  # of a folder: more cannot be seen at a glance
# Importing these folders and modules loads neither torch nor Qt.
LIGHT_FOLDERS = ("hrm_model/trace", "hrm_model/trace_file", "hrm_model/analysis", "hrm_model/tasks", "hrm_model/hub", "trainer/runs")
LIGHT = (
    "hrm_model.config", "hrm_model.errors", "hrm_model.assets", "hrm_model.checkpoint.inspect", "trainer.config", "trainer.presets",
    "trainer.diagnostics", "trainer.machine", "hrm_studio.cli.main",
)  # fmt: skip


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(file): file for package in ABOVE for file in sorted((ROOT / package).rglob("*.py"))}


@cache
def imported(file: Path) -> frozenset[str]:
    """The full names of everything that a file imports, wherever in the file it does so."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}:{node.lineno}: relative import; write the full name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def imported_modules(module: str) -> set[str]:
    """The modules of this project that a module imports. `from a.b import c` means module a.b.c if there is one, else a.b."""
    names = imported(MODULES[module])
    found = {name if name in MODULES else name.rpartition(".")[0] for name in names}
    return {name for name in found if name in MODULES and name != module}


def room(module: str) -> str:
    """The folder that a module is in, or the module itself where each stands for itself."""
    parts = module.split(".")
    for count in range(1, len(parts)):
        folder = ".".join(parts[:count])
        if folder not in FLAT:
            return folder
    return module


def package(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("level", [lambda module: module, room, package], ids=["modules", "folders", "packages"])
def test_no_import_circle(level: Callable[[str], str]) -> None:
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        node = level(module)
        graph.setdefault(node, set()).update(level(other) for other in imported_modules(module) if level(other) != node)
    assert len(graph) >= 3
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]
        lines = [
            f"{module} imports {other}"
            for used, user in zip(circle, circle[1:], strict=False)
            for module in MODULES
            for other in imported_modules(module)
            if (level(module), level(other)) == (user, used)
        ]
        pytest.fail(f"circle {' <- '.join(circle)}:\n" + "\n".join(lines), pytrace=False)


@pytest.mark.parametrize("name", ABOVE)
def test_no_package_imports_one_above_it(name: str) -> None:
    files = [file for module, file in MODULES.items() if package(module) == name]
    assert len(files) > 5
    for file in files:
        assert not {package(other) for other in imported(file)} & ABOVE[name], file


def test_in_the_studio_only_services_import_torch() -> None:
    for module, file in MODULES.items():
        if package(module) == "hrm_studio" and not module.startswith("hrm_studio.services."):
            assert "torch" not in {package(other) for other in imported(file)}, file


def test_no_folder_has_too_many_modules() -> None:
    folders = {file.parent for file in MODULES.values()}
    counts = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) - 1 for folder in folders}  # __init__.py does not count
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


def loaded_after(names: list[str]) -> set[str]:
    """Packages in memory after importing these modules in a fresh interpreter."""
    script = "import sys\n" + "\n".join(f"import {name}" for name in names) + "\nprint(*{m.split('.')[0] for m in sys.modules})"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True, timeout=120)
    return set(run.stdout.split())


def test_light_modules_load_neither_torch_nor_qt() -> None:
    folders = [ROOT / folder for folder in LIGHT_FOLDERS]
    in_folders = [module for module, file in MODULES.items() if any(folder in file.parents for folder in folders)]
    assert len(in_folders) > 40
    assert not loaded_after([*LIGHT, *in_folders]) & {"torch", "PySide6"}


def test_making_a_model_loads_no_compiler() -> None:
    """Importing torch's takes seconds, and few runs use it."""
    script = "import sys, hrm_model.make, hrm_model.reasoning; print('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=120).stdout.strip() == "False"


def test_the_window_loads_no_torch() -> None:
    loaded = loaded_after(["hrm_studio.app"])
    assert "PySide6" in loaded
    assert "torch" not in loaded


def test_the_model_and_the_trainer_load_no_qt() -> None:
    assert "PySide6" not in loaded_after(["hrm_model.reasoning", "hrm_model.checkpoint.format", "trainer.loop", "trainer.__main__"])
