"""What the board shows at each step, counted once for all views, tables and the command line. NumPy only.

A Sudoku board draws an answer as a digit only if the model is sure of it (`SURE`), and candidates otherwise; the likeliest candidate is a guess that nobody
sees. So right and wrong digits and rule breaks are counted among the sure digits, and apart from them among the guesses. Mazes and ARC boards draw every answer.

Shapes: N steps, S cells.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

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


def drawn_answers(trace: TraceArrays, steps: slice = _ALL, *, sure: Flags | None = None) -> NDArray[np.int8]:
    """(N, S) what stands on the board, in the task's own numbers: clues, sure answers, and blanks elsewhere. `sure`: other than `sure_cells`.

    A task without candidates draws the answer as it is, changed walls and all. ValueError for an unknown task.
    """
    task = task_of(trace)
    if task is None:
        raise ValueError(f"the task {trace.puzzle.task!r} is not known here")
    answers = task.from_tokens(trace.prediction[steps])
    if not task.shows_candidates:
        return answers
    shown = blanks(trace) & (sure_cells(trace, steps) if sure is None else sure)
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


def counts(trace: TraceArrays, all_right: Flags | None = None, known: Counts | None = None) -> Counts:
    """What the board shows at each step. `all_right`: `right_steps`, if it is computed already; `known`: the counts of the same run with fewer steps."""
    first = 0 if known is None else len(known.undecided)
    new = _counts(trace, slice(first, None), right_steps(trace) if all_right is None else all_right)
    if known is None:
        return new
    arrays = (np.append(getattr(known, field.name), getattr(new, field.name)) for field in fields(Counts)[1:])
    return Counts(new.cells, *arrays)


def _counts(trace: TraceArrays, steps: slice, all_right: Flags | None) -> Counts:
    task, asked, given = task_of(trace), asked_cells(trace), ~blanks(trace)
    sure = sure_cells(trace, steps)
    undecided = _number(~sure, asked)
    right = wrong = right_guesses = np.full(len(sure), np.nan)
    if all_right is not None and trace.puzzle.solution is not None:  # without a solution, rules say whether all is right, not which cell is
        mistaken = wrong_cells(trace, steps, all_right[steps])
        right, wrong, right_guesses = (_number(cells, asked) for cells in (sure & ~mistaken, sure & mistaken, ~(sure | mistaken)))
    changed = _number(trace.prediction[steps] != np.asarray(trace.puzzle.given), given)
    breaks, guess_breaks = _breaks(trace, steps, task, sure)
    return Counts(int(asked.sum()), right, wrong, undecided, changed, breaks, right_guesses, guess_breaks)


def _number(flags: Flags, cells: Flags) -> Floats:
    """(N, S) flags, (S,) the cells that count → (N,) how many. A product of matrices is several times quicker than picking columns."""
    return (flags.astype(np.float32) @ cells.astype(np.float32)).astype(float)


def _breaks(trace: TraceArrays, steps: slice, task: Task | None, sure: Flags) -> tuple[Floats, Floats]:
    """(N,) twice: broken rules among what is drawn, and those that guesses would break in addition."""
    if task is None or not task.known_rules:
        return np.full(len(sure), np.nan), np.full(len(sure), np.nan)
    given = task.from_tokens(np.asarray(trace.puzzle.given))
    breaks = task.violations(drawn_answers(trace, steps, sure=sure), given)
    unsure = ~sure.all(axis=1)
    more = np.zeros(len(sure))
    if unsure.any():
        answers = drawn_answers(trace, steps, sure=np.ones_like(sure))[unsure]
        more[unsure] = task.violations(answers, given) - breaks[unsure]
    return breaks, more
