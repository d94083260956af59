"""What the studio remembers from one session to the next, and what it says about files it writes."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from hrm_model.assets import model_dir
from hrm_model.folders import home
from hrm_model.tasks.read import parse_any
from hrm_model.trace_file.io import write
from hrm_studio.export.names import file_name
from hrm_studio.main_window import MainWindow
from hrm_studio.ui.dialogs.save_trace import SaveTraceDialog
from tests.support.puzzles import STARTER_4
from tests.support.traces import maze_info, sudoku_info, synthetic
from tests.support.windows import NewWindow


def again(window: MainWindow, new_window: NewWindow) -> MainWindow:
    """Close a window and open the next session's."""
    window.settings.setValue("tour", "offered")
    window.close()
    window.settings.sync()
    return new_window()


def test_page_model_and_puzzle_come_back(window: MainWindow, new_window: NewWindow, qtbot: QtBot, tmp_path: Path) -> None:
    own = tmp_path / "my-own-four"
    shutil.copytree(model_dir("sudoku-4x4"), own)
    window.models.use(own)
    window.explore.model.show_and_reason(*parse_any(STARTER_4))
    qtbot.waitUntil(lambda: not window.traces.running and window.traces.trace is not None)
    window.show_page("traces")
    later = again(window, new_window)
    assert later.models.path == own
    assert "my-own-four" in later.top_bar.model.text()
    later.begin()
    assert later.stack.currentWidget() is later.pages["traces"]
    qtbot.waitUntil(lambda: later.traces.trace is not None)
    trace = later.traces.trace
    assert trace is not None
    assert (trace.puzzle.text, trace.model.name) == (STARTER_4.replace("0", "."), "my-own-four")


def test_an_opened_trace_comes_back_and_is_named(window: MainWindow, new_window: NewWindow, qtbot: QtBot, tmp_path: Path) -> None:
    write(tmp_path / "two.h5", [synthetic(sudoku_info(), segments=2), synthetic(sudoku_info(), segments=3)])
    window.explore.model.open_trace(tmp_path / "two.h5", 1)
    qtbot.waitUntil(lambda: window.traces.trace is not None)
    assert window.windowTitle() == "two.h5 – HRM Studio"
    later = again(window, new_window)
    later.begin()
    qtbot.waitUntil(lambda: later.traces.trace is not None)
    assert later.traces.trace is not None
    assert later.traces.trace.segments == 3
    assert later.windowTitle() == "two.h5 – HRM Studio"
    (tmp_path / "two.h5").unlink()  # then the puzzle comes back
    last = again(later, new_window)
    last.begin()
    qtbot.waitUntil(lambda: last.traces.trace is not None)
    assert last.windowTitle() == "HRM Studio"
    assert last.traces.trace is not None
    assert last.traces.trace.puzzle.task == "sudoku-9x9"


def test_a_model_that_is_gone_is_forgotten(window: MainWindow, new_window: NewWindow, tmp_path: Path) -> None:
    bundled = window.models.path
    window.models.use(tmp_path / "gone")
    assert again(window, new_window).models.path == bundled


def test_a_file_of_puzzles_is_named_until_another_puzzle_comes(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(f"{STARTER_4}\n{STARTER_4[::-1]}\n")
    window.opener.open(tmp_path / "mine.txt")
    qtbot.waitUntil(lambda: window.windowTitle() == "mine.txt – HRM Studio")
    window.explore.panel.example.click()
    assert window.windowTitle() == "mine.txt – HRM Studio"
    window.explore.open_text(STARTER_4)
    assert window.windowTitle() == "HRM Studio"


def test_a_running_training_is_marked_on_every_page(window: MainWindow, qtbot: QtBot) -> None:
    run = home() / "runs" / "busy-otter"
    run.mkdir(parents=True)
    me = psutil.Process(os.getpid())
    status = {"v": 1, "pid": me.pid, "started": me.create_time(), "state": "running"}
    (run / "status.json").write_text(json.dumps(status))
    window.live_runs.begin()
    tab = window.top_bar.tabs["train"]
    qtbot.waitUntil(lambda: tab.marked)
    assert "busy-otter" in tab.toolTip()
    (run / "status.json").write_text(json.dumps(status | {"state": "finished"}))
    window.live_runs.look()
    qtbot.waitUntil(lambda: not tab.marked)
    assert "busy-otter" not in tab.toolTip()


def test_names_of_files_carry_the_puzzle_and_the_date() -> None:
    noon = time.mktime((2026, 11, 30, 12, 5, 0, 0, 0, -1))
    assert file_name(synthetic(sudoku_info(), segments=1), noon) == "sudoku-9x9-30-clues-2026-11-30-1205"
    assert file_name(synthetic(maze_info(11), segments=1), noon) == "maze-11x11-2026-11-30-1205"


def test_saving_says_where_and_shows_the_folder(window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proposed: list[str] = []

    def choose(parent: object, title: str, name: str, *more: object) -> tuple[str, str]:
        proposed.append(Path(name).name)
        return str(tmp_path / "mine.h5"), ""

    shown: list[QUrl] = []
    monkeypatch.setattr(SaveTraceDialog, "exec", lambda _: True)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", staticmethod(choose))
    monkeypatch.setattr(QDesktopServices, "openUrl", staticmethod(shown.append))
    trace = synthetic(sudoku_info(), segments=1)
    window.traces.open(trace)
    window.actions_table.by_name["trace_save"].trigger()
    qtbot.waitUntil(window.notice.isVisible)
    assert proposed == [f"{file_name(trace)}.h5"]
    assert str(tmp_path / "mine.h5") in window.notice.text.text()
    show = next(button for button in window.notice.findChildren(QPushButton) if button.text() == "Show")
    show.click()
    assert [Path(url.toLocalFile()) for url in shown] == [tmp_path]
    window.notice.show_message("An error.")
    assert show.isHidden()
