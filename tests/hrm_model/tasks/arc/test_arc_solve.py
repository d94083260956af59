from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hrm_model import arc_solve
from hrm_model.arc_solve import copies_of, solve_task
from hrm_model.checkpoint.format import save
from hrm_model.config import ModelConfig
from hrm_model.model import HRM
from hrm_model.reasoning import BatchAnswers
from hrm_model.tasks.arc.augment import Augmentation
from hrm_model.tasks.arc.puzzle import decode, encode, read_task
from hrm_studio.cli.main import app
from tests.paths import PUBLISHED_DATA

TASK = PUBLISHED_DATA / "arc_tasks" / "evaluation" / "evflip.json"
NAMES = json.loads((PUBLISHED_DATA / "arc" / "identifiers.json").read_text())


def tiny(identifiers: int = 31) -> HRM:
    return HRM(
        ModelConfig(seq_len=900, vocab_size=12, hidden_size=16, num_heads=2, H_layers=1, L_layers=1, swiglu_multiple=16,
                    puzzle_emb_ndim=16, num_puzzle_identifiers=identifiers)
    )  # fmt: skip


def test_copies_are_those_the_model_was_trained_on_else_random_ones() -> None:
    puzzle = read_task(TASK)
    known = copies_of(puzzle, enumerate(NAMES), 100)
    assert [number for number, _ in known] == [1, 2, 3, 4, 5]
    assert known[0] == (1, Augmentation())
    assert copies_of(puzzle, enumerate(NAMES), 2) == known[:2]
    random = copies_of(puzzle, [(0, "<blank>")], 7)
    assert len({by for _, by in random}) == 7
    assert {number for number, _ in random} == {0}


def test_answers_to_copies_are_brought_back_and_the_most_voted_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that flips its input (what the task asks for) on all copies but those that exchange rows and columns."""
    puzzle = read_task(TASK)
    output = puzzle.test[0].output
    assert output is not None
    flipped = [k for k in range(4) if np.array_equal(output, (np.fliplr, np.flipud, np.rot90, np.transpose)[k](puzzle.test[0].input))]
    assert flipped == [0]

    def flip(model: object, tokens: np.ndarray, **_: object) -> BatchAnswers:
        made = np.stack([encode(np.fliplr(decode(row))) for row in tokens])[None]
        return BatchAnswers(made, *np.zeros((4, 1, len(tokens)), np.float32))

    monkeypatch.setattr(arc_solve, "solve_batch", flip)
    ways = [Augmentation(k) for k in (0, 2, 4, 5)] + [Augmentation(1), Augmentation(6)]  # for the last two it flips the wrong axis
    (candidates,) = solve_task(tiny(), puzzle, [(0, by) for by in ways], batch=4)
    assert [c.votes for c in candidates] == [4, 2]
    assert np.array_equal(candidates[0].grid, output)
    with pytest.raises(ValueError, match="is puzzle 31; the model has vectors for 31"):
        solve_task(tiny(), puzzle, [(31, Augmentation())])


def test_the_command_line_makes_two_attempts(tmp_path: Path) -> None:
    save(tiny(), tmp_path / "tiny")
    arguments = ["solve", str(TASK), "--model", str(tmp_path / "tiny"), "--segments", "1", "--copies", "3"]
    told = CliRunner().invoke(app, [*arguments, "--identifiers", str(PUBLISHED_DATA / "arc" / "identifiers.json"), "--json"])
    found = json.loads(told.stdout)
    assert (found["task"], found["copies"], found["tests"][0]["solved"]) == ("evflip", 3, False)
    assert 1 <= len(found["tests"][0]["attempts"]) <= 2
    shown = CliRunner().invoke(app, arguments).stdout
    assert "evflip, test input 1" in shown
    assert "wrong" in shown
    for bad, words in (
        (["solve", str(TASK), "--model", "sudoku-4x4"], "reads sudoku-4x4"),
        (["solve", str(TASK)], "no bundled model reads arc"),
        (["solve", "/nowhere.json", "--model", str(tmp_path / "tiny")], "No such file: /nowhere.json"),
        ([*arguments, "--identifiers", str(TASK)], "not a list of names"),
    ):
        told = CliRunner().invoke(app, bad)
        assert told.exit_code == 2
        assert words in told.stderr
