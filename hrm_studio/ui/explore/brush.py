"""Drawing on a puzzle with the mouse. A stroke goes from press to release, and is undone as one."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod

from hrm_model.tasks.base import Grid
from hrm_studio.models.puzzle import PuzzleModel

_strokes = itertools.count()


def line(first: int, last: int, side: int) -> list[int]:
    """The cells from one to another, without the first. Each is next to the one before, so even a fast drag leaves no gap."""
    row, column = divmod(first, side)
    end_row, end_column = divmod(last, side)
    down, right = abs(end_row - row), abs(end_column - column)
    found: list[int] = []
    gone_down = gone_right = 0
    while gone_down < down or gone_right < right:
        if (gone_right + 0.5) * down < (gone_down + 0.5) * right:
            gone_right += 1
            column += 1 if end_column > column else -1
        else:
            gone_down += 1
            row += 1 if end_row > row else -1
        found.append(row * side + column)
    return found


class Brush(ABC):
    """`press` begins a stroke if the puzzle's task allows it; `changed` says what it does to the cells it passes."""

    def __init__(self, puzzle: PuzzleModel) -> None:
        self._puzzle = puzzle
        self._value: int | None = None  # what the stroke writes; None without a stroke
        self._base = self._last = puzzle.grid  # before the stroke, and after its last change
        self._at = 0
        self._name = ""

    @abstractmethod
    def press(self, cell: int, erase: bool = False) -> None:
        """Begin a stroke; `erase` for the right button. Does nothing if the puzzle has another task."""

    @abstractmethod
    def changed(self, cells: list[int], value: int) -> Grid | None:
        """The grid after the stroke has passed these cells; None to leave it as it is."""

    def drag(self, cell: int) -> bool:
        """Continue to a cell. Returns whether there is a stroke."""
        if self._value is None:
            return False
        if self._puzzle.grid is not self._last:  # another puzzle was opened, or the stroke undone
            self.release()
            return False
        if cell != self._at:
            passed, self._at = line(self._at, cell, self._puzzle.task.side), cell
            self._write(passed, self._value)
        return True

    def release(self) -> None:
        self._value = None

    def _begin(self, cell: int, value: int) -> None:
        self._value, self._at, self._name = value, cell, f"stroke {next(_strokes)}"
        self._base = self._last = self._puzzle.grid
        self._write([cell], value)

    def _write(self, cells: list[int], value: int) -> None:
        grid = self.changed(cells, value)
        if grid is not None:
            self._puzzle.replace(self._puzzle.task, grid, self._name)
            self._last = self._puzzle.grid
