"""What the board shows at each step, counted once for all views, tables and the command line. NumPy only.

A Sudoku board draws an answer as a digit only if the model is sure of it (`SURE`), and candidates otherwise; the likeliest candidate is a guess that nobody
sees. So right and wrong digits and rule breaks are counted among the sure digits, and apart from them among the guesses. Mazes and ARC boards draw every answer.

Shapes: N steps, S cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.tasks.base import Task
from hrm_model.trace.arrays import TraceArrays
from hrm_model.trace.curves import Floats, asked_cells, blanks, right_steps, task_of, wrong_cells

SURE = 0.75  # from this probability on, an answer is drawn as a digit; below, as candidates
_ALL = slice(None)

Flags = NDArray[np.bool_]


def sure_cells(trace: TraceArrays, steps: slice = _ALL) -> Flags:
    """(N, S) whether a cell's answer is drawn as an answer: one of at least SURE, and every one of a task without candidates."""
    task = task_of(trace)
    if task is None or not task.shows_candidates:
        return np.ones(trace.prediction[steps].shape, bool)
    answers, probability = trace.prediction[steps], trace.probability[steps]
    return np.asarray(np.take_along_axis(probability, answers[..., None].astype(np.intp), axis=2)[..., 0] >= SURE)


def drawn_answers(trace: TraceArrays, steps: slice = _ALL, *, guesses: bool = False) -> NDArray[np.int8]:
    """(N, S) what stands on the board, in the task's own numbers: clues, sure answers (with `guesses`, all of them), and blanks elsewhere.

    A task without candidates draws the answer as it is, changed walls and all. ValueError for an unknown task.
    """
    task = task_of(trace)
    if task is None:
        raise ValueError(f"the task {trace.puzzle.task!r} is not known here")
    answers = task.from_tokens(trace.prediction[steps])
    if not task.shows_candidates:
        return answers
    shown = blanks(trace) if guesses else blanks(trace) & sure_cells(trace, steps)
    return np.where(shown, answers, task.from_tokens(np.asarray(trace.puzzle.given)))


@dataclass(frozen=True)
class Counts:
    """The cells of a board at each step, (N,) each; NaN for what is not known. `right + wrong + undecided` is `cells`."""

    cells: int  # that the puzzle leaves open
    right: Floats  # sure, and as in the solution
    wrong: Floats  # sure, and not as in the solution
    undecided: Floats  # drawn as candidates
    given_changed: Floats  # given cells that the model answers otherwise
    breaks: Floats  # broken rules among what is drawn
    right_guesses: Floats  # undecided cells whose likeliest candidate is right
    guess_breaks: Floats  # rules that the guesses would break in addition


def counts(trace: TraceArrays, all_right: Flags | None = None) -> Counts:
    """What the board shows at each step. `all_right`: `right_steps`, if it is computed already."""
    task, open_cells, steps = task_of(trace), asked_cells(trace), len(trace)
    known = trace.puzzle.solution is not None and steps > 0
    sure = sure_cells(trace)[:, open_cells]
    undecided = (~sure).sum(axis=1).astype(float)
    unknown = np.full(steps, np.nan)
    right = wrong = right_guesses = unknown
    if known:
        mistaken = wrong_cells(trace, all_right=right_steps(trace) if all_right is None else all_right)[:, open_cells]
        right = (sure & ~mistaken).sum(axis=1).astype(float)
        wrong = (sure & mistaken).sum(axis=1).astype(float)
        right_guesses = (~sure & ~mistaken).sum(axis=1).astype(float)
    given = ~blanks(trace)
    changed = (trace.prediction[:, given] != np.asarray(trace.puzzle.given)[given]).sum(axis=1).astype(float)
    breaks, all_breaks = _breaks(trace, task, undecided.any())
    return Counts(int(open_cells.sum()), right, wrong, undecided, changed, breaks, right_guesses, all_breaks - breaks)


def _breaks(trace: TraceArrays, task: Task | None, some_undecided: bool) -> tuple[Floats, Floats]:
    """(N,) twice: broken rules among what is drawn, and with the guesses."""
    if task is None or not task.known_rules:
        return np.full(len(trace), np.nan), np.full(len(trace), np.nan)
    given = task.from_tokens(np.asarray(trace.puzzle.given))
    with_guesses = task.violations(drawn_answers(trace, guesses=True), given)
    return task.violations(drawn_answers(trace), given) if some_undecided else with_guesses, with_guesses
