"""Nothing is cut off: all pages at small sizes, with normal and larger text. `python -m tests.benchmarks.fits` tries all sizes and both themes."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QScrollArea, QTabBar, QWidget
from pytestqt.qtbot import QtBot

from hrm_studio.ui.widgets.elided import Elided
from tests.support.fits import misfits
from tests.support.pages import walk
from tests.support.traces import sudoku_info, synthetic
from tests.support.windows import NewWindow

LONG = "A label with a text that is far longer than the place it has"


@pytest.mark.parametrize(("size", "percent"), [((1280, 800), 100), ((1280, 800), 130)])
def test_all_text_of_all_pages_fits(new_window: NewWindow, qtbot: QtBot, size: tuple[int, int], percent: int) -> None:
    window = new_window(size=size)
    window.appearance.set_text_size(percent)
    window.traces.open(synthetic(sudoku_info(), segments=4), cursor=10)
    found: list[str] = []
    for where in walk(window, lambda: qtbot.wait(20)):
        if list(misfits(window)):
            qtbot.wait(400)  # on a busy machine the layout may come late
            found += [f"{where}: {fault}" for fault in misfits(window)]
    qtbot.waitUntil(lambda: not any(pane.waiting or pane.traces.running for pane in window.pages["compare"].comparison.panes))
    assert window.size().width() <= size[0]
    assert not found, "\n".join(found)


def test_what_is_cut_off_is_found(qtbot: QtBot) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    root.resize(400, 300)
    combo = QComboBox(root)
    combo.addItem(LONG)
    tabs = QTabBar(root)
    tabs.addTab("A tab of the bar")
    tabs.setStyleSheet("QTabBar::tab { max-width: 20px; }")
    wrapped = QLabel(LONG * 4, root, wordWrap=True)
    widgets = [QLabel(LONG, root), QPushButton(LONG, root), QCheckBox(LONG, root), combo, tabs, wrapped]
    for k, widget in enumerate(widgets):
        widget.setGeometry(QRect(QPoint(5, 5 + 40 * k), QPoint(85, 30 + 40 * k)))
    outside = QLabel("outside", root)
    outside.move(380, 260)
    fine = [QLabel("fits", root), Elided("muted")]
    fine[1].setParent(root)
    fine[1].setText(LONG)
    for k, widget in enumerate(fine):
        widget.setGeometry(200, 5 + 40 * k, 80, 30)
    area = QScrollArea(root)
    area.setGeometry(200, 100, 80, 80)
    area.setWidget(QLabel(LONG))  # can be scrolled to
    root.show()
    qtbot.wait(20)
    found = list(misfits(root))
    assert len(found) == len(widgets) + 1, found
    assert "outside" in found[-1]
