"""A message over the window: what went wrong, or where a file was saved. It stays until it is dismissed or replaced."""

from __future__ import annotations

from pathlib import Path

import qtawesome
from PySide6.QtCore import QEvent, QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from hrm_studio.theme import Theme
from hrm_studio.ui.widgets.error_label import MessageLabel

_BELOW = 52  # pixels from the window's upper edge: just under the top bar
_WIDEST = 720


class Notice(QFrame):
    """Hidden until `show_message`. Floats below the top bar, over the page."""

    def __init__(self, theme: Theme, window: QWidget) -> None:
        super().__init__(window, objectName="notice", visible=False)
        self._theme, self._window = theme, window
        self.icon = QLabel()
        self.text = MessageLabel()
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.show_file = QPushButton("Show", visible=False, toolTip="Open the folder of the file")
        self.show_file.clicked.connect(self._show_folder)
        self._saved: Path | None = None
        self.dismiss = QToolButton(objectName="flat", toolTip="Dismiss", accessibleName="Dismiss the message")
        self.dismiss.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 8, 8)
        row.setSpacing(10)
        row.addWidget(self.icon)
        row.addWidget(self.text, 1)
        row.addWidget(self.show_file)
        row.addWidget(self.dismiss)
        window.installEventFilter(self)
        theme.changed.connect(self._colours)
        self._colours()

    def show_message(self, message: str) -> None:
        """Show what went wrong; '' hides the message."""
        self._show(message, None)

    def show_saved(self, path: Path) -> None:
        """Say where a file was saved, with a button that opens its folder."""
        self._show(f"Saved {path}", path)

    def _show(self, message: str, saved: Path | None) -> None:
        self._saved = saved
        self.show_file.setVisible(saved is not None)
        self.setProperty("good", saved is not None)
        self.style().unpolish(self)
        self.style().polish(self)
        self._colours()
        self.text.setText(message)
        self.setAccessibleName(message)
        self.setVisible(bool(message))
        self._place()
        self.raise_()

    def _show_folder(self) -> None:
        if self._saved is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._saved.parent)))

    def _place(self) -> None:
        window = self._window
        wanted = self.text.fontMetrics().horizontalAdvance(self.text.text()) + (200 if self._saved else 120)
        width = max(240, min(_WIDEST, window.width() - 48, wanted))
        height = max(self.sizeHint().height(), self.heightForWidth(width))
        self.setGeometry((window.width() - width) // 2, _BELOW, width, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False

    def _colours(self) -> None:
        colours = self._theme.palette
        name, colour = ("mdi6.check-circle-outline", colours.right) if self._saved else ("mdi6.alert-circle-outline", colours.wrong)
        self.icon.setPixmap(qtawesome.icon(name, color=colour).pixmap(20, 20))
        self.dismiss.setIcon(qtawesome.icon("mdi6.close", color=self._theme.palette.muted))
