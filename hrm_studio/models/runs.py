"""All runs, live and finished, and the events of the opened ones."""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from hrm_model.errors import ConfigError, RunError
from hrm_studio.services.background import Background
from hrm_studio.services.run_follower import RunFollower
from hrm_studio.services.trainer_process import Trainers
from trainer.config import RunConfig
from trainer.data.published import resolve_dataset
from trainer.runs import manage
from trainer.runs.log import Part, RunLog
from trainer.runs.run_dir import LIVE, RunDir, home, new_run_path
from trainer.runs.summary import RunSummary, last_log_line

_log = logging.getLogger(__name__)
_TRASH_DAYS = 7.0


class RunModel(QObject):
    """One run: its summary, and its log once it is opened.

    Signals
    -------
    changed()   `summary` changed
    grew()      `log` grew, or a resumed run took steps back
    """

    changed = Signal()
    grew = Signal()

    def __init__(self, summary: RunSummary, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.summary = summary
        self.run = RunDir(summary.path)
        self.log = RunLog()
        self.opened = False
        self._config: RunConfig | None = None

    @property
    def path(self) -> Path:
        return self.summary.path

    @property
    def name(self) -> str:
        return self.summary.name

    @property
    def config(self) -> RunConfig:
        """The run's configuration. ConfigError if it cannot be read."""
        if self._config is None:
            self._config = self.run.config()
        return self._config

    @property
    def epochs_per_step(self) -> float:
        """Share of the training puzzles in one step; NaN if the configuration does not say."""
        try:
            return self.config.batch_size / sum(s.count for s in self.config.puzzles)
        except (ConfigError, OSError, ZeroDivisionError):
            return float("nan")

    def update(self, summary: RunSummary) -> None:
        self.summary = summary
        self.changed.emit()

    def move(self, path: Path) -> None:
        """Its folder was renamed."""
        self.run = RunDir(path)
        self.update(replace(self.summary, path=path, model=None))

    def take(self, parts: list[Part]) -> None:
        self.log.apply(parts)
        self.grew.emit()


class RunsModel(QObject):
    """The runs of a folder, by path, and all actions on them. Nothing here waits for a trainer.

    Signals
    -------
    added(object), removed(object)  a RunModel
    changed(object)                 a RunModel whose summary changed
    listed()                        runs were added or removed
    deleted(object)                 the path of a run that `undo_delete` can bring back
    refused(str)                    a sentence: why a trainer could not start
    """

    added = Signal(object)
    removed = Signal(object)
    changed = Signal(object)
    listed = Signal()
    deleted = Signal(object)
    refused = Signal(str)

    def __init__(self, folder: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder or home() / "runs"
        self.by_path: dict[Path, RunModel] = {}
        self.trainers = Trainers()
        self._elsewhere: list[Path] = []
        self._waiting: dict[RunModel, str] = {}  # commands for trainers that have not started
        self._trashed: list[tuple[Path, Path]] = []  # where it was, where it is now
        self._background = Background(self)
        self._follower = RunFollower(self.folder, self)
        self._follower.surveyed.connect(self._surveyed)
        self._follower.events_read.connect(self._take_events)
        self._reaper = QTimer(self)
        self._reaper.setInterval(1000)
        self._reaper.timeout.connect(self._reap)

    def begin(self) -> None:
        """Start following. Runs deleted more than a week ago are removed for good."""
        self.empty_trash(_TRASH_DAYS)
        self._follower.start()
        self._reaper.start()

    def close(self) -> None:
        """Stop following; trainers go on."""
        self._reaper.stop()
        self._follower.close()
        self._background.close()
        self.trainers.abandon()

    @property
    def live(self) -> list[RunModel]:
        """Runs that are being trained."""
        return [run for run in self.by_path.values() if run.summary.live]

    # Following -------------------------------------------------------------------------------------------------------

    def open(self, run: RunModel) -> None:
        """Read all events of a run, and follow it."""
        if not run.opened:
            run.opened = True
            self._follower.follow(run.path, run)

    def add_elsewhere(self, path: Path) -> None:
        """List a run directory of another folder too. RunError if it is not one."""
        if not manage.is_run(path):
            raise RunError(f"{path}: is not a run directory (it has no config.yaml)")
        if path.parent != self.folder and path not in self._elsewhere:
            self._elsewhere.append(path)
            self._follower.watch(self._elsewhere)

    def _surveyed(self, found: tuple[list[RunSummary], list[Path]]) -> None:
        summaries, gone = found
        listed = False
        for path in gone:
            listed = self._remove(path) or listed
        for summary in summaries:
            run = self.by_path.get(summary.path)
            if summary.state == "new" and self.trainers.starting(summary.path):
                summary = replace(summary, state="starting")
            if run is None:
                if manage.is_run(summary.path):  # else it was deleted since
                    self._add(summary)
                    listed = True
            else:
                run.update(summary)
                self._send_waiting(run)
                self.changed.emit(run)
        if listed:
            self.listed.emit()

    def _add(self, summary: RunSummary) -> RunModel:
        run = self.by_path[summary.path] = RunModel(summary, self)
        self.added.emit(run)
        return run

    def _remove(self, path: Path) -> bool:
        run = self.by_path.pop(path, None)
        if run is None:
            return False
        self._follower.unfollow(run)
        self.removed.emit(run)
        run.deleteLater()
        return True

    def _take_events(self, run: RunModel, parts: list[Part]) -> None:
        if self.by_path.get(run.path) is run:
            run.take(parts)

    # Actions ---------------------------------------------------------------------------------------------------------

    def start_new(self, config: RunConfig) -> RunModel:
        """Make a run directory and start its trainer. HRMError or OSError if that fails."""
        run = RunDir.create(new_run_path(config.preset or config.task, self.folder), resolve_dataset(config))
        return self.start(run)

    def start(self, run: RunDir) -> RunModel:
        """Start the trainer of a run directory that was just made."""
        config = run.config()
        model = self._add(RunSummary(run.path, config.preset, config.task, "starting", steps=config.steps, created=time.time()))
        self.listed.emit()
        self.trainers.start(run)
        self._follower.hurry()
        return model

    def resume(self, run: RunModel) -> None:
        """Continue: resume a paused trainer, or start a new one if it ended."""
        if run.summary.state == "paused":
            run.run.command("resume")
        elif not run.summary.live:
            self.trainers.start(run.run)
        self._follower.hurry()

    def command(self, run: RunModel, kind: str) -> None:
        """pause, save, stop or abort."""
        if run.summary.state == "starting" and run.run.status().get("state") not in LIVE:
            self._waiting[run] = kind  # a trainer that has not claimed the run would take it for an old command
        else:
            run.run.command(kind)
        self._follower.hurry()

    def _send_waiting(self, run: RunModel) -> None:
        """Send the command that waited for a trainer to start."""
        if run in self._waiting and run.run.status().get("state", "new") != "new":
            kind = self._waiting.pop(run)
            if run.summary.live:
                run.run.command(kind)

    def _reap(self) -> None:
        """Report trainers that could not start: they wrote no events, only a log."""
        for path, code in self.trainers.reap():
            run = self.by_path.get(path)
            self._follower.forget(path)
            if code:
                _log.warning("the trainer of %s ended with code %d: %s", path.name, code, last_log_line(path))
            if run is not None and (code == 2 or (code and not run.run.status_file.exists())):
                self.refused.emit(f"The trainer of {run.name} could not start. {last_log_line(path, of_many=True)}")

    def declare_ended(self, run: RunModel) -> None:
        """Note that the trainer of another machine has ended, so that the run can be resumed, renamed and deleted. RunError."""
        run.run.declare_ended()
        self._follower.hurry()

    def rename(self, run: RunModel, name: str) -> None:
        """Rename the folder of a run that is not live. RunError says why it cannot be."""
        target = manage.rename(run.run, name)
        if target != run.path:
            del self.by_path[run.path]
            self.by_path[target] = run
            run.move(target)
            self._follower.move(run, target)
            self.changed.emit(run)

    def delete(self, run: RunModel) -> None:
        """Delete a run; `undo_delete` brings it back for a week. RunError if it is live."""
        path = run.path
        self._trashed.append((path, manage.delete(run.run)))
        self._remove(path)
        self.listed.emit()
        self.deleted.emit(path)

    def undo_delete(self) -> None:
        """Restore the run deleted last, also from an earlier session. RunError if there is none, or its folder exists."""
        if self._trashed:
            path, place = self._trashed.pop()
            if path.exists():
                raise RunError(f"{path} already exists; rename it first")
            place.rename(path)
        else:
            path = manage.undelete(root=self.folder)
        self._follower.forget(path)

    def empty_trash(self, older_than_days: float = 0.0) -> None:
        """Remove deleted runs for good, in the background."""
        before = time.time() - 86400 * older_than_days
        old = [path for path in (self.folder / manage.TRASH).glob("*") if path.stat().st_ctime <= before]
        self._trashed = [(path, place) for path, place in self._trashed if place not in old]
        for folder in old:  # one by one: closing waits only for the one that is being removed
            self._background.run(partial(shutil.rmtree, folder, ignore_errors=True), lambda _: None)
