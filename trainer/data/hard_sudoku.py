"""Hard Sudokus for training: which symmetry classes are kept apart from them, and how hard those that were found are.

The climbing itself is `hrm_model/tasks/sudoku/hard.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrm_model.assets import assets_dir
from hrm_model.errors import MismatchError
from hrm_model.tasks.puzzle_files import iter_puzzles
from hrm_model.tasks.sudoku.hard import HardPuzzles, climb
from hrm_model.tasks.sudoku.task import SudokuTask

EDGES = (0, 12, 25, 50, 100, 200, 400, 800)  # guesses at which the ranges of `distribution` begin


def bundled_test_files(task: SudokuTask) -> list[Path]:
    """The bundled test sets of a task."""
    return sorted((assets_dir() / "puzzles" / "test" / task.name).glob("*.txt"))


def classes_of(task: SudokuTask, files: Iterable[Path]) -> set[int]:
    """The symmetry classes of all puzzles in some files. MismatchError for a file of another task; PuzzleError, OSError."""
    found: set[int] = set()
    for file in files:
        for part in iter_puzzles(file):
            if part.task != task:
                raise MismatchError(f"{file}: holds {part.task.name}; {task.name} is needed")
            found.update(task.classes(part.puzzles).tolist())
    return found


def hard_puzzles(task: SudokuTask, apart: set[int], *, least: int, seed: int, chains: int) -> Iterator[HardPuzzles]:
    """Rounds without end, the same for the same seed and number of chains. No puzzle is of a class in `apart`."""
    # A stream of its own, so that no puzzle begins as one that a run made with the same seed.
    return climb(task.variant, np.random.default_rng([seed, 20261130]), least=least, apart=apart.__contains__, chains=chains)


def distribution(guesses: NDArray[np.intp]) -> dict[str, int]:
    """How many puzzles need so many guesses: by range, '12 to 24', …, '800 and more'. Ranges without puzzles are left out."""
    edges = [*EDGES, np.iinfo(np.intp).max]
    names = [f"{low} to {high - 1}" for low, high in zip(EDGES, EDGES[1:], strict=False)] + [f"{EDGES[-1]} and more"]
    counts = np.histogram(guesses, edges)[0].tolist()
    return {name: count for name, count in zip(names, counts, strict=True) if count}
