"""Watching a run learn: probe traces of several steps, written as a trainer writes them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from pytestqt.qtbot import QtBot

from hrm_model.assets import model_dir
from hrm_model.checkpoint.format import load
from hrm_model.recording import record
from hrm_model.tasks.registry import task_named
from hrm_model.trace.data import PuzzleInfo, Trace
from hrm_model.trace_file import io as trace_file
from hrm_studio.models.runs import RunModel, RunsModel
from hrm_studio.models.watch import WatchModel
from hrm_studio.services.background import Background
from hrm_studio.services.reasoner import Reasoner
from tests.paths import ROOT
from tests.support.runs import recorded

TRAINING = ROOT / "training"


@cache
def thoughts(step: int) -> tuple[Trace, Trace]:
    """Two probe puzzles: before step 30 by noise in place of weights, from then on by the bundled model."""
    task = task_named("sudoku-4x4")
    model = load(model_dir("sudoku-4x4"), "cpu")
    if step < 30:
        torch.manual_seed(step)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.02)
    puzzles, solutions = task.generate(2, np.random.default_rng(5), clues=6)
    infos = [PuzzleInfo("sudoku-4x4", task.to_tokens(p), task.to_tokens(s)) for p, s in zip(puzzles, solutions, strict=True)]
    first, second = (record(model, info, f"step {step}", segments=4) for info in infos)
    return first, second


def write_probes(folder: Path, *steps: int) -> None:
    (folder / "probes").mkdir(exist_ok=True)
    for step in steps:
        with trace_file.TraceWriter(folder / "probes" / f"step_{step:06d}.h5", states="float16") as writer:
            for trace in thoughts(step):
                writer.write(trace, trace_file.Extras("6 clues"))


@pytest.fixture
def run(qtbot: QtBot, tmp_path: Path) -> Iterator[RunModel]:
    folder = tmp_path / "runs" / "one"
    recorded(folder)
    write_probes(folder, 10, 20, 30, 40)
    runs = RunsModel(tmp_path / "runs")
    runs.begin()
    qtbot.waitUntil(lambda: folder in runs.by_path)
    runs.open(runs.by_path[folder])
    qtbot.waitUntil(lambda: len(runs.by_path[folder].log.evaluations) == 2)
    yield runs.by_path[folder]
    runs.close()


@pytest.fixture
def watch(qtbot: QtBot) -> Iterator[WatchModel]:
    background, reasoner = Background(), Reasoner()
    yield WatchModel(background, reasoner)
    reasoner.close()
    background.close()


def shown(watch: WatchModel, qtbot: QtBot, step: int) -> Trace:
    def there() -> bool:
        trace = watch.traces.trace
        return watch.moment is not None and watch.moment.step == step and trace is not None and trace.model.name == f"step {step}"

    qtbot.waitUntil(there)
    assert watch.traces.trace is not None
    return watch.traces.trace


def test_it_begins_at_the_newest_moment_and_goes_back_in_training(watch: WatchModel, run: RunModel, qtbot: QtBot) -> None:
    watch.set_run(run)
    trace = shown(watch, qtbot, 40)
    assert [m.step for m in watch.moments] == [10, 20, 30, 40]
    assert watch.titles == ("6 clues · 1", "6 clues · 2")
    np.testing.assert_array_equal(trace.prediction, thoughts(40)[0].prediction)
    assert [watch.solved(m) for m in watch.moments] == [False, False, True, True]
    watch.go(0)
    np.testing.assert_array_equal(shown(watch, qtbot, 10).prediction, thoughts(10)[0].prediction)
    watch.go(-3)
    assert watch.at == 0


def test_the_place_in_thinking_time_stays(watch: WatchModel, run: RunModel, qtbot: QtBot) -> None:
    watch.set_run(run)
    shown(watch, qtbot, 40)
    assert watch.traces.cursor == 23
    watch.go(1)
    shown(watch, qtbot, 20)
    assert watch.traces.cursor == 23
    watch.traces.set_cursor(7)
    watch.go(2)
    shown(watch, qtbot, 30)
    assert watch.traces.cursor == 7


def test_another_puzzle_is_read_from_the_same_files(watch: WatchModel, run: RunModel, qtbot: QtBot) -> None:
    watch.set_run(run)
    shown(watch, qtbot, 40)
    watch.choose(1)
    trace = shown(watch, qtbot, 40)
    np.testing.assert_array_equal(trace.puzzle.given, thoughts(40)[1].puzzle.given)


def test_sliding_fast_ends_where_the_slider_ends(watch: WatchModel, run: RunModel, qtbot: QtBot) -> None:
    watch.set_run(run)
    shown(watch, qtbot, 40)
    for index in (2, 1, 0, 1, 2, 1):
        watch.go(index)
    shown(watch, qtbot, 20)


def test_it_goes_through_the_training_by_itself(watch: WatchModel, run: RunModel, qtbot: QtBot) -> None:
    watch.set_run(run)
    shown(watch, qtbot, 40)
    watch.go_through()
    assert watch.going_through
    assert watch.at == 0
    qtbot.waitUntil(lambda: not watch.going_through)
    assert watch.at == 3


def test_a_new_evaluation_is_shown_to_who_looks_at_the_newest(watch: WatchModel, run: RunModel, qtbot: QtBot) -> None:
    watch.set_run(run)
    shown(watch, qtbot, 40)
    write_probes(run.path, 50)
    (run.path / "probes" / "step_000060.h5").write_bytes(b"\x89HDF half written")
    run.run.emit({"v": 1, "type": "evaluation", "time": 1.0, "step": 50, "values": {"exact_accuracy": 0.9}, "sets": {}})
    qtbot.waitUntil(lambda: len(run.log.evaluations) == 3)
    watch.look()
    shown(watch, qtbot, 50)
    assert [m.step for m in watch.moments] == [10, 20, 30, 40, 50]
    watch.go(1)
    shown(watch, qtbot, 20)


def test_a_damaged_file_is_reported(watch: WatchModel, run: RunModel, qtbot: QtBot) -> None:
    watch.set_run(run)
    shown(watch, qtbot, 40)
    file = run.path / "probes" / "step_000020.h5"
    file.write_bytes(file.read_bytes()[:2000])
    with qtbot.waitSignal(watch.failed) as told:
        watch.go(1)
    assert str(file) in told.args[0]
    watch.go(2)
    shown(watch, qtbot, 30)


def test_without_probe_files_kept_checkpoints_think(watch: WatchModel, qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "plain"
    recorded(folder)
    place = folder / "checkpoints" / "step_000040"
    place.parent.mkdir()
    import shutil

    shutil.copytree(model_dir("sudoku-4x4"), place)
    runs = RunsModel(tmp_path / "runs")
    runs.begin()
    qtbot.waitUntil(lambda: folder in runs.by_path)
    run = runs.by_path[folder]
    runs.open(run)
    watch.set_run(run)
    qtbot.waitUntil(lambda: watch.traces.trace is not None)
    assert watch.moments[0].checkpoint == place
    assert watch.traces.verdict.solved is not None
    runs.close()


@pytest.mark.skipif(not TRAINING.is_dir(), reason="a source archive leaves the runs out")
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("sudoku-9x9", [500, 1000, 2000, 4000, 8000, 12500, 16000, 20000, 25000, 30000]),
        ("maze-11x11", [500, 1000, 2000, 4000, 8000, 16000, 30000]),
    ],
)
def test_the_run_of_a_bundled_model_can_be_watched(name: str, steps: list[int], watch: WatchModel, qtbot: QtBot, tmp_path: Path) -> None:
    """These runs have no probe traces: their checkpoints (only the last one can be resumed) reason when they are shown."""
    folder = tmp_path / "runs" / name
    shutil.copytree(TRAINING / name, folder, ignore=shutil.ignore_patterns("training_state.pt"))
    runs = RunsModel(tmp_path / "runs")
    runs.begin()
    qtbot.waitUntil(lambda: folder in runs.by_path)
    runs.open(runs.by_path[folder])
    watch.set_run(runs.by_path[folder])
    qtbot.waitUntil(lambda: watch.traces.trace is not None)
    assert [m.step for m in watch.moments] == steps
    last = watch.traces.trace
    assert last.model.config["q_continue"] is False, "halting is judged by q_halt alone"
    watch.go(1)
    qtbot.waitUntil(lambda: watch.traces.trace is not last)
    first = watch.traces.trace
    assert first is not None
    assert last is not None
    assert (first.puzzle.given == last.puzzle.given).all()
    assert (last.prediction[-1] == last.puzzle.solution).all()
    assert not (first.prediction[-1] == first.puzzle.solution).all()
    runs.close()
