"""Two to four traces side by side on one cursor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal

from hrm_model.analysis.compare import Differences, differing, same_moment
from hrm_model.errors import PuzzleError
from hrm_model.relabel import random_relabelling
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.read import parse_any
from hrm_model.trace.data import Trace
from hrm_studio.models.arc_tasks import ArcTasks
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.model_jobs import trace_job
from hrm_studio.services.reasoner import Reasoner

MOST_PANES = 4
LETTERS = "ABCD"


@dataclass(frozen=True)
class Setting:
    """What a pane shows: which model reasons about which puzzle, and how."""

    model: Path
    segments: int = 16
    relabelled: int = 0  # 0: as it is; k: the k-th random relabelling
    puzzle: str = ""  # its own puzzle; '' for the shared one


class Pane(QObject):
    """One of the traces.

    Signals
    -------
    changed()   `setting`, `error` or `state` changed
    """

    changed = Signal()

    def __init__(self, setting: Setting, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setting = setting
        self.traces = TraceModel(self)
        self.error = ""
        self.waiting = False  # its job has not begun yet

    def fail(self, words: str) -> None:
        self.error, self.waiting = words, False
        self.traces.finish()
        self.changed.emit()


class Comparison(QObject):
    """The panes, the puzzle they share, and `clock`: a TraceModel whose cursor moves all of them to the same moment.

    The clock shows the longest trace.

    Signals
    -------
    panes_changed()     panes were added, removed or set up again
    grew()              a trace has more steps, is complete, or was removed to be computed again
    moved()             all panes show the clock's moment
    """

    panes_changed = Signal()
    grew = Signal()
    moved = Signal()

    def __init__(self, models: ModelChoice, reasoner: Reasoner, parent: QObject | None = None, arc: ArcTasks | None = None) -> None:
        super().__init__(parent)
        self._models, self._reasoner, self._arc = models, reasoner, arc
        self.task: Task | None = None
        self.grid: Grid | None = None
        self.panes: list[Pane] = []
        self.clock = TraceModel(self)
        self.clock.cursor_moved.connect(self._follow)

    # What is compared ------------------------------------------------------------------------------------------------

    def set_puzzle(self, task: Task, grid: Grid) -> None:
        """Set the puzzle of all panes that have none of their own."""
        self.task, self.grid = task, grid

    def set_up(self, settings: list[Setting]) -> None:
        """Replace all panes by these, two to four."""
        assert 2 <= len(settings) <= MOST_PANES
        self.stop()
        for pane in self.panes:
            pane.deleteLater()
        self.panes = [Pane(setting, self) for setting in settings]
        self.clock.open(None)
        self.panes_changed.emit()

    def change(self, index: int, **fields: object) -> None:
        """Change the model, segments or puzzle of one pane, and clear it."""
        pane = self.panes[index]
        pane.setting = replace(pane.setting, **fields)  # type: ignore[arg-type]
        pane.error, pane.waiting = "", False
        self._reasoner.drop(_lane(index))
        pane.traces.open(None)
        pane.changed.emit()

    # Reasoning -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Compute all panes, the first one first."""
        self.clock.open(None)
        for index in reversed(range(len(self.panes))):  # the newest job runs first
            self._run_one(index)
        self.grew.emit()

    def stop(self) -> None:
        """Stop computing; the steps so far stay."""
        for index, pane in enumerate(self.panes):
            self._reasoner.drop(_lane(index))
            pane.waiting = False
            pane.traces.finish()
            pane.changed.emit()
        self.clock.finish()

    @property
    def running(self) -> bool:
        return any(pane.traces.running for pane in self.panes)

    def _run_one(self, index: int) -> None:
        pane, setting = self.panes[index], self.panes[index].setting
        pane.error = ""
        pane.traces.open(None)
        try:
            task, grid = self._puzzle_of(setting)
            task.check(grid)
            relabelling = random_relabelling(task.name, np.random.default_rng(setting.relabelled)) if setting.relabelled else None
        except PuzzleError as error:
            pane.fail(str(error))
            return
        solution, name = self._arc.known_answer(grid) if self._arc is not None else (None, "")
        job = trace_job(task, grid, setting.segments, relabelling, solution=solution, name=name)
        pane.waiting = True
        pane.changed.emit()
        self._reasoner.run(
            setting.model, self._models.device, job, partial(self._show, pane), pane.fail, lane=_lane(index)
        )  # fmt: skip

    def _puzzle_of(self, setting: Setting) -> tuple[Task, Grid]:
        if setting.puzzle.strip():
            return parse_any(setting.puzzle)
        if self.task is None or self.grid is None:
            raise PuzzleError("There is no puzzle yet.")
        return self.task, self.grid

    def _show(self, pane: Pane, result: tuple[Trace, int]) -> None:
        trace, expected = result
        if pane not in self.panes:
            return
        pane.waiting = False
        if pane.traces.trace is None or not pane.traces.running:
            pane.traces.open(trace, running=True, cursor=len(trace) - 1, expected_steps=expected)
        else:
            pane.traces.extend(trace)
        if len(trace) == expected:
            pane.traces.finish()
        self._keep_time()
        self._follow()
        pane.changed.emit()
        self.grew.emit()

    # One cursor ------------------------------------------------------------------------------------------------------

    def leader(self) -> Pane | None:
        """The pane whose trace is the clock: the first of the longest."""
        there = [pane for pane in self.panes if pane.traces.trace is not None]
        return max(there, key=lambda pane: (pane.setting.segments, -self.panes.index(pane)), default=None)

    def _keep_time(self) -> None:
        leader = self.leader()
        if leader is None or leader.traces.trace is None:
            return
        trace, shown = leader.traces.trace, self.clock.trace
        if shown is None or shown.puzzle is not trace.puzzle or shown.model is not trace.model or len(shown) > len(trace):
            at_end = shown is None or self.clock.cursor >= len(shown) - 1
            cursor = len(trace) - 1 if at_end else min(self.clock.cursor, len(trace) - 1)
            self.clock.open(trace, running=leader.traces.running, cursor=cursor, expected_steps=leader.traces.steps)
        elif len(trace) > len(shown):
            at_end = self.clock.cursor >= len(shown) - 1
            self.clock.extend(trace)
            if at_end:
                self.clock.set_cursor(len(trace) - 1)
        if not leader.traces.running:
            self.clock.finish()

    def _follow(self) -> None:
        trace, cursor = self.clock.trace, self.clock.cursor
        if trace is None or cursor < 0:
            return
        for pane in self.panes:
            own = pane.traces.trace
            if own is not None:
                pane.traces.set_cursor(same_moment(trace, cursor, own))
        self.moved.emit()

    def by_title(self) -> dict[str, Trace]:
        """The panes' traces, each under a name that no other has."""
        found = {}
        for letter, pane in zip(LETTERS, self.panes, strict=False):
            trace, relabelled = pane.traces.trace, pane.setting.relabelled
            if trace is not None:
                more = f", relabelling {relabelled}" if relabelled else ""
                budget = f"{trace.segments} segment{'s' if trace.segments > 1 else ''}"
                found[f"{letter}: {trace.model.name}, {budget}{more}"] = trace
        return found

    def differences(self, index: int) -> Differences | None:
        """How a pane's board differs from the first pane's now; None if the two cannot be compared."""
        first, pane = self.panes[0].traces, self.panes[index].traces
        if index == 0 or first.trace is None or pane.trace is None:
            return None
        return differing(first.trace, first.cursor, pane.trace, pane.cursor)


def _lane(index: int) -> str:
    return f"compare {LETTERS[index]}"
