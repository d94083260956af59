"""The bundled test puzzles: complete, as difficult as their file's name says, and of classes that training never sees."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hrm_model.assets import assets_dir
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.rating import LEVELS, rate
from hrm_model.tasks.sudoku.solver import count_solutions
from hrm_model.tasks.sudoku.task import SudokuTask
from trainer.data.puzzle_sets import chosen

FILES = sorted((assets_dir() / "puzzles" / "test").glob("*/*.txt"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_puzzles_have_the_difficulty_in_their_files_name(file: Path) -> None:
    told = int(file.read_text().split()[1])
    found = read_puzzles(file, solve=True)
    assert found.solutions is not None, "each has one solution"
    task = task_named(file.parent.name)
    assert found.task == task
    assert len(found) == told
    assert len({p.tobytes() for p in found.puzzles}) == told, "no two are equal"
    some = found[:: max(1, told // 10)]
    if isinstance(task, SudokuTask):
        clues = (found.puzzles > 0).sum(axis=1)
        if file.stem.endswith("-clues"):
            assert set(clues) == {int(file.stem.split("-")[0])}
        elif file.stem.startswith("needs-"):
            assert all(LEVELS[rate(p, task.variant).level].replace(" ", "-") == file.stem.removeprefix("needs-") for p in some.puzzles)
        elif file.stem == "hardest-known":
            assert {LEVELS[rate(p, task.variant).level] for p in found.puzzles} == {"search"}
        else:
            assert "fewer" not in file.stem or clues.max() <= 24
            for puzzle in some.puzzles:
                fewer = [np.where(np.arange(task.cells) == cell, 0, puzzle) for cell in np.flatnonzero(puzzle)]
                assert all(count_solutions(less, task.variant) > 1 for less in fewer), "no clue can be taken away"
    else:
        low, high = re.fullmatch(r"path-(\d+)-(?:to-(\d+)|and-more)", file.stem).groups()  # type: ignore[union-attr]
        moves = task.difficulty(found.puzzles, found.solutions)["path length"]
        assert moves.min() >= int(low)
        assert high is None or moves.max() <= int(high)
    if task.few_classes:
        assert task.held_out(found.puzzles).all(), "training pools leave these classes out"
    elif len(found) > 7:
        assert len(set(task.classes(found.puzzles[:200]))) == min(told, 200), "no two are the same puzzle in disguise"


def test_classes_seen_before_are_left_out() -> None:
    task = task_named("sudoku-9x9")
    puzzles = task.generate(12, np.random.default_rng(0), clues=36)[0]
    disguised = task.augment(puzzles, puzzles, np.random.default_rng(1))[0]
    seen = set(task.classes(disguised[:5]).tolist())
    kept = chosen(task, lambda: puzzles, 12, seen)
    assert {p.tobytes() for p in kept} == {p.tobytes() for p in puzzles[5:]}
