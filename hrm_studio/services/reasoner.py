"""The worker thread that owns the loaded models and runs torch. The GUI thread never does."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Signal

from hrm_model.errors import MismatchError, PuzzleError, message_of
from hrm_model.tasks.base import Grid, Task
from hrm_model.trace.data import PuzzleInfo
from hrm_studio.services.torch_import import import_torch
from hrm_studio.services.worker import Job, Report, Worker

if TYPE_CHECKING:
    from hrm_model.loaded import LoadedModel
    from trainer.data.identifiers import PuzzleIdentifier

T = TypeVar("T")

_REPORT_EVERY = 1 / 30  # seconds; the screen shows no more
_REASON = "reason"  # the lane of Explore's own jobs
_PREPARE = "prepare"  # what comes before them: the model is loaded, the solution found
_MODELS_KEPT = 4  # loaded at a time; comparing goes back and forth between them


class Reasoner(QObject):
    """Runs jobs in its thread, the newest first. A new puzzle cancels the one before it between two steps; jobs of views (`run`) continue later.

    Signals (delivered in the GUI thread)
    -------
    busy_changed(str)           what is being done now, '' when idle
    model_loaded(object)        the LoadedModel in use
    unfit(str)                  the model cannot read the puzzle: why
    model_refused()             the model that was to reason cannot be loaded; `failed` says why
    identified(object)          a PuzzleIdentifier: the model's vector for the puzzle
    devices_found(list)         names of the devices there are
    trace_started(object, int)  a Trace with its first steps, and how many there will be
    trace_grew(object)          the same Trace with more steps
    trace_finished()            no more steps will come
    made(object, object)        a puzzle that was asked for: its Task and Grid
    failed(str, int)            a sentence for people, and the cell at fault or −1
    """

    busy_changed = Signal(str)
    model_loaded = Signal(object)
    unfit = Signal(str)
    model_refused = Signal()
    identified = Signal(object)
    devices_found = Signal(list)
    trace_started = Signal(object, int)
    trace_grew = Signal(object)
    trace_finished = Signal()
    made = Signal(object, object)
    failed = Signal(str, int)
    _in_gui = Signal(str, int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = Worker("reasoner", lambda: self.busy_changed.emit(""))
        self._in_gui.connect(self._call)
        self._loaded: OrderedDict[tuple[str, str], LoadedModel] = OrderedDict()

    # From the GUI thread ---------------------------------------------------------------------------------------------

    def reason(
        self,
        path: Path,
        grid: Grid,
        task: Task,
        *,
        segments: int,
        device: str,
        until_halt: bool = False,
        any_solution: bool = False,
        solution: Grid | None = None,
        name: str = "",
    ) -> None:
        """Solve the puzzle, load the model if it is not loaded, and let it reason.

        `until_halt`: only until the model would stop, at most for `segments`. `any_solution`: although the puzzle has several solutions.
        `solution`: the answer, if it is known and cannot be computed; `name`: the puzzle's name in the dataset that the model was trained on.
        A running job ends only after all this has succeeded; otherwise it continues.
        """
        self._worker.submit(
            _PREPARE,
            self._worker.claim(_PREPARE),
            lambda: self._prepare(path, grid, task, segments, device, until_halt, any_solution, solution, name),
            self._report_failure,
        )

    def make(self, task: Task, makes: Callable[[], Iterator[Grid | None]]) -> None:
        """Make a puzzle and emit it by `made`. `makes()` yields None, any number of times, so that it can be cancelled; then a grid."""
        self._worker.claim(_PREPARE)
        self._submit(lambda: self._make(task, makes))

    def run(
        self,
        path: Path,
        device: str,
        job: Callable[[LoadedModel], Iterator[T | None]],
        then: Callable[[T], object],
        failed: Callable[[str], object],
        *,
        lane: str,
    ) -> None:
        """Run a job with a model: `job(loaded)` yields results in the thread, and `then` gets each of them in the GUI thread.

        The job replaces the last one in its `lane`. Whenever it yields, newer jobs run first; it yields None if it has no result yet.
        It must not yield inside torch's inference mode.
        """

        def steps() -> Iterator[Report]:
            loaded = self._model(path, device)
            self.busy_changed.emit("Reasoning …")
            for result in job(loaded):
                yield _nothing if result is None else partial(self._in_gui.emit, lane, number, partial(then, result))

        number = self._worker.claim(lane)
        self._worker.submit(lane, number, steps, lambda error: self._in_gui.emit(lane, number, partial(failed, message_of(error))))

    def drop(self, lane: str) -> None:
        """End the job in a lane. None of its results arrives any more."""
        self._worker.claim(lane)

    def cancel(self) -> None:
        """End the current job after its step. What is shown stays."""
        self._worker.claim(_PREPARE)
        self._worker.claim(_REASON)

    def close(self) -> None:
        """End the thread; waits at most for one step."""
        self._worker.close()

    def _submit(self, job: Job) -> None:
        self._worker.submit(_REASON, self._worker.claim(_REASON), job, self._end)

    def _call(self, lane: str, number: int, act: Callable[[], object]) -> None:
        if self._worker.wanted(lane, number):
            act()

    # In the worker thread --------------------------------------------------------------------------------------------

    def _report_failure(self, error: Exception) -> None:
        cell = error.cell if isinstance(error, PuzzleError) and error.cell is not None else -1
        self.busy_changed.emit("Reasoning …")  # the earlier run goes on; if there is none, the worker reports idle at once
        self.failed.emit(message_of(error), cell)

    def _end(self, error: Exception) -> None:
        self._report_failure(error)
        self.trace_finished.emit()  # with the steps that there are

    def _prepare(
        self,
        path: Path,
        grid: Grid,
        task: Task,
        segments: int,
        device: str,
        until_halt: bool,
        any_solution: bool,
        solution: Grid | None,
        name: str,
    ) -> Iterator[Report]:
        if task.known_rules:  # the answer to a single ARC grid cannot be computed
            solution = task.solution_if_one(grid) if any_solution else task.solve(grid)
        try:
            loaded = self._model(path, device)
        except Exception:
            self.model_refused.emit()
            raise
        try:
            loaded.must_read(task.name)
        except MismatchError as error:
            yield partial(self.unfit.emit, f"{error}. Choose another model.")
            return
        known = identified(loaded, task, name)
        puzzle = PuzzleInfo.of(task, grid, solution, known.number)
        yield lambda: self.model_loaded.emit(loaded)
        yield lambda: self.identified.emit(known)
        yield lambda: self._submit(lambda: self._think(loaded, puzzle, segments, until_halt))

    def _think(self, loaded: LoadedModel, puzzle: PuzzleInfo, segments: int, until_halt: bool) -> Iterator[Report]:
        from hrm_model.recording import growing_trace

        self.busy_changed.emit("Reasoning …")
        expected, started = segments * len(loaded.model.calls()), False
        for trace in growing_trace(loaded.model, puzzle, loaded.info, segments=segments, until_halt=until_halt, every=_REPORT_EVERY):
            if trace is None:
                yield _nothing
            elif started:
                yield partial(self.trace_grew.emit, trace)
            else:
                yield partial(self.trace_started.emit, trace, expected)
                started = True
        yield self.trace_finished.emit

    def _model(self, path: Path, device: str) -> LoadedModel:
        key = str(path), device
        if key not in self._loaded:
            self.busy_changed.emit("Loading the model …")
        import_torch()
        from hrm_model.device import available_devices, use_threads
        from hrm_model.loaded import load

        if key in self._loaded:
            self._loaded.move_to_end(key)
        else:
            self.devices_found.emit(available_devices())
            self._loaded[key] = load(path, device)
            if len(self._loaded) > _MODELS_KEPT:
                self._loaded.popitem(last=False)
        use_threads(self._loaded[key].model)
        return self._loaded[key]

    def _make(self, task: Task, makes: Callable[[], Iterator[Grid | None]]) -> Iterator[Report]:
        self.busy_changed.emit("Making a puzzle …")
        for grid in makes():
            yield _nothing if grid is None else partial(self.made.emit, task, grid)


def _nothing() -> None:
    pass


def identified(loaded: LoadedModel, task: Task, name: str) -> PuzzleIdentifier:
    """The puzzle vector that a model has for a puzzle. A puzzle without a name ('') has none of its own."""
    from trainer.data.identifiers import PuzzleIdentifier, identify  # the window's start needs neither

    if task.known_rules:
        return PuzzleIdentifier(0, "", True)  # all puzzles have the same vector
    config = loaded.model.config
    return identify(loaded.path, loaded.name, config.num_puzzle_identifiers if config.puzzle_emb_ndim else 0, name)
