"""Examples: the bundled ones, those of a file, and where one is among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hrm_model.assets import bundled_models
from hrm_model.tasks.read import parse_any
from hrm_model.tasks.registry import task_named
from hrm_studio.models.examples import Examples, bundled_example, puzzles_of
from tests.support.traces import FOUR


@pytest.mark.parametrize("task", sorted({model.task for model in bundled_models() if model.task.startswith("sudoku")}))
def test_every_bundled_sudoku_model_has_an_example(task: str) -> None:
    text = bundled_example(task)
    assert text is not None
    assert parse_any(text)[0].name == task


def test_a_task_without_examples_has_none() -> None:
    assert bundled_example("sudoku-25x25") is None
    assert bundled_example("maze-11x11") is None
    assert Examples().next(task_named("sudoku-25x25")) is None


def test_examples_of_a_file_go_round_and_say_where_they_are(tmp_path: Path) -> None:
    file = tmp_path / "two.txt"
    file.write_text(f"{FOUR}\n.3..1.4....2..3.\n")
    task, grids = puzzles_of(file)
    examples = Examples()
    bundled = examples.next(task)
    assert bundled is not None
    assert bundled[1] == ""
    assert examples.position(task, bundled[0]) == ""
    examples.replace(task, grids, file.name)
    for words in ("1 of 2", "2 of 2", "1 of 2"):
        found = examples.next(task)
        assert found is not None
        grid, name = found
        assert (examples.position(task, grid), name) == (words, "two.txt")
        assert examples.position(task, np.zeros_like(grid)) == ""
