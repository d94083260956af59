"""Branches: what is not changed stays the same bit for bit, on every kind of model; what is changed shows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hrm_model import LoadedModel, Trace
from hrm_model.errors import HRMError, MismatchError, UsageError
from hrm_model.lab.branch import branch, step_of_segment
from hrm_model.lab.changes import Ablate, Change, Cut, Depth, Drop, Edit, Freeze, Hold, Kick, Patch, Weights, patch_from
from hrm_model.lab.many_tries import Plan, tries
from hrm_model.lab.run import read_puzzle
from hrm_model.lab.thinking_on import think_on
from hrm_model.lab.touched import parts
from hrm_model.recording import record
from tests.support.lab import KINDS, lab_model, lab_puzzle, same_run

# A 4×4 Sudoku with regions of other shapes.
JIGSAW = "1............... AAABACBBCCDBCDDD"


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return lab_model(request.param)


@pytest.fixture(scope="module")
def base(model: LoadedModel) -> Trace:
    return record(model.model, lab_puzzle(model), model.info, segments=4)


@pytest.mark.parametrize("at", [-1, 0, 4, 11, 17, 23])
def test_an_untouched_branch_equals_its_base(model: LoadedModel, base: Trace, at: int) -> None:
    same_run(branch(model, base, at).trace, base)


def test_a_kick_of_nothing_changes_nothing(model: LoadedModel, base: Trace) -> None:
    same_run(branch(model, base, 7, [Kick(0.0)]).trace, base)


def test_a_patch_from_itself_changes_nothing(model: LoadedModel, base: Trace) -> None:
    same_run(branch(model, base, 7, [patch_from(base, 7)]).trace, base)
    same_run(branch(model, base, 7, [patch_from(base, 7, "L", [0, 5])]).trace, base)


@pytest.mark.parametrize("module", ["H", "L"])
def test_freezing_at_the_last_step_changes_nothing(model: LoadedModel, base: Trace, module: str) -> None:
    same_run(branch(model, base, len(base) - 1, [Freeze(module)]).trace, base)  # type: ignore[arg-type]


def test_a_kick_moves_only_the_chosen_cells_and_is_the_same_each_time(model: LoadedModel, base: Trace) -> None:
    count = len(base.puzzle.given)
    held = tuple(cell for cell in range(count) if cell != 3)
    found = [branch(model, base, 5, [Kick(2.0, "both", (3,), seed=4), Hold(held)]).trace for _ in range(2)]
    same_run(*found)
    assert base.z_L is not None
    assert found[0].z_L is not None
    changed = (found[0].z_L[found[0].l_row[6]] != base.z_L[base.l_row[5]]).any(axis=1)[-count:]
    assert set(np.flatnonzero(changed)) <= {3}
    other = branch(model, base, 5, [Kick(2.0, "both", (3,), seed=5), Hold(held)]).trace
    assert (other.z_L[7] != found[0].z_L[7]).any()  # type: ignore[index]


def test_a_frozen_module_stays_and_the_other_goes_on(model: LoadedModel, base: Trace) -> None:
    found = branch(model, base, 5, [Freeze("H")]).trace
    assert found.z_H is not None
    assert found.z_L is not None
    assert (found.z_H[found.h_row[5] :] == found.z_H[found.h_row[5]]).all()
    assert (found.z_L[-1] != found.z_L[found.l_row[5]]).any()
    slow = branch(model, base, 5, [Freeze("L")]).trace
    assert slow.z_L is not None
    assert (slow.z_L[slow.l_row[5] :] == slow.z_L[slow.l_row[5]]).all()


@pytest.mark.parametrize("path", ["x-L", "H-L", "L-H"])
def test_a_cut_changes_the_next_call_that_uses_it(model: LoadedModel, base: Trace, path: str) -> None:
    found = branch(model, base, 5, [Cut(path)]).trace  # type: ignore[arg-type]
    first = 8 if path == "L-H" else 6
    assert (found.prediction[:6] == base.prediction[:6]).all()
    assert (found.state_after(first, "H" if path == "L-H" else "L") != base.state_after(first, "H" if path == "L-H" else "L")).any()


def test_every_part_can_be_ablated_alone(model: LoadedModel, base: Trace) -> None:
    for what in [Ablate("H", 0), Ablate("L", 0), *parts(model.model)]:
        found = branch(model, base, 5, [what]).trace
        level = what.module
        assert (found.state_after(8, level) != base.state_after(8, level)).any(), what
    same_run(branch(model, base, 5).trace, base)  # no hook stays behind


def test_another_depth_begins_with_the_next_segment(model: LoadedModel, base: Trace) -> None:
    found = branch(model, base, 7, [Depth(1, 3)]).trace
    assert found.segment.tolist() == [0] * 6 + [1] * 6 + [2] * 4 + [3] * 4
    for name in ("prediction", "segment", "l_step"):
        np.testing.assert_array_equal(getattr(found, name)[:12], getattr(base, name)[:12])
    assert len(found.q_halt) == 4


def test_an_edited_puzzle_is_the_branch_s_puzzle(model: LoadedModel, base: Trace) -> None:
    blank = int(np.flatnonzero(base.puzzle.given != base.puzzle.solution)[0])  # type: ignore[arg-type]
    token = int(base.puzzle.solution[blank])  # type: ignore[index]
    if model.task.startswith("maze"):
        token = 2
        blank = int(np.flatnonzero(base.puzzle.given == 1)[0])  # a wall taken away
    found = branch(model, base, 5, [Edit({blank: token})]).trace
    assert found.puzzle.given[blank] == token
    assert (found.puzzle.given != base.puzzle.given).sum() == 1
    assert (found.state_after(6, "L") != base.state_after(6, "L")).any()


def test_what_stays_in_force_stays_in_a_branch_of_a_branch(model: LoadedModel, base: Trace) -> None:
    frozen = branch(model, base, 5, [Freeze("H"), Kick(0.5)])
    again = branch(model, frozen, 11)
    same_run(again.trace, frozen.trace)
    assert again.in_force == (Freeze("H"),)


def test_other_weights_of_the_same_sizes_think_on(model: LoadedModel, base: Trace) -> None:
    other = lab_model(model.name, seed=9)
    found = branch(model, base, 5, [Weights("other")], models=lambda _: other).trace
    assert (found.state_after(6, "L") != base.state_after(6, "L")).any()
    same_run(branch(model, base, 5, [Weights("same")], models=lambda _: model).trace, base)
    wrong = lab_model("published" if model.name != "published" else "trm")
    if model.name not in ("published", "trm"):
        with pytest.raises(MismatchError, match="states of one do not fit the other"):
            branch(model, base, 5, [Weights("wrong")], models=lambda _: wrong)


def test_a_puzzle_s_vector_can_be_dropped_where_there_is_one(model: LoadedModel, base: Trace) -> None:
    if model.model.puzzle_emb is None:
        with pytest.raises(MismatchError, match="no puzzle vectors"):
            branch(model, base, 5, [Drop()])
    else:
        found = branch(model, base, 5, [Drop()]).trace
        assert (found.state_after(6, "L") != base.state_after(6, "L")).any()


def test_changes_are_described_as_json_and_in_words() -> None:
    changes: list[Change] = [
        Kick(0.5, "H", (1, 2), 3), Freeze("L"), Cut("H-L"), Drop(), Ablate("L", 0, "1"), Edit({3: 4}), Hold((1,)), Depth(3, 1), Weights("x"),
        Patch("H", (1,), "step 3", z_H=np.ones((4, 2))),
    ]  # fmt: skip
    for change in changes:
        assert json.loads(json.dumps(change.about()))["kind"] == change.kind
        assert change.words()
    assert Kick(0.5, "H", (1, 2), 3).about() == {"kind": "kick", "sigma": 0.5, "module": "H", "cells": [1, 2], "seed": 3}
    assert changes[-1].arrays()["z_H"].tolist() == np.ones((4, 2)).tolist()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Kick(-1.0), "sigma is -1.0"), (lambda: Kick(float("nan")), "sigma is nan"), (lambda: Kick(1, "X"), "Unknown module 'X'"),  # type: ignore[arg-type]
        (lambda: Freeze("both"), "Choose H or L"), (lambda: Cut("L"), "Unknown injection"), (lambda: Depth(0, 1), "H_cycles is 0"),  # type: ignore[arg-type]
        (lambda: Kick(1, seed=-1), "seed is -1"),
    ],
)  # fmt: skip
def test_bad_values_are_named(make: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make()  # type: ignore[operator]


def test_places_and_parts_that_do_not_exist_are_named(model: LoadedModel, base: Trace) -> None:
    changes: list[tuple[int, Change, str]] = [
        (99, Kick(), "24 steps"), (3, Kick(1, cells=(400,)), "no cell 400"), (3, Ablate("H", 5), "no layer 5"), (3, Ablate("H", 0, "nose"), "head 'nose'|no heads|no 'nose'"),
    ]  # fmt: skip
    for at, change, words in changes:
        with pytest.raises(HRMError, match=words):
            branch(model, base, at, [change])
    with pytest.raises(UsageError, match="4 segments; it cannot branch after segment 5"):
        step_of_segment(base, 5)
    assert [step_of_segment(base, k) for k in (0, 1, 4)] == [-1, 5, 23]


def test_a_trace_of_another_model_is_refused(model: LoadedModel, base: Trace) -> None:
    strange = replace(base, model=replace(base.model, sha256="0" * 64))
    with pytest.raises(MismatchError, match="Another model recorded this trace"):
        branch(model, strange, 5)


@pytest.mark.parametrize(("kind", "text"), [("maze", "S # /   #/ # G/#   /   #"), ("symmetric", JIGSAW)], ids=["rectangle", "jigsaw"])
def test_boards_of_other_shapes(kind: str, text: str) -> None:
    model = lab_model(kind)
    puzzle = read_puzzle(text)
    base = record(model.model, puzzle, model.info, segments=3)
    same_run(branch(model, base, 7).trace, base)
    for change in (Kick(1.0), Freeze("H"), Cut("x-L"), Cut("L-H")):
        found = branch(model, base, 7, [change]).trace
        assert np.isfinite(found.z_H).all()  # type: ignore[arg-type]
        assert (found.z_L[-1] != base.z_L[-1]).any()  # type: ignore[index]
    thought = think_on(model, base, segments=6).branch.trace
    same_run(thought, record(model.model, puzzle, model.info, segments=6))
    tried = tries(model, puzzle, Plan(starts=2), segments=3)
    np.testing.assert_array_equal(tried.answers[:, 0], thought.prediction[[5, 11, 17]])
