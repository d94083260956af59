"""The worker thread that owns the loaded model. Torch is imported here, in that thread, and nowhere else in the studio."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, Signal

from hrm_model.checkpoint.locate import short_name
from hrm_model.errors import MismatchError, PuzzleError
from hrm_model.tasks.base import Grid, Task
from hrm_model.trace.data import PuzzleInfo
from hrm_model.trace.recorder import TraceRecorder
from hrm_studio.services.worker import Job, Report, Worker

if TYPE_CHECKING:
    from hrm_model.model import HRM
    from trainer.data.identifiers import Identified

T = TypeVar("T")

_REPORT_EVERY = 1 / 30  # seconds; the screen shows no more
_REASON = "reason"  # the lane of Explore's own jobs
_PREPARE = "prepare"  # what comes before them: the model is loaded, the solution found
_MODELS_KEPT = 4  # loaded at a time; comparing goes back and forth between them


class Reasoner(QObject):
    """Runs jobs in its thread, the newest first. A new puzzle cancels the one before it between two steps; questions (`ask`) go on later.

    Signals (delivered in the GUI thread)
    -------
    busy_changed(str)           what is being done now, '' when idle
    model_loaded(dict)          device, dtype, attention, name, path, parameters of the model in use
    model_refused()             the model that was to think cannot be loaded; `failed` says why
    identified(object)          an Identified: what the model knows the puzzle by
    devices_found(list)         names of the devices there are
    trace_started(object, int)  a Trace with its first steps, and how many there will be
    trace_grew(object)          the same Trace with more steps
    trace_finished()            no more steps will come
    made(object, object)        a puzzle that was asked for: its Task and Grid
    failed(str, int)            a sentence for people, and the cell at fault or −1
    """

    busy_changed = Signal(str)
    model_loaded = Signal(dict)
    model_refused = Signal()
    identified = Signal(object)
    devices_found = Signal(list)
    trace_started = Signal(object, int)
    trace_grew = Signal(object)
    trace_finished = Signal()
    made = Signal(object, object)
    failed = Signal(str, int)
    _told = Signal(str, int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = Worker("reasoner", lambda: self.busy_changed.emit(""))
        self._told.connect(self._tell)
        self._loaded: OrderedDict[tuple[str, str], tuple[HRM, dict[str, Any]]] = OrderedDict()

    # From the GUI thread ---------------------------------------------------------------------------------------------

    def reason(
        self, path: Path, grid: Grid, task: Task, *, segments: int, device: str, solution: Grid | None = None, name: str = ""
    ) -> None:
        """Check the puzzle's solution, load the model where it is not loaded, and think.

        `solution`: the answer, where it cannot be computed but is known; `name`: that of the puzzle among those that the model was trained on.
        Only then does it take the place of what is being thought: where something is wrong, that goes on.
        """
        self._worker.submit(
            _PREPARE,
            self._worker.claim(_PREPARE),
            lambda: self._prepare(path, grid, task, segments, device, solution, name),
            self._tell_failure,
        )

    def make(self, task: Task, makes: Callable[[], Iterator[Grid | None]]) -> None:
        """Make a puzzle and tell it by `made`. `makes()` yields None as often as it likes to be asked whether it is still wanted, then a grid."""
        self._worker.claim(_PREPARE)
        self._submit(lambda: self._make(task, makes))

    def ask(
        self,
        path: Path,
        device: str,
        question: Callable[[HRM, dict[str, Any]], Iterator[T | None]],
        then: Callable[[T], object],
        failed: Callable[[str], object],
        *,
        lane: str,
    ) -> None:
        """Put a question to a model: `question(model, about)` yields answers in the thread, `then` gets each in the GUI thread.

        It yields None where it has nothing to tell yet. It gives way to newer jobs and takes the place of the last question in its `lane`. Not within torch's inference mode may it yield.
        """

        def job() -> Iterator[Report]:
            model, about = self._model(path, device)
            self.busy_changed.emit("Computing …")
            for answer in question(model, about):
                yield _nothing if answer is None else partial(self._told.emit, lane, number, partial(then, answer))

        number = self._worker.claim(lane)
        self._worker.submit(lane, number, job, lambda error: self._told.emit(lane, number, partial(failed, in_words(error))))

    def withdraw(self, lane: str) -> None:
        """Drop what was asked in a lane; nothing of it is told any more."""
        self._worker.claim(lane)

    def cancel(self) -> None:
        """End the job at hand after its current step. What was shown stays."""
        self._worker.claim(_PREPARE)
        self._worker.claim(_REASON)

    def close(self) -> None:
        """End the thread; waits at most for one step."""
        self._worker.close()

    def _submit(self, job: Job) -> None:
        self._worker.submit(_REASON, self._worker.claim(_REASON), job, self._end)

    def _tell(self, lane: str, number: int, act: Callable[[], object]) -> None:
        if self._worker.wanted(lane, number):
            act()

    # In the worker thread --------------------------------------------------------------------------------------------

    def _tell_failure(self, error: Exception) -> None:
        cell = error.cell if isinstance(error, PuzzleError) and error.cell is not None else -1
        self.busy_changed.emit("Thinking …")  # of what goes on; the worker says at once if nothing does
        self.failed.emit(in_words(error), cell)

    def _end(self, error: Exception) -> None:
        self._tell_failure(error)
        self.trace_finished.emit()  # with the steps that there are

    def _prepare(
        self, path: Path, grid: Grid, task: Task, segments: int, device: str, solution: Grid | None, name: str
    ) -> Iterator[Callable[[], None]]:
        # An ARC grid by itself has no answer that could be computed.
        solution = task.solve(grid) if task.known_rules else solution
        try:
            model, about = self._model(path, device)
        except Exception:
            self.model_refused.emit()
            raise
        if model.config.task != task.name:
            raise MismatchError(f"{about['name']} reads {model.config.task}; the puzzle is {task.name}. Choose another model or puzzle.")
        known = identified(model, about, task, name)
        yield lambda: self.model_loaded.emit(about)
        yield lambda: self.identified.emit(known)
        yield lambda: self._submit(lambda: self._think(model, about, grid, solution, task, segments, known.number))

    def _think(
        self, model: HRM, about: dict[str, Any], grid: Grid, solution: Grid | None, task: Task, segments: int, identifier: int
    ) -> Iterator[Callable[[], None]]:
        from hrm_model.reasoning import model_info, reason

        self.busy_changed.emit("Thinking …")
        info = model_info(model, about["name"], q_continue=about["q_continue"], sha256=about["sha256"])
        answer = None if solution is None else task.to_tokens(solution)
        puzzle = PuzzleInfo(task.name, task.to_tokens(grid), answer, task.format_line(grid), identifier)
        recorder = TraceRecorder(puzzle, info, capacity=segments * len(model.calls()))
        shown = False
        told = time.perf_counter()
        for step in reason(model, puzzle.given, segments=segments, puzzle_id=identifier):
            recorder.add(step)
            if not shown:
                yield lambda: self.trace_started.emit(recorder.trace(), segments * len(model.calls()))
                shown, told = True, time.perf_counter()
            elif time.perf_counter() - told > _REPORT_EVERY:
                yield lambda: self.trace_grew.emit(recorder.trace())
                told = time.perf_counter()
            else:
                yield _nothing
        yield lambda: self.trace_grew.emit(recorder.trace())
        yield self.trace_finished.emit

    def _model(self, path: Path, device: str) -> tuple[HRM, dict[str, Any]]:
        key = str(path), device
        if key not in self._loaded:
            self.busy_changed.emit("Loading the model …")
        _import_torch()
        from hrm_model.checkpoint import format as checkpoint
        from hrm_model.device import available_devices, describe, use_threads

        if key in self._loaded:
            self._loaded.move_to_end(key)
            use_threads(self._loaded[key][0])
            return self._loaded[key]
        self.devices_found.emit(available_devices())
        model = checkpoint.load(path, None if device == "auto" else device)
        told = checkpoint.about(path)
        use_threads(model)
        about = {
            "name": short_name(path), "path": path, "parameters": sum(p.numel() for p in model.parameters()),
            "q_continue": told.get("q_continue", True), "sha256": checkpoint.sha256(path), **describe(model),
        }  # fmt: skip
        self._loaded[key] = model, about
        if len(self._loaded) > _MODELS_KEPT:
            self._loaded.popitem(last=False)
        return model, about

    def _make(self, task: Task, makes: Callable[[], Iterator[Grid | None]]) -> Iterator[Callable[[], None]]:
        self.busy_changed.emit("Making a puzzle …")
        for grid in makes():
            yield _nothing if grid is None else partial(self.made.emit, task, grid)


def _nothing() -> None:
    pass


def identified(model: HRM, about: dict[str, Any], task: Task, name: str) -> Identified:
    """What a model knows a puzzle by; '' is a puzzle without a name."""
    from trainer.data.identifiers import Identified, identify  # the window's start needs neither

    if task.known_rules:
        return Identified(0, "", True)  # all puzzles have the same vector
    rows = model.config.num_puzzle_identifiers if model.config.puzzle_emb_ndim else 0
    return identify(about["path"], about["name"], rows, name)


def in_words(error: Exception) -> str:
    """What a person is told of an error."""
    return str(error) or type(error).__name__


def _import_torch() -> None:
    """Import torch with as short stops of the window as can be."""
    if "torch" in sys.modules:
        return
    _preload_torch()
    # Torch makes some 170,000 objects that stay. A full collection over them would stop every thread for about 80
    # milliseconds, again and again; so none runs meanwhile, and afterwards they are left out of all later ones.
    gc.disable()
    try:
        import hrm_model.reasoning  # noqa: F401 (and with it torch)
    finally:
        gc.freeze()
        gc.enable()


def _preload_torch() -> None:
    """Map torch's large libraries before importing it.

    `import torch` maps hundreds of MB while it holds the interpreter's lock, which would stop the window for half a second. A
    foreign call lets go of the lock; once mapped, the import only finds them. Where this does not work, the import does it all.
    """
    if os.name != "posix":
        return
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return
    try:
        dlopen = ctypes.CDLL(None).dlopen
    except (OSError, AttributeError):
        return
    dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    for name in ("libc10.so", "libtorch_cpu.so", "libtorch_python.so"):
        library = Path(found.origin).parent / "lib" / name
        if library.exists():
            dlopen(os.fsencode(library), os.RTLD_NOW | os.RTLD_GLOBAL)
