"""Thinking on: the same numbers as one long run, bounded memory, and what halting rules cost and miss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import hrm_model
from hrm_model.errors import UsageError
from hrm_model.lab.branch import branch
from hrm_model.lab.changes import Kick
from hrm_model.lab.course import course, course_of
from hrm_model.lab.halting import USUAL, HaltingRule, halts
from hrm_model.lab.story import story
from hrm_model.lab.thinking_on import growing_thought, think_on
from hrm_model.recording import record
from hrm_model.trace.data import PuzzleInfo
from tests.support.lab import KINDS, lab_model, lab_puzzle, same_run
from tests.support.traces import FOUR, sudoku_info

PUZZLE = sudoku_info(FOUR)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_goes_on_equals_one_long_run(kind: str) -> None:
    model = lab_model(kind)
    whole = record(model.model, lab_puzzle(model), model.info, segments=7)
    begun = record(model.model, lab_puzzle(model), model.info, segments=3)
    found = think_on(model, begun, segments=7)
    same_run(found.branch.trace, whole)
    assert found.thinned is None
    np.testing.assert_array_equal(found.course.answers, course_of(whole).answers)
    np.testing.assert_allclose(found.course.moved, course_of(whole).moved, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_thinned_run_comes_to_the_same(kind: str) -> None:
    model = lab_model(kind)
    whole = record(model.model, lab_puzzle(model), model.info, segments=9)
    begun = record(model.model, lab_puzzle(model), model.info, segments=3)
    found = think_on(model, begun, segments=9, budget=0)
    assert found.thinned is not None
    assert "one step a segment" in found.thinned.words
    np.testing.assert_array_equal(found.branch.trace.prediction[-1], whole.prediction[-1])
    np.testing.assert_array_equal(found.branch.trace.q_halt, whole.q_halt)
    np.testing.assert_array_equal(found.course.answers, course_of(whole).answers)
    assert len(found.branch.trace) == len(begun) + 6
    assert not found.branch.trace.has_states
    for number, segment in enumerate(found.thinned.segments):
        np.testing.assert_array_equal(found.thinned.z_H[number], whole.state_after(whole.segment_end(segment - 1), "H"))
        np.testing.assert_array_equal(found.thinned.z_L[number], whole.state_after(whole.segment_end(segment - 1), "L"))
    assert found.thinned.segments[-1] == 9


def test_it_stops_when_a_rule_says_so() -> None:
    model = hrm_model.load("sudoku-4x4", device="cpu")
    begun = hrm_model.record(model, PUZZLE, segments=1)
    found = think_on(model, begun, segments=40, until=HaltingRule("unchanged", 5))
    assert found.stopped_by == HaltingRule("unchanged", 5)
    assert found.course.same_since + 5 == len(found.course) < 40
    assert found.course.right is not None
    assert found.course.right[-1]
    for thought in growing_thought(model, begun, segments=40, until=HaltingRule("movement", 1e-9)):
        assert thought is None or thought.stopped_by is None or len(thought.course) == 40


def test_limits_are_said() -> None:
    model = lab_model("published")
    begun = record(model.model, PUZZLE, model.info, segments=3)
    for segments in (3, 1025):
        with pytest.raises(UsageError, match="it can think on to 4 to 1024"):
            think_on(model, begun, segments=segments)


def made_up(right: list[int], q: list[float], moved: list[float]) -> object:
    """A course whose answer is right in the given segments, and otherwise wrong in one cell, a different one each time."""
    assert PUZZLE.solution is not None
    answers = np.tile(PUZZLE.solution, (len(right), 1))
    for k, good in enumerate(right):
        if not good:
            answers[k, 1 + k % 3] = PUZZLE.solution[1 + k % 3] % 4 + 2
    return course(PUZZLE, answers, np.array(q), None, np.array(moved))


def test_what_each_rule_costs_and_misses() -> None:
    run = made_up([0, 0, 1, 0, 1, 1, 1, 1], [-1, 1, 1, 1, 1, 1, 1, 1], [1, 0.5, 0.4, 0.3, 0.2, 0.1, 0.001, 0.0001])
    found = {h.rule.kind: h for h in halts(run, [*USUAL[:2], HaltingRule("unchanged", 3), USUAL[3]])}  # type: ignore[arg-type]
    assert (found["q_halt"].segment, found["q_halt"].right, found["q_halt"].missed, found["q_halt"].saved) == (2, False, True, 6)
    assert (found["movement"].segment, found["movement"].right, found["movement"].missed) == (7, True, False)
    assert (found["unchanged"].segment, found["unchanged"].right) == (8, True)
    assert (found["rules"].segment, found["rules"].right) == (3, True)
    assert run.spells == [(3, 3), (5, 8)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("right", "ending", "words"),
    [
        ([0, 0, 1, 1], "solved", "Solved since segment 3."),
        ([1, 0, 1, 1], "solved again", "Solved, lost and solved again: right in segment 1, and since segment 3."),
        ([0, 1, 1, 0], "lost", "in segments 2 to 3 and lost it"),
        ([0, 0, 0, 0, 0], "moving", "It is still moving: 3 cells changed in the last 4 segments. The answer breaks"),
        ([0] * 12, "repeating", "the same 3 answers come again and again"),
    ],
)
def test_what_happened_in_words(right: list[int], ending: str, words: str) -> None:
    told = story(made_up(right, [0.0] * len(right), [1.0] * len(right)))  # type: ignore[arg-type]
    assert told.ending == ending
    assert words in told.words


def test_a_wrong_answer_that_stays_has_settled() -> None:
    assert PUZZLE.solution is not None
    wrong = PUZZLE.solution.copy()
    wrong[1] = wrong[1] % 4 + 2
    answers = np.stack([PUZZLE.solution * 0 + 2, *[wrong] * 6])
    told = story(course(PUZZLE, answers, np.zeros(7), None, np.ones(7)))
    assert told.ending == "settled"
    assert "nothing has changed since segment 2. The answer breaks" in told.words


def test_before_the_first_segment_is_complete_nothing_is_said() -> None:
    told = story(course(PUZZLE, np.zeros((0, 16), int), np.zeros(0), None, np.zeros(0)))
    assert told.words == "The first segment is not complete yet."


def test_a_puzzle_with_several_solutions_is_right_by_any() -> None:
    loose = PuzzleInfo(PUZZLE.task, np.ones(16, int), None)
    assert PUZZLE.solution is not None
    assert course(loose, PUZZLE.solution[None], np.zeros(1), None, np.ones(1)).right is not None
    assert story(course(loose, PUZZLE.solution[None], np.zeros(1), None, np.ones(1))).ending == "solved"
    unknown = replace(loose, task="riddle")
    assert story(course(unknown, PUZZLE.solution[None], np.zeros(1), None, np.ones(1))).ending == "unknown"


@pytest.mark.parametrize(
    ("text", "words"),
    [("sleep", "Unknown halting rule 'sleep'"), ("movement:x", "'x' is not a number"), ("unchanged:0", "cannot have the value 0")],
)
def test_rules_are_read_from_text(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        HaltingRule.parse(text)
    assert [str(HaltingRule.parse(t)) for t in ("q_halt", "movement", "unchanged:3", "rules")] == [
        "q_halt",
        "movement:0.01",
        "unchanged:3",
        "rules",
    ]


def test_thinking_on_keeps_what_a_branch_changed() -> None:
    model = lab_model("published")
    begun = record(model.model, PUZZLE, model.info, segments=3)
    kicked = branch(model, begun, 5, [Kick(1.0)])
    same_run(think_on(model, kicked, segments=5).branch.trace, branch(model, begun, 5, [Kick(1.0)], segments=5).trace)
