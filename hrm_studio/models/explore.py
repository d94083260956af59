"""What the page Explore holds: the puzzle, the model that reasons about it, and everything from puzzle text to trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PySide6.QtCore import QObject, QSettings, QTimer, Signal

from hrm_model.config import USUAL_SEGMENTS
from hrm_model.errors import HRMError, PuzzleError
from hrm_model.tasks.arc.puzzle import ArcPuzzle, Pair, grid_on, looks_like_json, task_from_text
from hrm_model.tasks.arc.task import ArcTask
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.read import parse_any
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.ladder import generate_rated
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_model.trace.data import Trace
from hrm_studio.models import last_session
from hrm_studio.models.arc_tasks import ArcTasks, OpenedTasks, tasks_of
from hrm_studio.models.difficulty import Difficulty
from hrm_studio.models.examples import Examples, puzzles_of
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.opened_file import OpenedFile, open_file
from hrm_studio.models.player import Player
from hrm_studio.models.puzzle import PuzzleModel
from hrm_studio.models.recent_puzzles import RecentPuzzles
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.services.reasoner import Reasoner

if TYPE_CHECKING:
    from hrm_studio.services.arc_attempts import Attempts

T = TypeVar("T")

_SETTLED_MS = 250  # after the difficulty was last moved
_ATTEMPTS = "attempts"  # the reasoner's lane for two attempts
_NO_ARC_MODEL = (
    "This model does not read ARC tasks, and HRM Studio ships no model that does. Open your own checkpoint, or download the published"
    " one on the page Library (HRM ARC-AGI-2)."
)


class ExploreModel(QObject):
    """The current puzzle (`puzzle`), its difficulty and the recent puzzles. Starts the reasoner and fills the trace model.

    Signals
    -------
    failed(str, int)        an error message ('' clears it), and the cell at fault or −1
    file_opened(object)     the OpenedFile whose trace is shown from now on (also in `opened`)
    example_shown()         `position` may have changed
    segments_changed()      `segments` became what the model in use usually needs
    file_read(object)       the Path of a file of puzzles or traces that was read without error
    asked()                 the model is asked to reason about `puzzle`
    source_changed(str)     the name of the file that the puzzle or the trace comes from; '' for none
    many_wanted(str)        a text of several puzzles, to evaluate the model on
    shown()                 another trace is on the board, or none
    blocked(str)            no model here can reason about `puzzle`: why, in words; '' as soon as one can
    """

    failed = Signal(str, int)
    file_opened = Signal(object)
    example_shown = Signal()
    segments_changed = Signal()
    file_read = Signal(object)
    asked = Signal()
    source_changed = Signal(str)
    many_wanted = Signal(str)
    shown = Signal()
    blocked = Signal(str)

    def __init__(
        self,
        settings: QSettings,
        models: ModelChoice,
        traces: TraceModel,
        selection: Selection,
        player: Player,
        reasoner: Reasoner,
        parent: QObject | None = None,
        arc: ArcTasks | None = None,
    ) -> None:
        super().__init__(parent)
        self.models, self._settings = models, settings
        self._traces, self._selection, self._player, self._reasoner = traces, selection, player, reasoner
        self._background = Background(self)
        self._examples = Examples()
        self.segments = self._usual_segments = USUAL_SEGMENTS
        self.until_halt = False  # stop where the model would, after `segments` at the latest
        self.opened: OpenedFile | None = None
        self.plays_next = True  # the next trace plays by itself; otherwise it stands at its first step
        self._expecting = False  # a trace; after a cancel, one may still arrive from the thread
        self.puzzle = PuzzleModel(task_named(models.bundled[0].task if models.bundled else "sudoku-9x9"), self._background, self)
        self.difficulty = Difficulty(self.puzzle, self._background, self)
        self.arc = arc or ArcTasks(self)
        self.puzzle.changed.connect(self._puzzle_changed)
        self.recent = RecentPuzzles(settings, self)
        self._settled = QTimer(self, singleShot=True, interval=_SETTLED_MS)
        self._settled.timeout.connect(lambda: self.reason())
        self.difficulty.moved.connect(self._settled.start)
        traces.trace_replaced.connect(self.shown)
        reasoner.trace_started.connect(self._started)
        reasoner.trace_grew.connect(self._grew)
        reasoner.trace_finished.connect(traces.finish)
        reasoner.made.connect(lambda task, grid: self.show_and_reason(task, grid))
        reasoner.failed.connect(self.failed)
        reasoner.devices_found.connect(models.set_devices)
        reasoner.model_loaded.connect(lambda loaded: models.loaded(loaded.path, loaded.model.config))
        reasoner.identified.connect(self.arc.identify)
        reasoner.model_refused.connect(models.revert)
        reasoner.unfit.connect(self._block)
        models.picked.connect(self._picked)

    def begin(self) -> None:
        """Show the trace, or reason about the puzzle, that was open last; else the first example. Called after the first paint."""
        if not self.models.bundled and self.models.path is None:
            self.failed.emit(
                "This copy of HRM Studio has no bundled model. Open a checkpoint, or train one: hrm-studio train sudoku-4x4", -1
            )
            return
        trace, puzzle = last_session.last_trace(self._settings), last_session.last_puzzle(self._settings)
        if trace is not None:
            self.open_trace(*trace)
        elif puzzle is not None:
            self.show_and_reason(*puzzle)
        else:
            self.show_example(self.puzzle.task)

    def tasks(self) -> list[Task]:
        """The tasks of the bundled models and of the one in use, and the task of the current puzzle."""
        used = self.models.config_of(self.models.path)
        own = [task for task in used.tasks if task != "unknown"] if used else []
        names = dict.fromkeys([*self.models.tasks(), *own, self.puzzle.task.name])
        return [task_named(name) for name in names]

    @property
    def position(self) -> str:
        """'2 of 3' while the current puzzle is one from a file of several; '' otherwise."""
        return self._examples.position(self.puzzle.task, self.puzzle.grid)

    @property
    def trace_is_stale(self) -> bool:
        """Whether the trace that is shown belongs to another puzzle than the current one."""
        trace, task = self._traces.trace, self.puzzle.task
        if trace is None:
            return False
        return trace.puzzle.task != task.name or not np.array_equal(trace.puzzle.given, task.to_tokens(self.puzzle.grid))

    @property
    def on_board(self) -> bool:
        """Whether the board shows the current puzzle."""
        return self._traces.trace is not None and not self.trace_is_stale

    # Another puzzle --------------------------------------------------------------------------------------------------

    def show_example(self, task: Task) -> None:
        """Reason about the task's next puzzle: from the file opened last, else a bundled one, else a new one."""
        if isinstance(task, ArcTask):
            self._next_arc_task()
            return
        example = self._examples.next(task)
        if example is None:
            self.make(task)
        else:
            self.show_and_reason(task, *example)
            self.example_shown.emit()

    def open_text(self, text: str, name: str) -> None:
        """Reason about a pasted or dropped puzzle. PuzzleError says what cannot be read."""
        if looks_like_json(text):
            self._show_arc(OpenedTasks((task_from_text(text, "", name),)))
            return
        try:
            task, grid = parse_any(text)
        except PuzzleError as error:
            raise PuzzleError(f"{name}: {error}") from None
        self.show_and_reason(task, grid)

    def open_puzzles(self, path: Path) -> None:
        """Reason about the first puzzle of a file; the others become the next examples. ARC tasks of a file or folder are listed to choose from."""
        if path.is_dir() or path.suffix.lower() == ".json":
            self._read(path, lambda: tasks_of(path), partial(self._show_arc, file=path.name))
            return
        self._read(path, lambda: puzzles_of(path), partial(self._show_first, path.name))

    def open_trace(self, path: Path, at: int = 0) -> None:
        """Show a trace of a file: number `at`, counted from 0."""
        before = self.opened
        self._read(path, lambda: open_file(path, at, before), self._show_file)

    def show_and_reason(self, task: Task, grid: Grid, file: str = "") -> None:
        """Make this the puzzle and reason about it. `file`: the name of the file that it comes from."""
        self.source_changed.emit(file)
        self.arc.follow(grid, edited=False)
        self.puzzle.replace(task, grid)
        self.reason()

    def show_arc(self, task: ArcPuzzle, pair: Pair | None = None) -> None:
        """Reason about a pair's input; without a pair, about the first test input."""
        self.puzzle.replace(ArcTask(), self.arc.choose(task, pair or task.test[0]))
        self.reason()

    def make(self, task: Task, *, rating: int | None = None, **difficulty: int | None) -> None:
        """Generate a puzzle (`difficulty` goes to Task.generate), or a Sudoku that needs the technique of that rating; then reason about it."""

        def makes() -> Iterator[Grid | None]:
            rng = np.random.default_rng()
            if rating is not None:
                assert isinstance(task, SudokuTask)
                yield from generate_rated(task.variant, rating, rng)
            else:
                yield task.generate(1, rng, **difficulty)[0][0]

        self._reasoner.make(task, makes)

    # Reasoning -------------------------------------------------------------------------------------------------------

    def reason(self, any_solution: bool = False) -> None:
        """Reason about the current puzzle; `any_solution`: although it has several solutions."""
        task, grid = self.puzzle.task, self.puzzle.grid
        self._settled.stop()
        try:
            task.check(grid)
        except PuzzleError as error:
            self.failed.emit(str(error), -1 if error.cell is None else error.cell)
            return
        chosen, fitting = self.models.bundled_as(self.models.path), self.models.for_task(task.name)
        if chosen is not None and not chosen.reads(task.name) and fitting is not None:
            # A bundled model for another task was chosen: switch to the one that reads this puzzle.
            self.models.use(fitting)
        if isinstance(task, ArcTask) and fitting is None and chosen is not None:
            self._block(_NO_ARC_MODEL)
            return
        if self.models.path is None:
            self._block("No model is loaded. Open a checkpoint, or train one: hrm-studio train " + task.name)
            return
        self.failed.emit("", -1)
        self.models.set_foreign("")
        self._suit_segments()
        self.recent.add(task, grid)
        self._expecting = True
        solution, name = (self.arc.solution(), self.arc.name) if isinstance(task, ArcTask) else (None, "")
        self._reasoner.reason(
            self.models.path, grid, task, segments=self.segments, device=self.models.device, until_halt=self.until_halt,
            any_solution=any_solution, solution=solution, name=name,
        )  # fmt: skip
        self.asked.emit()

    def _block(self, why: str) -> None:
        """Empty the board: what it shows would be of another puzzle."""
        self.cancel()
        self._player.pause()
        self._selection.clear()
        self.failed.emit("", -1)
        self._traces.open(None)
        self.blocked.emit(why)

    def _suit_segments(self) -> None:
        """Take as many segments as this kind of model usually needs, if the number is still what the kind before needs."""
        config = self.models.config_of(self.models.path)
        usual = config.usual_segments if config is not None else USUAL_SEGMENTS
        if usual != self._usual_segments and self.segments == self._usual_segments:
            self.segments = usual
            self.segments_changed.emit()
        self._usual_segments = usual

    def attempt(self, copies: int, report: Callable[[Attempts], object], failed: Callable[[str], object]) -> None:
        """Two attempts at the current ARC input. `report` gets them again and again, as the answers come in."""
        from hrm_studio.services.arc_attempts import attempts_job  # rarely needed, and never before the first paint

        pair = self.arc.pair or Pair(grid_on(self.puzzle.grid), None)
        if self.models.path is not None:
            job = attempts_job(self.arc.name, pair, copies, self.segments)
            self._reasoner.run(self.models.path, self.models.device, job, report, failed, lane=_ATTEMPTS)

    def stop_attempts(self) -> None:
        """Stop; the attempts found so far stay."""
        self._reasoner.drop(_ATTEMPTS)

    def cancel(self) -> None:
        """Stop reasoning; the steps shown so far stay."""
        self._expecting = False
        self._reasoner.cancel()
        self._traces.finish()

    def close(self) -> None:
        """Keep what is open for the next session, and end the thread that reads files and checks puzzles."""
        opened = self.opened if self.opened is not None and self.opened.trace is self._traces.trace else None
        last_session.keep(self._settings, self.puzzle.task, self.puzzle.grid, opened)
        self._settled.stop()
        self._background.close()

    def _picked(self) -> None:
        task = self.models.task_of(self.models.path)
        if task not in ("", "unknown") and not self.models.may_read(self.models.path, self.puzzle.task.name):
            self.show_example(task_named(task))
        else:
            self.reason()

    def _started(self, trace: Trace, expected_steps: int) -> None:
        if not self._expecting:
            return
        self._selection.clear()
        self.blocked.emit("")
        self._traces.open(trace, running=True, cursor=0, expected_steps=expected_steps)
        if self.plays_next:
            self._player.play()
        self.plays_next = True

    def _grew(self, trace: Trace) -> None:
        if self._traces.running:
            self._traces.extend(trace)

    # Files -----------------------------------------------------------------------------------------------------------

    def _read(self, path: Path, work: Callable[[], T], show: Callable[[T], None]) -> None:
        def safely() -> T | HRMError | OSError:
            try:
                return work()
            except (HRMError, OSError) as error:
                return error

        def done(found: T | HRMError | OSError) -> None:
            if isinstance(found, HRMError | OSError):
                self.failed.emit(str(found), -1)
            else:
                self.file_read.emit(path)
                show(found)

        self._background.run(safely, done)

    def _show_arc(self, opened: OpenedTasks, file: str = "") -> None:
        self.source_changed.emit(file)
        self.arc.offer(opened)
        self.show_arc(opened.tasks[0])
        if opened.warning:
            self.failed.emit(opened.warning, -1)

    def _next_arc_task(self) -> None:
        if self.arc.tasks:
            self.show_arc(self.arc.tasks[(self.arc.at + 1) % len(self.arc.tasks)])
        else:
            self.failed.emit(
                "Open an ARC task first: File › Open … reads an official .json file, File › Open a folder … reads all of them.", -1
            )

    def _puzzle_changed(self) -> None:
        if isinstance(self.puzzle.task, ArcTask):
            self.arc.follow(self.puzzle.grid, edited=True)

    def _show_first(self, file: str, found: tuple[Task, list[Grid]]) -> None:
        task, grids = found
        self._examples.replace(task, grids, file)
        self.show_example(task)

    def _show_file(self, opened: OpenedFile) -> None:
        trace = opened.trace
        self.cancel()
        self._player.pause()
        try:
            task = task_named(trace.puzzle.task)
            grid = task.from_tokens(trace.puzzle.given)
            self.arc.follow(grid, edited=False)
            self.puzzle.replace(task, grid)
        except PuzzleError:
            pass  # a task without an editor; its trace can still be shown
        self.failed.emit(opened.warning, -1)
        self._selection.clear()
        self._show_model_of(trace)
        self.blocked.emit("")
        self._traces.open(trace, cursor=0, extras=opened.extras)
        self.opened = opened
        self.source_changed.emit(opened.path.name)
        self.file_opened.emit(opened)

    def _show_model_of(self, trace: Trace) -> None:
        """Choose the model that made the trace, or name it if it is not here: the picker speaks of what is on the board."""
        path = self.models.named(trace.model.name)
        if path is not None and self.models.may_read(path, trace.puzzle.task):
            self.models.use(path)
            self.models.set_foreign("")
        else:
            self.models.set_foreign(trace.model.name or "unnamed model")
