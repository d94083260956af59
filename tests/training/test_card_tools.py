"""The programs that make the figures of the model cards: votes, other people's puzzles, recipes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hrm_model.assets import model_dir
from hrm_model.checkpoint.format import load
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.grid import SUDOKU_9
from hrm_model.tasks.sudoku.hard import guesses
from training import others, recipes, votes

TASK = task_named("sudoku-4x4")


def puzzles(count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    return TASK.generate(count, np.random.default_rng(7), clues=6)


def test_a_vote_goes_to_the_most_frequent_answer_and_of_equals_to_the_surest() -> None:
    a, b, c = ([1, 1], [2, 2], [3, 3])
    answers = np.array([[a, a], [b, b], [b, c], [a, b]])  # (4 tries, 2 puzzles, 2 cells)
    q = np.array([[9.0, 0], [-1, 1], [0, 9], [-9, 0]])
    # First puzzle: a and b have two votes each, and the surest try says a. Second: b has most votes, although the surest try says c.
    assert votes.voted(answers, q).tolist() == [a, b]


def test_relabelled_answers_are_mapped_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that answers with the puzzle itself: mapped back, each copy's answer is the puzzle."""
    tokens = np.asarray(TASK.to_tokens(puzzles()[0]))
    seen = []

    def echo(model: object, asked: np.ndarray, segments: int) -> tuple[np.ndarray, np.ndarray]:
        seen.append(asked.copy())
        return asked, np.zeros(len(asked))

    monkeypatch.setattr(votes, "think", echo)
    answers, _ = votes.relabelled(None, TASK.name, tokens, 4, 1)  # type: ignore[arg-type]
    assert (answers == tokens).all()
    assert any((copy != tokens).any() for copy in seen[1:]), "they were others that it was asked"


def test_kicks_move_all_tries_but_the_first_and_leave_the_model_as_it_was() -> None:
    model = load(model_dir("sudoku-4x4"))
    given, solutions = puzzles()
    tokens = np.asarray(TASK.to_tokens(given))
    before = model.initial_state(2)[0].clone()
    answers, q = votes.kicked(model, tokens, 3, 16, 1.0)
    assert torch.equal(model.initial_state(2)[0], before)
    assert (TASK.from_tokens(answers[0]) == solutions).all()
    assert (q[0] == votes.think(model, tokens, 16)[1]).all()
    assert (q[1] != q[0]).any()
    assert (q[2] != q[1]).any()


def test_rows_of_the_card() -> None:
    given, solutions = puzzles(4)
    right = np.asarray(TASK.to_tokens(solutions))
    wrong = np.where(right == right.max(), right - 1, right)
    tries = (np.stack([wrong, right, right]), np.array([[5.0] * 4, [0] * 4, [1] * 4]))
    row = votes.row("some", tries, TASK, given, solutions, [1, 2, 4])
    assert [cell.split(" ")[0] for cell in row.strip("| ").split(" | ")] == ["some", "0.0%", "0.0%", "–", "0.0%"]


def test_puzzles_of_a_generator_overwrite_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solved = "123456789456789123789123456214365897365897214897214365531642978642978531978531642"
    monkeypatch.setitem(others.MAKERS, "two", lambda: iter(["0" + solved[1:], "0" * 81]))
    others.make("two", tmp_path / "new.txt")
    assert (tmp_path / "new.txt").read_text() == "0" + solved[1:] + "\n", "the empty board has more than one solution"
    with pytest.raises(FileExistsError, match=r"new\.txt"):
        others.make("two", tmp_path / "new.txt")


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_a_recipe_is_a_configuration_and_differs_from_base(name: str) -> None:
    changed, base = recipes.configuration(recipes.changes_of(name, 0)), recipes.configuration({})
    # "starts" is the bench's own; a core without bfloat16 trains `base` in float32 anyway, but its line says so.
    assert (changed == base) == (name in ("base", "best of 3 starts"))


def test_a_bench_goes_on_with_its_own_clock_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = {"puzzles": [{"clues": 36, "count": 64}], "evaluation": [{"clues": n, "count": 4} for n in (36, 30)], "batch_size": 4}
    monkeypatch.setitem(recipes.RECIPES, "base", tiny | {"evaluation_segments": 1, "phases": [], "dtype": "float32"})
    changes = recipes.changes_of("base", 0)
    run = recipes.RecipeRun(changes, tmp_path, pace=[10.0])
    run.go_on(25)
    run.save(tmp_path / "state.pt")
    run.trainer.prefetcher.close()
    assert (run.trainer.step, run.seconds) == (3, 30.0)
    again = recipes.RecipeRun(changes, tmp_path, pace=[10.0])
    again.load(tmp_path / "state.pt")
    assert (again.trainer.step, again.seconds) == (3, 30.0)
    again.trainer.prefetcher.close()
    other = recipes.RecipeRun(changes, tmp_path, pace=[11.0])
    with pytest.raises(SystemExit, match="another --pace"):
        other.load(tmp_path / "state.pt")
    other.trainer.prefetcher.close()


def test_a_table_of_what_a_file_holds(tmp_path: Path) -> None:
    def row(seconds: float, exact: float) -> str:
        figures = {"puzzles": 200, "exact": exact, "low": 0.0, "high": 1.0, "cells": 0.5}
        return json.dumps(
            {"recipe": "base", "seed": 0, "begun": 1.0, "seconds": seconds, "step": int(seconds), "examples": 9, "sets": {"36 clues": figures, "30 clues": figures}}
        )  # fmt: skip

    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join([row(60, 0.1), row(120, 0.95), row(180, 0.5), '{"recipe": "ba']))
    last = recipes.table(file, 2).splitlines()[-1]
    assert last.startswith("| base | 2.0 | 120 | 9 | 95.0%")
    assert last.endswith("| 2 min |")


@pytest.mark.parametrize("words", [["card", "nosuch"], ["others"], ["recipes", "nosuch"]])
def test_what_does_not_exist_is_said_in_words(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", f"training.{words[0]}", *words[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "error:" in done.stderr


def test_how_much_search_a_puzzle_needs() -> None:
    easy, hard = (read_puzzles(others.OURS / f"{name}.txt", limit=5).puzzles for name in ("needs-naked-single", "hardest-known"))
    assert guesses(easy, SUDOKU_9)[0].tolist() == [0] * 5
    assert min(guesses(hard, SUDOKU_9)[0]) > 20
    assert others.search_needed(easy[:0]) == "–"
