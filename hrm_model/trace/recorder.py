"""Collects a model's Steps and gives them as a Trace at any moment. NumPy only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hrm_model.errors import TraceError
from hrm_model.trace.data import LEVEL_NAMES, Array, ModelInfo, PuzzleInfo, Step, Trace


class TraceRecorder:
    """Collects Steps into growing arrays. `trace()` is cheap at any moment: its arrays are views of what is there so far.

    At an L step without a preview the last prediction is repeated. States are kept as `state_dtype`, or not at all with None.
    """

    def __init__(self, puzzle: PuzzleInfo, model: ModelInfo, *, state_dtype: str | None = "float32", capacity: int = 96) -> None:
        self.puzzle, self.model = puzzle, model
        self.state_dtype = state_dtype
        self._capacity = max(1, capacity)
        self._count = 0
        self._q: list[tuple[float, float]] = []
        self._arrays: dict[str, Array] = {}
        self._rows = {"H": 0, "L": 0}

    def add(self, step: Step) -> None:
        """Append one step. Its probability gives the vocabulary, its state T and D; the first step must bring `initial` for states."""
        first = self._count == 0
        if first:
            self._allocate(step)
        elif self._count == self._capacity:
            self._grow()
        i, a = self._count, self._arrays
        if step.state is not None and self.state_dtype is not None:
            self._rows[step.level] += 1
            a[f"z_{step.level}"][self._rows[step.level]] = step.state
        a["segment"][i], a["h_cycle"][i], a["l_step"][i] = step.segment, step.h_cycle, step.l_step
        a["level"][i] = LEVEL_NAMES.index(step.level)
        a["h_row"][i], a["l_row"][i] = self._rows["H"], self._rows["L"]
        if step.prediction is not None and step.probability is not None:
            a["prediction"][i], a["probability"][i] = step.prediction, step.probability
        elif first:
            a["prediction"][i] = self.puzzle.given
            a["probability"][i] = 1 / a["probability"].shape[-1]
        else:
            a["prediction"][i], a["probability"][i] = a["prediction"][i - 1], a["probability"][i - 1]
        if step.q_halt is not None and step.q_continue is not None:
            self._q.append((step.q_halt, step.q_continue))
        self._count += 1

    def adopt(self, past: Trace, count: int) -> None:
        """Begin with the first `count` steps of another run, as if they had been added. Its states are left out if none are to be kept."""
        if self._count or not count:
            raise TraceError("only an empty recorder can begin with the steps of another run, and with one step at least")
        last = past.segment[count - 1]
        ended = int(last) + (count == len(past) or past.segment[count] != last)
        self._capacity = max(self._capacity, count)
        self._allocate_for(past.probability.shape[-1])
        for name, array in self._arrays.items():
            array[:count] = getattr(past, name)[:count]
        if past.z_H is not None and past.z_L is not None and self.state_dtype is not None:
            for key, states, rows in (("H", past.z_H, past.h_row), ("L", past.z_L, past.l_row)):
                self._rows[key] = int(rows[count - 1])
                kept = self._arrays[f"z_{key}"] = np.zeros((self._capacity + 1, *states.shape[1:]), self.state_dtype)
                kept[: self._rows[key] + 1] = states[: self._rows[key] + 1]
        else:
            self.state_dtype = None
            self._arrays["h_row"][:count] = self._arrays["l_row"][:count] = 0
        self._q = list(zip(past.q_halt[:ended].tolist(), past.q_continue[:ended].tolist(), strict=True))
        self._count = count

    def trace(self) -> Trace:
        """What was recorded so far. TraceError before the first step."""
        if not self._count:
            raise TraceError("nothing was recorded yet")
        n, a = self._count, self._arrays
        q = np.array(self._q, dtype=np.float32).reshape(-1, 2)
        states: dict[str, Any] = {f"z_{k}": a[f"z_{k}"][: self._rows[k] + 1] if f"z_{k}" in a else None for k in "HL"}
        flat = {name: array[:n] for name, array in a.items() if not name.startswith("z_")}
        return Trace(self.puzzle, self.model, q_halt=q[:, 0], q_continue=q[:, 1], **flat, **states)

    def __len__(self) -> int:
        return self._count

    def _allocate(self, step: Step) -> None:
        n = self._capacity
        vocabulary = step.probability.shape[-1] if step.probability is not None else self._vocabulary()
        if not vocabulary:
            raise TraceError("the first step brings no probabilities and the model's vocab_size is not known")
        self._allocate_for(vocabulary)
        if self.state_dtype is not None and step.state is not None:
            if step.initial is None:
                raise TraceError("the first step must bring the initial states")
            for key, start in zip("HL", step.initial, strict=True):
                # Sized for the worst case of one level; the operating system gives no memory before it is written.
                self._arrays[f"z_{key}"] = np.zeros((n + 1, *start.shape), self.state_dtype)
                self._arrays[f"z_{key}"][0] = start

    def _allocate_for(self, vocabulary: int) -> None:
        n, cells = self._capacity, len(self.puzzle.given)
        self._arrays = {name: np.zeros(n, np.int32) for name in ("segment", "h_cycle", "l_step", "h_row", "l_row")}
        self._arrays["level"] = np.zeros(n, np.int8)
        self._arrays["prediction"] = np.zeros((n, cells), np.int16)
        self._arrays["probability"] = np.zeros((n, cells, vocabulary), np.float32)

    def _vocabulary(self) -> int:
        """By the model's configuration; 0 if it does not say. A symmetric model answers with the digits of the board at hand."""
        if self.model.config.get("mixer") == "units":
            return math.isqrt(len(self.puzzle.given)) + 2
        return int(self.model.config.get("vocab_size") or 0)

    def _grow(self) -> None:
        # New arrays, so that traces handed out before keep theirs.
        self._capacity *= 2
        for name, old in self._arrays.items():
            rows = self._capacity + name.startswith("z_")
            new = np.zeros((rows, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            self._arrays[name] = new
