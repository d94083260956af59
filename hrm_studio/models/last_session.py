"""The puzzle, or the opened trace, of the last session."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.registry import task_named
from hrm_studio.models.opened_file import OpenedFile

_TRACE, _PUZZLE = "explore/trace", "explore/puzzle"


def keep(settings: QSettings, task: Task, grid: Grid, opened: OpenedFile | None) -> None:
    """Remember the puzzle, and the opened trace if one is shown."""
    settings.setValue(_TRACE, "" if opened is None else f"{opened.path}|{opened.at}")
    if task.known_rules:  # an ARC grid alone would not bring back its answer
        settings.setValue(_PUZZLE, f"{task.name} {task.format_line(grid)}" if grid.any() else "")


def last_trace(settings: QSettings) -> tuple[Path, int] | None:
    """The file of the trace that was open, and which of its traces; None if there was none, or it is gone."""
    path, _, at = str(settings.value(_TRACE) or "").rpartition("|")
    return (Path(path), int(at)) if path and at.isdecimal() and Path(path).is_file() else None


def last_puzzle(settings: QSettings) -> tuple[Task, Grid] | None:
    """None if there is none that can still be read."""
    name, _, line = str(settings.value(_PUZZLE) or "").partition(" ")
    try:
        task = task_named(name)
        return task, task.parse(line)
    except PuzzleError:
        return None
