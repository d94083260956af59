from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hrm_model.analysis.core import (
    accuracy,
    blanks,
    changed_cells,
    confidence,
    halting_segment,
    pca,
    residuals,
    solved_step,
    violations,
    would_halt,
)
from hrm_model.recording import record
from hrm_model.tasks.sudoku.grid import to_tokens
from hrm_model.tasks.sudoku.layout import parse
from hrm_model.trace.data import PuzzleInfo, Trace
from tests.support.models import tiny

SOLUTION = to_tokens(parse("2413312442311342"))


@pytest.fixture(scope="module")
def trace() -> Trace:
    return record(tiny(), PuzzleInfo("sudoku-4x4", to_tokens(parse("2.......42.11.4.")), SOLUTION), segments=3)


@pytest.mark.parametrize("shape", [(9, 40), (60, 7)])
def test_pca_agrees_with_a_singular_value_decomposition(shape: tuple[int, int]) -> None:
    points = np.random.default_rng(0).normal(size=shape).astype(np.float32) * np.linspace(1, 3, shape[1])
    found = pca(points)
    centred = points - points.mean(axis=0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.explained, values[:2] ** 2 / (values**2).sum(), rtol=1e-3)
    np.testing.assert_allclose(np.abs((found.components * axes[:2]).sum(axis=1)), 1, atol=1e-3)
    np.testing.assert_allclose(np.abs(found(points)), np.abs(centred @ axes[:2].T), atol=2e-2)


def test_pca_of_points_that_do_not_spread() -> None:
    assert pca(np.ones((5, 3))).explained.tolist() == [0, 0]
    line = np.outer(np.arange(4.0), [1, 2, 0])
    assert pca(line).explained[0] == pytest.approx(1)
    assert pca(np.zeros((1, 8)))(np.zeros((1, 8))).tolist() == [[0, 0]]


def test_residuals_by_hand(trace: Trace) -> None:
    found = residuals(trace)
    assert trace.z_H is not None
    assert trace.z_L is not None
    h = iter([np.linalg.norm(b - a) for a, b in zip(trace.z_H, trace.z_H[1:], strict=False)])
    fast = iter([np.linalg.norm(b - a) for a, b in zip(trace.z_L, trace.z_L[1:], strict=False)])
    for step in range(len(trace)):
        assert found[step] == pytest.approx(next(h if trace.level[step] else fast), rel=1e-5)
    assert np.isnan(residuals(replace(trace, z_H=None, z_L=None))).all()


def test_right_wrong_and_solved(trace: Trace) -> None:
    prediction = np.tile(SOLUTION, (len(trace), 1))
    prediction[:5, 1] = prediction[:5, 0]
    made = replace(trace, prediction=prediction)
    assert solved_step(made) == 5
    assert accuracy(made)[[0, 5]].tolist() == [pytest.approx(9 / 10), 1]
    assert violations(made)[[0, 5]].tolist() == [3, 0]  # the second 2 of row 1 is repeated in its row, column and box
    assert changed_cells(made, 5).nonzero()[0].tolist() == [1]
    prediction[-1, 3] = 1
    assert solved_step(made) is None
    unknown = replace(made, puzzle=replace(made.puzzle, solution=None))
    assert np.isnan(accuracy(unknown)).all()
    assert np.isnan(violations(replace(made, puzzle=replace(made.puzzle, task="chess")))).all()


def test_confidence_is_over_blank_cells(trace: Trace) -> None:
    blank = trace.puzzle.given == 1
    assert confidence(trace)[4] == pytest.approx(trace.probability[4][blank].max(axis=1).mean())


def test_halting_asks_the_continue_value_only_where_it_was_learned(trace: Trace) -> None:
    made = replace(trace, q_halt=np.array([-2.0, 1.0, 3.0]), q_continue=np.array([-3.0, 2.0, 0.0]))
    assert would_halt(made).tolist() == [True, False, True]
    alone = replace(made, model=replace(made.model, config={"q_continue": False}))
    assert halting_segment(alone) == 1


def test_a_maze_is_judged_by_its_rules_and_any_shortest_path_is_right(trace: Trace) -> None:
    from hrm_model.tasks.maze import grid as maze

    given = maze.parse("S  #\n # #\n   #\n###G".replace("###G", "  G "))
    solution = maze.solve(given)
    other = maze.parse("Soo#\n #o#\n  o#\n  G ")
    assert (solution != other).any()
    wrong = maze.parse("S o#\n #o#\n  o#\n  G ")
    broken = other.copy()
    broken[3] = maze.OPEN
    prediction = np.tile(other, (len(trace), 1))
    prediction[0], prediction[1], prediction[2] = wrong, broken, given
    made = replace(
        trace, prediction=prediction, puzzle=replace(trace.puzzle, task="maze-4x4", given=given.astype(int), solution=solution.astype(int))
    )
    assert blanks(made).sum() == (given == maze.OPEN).sum()
    assert solved_step(made) == 3
    assert violations(made)[:4].tolist() == [2, 1, 2, 0]
    assert accuracy(made)[3] == 1  # right in another way: no cell of it is wrong
