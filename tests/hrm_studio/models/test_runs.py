"""Runs with real trainers: started, followed, paused, killed, found again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from hrm_model.errors import RunError
from hrm_studio.models.runs import RunModel, RunsModel
from tests.paths import ROOT
from tests.support.runs import kill_trainers, recorded, small
from trainer.config import RunConfig, write_config
from trainer.runs.events import append_line, event
from trainer.runs.run_dir import RunDir


@pytest.fixture
def runs(qtbot: QtBot, tmp_path: Path) -> Iterator[RunsModel]:
    model = RunsModel(tmp_path / "runs")
    model.begin()
    yield model
    model.close()


def found(runs: RunsModel, qtbot: QtBot, path: Path) -> RunModel:
    qtbot.waitUntil(lambda: path in runs.by_path and runs.by_path[path].summary.state != "new")
    return runs.by_path[path]


def test_a_run_is_started_followed_paused_resumed_and_finished(runs: RunsModel, qtbot: QtBot) -> None:
    run = runs.start_new(small(steps=3000, evaluate_every=1000, batch_size=8))
    assert run.summary.live
    runs.open(run)
    qtbot.waitUntil(lambda: len(run.log.metrics) > 5)
    runs.command(run, "pause")
    qtbot.waitUntil(lambda: run.summary.state == "paused")
    runs.resume(run)
    qtbot.waitUntil(lambda: run.summary.state == "running")
    runs.command(run, "stop")
    qtbot.waitUntil(lambda: run.summary.state == "stopped")
    assert run.summary.model is not None
    assert {"paused", "resumed", "finished"} <= {mark.kind for mark in run.log.marks}


def test_trainers_that_a_test_leaves_behind_are_killed(runs: RunsModel, tmp_path: Path) -> None:
    run = runs.start_new(small(steps=100_000, evaluate_every=50_000, batch_size=4))
    assert kill_trainers(tmp_path / "elsewhere") == 0
    assert kill_trainers(tmp_path) == 1
    assert kill_trainers(tmp_path) == 0
    assert run.path.is_dir()


def test_a_trainer_that_has_not_begun_yet_is_stopped_as_soon_as_it_does(runs: RunsModel, qtbot: QtBot) -> None:
    run = runs.start_new(small(steps=100_000, evaluate_every=50_000, batch_size=4))
    assert run.summary.state == "starting"
    runs.command(run, "stop")
    qtbot.waitUntil(lambda: run.summary.state == "stopped")
    assert run.summary.step < 100_000


def test_a_killed_trainer_is_reported_and_resumed(runs: RunsModel, qtbot: QtBot) -> None:
    run = runs.start_new(small(steps=60, checkpoint_every=10, evaluate_every=60))
    runs.open(run)
    qtbot.waitUntil(lambda: (run.path / "checkpoints" / "last").exists())
    os.kill(run.run.status()["pid"], signal.SIGKILL)
    qtbot.waitUntil(lambda: run.summary.state == "killed")
    assert "Resume continues" in run.summary.message
    runs.resume(run)
    qtbot.waitUntil(lambda: run.summary.state == "finished")
    steps = run.log.metrics["step"]
    qtbot.waitUntil(lambda: bool(len(run.log.metrics)) and run.log.metrics["step"][-1] == 60)
    steps = run.log.metrics["step"]
    assert steps.tolist() == sorted(set(steps.tolist()))


def test_a_trainer_does_not_notice_that_the_studio_is_killed(runs: RunsModel, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "orphan"
    RunDir.create(path, small(steps=30, evaluate_every=30))
    code = (
        "import sys, time; from hrm_studio.services.trainer_process import start_trainer; from trainer.runs.run_dir import RunDir\n"
        "start_trainer(RunDir(sys.argv[1])); print('started', flush=True); time.sleep(600)"
    )
    studio = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, start_new_session=True, cwd=ROOT)
    assert studio.stdout is not None
    assert studio.stdout.readline() == b"started\n"
    os.killpg(studio.pid, signal.SIGKILL)
    studio.wait()
    studio.stdout.close()
    run = found(runs, qtbot, path)
    qtbot.waitUntil(lambda: run.summary.state == "finished")
    assert run.summary.step == 30


def test_a_trainer_that_cannot_begin_leaves_its_last_words(runs: RunsModel, qtbot: QtBot) -> None:
    run = runs.start_new(small(device="cuda:7"))
    qtbot.waitUntil(lambda: run.summary.state in ("failed", "killed"))
    qtbot.waitUntil(lambda: "cuda" in run.summary.message.lower())


def test_a_second_trainer_on_a_run_is_refused_in_words(runs: RunsModel, qtbot: QtBot) -> None:
    run = runs.start_new(small(steps=100_000, evaluate_every=50_000, batch_size=4))
    qtbot.waitUntil(lambda: run.summary.state == "running")
    with qtbot.waitSignal(runs.refused) as told:
        runs.trainers.start(run.run)
    assert "is already training this run" in told.args[0]
    assert run.summary.live
    assert os.getpriority(os.PRIO_PROCESS, run.run.status()["pid"]) > os.getpriority(os.PRIO_PROCESS, 0)  # the window comes first
    runs.command(run, "stop")
    qtbot.waitUntil(lambda: run.summary.state == "stopped")


def test_finished_runs_are_found_with_what_they_came_to(runs: RunsModel, qtbot: QtBot, tmp_path: Path) -> None:
    recorded(tmp_path / "runs" / "one")
    run = found(runs, qtbot, tmp_path / "runs" / "one")
    qtbot.waitUntil(lambda: run.summary.best is not None and run.summary.seconds > 0)
    assert run.summary.best == 0.5
    assert run.summary.best_step == 40
    assert run.summary.progress == 1
    assert run.summary.seconds == 0.8
    assert run.summary.size > 1000
    runs.open(run)
    qtbot.waitUntil(lambda: len(run.log.evaluations) == 2)
    assert run.log.metrics["loss"][3] == 0.25


def test_a_run_elsewhere_is_attached_and_followed_while_it_grows(runs: RunsModel, qtbot: QtBot, tmp_path: Path) -> None:
    run = recorded(tmp_path / "mine")
    runs.add_elsewhere(tmp_path / "mine")
    model = found(runs, qtbot, tmp_path / "mine")
    runs.open(model)
    qtbot.waitUntil(lambda: len(model.log.metrics) == 40)
    with run.events_file.open("ab") as stream:
        stream.write(b'{"v": 1, "type": "metr')  # a torn line
    append_line(run.events_file, event("metrics", 41, values={"loss": 0.5}, phase=0, examples=41, seconds=1.0))
    qtbot.waitUntil(lambda: len(model.log.metrics) == 41)
    with pytest.raises(RunError, match="is not a run directory"):
        runs.add_elsewhere(tmp_path)


def test_renaming_keeps_what_was_read(runs: RunsModel, qtbot: QtBot, tmp_path: Path) -> None:
    recorded(tmp_path / "runs" / "one")
    recorded(tmp_path / "runs" / "two")
    run = found(runs, qtbot, tmp_path / "runs" / "one")
    runs.open(run)
    qtbot.waitUntil(lambda: len(run.log.metrics) == 40)
    with pytest.raises(RunError, match="already exists"):
        runs.rename(run, "two")
    with pytest.raises(RunError, match="cannot be a folder.s name"):
        runs.rename(run, "a/b")
    runs.rename(run, "better name")
    assert (tmp_path / "runs" / "better name" / "config.yaml").exists()
    append_line(run.run.events_file, event("metrics", 41, values={"loss": 0.5}, phase=0, examples=41, seconds=1.0))
    qtbot.waitUntil(lambda: len(run.log.metrics) == 41)
    # (The other run may be found only now: folders are looked through piece by piece.)
    qtbot.waitUntil(lambda: set(runs.by_path) == {tmp_path / "runs" / "better name", tmp_path / "runs" / "two"})


def test_deleting_can_be_undone_until_the_trash_is_emptied(runs: RunsModel, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "one"
    recorded(path)
    run = found(runs, qtbot, path)
    with qtbot.waitSignal(runs.deleted):
        runs.delete(run)
    assert not path.exists()
    assert path not in runs.by_path
    runs.undo_delete()
    run = found(runs, qtbot, path)
    runs.delete(run)
    runs.empty_trash()
    qtbot.waitUntil(lambda: not list((tmp_path / "runs" / ".trash").iterdir()))
    with pytest.raises(RunError, match="there is no deleted run"):
        runs.undo_delete()


def test_a_folder_with_a_broken_configuration_is_listed_with_the_reason(runs: RunsModel, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "odd"
    path.mkdir(parents=True)
    (path / "config.yaml").write_text("steps: -3\n")
    run = found(runs, qtbot, path)
    assert run.summary.state == "unreadable"
    assert str(path) in run.summary.message
    good: RunConfig = small()
    write_config(good, path / "config.yaml")
    qtbot.waitUntil(lambda: run.summary.state == "new")
