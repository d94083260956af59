"""The examples of each task, one after the other: the puzzles of the file opened last, else the bundled ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrm_model.assets import puzzle_lines
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.read import parse_any

_MOST_PUZZLES = 2000  # read of one file


@dataclass
class _Ring:
    """Puzzles in a ring: the first follows the last. `of` says how many there are, and `file` where they are from; empty for the bundled ones."""

    grids: list[Grid]
    of: str = ""
    file: str = ""
    at: int = -1

    def step(self) -> Grid:
        self.at = (self.at + 1) % len(self.grids)
        return self.grids[self.at]


class Examples:
    """A ring of puzzles for each task. The bundled ones are read when a task first needs them."""

    def __init__(self) -> None:
        self._rings: dict[str, _Ring] = {}

    def next(self, task: Task) -> tuple[Grid, str] | None:
        """The task's next puzzle and the name of its file ('' for a bundled one). None if the task has no examples."""
        if task.name not in self._rings:
            for name, grids in _bundled().items():
                self._rings.setdefault(name, _Ring(grids))
        ring = self._rings.get(task.name)
        return None if ring is None else (ring.step(), ring.file)

    def replace(self, task: Task, grids: list[Grid], file: str) -> None:
        """From now on the task's examples are these, of a file."""
        count = f"{len(grids):,}" if len(grids) < _MOST_PUZZLES else f"the first {_MOST_PUZZLES:,}"
        self._rings[task.name] = _Ring(grids, count if len(grids) > 1 else "", file)

    def position(self, task: Task, grid: Grid) -> str:
        """'2 of 3' if the grid is the example that was taken last, of a file of several; '' otherwise."""
        ring = self._rings.get(task.name)
        if ring is None or not ring.of or not np.array_equal(ring.grids[ring.at], grid):
            return ""
        return f"{ring.at + 1:,} of {ring.of}"


def puzzles_of(path: Path) -> tuple[Task, list[Grid]]:
    """A file's task and its puzzles, at most 2,000. PuzzleError if the file cannot be read."""
    # Imported late, because the first window does not need it.
    from hrm_model.tasks.puzzle_files import read_puzzles

    puzzles = read_puzzles(path, limit=_MOST_PUZZLES)
    return puzzles.task, list(puzzles.puzzles)


def bundled_example(task: str) -> str | None:
    """The text of the first bundled puzzle of a task; None if none is bundled."""
    return next((line for line in puzzle_lines("starter") if parse_any(line)[0].name == task), None)


def _bundled() -> dict[str, list[Grid]]:
    """Grids by their task's name."""
    found: dict[str, list[Grid]] = {}
    for line in puzzle_lines("starter"):
        task, grid = parse_any(line)
        found.setdefault(task.name, []).append(grid)
    return found
