"""Accessibility: all widgets have names for screen readers, and the keyboard focus is visible."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenuBar,
    QPlainTextEdit,
    QScrollBar,
    QSlider,
    QTabBar,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

import hrm_model.reasoning  # noqa: F401  (torch, whose import in a thread would outlast a test on a busy machine)
from hrm_studio.main_window import MainWindow
from hrm_studio.pages import PAGES
from tests.support.traces import sudoku_info, synthetic

_FIELDS = (QComboBox, QAbstractSpinBox, QLineEdit, QPlainTextEdit, QAbstractSlider, QAbstractItemView)
_WHOLE = (QComboBox, QAbstractSpinBox, QLineEdit, QMenuBar)  # their own parts have no names of their own


@pytest.fixture
def window(new_window: Callable[..., MainWindow]) -> MainWindow:
    return new_window("dark", size=(1280, 800))


def name_of(widget: QWidget) -> str:
    """The name that a screen reader reads. For a field, which would read its value, only a name that was set."""
    buddies = [label.text() for label in widget.window().findChildren(QLabel) if label.buddy() is widget]
    if widget.accessibleName() or isinstance(widget, _FIELDS):
        return widget.accessibleName() or "".join(buddies)
    told = QAccessible.queryAccessibleInterface(widget)
    return told.text(QAccessible.Text.Name) if told is not None else ""


def nameless(root: QWidget) -> list[str]:
    """Widgets below `root` that can be used and have no name with a letter in it."""
    found = []
    for widget in root.findChildren(QWidget):
        parents, at = [], widget.parentWidget()
        while at is not None and at is not root:
            parents.append(at)
            at = at.parentWidget()
        part = (
            any(isinstance(p, _WHOLE) for p in parents) or isinstance(widget, QScrollBar) or isinstance(widget.parent(), QAbstractItemView)
        )
        reached = widget.focusPolicy() & Qt.FocusPolicy.TabFocus or isinstance(widget, (*_FIELDS, QAbstractButton))
        inner = widget.metaObject().className() == "QWidget"  # pyqtgraph's, inside its plots
        if reached and not part and not inner and not any(c.isalpha() for c in name_of(widget)):
            found.append(f"{type(widget).__name__} in {type(widget.parent()).__name__}: {widget.toolTip()}")
    return found


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_every_widget_that_can_be_used_has_a_name(window: MainWindow, qtbot: QtBot, page: str) -> None:
    window.show_page(page)
    if page == "explore":
        for name in ("states", "curves", "attention", "cells"):
            getattr(window.explore, name)  # made now
    if page == "compare":
        window.page("compare").add_pane()  # three of them can be taken away
    qtbot.wait(50)
    assert nameless(window.page(page)) == []
    assert nameless(window.top_bar) == []


def unexplained(page: QWidget) -> list[str]:
    """Tool buttons, boxes, fields and sliders without a tooltip. A push button or check box says itself what it does."""
    found = []
    for widget in page.findChildren(QWidget):
        part = isinstance(widget.parent(), (QComboBox, QAbstractSpinBox, QLineEdit, QTabBar)) or widget.objectName().startswith("qt_")
        silent = isinstance(widget, (QToolButton, QComboBox, QAbstractSpinBox, QSlider))
        if silent and not part and not widget.toolTip():
            found.append(f"{type(widget).__name__} {name_of(widget)!r} in {type(widget.parent()).__name__}")
    return found


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_every_control_that_is_not_a_sentence_has_a_tooltip(window: MainWindow, qtbot: QtBot, page: str) -> None:
    window.show_page(page)
    if page == "explore":
        for name in ("states", "curves", "attention", "cells"):
            getattr(window.explore, name)  # made now
    qtbot.wait(50)
    found = unexplained(window.page(page))
    assert not found, "\n".join(found)


def reach(window: MainWindow, qtbot: QtBot) -> list[QWidget]:
    """All that Tab goes to, until it comes around."""
    reached: list[QWidget] = []
    for _ in range(300):
        focus = QApplication.focusWidget()
        assert focus is not None
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
        focus = QApplication.focusWidget()
        assert focus is not None
        if focus in reached:
            break
        reached.append(focus)
        assert window.focus_ring.around is (None if isinstance(focus, QLineEdit | QPlainTextEdit) else focus)  # its caret shows the focus
    return reached


@pytest.mark.parametrize("page", ["explore", "compare", "evaluate", "library"])
def test_the_keyboard_focus_is_visible_and_never_lost(window: MainWindow, qtbot: QtBot, page: str) -> None:
    window.show_page(page)
    window.activateWindow()
    if page == "explore":
        qtbot.waitUntil(lambda: not any(panel.pending for panel in window.explore.lazy_panels.values()))
    assert window.focus_ring.around is None  # no key moved the focus here
    reached = reach(window, qtbot)
    assert len(reached) > 8
    for widget in reached:
        place = QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())
        assert window.rect().intersects(place), (widget, place)


def test_the_boards_switches_follow_the_board(window: MainWindow, qtbot: QtBot) -> None:
    window.traces.open(synthetic(sudoku_info(), segments=2))
    window.activateWindow()
    switches = window.explore.board_panel.switches
    qtbot.waitUntil(lambda: all(switch.isVisible() for switch in switches.values()))
    window.explore.board.setFocus()
    for switch in switches.values():
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert QApplication.focusWidget() is switch
    qtbot.keyPress(switch, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    assert window.stack.currentWidget() is window.page("compare")
    assert window.focus_ring.around is None  # the page as a whole holds the keyboard
    window.page("compare").comparison.stop()


def test_a_click_shows_by_itself_where_it_went(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    window.explore.board.setFocus()
    qtbot.keyPress(window.explore.board, Qt.Key.Key_Tab)
    qtbot.keyRelease(QApplication.focusWidget(), Qt.Key.Key_Tab)
    assert window.focus_ring.around is QApplication.focusWidget()
    before = window.grab().toImage()
    qtbot.mouseClick(window.explore.panel.editor, Qt.MouseButton.LeftButton)
    assert window.focus_ring.around is None
    assert window.grab().toImage() != before
