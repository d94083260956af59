"""A training run for notebooks and scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.config import RunConfig
from trainer.runs.events import Evaluated, Event
from trainer.runs.log import Floats, RunLog, parse_events
from trainer.runs.manage import find_run


class Run:
    """A training run, read from its directory. It may still be training: each look at a property reads what is new.

    >>> from trainer.runs import Run
    >>> run = Run("last")  # the newest run; also a path, a name, or a part of a name that only one run has
    >>> run.status["state"], run.config.task
    ('finished', 'sudoku-4x4')
    >>> len(run.metrics["loss"])  # an array, beside "step", "lr" and others
    40
    >>> run.evaluations[-1]["values"]["exact_accuracy"]
    0.5
    """

    def __init__(self, name: str | Path = "last", folder: Path | None = None) -> None:
        """`folder`: the folder that names are looked up in; None: where the studio keeps runs. RunError if there is no such run."""
        self._run = find_run(str(name), folder)
        self._reader = self._run.events()
        self._log = RunLog()
        self._evaluations: list[Evaluated] = []

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._run.path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> RunConfig:
        """What the run was asked to do. ConfigError if config.yaml cannot be read."""
        return self._run.config()

    @property
    def status(self) -> dict[str, Any]:
        """state (new, starting, running, paused, finished, stopped, failed, killed), step, steps, eta_seconds, device …"""
        return {"state": "new", **self._run.status()}

    @property
    def events(self) -> list[Event]:
        """Everything that happened, in order, with what a killed trainer wrote of steps that were computed again."""
        return self._run.events().read()

    @property
    def metrics(self) -> dict[str, Floats]:
        """One array for each value, all of one length: step, loss, accuracy, exact_accuracy, lr … NaN where a value is unknown.

        `pandas.DataFrame(run.metrics)` makes a table of it.
        """
        self._read_new()
        return {name: self._log.metrics[name] for name in self._log.metrics.names}

    @property
    def evaluations(self) -> list[Evaluated]:
        """The evaluation events, in the order of their steps: `values` has the means, `sets` the figures of each set of puzzles."""
        self._read_new()
        return list(self._evaluations)

    @property
    def checkpoints(self) -> list[Path]:
        """The checkpoint folders, oldest first; `hrm_model.load` opens them."""
        return self._run.all_checkpoints()

    @property
    def best(self) -> Path | None:
        """The checkpoint that solved the most unseen puzzles; None before the first evaluation."""
        return self._run.pointer("best")

    @property
    def last(self) -> Path | None:
        """The newest checkpoint, from which a resumed run goes on; None before the first."""
        return self._run.pointer("last")

    def _read_new(self) -> None:
        entries = self._reader.read()
        self._log.apply(parse_events(entries))
        for entry in entries:
            if entry["type"] == "started":  # after a kill, later steps are computed again
                self._evaluations = [old for old in self._evaluations if old["step"] <= entry["step"]]
            elif entry["type"] == "evaluation":
                self._evaluations.append(entry)
