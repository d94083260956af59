"""Configurations, pools and batches, published datasets, events."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hrm_model.analysis.puzzle_results import wilson
from hrm_model.errors import ConfigError
from hrm_model.tasks.registry import task_named
from tests.paths import PUBLISHED_DATA, ROOT
from tests.support.runs import small, small_maze
from trainer.config import RunConfig, read_config, write_config
from trainer.data.batches import Batches, DatasetBatches, evaluation_sets, make_pool, training_batches
from trainer.data.published import fit_to_dataset
from trainer.loop import Trainer
from trainer.presets import PRESETS, preset
from trainer.runs.events import LineReader, append_line, event
from trainer.runs.run_dir import RunDir


def test_every_preset_can_be_written_and_read(tmp_path: Path) -> None:
    for name, config in PRESETS.items():
        write_config(config, tmp_path / "config.yaml")
        assert read_config(tmp_path / "config.yaml") == config, name
        if name != "sudoku-extreme-1k":
            assert config.final_model.H_cycles >= 2
            assert config.final_model.L_cycles >= 2
    assert preset("sudoku-extreme-1k").model.hidden_size == 512


@pytest.mark.parametrize(("text", "words"), [("a: [", "invalid YAML"), ("steps: 3", "task"), ("batch_size: -1", "batch_size")])
def test_an_error_names_the_file_and_field_of_a_bad_configuration(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match="config.yaml") as caught:
        read_config(tmp_path / "config.yaml")
    if words == "invalid YAML":
        assert words in str(caught.value)


def test_batches_depend_on_seed_and_step_alone() -> None:
    config = small()
    pool = make_pool(config)
    one, two = Batches(config, *pool), Batches(config, *make_pool(config))
    two(3)
    assert (one(5)["inputs"] == two(5)["inputs"]).all()
    assert (one(5)["inputs"] != one(6)["inputs"]).any()


def test_a_set_is_drawn_from_its_first_step_on() -> None:
    config = small(puzzles=[{"clues": 5, "count": 40, "from_step": 10}, {"clues": 8, "count": 40}], augment=False, easier_copies=0.0)
    batches = Batches(config, *make_pool(config))
    clues = [set((batches.grids(step)[0] > 0).sum(axis=1).tolist()) for step in (0, 9, 10, 11)]
    assert clues == [{8}, {8}, {5, 8}, {5, 8}]
    with pytest.raises(ValueError, match="from_step 0"):
        small(puzzles=[{"clues": 5, "count": 40, "from_step": 10}])


def test_4x4_evaluation_and_training_puzzles_share_no_symmetry_class() -> None:
    config = small(puzzles=[{"clues": 5, "count": 500}], evaluation=[{"clues": 6, "count": 200}])
    from hrm_model.tasks.sudoku.symmetry import symmetry_codes_4

    batches = Batches(config, *make_pool(config))
    seen = {c for step in range(40) for c in symmetry_codes_4(batches.grids(step)[0]).tolist()}
    (puzzles, _), *_ = evaluation_sets(config).values()
    assert task_named("sudoku-4x4").held_out(puzzles).all()
    assert len(seen) > 50
    assert not seen & set(symmetry_codes_4(puzzles).tolist())


def test_a_reader_waits_for_whole_lines_and_skips_broken_ones(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    reader = LineReader(file)
    assert reader.read() == []
    append_line(file, event("metrics", 1, values={"loss": float("nan")}))
    with file.open("a") as stream:
        stream.write('{"v": 1, "type": "met')
    assert [e["values"] for e in reader.read()] == [{"loss": None}]
    append_line(file, event("saved", 2))
    assert [e["type"] for e in reader.read()] == ["saved"]
    assert reader.broken == 1


def test_wilson_interval_against_known_values() -> None:
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-3))
    assert wilson(50, 100) == (pytest.approx(0.4038, abs=1e-3), pytest.approx(0.5962, abs=1e-3))


def test_a_maze_run_learns_and_is_evaluated() -> None:
    config = small_maze(steps=60, evaluate_every=60)
    trainer = Trainer(config, Batches(config, *make_pool(config)), evaluation_sets(config))
    events = [e for entries in trainer.train() for e in entries]
    losses = [e["values"]["lm_loss"] for e in events if e["type"] == "metrics"]
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:10])
    (judged,) = (e for e in events if e["type"] == "evaluation")
    assert {name: found["puzzles"] for name, found in judged["sets"].items()} == {"path ≥ 8": 20, "path 12 to 14": 10}


def test_maze_batches_hold_mazes_whose_only_shortest_path_is_the_label() -> None:
    config = small_maze()
    batches = Batches(config, *make_pool(config))
    from hrm_model.tasks.maze import grid as maze

    for step in range(5):
        puzzles, solutions = batches.grids(step)
        found = maze.shortest_paths(puzzles)
        assert found.unique.all()
        assert (found.on_any == (solutions == maze.PATH)).all()
    made = {bytes(p) for p in make_pool(config)[0]}
    assert not made & {bytes(p) for found, _ in evaluation_sets(config).values() for p in found}


def test_evaluation_counts_another_shortest_path_as_right(monkeypatch: pytest.MonkeyPatch) -> None:
    from hrm_model import evaluation as module
    from hrm_model.reasoning import BatchAnswers
    from hrm_model.tasks.maze import grid as maze

    config = small_maze()
    model = Trainer(config, Batches(config, *make_pool(config))).model
    puzzle = maze.parse("S" + " " * 47 + "G")
    one, other = maze.solve(puzzle), maze.solve(puzzle).reshape(7, 7).T.ravel()
    assert (one != other).any()
    answers = np.stack([puzzle, one, other])[:, None]
    zeros = np.zeros((1, 1), np.float32)
    parts = [BatchAnswers(answer[None], *[zeros] * 4) for answer in answers]
    monkeypatch.setattr(module, "reason_batch", lambda *_, **__: iter(parts))
    found = module.evaluate(model, puzzle[None], one[None], segments=3)
    assert found.exact_by_segment == (0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"puzzles": [{"clues": 6, "count": 9}]}, "clues is for Sudoku"),
        ({"task": "maze-7x8"}, "maze-7x8"),
        ({"task": "maze-8x8"}, "maze-7x7"),
        ({"loss_cells": "blanks"}, "for Sudoku"),
    ],
)
def test_invalid_maze_configurations_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        small_maze(**changes)


def on_published(name: str, **changes: object) -> RunConfig:
    return fit_to_dataset(small(**({"steps": 12, "evaluate_every": 12} | changes)), PUBLISHED_DATA / name)


@pytest.mark.parametrize("name", ["sudoku", "maze", "arc"])
def test_a_run_trains_on_a_published_dataset_and_evaluates_its_test_split(name: str) -> None:
    config = on_published(name, batch_size=4 if name != "sudoku" else 16, evaluation_segments=1)
    assert config.task == {"sudoku": "sudoku-9x9", "maze": "maze-30x30", "arc": "arc"}[name]
    assert config.model.num_puzzle_identifiers == (31 if name == "arc" else 1)
    trainer = Trainer(config, training_batches(config, Path("unused")), evaluation_sets(config))
    if name != "sudoku":
        trainer.train_step()  # 900 cells take long; one step shows it
        (judged,) = (trainer.evaluation_event(),)
    else:
        events = [e for entries in trainer.train() for e in entries]
        losses = [e["values"]["lm_loss"] for e in events if e["type"] == "metrics"]
        assert losses[-1] < losses[0]
        (judged,) = (e for e in events if e["type"] == "evaluation")
    assert judged["sets"]["test"]["puzzles"] == {"sudoku": 6, "maze": 2, "arc": 15}[name]


def test_batches_of_a_dataset_are_its_examples_or_symmetries_of_them() -> None:
    from hrm_model.loss import IGNORE
    from trainer.data.published import Dataset

    exact = on_published("sudoku", augment=False, easier_copies=0)
    split = Dataset(PUBLISHED_DATA / "sudoku").splits["train"]
    stored = {bytes(row) for row in split.rows(np.arange(32))[0].astype(np.uint8)}
    batch = DatasetBatches(exact)(3)
    assert {bytes(row) for row in batch["inputs"].numpy().astype(np.uint8)} <= stored
    assert (DatasetBatches(exact)(3)["inputs"] == batch["inputs"]).all()
    task = task_named("sudoku-9x9")
    varied = DatasetBatches(on_published("sudoku"))(3)
    puzzles, answers = (task.from_tokens(varied[k].numpy()) for k in ("inputs", "labels"))
    assert task.right(answers, puzzles, None).all()
    assert not {bytes(row) for row in varied["inputs"].numpy().astype(np.uint8)} <= stored
    arc = DatasetBatches(on_published("arc"))(0)
    assert ((arc["labels"] == IGNORE) | (arc["labels"] > 0)).all()
    assert (arc["labels"] == IGNORE).any()
    assert arc["puzzle_identifiers"].min() >= 1


def test_a_dataset_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    config = on_published("arc")
    table = config.model.model_copy(update={"num_puzzle_identifiers": 3})
    with pytest.raises(ValueError, match="31 puzzle identifiers do not fit the model's table of 3"):
        DatasetBatches(config.model_copy(update={"model": table}))
    with pytest.raises(ValueError, match="this dataset is of arc, but the run is of sudoku-4x4"):
        DatasetBatches(small().model_copy(update={"dataset": str(PUBLISHED_DATA / "arc")}))
    with pytest.raises(ValueError, match="either puzzles to generate or a dataset"):
        small(puzzles=())
    with pytest.raises(ValueError, match="not a dataset"):
        fit_to_dataset(small(), tmp_path)


def test_a_run_whose_dataset_is_missing_says_so(tmp_path: Path) -> None:
    config = on_published("sudoku").model_copy(update={"dataset": str(tmp_path / "gone")})
    run = RunDir.create(tmp_path / "run", config)
    told = subprocess.run(
        [sys.executable, "-m", "trainer", str(run.path)], capture_output=True, text=True, cwd=ROOT, timeout=600, check=False
    )
    assert told.returncode != 0
    last = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()][-1]
    assert last["type"] == "failed"
    assert "gone" in last["message"]
