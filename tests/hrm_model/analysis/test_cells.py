from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hrm_model.analysis.attention import neighbourhood, shares
from hrm_model.analysis.cells import (
    answer_changes,
    cell_breaks,
    cell_loss,
    cell_residuals,
    entropy,
    final_since,
    segment_ends,
    short_step_name,
    step_curves,
)
from hrm_model.analysis.core import blanks, residuals
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.sudoku import grid as sudoku
from hrm_model.trace.data import Trace
from tests.support.traces import FOUR, arc_info, maze_info, sudoku_info, synthetic


@pytest.fixture(scope="module")
def trace() -> Trace:
    return synthetic(sudoku_info(FOUR), segments=3)


def test_entropy_and_loss_by_hand(trace: Trace) -> None:
    probability = np.zeros_like(trace.probability)
    probability[..., 2] = 1
    probability[1, 0] = 1 / 6
    probability[2, 0, [2, 3]] = 0.5
    made_up = replace(trace, probability=probability)
    assert entropy(made_up)[:3, 0].tolist() == pytest.approx([0, np.log2(6), 1])
    assert entropy(made_up, 2)[0, 0] == pytest.approx(1)
    loss = cell_loss(made_up)
    assert loss[1, 0] == pytest.approx(np.log(6), rel=1e-5)
    right = trace.puzzle.solution == 2
    assert np.allclose(loss[5][right], 0)
    assert (loss[5][~right] > 20).all()
    assert np.isnan(cell_loss(replace(trace, puzzle=replace(trace.puzzle, solution=None)))).all()


def test_final_since_and_changes(trace: Trace) -> None:
    prediction = np.zeros_like(trace.prediction)
    prediction[4:, 1] = 3
    prediction[-1, 2] = 5
    prediction[7, 3] = 2
    found = replace(trace, prediction=prediction)
    assert final_since(found)[:5].tolist() == [0, 4, len(trace) - 1, 8, 0]
    assert answer_changes(found)[[0, 4, 7, 8, 17]].tolist() == [0, 1, 1, 1, 1]


def test_cell_residuals_add_up_to_the_whole(trace: Trace) -> None:
    cells = list(range(16))
    single = cell_residuals(trace, cells)
    slot = np.asarray(trace.z_H)[:, :1]
    whole = residuals(trace)
    step = 2  # the first H step
    slot_moved = np.linalg.norm(slot[1] - slot[0])
    assert np.sqrt((single[step] ** 2).sum() + slot_moved**2) == pytest.approx(whole[step], rel=1e-4)
    assert np.isnan(cell_residuals(replace(trace, z_H=None, z_L=None), [0])).all()


def test_a_cell_breaks_rules_where_the_board_marks_it(trace: Trace) -> None:
    every = list(range(16))
    variant = sudoku.variant_of_task(trace.puzzle.task)
    marked = [sudoku.conflicts(sudoku.from_tokens(answer), variant) for answer in trace.prediction]
    np.testing.assert_array_equal(cell_breaks(trace, every), marked)
    other = synthetic(maze_info(11), segments=3)
    faults = maze.faults(other.prediction, other.puzzle.given)
    assert faults.any()
    np.testing.assert_array_equal(cell_breaks(other, list(range(121))), faults > 0)
    assert cell_breaks(synthetic(arc_info(), segments=1), [0]) is None


def test_curves_grow_as_they_would_be_at_once(trace: Trace) -> None:
    cut = replace(
        trace, **{name: getattr(trace, name)[:7] for name in ("segment", "h_cycle", "l_step", "level", "h_row", "l_row", "prediction", "probability")},
        z_H=trace.z_H[: trace.h_row[6] + 1], z_L=trace.z_L[: trace.l_row[6] + 1],
    )  # fmt: skip
    whole, grown = step_curves(trace), step_curves(trace, step_curves(cut))
    for name in whole.__dataclass_fields__:
        np.testing.assert_allclose(getattr(grown, name), getattr(whole, name), err_msg=name)
    assert whole.confidence[4] == pytest.approx(trace.probability[4][blanks(trace)].max(axis=1).mean())
    assert segment_ends(trace).tolist() == [5, 11, 17]
    assert [short_step_name(trace, k) for k in (0, 1, 2, 17)] == ["1.1.L1", "1.1.L2", "1.1.H", "3.2.H"]


def test_shares_of_attention() -> None:
    around = neighbourhood(4, 2, 2)
    even = shares(np.full((16, 16), 1 / 17), around)  # and 1/17 to a puzzle slot
    assert {k: round(17 * float(v[5])) for k, v in even.items()} == {"itself": 1, "row": 3, "column": 3, "box": 1, "elsewhere": 9}
    only = np.zeros((16, 16))
    only[:, 0] = 1
    looked = shares(only, around)
    assert [looked[k][1] for k in ("row", "column", "box")] == [1, 0, 0]
    assert [looked[k][5] for k in ("row", "column", "box")] == [0, 0, 1]
    assert looked["itself"][0] == looked["elsewhere"][15] == 1
    assert "box" not in shares(only, neighbourhood(4))
