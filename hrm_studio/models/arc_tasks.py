"""The opened ARC tasks, and which of their inputs is the current puzzle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from hrm_model.tasks.arc import puzzle as arc
from hrm_model.tasks.arc.puzzle import ArcPuzzle, Pair
from hrm_model.tasks.base import Grid

if TYPE_CHECKING:  # the window's start needs no datasets
    from trainer.data.identifiers import PuzzleIdentifier


@dataclass(frozen=True)
class OpenedTasks:
    """The ARC tasks of a file, a folder or a text."""

    tasks: tuple[ArcPuzzle, ...]  # a pasted task has the name ''
    warning: str = ""  # a message if some files could not be read


def tasks_of(path: Path) -> OpenedTasks:
    """The tasks of a file or folder; runs in a thread. PuzzleError if there are none."""
    tasks, faults = arc.read_what_can_be(path)
    skipped = "1 file" if len(faults) == 1 else f"{len(faults):,} files"
    return OpenedTasks(tuple(tasks), f"Skipped {skipped}. {faults[0]}" if faults else "")


def board_of(pair: Pair) -> tuple[Grid, Grid | None]:
    """Input and output as boards of (900,) tokens."""
    given, wanted = (None if grid is None else arc.encode(grid).astype(np.int8) for grid in (pair.input, pair.output))
    assert given is not None
    return given, wanted


class ArcTasks(QObject):
    """`tasks` to choose from, the current one (`task`), and the pair whose input is the puzzle (`pair`; None if it was edited).

    Signals
    -------
    changed()       another task or pair, or another list
    identified()    `known` was set: whether the model was trained on the task
    """

    changed = Signal()
    identified = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tasks: tuple[ArcPuzzle, ...] = ()
        self.task: ArcPuzzle | None = None
        self.pair: Pair | None = None
        self.known: PuzzleIdentifier | None = None
        self._boards: dict[bytes, tuple[ArcPuzzle, Pair]] = {}  # every input that was chosen, for undo

    @property
    def at(self) -> int:
        """Index of the current task in `tasks`, −1 if it is not there."""
        return next((k for k, task in enumerate(self.tasks) if task is self.task), -1)

    @property
    def name(self) -> str:
        """The name of the current task; '' without one."""
        return "" if self.task is None else self.task.name

    def offer(self, opened: OpenedTasks) -> None:
        """Set the tasks to choose from; the current one stays."""
        self.tasks = opened.tasks

    def choose(self, task: ArcPuzzle, pair: Pair) -> Grid:
        """Make this the current pair; returns its input as a board."""
        grid, _ = board_of(pair)
        self._boards[grid.tobytes()] = task, pair
        self._set(task, pair)
        return grid

    def follow(self, grid: Grid, *, edited: bool) -> None:
        """The puzzle changed to this grid. If it was edited, the task stays; a new puzzle has no task, unless it is an input chosen before."""
        task, pair = self._boards.get(grid.tobytes(), (self.task if edited else None, None))
        if task is not self.task or pair is not self.pair:
            self._set(task, pair)

    def solution(self) -> Grid | None:
        """The answer to the current input, if it is known."""
        return None if self.pair is None else board_of(self.pair)[1]

    def known_answer(self, grid: Grid) -> tuple[Grid | None, str]:
        """The answer to an input that was chosen before, and its task's name; None and '' if unknown."""
        task, pair = self._boards.get(grid.tobytes(), (None, None))
        return None if pair is None else board_of(pair)[1], "" if task is None else task.name

    def identify(self, known: PuzzleIdentifier) -> None:
        """Set whether the model in use was trained on the current task."""
        self.known = known
        self.identified.emit()

    def _set(self, task: ArcPuzzle | None, pair: Pair | None) -> None:
        self.task, self.pair, self.known = task, pair, None
        self.changed.emit()
