"""A message at the bottom of a page about what has just happened, with an Undo button for a while."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from hrm_studio.ui.widgets.elided import Elided

_STAYS_MS = 20_000


class UndoBar(QFrame):
    """Hidden until `show_message`, and again after 20 seconds."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, objectName="banner", visible=False)
        self.text = Elided("position")
        self.text.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.undo = QPushButton("Undo")
        self.undo.clicked.connect(self._undo)
        self._back: Callable[[], object] | None = None
        self._timer = QTimer(self, singleShot=True, interval=_STAYS_MS)
        self._timer.timeout.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 8, 6)
        row.addWidget(self.text, 1)
        row.addWidget(self.undo)

    def show_message(self, text: str, undo: Callable[[], object] | None = None) -> None:
        """Show a message. Undo calls `undo`; without it there is no button."""
        self._back = undo
        self.text.setText(text)
        self.undo.setVisible(undo is not None)
        self.show()
        self._timer.start()

    def _undo(self) -> None:
        self._timer.stop()
        self.hide()
        if self._back is not None:
            self._back()
