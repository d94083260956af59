"""`hrm-studio runs` on real trainers."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hrm_studio.cli.main import app
from tests.support.runs import small
from trainer.runner import Runner
from trainer.runs.manage import all_runs
from trainer.runs.run_dir import LIVE, RunDir


def ran(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["runs", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def words(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["runs", *arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HRM_STUDIO_HOME", str(tmp_path))
    yield tmp_path / "runs"
    for run in all_runs(tmp_path / "runs"):
        if run.status().get("state") in LIVE:
            os.kill(run.status()["pid"], signal.SIGKILL)


@pytest.fixture
def finished(root: Path) -> RunDir:
    run = RunDir.create(root / "calm-whale-7", small(steps=14, evaluate_every=7))
    Runner(run).run()
    return run


def test_a_run_is_resumed_paused_saved_and_stopped_from_a_shell(root: Path) -> None:
    RunDir.create(root / "swift-otter-9", small(steps=100_000, checkpoint_every=100_000, evaluate_every=100_000))
    assert ran("resume", "otter-9")["state"] in ("starting", "running")
    assert "already" in words("resume", "otter-9", code=2)
    paused = ran("pause", "last")
    assert (paused["obeyed"], paused["state"]) == (True, "paused")
    saved = ran("save", "otter-9")
    assert saved["obeyed"]
    assert f"step_{saved['step']:06d}" in ran("show", "otter-9")["checkpoints"]
    assert "resumed" in words("resume", "otter-9")
    assert "being trained" in words("delete", "otter-9", code=2)
    stopped = ran("stop", "otter-9")
    assert (stopped["obeyed"], stopped["state"]) == (True, "stopped")
    assert "not being trained" in words("pause", "otter-9", code=2)


def test_list_and_show_print_what_there_is(finished: RunDir) -> None:
    (found,) = ran("list")["runs"]
    assert (found["name"], found["state"], found["step"], found["steps"]) == ("calm-whale-7", "finished", 14, 14)
    assert 0 <= found["best"] <= 1
    shown = ran("show", "whale-7")
    assert shown["config"]["task"] == "sudoku-4x4"
    assert shown["checkpoints"] == ["step_000007", "step_000014"]
    assert shown["evaluation"]["step"] == 14
    assert shown["environment"]["torch"]
    table = words("list")
    assert "calm-whale-7" in table
    assert "finished" in table
    text = words("show", "whale-7")
    assert "1st, 2nd, 4th, 8th" in text
    assert "of unseen puzzles" in text


def test_follow_prints_events_until_the_end(finished: RunDir) -> None:
    result = CliRunner().invoke(app, ["runs", "follow", "whale-7", "--json"])
    entries = [json.loads(line) for line in result.stdout.splitlines()]
    assert entries == finished.events().read()
    text = words("follow", "whale-7")
    assert "step 14: finished done" in text
    assert "% solved" in text
    assert words("follow", "whale-7", "--new") == ""


def test_fork_rename_delete_and_undo(finished: RunDir, root: Path) -> None:
    made = ran("fork", "whale-7", "--set", "steps=20", "--set", "lr=5e-4", "--no-start")
    new = RunDir(made["run"])
    assert (new.config().steps, new.config().lr) == (20, 5e-4)
    assert made["from"]["checkpoint"] == "step_000014"
    assert ran("resume", str(new.path))["step"] == 14
    end = time.monotonic() + 100
    while new.status()["state"] in LIVE:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert new.status()["step"] == 20
    assert "continues" in words("show", str(new.path))
    assert "no setting 'x'" in words("fork", "whale-7", "--set", "x=1", code=2)
    assert "NAME=VALUE" in words("fork", "whale-7", "--set", "lr", code=2)
    assert ran("rename", "whale-7", "heron-5")["run"] == str(root / "heron-5")
    ran("delete", "heron-5")
    assert [run["name"] for run in ran("list")["runs"]] == [new.path.name]
    assert "heron-5" in words("trash")
    assert ran("undelete")["run"] == str(root / "heron-5")
    assert RunDir(root / "heron-5").status()["step"] == 14


def test_what_is_not_there_is_one_sentence(root: Path) -> None:
    for command in ("show", "follow", "pause", "resume", "stop", "save", "fork", "delete"):
        said = words(command, "unicorn", code=2)
        assert "no run 'unicorn'" in said
        assert len(said.strip().splitlines()) == 1
    assert "hrm-studio train" in words("list")
