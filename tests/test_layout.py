"""The layout of the tests: the same folders as the packages, and shared code in tests/support or conftest.py."""

from __future__ import annotations

import ast
import re

import pytest

from tests.paths import DATA, ROOT

TESTS = [file for file in sorted((ROOT / "tests").rglob("*.py")) if DATA not in file.parents]


def test_no_test_file_imports_another() -> None:
    assert len(TESTS) > 100
    for file in TESTS:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [f"{node.module}.{a.name}" for a in node.names] if isinstance(node, ast.ImportFrom) else []
            assert not [n for n in names if n.startswith("tests.") and re.search(r"\.(test_|conftest)", n)], f"{file}:{node.lineno}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("package", ["hrm_model", "trainer", "hrm_studio"])
def test_folders_are_those_of_the_package(package: str) -> None:
    for file in TESTS:
        folder = file.parent.relative_to(ROOT / "tests")
        if folder.parts and folder.parts[0] == package:
            assert (ROOT / folder).is_dir(), f"{file}: there is no folder {folder}"
