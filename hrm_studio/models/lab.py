"""What the Lab holds: the run that is experimented with, its branches as a tree, tries, and what each came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from hrm_model.errors import HRMError
from hrm_model.lab.changes import Change, Patch
from hrm_model.lab.outcome import Outcome
from hrm_model.lab.story import Story
from hrm_model.trace.data import Trace
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.services.lab_jobs import (
    CluesFound,
    RunFound,
    TriesFound,
    branch_job,
    clues_job,
    judged,
    other_job,
    think_job,
    tries_job,
    try_job,
)  # fmt: skip
from hrm_studio.services.lab_maps import MapFound, MapKind, map_job
from hrm_studio.services.reasoner import Reasoner

_LANE = "lab"
BASE = -1  # the number of the base among the runs
MORE_SEGMENTS = 4  # thinking on multiplies the segments by this
MOST = 1024


@dataclass(frozen=True)
class LabRun:
    """A branch in the tree."""

    name: str
    parent: int  # its number; BASE for the base
    found: RunFound


class LabModel(QObject):
    """Experiments with the open trace. The tree stays as long as the open trace is one of it.

    Signals
    -------
    changed()       the base, the runs, the chosen one or the verdict changed
    tries_changed() the tries changed
    map_changed()   the map changed
    busy_changed()  `busy` says what is being computed, '' if nothing
    told(str)       a sentence for people: a result, or why something does not apply
    """

    changed = Signal()
    tries_changed = Signal()
    map_changed = Signal()
    busy_changed = Signal()
    told = Signal(str)

    def __init__(
        self, traces: TraceModel, models: ModelChoice, reasoner: Reasoner, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._traces, self._models, self._reasoner, self._background = traces, models, reasoner, background
        self.base: Trace | None = None
        self.verdict: tuple[Story, Outcome] | None = None  # on the base; None while it is computed
        self.runs: list[LabRun] = []
        self.chosen = BASE
        self.tries: TriesFound | None = None
        self.clues: CluesFound | None = None
        self.map: MapFound | None = None
        self._mapped: tuple[Trace, int] | None = None  # the run that the map is of
        self.busy = ""
        self._plan: dict[str, float] = {}
        self._deleted: list[LabRun] | None = None
        traces.trace_replaced.connect(self._another)
        traces.running_changed.connect(lambda running: None if running else self._another())
        self._another()

    # The tree --------------------------------------------------------------------------------------------------------

    @property
    def run(self) -> LabRun | None:
        """The chosen branch; None for the base."""
        return self.runs[self.chosen] if self.chosen != BASE else None

    def trace_of(self, number: int) -> Trace | None:
        """The trace of a run; of the base for BASE."""
        return self.base if number == BASE else self.runs[number].found.trace

    @property
    def open_number(self) -> int:
        """The run whose trace is open in Explore."""
        return next((k for k, run in enumerate(self.runs) if run.found.trace is self._traces.trace), BASE)

    def choose(self, number: int) -> None:
        """Show this run beside the base."""
        if number != self.chosen:
            self.chosen = number
            self.changed.emit()

    def open(self, number: int) -> None:
        """Open a run's trace in Explore, at the same step."""
        trace, cursor = self.trace_of(number), self._traces.cursor
        if trace is not None and trace is not self._traces.trace:
            self._traces.open(trace, cursor=min(cursor, len(trace) - 1))

    def rename(self, number: int, name: str) -> None:
        if name.strip():
            self.runs[number] = replace(self.runs[number], name=name.strip())
            self.changed.emit()

    def delete(self, number: int) -> None:
        """Delete a branch and those that branch off it. `undo` brings them back."""
        gone = {number}
        for k, run in enumerate(self.runs):
            if run.parent in gone:
                gone.add(k)
        if self.open_number in gone:
            self.open(BASE)
        self._deleted = list(self.runs)
        places = {old: new for new, old in enumerate(k for k in range(len(self.runs)) if k not in gone)}
        self.runs = [replace(run, parent=places.get(run.parent, BASE)) for k, run in enumerate(self.runs) if k not in gone]
        self.chosen = places.get(self.chosen, BASE)
        self.changed.emit()

    @property
    def can_undo(self) -> bool:
        return self._deleted is not None

    def undo(self) -> None:
        """Bring back what was deleted last."""
        if self._deleted is not None:
            self.runs, self._deleted = self._deleted, None
            self.changed.emit()

    def _another(self) -> None:
        trace = self._traces.trace
        if self._traces.running or trace is self.base or any(run.found.trace is trace for run in self.runs):
            self.changed.emit()
            return
        self.stop()
        self.base, self.verdict, self.runs, self.chosen = trace, None, [], BASE
        self.tries, self.clues, self.map, self._deleted = None, None, None, None
        if trace is not None and len(trace):
            self._background.run(lambda: judged(trace), partial(self._judged, trace))
        self.changed.emit()
        self.tries_changed.emit()
        self.map_changed.emit()

    def _judged(self, trace: Trace, verdict: tuple[Story, Outcome]) -> None:
        if trace is self.base:
            self.verdict = verdict
            self.changed.emit()

    # Experiments -----------------------------------------------------------------------------------------------------

    @property
    def segments(self) -> int:
        """Of the base."""
        return self.base.segments if self.base is not None else 0

    def branch(self, changes: Sequence[Change]) -> None:
        """Change something after the cursor's step of the open run, and think on."""
        trace, root = self._traces.trace, self.base
        if trace is None or root is None:
            return
        number = self.open_number
        standing = self._in_force(number)
        name = ", ".join(c.words() for c in changes) or "untouched"
        job = branch_job(trace, self._traces.cursor, changes, standing, root, trace.segments)
        self._start(f"Thinking on: {name} …", job, self._grows(name, number))

    def think_on(self, segments: int = 0) -> None:
        """Go on from the end of the open run; 0: four times as many segments."""
        trace, root = self._traces.trace, self.base
        if trace is None or root is None:
            return
        wanted = min(MOST, segments or MORE_SEGMENTS * trace.segments)
        number = self.open_number
        job = think_job(trace, self._in_force(number), root, wanted)
        self._start(f"Thinking on to segment {wanted} …", job, self._grows(f"thought on to segment {wanted}", number))

    def try_again(self, **plan: float) -> None:
        """Many tries: `starts`, `relabel`, `sigma`, `noise`, `seed` as in `hrm_model.lab.many_tries.Plan`."""
        if self.base is None:
            return
        self._plan = plan
        self.tries = None
        count = int(plan.get("starts", 0) + plan.get("relabel", 0)) + 1
        job = tries_job(self.base.puzzle, max(64, self.segments), **plan)  # type: ignore[arg-type]
        self._start(f"{count} tries …", job, self._tried)

    def open_try(self, number: int) -> None:
        """Compute a try's whole trace, and add it to the tree."""
        if self.base is None or self.tries is None:
            return
        name = f"try {number}: {self.tries.names[number]}"
        job = try_job(self.base.puzzle, self.base, self.tries.segments, number, **self._plan)  # type: ignore[arg-type]
        self._start(f"Recording {name} …", job, self._grows(name, BASE))

    def other_model(self) -> Path | None:
        """Another bundled model that reads the puzzle; None if there is none."""
        if self.base is None:
            return None
        task = self.base.puzzle.task
        return next((m.path for m in self._models.bundled if m.reads(task) and m.path != self._models.path), None)

    def try_other_model(self) -> None:
        """Let another model think about the puzzle."""
        path = self.other_model()
        if path is not None and self.base is not None:
            job = other_job(self.base.puzzle, self.base, max(64, self.segments))
            name = self._models.title(path)
            self._start(f"{name} …", job, self._grows(name, BASE), path)

    @property
    def symmetric(self) -> bool:
        """Whether the model in use takes relabelled copies of a puzzle for the same one."""
        config = self._models.config_of(self._models.path)
        return config is not None and config.mixer == "units"

    def find_clues(self) -> None:
        """Which single clues the run needs, or which would help."""
        if self.base is not None:
            self._start("Trying clues …", clues_job(self.base.puzzle, max(16, self.segments)), self._clues_found)

    def draw_map(self, kind: MapKind) -> None:
        """Draw the landscape, or the basin map, around z_H at the cursor's step of the open run."""
        trace, number = self._traces.trace, self.open_number
        if trace is None:
            return
        if self._in_force(number):
            self.told.emit("A map shows where the model itself leads; in this branch something of it is changed. Open the base first.")
            return
        self.map, self._mapped = None, (trace, number)
        name = "Error landscape" if kind == "landscape" else "Basin map"
        self._start(f"{name} …", map_job(kind, trace, self._traces.cursor), self._drawn)

    def think_from(self, row: int, column: int) -> None:
        """Put the state of a point of the map in place of z_H, and think on from there."""
        if self.map is None or self._mapped is None or self.base is None:
            return
        trace, number = self._mapped
        patch = Patch("H", None, f"point {row + 1}, {column + 1} of the map", z_H=self.map.state(row, column))
        job = branch_job(trace, self.map.at, [patch], (), self.base, max(trace.segments, int(trace.segment[self.map.at]) + 17))
        self._start(f"Thinking on: {patch.words()} …", job, self._grows(patch.words(), number))

    def save(self, path: Path) -> None:
        """Write the base and all branches, with what was changed in each, to one trace file."""
        if self.base is not None:
            self._background.run(partial(_written, path, self.base, list(self.runs)), self.told.emit)

    def stop(self) -> None:
        """End the experiment that runs. What it came to so far stays."""
        if self.busy:
            self._reasoner.drop(_LANE)
            self._set_busy("")

    def _in_force(self, number: int) -> tuple[Change, ...]:
        if number == BASE:
            return ()
        found = self.runs[number].found
        return (*found.standing, *(c for c in found.changes if c.stays))

    def _start(self, doing: str, job: Callable, then: Callable, path: Path | None = None) -> None:
        model = path or self._models.path
        if model is None:
            self.told.emit("No model is loaded. Open a checkpoint first.")
            return
        self._set_busy(doing)
        self._reasoner.run(model, self._models.device, job, then, self._failed, lane=_LANE)

    def _grows(self, name: str, parent: int) -> Callable[[RunFound], None]:
        place: list[int] = []

        def show(found: RunFound) -> None:
            run = LabRun(name, parent, found)
            if not place:
                place.append(len(self.runs))
                self.runs.append(run)
                self.chosen, self._deleted = place[0], None
            elif place[0] < len(self.runs):
                self.runs[place[0]] = run
            if found.done:
                self._set_busy("")
            self.changed.emit()

        return show

    def _tried(self, found: TriesFound) -> None:
        self.tries = found
        if found.done:
            self._set_busy("")
        self.tries_changed.emit()

    def _drawn(self, found: MapFound) -> None:
        self.map = found
        if found.done:
            self._set_busy("")
        self.map_changed.emit()

    def _clues_found(self, found: CluesFound) -> None:
        self.clues = found
        self._set_busy("")
        self.told.emit(found.words)
        self.changed.emit()

    def _failed(self, message: str) -> None:
        self._set_busy("")
        self.told.emit(message)

    def _set_busy(self, doing: str) -> None:
        if doing != self.busy:
            self.busy = doing
            self.busy_changed.emit()


def _written(path: Path, base: Trace, runs: Sequence[LabRun]) -> str:
    """In a thread: write the file; the sentence that says how that went."""
    from hrm_model.trace_file.io import Extras, write

    def entry(number: int) -> str:
        return "trace" if number == BASE else f"trace_{number + 2}"

    extras = [Extras("Base")]
    for run in runs:
        found = run.found
        changes, standing = (tuple(c.about() for c in many) for many in (found.changes, found.standing))
        extras.append(Extras(run.name, entry(run.parent), found.at, changes=changes, standing=standing))
    try:
        write(path, [base, *(run.found.trace for run in runs)], extras=extras)
    except (HRMError, OSError) as error:
        return str(error)
    return f"Saved {len(runs) + 1} run{'s' if runs else ''} to {path.name}."


def change_or_reason(make: Callable[[], Change]) -> Change | str:
    """The change, or the sentence that says why it cannot be made."""
    try:
        return make()
    except HRMError as error:
        return str(error)
