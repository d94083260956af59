"""The settings of runs side by side: those that differ, or all."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QFont
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hrm_model.errors import HRMError
from hrm_studio.models.config_fields import fields_of, format_value, value_at
from hrm_studio.models.runs import RunModel
from hrm_studio.theme import Theme
from trainer.config import RunConfig
from trainer.presets import PRESETS


class ConfigTable(QWidget):
    """One row per setting, one column per run. A single run is shown beside its preset."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._runs: list[RunModel] = []
        self.search = QLineEdit(placeholderText="Search settings", clearButtonEnabled=True, accessibleName="Search settings")
        self.only = QCheckBox("differences only", checked=True)
        self.table = QTableWidget(accessibleName="Settings of the run")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.setWordWrap(True)
        self.empty = QLabel(objectName="muted", alignment=Qt.AlignmentFlag.AlignCenter)
        self.search.textChanged.connect(self._fill)
        self.only.toggled.connect(self._fill)
        theme.changed.connect(self._fill)
        row = QHBoxLayout()
        row.addWidget(self.search, 1)
        row.addWidget(self.only)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.empty)

    def show_runs(self, runs: list[RunModel]) -> None:
        self._runs = list(runs)
        self._fill()

    def _columns(self) -> list[tuple[str, RunConfig]]:
        found = []
        for run in self._runs:
            try:
                found.append((run.name, run.config))
            except (HRMError, OSError):
                continue  # the header of that run shows the error
        if len(found) == 1 and found[0][1].preset in PRESETS:
            found.insert(0, (f"Preset {found[0][1].preset}", PRESETS[found[0][1].preset]))
        return found

    def _fill(self) -> None:
        columns = self._columns()
        dumps = [config.model_dump(mode="json") for _, config in columns]
        words = self.search.text().lower().split()
        bold = QFont(self.font())
        bold.setWeight(QFont.Weight.DemiBold)
        self.table.clear()
        self.table.setColumnCount(1 + len(columns))
        self.table.setHorizontalHeaderLabels(["Setting", *(name for name, _ in columns)])
        rows = []
        for field in fields_of(RunConfig):
            values = [value_at(dump, field.path) for dump in dumps]
            differs = any(value != values[0] for value in values[1:])
            if (differs or not self.only.isChecked()) and all(word in f"{field.name} {field.help}".lower() for word in words):
                rows.append((field, values, differs))
        self.table.setRowCount(len(rows))
        for k, (field, values, differs) in enumerate(rows):
            name = QTableWidgetItem(field.name)
            name.setToolTip(field.help)
            self.table.setItem(k, 0, name)
            for column, value in enumerate(values, 1):
                item = QTableWidgetItem(format_value(value))
                if differs and value != values[0]:
                    item.setFont(bold)
                    item.setForeground(QBrush(self._theme.palette.color("accent")))
                self.table.setItem(k, column, item)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.table.resizeRowsToContents()
        self.table.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        self.empty.setText(
            "No setting matches the search."
            if words
            else ("All settings are those of the preset." if len(self._runs) == 1 else "These runs have the same settings.")
            if columns
            else ""
        )
