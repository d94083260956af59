from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from hrm_model.analysis.puzzle_results import wilson
from hrm_model.assets import model_dir
from hrm_model.checkpoint.format import load
from hrm_model.evaluation import Outcomes, by_difficulty, chosen, evaluate, evaluate_batches, share_interval, summary
from hrm_model.reasoning import solve_batch
from hrm_model.tasks.registry import task_named
from hrm_studio.cli.main import app
from tests.paths import PUBLISHED_DATA

TASK = task_named("sudoku-4x4")


def some_outcomes() -> Outcomes:
    exact = np.array([[0, 0, 0, 1], [1, 0, 0, 1], [1, 0, 1, 0]], bool)
    return Outcomes(
        exact, np.array([8, 4, 8, 7], np.int32), np.full(4, 8, np.int32), np.array([2, 0, 3, 1], np.int32),
        np.array([1, 2, 0, 0], np.int32), np.array([1.0, -1, -1, 1], np.float32), np.zeros((4, 0), np.uint8),
    )  # fmt: skip


def test_figures_are_what_they_say() -> None:
    found = summary(some_outcomes())
    assert (found.puzzles, found.exact, found.exact_by_segment) == (4, 0.5, (0.25, 0.5, 0.5))
    assert found.interval == wilson(2, 4)
    assert found.cells == 27 / 32
    assert found.mean_segments == (2 + 3 + 3 + 1) / 4
    assert found.exact_at_halt == 3 / 4  # after 2: right; never, so after 3: wrong; after 3: right; after 1: right
    assert found.never_halts == 0.25
    assert found.mean_to_settle == (1 + 2 + 3 + 3) / 4
    assert found.exact_when_settled == 1 / 4  # after 1: wrong; after 2: wrong; never, so after 3: right, wrong
    assert found.never_settles == 0.5
    assert found.q_halt_accuracy == 0.5
    assert summary(some_outcomes()[np.array([0, 2])]).exact == 1


def test_the_interval_of_cells_widens_with_how_much_puzzles_differ() -> None:
    rng = np.random.default_rng(0)
    asked = np.full(400, 50)
    alike, apart = rng.binomial(50, 0.8, 400), np.where(rng.random(400) < 0.8, 50, 0)
    widths = [high - low for low, high in (share_interval(right, asked) for right in (alike, apart))]
    assert widths[0] == pytest.approx(2 * 1.96 * math.sqrt(0.8 * 0.2 / (400 * 50)), rel=0.15)
    assert widths[1] == pytest.approx(2 * 1.96 * math.sqrt(0.8 * 0.2 / 400), rel=0.15)
    assert share_interval(np.zeros(3), np.zeros(3)) == (0.0, 1.0)


def test_by_difficulty_few_values_many_values_and_unknown_ones() -> None:
    outcomes = some_outcomes()
    assert {k: v.puzzles for k, v in by_difficulty(outcomes, np.array([30.0, 26, 30, np.nan])).items()} == {"26": 1, "30": 2}
    many = Outcomes.joined([outcomes] * 25)
    found = by_difficulty(many, np.arange(100.0))
    assert len(found) == 6
    assert sum(v.puzzles for v in found.values()) == 100
    assert list(found)[0].startswith("0 to")
    assert list(found)[-1].endswith("to 99")


def test_evaluating_in_parts_or_at_once_is_the_same_and_the_bundled_model_is_good() -> None:
    model = load(model_dir("sudoku-4x4"))
    puzzles, solutions = TASK.generate(40, np.random.default_rng(0), clues=6)
    whole = Outcomes.joined(list(evaluate_batches(model, puzzles, solutions, segments=8, batch=64)))
    parts = list(evaluate_batches(model, puzzles, solutions, segments=8, batch=16))
    rest = list(evaluate_batches(model, puzzles, solutions, segments=8, batch=16, begin=16))
    assert [len(p) for p in parts] == [16, 16, 8]
    assert (Outcomes.joined([parts[0], *rest]).exact == whole.exact).all()
    assert evaluate(model, puzzles, solutions, segments=8).exact > 0.9
    assert (whole.cells_asked == 10).all()


# The command line --------------------------------------------------------------------------------------------------------


def run(*arguments: object) -> str:
    told = CliRunner().invoke(app, [str(a) for a in arguments])
    assert told.exit_code == 0, told.output
    return told.stdout


@pytest.fixture
def puzzles(tmp_path: Path) -> Path:
    rows = []
    for clues in (5, 6, 8):
        found, solutions = TASK.generate(10, np.random.default_rng(clues), clues=clues)
        rows += [f"own,{TASK.format_line(p)},{TASK.format_line(s)},{clues}" for p, s in zip(found, solutions, strict=True)]
    (tmp_path / "set.csv").write_text("source,question,answer,rating\n" + "\n".join(rows))
    return tmp_path / "set.csv"


def test_givens_are_kept_only_where_that_is_asked_for() -> None:
    """A model that answers another digit in each given cell, like one that learned blanks only."""
    model = load(model_dir("sudoku-4x4"))
    puzzles, solutions = TASK.generate(16, np.random.default_rng(4), clues=8)
    usual = model.logits

    def forgets_givens(z_H: Tensor, x: Tensor) -> Tensor:
        logits = usual(z_H, x)
        return torch.where(torch.as_tensor(puzzles > 0)[:, :, None], logits.roll(1, dims=-1), logits)

    model.logits = forgets_givens  # type: ignore[method-assign]
    assert evaluate(model, puzzles, solutions).exact == 0
    assert evaluate(model, puzzles, solutions, keep_givens=True).exact == 1


def test_eval_tells_by_difficulty_and_keeps_its_result(puzzles: Path) -> None:
    found = json.loads(run("eval", "sudoku-4x4", puzzles, "--segments", 4, "--json"))
    assert found["puzzles"] == 30
    assert {k: v["puzzles"] for k, v in found["by"]["clues"].items()} == {"5": 10, "6": 10, "8": 10}
    assert list(found["by"]) == ["clues", "rating"]
    assert len(found["exact_by_segment"]) == 4
    assert found["interval"][0] <= found["exact"] <= found["interval"][1]
    shown = run("eval", "sudoku-4x4", puzzles, "--segments", 4)
    assert "whole puzzle right" in shown
    assert "after segments      1: " in shown
    table = run("results")
    assert "sudoku-4x4" in table
    assert "set.csv (30)" in table
    assert json.loads(run("results", "--json"))["results"][0]["exact"] == found["exact"]


def test_an_evaluation_that_was_cut_off_goes_on(puzzles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hrm_model import evaluation as module
    from hrm_studio.cli import eval as cli_eval

    whole = json.loads(run("eval", "sudoku-4x4", puzzles, "--segments", 4, "--batch", 8, "--json"))
    monkeypatch.setattr(cli_eval, "_KEEP_EVERY", 0.0)
    thought = []
    solve = module.reason_batch

    def counting(model: object, tokens: np.ndarray, **options: object) -> object:
        if len(thought) == 2:
            raise RuntimeError("the power went")
        thought.append(len(tokens))
        return solve(model, tokens, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "reason_batch", counting)
    assert CliRunner().invoke(app, ["eval", "sudoku-4x4", str(puzzles), "--segments", "4", "--batch", "8"]).exit_code != 0
    thought.clear()
    thought.append(0)
    monkeypatch.setattr(module, "reason_batch", lambda *a, **k: (thought.append(len(a[1])), solve(*a, **k))[1])
    again = json.loads(run("eval", "sudoku-4x4", puzzles, "--segments", 4, "--batch", 8, "--json"))
    assert sum(thought) == 30 - 16
    assert again | {"seconds": 0} == whole | {"seconds": 0}
    thought.clear()
    run("eval", "sudoku-4x4", puzzles, "--segments", 4, "--batch", 8)  # a finished one is computed again
    assert sum(thought) == 30


def test_eval_takes_a_dataset_and_votes_over_arc(tmp_path: Path) -> None:
    from hrm_model.checkpoint.format import save
    from hrm_model.config import ModelConfig
    from hrm_model.model import HRM
    from hrm_model.tasks.arc.vote import pass_at_copies

    config = ModelConfig(seq_len=900, vocab_size=12, hidden_size=16, num_heads=2, H_layers=1, L_layers=1, swiglu_multiple=16,
                         puzzle_emb_ndim=16, num_puzzle_identifiers=31)  # fmt: skip
    save(HRM(config), tmp_path / "tiny")
    found = json.loads(run("eval", tmp_path / "tiny", PUBLISHED_DATA / "arc", "--segments", 1, "--json"))
    assert (found["puzzles"], found["tasks"], found["pass_at_1"], found["pass_at_2"]) == (15, 3, 0, 0)
    names = json.loads((PUBLISHED_DATA / "arc/identifiers.json").read_text())[1:16]
    arrays = {name: np.load(PUBLISHED_DATA / f"arc/test/all__{name}.npy") for name in ("inputs", "labels")}
    right = pass_at_copies(names, arrays["inputs"], arrays["labels"], arrays["labels"], np.zeros(15))
    assert (right.tasks, right.at_1, right.at_2) == (3, 1, 1)
    spoiled = arrays["labels"].copy()
    spoiled[:3, 0] = 2 + (spoiled[:3, 0] - 1) % 10  # three of the first task's five copies are wrong, each in its own way
    voted = pass_at_copies(names, arrays["inputs"], arrays["labels"], spoiled, np.zeros(15))
    assert voted.at_2 == 1
    told = run("eval", tmp_path / "tiny", PUBLISHED_DATA / "arc", "--segments", 1, "--limit", 4)
    assert "with one attempt" in told


def test_more_starts_are_chosen_among_by_q_halt() -> None:
    model = load(model_dir("sudoku-4x4"), "cpu")
    puzzles, solutions = TASK.generate(24, np.random.default_rng(2), clues=4)
    several = Outcomes.joined(list(evaluate_batches(model, puzzles, solutions, segments=3, batch=10, starts=3, sigma=2.0)))
    alone = Outcomes.joined(list(evaluate_batches(model, puzzles, solutions, segments=3)))
    assert len(several) == 24
    assert (several.q_halt >= alone.q_halt - 1e-4).all()
    one, other = some_outcomes(), replace(some_outcomes(), q_halt=np.array([2, -2, 0, 0], np.float32), exact=~some_outcomes().exact)
    best = chosen([one, other])
    assert best.q_halt.tolist() == [2, -1, 0, 1]
    assert best.exact.T.tolist() == [
        other.exact[:, 0].tolist(),
        one.exact[:, 1].tolist(),
        other.exact[:, 2].tolist(),
        one.exact[:, 3].tolist(),
    ]
    same = Outcomes.joined(list(evaluate_batches(model, puzzles, solutions, segments=3, batch=24, starts=3, sigma=2.0)))
    assert np.abs(same.q_halt - several.q_halt).max() < 1e-3  # noise belongs to the puzzle, not to its batch
    unmoved = Outcomes.joined(list(evaluate_batches(model, puzzles, solutions, segments=3, starts=2, sigma=0.0)))
    assert (unmoved.exact == alone.exact).all()


def test_a_state_settles_when_it_moves_by_less_than_a_hundredth_of_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(model_dir("sudoku-4x4"), "cpu")
    puzzles, solutions = TASK.generate(12, np.random.default_rng(3), clues=6)
    found = Outcomes.joined(list(evaluate_batches(model, puzzles, solutions, segments=40)))
    answers = solve_batch(model, TASK.to_tokens(puzzles), segments=40)
    width = model.config.positions * model.config.hidden_size
    assert np.abs(answers.size[1:] / width**0.5 - 1).max() < 0.01  # blocks end with a norm
    still = answers.moved < 0.01 * answers.size
    by_hand = [int(column.argmax()) + 1 if column.any() else 0 for column in still.T]
    assert found.settled.tolist() == by_hand
    assert any(by_hand)
