"""Counts say what the board shows: sure digits apart from guesses, and nothing wrong on a board that is right in another way."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from hrm_model.tasks.sudoku.grid import variant_of_task, violations_batch
from hrm_model.trace.counts import SURE, counts, drawn_answers, sure_cells
from hrm_model.trace.curves import accuracy, blanks, violations, wrong_cells
from hrm_model.trace.data import PuzzleInfo, Trace
from hrm_model.trace.table import step_table
from hrm_model.trace.verdict import verdict
from tests.support.traces import FOUR, NINE, arc_info, cut_short, maze_info, sudoku_info, synthetic


@pytest.mark.parametrize("text", [NINE, FOUR])
def test_every_blank_cell_is_right_wrong_or_undecided(text: str) -> None:
    trace = synthetic(sudoku_info(text), solves=False)
    found, open_cells = counts(trace), blanks(trace)
    np.testing.assert_array_equal(found.right + found.wrong + found.undecided, open_cells.sum())
    sure = trace.probability.max(axis=2) >= SURE
    np.testing.assert_array_equal(found.undecided, (~sure & open_cells).sum(axis=1))
    # Split, not lost: what the curves counted before is the sum.
    np.testing.assert_allclose((found.right + found.right_guesses) / open_cells.sum(), accuracy(trace))
    kept = np.where(open_cells, trace.prediction, trace.puzzle.given) - 1
    variant = variant_of_task(trace.puzzle.task)
    np.testing.assert_array_equal(found.breaks + found.guess_breaks, violations_batch(kept, variant))
    assert found.guess_breaks.min() >= 0
    assert found.guess_breaks.max() > 0  # guesses of a model that knows nothing yet clash


def test_a_board_of_candidates_only_has_nothing_right_wrong_or_broken() -> None:
    trace = synthetic(sudoku_info(FOUR), segments=2)
    flat = np.full_like(trace.probability, 1 / trace.probability.shape[2])
    found = counts(replace(trace, probability=flat))
    assert found.undecided.tolist() == [found.cells] * len(trace)
    assert not np.stack([found.right, found.wrong, found.breaks]).any()
    assert found.guess_breaks[0] > 0


def test_a_changed_clue_is_counted_but_the_clue_stays_on_the_board() -> None:
    trace = synthetic(sudoku_info(FOUR), segments=2)
    prediction = trace.prediction.copy()
    clue = int(np.flatnonzero(~blanks(trace))[0])
    prediction[-1, clue] = 2 if trace.puzzle.given[clue] != 2 else 3
    changed = replace(trace, prediction=prediction)
    assert counts(changed).given_changed.tolist() == [0] * (len(trace) - 1) + [1]
    assert drawn_answers(changed)[-1, clue] == trace.puzzle.given[clue] - 1
    assert verdict(changed).solved is None


def two_ways() -> Trace:
    """A maze that the model solves along another shortest path than the known one."""
    maze = "###\n#S.\n#.G\n"
    codes = {"#": 1, ".": 2, "S": 3, "G": 4}
    given = np.array([codes[c] for c in maze.replace("\n", "")])
    known, other = given.copy(), given.copy()
    known[5], other[7] = 5, 5
    trace = synthetic(PuzzleInfo("maze-3x3", given, known), segments=2)
    prediction = np.repeat(other[None], len(trace), axis=0)
    return replace(trace, prediction=prediction, probability=np.eye(6, dtype=np.float32)[prediction])


def test_nothing_is_wrong_in_a_maze_that_is_solved_along_another_shortest_path() -> None:
    trace = two_ways()
    found = verdict(trace)
    assert found.solved == 0
    assert not wrong_cells(trace).any()
    assert found.counts.wrong.tolist() == [0] * len(trace)
    assert found.counts.right.tolist() == [2] * len(trace)
    assert accuracy(trace).tolist() == [1] * len(trace)


def test_mazes_draw_every_answer() -> None:
    trace = synthetic(maze_info(11), solves=False)
    found = counts(trace)
    assert sure_cells(trace).all()
    assert not found.undecided.any()
    np.testing.assert_array_equal(found.breaks, violations(trace))
    assert not found.guess_breaks.any()


def test_arc_counts_the_cells_that_are_asked_for() -> None:
    trace = synthetic(arc_info(), segments=2)
    found = counts(trace)
    assert trace.puzzle.solution is not None
    assert found.cells == int((trace.puzzle.solution > 0).sum()) < 900
    assert found.right[-1] + found.wrong[-1] == found.cells
    assert np.isnan(found.breaks).all()


def test_without_a_solution_only_sureness_is_known() -> None:
    trace = synthetic(sudoku_info(FOUR), segments=2)
    found = counts(replace(trace, puzzle=replace(trace.puzzle, solution=None)))
    assert np.isnan(found.right).all()
    assert np.isnan(found.wrong).all()
    np.testing.assert_array_equal(found.undecided, counts(trace).undecided)


def test_the_table_has_the_same_counts() -> None:
    trace = synthetic(sudoku_info(NINE), solves=False)
    table, found = step_table(trace), counts(trace)
    for name in ("right", "wrong", "undecided", "given_changed", "breaks", "right_guesses", "guess_breaks"):
        np.testing.assert_array_equal(table[name], getattr(found, name))


def test_halting_on_a_wrong_answer_is_known() -> None:
    trace = synthetic(sudoku_info(FOUR), segments=8)
    step = verdict(trace).solved
    assert step is not None
    early = replace(trace, q_halt=np.full(8, 1.0), q_continue=np.full(8, 0.0))
    late = replace(trace, q_halt=np.where(np.arange(8) > trace.segment[step], 1.0, -1.0), q_continue=np.full(8, 0.0))
    assert (verdict(early).halting, verdict(early).halts_right) == (0, False)
    assert verdict(late).halts_right is True
    never = replace(trace, q_halt=np.full(8, -1.0), q_continue=np.full(8, 0.0))
    assert (verdict(never).halting, verdict(never).halts_right) == (None, None)


@pytest.mark.parametrize(
    "trace", [synthetic(sudoku_info(NINE), segments=3), synthetic(maze_info(11), segments=3), synthetic(arc_info(), segments=3)]
)
def test_a_growing_run_is_counted_step_by_step_to_the_same_numbers(trace: Trace) -> None:
    found = None
    for steps in (1, 4, 7, 13):
        found = verdict(cut_short(trace, steps), found)
    grown, whole = verdict(trace, found), verdict(trace)
    for field in fields(whole.counts):
        np.testing.assert_array_equal(getattr(grown.counts, field.name), getattr(whole.counts, field.name), field.name)
    assert (grown.solved, grown.halting, grown.first_right) == (whole.solved, whole.halting, whole.first_right)
