"""Every action of the studio by name: menus and shortcuts are made from this one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QMainWindow, QMenu, QPlainTextEdit


@dataclass(frozen=True)
class Entry:
    name: str  # unique, for code
    menu: str
    text: str
    shortcut: str
    icon: str  # of QtAwesome, '' for none
    run: Callable[[], object]


class Actions:
    """QActions made from entries, by name. Qt itself gives a text field the keys that it writes or moves with."""

    def __init__(self, window: QMainWindow, entries: list[Entry]) -> None:
        self.by_name: dict[str, QAction] = {}
        self.entries = {entry.name: entry for entry in entries}
        menus: dict[str, QMenu] = {}
        for entry in entries:
            action = QAction(entry.text, window)
            action.setShortcut(QKeySequence(entry.shortcut))
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            action.triggered.connect(lambda _=False, entry=entry: entry.run())
            keys = f"  ({QKeySequence(entry.shortcut).toString(QKeySequence.SequenceFormat.NativeText)})" if entry.shortcut else ""
            action.setToolTip(entry.text + keys)
            window.addAction(action)
            if entry.menu not in menus:
                menus[entry.menu] = window.menuBar().addMenu(entry.menu)
            menus[entry.menu].addAction(action)
            self.by_name[entry.name] = action


def typing_now() -> bool:
    """Whether the keyboard belongs to a field that reads it."""
    return isinstance(QApplication.focusWidget(), QPlainTextEdit | QLineEdit | QAbstractSpinBox | QComboBox)
