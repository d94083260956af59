"""The sentences about a run say what its arrays hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hrm_model.analysis.story import count_words, guess_words, story
from hrm_model.trace.data import Trace
from hrm_model.trace.verdict import verdict
from tests.support.traces import FOUR, NINE, arc_info, maze_info, sudoku_info, synthetic


def told(trace: Trace, *, running: bool = False) -> str:
    return str(story(trace, verdict(trace), running=running))


def with_answers(trace: Trace, prediction: np.ndarray, q_halt: list[float] | None = None) -> Trace:
    """A trace that is sure of these answers (N, S)."""
    probability = np.eye(trace.probability.shape[2], dtype=np.float32)[prediction]
    q = trace.q_halt if q_halt is None else np.array(q_halt)
    return replace(trace, prediction=prediction, probability=probability, q_halt=q, q_continue=np.zeros(len(q)))


@pytest.fixture
def six() -> Trace:
    """Six segments of a 4×4 Sudoku, whose answers a test sets."""
    return synthetic(sudoku_info(FOUR), segments=6)


def answers(trace: Trace, wrong_in: dict[int, int]) -> np.ndarray:
    """The right answer at each step, with so many wrong cells in each of these segments."""
    assert trace.puzzle.solution is not None
    found = np.tile(trace.puzzle.solution, (len(trace), 1))
    blank = np.flatnonzero(trace.puzzle.given == 1)
    for segment, count in wrong_in.items():
        for cell in blank[:count]:
            found[trace.segment == segment, cell] = trace.puzzle.solution[cell] % 4 + 2
    return found


def test_solved_and_where_it_would_stop(six: Trace) -> None:
    wrong = {0: 5, 1: 5, 2: 1}
    right = with_answers(six, answers(six, wrong), [-1, -1, -1, 1, 1, 1])
    assert told(right) == "Solved in segment 4. Would stop after segment 4, with the right answer."
    early = with_answers(six, answers(six, wrong), [-1, 1, 1, 1, 1, 1])
    assert told(early) == "Solved in segment 4. Would stop after segment 2, with 5 cells wrong."
    never = with_answers(six, answers(six, wrong), [-1] * 6)
    assert told(never) == "Solved in segment 4. Would not stop within 6 segments."


def test_settled_on_a_wrong_answer(six: Trace) -> None:
    stuck = with_answers(six, answers(six, {0: 4, **dict.fromkeys(range(1, 6), 2)}), [-1] * 6)
    assert told(stuck).startswith("Settled on a wrong answer since segment 2: 2 cells wrong. Would not stop within 6 segments.")
    assert "relabelled copy" in told(stuck)
    symmetric = replace(stuck, model=replace(stuck.model, config=stuck.model.config | {"mixer": "units"}))
    assert "relabelled" not in told(symmetric)


def test_still_moving_and_lost(six: Trace) -> None:
    moving = with_answers(six, answers(six, {0: 4, 1: 3, 2: 4, 3: 3, 4: 2, 5: 1}), [-1] * 6)
    assert told(moving).startswith("Not solved; the answer still changes at the end: 1 cell wrong.")
    lost = with_answers(six, answers(six, {0: 4, 2: 4, 3: 3, 4: 2, 5: 1}), [-1] * 6)
    assert told(lost).startswith("Right in segment 2, then lost. Not solved; the answer still changes at the end: 1 cell wrong.")


def test_a_run_that_goes_on_gives_no_advice(six: Trace) -> None:
    going = with_answers(six, answers(six, {0: 4, 1: 3, 2: 4, 3: 3, 4: 2, 5: 1}), [-1] * 6)
    assert told(going, running=True) == "Not solved so far; the answer still changes: 1 cell wrong."
    right = with_answers(six, answers(six, {0: 5}), [-1] * 6)
    assert told(right, running=True) == "Right since segment 2."


def test_undecided_cells_are_not_called_wrong(six: Trace) -> None:
    stuck = with_answers(six, answers(six, dict.fromkeys(range(6), 3)), [-1] * 6)
    flat = stuck.probability.copy()
    flat[:, np.flatnonzero(stuck.puzzle.given == 1)[:3]] = 0.5
    assert told(replace(stuck, probability=flat)).startswith("Stuck since segment 1: 3 cells undecided.")
    solved = with_answers(six, answers(six, {}), [1] * 6)
    assert told(replace(solved, probability=solved.probability * 0.5)).startswith("Solved in segment 1, but 10 cells still below 75 %.")


def test_without_a_solution_rules_speak(six: Trace) -> None:
    whole = with_answers(six, answers(six, {}), [-1] * 6)
    unknown = replace(whole, puzzle=replace(whole.puzzle, solution=None))
    assert told(unknown) == "Solved in segment 1. Would not stop within 6 segments."  # one of several right answers, perhaps
    arc = synthetic(arc_info(), segments=6)
    assert told(replace(arc, puzzle=replace(arc.puzzle, solution=None))).startswith(
        "The answer still changes at the end: no solution is known."
    )
    broken = with_answers(six, answers(six, dict.fromkeys(range(6), 2)), [1] * 6)
    assert "rule break" in told(replace(broken, puzzle=replace(broken.puzzle, solution=None)))


@pytest.mark.parametrize(
    "trace", [synthetic(sudoku_info(NINE), solves=False), synthetic(maze_info(11), solves=False), synthetic(sudoku_info(FOUR))]
)
def test_the_words_of_every_step_add_up(trace: Trace) -> None:
    found = verdict(trace).counts
    for step in range(len(trace)):
        words = count_words(found, step)
        assert words[0] == f"{found.right[step]:.0f} of {found.cells} cells right"
        assert ("undecided" in " ".join(words)) == bool(found.undecided[step])
        assert (guess_words(found, step) != "") == bool(found.undecided[step])
    assert told(trace)
