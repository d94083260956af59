"""Watches a run learn: at each evaluation the trainer records traces of the same probe puzzles."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from hrm_model.assets import puzzle_lines
from hrm_model.errors import HRMError, PuzzleError
from hrm_model.tasks.base import Task
from hrm_model.tasks.registry import task_named
from hrm_model.trace.data import PuzzleInfo, Trace
from hrm_studio.models.player import Player
from hrm_studio.models.runs import RunModel
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.services.reasoner import Reasoner

if TYPE_CHECKING:
    from hrm_model.loaded import LoadedModel

_KEPT_BYTES = 256 << 20  # of traces in memory, so that going back and forth reads no file twice
_LANE = "watch"


@dataclass(frozen=True)
class Moment:
    """A step of training that can be shown: by recorded traces, else by letting a checkpoint reason now."""

    step: int
    file: Path | None = None
    checkpoint: Path | None = None
    titles: tuple[str, ...] = ()  # of the file's traces
    solved: tuple[bool | None, ...] = ()  # whether each ends with the solution


class WatchModel(QObject):
    """Training time is a moment, reasoning time the cursor of `traces`. Reads files in the background, one at a time.

    Signals
    -------
    changed()       the moments, the shown moment or the puzzles changed
    failed(str)     a sentence: why a moment cannot be shown
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, background: Background, reasoner: Reasoner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background, self._reasoner = background, reasoner
        self.traces, self.selection = TraceModel(self), Selection(self)
        self.player = Player(self.traces, self)
        self.run: RunModel | None = None
        self.moments: list[Moment] = []
        self.at = -1  # index of the shown moment
        self.puzzle = 0  # index of the probe puzzle
        self._kept: OrderedDict[tuple[Path, int], Trace] = OrderedDict()
        self._loading = False
        self._scanned_for = -1
        self._through = QTimer(self)
        self._through.setInterval(350)
        self._through.timeout.connect(self._one_on)

    # Moments ---------------------------------------------------------------------------------------------------------

    @property
    def moment(self) -> Moment | None:
        return self.moments[self.at] if 0 <= self.at < len(self.moments) else None

    @property
    def titles(self) -> tuple[str, ...]:
        """The probe puzzles' names, numbered if several share one."""
        longest = max((m.titles for m in self.moments), key=len, default=())
        return tuple(f"{t} · {longest[: k + 1].count(t)}" if longest.count(t) > 1 else t for k, t in enumerate(longest))

    def solved(self, moment: Moment) -> bool | None:
        """Whether the chosen puzzle was solved then; None if unknown."""
        return moment.solved[self.puzzle] if self.puzzle < len(moment.solved) else None

    def set_run(self, run: RunModel | None) -> None:
        """Watch another run, at its newest moment."""
        if run is self.run:
            return
        self.stop_through()
        self.player.pause()
        self._reasoner.drop(_LANE)
        self._loading = False
        self.run, self.moments, self.at, self.puzzle, self._scanned_for = run, [], -1, 0, -1
        self._kept.clear()
        self.traces.open(None)
        self.changed.emit()
        self.look()

    def look(self) -> None:
        """Look for new moments. Reads the disk only after an evaluation or a checkpoint."""
        run = self.run
        if run is None:
            return
        seen = len(run.log.evaluations) * 100_003 + len(run.log.marks)
        if seen != self._scanned_for:
            self._scanned_for = seen
            known = {m.file: m for m in self.moments if m.file is not None}
            self._background.run(partial(_scan, run.path, known), partial(self._scanned, run))

    def _scanned(self, run: RunModel, moments: list[Moment]) -> None:
        if run is not self.run or moments == self.moments:
            return
        at_end, step = self.at in (-1, len(self.moments) - 1), self.moment.step if self.moment is not None else -1
        self.moments = moments
        self.at = len(moments) - 1 if at_end else next((k for k, m in enumerate(moments) if m.step >= step), len(moments) - 1)
        self.changed.emit()
        self._load()

    # Navigation ------------------------------------------------------------------------------------------------------

    def go(self, index: int) -> None:
        """Show another moment of training; the step of reasoning stays."""
        index = min(max(index, 0), len(self.moments) - 1)
        if index != self.at and self.moments:
            self.at = index
            self.changed.emit()
            self._load()

    def choose(self, puzzle: int) -> None:
        """Choose another probe puzzle."""
        if puzzle != self.puzzle and puzzle >= 0:
            self.puzzle = puzzle
            self.traces.open(None)
            self.changed.emit()
            self._load()

    @property
    def going_through(self) -> bool:
        return self._through.isActive()

    def go_through(self) -> None:
        """Play from moment to moment, from the start if it is at the end; a second call stops."""
        if self.going_through:
            self.stop_through()
        elif self.moments:
            if self.at >= len(self.moments) - 1:
                self.go(0)
            self._through.start()
            self.changed.emit()

    def stop_through(self) -> None:
        if self.going_through:
            self._through.stop()
            self.changed.emit()

    def _one_on(self) -> None:
        if self._loading:
            return  # wait until the moment is shown
        if self.at >= len(self.moments) - 1:
            self.stop_through()
        else:
            self.go(self.at + 1)

    # Reading ---------------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        moment, run = self.moment, self.run
        if moment is None or run is None or self._loading:
            return
        key = (moment.file or moment.checkpoint or Path(), self.puzzle)
        if key in self._kept:
            self._kept.move_to_end(key)
            self._show(self._kept[key])
        elif moment.file is not None:
            self._loading = True
            foreign = run.path.parent.name != "runs"
            self._background.run(partial(_read, moment.file, self.puzzle, foreign), partial(self._loaded, run, key))
        elif moment.checkpoint is not None:
            self._loading = True
            task = run.summary.task
            self._reasoner.run(
                moment.checkpoint,
                "auto",
                partial(_think, task=task),
                partial(self._loaded, run, key),
                partial(self._loaded, run, key),
                lane=_LANE,
            )

    def _loaded(self, run: RunModel, key: tuple[Path, int], found: Trace | str) -> None:
        self._loading = False
        if run is not self.run:
            self._load()
            return
        if isinstance(found, str):
            self.failed.emit(found)
            return
        self._kept[key] = found
        while len(self._kept) > 1 and sum(trace.nbytes() for trace in self._kept.values()) > _KEPT_BYTES:
            self._kept.popitem(last=False)
        moment = self.moment
        if moment is not None and key == (moment.file or moment.checkpoint, self.puzzle):
            self._show(found)
        else:
            self._load()  # the slider moved on meanwhile

    def _show(self, trace: Trace) -> None:
        """Open it with the cursor where it was; a cursor at the end stays at the end."""
        old, cursor = self.traces.trace, self.traces.cursor
        at_end = old is None or cursor >= len(old) - 1
        self.traces.open(trace, cursor=None if at_end else cursor)


def _scan(path: Path, known: dict[Path, Moment]) -> list[Moment]:
    """The moments of a run directory, oldest first. A probe file that cannot be read is skipped: it may be half written."""
    found: dict[int, Moment] = {}
    for folder in (path / "checkpoints").glob("step_*"):
        number = folder.name.removeprefix("step_")
        if number.isdigit():
            found[int(number)] = Moment(int(number), checkpoint=folder)
    for file in (path / "probes").glob("step_*.h5"):
        number = file.stem.removeprefix("step_")
        moment = known.get(file) or (_about(file, int(number)) if number.isdigit() else None)
        if moment is not None:
            checkpoint = found[moment.step].checkpoint if moment.step in found else None
            found[moment.step] = replace(moment, checkpoint=checkpoint)
    recorded = [moment for moment in found.values() if moment.file is not None]
    # If there are recorded traces, checkpoints would only show other puzzles.
    return sorted(recorded or found.values(), key=lambda moment: moment.step)


def _about(file: Path, step: int) -> Moment | None:
    from hrm_model.trace_file.io import info

    try:
        entries = info(file)
    except (HRMError, OSError):
        return None
    return Moment(step, file=file, titles=tuple(e.title or e.name for e in entries), solved=tuple(e.solved for e in entries))


def _read(file: Path, puzzle: int, foreign: bool) -> Trace | str:
    """A probe trace, or why it cannot be read. `foreign`: a child process reads the file first."""
    from hrm_model.trace_file.io import read

    try:
        return read(file, puzzle, guard=foreign)
    except (HRMError, OSError) as error:
        return str(error)


def _think(loaded: LoadedModel, task: str) -> Iterator[Trace]:
    """Let a checkpoint reason about a bundled puzzle."""
    from hrm_model.recording import record

    kind = task_named(task)
    given, solution, text = _example(kind)
    yield record(loaded.model, PuzzleInfo(kind.name, given, solution, text), loaded.info, segments=loaded.model.config.usual_segments)


def _example(task: Task) -> tuple[Any, Any, str]:
    """A puzzle of the task in tokens, its solution and its text; a generated one if none is bundled."""
    import numpy as np

    for line in puzzle_lines("starter"):
        try:
            grid = task.parse(line)
        except PuzzleError:
            continue
        return task.to_tokens(grid), task.to_tokens(task.solve(grid)), line
    puzzles, solutions = task.generate(1, np.random.default_rng(0))
    return task.to_tokens(puzzles[0]), task.to_tokens(solutions[0]), task.format_line(puzzles[0])
