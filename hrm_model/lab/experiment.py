"""An experiment as data, what it found, and how both stand in a trace file. NumPy only.

An experiment names its kind, parameters and seed; with the model and the puzzle that is all that is needed to run it again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hrm_model.errors import TraceFileError
from hrm_model.lab.outcome import Outcome
from hrm_model.trace.data import Array, ModelInfo, PuzzleInfo, Trace
from hrm_model.trace_file.io import Extras, Record, States, TraceReader, TraceWriter

_MOST_TEXT = 900_000
VERSION = 1  # of what `about` of a record holds


@dataclass(frozen=True)
class Experiment:
    """What is to be done. Parameters are JSON; `run` (hrm_model/lab/run.py) lists those of each kind."""

    kind: str
    parameters: Mapping[str, Any]
    seed: int = 0
    segments: int = 16


@dataclass(frozen=True)
class BranchFound:
    """One branch, or one try."""

    name: str  # what was done, in words
    outcome: Outcome
    trace: Trace | None = field(default=None, repr=False)  # None if it was not recorded
    at: int = -1  # the last step that it shares with the base
    changes: tuple[Mapping[str, Any], ...] = ()  # as data
    standing: tuple[Mapping[str, Any], ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)  # further JSON


@dataclass(frozen=True)
class Found:
    """What an experiment came to."""

    experiment: Experiment
    model: ModelInfo
    puzzle: PuzzleInfo
    base: Outcome
    branches: tuple[BranchFound, ...] = ()
    base_trace: Trace | None = field(default=None, repr=False)
    more: Mapping[str, Any] = field(default_factory=dict)  # further JSON
    arrays: Mapping[str, Array] = field(default_factory=dict, repr=False)

    def about(self) -> dict[str, Any]:
        """One JSON object: what `hrm-studio lab --json` prints."""
        e = self.experiment
        return {
            "experiment": e.kind, "model": self.model.name, "puzzle": self.puzzle.text, "seed": e.seed, "segments": e.segments,
            "parameters": dict(e.parameters), "base": self.base.about(),
            "branches": [{"name": b.name} | b.outcome.about() | dict(b.more) for b in self.branches],
        } | dict(self.more)  # fmt: skip

    def record(self) -> Record:
        """The experiment and what it found, for a trace file."""
        about = {"version": VERSION, "sha256": self.model.sha256} | self.about()
        if len(json.dumps(about)) > _MOST_TEXT:
            # A file's text has at most 1 MB; the arrays hold all answers too.
            about["branches"] = []
        return Record(self.experiment.kind, about, {name: np.asarray(a) for name, a in self.arrays.items()})


def write_found(path: str | os.PathLike[str], found: Found, *, states: States = "full") -> Path:
    """The base with the experiment's record, then each branch that was recorded, in one trace file. WriteError; TraceError."""
    assert found.base_trace is not None
    with TraceWriter(path, states=states) as writer:
        writer.write(_with_text(found.base_trace, found.puzzle), Extras("Base", records=(found.record(),)))
        for branch in found.branches:
            if branch.trace is not None:
                extras = Extras(branch.name, "trace", branch.at, changes=tuple(branch.changes), standing=tuple(branch.standing))
                writer.write(branch.trace, extras)
    return writer.path


def _with_text(trace: Trace, puzzle: PuzzleInfo) -> Trace:
    return replace(trace, puzzle=replace(trace.puzzle, text=trace.puzzle.text or puzzle.text))


@dataclass(frozen=True)
class Recorded:
    """An experiment in a trace file, ready to be run again."""

    experiment: Experiment
    puzzle: PuzzleInfo
    model: ModelInfo
    found: Mapping[str, Any]  # its `Found.about()`


def read_experiments(path: str | os.PathLike[str]) -> list[Recorded]:
    """The experiments of a trace file, in its order. TraceFileError if there are none, or one is of a newer version."""
    many = []
    with TraceReader(path) as reader:
        for name in reader.names:
            for record in reader.extras(name).records:
                if "experiment" not in record.about:
                    continue  # a record of another program
                many.append(_recorded(path, record, reader.read(name)))
    if not many:
        raise TraceFileError(f"{path}: contains no experiment of the Lab")
    return many


def _recorded(path: str | os.PathLike[str], record: Record, trace: Trace) -> Recorded:
    about = dict(record.about)
    version = about.pop("version", None)
    if version != VERSION:
        raise TraceFileError(
            f"{path}: an experiment of version {version!r}; this version of HRM Studio reads {VERSION}. Update HRM Studio."
        )
    sha256 = about.pop("sha256", "")
    try:
        experiment = Experiment(record.kind, about["parameters"], int(about["seed"]), int(about["segments"]))
    except (KeyError, TypeError, ValueError):
        raise TraceFileError(f"{path}: the experiment {record.kind!r} lacks parameters, seed or segments") from None
    return Recorded(experiment, trace.puzzle, replace(trace.model, sha256=str(sha256)), about)


def differences(one: Mapping[str, Any], other: Mapping[str, Any], names: Sequence[str] = ()) -> list[str]:
    """The places in which two results differ: 'branches.0.q_halt'."""
    found = []
    for key in sorted({*one, *other}):
        a, b, place = one.get(key), other.get(key), [*names, str(key)]
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, place)
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and all(isinstance(x, Mapping) for x in (*a, *b)):
            for number, (x, y) in enumerate(zip(a, b, strict=True)):
                found += differences(x, y, [*place, str(number)])
        elif a != b and not (a is None and b is None):
            found.append(".".join(place))
    return found
