"""The header above the curves of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytestqt.qtbot import QtBot

from hrm_studio.models.runs import RunModel, RunsModel
from hrm_studio.theme import Theme
from hrm_studio.ui.train.run_actions import RunActions
from hrm_studio.ui.train.run_header import RunHeader, standing_warnings
from hrm_studio.ui.widgets.undo_bar import UndoBar
from tests.support.runs import small
from trainer.runs.events import event
from trainer.runs.log import Mark, parse_events
from trainer.runs.run_dir import RunDir
from trainer.runs.summary import RunSummary, SummaryReader


def warning(step: int, code: str) -> dict[str, object]:
    return {"type": "warning", "step": step, "time": 0.0, "code": code, "message": f"{code} at {step}"}


def test_a_full_disk_is_no_warning_any_more_once_a_checkpoint_was_saved() -> None:
    saved = {"type": "saved", "step": 30, "time": 0.0, "checkpoint": "step_000030"}
    marks = [part for part in parse_events([warning(10, "plateau"), warning(20, "disk-full"), saved]) if isinstance(part, Mark)]
    assert [mark.text for mark in standing_warnings(marks[:2])] == ["plateau at 10", "disk-full at 20"]
    assert [mark.text for mark in standing_warnings(marks)] == ["plateau at 10"]


def test_what_was_asked_is_shown_until_the_state_is_another_one(qtbot: QtBot, tmp_path: Path) -> None:
    header = RunHeader(Theme("light"))
    qtbot.addWidget(header)
    run = RunModel(RunSummary(tmp_path / "run", state="running", steps=100))
    header.show_run(run)
    header.show_pending("pause")
    assert "pausing" in header.state.text()
    run.update(replace(run.summary, step=7))
    assert "pausing" in header.state.text()
    run.update(replace(run.summary, state="paused"))
    assert "paused" in header.state.text()


def test_a_diverged_run_is_offered_changes_and_no_resume_that_would_end_the_same_way(qtbot: QtBot, tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small())
    run.emit(event("started", 0, resumed=False, steps=40))
    run.emit(event("failed", 3, message="Training diverged: the loss is nan at step 3.", error="Diverged"))
    run.write_status(state="failed", step=3)
    reader = SummaryReader(run.path)
    model = RunModel(reader.update(0.0))
    assert (model.summary.state, model.summary.message) == ("diverged", "Training diverged: the loss is nan at step 3.")
    header = RunHeader(Theme("light"))
    bar = UndoBar()
    for widget in (header, bar):
        qtbot.addWidget(widget)
    header.show_run(model)
    assert [name for name, button in header.buttons.items() if not button.isHidden()] == ["change"]
    assert not header.banner.isHidden()
    actions = RunActions(RunsModel(tmp_path), bar, header)
    assert "Resume" not in [action.text() for action in actions.menu(model, shown=False).actions()]
    asked: list[tuple[str, object]] = []
    actions.edit_wanted.connect(lambda which: asked.append(("edit", which)))
    actions.fork_wanted.connect(lambda which: asked.append(("fork", which)))
    assert actions.control(model, "change")
    model.update(replace(model.summary, model=run.checkpoints / "step_000002"))
    assert actions.control(model, "change")
    assert asked == [("edit", model), ("fork", model)]  # from the start if nothing was saved, else from the checkpoint
    run.emit(event("started", 0, resumed=True, steps=40))
    run.write_status(state="running", step=4)
    assert reader.update(1.0).state == "running"
