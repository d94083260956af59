"""Which task a name belongs to."""

from __future__ import annotations

import re
from functools import cache

from hrm_model.errors import PuzzleError
from hrm_model.tasks.arc.task import ArcTask
from hrm_model.tasks.base import Task
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.sudoku import grid as sudoku
from hrm_model.tasks.sudoku.task import SudokuTask


@cache
def task_named(name: str) -> Task:
    """'sudoku-9x9', 'maze-11x11', 'maze-7x20', 'arc' → the task. PuzzleError for another name."""
    found = re.fullmatch(r"maze-(\d{1,3})x(\d{1,3})", name)
    if found and all(maze.SMALLEST <= int(length) <= maze.LARGEST for length in found.groups()):
        return MazeTask(int(found[1]), int(found[2]))
    if name == "arc":
        return ArcTask()
    if name.startswith("sudoku-"):
        return SudokuTask(sudoku.variant_of_task(name))
    raise PuzzleError(
        f"Unknown task {name!r}. The tasks are {', '.join(v.task for v in sudoku.VARIANTS)}, arc,"
        f" and maze-RxC for R rows and C columns from {maze.SMALLEST} to {maze.LARGEST}"
    )
