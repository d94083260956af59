"""One trace of a file: its datasets, checked against each other before they are read.

Shapes: N steps, T positions, S cells, D width, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from hrm_model.analysis.core import solved_step, task_of, verdict
from hrm_model.errors import TraceFileError
from hrm_model.trace.data import LEVEL_H, LEVEL_L, Array, ModelInfo, PuzzleInfo, Trace
from hrm_model.trace_file.extras import Extras, json_object, read_extras
from hrm_model.trace_file.hdf5 import attribute, load, member, numbers, read_text, row_sums, scalar
from hrm_model.trace_file.layout import STATES, STEP_NAMES

_MAX_CELLS, _MAX_VOCABULARY = 1 << 16, 1 << 12
_SCAN_BYTES = 16 << 20
_ROWS = (("H", "h_row"), ("L", "l_row"))


@dataclass(frozen=True)
class EntryInfo:
    """What is known of one trace of a file without reading its states."""

    name: str  # of its group
    title: str
    task: str
    model: str
    segments: int
    steps: int
    solved: bool | None  # whether the last answer is the solution; None if the solution is not known
    states: str  # 'full', 'float16', 'pooled' or 'none'
    bytes: int  # in memory
    complete: bool  # False if the writer was interrupted


@dataclass(frozen=True)
class StepArrays:
    """The arrays after one step: z_H and z_L (T, D) or None, prediction (S,), probability (S, V)."""

    z_H: Array | None
    z_L: Array | None
    prediction: Array
    probability: Array


class Entry:
    """One entry's datasets, checked against each other when it is made."""

    def __init__(self, group: h5py.Group, max_bytes: int) -> None:
        self._group, self._where, self._max_bytes = group, group.name, max_bytes
        steps, segments, puzzle, model = (member(group, name, h5py.Group) for name in ("steps", "segments", "puzzle", "model"))
        self.title = read_text(group, "title", default="")
        self.complete = bool(scalar(group, "complete", default=1))
        self._puzzle, self._config = puzzle, model
        self._given = numbers(puzzle, "given", (None,), "iu")
        cells = self._given.shape[0]
        if not 0 < cells <= _MAX_CELLS:
            raise TraceFileError(f"{self._given.name} has {cells} cells; 1 to {_MAX_CELLS} are supported")
        self._solution = numbers(puzzle, "solution", (cells,), "iu", optional=True)
        self._numbers = {name: numbers(steps, name, (None,), "iu") for name in STEP_NAMES}
        self._prediction = numbers(steps, "prediction", (None, cells), "iu")
        self._probability = numbers(steps, "probability", (None, cells, None), "f")
        self.vocabulary = self._probability.shape[2]
        if not 0 < self.vocabulary <= _MAX_VOCABULARY:
            raise TraceFileError(f"{self._probability.name} has {self.vocabulary} tokens; 1 to {_MAX_VOCABULARY} are supported")
        self._q = [numbers(segments, name, (None,), "f") for name in ("q_halt", "q_continue")]
        self._z = {level: numbers(steps, f"z_{level}", (None, None, None), "f", optional=True) for level in "HL"}
        # Older files have HDF5's own checksums instead.
        self._sums = {level: numbers(steps, f"crc_{level}", (None,), "u", optional=True) for level in "HL"}
        if (self._z["H"] is None) != (self._z["L"] is None):
            raise TraceFileError(f"{steps.name} has only one of z_H and z_L")
        self.states = self._states_kept(attribute(group, "states"))
        self._count()

    def _states_kept(self, kept: object) -> str:
        z_H, z_L, cells = self._z["H"], self._z["L"], self._given.shape[0]
        if z_H is None or z_L is None:
            return "none"
        if z_H.shape[1:] != z_L.shape[1:]:
            raise TraceFileError(f"{z_H.name} and {z_L.name} have different shapes: {z_H.shape[1:]} and {z_L.shape[1:]}")
        if kept not in STATES or kept == "none":
            raise TraceFileError(f"{self._where} says that its states are kept as {kept!r}, which is not one of {', '.join(STATES)}")
        positions = z_H.shape[1]
        if positions != 1 if kept == "pooled" else positions < cells:
            raise TraceFileError(
                f"{z_H.name} has {positions} positions; {kept} states of {cells} cells need {1 if kept == 'pooled' else cells}"
            )
        return str(kept)

    def _count(self) -> None:
        """Count steps, rows and segments; of an interrupted entry those of its complete segments."""
        every = [*self._numbers.values(), self._prediction, self._probability]
        lengths = {d.shape[0] for d in every}
        if self.complete and len(lengths) > 1:
            found = ", ".join(f"{d.name.rpartition('/')[2]} {d.shape[0]}" for d in every)
            raise TraceFileError(f"{self._where}/steps has arrays of different lengths: {found}")
        n = min(lengths)
        self._spend(sum(d.dtype.itemsize * math.prod(d.shape[1:]) for d in every) * n)
        self._must_be_there()
        numbers = {name: load(d, n) for name, d in self._numbers.items()}
        ends = [*(np.flatnonzero(np.diff(numbers["segment"])) + 1).tolist(), n]
        states = [d for d in self._z.values() if d is not None]
        while not self.complete and ends and not self._holds(ends[-1], len(ends), numbers):
            ends.pop()
        if not ends or ends[-1] == 0:
            raise TraceFileError(f"{self._where} has no complete segment" if not self.complete else f"{self._where} has no steps")
        self.n, self.segments = ends[-1], len(ends)
        self.numbers = {name: array[: self.n] for name, array in numbers.items()}
        self._check_numbers()
        if self.complete and not self._holds(self.n, self.segments, self.numbers):
            raise TraceFileError(
                f"{self._where} has {', '.join(f'{d.shape[0]} rows of {d.name}' for d in states)}, fewer than its steps refer to"
            )
        self.q_count = min(d.shape[0] for d in self._q) if self.complete else self.segments
        if any(d.shape[0] != self.q_count for d in self._q) and self.complete or self.q_count > self.segments:
            raise TraceFileError(
                f"{self._where}/segments has {', '.join(str(d.shape[0]) for d in self._q)} values for {self.segments} segments"
            )
        self.bytes = sum(math.prod(d.shape) * d.dtype.itemsize for d in (*every, *self._q, self._given))
        self.bytes += sum(self._rows(level) * math.prod(d.shape[1:]) * d.dtype.itemsize for level, d in self._z.items() if d is not None)

    def _holds(self, steps: int, segments: int, numbers: dict[str, Array]) -> bool:
        if not self.complete and any(d.shape[0] < segments for d in self._q):
            return False
        there = [(d.shape[0], name) for many in (self._z, self._sums) for level, name in _ROWS if (d := many[level]) is not None]
        return steps > 0 and all(int(numbers[name][steps - 1]) < rows for rows, name in there)

    def _rows(self, level: str) -> int:
        return int(self.numbers[f"{level.lower()}_row"][-1]) + 1

    def _states(self, level: str, first: int, end: int) -> Array | None:
        """Rows of z_H or z_L, as they were written; None if states were not kept."""
        dataset, sums = self._z[level], self._sums[level]
        if dataset is None:
            return None
        found = load(dataset, end, first)
        if sums is not None:
            broken = np.flatnonzero(row_sums(found) != sums[first:end])
            if len(broken):
                raise TraceFileError(f"corrupt: row {first + int(broken[0])} of {dataset.name} differs from what was written")
        return found

    def _must_be_there(self) -> None:
        """Check that the file really contains what its datasets declare, so that memory is taken only for what was written."""
        for d in (self._given, self._solution, *self._numbers.values(), self._prediction, self._probability, *self._q, *self._z.values()):
            if d is None or 0 in d.shape:
                continue
            if d.chunks is None:
                there = d.id.get_storage_size() >= math.prod(d.shape) * d.dtype.itemsize
            else:
                wanted = math.prod([-(-length // chunk) for length, chunk in zip(d.shape, d.chunks, strict=True)])
                there = d.id.get_num_chunks() >= wanted
            if not there and self.complete:
                raise TraceFileError(f"{d.name} declares {math.prod(d.shape) * d.dtype.itemsize:,} bytes that are not in the file")

    def _spend(self, more: int) -> None:
        states = sum(math.prod(d.shape) * d.dtype.itemsize for d in self._z.values() if d is not None)
        if more + states > self._max_bytes:
            raise TraceFileError(
                f"{self._where} declares {(more + states) / 1e9:,.1f} GB; at most {self._max_bytes / 1e9:.1f} GB may be read"
            )

    def _check_numbers(self) -> None:
        number, where = {k: v.astype(np.int64) for k, v in self.numbers.items()}, f"{self._where}/steps"
        level, segment = number["level"], number["segment"]
        if not np.isin(level, (LEVEL_L, LEVEL_H)).all():
            raise TraceFileError(
                f"{where}/level contains {int(level[~np.isin(level, (LEVEL_L, LEVEL_H))][0])}; only 0 (L) and 1 (H) are valid"
            )
        if segment[0] != 0 or not np.isin(np.diff(segment), (0, 1)).all():
            raise TraceFileError(f"{where}/segment does not count 0, 1, 2 …")
        if number["h_cycle"].min() < 0 or number["l_step"].min() < -1:
            raise TraceFileError(f"{where}/h_cycle or l_step has numbers below 0 or −1")
        if self.states == "none":
            return
        for name, moved in (("h_row", level == LEVEL_H), ("l_row", level == LEVEL_L)):
            if (number[name] != np.cumsum(moved)).any():
                raise TraceFileError(f"{where}/{name} does not count the steps of its module")

    # Reading ---------------------------------------------------------------------------------------------------------

    def trace(self, *, states: bool) -> Trace:
        z: dict[str, Any] = dict.fromkeys("HL")
        if states:
            self._spend(0)
            z |= {level: self._states(level, 0, self._rows(level)) for level in "HL"}
        settings = json_object(read_text(self._config, "config", default="{}"), f"{self._config.name}/config")
        solution = None if self._solution is None else load(self._solution)
        text, identifier = read_text(self._puzzle, "text", default=""), scalar(self._puzzle, "identifier", default=0)
        if identifier < 0:
            raise TraceFileError(f"{self._puzzle.name}/identifier is {identifier}; it must be 0 or more")
        puzzle = PuzzleInfo(read_text(self._puzzle, "task"), load(self._given), solution, text, identifier)
        model = ModelInfo(read_text(self._config, "name", default=""), settings, read_text(self._config, "sha256", default=""))
        prediction, probability = load(self._prediction, self.n), load(self._probability, self.n)
        for name, tokens in (("puzzle/given", puzzle.given), ("puzzle/solution", solution), ("steps/prediction", prediction)):
            if tokens is not None and (tokens.min() < 0 or tokens.max() >= self.vocabulary):
                raise TraceFileError(
                    f"{self._where}/{name} has tokens from {tokens.min()} to {tokens.max()}; the vocabulary has {self.vocabulary}"
                )
        q = [load(d, self.q_count) for d in self._q]
        arrays: dict[str, Any] = self.numbers | {"prediction": prediction, "probability": probability, "q_halt": q[0], "q_continue": q[1]}
        made = Trace(puzzle, model, **arrays, z_H=z["H"], z_L=z["L"])
        task = task_of(made)
        if task is not None and (task.cells != len(puzzle.given) or self.vocabulary > task.vocab_size):
            raise TraceFileError(
                f"{self._where} claims the task {puzzle.task}, but has {len(puzzle.given)} cells and {self.vocabulary} tokens"
            )
        return made

    def about(self, name: str) -> EntryInfo:
        found = self.trace(states=False)
        solved = None if found.puzzle.solution is None else solved_step(found) is not None
        return EntryInfo(
            name, self.title, found.puzzle.task, found.model.name, self.segments, self.n, solved, self.states, self.bytes, self.complete
        )

    def extras(self, version: int) -> Extras:
        return read_extras(self._group, self.title, version, self._max_bytes)

    def scan(self) -> None:
        verdict(self.trace(states=False))  # what every view computes from a trace must be possible
        for level, dataset in self._z.items():
            if dataset is not None:
                rows, at_once = self._rows(level), max(1, _SCAN_BYTES // max(1, math.prod(dataset.shape[1:]) * dataset.dtype.itemsize))
                for start in range(0, rows, at_once):
                    self._states(level, start, min(rows, start + at_once))

    def step(self, step: int) -> StepArrays:
        if not 0 <= step < self.n:
            raise TraceFileError(f"{self._where} has {self.n} steps; there is no step {step}")
        h, fast = int(self.numbers["h_row"][step]), int(self.numbers["l_row"][step])
        z_H, z_L = self._states("H", h, h + 1), self._states("L", fast, fast + 1)
        answer = self._prediction[step], self._probability[step]
        return StepArrays(None if z_H is None else z_H[0], None if z_L is None else z_L[0], *answer)
