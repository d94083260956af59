"""The configuration of a checkpoint: each value and its source. Values without a source can be edited."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QFont
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hrm_model.checkpoint.inspect import Inspection
from hrm_model.config import ModelConfig
from hrm_studio.theme import Theme


class SettingsTable(QWidget):
    """Signals
    -------
    asked(dict)     inspect again with these values, entered by a person
    keep_wanted()   save the configuration beside the weights
    """

    asked = Signal(dict)
    keep_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._inspection: Inspection | None = None
        self._filling = False
        self.by_hand: dict[str, Any] = {}
        self.words = QLabel(objectName="muted", wordWrap=True)
        self.keep = QPushButton("Save settings", objectName="go", visible=False)
        self.keep.setToolTip("Save them beside the weights, so that they are found the next time")
        self.keep.clicked.connect(self.keep_wanted)
        self.table = QTableWidget(0, 3, accessibleName="Settings and their sources")
        self.table.setHorizontalHeaderLabels(["Setting", "Value", "Source"])
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.itemChanged.connect(self._edited)
        row = QHBoxLayout()
        row.addWidget(self.words, 1)
        row.addWidget(self.keep)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)
        theme.changed.connect(self._fill)

    def show_inspection(self, inspection: Inspection | None, by_hand: dict[str, Any]) -> None:
        self._inspection, self.by_hand = inspection, dict(by_hand)
        self._fill()

    def _fill(self) -> None:
        found = self._inspection
        self._filling = True
        self.table.setRowCount(0)
        if found is not None:
            rows = [(f.name, f.value, f.source, f.assumed) for f in found.inferred]
            there = {name for name, *_ in rows}
            rows += [(name, "", "missing: enter a value", True) for name in found.asks if name not in there]
            rows.sort(key=lambda r: (not r[3], r[0] not in self.by_hand))
            assumed = sum(r[3] for r in rows)
            self.table.setRowCount(len(rows))
            for number, row in enumerate(rows):
                self._row(number, *row)
            if assumed or self.by_hand:
                words = (
                    "Marked settings are not given in any file. Double-click a value to change it."
                    if assumed
                    else "You entered some values."
                )
            else:
                words = (
                    "Every setting comes from a file or from the tensor shapes." if rows else "The settings of this checkpoint are unknown."
                )
            self.words.setText(words)
            self.keep.setVisible(bool(self.by_hand) and found.config is not None and not found.fault)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self._filling = False

    def _row(self, number: int, name: str, value: Any, source: str, assumed: bool) -> None:
        palette = self._theme.palette
        bold = QFont(self.font())
        bold.setBold(True)
        cells = [QTableWidgetItem(name), QTableWidgetItem("" if value == "" else str(value)), QTableWidgetItem(source)]
        free = assumed or name in self.by_hand
        for column, cell in enumerate(cells):
            cell.setFlags(cell.flags() if column == 1 and free else cell.flags() & ~Qt.ItemFlag.ItemIsEditable)
            if free:
                cell.setForeground(QBrush(palette.color("warning" if assumed else "accent")))
            if column == 1:
                cell.setFont(bold)
            about = ModelConfig.model_fields[name].description if name in ModelConfig.model_fields else ""
            cell.setToolTip(about or "")
            self.table.setItem(number, column, cell)

    def _edited(self, item: QTableWidgetItem) -> None:
        if self._filling or item.column() != 1:
            return
        cell = self.table.item(item.row(), 0)
        assert cell is not None
        name, text = cell.text(), item.text().strip()
        if not text:
            self.by_hand.pop(name, None)
        else:
            try:
                self.by_hand[name] = json.loads(text)
            except ValueError:
                self.by_hand[name] = text
        self.asked.emit(dict(self.by_hand))
