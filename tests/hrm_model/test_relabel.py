from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hrm_model.analysis.compare import common_plane, differing, planes_beside, same_moment, steps_of_segment
from hrm_model.relabel import random_relabelling
from hrm_model.tasks.registry import task_named
from hrm_model.trace.counts import SURE
from hrm_model.trace.data import PuzzleInfo
from tests.support.traces import FOUR, arc_info, maze_info, sudoku_info, synthetic


@pytest.mark.parametrize("info", [sudoku_info(), sudoku_info(FOUR), maze_info(11)], ids=["9", "4", "maze"])
def test_a_relabelled_puzzle_is_one_and_comes_back(info: PuzzleInfo) -> None:
    task = task_named(info.task)
    for seed in range(5):
        relabelling = random_relabelling(info.task, np.random.default_rng(seed))
        other = relabelling.puzzle(info)
        assert not np.array_equal(other.given, info.given)
        grid = task.from_tokens(other.given)
        task.check(grid)
        assert task.right(task.from_tokens(other.solution)[None], grid[None], task.solve(grid)[None]).all()
        trace = synthetic(other, segments=2)
        back = relabelling.undone(trace)
        np.testing.assert_array_equal(back.puzzle.given, info.given)
        np.testing.assert_array_equal(back.puzzle.solution, info.solution)
        np.testing.assert_array_equal(back.probability.argmax(-1), back.prediction)
        cell = 7
        new = int(np.flatnonzero(relabelling.cells == cell)[0])
        np.testing.assert_array_equal(back.z_H[:, 1 + cell], trace.z_H[:, 1 + new])
        np.testing.assert_array_equal(back.z_H[:, 0], trace.z_H[:, 0])
        assert relabelling.tokens[back.prediction[3][cell]] == trace.prediction[3][new]


def test_arc_exchanges_colours_only() -> None:
    relabelling = random_relabelling("arc", np.random.default_rng(0))
    info = arc_info()
    other = relabelling.puzzle(info)
    assert ((other.given <= 2) == (info.given <= 2)).all()
    assert sorted(relabelling.tokens) == list(range(12))
    with pytest.raises(ValueError, match="chess"):
        random_relabelling("chess", np.random.default_rng(0))


def test_the_same_moment_of_models_with_other_cycles() -> None:
    one = synthetic(sudoku_info(FOUR), segments=4)  # six steps per segment
    other = replace(
        one, model=replace(one.model, config={"H_cycles": 1, "L_cycles": 2}),
        **{name: getattr(one, name)[:12] for name in ("h_cycle", "l_step", "level", "h_row", "l_row", "prediction", "probability")},
        segment=np.repeat(np.arange(4), 3), z_H=None, z_L=None,
    )  # fmt: skip
    assert (steps_of_segment(one), steps_of_segment(other)) == (6, 3)
    assert [same_moment(one, s, other) for s in (0, 1, 2, 5, 6, 23)] == [0, 0, 1, 2, 3, 11]
    assert [same_moment(other, s, one) for s in (0, 2, 3, 11)] == [1, 5, 7, 23]
    short = synthetic(sudoku_info(FOUR), segments=2)
    assert same_moment(one, 20, short) == 11


def test_differences_need_the_same_puzzle() -> None:
    one, other = synthetic(sudoku_info(FOUR), segments=2), synthetic(sudoku_info(FOUR), segments=2, seed=1)
    found = differing(one, 3, other, 4)
    assert found is not None
    sure, other_sure = (trace.probability[step].max(axis=1) >= SURE for trace, step in ((one, 3), (other, 4)))
    blank = one.puzzle.given == 1
    np.testing.assert_array_equal(found.one_open, blank & (sure != other_sure))
    np.testing.assert_array_equal(found.both_open, blank & ~sure & ~other_sure)
    assert found.both_open.any()
    assert not (found.decided & (found.one_open | found.both_open)).any()
    assert differing(one, 3, synthetic(sudoku_info(), segments=1), 0) is None
    assert differing(one, 3, one, 3).none


def test_one_plane_for_all() -> None:
    one, other = synthetic(sudoku_info(FOUR), segments=2), synthetic(sudoku_info(FOUR), segments=3, seed=1)
    found = common_plane([one, other], "L")
    assert [len(p) for p in found.paths] == [len(one.z_L), len(other.z_L)]
    np.testing.assert_allclose(found.paths[1], found.plane(other.z_L.reshape(len(other.z_L), -1)), rtol=1e-5)
    assert (found.low <= found.paths[0].min(axis=0)).all()
    assert common_plane([one, synthetic(sudoku_info(), segments=1)], "L") is None
    assert common_plane([one, replace(other, z_H=None, z_L=None)], "H") is None


def test_models_of_different_width_have_a_plane_each_side_by_side() -> None:
    one, other = synthetic(sudoku_info(FOUR), segments=3), synthetic(sudoku_info(FOUR), segments=3, width=12)
    assert common_plane([one, other], "H") is None
    found = planes_beside([one, other], "H")
    assert found is not None
    assert found.plane is None
    left, right = found.paths
    assert left[:, 0].min() == 0
    assert left[:, 0].max() < right[:, 0].min()
    for path in found.paths:
        np.testing.assert_allclose(np.ptp(path, axis=0), 1, rtol=1e-5)
    assert planes_beside([one, replace(other, z_H=None, z_L=None)], "H") is None
