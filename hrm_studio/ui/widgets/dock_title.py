"""The title bar of a dock: its name, and buttons to float and hide it."""

from __future__ import annotations

import qtawesome
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QToolButton, QWidget

from hrm_studio.theme import Theme

_ASIDE = 24  # pixels between a dock's place in the page and where it floats


class DockTitle(QWidget):
    """Drag it to move the dock; double-click it to float the dock."""

    def __init__(self, dock: QDockWidget, theme: Theme) -> None:
        super().__init__(dock)
        self._dock, self._theme = dock, theme
        self.name = QLabel(dock.windowTitle(), objectName="docktitle")
        self.float = self._button(f"Float {dock.windowTitle()}, or put it back", self._float_or_put_back)
        self.hide_it = self._button(f"Hide {dock.windowTitle()} (View › Show {dock.windowTitle()} brings it back)", dock.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 6, 2)
        row.setSpacing(0)
        row.addWidget(self.name, 1)
        row.addWidget(self.float)
        row.addWidget(self.hide_it)
        dock.topLevelChanged.connect(self._icons)
        dock.visibilityChanged.connect(self.setEnabled)  # Qt only moves a dock behind a tab away; Tab would still reach its buttons
        theme.changed.connect(self._icons)
        self._icons()

    def _float_or_put_back(self) -> None:
        dock = self._dock
        if dock.isFloating():
            dock.setFloating(False)
            return
        place = QRect(dock.mapToGlobal(QPoint(_ASIDE, _ASIDE)), dock.size())
        room = dock.screen().availableGeometry()
        dock.setFloating(True)  # Qt would put it wherever it floated last
        place.moveLeft(max(room.left(), min(place.left(), room.right() - place.width())))
        place.moveTop(max(room.top(), min(place.top(), room.bottom() - place.height())))
        dock.setGeometry(place)

    def _button(self, tip: str, act: object) -> QToolButton:
        button = QToolButton(objectName="small", toolTip=tip, accessibleName=tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(act)
        return button

    def _icons(self) -> None:
        colour = self._theme.palette.muted
        self.float.setIcon(qtawesome.icon("mdi6.dock-window" if self._dock.isFloating() else "mdi6.open-in-new", color=colour))
        self.hide_it.setIcon(qtawesome.icon("mdi6.close", color=colour))
