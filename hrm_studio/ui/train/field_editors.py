"""Editors for single settings. Each returns a value for pydantic to validate and signals when a person changed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import qtawesome
from PySide6.QtCore import Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QLineEdit, QPushButton, QToolButton, QVBoxLayout, QWidget

from hrm_studio.models.config_fields import Field, fields_of, text_of
from hrm_studio.theme import Theme


class Editor(QWidget):
    """Signals
    -------
    edited()    a person changed the value
    """

    edited = Signal()

    def value(self) -> Any:
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        raise NotImplementedError

    def _hold(self, widget: QWidget) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(widget)
        self.setFocusProxy(widget)


class TextEditor(Editor):
    """Numbers and text; empty means None if the field allows it. Lists of numbers are separated by commas."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self._field = field
        self.line = QLineEdit(placeholderText="none" if field.optional else "")
        self.line.setAccessibleName(field.name)
        self.line.textEdited.connect(lambda _: self.edited.emit())
        self._hold(self.line)

    def value(self) -> Any:
        text = self.line.text().strip()
        if self._field.optional and not text:
            return None
        return [part.strip() for part in text.split(",") if part.strip()] if self._field.kind == "numbers" else text

    def set_value(self, value: Any) -> None:
        self.line.setText(text_of(value))


class ChoiceEditor(Editor):
    def __init__(self, field: Field) -> None:
        super().__init__()
        self.box = _Combo()
        self.box.setAccessibleName(field.name)
        for choice in field.choices:
            self.box.addItem("none" if choice is None else str(choice), choice)
        self.box.activated.connect(lambda _: self.edited.emit())
        self._hold(self.box)

    def value(self) -> Any:
        return self.box.currentData()

    def set_value(self, value: Any) -> None:
        self.box.setCurrentIndex(max(0, self.box.findData(value)))


class _Combo(QComboBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # let the form scroll instead of changing the setting under the pointer


class SwitchEditor(Editor):
    def __init__(self, field: Field) -> None:
        super().__init__()
        self.box = QCheckBox("on")
        self.box.setAccessibleName(field.name)
        self.box.clicked.connect(lambda _: self.edited.emit())
        self._hold(self.box)

    def value(self) -> Any:
        return self.box.isChecked()

    def set_value(self, value: Any) -> None:
        self.box.setChecked(bool(value))


class RecordsEditor(Editor):
    """A small table: one row per record, one column per field that applies to the task."""

    def __init__(self, field: Field, theme: Theme) -> None:
        super().__init__()
        assert field.record is not None
        self._theme = theme
        self._every = list(fields_of(field.record))
        self._fields = self._every
        self._records: list[dict[str, Any]] = []
        self.rows: list[dict[str, Editor]] = []
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._add = QPushButton("Add row")
        self._add.clicked.connect(self.add_row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._grid)
        layout.addWidget(self._add)

    def set_task(self, task: str) -> None:
        """Show the fields that apply to this task."""
        fields = [field for field in self._every if field.concerns(task)]
        if fields != self._fields:
            values, self._fields = self.value(), fields
            self.set_value(values)

    def value(self) -> Any:
        edited = [{name: editor.value() for name, editor in row.items()} for row in self.rows]
        return [record | values for record, values in zip(self._records, edited, strict=True)]

    def set_value(self, value: Sequence[Mapping[str, Any]]) -> None:
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._records, self.rows = [dict(record) for record in value], []
        for column, field in enumerate(self._fields if value else ()):
            name = QLabel(field.path[-1].replace("_", " "), objectName="muted", toolTip=field.help)
            self._grid.addWidget(name, 0, column)
        for k, record in enumerate(value, 1):
            row = {}
            for column, field in enumerate(self._fields):
                editor = row[field.path[-1]] = editor_for(field, self._theme)
                editor.set_value(record.get(field.path[-1]))
                editor.setToolTip(field.help)
                editor.edited.connect(self.edited)
                self._grid.addWidget(editor, k, column)
            remove = QToolButton(objectName="flat", toolTip="Remove this row", accessibleName="Remove this row")
            remove.setIcon(qtawesome.icon("mdi6.close", color=self._theme.palette.muted))
            remove.clicked.connect(lambda _=False, k=k: self.remove_row(k - 1))
            self._grid.addWidget(remove, k, len(self._fields))
            self.rows.append(row)

    def add_row(self) -> None:
        values = self.value()
        fresh = dict(values[-1]) if values else {field.path[-1]: None for field in self._every}
        self.set_value([*values, fresh])
        self.edited.emit()

    def remove_row(self, number: int) -> None:
        values = self.value()
        del values[number]
        self.set_value(values)
        self.edited.emit()


def editor_for(field: Field, theme: Theme) -> Editor:
    """The right editor for a field."""
    if field.kind == "records":
        return RecordsEditor(field, theme)
    kinds: dict[str, type[ChoiceEditor] | type[SwitchEditor]] = {"choice": ChoiceEditor, "switch": SwitchEditor}
    return kinds[field.kind](field) if field.kind in kinds else TextEditor(field)
