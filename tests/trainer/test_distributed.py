"""Two gloo processes on this machine compute what one does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hrm_model.errors import RunError
from tests.paths import ROOT
from tests.support.runs import Start, figures, of_kind, small
from tests.support.two_processes import found
from trainer.distributed import ProcessGroup, join_process_group
from trainer.runner import Runner
from trainer.runs.run_dir import RunDir


def torchrun(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0 or not check, done.stderr[-3000:]
    return done


def test_two_processes_compute_the_gradients_of_one(tmp_path: Path) -> None:
    torchrun("-m", "tests.support.two_processes", str(tmp_path / "found.pt"))
    one = found(ProcessGroup(), None)
    for two in torch.load(tmp_path / "found.pt", weights_only=True):
        assert two["gradients"].keys() == one["gradients"].keys()
        for name, gradient in one["gradients"].items():
            torch.testing.assert_close(two["gradients"][name], gradient, rtol=1e-4, atol=1e-6)
        assert len(two["metrics"]) == 4
        for ours, theirs in zip(two["metrics"], one["metrics"], strict=True):
            for name in ("loss", "lm_loss", "q_halt_loss", "q_continue_loss", "lr", "grad_norm", "weight_norm"):
                assert ours[name] == pytest.approx(theirs[name], rel=2e-3), name
            for name in ("accuracy", "exact_accuracy", "steps", "q_halt_accuracy"):
                assert ours[name] == (None if theirs[name] is None else pytest.approx(theirs[name], abs=0.02)), name
        assert two["carry"]["steps"].tolist() == one["carry"]["steps"].tolist()
        assert (two["carry"]["inputs"] == one["carry"]["inputs"]).all()
        table = one["model"]["puzzle_emb.weights"]
        assert table.abs().sum() > 0
        torch.testing.assert_close(two["model"]["puzzle_emb.weights"], table, rtol=0, atol=2.1e-2)  # a sign or two may differ


@pytest.mark.parametrize("first", [1, 2])
def test_a_run_resumes_with_another_number_of_processes(start: Start, tmp_path: Path, first: int) -> None:
    config = small(
        steps=24, dtype="float32", keep_checkpoints=9, log_every=4, checkpoint_every=4, evaluate_every=12, minutes=50,
        evaluation=[{"clues": 6, "count": 4}],
    )  # fmt: skip
    whole, run = RunDir.create(tmp_path / "whole", config), RunDir.create(tmp_path / "run", config)
    Runner(whole).run()

    def go(count: int) -> None:
        if count == 1:
            assert start(run.path).wait(600) == 0
        else:
            said = [line for line in torchrun("-m", "trainer", str(run.path)).stdout.splitlines() if line.startswith("step ")]
            assert len(said) == len(set(said)) > 2  # by one process, not by each

    go(first)
    # As a kill at step 12 leaves it.
    for folder in run.all_checkpoints():
        if int(folder.name[5:]) > 12:
            (folder / "training_state.pt").unlink()
    go(3 - first)
    assert [e["processes"] for e in of_kind(run, "started")] == [first, 3 - first]
    assert [e["step"] for e in of_kind(run, "started")] == [0, 12]
    ours, theirs = figures(run), figures(whole)
    assert [t[:2] for t in ours] == [t[:2] for t in theirs]
    for (kind, _, mine), (_, _, his) in zip(ours, theirs, strict=True):
        if kind == "metrics":
            assert mine["loss"] == pytest.approx(his["loss"], rel=5e-3)
    assert not list(run.checkpoints.glob("*.part"))
    assert run.status()["state"] == "finished"


def test_a_batch_that_cannot_be_divided_evenly_is_refused(tmp_path: Path) -> None:
    assert [ProcessGroup(rank, 4).rows(48) for rank in range(4)] == [(0, 12), (12, 24), (24, 36), (36, 48)]
    with pytest.raises(ValueError, match="batch_size 50 cannot be divided evenly among 4"):
        ProcessGroup(0, 4).rows(50)


def test_without_torchrun_there_is_a_group_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join_process_group("auto") == (ProcessGroup(0, 1), "auto")
    assert ProcessGroup().is_first
    assert ProcessGroup().broadcast([1]) == [1]


def test_more_processes_than_cards_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(RunError, match=r"2 processes need.*has 1\. .*--nproc-per-node 1"):
        join_process_group("auto")
