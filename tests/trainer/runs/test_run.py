"""What a notebook sees of a run."""

from __future__ import annotations

import doctest
import os
from pathlib import Path

import numpy as np
import pytest

from hrm_model.errors import HRMError
from hrm_model.folders import home
from tests.support.runs import recorded
from trainer.runs import Run, RunError, run
from trainer.runs.events import event


def test_the_example_in_the_docstring_does_what_it_says() -> None:
    recorded(home() / "runs" / "one")
    found = doctest.testmod(run)
    assert found.attempted >= 4
    assert not found.failed


def test_the_newest_run_of_the_default_folder_is_the_last(tmp_path: Path) -> None:
    runs = [recorded(home() / "runs" / name, lr=lr) for name, lr in (("2026-swift-otter", 1e-3), ("2026-calm-crane", 5e-4))]
    for age, made in enumerate(runs):
        os.utime(made.config_file, (1e9 + age, 1e9 + age))
    assert Run().path == Run("last").path == runs[1].path
    assert Run("otter").config.lr == 1e-3
    assert Run(runs[0].path).name == "2026-swift-otter"
    assert repr(Run("otter")) == f"Run({str(runs[0].path)!r})"
    elsewhere = recorded(tmp_path / "elsewhere" / "three")
    assert Run("three", elsewhere.path.parent).path == elsewhere.path


def test_without_a_run_it_says_how_to_train_one() -> None:
    with pytest.raises(RunError, match=r"There is no run .*runs holds no runs yet. Train one: hrm-studio train sudoku-4x4"):
        Run("last")
    assert issubclass(RunError, HRMError)


def test_status_metrics_evaluations_and_checkpoints(tmp_path: Path) -> None:
    directory = recorded(tmp_path / "one")
    for step in (20, 40):
        (directory.checkpoints / f"step_{step:06d}").mkdir(parents=True)
    directory.point("best", directory.checkpoints / "step_000020")
    found = Run(directory.path)
    assert (found.status["state"], found.status["step"]) == ("finished", 40)
    metrics = found.metrics
    assert {"step", "seconds", "examples", "loss", "lr"} <= metrics.keys()
    assert all(values.shape == (40,) for values in metrics.values())
    np.testing.assert_allclose(metrics["loss"], 1 / np.arange(1, 41))
    assert [(e["step"], e["sets"]["6 clues"]["puzzles"]) for e in found.evaluations] == [(20, 16), (40, 16)]
    assert [path.name for path in found.checkpoints] == ["step_000020", "step_000040"]
    assert found.best == found.checkpoints[0]
    assert found.last is None
    assert [e["type"] for e in found.events][::42] == ["started", "evaluation"]
    (directory.path / "status.json").unlink()
    assert found.status == {"state": "new"}


def test_a_run_in_training_is_read_on_and_steps_after_a_kill_are_forgotten(tmp_path: Path) -> None:
    directory = recorded(tmp_path / "one")
    found = Run(directory.path)
    assert found.metrics["step"][-1] == 40
    directory.emit(event("started", 30, resumed=True))
    directory.emit(event("metrics", 31, values={"loss": 0.25, "accuracy": None}, phase=0))
    assert found.metrics["step"].tolist() == list(range(1, 32))
    assert found.metrics["loss"][-1] == 0.25
    assert np.isnan(found.metrics["accuracy"]).all()
    assert [e["step"] for e in found.evaluations] == [20]
