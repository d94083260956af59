"""Many tries in one batch: the same each time, the first as the puzzle is, relabelled ones mapped back, and the choice among them."""

from __future__ import annotations

import numpy as np
import pytest

import hrm_model
from hrm_model.errors import MismatchError, UsageError
from hrm_model.lab.branch import last
from hrm_model.lab.choose import RULES, any_of, success
from hrm_model.lab.course import course_of
from hrm_model.lab.many_tries import Plan, growing_tries, trace_of_try, tries
from hrm_model.reasoning import solve_batch
from tests.support.lab import KINDS, lab_model, lab_puzzle
from tests.support.traces import FOUR, sudoku_info


def plan_of(kind: str, seed: int = 5) -> Plan:
    """Six tries; a symmetric model is not asked to try relabelled copies."""
    starts, relabel = (5, 0) if kind == "symmetric" else (3, 2)
    return Plan(starts=starts, sigma=1.0, noise=0.1, relabel=relabel, seed=seed)


@pytest.mark.parametrize("kind", KINDS)
def test_tries_come_out_the_same_each_time(kind: str) -> None:
    model = lab_model(kind)
    one, other = (tries(model, lab_puzzle(model), plan_of(kind), segments=3) for _ in range(2))
    for name in ("answers", "q_halt", "q_continue", "moved"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.answers.shape[:2] == (3, 6)
    different = tries(model, lab_puzzle(model), plan_of(kind, seed=6), segments=3)
    assert (different.q_halt[:, 1] != one.q_halt[:, 1]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_try_is_the_puzzle_as_it_is(kind: str) -> None:
    model = lab_model(kind)
    puzzle = lab_puzzle(model)
    found = tries(model, puzzle, plan_of(kind), segments=3)
    alike = solve_batch(model.model, np.tile(puzzle.given, (6, 1)), segments=3)
    np.testing.assert_array_equal(found.answers[:, 0], alike.predictions[:, 0])
    np.testing.assert_array_equal(found.q_halt[:, 0], alike.q_halt[:, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_every_try_opens_as_a_trace(kind: str) -> None:
    model = lab_model(kind)
    puzzle = lab_puzzle(model)
    found = tries(model, puzzle, plan_of(kind), segments=3)
    for number in range(6):
        run = course_of(last(trace_of_try(model, puzzle, plan_of(kind), number, segments=3)))
        np.testing.assert_array_equal(run.answers, found.answers[:, number])
        np.testing.assert_array_equal(run.q_halt, found.q_halt[:, number])


def test_noise_moves_each_segment_and_a_try_does_not_depend_on_the_others() -> None:
    model = lab_model("published")
    still = tries(model, lab_puzzle(model), Plan(starts=1, sigma=0.0), segments=3)
    np.testing.assert_array_equal(still.q_halt[:, 0], still.q_halt[:, 1])
    noisy = tries(model, lab_puzzle(model), Plan(starts=1, sigma=0.0, noise=0.2), segments=3)
    assert (noisy.q_halt[:, 0] != noisy.q_halt[:, 1]).all()
    few, more = (tries(model, lab_puzzle(model), Plan(starts=n), segments=2) for n in (2, 5))
    np.testing.assert_allclose(few.q_halt, more.q_halt[:, :3], rtol=1e-4)


def test_other_models_try_too() -> None:
    models = [lab_model("published"), lab_model("trm")]
    found = tries(models, sudoku_info(FOUR), Plan(models=2, starts=1), segments=2)
    assert [t.words(["a", "b"]) for t in found.tries] == ["as it is", "kicked by 1", "b"]
    alone = solve_batch(models[1].model, sudoku_info(FOUR).given[None], segments=2)
    np.testing.assert_array_equal(found.answers[:, 2], alone.predictions[:, 0])
    with pytest.raises(MismatchError):
        tries(lab_model("maze"), sudoku_info(FOUR), Plan(starts=1))


def test_a_solved_puzzle_is_chosen_right_by_every_rule() -> None:
    model = hrm_model.load("sudoku-4x4", device="cpu")
    *_, found = growing_tries(model, sudoku_info(FOUR), Plan(starts=2, relabel=2), segments=8)
    assert {c.rule: c.right for c in found.chosen()} == dict.fromkeys(RULES, True)
    first = next(c for c in found.chosen() if c.rule == "first")
    assert found.course(first.number).halts[first.segment - 1]
    assert first.segment <= 8


def test_rules_choose_as_they_say() -> None:
    model = lab_model("published")
    found = tries(model, lab_puzzle(model), Plan(starts=7), segments=4)
    chosen = {c.rule: c for c in found.chosen()}
    assert chosen["q_halt"].number == found.q_halt[-1].argmax()
    assert chosen["movement"].number == found.moved[-1].argmin()
    broken = [found.course(k).broken[-1] for k in range(8)]
    assert broken[chosen["violations"].number] == min(broken)
    ends = [tuple(a) for a in found.answers[-1].tolist()]
    assert ends.count(ends[chosen["vote"].number]) == max(ends.count(e) for e in ends)


def test_the_chance_that_any_of_k_tries_is_right() -> None:
    assert any_of(0, 8, 4) == 0
    assert any_of(8, 8, 1) == 1
    assert any_of(2, 4, 1) == pytest.approx(0.5)
    assert any_of(1, 4, 2) == pytest.approx(0.5)
    assert success(2, 4) == {"1": 0.5, "2": 0.8333, "4": 1.0}
    assert success(0, 3) == {"1": 0.0, "2": 0.0, "3": 0.0}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"starts": -1}, "starts is -1"),
        ({"noise": float("inf"), "starts": 1}, "noise is inf"),
        ({}, "nothing to try"),
        ({"starts": 1, "seed": -1}, "seed is -1"),
    ],
)
def test_bad_plans_are_refused(values: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Plan(**values)  # type: ignore[arg-type]
