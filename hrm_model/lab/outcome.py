"""What a run comes to at its end, beside the run it is compared with. NumPy only.

Shapes: S cells, K answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Task
from hrm_model.tasks.registry import task_named
from hrm_model.trace.data import Array, PuzzleInfo, Trace


@dataclass(frozen=True)
class Outcome:
    """One answer. As JSON it is what `hrm-studio lab --json` prints of a base and of each branch."""

    solved: bool | None  # None if nothing says what is right
    violations: int | None  # broken rules; None if the task has none
    q_halt: float | None  # at the end
    differs: tuple[int, ...]  # cells that differ from the base at the end, counted from 0 in reading order
    solution: str  # the answer as one line

    def about(self) -> dict[str, Any]:
        return {
            "solved": self.solved, "violations": self.violations, "q_halt": self.q_halt, "differs": list(self.differs), "solution": self.solution
        }  # fmt: skip


def known_task(puzzle: PuzzleInfo) -> Task | None:
    """The puzzle's task; None for one that is not known here."""
    try:
        return task_named(puzzle.task)
    except PuzzleError:
        return None


def right(puzzle: PuzzleInfo, answers: Array) -> NDArray[np.bool_] | None:
    """(K,) whether answers (K, S) in tokens are right; of a puzzle with several solutions any counts. None if nothing says what is right."""
    task = known_task(puzzle)
    if task is None:
        return None if puzzle.solution is None else np.asarray((answers == puzzle.solution).all(axis=1))
    if puzzle.solution is None and not task.known_rules:
        return None
    given, grids = task.from_tokens(np.asarray(puzzle.given)), task.from_tokens(np.asarray(answers))
    if puzzle.solution is not None:
        return np.asarray(task.right(grids, given, task.from_tokens(np.asarray(puzzle.solution))))
    return np.asarray(task.right(grids, np.broadcast_to(given, grids.shape), None))


def violations(puzzle: PuzzleInfo, answers: Array) -> NDArray[np.floating]:
    """(K,) broken rules of answers (K, S); NaN if the task has none."""
    task = known_task(puzzle)
    if task is None:
        return np.full(len(answers), np.nan)
    return np.asarray(task.violations(task.from_tokens(np.asarray(answers)), task.from_tokens(np.asarray(puzzle.given))))


def outcome(puzzle: PuzzleInfo, answer: Array, q_halt: float | None, base: Array | None = None) -> Outcome:
    """Of an answer (S,) in tokens. `base`: the answer it is compared with; None: this is the base."""
    found, broken, task = right(puzzle, answer[None]), float(violations(puzzle, answer[None])[0]), known_task(puzzle)
    differs = () if base is None else tuple(np.flatnonzero(np.asarray(answer) != np.asarray(base)).tolist())
    text = " ".join(map(str, answer.tolist())) if task is None else task.format_line(task.from_tokens(np.asarray(answer)))
    return Outcome(None if found is None else bool(found[0]), None if np.isnan(broken) else int(broken), q_halt, differs, text)


def outcome_of(trace: Trace, base: Trace | None = None) -> Outcome:
    """Of a trace's last answer."""
    q = float(trace.q_halt[-1]) if len(trace.q_halt) else None
    return outcome(trace.puzzle, trace.prediction[-1], q, None if base is None else base.prediction[-1])
