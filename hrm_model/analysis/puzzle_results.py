"""The results of a model on many puzzles: one for each puzzle, and a summary. NumPy only.

Shapes: K segments, N puzzles, S cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.analysis.core import Floats
from hrm_model.tasks.base import Grid, Grids, Task
from hrm_model.tasks.maze.grid import shortest_paths
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.sudoku.rating import rate
from hrm_model.tasks.sudoku.task import SudokuTask

LATE = 4  # segments at the end over which drift is measured


@dataclass(frozen=True)
class PuzzleResult:
    """The result for one puzzle. Segments are counted from 1."""

    text: str  # the puzzle in one line
    difficulty: int  # clues of a Sudoku, moves of a maze's path
    rating: int | None  # of a Sudoku: the hardest technique it needs, 0 to 7
    blanks: int  # cells that the puzzle leaves open
    solved: bool  # after the last segment
    solved_at: int | None  # the segment from which on it stays right
    ever: bool  # right after any segment, even if lost again
    stable_at: int  # the segment from which on the answer stays the same
    right: float  # share of open cells that are as in the known answer, at the end
    drift: float  # mean ‖Δz_H‖ a segment over the last LATE segments
    q_halt: float  # at the end
    halts_at: int | None  # the segment after which the model would stop
    right_after: tuple[bool, ...] = ()  # whether the answer is right after each segment, (K,)


def puzzle_results(
    task: Task, puzzles: Grids, solutions: Grids, answers: Grids, q_halt: Floats, halts: NDArray[np.bool_], drift: Floats
) -> list[PuzzleResult]:
    """A result for each puzzle. puzzles, solutions (N, S); answers (K, N, S) as grids; q_halt, halts (K, N); drift (N,)."""
    exact = task.right(answers, puzzles, solutions)
    blank = task.blanks(puzzles)
    right = answers[-1] == solutions
    rows = []
    for n in range(len(puzzles)):
        difficulty, rating = hardness(task, puzzles[n])
        moved = (answers[1:, n] != answers[:-1, n]).any(axis=1)
        wrong = ~exact[:, n]
        rows.append(
            PuzzleResult(
                text=task.format_line(puzzles[n]),
                difficulty=difficulty,
                rating=rating,
                blanks=int(blank[n].sum()),
                solved=bool(exact[-1, n]),
                solved_at=_after_last(wrong) if exact[-1, n] else None,
                ever=bool(exact[:, n].any()),
                stable_at=_after_last(moved),
                right=float(right[n][blank[n]].mean()) if blank[n].any() else 1.0,
                drift=float(drift[n]),
                q_halt=float(q_halt[-1, n]),
                halts_at=int(halts[:, n].argmax()) + 1 if halts[:, n].any() else None,
                right_after=tuple(exact[:, n].tolist()),
            )
        )
    return rows


def _after_last(flags: NDArray[np.bool_]) -> int:
    """The first segment, counted from 1, after the last flag. `wrong` (K,): where it is right for good; `moved` (K − 1,), the k-th from
    segment k + 1 to the next: where it stays the same."""
    places = np.flatnonzero(flags)
    if not len(places):
        return 1
    return int(places[-1]) + 2


def hardness(task: Task, puzzle: Grid) -> tuple[int, int | None]:
    """Clues and rating of a Sudoku; moves of a maze's shortest path; the blanks of any other puzzle."""
    if isinstance(task, SudokuTask):
        return int((puzzle > 0).sum()), rate(puzzle, task.variant).level
    if isinstance(task, MazeTask):
        return int(shortest_paths(puzzle[None]).length[0]), None
    return int(task.blanks(puzzle).sum()), None


def right_by_segment(rows: list[PuzzleResult]) -> Floats:
    """(K,) the share of puzzles whose answer is right after each segment. An answer that is lost again counts only while it is right."""
    return np.array([row.right_after for row in rows], float).mean(axis=0) if rows else np.zeros(0)


def segments_histogram(rows: list[PuzzleResult]) -> NDArray[np.intp]:
    """(K,) how many puzzles have the right answer for good from each segment on."""
    segments = len(rows[0].right_after) if rows else 0
    return np.bincount([row.solved_at - 1 for row in rows if row.solved_at is not None], minlength=segments)


@dataclass(frozen=True)
class Summary:
    """A summary of many results."""

    count: int
    solved: int
    interval: tuple[float, float]  # of the share solved: Wilson, 95 %
    lost: int  # were right at some segment and are not at the end
    median_segments: float  # until the answer of a solved puzzle stays right; NaN if none is


def summary(rows: list[PuzzleResult]) -> Summary:
    """The summary of all results; an empty list gives zeros."""
    solved = sum(row.solved for row in rows)
    steps = [row.solved_at for row in rows if row.solved_at is not None]
    return Summary(
        len(rows), solved, wilson(solved, len(rows)), sum(row.ever and not row.solved for row in rows),
        float(np.median(steps)) if steps else math.nan,
    )  # fmt: skip


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a share (95 % for z = 1.96)."""
    if not count:
        return 0.0, 1.0
    share, square = right / count, z * z
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = z * math.sqrt(share * (1 - share) / count + square / (4 * count * count)) / (1 + square / count)
    return max(0.0, centre - half), min(1.0, centre + half)
