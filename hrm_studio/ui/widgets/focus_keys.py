"""Which widget gets a key that is also a shortcut, and which widgets take the focus on a click.

Space presses a focused button, arrow keys move a focused slider or list; elsewhere they play and step through the trace. Qt
itself does this for the keys of text fields only, and for Space in number fields, which need no Space.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QTabBar,
    QTableView,
    QWidget,
)

_K = Qt.Key
_MOVES = {_K.Key_Left, _K.Key_Right, _K.Key_Up, _K.Key_Down, _K.Key_Home, _K.Key_End, _K.Key_PageUp, _K.Key_PageDown}
_KEYS: tuple[tuple[type[QWidget], set[Qt.Key]], ...] = (
    (QAbstractButton, {_K.Key_Space}),
    (QAbstractSlider, _MOVES),
    (QTableView, _MOVES),  # its rows are chosen by click and arrow keys
    (QAbstractItemView, _MOVES | {_K.Key_Space}),
    (QTabBar, _MOVES),
    (QComboBox, _MOVES | {_K.Key_Space}),
    (QAbstractSpinBox, set()),
)


def leave_focus_on_click(root: QWidget) -> None:
    """A click on a button or a combo box leaves the focus where it was, so that Space still plays. Tab reaches them all."""
    for kind in (QAbstractButton, QComboBox):
        for widget in root.findChildren(kind):
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
                widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)


class FocusKeys(QObject):
    """Filters the events of the focused widget only: a filter on the application would send every event through Python."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._focus_changed)

    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if old is not None:
            old.removeEventFilter(self)
        if new is not None and any(isinstance(new, kind) for kind, _ in _KEYS):
            new.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            assert isinstance(event, QKeyEvent)
            if isinstance(watched, QAbstractSpinBox):
                if event.key() == _K.Key_Space:
                    event.ignore()  # a number field would take it and do nothing
                    return True
                return False
            keys = next((keys for kind, keys in _KEYS if isinstance(watched, kind)), ())
            if event.key() in keys and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
                event.accept()
                return True
        return False
