"""The puzzle that is edited: its cells, undo and redo, and the result of its check."""

from __future__ import annotations

from functools import partial

import numpy as np
from PySide6.QtCore import QObject, Signal

from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.puzzle_check import PuzzleCheck, check_puzzle
from hrm_studio.services.background import Background

_LONGEST_PAST = 500


class PuzzleModel(QObject):
    """One task and grid. Each change can be undone. A thread checks the puzzle, and skips all but the newest change.

    Signals
    -------
    changed()       `task`, `grid`, `can_undo` or `can_redo` changed; `check` is None until it is known
    checked()       `check` is known
    """

    changed = Signal()
    checked = Signal()

    def __init__(self, task: Task, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self.task, self.grid = task, np.zeros(task.cells, np.int8)
        self.check: PuzzleCheck | None = None
        self._past: list[tuple[Task, Grid]] = []
        self._future: list[tuple[Task, Grid]] = []
        self._merging: str | None = None
        self._number, self._checking = 0, False

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._future)

    @property
    def line(self) -> str:
        """The cells as one line of text."""
        return self.task.format_line(self.grid)

    def replace(self, task: Task, grid: Grid, merge: str | None = None) -> None:
        """Change the puzzle. Successive changes with the same `merge` are undone together; if they end where they began, there is nothing to undo."""
        if task == self.task and np.array_equal(grid, self.grid):
            return
        merges = merge is not None and merge == self._merging and bool(self._past)
        if merges and task == self._past[-1][0] and np.array_equal(grid, self._past[-1][1]):
            self._past.pop()
            merge = None  # the next change begins a new entry
        elif not merges:
            self._past.append((self.task, self.grid))
            del self._past[:-_LONGEST_PAST]
        self._future.clear()
        self._merging = merge
        self._show(task, grid)

    def set_cell(self, cell: int, value: int) -> None:
        grid = self.grid.copy()
        grid[cell] = value
        self.replace(self.task, grid)

    def undo(self) -> None:
        if self._past:
            self._future.append((self.task, self.grid))
            self._merging = None
            self._show(*self._past.pop())

    def redo(self) -> None:
        if self._future:
            self._past.append((self.task, self.grid))
            self._merging = None
            self._show(*self._future.pop())

    def _show(self, task: Task, grid: Grid) -> None:
        self.task, self.grid = task, grid
        self.check = None
        self._number += 1
        self.changed.emit()
        if not self._checking:
            self._start_check()

    def _start_check(self) -> None:
        self._checking = True
        self._background.run(partial(check_puzzle, self.task, self.grid), partial(self._checked, self._number))

    def _checked(self, number: int, check: PuzzleCheck) -> None:
        self._checking = False
        if number != self._number:
            self._start_check()
        else:
            self.check = check
            self.checked.emit()
