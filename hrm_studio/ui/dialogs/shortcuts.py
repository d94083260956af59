"""Keyboard shortcuts: look up and change them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hrm_studio.actions import Actions
from hrm_studio.fuzzy import score

_NATIVE = QKeySequence.SequenceFormat.NativeText


class ShortcutsDialog(QDialog):
    """All actions with their shortcuts. A shortcut that is in use can be reassigned."""

    def __init__(self, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard shortcuts")
        self.resize(560, 560)
        self._actions = actions
        self.filter = QLineEdit(placeholderText="Search", clearButtonEnabled=True)
        self.filter.setAccessibleName("Search actions")
        self.table = QTreeWidget(columnCount=3, rootIsDecorated=False, alternatingRowColors=True)
        self.table.setHeaderLabels(["Action", "Menu", "Shortcut"])
        self.table.setAccessibleName("Actions and their shortcuts")
        self.table.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.keys = QKeySequenceEdit()
        self.keys.setAccessibleName("New shortcut")
        self.keys.setMaximumSequenceLength(1)
        self.use = QPushButton("Assign")
        self.none = QPushButton("Remove", toolTip="Remove the shortcut of this action")
        self.default = QPushButton("Reset", toolTip="Reset this action to its default shortcut")
        self.defaults = QPushButton("Reset all", toolTip="Reset all actions to their default shortcuts")
        self.hint = QLabel("Select an action, then press the new keys.", wordWrap=True, objectName="muted")
        row = QHBoxLayout()
        for widget in (self.keys, self.use, self.none, self.default):
            row.addWidget(widget, 1 if widget is self.keys else 0)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.addButton(self.defaults, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        layout.addWidget(self.filter)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)
        layout.addWidget(self.hint)
        layout.addWidget(buttons)
        self.filter.textChanged.connect(self._fill)
        self.table.currentItemChanged.connect(self._chosen)
        self.keys.keySequenceChanged.connect(self._show_clash)
        self.use.clicked.connect(self._use)
        self.none.clicked.connect(lambda: self._set(""))
        self.default.clicked.connect(lambda: self._set(None))
        self.defaults.clicked.connect(self._reset_all)
        self._fill()

    def choose(self, name: str) -> None:
        """Select an action's row."""
        for row in range(self.table.topLevelItemCount()):
            item = self.table.topLevelItem(row)
            if item is not None and item.data(0, Qt.ItemDataRole.UserRole) == name:
                self.table.setCurrentItem(item)

    def _name(self) -> str | None:
        item = self.table.currentItem()
        return item.data(0, Qt.ItemDataRole.UserRole) if item is not None else None

    def _fill(self) -> None:
        chosen, wanted = self._name(), self.filter.text()
        self.table.clear()
        for name, entry in self._actions.entries.items():
            keys = QKeySequence(self._actions.shortcut(name)).toString(_NATIVE)
            menu = entry.menu.replace("&", "")
            if score(wanted, f"{entry.text} {menu} {keys}") is not None:
                item = QTreeWidgetItem([entry.text.replace("&", ""), menu, keys])
                item.setData(0, Qt.ItemDataRole.UserRole, name)
                self.table.addTopLevelItem(item)
        self.table.resizeColumnToContents(1)
        self.table.resizeColumnToContents(2)
        if chosen is not None:
            self.choose(chosen)

    def _chosen(self) -> None:
        name = self._name()
        if name is not None:
            self.keys.setKeySequence(QKeySequence(self._actions.shortcut(name)))

    def _show_clash(self, keys: QKeySequence) -> None:
        name = self._name()
        other = self._actions.clash(name, keys.toString()) if name is not None else None
        if other is None:
            self.hint.setText("Select an action, then press the new keys." if name is None else "")
            self.use.setText("Assign")
        else:
            self.hint.setText(
                f"{keys.toString(_NATIVE)} is already the shortcut of “{self._actions.entries[other].text}”. Reassign removes it there."
            )
            self.use.setText("Reassign")

    def _use(self) -> None:
        keys, name = self.keys.keySequence().toString(), self._name()
        if name is None:
            return
        other = self._actions.clash(name, keys)
        if other is not None:
            self._actions.set_shortcut(other, "")
        self._set(keys)

    def _set(self, keys: str | None) -> None:
        name = self._name()
        if name is not None:
            self._actions.set_shortcut(name, keys)
            self._fill()
            self._show_clash(self.keys.keySequence())

    def _reset_all(self) -> None:
        for name in self._actions.entries:
            self._actions.set_shortcut(name, None)
        self._fill()
