"""How good a model is: whole puzzles right, with the interval that so few puzzles leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.analysis_survey import wilson
from hrm_model.model import HRM
from hrm_model.reason import solve_batch
from hrm_model.tasks.base import Grids
from hrm_model.tasks.find import task_named


@dataclass(frozen=True)
class Evaluation:
    """Figures over one set of puzzles, after its last segment."""

    puzzles: int
    exact: float  # share of puzzles that are wholly right (of a maze, any shortest path is)
    interval: tuple[float, float]  # of `exact`: Wilson, 95 %
    cells: float  # share of open cells that are as in the known answer
    mean_segments: float  # until q_halt first says done (all segments where it never does)
    exact_by_segment: tuple[float, ...]
    q_halt_accuracy: float  # share of puzzles where q_halt at the end tells right from wrong


def answer_all(
    model: HRM, puzzles: Grids, *, segments: int, batch: int = 128, q_continue: bool = False
) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.float32]]:
    """Answers as grids (segments, N, S), would-halt (segments, N), and q_halt (segments, N)."""
    task = task_named(model.config.task)
    answers, halts, values = [], [], []
    for start in range(0, len(puzzles), batch):
        found = solve_batch(model, task.to_tokens(puzzles[start : start + batch]), segments=segments)
        answers.append(task.from_tokens(found.predictions))
        halts.append(found.q_halt > (found.q_continue if q_continue else 0))
        values.append(found.q_halt)
    return np.concatenate(answers, axis=1), np.concatenate(halts, axis=1), np.concatenate(values, axis=1)


def evaluate(model: HRM, puzzles: Grids, solutions: Grids, *, segments: int = 16, batch: int = 128, q_continue: bool = False) -> Evaluation:
    """One honest forward pass of so many segments: no search, no vote."""
    answers, halts, q_halt = answer_all(model, puzzles, segments=segments, batch=batch, q_continue=q_continue)
    right = answers == solutions
    task = task_named(model.config.task)
    exact = task.right(answers, puzzles, solutions)
    blank = task.blanks(puzzles)
    halted = halts.any(axis=0)
    return Evaluation(
        puzzles=len(puzzles),
        exact=float(exact[-1].mean()),
        interval=wilson(int(exact[-1].sum()), len(puzzles)),
        cells=float(right[-1][blank].mean()) if blank.any() else 1.0,
        mean_segments=float(np.where(halted, halts.argmax(axis=0) + 1, segments).mean()),
        exact_by_segment=tuple(round(float(e), 4) for e in exact.mean(axis=1)),
        q_halt_accuracy=float(((q_halt[-1] > 0) == exact[-1]).mean()),
    )
