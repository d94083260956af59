"""Which puzzle is thought about, and by which model: what happens between a puzzle's text and its trace."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from hrm_model.assets import puzzle_lines
from hrm_model.tasks.sudoku import Grid, PuzzleError, Variant, parse, parse_line, variant_of_cells, variant_of_task
from hrm_model.tasks.sudoku_task import SudokuTask
from hrm_model.trace import Trace
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.player import Player
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.reasoner import Reasoner


class Session(QObject):
    """Asks the reasoner and fills the trace model.

    Signals
    -------
    puzzle_shown(object)    a Grid that was not typed: show it where puzzles are edited
    rethink_wanted()        think about the puzzle in the editor, whatever it is by now
    failed(str, int)        a sentence for people, and the cell at fault or −1
    """

    puzzle_shown = Signal(object)
    rethink_wanted = Signal()
    failed = Signal(str, int)

    def __init__(
        self,
        models: ModelChoice,
        traces: TraceModel,
        selection: Selection,
        player: Player,
        reasoner: Reasoner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._models, self._traces, self._selection, self._player, self._reasoner = models, traces, selection, player, reasoner
        self._examples: dict[int, Iterator[Grid]] = {}
        self._task = ""  # of the puzzle at hand
        self.segments = 16
        reasoner.trace_started.connect(self._started)
        reasoner.trace_grew.connect(self._grew)
        reasoner.trace_finished.connect(traces.finish)
        reasoner.generated.connect(self.show_and_reason)
        reasoner.failed.connect(self._failed)
        reasoner.devices_found.connect(models.set_devices)
        reasoner.model_loaded.connect(lambda about: models.loaded(about["path"]))
        reasoner.model_refused.connect(models.revert)
        models.picked.connect(self._picked)

    def begin(self) -> None:
        """After the first paint: solve the first example."""
        if not self._models.bundled:
            self.failed.emit("No model ships with this copy. Open a checkpoint, or train one: hrm-studio train sudoku-4x4", -1)
            return
        self.show_example(variant_of_task(self._models.bundled[0].task))

    def show_example(self, variant: Variant) -> None:
        """The next puzzle of that size among those that ship."""
        if variant.cells not in self._examples:
            fitting = []
            for line in puzzle_lines("starter"):
                try:
                    fitting.append(parse(line, variant))
                except PuzzleError:
                    continue  # one of another size
            self._examples[variant.cells] = itertools.cycle(fitting)
        self.show_and_reason(next(self._examples[variant.cells]))

    def open_puzzles(self, text: str, name: str) -> None:
        """Think about a pasted or dropped puzzle; of several, one a line, about the first, the others being the next examples.

        ValueError names what cannot be read.
        """
        try:
            grids = [parse(text)]
        except PuzzleError as error:
            lines = [line.partition("#")[0].strip() for line in text.splitlines()]
            lines = [line for line in lines if line]
            if len(lines) < 2:
                raise ValueError(f"{name}: {error}") from None
            grids = [_line(line, f"{name}, puzzle {number}") for number, line in enumerate(lines, 1)]
        if len(grids) > 1:
            for cells in {len(grid) for grid in grids}:
                self._examples[cells] = itertools.cycle([grid for grid in grids if len(grid) == cells])
            self.show_example(variant_of_cells(len(grids[0])))
        else:
            self.show_and_reason(grids[0])

    def show_and_reason(self, grid: Grid) -> None:
        self.puzzle_shown.emit(grid)
        self.reason(grid)

    def reason(self, grid: Grid) -> None:
        """Think about a puzzle that keeps the rules."""
        variant = variant_of_cells(len(grid))
        self._task = variant.task
        chosen, fitting = self._models.bundled_as(self._models.path), self._models.for_task(variant.task)
        if chosen is not None and chosen.task != variant.task and fitting is not None:
            # A bundled model of another size was chosen: take the one that reads this puzzle.
            self._models.use(fitting)
        if self._models.path is None:
            self.failed.emit("There is no model yet. Open a checkpoint, or train one: hrm-studio train " + variant.task, -1)
            return
        self._reasoner.reason(self._models.path, grid, SudokuTask(variant), segments=self.segments, device=self._models.device)

    def generate(self, variant: Variant, clues: int | None) -> None:
        self._reasoner.generate(SudokuTask(variant), clues=clues)

    def use_model(self, path: Path) -> None:
        """Use a checkpoint for the puzzle at hand; an error leaves what was open."""
        self._models.pick(path)

    def cancel(self) -> None:
        """Stop thinking; what was shown stays."""
        self._reasoner.cancel()
        self._traces.finish()

    def _picked(self) -> None:
        chosen = self._models.bundled_as(self._models.path)
        if chosen is not None and self._task not in ("", chosen.task):
            self.show_example(variant_of_task(chosen.task))
        else:
            self.rethink_wanted.emit()

    def _started(self, trace: Trace, expected_steps: int) -> None:
        self._selection.clear()
        self._traces.open(trace, running=True, cursor=0, expected_steps=expected_steps)
        self._player.play()

    def _grew(self, trace: Trace) -> None:
        if self._traces.running:
            self._traces.extend(trace)

    def _failed(self, message: str, cell: int) -> None:
        self._traces.finish()
        self.failed.emit(message, cell)


def _line(line: str, name: str) -> Grid:
    try:
        return parse_line(line)[0]
    except PuzzleError as error:
        raise ValueError(f"{name}: {error}") from None
