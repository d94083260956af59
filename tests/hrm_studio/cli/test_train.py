"""`hrm-studio train` as a person uses it: interrupted early, followed again, given odd options."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hrm_studio.cli import estimate as estimate_module
from hrm_studio.cli.estimate import estimate
from hrm_studio.cli.main import app
from hrm_studio.cli.train import Follower
from tests.support.runs import small, wait_for
from trainer.__main__ import main
from trainer.runs.estimate import MeasuredCost
from trainer.runs.run_dir import RunDir

RUNNING = ("starting", "running", "paused")


def train(folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hrm_studio", "train", "sudoku-4x4", "--run-dir", str(folder), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def events(run: RunDir) -> list[dict[str, object]]:
    return [json.loads(line) for line in run.events_file.read_text().splitlines()] if run.events_file.exists() else []


def test_ctrl_c_before_the_trainer_listens_still_stops_it(tmp_path: Path) -> None:
    process = train(tmp_path / "run")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("run directory")
    wait_for((tmp_path / "run" / "log.txt").exists)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    last = events(RunDir(tmp_path / "run"))[-1]
    assert (last["type"], last["reason"]) == ("finished", "stopped")


def test_a_run_left_running_is_followed_again(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=100_000, evaluate_every=100_000, checkpoint_every=100_000, batch_size=4))
    first = train(run.path)
    wait_for(lambda: any(e["type"] == "started" for e in events(run)))
    first.send_signal(signal.SIGINT)
    # A second one at once leaves the trainer running; it may have received the stop command by then, which a follower sees too.
    time.sleep(0.05)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=600)
    again = train(run.path)
    assert again.stdout is not None
    out = ""
    while "following" not in out and again.poll() is None:
        out += again.stdout.readline()
    again.send_signal(signal.SIGINT)
    out += again.communicate(timeout=600)[0]
    assert "already; follow it" not in out
    assert again.returncode == 0, out
    assert run.status()["state"] not in RUNNING
    assert not any(e["type"] == "failed" for e in events(run))


def test_odd_options_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "run").mkdir()
    for arguments, words in (
        (("--run-dir", str(tmp_path / "file")), str(tmp_path / "file")),
        (("--run-dir", str(tmp_path / "new"), "--device", "cuda:77"), "cuda:77"),
    ):
        result = CliRunner().invoke(app, ["train", "sudoku-4x4", *arguments])
        assert result.exit_code == 2, arguments
        assert words in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists(), "nothing is left of a run that could not begin"


def test_any_setting_can_be_changed_and_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Follower, "follow", lambda self: 0)

    def trained(name: str, *settings: str) -> Result:
        options = [part for setting in settings for part in ("--set", setting)]
        return CliRunner().invoke(app, ["train", "sudoku-4x4", "--run-dir", str(tmp_path / name), *options])

    done = trained("run", "lr=5e-4", "model.H_cycles=3", "minutes=null", "puzzles=[{clues: 6, count: 64}]", "tensorboard=true")
    assert done.exit_code == 0, done.output
    config = RunDir(tmp_path / "run").config()
    assert (config.lr, config.model.H_cycles, config.minutes, config.tensorboard) == (5e-4, 3, None, True)
    assert [p.count for p in config.puzzles] == [64]
    for setting, words in (
        ("speed=3", "there is no setting 'speed'"), ("lr=-1", "lr: Input should be greater than or equal to 0"), ("lr", "expected NAME=VALUE"),
        ("lr=[", "is not a value"), ("model.num_heads=7", "num_heads"), ("task=sudoku-9x9", "sudoku-9x9"), ("batch_size=many", "batch_size"),
    ):  # fmt: skip
        refused = trained("other", setting)
        assert refused.exit_code == 2, setting
        assert words in refused.stderr
        assert not (tmp_path / "other").exists()
    # An existing run is continued with the same settings only.
    assert trained("run", "lr=5e-4").exit_code == 0
    refused = trained("run", "model.H_cycles=2")
    assert refused.exit_code == 2
    assert "was started with model.H_cycles 3" in refused.stderr


def test_a_new_run_says_beforehand_what_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, said = small(steps=36_000), list[str]()
    cost = MeasuredCost(seconds_per_step=0.1, seconds_per_puzzle=0.0, memory=2_300_000_000, checkpoint=1_000_000, device="cpu")
    monkeypatch.setattr(estimate_module, "_measured", lambda config, interrupted: cost)
    for _ in range(2):  # the second time it is known
        told = estimate(config, lambda: False, said.append)
        assert told.startswith("estimate: at most about 60 minutes on cpu (36,000 steps of 0.1 s), 2.3 GB of memory, ")
    assert said == ["measuring what this run takes …"]
    assert estimate(small(minutes=2), lambda: False, said.append) == ""


def test_a_step_that_cannot_be_measured_is_told_by_one_example(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small(batch_size=768)
    # A process that says what one example takes, and then takes too long.
    monkeypatch.setattr(estimate_module, "_LONGEST", 3.0)
    script = """import time; print('{"row_seconds": 12.5}', flush=True); time.sleep(600)"""
    monkeypatch.setattr(estimate_module, "spawn", lambda arguments, out: subprocess.Popen([sys.executable, "-c", script], stdout=out))
    told = estimate(config, lambda: False, lambda text: None)
    assert told == "no estimate: a step takes too long to measure; one example takes about 12 s, so a step of 768 about 160 minutes"
    assert estimate(config, lambda: True, lambda text: None) == ""


def test_options_that_differ_from_those_of_the_run_are_refused(tmp_path: Path) -> None:
    from trainer.presets import preset

    RunDir.create(tmp_path / "run", preset("sudoku-4x4"))
    result = CliRunner().invoke(app, ["train", "sudoku-4x4", "--run-dir", str(tmp_path / "run"), "--seed", "5"])
    assert result.exit_code == 2
    assert "seed 0" in result.stderr


def test_a_trainer_refuses_a_folder_without_leaving_anything_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("trainer.__main__.keep_memory", lambda: None)
    for folder in (tmp_path / "nowhere", tmp_path):
        assert main([str(folder)]) == 2
        assert "config.yaml" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["missing.txt", "no/such/file", "."])
def test_a_puzzle_that_looks_like_a_path_is_reported_as_a_missing_file(text: str) -> None:
    result = CliRunner().invoke(app, ["solve", text])
    assert result.exit_code == 2
    assert "No such file" in result.stderr
