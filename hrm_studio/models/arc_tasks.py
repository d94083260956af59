"""The ARC tasks that were opened, and which grid of which one is at hand."""

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
class Opened:
    """What a file, a folder or a text holds."""

    tasks: tuple[ArcPuzzle, ...]  # of a text without a name: ''
    warning: str = ""  # a sentence where a part of it cannot be read


def tasks_of(path: Path) -> Opened:
    """The tasks of a file or folder. For a thread. PuzzleError where there is none."""
    tasks, faults = arc.read_what_can_be(path)
    more = f" So {'is one more' if len(faults) == 2 else f'are {len(faults) - 1:,} more'}." if len(faults) > 1 else ""
    return Opened(tuple(tasks), f"A file was left out. {faults[0]}{more}" if faults else "")


def board_of(pair: Pair) -> tuple[Grid, Grid | None]:
    """Input and output on their boards, (900,) tokens each."""
    given, wanted = (None if grid is None else arc.encode(grid).astype(np.int8) for grid in (pair.input, pair.output))
    assert given is not None
    return given, wanted


class ArcTasks(QObject):
    """`tasks` to choose from, the one at hand (`task`), and its pair whose input is the puzzle (`pair`; None once it was edited).

    Signals
    -------
    changed()       another task or pair, or another list
    identified()    `known`: what the model that thinks knows the task by, is told now
    """

    changed = Signal()
    identified = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tasks: tuple[ArcPuzzle, ...] = ()
        self.task: ArcPuzzle | None = None
        self.pair: Pair | None = None
        self.known: PuzzleIdentifier | None = None
        self._boards: dict[bytes, tuple[ArcPuzzle, Pair]] = {}  # every input that was at hand, for undo

    @property
    def at(self) -> int:
        """The place of the task at hand in the list, −1 where it is not there."""
        return next((k for k, task in enumerate(self.tasks) if task is self.task), -1)

    @property
    def name(self) -> str:
        """What a model knows the task at hand by, '' where there is none."""
        return "" if self.task is None else self.task.name

    def offer(self, opened: Opened) -> None:
        """Other tasks to choose from; none is at hand yet."""
        self.tasks = opened.tasks

    def choose(self, task: ArcPuzzle, pair: Pair) -> Grid:
        """Take a pair of a task at hand; its input as a board."""
        grid, _ = board_of(pair)
        self._boards[grid.tobytes()] = task, pair
        self._set(task, pair)
        return grid

    def follow(self, grid: Grid, *, edited: bool) -> None:
        """The puzzle is this grid now. An edited one stays with its task; one from elsewhere belongs to none."""
        task, pair = self._boards.get(grid.tobytes(), (self.task if edited else None, None))
        if task is not self.task or pair is not self.pair:
            self._set(task, pair)

    def solution(self) -> Grid | None:
        """The answer to the input at hand, where it is told."""
        return None if self.pair is None else board_of(self.pair)[1]

    def told(self, grid: Grid) -> tuple[Grid | None, str]:
        """The answer to an input that was at hand, and its task's name; None and '' where they are not known."""
        task, pair = self._boards.get(grid.tobytes(), (None, None))
        return None if pair is None else board_of(pair)[1], "" if task is None else task.name

    def identify(self, known: PuzzleIdentifier) -> None:
        """The model that thinks knows the puzzle by this."""
        self.known = known
        self.identified.emit()

    def _set(self, task: ArcPuzzle | None, pair: Pair | None) -> None:
        self.task, self.pair, self.known = task, pair, None
        self.changed.emit()
