"""Makes the current Sudoku harder or easier by one clue at a time, and back."""

from __future__ import annotations

import zlib

import numpy as np
from PySide6.QtCore import QObject, Signal

from hrm_model.tasks.base import Grid, Grids, Task
from hrm_model.tasks.sudoku.grid import Variant
from hrm_model.tasks.sudoku.ladder import ladder
from hrm_model.tasks.sudoku.solver import Undecided, solve
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.models.puzzle import PuzzleModel
from hrm_studio.services.background import Background


def ladder_of(grid: Grid, variant: Variant) -> Grids | None:
    """The ladder of a grid, always the same for the same grid; None if it has no solution, or none was found soon."""
    try:
        solutions = solve(grid, variant, 1)
    except Undecided:
        return None
    if not solutions:
        return None
    return ladder(grid, solutions[0], variant, np.random.default_rng(zlib.crc32(grid.tobytes())))[0]


class Difficulty(QObject):
    """Changes the number of clues of a Sudoku. The ladder is computed in the background when it is first needed.

    Signals
    -------
    moved()     the puzzle has the wanted number of clues, or the nearest possible
    changed()   `clues`, `fewest` or `possible` changed
    """

    moved = Signal()
    changed = Signal()

    def __init__(self, puzzle: PuzzleModel, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._puzzle, self._background = puzzle, background
        self._ladder: Grids | None = None
        self._wanted: int | None = None
        self._computing = self._moving = False
        self._base = 0
        puzzle.changed.connect(self._puzzle_changed)

    @property
    def possible(self) -> bool:
        """Whether the puzzle has clues: only a Sudoku does."""
        return isinstance(self._puzzle.task, SudokuTask)

    @property
    def task(self) -> Task:
        return self._puzzle.task

    @property
    def clues(self) -> int:
        return int(np.count_nonzero(self._puzzle.grid))

    @property
    def fewest(self) -> int | None:
        """Clues of the hardest puzzle on the ladder; None until that is computed."""
        return None if self._ladder is None else int(np.count_nonzero(self._ladder[0]))

    def set_clues(self, clues: int) -> None:
        """Ask for so many clues; the puzzle changes once the ladder is computed."""
        self._wanted = clues
        if self._ladder is not None:
            self._move()
        elif not self._computing and self.possible:
            self._compute()

    def _compute(self) -> None:
        task, grid, base = self._puzzle.task, self._puzzle.grid, self._base
        assert isinstance(task, SudokuTask)
        self._computing = True

        def done(found: Grids | None) -> None:
            self._computing = False
            if base != self._base:
                # The puzzle changed in the meantime. Compute again only if a number of clues was set for the new one.
                if self._wanted is not None and self.possible:
                    self._compute()
                return
            self._ladder = found
            self.changed.emit()
            if found is not None:
                self._move()

        self._background.run(lambda: ladder_of(grid, task.variant), done)

    def _move(self) -> None:
        assert self._ladder is not None
        if self._wanted is None:
            return
        place = min(max(self._wanted - (self.fewest or 0), 0), len(self._ladder) - 1)
        self._wanted = None
        self._moving = True
        self._puzzle.replace(self._puzzle.task, self._ladder[place], merge=f"difficulty {self._base}")
        self._moving = False
        self.changed.emit()
        self.moved.emit()

    def _puzzle_changed(self) -> None:
        if not self._moving:
            self._ladder, self._wanted = None, None
            self._base += 1
            self.changed.emit()
