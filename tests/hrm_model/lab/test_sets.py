"""An experiment over a set: rows with shares and intervals, a file that can be gone on from, and parameters by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hrm_model
from hrm_model import LoadedModel
from hrm_model.errors import DatasetError, UsageError
from hrm_model.lab.experiment import Experiment
from hrm_model.lab.parameters import USUAL, complete
from hrm_model.lab.run import KINDS
from hrm_model.lab.sets import Line, Variant, auc, run_set, summary
from hrm_model.tasks.registry import task_named
from hrm_model.trace.data import PuzzleInfo


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return hrm_model.load("sudoku-4x4", device="cpu")


@pytest.fixture(scope="module")
def puzzles() -> list[PuzzleInfo]:
    task = task_named("sudoku-4x4")
    grids, solutions = task.generate(3, np.random.default_rng(1), clues=5)
    return [PuzzleInfo.of(task, g, s) for g, s in zip(grids, solutions, strict=True)]


FREEZE = [Variant(f"at={at}", Experiment("freeze", complete("freeze", {"at": at}), 0, 6)) for at in (0, 6)]


def lines_of(variants: list[Variant], model: LoadedModel, puzzles: list[PuzzleInfo], path: Path | None = None) -> list[Line]:
    return [line for line in run_set(variants, model, puzzles, models=lambda _: model, path=path) if line is not None]


def test_freezing_from_the_start_ends_accuracy_and_at_the_end_changes_nothing(model: LoadedModel, puzzles: list[PuzzleInfo]) -> None:
    start, end = summary(lines_of(FREEZE, model, puzzles))
    assert start["label"] == "at=0"
    assert start["branches"]["solved"] == 0
    assert end["branches"] == end["base"]
    assert end["base"]["of"] == 3
    low, high = end["base"]["interval"]
    assert 0 <= low < end["base"]["share"] <= high <= 1


def test_a_file_is_gone_on_from(model: LoadedModel, puzzles: list[PuzzleInfo], tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    whole = lines_of(FREEZE, model, puzzles, path)
    text = path.read_text(encoding="utf-8").splitlines()
    assert len(text) == 1 + 6
    path.write_text("\n".join(text[:4]) + "\n" + text[4][:20], encoding="utf-8")  # a kill in the middle of a line
    broken = run_set(FREEZE, model, puzzles, models=lambda _: model, path=path)
    first = [next(broken) for _ in range(3)]
    assert first == whole[:3]  # nothing is computed for what is there
    assert [line for line in broken if line is not None] == whole[3:]
    assert lines_of(FREEZE, model, puzzles, path) == whole
    with pytest.raises(DatasetError, match="belongs to another series"):
        lines_of(FREEZE[:1], model, puzzles, path)
    path.write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="is not a series of the Lab"):
        lines_of(FREEZE, model, puzzles, path)


def test_halting_rules_and_segments_over_a_set(model: LoadedModel, puzzles: list[PuzzleInfo]) -> None:
    variant = Variant("think-on", Experiment("think-on", complete("think-on", {"start": 1}), 0, 12))
    (row,) = summary(lines_of([variant], model, puzzles))
    assert set(row["by_segment"]) == {"1", "2", "4", "8"}
    assert row["q_halt"]["mean_segments"] <= 12
    assert {"movement:0.01", "unchanged:8", "rules"} <= set(row)


def test_tries_over_a_set_have_a_share_for_each_choice_rule(model: LoadedModel, puzzles: list[PuzzleInfo]) -> None:
    variant = Variant("tries", Experiment("tries", complete("tries", {"starts": 2}), 0, 6))
    (row,) = summary(lines_of([variant], model, puzzles))
    assert row["branches"]["of"] == 6
    assert {"by vote", "by q_halt", "by movement", "by violations", "by first"} <= set(row)
    assert row["any"]["solved"] >= row["base"]["solved"]
    assert set(row["success"]) == {"1", "2", "3"}
    assert row["success"]["3"] == row["any"]["share"]


def test_area_under_the_roc_curve() -> None:
    assert auc(np.array([True, True, False]), np.array([3.0, 2.0, 1.0])) == 1
    assert auc(np.array([True, False]), np.array([1.0, 1.0])) == 0.5
    assert auc(np.array([True, True]), np.array([1.0, 2.0])) is None


def test_every_experiment_has_usual_parameters() -> None:
    assert set(USUAL) == set(KINDS)
    assert complete("kick", {"sigma": 2})["sigma"] == 2.0


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("hug", {}, "Unknown experiment 'hug'"),
        ("kick", {"force": 1}, "no parameter 'force'"),
        ("kick", {"at": "x"}, "at is 'x'"),
        ("kick", {"sigma": True}, "sigma is True"),
        ("freeze", {"module": 3}, "module is 3"),
    ],
)
def test_parameters_that_do_not_fit(kind: str, values: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        complete(kind, values)
