from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from hrm_model.errors import RunError
from tests.support.runs import figures, small
from trainer.runner import Runner
from trainer.runs import manage
from trainer.runs.run_dir import RunDir


def made(folder: Path, *names: str) -> list[RunDir]:
    runs = [RunDir.create(folder / name, small()) for name in names]
    for age, run in enumerate(runs):
        os.utime(run.config_file, (1e9 + age, 1e9 + age))
    return runs


def test_runs_are_found_by_path_name_part_and_last(tmp_path: Path) -> None:
    first, second = made(tmp_path, "2026-sudoku-swift-otter", "2026-sudoku-calm-crane")
    (tmp_path / "no-run").mkdir()
    assert [run.path for run in manage.all_runs(tmp_path)] == [first.path, second.path]
    for name in (str(first.path), first.path.name, "otter"):
        assert manage.find_run(name, tmp_path).path == first.path
    assert manage.find_run("last", tmp_path).path == second.path
    for name, words in (("sudoku", "matches several"), ("whale", "swift-otter")):
        with pytest.raises(RunError, match=words):
            manage.find_run(name, tmp_path)
    with pytest.raises(RunError, match="There is no run .*nowhere holds no runs yet"):
        manage.find_run("last", tmp_path / "nowhere")


def test_a_deleted_run_is_restored_and_a_live_one_is_not_deleted(tmp_path: Path) -> None:
    run, other = made(tmp_path, "a", "b")
    manage.delete(run)
    assert [r.path.name for r in manage.all_runs(tmp_path)] == ["b"]
    (again,) = made(tmp_path, "a")
    place = manage.delete(again)
    assert place.name == "a.2"
    assert manage.undelete(None, tmp_path) == tmp_path / "a"
    with pytest.raises(RunError, match="already exists"):
        manage.undelete("a", tmp_path)
    manage.rename(RunDir(tmp_path / "a"), "c")
    assert manage.undelete("a", tmp_path) == tmp_path / "a"
    with pytest.raises(RunError, match="there is no deleted run"):
        manage.undelete(None, tmp_path)
    other.write_status(state="running", step=3)  # of this process
    for act in (manage.delete, lambda r: manage.rename(r, "d")):
        with pytest.raises(RunError, match="is being trained"):
            act(other)
    with pytest.raises(RunError, match="cannot be a folder.s name"):
        manage.rename(RunDir(tmp_path / "a"), "x/y")


def test_settings_are_changed_by_dotted_names() -> None:
    config = manage.with_changes(small(), {"lr": 5e-4, "model.H_cycles": 3, "steps": 90})
    assert (config.lr, config.model.H_cycles, config.steps) == (5e-4, 3, 90)
    for changes, words in (({"speed": 3}, "no setting 'speed'"), ({"lr": -1}, "lr"), ({"model.x.y": 1}, "model.x.y")):
        with pytest.raises(RunError, match=words):
            manage.with_changes(small(), changes)


def test_a_run_continued_only_with_more_steps_equals_the_longer_run(tmp_path: Path) -> None:
    # A constant learning rate, because the schedule depends on the number of steps.
    config = small(steps=14, lr_min_ratio=1.0, warmup_steps=0, evaluate_every=100)
    longer = manage.with_changes(config, {"steps": 30})
    whole, run = RunDir.create(tmp_path / "whole", longer), RunDir.create(tmp_path / "run", config)
    Runner(whole).run()
    Runner(run).run()
    new = manage.fork(run, longer, checkpoint="step_000014", path=tmp_path / "new")
    Runner(new).run()
    metrics = [t for t in figures(whole) if t[0] == "metrics"]
    assert [t for t in figures(new) if t[0] == "metrics"] == metrics[14:]
    assert manage.origin(new)["checkpoint"] == "step_000014"
    assert manage.origin(run) == {}
    assert run.status()["step"] == 14
    # If it is killed before its first checkpoint, it starts from the same place.
    again = manage.fork(run, longer, path=tmp_path / "again")
    Runner(again).run()
    assert figures(again)[:3] == figures(new)[:3]


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "muon"}, {"batch_size": 24}, {"ema": 0.9}, {"dtype": "bfloat16", "optimizer": "muon"}, {"model.H_cycles": 1, "lr": 1e-4},
        {"betas": [0.8, 0.9], "weight_decay": 0.0},
    ],
)  # fmt: skip
def test_a_run_is_continued_with_changes(tmp_path: Path, changes: dict[str, Any]) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=14, ema=0.0, dtype="float32", patience=1, evaluate_every=7))
    Runner(run).run()
    before = [v for kind, _, v in figures(run) if kind == "metrics"]
    new = manage.fork(run, manage.with_changes(run.config(), {"steps": 24, **changes}), path=tmp_path / "new")
    runner = Runner(new)
    runner.run()
    after = [v for kind, _, v in figures(new) if kind == "metrics"]
    assert len(after) >= 7
    assert after[0]["lm_loss"] < 0.5 * (before[0]["lm_loss"] + before[-1]["lm_loss"]) + 0.2  # nothing is forgotten
    group = runner.trainer.optimizer.param_groups[-1]
    assert tuple(group["betas"]) == tuple(new.config().betas)
    assert group["weight_decay"] == new.config().weight_decay
    assert runner.trainer.model.config.forward_dtype == new.config().dtype
    assert runner.trainer.carry.z_H.dtype == getattr(torch, new.config().dtype)


def test_an_impossible_continuation_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=7, evaluate_every=100))
    with pytest.raises(RunError, match="no checkpoint 'last'; its checkpoints: none"):
        manage.fork(run, small(), path=tmp_path / "new")
    Runner(run).run()
    config = run.config()
    wide = config.model.model_copy(update={"hidden_size": 128})
    for changed, words in (
        (config, "more than 7, the step of the checkpoint"),
        (config.model_copy(update={"model": wide, "steps": 9}), "hidden_size"),
    ):
        with pytest.raises(RunError, match=words):
            manage.fork(run, changed, path=tmp_path / "new")
    with pytest.raises(RunError, match="its checkpoints: step_000007"):
        manage.fork(run, config, checkpoint="step_000004", path=tmp_path / "new")
    shutil.copytree(run.checkpoints / "step_000007", run.checkpoints / "step_000004", ignore=shutil.ignore_patterns("*.pt"))
    with pytest.raises(RunError, match="step_000004 has no training_state.pt"):
        manage.fork(run, config, checkpoint="step_000004", path=tmp_path / "new")
    assert not (tmp_path / "new").exists()
