"""A message over the window. It stays until it is dismissed or replaced."""

from __future__ import annotations

import qtawesome
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from hrm_studio.theme import Theme

_BELOW = 52  # pixels from the window's upper edge: just under the top bar
_WIDEST = 720


class Notice(QFrame):
    """Hidden until `show_message`. Floats below the top bar, over the page."""

    def __init__(self, theme: Theme, window: QWidget) -> None:
        super().__init__(window, objectName="notice", visible=False)
        self._theme, self._window = theme, window
        self.icon = QLabel()
        self.text = QLabel(wordWrap=True, textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.dismiss = QToolButton(objectName="flat", toolTip="Dismiss", accessibleName="Dismiss the message")
        self.dismiss.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 8, 8)
        row.setSpacing(10)
        row.addWidget(self.icon)
        row.addWidget(self.text, 1)
        row.addWidget(self.dismiss)
        window.installEventFilter(self)
        theme.changed.connect(self._colours)
        self._colours()

    def show_message(self, message: str) -> None:
        """Show a message; '' hides it."""
        self.text.setText(message)
        self.setAccessibleName(message)
        self.setVisible(bool(message))
        self._place()
        self.raise_()

    def _place(self) -> None:
        window = self._window
        wanted = self.text.fontMetrics().horizontalAdvance(self.text.text()) + 120
        width = max(240, min(_WIDEST, window.width() - 48, wanted))
        height = max(self.sizeHint().height(), self.heightForWidth(width))
        self.setGeometry((window.width() - width) // 2, _BELOW, width, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False

    def _colours(self) -> None:
        self.icon.setPixmap(qtawesome.icon("mdi6.alert-circle-outline", color=self._theme.palette.wrong).pixmap(20, 20))
        self.dismiss.setIcon(qtawesome.icon("mdi6.close", color=self._theme.palette.muted))
