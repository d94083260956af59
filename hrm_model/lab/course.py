"""The course of a run: its answers and values at the end of each segment. Halting rules and words are read off it. NumPy only.

Shapes: K segments, S cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.analysis.cells import segment_ends
from hrm_model.lab.outcome import known_task, right, violations
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_model.trace.data import Array, PuzzleInfo, Trace

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Course:
    """What a run comes to after each of its K segments."""

    puzzle: PuzzleInfo
    answers: Array  # (K, S) tokens
    halts: NDArray[np.bool_]  # (K,) whether the model would stop: q_halt > q_continue, or > 0 if it never learned that
    q_halt: Floats  # (K,)
    moved: Floats  # (K,) ‖Δz_H‖ / ‖z_H‖ of the segment; NaN without states
    broken: Floats  # (K,) rules that the answer breaks; NaN if the task has none
    right: NDArray[np.bool_] | None  # (K,); None if nothing says what is right

    def __len__(self) -> int:
        return len(self.q_halt)

    @property
    def filled(self) -> NDArray[np.bool_]:
        """(K,) whether the answer leaves no cell blank and keeps what was given."""
        task = known_task(self.puzzle)
        if task is None:
            return np.ones(len(self), bool)
        given, answers = task.from_tokens(np.asarray(self.puzzle.given)), task.from_tokens(np.asarray(self.answers))
        asked = task.blanks(given)
        # An open cell of a maze may stay open; a Sudoku's blank is a cell that was not answered.
        open_still = (answers == 0)[:, asked].any(axis=1) if isinstance(task, SudokuTask) else np.zeros(len(self), bool)
        return np.asarray(~open_still & (answers == given)[:, ~asked].all(axis=1))

    @property
    def spells(self) -> list[tuple[int, int]]:
        """Runs of segments with the right answer: first and last of each, counted from 1."""
        if self.right is None or not self.right.any():
            return []
        edges = np.flatnonzero(np.diff(np.concatenate([[False], self.right, [False]]).astype(int)))
        return [(int(a) + 1, int(b)) for a, b in edges.reshape(-1, 2)]

    @property
    def same_since(self) -> int:
        """The segment, counted from 1, since which the answer has not changed."""
        changed = np.flatnonzero((self.answers[1:] != self.answers[:-1]).any(axis=1))
        return int(changed[-1]) + 2 if len(changed) else 1


def course(puzzle: PuzzleInfo, answers: Array, q_halt: Floats, q_continue: Floats | None, moved: Floats) -> Course:
    """From values at segment ends. `q_continue`: None if the model never learned it."""
    halts = np.asarray(q_halt) > (0 if q_continue is None else np.asarray(q_continue))
    return Course(puzzle, answers, halts, np.asarray(q_halt), np.asarray(moved), violations(puzzle, answers), right(puzzle, answers))


def course_of(trace: Trace) -> Course:
    """Of a trace's complete segments."""
    ends = segment_ends(trace)[: len(trace.q_halt)]
    learned = bool(trace.model.config.get("q_continue", True))
    return course(trace.puzzle, trace.prediction[ends], trace.q_halt, trace.q_continue if learned else None, _moved(trace, ends))


def _moved(trace: Trace, ends: NDArray[np.intp]) -> Floats:
    if trace.z_H is None:
        return np.full(len(ends), np.nan)
    found, before = np.zeros(len(ends)), 0
    for k, end in enumerate(ends.tolist()):
        row = int(trace.h_row[end])
        old, new = (np.asarray(trace.z_H[r], np.float32) for r in (before, row))
        found[k], before = relative(float(np.linalg.norm(new - old)), float(np.linalg.norm(old))), row
    return found


def relative(moved: float, size: float) -> float:
    """‖Δz‖ / ‖z‖; 0 for a state of zeros that stays."""
    return moved / size if size else float(moved > 0)
