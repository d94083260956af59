"""Messages: they wrap to their whole length, close with Esc, and go as one leaves the page."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from hrm_studio.main_window import MainWindow
from hrm_studio.ui.widgets.error_label import ErrorLabel, divisible

PATH = "/home/someone/" + "a_very_long_folder_name-with.dots/" * 6 + "x" * 300


def test_long_words_are_divided_and_short_ones_are_not() -> None:
    plain = "Unsupported file. A word, and another one; 16 letters: abcdefghijklmnop"
    assert divisible(plain) == plain
    parts = divisible(PATH).split("\u200b")
    assert "".join(parts) == PATH
    assert max(map(len, parts)) <= 17


@pytest.mark.parametrize("width", [200, 300])
def test_an_error_is_as_high_as_its_words_need(qtbot: QtBot, width: int) -> None:
    label = ErrorLabel()
    qtbot.addWidget(label)
    label.show_message(f"{PATH}: cannot be read.")
    assert label.text() == f"{PATH}: cannot be read."
    label.resize(width, label.heightForWidth(width))
    assert label.minimumSizeHint().width() <= 200  # no word is wider than the label
    lines = label.fontMetrics().horizontalAdvance(PATH) / width
    assert label.heightForWidth(width) > lines * label.fontMetrics().height()


def test_a_long_error_of_a_puzzle_is_shown_whole(window: MainWindow, qtbot: QtBot) -> None:
    error = window.explore.panel.error
    window.explore.panel.show_error(f"{PATH}: cannot be read.")
    qtbot.waitUntil(lambda: error.height() >= error.heightForWidth(error.width()) > 100)


def escape(window: MainWindow) -> None:
    window.activateWindow()
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_Escape)


@pytest.mark.parametrize("page", ["explore", "compare", "evaluate"])
def test_esc_closes_messages_before_it_does_anything_else(window: MainWindow, qtbot: QtBot, page: str) -> None:
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    window.show_page(page)
    error = window.page(page).findChildren(ErrorLabel)[0]
    done: list[str] = []
    for action in window.actions_table.by_name.values():
        if action.shortcut().toString() == "Esc":
            action.triggered.connect(lambda: done.append("the page's own"))
    error.show_message("Something.")
    window.notice.show_message("Something else.")
    escape(window)
    assert (error.text(), window.notice.isHidden(), done) == ("", True, [])
    escape(window)
    assert len(done) == 1


def test_messages_go_as_one_leaves_the_page(window: MainWindow) -> None:
    window.explore.panel.show_error("Something.")
    window.notice.show_message("Something else.")
    window.show_page("explore")  # one does not leave it
    assert window.explore.panel.error.isVisible()
    window.show_page("evaluate")
    assert window.notice.isHidden()
    window.show_page("explore")
    assert window.explore.panel.error.isHidden()
