"""Rows × columns of a grid, as two fields."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSpinBox, QWidget


class SizeFields(QWidget):
    """Signals
    -------
    changed(int, int)   a person set other rows or columns
    """

    changed = Signal(int, int)

    def __init__(self, least: int, most: int, *, of: str, tip: str) -> None:
        super().__init__()
        self._most = most
        self.rows = QSpinBox(minimum=least, maximum=most, suffix=" rows", accessibleName=f"Rows of the {of}")
        self.columns = QSpinBox(minimum=least, maximum=most, suffix=" columns", accessibleName=f"Columns of the {of}")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.rows, 1)
        layout.addWidget(QLabel("×", objectName="muted"))
        layout.addWidget(self.columns, 1)
        for field in (self.rows, self.columns):
            field.setToolTip(tip)
            field.valueChanged.connect(lambda _: self.changed.emit(self.rows.value(), self.columns.value()))

    def show_size(self, rows: int, columns: int) -> None:
        """Show the size of a grid, even one that is larger than a person can set."""
        with QSignalBlocker(self.rows), QSignalBlocker(self.columns):
            for field, length in ((self.rows, rows), (self.columns, columns)):
                field.setMaximum(max(self._most, length))
                field.setValue(length)
