from __future__ import annotations

import numpy as np
import pytest

from hrm_model.analysis.puzzle_results import hardness, puzzle_results, summary
from hrm_model.reasoning import BatchAnswers, reason_batch, solve_batch
from hrm_model.recording import record
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.grid import from_tokens
from hrm_model.trace.data import PuzzleInfo
from tests.support.models import tiny
from tests.support.traces import FOUR, maze_info, sudoku_info


def test_a_batch_streams_what_solve_batch_and_a_trace_say() -> None:
    model, info = tiny(), sudoku_info(FOUR)
    tokens = np.stack([info.given, np.roll(info.given, 1)])
    parts = list(reason_batch(model, tokens, segments=6))
    assert [part.predictions.shape for part in parts] == [(1, 2, 16)] * 6
    found, wanted = BatchAnswers.joined(parts), solve_batch(model, tokens, segments=6)
    np.testing.assert_array_equal(found.predictions, wanted.predictions)
    np.testing.assert_allclose(found.q_halt, wanted.q_halt, atol=1e-5)
    trace = record(model, PuzzleInfo(info.task, info.given), segments=6)
    ends = np.asarray(trace.z_H)[[trace.h_row[trace.segment_end(k)] for k in range(6)]]
    moved = [np.linalg.norm(ends[k] - ends[k - 1]) for k in range(2, 6)]
    assert found.moved[2:, 0].mean() == pytest.approx(np.mean(moved), rel=1e-3)


def test_lines_by_hand() -> None:
    info = sudoku_info(FOUR)
    task = task_named(info.task)
    puzzle, solution = from_tokens(info.given), from_tokens(info.solution)
    wrong = solution.copy()
    blank = np.flatnonzero(puzzle == 0)
    wrong[blank[0]] = solution[blank[0]] % 4 + 1
    worse = wrong.copy()
    worse[blank[1]] = solution[blank[1]] % 4 + 1
    # Four puzzles over five segments: solved in 3, lost again, never but settled, right from the start.
    answers = np.stack([
        [worse, wrong, worse, solution], [wrong, solution, wrong, solution], [solution, solution, wrong, solution],
        [solution, wrong, wrong, solution], [solution, wrong, wrong, solution],
    ])  # fmt: skip
    halts = np.zeros((5, 4), bool)
    halts[2:, 0] = True
    rows = puzzle_results(task, np.stack([puzzle] * 4), np.stack([solution] * 4), answers, np.zeros((5, 4)), halts, np.arange(4.0))
    assert [row.solved for row in rows] == [True, False, False, True]
    assert [row.solved_at for row in rows] == [3, None, None, 1]
    assert [row.ever for row in rows] == [True, True, False, True]
    assert [row.stable_at for row in rows] == [3, 4, 2, 1]
    assert [row.halts_at for row in rows] == [3, None, None, None]
    assert rows[2].right == pytest.approx(1 - 1 / len(blank))
    assert rows[0].difficulty == (puzzle > 0).sum()
    assert rows[0].blanks == len(blank)
    assert rows[3].drift == 3
    found = summary(rows)
    assert (found.count, found.solved, found.lost, found.median_segments) == (4, 2, 1, 2)
    assert found.interval[0] < 0.5 < found.interval[1]
    assert summary([]).count == 0


def test_hardness_of_a_maze_is_its_path() -> None:
    info = maze_info(11)
    task = task_named(info.task)
    assert hardness(task, task.from_tokens(info.given)) == ((info.solution == 5).sum() + 1, None)
