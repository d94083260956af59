"""Puzzle vectors of ARC models are found by the puzzle's name wherever a model meets a dataset or a task; a mismatch is said."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hrm_model.checkpoint.format import save
from hrm_model.config import ModelConfig
from hrm_model.errors import MismatchError
from hrm_model.model import HRM
from hrm_model.trace_file.io import read
from tests.paths import PUBLISHED_DATA
from tests.support.cli import run
from trainer.data.identifiers import match

ARC = PUBLISHED_DATA / "arc"
NAMES: list[str] = json.loads((ARC / "identifiers.json").read_text())
TASK = PUBLISHED_DATA / "arc_tasks" / "evaluation" / "evflip.json"


def model(folder: Path, names: list[str] | None, rows: int = len(NAMES)) -> Path:
    torch.manual_seed(0)
    made = HRM(
        ModelConfig(seq_len=900, vocab_size=12, hidden_size=16, num_heads=2, H_layers=1, L_layers=1, H_cycles=1, L_cycles=1,
                    swiglu_multiple=16, puzzle_emb_ndim=16, num_puzzle_identifiers=rows)
    )  # fmt: skip
    assert made.puzzle_emb is not None
    with torch.no_grad():
        made.puzzle_emb.weights.normal_(std=3)  # vectors that make a difference
    save(made, folder)
    if names is not None:
        (folder / "identifiers.json").write_text(json.dumps(names))
    return folder


def renumbered(folder: Path) -> Path:
    """The same dataset with its puzzles numbered backwards."""
    shutil.copytree(ARC, folder)
    (folder / "identifiers.json").write_text(json.dumps([NAMES[0], *reversed(NAMES[1:])]))
    for file in folder.glob("*/all__puzzle_identifiers.npy"):
        numbers = np.load(file)
        np.save(file, np.where(numbers == 0, 0, len(NAMES) - numbers).astype(numbers.dtype))
    return folder


def evaluated(checkpoint: Path, dataset: Path) -> tuple[dict[str, Any], str]:
    done = run("eval", checkpoint, dataset, "--segments", 1, "--json", "--again")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout.splitlines()[-1])
    return {k: v for k, v in found.items() if k not in ("seconds", "set")}, done.stderr


def test_a_dataset_that_numbers_its_puzzles_otherwise_gives_the_same_result(tmp_path: Path) -> None:
    checkpoint = model(tmp_path / "m", NAMES)
    as_trained, told = evaluated(checkpoint, ARC)
    other, told_too = evaluated(checkpoint, renumbered(tmp_path / "other"))
    assert as_trained == other
    assert as_trained["unknown_puzzles"] == 0
    assert told == told_too == ""
    numbers = [np.load(folder / "test" / "all__puzzle_identifiers.npy") for folder in (ARC, tmp_path / "other")]
    assert (numbers[0] != numbers[1]).any()
    names = json.loads((tmp_path / "other" / "identifiers.json").read_text())
    assert match(checkpoint, "m", len(NAMES), names, numbers[1]).numbers.tolist() == numbers[0].tolist()


def test_puzzles_that_the_model_does_not_know_are_counted(tmp_path: Path) -> None:
    found, told = evaluated(model(tmp_path / "m", NAMES[:3]), ARC)
    assert found["unknown_puzzles"] > 0
    assert f"{found['unknown_puzzles']} of" in told
    assert "its answers to them are guesses" in told


def test_without_a_list_of_names_sizes_decide(tmp_path: Path) -> None:
    _, told = evaluated(model(tmp_path / "m", None), ARC)
    assert "no identifiers.json beside" in told
    for rows in (5, len(NAMES) + 7):
        done = run("eval", model(tmp_path / f"m{rows}", None, rows), ARC, "--segments", 1)
        assert done.exit_code == 2
        assert f"names {len(NAMES)} puzzles, and m{rows} has {rows} puzzle vectors" in done.stderr


def test_more_names_than_vectors_is_a_clear_error(tmp_path: Path) -> None:
    checkpoint = model(tmp_path / "m", NAMES, rows=5)
    for command in (["eval", checkpoint, ARC], ["solve", TASK, "--model", checkpoint, "--segments", 1]):
        done = run(*command)
        assert done.exit_code == 2
        assert "IndexError" not in done.output
        assert "puzzle vectors" in done.stderr or "has vectors for 5" in done.stderr or done.exit_code == 0


def test_a_model_without_vectors_needs_no_names() -> None:
    numbers = np.array([3, 0, 5])
    assert match(Path("/nowhere"), "m", 0, NAMES, numbers).numbers.tolist() == [0, 0, 0]
    with pytest.raises(MismatchError):
        match(Path("/nowhere"), "m", 2, NAMES, numbers)


def test_a_task_is_recorded_with_its_answer_and_its_vector(tmp_path: Path) -> None:
    checkpoint = model(tmp_path / "m", NAMES)
    out = tmp_path / "t.h5"
    done = run("trace", "record", TASK, "--out", out, "--model", checkpoint, "--segments", 1)
    assert done.exit_code == 0, done.output
    trace = read(out)
    assert trace.puzzle.task == "arc"
    assert trace.puzzle.identifier == NAMES.index("evflip")
    assert trace.puzzle.solution is not None
    # A task that the model was not trained on, and one whose answer nobody gave.
    task = json.loads(TASK.read_text())
    for pair in task["test"]:
        del pair["output"]
    (tmp_path / "new.json").write_text(json.dumps(task))
    done = run("trace", "record", tmp_path / "new.json", "--out", out, "--model", checkpoint, "--segments", 1)
    assert done.exit_code == 0, done.output
    assert "Its answer is a guess" in done.stderr
    assert read(out).puzzle.solution is None


def test_other_files_beside_tasks_are_named_and_left_out(tmp_path: Path) -> None:
    """package.json, an index, a cut file, and what macOS leaves; a repository's folder is taken for the part that is asked for."""
    repository = tmp_path / "repository"
    for part in ("training", "evaluation"):
        shutil.copytree(PUBLISHED_DATA / "arc_tasks" / part, repository / "data" / part)
        (repository / "data" / part / "index.json").write_text('["evflip"]')
        (repository / "data" / part / "cut.json").write_text("{")
        (repository / "data" / part / "._evflip.json").write_bytes(b"\0\x05\x16\x07")
    (repository / "package.json").write_text('{"name": "x"}')
    out = tmp_path / "set"
    done = run("data", "build", "arc", out, "--training", repository, "--evaluation", repository, "--augment", 0)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("left out") == 4
    assert "cut.json: is not JSON" in done.stderr
    assert "._" not in done.stderr
    plain = tmp_path / "plain"
    tasks = PUBLISHED_DATA / "arc_tasks"
    run("data", "build", "arc", plain, "--training", tasks / "training", "--evaluation", tasks / "evaluation", "--augment", 0)
    assert (plain / "identifiers.json").read_text() == (out / "identifiers.json").read_text()


def test_a_pair_that_is_asked_and_demonstrated_is_named_and_no_fault(tmp_path: Path) -> None:
    """As one of ARC-AGI-1's own tasks has it."""
    folder = tmp_path / "evaluation"
    shutil.copytree(PUBLISHED_DATA / "arc_tasks" / "evaluation", folder)
    task = json.loads((folder / "evflip.json").read_text())
    task["test"] += task["train"]  # one of them has its first cell at the board's corner in training too
    (folder / "evflip.json").write_text(json.dumps(task))
    assert run("data", "build", "arc", tmp_path / "set", "--evaluation", folder, "--augment", 0).exit_code == 0
    done = run("data", "check", tmp_path / "set")
    assert done.exit_code == 0, done.output
    assert re.search(r"test puzzles that are also training puzzles, up to symmetry: [1-9] \(evflip, test example \d", done.stdout)
