"""Hover help, the glossary, the tour, and the window by keyboard alone."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from hrm_model.tasks.sudoku.rating import LEVELS
from hrm_studio import glossary
from hrm_studio.app import open_window
from hrm_studio.main_window import MainWindow
from hrm_studio.theme import Theme
from hrm_studio.ui.dialogs.glossary import GlossaryDialog
from hrm_studio.ui.shell.tour import Tour
from hrm_studio.ui.widgets.hover_help import explain
from tests.paths import ROOT
from tests.support.traces import sudoku_info, synthetic


def test_each_word_is_explained_once_in_plain_words() -> None:
    names = [name.lower() for term in glossary.TERMS for name in (term.name, *term.also)]
    assert len(names) == len(set(names))
    for term in glossary.TERMS:
        assert 20 < len(term.meaning) < 200, term.name
        assert term.meaning.endswith("."), term.name
    assert all(glossary.find(level) for level in LEVELS[1:])
    page = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| ([\w -]+) \| .+ \|$", page.partition("| word | in")[0], re.MULTILINE)
    assert len(words) > 6
    assert [word for word in words[1:] if glossary.find(word) is None] == []


def test_captions_that_are_terms_explain_themselves(qtbot: QtBot) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    term, other, own = QLabel("Segments:", root), QLabel("Bananas", root), QLabel("PCA", root, toolTip="own help")
    explain(root)
    assert "round of reasoning" in term.toolTip()
    assert other.toolTip() == ""
    assert own.toolTip() == "own help"
    own.setToolTip("One sentence. " * 10 + "a < b")
    explain(root)
    explain(root)
    assert own.toolTip() == "<p>" + "One sentence. " * 10 + "a &lt; b</p>"


def test_no_help_of_a_panel_is_one_long_line(window: MainWindow) -> None:
    explore = window.explore
    for view in (explore, explore.states, explore.curves, explore.attention, explore.cells):
        for widget in view.findChildren(QWidget):
            assert max(map(len, widget.toolTip().split("\n"))) < 100 or widget.toolTip().startswith("<"), widget.toolTip()
    assert "residual" in explore.curves.plots["residuals"].toolTip()


def test_words_are_searched(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table.by_name["glossary"].trigger()
    dialog = window.findChild(GlossaryDialog)
    assert dialog is not None
    dialog.filter.setText("lr")
    assert "learning rate" in dialog.text.toPlainText()
    for sign, wanted in (("star", "★"), ("diamond", "◆"), ("Δ", "Δ"), ("4.2.L1", "L-step 1"), ("16.2.H", "4.2.H")):
        dialog.filter.setText(sign)
        assert wanted in dialog.text.toPlainText(), sign
    dialog.filter.setText("zzzz")
    assert "No such term" in dialog.text.toPlainText()
    with qtbot.waitSignal(dialog.destroyed):
        dialog.close()


def test_the_tour_is_offered_once_and_can_be_skipped(window: MainWindow, qtbot: QtBot) -> None:
    window.offer_tour()
    window.traces.open(synthetic(sudoku_info()), cursor=0)
    tour = window.findChild(Tour)
    assert tour is not None
    seen = []
    for _ in range(5):
        seen.append(tour.title.text())
        assert window.rect().contains(tour.geometry())
        if len(seen) < 5:
            tour.next.click()
    assert len(set(seen)) == 5
    qtbot.keyClick(tour.back, Qt.Key.Key_Return)
    assert tour.title.text() == seen[3]
    qtbot.keyClick(tour, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.findChild(Tour) is None)
    window.offer_tour()
    window.traces.open(synthetic(sudoku_info()), cursor=0)
    assert window.findChild(Tour) is None
    window.explore.docks["States"].hide()
    window.start_tour()
    tour = window.findChild(Tour)
    assert tour is not None
    for _ in range(5):
        tour.next.click()
    qtbot.waitUntil(lambda: window.findChild(Tour) is None)


def test_the_ring_follows_its_place(window: MainWindow, qtbot: QtBot) -> None:
    window.start_tour()
    tour, docks = window.findChild(Tour), window.explore.docks
    assert tour is not None
    before = tour.ring.geometry()
    docks["Puzzle"].hide()  # the board moves with what it is in
    qtbot.waitUntil(lambda: tour.ring.geometry() != before)
    board = window.explore.board
    assert tour.ring.geometry().contains(board.geometry().translated(board.parentWidget().mapTo(window, QPoint(0, 0))))
    tour.end()


def test_no_tour_where_a_window_is_opened_by_a_program(qtbot: QtBot) -> None:
    window = open_window()
    qtbot.addWidget(window)
    assert window.settings.value("tour") is None
    assert window.findChild(Tour) is None
    window.close()


def test_a_focused_button_or_slider_keeps_its_keys(window: MainWindow, qtbot: QtBot) -> None:
    pressed: list[str] = []
    holder = QWidget()
    button, slider = QPushButton("Press"), QSlider(Qt.Orientation.Horizontal, maximum=9)
    button.clicked.connect(lambda: pressed.append("button"))
    layout = QVBoxLayout(holder)
    layout.addWidget(button)
    layout.addWidget(slider)
    window.stack.addWidget(holder)
    window.stack.setCurrentWidget(holder)
    window.activateWindow()
    button.setFocus()
    qtbot.waitUntil(button.hasFocus)
    played = []
    window.player.playing_changed.connect(played.append)
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert pressed == ["button"]
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert slider.value() == 1
    assert played == []


def test_the_keyboard_goes_around_the_panels(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    window.explore.board.setFocus()
    qtbot.waitUntil(window.explore.board.hasFocus)
    visited = []
    for _ in range(8):
        window.actions_table.by_name["next_panel"].trigger()
        focus = QApplication.focusWidget()
        assert focus is not None
        visited.append(next((title for title, dock in window.explore.docks.items() if dock.isAncestorOf(focus)), "board"))
    assert {"Puzzle", "Timeline", "board"} <= set(visited)
    window.actions_table.by_name["previous_panel"].trigger()


def test_tab_reaches_widgets_that_have_names(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    window.explore.panel.edit_on_board()
    first = QApplication.focusWidget()
    reached: list[QWidget] = []
    for _ in range(200):
        window.focusNextChild()
        focus = QApplication.focusWidget()
        assert focus is not None
        if focus is first or focus in reached:
            break
        reached.append(focus)
    assert len(reached) > 20
    for wanted in (window.explore.panel.generate, window.explore.panel.reason, window.top_bar.model, window.explore.transport.speed):
        assert wanted in reached
    for widget in reached:
        told = QAccessible.queryAccessibleInterface(widget)
        assert told is not None
        name = told.text(QAccessible.Text.Name)
        value = told.text(QAccessible.Text.Value)
        assert name or value or widget.accessibleName() or widget.toolTip(), widget


class _Screen:
    def __init__(self, width: int, height: int) -> None:
        self._room = QRect(0, 0, width, height)

    def availableGeometry(self) -> QRect:
        return self._room


@pytest.mark.parametrize(
    ("screen", "kept", "filled"),
    [
        ((1280, 800), False, True),
        ((1440, 900), False, True),
        ((1920, 1040), False, False),
        ((800, 800), False, False),
        ((1280, 800), True, False),
    ],
)
def test_the_first_window_fits_the_screen(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, screen: tuple[int, int], kept: bool, filled: bool
) -> None:
    """A window with a saved place comes back there; if not even its minimum size fits, nothing is changed."""
    if kept:
        before = MainWindow(Theme("light"))
        before.settings.setValue("geometry", before.saveGeometry())
        before.settings.sync()
        before.close()
    monkeypatch.setattr(MainWindow, "screen", lambda _: _Screen(*screen))
    window = open_window()
    qtbot.addWidget(window)
    assert window.isMaximized() == filled
    window.close()
