"""The flow of Explore: the first start, where the focus goes, and which puzzle a paste, a key or a click is about."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QMenu, QWidget
from pytestqt.qtbot import QtBot

from hrm_model.analysis.core import halting_segment, solved
from hrm_model.assets import model_dir
from hrm_model.tasks.read import parse_any
from hrm_model.trace_file.io import write
from hrm_studio.main_window import MainWindow
from hrm_studio.ui.shell.tour import Tour
from tests.support.puzzle_panel import Rig
from tests.support.puzzles import STARTER_4
from tests.support.traces import NINE, sudoku_info, synthetic
from tests.support.windows import NewWindow

OTHER_4 = "0200000100040030"


def press(key: Qt.Key) -> None:
    """A key as a keyboard sends it: to the window, which asks its shortcuts first."""
    window = QApplication.activeWindow()
    assert window is not None
    QTest.keyClick(window.windowHandle(), key)


@pytest.fixture
def shown(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """A window with a trace that stands at its first step."""
    window.traces.open(synthetic(sudoku_info(), segments=4), cursor=0)
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    return window


def test_the_first_trace_waits_for_the_end_of_the_tour(new_window: NewWindow, qtbot: QtBot) -> None:
    window = new_window()
    window.offer_tour()
    assert window.findChild(Tour) is None  # the board is still empty
    window.explore.model.show_and_reason(*parse_any(STARTER_4))
    qtbot.waitUntil(lambda: window.findChild(Tour) is not None)
    tour = window.findChild(Tour)
    assert tour is not None
    qtbot.waitUntil(lambda: not window.traces.running)
    assert (window.traces.cursor, window.player.playing) == (0, False)
    for _ in range(5):
        tour.next.click()
    assert window.player.playing
    assert window.explore.board.hasFocus()
    window.player.pause()
    window.explore.model.show_and_reason(*parse_any(OTHER_4))
    qtbot.waitUntil(lambda: window.player.playing)  # later ones play at once


def test_the_tour_is_offered_again_if_another_page_was_open(window: MainWindow) -> None:
    window.offer_tour()
    window.show_page("train")
    window.traces.open(synthetic(sudoku_info()), cursor=0)
    assert window.findChild(Tour) is None
    assert window.settings.value("tour") is None


@pytest.mark.parametrize("name", ["board", "editor", "segments", "speed", "cells"])
def test_space_plays_wherever_the_focus_is(shown: MainWindow, qtbot: QtBot, name: str) -> None:
    panel = shown.explore.panel
    panel.edit_on_board()
    before = panel.editor._puzzle.line
    if name == "cells":
        shown.explore.docks["Cells"].raise_()
    place: QWidget = {
        "board": shown.explore.board,
        "editor": panel.editor,
        "segments": panel.segments,
        "speed": shown.explore.transport.speed,
        "cells": shown.explore.cells.table,
    }[name]
    QTest.qWait(50)
    QTest.mouseClick(place, Qt.MouseButton.LeftButton, pos=QPoint(12, 12))
    popup = QApplication.activePopupWidget()
    if popup is not None:
        popup.close()
    press(Qt.Key.Key_Space)
    assert shown.player.playing
    assert shown.explore.model.puzzle.line == before


def test_reasoning_gives_the_keys_to_the_board(shown: MainWindow, qtbot: QtBot) -> None:
    explore = shown.explore
    explore.model.puzzle.replace(*parse_any(STARTER_4))
    explore.panel.edit_on_board()
    QTest.keyClick(explore.panel.editor, Qt.Key.Key_Return)
    assert explore.board.hasFocus()
    qtbot.waitUntil(lambda: not shown.traces.running and shown.traces.trace is not None and len(shown.traces.trace) > 10)
    press(Qt.Key.Key_End)
    cell = explore.panel.editor.cell
    press(Qt.Key.Key_Home)
    assert (shown.traces.cursor, explore.panel.editor.cell) == (0, cell)
    explore.panel.segments.setFocus()
    explore.panel.segments.selectAll()
    QTest.keyClicks(explore.panel.segments, "3")
    asked = []
    explore.model.asked.connect(lambda: asked.append(explore.model.segments))
    QTest.keyClick(explore.panel.segments, Qt.Key.Key_Return)
    assert asked == [3]
    assert explore.board.hasFocus()


def test_a_click_on_empty_ground_leaves_the_editor(shown: MainWindow) -> None:
    explore = shown.explore
    for beside in (explore.panel.known, explore.panel.difficulty.count, explore.transport.position, explore.board_panel.what):
        explore.panel.edit_on_board()
        assert explore.panel.editor.hasFocus()
        QTest.mouseClick(beside, Qt.MouseButton.LeftButton)
        assert explore.board.hasFocus(), beside


def test_no_click_on_a_button_or_a_list_of_explore_takes_the_focus(shown: MainWindow) -> None:
    for view in (shown.explore, shown.explore.states, shown.explore.curves, shown.explore.attention):
        for combo in view.findChildren(QComboBox):
            assert not combo.focusPolicy() & Qt.FocusPolicy.ClickFocus, combo.accessibleName()


# One puzzle: what is shown is what is reasoned about -------------------------------------------------------------------


def test_a_paste_replaces_one_that_failed(rig: Rig) -> None:
    clipboard, panel = QApplication.clipboard(), rig.panel
    clipboard.setText("no puzzle")
    panel.paste()
    first = panel.error.text()
    assert first
    clipboard.setText("12q4" + "." * 12)
    panel.text.paste()  # what Ctrl+V does while the text has the focus
    assert panel.text.toPlainText() == "12q4" + "." * 12
    assert "'q'" in panel.error.text()
    clipboard.setText(STARTER_4)
    panel.text.paste()
    assert rig.puzzle.line == STARTER_4.replace("0", ".")
    assert rig.asked == [rig.puzzle.line]
    assert panel.error.text() == ""
    clipboard.setText(OTHER_4)
    panel.text.paste()  # a whole puzzle replaces the text of another
    assert rig.asked[1:] == [OTHER_4.replace("0", ".")]


def test_a_part_of_a_puzzle_is_inserted(rig: Rig) -> None:
    rig.show(STARTER_4)
    rig.panel.edit_as_text()
    rig.panel.text.setPlainText("12")
    rig.panel.text.moveCursor(rig.panel.text.textCursor().MoveOperation.End)
    QApplication.clipboard().setText("34")
    rig.panel.text.paste()
    assert rig.panel.text.toPlainText() == "1234"
    assert rig.asked == []


def test_an_error_goes_as_the_text_is_edited(rig: Rig) -> None:
    rig.show(STARTER_4)
    QApplication.clipboard().setText("no puzzle")
    rig.panel.paste()
    assert rig.panel.error.text()
    rig.qtbot.keyClicks(rig.panel.text, "x")
    assert rig.panel.error.text() == ""
    rig.panel.submit()
    assert rig.panel.error.text()
    rig.panel.text.setPlainText(STARTER_4)  # the puzzle that is on the board: nothing changes but the text
    assert rig.panel.error.text() == ""


def test_the_board_that_is_shown_is_reasoned_about(rig: Rig) -> None:
    rig.show(STARTER_4)
    QApplication.clipboard().setText("no puzzle")
    rig.panel.paste()
    rig.panel.edit_on_board()
    rig.panel.submit()
    assert rig.asked == [STARTER_4.replace("0", ".")]
    rig.panel.edit_as_text()
    assert rig.panel.text.toPlainText() == rig.puzzle.task.format_grid(rig.puzzle.grid)
    rig.panel.paste()
    rig.explore.open_text(STARTER_4, "The text")  # the same puzzle again, from elsewhere
    assert rig.panel.text.toPlainText() == rig.puzzle.task.format_grid(rig.puzzle.grid)


# Several solutions, and the budget ---------------------------------------------------------------------------------------


def test_a_puzzle_with_several_solutions_is_reasoned_about_if_asked(window: MainWindow, qtbot: QtBot) -> None:
    panel, model = window.explore.panel, window.explore.model
    model.segments = 2
    model.puzzle.replace(*parse_any("2.......4......."))
    assert panel.anyway.isHidden()
    qtbot.waitUntil(lambda: model.puzzle.check is not None)
    assert panel.anyway.isVisible()
    panel.submit()
    qtbot.waitUntil(lambda: "several solutions" in panel.error.text())
    assert window.traces.trace is None
    panel.anyway.click()
    qtbot.waitUntil(lambda: window.traces.trace is not None and not window.traces.running)
    trace = window.traces.trace
    assert trace is not None
    assert trace.puzzle.solution is None
    rules = trace.prediction[-1].reshape(4, 4)
    sound = all(len(set(line)) == 4 for line in (*rules, *rules.T)) and rules.min() > 1
    assert solved(trace) in ((True, False) if sound else (False,))  # the boxes may be broken too
    model.puzzle.replace(*parse_any(STARTER_4))
    qtbot.waitUntil(lambda: model.puzzle.check is not None)
    assert panel.anyway.isHidden()


def test_reasoning_ends_where_the_model_would_stop(window: MainWindow, qtbot: QtBot) -> None:
    panel = window.explore.panel
    panel.until_halt.click()
    assert panel.segments.text() == "at most 16 segments"
    window.explore.model.show_and_reason(*parse_any(STARTER_4))
    qtbot.waitUntil(lambda: window.traces.trace is not None and not window.traces.running)
    trace = window.traces.trace
    assert trace is not None
    assert halting_segment(trace) == trace.segments - 1
    assert trace.segments < 16
    whole = trace.segments
    panel.until_halt.click()
    assert panel.segments.text() == "16 segments"
    panel.segments.setValue(whole)
    panel.submit()
    qtbot.waitUntil(lambda: window.traces.trace is not trace and not window.traces.running)
    again = window.traces.trace
    assert again is not None
    assert (again.prediction == trace.prediction).all()  # the steps themselves are the same


# Model, puzzle and board belong together -----------------------------------------------------------------------------------


def test_a_puzzle_that_no_model_reads_empties_the_board_and_says_why(shown: MainWindow, qtbot: QtBot) -> None:
    explore = shown.explore
    assert shown.traces.trace is not None
    explore.open_text("012/345/678")
    assert shown.traces.trace is None
    assert "ARC" in explore.board.empty
    assert shown.status.model.isHidden()
    explore.board_panel.help.click()
    assert shown.stack.currentWidget() is shown.pages["library"]
    shown.show_page("explore")
    explore.model.show_and_reason(*parse_any(STARTER_4))
    qtbot.waitUntil(lambda: shown.traces.trace is not None)
    assert explore.board_panel.help.isHidden()


def test_a_model_that_does_not_read_the_puzzle_empties_the_board(shown: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    own = tmp_path / "own-four"
    shutil.copytree(model_dir("sudoku-4x4"), own)
    shown.models.use(own)
    shown.explore.open_text(NINE)
    qtbot.waitUntil(lambda: shown.explore.board_panel.help.isVisible())
    assert "own-four reads sudoku-4x4; the puzzle is sudoku-9x9" in shown.explore.board.empty
    assert shown.traces.trace is None


def test_the_picker_names_the_model_of_an_opened_trace(shown: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    stranger = synthetic(sudoku_info(), segments=2)
    stranger = replace(stranger, model=replace(stranger.model, name="stranger"))
    bundled = replace(stranger, model=replace(stranger.model, name="sudoku-9x9-wide"))
    write(tmp_path / "s.h5", stranger)
    write(tmp_path / "b.h5", bundled)
    shown.opener.open(tmp_path / "s.h5")
    qtbot.waitUntil(lambda: "stranger" in shown.top_bar.model.text())
    assert "stranger" in shown.status.model.text()
    shown.opener.open(tmp_path / "b.h5")
    qtbot.waitUntil(lambda: shown.models.path is not None and shown.models.path.name == "sudoku-9x9-wide")
    assert "stranger" not in shown.top_bar.model.text()


# The board ---------------------------------------------------------------------------------------------------------------


def test_the_menu_of_a_cell_looks_and_copies(shown: MainWindow) -> None:
    explore = shown.explore
    explore.board.menu_wanted.emit(40, explore.board.mapToGlobal(QPoint(10, 10)))
    menu = explore.findChildren(QMenu)[-1]
    by_text = {action.text(): action for action in menu.actions()}
    assert not by_text["Clear the selection"].isEnabled()
    by_text["Show where it attends"].trigger()
    assert shown.selection.cells == {40}
    assert explore.docks["Attention"].isVisible()
    by_text["Copy the answer at this step"].trigger()
    assert len(QApplication.clipboard().text()) == 81
    by_text["Copy its probabilities"].trigger()
    assert "Row 5, column 5" in QApplication.clipboard().text()
    menu.close()
    press(Qt.Key.Key_Escape)
    assert not shown.selection.cells


def test_the_puzzle_is_shown_once(shown: MainWindow, qtbot: QtBot) -> None:
    panel, model = shown.explore.panel, shown.explore.model
    model.puzzle.replace(*parse_any(NINE))  # that of the trace
    panel.stop_editing()
    assert not panel.editors.isVisible()
    reason_at = panel.reason.pos()
    panel.as_board.click()
    assert panel.editor.isVisible()
    assert panel.as_board.isChecked()
    assert not panel.as_text.isChecked()
    panel.as_text.click()
    assert panel.text.isVisible()
    panel.as_text.click()
    assert not panel.editors.isVisible()
    model.puzzle.set_cell(2, 4)  # now the board shows another puzzle
    assert panel.editor.isVisible() or panel.text.isVisible()
    QApplication.processEvents()
    assert panel.reason.pos() == reason_at  # nothing above the editor moves
    model.puzzle.undo()
    assert not panel.editors.isVisible()


def test_the_large_board_and_back(shown: MainWindow, qtbot: QtBot) -> None:
    explore = shown.explore
    there, before = {title for title, dock in explore.docks.items() if dock.isVisible()}, explore.board.width()
    square = explore.board.board_rect().width()
    press(Qt.Key.Key_F9)
    assert {title for title, dock in explore.docks.items() if dock.isVisible()} == {"Timeline"}
    qtbot.waitUntil(lambda: explore.board.width() > 1.5 * before)
    qtbot.waitUntil(lambda: explore.board.board_rect().width() > 1.2 * square)
    press(Qt.Key.Key_F9)
    assert {title for title, dock in explore.docks.items() if dock.isVisible()} == there
    qtbot.waitUntil(lambda: explore.board.width() < 1.2 * before)


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900)])
def test_the_panels_keep_their_width_over_restarts(new_window: NewWindow, qtbot: QtBot, size: tuple[int, int]) -> None:
    widths = []
    for _ in range(3):
        window = new_window(size=size)
        qtbot.wait(100)
        widths.append({title: window.explore.docks[title].width() for title in ("Puzzle", "States")})
        window.close()
        window.settings.sync()
    for title in ("Puzzle", "States"):
        assert max(each[title] for each in widths) - min(each[title] for each in widths) <= 4, widths
