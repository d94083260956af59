"""What stands above a run's curves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytestqt.qtbot import QtBot

from hrm_studio.models.run_log import Mark, digest
from hrm_studio.models.run_summary import RunSummary
from hrm_studio.models.runs import RunModel
from hrm_studio.theme import Theme
from hrm_studio.views.run_header import RunHeader, standing_warnings


def warning(step: int, code: str) -> dict[str, object]:
    return {"type": "warning", "step": step, "time": 0.0, "code": code, "message": f"{code} at {step}"}


def test_a_full_disk_is_no_warning_any_more_once_a_checkpoint_was_saved() -> None:
    saved = {"type": "saved", "step": 30, "time": 0.0, "checkpoint": "step_000030"}
    marks = [part for part in digest([warning(10, "plateau"), warning(20, "disk-full"), saved]) if isinstance(part, Mark)]
    assert [mark.text for mark in standing_warnings(marks[:2])] == ["plateau at 10", "disk-full at 20"]
    assert [mark.text for mark in standing_warnings(marks)] == ["plateau at 10"]


def test_what_was_asked_is_shown_until_the_state_is_another_one(qtbot: QtBot, tmp_path: Path) -> None:
    header = RunHeader(Theme("light"))
    qtbot.addWidget(header)
    run = RunModel(RunSummary(tmp_path / "run", state="running", steps=100))
    header.show_run(run)
    header.tell_asked("pause")
    assert "pausing" in header.state.text()
    run.update(replace(run.summary, step=7))
    assert "pausing" in header.state.text()
    run.update(replace(run.summary, state="paused"))
    assert "paused" in header.state.text()
