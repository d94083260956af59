"""Numbers of each step: residuals, broken rules, right cells, halting. NumPy only.

Shapes: N steps, S cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Task
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.grid import Variant, variant_of_task
from hrm_model.trace.arrays import LEVEL_H, LEVEL_L, TraceArrays

Floats = NDArray[np.floating[Any]]
_ALL = slice(None)


def residuals(trace: TraceArrays, first: int = 0) -> Floats:
    """(N − first,) ‖z_t − z_{t−1}‖ of the module that moved, from step `first` on (paper, fig. 3); NaN without states."""
    found = np.full(len(trace) - first, np.nan)
    for level, states, rows in ((LEVEL_H, trace.z_H, trace.h_row), (LEVEL_L, trace.z_L, trace.l_row)):
        if states is not None and len(states) > 1:
            moved = np.flatnonzero(trace.level[first:] == level)
            change = np.empty(states[0].size, np.float32)
            for step, row in zip(moved.tolist(), rows[first:][moved].tolist(), strict=True):
                # Row by row in one buffer: several times quicker than all at once, which makes copies as large as the states.
                np.subtract(states[row], states[row - 1], out=change.reshape(states.shape[1:]), dtype=np.float32)
                found[step] = np.sqrt(np.dot(change, change))
    return found


def task_of(trace: TraceArrays) -> Task | None:
    """The task of a trace's puzzle, None if it is not a known one."""
    try:
        return task_named(trace.puzzle.task)
    except PuzzleError:
        return None


def sudoku_variant(trace: TraceArrays) -> Variant | None:
    """The Sudoku size of a trace's puzzle, None for other tasks."""
    try:
        return variant_of_task(trace.puzzle.task)
    except PuzzleError:
        return None


def violations(trace: TraceArrays) -> Floats:
    """(N,) broken rules of each step's answer, guesses included (`counts` splits them); NaN if the task has none."""
    task = task_of(trace)
    if task is None:
        return np.full(len(trace), np.nan)
    return np.asarray(task.violations(task.from_tokens(trace.prediction), task.from_tokens(trace.puzzle.given)))


def blanks(trace: TraceArrays) -> NDArray[np.bool_]:
    """(S,) the cells that the puzzle leaves open."""
    task = task_of(trace)
    if task is None:
        return np.ones(len(trace.puzzle.given), bool)
    return task.blanks(task.from_tokens(trace.puzzle.given))


def confidence(trace: TraceArrays) -> Floats:
    """(N,) mean over the blank cells of the answer's probability."""
    open_cells = blanks(trace)
    if not open_cells.any():
        return np.ones(len(trace))
    return trace.probability[:, open_cells].max(axis=2).mean(axis=1)


def right_steps(trace: TraceArrays, steps: slice = _ALL) -> NDArray[np.bool_] | None:
    """(N,), or fewer for a part of the steps: whether the whole answer is right (any shortest path of a maze is).

    Without a known solution, as of a Sudoku with several, the rules decide; None if there are none.
    """
    task, answers, solution = task_of(trace), trace.prediction[steps], trace.puzzle.solution
    if not len(trace) or (solution is None and (task is None or not task.known_rules)):
        return None
    if task is None:
        return np.asarray((answers == solution).all(axis=1))
    given = task.from_tokens(trace.puzzle.given)
    return task.right(task.from_tokens(answers), given, None if solution is None else task.from_tokens(np.asarray(solution)))


def asked_cells(trace: TraceArrays) -> NDArray[np.bool_]:
    """(S,) the blank cells that count when the answer is checked; all of them if no solution is known."""
    task, solution = task_of(trace), trace.puzzle.solution
    if task is None or solution is None:
        return blanks(trace)
    return blanks(trace) & task.asked(task.from_tokens(np.asarray(solution)))


def wrong_cells(trace: TraceArrays, steps: slice = _ALL, all_right: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """(N, S) answers that are not as in the known solution; none if the whole answer is right in another way (a maze's other shortest path).

    `all_right`: `right_steps` of the same steps, if it is computed already.
    """
    answers, solution, task = trace.prediction[steps], trace.puzzle.solution, task_of(trace)
    if solution is None:
        return np.zeros(answers.shape, bool)
    if task is None:
        return np.asarray(answers != solution)
    wrong = task.differs(task.from_tokens(answers), task.from_tokens(np.asarray(solution)))
    right = right_steps(trace, steps) if all_right is None else all_right
    if right is not None:
        wrong[right] = False
    return wrong


def accuracy(trace: TraceArrays) -> Floats:
    """(N,) share of blank cells whose answer is right, guesses included (`counts` splits them); NaN if no solution is known."""
    asked = asked_cells(trace)
    if trace.puzzle.solution is None or not asked.any():
        return np.full(len(trace), np.nan)
    return 1 - wrong_cells(trace)[:, asked].mean(axis=1)


def solved(trace: TraceArrays) -> bool | None:
    """Whether the last answer is right; None if that cannot be known."""
    right = right_steps(trace, slice(-1, None))
    return None if right is None else bool(right[-1])


def solved_step(trace: TraceArrays) -> int | None:
    """The first step from which on every answer is right; None if there is none, or if that cannot be known."""
    return lasting(right_steps(trace))


def lasting(right: NDArray[np.bool_] | None) -> int | None:
    """The first of the steps (N,) from which on all are right; None if the last one is not."""
    if right is None or not right[-1]:
        return None
    wrong = np.flatnonzero(~right)
    return int(wrong[-1]) + 1 if len(wrong) else 0


def would_halt(trace: TraceArrays) -> NDArray[np.bool_]:
    """(segments,) whether the model would stop after a segment: q_halt > q_continue, or > 0 if continuing was not learned."""
    if trace.model.config.get("q_continue", True):
        return np.asarray(trace.q_halt > trace.q_continue)
    return np.asarray(trace.q_halt > 0)


def halting_segment(trace: TraceArrays) -> int | None:
    """The first segment after which the model would stop."""
    stops = np.flatnonzero(would_halt(trace))
    return int(stops[0]) if len(stops) else None


def changed_cells(trace: TraceArrays, step: int) -> NDArray[np.bool_]:
    """(S,) the cells whose answer differs from the step before (at the first step: none)."""
    return np.asarray(trace.prediction[step] != trace.prediction[max(0, step - 1)])
