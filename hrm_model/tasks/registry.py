"""Which task a name, or a pasted text, belongs to."""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from hrm_model.errors import PuzzleError
from hrm_model.tasks.arc import puzzle as arc
from hrm_model.tasks.arc.task import ArcTask
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.sudoku import grid as sudoku
from hrm_model.tasks.sudoku.task import SudokuTask

_COMMENT, _DIGIT = re.compile(r"#.*"), re.compile("[1-9]")
_ARC_LINE = re.compile(r"\s*\d+(/\d+)+\s*", re.ASCII)


@cache
def task_named(name: str) -> Task:
    """'sudoku-9x9', 'maze-11x11', 'arc' → the task. PuzzleError for another name."""
    found = re.fullmatch(r"maze-(\d{1,3})x(\d{1,3})", name)
    if found and found[1] == found[2] and maze.SMALLEST <= int(found[1]) <= maze.LARGEST:
        return MazeTask(int(found[1]))
    if name == "arc":
        return ArcTask()
    for variant in sudoku.VARIANTS:
        if variant.task == name:
            return SudokuTask(variant)
    raise PuzzleError(
        f"{name!r} is no task; these are: {', '.join(v.task for v in sudoku.VARIANTS)}, arc,"
        f" and maze-NxN for N from {maze.SMALLEST} to {maze.LARGEST}"
    )


def looks_like_maze(text: str) -> bool:
    """Whether a text is meant as a maze: it has a start and a goal, or walls. No Sudoku has."""
    return "#" in text or "█" in text or ("S" in text and "G" in text)


def parse_any(text: str) -> tuple[Task, Grid]:
    """A pasted puzzle of any kind → its task and its grid; after a Sudoku's cells, `# …` may tell about it.

    Of an ARC task's JSON, the first test input; of an ARC grid, a list of lists in JSON or its rows with / between
    (as `ArcTask.format_line` writes them). PuzzleError.
    """
    if arc.looks_like_json(text):
        return ArcTask(), arc.encode(arc.task_from_text(text, "", "The text").test[0].input).astype(np.int8)
    if arc.looks_like_json_grid(text):
        return ArcTask(), ArcTask().parse(text)
    if _ARC_LINE.fullmatch(text):
        return ArcTask(), ArcTask().parse(text.replace("/", "\n"))
    told = _COMMENT.sub("", text)
    if looks_like_maze(text) and (looks_like_maze(told) or not _DIGIT.search(told)):
        grid = maze.parse(text)
        return MazeTask(maze.side_of(len(grid))), grid
    grid = sudoku.parse(told)
    return SudokuTask(sudoku.variant_of_cells(len(grid))), grid
