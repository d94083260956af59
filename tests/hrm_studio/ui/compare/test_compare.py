"""Comparing with real models: one cursor, one basis, marked differences, and what goes wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from hrm_model.assets import bundled_models
from hrm_model.folders import home
from hrm_model.tasks.read import parse_any
from hrm_model.trace_file.io import info
from hrm_studio.main_window import MainWindow
from hrm_studio.models.comparison import Setting
from hrm_studio.ui.compare.page import ComparePage
from tests.support.traces import FOUR, NINE, arc_info, sudoku_info, synthetic


@pytest.fixture
def page(window: MainWindow) -> ComparePage:
    window.show_page("compare")
    page = window.page("compare")
    page.comparison.stop()
    page.puzzle.setText(FOUR)
    return page


def four() -> Path:
    return next(m.path for m in bundled_models() if m.task == "sudoku-4x4")


def done(page: ComparePage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: all(p.error or (p.traces.trace is not None and not p.traces.running) for p in page.comparison.panes))


def test_two_budgets_stand_at_the_same_moment(page: ComparePage, qtbot: QtBot) -> None:
    page.compare([Setting(four(), 1), Setting(four(), 3)])
    done(page, qtbot)
    short, long = (pane.traces for pane in page.comparison.panes)
    assert (len(short.trace), len(long.trace)) == (6, 18)
    assert page.comparison.leader() is page.comparison.panes[1]
    for cursor, first in ((0, 0), (4, 4), (12, 5), (17, 5)):
        page.comparison.clock.set_cursor(cursor)
        assert (short.cursor, long.cursor) == (first, cursor)
    page.comparison.clock.set_cursor(3)
    np.testing.assert_array_equal(short.trace.prediction[3], long.trace.prediction[3])  # the same model at the same step
    assert page.panes[1].apart.text().startswith("Same answer as A")
    page.comparison.clock.set_cursor(17)
    differences = page.comparison.differences(1)
    assert (
        differences.decided | differences.one_open | differences.both_open | (short.trace.prediction[5] == long.trace.prediction[17])
    ).all()
    page.window().actions_table.by_name["compare_step_back"].trigger()
    assert page.comparison.clock.cursor == 16


def test_a_comparison_is_saved_as_one_file(page: ComparePage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page.compare([Setting(four(), 1), Setting(four(), 2, relabelled=1)])
    done(page, qtbot)
    out = tmp_path / "c.h5"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    page.window().actions_table.by_name["compare_save"].trigger()
    qtbot.waitUntil(out.exists)
    assert [(entry.title, entry.segments) for entry in info(out)] == [
        ("A: sudoku-4x4, 1 segment", 1), ("B: sudoku-4x4, 2 segments, relabelling 1", 2),
    ]  # fmt: skip


def test_a_relabelled_puzzle_is_put_back(page: ComparePage, qtbot: QtBot) -> None:
    page.compare([Setting(four(), 2), Setting(four(), 2, relabelled=1)])
    done(page, qtbot)
    one, other = (pane.traces.trace for pane in page.comparison.panes)
    np.testing.assert_array_equal(one.puzzle.given, other.puzzle.given)
    np.testing.assert_array_equal(one.puzzle.solution, other.puzzle.solution)
    assert not np.array_equal(one.probability, other.probability)
    assert page.panes[1].puzzle.currentText() == "Relabelled"
    qtbot.waitUntil(lambda: page.plots.planes.get("H") is not None and len(page.plots.planes["H"].paths) == 2)
    assert not page.grab().isNull()


def test_panes_come_go_and_change(page: ComparePage, qtbot: QtBot) -> None:
    page.compare([Setting(four(), 1), Setting(four(), 1)])
    page.add_pane()
    page.add_pane()
    assert len(page.panes) == 4
    assert not page.add.isEnabled()
    page.add_pane()
    assert len(page.panes) == 4
    page.panes[0].closed.emit()
    assert len(page.panes) == 3
    page.panes[1].segments.setValue(4)
    assert page.comparison.panes[1].setting.segments == 4
    assert page.comparison.panes[1].traces.trace is None
    page.run()
    done(page, qtbot)
    assert page.comparison.panes[1].traces.trace.segments == 4


def test_each_pane_shows_its_error_and_the_others_go_on(page: ComparePage, qtbot: QtBot, tmp_path: Path) -> None:
    nine = next(m.path for m in bundled_models() if m.task == "sudoku-9x9")
    page.compare([Setting(four(), 1), Setting(nine, 1), Setting(tmp_path / "nowhere", 1), Setting(four(), 1, puzzle="11" + "." * 14)])
    done(page, qtbot)
    words = [pane.message.text() for pane in page.panes]
    assert "reads sudoku-9x9" in words[1]
    assert "nowhere" in words[2]
    assert "appears twice" in words[3]
    assert page.comparison.panes[0].traces.trace is not None
    page.puzzle.setText("12")
    page.run()
    assert "2 cells" in page.error.text()
    assert page.error.isVisible()
    page.comparison.clock.set_cursor(0)
    assert page.error.isVisible()  # what is left can be shown, and the error stays
    page.puzzle.setText(FOUR)
    page.run()
    assert not page.error.isVisible()


def test_the_page_opens_with_something_to_see_and_stops(page: ComparePage, qtbot: QtBot) -> None:
    page.compare_checkpoints()
    assert "Train page" in page.error.text()
    page.compare_models()
    assert len(page.panes) == 2
    assert not page.error.text()  # the model of every size reads this puzzle too
    assert page.comparison.panes[1].waiting
    page.comparison.stop()
    assert not page.comparison.panes[1].waiting
    assert not page.comparison.running
    qtbot.keyClick(page.puzzle, Qt.Key.Key_Return)
    done(page, qtbot)
    assert page.comparison.panes[0].traces.trace is not None


@pytest.mark.parametrize("text", ["012/345", "a puzzle of a file, which no line holds"])
def test_the_page_opens_with_a_puzzle_that_can_be_read(new_window: Callable[..., MainWindow], text: str) -> None:
    """Explore's puzzle if it fits on one line, else a bundled one."""
    window = new_window(show=False)
    trace = synthetic(replace(arc_info(), text=text), segments=1)
    window.traces.open(trace)
    window.show()
    window.show_page("compare")
    page = window.page("compare")
    assert isinstance(page, ComparePage)
    page.comparison.stop()
    task, _ = parse_any(page.puzzle.text())
    assert (task.name == "arc") == (text == "012/345")
    assert page.state.text() == "Reasoning …"


def test_two_checkpoints_of_a_run_and_a_puzzle_that_they_read(page: ComparePage, qtbot: QtBot, tmp_path: Path) -> None:
    six = next(m.path for m in bundled_models() if m.task == "sudoku-6x6")
    for run, model in (("fours", four()), ("sixes", six)):
        for step in ("step_000100", "step_000200", "step_000300", "step_000400"):
            shutil.copytree(model, home() / "runs" / run / "checkpoints" / step)
        os.utime(home() / "runs" / run, (1, 1 + (run == "sixes")))  # the newest run reads other puzzles than the one in the field
    page.compare_checkpoints()
    assert [pane.model.currentText() for pane in page.panes] == ["step 100 · fours", "step 400 · fours"]
    assert page.puzzle.text() == FOUR
    shutil.rmtree(home() / "runs" / "fours")
    page.compare_checkpoints()
    assert "sixes" in page.panes[0].model.currentText()
    assert parse_any(page.puzzle.text())[0].name == "sudoku-6x6"
    for pane in page.panes:
        pane.segments.setValue(1)
    page.run()
    done(page, qtbot)
    assert not any(pane.error for pane in page.comparison.panes)
    page.compare_models()
    assert "sixes" in page.panes[1].model.currentText()  # it reads what the bundled one reads


def test_a_pane_has_its_own_puzzle(page: ComparePage, qtbot: QtBot) -> None:
    page.compare([Setting(four(), 1), Setting(four(), 1)])
    done(page, qtbot)
    pane = page.panes[1]
    pane.puzzle.setCurrentIndex(2)
    pane.puzzle.activated.emit(2)
    assert pane.message.text() == "Press Reason to start"
    qtbot.keyClicks(pane.own, "1.......41.22.4.")
    qtbot.keyClick(pane.own, Qt.Key.Key_Return)
    done(page, qtbot)
    first, other = (each.traces.trace for each in page.comparison.panes)
    assert first.puzzle.text != other.puzzle.text
    assert "not compared" in pane.apart.text()


def test_no_pane_pretends_to_reason_if_none_can(page: ComparePage, qtbot: QtBot) -> None:
    nine = next(m.path for m in bundled_models() if m.task == "sudoku-9x9")
    page.compare([Setting(nine, 1), Setting(nine, 2)])
    qtbot.waitUntil(lambda: page.error.text().startswith("No pane can reason"))
    assert all("Choose another model" in pane.message.text() for pane in page.panes)


def test_explores_puzzle_is_taken(page: ComparePage, qtbot: QtBot) -> None:
    traces, told = page.window().studio.traces, []
    page.window().studio.opener.refused.connect(told.append)
    traces.open(None)
    page.take_from_explore()
    assert "Explore shows no Sudoku or maze" in told[0]
    assert page.puzzle.text() == FOUR
    page.compare([Setting(four(), 1), Setting(four(), 2), Setting(four(), 3)])
    other = FOUR[::-1]
    traces.open(synthetic(replace(sudoku_info(other), text=other), segments=1))
    page.window().studio.actions.by_name["compare_explore"].trigger()
    assert page.puzzle.text() == other
    assert len(page.comparison.panes) == 3
    traces.open(synthetic(replace(sudoku_info(), text=NINE), segments=1))
    page.take_from_explore()
    assert [pane.setting.segments for pane in page.comparison.panes] == [2, 16]
    assert page.comparison.panes[0].setting.model.name == "sudoku-9x9"
    assert page.state.text() == "Reasoning …"  # and nothing about the earlier panes
